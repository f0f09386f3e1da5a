"""The file of a spool: opened for one gateway alone, checked, and put aside when it is damaged. `spool.Spool` is what uses it."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from agent.errors import GatewayBusy, SpoolError

APPLICATION: Final = 0x626C7370  # "blsp", in the header that `file` and SQLite show
VERSION: Final = 1

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


def open_file(path: Path) -> tuple[sqlite3.Connection, Path | None]:
    """The open file, and where a damaged one was put. GatewayBusy, SpoolError."""
    _prepare(path)
    try:
        return _connect(path), None
    except sqlite3.DatabaseError as error:
        if not damaged(error):
            raise _why(path, error) from None
    aside = put_aside(path)
    _prepare(path)
    try:
        return _connect(path), aside
    except sqlite3.Error as error:
        raise _why(path, error) from None


def put_aside(path: Path) -> Path:
    """Rename a damaged file, with its log, to the first NAME.damaged-N that is free; nothing is deleted. SpoolError."""
    n = 1
    while (aside := path.with_name(f"{path.name}.damaged-{n}")).exists():
        n += 1
    try:
        path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    except OSError as error:
        raise SpoolError(
            f"{path}: is damaged and cannot be put aside ({error.strerror}); name another folder"
        ) from None
    return aside


def _prepare(path: Path) -> None:
    """Folder 0700 and file 0600, made if they are missing. SpoolError for what others could read, or what is no file."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SpoolError(f"{path}: cannot be opened ({error.strerror}); name a folder that is yours to write") from None
    try:
        for what, status in ((path, os.fstat(descriptor)), (path.parent, path.parent.stat())):
            # [Envelopes are sealed; which pseudonym stood at which port is not.]
            if status.st_mode & 0o077:
                raise SpoolError(f"{what}: others on this machine may read it: chmod go= {what}")
            if what == path and not stat.S_ISREG(status.st_mode):
                raise SpoolError(f"{path}: is no file; name another folder")
    finally:
        os.close(descriptor)


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


def _why(path: Path, error: sqlite3.Error) -> GatewayBusy | SpoolError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return GatewayBusy(f"{path}: another gateway uses it; stop that one, or name another folder")
    return SpoolError(f"{path}: cannot be used ({error}); make room on the disk, or name another folder")
