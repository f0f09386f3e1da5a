"""The types that every layer of cloud_sync shares. Numbers on the wire: docs/wire-format.md, section in brackets.

Pure data: no I/O, no clock, no key. Times are Unix seconds UTC; positions are degrees × 10⁷ (`_e7`) where they are
integers and degrees where they are floats.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag, StrEnum
from typing import NamedTuple

EPOCH_SECONDS = 86_400  # one epoch is one UTC day [section 2]
COUNTERS = 4096  # of one (generation, stream, epoch) [section 2]
#: Added to an edition's number it is the generation of what the server has sealed anew: no device can name it [section 2].
RESEALED = 2**16


class Stream(IntEnum):
    """What one envelope carries [section 2]."""

    DOWN = 0
    LOCATION = 1
    ENVIRONMENT = 2
    MOTION = 3
    STATUS = 4


UPLINK_STREAMS = (Stream.LOCATION, Stream.ENVIRONMENT, Stream.MOTION, Stream.STATUS)
PERSONAL_STREAMS = (Stream.LOCATION, Stream.ENVIRONMENT, Stream.MOTION)


class Precision(IntEnum):
    """How finely a position may be known; a higher number is coarser [section 5]."""

    EXACT = 0
    CELL_100M = 1
    CELL_1KM = 2
    CELL_10KM = 3
    REGION = 4
    COUNTRY = 5
    NONE = 6


class Sensor(IntFlag):
    """One switch for each sensor [section 7]."""

    GNSS = 1
    TEMPERATURE = 2
    LIGHT = 4
    MOTION = 8
    CELL = 16


class LocationField(IntFlag):
    """Side fields of a fix that need a permission of their own [section 7]."""

    SPEED_COURSE = 1


class Motion(IntFlag):
    """What happened within one step of `motion` [section 5]."""

    BEGAN = 1
    ENDED = 2
    SHOCK = 4


class VerdictCode(IntEnum):
    """What the server says of one envelope [section 7]."""

    STORED = 0
    DROP = 1
    CLOSED = 2


class StatusReason(IntEnum):
    """Why a device sent a status [section 5]."""

    BOOT = 1
    HEARTBEAT = 2
    DIRECTIVE_APPLIED = 3
    CHALLENGE_WANTED = 4
    FAULT = 5
    STOPPED_AT_DEVICE = 6


class Header(NamedTuple):
    """Header of an uplink envelope, in the clear and authenticated [section 4]."""

    generation: int
    stream: int
    epoch: int
    counter: int
    directive_version: int


class Envelope(NamedTuple):
    """A parsed uplink envelope; nothing of it is trusted before its tag has been verified."""

    header: Header
    header_bytes: bytes
    salt: bytes
    sealed: bytes
    digest: bytes


class EnvelopeId(NamedTuple):
    """The store key of an envelope, without its digest [section 4]."""

    device: str
    generation: int
    stream: int
    epoch: int
    counter: int


class Verdict(NamedTuple):
    """One line of a verdict downlink [section 7]."""

    generation: int
    stream: int
    epoch: int
    counter: int
    digest: bytes
    code: VerdictCode


@dataclass(frozen=True, slots=True)
class Fix:
    """One position with time and quality, as the device was permitted to tell it.

    For a cell, `lat` and `lon` are its centre. `quality` is a class: horizontal accuracy ≤ 2**quality metres.
    """

    time: int  # Unix seconds
    lat_e7: int
    lon_e7: int
    precision: Precision
    quality: int
    speed_dm_s: int | None = None  # 0.1 m/s
    course_deg: int | None = None

    @property
    def lat(self) -> float:
        """Latitude in degrees."""
        return self.lat_e7 / 1e7

    @property
    def lon(self) -> float:
        """Longitude in degrees."""
        return self.lon_e7 / 1e7


@dataclass(frozen=True, slots=True)
class Reading:
    """What the sensors of the surroundings said within one step; None for a sensor that sent nothing, or is not asked for.

    Light travels as a class; `light_lx` is the least of it, the next class begins a quarter higher at most.
    """

    time: int  # Unix seconds at the start of the step
    step_s: int
    temperature_dc: int | None = None  # 0.1 °C
    light_lx: int | None = None

    @property
    def temperature_c(self) -> float | None:
        """Degrees Celsius."""
        return None if self.temperature_dc is None else self.temperature_dc / 10


@dataclass(frozen=True, slots=True)
class MotionEvent:
    """What happened within one step; in which order is not told."""

    time: int  # Unix seconds at the start of the step
    step_s: int
    events: Motion

    @property
    def began(self) -> bool:
        """Motion began."""
        return Motion.BEGAN in self.events

    @property
    def ended(self) -> bool:
        """Motion ended."""
        return Motion.ENDED in self.events

    @property
    def shock(self) -> bool:
        """There was a shock."""
        return Motion.SHOCK in self.events


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A device's report about itself; no personal data [section 5]."""

    reason: StatusReason
    time: int | None
    uptime_s: int
    directive: int
    down_next: int
    challenge: bytes
    boots: int
    reset: int
    battery_mv: int
    spooled: int
    lost: int
    refused: int
    faults: int
    heap_free: int
    firmware: str


@dataclass(frozen=True, slots=True)
class Directive:
    """What one device may do [section 7]. Zones are (row, col) of `cell_1km`; hours are UTC minutes of the day."""

    version: int
    issued_at: int
    lease_until: int
    sensors: Sensor
    precision: Precision
    fields: LocationField
    interval_s: int
    batch: int
    batch_age_s: int
    spool_age_s: int
    heartbeat_s: int
    zones: tuple[tuple[int, int], ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    challenge: bytes = b""


class ConsentState(StrEnum):
    """States of a consent record; only `given` opens the gate (ISO/IEC TS 27560 event_state, DPV terms)."""

    REQUESTED = "requested"
    GIVEN = "given"
    REFUSED = "refused"
    LATER = "later"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


class LawfulBasis(StrEnum):
    """GDPR Art. 6(1)(a), (b), (c), (f)."""

    CONSENT = "consent"
    CONTRACT = "contract"
    LEGAL_OBLIGATION = "legal_obligation"
    LEGITIMATE_INTEREST = "legitimate_interest"


class Action(StrEnum):
    """What somebody wants to do with personal data; the gate answers each."""

    SENSE = "sense"
    INGEST = "ingest"
    READ = "read"
    EXPORT = "export"
    DISCLOSE = "disclose"
    STATISTICS = "statistics"


class Reason(StrEnum):
    """Why the gate allowed or denied: a closed list, in the order in which the checks run."""

    ALLOWED = "allowed"
    DEVICE_UNKNOWN = "device_unknown"
    CATEGORY_UNKNOWN = "category_unknown"
    PURPOSE_MISSING = "purpose_missing"
    PURPOSE_NOT_DECLARED = "purpose_not_declared"
    ACTION_NOT_PERMITTED = "action_not_permitted"
    ROLE_NOT_PERMITTED = "role_not_permitted"
    CONSENT_MISSING = "consent_missing"
    CONSENT_NOT_AT_CAPTURE = "consent_not_at_capture"
    PRECISION_TOO_FINE = "precision_too_fine"
    RESTRICTED = "restricted"
    EXPIRED = "expired"
    ERASED = "erased"
    RECIPIENT_NOT_LISTED = "recipient_not_listed"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a pseudonymous id and a role of the policy (`data_subject`, `controller`, `support`, …)."""

    id: str
    role: str


@dataclass(frozen=True, slots=True)
class ConsentRecord:
    """One event of the append-only consent ledger. Field names follow ISO/IEC TS 27560; no personal data in clear."""

    record_id: str
    pii_principal_id: str  # the data subject's pseudonym in this installation
    purpose: str
    pii_type: tuple[str, ...]  # data categories of the policy
    event_state: ConsentState
    event_time: float
    privacy_notice: str  # version of the notice that was answered
    policy_hash: str  # SHA-256 of the policy file in force
    precision: Precision  # the finest the person allows
    validity_until: float | None
    entity_id: str  # who acted (the person, or a parent)
    channel: str  # where: app, portal, letter, …
    affirmative_act: str  # what they did; empty only for expiry
    language: str
    schema_version: str = "ISO/IEC TS 27560:2023"


@dataclass(frozen=True, slots=True)
class Device:
    """An enrolled device and the person whom its telemetry is about."""

    device: str
    subject: str
    generation: int
    enrolled_at: float
    revoked_at: float | None = None


@dataclass(frozen=True, slots=True)
class StoredEnvelope:
    """An envelope as it came, with what the gate needs to know about it without opening it."""

    id: EnvelopeId
    digest: bytes
    directive_version: int
    payload: bytes
    received_at: float
    oldest_capture: float  # Unix seconds of the oldest reading; the whole envelope expires with it


@dataclass(frozen=True, slots=True)
class Leaf:
    """A stored day key: the wrapped chain key of the first envelope still kept."""

    device: str
    generation: int
    stream: int
    epoch: int
    base_counter: int
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Tip:
    """The one spine value that the server keeps of a ladder: S(generation, epoch), wrapped."""

    device: str
    generation: int
    stream: int
    epoch: int
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Person:
    """A person in the key store: their own key, wrapped, and their limits sealed under it (revision 0: never set)."""

    subject: str
    made_at: float
    wrapped: bytes
    revision: int = 0
    limits: bytes = b""


@dataclass(frozen=True, slots=True)
class DirectiveState:
    """What the server knows of a device's permission: what was sent, what is in force, what may be accepted."""

    device: str
    version: int  # highest version ever issued
    current: bytes  # that directive's plaintext array, without a challenge; sealed wherever it is stored
    applied_version: int  # as last reported by the device
    challenge: bytes  # the device's current challenge, empty if spent or unknown
    down_next: int  # the next downlink number to send
    reported_down_next: int  # as last reported by a fresh status
    floors: tuple[int, int, int, int]  # per uplink stream 1..4: lowest directive version accepted
    reported_at: tuple[int, int, int] = (-1, -1, -1)  # (generation, epoch, counter) of the newest status taken over


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What was erased, kept outside the backup's domain and replayed over every restored store, in order of appending.

    Without an `edition` the epochs go whole. With one a single epoch is cut: what was captured from `start` to before `end`
    goes, what stays of the envelopes that were there is sealed anew as this edition of the day, and every key of before goes,
    but for those of `generation` from `counter` on, and of generations after it: a day that is not over goes on with them.
    """

    tombstone_id: str
    device: str
    stream: int  # 0 = all streams
    first_epoch: int
    last_epoch: int  # inclusive
    at: float
    basis: str  # erasure | retention | withdrawal | person (an erasure of everything, the audit log included)
    start: int | None = None  # Unix seconds; None in tombstones of whole days from before there were others
    end: int | None = None
    edition: int = 0
    generation: int = RESEALED - 1
    counter: int = COUNTERS

    @property
    def span(self) -> tuple[int, int]:
        """Unix seconds, from the first to before the second: no capture within may be stored again."""
        start = self.first_epoch * EPOCH_SECONDS if self.start is None else self.start
        end = (self.last_epoch + 1) * EPOCH_SECONDS if self.end is None else self.end
        return start, end

    def floor(self, generation: int, epoch: int) -> int:
        """The counter of this generation and day below which all keys and rows are gone; `COUNTERS` closes the day."""
        if not self.first_epoch <= epoch <= self.last_epoch:
            return 0
        if not self.edition:
            return COUNTERS
        if generation >= RESEALED:  # editions of before have been cut as well
            return COUNTERS if generation - RESEALED < self.edition else 0
        if generation == self.generation:
            return self.counter
        return COUNTERS if generation < self.generation else 0


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """A typed event; values are ids, enumerations and counts, never free text nor personal data in clear."""

    kind: str
    at: float
    actor: str
    subject: str
    detail: tuple[tuple[str, str | int], ...] = ()
