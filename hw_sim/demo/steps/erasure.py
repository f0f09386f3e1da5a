"""Step g: one person is erased, yesterday's backup is put back, and another person deletes a Tuesday."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from whenever import Instant, ZonedDateTime

from cloud_sync.audit import Kind
from cloud_sync.model import Fix, Stream
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.acts import (
    OPERATOR_ACTOR,
    consent,
    drain,
    drive_again,
    hold_button,
    run_for,
)
from hw_sim.demo.steps.expiry import opens
from hw_sim.demo.steps.outcome import Outcome, Progress

OTHER = "person-2"
ZONE = "Europe/Copenhagen"
TUESDAY = 2
LEAD_S = 1800  # the other person's drives begin so long before the local midnights
DRIVE_S = 3600
FIRST_DRIVE_S = 1500  # of the first person
HOUR_S = 3600

Copy = tuple[str, bytes]  # device, envelope as the broker saw it


def erasure(stage: Stage, progress: Progress) -> Outcome:
    """g. One person erased, yesterday's backup put back: nothing of them opens. Another deletes a local Tuesday, exactly."""
    out = Outcome("g", "erasure, a restored backup, and a deleted Tuesday")
    start, end = _next_tuesday(stage)
    first = _drive(stage, start - 3 * HOUR_S, FIRST_DRIVE_S)
    progress(0.2)
    stage.another_tracker(OTHER)
    stage.enrol()
    consent(stage, OTHER)
    _drive(stage, start - LEAD_S, DRIVE_S)
    progress(0.4)
    other = _drive(stage, end - LEAD_S, DRIVE_S)
    progress(0.6)
    stage.pass_time(end + 6 * HOUR_S)
    backup = _back_up(stage)
    stage.pass_time(end + 30 * HOUR_S)
    before = _Counts.of(stage, first, other)
    receipt = stage.cloud.erase(subject=SUBJECT)
    stage.on_event("one person erased")
    in_backup = _put_back(stage, backup, first[0][0])
    stage.on_event("yesterday's backup restored")
    after = _Counts.of(stage, first, other)
    replayed, served = _order_in_the_log(stage)
    progress(0.8)
    all_fixes = _fixes(stage, OTHER)
    inside = {fix.time for fix in all_fixes if start <= fix.time < end}
    stage.cloud.erase(subject=OTHER, start=start, end=end)
    stage.on_event("a Tuesday deleted")
    left = _fixes(stage, OTHER)
    out.figures = {
        "erased_envelopes": receipt.envelopes,
        "erased_keys": receipt.leaves,
        "in_the_restored_files": in_backup,
        "of_the_erased_that_open": f"{before.first} before, {after.first} after",
        "of_the_other_that_open": f"{before.other} before, {after.other} after",
        "replayed_before_the_first_read": replayed >= 0 and replayed < served,
        "local_day": str(Instant.from_timestamp(round(start)).to_tz(ZONE).date()) + f" in {ZONE}",
        "fixes_of_the_other": len(all_fixes),
        "on_that_day": len(inside),
        "left_on_that_day": sum(fix.time in inside for fix in left),
        "left_on_other_days": f"{sum(fix.time not in inside for fix in left)}/{len(all_fixes) - len(inside)}",
    }
    out.check(before.first > 0 and before.other > 0 and in_backup > 0, "there was nothing to erase or to restore")
    out.check(after.first == 0, "an erased envelope opens after the restore")
    out.check(after.other == before.other, "the other person lost something")
    out.check(0 <= replayed < served, "something was served before the tombstones were replayed")
    out.check(0 < len(inside) < len(all_fixes), "the drives do not cross the local midnights")
    out.check(left == [fix for fix in all_fixes if fix.time not in inside], "not exactly the Tuesday is gone")
    progress(1.0)
    return out


@dataclass(frozen=True)
class _Counts:
    """Copies at the broker that the server's keys open, of the erased and of the other person."""

    first: int
    other: int

    @classmethod
    def of(cls, stage: Stage, first: list[Copy], other: list[Copy]) -> _Counts:
        return cls(sum(opens(stage, *copy) for copy in first), sum(opens(stage, *copy) for copy in other))


def _next_tuesday(stage: Stage) -> tuple[float, float]:
    """The first local Tuesday that begins more than a day from now, as Unix seconds from its midnight to the next."""
    day = Instant.from_timestamp(round(stage.world.clock.unix_s)).to_tz(ZONE).date().add(days=2)
    while day.day_of_week().value != TUESDAY:
        day = day.add(days=1)
    start, end = (
        ZonedDateTime(each.year, each.month, each.day, tz=ZONE).timestamp() for each in (day, day.add(days=1))
    )
    return float(start), float(end)


def _drive(stage: Stage, start: float, seconds: float) -> list[Copy]:
    """Power on at `start`, drive, park; what the broker saw of this device's positions, all of it."""
    stage.pass_time(start)
    drive_again(stage)
    stage.board.power_on()
    run_for(stage, seconds, lambda done: None)
    hold_button(stage)  # parked: the open batch is sealed
    drain(stage)
    hold_button(stage)
    stage.board.cut_power()
    return [(stage.device, payload) for payload in stage.observer.uplinks(stage.up_topic, Stream.LOCATION)]


def _back_up(stage: Stage) -> list[Path]:
    """Copies of database and key store, made while the server is closed."""
    stage.close_server()
    folder = stage.config.folder / "backup"
    folder.mkdir()
    copies = [Path(shutil.copy2(path, folder)) for path in (stage.config.database, stage.config.keys)]
    stage.open_server()
    stage.on_event("backup")
    return copies


def _put_back(stage: Stage, copies: list[Path], device: str) -> int:
    """Restore the copies and let a server open them; how many envelopes of the device the copies hold."""
    stage.close_server()
    for copy in copies:
        target = stage.config.folder / copy.name
        for old in target.parent.glob(target.name + "-*"):
            old.unlink()
        shutil.copy2(copy, target)
    query = "SELECT count(*) FROM envelope JOIN device ON device.no = envelope.device_no WHERE device = ?"
    with closing(sqlite3.connect(f"file:{copies[0]}?mode=ro", uri=True)) as raw:
        count = int(raw.execute(query, (device,)).fetchone()[0])
    stage.open_server()
    return count


def _order_in_the_log(stage: Stage) -> tuple[int, int]:
    """(entry that says that tombstones were replayed, entry of a read made now); −1 if there is no replay on record."""
    _fixes(stage, OTHER)
    replayed = [e.index for e in stage.cloud.audit.entries(kind=Kind.RESTORE_REPLAYED) if e.event.actor == "erasure"]
    served = stage.cloud.audit.entries(kind=Kind.GATE_ALLOWED)[-1].index
    return (replayed[0] if replayed else -1), served


def _fixes(stage: Stage, subject: str) -> list[Fix]:
    return stage.cloud.read_location(
        actor=OPERATOR_ACTOR, purpose="tracking", subject=subject, start=0, end=stage.world.clock.unix_s
    )
