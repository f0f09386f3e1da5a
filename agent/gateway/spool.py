"""The spool: envelopes that were accepted and are not at the broker yet, on disk, bounded by size and age.

What `commit` has said True to is on the disk; nothing of it is dropped until the broker has it or it is too old.

Age is counted by a clock of the spool's own: the seconds that gateways have run on it, kept in the file. [A Raspberry Pi
has no clock of its own: it starts at some time past and jumps, by months, once it hears a time server. By the wall clock all
that came in between would be too old at once; and what came before a clock went back would never be.] While nobody runs, nothing
ages: a gateway that was switched off for a year keeps what it has for another month.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from agent.errors import AgentError
from agent.gateway import spoolfile
from agent.gateway.frames import ENVELOPE_LIMIT_BYTES
from agent.gateway.medium import Medium, deletion, ticking
from agent.gateway.room import Room
from agent.gateway.rotation import Rotation
from agent.gateway.rows import ROW_BYTES, New, Row, Taken, digest_of

__all__ = ["ROW_BYTES", "Row", "Spool", "Taken"]

_LARGEST: Final = ENVELOPE_LIMIT_BYTES + ROW_BYTES
_DONE_AT_ONCE: Final = 256  # deletions that nobody waits for share a commit; the file is at most so many rows behind
_DONE_S: Final = 1.0
_RELIEF: Final = 128  # deletions a turn while the disk is full: twelve fsyncs
_LAST: Final = 8  # of these turns at the end: more than are left behind while the disk takes them
_EXPIRE_AT_ONCE: Final = 500  # rows: some 10 ms, in which no port is read
_CLOCK_S: Final = 600  # what a kill may cost of the spool's clock
_LOG_BYTES: Final = 4 << 20  # SQLite's log, folded in each thousand pages of 4096 bytes


class Spool:
    """One SQLite file. Not for several threads. Close it; a kill at any moment loses nothing that was committed.

    `ready` is False while the disk takes nothing (full, read-only), from the start perhaps; `trouble` says why. Nothing is taken
    then, and what lies there is forwarded as far as it can be read. `put_aside` lists damaged files that were renamed, newest
    last: say them. `expired`, `refused` and `damaged` count envelopes since the start: too old, not taken, and found changed
    on the disk.
    """

    def __init__(self, path: Path, *, most_bytes: int, most_age_s: float, now_s: Callable[[], float]) -> None:
        """Open or make it: file 0600, folder 0700 (made if it is missing). `now_s` is monotonic.

        GatewayBusy: another gateway has it open. SpoolError: it is another user's, others could read it, it is no file, or a
        newer byleave has made it. A damaged file is renamed to NAME.damaged-N and a new one begun.
        """
        self.path, self._most_bytes, self._most_age_s, self._now_s = path, most_bytes, most_age_s, now_s
        self.expired = self.refused = self.damaged = 0
        self._next_id = 1
        self._forgot = False  # something that was taken, so that the next commit is none
        self._ran_s = 0.0
        self._started_s = now_s()
        # Aside as much as two full spools take: a fifth more than the bound (ROW_BYTES), and their logs.
        aside_bytes = 2 * (most_bytes + most_bytes // 4 + _LOG_BYTES)
        self.medium = Medium(path, most_aside_bytes=aside_bytes, now_s=now_s)
        self._load()

    @property
    def ready(self) -> bool:
        """Whether the disk takes anything."""
        return self.medium.ready

    @property
    def trouble(self) -> str:
        """Why not."""
        return self.medium.trouble

    @property
    def put_aside(self) -> list[Path]:
        """Damaged files that were renamed since the start."""
        return self.medium.put_aside

    def _load(self) -> None:
        """Use the file that is open now: what is in it, and who waits. Without one nothing is."""
        self._room = Room(self._most_bytes)  # of what waits, uncommitted ones too
        self._rotation = Rotation()
        self._new: dict[bytes, New] = {}  # taken and not committed, by digest; the hub commits each 64 at the latest
        self._out: dict[int, tuple[str, int]] = {}  # handed out: port and size by id; the forwarder's window bounds it
        self._back: deque[int] = deque()  # of these, what came back
        self._gone: set[int] = set()  # at the broker and not deleted yet: more than 256 only while the disk is full
        self._left = True  # forwarded envelopes in the log, perhaps
        self._stuck = False  # deletions failed the last time, too
        self._done_s = self._clock_s = self._now_s()
        try:
            waiting, kept = self.medium.rows(spoolfile.WAITING), self.medium.rows(spoolfile.KEPT)
        except sqlite3.Error as error:
            self.medium.lose(error)
            return
        for port, device, n, size in waiting:
            self._rotation.add(port, device, 0, n)
            self._room.add(port, n, size + n * ROW_BYTES)
        for ran_s, last in kept:  # written with each row, so never behind one
            self._ran_s = max(self._ran_s, float(ran_s))
            self._next_id = max(self._next_id, last + 1)

    def _clock(self) -> int:
        """Seconds that gateways have run on this spool."""
        return int(self._ran_s + max(0.0, self._now_s() - self._started_s))

    @property
    def count(self) -> int:
        """Envelopes that wait, uncommitted ones too."""
        return self._room.count

    @property
    def size_bytes(self) -> int:
        """What they count for, of most_bytes."""
        return self._room.bytes

    # --- in

    def room(self, port: str, envelopes: int = 1) -> bool:
        """Whether so many of the largest envelopes of this port would be taken now. No port may hold more than is still free."""
        return self.ready and self._room.fits(port, _LARGEST, before=(envelopes - 1) * _LARGEST)

    def take(self, device: str, envelope: bytes, port: str = "") -> Taken:
        """Offer one envelope of 1 to 1024 bytes; nothing is accepted before `commit`."""
        if not 0 < len(envelope) <= ENVELOPE_LIMIT_BYTES:
            raise ValueError(f"an envelope has 1 to {ENVELOPE_LIMIT_BYTES} bytes, not {len(envelope)}")
        digest = digest_of(device, envelope)
        if digest in self._new or self._holds(digest):
            return Taken.KNOWN
        size = len(envelope) + ROW_BYTES
        if not self.ready or not self._room.fits(port, size):
            self.refused += 1
            return Taken.FULL
        self._new[digest] = New(self._next_id, port, device, self._clock(), digest, envelope)
        self._next_id += 1
        self._room.add(port, 1, size)
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
        late = len(self._gone) >= _DONE_AT_ONCE or (self._gone and self._now_s() - self._done_s >= _DONE_S)
        if not self.ready and not self.medium.due:
            self._forget()
            if late and self.medium.short and not self._stuck:
                self._try(self._relieve)
        elif self._new or late or not self.ready:
            self._try(self._write)
        whole, self._forgot = not self._forgot, False
        return whole

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (sqlite3.Error, OSError, AgentError) as error:
            self._failed(error)

    def _relieve(self) -> None:
        """What the broker has is deleted in small pieces, on a full disk too; the file of an empty spool is begun anew."""
        self._stuck = True
        if not self.count and self.medium.renew(self._gone):
            self._load()
            self.medium.hurry()
        self.medium.delete(self._gone, len(self._gone) if self.ready else _RELIEF, self._clock())
        self._stuck = False
        if not self._gone:
            self._done_s = self._now_s()

    def _write(self) -> None:
        """One transaction. Deletions first: one that is said again after its PUBACK is a new row of the same digest."""
        if not self.ready and self.medium.revive():
            self._load()
        tight = self.medium.tight
        if tight:
            self._relieve()
            if self._gone and not self.ready:
                return  # the rest of them in the next turn
            self.medium.make_room()
        inserted = ("INSERT INTO envelopes VALUES(?, ?, ?, ?, ?, ?)", self._new.values())
        self.medium.write((deletion(self._gone), inserted, ticking(self._clock())))
        self.medium.recovered()
        if tight:
            self.medium.fold()
        self._done_s = self._clock_s = self._now_s()
        for row in self._new.values():
            self._rotation.add(row.port, row.device, row.id)
        self._left = self._left or bool(self._gone)
        self._new, self._gone = {}, set()

    def _forget(self) -> None:
        """Nothing of what was taken since the last commit is accepted."""
        taken, self._new = self._new, {}
        for row in taken.values():
            self._room.add(row.port, -1, -row.size)
        self.refused += len(taken)
        self._forgot = self._forgot or bool(taken)

    def _failed(self, error: Exception) -> None:
        """Nothing that was taken is accepted; where the file was put aside, what was known a moment ago, and not answered yet,
        lies in that one."""
        self._forget()
        if self.medium.failed(error):
            self._load()
            self._forgot = True

    def _ask(self, statement: str, *values: object) -> list[Any]:
        """Rows, or none where the file cannot be read."""
        try:
            return self.medium.rows(statement, *values)
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
                if not (found := self._ask(f"{spoolfile.WHOLE} WHERE id = ?", row_id)):
                    return None
                self._back.popleft()
                return Row(row_id, found[0][2], found[0][4])
            self._back.popleft()  # too old meanwhile
        rotation = self._rotation
        while queue := rotation.next():
            found = self._ask(
                f"{spoolfile.WHOLE} WHERE port = ? AND device = ? AND id > ? ORDER BY id LIMIT 1",
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
        for row_id, of_port, device, size in self._ask(spoolfile.ROWS):
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
            self._room.add(handed[0], -1, -handed[1])
            self._gone.add(row_id)

    def give_back(self, row_ids: Iterable[int]) -> None:
        """These were handed out and did not reach the broker: they are handed out again, first."""
        self._back.extend(row_id for row_id in row_ids if row_id in self._out)

    # --- age

    def expire(self) -> int:
        """Delete what is older than most_age_s, oldest first and at most 500 at a time; how many. Call it each minute: what was
        deleted before is then overwritten in the file, too."""
        if self._left and self.ready:
            self._left = not self.medium.fold()
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
        if self.medium.db is not None:
            self._gone.add(0)
            self._done_s = float("-inf")
            self.medium.hurry()
            for _ in range(_LAST):
                self.commit()
                if not self._gone or self._stuck:
                    break
        self.medium.let_go()
