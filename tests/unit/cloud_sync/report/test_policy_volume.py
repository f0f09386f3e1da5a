"""Volumes of the notice: measured bytes, the settings of the directive, and what the device may really send."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from cloud_sync.model import Precision, Stream
from cloud_sync.policy import load_policy
from cloud_sync.report.device import device_json
from cloud_sync.report.volume import Measured, Volume, finest, measured, volumes
from tests.benchmarks import wire_bytes
from tests.unit.cloud_sync.ingest.leaving_world import text_with_places
from tests.unit.cloud_sync.policy.policy_world import DEMO, TEXT, changed, loaded, rich


@cache
def taken() -> Mapping[str, object]:
    """What the benchmark measures."""
    return wire_bytes.run()


def test_the_figures_are_those_that_the_benchmark_measures() -> None:
    """wire_bytes.toml holds what the wire's own encoder makes of the recordings, stream by stream."""
    figures = {**taken()}
    around = figures.pop("around")
    stated = {name: (each.envelope, each.reading) for name, each in measured().items()}
    assert stated == {
        name: (each["envelope"], each.get("reading_tenths", 0) / 10)
        for name, each in figures.items()
        if isinstance(each, dict)
    }
    assert f'"around" = {around}\n' in Path("cloud_sync/report/wire_bytes.toml").read_text("utf-8")


def of(stream: Stream, text: str, tmp_path: Path) -> Volume:
    """The volume of one stream under a policy."""
    (found,) = (each for each in volumes(loaded(tmp_path, text)) if each.stream is stream)
    return found


def test_the_demo_sends_what_its_directive_lets_it() -> None:
    """A fix in ten seconds, twenty an envelope: 8,640 fixes in 432 envelopes a day, at the measured bytes."""
    by_stream = {each.stream: each for each in volumes(load_policy(DEMO))}
    location = by_stream[Stream.LOCATION]
    each = measured()["location.cell_100m"]
    assert (location.every_s, location.readings_day, location.envelopes_day) == (10, 8640, 432)
    assert location.bytes_day == pytest.approx(432 * each.of(20), abs=1)
    assert location.bytes_hour == pytest.approx(18 * each.of(20), abs=1)
    environment, motion, status = (by_stream[each] for each in (Stream.ENVIRONMENT, Stream.MOTION, Stream.STATUS))
    assert (environment.every_s, environment.readings_day, environment.envelopes_day) == (60, 1440, 144)
    assert (motion.every_s, motion.least_s) == (0, 60)
    assert (status.readings_day, status.bytes_day) == (96, 96 * measured()["status"].envelope)


# name: (old, new, stream, readings a day, envelopes a day)
SETTINGS = {
    "a longer interval": ('"PT10S"', '"PT5M"', Stream.LOCATION, 288, 144),
    "a batch that closes by its age": ('batch_age = "PT10M"', 'batch_age = "PT1M"', Stream.LOCATION, 8640, 1440),
    "one fix an envelope": ("batch = 20 ", "batch = 1 ", Stream.LOCATION, 8640, 8640),
    "sums of an hour": ('lease = "P30D"', 'aggregate = "PT1H"\nlease = "P30D"', Stream.ENVIRONMENT, 24, 24),
    "more reports": ('heartbeat = "PT15M"', 'heartbeat = "PT5M"', Stream.STATUS, 288, 288),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_change_the_volume(tmp_path: Path, name: str) -> None:
    """Each setting by itself: interval, age, batch, sums, heartbeat."""
    old, new, stream, readings, envelopes = SETTINGS[name]
    volume = of(stream, changed(old, new), tmp_path)
    assert (volume.readings_day, volume.envelopes_day) == (readings, envelopes)


def test_coarse_positions_come_in_their_time_steps(tmp_path: Path) -> None:
    """A cell of a kilometre has one position a minute at most, and every sensor the step that goes with it."""
    coarse = TEXT.replace('precision = "cell_100m"', 'precision = "cell_10km"')
    assert of(Stream.LOCATION, coarse, tmp_path).every_s == 600
    assert of(Stream.ENVIRONMENT, coarse, tmp_path).every_s == 600
    assert finest(loaded(tmp_path, coarse)) is Precision.CELL_10KM


def test_the_finest_rule_counts(tmp_path: Path) -> None:
    """A device sends as finely as the finest purpose needs."""
    assert finest(loaded(tmp_path, rich())) is Precision.CELL_100M


def test_padded_batches_are_all_of_one_size(tmp_path: Path) -> None:
    """Padding sets a floor under every envelope of a personal stream, and none under a status."""
    padded = changed('lease = "P30D"', 'padded_bytes = 512\nlease = "P30D"')
    around = taken()["around"]
    assert isinstance(around, int)
    assert of(Stream.LOCATION, padded, tmp_path).bytes_day == 432 * (512 + around)
    assert of(Stream.STATUS, padded, tmp_path) == of(Stream.STATUS, TEXT, tmp_path)


def test_side_fields_cost_bytes(tmp_path: Path) -> None:
    """Speed and course beside exact positions are measured apart."""
    exact = TEXT.replace('precision = "cell_100m"', 'precision = "exact"')
    with_speed = changed('never = ["location.speed", "location.course"]', "never = []", exact)
    with_speed = changed('"lon", "quality"]', '"lon", "quality", "speed", "course"]', with_speed)
    assert of(Stream.LOCATION, with_speed, tmp_path).bytes_day > 1.4 * of(Stream.LOCATION, exact, tmp_path).bytes_day


def test_events_of_places_are_events(tmp_path: Path) -> None:
    """Without a position there is no interval to tell: what happens is told, at most one a minute."""
    text = text_with_places()
    rule = text[text.index('[[rule]]\ncategory = "position"') : text.index("# How the load fares")]
    only = text.replace(rule, "").replace('"position.time", "position.lat", "position.lon"', "")
    only = only.replace('"tracking", ', "").replace(
        '[[roles.controller]]\nactions = ["disclose"]\npurposes = ["tracking"]\n', ""
    )
    never = 'never = ["location.lat", "location.lon", "location.quality", "location.speed", "location.course"]'
    only = only.replace('never = ["location.speed", "location.course"]', never)
    volume = of(Stream.LOCATION, only, tmp_path)
    assert (volume.every_s, volume.least_s) == (0, 60)


def test_a_stream_that_no_rule_feeds_is_not_told_of(tmp_path: Path) -> None:
    """The notice of a device without a motion sensor says nothing about motion."""
    start, end = TEXT.index('[[rule]]\ncategory = "motion"'), TEXT.index("# The device about itself")
    text = (TEXT[:start] + TEXT[end:]).replace(', "theft_alarm"', "")
    text = text.replace('never = ["', 'never = ["motion.time", "motion.motion", "')
    told = device_json(loaded(tmp_path, text))
    assert [each["stream"] for each in told] == ["location", "environment", "status"]


def test_an_envelope_of_more_readings_is_larger() -> None:
    """Each further reading costs its part; one reading costs the envelope."""
    each = Measured(80, 2.5)
    assert (each.of(1), each.of(3)) == (80, 85)
