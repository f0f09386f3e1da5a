"""What ingest says of each message."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from cloud_sync.model import Verdict, VerdictCode


class Kind(StrEnum):
    """How a message ended: a closed list, so that counts by kind tell an operator everything without naming anybody."""

    __hash__ = str.__hash__  # an enumeration's own is a function of Python, and each message's kind is looked up

    # Not verified: no verdict, nothing changed.
    UNKNOWN_TOPIC = "unknown_topic"
    MALFORMED = "malformed"
    UNKNOWN_DEVICE = "unknown_device"
    UNKNOWN_GENERATION = "unknown_generation"
    FAR_AHEAD = "far_ahead"
    NOT_AUTHENTIC = "not_authentic"
    BEYOND_SHARE = "beyond_share"  # one device fills the batches that all share: not looked at, the device keeps it
    # Verified, and no verdict: what speaks against it hangs on a clock that may be wrong. The device keeps it.
    UNDECIDED = "undecided"
    # Captured, by the device's clock, at a time that has not come: no verdict until it has.
    NOT_YET = "not_yet"
    # The day is shredded: nobody can verify it any more.
    CLOSED = "closed"
    # Verified.
    STORED = "stored"
    REPEATED = "repeated"
    KEPT_APART = "kept_apart"  # another envelope under a number that is taken: stored, and an incident
    CROWDED = "crowded"  # too many others under its number
    BELOW_FLOOR = "below_floor"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"
    DENIED = "denied"
    ERASED = "erased"  # captured within a span that was erased before it arrived
    PASSED_OVER = "passed_over"  # an answer to an offer of healing that leads nowhere any more


VERDICTS = {
    Kind.CLOSED: VerdictCode.CLOSED,
    Kind.STORED: VerdictCode.STORED,
    Kind.REPEATED: VerdictCode.STORED,
    Kind.KEPT_APART: VerdictCode.STORED,
    Kind.CROWDED: VerdictCode.DROP,
    Kind.BELOW_FLOOR: VerdictCode.DROP,
    Kind.QUARANTINED: VerdictCode.DROP,
    Kind.EXPIRED: VerdictCode.DROP,
    Kind.DENIED: VerdictCode.DROP,
    Kind.ERASED: VerdictCode.DROP,
    Kind.PASSED_OVER: VerdictCode.DROP,
}


class Outcome(NamedTuple):
    """The end of one message. `answers` are the sealed downlinks that a `status` called for."""

    kind: Kind
    device: str = ""  # of an enrolled device only
    verdict: Verdict | None = None
    answers: tuple[bytes, ...] = ()
