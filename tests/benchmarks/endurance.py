"""The heap over three days: every sensor, contacts, an outage, midnights and new directives, without growth.

`python -m tests.benchmarks endurance`. The firmware runs unmodified in the real interpreter at 192 KiB against a real broker;
what is free is read behind a collection, once an hour. What is open at that moment (a batch, a contact) comes and goes, so
growth is told by the least of many hours: the last twelve beside the first twelve.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hw_sim.network.broker import Broker
from hw_sim.world.drive import Drive, Sample
from tests.unit.firmware.app.conftest import START_S, Rigged

HOUR_S, DAY_S = 3600, 86_400
HOURS, QUICK_HOURS = 72, 4
SHOWN_HOURS = (1, 24, 48, 72)
ALL_SENSORS = 1 | 2 | 4 | 8
OUTAGE_H = (20, 26)  # of the network, in hours from the start: over no midnight, and behind the second it is over
DIRECTIVE_EACH_H = 7  # a new one that differs: the old one's objects must go
LOADED_BYTES = 64 * 1024  # in use once the firmware is: a reading at the start of a program comes before that
NOISE_BYTES = 4096  # what is open at the moment of a reading: a batch of 20 entries a stream, a contact's buffers


@dataclass(frozen=True)
class Endured:
    """Free bytes behind each virtual hour, as the interpreter and as the `status` envelopes told them, and what came of it."""

    free: dict[int, int]  # by hour; a device that slept deeply is read an hour after its wake
    told: tuple[int, ...]  # of all heartbeats
    fixes: int
    readings: int
    events: int
    starts: int
    lost: int
    epochs: int
    took_s: float

    def grown(self, span: int) -> int:
        """By how many bytes the least free heap of the last `span` hours lies below that of the first."""
        hours = sorted(self.free)
        return min(self.free[hour] for hour in hours[:span]) - min(self.free[hour] for hour in hours[-span:])


def run(*, quick: bool = False) -> dict[str, object]:
    """Free heap behind hour 1, 24, 48 and 72; quick: four hours."""
    hours = QUICK_HOURS if quick else HOURS
    with Broker.start() as broker:
        ended = endure(broker, hours)
    span = min(12, hours // 2)
    return {
        "virtual_hours": hours,
        "real_s": round(ended.took_s, 1),
        "heap_free": {f"hour {hour}": ended.free.get(hour) for hour in (*SHOWN_HOURS, hours) if hour <= hours},
        "heap_free_least_and_most": f"{min(ended.free.values())} {max(ended.free.values())}",
        "heap_free_after_each_hour": " ".join(str(free) for free in ended.free.values()),
        f"least_of_last_{span}_hours_below_first": ended.grown(span),
        "told_in_status_least_and_most": f"{min(ended.told)} {max(ended.told)}",
        "fixes": ended.fixes,
        "readings_of_temperature_and_light": ended.readings,
        "motion_entries": ended.events,
        "starts": ended.starts,
        "envelopes_lost": ended.lost,
        "epochs": ended.epochs,
    }


def endure(
    broker: Broker, hours: int, *, outage_h: tuple[float, float] = OUTAGE_H, each_h: int = DIRECTIVE_EACH_H
) -> Endured:
    """Run it for so long; a new directive each `each_h` hours, no network between the two hours of `outage_h`."""
    with Rigged(broker) as rigged:
        _furnish(rigged, hours)
        rigged.net.raise_on_timeout = False
        began = time.perf_counter()
        rigged.server.permit(1, **_directive(0))  # type: ignore[arg-type]
        for hour in range(hours):
            if hour and hour % each_h == 0:
                rigged.server.permit(1 + hour // each_h, **_directive(hour // each_h))  # type: ignore[arg-type]
            for part in range(4):
                rigged.net.fault.down = outage_h[0] <= hour + part / 4 < outage_h[1]
                rigged.run(HOUR_S / 4)
        rigged.net.fault.down = False
        rigged.run(HOUR_S / 4)  # what waits is told, and the last hour's reading taken
        return _endured(rigged, hours, time.perf_counter() - began)


def _endured(rigged: Rigged, hours: int, took_s: float) -> Endured:
    server = rigged.server
    loaded = [reading for reading in rigged.board.heap if reading.used_bytes > LOADED_BYTES]
    free = {round(reading.at_s / HOUR_S): reading.free_bytes for reading in loaded}
    return Endured(
        {hour: bytes_ for hour, bytes_ in free.items() if 1 <= hour <= hours},
        tuple(report.heap_free for report in server.statuses[2:]),
        len(server.fixes),
        len(server.readings),
        len(server.motion),
        server.statuses[-1].boots,
        server.statuses[-1].lost,
        len({number[2] for number in server.numbers}),
        took_s,
    )


def _directive(turn: int) -> dict[str, int]:
    """All four sensors; every other one asks for less, so that the next needs a challenge."""
    return {"sensors": ALL_SENSORS, "interval": 10 if turn % 2 == 0 else 15, "heartbeat": 600}


def _furnish(rigged: Rigged, hours: int) -> None:
    """The demo's track to and fro; a day's warmth and light; shaken for a minute in each quarter of an hour."""
    track = Drive.demo()
    length_s = track.end_unix_s - track.start_unix_s
    samples = []
    for at_s in range(0, (hours + 2) * HOUR_S, 10):
        laps, way = divmod(at_s, length_s)
        there = track.at(track.start_unix_s + (way if laps % 2 == 0 else length_s - way))
        samples.append(Sample(START_S + at_s, there.lat_deg, there.lon_deg))
    rigged.board.gnss.drive = Drive(samples, "to and fro")
    sensors = rigged.board.sensors
    sensors["temperature"].temperature_c = lambda unix_s: 10.0 + abs(unix_s % DAY_S - DAY_S / 2) / 3600  # type: ignore[attr-defined]
    sensors["light"].illuminance_lx = lambda unix_s: unix_s % DAY_S / 20  # type: ignore[attr-defined]
    sensors["motion"].acceleration_mg = lambda unix_s: (  # type: ignore[attr-defined]
        500.0 if unix_s % 900 < 60 and int(unix_s * 10) % 2 else 0.0,
        0.0,
        1000.0,
    )
