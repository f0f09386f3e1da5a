"""Properties of directives: both sides judge them alike, and the server sends none that a device would have to ask about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cloud_sync.directive.state import fresh, settle
from cloud_sync.errors import WireFormatError
from cloud_sync.model import Directive, DirectiveState
from cloud_sync.wire import codec, directive
from firmware.errors import DirectiveError
from firmware.wire import directive as firmware_directive
from tests.conformance.directives import FIELDS, ISSUED

NOW = ISSUED + 500
CHALLENGE = b"12345678"
CELLS = st.sampled_from([[556, 62], [556, 63], [-18, -785]])
WINDOWS = st.sampled_from([[0, 60], [60, 120], [30, 90], [600, 1_440]])
PLACES = st.sampled_from([[1, 5_567_601, 1_256_834, 500], [1, 5_567_601, 1_256_834, 400], [2, 0, 0, 50], [7, 0, 0, 60]])


def few(*numbers: int) -> st.SearchStrategy[int]:
    """Numbers so few that two directives often agree in one."""
    return st.sampled_from(numbers)


THINNING = st.tuples(
    few(0, 0, 10, 60, 3_600),
    few(0, 50, 100),
    few(0, 0, 20, 30),
    few(0, 100, 200),
    few(0, 300, 600),
    few(0, 20, 40),
    few(0, 0, 49, 50, 51, 500, 6_000),
).map(list)

WIRE = st.tuples(
    st.just(5),
    st.just(ISSUED),
    few(ISSUED + 86_400, ISSUED + 172_800),
    few(0, 1, 3, 7, 33, 41),
    st.integers(0, 6),
    few(0, 0, 1),
    few(1, 10, 60),
    few(1, 20),
    few(60, 300),
    few(3_600, 7_200),
    few(60, 3_600),
    st.lists(CELLS, max_size=3),
    st.lists(WINDOWS, max_size=3),
    THINNING,
    st.lists(PLACES, max_size=3),
    few(0, 0, 600, 3_600),
    few(0, 0, 96, 256),
    st.just(b""),
).map(list)
#: Seconds of a step where the precision makes it longer than a minute.
STEPS = {3: 600, 4: 3_600}


def sane(wire: list[Any]) -> list[Any]:
    """A directive that most often is one: what contradicts is taken out of it."""
    value = dict(zip(FIELDS, wire, strict=True))
    rest, distance, turn, stay, stay_time, error, blur = value["thinning"]
    if value["precision"]:
        value["fields"] = blur = 0
    if value["precision"] != 6:
        value["places"] = []
    blur = 0 if value["fields"] else blur
    stay, stay_time = (stay, stay_time) if stay and stay_time else (0, 0)
    rest = max(rest, value["interval"]) if rest else 0
    value["aggregate"] = max(value["aggregate"], STEPS.get(value["precision"], 0)) if value["aggregate"] else 0
    value["thinning"] = [rest, distance, turn if distance else 0, stay, stay_time, error, blur]
    value["places"] = list({place[0]: place for place in value["places"]}.values())
    return [*value.values()]


SOUND = WIRE.map(sane)


def holds(*strategies: Any) -> Any:
    """Hypothesis without its deadline: a busy machine is no defect."""
    return lambda test: settings(deadline=None, max_examples=300)(given(*strategies)(test))


def server(wire: list[Any]) -> Directive | None:
    """What the server reads, None if it refuses."""
    try:
        return directive.from_wire(wire)
    except WireFormatError:
        return None


def device(wire: list[Any]) -> Any:
    """What the device reads, None if it refuses."""
    try:
        return firmware_directive.Directive(wire)
    except DirectiveError:
        return None


@holds(WIRE)
def test_both_sides_accept_the_same_directives(wire: list[Any]) -> None:
    """Fields in range, but contradicting each other or not: accepted by both and written back, or refused by both."""
    one, other = server(wire), device(wire)
    assert (one is None) == (other is None)
    if one is not None:
        assert directive.to_wire(one) == wire == other.to_wire()


@holds(SOUND, SOUND)
def test_both_sides_say_alike_what_widens(first: list[Any], second: list[Any]) -> None:
    """Over random pairs, both ways; and nothing widens itself."""
    one, other = server(first), server(second)
    assert one is not None and other is not None
    assert directive.widens(one, other) == device(first).widens(device(second))
    assert directive.widens(other, one) == device(second).widens(device(first))
    assert not directive.widens(one, one) and not device(first).widens(device(first))


def told(current: Directive, challenge: bytes) -> DirectiveState:
    """A device that applies `current`, and whose challenge is known or not."""
    state = fresh("a" * 16)
    packed = codec.pack(directive.to_wire(current))
    return replace(state, version=current.version, applied_version=current.version, current=packed, challenge=challenge)


@holds(SOUND, SOUND)
def test_what_goes_out_without_a_challenge_is_applied_at_once(before: list[Any], after: list[Any]) -> None:
    """Whatever changes, the narrower directive widens nothing: not the one in force, nor the one that is wanted."""
    current, wanted = server(before), server(after)
    assert current is not None and wanted is not None
    for sent in settle(told(current, b""), wanted, NOW).directives:
        wire = directive.to_wire(sent)
        judged = device(wire).judge(device(before), current.version, answered=False)
        assert judged == firmware_directive.APPLY
        assert not directive.widens(sent, wanted)


@holds(SOUND, SOUND)
def test_with_the_challenge_the_device_ends_where_it_should(before: list[Any], after: list[Any]) -> None:
    """The narrower first, then the wanted one with the challenge; both are applied, and nothing is sent for no change."""
    current, wanted = server(before), server(after)
    assert current is not None and wanted is not None
    sent = settle(told(current, CHALLENGE), wanted, NOW).directives
    in_force = device(before)
    for each in sent:
        new = device(directive.to_wire(each))
        answered = each.challenge == CHALLENGE
        assert new.judge(in_force, in_force.version, answered=answered) == firmware_directive.APPLY
        in_force = new
    content = directive.to_wire(replace(wanted, version=in_force.version, lease_until=in_force.lease_until))
    assert in_force.to_wire()[3:-1] == content[3:-1]


@holds(SOUND)
def test_no_change_narrows_nothing(wire: list[Any]) -> None:
    """What is wanted is in force already: no directive goes out without a challenge."""
    current = server(wire)
    assert current is not None
    assume(current.sensors)  # without one the server writes no precision either
    assert settle(told(current, b""), current, NOW).directives == ()
