"""The tables and keys of a policy file, as pydantic models. Unknown keys and open lists are errors.

The models say what a key may hold; what keys mean together is checked in `checks.py`. Durations on the wire are whole
seconds (docs/wire-format.md section 7), so `[device]` takes only periods without months.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from cloud_sync.model import Action, LawfulBasis
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import (
    PRECISIONS,
    SENSORS,
    STREAMS,
    After,
    Clock,
    ControllerRole,
    HiddenReason,
    RecipientKind,
    Role,
)


def _period(value: Any) -> Period:
    if isinstance(value, Period):
        return value
    if not isinstance(value, str):
        raise ValueError("a period is text such as P90D")
    return Period.parse(value)


def _exact_seconds(period: Period) -> Period:
    if period.months:
        raise ValueError("a device counts seconds: use days or hours, not months or years")
    return period


def _some(period: Period) -> Period:
    if period.longest_s == 0:
        raise ValueError("must be longer than zero")
    return period


def _member(words: Any) -> BeforeValidator:
    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"unknown; one of {', '.join(words)}")
        return value

    return BeforeValidator(check)


# Names end in audit entries, directory listings and tables: no spaces, no control characters, at most 40.
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
QualifiedField = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}\.[a-z][a-z0-9_]{0,39}$")]
Reference = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ./()-]{0,79}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Label = Annotated[str, Field(pattern=r"^\w[\w .,'/()-]{0,59}$")]
Region = Annotated[str, Field(pattern=r"^[A-Z]{2,3}$")]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}(-[A-Z]{2})?$")]
Term = Annotated[Period, BeforeValidator(_period)]
Span = Annotated[Period, BeforeValidator(_period), AfterValidator(_some)]
Seconds = Annotated[Period, BeforeValidator(_period), AfterValidator(_exact_seconds), AfterValidator(_some)]
PrecisionName = Annotated[str, _member(PRECISIONS)]
SensorName = Annotated[str, _member(SENSORS)]
StreamName = Annotated[str, _member(STREAMS)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=False)


class PolicyTable(_Table):
    """`[policy]`: whose policy this is."""

    id: Name
    version: Version
    country: Region
    authority: Region
    role: ControllerRole


class NoticeTable(_Table):
    """`[notice]`: the privacy notice that a consent answers; another version is another question."""

    version: Version
    languages: list[Language] = Field(min_length=1)


class RightsTable(_Table):
    """`[rights]`: when a person's request is due."""

    deadline: Span
    extension_max: Term
    internal_target_workdays: int = Field(ge=1, le=20, strict=True)
    self_service: bool = Field(strict=True)


class ConsentTable(_Table):
    """`[consent]`: asking, and how long an answer holds."""

    later_cooldown: Span
    max_prompts: int = Field(ge=1, le=10, strict=True)
    answer_within: Span
    validity: Span
    gate_latency: Seconds
    propagation_max: Seconds


class LocationTable(_Table):
    """`[location]`: the finest position that anyone may have under this policy."""

    precision: PrecisionName


class CollectionTable(_Table):
    """`[collection]`: fields of a stream that are never taken, as `stream.field`."""

    never: list[QualifiedField]


class RetentionTable(_Table):
    """`[retention]`: how often the sweep runs, and the cap over all terms once a relation has ended."""

    sweep: Seconds
    total_cap: Span


class BackupTable(_Table):
    """`[backup]`: how long a backup lives; a restore replays the tombstones before it serves."""

    horizon: Span
    replay_tombstones: Literal[True]


class TransferTable(_Table):
    """`[transfer]`: where data may be, and by which instruments beyond the EEA."""

    allowed: list[Region] = Field(min_length=1)
    mechanisms: list[Literal["adequacy", "scc", "bcr"]]


class DeviceTable(_Table):
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


class PlaceTable(_Table):
    """`[[place]]`: a place of the controller, such as a depot, whose entering and leaving may be told; never a home."""

    id: int = Field(ge=1, le=255, strict=True)
    name: Label
    lat: float = Field(ge=-90, le=90, allow_inf_nan=False)
    lon: float = Field(ge=-180, le=180, allow_inf_nan=False)
    radius_m: int = Field(ge=50, le=50_000, strict=True)


class GrantTable(_Table):
    """`[[roles.<role>]]`: acts that a role may do, for these purposes and no others."""

    actions: list[Action] = Field(min_length=1)
    purposes: list[Name] = Field(min_length=1)


class RecipientTable(_Table):
    """`[[recipient]]`: somebody outside who may get data, and which fields, as `category.field`."""

    id: Name
    kind: RecipientKind
    region: Region
    fields: list[QualifiedField]


class RuleTable(_Table):
    """`[[rule]]`: one category under its purposes: which fields, on what basis, how finely, how long, to whom."""

    category: Name
    fields: list[Name] = Field(min_length=1)
    stream: StreamName | None = None
    sensors: list[SensorName] = []
    purpose: list[Name] = Field(min_length=1)
    basis: LawfulBasis
    legal_ref: Reference | None = None
    balancing_id: Reference | None = None
    retention: Term
    clock: Clock
    after: After
    precision: PrecisionName | None = None
    recipients: list[Name]
    region: Region
    visible_to_user: bool = Field(strict=True)
    reason: HiddenReason | None = None


class PolicyFile(_Table):
    """A whole policy file, schema 1."""

    schema_: Literal[1] = Field(alias="schema")
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
    roles: dict[Role, list[GrantTable]] = Field(min_length=1)
    recipient: list[RecipientTable] = []
    place: list[PlaceTable] = Field(default=[], max_length=8)  # all that a device keeps
    rule: list[RuleTable] = Field(min_length=1)
