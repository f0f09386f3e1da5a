"""The cap of the whole relation over what devices told (`retention.total_cap`; clause table, section 9).

A term of twelve months from capture and thirty days in backups is later than thirteen calendar months from some days, by one day or
two. So of whoever's relation has ended, what was captured until then goes when records do at the latest: early enough for the last
backup of it to expire within the cap. It goes of nobody whose relation goes on, or was never told of; what is captured later has
its own terms. What a law wants kept is outside the sum, as it is of records: its stream has its own term.
"""

from __future__ import annotations

from typing import Final

from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, Device, LawfulBasis
from cloud_sync.model.keeping import ClockEvent, Scope
from cloud_sync.policy import Clock, Policy
from cloud_sync.retention.clocks import Clocks, ended_at
from cloud_sync.retention.due import RecordTerms
from cloud_sync.retention.ending import Ending
from cloud_sync.retention.lateness import Holding, Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.retention.stepdown import StepDown
from cloud_sync.stores import Database, KeyDatabase

ENDS: Final = (Clock.RELATION_ENDED.value, Clock.ACCOUNT_CLOSED.value)
CAPPED: Final = (
    "relation.capped"  # an event of the person: the end up to which all of it is gone; it goes with their others
)


class RelationCap:
    """Destroys what outlives the cap of an ended relation."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        stepdown: StepDown,
        policy: Policy,
        clocks: Clocks,
        holds: Holding,
    ) -> None:
        self._database = database
        self._ending = Ending(database, store, keys)
        self._stepdown = stepdown
        self._clocks = clocks
        self._terms = RecordTerms(policy, clocks)
        # A day less: clocks are set forward and back between the two.
        self._least_s = policy.total_cap.shortest_s - policy.backup_horizon.longest_s - EPOCH_SECONDS
        self._holds = holds
        lawful = {rule.stream for rule in policy.rules if rule.basis is LawfulBasis.LEGAL_OBLIGATION}
        self._streams = tuple(stream for stream in UPLINK_STREAMS if stream not in lawful)

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Everybody whose cap has come, once; what a hold keeps is looked at again."""
        envelopes = held = 0
        for subject in self._database.subjects_of_events(ENDS, now - self._least_s):
            times = self._clocks.times(Scope.SUBJECT, subject)
            ended = ended_at(times)
            if ended is None or self._terms.capped(ended) > now or ended in times.get(CAPPED, ()):
                continue
            kept = 0
            for device in self._database.devices_of(subject):
                for stream in self._streams:
                    gone, stay = self._rows(device, stream, ended, now, lateness)
                    envelopes, kept = envelopes + gone, kept + stay
            self._stepdown.tidy()
            if not kept:
                self._database.add_clock_event(ClockEvent(Scope.SUBJECT, subject, CAPPED, ended))
            held += kept
        return Gone(envelopes=envelopes, held=held)

    def _rows(self, device: Device, stream: int, ended: float, now: float, lateness: Lateness) -> tuple[int, int]:
        """Rows, with a note of their keys; then whole days before that of the end, data or none."""
        last, due = int(ended) // EPOCH_SECONDS, self._terms.capped(ended)
        with self._database.transaction():
            held_now = self._holds.view()
            rows = self._database.envelopes(device.device, stream, 0, last)
            over = [row for row in rows if row.oldest_capture <= ended]
            gone = self._ending.rows(over, held_now, lambda _: due, now, lateness)
            self._ending.days(device, stream, last - 1, held_now)
        return gone
