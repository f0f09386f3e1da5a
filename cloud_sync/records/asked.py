"""What records ask of others, and what an erasure says of those that stay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from cloud_sync.gate import Request
from cloud_sync.model import Action, Actor, Precision


class Held(Protocol):
    """What holds cover, at one moment."""

    def held_record(self, subject: str, category: str, created_at: float) -> float | None:
        """When the holds of a part are to be looked at next; None if none holds it."""

    def record_released_after(self, subject: str, category: str, created_at: float, since: float) -> float | None:
        """When the last hold that kept a part beyond `since` was released; None if none did."""


class Holding(Protocol):
    """Where holds come from."""

    def view(self) -> Held: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What the gate is asked before a record is opened."""

    actor: Actor
    purpose: str
    category: str
    subject: str
    created_at: float
    clock_started_at: float | None
    ground: str  # of a part that is restricted, else empty
    recipient: str | None = None
    over: bool = False  # whether the part's due is past
    found: bool = True  # whether there is such a record; who may not read it is not told
    fields: frozenset[str] = frozenset()  # none named: all of the category
    reference: str = ""  # of a disclosure
    record: str = ""
    precision: Precision | None = None  # of a position in the record, which is told as it is

    def request(self, now: float) -> Request:
        """The gate's question at that Unix second."""
        action = Action.READ if self.recipient is None else Action.DISCLOSE
        what = self.category, self.subject
        return Request(
            self.actor,
            self.purpose,
            action,
            *what,
            now,
            self.created_at,
            precision=self.precision,
            fields=self.fields,
            recipient=self.recipient,
            reference=self.reference,
            span=(self.created_at, self.created_at),
            record=self.record,
        )


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part that an erasure leaves, restricted: why, and when that is looked at again."""

    record_id: str
    category: str
    ground: str
    review_at: float | None
