"""The compiled policy: immutable, indexed, and the only form in which the rest of the product sees a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cloud_sync.model import NO_THINNING, Action, LawfulBasis, PlaceCircle, Precision, Stream, Thinning
from cloud_sync.policy.origin import Origin
from cloud_sync.policy.period import Period
from cloud_sync.policy.provisions import AccessRules, ChildrenRules, Parameters, StatsRules
from cloud_sync.policy.rules import Recipient, Rule
from cloud_sync.policy.vocabulary import within


@dataclass(frozen=True, slots=True)
class ConsentRules:
    """How a person may be asked, and how long an answer holds."""

    later_cooldown: Period
    max_prompts: int
    answer_within: Period
    validity: Period
    gate_latency_s: int
    propagation_max_s: int


@dataclass(frozen=True, slots=True)
class DeviceRules:
    """What every directive says beside its permissions; seconds."""

    interval_s: int
    batch: int
    batch_age_s: int
    spool_age_s: int
    heartbeat_s: int
    lease_s: int
    thinning: Thinning = NO_THINNING
    wake: bool = False  # the accelerometer may tell the receiver when to rest
    aggregate_s: int = 0
    padded_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A place of the controller; a device knows its circle and number, never its name."""

    name: str
    circle: PlaceCircle


@dataclass(frozen=True, slots=True)
class RightsRules:
    """When a person's request is due."""

    deadline: Period
    extension_max: Period
    internal_target_workdays: int
    self_service: bool


@dataclass(frozen=True, slots=True)
class Controller:
    """Who answers for the data, and how to reach them; `phone`, `dpo_email` and `registration` may be empty."""

    name: str
    address: str
    email: str
    phone: str
    dpo_email: str
    registration: str = ""


@dataclass(frozen=True, slots=True)
class Texts:
    """The company's own words in one language, by the name of what they are about."""

    purpose: Mapping[str, str]
    question: Mapping[str, str]
    category: Mapping[str, str]
    recipient: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy file that passed the lint. `hash` is the SHA-256 of the file, in hex: its version in every proof."""

    hash: str
    id: str
    version: str
    country: str
    authority: str
    role: str
    notice: str
    languages: tuple[str, ...]
    precision: Precision
    rights: RightsRules
    consent: ConsentRules
    device: DeviceRules
    sweep_s: int
    total_cap: Period
    backup_horizon: Period
    regions: frozenset[str]
    never: frozenset[str]
    rules: tuple[Rule, ...]
    recipients: Mapping[str, Recipient]
    grants: frozenset[tuple[str, Action, str]]  # (role, action, purpose)
    places: tuple[Place, ...]
    access: AccessRules
    stats: StatsRules | None
    children: ChildrenRules
    controller: Controller | None
    texts: Mapping[str, Texts]
    mechanisms: frozenset[str]
    parameters: Parameters
    _index: Mapping[tuple[str, str], Rule]
    effective: date | None = None
    origin: Origin | None = None

    def rule(self, category: str, purpose: str) -> Rule | None:
        """The one rule for a category under a purpose, or None: not declared, so not permitted."""
        return self._index.get((category, purpose))

    def rules_of(self, category: str) -> tuple[Rule, ...]:
        """Every rule of a category."""
        return tuple(rule for rule in self.rules if rule.category == category)

    def rules_of_stream(self, stream: Stream) -> tuple[Rule, ...]:
        """Every rule that is fed by a stream."""
        return tuple(rule for rule in self.rules if rule.stream is stream)

    def consent_rules(self, purpose: str) -> tuple[Rule, ...]:
        """Every rule that a consent to `purpose` opens."""
        return tuple(r for r in self.rules if purpose in r.purposes and r.basis is LawfulBasis.CONSENT)

    def region_allowed(self, region: str) -> bool:
        """Whether data may be in a region without an instrument of its own; a member state lies within the EEA."""
        return within(region, self.regions)

    @property
    def purposes(self) -> frozenset[str]:
        """Every purpose that some rule declares."""
        return frozenset(purpose for rule in self.rules for purpose in rule.purposes)

    def granted_roles(self, action: Action, purpose: str) -> frozenset[str]:
        """The roles that may do `action` for `purpose`."""
        return frozenset(role for role, act, why in self.grants if act is action and why == purpose)
