"""What a history of consent records amounts to at a moment. Pure functions over records in order of appending.

The state is never stored: it follows from the records, the clock and the policy in force, so that no job has to run for
a consent to lapse. `given` in the ledger is necessary for the gate to open, and never enough.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cloud_sync.consent.bounds import UNBOUNDED, Bounds
from cloud_sync.consent.minors import Age, voided
from cloud_sync.model import ConsentRecord, ConsentState, Precision
from cloud_sync.policy import Policy, widened

#: Finds a policy of the past by its hash; None when it is not known any more.
PolicyLookup = Callable[[str], Policy | None]

#: Channel of a record that closes a consent because the text or the policy changed: the question may be asked anew.
CHANGED = "policy_change"
#: Channel of a record that closes a consent because its validity is over.
LAPSED = "validity"
#: Channel of a record that closes a consent because the ledger was restored and later answers are lost.
RESTORED = "restore"
#: Channel of a record that closes a consent that somebody gave whose answer it is not, by the person's age.
AGE = "age"

#: What an ended consent waits for after each of these is an answer, so that the question is open again.
_ASKED_ANEW = {
    CHANGED: "the text or the policy has changed",
    RESTORED: "the answers since a backup are lost",
    AGE: "by the age of the person another answers now",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands on a purpose: `state` is None while the question is open (never asked, or asked anew)."""

    state: ConsentState | None
    since: float
    precision: Precision
    why: str
    record: ConsentRecord | None = None

    @property
    def open(self) -> bool:
        """Only `given` opens the gate."""
        return self.state is ConsentState.GIVEN


@dataclass(frozen=True, slots=True)
class Coverage:
    """Whether consent covers one reading: at its capture, and at its use. `precision` is the coarser of the two."""

    at_capture: bool
    at_use: bool
    precision: Precision

    def __bool__(self) -> bool:
        return self.at_capture and self.at_use


@dataclass(frozen=True, slots=True)
class Switch:
    """A choice of a person's: one purpose, where they stand on it, and who outside would get data under it."""

    purpose: str
    state: ConsentState | None
    on: bool
    recipients: tuple[str, ...]


NOT_ASKED = Standing(None, 0.0, Precision.NONE, "never asked")
NOT_COVERED = Coverage(at_capture=False, at_use=False, precision=Precision.NONE)


def began_at(policy: Policy) -> float | None:
    """Unix seconds from which a policy holds (`policy.effective`, midnight UTC); None where it does not say."""
    day = policy.effective
    return None if day is None else datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def closed_by_change(record: ConsentRecord, policy: Policy, lookup: PolicyLookup) -> str:
    """Why a given consent does not hold under `policy`, or an empty text when it does."""
    if record.privacy_notice != policy.notice:
        return "the privacy notice has changed"
    if not policy.consent_rules(record.purpose):
        return "the purpose no longer rests on consent"
    if record.policy_hash == policy.hash:
        return ""
    start = began_at(policy)
    if start is not None and record.event_time < start:
        return "it was given before the policy held"
    old = lookup(record.policy_hash)
    if old is None:
        return "the policy that was agreed to is not known any more"
    wider = widened(old, policy, record.purpose)
    return f"the policy now takes more: {', '.join(wider)}" if wider else ""


def standing(
    records: Sequence[ConsentRecord], policy: Policy, lookup: PolicyLookup, at: float, age: Age | None = None
) -> Standing:
    """Where the records of one subject and purpose lead at `at` (Unix seconds); `age` is what is known of the person's.

    Records after `at` are not seen. Whether the policy still honours a consent is asked only of the newest record: what
    superseded the others has already decided about them.
    """
    seen = [record for record in records if record.event_time <= at]
    if not seen:
        return NOT_ASKED
    last = seen[-1]
    change = ""
    if _given(last):
        change = voided(last, policy, age, at)
        if not change and last is records[-1]:
            change = closed_by_change(last, policy, lookup)
    return _judge(last, change, policy, at)


def _given(record: ConsentRecord) -> bool:
    return record.event_state is ConsentState.GIVEN


def _judge(last: ConsentRecord, change: str, policy: Policy, at: float) -> Standing:
    def result(state: ConsentState | None, since: float, why: str) -> Standing:
        precision = last.precision if state is ConsentState.GIVEN else Precision.NONE
        return Standing(state, since, precision, why, last)

    state, since = last.event_state, last.event_time
    if _given(last) and change:
        return result(None, since, change)
    if _given(last) and last.validity_until is not None and at >= last.validity_until:
        return result(ConsentState.EXPIRED, last.validity_until, "its validity is over")
    if state is ConsentState.EXPIRED and last.channel in _ASKED_ANEW:
        return result(None, since, _ASKED_ANEW[last.channel])
    if state is ConsentState.REQUESTED and at >= policy.consent.answer_within.end(since):
        return result(None, policy.consent.answer_within.end(since), "asked and not answered: silence is no answer")
    if state is ConsentState.PENDING and at >= policy.children.pending_ttl.end(since):
        return result(None, policy.children.pending_ttl.end(since), "no parent has confirmed in time")
    return result(state, since, f"{state.value} by {last.channel}")


def held_since(records: Sequence[ConsentRecord], captured_at: float) -> bool:
    """Whether nothing has ended, for good, the consent under which something was captured.

    The person (withdrawn, refused) or the clock (validity over) ends it for good: what was captured under it enters
    deletion then, and a later consent does not call it back. A record that closes a consent because the text changed is
    no such end: the person has taken nothing back.
    """
    seen = sum(record.event_time <= captured_at for record in records)  # times never fall in order of appending
    tail = records[max(seen - 1, 0) :]
    # A withdrawal may be among the answers that are lost: then nothing captured before may come back.
    return not any(_ends(before, record, {LAPSED, RESTORED}) for before, record in pairwise(tail))


def gone_for_good(
    records: Sequence[ConsentRecord], policies: PolicyLookup, age: Age | None, captured_at: float
) -> bool:
    """Whether no answer of one person and purpose covers a capture, nor ever will: there was no yes that counted then, or it has
    ended since.

    What takes rows away must be certain: a yes is judged by the age that its own policy asked for, and counts where that policy
    is not known; that answers are lost with a restored ledger, or that the policy asks anew, ends nothing.
    """
    seen = [record for record in records if record.event_time <= captured_at]
    if not seen or not _given(seen[-1]):
        return True
    yes, own = seen[-1], policies(seen[-1].policy_hash)
    if yes.validity_until is not None and captured_at >= yes.validity_until:
        return True
    if own is not None and voided(yes, own, age, captured_at):
        return True
    return any(_ends(before, record, {LAPSED}) for before, record in pairwise(records[len(seen) - 1 :]))


def ended_for_good(record: ConsentRecord) -> bool:
    """Whether a record says that the person, or the clock, has ended a consent."""
    lapsed = record.event_state is ConsentState.EXPIRED and record.channel == LAPSED
    return lapsed or record.event_state in (ConsentState.WITHDRAWN, ConsentState.REFUSED)


def _ends(before: ConsentRecord, record: ConsentRecord, channels: Container[str]) -> bool:
    if record.event_state in (ConsentState.WITHDRAWN, ConsentState.REFUSED):
        return True
    if record.event_state is ConsentState.EXPIRED and record.channel in channels:
        return True
    return _given(before) and before.validity_until is not None and before.validity_until <= record.event_time


def coverage(
    records: Sequence[ConsentRecord],
    policy: Policy,
    lookup: PolicyLookup,
    captured_at: float,
    used_at: float,
    bounds: Bounds = UNBOUNDED,
) -> Coverage:
    """Whether consent was given when the reading was captured, has held since, and is given at its use.

    1. At use the newest record decides, also when its time lies after `used_at` [a server clock that was ahead when a
       withdrawal came in must not hide it].
    2. At capture the consent must have been given [a frame queued before consent].
    3. Nothing may have ended it in between [withdrawn at 10:00, given again at 11:00: a capture of 09:50 stays out].
    4. What a group had closed or made coarser at either moment is so [a narrowing that is lifted, and opens what it covered].
    5. A child's position is never finer than the safeguards.
    """
    if not records:
        return NOT_COVERED
    age, purpose = bounds.age, records[-1].purpose
    at_use = standing(records, policy, lookup, used_at, age)
    left_at_use = bounds.narrowing_at_use(purpose, used_at)
    if not at_use.open or not _given(records[-1]) or left_at_use.closed:
        return NOT_COVERED
    moment = min(captured_at, used_at)
    at_capture = standing(records, policy, lookup, moment, age)
    left = bounds.narrowing(purpose, moment)
    if not at_capture.open or left.closed or not held_since(records, moment):
        return Coverage(False, True, Precision.NONE)
    safe = max(bounds.finest(policy, moment), bounds.finest(policy, used_at))
    return Coverage(
        True, True, max(at_capture.precision, at_use.precision, left.precision, left_at_use.precision, safe)
    )
