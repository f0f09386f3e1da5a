"""The compiled policy: immutable, indexed, and the only form in which the rest of the product sees a policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cloud_sync.model import (
    NO_THINNING,
    Action,
    LawfulBasis,
    LocationField,
    PlaceCircle,
    Precision,
    Sensor,
    Stream,
    Thinning,
)
from cloud_sync.policy.period import Period
from cloud_sync.policy.schema import PlaceTable, PolicyFile, RecipientTable, RuleTable
from cloud_sync.policy.vocabulary import (
    PLACE_FIELDS,
    POSITION_FIELDS,
    PRECISIONS,
    SENSORS,
    SIDE_FIELDS,
    STREAMS,
    After,
    Clock,
    HiddenReason,
    RecipientKind,
)
from cloud_sync.wire.cells import DEGREE_E7, EXACT, cell_of


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody outside who may get exactly `fields`, pairs of (category, field)."""

    id: str
    kind: RecipientKind
    region: str
    fields: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One category under its purposes. `precision` is already the coarser of the rule's and the policy's."""

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
    _index: Mapping[tuple[str, str], Rule]

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

    @property
    def purposes(self) -> frozenset[str]:
        """Every purpose that some rule declares."""
        return frozenset(purpose for rule in self.rules for purpose in rule.purposes)

    def granted_roles(self, action: Action, purpose: str) -> frozenset[str]:
        """The roles that may do `action` for `purpose`."""
        return frozenset(role for role, act, why in self.grants if act is action and why == purpose)

    def stream_term(self, stream: Stream) -> Period | None:
        """How long a stream's envelopes stay at most: the longest term of its rules; None when none declares it."""
        terms = [rule.retention for rule in self.rules_of_stream(stream)]
        return max(terms, key=lambda term: term.longest_s, default=None)


def _rule(table: RuleTable, cap: Precision) -> Rule:
    precision = max(cap, PRECISIONS[table.precision]) if table.precision else Precision.NONE
    sensors = Sensor(0)
    for name in table.sensors:
        sensors |= SENSORS[name]
    return Rule(
        category=table.category,
        fields=tuple(table.fields),
        stream=STREAMS[table.stream] if table.stream else None,
        sensors=sensors,
        purposes=tuple(table.purpose),
        basis=table.basis,
        legal_ref=table.legal_ref or "",
        balancing_id=table.balancing_id or "",
        retention=table.retention,
        clock=table.clock,
        after=table.after,
        precision=precision,
        recipients=frozenset(table.recipients),
        region=table.region,
        visible_to_user=table.visible_to_user,
        reason=table.reason,
    )


def _recipient(table: RecipientTable) -> Recipient:
    pairs = (name.split(".", 1) for name in table.fields)
    return Recipient(table.id, table.kind, table.region, frozenset((category, field) for category, field in pairs))


def _device(file: PolicyFile) -> DeviceRules:
    device = file.device
    return DeviceRules(
        interval_s=device.interval.longest_s,
        batch=device.batch,
        batch_age_s=device.batch_age.longest_s,
        spool_age_s=device.spool_age.longest_s,
        heartbeat_s=device.heartbeat.longest_s,
        lease_s=device.lease.longest_s,
        thinning=Thinning(
            rest_s=device.rest.longest_s if device.rest else 0,
            distance_m=device.distance_m or 0,
            turn_deg=device.turn_deg or 0,
            stay_m=device.stay_m or 0,
            stay_time_s=device.stay_time.longest_s if device.stay_time else 0,
            error_m=device.error_m or 0,
            blur_m=device.blur_m or 0,
        ),
        wake=device.wake,
        aggregate_s=device.aggregate.longest_s if device.aggregate else 0,
        padded_bytes=device.padded_bytes or 0,
    )


def _place(table: PlaceTable) -> Place:
    row, col = cell_of(round(table.lat * DEGREE_E7), round(table.lon * DEGREE_E7), EXACT)
    return Place(table.name, PlaceCircle(table.id, row, col, table.radius_m))


def _consent(file: PolicyFile) -> ConsentRules:
    consent = file.consent
    return ConsentRules(
        later_cooldown=consent.later_cooldown,
        max_prompts=consent.max_prompts,
        answer_within=consent.answer_within,
        validity=consent.validity,
        gate_latency_s=consent.gate_latency.longest_s,
        propagation_max_s=consent.propagation_max.longest_s,
    )


def _rights(file: PolicyFile) -> RightsRules:
    rights = file.rights
    return RightsRules(rights.deadline, rights.extension_max, rights.internal_target_workdays, rights.self_service)


def compile_policy(file: PolicyFile, digest: str) -> Policy:
    """Compile a file that passed the lint; `digest` is the SHA-256 of its bytes, in hex."""
    cap = PRECISIONS[file.location.precision]
    rules = tuple(_rule(table, cap) for table in file.rule)
    grants = (
        (role.value, action, purpose)
        for role, tables in file.roles.items()
        for table in tables
        for action in table.actions
        for purpose in table.purposes
    )
    return Policy(
        hash=digest,
        id=file.policy.id,
        version=file.policy.version,
        country=file.policy.country,
        authority=file.policy.authority,
        role=file.policy.role.value,
        notice=file.notice.version,
        languages=tuple(file.notice.languages),
        precision=cap,
        rights=_rights(file),
        consent=_consent(file),
        device=_device(file),
        sweep_s=file.retention.sweep.longest_s,
        total_cap=file.retention.total_cap,
        backup_horizon=file.backup.horizon,
        regions=frozenset(file.transfer.allowed),
        never=frozenset(file.collection.never),
        rules=rules,
        recipients=MappingProxyType({table.id: _recipient(table) for table in file.recipient}),
        grants=frozenset(grants),
        places=tuple(_place(table) for table in file.place),
        _index=MappingProxyType({(rule.category, purpose): rule for rule in rules for purpose in rule.purposes}),
    )
