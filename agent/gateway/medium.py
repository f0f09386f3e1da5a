"""What a spool lies on: its file while that can be had, and what is known of it while it cannot.

A card that is full, read-only or pulled out is no end, neither at the start nor later: nothing is written then, `trouble` says
why, and it is tried again by and by. A file that is damaged is put aside and a new one begun. On a full disk what the broker has
is deleted all the same, in room that was kept for that (`ballast`), and an empty file gives its room back.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from agent.gateway.aside import Aside, put_aside
from agent.gateway.ballast import BALLAST_BYTES, Ballast
from agent.gateway.spoolfile import Unwritable, claim, damaged, fold, open_file, refusal

# A file system with less room takes nothing [one byte free would be said to be room, and the next commit would fail].
RESERVE_BYTES: Final = 1 << 20
# With less the log is folded in after each commit: as much as four logs that nobody folds (a thousand pages of 4096 bytes).
# [A log that has grown until the disk is full cannot be folded into a file that would have to grow.]
_TIGHT_BYTES: Final = 16 << 20
_PIECE: Final = 32  # deletions whose log has room where the ballast was
_EMPTY_BYTES: Final = 256 << 10  # a file without rows has less, with its log, unless it has grown
_RETRY_S: Final = (5.0, 60.0)  # after a failed write, doubled up to the second: a card that is full stays so for hours
_AGAIN_S: Final = 60.0  # a file that is damaged so soon after the last is a card that damages all: it is given a rest

Change = tuple[str, Iterable[tuple[object, ...]]]


class NoRoom(Unwritable):
    """The disk is full, or nearly."""

    def __init__(self) -> None:
        super().__init__(os.strerror(errno.ENOSPC))


class Medium:
    """One SQLite file of one gateway. `ready`: whether it takes envelopes; `trouble`: why not; `short`: for lack of room, so that
    deletions may go on. Close it.

    `put_aside` lists damaged files that were renamed, newest last; `aside` knows what of them is kept.
    """

    def __init__(self, path: Path, *, most_aside_bytes: int, now_s: Callable[[], float]) -> None:
        """GatewayBusy: another gateway has it. SpoolError: what somebody has to mend. Anything else may pass: not `ready`."""
        self.path, self._now_s = path, now_s
        self.put_aside: list[Path] = []
        self.aside = Aside(path, most_aside_bytes)
        self._ballast = Ballast(path)
        self.ready, self.trouble, self.short = True, "", False
        self.db: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._claim = -1
        self._retry_s, self._pause_s = 0.0, _RETRY_S[0]
        self._aside_s = float("-inf")
        try:
            self._open()
            self.make_room()
        except Unwritable as error:
            self._rest(error)
        except BaseException:
            self.let_go()
            raise
        self.aside.tidy()

    def _open(self) -> None:
        """SpoolError, GatewayBusy, Unwritable."""
        if self._claim < 0:
            self._claim = claim(self.path.parent)
        try:
            self.db = open_file(self.path)
        except sqlite3.DatabaseError:
            self._put_aside()
            try:
                self.db = open_file(self.path)
            except sqlite3.DatabaseError as error:  # a new one, and damaged: it is the card
                raise Unwritable(str(error)) from None
        if self._claim < 0:  # the folder was made just now
            self._claim = claim(self.path.parent)
        self._inode = _inode(self.path)

    def _put_aside(self) -> None:
        try:
            self.put_aside.append(put_aside(self.path))
        except OSError as error:
            raise refusal(self.path, error) from None
        self._aside_s = self._now_s()
        self.aside.tidy()

    # --- room

    @property
    def tight(self) -> bool:
        """Whether its writes must be small, and folded in at once. Unwritable where nobody knows."""
        return not self.ready or free_bytes(self.path.parent) < _TIGHT_BYTES

    def make_room(self) -> None:
        """Before something is taken: the reserve is free, and the ballast lies beside it. NoRoom, Unwritable."""
        if free_bytes(self.path.parent) < wanted_bytes(self.path):
            raise NoRoom
        try:
            self._ballast.lay()
        except OSError as error:
            raise NoRoom if _short(error) else Unwritable(str(error.strerror)) from None

    def delete(self, gone: set[int], most: int, ran_s: int) -> None:
        """Delete so many of these rows, and take them out of `gone`: in pieces, each folded in before the next, and where nothing
        is taken in the room of the ballast. sqlite3.Error, OSError: hand it to `failed`; what was deleted stays so."""
        if gone and not self.ready:
            self._ballast.release()
        self.fold()
        ids = sorted(gone)[:most]
        for n in range(0, len(ids), _PIECE):
            piece = ids[n : n + _PIECE]
            self.write((deletion(piece), ticking(ran_s)))
            gone.difference_update(piece)
            self.fold()

    def renew(self, gone: set[int]) -> bool:
        """Begin a new file where there is no room and every row of this one is gone [SQLite keeps the room of what was deleted].

        False where that would bring nothing. Errors as of `delete`, Unwritable, SpoolError.
        """
        names = [self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal", "-shm")]
        if not self.short or self.db is None or _inode(self.path) != self._inode:
            return False
        if sum(each.stat().st_size for each in names if each.exists()) <= _EMPTY_BYTES:
            return False
        if any(row_id not in gone for (row_id,) in self.rows("SELECT id FROM envelopes")):
            return False
        self._close_file()
        for each in names:  # the file first: SQLite passes over the log of one that is not there
            each.unlink(missing_ok=True)
        self._open()
        return True

    # --- statements

    def rows(self, statement: str, *values: object) -> list[Any]:
        """What is asked for; nothing while there is no file. sqlite3.Error: hand it to `failed`."""
        return self.db.execute(statement, values).fetchall() if self.db else []

    def write(self, changes: Iterable[Change]) -> None:
        """All of it with one fsync, or nothing of it. sqlite3.Error: hand it to `failed`."""
        if self.db is None:
            raise Unwritable(self.trouble)
        try:
            self.db.execute("BEGIN IMMEDIATE")
            for statement, rows in changes:
                self.db.executemany(statement, rows)
            self.db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self.db.execute("ROLLBACK")
            raise

    def fold(self) -> bool:
        """Empty the log into the file (`spoolfile.fold`)."""
        return self.db is not None and fold(self.db)

    # --- when it fails

    @property
    def due(self) -> bool:
        """Whether a medium that failed is to be tried again now."""
        return self._now_s() >= self._retry_s

    def hurry(self) -> None:
        """The next try is the last: now."""
        self._retry_s = float("-inf")

    def recovered(self) -> None:
        """Envelopes were written."""
        self.ready, self.trouble, self.short, self._pause_s = True, "", False, _RETRY_S[0]

    def revive(self) -> bool:
        """Before another try at one that failed: True if a file was opened anew. Unwritable, SpoolError, GatewayBusy."""
        if self.db is not None and _inode(self.path) == self._inode:
            return False
        self._close_file()  # [a card that was pulled out and put in again is another file under the same name]
        self._open()
        return True

    def failed(self, error: Exception) -> bool:
        """A statement, or `revive`, has failed: True if what was in the file is out of reach now."""
        if not (isinstance(error, sqlite3.Error) and damaged(error)):
            self._rest(error)
            return False
        soon = self._now_s() - self._aside_s < _AGAIN_S
        self._close_file()
        try:
            self._put_aside()
            self._open()
        except Exception as why:  # whatever it is, a gateway that runs goes on without a spool
            self._rest(why)
            return True
        if soon:
            self._rest(error)
            self._retry_s = self._now_s() + _AGAIN_S
        return True

    def lose(self, error: sqlite3.Error) -> None:
        """It was opened and cannot be read."""
        self._close_file()
        self._rest(error)

    def _rest(self, why: Exception) -> None:
        self.ready, self.trouble, self.short = False, str(why), _short(why)
        self._retry_s = self._now_s() + self._pause_s
        self._pause_s = min(2 * self._pause_s, _RETRY_S[1])

    # --- the end

    def _close_file(self) -> None:
        db, self.db = self.db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def let_go(self) -> None:
        """Close file and claim; what was not written is forgotten."""
        self._close_file()
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1


def deletion(row_ids: Iterable[int]) -> Change:
    """Of rows."""
    return "DELETE FROM envelopes WHERE id = ?", ((row_id,) for row_id in row_ids)


def ticking(ran_s: int) -> Change:
    """Of the spool's clock."""
    return "UPDATE clock SET ran_s = ?", ((ran_s,),)


def wanted_bytes(path: Path) -> int:
    """What must be free before a spool takes anything."""
    return RESERVE_BYTES + (0 if Ballast(path).laid else BALLAST_BYTES)


def _short(error: Exception) -> bool:
    """Whether it says that there is no room; a quota is an error of writing to SQLite."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", 0) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE)
    return isinstance(error, NoRoom) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))


def _inode(path: Path) -> tuple[int, int]:
    with suppress(OSError):
        status = path.stat()
        return status.st_dev, status.st_ino
    return 0, 0


def free_bytes(folder: Path) -> int:
    """Of the nearest folder that is there; Unwritable where nobody knows."""
    for place in (folder, *folder.parents):
        try:
            status = os.statvfs(place)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise Unwritable(str(error.strerror)) from None
        return status.f_bavail * status.f_frsize
    return 0
