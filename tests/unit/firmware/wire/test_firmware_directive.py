"""Directive: what is applied, what has to ask, what is refused."""

from __future__ import annotations

import pytest

from firmware.errors import DirectiveError
from firmware.wire.directive import APPLY, ASK, CELL, GNSS, LIGHT, MAX_AHEAD, Directive
from tests.unit.firmware.test_minimise import directive


def test_permission_is_a_bit_for_each_sensor() -> None:
    """GNSS also needs a precision that a position can have."""
    some = directive(sensors=GNSS | CELL)
    assert (some.permits(GNSS), some.permits(CELL), some.permits(LIGHT)) == (True, True, False)
    assert not directive(precision=5).permits(GNSS)


def test_narrowing_applies_and_widening_asks() -> None:
    """Against the one in force; with the current challenge widening applies too."""
    current = directive(version=5, interval=60)
    assert directive(version=6, interval=120).judge(current, 5, answered=False) == APPLY
    assert directive(version=6, interval=30).judge(current, 5, answered=False) == ASK
    assert directive(version=6, interval=30).judge(current, 5, answered=True) == APPLY
    assert directive(version=1).judge(None, 0, answered=False) == ASK
    assert directive(version=1).judge(None, 0, answered=True) == APPLY


@pytest.mark.parametrize("version", [4, 5, 5 + MAX_AHEAD + 1])
def test_a_version_that_is_not_newer_or_too_far_is_refused(version: int) -> None:
    """Even with the challenge."""
    current = directive(version=5)
    assert directive(version=5 + MAX_AHEAD).judge(current, 5, answered=True) == APPLY
    with pytest.raises(DirectiveError):
        directive(version=version).judge(current, 5, answered=True)


def test_a_bool_or_a_tuple_is_no_wire_value() -> None:
    """Only what msgpack.unpack() gives is accepted."""
    wire = directive(zones=[[5, 6]]).to_wire()
    assert Directive.from_wire(wire).zones == ((5, 6),)
    for wrong in (tuple(wire), wire[:-1], None, [*wire[:11], [(5, 6)], *wire[12:]]):
        with pytest.raises(DirectiveError):
            Directive.from_wire(wrong)
