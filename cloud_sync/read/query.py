"""What is asked of the reader, and what it answers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cloud_sync.errors import ConfigError
from cloud_sync.model import Action, Actor, Fix, Precision
from cloud_sync.model.access import Cursor

Item = TypeVar("Item")

MOST_TIME_S = 2**34  # beyond the years of the wire format (2328)


@dataclass(frozen=True, slots=True)
class Query:
    """Who wants the readings of whom, why, captured from `start` to before `end` (Unix seconds).

    Without `fields` all are meant that the policy lists for the purpose; with them these only, and the time. Without `act` it is
    a read, or with a recipient a disclosure; `reference` is the legal reference under which an authority is told.
    """

    actor: Actor
    purpose: str
    subject: str
    start: float
    end: float
    recipient: str | None = None
    precision: Precision | None = None  # of positions; other readings have none
    fields: frozenset[str] = frozenset()
    act: Action | None = None
    reference: str = ""

    @property
    def action(self) -> Action:
        """A read for oneself, a disclosure, or what was said."""
        return self.act or (Action.READ if self.recipient is None else Action.DISCLOSE)

    def check(self) -> None:
        """ConfigError unless the span is one."""
        if not all(math.isfinite(time) and abs(time) <= MOST_TIME_S for time in (self.start, self.end)):
            raise ConfigError("start and end are Unix seconds; name the span of time that is wanted")
        if self.start > self.end:
            raise ConfigError("start lies after end; exchange them")


class Readings(list[Item]):
    """The answer to a query, and how many envelopes of its days are stored but did not open: a gap is no absence.

    A key is gone or does not fit, the row is damaged, or its contents break the format.
    """

    def __init__(self, items: Iterable[Item] = (), unreadable: int = 0) -> None:
        super().__init__(items)
        self.unreadable = unreadable


class Piece(Readings[Item]):
    """A part of an answer, of one device, in the order of its captures; `last` is how far it reaches."""

    def __init__(self, last: Cursor, items: Iterable[Item] = (), unreadable: int = 0) -> None:
        super().__init__(items, unreadable)
        self.last = last


Fixes = Readings[Fix]
