"""poisoned: readings that are good, mutated ones, and what was never a reading; and a judge who has not read our decoder.

The judge is Python's json with the rules of docs/delivery.md on top. Where its JSON and ours may differ, it says so: None.
"""

import json
import math
import random
import re

WIDTH = 3
BYTES_MAX = 65536
NUMBER_MAX = 63  # characters
DEPTH_MAX = 64
DEVICE_MAX = 256

_ESCAPE = re.compile(r"\\(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_LONE = re.compile(r"u[dD][89a-fA-F]..")


class Refused(Exception):
    pass


def _number(text):
    if len(text) > NUMBER_MAX:
        raise Refused
    return float(text)


def _constant(_text):
    raise Refused


_decoder = json.JSONDecoder(parse_float=_number, parse_int=_number, parse_constant=_constant)


def judge(value):
    """(device_id, features, ts) of a reading that must be scored, False for a dead letter, None for undecided."""
    if not value or len(value) > BYTES_MAX:
        return False
    text = value.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    for escape in _ESCAPE.findall(text) if "\\u" in text else ():
        if escape == "u0000":
            return False
        if _LONE.fullmatch(escape):
            return None
    try:
        return _reading(_decoder.decode(text), text)
    except (ValueError, RecursionError, Refused):
        return False


def _reading(found, text):
    if not isinstance(found, dict) or _too_deep(text):
        raise Refused
    device, features, ts = found.get("device_id"), found.get("features"), found.get("ts")
    if not isinstance(device, str) or not 1 <= len(device.encode()) <= DEVICE_MAX:  # ValueError: not UTF-8
        raise Refused
    if not isinstance(features, list) or len(features) != WIDTH:
        raise Refused
    for number in (*features, 0.0 if ts is None else ts):
        if type(number) is not float or not math.isfinite(number):
            raise Refused
    return device, features, ts


def _too_deep(text):
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return False
    depth, inside, escaped = 0, False, False
    for c in text:
        if inside:
            inside, escaped = escaped or c != '"', not escaped and c == "\\"
        elif c == '"':
            inside = True
        elif c in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif c in "]}":
            depth -= 1
    return False


# --- what is written -----------------------------------------------------------------------------------------


def _good(draw):
    extreme = draw.random() < 0.1
    centre = [(70, 6), (140, 12), (0.9, 0.1)] if extreme else [(50, 5), (100, 10), (0.5, 0.05)]
    features = [draw.gauss(*one) for one in centre]
    reading = {"device_id": f"pump-{draw.randrange(50)}", "features": features, "ts": 1.7e9 + draw.randrange(10**6) / 8}
    if draw.random() < 0.2:
        reading["site"] = {"name": "Nürnberg \"süd\" \\ 7", "tags": [1, True, None, "\t"]}
    return json.dumps(reading, ensure_ascii=draw.random() < 0.5).encode()


def _flip(draw, value):
    bits = bytearray(value)
    bits[draw.randrange(len(bits))] ^= 1 << draw.randrange(8)
    return bytes(bits)


def _cut(draw, value):
    return value[: draw.randrange(len(value))]


def _insert(draw, value):
    at = draw.randrange(len(value) + 1)
    piece = draw.choice([draw.randbytes(draw.randint(1, 4)), *_PIECES])
    return value[:at] + piece + value[at:]


def _remove(draw, value):
    at = draw.randrange(len(value))
    return value[:at] + value[at + draw.randint(1, 3) :]


def _repeat(draw, value):
    at, to = sorted((draw.randrange(len(value)), draw.randrange(len(value))))
    return value[:to] + value[at:to] + value[to:]


def _other_number(draw, value):
    numbers = list(re.finditer(rb"-?\d+(\.\d+)?", value))
    if not numbers:
        return value
    one = draw.choice(numbers)
    return value[: one.start()] + draw.choice(_NUMBERS) + value[one.end() :]


_PIECES = [b" ", b"\n", b"\x00", b"\xff", b"\xc3\xbc", b"\xc0\x80", b"\xed\xa0\x80", b'"', b"\\", b"\\u0041", b"\\u0000"]
_PIECES += [b"\\ud83d\\ude00", b",", b"]", b"}", b"{", b"[", b"null", b'"features": [1, 2, 3],', b"0", b"-", b"e9", b"."]
_NUMBERS = [b"1e308", b"1e309", b"-1e999", b"1e-400", b"5e-324", b"-0", b"-0.0", b"007", b"1.", b".5", b"+1", b"0x10", b"NaN"]
_NUMBERS += [b"Infinity", b"null", b"true", b"1E5", b"9" * 40, b"9" * 63, b"9" * 64, b"0." + b"3" * 61, b"0." + b"3" * 62]
_NUMBERS += [b"123456789012345678901234567890", b"1e", b"1e+", b"--1", b"2.2250738585072011e-308", b'"7"', b"[1]", b"1 2"]
_MUTATIONS = [_flip, _flip, _cut, _insert, _insert, _remove, _repeat, _other_number, _other_number]


def _mutated(draw):
    value = _good(draw)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        value = draw.choice(_MUTATIONS)(draw, value) or b" "
    return value


def _nested(draw):
    depth = draw.choice((1, 10, 61, 62, 63, 64, 65, 200, 2000, 20000))
    inner = draw.choice((b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth))
    return draw.choice((b"%s", b'{"device_id": "deep", "features": [1, 2, 3], "x": %s}', b'{"device_id": "d", "features": %s}')) % inner


def _random(draw):
    return draw.randbytes(draw.randint(0, 300))


def _large(draw):
    filler = b"x" * (BYTES_MAX - 60 + draw.randint(-60, 60))
    return b'{"device_id": "large", "features": [50, 100, 0.5], "n": "%s"}' % filler


def messages(count, seed):
    """`count` values, by the seed."""
    draw = random.Random(seed)
    for _ in range(count):
        kind = draw.random()
        if kind < 0.40:
            yield _good(draw)
        elif kind < 0.90:
            yield _mutated(draw)
        elif kind < 0.96:
            yield _random(draw)
        elif kind < 0.9995:
            yield _nested(draw) if draw.random() < 0.1 else _mutated(draw)
        else:
            yield _large(draw)
