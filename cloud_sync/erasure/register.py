"""The register of parts that hold something of a person: one act of erasure goes through all of them.

Each part adds itself with what it does, in the stages of `Eraser.erase`; every call can be made again. What an erasure was cut
short of, or a backup has brought back, is found by comparing two marks: the witness's, set before anything went, and the telemetry
database's, set after everything had gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cloud_sync.erasure.places import PLACES, Fate
from cloud_sync.erasure.receipt import Kept
from cloud_sync.errors import ConfigError

MARK: Final = "erased/"
MICRO: Final = 1_000_000  # marks count in whole numbers

Act = Callable[[str, float], object]


def _nothing(subject: str, until: float) -> None:
    """Most parts have no work in most stages."""


def _none(subject: str) -> tuple[Kept, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """What one part does for a person who is erased in full, with what there was until a moment (Unix seconds; in a replay only).

    `destroy` keys, `forget` rows, both inside the fence; `beside` after the commit; `kept` says afterwards what stays.
    """

    name: str
    destroy: Act = _nothing
    forget: Act = _nothing
    beside: Act = _nothing
    kept: Callable[[str], Iterable[Kept]] = _none


class Marks(Protocol):
    """Where a telemetry database keeps how far it has come."""

    def mark(self, name: str) -> str: ...
    def set_mark(self, name: str, value: str) -> None: ...


class Dooms(Protocol):
    """Where it stands, outside the backup's domain, who was erased in full."""

    def raise_witness(self, name: str, count: int, mark: bytes) -> None: ...
    def witnesses(self, prefix: str) -> dict[str, int]: ...


class Register:
    """`cloud_sync.erasure.erase.Everywhere` over the parts that have added themselves."""

    def __init__(self, database: Marks, witness: Dooms) -> None:
        self._database = database
        self._witness = witness
        self._parts: list[Part] = []

    def add(self, part: Part) -> None:
        """In the order in which they are to act."""
        self._parts.append(part)

    def check(self) -> None:
        """ConfigError unless every place has its part, and every part a place."""
        needed = {place.part for place in PLACES if place.fate is not Fate.NOBODY}
        there = {part.name for part in self._parts}
        if needed != there or len(there) != len(self._parts):
            raise ConfigError(f"erasure: {', '.join(sorted(needed ^ there)) or 'a part'} is not in place exactly once")

    # `Everywhere`

    def doom(self, subject: str, at: float) -> None:
        """From here on a start finishes it, and no backup brings anything back from before."""
        self._witness.raise_witness(mark_of(subject), round(at * MICRO), b"")

    def destroy(self, subject: str, until: float) -> None:
        """Keys, inside the key store's transaction."""
        for part in self._parts:
            part.destroy(subject, until)

    def forget(self, subject: str, until: float) -> None:
        """Rows, inside the database's transaction."""
        for part in self._parts:
            part.forget(subject, until)

    def beside(self, subject: str, until: float) -> None:
        """After the commit."""
        for part in self._parts:
            part.beside(subject, until)

    def done(self, subject: str, at: float) -> None:
        """This database has been through it."""
        self._database.set_mark(mark_of(subject), str(round(at * MICRO)))

    # What is asked beside

    def kept(self, subject: str) -> Iterator[Kept]:
        """What there still is of a person, part by part."""
        for part in self._parts:
            yield from part.kept(subject)

    def pending(self) -> Mapping[str, float]:
        """Erasures that this database has not been through, by mark: when they were."""
        dooms = self._witness.witnesses(MARK)
        return {name: at / MICRO for name, at in dooms.items() if int(self._database.mark(name) or 0) < at}

    def settle(self, name: str, at: float) -> None:
        """Nothing is left to do for a mark that is pending."""
        self._database.set_mark(name, str(round(at * MICRO)))


def mark_of(subject: str) -> str:
    """The name of a person's mark: a hash, as it outlives them."""
    return f"{MARK}{hashlib.sha256(subject.encode()).hexdigest()}"
