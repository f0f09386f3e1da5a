"""What a compiled `version.mpy` says of its release, read as data: whoever wrote it, nothing of it runs here.

MicroPython documentation, ".mpy files"; py/persistentcode.c and py/bc0.h of MicroPython 1.29 for bytecode of version 6.
"""

from __future__ import annotations

_MAGIC = b"M\x06"
_STRING, _INT, _STORE, _END = 0x10, 0x22, 0x16, b"\x51\x63"  # the end: return None
_MULTI, _MULTI_LEAST, _MULTI_END = 0x70, -16, 0xB0  # small numbers within the byte
_VARINT_BYTES = 5  # of any number here
_MODULE_BYTES = 400  # today's has 55


class _Bytes:
    """Reads from the front; ValueError beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    def take(self, n: int) -> bytes:
        found = self._data[self.at : self.at + n]
        if len(found) != n:
            raise ValueError("cut")
        self.at += n
        return found

    def number(self, *, signed: bool = False) -> int:
        """Seven bits to a byte, the most significant first."""
        value = 0
        for n in range(_VARINT_BYTES):
            (byte,) = self.take(1)
            if n == 0 and signed and byte & 0x40:
                value = -1
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                return value
        raise ValueError("number")


def stated(module: bytes) -> dict[str, str | int | None]:
    """Names and constants of a module that assigns constants and does nothing else; ValueError for any other. None for a text
    that MicroPython knows by a number, "next" for instance."""
    if len(module) > _MODULE_BYTES:
        raise ValueError("long")
    data = _Bytes(module)
    if data.take(2) != _MAGIC or data.take(2)[0] != 0:  # native code
        raise ValueError("no bytecode")
    strings, objects = data.number(), data.number()
    if strings > len(module) or objects:
        raise ValueError("objects")
    table = [_string(data) for _ in range(strings)]
    head = data.number()
    if head & 7:  # functions within, or machine code
        raise ValueError("no plain module")
    code = data.take(head >> 3)
    if data.at != len(module):
        raise ValueError("more")
    return _constants(_Bytes(code), len(code), table)


def _string(data: _Bytes) -> str | None:
    """None for one that MicroPython knows by its number."""
    head = data.number()
    if head & 1:
        return None
    text = data.take(head >> 1).decode("utf-8")
    if data.take(1) != b"\0":
        raise ValueError("string")
    return text


def _constants(code: _Bytes, size: int, table: list[str | None]) -> dict[str, str | int | None]:
    code.number()  # stack and arguments
    sizes = code.number()
    if sizes & 1 or sizes > 0x7F:  # cells
        raise ValueError("prelude")
    code.take(sizes >> 1)
    found: dict[str, str | int | None] = {}
    while size - code.at > len(_END):
        value = _value(code, table)
        if code.take(1)[0] != _STORE:
            raise ValueError("no assignment")
        name = _entry(table, code.number())
        if name is None or name in found:
            raise ValueError("twice")
        found[name] = value
    if code.take(len(_END)) != _END:
        raise ValueError("end")
    return found


def _value(code: _Bytes, table: list[str | None]) -> str | int | None:
    (kind,) = code.take(1)
    if kind == _STRING:
        return _entry(table, code.number())
    if kind == _INT:
        return code.number(signed=True)
    if _MULTI <= kind < _MULTI_END:
        return kind - _MULTI + _MULTI_LEAST
    raise ValueError("no constant")


def _entry(table: list[str | None], at: int) -> str | None:
    if at >= len(table):
        raise ValueError("name")
    return table[at]
