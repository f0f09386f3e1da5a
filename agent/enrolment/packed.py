"""MessagePack as byleave's formats have it (docs/wire-format.md section 1): what the agent reads and writes of it.

Integers from 0, bin, str and arrays, each in its shortest form; and nil, which stands in an invitation alone.
"""

from __future__ import annotations

from typing import Any

MOST_BYTES = 0xFFFF  # longest bin or str of the format
MOST_ENTRIES = 15  # of an array: an enrolment has nine
MOST = 2**32 - 1

# First bytes, from the MessagePack specification: nil; uint 8, 16 and 32; bin 8 and 16; str 8 and 16.
_NIL = 0xC0
_UINT = {0xCC: (1, 0x80), 0xCD: (2, 0x100), 0xCE: (4, 0x10000)}  # size, and the least that needs it
_BIN = {0xC4: (1, 0), 0xC5: (2, 0x100)}
_STR = {0xD9: (1, 32), 0xDA: (2, 0x100)}


class PackedError(ValueError):
    """No value of the format; never leaves the agent."""


def pack_into(out: bytearray, *values: int | str | bytes | bytearray) -> None:
    """Appends an array of these. A bytearray's bytes are copied nowhere else, so that a secret among them can be overwritten."""
    out.append(0x90 | len(values))
    for value in values:
        if isinstance(value, int):
            _pack_uint(out, value)
        elif isinstance(value, str):
            text = value.encode()
            _head(out, len(text), (0xD9, 0xDA), short=True)
            out += text
        else:
            _head(out, len(value), (0xC4, 0xC5))
            out += value


def _pack_uint(out: bytearray, value: int) -> None:
    if value < 0x80:
        out.append(value)
        return
    code, size = (0xCC, 1) if value < 0x100 else (0xCD, 2) if value < 0x10000 else (0xCE, 4)
    out.append(code)
    out += value.to_bytes(size, "big")


def _head(out: bytearray, length: int, codes: tuple[int, int], *, short: bool = False) -> None:
    if length > MOST_BYTES:
        raise PackedError("too long")
    if short and length < 32:
        out.append(0xA0 | length)
    elif length < 0x100:
        out += bytes((codes[0], length))
    else:
        out.append(codes[1])
        out += length.to_bytes(2, "big")


def unpack_array(data: bytes) -> list[Any]:
    """The one array of integers, texts, byte strings and nil that `data` is. PackedError for anything else."""
    if not data or not 0x90 <= data[0] <= 0x90 | MOST_ENTRIES:
        raise PackedError("no array")
    at, values = 1, []
    for _ in range(data[0] & 0x0F):
        value, at = _unpack(data, at)
        values.append(value)
    if at != len(data):
        raise PackedError("bytes after the value")
    return values


def _unpack(data: bytes, at: int) -> tuple[Any, int]:
    code = _taken(data, at, 1)[0]
    at += 1
    if code < 0x80:
        return code, at
    if code == _NIL:
        return None, at
    if code in _UINT:
        size, least = _UINT[code]
        return _number(data, at, size, least), at + size
    if code in _BIN:
        size, least = _BIN[code]
        length = _number(data, at, size, least)
        return _taken(data, at + size, length), at + size + length
    if 0xA0 <= code <= 0xBF:
        size, length = 0, code & 0x1F
    elif code in _STR:
        size, least = _STR[code]
        length = _number(data, at, size, least)
    else:
        raise PackedError("a type that has no place here")
    try:
        return _taken(data, at + size, length).decode(), at + size + length
    except UnicodeDecodeError:
        raise PackedError("no UTF-8") from None


def _number(data: bytes, at: int, size: int, least: int) -> int:
    value = int.from_bytes(_taken(data, at, size), "big")
    if value < least:
        raise PackedError("not the shortest form")
    return value


def _taken(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise PackedError("cut short")
    return data[at : at + length]
