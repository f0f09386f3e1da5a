"""What a sweep did, for whoever runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cloud_sync.retention.checkpoint import SWEPT
from cloud_sync.retention.lateness import Lateness

HOLDS_LOST = "holds_lost"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep did. When `halted`, nothing was destroyed: the clock had leapt by `leap_s` seconds, or, as `reason` says, holds
    are missing from a restored database.

    `late_s` is how long overdue the oldest was of what went, `late_p99_s` what 99 of 100 did not exceed; of what a hold had
    kept, `late_held_s` counts from its release. `held` rows came due and stay for a hold.
    """

    at: float
    envelopes: int = 0
    leaves_moved: int = 0
    leaves_destroyed: int = 0
    halted: bool = False
    leap_s: float = 0.0
    reason: str = SWEPT
    stepped: int = 0
    records: int = 0
    held: int = 0
    late_s: float = 0.0
    late_p99_s: float = 0.0
    late_held_s: float = 0.0


class Gone(NamedTuple):
    """What one part of a sweep did."""

    envelopes: int = 0
    records: int = 0
    held: int = 0  # came due and stay


class Also(Protocol):
    """Another thing with terms that the same sweep keeps."""

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Destroy what is over."""


@dataclass(slots=True)
class Done:
    """What one run did."""

    rows: int = 0
    moved: int = 0
    leaves: int = 0
    stepped: int = 0
    records: int = 0
    held: int = 0

    def __bool__(self) -> bool:
        return bool(self.rows or self.moved or self.leaves or self.stepped or self.records)
