"""The file of a spool: its folder claimed for one gateway alone, opened, checked. `medium.Medium` is what uses it.

What stands in the way is told apart: what somebody has to mend before a gateway starts is a SpoolError, what the medium may
do by itself is Unwritable [a card that is full or read-only must not keep a gateway from carrying downlinks].
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from agent.board.holders import holders
from agent.errors import GatewayBusy, SpoolError

APPLICATION: Final = 0x626C7370  # "blsp", in the header that `file` and SQLite show
VERSION: Final = 1
# What a medium does and undoes: full, over quota, read-only, failing, pulled out and put in again.
_PASSING: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE}
)
_PASSING_SQLITE: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)

# `received_s` is the spool's own clock (see Spool). No column says when by the calendar [a disk that is stolen would tell who
# was where each day]. `digest` is over device and envelope, so that nobody's envelope can stand in the way of another's.
_SCHEMA = f"""
CREATE TABLE envelopes(
  id INTEGER PRIMARY KEY, port TEXT NOT NULL, device TEXT NOT NULL, received_s INTEGER NOT NULL,
  digest BLOB NOT NULL UNIQUE, envelope BLOB NOT NULL);
CREATE INDEX envelopes_queue ON envelopes(port, device);
CREATE TABLE clock(one INTEGER PRIMARY KEY CHECK(one = 1), ran_s INTEGER NOT NULL);
INSERT INTO clock VALUES(1, 0);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
"""
# Casts, because a bit that the medium has turned over can make a text of a blob (SQLite, file format, section 2.1).
ROWS: Final = "SELECT id, port, device, LENGTH(CAST(envelope AS BLOB)) FROM envelopes"
WAITING: Final = (
    "SELECT port, device, COUNT(*), SUM(LENGTH(CAST(envelope AS BLOB))) FROM envelopes "
    "GROUP BY port, device ORDER BY MIN(id)"
)
KEPT: Final = "SELECT CAST(ran_s AS INTEGER), (SELECT COALESCE(MAX(id), 0) FROM envelopes) FROM clock"
WHOLE: Final = "SELECT id, port, device, CAST(digest AS BLOB), CAST(envelope AS BLOB) FROM envelopes"


def damaged(error: sqlite3.Error) -> bool:
    """Whether it says that the file is broken, and not that it cannot be written just now."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def fold(db: sqlite3.Connection) -> bool:
    """Bring the log into the file, and empty it: deleted rows are overwritten in the file alone [in the log, which is begun anew
    only at a thousand pages, envelopes and pseudonyms of weeks would lie]. False where the disk does not take it now."""
    try:
        return not db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except sqlite3.Error:
        return False


class Unwritable(SpoolError):  # noqa: N818 - it reads as what it finds
    """The medium takes nothing now, and may again: its sentence is for a log."""


def claim(folder: Path) -> int:
    """A descriptor that keeps the folder ours, on a read-only medium too (flock(2)); -1 where it cannot be had.

    GatewayBusy: another gateway has it. The system lets it go with the process, however that ends.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return -1
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise _busy(folder) from None
    except OSError:  # a network file system that has no such locks: the database's own is left
        os.close(descriptor)
        return -1
    return descriptor


def open_file(path: Path) -> sqlite3.Connection:
    """The open file, made if it is missing. sqlite3.Error where `damaged` holds; GatewayBusy, Unwritable, SpoolError."""
    prepare(path.parent)
    _prepare_file(path)
    try:
        return _connect(path)
    except sqlite3.DatabaseError as error:
        if damaged(error):
            raise
        raise _why(path, error) from None


def refusal(path: Path, error: OSError) -> SpoolError:
    """Whether it may pass. Rights that a folder of our own lacks may be given back; another user's are somebody's mistake."""
    ours = error.errno in (errno.EACCES, errno.EPERM) and _ours(path.parent) and _ours(path, missing=True)
    if error.errno in _PASSING or ours:
        return Unwritable(str(error.strerror))
    return SpoolError(f"{path}: cannot be opened ({error.strerror}); name a folder that is yours to write")


def _ours(path: Path, *, missing: bool = False) -> bool:
    try:
        return path.lstat().st_uid == os.geteuid()
    except OSError:
        return missing


def prepare(folder: Path) -> None:
    """Folder 0700, made if it is missing. SpoolError for another user's, or what others could read; Unwritable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(folder, error) from None
    _for_us_alone(folder, folder.stat())


def _prepare_file(path: Path) -> None:
    """File 0600, made if it is missing. Errors as of `prepare`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise refusal(path, error) from None
    try:
        status = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    _for_us_alone(path, status)
    if not stat.S_ISREG(status.st_mode):
        raise SpoolError(f"{path}: is no file; name another folder")


def _for_us_alone(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():  # [root would leave files in it that its owner, a service, cannot open]
        raise SpoolError(f"{path}: belongs to another user; run the gateway as that one, or name another folder")
    # [Envelopes are sealed; which pseudonym stood at which port is not.]
    if status.st_mode & 0o077:
        raise SpoolError(f"{path}: others on this machine may read it: chmod go= {path}")


def _connect(path: Path) -> sqlite3.Connection:
    """Open, locked for us, sound and of our version; sqlite3.Error if it is damaged."""
    db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=True)
    try:
        db.text_factory = lambda raw: raw.decode(
            "utf-8", "replace"
        )  # what is no text any more is damage, and not our end
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")  # a commit is on the medium before ACCEPTED is said
        db.execute("PRAGMA temp_store = MEMORY")  # no file in /tmp, which lies on the same card, for others to find
        db.execute("PRAGMA secure_delete = ON")  # what the broker has does not stay in free pages
        db.execute("BEGIN EXCLUSIVE")  # held until it is closed
        _check(path, db)
        db.execute("COMMIT")
    except BaseException:
        db.close()
        raise
    return db


def _check(path: Path, db: sqlite3.Connection) -> None:
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if not db.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]:
        for statement in _SCHEMA.split(";"):  # not executescript: it would end the transaction
            db.execute(statement)
        return
    if application != APPLICATION:
        raise SpoolError(f"{path}: is a database of something else; name another folder")
    if version != VERSION:
        raise SpoolError(f"{path}: is of version {version}, made by a newer byleave; update this one")
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        broken = sqlite3.DatabaseError(found)
        broken.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise broken


def _why(path: Path, error: sqlite3.Error) -> SpoolError | GatewayBusy:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(path)
    if code in _PASSING_SQLITE:
        return Unwritable(str(error))
    return SpoolError(f"{path}: cannot be used ({error}); name another folder")


def _busy(path: Path) -> GatewayBusy:
    names = holders(str(path))
    who = f" ({', '.join(names)})" if names else ""
    return GatewayBusy(f"{path}: another gateway uses it{who}; stop that one, or name another folder")
