"""The spool: envelopes that were accepted and are not at the broker yet, on disk, bounded by size and age.

What `commit` has said True to is on the disk; nothing of it is dropped until the broker has it or it is too old.

Age is counted by a clock of the spool's own: the seconds that gateways have run on it, kept in the file. [A Raspberry Pi
has no clock of its own: it starts at some time past and jumps, by months, once it hears a time server. By the wall clock all
that came in between would be too old at once; and what came before a clock went back would never be.] While nobody runs, nothing
ages: a gateway that was switched off for a year keeps what it has for another month.
"""

from __future__ import annotations

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent.gateway.frames import ENVELOPE_LIMIT_BYTES
from agent.gateway.rotation import Rotation
from agent.gateway.rows import ROW_BYTES, New, Row, Taken, digest_of
from agent.gateway.spoolfile import damaged, fold, open_file, put_aside

__all__ = ["ROW_BYTES", "Row", "Spool", "Taken"]

_LARGEST: Final = ENVELOPE_LIMIT_BYTES + ROW_BYTES
# A file system with less room takes nothing [one byte free would be said to be room, and the next commit would fail].
RESERVE_BYTES: Final = 1 << 20
_RETRY_S: Final = (5.0, 60.0)  # after a failed write, doubled up to the second: a card that is full stays so for hours
_DONE_AT_ONCE: Final = 256  # deletions that nobody waits for share a commit; the file is at most so many rows behind
_DONE_S: Final = 1.0
_EXPIRE_AT_ONCE: Final = 500  # rows: some 10 ms, in which no port is read
_CLOCK_S: Final = 600  # what a kill may cost of the spool's clock
# Casts, because a bit that the medium has turned over can make a text of a blob (SQLite, file format, section 2.1).
_ROWS: Final = "SELECT id, port, device, LENGTH(CAST(envelope AS BLOB)) FROM envelopes"
_SELECT: Final = "SELECT id, port, device, CAST(digest AS BLOB), CAST(envelope AS BLOB) FROM envelopes"


class Spool:
    """One SQLite file. Not for several threads. Close it; a kill at any moment loses nothing that was committed.

    `ready` is False from a write that failed (disk full, medium read-only) to the next that succeeds; `trouble` says why.
    `put_aside` lists damaged files that were renamed, newest last: say them. `expired`, `refused` and `damaged` count
    envelopes since the start: too old, not taken, and found changed on the disk.
    """

    def __init__(self, path: Path, *, most_bytes: int, most_age_s: float, now_s: Callable[[], float]) -> None:
        """Open or make it: file 0600, folder 0700 (made if it is missing). `now_s` is monotonic.

        GatewayBusy: another gateway has it open. SpoolError: it cannot be opened, others could read it, or a newer byleave
        has made it. A damaged file is renamed to NAME.damaged-N and a new one begun.
        """
        self.path, self._most_bytes, self._most_age_s, self._now_s = path, most_bytes, most_age_s, now_s
        self.put_aside: list[Path] = []
        self.ready, self.trouble = True, ""
        self.expired = self.refused = self.damaged = 0
        self._next_id = 1
        self._forgot = False  # something that was taken, so that the next commit is none
        self._retry_s, self._pause_s = 0.0, _RETRY_S[0]
        self._ran_s = 0.0
        self._started_s = now_s()
        self._begin(open_file(path))

    def _begin(self, opened: tuple[sqlite3.Connection, Path | None]) -> None:
        """Use a file that was just opened: what is in it, and who waits."""
        self._db, aside = opened
        if aside:
            self.put_aside.append(aside)
        self.count = 0  # envelopes that wait, uncommitted ones too
        self.bytes = 0  # what they count for, of most_bytes
        self._of_port: dict[str, int] = {}  # the same by port
        self._rotation = Rotation()
        self._new: dict[bytes, New] = {}  # taken and not committed, by digest; the hub commits each 64 at the latest
        self._out: dict[int, tuple[str, int]] = {}  # handed out: port and size by id; the forwarder's window bounds it
        self._back: deque[int] = deque()  # of these, what came back
        self._gone: set[int] = set()  # at the broker and not deleted yet: more than 256 only while the disk is full
        self._left = True  # forwarded envelopes in the log, perhaps
        self._done_s = self._clock_s = self._now_s()
        for port, device, n, size in self._db.execute(
            "SELECT port, device, COUNT(*), SUM(LENGTH(CAST(envelope AS BLOB))) FROM envelopes "
            "GROUP BY port, device ORDER BY MIN(id)"
        ):
            self._rotation.add(port, device, 0, n)
            self._count(port, n, size + n * ROW_BYTES)
        kept_s = self._db.execute(
            "SELECT CAST(ran_s AS INTEGER) FROM clock"
        )  # written with each row, so never behind one
        self._ran_s = max(self._ran_s, float(kept_s.fetchone()[0]))
        last = self._db.execute("SELECT COALESCE(MAX(id), 0) FROM envelopes").fetchone()[0]
        self._next_id = max(self._next_id, last + 1)

    def _clock(self) -> int:
        """Seconds that gateways have run on this spool."""
        return int(self._ran_s + max(0.0, self._now_s() - self._started_s))

    def _count(self, port: str, n: int, size: int) -> None:
        self.count += n
        self.bytes += size
        left = self._of_port.get(port, 0) + size
        self._of_port[port] = left
        if not left:
            del self._of_port[port]

    # --- in

    def room(self, port: str, envelopes: int = 1) -> bool:
        """Whether so many of the largest envelopes of this port would be taken now. No port may hold more than is still free."""
        return self.ready and self._fits(port, _LARGEST, before=(envelopes - 1) * _LARGEST)

    def _fits(self, port: str, size: int, before: int = 0) -> bool:
        """[A port that floods fills half of the spool at most, whatever pseudonyms it invents; the next one half of the rest.]"""
        return self._of_port.get(port, 0) + before + size <= self._most_bytes - self.bytes - before

    def take(self, device: str, envelope: bytes, port: str = "") -> Taken:
        """Offer one envelope of 1 to 1024 bytes; nothing is accepted before `commit`."""
        if not 0 < len(envelope) <= ENVELOPE_LIMIT_BYTES:
            raise ValueError(f"an envelope has 1 to {ENVELOPE_LIMIT_BYTES} bytes, not {len(envelope)}")
        digest = digest_of(device, envelope)
        if digest in self._new or self._holds(digest):
            return Taken.KNOWN
        size = len(envelope) + ROW_BYTES
        if not self.ready or not self._fits(port, size):
            self.refused += 1
            return Taken.FULL
        self._new[digest] = New(self._next_id, port, device, self._clock(), digest, envelope)
        self._next_id += 1
        self._count(port, 1, size)
        return Taken.FRESH

    def _holds(self, digest: bytes) -> bool:
        """Whether it waits for the broker. What the broker has is fresh again: the server is to see that it was said again."""
        found = self._ask("SELECT id FROM envelopes WHERE digest = ?", digest)
        return bool(found) and found[0][0] not in self._gone

    @property
    def uncommitted(self) -> int:
        """Envelopes taken and not committed."""
        return len(self._new)

    def commit(self) -> bool:
        """Bring all that was taken to the disk, one fsync for all; False if not all of it got there: none of it is accepted then.

        Without anything to write it is cheap; after a failed write it tries again by and by.
        """
        now_s = self._now_s()
        late = len(self._gone) >= _DONE_AT_ONCE or (self._gone and now_s - self._done_s >= _DONE_S)
        if not self.ready and now_s < self._retry_s:
            self._forget()
        elif self._new or late or not self.ready:
            try:
                self._write(now_s)
            except (sqlite3.Error, OSError) as error:
                self._failed(error)
        whole, self._forgot = not self._forgot, False
        return whole

    def _write(self, now_s: float) -> None:
        """One transaction. Deletions first: one that is said again after its PUBACK is a new row of the same digest."""
        if not self.ready and _free_bytes(self.path) < RESERVE_BYTES:
            raise OSError(28, "No space left on device")
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("DELETE FROM envelopes WHERE id = ?", ((row_id,) for row_id in self._gone))
            db.executemany("INSERT INTO envelopes VALUES(?, ?, ?, ?, ?, ?)", self._new.values())
            db.execute("UPDATE clock SET ran_s = ?", (self._clock(),))
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        self.ready, self.trouble, self._pause_s = True, "", _RETRY_S[0]
        self._done_s = self._clock_s = now_s
        for row in self._new.values():
            self._rotation.add(row.port, row.device, row.id)
        self._left = self._left or bool(self._gone)
        self._new, self._gone = {}, set()

    def _forget(self) -> None:
        """Nothing of what was taken since the last commit is accepted."""
        taken, self._new = self._new, {}
        for row in taken.values():
            self._count(row.port, -1, -row.size)
        self.refused += len(taken)
        self._forgot = self._forgot or bool(taken)

    def _failed(self, error: sqlite3.Error | OSError) -> None:
        """A damaged file is put aside and a new one begun; anything else may pass."""
        self._forget()
        if isinstance(error, sqlite3.Error) and damaged(error):
            with suppress(sqlite3.Error):
                self._db.close()
            aside = put_aside(self.path)
            self._begin(open_file(self.path))
            self.put_aside.append(aside)
            self._forgot = (
                True  # what was known a moment ago, and not answered yet, lies in the file that was put aside
            )
            return
        self.ready, self.trouble = False, str(error)
        self._retry_s = self._now_s() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _RETRY_S[1])

    def _ask(self, statement: str, *values: object) -> list[Any]:
        """Rows, or none where the file cannot be read."""
        try:
            return self._db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            self._failed(error)
            return []

    # --- out

    def next_row(self) -> Row | None:
        """The next committed envelope that was not handed out yet: round robin between ports and their devices, of each the
        oldest first; None if there is none."""
        while self._back:
            row_id = self._back[0]
            if row_id in self._out:
                if not (found := self._ask(f"{_SELECT} WHERE id = ?", row_id)):
                    return None
                self._back.popleft()
                return Row(row_id, found[0][2], found[0][4])
            self._back.popleft()  # too old meanwhile
        rotation = self._rotation
        while queue := rotation.next():
            found = self._ask(
                f"{_SELECT} WHERE port = ? AND device = ? AND id > ? ORDER BY id LIMIT 1",
                queue.port,
                queue.device,
                queue.after,
            )
            if (
                not found and self.ready and self._rotation is rotation
            ):  # a name that the medium has changed: nobody finds it
                rotation.forget(queue)
                self._drop_stranded(queue.port)
                continue
            if not found:  # the file cannot be read just now: it stays in its place
                rotation.add(queue.port, queue.device, queue.after + 1)
                return None
            queue.after = found[0][0]
            if row := self._handed(*found[0]):
                return row
        return None

    def _drop_stranded(self, port: str) -> None:
        """Rows that have no queue any more: they would be known when they are said again, and never sent."""
        for row_id, of_port, device, size in self._ask(_ROWS):
            if self._rotation.find(of_port, device) is None and row_id not in self._out and row_id not in self._gone:
                self.damaged += 1
                self._out[row_id] = (port, size + ROW_BYTES)
                self.done(row_id)

    def _handed(self, row_id: int, port: str, device: str, digest: bytes, envelope: bytes) -> Row | None:
        self._out[row_id] = (port, len(envelope) + ROW_BYTES)
        if digest == digest_of(device, envelope):
            return Row(row_id, device, envelope)
        self.damaged += 1  # [a bit that the medium lost: the server would take it for a forgery of the device's]
        self.done(row_id)
        return None

    def done(self, row_id: int) -> None:
        """The broker has it: deleted with a commit soon. An id that is not handed out is passed over."""
        handed = self._out.pop(row_id, None)
        if handed is not None:
            self._count(handed[0], -1, -handed[1])
            self._gone.add(row_id)

    def give_back(self, row_ids: Iterable[int]) -> None:
        """These were handed out and did not reach the broker: they are handed out again, first."""
        self._back.extend(row_id for row_id in row_ids if row_id in self._out)

    # --- age

    def expire(self) -> int:
        """Delete what is older than most_age_s, oldest first and at most 500 at a time; how many. Call it each minute: what was
        deleted before is then overwritten in the file, too."""
        if self._left and self.ready:
            self._left = not fold(self._db)
        limit_s = self._clock() - self._most_age_s
        oldest = self._ask(
            "SELECT id, port, device, LENGTH(CAST(envelope AS BLOB)), CAST(received_s AS INTEGER) FROM envelopes "
            "ORDER BY id LIMIT ?",
            _EXPIRE_AT_ONCE,
        )
        old = [row for row in oldest if row[4] < limit_s and row[0] not in self._gone]
        for row_id, port, device, size, _ in old:
            self._expire(row_id, port, device, size + ROW_BYTES)
        self.expired += len(old)
        if old or (self.count and self._now_s() - self._clock_s >= _CLOCK_S):
            self._done_s = float("-inf")  # with the next commit, and the clock with it
            self._gone.add(0)  # no row has this id
        return len(old)

    def _expire(self, row_id: int, port: str, device: str, size: int) -> None:
        if row_id not in self._out:  # it has not had its turn
            queue = self._rotation.find(port, device)
            if queue is not None:
                queue.after = row_id
                self._rotation.drop(queue, 1)
            self._out[row_id] = (port, size)
        self.done(row_id)

    def oldest_age_s(self) -> float:
        """Age of the oldest envelope, 0 if there is none."""
        found = self._ask("SELECT CAST(received_s AS INTEGER) FROM envelopes ORDER BY id LIMIT 1")
        return float(self._clock() - found[0][0]) if found and self.count else 0.0

    def close(self) -> None:
        """Commit what can be, and close."""
        self._retry_s = 0.0
        self._gone.add(0)
        self._done_s = float("-inf")
        self.commit()
        self._db.close()


def _free_bytes(path: Path) -> int:
    status = os.statvfs(path.parent)
    return status.f_bavail * status.f_frsize
