"""Tables of parameters that stand for vague clauses, with the names and the defaults of the clause table (V-01 to V-46).

All are optional in a file: without a table its defaults hold, which open nothing. Which of them something carries out
already stands in `reference.toml`, and `policy check --unused` tells the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from cloud_sync.model import LawfulBasis
from cloud_sync.policy.kinds import Name, PrecisionName, QualifiedField, Reference, Span, Table, Version
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import After, Clock, Role

Calendar = Literal["DK", "NL", "RO"]
MailClass = Literal["safety", "legal", "security"]
Significant = Literal["purpose", "basis", "recipient", "region", "retention_up", "field", "precision", "sensor", "role"]
Service = Literal["order", "it_operation", "hosting", "sms_gateway", "support", "bank"]
Second = Literal["required", "offered"]


def of(text: str) -> Period:
    """The period of a default."""
    return Period.parse(text)


#: GDPR Art. 8(1): a country may lower sixteen, never below thirteen; a company may ask for more than any law.
CountryAge = Annotated[int, Field(ge=13, le=16, strict=True)]
PolicyAge = Annotated[int, Field(ge=0, le=21, strict=True)]
Country = Annotated[str, Field(pattern=r"^([A-Z]{2}|default)$")]
Purpose = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class AccessTable(Table):
    """`[access]`: which roles of the staff may be let in, and how: a ticket, a short grant, a second factor (V-04, V-39)."""

    roles: tuple[Role, ...] = ()
    ticket_required: bool = Field(default=True, strict=True)
    grant_ttl: Span = of("PT60M")
    staff_mfa: Second = "required"
    user_mfa: Second = "offered"
    lock_after: int = Field(default=5, ge=3, le=100, strict=True)
    lock_within: Span = of("PT15M")
    training_max: Span = of("P365D")
    attestation_max: Span = of("P30D")
    unused_max: Span = of("P90D")


class StatsTable(Table):
    """`[stats]`: from what, how coarsely and how late statistics may be made; without this table there are none (V-11)."""

    k_min: int = Field(default=20, ge=20, le=1_000_000, strict=True)
    grid_km: int = Field(default=10, ge=1, le=500, strict=True)
    release_delay: Span = of("P30D")
    inputs: list[QualifiedField] = Field(min_length=1)


class SafeguardsTable(Table):
    """`[children.safeguards]`: what holds for the data of a child, whoever agreed (V-20)."""

    location: PrecisionName = "cell_1km"
    marketing: bool = Field(default=False, strict=True)
    profiling: bool = Field(default=False, strict=True)
    retention_max: Span = of("P30D")


class ChildReportTable(Table):
    """`[children.report]`: somebody says that data is a child's: restricted first, examined, erased (V-35)."""

    restrict: Span = of("PT1H")
    erase: Span = of("P7D")


class ChildrenTable(Table):
    """`[children]`: from which age people answer for themselves: the higher of promise and law (V-19, V-34)."""

    policy_floor: dict[Purpose, PolicyAge] = Field(default={"other": 16})
    country_floor: dict[Country, CountryAge] = Field(default={"default": 16})
    safeguards: SafeguardsTable = SafeguardsTable()
    report: ChildReportTable = ChildReportTable()
    verification: Literal["self_declared+parent_second_channel"] = "self_declared+parent_second_channel"
    pending_ttl: Span = of("P7D")


class AssuranceTable(Table):
    """`[assurance]`: when a customer who asks has proof of the security measures (V-01)."""

    response: Span = of("P30D")
    warn: Span = of("P25D")


class SecurityTable(Table):
    """`[security]`: the list of controls that stands for "appropriate" (V-02)."""

    baseline: Version = "baseline-1"
    min_controls: int = Field(default=20, ge=1, le=1000, strict=True)
    evidence_max_age: Span = of("P30D")
    device_key_max: Span = of("P90D")


class ServiceMailTable(Table):
    """`[notice.service_mail]`: how often "now and then" is, and what it never holds back (V-05)."""

    max_per_30d: int = Field(default=4, ge=0, le=30, strict=True)
    exempt: tuple[MailClass, ...] = ("safety", "legal", "security")


class AuthorityTable(Table):
    """`[recipients.authority]`: two signatures and a reference in place of good faith (V-22)."""

    legal_ref_required: Literal[True] = True
    approvals: int = Field(default=2, ge=1, le=5, strict=True)


class ClassTable(Table):
    """`[recipients.<class>]`: a class is no recipient; who of it is one stands in its list (V-21)."""

    list: tuple[Name, ...] = ()
    enabled: bool = Field(default=False, strict=True)
    legal_ref: Reference | None = None


class RecipientsTable(Table):
    """`[recipients]`: the register of recipients as a whole (V-07, V-21, V-22, V-30, V-43)."""

    review_max: Span = of("P365D")
    kinds: tuple[Service, ...] = ("order", "it_operation", "hosting", "sms_gateway", "support", "bank")
    publish_list: bool = Field(default=True, strict=True)
    answer: Span = of("P30D")
    flowdown: bool = Field(default=False, strict=True)
    sale: tuple[Literal["agreement", "court"], ...] = ()
    third_party: tuple[LawfulBasis, ...] = tuple(LawfulBasis)
    authority: AuthorityTable = AuthorityTable()
    affiliates: ClassTable = ClassTable()
    advisers: ClassTable = ClassTable()
    operators: ClassTable = ClassTable()
    business: ClassTable = ClassTable()


class PurposeTable(Table):
    """`[purpose]`: what is kept "for later" has a purpose, and an end once that is concluded (V-10)."""

    required: Literal[True] = True
    max_open: Span = of("P12M")
    surplus_after: Span = of("P90D")


class AnonymiseTable(Table):
    """`[anonymise]`: irreversible means that keys are gone and that trying to link again fails (V-12)."""

    destroy_keys: Literal[True] = True
    relink_max: int = Field(default=0, ge=0, le=0, strict=True)
    relink_sample: int = Field(default=1000, ge=100, le=1_000_000, strict=True)


class PortalTable(Table):
    """`[portal]`: "easily" and "at any time" as a level of service (V-13)."""

    availability_target: float = Field(default=0.995, ge=0.9, lt=1.0, allow_inf_nan=False)
    export_ready: Span = of("PT60S")
    max_steps: int = Field(default=2, ge=1, le=5, strict=True)


class RecordingTable(Table):
    """`[support.recording]`: calls are not recorded, unless; refusing it is not refusing help (V-16)."""

    enabled: bool = Field(default=False, strict=True)
    max: Span = of("P30D")
    refusal_keeps_service: Literal[True] = True
    other_channels: tuple[Name, ...] = ("chat", "letter", "mail")


class SupportTable(Table):
    """`[support]`."""

    recording: RecordingTable = RecordingTable()


class RefusalTable(Table):
    """`[rights.refusal]`: a refusal says why, GDPR Art. 12(4) (V-18)."""

    reason_required: Literal[True] = True


class ErasureTable(Table):
    """`[rights.erasure]`: "without undue delay" (V-45)."""

    execute_max: Span = of("P7D")


class DirectoryTable(Table):
    """`[directory]`: entry in a register of subscribers, off for trackers (V-23)."""

    objection_days: int = Field(default=45, ge=1, le=365, strict=True)
    calendar: Calendar = "RO"
    first_day: Literal["next_working_day"] = "next_working_day"
    enabled: bool = Field(default=False, strict=True)
    legal_ref: Reference | None = None


class CapTable(Table):
    """`[retention.<category>]`: the longest term of a category, and its clock (V-03, V-24, V-28, V-29, V-41, V-42)."""

    max: Span | None = None
    clock: Clock | None = None
    after: After | None = None
    categories: tuple[Name, ...] = ()
    after_last_interaction: Span | None = None
    interaction_events: tuple[Name, ...] = ()


class CookiesTable(Table):
    """`[cookies]`: of the portal: how long, which, and never sliding (V-26, V-36)."""

    max_age: Span = of("P12M")
    renew_on_visit: Literal[False] = False
    allowed: tuple[Literal["technical", "functional"], ...] = ("technical", "functional")
    analytics: Literal["consent"] = "consent"


class BasisTable(Table):
    """`[basis]`: a legal ground must be named to be checked (V-27)."""

    legal_ref_required: Literal[True] = True
    telemetry: tuple[LawfulBasis, ...] = ()


class LegalTable(Table):
    """`[legal]`: the laws that rules refer to; where the list stands, it is closed (V-27)."""

    refs: tuple[Reference, ...] = ()
    required: tuple[Name, ...] = ()


class MonitorTable(Table):
    """`[monitor]`: "continuous" watching as an interval and an alarm on silence (V-31)."""

    interval: Span = of("PT60S")
    gap_alarm: Span = of("PT5M")


class BreachTable(Table):
    """`[breach]`: GDPR Art. 33 and 34 (V-32)."""

    authority_deadline: Span = of("PT72H")
    processor_to_controller: Span = of("PT24H")
    subject_target: Span = of("PT72H")
    subject_if: Literal["high"] = "high"


class DocumentTable(Table):
    """`[identity.document]`: a copy of a document is itself risky data (V-37)."""

    after_decision: Span = of("PT24H")
    hard_max: Span = of("P30D")
    masks: int = Field(default=4, ge=4, le=20, strict=True)


class IdentityTable(Table):
    """`[identity]`."""

    document: DocumentTable = DocumentTable()


class PatchTable(Table):
    """`[patch]`: how soon a known fault is mended (V-40)."""

    critical: Span = of("P7D")
    other: Span = of("P30D")


class FirmwareTable(Table):
    """`[firmware]`: releases are signed and never older than the one that runs (V-40)."""

    signed: Literal[True] = True
    rollback_protection: Literal[True] = True


class QualityTable(Table):
    """`[quality]`: when data counts as out of date, and how long its confirmation is waited for (V-44)."""

    stale_after: Span = of("P12M")
    confirm_window: Span = of("P30D")


class PortabilityTable(Table):
    """`[portability]`: what GDPR Art. 20(1) reaches (V-46)."""

    bases: tuple[Literal[LawfulBasis.CONSENT, LawfulBasis.CONTRACT], ...] = (LawfulBasis.CONSENT, LawfulBasis.CONTRACT)
    origin: tuple[Literal["given", "observed"], ...] = ("given", "observed")


Value = bool | int | float | str | Period | tuple[str, ...]


def values_of(file: Table) -> dict[str, Value]:
    """Every key of the tables that stand once in a file, as `table.key`, with its default where the file is silent."""
    return {key: value for key, value in _leaves((), file) if len(key.split(".")) > 1}


def _leaves(path: tuple[str, ...], table: Table) -> Iterator[tuple[str, Value]]:
    for key, value in table:  # pairs; not dict(): a key may be named `keys`
        if isinstance(value, Table):
            yield from _leaves((*path, key), value)
        elif isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
            yield ".".join((*path, key)), tuple(value)
        elif isinstance(value, bool | int | float | str | Period):
            yield ".".join((*path, key)), value
