"""The streams as readers see them: how a plaintext is unpacked, what of an item a decision lets out, which rules speak of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from cloud_sync.gate import Decision
from cloud_sync.model import Fix, MotionEvent, PlaceEvent, Precision, Reading, Reason, Stream
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import POSITION_FIELDS
from cloud_sync.read.narrow import (
    COARSEST,
    Report,
    narrow_fix,
    narrow_motion,
    narrow_place,
    narrow_reading,
    narrow_report,
    unpack_reports,
)
from cloud_sync.wire.batch import unpack_location, unpack_places
from cloud_sync.wire.readings import unpack_environment, unpack_motion

TIME = "time"  # the field without which no other is handed out


class Timed(Protocol):
    """A record of one moment or step."""

    @property
    def time(self) -> int:
        """Unix seconds."""


Item = TypeVar("Item", bound=Timed)


@dataclass(frozen=True, slots=True)
class Source(Generic[Item]):
    """One stream, or the part of it that has such items. `name` is the one that exports and commands have for it."""

    name: str
    stream: Stream
    unpack: Callable[[bytes, int], list[Item]]
    narrow: Callable[[Item, Decision], Item | None]
    rules: Callable[[Rule], bool] = lambda _: True
    derived: bool = False  # worked out of other readings, so no part of a portability file (GDPR Art. 20(1))

    def category(self, policy: Policy, purpose: str) -> str:
        """The category of the stream that declares the purpose, or any, so that the gate can say what is wrong."""
        rules = [rule for rule in policy.rules_of_stream(self.stream) if self.rules(rule)]
        declared = [rule.category for rule in rules if purpose in rule.purposes]
        return next(iter(declared or [rule.category for rule in rules]), "")

    def told_at_all(self, decision: Decision) -> Decision:
        """The decision, or a denial where nothing of what it allows could be told."""
        if not decision:
            return decision
        if self.stream is Stream.LOCATION and not self.derived:
            if decision.precision > COARSEST:
                why = f"{decision.precision.name.lower()} is all that may be known, and no position is as coarse"
                return Decision(False, Reason.PRECISION_TOO_FINE, Precision.NONE, why)
            if not decision.fields >= POSITION_FIELDS:
                why = (
                    "no position, or half of one, is listed or asked for: "
                    "a fix is told with latitude and longitude or not at all"
                )
                return Decision(False, Reason.PURPOSE_NOT_DECLARED, Precision.NONE, why)
        if TIME not in decision.fields:
            why = "the policy lists no time for this purpose, and nothing is told without its time"
            return Decision(False, Reason.PURPOSE_NOT_DECLARED, Precision.NONE, why)
        return decision


LOCATION: Source[Fix] = Source("location", Stream.LOCATION, unpack_location, narrow_fix, lambda rule: rule.has_position)
PLACES: Source[PlaceEvent] = Source(
    "places", Stream.LOCATION, unpack_places, narrow_place, lambda rule: rule.has_places, derived=True
)
ENVIRONMENT: Source[Reading] = Source("environment", Stream.ENVIRONMENT, unpack_environment, narrow_reading)
MOTION: Source[MotionEvent] = Source("motion", Stream.MOTION, unpack_motion, narrow_motion)
STATUS: Source[Report] = Source("status", Stream.STATUS, unpack_reports, narrow_report)

SOURCES: tuple[Source[Any], ...] = (LOCATION, PLACES, ENVIRONMENT, MOTION, STATUS)
