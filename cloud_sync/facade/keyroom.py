"""The keys of an installation as the façade has them: rotation, and backups of the key store."""

from __future__ import annotations

from pathlib import Path

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.facade.backups import Backups
from cloud_sync.keys.rotation import Progress, Rotation
from cloud_sync.storage.keybackup import back_up
from cloud_sync.storage.keys import KeyRows
from cloud_sync.stores import Clock, Database

OPERATOR = "operator"


class KeyRoom:
    """The part of `CloudSync` that keeps keys. Devices' own ladders are in `devices`."""

    clock: Clock
    database: Database
    audit: AuditLog
    backups: Backups
    rotation: Rotation
    _store: KeyRows

    def rotate_keys(self) -> tuple[int, Progress]:
        """A new key, under which every stored one is wrapped anew: its number, and what was done. Ingest goes on meanwhile.

        Killed half-way, it is gone on with at the next sweep. The former key is dropped when no backup needs it any more.
        """
        number = self.rotation.begin()
        done = self.rotation.work()
        self.audit.record(Kind.KEYS_ROTATED.value, OPERATOR, version=number, count=done.wrapped)
        return number, done

    def back_up_keys(self, path: Path) -> int:
        """Write a backup of the key store to a new file, without what leads to keys of days to come; how many keys it holds.

        It opens what it holds until it is destroyed, whatever is erased meanwhile: within the policy's `backup.keys_horizon`. The
        sweep destroys it then, as long as it lies where it was written.
        """
        now = self.clock.now()
        self.backups.intend_keys(path, now)
        count = back_up(self._store, path, now)
        self.backups.note_keys(path, self._store, now)
        self.audit.record(Kind.KEYS_BACKED_UP.value, OPERATOR, count=count)
        return count

    def devices_without_ladder(self) -> list[str]:
        """Devices in use whose ladders were lost with a key store: each is to be enrolled anew."""
        laddered = {tip.device for tip in self._store.tips()}
        return [d.device for d in self.database.all_devices() if d.revoked_at is None and d.device not in laddered]
