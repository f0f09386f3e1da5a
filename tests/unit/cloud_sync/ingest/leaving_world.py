"""Policies under which events of places, or sums of intervals, leave in place of positions and readings."""

from __future__ import annotations

from pathlib import Path

from cloud_sync.model import PlaceChange, PlaceEvent, Reading, Sensor, Stream
from cloud_sync.wire import batch, readings
from tests.unit.cloud_sync.ingest.ingest_world import POLICY, TODAY, Tracker

DEPOT, YARD = 1, 2
PLACES = """
[[place]]
id = 1
name = "Depot North"
lat = 55.676
lon = 12.568
radius_m = 300

[[place]]
id = 2
name = "Yard"
lat = -18.0
lon = -78.5
radius_m = 50
"""
ARRIVALS = """
[[rule]]
category = "visits"
stream = "location"
sensors = ["gnss"]
fields = ["time", "place", "event"]
purpose = ["arrivals"]
basis = "consent"
retention = "P90D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true
"""


def text_with_places() -> str:
    """The demo's policy with two places and a purpose of their own, `arrivals`, beside `tracking`."""
    text = POLICY.read_text("utf-8").replace('"theft_alarm"', '"theft_alarm", "arrivals"')
    motion = text[text.index('[[rule]]\ncategory = "motion"') : text.index('[[rule]]\ncategory = "contact"')]
    return text.replace(motion, motion.replace(', "arrivals"', "")) + PLACES + ARRIVALS


def text_with_device(lines: str) -> str:
    """The demo's policy with more keys of `[device]`."""
    return POLICY.read_text("utf-8").replace('lease = "P30D"', f'{lines}\nlease = "P30D"', 1)


def written(directory: Path, text: str) -> Path:
    """A policy file."""
    path = directory / "leaving.toml"
    path.write_text(text, "utf-8")
    return path


def visits(tracker: Tracker, events: list[tuple[int, int, PlaceChange]], version: int = 1) -> bytes:
    """A location envelope of (Unix second, place, entered or left)."""
    plaintext = batch.pack_places([PlaceEvent(*event) for event in events], TODAY)
    return tracker.seal(plaintext, stream=Stream.LOCATION, version=version)


def sums(tracker: Tracker, span_s: int, rows: list[Reading], version: int = 1) -> bytes:
    """An environment envelope of sums; its sensors are those that the first row has."""
    sensors = Sensor.TEMPERATURE * (rows[0].temperature is not None) | Sensor.LIGHT * (rows[0].light is not None)
    plaintext = readings.pack_sums(sensors, span_s, rows, TODAY)
    return tracker.seal(plaintext, stream=Stream.ENVIRONMENT, version=version)
