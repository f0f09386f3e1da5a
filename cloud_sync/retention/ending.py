"""How rows whose term ends for the person's sake go, beside the terms of the rules: a child's, and those of an ended relation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import Device, StoredEnvelope
from cloud_sync.retention.extent import Extents, released_after
from cloud_sync.retention.lateness import Held, Lateness
from cloud_sync.retention.stepdown import day_end, shreds_of
from cloud_sync.stores import Database, KeyDatabase


class Ending:
    """Takes rows and days out, as far as no hold keeps them; inside the database's transaction."""

    def __init__(self, database: Database, store: KeyDatabase, keys: LadderKeys) -> None:
        self._database = database
        self._store = store
        self._keys = keys

    def rows(
        self,
        over: Sequence[StoredEnvelope],
        held_now: Held,
        due: Callable[[StoredEnvelope], float],
        now: float,
        lateness: Lateness,
    ) -> tuple[int, int]:
        """Rows, with a note of their keys; how many went, and how many a hold keeps. `due`: when each was to go."""
        extents = Extents(self._store, self._keys)
        dead = [row for row in over if not extents.held(row, held_now)]
        self._database.remove_envelopes([(row.id, row.digest) for row in dead])
        self._database.add_shreds(shreds_of(dead))
        for row in dead:
            at = due(row)
            lateness.took(at, now, released_after(row, held_now, at))
        return len(dead), len(over) - len(dead)

    def days(self, device: Device, stream: int, last: int, held_now: Held) -> None:
        """Keys of all days up to `last`, data or none, unless a hold keeps one of them."""
        if last >= 0 and not held_now.held_between(device.device, stream, 0.0, day_end(last)):
            self._keys.destroy(device.device, stream, 0, last)
