"""Classes of light: docs/wire-format.md, section 5."""

from __future__ import annotations

from typing import Final

MOST_LUX: Final = 262_143  # the end of the highest class
MOST_LIGHT: Final = 72


def light_class(lux: int) -> int:
    """Class of an illuminance in whole lux: quarters of a power of two."""
    if lux < 1:
        return 0
    lux = min(lux, MOST_LUX)
    exponent = lux.bit_length() - 1
    return 1 + 4 * exponent + (4 * lux >> exponent & 3)


def least_lux(light: int) -> int:
    """The least illuminance of a class, in lux: all that is ever derived from it."""
    exponent, part = divmod(light - 1, 4)
    return (4 + part << exponent) // 4 if light else 0
