"""The types of what crosses the link, apart from readings; `cloud_sync.model` has them for all others. Numbers on the wire:
docs/wire-format.md, section in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
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
    WAKE = 32  # the accelerometer may tell when a fix is worth taking; nothing of what it senses leaves


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
    UPDATE_CHANGED = 7


class UpdateState(IntEnum):
    """What has become of the newest release that a device was offered [section 5]."""

    NONE = 0
    FETCHING = 1
    ON_TRIAL = 2
    ROLLED_BACK = 3
    REFUSED = 4


class PlaceChange(IntEnum):
    """What an event of a place says [section 5]."""

    ENTERED = 1
    LEFT = 2


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
    crash: str = ""  # class and place of the last exception that ended the program, never its message
    security: int = 0  # version of the running release
    update: UpdateState = UpdateState.NONE


class HealOffer(NamedTuple):
    """An offer of healing to a device [section 7]; the private half is nobody's but the server's."""

    public: bytes  # the server's ephemeral X25519 key
    spine_epoch: int  # of the server's spine tips
    first_epoch: int  # of the new generation


class HealAnswer(NamedTuple):
    """A device's answer to an offer of healing, in place of a report [sections 5 and 7]."""

    number: int  # of the downlink that carried the offer
    public: bytes  # the device's ephemeral X25519 key


class PlaceCircle(NamedTuple):
    """A place as a device knows it: a number, the 1e-5° grid point in its middle, a radius; its name stays here [section 7]."""

    place: int
    row: int
    col: int
    radius_m: int


@dataclass(frozen=True, slots=True)
class Thinning:
    """Which of the fixes that the interval lets through leave the device; 0 stands for "not" [section 7]."""

    rest_s: int = 0
    distance_m: int = 0
    turn_deg: int = 0
    stay_m: int = 0
    stay_time_s: int = 0
    error_m: int = 0
    blur_m: int = 0


NO_THINNING = Thinning()


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
    thinning: Thinning = NO_THINNING
    places: tuple[PlaceCircle, ...] = ()
    aggregate_s: int = 0
    padded_bytes: int = 0  # to which plaintexts of personal streams are padded
    challenge: bytes = b""
