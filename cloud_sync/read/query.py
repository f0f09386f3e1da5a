"""What is asked of the reader, and what it answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cloud_sync.model import Action, Actor, Fix, Precision

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Query:
    """Who wants the readings of whom, why, captured from `start` to before `end` (Unix seconds).

    Without `fields` all are meant that the policy lists for the purpose; with them these only, and the time.
    """

    actor: Actor
    purpose: str
    subject: str
    start: float
    end: float
    recipient: str | None = None
    precision: Precision | None = None  # of positions; other readings have none
    fields: frozenset[str] = frozenset()

    @property
    def action(self) -> Action:
        """A read for oneself, or a disclosure."""
        return Action.READ if self.recipient is None else Action.DISCLOSE


class Readings(list[Item]):
    """The answer to a query, and how many envelopes of its days are stored but did not open: a gap is no absence.

    A key is gone or does not fit, the row is damaged, or its contents break the format.
    """

    def __init__(self, items: Iterable[Item] = (), unreadable: int = 0) -> None:
        super().__init__(items)
        self.unreadable = unreadable


Fixes = Readings[Fix]
