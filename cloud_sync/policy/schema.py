"""The tables and keys of a policy file, as pydantic models. Unknown keys and open lists are errors.

The models say what a key may hold; what keys mean together is checked in `checks.py` and its neighbours.
"""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import ConfigDict, Field

from cloud_sync.model import Action, LawfulBasis
from cloud_sync.policy.company import AutomatedTable, ControllerTable, TextTable
from cloud_sync.policy.fields import FieldsTable
from cloud_sync.policy.kinds import (
    Edition,
    Host,
    Label,
    Language,
    Name,
    PrecisionName,
    QualifiedField,
    Reference,
    Region,
    Seconds,
    SensorName,
    Span,
    StreamName,
    Table,
    Term,
    Version,
)
from cloud_sync.policy.origin import OriginTable, SaidTable
from cloud_sync.policy.parameters import (
    AccessTable,
    AnonymiseTable,
    AssuranceTable,
    BasisTable,
    BreachTable,
    CapTable,
    ChildrenTable,
    CookiesTable,
    DirectoryTable,
    ErasureTable,
    FirmwareTable,
    IdentityTable,
    LegalTable,
    MonitorTable,
    PatchTable,
    PortabilityTable,
    PortalTable,
    PurposeTable,
    QualityTable,
    RecipientsTable,
    RefusalTable,
    SecurityTable,
    Service,
    ServiceMailTable,
    Significant,
    StatsTable,
    SupportTable,
    of,
)
from cloud_sync.policy.vocabulary import After, Clock, ControllerRole, HiddenReason, RecipientKind, Role

NoticeField = Literal["purpose", "data", "recipient", "duration", "withdrawal"]
EvidenceField = Literal["actor", "purpose", "text_version", "time", "channel", "affirmative_act"]
Mechanism = Literal["adequacy", "scc", "bcr"]


class PolicyTable(Table):
    """`[policy]`: whose policy this is."""

    id: Name
    version: Edition
    country: Region
    authority: Region
    role: ControllerRole
    effective: date | None = None


class NoticeTable(Table):
    """`[notice]`: the privacy notice that a consent answers; another version is another question."""

    version: Version
    languages: list[Language] = Field(min_length=1)
    significant: tuple[Significant, ...] = ("purpose", "basis", "recipient", "region", "retention_up")
    banner: Span = of("P30D")
    receipt_required: bool = Field(default=False, strict=True)
    provided_within: Span = of("P30D")
    confirm_within: Span = of("P7D")
    marketing_per_month: int = Field(default=4, ge=0, le=31, strict=True)
    service_mail: ServiceMailTable = ServiceMailTable()


class RightsTable(Table):
    """`[rights]`: when a person's request is due."""

    deadline: Span
    extension_max: Term
    internal_target_workdays: int = Field(ge=1, le=20, strict=True)
    self_service: bool = Field(strict=True)
    alarm_at: float = Field(default=0.75, ge=0.1, lt=1.0, allow_inf_nan=False)
    refusal: RefusalTable = RefusalTable()
    erasure: ErasureTable = ErasureTable()


class ConsentTable(Table):
    """`[consent]`: asking, and how long an answer holds."""

    later_cooldown: Span
    max_prompts: int = Field(ge=1, le=10, strict=True)
    answer_within: Span
    validity: Span
    gate_latency: Seconds
    propagation_max: Seconds
    notice_required: tuple[NoticeField, ...] = ("purpose", "data", "recipient", "duration", "withdrawal")
    evidence_required: tuple[EvidenceField, ...] = (
        *("actor", "purpose", "text_version", "time", "channel", "affirmative_act"),
    )
    allow_preticked: Literal[False] = False


class LocationTable(Table):
    """`[location]`: the finest position that anyone may have under this policy."""

    precision: PrecisionName


class CollectionTable(Table):
    """`[collection]`: fields of a stream that are never taken, as `stream.field`; those that are, where the list stands; and
    through what records come that no device feeds.
    """

    never: list[QualifiedField]
    allowlist: tuple[QualifiedField, ...] = ()
    unknown_field: Literal["reject"] = "reject"
    toggles: tuple[SensorName | Literal["analytics"], ...] = ()
    sources: tuple[Name, ...] = ()
    refused: tuple[Literal["card_number"], ...] = ()


class RetentionTable(Table):
    """`[retention]`: how often the sweep runs, and the cap over all terms once a relation has ended.

    A further table of the name of a category, `[retention.billing]`, caps the terms of its rules.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, CapTable] = Field(init=False)

    sweep: Seconds
    total_cap: Span
    purpose_cap: Span | None = None
    beyond_cap: tuple[Name, ...] = ()
    dropped: tuple[Name, ...] = ()


class BackupTable(Table):
    """`[backup]`: how long a backup lives; a restore replays the tombstones before it serves."""

    horizon: Span
    keys_horizon: Span | None = None
    replay_tombstones: Literal[True]


class TransferTable(Table):
    """`[transfer]`: where data may be, and by which instruments beyond the EEA."""

    allowed: list[Region] = Field(min_length=1)
    mechanisms: list[Mechanism]


class DeviceTable(Table):
    """`[device]`: what every directive says beside its permissions."""

    interval: Seconds
    batch: int = Field(ge=1, le=64, strict=True)
    batch_age: Seconds
    spool_age: Seconds
    heartbeat: Seconds
    lease: Seconds
    rest: Seconds | None = None
    wake: bool = Field(default=False, strict=True)
    distance_m: int | None = Field(default=None, ge=1, le=10_000, strict=True)
    turn_deg: int | None = Field(default=None, ge=1, le=180, strict=True)
    stay_m: int | None = Field(default=None, ge=1, le=5_000, strict=True)
    stay_time: Seconds | None = None
    error_m: int | None = Field(default=None, ge=1, le=5_000, strict=True)
    blur_m: int | None = Field(default=None, ge=1, le=10_000, strict=True)
    aggregate: Seconds | None = None
    padded_bytes: int | None = Field(default=None, ge=96, le=960, strict=True)


class PlaceTable(Table):
    """`[[place]]`: a place of the controller, such as a depot, whose entering and leaving may be told; never a home."""

    id: int = Field(ge=1, le=255, strict=True)
    name: Label
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    radius_m: int = Field(ge=50, le=50_000, strict=True)


class GrantTable(Table):
    """`[[roles.<role>]]`: acts that a role may do, for these purposes and no others."""

    actions: list[Action] = Field(min_length=1)
    purposes: list[Name] = Field(min_length=1)


class BeyondTable(SaidTable):
    """What both `[[rule]]` and `[[recipient]]` say where their region lies outside `transfer.allowed`."""

    mechanism: Mechanism | None = None
    assessment: Reference | None = None
    reviewed: date | None = None


class RecipientTable(BeyondTable):
    """`[[recipient]]`: somebody outside who may get data, and which fields, as `category.field`."""

    id: Name
    kind: RecipientKind
    region: Region
    fields: list[QualifiedField]
    service: Service | None = None
    of: Literal["affiliates", "advisers", "operators", "business"] | None = None
    agreement: Reference | None = None
    agreement_until: date | None = None
    scope: tuple[Name, ...] = ()
    on_order: bool = Field(default=False, strict=True)
    hosts: tuple[Host, ...] = ()
    enabled: bool = Field(default=True, strict=True)


class StepTable(Table):
    """`[[rule.step]]`: a coarser precision in which positions stay on after the finer term, from the same clock."""

    precision: PrecisionName
    retention: Span


class RuleTable(BeyondTable):
    """`[[rule]]`: one category under its purposes: which fields, on what basis, how finely, how long, to whom."""

    category: Name
    fields: list[Name] = Field(min_length=1)
    stream: StreamName | None = None
    sensors: tuple[SensorName, ...] = ()
    purpose: list[Name] = Field(min_length=1)
    basis: LawfulBasis
    legal_ref: Reference | None = None
    balancing_id: Reference | None = None
    retention: Term
    clock: Clock
    after: After
    step: list[StepTable] = Field(default=[], max_length=4)  # as many as there are coarser cells
    precision: PrecisionName | None = None
    recipients: list[Name]
    region: Region
    visible_to_user: bool = Field(strict=True)
    reason: HiddenReason | None = None
    role: ControllerRole | None = None
    instruction: Reference | None = None
    arrangement: Reference | None = None
    compatibility_ref: Reference | None = None
    risk: Literal["normal", "high"] = "normal"
    encryption: Literal["sealed"] = "sealed"
    into: Name | None = None


class PolicyFile(Table):
    """A whole policy file, schema 1."""

    schema_: Literal[1] = Field(alias="schema")
    origin: OriginTable | None = None
    policy: PolicyTable
    notice: NoticeTable
    rights: RightsTable
    consent: ConsentTable
    location: LocationTable
    collection: CollectionTable
    retention: RetentionTable
    backup: BackupTable
    transfer: TransferTable
    device: DeviceTable
    access: AccessTable = AccessTable()
    stats: StatsTable | None = None
    children: ChildrenTable = ChildrenTable()
    controller: ControllerTable | None = None
    text: dict[Language, TextTable] = Field(default={})
    anonymise: AnonymiseTable = AnonymiseTable()
    assurance: AssuranceTable = AssuranceTable()
    automated: AutomatedTable = AutomatedTable()
    basis: BasisTable = BasisTable()
    breach: BreachTable = BreachTable()
    cookies: CookiesTable = CookiesTable()
    directory: DirectoryTable = DirectoryTable()
    fields: FieldsTable | None = None
    firmware: FirmwareTable = FirmwareTable()
    identity: IdentityTable = IdentityTable()
    legal: LegalTable = LegalTable()
    monitor: MonitorTable = MonitorTable()
    patch: PatchTable = PatchTable()
    portability: PortabilityTable = PortabilityTable()
    portal: PortalTable = PortalTable()
    purpose: PurposeTable = PurposeTable()
    quality: QualityTable = QualityTable()
    recipients: RecipientsTable = RecipientsTable()
    security: SecurityTable = SecurityTable()
    support: SupportTable = SupportTable()
    roles: dict[Role, list[GrantTable]] = Field(min_length=1)
    recipient: tuple[RecipientTable, ...] = ()
    place: list[PlaceTable] = Field(default=[], max_length=8)  # all that a device keeps
    rule: list[RuleTable] = Field(min_length=1)
