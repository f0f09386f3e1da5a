"""How far deleting reaches in PostgreSQL, which overwrites nothing in place.

A deleted or replaced row stays in its table until the table is vacuumed, in the write-ahead log until its segment goes, and on the
medium until the file system uses the blocks again. So:

- Tables in the clear or with wrapped keys are rewritten without it (`VACUUM FULL`): the old file is cut to nothing at once and
  removed by the next checkpoint. Tables of sealed envelopes are only vacuumed: their keys are gone, what is left opens for nobody.
- A key store also ends the log's segment and makes a checkpoint, after which no segment with the old rows is left. That holds on a
  server that neither renames old segments into new ones, nor archives them, nor keeps them for anybody: `check_erasable`.
- A snapshot from before the deletion keeps the rows alive. Like a reader of SQLite's log it makes the erasure fail. Those of
  other roles are seen by a role that may read statistics; that of a key store must.

What SQLite does beyond it is to overwrite the bytes: for keys that is the better place.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from psycopg import sql

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.storage.postgresql_server import Connection

WAIT_S = 10.0  # for snapshots of others to end: a batch or a read, not a dump
LOOK_S = 0.01

_NEEDED = (  # what a key store needs of its server; what to say otherwise
    (
        "current_setting('wal_recycle') = 'off'",
        "set wal_recycle = off [old log segments are renamed, with old keys in them]",
    ),
    ("current_setting('archive_mode') = 'off'", "set archive_mode = off [an archive keeps every key there ever was]"),
    ("current_setting('wal_keep_size') = '0'", "set wal_keep_size = 0 [segments with old keys are kept]"),
    ("NOT EXISTS (SELECT FROM pg_replication_slots)", "drop its replication slots [they keep segments with old keys]"),
    ("NOT EXISTS (SELECT FROM pg_prepared_xacts)", "end its prepared transactions [they keep old keys alive]"),
    ("pg_has_role('pg_checkpoint', 'USAGE')", "GRANT pg_checkpoint to its role [old files go with a checkpoint]"),
    (
        "pg_has_role('pg_read_all_stats', 'USAGE')",
        "GRANT pg_read_all_stats to its role [who else holds an old snapshot?]",
    ),
    ("has_function_privilege('pg_switch_wal()', 'EXECUTE')", "GRANT EXECUTE ON FUNCTION pg_switch_wal() to its role"),
)
_HOLDERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (datname = current_database() OR datname IS NULL)"
    " AND age(backend_xmin) > age(%(now)s::xid)",
    "SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database() AND age(transaction) > age(%(now)s::xid)",
    "SELECT count(*) FROM pg_replication_slots WHERE age(xmin) > age(%(now)s::xid)",
)


def check_erasable(db: Connection, name: str) -> None:
    """ConfigError unless a key that is deleted from this server can be gone from its files."""
    row = db.execute(f"SELECT {', '.join(condition for condition, _ in _NEEDED)}").fetchone() or ()
    wrong = [advice for fulfilled, (_, advice) in zip(row, _NEEDED, strict=True) if not fulfilled]
    if wrong:
        raise ConfigError(f"{name}: keys could not be erased here; {'; '.join(wrong)}; or keep the key store in a file")


def vacuum(db: Connection, name: str, rewritten: Iterable[str], cleaned: Iterable[str], *, private: bool) -> None:
    """Rewrite the tables of the first kind, clean those of the second; `private`: the log forgets too."""
    if private:
        check_erasable(db, name)  # it may have changed since the start
    _await_snapshots(db, name)
    for mode, tables in (("FULL", rewritten), ("FULL OFF", cleaned)):
        for table in sorted(tables):
            db.execute(sql.SQL(f"VACUUM ({mode}) {{}}").format(sql.Identifier(table)))
    if private:
        db.execute("SELECT pg_switch_wal()")
        db.execute("CHECKPOINT")


def _await_snapshots(db: Connection, name: str) -> None:
    """Until nobody sees what was deleted before now; StoreError after a while."""
    now = (db.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::xid::text").fetchone() or ("",))[0]
    until = time.monotonic() + WAIT_S
    while any((db.execute(query, {"now": now}).fetchone() or (0,))[0] for query in _HOLDERS):
        if time.monotonic() > until:
            raise StoreError(f"{name}: another connection holds what was erased; erase again when it is closed")
        time.sleep(LOOK_S)
