"""Columns of integers as first or second differences without trailing zeros (wire-format section 5)."""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire.msgpack import INT_MAX, INT_MIN, pack

_MIN = const(-(2**31))
_MAX = const(2**31 - 1)


def encode(values) -> list:
    """[order, e0, e1, …] of the shorter encoding, order 1 on a tie; WireError for a step beyond 32 bits."""
    first = _differences(values)
    second = first[:1] + _differences(first[1:])
    _check(values)
    _check(first)
    one = [1] + _trimmed(first)
    two = [2] + _trimmed(second)
    # An entry of order 2 may need 33 bits though values and differences fit 32; what has no encoding cannot be chosen.
    if any(not INT_MIN <= entry <= INT_MAX for entry in second) or len(pack(one)) <= len(pack(two)):
        return one
    return two


def decode(column, n: int) -> list:
    """The n integers of a column. WireError for any form that a sender may not choose."""
    if not isinstance(column, list) or not column or column[0] not in (1, 2):
        raise WireError("column has no order")
    entries = column[1:]
    if len(entries) > n:
        raise WireError("column is longer than its batch")
    if any(not isinstance(entry, int) for entry in entries):
        raise WireError("column holds something else than integers")
    if entries and entries[-1] == 0:
        raise WireError("column ends in a zero that is to be left out")
    values = entries + [0] * (n - len(entries))
    for first in range(column[0], 0, -1):
        # Undo the differences, the innermost first: sums begin at e1 for order 2 and at e0 for the last pass.
        for i in range(first, n):
            values[i] += values[i - 1]
        _check(values)
    return values


def _differences(values):
    return [v - values[i - 1] if i else v for i, v in enumerate(values)]


def _trimmed(entries):
    end = len(entries)
    while end and entries[end - 1] == 0:
        end -= 1
    return entries[:end]


def _check(values):
    for value in values:
        if not _MIN <= value <= _MAX:
            raise WireError("column leaves 32 bits")
