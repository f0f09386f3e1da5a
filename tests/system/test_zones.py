"""Private zones and quiet hours through the whole chain: what the receiver measured there, and that none of it left the device.

The receiver's own record says which solutions lay in the zone, so that a test without any would fail.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.facade.limits import zones_around
from cloud_sync.model import Actor, Directive, MotionEvent, Precision, Reading, Sensor, StatusReason
from cloud_sync.wire.cells import cell_of
from cloud_sync.wire.downlink import directive_value
from hw_sim.demo.stage import OPERATOR, SUBJECT, Stage
from tests.system.rig import (
    INTERVAL_S,
    LONGEST_PAUSE_S,
    a_drive,
    between_contacts,
    drain,
    fixes,
    in_contact,
    locations,
    nothing_doubled,
    park,
    patched_firmware,
    statuses,
)

pytestmark = pytest.mark.micropython

AHEAD = (5340, -149)  # the demo's drive is in this cell from about 410 s to 700 s after its start
ENTERED_S, LEFT_S = 410, 700
DREW = Evidence(SUBJECT, "demo-1", "app", "drew_zone", "en")
OFTEN = '"PT1M"'  # a device that has nothing to send is in contact at its heartbeats only
Cell = tuple[int, int]


def cell(lat_e7: int, lon_e7: int) -> Cell:
    """The cell of 1 km of a position."""
    return cell_of(lat_e7, lon_e7, Precision.CELL_1KM)


def measured(stage: Stage, zone: Cell, since: float, *, inside: bool) -> set[int]:
    """Times of the receiver's solutions in the zone, or outside of it."""
    return {
        each.time
        for each in stage.board.gnss.emitted
        if each.time % INTERVAL_S == 0 and each.time >= since and (cell(each.lat_e7, each.lon_e7) == zone) is inside
    }


def known(stage: Stage) -> set[int]:
    """Times of all fixes that the server can read."""
    return {fix.time for fix in fixes(stage)}


def drive_to(stage: Stage, seconds: float) -> None:
    """Drive until so long after the start."""
    stage.board.run(until_s=stage.drive.start_unix_s + seconds)


def in_force(stage: Stage) -> Directive:
    """The directive that the server issued last."""
    current = stage.cloud._desk.current(stage.device)
    assert current is not None
    return current


def under_zone(stage: Stage) -> float:
    """Set the zone that lies ahead, and drive through the contact in which the device applies it; when that was over."""
    stage.cloud.limits.set(SUBJECT, zones=[AHEAD], evidence=DREW)
    in_contact(stage)
    between_contacts(stage)
    assert statuses(stage)[-1].directive == in_force(stage).version
    assert stage.world.clock.unix_s < stage.drive.start_unix_s + ENTERED_S
    return stage.world.clock.unix_s


def test_of_what_is_measured_in_a_zone_nothing_leaves(tmp_path: Path) -> None:
    """Half a kilometre of the drive lies in it: no fix from there, and every one from before and behind."""
    with a_drive(tmp_path) as stage:
        since = under_zone(stage)
        drive_to(stage, LEFT_S + 200)
        park(stage)
        drain(stage)
        inside, outside = (measured(stage, AHEAD, since, inside=which) for which in (True, False))
        assert len(inside) >= 25
        assert known(stage) & inside == set()
        assert {time for time in known(stage) if time >= since} == outside
        entered, left = min(inside), max(inside)
        assert min(outside) < entered and max(outside) > left
        assert AHEAD not in {cell(fix.lat_e7, fix.lon_e7) for fix in fixes(stage) if fix.time >= since}
        nothing_doubled(stage)


def test_firmware_that_knows_no_zones_is_found_out(tmp_path: Path) -> None:
    """A control: with the zone stored and not looked at, fixes from within it reach the server."""
    with a_drive(tmp_path) as stage:
        broken = patched_firmware(
            tmp_path, "minimise/__init__.py", "Minimiser._in_zone = lambda self, lat_e7, lon_e7: False"
        )
        stage.board.install(broken)
        stage.board.reset()
        stage.board.run(for_s=30)
        since = under_zone(stage)
        drive_to(stage, LEFT_S)
        park(stage)
        drain(stage)
        assert len(known(stage) & measured(stage, AHEAD, since, inside=True)) >= 20


def test_a_zone_that_is_drawn_around_the_driver_holds_at_once(tmp_path: Path) -> None:
    """The device is listening, in the midst of the zone: the open batch goes, and nothing comes until the zone ends."""
    with a_drive(tmp_path) as stage:
        drive_to(stage, ENTERED_S + 40)
        in_contact(stage)
        here = stage.drive.at(stage.world.clock.unix_s)
        zones = zones_around(here.lat_deg, here.lon_deg)
        assert AHEAD in zones
        before = in_force(stage)
        stage.cloud.limits.set(SUBJECT, zones=zones, evidence=DREW)
        drawn = stage.world.clock.unix_s
        assert (in_force(stage).version, in_force(stage).zones) == (before.version + 1, zones)
        stage.board.run(for_s=5)
        assert statuses(stage)[-1].directive == in_force(stage).version
        stored = locations(stage)
        between_contacts(stage)
        stage.board.run(until_s=stage.drive.start_unix_s + LEFT_S - 20)
        assert len(measured(stage, AHEAD, drawn, inside=True)) >= 10
        assert stage.board.gnss.powered  # or the end of the zone would not be noticed
        assert locations(stage) == stored
        assert {time for time in known(stage) if time >= drawn} == set()


def test_dropping_a_zone_waits_for_the_challenge(tmp_path: Path) -> None:
    """What was sent between contacts is lost, and a directive without the challenge stops the device: only its own opens."""
    with a_drive(tmp_path, heartbeat=OFTEN) as stage:
        since = under_zone(stage)
        drive_to(stage, ENTERED_S + 30)
        in_contact(stage)
        forged = replace(in_force(stage), version=in_force(stage).version + 1, zones=())
        send(stage, forged)
        stage.board.run(for_s=10)
        asked = [report for report in statuses(stage) if report.reason is StatusReason.CHALLENGE_WANTED]
        assert asked and asked[-1].directive == 0
        assert in_force(stage).zones == (AHEAD,)
        between_contacts(stage)
        stage.board.run(for_s=60)
        assert known(stage) & measured(stage, AHEAD, since, inside=True) == set()
        stage.cloud.limits.clear(SUBJECT, evidence=DREW)
        cleared = stage.world.clock.unix_s
        in_contact(stage)
        between_contacts(stage)
        assert (in_force(stage).zones, statuses(stage)[-1].directive) == ((), in_force(stage).version)
        assert stage.world.clock.unix_s < stage.drive.start_unix_s + LEFT_S - 30
        applied = stage.world.clock.unix_s
        drive_to(stage, LEFT_S)
        park(stage)
        drain(stage)
        inside = measured(stage, AHEAD, since, inside=True)
        assert {time for time in known(stage) & inside if time < cleared} == set()
        assert {time for time in inside if time > applied} <= known(stage)


def send(stage: Stage, directive: Directive) -> None:
    """A directive that nobody decided, sealed with the device's true keys."""
    state = stage.cloud.database.directive_state(stage.device)
    assert state is not None
    _, envelope = stage.cloud._sealer.seal(stage.device, state.down_next, directive_value(directive))
    stage.cloud.send([(stage.device, envelope)])


def test_quiet_hours_unpower_the_receiver_until_they_are_dropped(tmp_path: Path) -> None:
    """An hour from now on: off within a minute; dropped: on again after the next contact, and no fix of between."""
    with a_drive(tmp_path, heartbeat=OFTEN) as stage:
        minute = int(stage.world.clock.unix_s) % 86_400 // 60
        in_contact(stage)
        stage.cloud.limits.set(SUBJECT, hours=[(minute, min(minute + 60, 1440))], evidence=DREW)
        stage.board.run(for_s=60)
        assert not stage.board.gnss.powered
        began, powered_s = stage.world.clock.unix_s, stage.board.gnss.powered_s
        stage.board.run(for_s=600)
        assert stage.board.gnss.powered_s == powered_s
        stage.cloud.limits.clear(SUBJECT, evidence=DREW)
        ended = stage.world.clock.unix_s
        stage.board.run(for_s=2 * LONGEST_PAUSE_S, until=lambda: stage.board.gnss.powered)
        assert stage.board.gnss.powered
        stage.board.run(for_s=300)
        park(stage)
        drain(stage)
        assert {time for time in known(stage) if began <= time < ended} == set()
        assert max(known(stage)) > ended


def test_an_erasure_of_everything_opens_no_zone(tmp_path: Path) -> None:
    """With their data a person gives up their zone: the device stops until they have answered, rather than to open it."""
    with a_drive(tmp_path, heartbeat=OFTEN) as stage:
        under_zone(stage)
        in_contact(stage)
        assert stage.board.gnss.powered
        stage.cloud.erase(subject=SUBJECT)
        stage.board.run(for_s=2)
        assert not stage.board.gnss.powered
        in_contact(stage)
        between_contacts(stage)
        assert (in_force(stage).sensors, in_force(stage).zones) == (0, ())
        stage.cloud.limits.clear(SUBJECT, evidence=DREW)
        stage.board.run(for_s=2 * LONGEST_PAUSE_S, until=lambda: stage.board.gnss.powered)
        assert stage.board.gnss.powered


STEP_S = 60  # of readings beside a cell of 100 m


def all_sensors(stage: Stage) -> None:
    """Leave for temperature, light and motion as well, applied by the device; it is knocked twice a minute."""
    for purpose in ("condition_monitoring", "theft_alarm"):
        stage.cloud.consent.give(SUBJECT, purpose, replace(DREW, act="tapped_allow"))
    in_contact(stage)
    between_contacts(stage)
    in_contact(stage)
    between_contacts(stage)
    assert in_force(stage).sensors == Sensor.GNSS | Sensor.TEMPERATURE | Sensor.LIGHT | Sensor.MOTION
    stage.board.sensors["motion"].acceleration_mg = lambda unix_s: (3500.0 if unix_s % 30 < 1 else 0.0, 0.0, 1000.0)


def surroundings(stage: Stage) -> list[Reading | MotionEvent]:
    """All that the operator may read of temperature, light and motion."""
    query = {
        "actor": Actor(OPERATOR, "controller"),
        "subject": SUBJECT,
        "start": 0,
        "end": stage.world.clock.unix_s + 1,
    }
    return [
        *stage.cloud.read_environment(purpose="condition_monitoring", **query),
        *stage.cloud.read_motion(purpose="theft_alarm", **query),
    ]


def within(stage: Stage, begin: float, end: float) -> dict[type, int]:
    """How many readings and events lie in steps that are wholly within a span."""
    found = [type(each) for each in surroundings(stage) if begin <= each.time and each.time + STEP_S <= end]
    return {kind: found.count(kind) for kind in (Reading, MotionEvent)}


@pytest.mark.parametrize("zoned", [True, False], ids=["with the zone", "without it"])
def test_surroundings_in_a_zone_stay_there_too(tmp_path: Path, zoned: bool) -> None:
    """Temperature, light and shocks say when somebody comes home; without the zone they come from there (the control)."""
    with a_drive(tmp_path, heartbeat=OFTEN) as stage:
        all_sensors(stage)
        if zoned:
            under_zone(stage)
        since = stage.world.clock.unix_s
        drive_to(stage, LEFT_S + 400)
        park(stage)
        drain(stage)
        inside = measured(stage, AHEAD, since, inside=True)
        begin, end = min(inside), max(inside)
        counts = within(stage, begin, end)
        assert end - begin > 4 * STEP_S
        if zoned:
            assert counts == {Reading: 0, MotionEvent: 0}
            assert not {each.time // STEP_S for each in surroundings(stage)} & {time // STEP_S for time in inside} - {
                begin // STEP_S,
                end // STEP_S,
            }
        else:
            assert min(counts.values()) >= 3
        behind = within(stage, end, stage.world.clock.unix_s)
        assert min(behind.values()) >= 3
