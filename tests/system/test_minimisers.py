"""Thinning and places through the whole chain: the real interpreter, simulated receiver, envelopes that the server opens.

What must leave is counted apart: the receiver's own record, put through the minimisers under CPython.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import Denied
from cloud_sync.model import Actor, PlaceChange, PlaceEvent, Precision, Stream
from cloud_sync.wire.downlink import directive_value
from hw_sim.demo.stage import OPERATOR, POLICY, SUBJECT, Stage, opened
from hw_sim.errors import NoInterpreter
from hw_sim.network.broker import NoBroker
from hw_sim.world.drive import Drive
from tests.system.rig import INTERVAL_S, between_contacts, drain, fixes, nothing_doubled, park, solutions

pytestmark = pytest.mark.micropython

DRIVEN_S, PARKED_S = 700, 800
SIZE = 256
AROUND_BYTES = 32  # header, salt, tag and the heads of three fields, at most
THINNED = f"""stay_m = 100
stay_time = "PT5M"
error_m = 30
padded_bytes = {SIZE}
"""
PLACES = """
[[place]]
id = 7
name = "First Stop"
lat = {0}
lon = {1}
radius_m = 150

[[place]]
id = 9
name = "Terminus"
lat = {2}
lon = {3}
radius_m = 200
"""


def policy_text() -> str:
    """The demo's, with exact positions and the device's figures of these tests."""
    text = POLICY.read_text(encoding="utf-8").replace('"cell_100m"', '"exact"')
    text = text.replace("batch = 20", "batch = 5")
    return text.replace('batch_age = "PT10M"', 'batch_age = "PT1H"').replace(
        'heartbeat = "PT15M"', 'heartbeat = "PT5M"'
    )


@contextlib.contextmanager
def driven(folder: Path, text: str) -> Iterator[Stage]:
    """Twelve minutes of the bus's way and a quarter of an hour of standing, under a policy that leave is given for."""
    file = folder / "policy-of-the-test.toml"
    file.write_text(text, encoding="utf-8")
    demo = Drive.demo()
    drive = demo.between(demo.start_unix_s, demo.start_unix_s + DRIVEN_S)
    try:
        with opened(folder / "stage", seed=1, drive=drive, policy=file) as stage:
            stage.enrol()
            pressed = Evidence(SUBJECT, stage.cloud.policy.notice, "app", "button_allow", "en")
            exact = Precision.EXACT if "exact" in text else None
            stage.cloud.consent.give(SUBJECT, "tracking", pressed, precision=exact)
            stage.board.power_on()
            stage.board.run(for_s=DRIVEN_S + PARKED_S)
            between_contacts(stage)
            park(stage)
            drain(stage)
            yield stage
    except (NoBroker, NoInterpreter) as missing:
        pytest.skip(str(missing))


def expected(stage: Stage) -> list[tuple[int, ...]]:
    """What the minimisers under CPython leave of the receiver's record."""
    from firmware.minimise import Minimiser
    from firmware.wire.directive import Directive

    under = stage.cloud._desk.current(stage.device)
    assert under is not None
    minimiser = Minimiser(Directive.from_wire(directive_value(under)[1]))
    entries: list[tuple[int, ...]] = []
    for solution in stage.board.gnss.emitted:
        if solution.time in set(solutions(stage)):
            entries += minimiser.accept((solution.time, solution.lat_e7, solution.lon_e7, 5000, 0, 0, 3, 9))
    return entries + list(minimiser.flush())


def lengths(stage: Stage) -> list[int]:
    """Bytes of the location envelopes in the store."""
    stored = stage.cloud.database.envelopes(stage.device, Stream.LOCATION, 0, 2**17)
    return [len(row.payload) for row in stored]


def test_stays_and_lines_leave_in_envelopes_of_one_size(tmp_path: Path) -> None:
    """Of 150 solutions a few dozen fixes, those that the minimisers leave; the quarter of an hour at the end is two of them."""
    with driven(tmp_path, policy_text().replace("lease =", THINNED + "lease =", 1)) as stage:
        known = [(fix.time, fix.lat_e7, fix.lon_e7) for fix in fixes(stage)]
        due = [(time_s, row * 100, col * 100) for time_s, row, col, _ in expected(stage)]
        assert known == due
        assert 5 < len(known) < len(solutions(stage)) / 3
        (begin, *where), (end, *there) = known[-2:]
        assert where == there and end - begin > PARKED_S - 200 and (end - begin) % INTERVAL_S == 0
        assert len(lengths(stage)) >= 2 and len(set(lengths(stage))) == 1
        assert SIZE < lengths(stage)[0] <= SIZE + AROUND_BYTES
        nothing_doubled(stage)


def test_without_thinning_each_solution_leaves(tmp_path: Path) -> None:
    """A control: the same drive, every solution a fix, envelopes of many sizes."""
    with driven(tmp_path, policy_text()) as stage:
        assert len(fixes(stage)) == len(solutions(stage)) > 100
        assert len(set(lengths(stage))) > 1


def with_places(positions: Sequence[float]) -> str:
    """The demo's policy with two places and their events in place of positions."""
    text = policy_text().replace('precision = "exact"\nretention', "retention")
    text = text.replace('fields = ["time", "lat", "lon", "quality"]', 'fields = ["time", "place", "event"]')
    text = text.replace('fields = ["position.time", "position.lat", "position.lon"]', 'fields = ["position.time"]')
    text = text.replace('never = ["', 'never = ["location.lat", "location.lon", "location.quality", "')
    return text + PLACES.format(*positions)


def test_events_of_places_leave_and_no_position(tmp_path: Path) -> None:
    """The first stop is entered and left, the terminus is entered; no envelope holds anything else."""
    demo = Drive.demo()
    stop, terminus = demo.at(demo.start_unix_s + 400), demo.at(demo.start_unix_s + DRIVEN_S)
    positions = (stop.lat_deg, stop.lon_deg, terminus.lat_deg, terminus.lon_deg)
    with driven(tmp_path, with_places(positions)) as stage:
        told = events(stage)
        assert [(event.time, event.place, event.event) for event in told] == [
            (time_s, place, PlaceChange(change)) for time_s, place, change in expected(stage)
        ]
        changes = [(event.place, event.event) for event in told]
        assert changes == [(7, PlaceChange.ENTERED), (7, PlaceChange.LEFT), (9, PlaceChange.ENTERED)]
        assert 1 <= len(lengths(stage)) <= 3 and max(lengths(stage)) < 80
        with pytest.raises(Denied):
            fixes(stage)  # there is no such category any more


def events(stage: Stage) -> list[PlaceEvent]:
    """All events that the operator may read."""
    return list(
        stage.cloud.read_places(
            actor=Actor(OPERATOR, "controller"),
            purpose="tracking",
            subject=SUBJECT,
            start=0,
            end=stage.world.clock.unix_s + 1,
        )
    )
