"""What retention keeps account of: rows that are due, keys still to go, holds, restrictions, events that start clocks, records.

Pure data. Times are Unix seconds UTC; people, references and grounds are identifiers, never names or free text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from cloud_sync.model.stored import StoredEnvelope

#: Added to the level of a row that is due and held: it leaves the order of terms until its hold is released.
PARKED: Final = 1 << 24
#: The mark that changes whenever somebody's contract begins or ends.
CONTRACTS: Final = "contracts"
#: Ids of records begin so whose keys are in no backup of the key store.
BESIDE_BACKUPS: Final = "beside-backups."


class DueRow(NamedTuple):
    """An envelope whose term may be over; `place` is its place in the order of captures, for the next page."""

    row: StoredEnvelope
    level: int  # what it may hold at most (`retention.terms.Extent.level`); 0 as it came
    place: tuple[float, int, int, bytes]


class Shred(NamedTuple):
    """Keys that are still to go after a commit: those of one generation's (or edition's) day, before `to_counter`."""

    device: str
    generation: int
    stream: int
    epoch: int
    to_counter: int


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: what it covers is not destroyed until it is released, and nobody may read it any sooner for that.

    Of a `subject`, a `device`, or both; of one `category` or, if empty, of all; captured from `start` to before `end`.
    """

    hold_id: str
    reference: str
    subject: str
    device: str
    category: str
    start: float | None
    end: float | None
    authority: bool
    placed_at: float
    placed_by: tuple[str, ...]
    review_at: float
    released_at: float | None = None
    released_by: tuple[str, ...] = ()

    def spans(self, capture: float) -> bool:
        """Whether the moment lies within what is held."""
        return (self.start is None or self.start <= capture) and (self.end is None or capture < self.end)

    def meets(self, start: float, end: float) -> bool:
        """Whether any moment from `start` to before `end` lies within what is held."""
        return (self.start is None or self.start < end) and (self.end is None or start < self.end)


class Ground(StrEnum):
    """Why processing is restricted: GDPR Art. 18(1)(a) to (d), and what else asks for it."""

    ACCURACY_CONTESTED = "accuracy_contested"  # (a)
    UNLAWFUL = "unlawful"  # (b): the person opposes the erasure
    LEGAL_CLAIM = "legal_claim"  # (c): the person needs the data
    OBJECTION = "objection"  # (d): until it is decided
    CHILD_REPORTED = "child_reported"
    RELATION_ENDED = "relation_ended"  # the tail until a term is over
    NOTICE_OVERDUE = "notice_overdue"  # somebody else gave the data, and the person was not told in time (Art. 14)
    UNPROVEN = "unproven"  # a company handed the data over, and nothing shows yet that the person agreed
    ERASURE_HELD = "erasure_held"  # an erasure that waits for the release of a hold


@dataclass(frozen=True, slots=True)
class Restriction:
    """Processing of a person's data is restricted from `since` until it is lifted: stored, and not used.

    With a `purpose` for that one alone, as an objection is against one; without it for all.
    """

    restriction_id: str
    subject: str
    ground: Ground
    reference: str
    since: float
    by: str
    review_at: float | None = None
    lifted_at: float | None = None
    lifted_by: str = ""
    purpose: str = ""


class Scope(StrEnum):
    """What an event happened to."""

    SUBJECT = "subject"
    RECORD = "record"


class ClockEvent(NamedTuple):
    """An event that starts a retention clock; `kind` is one of `policy.vocabulary.Clock`."""

    scope: Scope
    key: str
    kind: str
    at: float


@dataclass(frozen=True, slots=True)
class RecordPart:
    """One person's part of a record, sealed under a key of its own.

    `due` is when the last of its terms ends, None while no clock of it runs; with a `ground` it is restricted: kept for a legal
    reason after an erasure, to be looked at again at `review_at`.
    """

    record_id: str
    subject: str
    category: str
    created_at: float
    sealed: bytes
    due: float | None
    ground: str = ""
    review_at: float | None = None
    put_at: float = 0.0  # when it came in, which nobody may date back; 0 for parts of before this was noted
    people: int = 0  # how many had a part when it came in; 0 for parts of before this was noted


@dataclass(frozen=True, slots=True)
class WaitingErasure:
    """An erasure, or a part of one, that a hold keeps from being carried out; the sweep after its release does it."""

    erasure_id: str
    subject: str
    start: float | None
    end: float | None
    at: float
    actor: str
