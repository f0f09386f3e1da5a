"""Whether a database has lost what bounds consents: counts and marks of it, kept where its backups do not reach.

As `erasure.witness` is for the consents themselves. A restored database in which a narrowing, a membership or an age is missing
would permit more than was permitted; so the consents of whoever it concerns are closed, and they are asked anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from cloud_sync.model import ConsentBound
from cloud_sync.stores import BoundStore, WitnessStore


class BoundWitness:
    """Compares the bounds in a database with what was seen of them before; written after the commit that it tells of."""

    def __init__(self, store: BoundStore, witness: WitnessStore) -> None:
        self._store = store
        self._witness = witness

    def note(self, bound: ConsentBound) -> None:
        """Remember what a bound was appended to, and how much is there now."""
        if bound.subject:
            self._note(_person(bound.subject), self._store.bounds_of(bound.subject))
        else:
            self._note(_group(bound.group), self._store.bounds_of_group(bound.group, members=False))

    def note_all(self, subjects: Iterable[str]) -> None:
        """Remember everything, as far as it is not known: what a program committed and ended before it could tell."""
        for subject in subjects:
            self._note(_person(subject), self._store.bounds_of(subject))
        for group in self._store.groups():
            self._note(_group(group), self._store.bounds_of_group(group, members=False))

    def lost(self, subjects: Iterable[str]) -> list[str]:
        """Of these, whoever misses a bound of their own, or is in a group that misses a setting."""
        behind = {
            group
            for group in self._store.groups()
            if self._behind(_group(group), self._store.bounds_of_group(group, members=False))
        }
        found = []
        for subject in subjects:
            own = self._store.bounds_of(subject)
            if self._behind(_person(subject), own) or any(bound.group in behind for bound in own):
                found.append(subject)
        return sorted(found)

    def accept(self, subjects: Iterable[str]) -> None:
        """Take the bounds as they are from now on, once what was lost has been dealt with."""
        for subject in subjects:
            self._witness.set_witness(_person(subject), *_mark(self._store.bounds_of(subject)))
        for group in self._store.groups():
            self._witness.set_witness(_group(group), *_mark(self._store.bounds_of_group(group, members=False)))

    def _note(self, name: str, bounds: Sequence[ConsentBound]) -> None:
        if bounds and self._witness.witness(name) != _mark(bounds):
            self._witness.raise_witness(name, *_mark(bounds))

    def _behind(self, name: str, bounds: Sequence[ConsentBound]) -> bool:
        seen = self._witness.witness(name)
        if seen is None or seen[0] == 0:
            return False
        count, mark = seen
        return len(bounds) < count or bounds[count - 1].record_id.encode() != mark


def _mark(bounds: Sequence[ConsentBound]) -> tuple[int, bytes]:
    return len(bounds), bounds[-1].record_id.encode() if bounds else b""


def _person(subject: str) -> str:
    return f"bounds/{hashlib.sha256(subject.encode()).hexdigest()}"


def _group(group: str) -> str:
    return f"group/{hashlib.sha256(group.encode()).hexdigest()}"
