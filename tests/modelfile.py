"""Alertron's model files, changed a section at a time: docs/model-format.md."""

import struct

HEADER, CHECKSUM = 24, 8


def crc64_xz(data):
    """The checksum at a model file's end."""
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0xC96C5795D7870F42 if byte & 1 else 0)
        table.append(byte)
    crc = 2**64 - 1
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 2**64 - 1


def sections_of(model):
    """{tag: payload}"""
    sections, at = {}, HEADER
    while at < len(model) - CHECKSUM:
        tag, _, n_bytes = struct.unpack_from("<4sIQ", model, at)
        sections[tag] = model[at + 16 : at + 16 + n_bytes]
        at += 16 + n_bytes
    return sections


def with_section(model, tag, payload):
    """The bytes of a model file with this section in it, whatever it holds: b"test" or b"PROD"."""
    sections = {**sections_of(model), tag: payload}
    body = b"".join(one + struct.pack("<IQ", 0, len(content)) + content for one, content in sections.items())
    data = model[:12] + struct.pack("<IQ", len(sections), HEADER + len(body) + CHECKSUM) + body
    return data + struct.pack("<Q", crc64_xz(data))
