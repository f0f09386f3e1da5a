"""What is left after a campaign of kills, counted row by row against what devices sealed and heard."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from cloud_sync.model import EPOCH_SECONDS, Actor, ConsentState, Stream, VerdictCode
from cloud_sync.service import CloudSync
from cloud_sync.wire.downlink import peek_downlink
from tests.faults.killed_server import ERASED, T, check
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker

TERM_S = 90 * EPOCH_SECONDS  # of positions under the demo's policy
VERSION = 1_000_000  # above every floor: the gate must decide on the captures of those who change their minds
LOADED, EXPIRING = "l-", "old"  # persons of whom everything stays; the one whose envelopes expire

MUST_BE_NOUGHT = (
    "lost",
    "doubled",
    "stored without a word",
    "refused without reason",
    "of the erased",
    "expired and there",
    "withdrawn and there",
    "unreadable",
)
_OF_THE_LOG = {
    "answers of people": "consent.",
    "settings of groups": "group.",
    "rotations": "keys.rotated",
    "sweeps": "retention.swept",
    "erasures": "erasure.",
}


@dataclass
class Sender:
    """A device's side: what it has sealed and heard no verdict of; what it heard of the rest."""

    tracker: Tracker
    subject: str
    waiting: dict[int, bytes] = field(default_factory=dict)
    codes: dict[int, set[VerdictCode]] = field(default_factory=dict)
    again: list[bytes] = field(default_factory=list)
    captures: list[float] = field(default_factory=list)
    sent: int = 0
    down_next: int = 0

    def next(self, capture: float) -> bytes:
        """The next envelope: one fix."""
        sealed = self.tracker.fixes([int(capture)], counter=self.sent, version=VERSION, epoch=TODAY)
        self.waiting[self.sent] = sealed
        self.captures.append(int(capture))
        self.sent += 1
        return sealed

    def hear(self, downlink: bytes) -> None:
        """Take verdicts; what else comes is for other tests."""
        self.down_next = max(self.down_next, peek_downlink(downlink)[1] + 1)
        told = self.tracker.open(downlink)
        for line in told if isinstance(told, list) else ():
            if line.stream == Stream.LOCATION:
                self.waiting.pop(line.counter, None)
                self.codes.setdefault(line.counter, set()).add(line.code)


@dataclass(frozen=True)
class Count:
    """The stores after a campaign: opened by nobody else, at a clock that stands."""

    cloud: CloudSync
    senders: Mapping[str, Sender]  # by device
    gone: Collection[str]  # people whose erasure was confirmed

    def all(self) -> Counter[str]:
        """Every figure; those of `MUST_BE_NOUGHT` are of what went wrong."""
        figures: Counter[str] = Counter(dict.fromkeys(MUST_BE_NOUGHT, 0))
        self.cloud.sweep()  # what the last life withdrew may be there still
        for device, sender in self.senders.items():
            figures.update(self._of(device, sender))
            assert not self.cloud.settle(sender.subject), "a directive that is not in line with the consents"
        figures["log entries"] = check(self.cloud)
        figures["envelopes stored"] = self.cloud.database.count_envelopes()
        kinds = Counter(entry.event.kind for entry in self.cloud.audit.entries())
        for name, kind in _OF_THE_LOG.items():
            figures[name] = sum(count for each, count in kinds.items() if each.startswith(kind))
        return figures

    def _of(self, device: str, sender: Sender) -> dict[str, int]:
        day = (int(NOON) - TERM_S) // EPOCH_SECONDS if sender.subject == EXPIRING else TODAY
        rows = Counter(row.id.counter for row in self.cloud.database.envelopes(device, Stream.LOCATION, day, day))
        found = {"doubled": sum(count - 1 for count in rows.values())}
        if sender.subject == EXPIRING:
            return found | self._expiring(rows, sender.sent)
        if sender.subject.startswith(ERASED):
            gone = sender.subject in self.gone
            return found | {"of the erased": len(rows) if gone else 0, "erased people": int(gone)}
        stored = {counter for counter, codes in sender.codes.items() if VerdictCode.STORED in codes}
        refused = sender.sent - len(stored)
        withdrawn = {n for n in stored if sender.captures[n] <= self._withdrawn_at(sender.subject)}
        found["withdrawn and there"] = len(withdrawn & set(rows))
        found |= {"withdrawn": len(withdrawn), "lost": len(stored - withdrawn - set(rows))}
        found["stored without a word"] = len(set(rows) - stored)
        found["envelopes sent"] = sender.sent
        if not sender.subject.startswith(LOADED):
            return found | {"denied": refused}
        return found | {"refused without reason": refused, "unreadable": self._unread(sender)}

    def _withdrawn_at(self, subject: str) -> float:
        """When the person last took the leave back; what was captured until then goes with the next sweep."""
        records = self.cloud.database.all_consents()
        mine = [r for r in records if r.pii_principal_id == subject and r.event_state is ConsentState.WITHDRAWN]
        return max((record.event_time for record in mine), default=-math.inf)

    def _expiring(self, rows: Counter[int], sent: int) -> dict[str, int]:
        """Of one a second each is gone whose term is over, and no other."""
        kept = {n for n in range(sent) if NOON + n > self.cloud.clock.now()}
        return {"expired and there": len(set(rows) - kept), "lost": len(kept - set(rows)), "expired": sent - len(kept)}

    def _unread(self, sender: Sender) -> int:
        """Every one opens, whatever became of the keys that wrap its own."""
        me, now = Actor(sender.subject, "data_subject"), self.cloud.clock.now()
        fixes = self.cloud.read_location(actor=me, purpose=T, subject=me.id, start=NOON - 3600, end=now + 1)
        return fixes.unreadable + abs(sender.sent - len(fixes))


def wrong(figures: dict[str, Any]) -> dict[str, int]:
    """Those figures that must be nought, and are not."""
    return {name: figures[name] for name in MUST_BE_NOUGHT if figures[name]}
