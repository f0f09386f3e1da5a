"""The folders in which backups lie, what is in them, and what is past its horizon.

Which folders these are stands beside the tombstones, where no restore turns it back. Whatever of our own names lies there is found,
with a manifest or without one [a cut that left the file alone], and goes when its time is over. A backup of keys has a name of the
operator's: it is registered before it is written, and known by what is in it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cloud_sync.backups.copying import opened
from cloud_sync.backups.manifest import Kept, beside, discard, read_manifest
from cloud_sync.errors import CloudSyncError, ConfigError
from cloud_sync.storage import keybackup
from cloud_sync.storage.keybackup import PART
from cloud_sync.storage.private import write_private
from cloud_sync.stores import WitnessStore

log = logging.getLogger(__name__)

PREFIX: Final = "backups/"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = re.compile(r"telemetry-(\d{8}T\d{6}Z)\.db(\.part)?", re.ASCII)
INTENDED: Final = "intended-backup/"  # and a hash of the path: when a backup of keys was begun there
MADE: Final = "made-backup/"  # and the SHA-256 of one that this installation made
MARK: Final = (
    ".byleave-backups"  # an empty file that a registered folder has, and the mount point of a disk that is away has not
)

Expires = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Found:
    """A backup in a folder; Unix seconds."""

    path: Path
    store: Kept
    made_at: float
    due_at: float


@dataclass(frozen=True, slots=True)
class Pruned:
    """What went, and the folders that could not be looked into: a medium that is away keeps what it holds."""

    gone: tuple[Path, ...] = ()
    away: tuple[Path, ...] = ()


class Shelf:
    """All folders of one installation. `expires`: when a backup of a store that was made at a moment must be gone."""

    def __init__(self, witness: WitnessStore, expires: Mapping[Kept, Expires]) -> None:
        self._witness = witness
        self._expires = expires

    def register(self, folder: Path) -> None:
        """From now on what is in this folder goes when its time is over."""
        path, there = str(folder.absolute()), folder / MARK
        if not there.exists():
            write_private(there, b"")  # ConfigError for a folder that is missing, before it is looked for every hour
        self._witness.set_witness(_name(path), 1, path.encode())

    def intend(self, path: Path, made_at: float) -> None:
        """A backup of keys is about to be written here; whatever becomes of it goes when its time is over."""
        self.register(path.parent)
        absolute = str(path.absolute())
        self._witness.set_witness(_intent(absolute), int(made_at), absolute.encode())

    def done(self, path: Path) -> None:
        """It has its manifest, and is found by that."""
        self._witness.set_witness(_intent(str(path.absolute())), 0, b"")

    def made(self, sha256: str, made_at: float) -> None:
        """A backup with this hash was made here; known also when the audit log has been turned back behind it."""
        self._witness.set_witness(MADE + sha256, int(made_at), b"")

    def knows(self, sha256: str) -> bool:
        """Whether one was."""
        return self._witness.witness(MADE + sha256) is not None

    def forget(self, folder: Path) -> None:
        """Look into this folder no longer: the medium was destroyed. ConfigError for one that nobody registered."""
        path = str(folder.absolute())
        if path not in {str(each) for each in self.folders()}:
            raise ConfigError(f"{folder}: is no folder of backups; see: byleave sync backup list")
        self._witness.set_witness(_name(path), 0, b"")

    def folders(self) -> list[Path]:
        """In order of their names."""
        names = [name for name, there in self._witness.witnesses(PREFIX).items() if there]
        marks = [self._witness.witness(name) for name in names]
        return sorted(Path(mark[1].decode()) for mark in marks if mark is not None)

    def found(self) -> Iterator[Found]:
        """Every backup that can be seen, folder by folder, the oldest first in each."""
        for folder in self.folders():
            yield from sorted(self._in(folder) or (), key=lambda each: (each.made_at, each.path))

    def away(self) -> tuple[Path, ...]:
        """Folders that cannot be looked into: missing, without our mark [an empty mount point], or not readable."""
        return tuple(folder for folder in self.folders() if self._in(folder) is None)

    def expired(self, now: float) -> list[Found]:
        """Those whose time is over."""
        return [each for each in self.found() if each.due_at <= now]

    def prune(self, now: float) -> Pruned:
        """Destroy them. One that cannot be deleted is told, and stops no other; `away` names its folder."""
        gone, away = [], set(self.away())
        for each in self.expired(now):
            if each.path.is_symlink():  # the link would go, and the backup would stay
                log.error(
                    "a backup whose time is over was moved and linked; destroy what the link leads to: %s", each.path
                )
                away.add(each.path.parent)
                continue
            try:
                discard(each.path)
                beside(each.path).unlink(missing_ok=True)  # last: without it a cut would leave keys that nobody finds
            except OSError:
                log.exception("a backup whose time is over cannot be deleted; it is tried again with the next sweep")
                away.add(each.path.parent)
            else:
                gone.append(each.path)
        return Pruned(tuple(gone), tuple(sorted(away)))

    def _in(self, folder: Path) -> list[Found] | None:
        """The backups in a folder; None for one that is away."""
        try:
            if not (folder / MARK).exists():
                return None
            paths = [path for path in folder.iterdir() if path.is_file()]
        except OSError:
            return None
        there = {found.path.absolute(): found for found in self._begun(folder)}
        there |= {path.absolute(): found for path in paths if (found := self._of(path)) is not None}
        return list(there.values())

    def _begun(self, folder: Path) -> Iterator[Found]:
        """Backups of keys that were cut before they had a manifest: the whole file, or what was written of it."""
        for name, made_at in self._witness.witnesses(INTENDED).items():
            _, mark = self._witness.witness(name) or (0, b"")
            path = Path(mark.decode())
            if not made_at or path.parent != folder.absolute():
                continue
            due_at, part = self._expires[Kept.KEYS](made_at), path.with_name(path.name + PART)
            if part.is_file():
                yield Found(part, Kept.KEYS, made_at, due_at)
            if path.is_file() and _is_keys_of(path, made_at):  # [another file that somebody put there since]
                yield Found(path, Kept.KEYS, made_at, due_at)

    def _of(self, path: Path) -> Found | None:
        """By the manifest, the name, and what is known of its hash: of their moments the one that ends it soonest."""
        named = self._by_name(path)
        try:
            manifest = read_manifest(path)
        except CloudSyncError:
            return named
        known = self._witness.witness(MADE + manifest.sha256)
        made = min(manifest.made_at, manifest.made_at if known is None else known[0])
        due = min(manifest.due_at, self._expires[manifest.store](made), *([] if named is None else [named.due_at]))
        return Found(path, manifest.store, made, due)

    def _by_name(self, path: Path) -> Found | None:
        named = _NAME.fullmatch(path.name)
        if named is None:
            return None
        try:
            made = datetime.strptime(named[1], _STAMP).replace(tzinfo=UTC).timestamp()
            return Found(path, Kept.TELEMETRY, made, self._expires[Kept.TELEMETRY](made))
        except (ValueError, OverflowError):  # a moment that no calendar has: the name is not ours
            return None


def name_of(made_at: float) -> str:
    """The file name of a snapshot."""
    return f"telemetry-{datetime.fromtimestamp(int(made_at), UTC).strftime(_STAMP)}.db"


def _is_keys_of(path: Path, made_at: int) -> bool:
    """Whether a file says of itself that it is a backup of keys of that second."""
    try:
        with opened(path, read_only=True) as database:
            row = database.execute("SELECT count FROM seen WHERE name = ?", (keybackup.MADE_AT,)).fetchone()
    except CloudSyncError:
        return False
    return row is not None and row[0] == made_at


def _intent(path: str) -> str:
    return INTENDED + hashlib.sha256(path.encode()).hexdigest()


def _name(path: str) -> str:
    return PREFIX + hashlib.sha256(path.encode()).hexdigest()
