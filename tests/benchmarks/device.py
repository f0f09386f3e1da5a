"""The whole chain in virtual time: speed, heap after each virtual hour, bytes a fix as they passed the wire."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from cloud_sync.model import Actor
from hw_sim.demo import story
from hw_sim.demo.stage import OPERATOR, SUBJECT, Stage, opened
from hw_sim.demo.steps.acts import ALL_PURPOSES
from hw_sim.interpreter.engine import SHIMS_HEAP_BYTES
from hw_sim.world.drive import Drive, Sample

HOURS = 6
HOUR_S = 3600


def run(*, quick: bool = False) -> dict[str, object]:
    """A recorded drive, driven to and fro for hours with a fix every ten seconds, at 192 KiB of heap."""
    hours = 1 if quick else HOURS
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), seed=1) as stage:
        stage.board.gnss.drive = _to_and_fro(stage.drive, hours + 1)
        stage.enrol()
        story.consent(stage, purposes=ALL_PURPOSES)
        stage.board.power_on()
        erases, began = stage.board.flash.erases, time.perf_counter()
        stage.board.run(for_s=hours * HOUR_S)
        took_s = time.perf_counter() - began
        return _figures(stage, hours, took_s, stage.board.flash.erases - erases)


def _figures(stage: Stage, hours: int, took_s: float, erases: int) -> dict[str, object]:
    fixes = stage.cloud.read_location(
        actor=Actor(OPERATOR, "controller"),
        purpose="tracking",
        subject=SUBJECT,
        start=stage.drive.start_unix_s,
        end=stage.world.clock.unix_s,
    )
    heap = [reading for reading in stage.board.heap if reading.at_s >= HOUR_S]  # the first is before the firmware loads
    # Less what the simulator's own modules take, which no chip has in its heap.
    used = [reading.used_bytes - SHIMS_HEAP_BYTES["esp32"] for reading in heap]
    publishes, publish_bytes = stage.network.up.publish[stage.up_topic]
    return {
        "virtual_hours": hours,
        "real_s": round(took_s, 2),
        "real_s_per_virtual_hour": round(took_s / hours, 2),
        "virtual_s_per_real_s": round(hours * HOUR_S / took_s),
        "fixes_read": len(fixes),
        "publish_packets": publishes,
        "whole_uplink_bytes_a_fix": round(publish_bytes / len(fixes), 2),
        "heap_bytes": stage.board.heap_bytes,
        "heap_free_after_each_hour": " ".join(str(reading.free_bytes) for reading in heap),
        "heap_peak_used_after_collection": max(used, default="not an hour yet"),
        "flash_erases_an_envelope": round(erases / publishes, 3),
    }


def _to_and_fro(drive: Drive, hours: int) -> Drive:
    """The drive, back, and again, without a stop."""
    length_s = drive.end_unix_s - drive.start_unix_s
    samples: list[Sample] = []
    for leg in range(int(hours * HOUR_S / length_s) + 1):
        for sample in drive.samples:
            way = sample.t_s - drive.start_unix_s
            at = way if leg % 2 == 0 else length_s - way
            samples.append(Sample(drive.start_unix_s + leg * length_s + at, sample.lat_deg, sample.lon_deg))
    return Drive(samples, "to and fro")
