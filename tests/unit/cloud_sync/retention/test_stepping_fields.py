"""Several rules on one stream: each field goes with the last rule that lists it, and precision follows the rules still alive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.model import Fix, Precision, Stream
from cloud_sync.wire.batch import pack_location, unpack_location
from cloud_sync.wire.fields import MOST_EPOCH
from cloud_sync.wire.readings import unpack_environment
from tests.unit.cloud_sync.erasure.parts_world import opened
from tests.unit.cloud_sync.ingest.ingest_world import POLICY, TODAY, Tracker, World, apart
from tests.unit.cloud_sync.retention.steps_world import (
    DAY,
    MIDNIGHT,
    keys,
    left,
    made,
    policy,
    sweep_at,
    taken,
    tracked,
)

E = Stream.ENVIRONMENT
T = MIDNIGHT + 3600


def exact(directory: Path) -> Path:
    """Exact positions with speed and course for `tracking` for 30 days; for `theft_alarm` without them, cells of 1 km, for 60."""
    text = POLICY.read_text("utf-8").replace('precision = "cell_100m"', 'precision = "exact"')
    text = text.replace('never = ["location.speed", "location.course"]', "never = []")
    start = text.index('[[rule]]\ncategory = "position"')
    rule = text[start : text.index("[[rule]]", start + 1)]
    whole = rule.replace('"quality"]', '"quality", "speed", "course"]').replace("P90D", "P30D")
    alarm = rule.replace('"tracking"', '"theft_alarm"').replace('"exact"', '"cell_1km"').replace("P90D", "P60D")
    alarm = alarm.replace('recipients = ["roadside_assistance"]', "recipients = []")
    path = directory / "exact.toml"
    path.write_text(text.replace(rule, whole + alarm), "utf-8")
    return path


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the stores are."""
    return tmp_path / "files"


@pytest.fixture
def world(directory: Path) -> Iterator[World]:
    """Temperature for 30 days, light for twelve months."""
    text = apart(directory.parent).read_text("utf-8")
    start = text.index('category = "environment"')
    rule = text[start : text.index("[[rule]]", start)]
    path = directory.parent / "fields.toml"
    path.write_text(text.replace(rule, rule.replace("P12M", "P30D")), "utf-8")
    world = made(directory, policy_file=path)
    yield world
    world.close()


def agreed(world: World) -> Tracker:
    """A device whose person agreed to everything."""
    tracker = tracked(world)
    world.clock.at = float(MIDNIGHT - 500)
    for purpose in ("condition_monitoring", "theft_alarm", "opening_alarm"):
        if purpose in world.policy.purposes:
            precise = (
                Precision.EXACT if any(rule.has_position for rule in world.policy.consent_rules(purpose)) else None
            )
            world.consent("s-1", precise, purpose)
    return tracker


def readings(world: World, tracker: Tracker) -> list[tuple[int, int | None, int | None]]:
    """(time, temperature, light) of all that opens."""
    rows = world.database.envelopes(tracker.name, E, 0, MOST_EPOCH)
    found = (each for row in rows for each in unpack_environment(opened(world, row), row.id.epoch))
    return [(each.time, each.temperature_dc, each.light_lx) for each in found]


def test_a_field_goes_at_the_end_of_its_own_term(world: World) -> None:
    """Both in one envelope: after 30 days the temperature is gone from it, the light stays to its own end, then the row goes."""
    tracker = agreed(world)
    assert taken(world, tracker, [tracker.environment([(T, 215, 80), (T + 60, 216, 81)])], T + 3600) == ["stored"]
    sweep_at(world, T + 30 * DAY - 1)
    assert readings(world, tracker) == [(T, 215, 80), (T + 60, 216, 80)]
    sweep_at(world, T + 30 * DAY)
    assert readings(world, tracker) == [(T, None, 80), (T + 60, None, 80)]
    sweep_at(world, T + 366 * DAY)
    assert readings(world, tracker) == []


def test_a_batch_of_a_field_that_is_over_goes_whole(world: World) -> None:
    """An envelope of temperatures alone leaves no row behind, and none that opens; its neighbour of light stays."""
    tracker = agreed(world)
    warm, lit = tracker.environment([(T, 215, None)]), tracker.environment([(T + 60, None, 80)])
    taken(world, tracker, [warm, lit], T + 3600)
    sweep_at(world, T + 30 * DAY + 61)
    assert readings(world, tracker) == [(T + 60, None, 80)]
    assert world.database.count_envelopes(stream=E) == 1


def test_precision_follows_the_rules_that_are_alive(directory: Path) -> None:
    """Exact with speed while `tracking` is alive; from then on cells of 1 km for `theft_alarm`; at its end nothing."""
    world = made(directory, policy_file=exact(directory.parent))
    tracker = tracked(world)
    world.clock.at = float(MIDNIGHT - 500)
    world.consent("s-1", Precision.EXACT)
    world.consent("s-1", Precision.CELL_1KM, "theft_alarm")
    fix = Fix(T, 556_761_000, 125_683_000, Precision.EXACT, 3, 120, 90)
    payload = tracker.seal(pack_location(Precision.EXACT, [fix], TODAY))
    assert taken(world, tracker, [payload], T + 60) == ["stored"]
    sweep_at(world, T + 30 * DAY - 1)
    assert [(each.precision, each.speed_dm_s) for each in left(world, tracker)] == [(Precision.EXACT, 120)]
    sweep_at(world, T + 30 * DAY)
    assert [(each.precision, each.speed_dm_s, each.quality) for each in left(world, tracker)] == [
        (Precision.CELL_1KM, None, 10)
    ]
    sweep_at(world, T + 60 * DAY)
    assert left(world, tracker) == []
    world.close()


def test_side_fields_alone_may_have_the_shorter_term(directory: Path) -> None:
    """Speed and course for 30 days, the exact position for 60: the position keeps its second and its centimetres."""
    text = exact(directory.parent).read_text("utf-8").replace('precision = "cell_1km"', 'precision = "exact"')
    path = directory.parent / "side.toml"
    path.write_text(text, "utf-8")
    world = made(directory, policy_file=path)
    tracker = tracked(world)
    world.clock.at = float(MIDNIGHT - 500)
    for purpose in ("tracking", "theft_alarm"):
        world.consent("s-1", Precision.EXACT, purpose)
    fixes = [Fix(T + n, 556_761_000 + n * 100, 125_683_000, Precision.EXACT, 3, 120, 90) for n in range(3)]
    taken(world, tracker, [tracker.seal(pack_location(Precision.EXACT, fixes, TODAY))], T + 60)
    sweep_at(world, T + 30 * DAY)
    found = left(world, tracker)
    assert [(each.time, each.lat_e7) for each in found] == [(each.time, each.lat_e7) for each in fixes]
    assert {(each.precision, each.speed_dm_s, each.course_deg) for each in found} == {(Precision.EXACT, None, None)}
    world.close()


def test_one_term_for_all_rules_steps_nothing(directory: Path) -> None:
    """Without steps a day keeps its own key to the end: nothing is sealed anew for nothing."""
    world = made(directory, policy_file=policy(directory.parent, 'after = "delete"\n'))
    tracker = tracked(world)
    payload = tracker.seal(
        pack_location(Precision.CELL_100M, [Fix(T, 556_761_000, 125_683_000, Precision.CELL_100M, 8)], TODAY)
    )
    taken(world, tracker, [payload], T + 60)
    assert sweep_at(world, T + 30 * DAY - 1).stepped == 0
    assert (TODAY, False) in keys(world, tracker) and (TODAY, True) not in keys(world, tracker)
    assert unpack_location(opened(world, world.database.envelopes(tracker.name, 1, TODAY, TODAY)[0]), TODAY)
    world.close()
