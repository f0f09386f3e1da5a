"""Bytes of PUBLISH packets a fix, on recorded drives with receiver noise, beside what peers send.

The envelopes are sealed by cloud_sync's encoder, which the conformance vectors hold to the firmware's byte for byte,
and packed by the firmware's own MQTT code. CONNECT and downlink are apart. The recordings sample every 5 to 25 s;
between samples the vehicle moves evenly, which flatters the figures, so speed and course get noise as position does.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from pathlib import Path

from cloud_sync.model import EPOCH_SECONDS, Fix, Header, Precision, Stream
from cloud_sync.wire import batch, envelope
from firmware.link import packets
from hw_sim.chips.noise import Noise
from hw_sim.world.drive import Drive

DATA = Path(__file__).parents[1] / "data" / "trajectories"
DRIVES = {
    "bus in a city, 58 min": lambda: Drive.from_file(DATA / "liverpool_bus_route14.csv", trip_id="1105"),
    "car, 9 min": lambda: Drive.from_file(DATA / "around-visnjan-with-car.gpx"),
    "around a lake, 120 min": lambda: Drive.from_file(DATA / "cerknicko-jezero.gpx"),
}
INTERVAL_S = 10
BATCHES = (1, 5, 20)
DEVICE = "abcdefghijklmnop"
SPEED_SIGMA_M_S, COURSE_SIGMA_DEG = 0.1, 1.0  # twice what the MAX-M10S data sheet, table 1, gives as accuracy
METRES_A_DEGREE = 111_195.0  # mean sphere

# reference figures, bytes a fix; sources: DESIGN 3 and the peers' code and documents, 2026
PEERS = {
    "OwnTracks, encrypted": "219-407",
    "Teltonika": "45",
    "Nordic protobuf, not encrypted": "65",
    "Meshtastic packet": "40",
    "Notecard template": "17",
}


def run(*, quick: bool = False) -> dict[str, object]:
    """Bytes a fix by drive and batch size: time, position at 1e-5° and quality; with speed and course; and as cells."""
    figures: dict[str, object] = {}
    for name, load in DRIVES.items():
        fixes = list(_fixes(load()))
        for label, precision, side in (
            ("exact", Precision.EXACT, False),
            ("exact + speed, course", Precision.EXACT, True),
            ("cell_100m", Precision.CELL_100M, False),
        ):
            figures[f"{name}; {label}"] = {
                f"batch {size}": round(_bytes_a_fix(fixes, precision, size, side=side), 2) for size in BATCHES
            }
        if quick:
            break
    figures["peers, bytes a fix"] = dict(PEERS)
    return figures


def _fixes(drive: Drive) -> Iterator[Fix]:
    """What a receiver would tell every ten seconds, in one epoch."""
    rng = random.Random(1)
    noise = Noise(rng)
    for second in range(0, int(drive.end_unix_s - drive.start_unix_s) + 1, INTERVAL_S):
        truth, error = drive.at(drive.start_unix_s + second), noise.at(second)
        lat = truth.lat_deg + error.north_m / METRES_A_DEGREE
        lon = truth.lon_deg + error.east_m / METRES_A_DEGREE / math.cos(math.radians(truth.lat_deg))
        quality = max(0, math.ceil(math.log2(error.h_acc_m)))
        speed = max(0, round((truth.speed_m_s + rng.gauss(0, SPEED_SIGMA_M_S)) * 10))
        course = round(truth.course_deg + rng.gauss(0, COURSE_SIGMA_DEG)) % 360
        yield Fix(36_000 + second, round(lat * 1e7), round(lon * 1e7), Precision.EXACT, quality, speed, course)


def _bytes_a_fix(fixes: list[Fix], precision: Precision, size: int, *, side: bool) -> float:
    whole = fixes[: len(fixes) // size * size]
    sent = 0
    for counter, start in enumerate(range(0, len(whole), size)):
        chosen = [
            f if side else Fix(f.time, f.lat_e7, f.lon_e7, f.precision, f.quality) for f in whole[start : start + size]
        ]
        epoch = 20_480  # a day of 2026: the size of its number on the wire is what counts
        moved = [Fix(f.time + epoch * EPOCH_SECONDS, *_rest(f)) for f in chosen]
        plaintext = batch.pack_location(precision, moved, epoch)
        sealed = envelope.seal_uplink(
            DEVICE, Header(0, Stream.LOCATION, epoch, counter, 7), b"\1\2\3\4", bytes(32), plaintext
        )
        sent += len(packets.publish(counter + 1, f"bl/1/{DEVICE}/up", sealed))
    return sent / len(whole)


def _rest(fix: Fix) -> tuple[int, int, Precision, int, int | None, int | None]:
    return fix.lat_e7, fix.lon_e7, fix.precision, fix.quality, fix.speed_dm_s, fix.course_deg
