"""Policies that say which fixes leave, sums in place of readings, and places: each gap found by itself, and what is compiled."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from cloud_sync.model import NO_THINNING, PlaceCircle, Stream, Thinning
from cloud_sync.policy import PolicyArchive, lint, load_policy, widened
from tests.unit.cloud_sync.ingest.ingest_world import POLICY
from tests.unit.cloud_sync.ingest.leaving_world import PLACES, text_with_device, text_with_places, written

KEYS = """rest = "PT10M"
wake = true
distance_m = 50
turn_deg = 30
stay_m = 100
stay_time = "PT5M"
error_m = 20
aggregate = "PT1H"
padded_bytes = 256"""
THINNED = text_with_device(KEYS)
PLACED = text_with_places()


def test_keys_of_the_device_reach_the_compiled_policy(tmp_path: Path) -> None:
    """Periods as seconds, metres and degrees as they stand; without the keys nothing is thinned."""
    assert lint(written(tmp_path, THINNED)) == []
    device = load_policy(written(tmp_path, THINNED)).device
    assert device.thinning == Thinning(600, 50, 30, 100, 300, 20, 0)
    assert (device.wake, device.aggregate_s, device.padded_bytes) == (True, 3600, 256)
    plain = load_policy(POLICY).device
    assert (plain.thinning, plain.wake, plain.aggregate_s, plain.padded_bytes) == (NO_THINNING, False, 0, 0)


def test_places_are_compiled_to_circles_on_the_grid(tmp_path: Path) -> None:
    """Row and column as a device has them, south and west below zero; the name stays beside them."""
    assert lint(written(tmp_path, PLACED)) == []
    depot, yard = load_policy(written(tmp_path, PLACED)).places
    assert (depot.name, depot.circle) == ("Depot North", PlaceCircle(1, 5_567_600, 1_256_800, 300))
    assert yard.circle == PlaceCircle(2, -1_800_000, -7_850_000, 50)
    assert load_policy(POLICY).places == ()


# name: (text, old, new, key, part of the message)
GAPS: dict[str, tuple[str, str, str, str, str]] = {
    "rest below the interval": (THINNED, '"PT10M"\nwake', '"PT9S"\nwake', "device.rest", "shorter than the interval"),
    "rest over a day": (THINNED, '"PT10M"\nwake', '"P2D"\nwake', "device.rest", "longer than a day"),
    "wake for nothing": (THINNED, 'rest = "PT10M"\n', "", "device.wake", "wake without rest"),
    "wake is no word": (THINNED, "wake = true", 'wake = "yes"', "device.wake", "valid boolean"),
    "turn without distance": (THINNED, "distance_m = 50\n", "", "device.turn_deg", "without distance_m"),
    "distance too far": (THINNED, "distance_m = 50", "distance_m = 10001", "device.distance_m", "less than or equal"),
    "distance of nothing": (THINNED, "distance_m = 50", "distance_m = 0", "device.distance_m", "greater than or equal"),
    "turn too far": (THINNED, "turn_deg = 30", "turn_deg = 181", "device.turn_deg", "less than or equal to 180"),
    "stay without time": (THINNED, 'stay_time = "PT5M"\n', "", "device.stay_m", "without stay_time"),
    "time without stay": (THINNED, "stay_m = 100\n", "", "device.stay_time", "without stay_m"),
    "stay over a day": (THINNED, '"PT5M"\nerror', '"PT25H"\nerror', "device.stay_time", "longer than a day"),
    "error too large": (THINNED, "error_m = 20", "error_m = 5001", "device.error_m", "less than or equal to 5000"),
    "error of text": (THINNED, "error_m = 20", 'error_m = "20"', "device.error_m", "valid integer"),
    "blur beside cells": (THINNED, "error_m = 20", "error_m = 20\nblur_m = 500", "device.blur_m", "beside cells"),
    "sums that do not divide": (THINNED, '"PT1H"\npadded', '"PT7H"\npadded', "device.aggregate", "divides the day"),
    "sums too short": (THINNED, '"PT1H"\npadded', '"PT5M"\npadded', "device.aggregate", "divides the day"),
    "sums of a month": (THINNED, '"PT1H"\npadded', '"P1M"\npadded', "device.aggregate", "a device counts seconds"),
    "padded too little": (THINNED, "padded_bytes = 256", "padded_bytes = 95", "device.padded_bytes", "equal to 96"),
    "padded too much": (THINNED, "padded_bytes = 256", "padded_bytes = 961", "device.padded_bytes", "equal to 960"),
    "misspelt": (THINNED, "padded_bytes", "padded_byte", "device.padded_byte", "unknown key"),
    "place number 0": (PLACED, "id = 1\n", "id = 0\n", "place[0].id", "greater than or equal to 1"),
    "place number 256": (PLACED, "id = 1\n", "id = 256\n", "place[0].id", "less than or equal to 255"),
    "place twice": (PLACED, "id = 2\n", "id = 1\n", "place[1].id", "stands twice"),
    "place off the globe": (PLACED, "lat = 55.676", "lat = 90.1", "place[0].lat", "less than or equal to 90"),
    "place nowhere": (PLACED, "lon = 12.568", "lon = nan", "place[0].lon", "finite"),
    "place without radius": (PLACED, "radius_m = 300\n", "", "place[0].radius_m", "missing"),
    "place too small": (PLACED, "radius_m = 300", "radius_m = 49", "place[0].radius_m", "greater than or equal to 50"),
    "place too large": (PLACED, "radius_m = 300", "radius_m = 50001", "place[0].radius_m", "less than or equal"),
    "place of no name": (PLACED, '"Depot North"', '""', "place[0].name", "match pattern"),
    "place of two lines": (PLACED, '"Depot North"', r'"Depot\nNorth"', "place[0].name", "match pattern"),
    "events without places": (PLACED, PLACES, "", "rule[7].fields", "without a place"),
    "place without its event": (
        PLACED,
        '"time", "place", "event"]',
        '"time", "place"]',
        "rule[7].fields",
        "event is missing",
    ),
    "position beside places": (
        PLACED,
        '"time", "place", "event"]',
        '"time", "place", "event", "quality"]',
        "rule[7].fields[3]",
        "beside events of places",
    ),
    "places without a receiver": (
        PLACED,
        'sensors = ["gnss"]\nfields = ["time", "place"',
        'sensors = ["cell"]\nfields = ["time", "place"',
        "rule[7].sensors",
        "without gnss",
    ),
}


@pytest.mark.parametrize("name", GAPS)
def test_each_gap_is_found_with_its_key(tmp_path: Path, name: str) -> None:
    """One change of a valid policy, one finding at the key, which says what is wrong."""
    text, old, new, key, message = GAPS[name]
    assert old in text
    findings = {finding.key: finding for finding in lint(written(tmp_path, text.replace(old, new, 1)))}
    assert key in findings, findings
    assert message in findings[key].message and findings[key].fix


def test_places_that_no_rule_tells_are_a_gap(tmp_path: Path) -> None:
    """With places, both fields are in a category or said never to be taken."""
    text = POLICY.read_text("utf-8") + PLACES
    assert {finding.message for finding in lint(written(tmp_path, text))} == {
        "field location.place is in no category",
        "field location.event is in no category",
    }
    never = text.replace('never = ["', 'never = ["location.place", "location.event", "')
    assert lint(written(tmp_path, never)) == []


def test_more_than_eight_places_are_refused(tmp_path: Path) -> None:
    """All that a device keeps; with eight the policy is sound."""
    one = PLACES.split("[[place]]")[1]
    extra = "".join("[[place]]" + one.replace("id = 1", f"id = {number}") for number in range(3, 9))
    assert lint(written(tmp_path, PLACED + extra)) == []
    ninth = "[[place]]" + one.replace("id = 1", "id = 9")
    assert "at most 8 items" in lint(written(tmp_path, PLACED + extra + ninth))[0].message


def exact(text: str) -> str:
    """With exact positions, side fields among them."""
    text = text.replace('"cell_100m"', '"exact"').replace('never = ["location.speed", "location.course"]', "never = []")
    return text.replace('"lon", "quality"]', '"lon", "quality", "speed", "course"]', 1)


def test_a_blur_goes_with_exact_positions_alone(tmp_path: Path) -> None:
    """Speed and course would undo it; without them it is sound."""
    text = exact(text_with_device("blur_m = 500"))
    assert {finding.message for finding in lint(written(tmp_path, text))} == {
        "speed beside device.blur_m undoes it",
        "course beside device.blur_m undoes it",
    }
    sound = text.replace(', "speed", "course"]', "]").replace(
        "never = []", 'never = ["location.speed", "location.course"]'
    )
    assert lint(written(tmp_path, sound)) == []


WIDER = {
    "rest shorter": ('rest = "PT10M"', 'rest = "PT5M"', "tracking", ["thinning by rest"]),
    "distance shorter": ("distance_m = 50", "distance_m = 40", "tracking", ["thinning by distance"]),
    "turn smaller": ("turn_deg = 30", "turn_deg = 20", "tracking", ["thinning by turn"]),
    "no stays": ('stay_m = 100\nstay_time = "PT5M"\n', "", "tracking", ["thinning by stay", "thinning by stay time"]),
    "stays later": ('"PT5M"\nerror', '"PT6M"\nerror', "tracking", ["thinning by stay time"]),
    "error smaller": ("error_m = 20", "error_m = 19", "tracking", ["thinning by error"]),
    "lines shorter": ('batch_age = "PT10M"', 'batch_age = "PT9M"', "tracking", ["batch age 540 s"]),
    "lines longer": ('batch_age = "PT10M"', 'batch_age = "PT11M"', "tracking", []),
    "lines of no concern": ('batch_age = "PT10M"', 'batch_age = "PT9M"', "condition_monitoring", []),
    "a wait of readings": ('spool_age = "P30D"', 'spool_age = "P31D"', "theft_alarm", ["spool age 2678400 s"]),
    "a wait of no concern": ('spool_age = "P30D"', 'spool_age = "P31D"', "marketing", []),
    "sums shorter": ('"PT1H"\npadded', '"PT10M"\npadded', "condition_monitoring", ["aggregate 600 s"]),
    "less padding": ("padded_bytes = 256", "padded_bytes = 255", "theft_alarm", ["padding to 255 bytes"]),
    "rest longer": ('rest = "PT10M"', 'rest = "PT20M"', "tracking", []),
    "sums of no concern": ('"PT1H"\npadded', '"PT10M"\npadded', "tracking", []),
    "thinning of no concern": ("error_m = 20", "error_m = 19", "condition_monitoring", []),
}


@pytest.mark.parametrize("name", WIDER)
def test_what_tells_more_is_another_question(tmp_path: Path, name: str) -> None:
    """Whoever agreed to less is asked again, for the purposes that it concerns and no others."""
    old, new, purpose, expected = WIDER[name]
    assert old in THINNED
    before = load_policy(written(tmp_path, THINNED))
    after = load_policy(written(tmp_path, THINNED.replace(old, new, 1)))
    assert widened(before, after, purpose) == expected


def test_a_new_place_is_another_question_for_its_purpose(tmp_path: Path) -> None:
    """As is a larger one; a place less is none, nor is one for whom only positions are told."""
    two = load_policy(written(tmp_path, PLACED))
    one = load_policy(written(tmp_path, PLACED.replace("[[place]]" + PLACES.split("[[place]]")[2], "")))
    larger = load_policy(written(tmp_path, PLACED.replace("radius_m = 300", "radius_m = 301")))
    assert widened(one, two, "arrivals") == ["place 2"]
    assert widened(two, larger, "arrivals") == ["place 1"]
    assert widened(two, one, "arrivals") == widened(one, two, "tracking") == []


def test_wake_is_another_question(tmp_path: Path) -> None:
    """A sensor that ran for nobody runs now."""
    before = load_policy(written(tmp_path, THINNED.replace("wake = true\n", "")))
    after = load_policy(written(tmp_path, THINNED))
    assert (widened(before, after, "tracking"), widened(after, before, "tracking")) == (["wake"], [])


def test_a_policy_of_the_past_is_read_without_fields_of_today(tmp_path: Path) -> None:
    """Fields that streams got since are not in it, so not permitted; as a policy to serve under it has a gap."""
    old = POLICY.read_text("utf-8").replace('  "crash", "security", "update",\n', "")
    path = written(tmp_path, old)
    assert "status.crash is in no category" in {str(finding.message)[6:] for finding in lint(path)}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    kept = tmp_path / "archive"
    archive = PolicyArchive(kept)
    (kept / f"{digest}.toml").write_bytes(path.read_bytes())
    found = archive.by_hash(digest)
    assert found is not None and found.hash == digest
    assert "crash" not in found.rules_of_stream(Stream.STATUS)[0].fields


WITHOUT_POSITIONS = (
    ('"location.course"]', '"location.course", "location.lat", "location.lon"]'),
    ('fields = ["time", "lat", "lon", "quality"]', 'fields = ["time", "quality"]'),
    ('"position.lat", "position.lon"]', "]"),
)
HALVES = {
    "neither": WITHOUT_POSITIONS,
    "a latitude": (
        ('"location.course"]', '"location.course", "location.lon"]'),
        ('fields = ["time", "lat", "lon", "quality"]', 'fields = ["time", "lat", "quality"]'),
        (', "position.lon"]', "]"),
    ),
    "a longitude": (
        ('"location.course"]', '"location.course", "location.lat"]'),
        ('fields = ["time", "lat", "lon", "quality"]', 'fields = ["time", "lon", "quality"]'),
        ('"position.lat", ', ""),
    ),
}


def changed(text: str, changes: tuple[tuple[str, str], ...]) -> str:
    """The text with each of these replaced once."""
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("name", HALVES)
def test_a_rule_of_location_has_whole_positions_or_places(tmp_path: Path, name: str) -> None:
    """A receiver tells both numbers or nothing: a rule that lists less than both would have it run for what nobody may have."""
    findings = lint(written(tmp_path, changed(POLICY.read_text("utf-8"), HALVES[name])))
    assert [(finding.key, finding.message) for finding in findings] == [
        ("rule[0].fields", "a rule of location without whole positions or events of places")
    ]


@pytest.mark.parametrize("name", HALVES)
def test_a_policy_of_the_past_without_positions_stays_readable(tmp_path: Path, name: str) -> None:
    """Whoever consented under it must be able to see what it was; it opens no position any more."""
    path = written(tmp_path, changed(POLICY.read_text("utf-8"), HALVES[name]))
    [rule] = load_policy(path, past=True).rules_of_stream(Stream.LOCATION)
    assert not rule.has_whole_position


def test_the_quality_of_positions_is_never_left_out(tmp_path: Path) -> None:
    """Every position on the wire has one, so no policy says that it is not taken; events of places have none."""
    text = changed(
        POLICY.read_text("utf-8"),
        (('"location.course"]', '"location.course", "location.quality"]'), ('"lon", "quality"]', '"lon"]')),
    )
    [finding] = lint(written(tmp_path, text))
    assert (finding.key, finding.message) == ("collection.never[2]", "every position has its quality on the wire")
    position = PLACED[
        PLACED.index('[[rule]]\ncategory = "position"') : PLACED.index('[[rule]]\ncategory = "environment"')
    ]
    recipient = PLACED[PLACED.index("[[recipient]]") : PLACED.index("# Where the vehicle is")]
    places_alone = changed(
        PLACED, ((position, ""), (recipient, ""), ('["location.speed"', '["location.lat", "location.speed"'))
    )
    places_alone = places_alone.replace('"tracking", ', "").replace('["tracking"]', '["arrivals"]')
    never = places_alone.replace('never = ["', 'never = ["location.lon", "location.quality", "')
    assert lint(written(tmp_path, never)) == []


@pytest.mark.parametrize(
    ("cap", "least_m"), [("exact", 50), ("cell_100m", 50), ("cell_1km", 500), ("cell_10km", 5_000), ("region", 50_000)]
)
def test_no_place_is_narrower_than_the_finest_cell(tmp_path: Path, cap: str, least_m: int) -> None:
    """`location.precision` bounds places too: what is the finest that anyone may have is no finer for a circle."""
    text = PLACED.replace('precision = "cell_100m"', f'precision = "{cap}"')
    sound = text.replace("radius_m = 300", "radius_m = 50000").replace("radius_m = 50\n", f"radius_m = {least_m}\n")
    assert lint(written(tmp_path, sound)) == []
    if least_m > 50:
        short = sound.replace(f"radius_m = {least_m}\n", f"radius_m = {least_m - 1}\n")
        found = {finding.key: finding.message for finding in lint(written(tmp_path, short))}
        assert found.keys() == {f"place[{n}].radius_m" for n in ((0, 1) if least_m == 50_000 else (1,))}
        assert set(found.values()) == {f"a place narrower than a cell of location.precision ({cap})"}


@pytest.mark.parametrize("cap", ["country", "none"])
def test_without_positions_no_place_is_told(tmp_path: Path, cap: str) -> None:
    """No circle is as wide as a country."""
    found = lint(written(tmp_path, PLACED.replace('precision = "cell_100m"', f'precision = "{cap}"')))
    assert [finding.key for finding in found] == ["place[0].radius_m", "place[1].radius_m"]
