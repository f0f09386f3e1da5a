"""What the server knows of one device's permission, and how it changes: pure functions over `model.DirectiveState`.

Rules (docs/wire-format.md sections 4 and 7), each with the attack or loss it stops:

1. What narrows goes out at once, without a challenge and without a longer lease, so that a device applies it whatever
   its challenge is by then [a withdrawal that waits for a round trip].
2. What widens, renews or was not applied goes out with the device's current challenge in it, as a new version [a broker
   that withholds version 19 and serves 18]. Without a challenge it waits for the next status.
3. The floor of a stream is the version that last took something from it or gave it anew [withdrawn at 10:00, given
   again at 11:00: a capture of 09:50 that arrives at 12:00 must not pass].
4. Versions and downlink numbers only rise; a restored server jumps, and goes above whatever a device reports.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final, NamedTuple

from cloud_sync.directive.compile import permission_of
from cloud_sync.directive.hours import minutes, windows
from cloud_sync.model import (
    PERSONAL_STREAMS,
    Directive,
    DirectiveState,
    LocationField,
    PlaceCircle,
    Precision,
    Sensor,
    StatusReason,
    StatusReport,
    Stream,
)
from cloud_sync.wire import codec
from cloud_sync.wire.directive import (
    LEAST_STEP_S,
    MOST_HOURS,
    MOST_ZONES,
    STEPPING,
    aggregate_of,
    as_coarse_as,
    from_wire,
    grain_m,
    line_age_s,
    of_before,
    step_of,
    strictest,
    to_wire,
)
from cloud_sync.wire.fields import MOST_U32, MOST_VERSION

#: A device applies no version further than this above the highest that it has applied [section 7].
VERSION_REACH: Final = 4096
#: No number further than this above what the device last reported: half of what it would accept [section 4].
NUMBER_WINDOW: Final = 2048
#: A restored server may have lost what it sent since the backup [section 4].
RESTORE_JUMP: Final = 1024

#: A device is followed no further than this above the server's own number: stepping there costs a hash for each [a
#: device that reports 2**32 − 1]. Whoever claims more is out of reach until it is enrolled anew.
DOWN_REACH: Final = 4096
#: A directive reaches a device that is in contact within seconds; its next heartbeat comes minutes later.
ON_ITS_WAY_S: Final = 60

Floors = tuple[int, int, int, int]
Pairs = tuple[tuple[int, int], ...]


class Step(NamedTuple):
    """A state after a change, and the directives to send for it, in order."""

    state: DirectiveState
    directives: tuple[Directive, ...]


def fresh(device: str) -> DirectiveState:
    """The state of a device that was never told anything: no version applied, personal captures refused."""
    return DirectiveState(
        device,
        version=0,
        current=b"",
        applied_version=0,
        challenge=b"",
        down_next=0,
        reported_down_next=0,
        floors=(1, 1, 1, 0),
    )


def current_of(state: DirectiveState) -> Directive | None:
    """The directive that was issued last, without its challenge; None before the first and when it is not known."""
    return from_wire(of_before(codec.unpack(state.current))) if state.current else None


def observed(state: DirectiveState, report: StatusReport) -> DirectiveState:
    """Take over what a fresh status says. A version that this server never issued closes everything captured so far."""
    near = report.down_next <= state.down_next + DOWN_REACH
    seen = replace(
        state,
        applied_version=report.directive,
        challenge=report.challenge,
        reported_down_next=report.down_next,
        down_next=max(state.down_next, report.down_next) if near else state.down_next,
    )
    if report.directive <= state.version:
        return seen
    # The server was restored from a time before that version: which permission it carried, nobody knows any more.
    lost = min(report.directive + 1, MOST_VERSION)
    return replace(seen, version=report.directive, current=b"", floors=_raised(state.floors, PERSONAL_STREAMS, lost))


def on_its_way(state: DirectiveState, report: StatusReport, now: float) -> bool:
    """Whether the newest directive is answer enough: the device says that it applied an older one just now, and the newest follows
    that one on the same way [two statuses in flight, each answered anew by a version that the other is behind: device and server
    chase each other for good]. Nobody knows that it does, so that it is said again (`again`). After a restore none is.
    """
    current = current_of(state)
    if current is None or current.version != state.version or report.reason is not StatusReason.DIRECTIVE_APPLIED:
        return False
    return report.directive < state.version and 0 <= now - current.issued_at < ON_ITS_WAY_S


def again(step: Step) -> Step:
    """With nothing new to say, the newest directive under its own version, without the challenge.

    A device that has it drops it and says nothing; one that lost it stops what it takes away [a withdrawal that never left].
    """
    current = current_of(step.state)
    return step if step.directives or current is None or not reachable(step.state) else Step(step.state, (current,))


def restored(state: DirectiveState) -> DirectiveState:
    """After a restore from a backup: beyond every version and number that may have been used since."""
    return replace(
        state,
        version=min(state.version + RESTORE_JUMP, MOST_VERSION),
        down_next=state.down_next + RESTORE_JUMP,
        challenge=b"",
    )


def new_generation(state: DirectiveState) -> DirectiveState:
    """After healing or a change of hands: the downlink chain starts again, and so do its numbers."""
    return replace(state, down_next=0, reported_down_next=0, challenge=b"")


def may_number(state: DirectiveState, count: int = 1) -> bool:
    """Whether the next `count` downlink numbers are within the device's reach."""
    last = state.down_next + count - 1
    return last <= min(state.reported_down_next + NUMBER_WINDOW, MOST_U32)


def reachable(state: DirectiveState) -> bool:
    """Whether the device can still apply the newest version; if not, only re-enrolment helps, and its lease ends it."""
    return state.version <= state.applied_version + VERSION_REACH


def settle(state: DirectiveState, wanted: Directive, now: float) -> Step:
    """Bring the device to `wanted` as far as it is permitted now; `wanted` is fresh, without version or challenge."""
    current = current_of(state)
    sent: list[Directive] = []
    if current is not None:
        narrowed = _narrowed(current, wanted, now)
        if not _same(narrowed, current):
            state, current = _issued(state, current, narrowed)
            sent.append(current)
    if state.challenge and _must_answer(state, current, wanted, now, bool(sent)):
        state, last = _issued(state, current, wanted)
        sent.append(replace(last, challenge=state.challenge))
        state = replace(state, challenge=b"")
    return Step(state, tuple(sent) if reachable(state) else ())


def _must_answer(
    state: DirectiveState, current: Directive | None, wanted: Directive, now: float, narrowed: bool
) -> bool:
    """Whether a directive with the challenge is due: it widens, was not applied, or its lease is half over."""
    if current is None or not _same(wanted, current):
        return True
    behind = state.applied_version < state.version - (1 if narrowed else 0)
    return behind or current.lease_until - now < (wanted.lease_until - wanted.issued_at) / 2


def _issued(state: DirectiveState, before: Directive | None, directive: Directive) -> tuple[DirectiveState, Directive]:
    version = min(state.version + 1, MOST_VERSION)
    directive = replace(directive, version=version, challenge=b"")
    floors = floors_after(state.floors, before, directive)
    state = replace(state, version=version, current=codec.pack(to_wire(directive)), floors=floors)
    return state, directive


def floors_after(floors: Floors, before: Directive | None, after: Directive) -> Floors:
    """The floors once `after` is issued: its version for every stream that lost something or is given anew."""
    if before is None:
        return _raised(floors, PERSONAL_STREAMS, after.version)
    changed = [stream for stream in PERSONAL_STREAMS if _restarts(before, after, stream)]
    return _raised(floors, changed, after.version)


def _restarts(before: Directive, after: Directive, stream: Stream) -> bool:
    old, new = permission_of(before), permission_of(after)
    (had, precision, fields), (has, finest, left) = old.of_stream(stream), new.of_stream(stream)
    if not had:
        return bool(has)  # given anew
    closed = set(new.zones) - set(old.zones) or minutes(new.hours) - minutes(old.hours)
    return bool(had & ~has or finest > precision or fields & ~left or closed or _coarsens(before, after, stream))


def _coarsens(before: Directive, after: Directive, stream: Stream) -> bool:
    """Whether a stream tells less closely than it did, as a coarser precision does; how often it tells is no matter here."""
    if stream is Stream.ENVIRONMENT:
        return after.aggregate_s > before.aggregate_s
    if stream is not Stream.LOCATION:
        return False
    return after.thinning.blur_m > before.thinning.blur_m or bool(set(before.places) - set(after.places))


def _raised(floors: Floors, streams: Iterable[int], version: int) -> Floors:
    new = list(floors)
    for stream in streams:
        new[stream - 1] = max(new[stream - 1], version)
    return new[0], new[1], new[2], new[3]


def _same(one: Directive, other: Directive) -> bool:
    """Whether two directives say the same, apart from when, until when and for whom."""
    return _content(one) == _content(other)


def _content(directive: Directive) -> Directive:
    return replace(directive, version=0, issued_at=0, lease_until=0, challenge=b"")


def _narrowed(current: Directive, wanted: Directive, now: float) -> Directive:
    """What both permit: it widens in nothing against `current`, so that it needs no challenge."""
    lease_until = min(current.lease_until, wanted.lease_until)
    zones, hours = _joined_zones(current.zones, wanted.zones), _joined_hours(current.hours, wanted.hours)
    both = current.sensors & wanted.sensors
    sensors = both if zones is not None and hours is not None else Sensor(0)  # no room for both: close all of it
    precision, blur_m = _coarser(current, wanted) if sensors else (Precision.NONE, 0)
    interval_s = max(current.interval_s, wanted.interval_s)
    thinning = strictest(current.thinning, wanted.thinning)
    precision, sensors = _steady(current, wanted, precision, sensors)
    aggregate_s = max(current.aggregate_s, wanted.aggregate_s)
    return replace(
        wanted,
        issued_at=min(int(now), lease_until),
        lease_until=lease_until,
        sensors=sensors,
        precision=precision,
        fields=LocationField(0) if precision or blur_m else current.fields & wanted.fields,
        interval_s=interval_s,
        batch_age_s=max(wanted.batch_age_s, line_age_s(current)),
        spool_age_s=min(current.spool_age_s, wanted.spool_age_s),
        zones=current.zones if zones is None else zones,
        hours=current.hours if hours is None else hours,
        # A rest never is shorter than the interval, which may have been the other one's.
        thinning=replace(thinning, rest_s=max(thinning.rest_s, interval_s) if thinning.rest_s else 0, blur_m=blur_m),
        places=_joined_places(current, wanted) if precision is Precision.NONE else (),
        aggregate_s=aggregate_of(aggregate_s, precision),
        padded_bytes=max(current.padded_bytes, wanted.padded_bytes),
    )


def _coarser(one: Directive, other: Directive) -> tuple[Precision, int]:
    """The finest precision, and the blur, that tell no position more closely than either."""
    precision, grain = (
        max(one.precision, other.precision),
        max(grain_m(each.precision, each.thinning.blur_m) for each in (one, other)),
    )
    if precision is Precision.EXACT:
        return precision, grain
    return as_coarse_as(precision, grain), 0


def _steady(one: Directive, other: Directive, precision: Precision, sensors: Sensor) -> tuple[Precision, Sensor]:
    """Precision and sensors with the coarser step of the two, which goes with a precision.

    No position leaves where one of the two permits none: then the receiver is off, and the precision says the step alone
    [with a position the others would lose their coarse clock, which takes a challenge].
    """
    step_s = max(step_of(one), step_of(other))
    if not sensors & STEPPING or precision <= Precision.REGION or step_s == LEAST_STEP_S:
        return precision, sensors
    coarse = max(each.precision for each in (one, other) if step_of(each) == step_s)
    return coarse, sensors & STEPPING


def _joined_places(one: Directive, other: Directive) -> tuple[PlaceCircle, ...]:
    """The places that both have: of others nothing is told until the challenge is answered."""
    return tuple(place for place in other.places if place in one.places)


def _joined_zones(one: Pairs, other: Pairs) -> Pairs | None:
    joined = tuple(sorted(set(one) | set(other)))
    if set(joined) == set(other):
        return other
    return joined if len(joined) <= MOST_ZONES else None


def _joined_hours(one: Pairs, other: Pairs) -> Pairs | None:
    joined = minutes(one) | minutes(other)
    if joined == minutes(other):
        return other
    found = windows(joined)
    return found if len(found) <= MOST_HOURS else None
