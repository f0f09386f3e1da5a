"""A server whose policy lets positions step down, days of drives in it, and what is left of them: what tests of steps share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cloud_sync.model import EPOCH_SECONDS, RESEALED, Fix, Precision, Stream
from cloud_sync.retention.sweep import SweepReport
from cloud_sync.wire.batch import pack_location, unpack_location
from cloud_sync.wire.fields import MOST_EPOCH
from tests.unit.cloud_sync.erasure.parts_world import opened
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, FakeClock, Tracker, World

DAY = EPOCH_SECONDS
MIDNIGHT = TODAY * DAY
L = Stream.LOCATION
FINE, COARSE = 30 * DAY, 90 * DAY  # terms of cell_100m and cell_1km; cell_10km stays for twelve months
STEPS = """after = "step_down"
[[rule.step]]
precision = "cell_1km"
retention = "P90D"
[[rule.step]]
precision = "cell_10km"
retention = "P12M"
"""
# What a device may have told; and each of its fixes, so that nothing is compared that is not there.
LAT_E7, LON_E7, STEP_E7 = 556_761_000, 125_683_000, 7_000


def policy(directory: Path, steps: str = STEPS, text: str | None = None) -> Path:
    """The demo's policy with a term of 30 days for what is fine, and these steps after it."""
    text = text or POLICY.read_text("utf-8")
    start = text.index('category = "position"')
    rule = text[start : text.index("[[rule]]", start)]
    fine = rule.replace('retention = "P90D"', 'retention = "P30D"').replace('after = "delete"\n', "")
    path = directory / "steps.toml"
    path.write_text(text.replace(rule, fine.rstrip() + "\n" + steps + "\n"), "utf-8")
    return path


def made(directory: Path, clock: FakeClock | None = None, policy_file: Path | None = None) -> World:
    """A server on the files of a directory."""
    directory.mkdir(exist_ok=True)
    return World(directory, clock, policy_file or policy(directory.parent))


def tracked(world: World) -> Tracker:
    """A device whose person agreed, and a first sweep."""
    world.clock.at = float(MIDNIGHT - 600)
    tracker = world.enrol(first_epoch=TODAY - 1)
    world.consent()
    world.sweeper.sweep()
    world.clock.at = NOON
    return tracker


def drive(times: Iterable[int]) -> list[Fix]:
    """Fixes that move 700 m from one to the next, each somewhere else."""
    return [
        Fix(time, LAT_E7 + n * STEP_E7, LON_E7 + n * STEP_E7, Precision.CELL_100M, 8) for n, time in enumerate(times)
    ]


def sealed(tracker: Tracker, fixes: Sequence[Fix], batch: int = 5) -> list[bytes]:
    """Envelopes of so many fixes each, at the precision that the policy permits."""
    epoch = fixes[0].time // DAY
    parts = [fixes[first : first + batch] for first in range(0, len(fixes), batch)]
    return [tracker.seal(pack_location(Precision.CELL_100M, part, epoch), epoch=epoch) for part in parts]


def taken(world: World, tracker: Tracker, payloads: Sequence[bytes], at: float) -> list[str]:
    """How ingest ended for each, at that time."""
    now, world.clock.at = world.clock.at, at
    outcomes = world.take(tracker, *payloads)
    world.clock.at = now
    return [str(outcome.kind) for outcome in outcomes]


def sweep_at(world: World, at: float) -> SweepReport:
    """Sweep at a time that a person has confirmed."""
    world.clock.at = at
    return world.sweeper.sweep(clock_confirmed=True)


def left(world: World, tracker: Tracker) -> list[Fix]:
    """All fixes that open from the stores, without any gate, in order of time."""
    rows = world.database.envelopes(tracker.name, L, 0, MOST_EPOCH)
    return sorted(
        (fix for row in rows for fix in unpack_location(opened(world, row), row.id.epoch)),
        key=lambda fix: (fix.time, fix.lat_e7, fix.lon_e7),
    )


def keys(world: World, tracker: Tracker) -> list[tuple[int, bool]]:
    """(epoch, whether the server made it) of the stored day keys of positions."""
    leaves = world.store.leaves(tracker.name, L, 0, MOST_EPOCH)
    return [(leaf.epoch, leaf.generation >= RESEALED) for leaf in leaves]


def coarse(fixes: Iterable[Fix], precision: Precision) -> list[Fix]:
    """What a device would have told of these at that precision: one a time step, the first of it."""
    found: dict[int, Fix] = {}
    for fix in fixes:
        [told] = unpack_location(pack_location(precision, [fix], fix.time // DAY), fix.time // DAY)
        found.setdefault(told.time, told)
    return list(found.values())
