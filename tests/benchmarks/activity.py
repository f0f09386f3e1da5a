"""Still or moving: labelled recordings of an accelerometer around the simulated LIS2DH12, told apart by the firmware's driver
and its task of motion.

Each of STMicroelectronics' 61 recordings (38 s at 26 Hz, ±4 g; tests/data/accel) is played forwards and backwards, so that
it has no seam, for as long as the task needs to call it rest. Two questions are asked of each:

- `task`: is the device moving at the end, as the events of the stream `motion` have it (began, and not ended)?
- `seconds`: in how many of its seconds does the chip raise its pin?

The labels are still, walking and running; what leaves a device says only that motion began and ended, and of a knock.
"""

from __future__ import annotations

import asyncio
import csv
import io
import math
import tarfile
from pathlib import Path

from tests.unit.firmware import aes_provider

aes_provider.install()
from firmware.drivers.lis2dh12 import Lis2dh12  # noqa: E402
from tests.unit.firmware.sensing.bench import MOTION, START_S, Bench, SimBoard, micro  # noqa: E402 - AES must be there first

ARCHIVE = Path(__file__).parents[1] / "data" / "accel" / "stm-har.tar.xz"
RATE_HZ = 26.0  # README of the recordings
LABELS = ("stationary", "walking", "running")
WATCHED_S = 400  # more than three times what the task calls rest
QUICK_CLIPS = 3  # of each label

Vector = tuple[float, float, float]
Clip = list[Vector]


def clips() -> dict[str, list[Clip]]:
    """The recordings by label, mg on three axes."""
    found: dict[str, list[Clip]] = {label: [] for label in LABELS}
    with tarfile.open(ARCHIVE) as archive:
        for row in sorted(archive.getmembers(), key=lambda row: row.name):
            label = Path(row.name).parent.name
            stream = archive.extractfile(row) if row.name.endswith(".csv") else None
            if stream is not None:
                rows = csv.reader(io.TextIOWrapper(stream, "ascii"))
                found[label].append([(float(x), float(y), float(z)) for x, y, z in rows])
    return found


def world(clip: Clip) -> object:
    """The clip from START_S on, there and back again."""
    there_and_back = clip + clip[-2:0:-1]

    def sense(unix_s: float) -> Vector:
        return there_and_back[math.floor((unix_s - START_S) * RATE_HZ) % len(there_and_back)]

    return sense


def moving_by_task(clip: Clip) -> tuple[bool, bool, bool]:
    """By the events that leave: whether motion began at all, whether it goes on at the end, whether there was a knock."""
    bench = Bench()
    bench.board.motion.acceleration_mg = world(clip)  # type: ignore[assignment]

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=MOTION)
        await asyncio.sleep(WATCHED_S)
        bench.sensors.close()

    bench.run(story)
    events = [bits for _, bits in bench.motion()]
    told = [bit for bits in events for bit in ((1, 2) if bits & 3 == 3 else (bits & 3,)) if bit]
    return bool(told), bool(told) and told[-1] == 1, any(bits & 4 for bits in events)


def seconds_with_motion(clip: Clip) -> tuple[int, int]:
    """Seconds in which the pin went up, and all seconds of a clip."""
    board = SimBoard()
    board.motion.acceleration_mg = world(clip)  # type: ignore[assignment]
    seconds = int(len(clip) / RATE_HZ)

    async def story() -> int:
        chip = Lis2dh12(board)
        await chip.start()
        count = 0
        for _ in range(seconds):
            await asyncio.sleep(1)
            if board.motion_pin():
                count += chip.read()[0]
        return count

    return micro.run(story(), seconds + 5.0), seconds


def measure(*, quick: bool = False) -> dict[str, dict[str, int]]:
    """Counts by label."""
    table = {}
    for label, recordings in clips().items():
        chosen = recordings[:QUICK_CLIPS] if quick else recordings
        row = {"recordings": len(chosen), "told moving": 0, "told still": 0, "began at all": 0, "knocked": 0}
        row |= {"seconds with motion": 0, "seconds": 0}
        for clip in chosen:
            began, moving, knocked = moving_by_task(clip)
            row["told moving" if moving else "told still"] += 1
            row["began at all"] += began
            row["knocked"] += knocked
            flagged, seconds = seconds_with_motion(clip)
            row["seconds with motion"] += flagged
            row["seconds"] += seconds
        table[label] = row
    return table


def run(*, quick: bool = False) -> dict[str, object]:
    """The confusion matrix of still against moving, and its two rates."""
    table = measure(quick=quick)
    moved = [table["walking"], table["running"]]
    found = sum(row["told moving"] for row in moved) / sum(row["recordings"] for row in moved)
    calm = table["stationary"]["told still"] / table["stationary"]["recordings"]
    return {**table, "moving told moving": round(found, 3), "still told still": round(calm, 3)}
