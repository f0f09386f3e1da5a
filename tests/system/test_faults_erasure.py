"""Erasure and retention end to end: what is erased or has expired cannot be read, not from a restored copy either."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.audit import Kind as AuditKind
from cloud_sync.erasure.erase import Eraser
from cloud_sync.ingest.outcome import Kind
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, Leaf, StoredEnvelope, Stream
from cloud_sync.retention.passes import Passes
from cloud_sync.retention.sweep import SweepReport
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.expiry import opens
from hw_sim.network.net import Faults
from tests.system.rig import (
    BATCH,
    INTERVAL_S,
    LONGEST_PAUSE_S,
    a_drive,
    arrived,
    between_contacts,
    drain,
    fixes,
    incidents,
    locations,
    park,
    run,
    solutions,
    spooled,
    statuses,
)
from tests.system.test_faults_days import MIDNIGHT, night_drive

pytestmark = pytest.mark.micropython

STEP_S = 23 * 3600  # between two sweeps: the clock may leap by a day at most
TERM_DAYS = 90  # of positions in the demo's policy


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Stage]:
    """A drive with some envelopes in the store, between two contacts."""
    with a_drive(tmp_path) as stage:
        run(stage, 300, until_stored=5)
        between_contacts(stage)
        yield stage


def envelopes(stage: Stage) -> list[StoredEnvelope]:
    """Location envelopes in the store."""
    return stage.cloud.database.envelopes(stage.device, Stream.LOCATION, 0, MOST_EPOCH)


def leaves(stage: Stage) -> list[Leaf]:
    """Stored day keys of the personal streams."""
    return [
        leaf for stream in PERSONAL_STREAMS for leaf in stage.cloud._store.leaves(stage.device, stream, 0, MOST_EPOCH)
    ]


def opening(stage: Stage, copies: list[StoredEnvelope]) -> int:
    """How many of these envelopes, wherever a copy of them comes from, a key in the server's store opens; no tombstone is asked."""
    return sum(opens(stage, row.id.device, row.payload) for row in copies)


def copies_of(stage: Stage, folder: Path) -> list[Path]:
    """A backup of database and key store, made while the server is closed."""
    stage.close_server()
    folder.mkdir()
    paths = [Path(shutil.copy2(path, folder)) for path in (stage.config.database, stage.config.keys)]
    stage.open_server()
    return paths


def restore(stage: Stage, copies: list[Path]) -> None:
    """Put the backup in the place of what is there, and let a server open it."""
    stage.close_server()
    for copy in copies:
        target = stage.config.database.parent / copy.name
        for old in target.parent.glob(target.name + "-*"):
            old.unlink()
        shutil.copy2(copy, target)
    stage.open_server()


def test_erased_is_unreadable_here_and_in_every_copy(drive: Stage, tmp_path: Path) -> None:
    """No row, no key, nothing that opens; tombstones replayed over a restored backup leave nothing readable either."""
    copies, rows = copies_of(drive, tmp_path / "backup"), envelopes(drive)
    assert opening(drive, rows) == len(rows) >= 5
    receipt = drive.cloud.erase(subject=SUBJECT)
    assert receipt.envelopes >= len(rows)
    assert envelopes(drive) == leaves(drive) == fixes(drive) == []
    assert opening(drive, rows) == 0
    restore(drive, copies)
    assert envelopes(drive) == leaves(drive) == fixes(drive) == []
    assert opening(drive, rows) == 0
    replayed = drive.cloud.audit.entries(kind=AuditKind.RESTORE_REPLAYED.value)
    assert sum(entry.event.actor == "erasure" for entry in replayed) == 1
    files = list(drive.config.database.parent.glob("*.db*"))
    assert len(files) >= 3
    for row in rows:
        assert not any(row.payload in path.read_bytes() for path in files)


def test_a_server_that_does_not_replay_is_found_out(
    drive: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: without the replay the restored rows and keys are all there."""
    copies, rows = copies_of(drive, tmp_path / "backup"), envelopes(drive)
    drive.cloud.erase(subject=SUBJECT)
    monkeypatch.setattr(Eraser, "replay", lambda self: (0, 0))
    restore(drive, copies)
    assert len(envelopes(drive)) == len(rows)
    assert leaves(drive)


def test_an_erasure_that_leaves_the_keys_is_found_out(drive: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the rows are gone and tombstones stand, yet every copy from before still opens."""
    monkeypatch.setattr(LadderKeys, "destroy", lambda self, *span: 0)
    monkeypatch.setattr(LadderKeys, "destroy_all", lambda self, devices, stones=None: 0)
    rows = envelopes(drive)
    drive.cloud.erase(subject=SUBJECT)
    assert envelopes(drive) == []
    assert opening(drive, rows) == len(rows) >= 5


def test_late_envelopes_of_an_erased_day_are_closed_and_leave_the_spool(drive: Stage) -> None:
    """What the device captured before the erasure and sends after it: "closed", not stored, and the spool drains."""
    drive.network.fault = Faults(down=True)
    drive.board.run(for_s=300)
    park(drive)
    waiting = spooled(drive)
    assert waiting >= 5
    drive.cloud.erase(subject=SUBJECT)
    drive.network.fault = Faults()
    drive.board.run(for_s=LONGEST_PAUSE_S)
    drain(drive)
    assert drive.cloud.ingest.counts[Kind.CLOSED] >= waiting - 3
    assert envelopes(drive) == fixes(drive) == []
    assert incidents(drive) == []


def test_what_a_broker_was_made_to_retain_is_cleared_and_the_device_counts_no_forgery_for_it(drive: Stage) -> None:
    """Somebody's retained message greets the device in each contact; the erasure takes it away, and the device goes on."""
    drive.observer.inject(drive.down_topic, b"retained by somebody", retain=True)
    drive.board.run(for_s=120)
    before = statuses(drive)[-1].refused
    assert before >= 1
    drive.cloud.erase(subject=SUBJECT)
    drive.board.run(for_s=300)
    after = [report.refused for report in statuses(drive)]
    assert len(after) > 2 and after[-1] <= before + 1  # a contact may have begun just before
    assert after[-1] == after[-2]
    park(drive)
    drain(drive)
    assert spooled(drive) == 0


def test_late_envelopes_after_a_restore_are_closed_as_well(drive: Stage, tmp_path: Path) -> None:
    """The restored server is behind the device in all numbers: it catches up, and the spool drains."""
    copies = copies_of(drive, tmp_path / "backup")
    drive.board.run(for_s=200)
    drive.cloud.erase(subject=SUBJECT)
    drive.network.fault = Faults(down=True)
    drive.board.run(for_s=200)
    park(drive)
    restore(drive, copies)
    drive.network.fault = Faults()
    drive.board.run(for_s=LONGEST_PAUSE_S)
    drain(drive)
    assert envelopes(drive) == fixes(drive) == []
    assert drive.cloud.ingest.counts[Kind.CLOSED] >= 5


def test_a_device_goes_on_the_day_after_an_erasure(tmp_path: Path) -> None:
    """Erased is the day to its end; the next one is a new leaf, and its fixes are read."""
    with a_drive(tmp_path, drive=night_drive()) as stage:
        run(stage, 300, until_stored=3)
        stage.cloud.erase(subject=SUBJECT)
        assert locations(stage) == 0
        stage.board.run(until_s=MIDNIGHT + 300)
        times = [fix.time for fix in fixes(stage)]
        assert len(times) > 15
        assert min(times) >= MIDNIGHT


def test_a_drive_is_erased_up_to_now_and_goes_on(drive: Stage, tmp_path: Path) -> None:
    """What waits in the spool from before is dropped, what comes after is read, the rest of the day's keys are dead; and so
    from a backup of before.
    """
    copies, rows = copies_of(drive, tmp_path / "backup"), envelopes(drive)
    first = min(fix.time for fix in fixes(drive))
    drive.network.fault = Faults(down=True)
    drive.board.run(for_s=200)
    border = int(drive.clock.now())
    waiting = spooled(drive)
    assert waiting >= 3
    receipt = drive.cloud.erase(subject=SUBJECT, start=first + 20, end=border)
    assert receipt.envelopes + receipt.resealed >= len(rows)
    assert [fix.time for fix in fixes(drive)] == [first, first + 10]
    assert opening(drive, rows) == 0
    restore(drive, copies)
    assert [fix.time for fix in fixes(drive)] == [first, first + 10]
    assert opening(drive, rows) == 0
    drive.board.run(for_s=200)
    park(drive)
    drive.network.fault = Faults()
    drive.board.run(for_s=LONGEST_PAUSE_S)
    drain(drive)
    # The batch that was open at the border goes with it: it is sealed in one piece.
    assert drive.cloud.ingest.counts[Kind.ERASED] >= waiting - 1
    times = [fix.time for fix in fixes(drive)]
    after = [time for time in solutions(drive) if time >= border + BATCH * INTERVAL_S]
    assert len(after) > 5
    assert set(times) >= {first, first + 10, *after}
    assert not [time for time in times if first + 20 <= time < border]
    assert incidents(drive) == []


def sweep_until(stage: Stage, unix_s: float) -> list[SweepReport]:
    """Let virtual time pass with the board off, and sweep at least once a day."""
    clock, reports = stage.world.clock, []
    while clock.unix_s < unix_s:
        clock.advance_to(clock.us_of(min(unix_s, clock.unix_s + STEP_S)))
        reports.append(stage.cloud.sweep())
    return reports


def test_rows_and_keys_die_with_their_term(drive: Stage) -> None:
    """All is there to the last second of the first fix's term; then row after row dies with its key, at last the day."""
    arrived(drive)
    drive.board.cut_power()
    rows, term_s = envelopes(drive), TERM_DAYS * EPOCH_SECONDS
    captures = [row.oldest_capture for row in rows]
    reports = sweep_until(drive, captures[0] + term_s - 1)
    assert not any(report.halted or report.envelopes for report in reports)
    assert len(envelopes(drive)) == len(rows) == opening(drive, rows)
    half = len(rows) // 2
    sweep_until(drive, captures[half - 1] + term_s)
    assert [row.id for row in envelopes(drive)] == [row.id for row in rows[half:]]
    assert opening(drive, rows) == len(rows) - half
    assert len(fixes(drive)) > 0
    sweep_until(drive, captures[-1] + term_s)
    assert envelopes(drive) == fixes(drive) == []
    assert opening(drive, rows) == 0
    sweep_until(drive, captures[-1] + term_s + 2 * EPOCH_SECONDS)
    day = rows[0].id.epoch
    assert all(leaf.epoch > day for leaf in leaves(drive) if leaf.stream == Stream.LOCATION)
    assert drive.cloud.database.count_envelopes(drive.device, Stream.STATUS) > 0  # kept for twelve months


def test_a_sweep_that_forgets_the_keys_is_found_out(drive: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: rows that die without their keys leave copies that still open."""
    monkeypatch.setattr(Passes, "_move_past", lambda self, dead, done: None)
    monkeypatch.setattr(LadderKeys, "destroy", lambda self, *span: 0)
    drive.board.cut_power()
    rows = envelopes(drive)
    sweep_until(drive, rows[-1].oldest_capture + TERM_DAYS * EPOCH_SECONDS)
    assert envelopes(drive) == []
    assert opening(drive, rows) == len(rows)


def test_a_clock_that_leaps_destroys_nothing(drive: Stage) -> None:
    """Days beyond the last sweep: it halts and says so; with the clock right again all is as before."""
    drive.cloud.sweep()
    rows = envelopes(drive)
    for leap_days in (2, 100, 365):
        drive.clock.offset_s = leap_days * EPOCH_SECONDS
        report = drive.cloud.sweep()
        assert report.halted
        assert report.envelopes == report.leaves_destroyed == 0
    drive.clock.offset_s = 0
    assert not drive.cloud.sweep().halted
    assert opening(drive, rows) == len(rows) > 0
    arrived(drive)
