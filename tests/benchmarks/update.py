"""An update over the air: how long a release takes, what crosses the link for it, what the flash suffers, and its charge.

The demo's board, server and broker; the release is the firmware of these sources under another version, so nearly all of it
is what runs already. Virtual time passes in the device's own waits and in flash operations; computing takes none, so the
signature (`seals`: one verification) and unpacking come on top of it on a chip.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hw_sim.demo import story
from hw_sim.demo.stage import Stage, opened
from tests.system.releases import Tap, enrol, offer, signed, told

MOST_S = 6 * 3600
SLOW_MS = 600  # each chunk waits for it once; a round trip over LTE-M in poor coverage takes about as long
BEFORE_S = 900  # behind the consent: the first contacts are over


def run(*, quick: bool = False) -> dict[str, object]:
    """From the offer to the release that is confirmed: into a slot that is blank, and (not quick) into one that was used."""
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), seed=1) as stage:
        enrol(stage)
        story.consent(stage)
        stage.board.power_on()
        stage.board.run(for_s=BEFORE_S)
        tap = Tap(stage.network)
        figures: dict[str, object] = {"into a blank slot": _update(stage, tap, "9.0.0")}
        if not quick:
            _update(stage, tap, "9.1.0")  # into the other slot
            figures["over an older release"] = _update(stage, tap, "9.2.0")
            stage.network.fault.latency_ms = SLOW_MS
            figures[f"the same, {SLOW_MS} ms from the broker"] = _update(stage, tap, "9.3.0")
        return figures


def _update(stage: Stage, tap: Tap, version: str) -> dict[str, object]:
    release, board = signed(version), stage.board
    tap.came.clear()
    began, mark = time.perf_counter(), board.meter.mark()
    offered_s, worn = _now_s(stage), _erases(stage)
    offer(stage, tap, release)
    first_s = _until(stage, lambda: bool(tap.came))
    fetched_s = _until(stage, lambda: len(set(tap.came)) > release.manifest.chunks)  # chunk 0 is the manifest
    confirmed_s = _until(stage, lambda: told(stage).done)
    chunks = {topic: stage.network.down.publish[topic] for topic in set(tap.came)}
    report = board.meter.since(mark)
    erases = {label: n - worn[label] for label, n in _erases(stage).items() if n > worn[label]}
    return {
        "image_bytes": release.manifest.size,
        "chunks": release.manifest.chunks,
        "publish_bytes_of_chunks": sum(size for _, size in chunks.values()),
        "chunks_that_came_twice": sum(count - 1 for count, _ in chunks.values()),
        "offer_to_first_chunk_s": round(first_s - offered_s, 1),
        "fetching_s": round(fetched_s - first_s, 1),
        "last_chunk_to_confirmed_s": round(confirmed_s - fetched_s, 1),
        "flash_erases": erases,
        "sectors_of_the_image": -(-release.manifest.size // board.flash.sector_bytes),
        "charge_mc_with_sensing": round(report.millicoulomb),
        "real_s": round(time.perf_counter() - began, 1),
    }


def _now_s(stage: Stage) -> float:
    return stage.world.clock.unix_s


def _until(stage: Stage, holds: Callable[[], bool]) -> float:
    stage.board.run(for_s=MOST_S, until=holds)
    if not holds():
        raise RuntimeError(f"the update did not get so far within {MOST_S} s\n{stage.board.console.tail()}")
    return _now_s(stage)


def _erases(stage: Stage) -> dict[str, int]:
    sector = stage.board.flash.sector_bytes
    return {
        part.label: sum(stage.board.flash.wear[part.offset // sector : (part.offset + part.size) // sector])
        for part in stage.board.partitions.values()
    }
