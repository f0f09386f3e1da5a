"""Backups as the façade has them: `cloud.backups` takes snapshots, checks them, and destroys them when their time is over."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Final, NamedTuple, Self, cast

from cloud_sync.audit import AuditLog, Continuity, Kind
from cloud_sync.backups import Found, LastTrace, Manifest, Pruned, Shelf, keys_horizon, last_traces, put_back, verify
from cloud_sync.backups.copying import MADE_AT, UNREPLAYED, entries_of, take
from cloud_sync.backups.manifest import Kept, beside, digest, discard, durable, told
from cloud_sync.backups.restoring import part_of
from cloud_sync.backups.shelf import name_of
from cloud_sync.config import Config
from cloud_sync.erasure.witness import AUDIT, SWEPT
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.facade.keeping import Keeping
from cloud_sync.facade.overdue import Overdue
from cloud_sync.model import EPOCH_SECONDS
from cloud_sync.policy import Policy, load_policy
from cloud_sync.records import Records
from cloud_sync.records.freshness import Freshness
from cloud_sync.retention.checkpoint import MOST_LEAP_S, leap_s
from cloud_sync.retention.civil import zone_of
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.open import is_there, open_tombstones
from cloud_sync.storage.sqlite import SqliteEngine
from cloud_sync.storage.telemetry import TelemetryRows
from cloud_sync.stores import Clock, Database, Downlinks, WitnessStore

log = logging.getLogger(__name__)

OPERATOR: Final = "operator"
RETENTION: Final = "retention"


class Taken(NamedTuple):
    """A backup that was made."""

    path: Path
    manifest: Manifest


class Backups:
    """The backups of one installation."""

    def __init__(
        self,
        *,
        database: TelemetryRows,
        witness: WitnessStore,
        policy: Policy,
        clock: Clock,
        audit: AuditLog,
        continuity: Continuity,
    ) -> None:
        self._continuity = continuity
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit
        self._witness = witness
        self._shelf = _shelf(witness, policy)

    def snapshot(self, folder: str | Path) -> Taken:
        """Write a snapshot of the telemetry database, and its manifest, into `folder`, while the service runs.

        The folder is registered: the sweep destroys what is in it once `backup.horizon` is over. ConfigError where it is missing.
        """
        now = self._sure()
        path = Path(folder) / name_of(now)
        self._shelf.register(path.parent)  # first [a cut behind it leaves a file that the sweep finds by its name]
        take(self._database, path, now)
        self._continuity.backed_up(entries_of(path))
        return self._made(path, Kept.TELEMETRY, self._database, now, self._database.leaf_count())

    def intend_keys(self, path: Path, made_at: float) -> None:
        """A backup of the keys is about to be written to `path`: first [a cut behind it leaves keys that no sweep finds]."""
        self._shelf.intend(path, made_at)

    def note_keys(self, path: Path, store: Engine, made_at: float) -> Taken:
        """A backup of the keys was written to `path`: its manifest, by which the sweep finds it from now on."""
        taken = self._made(path, Kept.KEYS, store, made_at, 0)
        self._shelf.done(path)
        return taken

    def verify(self, path: str | Path) -> Manifest:
        """The manifest of a backup that is what it says, by its hash, and that this installation knows it has made.

        StoreError for one that is damaged, or that this installation did not make; ConfigError where there is none.
        """
        found = verify(Path(path))
        made = [entry.event for entry in self._audit.entries(kind=Kind.BACKUP_MADE.value)]
        known = {str(value) for event in made for key, value in event.detail if key == "commitment"}
        if found.sha256 not in known and not self._shelf.knows(found.sha256):  # a log that was turned back is behind it
            raise StoreError(
                f"{path}: this installation knows of no such backup; it is another installation's, or was changed"
            )
        return found

    def all(self) -> list[Found]:
        """Every backup in the registered folders that are there."""
        return list(self._shelf.found())

    def folders(self) -> list[Path]:
        """The registered folders."""
        return self._shelf.folders()

    def away(self) -> tuple[Path, ...]:
        """Those of them that cannot be looked into now: whatever lies there outlives its horizon."""
        return self._shelf.away()

    def expired(self) -> list[Found]:
        """Those whose time is over: the next sweep destroys them."""
        return self._shelf.expired(self._clock.now())

    def prune(self) -> Pruned:
        """Destroy them now; the sweep does it hourly."""
        done = self._shelf.prune(self._sure())
        if done.gone:
            self._audit.record(Kind.BACKUP_ENDED.value, RETENTION, count=len(done.gone))
        for folder in done.away:
            log.warning("a folder of backups is away, and keeps what it holds: %s", folder)
        return done

    def forget(self, folder: str | Path) -> None:
        """Look into a folder no longer, whose medium was destroyed."""
        self._shelf.forget(Path(folder))

    def last_traces(self, ended_at: float) -> list[LastTrace]:
        """When each category has left the live system and the last backup, of a relation that ended then (Unix seconds)."""
        return last_traces(self._policy, ended_at)

    def admit(self) -> None:
        """Before anything is served: a snapshot that somebody copied into place by hand is a restore as any other.

        ConfigError past its horizon, by this clock or the last sweep's; within it, no snapshot is taken before the replay. Nor is
        a database served that a restore was to fill and did not.
        """
        if isinstance(self._database, SqliteEngine):
            with told(self._database.path):
                discard(part_of(self._database.path))  # of a restore that was cut: an old copy that no horizon ends
        entries, _ = self._witness.witness(AUDIT) or (0, b"")
        if entries and not self._database.leaf_count():
            raise ConfigError("the database is empty, though its log had entries: a restore was cut, so give it again")
        made_at = self._database.mark(MADE_AT)
        if not made_at:
            return
        swept, _ = self._witness.witness(SWEPT) or (0, b"")
        if _expires(self._policy)[Kept.TELEMETRY](float(made_at)) <= max(self._clock.now(), swept):
            raise ConfigError(
                "the database is a snapshot past its horizon: what was erased since would be back, so destroy it"
            )
        with self._database.transaction():
            self._database.set_mark(UNREPLAYED, made_at)
            self._database.set_mark(MADE_AT, "")

    def replayed(self) -> None:
        """The installation is open: what was put back has been through its erasures, and may be backed up again."""
        if self._database.mark(UNREPLAYED):
            self._audit.record(Kind.BACKUP_RESTORED.value, OPERATOR)
            self._database.set_mark(UNREPLAYED, "")

    def _sure(self) -> float:
        """The moment; ConfigError while the clock is so far beyond the last sweep that the next one would halt.

        [A clock that is a year ahead would destroy every backup, and date a new one so that it lives a year too long.]
        """
        now = self._clock.now()
        leap = leap_s(self._database, now)
        if leap > MOST_LEAP_S:
            raise ConfigError(
                f"the clock is {leap / EPOCH_SECONDS:.1f} days beyond the last sweep; if the date is right,"
                " run: byleave sync sweep --confirm-clock"
            )
        return now

    def _made(self, path: Path, store: Kept, engine: Engine, made_at: float, entries: int) -> Taken:
        with told(path):
            size_bytes, sha256 = path.stat().st_size, digest(path)
        manifest = Manifest(
            store=store,
            file=path.name,
            size_bytes=size_bytes,
            sha256=sha256,
            schema=engine.schema_version,
            entries=entries,
            made_at=made_at,
            due_at=_expires(self._policy)[store](made_at),
            policy=self._policy.hash,
        )
        with told(path):
            beside(path).unlink(missing_ok=True)  # of one that was deleted by hand
            manifest.write(path)
            durable(path)
        self._shelf.made(sha256, made_at)
        detail: dict[str, Any] = {
            "category": store.value,
            "commitment": manifest.sha256,
            "review_at": int(manifest.due_at),
        }
        self._audit.record(Kind.BACKUP_MADE.value, OPERATOR, **detail)
        return Taken(path, manifest)


class Backing(ABC):
    """The part of `CloudSync` that keeps horizons: of backups, of erasures that wait, of data that goes out of date."""

    audit: AuditLog
    clock: Clock
    continuity: Continuity
    database: Database
    policy: Policy
    records: Records
    _keeping: Keeping

    @classmethod
    @abstractmethod
    def open(cls, config: Config, *, clock: Clock, link: Downlinks | None = None) -> Self:
        """`CloudSync.open`."""

    @classmethod
    def restore(cls, config: Config, snapshot: str | Path, *, clock: Clock, link: Downlinks | None = None) -> Self:
        """Put a snapshot in the place of a telemetry database that is lost, and open: erasures are replayed before anybody reads.

        ConfigError past the snapshot's horizon, by this clock or by the last sweep [a clock that is behind], and where there is a
        database; StoreError for a damaged snapshot.
        """
        put_back_into(config, Path(snapshot), clock.now())
        return cls.open(config, clock=clock, link=link)

    def _prepare_backups(self, witness: WitnessStore) -> None:
        common: dict[str, Any] = {"policy": self.policy, "clock": self.clock, "audit": self.audit}
        self.backups = Backups(
            database=cast(TelemetryRows, self.database), witness=witness, continuity=self.continuity, **common
        )
        self.quality = Freshness(database=self.database, **common)
        self.overdue = Overdue(database=self.database, unheld=self._keeping.due_erasures, **common)

    def _keep_horizons(self) -> None:
        """What a sweep does beside its own: backups whose time is over go, and data out of date is asked about."""
        self.backups.prune()
        self.quality.check()


def put_back_into(config: Config, snapshot: Path, now: float) -> Manifest:
    """Put a snapshot into an installation whose service is stopped, and whose telemetry database is lost; see `Backing.restore`."""
    policy = load_policy(config.policy)
    if not is_there(config.tombstones):  # opening them would make them [an empty one knows of no erasure]
        raise ConfigError(
            f"{config.tombstones}: the tombstones are missing; put them back first, they say what was erased"
        )
    stones = open_tombstones(config.tombstones)
    try:
        swept, _ = stones.witness(SWEPT) or (0, b"")
    finally:
        stones.close()
    return put_back(snapshot, config.database, max(now, swept), _expires(policy)[Kept.TELEMETRY])


def _shelf(witness: WitnessStore, policy: Policy) -> Shelf:
    return Shelf(witness, _expires(policy))


def _expires(policy: Policy) -> dict[Kept, Any]:
    """When a backup of each store must be gone, on the calendar of the controller's country, as the terms that leave it time."""
    zone, horizons = zone_of(policy.country), {Kept.TELEMETRY: policy.backup_horizon, Kept.KEYS: keys_horizon(policy)}
    return {store: lambda made_at, term=horizon: term.end(made_at, zone) for store, horizon in horizons.items()}
