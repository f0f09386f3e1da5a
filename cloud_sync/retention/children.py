"""The shorter term of a child's telemetry (`children.safeguards.retention_max`, clause table V-20), whatever the rules say.

Few people are children, and of each only what is over is looked at: the keys of days that are wholly over go with the days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, Device
from cloud_sync.policy import Period
from cloud_sync.retention.ending import Ending
from cloud_sync.retention.lateness import Holding, Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.retention.stepdown import StepDown
from cloud_sync.retention.terms import lasts_of
from cloud_sync.stores import Database, KeyDatabase

BEFORE_S: Final = 3660  # a coarse capture may lie a minute and a step before its epoch


class ChildTerms:
    """Destroys what is over of the telemetry of children."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        stepdown: StepDown,
        term: Period,
        children: Callable[[], Iterable[str]],
        holds: Holding,
    ) -> None:
        """`children()`: everybody who is below an age of consent now."""
        self._database = database
        self._ending = Ending(database, store, keys)
        self._stepdown = stepdown
        self._term = term
        self._children = children
        self._holds = holds

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Rows first, with a note of their keys; then the keys; then whole days, data or none."""
        envelopes = held = 0
        for subject in self._children():
            for device in self._database.devices_of(subject):
                for stream in PERSONAL_STREAMS:
                    gone, kept = self._rows(device, stream, now, lateness)
                    envelopes, held = envelopes + gone, held + kept
        self._stepdown.tidy()
        return Gone(envelopes=envelopes, held=held)

    def _rows(self, device: Device, stream: int, now: float, lateness: Lateness) -> tuple[int, int]:
        last = int(self._term.latest_start(now) + BEFORE_S) // EPOCH_SECONDS
        with self._database.transaction():
            held_now = self._holds.view()
            rows = self._database.envelopes(device.device, stream, 0, last)
            over = [row for row in rows if self._term.end(row.oldest_capture) <= now]
            gone = self._ending.rows(over, held_now, lambda row: self._term.end(row.oldest_capture), now, lateness)
            # Keys of days of which every capture is over go without a row as well, up to the last that holds keep.
            while last >= 0 and max(map(self._term.end, lasts_of(last))) > now:
                last -= 1
            self._ending.days(device, stream, last, held_now)
        return gone
