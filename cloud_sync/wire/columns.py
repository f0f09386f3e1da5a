"""Columns of integers as first or second differences: docs/wire-format.md, section 5."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import Any, Final

import msgpack

from cloud_sync.errors import WireFormatError
from cloud_sync.wire.codec import LEAST_INT, MOST_INT

LEAST: Final = -(2**31)
MOST: Final = 2**31 - 1
_ONLY_INTS: Final = {int}


def encode(values: list[int]) -> list[int]:
    """The column with the shorter encoding, order 1 on a tie; WireFormatError beyond 32 bits."""
    first = [now - before for before, now in pairwise([0, *values])]
    second = first[:2] + [now - before for before, now in pairwise(first[1:])]
    _bounded(values)
    _bounded(first)
    if min(second, default=0) < LEAST_INT or max(second, default=0) > MOST_INT:  # 33 bits: order 2 has no encoding
        return _trimmed(1, first)
    return min(_trimmed(1, first), _trimmed(2, second), key=lambda column: len(msgpack.packb(column)))


def decode(column: Any, n: int) -> list[int]:
    """The `n` values of a column; WireFormatError for a wrong order, length, type, trailing zero or overflow.

    Every sum on the way, first differences included, must fit 32 signed bits; an entry is any integer of section 1.
    """
    if type(column) is not list or not 1 <= len(column) <= n + 1 or set(map(type, column)) != _ONLY_INTS:
        raise WireFormatError(f"a column is not an order and at most {n} integers")
    order, *entries = column
    if order not in (1, 2) or (entries and entries[-1] == 0):
        raise WireFormatError("a column has no such order, or ends in a zero")
    entries += [0] * (n - len(entries))
    if order == 1:
        return _bounded(list(accumulate(entries)))
    differences = _bounded(list(accumulate(entries[1:])))
    return _bounded(list(accumulate(differences, initial=entries[0])))


def extent(column: Any, n: int) -> tuple[int, int]:
    """Least and greatest of the values that `decode` would give, after all of its checks."""
    # One value, or a fix at a constant interval, nearly always: the ends of such a column say where all of it lies.
    if type(column) is list and 2 <= len(column) <= min(n + 1, 3) and set(map(type, column)) == _ONLY_INTS:
        order, first = column[:2]
        step = column[2] if order == 2 and len(column) == 3 else 0
        last = first + (n - 1) * step
        plain = order == len(column) - 1 and column[-1] != 0
        if plain and min(first, last, step) >= LEAST and max(first, last, step) <= MOST:
            return (first, last) if step >= 0 else (last, first)
    values = decode(column, n)
    return min(values), max(values)


def _trimmed(order: int, entries: list[int]) -> list[int]:
    kept = len(entries)
    while kept and entries[kept - 1] == 0:
        kept -= 1
    return [order, *entries[:kept]]


def _bounded(values: list[int]) -> list[int]:
    if min(values, default=0) < LEAST or max(values, default=0) > MOST:
        raise WireFormatError("a column leaves -2**31 … 2**31 - 1")
    return values
