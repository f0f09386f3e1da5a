"""MessagePack, the strict subset of wire-format section 1: one encoding for one value, and a bound for everything.

Integers, bin, str and array, each in its shortest form. Every defect raises WireError.
"""

from firmware.const import const
from firmware.errors import WireError

INT_MIN = -(2**31)
INT_MAX = 2**32 - 1
_MAX_DEPTH = const(4)  # a directive's zones need it; a deeper value would be somebody else's recursion on our stack
_MAX_ARRAY = const(80)  # 64 fixes and their order fit; a decoder knows its worst case before it starts
MAX_BYTES = 0xFFFF  # longest bin or str: 16-bit lengths do for 1 KiB envelopes and for an enrolment file


def pack(value) -> bytes:
    """Bytes of an int, bytes, str, or list or tuple of these."""
    out = bytearray()
    _pack(out, value, 0)
    return bytes(out)


def unpack(data):
    """The one value that `data` (bytes) holds; arrays are lists, bin is bytes."""
    value, end = unpack_from(data, 0)
    if end != len(data):
        raise WireError("bytes after the value")
    return value


def unpack_from(data, start: int):
    """(value, end): the value that begins at `start`, and the index after it."""
    return _unpack(data, start, 0)


def _pack(out, value, depth):
    if isinstance(value, bool):
        raise WireError("a bool has no encoding")
    if isinstance(value, int):
        _pack_int(out, value)
    elif isinstance(value, (bytes, bytearray)):
        _pack_head(out, len(value), MAX_BYTES, (0xC4, 0xC5))
        out.extend(value)
    elif isinstance(value, str):
        data = value.encode()
        _pack_head(out, len(data), MAX_BYTES, (0xD9, 0xDA), 0xA0, 32)
        out.extend(data)
    elif isinstance(value, (list, tuple)):
        _pack_array(out, value, depth + 1)
    else:
        raise WireError("a value of this type has no encoding")


def _pack_array(out, value, depth):
    if depth > _MAX_DEPTH:
        raise WireError("nested too deep")
    _pack_head(out, len(value), _MAX_ARRAY, (None, 0xDC), 0x90, 16)
    for item in value:
        _pack(out, item, depth)


def _pack_head(out, length, limit, codes, fix=None, fix_end=0):
    """Header of bin, str or array: in the first byte below fix_end, else 8 bits (where the type has it), else 16."""
    if length > limit:
        raise WireError("too long")
    if length < fix_end:
        out.append(fix | length)
    elif length < 256 and codes[0] is not None:
        out.append(codes[0])
        out.append(length)
    else:
        out.append(codes[1])
        out.extend(length.to_bytes(2, "big"))


def _pack_int(out, value):
    if not INT_MIN <= value <= INT_MAX:
        raise WireError("integer out of range")
    if -32 <= value < 128:
        out.append(value & 0xFF)
        return
    if value >= 0:
        code, size = (0xCC, 1) if value < 2**8 else (0xCD, 2) if value < 2**16 else (0xCE, 4)
    else:
        code, size = (0xD0, 1) if value >= -(2**7) else (0xD1, 2) if value >= -(2**15) else (0xD2, 4)
    out.append(code)
    out.extend((value & ((1 << (8 * size)) - 1)).to_bytes(size, "big"))


def _unpack(data, at, depth):
    if at >= len(data):
        raise WireError("cut short")
    code = data[at]
    at += 1
    if code < 0x80:
        return code, at
    if code >= 0xE0:
        return code - 256, at
    if code < 0x90:
        raise WireError("a map has no place here")
    if code < 0xA0:
        return _unpack_array(data, at, code & 0x0F, depth + 1)
    if code < 0xC0:
        return _unpack_str(data, at, code & 0x1F)
    return _unpack_coded(data, at, code, depth)


def _unpack_coded(data, at, code, depth):
    """Types whose first byte is a code of its own; each longer form must have been necessary."""
    if 0xCC <= code <= 0xCE:
        size = 1 << (code - 0xCC)
        return _number(data, at, size, (2**7, 2**8, 2**16)[code - 0xCC]), at + size
    if 0xD0 <= code <= 0xD2:
        return _unpack_negative(data, at, 1 << (code - 0xD0))
    if code in (0xC4, 0xC5):
        length, at = _length(data, at, code - 0xC3, 0 if code == 0xC4 else 2**8)
        return bytes(_take(data, at, length)), at + length
    if code in (0xD9, 0xDA):
        length, at = _length(data, at, code - 0xD8, 32 if code == 0xD9 else 2**8)
        return _unpack_str(data, at, length)
    if code == 0xDC:
        length, at = _length(data, at, 2, 16)
        return _unpack_array(data, at, length, depth + 1)
    raise WireError("a type that the subset does not have")


def _unpack_negative(data, at, size):
    value = _number(data, at, size, 0) - (1 << (8 * size))
    # The highest value of the next shorter form; a form of the right sign bit lies below it.
    if not -(1 << (8 * size - 1)) <= value < (-(2**5), -(2**7), -(2**15))[size >> 1]:
        raise WireError("not the shortest form")
    return value, at + size


def _unpack_array(data, at, length, depth):
    if length > _MAX_ARRAY:
        raise WireError("array too long")
    if depth > _MAX_DEPTH:
        raise WireError("nested too deep")
    items = []
    for _ in range(length):
        item, at = _unpack(data, at, depth)
        items.append(item)
    return items, at


def _unpack_str(data, at, length):
    raw = bytes(_take(data, at, length))
    _check_utf8(raw)
    return str(raw, "utf-8"), at + length


def _check_utf8(raw):
    """Refuse what RFC 3629 refuses; MicroPython's decoder lets overlong forms and surrogates through."""
    at = 0
    while at < len(raw):
        first = raw[at]
        size = 1 if first < 0x80 else 2 if 0xC2 <= first < 0xE0 else 3 if 0xE0 <= first < 0xF0 else 4
        if 0x80 <= first < 0xC2 or first > 0xF4 or at + size > len(raw):
            raise WireError("str is not UTF-8")
        point = first & (0x7F >> size) if size > 1 else first
        for follow in raw[at + 1 : at + size]:
            if follow & 0xC0 != 0x80:
                raise WireError("str is not UTF-8")
            point = point << 6 | follow & 0x3F
        if point < (0, 0, 0x80, 0x800, 0x10000)[size] or 0xD800 <= point < 0xE000 or point > 0x10FFFF:
            raise WireError("str is not UTF-8")
        at += size


def _length(data, at, size, least):
    return _number(data, at, size, least), at + size


def _number(data, at, size, least):
    value = int.from_bytes(_take(data, at, size), "big")
    if value < least:
        raise WireError("not the shortest form")
    return value


def _take(data, at, length):
    if at + length > len(data):
        raise WireError("cut short")
    return data[at : at + length]
