"""Alarms: what a person wants to be told of, and the messages that are on their way. Pure data; times are Unix seconds UTC.

What a rule watches (a circle, bounds), to whom it tells and what it has seen are `sealed` and `memory`: under the person's key.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class AlarmKind(StrEnum):
    """What is watched."""

    ZONE = "zone"  # a circle of the person's is entered or left
    PLACE = "place"  # a place of the policy is
    THEFT = "theft"  # motion while parked, or while armed
    TEMPERATURE = "temperature"
    LIGHT = "light"
    SHOCK = "shock"


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """A rule as it is stored. `heard_at` is when the newest envelope was received that it has looked at."""

    rule_id: str
    subject: str
    kind: AlarmKind
    stream: int
    purpose: str
    channel: str
    made_at: float
    heard_at: float
    sealed: bytes
    memory: bytes = b""


@dataclass(frozen=True, slots=True)
class AlarmMessage:
    """A message that is to be handed over, or was at `taken_at`; its `link` is also the key by which a repeat is known."""

    link: str
    rule_id: str
    subject: str
    made_at: float
    tries: int
    next_at: float
    taken_at: float | None = None
