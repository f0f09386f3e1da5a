"""What leaves of what is sensed, from policy and consents to the directive; and the floors when it becomes less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.directive import Permission, compile_directive, compile_permission
from cloud_sync.directive.state import floors_after
from cloud_sync.model import Directive, LocationField, PlaceCircle, Precision, Sensor, Thinning
from cloud_sync.policy import Policy, load_policy
from cloud_sync.wire.directive import from_wire, to_wire, widens
from tests.unit.cloud_sync.ingest.leaving_world import text_with_device, text_with_places, written

NOW = 1_800_000_000.0
CIRCLES = (PlaceCircle(1, 5_567_600, 1_256_800, 300), PlaceCircle(2, -1_800_000, -7_850_000, 50))
KEYS = """rest = "PT10M"
wake = true
distance_m = 50
turn_deg = 30
stay_m = 100
stay_time = "PT5M"
error_m = 20
aggregate = "PT1H"
padded_bytes = 256"""


def policy(directory: Path, text: str) -> Policy:
    """The policy of this text."""
    return load_policy(written(directory, text))


def directive(policy: Policy, consents: dict[str, Precision], version: int = 1) -> Directive:
    """The directive that these consents lead to; the wire format accepts it."""
    made = compile_directive(policy, compile_permission(policy, consents), version=version, now=NOW)
    assert from_wire(to_wire(made)) == made
    return made


def test_a_directive_says_which_fixes_leave(tmp_path: Path) -> None:
    """All that the policy has under [device], in the units of the wire."""
    made = directive(policy(tmp_path, text_with_device(KEYS)), {"tracking": Precision.CELL_100M})
    assert made.thinning == Thinning(600, 50, 30, 100, 300, 20, 0)
    assert (made.aggregate_s, made.padded_bytes, made.places) == (3600, 256, ())
    assert made.sensors == Sensor.GNSS | Sensor.WAKE


def test_no_accelerometer_wakes_a_receiver_that_may_not_run(tmp_path: Path) -> None:
    """Without leave for positions `wake` serves nothing, and is off."""
    found = directive(policy(tmp_path, text_with_device(KEYS)), {"condition_monitoring": Precision.NONE})
    assert found.sensors == Sensor.TEMPERATURE | Sensor.LIGHT


def test_events_of_places_need_no_position(tmp_path: Path) -> None:
    """Precision none, the receiver on, and the circles of the policy."""
    made = directive(policy(tmp_path, text_with_places()), {"arrivals": Precision.NONE})
    assert (made.sensors, made.precision, made.places) == (Sensor.GNSS, Precision.NONE, CIRCLES)


def test_where_positions_leave_no_events_do(tmp_path: Path) -> None:
    """Both purposes are open: the wire format has one or the other."""
    both = {"arrivals": Precision.NONE, "tracking": Precision.CELL_1KM}
    made = directive(policy(tmp_path, text_with_places()), both)
    assert (made.precision, made.places) == (Precision.CELL_1KM, ())


@pytest.mark.parametrize("consents", [{}, {"marketing": Precision.NONE}, {"tracking": Precision.NONE}])
def test_places_need_a_consent_of_their_own(tmp_path: Path, consents: dict[str, Precision]) -> None:
    """Neither other purposes nor a consent to no position open them."""
    made = directive(policy(tmp_path, text_with_places()), consents)
    assert (made.sensors & Sensor.GNSS, made.places) == (Sensor(0), ())


@pytest.mark.parametrize(
    ("allowed", "blur_m", "precision", "blurred"),
    [
        (Precision.EXACT, 500, Precision.EXACT, 500),
        (Precision.CELL_100M, 50, Precision.CELL_100M, 0),
        (Precision.CELL_100M, 51, Precision.CELL_1KM, 0),
        (Precision.CELL_1KM, 500, Precision.CELL_1KM, 0),
        (Precision.CELL_100M, 10_000, Precision.REGION, 0),
        (Precision.REGION, 10_000, Precision.REGION, 0),
    ],
)
def test_a_cell_hides_as_much_as_the_blur(
    tmp_path: Path, allowed: Precision, blur_m: int, precision: Precision, blurred: int
) -> None:
    """Who allows less than exact positions is not told more closely for it."""
    text = text_with_device(f"blur_m = {blur_m}").replace('"cell_100m"', '"exact"')
    made = directive(policy(tmp_path, text), {"tracking": allowed})
    assert (made.precision, made.thinning.blur_m) == (precision, blurred)


def test_what_is_told_less_closely_raises_the_floor_of_its_stream(tmp_path: Path) -> None:
    """Larger sums for `environment`, a blur or a place less for `location`; a rarer fix raises none."""
    text = text_with_device("distance_m = 50").replace('"cell_100m"', '"exact"')
    consents = {"tracking": Precision.EXACT, "condition_monitoring": Precision.NONE}
    before = directive(policy(tmp_path, text), consents)
    floors = (1, 1, 1, 0)
    for change, expected in (
        ({"thinning": replace(before.thinning, distance_m=100)}, (1, 1, 1, 0)),
        ({"thinning": replace(before.thinning, blur_m=100)}, (2, 1, 1, 0)),
        ({"aggregate_s": 3600}, (1, 2, 1, 0)),
        ({"padded_bytes": 256}, (1, 1, 1, 0)),
    ):
        after = replace(before, version=2, **change)  # type: ignore[arg-type]
        assert not widens(after, before)
        assert floors_after(floors, before, after) == expected
        assert floors_after(floors, after, replace(before, version=2)) == floors
    placed = directive(policy(tmp_path, text_with_places()), {"arrivals": Precision.NONE})
    fewer = replace(placed, version=2, places=CIRCLES[:1])
    assert floors_after(floors, placed, fewer) == (2, 1, 1, 0)
    assert floors_after(floors, fewer, replace(placed, version=2)) == floors


@pytest.mark.parametrize("fields", [("time", "quality"), ("time", "lat"), ("time", "lon", "quality"), ("time",)])
def test_a_rule_without_whole_positions_opens_no_receiver(tmp_path: Path, fields: tuple[str, ...]) -> None:
    """Not even where the lint was passed over: of a policy that takes no position, none is sensed."""
    sound = policy(tmp_path, text_with_device(""))
    assert directive(sound, {"tracking": Precision.EXACT}).sensors == Sensor.GNSS
    rules = tuple(replace(rule, fields=fields) if rule.category == "position" else rule for rule in sound.rules)
    made = directive(replace(sound, rules=rules), {"tracking": Precision.EXACT})
    assert (made.sensors, made.precision) == (Sensor(0), Precision.NONE)


def test_wake_alone_is_nothing(tmp_path: Path) -> None:
    """The accelerometer serves the receiver: where none may run, it is off, whatever the permission says."""
    sound = policy(tmp_path, text_with_device(KEYS))
    serving = Permission(Sensor.GNSS | Sensor.WAKE, Precision.CELL_1KM, LocationField(0))
    assert compile_directive(sound, serving, version=1, now=NOW).sensors == Sensor.GNSS | Sensor.WAKE
    alone = Permission(Sensor.WAKE, Precision.NONE, LocationField(0))
    assert compile_directive(sound, alone, version=1, now=NOW).sensors == Sensor(0)
    aimless = Permission(Sensor.GNSS | Sensor.WAKE | Sensor.MOTION, Precision.NONE, LocationField(0))
    assert compile_directive(sound, aimless, version=1, now=NOW).sensors == Sensor.MOTION


@pytest.mark.parametrize(
    ("precision", "aggregate", "expected_s"),
    [
        (Precision.CELL_1KM, "PT10M", 600),
        (Precision.CELL_10KM, "PT10M", 600),
        (Precision.REGION, "PT10M", 3600),
        (Precision.REGION, "PT2H", 7200),
        (Precision.NONE, "PT10M", 600),
    ],
)
def test_sums_are_no_finer_than_readings(tmp_path: Path, precision: Precision, aggregate: str, expected_s: int) -> None:
    """An interval of sums is at least the step that goes with the positions; without sums there are none."""
    consents = {"tracking": precision, "condition_monitoring": Precision.NONE}
    made = directive(policy(tmp_path, text_with_device(f'aggregate = "{aggregate}"')), consents)
    assert made.aggregate_s == expected_s
    assert directive(policy(tmp_path, text_with_device("")), consents).aggregate_s == 0
