"""Whether a snapshot is what its manifest says, and the way back from one.

1. `verify`: manifest, size, hash, SQLite's own check, the moment in the file itself [a manifest that was rewritten].
2. `put_back`: refused past the horizon; takes the place of a database that is lost, never of one that is there.
3. The store says that its erasures are not replayed. Opening the installation replays them before anything is served, and until
   then no snapshot is taken of it [what was erased since would be in a backup with a later end].
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from cloud_sync.backups.copying import MADE_AT, mark, opened, turn_back
from cloud_sync.backups.manifest import LEFT, Kept, Manifest, digest, discard, durable, read_manifest, told, whole
from cloud_sync.backups.shelf import name_of
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.places import Place
from cloud_sync.storage import keybackup
from cloud_sync.storage.moving import move
from cloud_sync.storage.open import is_there, open_telemetry
from cloud_sync.storage.sqlite import SqliteTelemetry, prepare_file


def verify(path: Path) -> Manifest:
    """The manifest of a backup that is what it says; StoreError for one that is damaged, ConfigError where there is none."""
    found = read_manifest(path)
    if not path.exists():
        raise ConfigError(f"{path}: not there; its manifest is")
    with told(path):
        same = path.stat().st_size == found.size_bytes and digest(path) == found.sha256
    if not same:
        raise StoreError(f"{path}: is not the file that its manifest describes; take another backup")
    _check(path, found)
    return found


def put_back(path: Path, place: Place, now: float, expires: Callable[[float], float]) -> Manifest:
    """Put a snapshot in the place of a telemetry database that is lost, whole or not at all.

    `expires`: when a snapshot that was made at a moment must be gone. Past that, or past what its manifest says, it is refused.
    """
    if is_there(place) and not _only_made(place):
        raise ConfigError(f"{place}: is there; a snapshot takes the place of a database that is lost, never of one")
    found = verify(path)
    if found.store is not Kept.TELEMETRY:
        raise ConfigError(f"{path}: is a backup of keys; put it back with: byleave sync keys restore")
    if min(found.due_at, expires(found.made_at)) <= now:
        raise ConfigError(f"{path}: has expired; what was erased or has gone since would be back, so destroy it")
    if isinstance(place, Path):
        _into_file(path, place, found)
    else:
        _into_server(path, place, found)
    return found


def _only_made(place: Place) -> bool:
    """Whether a server's database has its tables and no more: a restore into it was cut. `move` looks at each of them."""
    if isinstance(place, Path):  # a file takes its place whole
        return False
    with closing(open_telemetry(place)) as store:
        return store.leaf_count() == 0


def _check(path: Path, found: Manifest) -> None:
    with opened(path, read_only=True) as database:
        if database.execute("PRAGMA integrity_check(1)").fetchone() != ("ok",):
            raise StoreError(f"{path}: SQLite finds damage in it; take another backup")
        if not _made_then(database, found):
            raise StoreError(f"{path}: was not made when its manifest says; take another backup")


def _made_then(database: sqlite3.Connection, found: Manifest) -> bool:
    """Whether the file itself names the manifest's moment; keys are dated to the second."""
    if found.store is Kept.TELEMETRY:
        return mark(database, MADE_AT) == repr(found.made_at)
    row = database.execute("SELECT count FROM seen WHERE name = ?", (keybackup.MADE_AT,)).fetchone()
    return row is not None and row[0] == int(found.made_at)


def part_of(place: Path) -> Path:
    """Where a database is made that is being put back: beside its place, so that a cut never leaves half of one there."""
    return place.with_name(place.name + ".part")


def _into_file(path: Path, place: Path, found: Manifest) -> None:
    """ConfigError where SQLite left a log of the lost database: it would be read into the one that is put back."""
    for left in (place.with_name(place.name + name) for name in LEFT[:2]):
        if left.exists():
            raise ConfigError(f"{left}: is left of the database that was here, and belongs to it; move it away first")
    part = part_of(place)
    with whole(part):
        _copied(path, part, found)
        durable(part)  # before it takes its place
        part.rename(place)
    with told(place):
        durable(place)


def _copied(path: Path, part: Path, found: Manifest) -> None:
    prepare_file(part, private=True)  # open to nobody else from its first byte
    shutil.copyfile(path, part)
    turn_back(part, found.made_at)


def _into_server(path: Path, place: Place, found: Manifest) -> None:
    """Row by row, over a copy beside the snapshot that is gone afterwards; by its name a sweep finds what a cut left of it."""
    part = path.with_name(name_of(found.made_at) + ".part")
    with whole(part):
        _copied(path, part, found)
        with closing(SqliteTelemetry(part)) as source, closing(open_telemetry(place)) as target:
            move(source, target)
        discard(part)
