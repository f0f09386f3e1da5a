"""A disk that is full, by the spool itself or by others: what the broker has is deleted all the same, and the room comes back."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.gateway.ballast import BALLAST_BYTES, Ballast
from agent.gateway.medium import RESERVE_BYTES
from agent.gateway.spool import Spool, Taken
from tests.unit.agent.gateway.bench import MIB, A, B, Clock, drained, spool_at
from tests.unit.agent.gateway.test_spool_faults import FULL, Broken


class SmallDisk:
    """A folder on a disk of so many bytes, `others` of them taken by somebody else: statvfs(3) says what is free."""

    def __init__(self, folder: Path, size: int, patch: pytest.MonkeyPatch) -> None:
        self.folder, self.size, self.others = folder, size, 0
        patch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_bavail=max(0, self.free) // 4096, f_frsize=4096))

    @property
    def free(self) -> int:
        """Bytes."""
        return self.size - self.others - sum(each.stat().st_size for each in self.folder.glob("spool/*"))


class NothingFree(Broken):
    """A connection on a disk that takes nothing, but in the room where the ballast was."""

    def __init__(self, spool: Spool) -> None:
        assert spool.medium.db is not None
        super().__init__(spool.medium.db, FULL, "COMMIT")
        self.ballast = Ballast(spool.path)
        spool.medium.db = self  # type: ignore[assignment]

    def execute(self, statement: str, *values: Any) -> Any:
        """sqlite3.Connection."""
        return super().execute(statement, *values) if self.ballast.laid else self.db.execute(statement, *values)


def filled(spool: Spool, n: int) -> list[tuple[str, bytes]]:
    """So many envelopes of 1000 bytes, committed."""
    envelopes = [(A, k.to_bytes(1000, "big")) for k in range(n)]
    for device, envelope in envelopes:
        assert spool.take(device, envelope) is Taken.FRESH
    assert spool.commit()
    return envelopes


def killed(spool: Spool) -> None:
    """Nothing of it is written any more."""
    db: Any = spool.medium.db
    real = db.db if isinstance(db, Broken) else db
    real.rollback()
    real.close()
    spool.medium.db = None
    spool.medium.let_go()


def test_what_the_broker_has_is_deleted_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deletions go on in the ballast's room, a bounded number a turn, while nothing is taken: after a kill only what the broker
    does not have is handed out again."""
    clock, disk = Clock(), SmallDisk(tmp_path, 8 * MIB, monkeypatch)
    spool = spool_at(tmp_path, clock)
    envelopes = filled(spool, 400)
    NothingFree(spool)
    disk.others = 8 * MIB
    assert spool.take(B, b"one") is Taken.FRESH and not spool.commit() and not spool.ready
    for _ in range(300):
        row = spool.next_row()
        assert row
        spool.done(row.id)
    turns = [len(spool._gone)]
    for _ in range(12):  # before it is tried again to take something
        clock.pass_s(0.3)
        assert spool.commit() and not spool.ready
        turns.append(len(spool._gone))
    assert [gone for gone, before in zip(turns, [0, *turns], strict=False) if gone != before] == [300, 172, 44, 0]
    assert spool.take(B, b"one") is Taken.FULL
    killed(spool)
    again = spool_at(tmp_path, clock)
    assert not again.ready and drained(again) == envelopes[300:]
    again.close()


def test_an_end_in_order_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the broker has is deleted before it ends."""
    clock, disk = Clock(), SmallDisk(tmp_path, 8 * MIB, monkeypatch)
    spool = spool_at(tmp_path, clock)
    envelopes = filled(spool, 400)
    disk.others = 8 * MIB
    assert spool.take(B, b"one") is Taken.FRESH and not spool.commit()
    for _ in range(300):
        row = spool.next_row()
        assert row
        spool.done(row.id)
    spool.close()
    again = spool_at(tmp_path, clock)
    assert drained(again) == envelopes[300:]
    again.close()


def test_a_spool_that_has_filled_its_disk_takes_again_once_it_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stops before the disk is full, gives back what SQLite would keep, and a restart finds nothing to publish; the spool's
    clock goes on, and no PUBACK of before means a new row."""
    clock, disk = Clock(), SmallDisk(tmp_path, 3 * MIB, monkeypatch)
    spool = spool_at(tmp_path, clock, most_bytes=64 * MIB)
    accepted: list[tuple[str, bytes]] = []
    while spool.ready:
        batch = [(A, n.to_bytes(1000, "big")) for n in range(len(accepted), len(accepted) + 32)]
        for device, envelope in batch:
            assert spool.take(device, envelope) is Taken.FRESH
        accepted += batch if spool.commit() else []
        clock.pass_s(10)
        assert disk.free > RESERVE_BYTES // 2, "room for the deletions is left"
    assert (spool.trouble, spool.count) == ("No space left on device", len(accepted)) and 500 < spool.count < 1000
    assert drained(spool) == accepted
    for _ in range(20):
        clock.pass_s(1)
        assert spool.commit()
    assert (spool.ready, spool.trouble, spool.count) == (True, "", 0)
    assert disk.free > 3 * MIB - BALLAST_BYTES - 100_000 and Ballast(spool.path).laid
    assert spool.take(A, b"new") is Taken.FRESH and spool.commit()
    row = spool.next_row()
    assert row and row.id > len(accepted)
    killed(spool)
    again = spool_at(tmp_path, clock)
    assert again.medium.rows("SELECT ran_s FROM clock")[0][0] >= len(accepted) // 32 * 10
    assert drained(again) == [(A, b"new")]
    again.close()


def test_a_file_without_rows_on_a_full_disk_is_begun_anew_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the last deletion and the new file."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    filled(spool, 400)
    drained(spool)
    spool.close()
    assert spool.path.stat().st_size > 400_000
    disk = SmallDisk(tmp_path, 3 * MIB, monkeypatch)
    disk.others = disk.free - RESERVE_BYTES // 2
    spool = spool_at(tmp_path, clock)
    assert not spool.ready and spool.count == 0
    clock.pass_s(6)
    assert spool.commit() and spool.ready and spool.path.stat().st_size < 100_000
    spool.close()


@pytest.mark.parametrize("deleted", [["spool.db"], ["spool.db", "spool.db-wal"]])
def test_a_kill_while_a_file_is_begun_anew(tmp_path: Path, deleted: list[str]) -> None:
    """Its log alone is left, or nothing: the next start has an empty spool, and takes."""
    spool = spool_at(tmp_path, Clock())
    filled(spool, 20)
    log = spool.path.with_name("spool.db-wal").read_bytes()
    assert log
    spool.close()
    spool.path.with_name("spool.db-wal").write_bytes(log)
    for name in deleted:
        spool.path.with_name(name).unlink()
    spool = spool_at(tmp_path, Clock())
    assert (spool.ready, spool.count, spool.put_aside) == (True, 0, [])
    assert len(filled(spool, 1)) == 1 and len(drained(spool)) == 1
    spool.close()


def test_a_file_with_a_row_that_waits_is_never_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one that is small, nor one with room around it."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    filled(spool, 400)
    everything = set(range(1, 401))
    assert not spool.medium.renew(everything), "there is room"
    SmallDisk(tmp_path, 0, monkeypatch)
    spool.close()
    spool = spool_at(tmp_path, clock)
    assert spool.medium.short and not spool.medium.renew(everything - {7})
    assert spool.medium.renew(everything)
    assert not spool.medium.renew(set()), "it is small"
    spool.close()


def test_the_log_is_folded_in_at_once_where_room_is_tight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With room it is left to grow, as its fold costs two fsyncs."""
    disk = SmallDisk(tmp_path, 64 * MIB, monkeypatch)
    spool = spool_at(tmp_path, Clock())
    log = spool.path.with_name("spool.db-wal")
    filled(spool, 10)
    assert log.stat().st_size
    disk.others = 50 * MIB
    assert spool.take(B, b"one") is Taken.FRESH and spool.commit()
    assert not log.stat().st_size
    spool.close()


def test_nothing_is_taken_without_ballast(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thrown off on a full disk it must lie there again before the next envelope."""
    clock, disk = Clock(), SmallDisk(tmp_path, 8 * MIB, monkeypatch)
    spool = spool_at(tmp_path, clock)
    filled(spool, 10)
    disk.others = disk.free + disk.others
    spool.take(B, b"one")
    assert not spool.commit()
    drained(spool)
    clock.pass_s(2)
    assert spool.commit() and not Ballast(spool.path).laid
    for free, ready in ((RESERVE_BYTES + BALLAST_BYTES - 4096, False), (RESERVE_BYTES + BALLAST_BYTES, True)):
        disk.others += disk.free - free
        clock.pass_s(61)
        assert spool.commit() and spool.ready is ready
    assert Ballast(spool.path).laid
    spool.close()


def test_ballast_is_a_file_of_blocks_of_our_own(tmp_path: Path) -> None:
    """0600, really allocated; what lies in its place is replaced, and what a link there means is left alone."""
    ballast, other = Ballast(tmp_path / "spool.db"), tmp_path / "other"
    ballast.lay()
    status = ballast.path.stat()
    assert (ballast.path.name, status.st_size, status.st_mode & 0o777) == ("spool.ballast", BALLAST_BYTES, 0o600)
    assert status.st_blocks * 512 >= BALLAST_BYTES
    ballast.release()
    ballast.release()
    other.write_bytes(b"mine")
    ballast.path.symlink_to(other)
    assert not ballast.laid
    ballast.lay()
    assert ballast.laid and not ballast.path.is_symlink() and other.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("number", "short"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EROFS, False), (errno.EIO, False)]
)
def test_ballast_that_cannot_be_laid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, short: bool) -> None:
    """Nothing of it is left, nothing is taken, and it is tried again."""
    clock = Clock()

    def fails(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as full:
        full.setattr(os, "posix_fallocate", fails)
        spool = spool_at(tmp_path, clock)
        assert (spool.ready, spool.medium.short) == (False, short) and not Ballast(spool.path).path.exists()
    clock.pass_s(6)
    assert spool.commit() and spool.ready
    spool.close()
