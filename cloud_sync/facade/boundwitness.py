"""Whether a database has lost what bounds consents: counts and marks of it, kept where its backups do not reach.

As `erasure.witness` is for the consents themselves. A restored database in which a narrowing, a membership or an age is missing
would permit more than was permitted; so the consents of whoever it concerns are closed, and they are asked anew. An age that is
lost bounds contracts too, which nobody is asked about: who was last declared a child is taken for one until the age is told anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from cloud_sync.model import BoundKind, ConsentBound
from cloud_sync.stores import BoundStore, WitnessStore


class BoundWitness:
    """Compares the bounds in a database with what was seen of them before; written after the commit that it tells of."""

    def __init__(self, store: BoundStore, witness: WitnessStore) -> None:
        self._store = store
        self._witness = witness
        self._declared: frozenset[str] | None = None

    def child_lost(self, subject: str, own: Sequence[ConsentBound]) -> bool:
        """Whether the person was last declared a child, and that declaration is not among their `own` bounds."""
        # What is declared after this is in this database; one is restored while nobody has it open.
        if self._declared is None:
            self._declared = frozenset(self._witness.witnesses(_CHILD))
        name = _child(subject)
        return name in self._declared and self._mark_lost(name, own).startswith(_YOUNG)

    def note(self, bound: ConsentBound) -> None:
        """Remember what a bound was appended to, and how much is there now."""
        if bound.subject:
            own = self._store.bounds_of(bound.subject)
            if bound.kind is BoundKind.DECLARED:
                self._note_age(bound.subject, own, anew=True)
            self._note(_person(bound.subject), own)
        else:
            self._note(_group(bound.group), self._store.bounds_of_group(bound.group, members=False))

    def note_all(self, subjects: Iterable[str]) -> None:
        """Remember everything, as far as it is not known: what a program committed and ended before it could tell."""
        for subject in subjects:
            self._note(_person(subject), self._store.bounds_of(subject))
        for declared in self._store.ages():  # also of whoever has no device and never answered
            self._note_age(declared.subject, self._store.bounds_of(declared.subject), anew=False)
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

    def _note_age(self, subject: str, own: Sequence[ConsentBound], *, anew: bool) -> None:
        """Whether the last age is a child's; one that is lost is forgotten only when another is told (`anew`)."""
        count = max(number for number, bound in enumerate(own, 1) if bound.kind is BoundKind.DECLARED)
        last = own[count - 1]
        mark = (_YOUNG if last.turns else _OF_AGE) + last.record_id.encode()
        name = _child(subject)
        if not self._mark_lost(name, own):
            self._witness.raise_witness(name, count, mark)
        elif anew:
            self._witness.set_witness(name, count, mark)

    def _mark_lost(self, name: str, own: Sequence[ConsentBound]) -> bytes:
        """The mark of an age that is not where it was seen; empty where none is missing."""
        count, mark = self._witness.witness(name) or (0, b"")
        there = count <= len(own) and (count == 0 or own[count - 1].record_id.encode() == mark.partition(b" ")[2])
        return b"" if there else mark

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


_CHILD = "child/"
_YOUNG, _OF_AGE = b"child ", b"grown "


def _child(subject: str) -> str:
    return f"{_CHILD}{hashlib.sha256(subject.encode()).hexdigest()}"


def _person(subject: str) -> str:
    return f"bounds/{hashlib.sha256(subject.encode()).hexdigest()}"


def _group(group: str) -> str:
    return f"group/{hashlib.sha256(group.encode()).hexdigest()}"
