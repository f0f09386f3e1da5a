"""Checks of single fields that arrive in arrays; each raises WireFormatError and names the field."""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.errors import WireFormatError

MOST_U32: Final = 2**32 - 1
MOST_GENERATION: Final = 2**16 - 1  # section 2
MOST_EPOCH: Final = 2**17 - 1
MOST_COUNTER: Final = 4095  # a forged counter costs at most 4096 hashes
MOST_VERSION: Final = 2**31 - 1


def whole(value: Any, least: int, most: int, name: str) -> int:
    """An integer from `least` to `most`, both included."""
    if type(value) is not int:
        raise WireFormatError(f"{name} is not an integer")
    if not least <= value <= most:
        raise WireFormatError(f"{name} is outside {least} … {most}")
    return value


def octets(value: Any, lengths: tuple[int, ...], name: str) -> bytes:
    """A `bin` with one of `lengths` bytes."""
    if type(value) is not bytes or len(value) not in lengths:
        raise WireFormatError(f"{name} is not a bin of {' or '.join(map(str, lengths))} bytes")
    return value


def array(value: Any, least: int, most: int, name: str) -> list[Any]:
    """An array with `least` to `most` entries."""
    if type(value) is not list or not least <= len(value) <= most:
        raise WireFormatError(f"{name} is not an array of {least} to {most} entries")
    return value


def within(values: list[int], least: int, most: int, name: str) -> None:
    """Every value of a decoded column from `least` to `most`, both included."""
    if min(values) < least or max(values) > most:
        raise WireFormatError(f"{name} is outside {least} … {most}")
