"""Ends of grounds, kept where no backup reaches: a database from before knows a contract that ran, and not that it has ended.

Beside the tombstones lies, for each person and record of whom it was told, what began or ended a ground: word, moment and when it
was told, under a hash of the name. It is written after the commit, and at a start whatever a program ended too soon to tell. What a
restored database misses is put back before anything is served, not merely refused: each of it is a word and a moment, and nobody
needs to be asked anew. What was erased of a person goes from here too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Final

from cloud_sync.model.keeping import ClockEvent, Scope
from cloud_sync.policy import Clock
from cloud_sync.retention.clocks import GROUNDS
from cloud_sync.stores import Clock as Time
from cloud_sync.stores import Database, WitnessStore

#: What the gate takes a ground from: the contract with a person, a purpose, an order (decision 0031).
WITNESSED: Final = (*sorted(GROUNDS), Clock.PURPOSE_CONCLUDED.value, Clock.ORDER_CLOSED.value)
PREFIX: Final = "ground/"

Told = tuple[str, float, float]  # kind, when it was so, when it was told


class GroundWitness:
    """What began and ended grounds, as it was seen."""

    def __init__(self, database: Database, witness: WitnessStore, time: Time) -> None:
        self._database = database
        self._witness = witness
        self._time = time

    def note(self, scope: Scope, key: str) -> None:
        """Remember what there is; after the commit."""
        seen, now = {(kind, at): told for kind, at, told in self._seen(scope, key)}, self._time.now()
        there = [(kind, at, seen.get((kind, at), now)) for kind, at in self._there(scope, key)]
        self._witness.raise_witness(_name(scope, key), len(there), _mark(there))

    def note_all(self) -> None:
        """Remember everything, as far as it is not known: what a program committed and ended before it could tell."""
        known = self._witness.witnesses(PREFIX)
        for scope, key, count in self._database.counted_events(WITNESSED):
            if known.get(_name(scope, key), 0) < count:
                self.note(scope, key)

    def lost(self, names: Iterable[tuple[Scope, str]]) -> Iterator[tuple[Scope, str]]:
        """Of these people and records, those of whom the database misses something."""
        here = {_name(scope, key): count for scope, key, count in self._database.counted_events(WITNESSED)}
        behind = {name for name, count in self._witness.witnesses(PREFIX).items() if here.get(name, 0) < count}
        if behind:
            yield from (each for each in names if _name(*each) in behind)

    def put_back(self, scope: Scope, key: str) -> int:
        """Add what is missing, inside the transaction; how many."""
        there = set(self._there(scope, key))
        missing = [(kind, at) for kind, at, _ in self._seen(scope, key) if (kind, at) not in there]
        for kind, at in missing:
            self._database.add_clock_event(ClockEvent(scope, key, kind, at))
        return len(missing)

    def forget(self, scope: Scope, key: str, until: float, keep: ClockEvent | None = None) -> None:
        """An erasure of what was told up to that Unix second; `keep` is what it leaves. Inside its transaction.

        Ahead of the commit [one that knows too little is told the rest at the next start; one that knows more would bring it back].
        """
        if self._witness.witness(_name(scope, key)) is None:
            return
        left = [each for each in self._seen(scope, key) if each[2] > until]
        if keep is not None and (keep.kind, keep.at) not in [each[:2] for each in left]:
            left.append((keep.kind, keep.at, self._time.now()))
        self._witness.set_witness(_name(scope, key), len(left), _mark(left))

    def _there(self, scope: Scope, key: str) -> list[tuple[str, float]]:
        return [(each.kind, each.at) for each in self._database.clock_events(scope, key) if each.kind in WITNESSED]

    def _seen(self, scope: Scope, key: str) -> list[Told]:
        _, mark = self._witness.witness(_name(scope, key)) or (0, b"")
        return [(kind, at, told) for kind, at, told in json.loads(mark)] if mark else []


def _mark(told: list[Told]) -> bytes:
    return json.dumps(sorted(told, key=lambda each: each[1])).encode()


def _name(scope: Scope, key: str) -> str:
    return f"{PREFIX}{scope.value}/{hashlib.sha256(key.encode()).hexdigest()}"
