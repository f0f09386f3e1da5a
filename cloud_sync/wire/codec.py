"""The strict MessagePack subset of docs/wire-format.md, section 1.

The C decoder of `msgpack` parses; strictness is shown afterwards: the types are those of the subset, and the value
encodes to the very bytes that came. As `msgpack` writes the shortest form only, every longer form differs. [Two
encodings of one value would be two digests of one envelope.]
"""

from __future__ import annotations

from typing import Any, Final

import msgpack

from cloud_sync.errors import WireFormatError

LEAST_INT: Final = -(2**31)
MOST_INT: Final = 2**32 - 1
MOST_DEPTH: Final = 4  # a directive's zones in a downlink: the deepest value there is
MOST_ENTRIES: Final = 80  # a column of 64 fixes has 65; a device must know its worst case before it starts
MOST_BYTES: Final = 65_535  # of a bin or str: many envelopes; a 32-bit length never stands on the wire
PADDING: Final = b"\xc1"  # never used by MessagePack

_ONLY_INTS: Final = {int}
# Lengths are refused before memory is set aside for them. No map and no extension is in the subset.
_LIMITS: Final[dict[str, Any]] = {
    "raw": False,
    "max_array_len": MOST_ENTRIES,
    "max_bin_len": MOST_BYTES,
    "max_str_len": MOST_BYTES,
    "max_map_len": 0,
    "max_ext_len": 0,
}
# What the decoder raises on hostile bytes: FormatError, StackError, cut and over-long input and bad UTF-8 are
# ValueErrors; a timestamp extension beyond the calendar overflows.
_DECODER_ERRORS: Final = (ValueError, msgpack.UnpackException, TypeError, OverflowError)


def pack(value: Any) -> bytes:
    """Encode ints, bytes, str and lists or tuples of them; WireFormatError for what the subset cannot say."""
    try:
        data: bytes = msgpack.packb(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise WireFormatError(f"not a value of the wire format: {error}") from error
    _check(parse(data), 1)  # enumerations have become integers, tuples lists
    return data


def unpack(data: bytes) -> Any:
    """Decode one value that fills `data`; WireFormatError unless it is in the subset and in its shortest form."""
    return _strict(parse(data), data)


def unpack_padded(data: bytes) -> Any:
    """Decode one value that may be followed by bytes 0xC1 and by nothing else [section 5]."""
    try:
        value = msgpack.unpackb(data, **_LIMITS)
    except msgpack.ExtraData as extra:
        if extra.extra.strip(PADDING):
            raise WireFormatError("bytes follow the value that are not padding") from extra
        value, data = extra.unpacked, data[: len(data) - len(extra.extra)]
    except _DECODER_ERRORS as error:
        raise WireFormatError(f"not MessagePack of the subset: {error}") from error
    return _strict(value, data)


def parse(data: bytes) -> Any:
    """Decode without showing strictness, for callers that compare the encoding themselves."""
    try:
        return msgpack.unpackb(data, **_LIMITS)
    except _DECODER_ERRORS as error:
        raise WireFormatError(f"not MessagePack of the subset: {error}") from error


def _strict(value: Any, data: bytes) -> Any:
    _check(value, 1)
    if msgpack.packb(value) != data:
        raise WireFormatError("a number or length is not in its shortest form")
    return value


def _check(value: Any, depth: int) -> None:
    kind = type(value)
    if kind is list:
        if depth > MOST_DEPTH:
            raise WireFormatError(f"arrays are nested more than {MOST_DEPTH} deep")
        if set(map(type, value)) == _ONLY_INTS:  # a column: two passes in C instead of one call an entry
            if min(value) < LEAST_INT or max(value) > MOST_INT:
                raise WireFormatError("an integer is outside -2**31 … 2**32 - 1")
            return
        for entry in value:
            _check(entry, depth + 1)
    elif kind is int:
        if not LEAST_INT <= value <= MOST_INT:
            raise WireFormatError("an integer is outside -2**31 … 2**32 - 1")
    elif kind is not bytes and kind is not str:
        raise WireFormatError(f"type {kind.__name__} is not in the subset")
