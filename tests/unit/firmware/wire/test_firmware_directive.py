"""Directive: what is applied, what has to ask, what is refused."""

from __future__ import annotations

import pytest

from firmware.errors import DirectiveError
from firmware.flash.recordlog import RecordLog
from firmware.flash.region import RawRegion
from firmware.flash.rules import Rules
from firmware.wire.directive import APPLY, ASK, CELL, GNSS, LIGHT, MAX_AHEAD, WAKE, Directive
from tests.conformance.directives import LARGEST
from tests.unit.firmware.nor import Nor
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


def test_places_permit_the_receiver_and_no_position_does_not() -> None:
    """With precision none it runs for events of places alone; without places it stays off, wake or not."""
    places = [[1, 5_567_600, 1_256_800, 300]]
    placed = directive(sensors=GNSS | WAKE, precision=6, places=places)
    assert (placed.permits(GNSS), placed.permits(WAKE), placed.places) == (
        True,
        True,
        ((1, 5_567_600, 1_256_800, 300),),
    )
    bare = directive(sensors=GNSS | WAKE, precision=6)
    assert (bare.permits(GNSS), bare.permits(WAKE)) == (False, True)
    assert not directive(sensors=LIGHT, precision=6, places=places).permits(GNSS)


def test_numbers_of_thinning_have_their_names() -> None:
    """Each as it stands on the wire, and back."""
    thinned = directive(precision=0, thinning=[3_600, 50, 30, 100, 300, 20, 200], aggregate=600, size=96)
    names = ("rest", "distance", "turn", "stay", "stay_time", "error", "blur", "aggregate", "size")
    assert [getattr(thinned, name) for name in names] == [3_600, 50, 30, 100, 300, 20, 200, 600, 96]
    assert Directive(thinned.to_wire()).to_wire() == thinned.to_wire()


def test_the_largest_directive_fits_its_record() -> None:
    """Every list full and every number long, with a purge of all streams: stored in one slot, and read back."""
    flash = Nor(2)
    Rules(RecordLog(RawRegion(flash), 512)).save(Directive(LARGEST), (1, 2, 3))
    found = Rules(RecordLog(RawRegion(flash), 512))
    assert found.directive is not None
    assert (found.directive.to_wire(), found.purge) == (LARGEST, (1, 2, 3))
