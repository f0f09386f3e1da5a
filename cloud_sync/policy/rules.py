"""The rules of a compiled policy and its recipients: immutable, and the only form in which the rest of the product sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from cloud_sync.model import LawfulBasis, LocationField, Precision, Sensor, Stream
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import (
    PLACE_FIELDS,
    POSITION_FIELDS,
    SIDE_FIELDS,
    After,
    Clock,
    ControllerRole,
    HiddenReason,
    RecipientKind,
)

NO_TERM: Final = Period.parse("P0D")


@dataclass(frozen=True, slots=True)
class Beyond:
    """What covers a transfer out of the allowed regions: an instrument, its assessment, and when it was last reviewed."""

    mechanism: str
    assessment: str
    reviewed: date
    due: date  # of the next review


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody outside who may get exactly `fields`, pairs of (category, field).

    `beyond` is None where the region is allowed by itself. Of a `reviewed` recipient the next review is `due`. Its agreement's last
    day is `until`; a `scope` names all purposes of its instructions; `on_order` it gets what was ordered alone; `hosts` are all
    machines where it may be reached; `of` is its class (V-21).
    """

    id: str
    kind: RecipientKind
    region: str
    fields: frozenset[tuple[str, str]]
    service: str = ""
    agreement: str = ""
    enabled: bool = True
    stated: frozenset[str] = frozenset()  # keys whose values a published text states
    clauses: tuple[str, ...] = ()
    reviewed: date | None = None
    due: date | None = None
    beyond: Beyond | None = None
    until: date | None = None
    scope: frozenset[str] = frozenset()
    on_order: bool = False
    hosts: frozenset[str] = frozenset()
    of: str = ""

    @property
    def bound(self) -> bool:
        """Whether it works on the company's behalf, under its instructions (GDPR Art. 28)."""
        return self.kind in (RecipientKind.PROCESSOR, RecipientKind.SUB_PROCESSOR)


@dataclass(frozen=True, slots=True)
class Step:
    """What a row becomes once the term before is over: a coarser position, kept until `retention` from the same clock."""

    precision: Precision
    retention: Period


@dataclass(frozen=True, slots=True)
class Rule:
    """One category under its purposes. `precision` is already the coarser of the rule's and the policy's.

    Positions with `steps` (`after` is step_down) become coarser at the end of each term; after the last they are destroyed.
    """

    category: str
    fields: tuple[str, ...]
    stream: Stream | None
    sensors: Sensor
    purposes: tuple[str, ...]
    basis: LawfulBasis
    legal_ref: str
    balancing_id: str
    retention: Period
    clock: Clock
    after: After
    precision: Precision
    recipients: frozenset[str]
    region: str
    visible_to_user: bool
    reason: HiddenReason | None
    steps: tuple[Step, ...] = ()
    role: ControllerRole = ControllerRole.CONTROLLER
    instruction: str = ""
    arrangement: str = ""
    beyond: Beyond | None = None
    stated: frozenset[str] = frozenset()  # keys whose values a published text states
    clauses: tuple[str, ...] = ()
    compatibility_ref: str = ""
    risk: str = "normal"
    into: str = ""  # the category of records in which totals of this one remain

    @property
    def last_term(self) -> Period:
        """When the last trace of a reading is gone, whatever its precision by then."""
        return self.steps[-1].retention if self.steps else self.retention

    def held(self, precision: Precision) -> Period:
        """Until when, from its clock, a reading is there at `precision` or finer; zero where it never is."""
        stages = [(self.precision, self.retention), *((step.precision, step.retention) for step in self.steps)]
        return next((term for finest, term in reversed(stages) if finest <= precision), NO_TERM)

    @property
    def has_position(self) -> bool:
        """Whether the category tells where somebody is."""
        return not POSITION_FIELDS.isdisjoint(self.fields)

    @property
    def has_whole_position(self) -> bool:
        """Whether it lists all that a position is made of: a receiver tells both numbers or nothing."""
        return set(self.fields) >= POSITION_FIELDS

    @property
    def has_places(self) -> bool:
        """Whether the category tells which places are entered and left, in place of positions."""
        return not PLACE_FIELDS.isdisjoint(self.fields)

    @property
    def side_fields(self) -> LocationField:
        """Side fields of a fix whose every part the rule lists; they exist for exact positions only."""
        if self.precision is not Precision.EXACT:
            return LocationField(0)
        return LocationField.SPEED_COURSE if SIDE_FIELDS.keys() <= set(self.fields) else LocationField(0)
