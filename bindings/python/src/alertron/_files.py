"""Files: a model's bytes, from a path, an open file or memory, inflated where compressed; and to a path, all or nothing."""

from __future__ import annotations

import os
import pathlib
import secrets
import zlib
from typing import Any

from ._errors import FormatError, LimitError

FILE_BYTES_MAX = 1 << 30  # of a model, inflated
_BLOCK_BYTES = 1 << 20
_DEFLATE_RATIO_MAX = 64  # deflate makes up to 1,032 bytes of one; of a forest's file it makes 3 to 6
_INFLATED_BYTES_MIN = 1 << 16
_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32


def read(source: Any) -> bytes:
    """The bytes of a path, a bytes-like object or a binary file."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (bytearray, memoryview)):
        return bytes(source)
    if hasattr(source, "read"):
        return _read_file(source)
    with open(os.fspath(source), "rb") as file:
        return _read_file(file)


def _read_file(file: Any) -> bytes:
    blocks, n = [], 0  # block by block: a raw file may give less than it was asked for
    while block := file.read(_BLOCK_BYTES):
        if not isinstance(block, bytes):
            raise TypeError(f"a model is bytes, and the file gave {type(block).__name__}: open it with mode 'rb'")
        blocks.append(block)
        n += len(block)
        if n > FILE_BYTES_MAX:
            raise LimitError(f"has more than {FILE_BYTES_MAX} bytes; such a model is not loaded")
    return b"".join(blocks)


def _is_deflated(data: bytes) -> bool:
    """gzip begins with 1f 8b; zlib with method 8, a window of at most 32 KiB, and a check of the two bytes."""
    if len(data) < 2:
        return False
    zlib_header = data[0] & 0x0F == 8 and data[0] >> 4 <= 7 and (data[0] * 256 + data[1]) % 31 == 0
    return data[:2] == b"\x1f\x8b" or zlib_header


def inflated(data: bytes) -> bytes:
    """What zlib or gzip data hold; other bytes as they are."""
    if not _is_deflated(data):
        return data
    limit = min(FILE_BYTES_MAX, len(data) * _DEFLATE_RATIO_MAX + _INFLATED_BYTES_MIN)
    stream = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        inside = stream.decompress(data, limit)
        if not stream.eof and len(inside) == limit:
            inside += stream.decompress(stream.unconsumed_tail, 1)
    except zlib.error as error:
        raise FormatError(f"damaged compressed data ({error}); copy the file again") from None
    if len(inside) > limit:
        raise LimitError(f"inflates to more than {limit} bytes; such a model is not loaded")
    if not stream.eof:
        raise FormatError(f"cut short: the compressed data ends after {len(data)} bytes; copy the file again")
    if stream.unused_data:
        raise FormatError(f"{len(stream.unused_data)} bytes follow the end of the compressed data; copy the file again")
    return inside


def write(path: Any, data: bytes) -> None:
    """Writes aside, syncs and renames: whoever reads the path finds the old file or the new one, whole.

    What is no file, such as a pipe or a device, is written to as it stands.
    """
    target = pathlib.Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        with open(target, "wb") as file:
            file.write(data)
        return
    aside = target.with_name(f"{target.name[:200]}.{secrets.token_hex(4)}.new")
    try:
        with open(aside, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(aside, target.stat().st_mode & 0o7777)
        os.replace(aside, target)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _sync_folder(folder: pathlib.Path) -> None:
    """A rename lasts when its folder has been synced."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder that may be written but not read can't be synced
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
