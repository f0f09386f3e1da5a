"""Types of what is stored: devices and people, sealed envelopes, keys, directives, tombstones, events of the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync.model.link import COUNTERS, EPOCH_SECONDS, RESEALED, EnvelopeId


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
    """A stored day key: the wrapped chain key of the first envelope still kept.

    With a `shield` it opens together with the key of that number alone (`Shield`).
    """

    device: str
    generation: int
    stream: int
    epoch: int
    base_counter: int
    wrapped: bytes
    shield: int = 0


@dataclass(frozen=True, slots=True)
class Shield:
    """A device's key over all day keys of its personal streams: once it is destroyed, none of them opens, however many there are.

    `stones` is how many tombstones there were when it was made: one of an erasure before that leaves it alone.
    """

    device: str
    number: int
    stones: int
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
class HealingWish:
    """A device that is to heal: until a generation after `above` has begun; when it was last offered, and for which day."""

    device: str
    above: int
    offered_at: float = 0.0
    first_epoch: int = -1


@dataclass(frozen=True, slots=True)
class HealingOffer:
    """An offer of healing that went out under downlink `number`; `wrapped` is the private key of the exchange."""

    device: str
    generation: int  # the one that it would end
    number: int
    spine_epoch: int
    first_epoch: int
    wrapped: bytes = b""


@dataclass(frozen=True, slots=True)
class HealingCandidate:
    """A generation that an answer has begun and no envelope has confirmed; `wrapped` is its first downlink chain key."""

    device: str
    generation: int
    first_epoch: int
    epoch: int  # of the answer's envelope, with its counter: a later answer takes the place
    counter: int
    wrapped: bytes = b""


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
