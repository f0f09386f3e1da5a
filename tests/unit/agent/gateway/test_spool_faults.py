"""The spool on a disk that is full, read-only, damaged, or gone in the middle of a commit."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.gateway.spool import ROW_BYTES, Spool, Taken
from tests.unit.agent.gateway.bench import DAY_S, MIB, A, B, Clock, drained, spool_at


class Broken:
    """A connection that fails at statements that begin so; all others pass."""

    def __init__(self, db: sqlite3.Connection, error: Exception, start: str) -> None:
        self.db, self.error, self.start = db, error, start

    def execute(self, statement: str, *values: Any) -> Any:
        """sqlite3.Connection."""
        if statement.startswith(self.start):
            raise self.error
        return self.db.execute(statement, *values)

    def executemany(self, statement: str, *values: Any) -> Any:
        """sqlite3.Connection."""
        if statement.startswith(self.start):
            raise self.error
        return self.db.executemany(statement, *values)

    def close(self) -> None:
        """sqlite3.Connection."""
        self.db.close()


def coded(kind: type[sqlite3.Error], text: str, code: int) -> sqlite3.Error:
    """As the sqlite3 module raises it."""
    error = kind(text)
    error.sqlite_errorcode = code
    return error


FULL = coded(sqlite3.OperationalError, "database or disk is full", sqlite3.SQLITE_FULL)
READONLY = coded(sqlite3.OperationalError, "attempt to write a readonly database", sqlite3.SQLITE_READONLY)
IOERR = coded(sqlite3.OperationalError, "disk I/O error", sqlite3.SQLITE_IOERR_WRITE)
CORRUPT = coded(sqlite3.DatabaseError, "database disk image is malformed", sqlite3.SQLITE_CORRUPT)


def break_at(spool: Spool, error: Exception, start: str) -> Broken:
    """From now on; `spool.medium.db = broken.db` mends it."""
    broken = Broken(spool.medium.db, error, start)
    spool.medium.db = broken  # type: ignore[assignment]
    return broken


@pytest.mark.parametrize("error", [FULL, READONLY, IOERR, OSError(28, "No space left on device")])
@pytest.mark.parametrize("start", ["BEGIN", "INSERT", "UPDATE", "COMMIT"])
def test_a_failed_commit_accepts_nothing_and_goes_on_later(tmp_path: Path, error: Exception, start: str) -> None:
    """Whatever fails, at whichever statement: what was committed before stays, what was taken is refused, no room is
    promised; the next try waits, and when there is room again the same envelope is taken."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    assert spool.take(A, b"before") is Taken.FRESH and spool.commit()
    broken = break_at(spool, error, start)
    assert spool.take(A, b"during") is Taken.FRESH
    assert not spool.commit()
    assert (spool.ready, spool.room("p"), spool.trouble) == (False, False, str(error))
    assert (spool.count, spool.size_bytes, spool.refused) == (1, 6 + ROW_BYTES, 1)
    assert spool.take(A, b"during") is Taken.FULL
    assert spool.take(A, b"before") is Taken.KNOWN
    spool.medium.db = broken.db
    clock.pass_s(4)
    assert spool.commit() and not spool.ready, "nothing was taken, and it is not tried yet"
    clock.pass_s(2)
    assert spool.commit() and spool.ready and spool.trouble == ""
    assert spool.take(A, b"during") is Taken.FRESH and spool.commit()
    spool.close()
    assert drained(spool_at(tmp_path, clock)) == [(A, b"before"), (A, b"during")]


def test_the_tries_are_further_and_further_apart(tmp_path: Path) -> None:
    """A card that stays full is asked after 5, 10, 20, 40 and then each 60 s."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    tries = []

    class Counting(Broken):
        def execute(self, statement: str, *values: Any) -> Any:
            if statement.startswith("BEGIN"):
                tries.append(clock.now_s - 1000)
            return super().execute(statement, *values)

    spool.medium.db = Counting(spool.medium.db, FULL, "BEGIN")  # type: ignore[assignment]
    spool.take(A, b"one")
    for _ in range(250):
        spool.commit()
        clock.pass_s(1)
    assert tries == [0, 5, 15, 35, 75, 135, 195]


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """SQLite's own bound on pages: commits go on until it is reached, then none does, and what was accepted is all there."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    pages = spool.medium.db.execute("PRAGMA page_count").fetchone()[0]
    spool.medium.db.execute(f"PRAGMA max_page_count = {pages + 12}")
    accepted = []
    for n in range(100):
        envelope = n.to_bytes(1000, "big")
        if spool.take(A, envelope) is Taken.FRESH and spool.commit():
            accepted.append((A, envelope))
    assert 10 < len(accepted) < 60 and not spool.ready and "full" in spool.trouble
    spool.medium.db.execute("PRAGMA max_page_count = 100000")
    clock.pass_s(61)
    assert spool.commit() and spool.ready
    spool.close()
    assert drained(spool_at(tmp_path, clock)) == accepted


def test_little_room_on_the_disk_is_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed write a megabyte must be free before it is tried again."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    broken = break_at(spool, FULL, "COMMIT")
    spool.take(A, b"one")
    assert not spool.commit()
    spool.medium.db = broken.db
    free = SimpleNamespace(f_bavail=255, f_frsize=4096)
    monkeypatch.setattr(os, "statvfs", lambda path: free)
    clock.pass_s(60)
    assert spool.commit() and not spool.ready and "No space" in spool.trouble
    free.f_bavail = 256
    clock.pass_s(60)
    assert spool.commit() and spool.ready


def test_what_the_broker_has_is_not_sent_again_while_the_disk_is_full(tmp_path: Path) -> None:
    """Deletions wait for room; after a kill they are handed out once more, which the server knows."""
    spool = spool_at(tmp_path, Clock())
    spool.take(A, b"one")
    spool.commit()
    broken = break_at(spool, FULL, "COMMIT")
    assert drained(spool) == [(A, b"one")]
    spool.take(A, b"two")
    assert not spool.commit()
    assert spool.next_row() is None and (spool.count, spool.size_bytes) == (0, 0)
    broken.db.close()
    spool.medium.let_go()
    assert drained(spool_at(tmp_path, Clock())) == [(A, b"one")]


def test_a_disk_that_cannot_be_read_for_a_while_loses_nobodys_turn(tmp_path: Path) -> None:
    """What could not be fetched, and what could not be fetched again, keeps its place."""
    spool = spool_at(tmp_path, Clock())
    for envelope in (b"one", b"two"):
        spool.take(A, envelope)
    spool.commit()
    first = spool.next_row()
    assert first
    spool.give_back([first.id])
    broken = break_at(spool, coded(sqlite3.OperationalError, "disk I/O error", sqlite3.SQLITE_IOERR_READ), "SELECT")
    assert spool.next_row() is None and not spool.ready
    spool.medium.db = broken.db
    assert spool.next_row() == first
    spool.medium.db = broken  # type: ignore[assignment]
    assert spool.next_row() is None
    spool.medium.db = broken.db
    assert drained(spool) == [(A, b"two")]


def damage(path: Path, how: str) -> None:
    """Break a spool file that nobody has open."""
    data = bytearray(path.read_bytes())
    if how == "header":
        data[:100] = os.urandom(100)
    elif how == "cut":
        del data[len(data) // 2 :]
    else:
        data[4096 + 100 : 4096 * 3] = random.Random(3).randbytes(4096 * 2 - 100)
    path.write_bytes(data)


@pytest.mark.parametrize("how", ["header", "cut", "pages"])
def test_a_damaged_file_is_put_aside_and_said(tmp_path: Path, how: str) -> None:
    """At the start: byte for byte under another name, a new spool begun; a second one gets the next name."""
    path = tmp_path / "spool" / "spool.db"
    for n in (1, 2):
        spool = spool_at(tmp_path, Clock())
        for k in range(100):
            spool.take(A, k.to_bytes(500, "big"))
        spool.commit()
        spool.close()
        damage(path, how)
        before = path.read_bytes()
        spool = spool_at(tmp_path, Clock())
        aside = path.with_name(f"spool.db.damaged-{n}")
        assert spool.put_aside == [aside] and aside.read_bytes() == before
        assert aside.stat().st_mode & 0o777 == 0o600
        assert spool.count == 0 and spool.take(A, b"new") is Taken.FRESH and spool.commit()
        spool.close()
        path.unlink()


@pytest.mark.parametrize("start", ["SELECT id FROM envelopes WHERE digest", "SELECT id, port", "INSERT", "COMMIT"])
def test_damage_found_on_the_way_ends_no_gateway(tmp_path: Path, start: str) -> None:
    """What was taken and not committed is not accepted, even if the damage shows at another statement than the commit; new
    rows have new ids, so that an old PUBACK deletes none of them."""
    clock = Clock(5 * DAY_S)
    spool = spool_at(tmp_path, clock)
    spool.take(A, b"old")
    spool.commit()
    old = spool.next_row()
    assert old
    spool.take(A, b"waits")
    spool.commit()
    assert spool.take(B, b"taken") is Taken.FRESH
    break_at(spool, CORRUPT, start)
    if "digest" in start:
        assert spool.take(B, b"finds it") is Taken.FRESH
    elif "SELECT" in start:
        assert spool.next_row() is None
    assert not spool.commit()
    assert spool.put_aside == [spool.path.with_name("spool.db.damaged-1")]
    assert spool.commit() and spool.ready
    assert spool.take(B, b"taken") is Taken.FRESH and spool.commit()
    while (row := spool.next_row()) and row.envelope != b"taken":
        pass
    assert row
    spool.done(old.id)
    spool.give_back([row.id])
    assert spool.next_row() == row


def test_a_medium_on_which_nothing_can_be_renamed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file on it cannot be put aside: it is said, nothing is deleted, and once it can be a new one is begun."""
    spool_at(tmp_path, Clock()).close()
    path = tmp_path / "spool" / "spool.db"
    path.write_bytes(b"no database at all" * 500)
    before = path.read_bytes()

    def fails(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    clock = Clock()
    with monkeypatch.context() as stuck:
        stuck.setattr(Path, "rename", fails)
        spool = spool_at(tmp_path, clock)
        assert (spool.ready, spool.trouble, spool.take(A, b"one")) == (False, "Read-only file system", Taken.FULL)
        assert path.read_bytes() == before
    clock.pass_s(6)
    assert spool.commit() and spool.ready and [each.read_bytes() for each in spool.put_aside] == [before]
    assert spool.take(A, b"one") is Taken.FRESH and spool.commit()


def test_an_envelope_that_changed_on_the_disk_goes_nowhere(tmp_path: Path) -> None:
    """Its digest is other: it is counted and deleted, and those behind it are forwarded."""
    spool = spool_at(tmp_path, Clock(), most_bytes=MIB)
    for envelope in (b"one", b"two", b"six"):
        spool.take(A, envelope)
    spool.commit()
    spool.medium.db.execute("UPDATE envelopes SET envelope = X'007700' WHERE envelope = CAST('two' AS BLOB)")
    assert drained(spool) == [(A, b"one"), (A, b"six")]
    assert (spool.damaged, spool.count, spool.size_bytes) == (1, 0, 0)
    assert spool.take(A, b"two") is Taken.FRESH


def test_what_was_known_in_a_file_that_is_put_aside_is_not_accepted(tmp_path: Path) -> None:
    """It was durable as it was offered, and is not as it would be answered."""
    spool = spool_at(tmp_path, Clock())
    assert spool.take(A, b"old") is Taken.FRESH and spool.commit()
    assert spool.take(A, b"old") is Taken.KNOWN and spool.commit()
    assert spool.take(A, b"old") is Taken.KNOWN
    break_at(spool, CORRUPT, "SELECT id, port")
    assert spool.next_row() is None
    assert len(spool.put_aside) == 1
    assert not spool.commit()
    assert spool.take(A, b"old") is Taken.FRESH and spool.commit()


def test_a_log_that_cannot_be_folded_in_is_tried_again(tmp_path: Path) -> None:
    """It is no reason to take nothing: what is in the log is durable."""
    spool = spool_at(tmp_path, Clock())
    spool.take(A, b"x" * 1000)
    assert spool.commit()
    drained(spool)
    broken = break_at(spool, FULL, "PRAGMA wal_checkpoint")
    spool.expire()
    assert spool.ready and spool.take(A, b"y") is Taken.FRESH and spool.commit()
    spool.medium.db = broken.db
    wal = spool.path.with_name("spool.db-wal")
    assert wal.stat().st_size
    spool.medium.ready = False
    spool.expire()
    assert wal.stat().st_size, "a disk that takes nothing is left alone"
    spool.medium.ready = True
    spool.expire()
    assert not wal.stat().st_size


@pytest.mark.parametrize(
    "change",
    [
        "envelope = 'txt'",
        "envelope = CAST(x'ff0000' AS TEXT)",
        "digest = CAST(x'ff00' AS TEXT)",
        "device = CAST(x'ff61' AS TEXT)",
        "port = CAST(x'ff61' AS TEXT)",
        "device = 'bbbbbbbbbbbbbbbb'",
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_a_row_that_the_medium_has_changed_stops_nobody(tmp_path: Path, change: str, again: bool) -> None:
    """Whatever of it is other, and whether it is found on the way or at the start: it is counted, goes nowhere, and those
    before and behind it go."""
    clock = Clock()
    spool = spool_at(tmp_path, clock)
    for n, envelope in enumerate((b"one", b"two", b"three")):
        assert spool.take(A, envelope, f"port{n}") is Taken.FRESH
    assert spool.commit()
    if not again:
        spool.medium.db.execute(f"UPDATE envelopes SET {change} WHERE id = 2")  # noqa: S608 - of this test
    else:
        spool.close()
        with sqlite3.connect(spool.path) as db:
            db.execute(f"UPDATE envelopes SET {change} WHERE id = 2")  # noqa: S608 - of this test
        db.close()
        spool = spool_at(tmp_path, clock)
    assert sorted(drained(spool)) == [(A, b"one"), (A, b"three")]
    assert (spool.damaged, spool.ready, spool.put_aside) == (1, True, [])
    clock.pass_s(2)
    assert spool.commit() and (spool.count, spool.size_bytes) == (0, 0)
    assert spool.take(A, b"two", "port1") is Taken.FRESH and spool.commit(), "said again it is sent"
    assert drained(spool) == [(A, b"two")]
    spool.close()


def test_a_time_that_the_medium_has_changed_drops_nobody_else(tmp_path: Path) -> None:
    """One row of the far future neither makes the others old nor keeps them."""
    clock = Clock()
    spool = spool_at(tmp_path, clock, most_age_s=DAY_S)
    for envelope in (b"one", b"two"):
        assert spool.take(A, envelope) is Taken.FRESH and spool.commit()
    spool.medium.db.execute("UPDATE envelopes SET received_s = 1 << 40 WHERE id = 1")
    spool.close()
    spool = spool_at(tmp_path, clock, most_age_s=DAY_S)
    assert spool.expire() == 0
    clock.pass_s(DAY_S + 60)
    assert spool.expire() == 1 and spool.count == 1
    spool.close()
