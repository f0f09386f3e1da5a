"""What a device senses follows what its person allows, sensor by sensor: CT-13, CT-27, CT-53, CT-58, CG-40, TT-43.

Shown with the firmware's own modules. The agent cannot check it a second time (DESIGN section 10): a gateway is
blind, ingest checks.
"""

from __future__ import annotations

from typing import Any

from tests.clauses.clause import clause
from tests.clauses.device.device_world import ASKED, Unit
from tests.clauses.made import HERE, U1, Made, World
from tests.unit.firmware.sensing.bench import shaking

AWAY = (HERE[0] + 200_000, HERE[1])  # two kilometres to the north
INTERVAL_S = 300  # one reporting interval (V-17)


def object_to(world: World, purpose: str) -> None:
    """The person's switch for a purpose that rests on a contract: an objection, which holds from now on."""
    world.cloud.restrictions.restrict("u-1", "objection", by="u-1", purpose=purpose)


@clause("CT-13", engine="directive", left_out="the agent's check")
def test_ct_13(made: Made) -> None:
    """For alarms of a place alone a hundred samples become its events: place, event and time, and nothing else of the frame."""
    world = made.world("ct", *ASKED)
    world.yes("u-1", "geofence_alert")
    unit = Unit(world)

    async def story(unit: Unit) -> None:
        await unit.contact()
        for place in (HERE, AWAY) * 5:
            await unit.frames(10, place=place)
        await unit.contact()

    unit.run_story(story)
    told = unit.told()
    assert not told["environment"] and not told["motion"]
    assert [(place, event) for _, place, event in told["location"]] == [(1, 1), (1, 2)] * 5
    assert unit.rules.directive.precision == 6 and unit.rules.directive.sensors == 1
    assert unit.stored() == len(unit.outcomes) and world.rows() == len(unit.outcomes)


@clause("CT-27", engine="directive", left_out="the agent's count of dropped fields")
def test_ct_27(made: Made) -> None:
    """For the temperature alone a frame leaves as temperature and time; place, light, motion, cell and signal stay
    where they are.
    """
    world = made.world("ct", *ASKED)
    world.yes("u-1", "temperature_monitoring")
    unit = Unit(world)

    async def story(unit: Unit) -> None:
        await unit.contact()
        unit.board.motion.acceleration_mg = shaking(unit.world_s(), unit.world_s() + 600)
        await unit.frames(60)
        await unit.contact()

    unit.run_story(story)
    told = unit.told()
    assert not told["location"] and not told["motion"]
    assert len(told["environment"]) >= 9 and {len(entry) for entry in told["environment"]} == {2}
    assert {sensors for stream, _, (sensors, *_) in unit.sent if stream == 2} == {2}  # the bit of temperature
    assert not unit.board.light.powered and not unit.board.motion.powered


@clause("CT-53", engine="obedience", left_out="the portal's page")
def test_ct_53(made: Made) -> None:
    """With the feature switched off a hundred frames carry no temperature; the light goes on."""
    world = made.world("ct")
    unit = Unit(world)
    object_to(world, "temperature_monitoring")

    async def story(unit: Unit) -> None:
        await unit.contact()
        await unit.frames(100)
        await unit.contact()

    unit.run_story(story)
    told = unit.told()
    assert len(told["location"]) == 100
    assert told["environment"] and {sensors for stream, _, (sensors, *_) in unit.sent if stream == 2} == {4}


def switched_off(made: Made, profile: str, purpose: str, sensor: int, stream: int) -> Unit:
    """A device that senses all it may, until its person switches one purpose off; behind the interval nothing of it
    came any more.
    """
    world = made.world(profile)
    unit = Unit(world)

    async def story(unit: Unit) -> None:
        unit.board.motion.acceleration_mg = shaking(unit.world_s(), unit.world_s() + 10_000)
        await unit.contact()
        await unit.frames(30)
        unit.sensors.close()
        assert unit.rules.senses(sensor) and [entry for entry in unit.sent if _tells(entry, sensor, stream)]
        object_to(world, purpose)
        await unit.contact()
        assert not unit.rules.senses(sensor)
        unit.sent.clear()
        unit.off_at = unit.world_s()
        await unit.frames(INTERVAL_S // 10 * 2)
        await unit.contact()

    unit.run_story(story)
    assert unit.sent and not [entry for entry in unit.sent if _tells(entry, sensor, stream)]
    return unit


def _tells(entry: tuple[int, int, Any], sensor: int, stream: int) -> bool:
    """Whether a batch tells of a sensor."""
    found, _, content = entry
    return found == stream and (stream != 2 or content[0] & sensor != 0)


@clause("CT-58", engine="obedience", left_out="the portal's page")
def test_ct_58(made: Made) -> None:
    """With the accelerometer switched off no motion arrives after the interval; when it was switched off is told."""
    unit = switched_off(made, "ct", "theft_alarm", 8, 3)
    assert not unit.board.motion.powered
    off = unit.home.cloud.restrictions.in_force("u-1")
    assert [(each.purpose, each.since <= unit.off_at) for each in off] == [("theft_alarm", True)]


@clause("CG-40", engine="obedience", left_out="the portal's page, cookies")
def test_cg_40(made: Made) -> None:
    """With the light switched off no reading has it after the interval, and temperature, motion and positions go on."""
    unit = switched_off(made, "cg", "condition_monitoring", 4, 2)
    told = unit.told()
    assert told["environment"] and told["location"] and unit.rules.senses(8)
    assert unit.board.light.powered is False


@clause("TT-43", engine="directive")
def test_tt_43(made: Made) -> None:
    """An objection to collection, as a case of the person's: the device stops that sensor at the next contact, within
    the interval.
    """
    world = made.world("tt", ("receipt_required = true", "receipt_required = false"))
    unit = Unit(world)

    async def story(unit: Unit) -> None:
        unit.board.motion.acceleration_mg = shaking(unit.world_s(), unit.world_s() + 10_000)
        await unit.contact()
        await unit.frames(30)
        assert unit.rules.senses(8) and unit.rules.senses(2)
        asked = {"received_at": world.now, "channel": "portal", "by": "u-1", "login": U1}
        world.cloud.rights.open("u-1", "objection", purpose="theft_alarm", **asked)
        began = unit.world_s()
        await unit.wait(INTERVAL_S - 60)
        await unit.contact()
        assert unit.world_s() - began <= INTERVAL_S and not unit.rules.senses(8) and unit.rules.senses(2)
        unit.sent.clear()
        await unit.frames(30)
        await unit.contact()

    unit.run_story(story)
    assert unit.sent and not [entry for entry in unit.sent if entry[0] == 3]
