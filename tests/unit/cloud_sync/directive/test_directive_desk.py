"""The directive desk against a model of the device: versions, challenges, floors, leases, numbers, restores."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.directive import DirectiveDesk, Outgoing, Permission, compile_directive, compile_permission
from cloud_sync.directive.state import (
    NUMBER_WINDOW,
    RESTORE_JUMP,
    current_of,
    fresh,
    may_number,
    observed,
    restored,
    settle,
)
from cloud_sync.errors import UnknownDevice
from cloud_sync.model import (
    NO_THINNING,
    Device,
    Directive,
    DirectiveState,
    LocationField,
    Precision,
    Sensor,
    StatusReason,
    StatusReport,
    Stream,
)
from cloud_sync.policy import load_policy
from cloud_sync.wire import codec
from cloud_sync.wire.directive import step_of, to_wire, widens
from cloud_sync.wire.downlink import read_value
from tests.unit.cloud_sync.consent.memory_ledger import DAY_S, Clock

POLICY = load_policy(Path("cloud_sync/policy/profiles/demo.toml"))
DEVICE = "a" * 16
NONE = compile_permission(POLICY, {})
CELL = compile_permission(POLICY, {"tracking": Precision.CELL_100M})
COARSE = compile_permission(POLICY, {"tracking": Precision.CELL_10KM})
MOTION = compile_permission(POLICY, {"theft_alarm": Precision.EXACT})
BOTH = compile_permission(POLICY, {"tracking": Precision.CELL_100M, "theft_alarm": Precision.EXACT})
REGION = compile_permission(POLICY, {"tracking": Precision.REGION, "theft_alarm": Precision.EXACT})
ZONED = replace(CELL, zones=((5, 5),))
LOCATION, MOVING, STATUS = Stream.LOCATION, Stream.MOTION, Stream.STATUS


class Store:
    """Directive states and devices in memory, with a transaction that rolls back."""

    def __init__(self) -> None:
        self.states: dict[str, DirectiveState] = {}

    def directive_state(self, device: str) -> DirectiveState | None:
        """By device."""
        return self.states.get(device)

    def put_directive_state(self, state: DirectiveState) -> None:
        """Replace."""
        self.states[state.device] = state

    def all_devices(self) -> list[Device]:
        """Every device that has a state."""
        return [Device(name, "s-1", 0, 0.0) for name in self.states]

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing."""
        before = dict(self.states)
        try:
            yield
        except BaseException:
            self.states = before
            raise


class InTheClear:
    """States as they are: how they lie at rest is tested in test_at_rest.py."""

    @staticmethod
    def sealed(state: DirectiveState) -> DirectiveState:
        """As it is."""
        return state

    opened = sealed


class Tracker:
    """A device as the wire format describes it: it judges directives and draws challenges."""

    def __init__(self) -> None:
        self.directive: Directive | None = None
        self.highest = 0
        self.down_next = 0
        self.draws = 0
        self.asking = False

    @property
    def challenge(self) -> bytes:
        """The current challenge: another one after each use and each boot."""
        return self.draws.to_bytes(8, "big")

    def boot(self) -> None:
        """A start draws a new challenge."""
        self.draws += 1

    def report(self) -> StatusReport:
        """A status."""
        return StatusReport(
            StatusReason.HEARTBEAT, None, 1, self.highest, self.down_next, self.challenge, 1, 1, 0, 0, 0, 0, 0, 1, "t"
        )

    def receive(self, outgoing: Outgoing) -> None:
        """Apply, ask or refuse, as section 7 says."""
        if not self.down_next <= outgoing.number <= self.down_next + 4096:
            return
        self.down_next = outgoing.number + 1
        directive = read_value(codec.unpack(outgoing.envelope))
        assert isinstance(directive, Directive)
        if not self.highest < directive.version <= self.highest + 4096:
            return
        answered = directive.challenge == self.challenge
        if widens(directive, self.directive) and not answered:
            self.asking = True
            return
        self.directive, self.highest, self.asking = directive, directive.version, False
        self.draws += answered

    def senses(self, now: float) -> Sensor:
        """What it senses at `now`."""
        if self.directive is None or self.asking or now >= self.directive.lease_until:
            return Sensor(0)
        return self.directive.sensors


class World:
    """A desk with its clock and store, and a device."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Store()
        self.desk = DirectiveDesk(self.store, POLICY, self.clock, self.seal, InTheClear())  # type: ignore[arg-type]
        self.device = Tracker()
        self.desk.enrol(DEVICE)

    @staticmethod
    def seal(_: str, number: int, value: list[Any]) -> tuple[int, bytes]:
        """A downlink in the clear."""
        return number, codec.pack(value)

    @property
    def state(self) -> DirectiveState:
        """The stored state."""
        return self.store.states[DEVICE]

    def contact(self, permission: Permission) -> list[Outgoing]:
        """The device reports, the answer reaches it."""
        sent = self.desk.status(DEVICE, self.device.report(), permission)
        self.deliver(sent)
        return sent

    def change(self, permission: Permission, *, deliver: bool = True) -> list[Outgoing]:
        """The permission changes, and what is sent reaches the device or is lost."""
        sent = self.desk.settle(DEVICE, permission)
        if deliver:
            self.deliver(sent)
        return sent

    def deliver(self, sent: list[Outgoing]) -> None:
        """Hand over in order."""
        for outgoing in sent:
            self.device.receive(outgoing)

    @property
    def senses(self) -> Sensor:
        """What the device senses now."""
        return self.device.senses(self.clock.now())


def in_force(permission: Permission) -> World:
    """A world whose device has applied a permission and said so."""
    world = World()
    world.contact(permission)
    world.contact(permission)
    assert world.state.applied_version == world.state.version == 1
    return world


def test_an_unknown_device_is_an_error() -> None:
    """The desk writes for enrolled devices only."""
    with pytest.raises(UnknownDevice):
        World().desk.settle("b" * 16, NONE)


def test_the_first_directive_waits_for_a_challenge() -> None:
    """Before the first status nothing is sent, whatever is permitted; the answer to it carries its challenge."""
    world = World()
    assert world.change(CELL) == []
    challenge = world.device.challenge
    (sent,) = world.contact(CELL)
    assert sent.directive is not None
    assert (sent.directive.version, sent.directive.challenge) == (1, challenge)
    assert world.senses == Sensor.GNSS
    assert world.state.challenge == b""


def test_what_is_applied_is_not_sent_again() -> None:
    """A device that reports the version in force gets nothing, until its lease is half over."""
    world = in_force(CELL)
    assert world.contact(CELL) == []
    world.clock.time += 14 * DAY_S
    assert world.contact(CELL) == []
    world.clock.time += 2 * DAY_S
    assert len(world.contact(CELL)) == 1
    assert world.device.directive is not None
    assert world.device.directive.lease_until > world.clock.now() + 29 * DAY_S
    assert world.desk.floor(DEVICE, LOCATION) == 1  # a renewal gives nothing anew


def test_consent_while_the_challenge_is_known_goes_out_at_once() -> None:
    """A widening uses the challenge of the last status, so that the person does not wait for a heartbeat."""
    world = in_force(NONE)
    (sent,) = world.change(CELL)
    assert sent.directive is not None
    assert sent.directive.challenge
    assert world.senses == Sensor.GNSS


def test_a_widening_without_a_challenge_waits() -> None:
    """With the challenge spent nothing is sent and no version is used; the next status brings the widening."""
    world = in_force(NONE)
    world.change(MOTION)
    assert world.change(BOTH) == []
    assert world.state.version == 2
    assert world.senses == Sensor.MOTION
    world.contact(BOTH)
    assert world.senses == Sensor.MOTION | Sensor.GNSS


def test_withdrawal_goes_out_at_once_without_a_challenge() -> None:
    """A narrowing carries no challenge and no longer lease, and is applied although the device rebooted meanwhile."""
    world = in_force(CELL)
    assert world.device.directive is not None
    lease = world.device.directive.lease_until
    world.clock.time += DAY_S
    world.device.boot()
    (sent,) = world.change(NONE)
    assert sent.directive is not None
    assert (sent.directive.challenge, sent.directive.lease_until) == (b"", lease)
    assert world.senses == Sensor(0)
    assert not world.device.asking


def test_a_mixed_change_withdraws_first() -> None:
    """What is taken goes out at once on its own, what is added follows with the challenge, or waits for one."""
    world = in_force(CELL)
    sent = world.change(MOTION)
    assert [bool(o.directive and o.directive.challenge) for o in sent] == [False, True]
    assert world.senses == Sensor.MOTION
    (narrow,) = world.change(CELL)
    assert narrow.directive is not None
    assert (narrow.directive.sensors, narrow.directive.challenge) == (Sensor(0), b"")
    world.contact(CELL)
    assert world.senses == Sensor.GNSS


def test_a_withdrawn_position_takes_no_step_from_others_without_a_challenge() -> None:
    """The receiver stops at once, motion keeps the coarse clock of the region until the device has answered."""
    world = in_force(REGION)
    world.device.boot()
    (sent,) = world.change(MOTION, deliver=False)[:1]
    assert sent.directive is not None
    assert (sent.directive.sensors, step_of(sent.directive), sent.directive.challenge) == (Sensor.MOTION, 3600, b"")
    world.deliver([sent])
    assert (world.senses, world.device.asking) == (Sensor.MOTION, False)
    floors = world.state.floors
    assert floors[LOCATION - 1] == sent.directive.version and floors[MOVING - 1] == 1
    world.contact(MOTION)
    world.contact(MOTION)
    assert world.device.directive is not None
    assert (world.senses, step_of(world.device.directive), world.device.directive.precision) == (
        Sensor.MOTION,
        60,
        Precision.NONE,
    )
    assert world.state.floors == floors
    assert world.contact(MOTION) == []


def test_a_withdrawal_of_everything_takes_one_directive() -> None:
    """Where nothing is left that has a step, nothing waits for a challenge."""
    world = in_force(REGION)
    world.device.boot()
    sent = world.change(NONE)[0]
    assert sent.directive is not None
    assert (sent.directive.sensors, sent.directive.precision, sent.directive.challenge) == (
        Sensor(0),
        Precision.NONE,
        b"",
    )
    assert world.senses == Sensor(0) and not world.device.asking


def test_a_line_is_cut_shorter_with_the_challenge_only() -> None:
    """A line of `error` lasts a batch's age: until the device has answered, the longer of the two ages holds."""
    base = compile_directive(POLICY, CELL, version=1, now=1_800_000_000)
    line = replace(base.thinning, error_m=20)
    cases = (
        (line, 3600, line, 600, 3600),
        (line, 3600, NO_THINNING, 600, 3600),
        (NO_THINNING, 3600, line, 600, 600),
        (line, 600, line, 3600, 3600),
        (NO_THINNING, 3600, NO_THINNING, 600, 600),
    )
    for before, before_s, after, after_s, expected_s in cases:
        current = replace(base, thinning=before, batch_age_s=before_s)
        wanted = replace(base, thinning=replace(after, distance_m=50), batch_age_s=after_s)
        state = replace(fresh(DEVICE), version=1, applied_version=1, current=codec.pack(to_wire(current)))
        (sent,) = settle(state, wanted, 1_800_000_100).directives
        assert sent.batch_age_s == expected_s
        assert not widens(sent, current) and not widens(sent, wanted)


def test_a_withdrawal_after_the_lease_is_a_directive_that_the_wire_accepts() -> None:
    """When the lease is over already, the narrowing keeps its end and does not extend it."""
    world = in_force(CELL)
    world.clock.time += 40 * DAY_S
    sent, renewed = world.change(NONE, deliver=False)
    assert sent.directive is not None
    assert renewed.directive is not None
    assert sent.directive.issued_at == sent.directive.lease_until < world.clock.now()
    world.deliver([sent])
    assert world.device.directive is not None
    assert world.device.directive.sensors == Sensor(0)
    assert (renewed.directive.sensors, bool(renewed.directive.challenge)) == (Sensor(0), True)


def test_a_lost_withdrawal_is_said_again_at_the_next_status() -> None:
    """A device that reports an older version is told again, with its challenge, as a new version."""
    world = in_force(CELL)
    world.change(NONE, deliver=False)
    assert world.senses == Sensor.GNSS
    (sent,) = world.contact(NONE)
    assert sent.directive is not None
    assert sent.directive.version == 3
    assert world.senses == Sensor(0)


def test_two_reports_with_one_challenge_do_not_stop_the_device() -> None:
    """The second answer neither widens nor needs the spent challenge: the device applies both and keeps sensing."""
    world = World()
    report = world.device.report()
    first = world.desk.status(DEVICE, report, CELL)
    world.clock.time += 1
    second = world.desk.status(DEVICE, report, CELL)
    assert len(first) == len(second) == 1
    world.deliver(first + second)
    assert not world.device.asking
    assert world.senses == Sensor.GNSS


# what changes: (from, to, streams whose floor rises)
FLOORS = {
    "withdrawn": (CELL, NONE, {LOCATION}),
    "given anew": (NONE, CELL, {LOCATION}),
    "narrowed": (CELL, COARSE, {LOCATION}),
    "made finer": (COARSE, CELL, set()),
    "another stream added": (CELL, BOTH, {MOVING}),
    "another stream taken": (BOTH, CELL, {MOVING}),
    "a zone added": (CELL, ZONED, {LOCATION}),
    "a zone dropped": (ZONED, CELL, set()),
    "hours added": (BOTH, replace(BOTH, hours=((0, 60),)), {LOCATION, MOVING}),
    "hours rewritten": (replace(CELL, hours=((0, 60),)), replace(CELL, hours=((0, 30), (30, 60))), set()),
}


@pytest.mark.parametrize("name", FLOORS)
def test_which_floors_rise(name: str) -> None:
    """A floor rises to the new version for every stream that lost something or is given anew, and for no other."""
    before, after, risen = FLOORS[name]
    world = in_force(before)
    floors = {stream: world.desk.floor(DEVICE, stream) for stream in (LOCATION, MOVING, Stream.ENVIRONMENT, STATUS)}
    world.change(after)
    version = world.state.version
    assert version == 2
    for stream, floor in floors.items():
        assert world.desk.floor(DEVICE, stream) == (version if stream in risen else floor)
    assert world.desk.floor(DEVICE, STATUS) == 0


def test_withdrawn_and_given_again_keeps_older_captures_out() -> None:
    """A capture under version 1 stays below the floor after the withdrawal, and after the consent is given anew."""
    world = in_force(CELL)
    world.change(NONE)
    assert world.desk.floor(DEVICE, LOCATION) == 2
    world.contact(NONE)
    world.change(CELL)
    assert world.desk.floor(DEVICE, LOCATION) == world.state.version == 3


def test_a_fresh_device_has_nothing_accepted() -> None:
    """Personal captures under version 0 are below the floor; status is not."""
    world = World()
    assert [world.desk.floor(DEVICE, stream) for stream in (LOCATION, MOVING, STATUS)] == [1, 1, 0]


def test_numbers_stay_within_the_window() -> None:
    """No downlink goes more than 2048 above what the device last reported; a status opens the window again."""
    world = in_force(CELL)
    reported = world.state.reported_down_next
    value = [3, int(world.clock.now()), b"12345678"]
    numbers = [o.number for o in iter(lambda: world.desk.send(DEVICE, value), None) if o]
    assert numbers[-1] == reported + NUMBER_WINDOW
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert world.desk.send(DEVICE, value) is None
    floor = world.desk.floor(DEVICE, LOCATION)
    assert world.change(NONE) == []
    assert (
        world.desk.floor(DEVICE, LOCATION) == floor + 1
    )  # the server refuses captures although the device cannot hear
    world.device.down_next = numbers[-1] + 1
    world.contact(NONE)
    assert world.senses == Sensor(0)


def test_a_seal_that_is_further_ahead_is_followed() -> None:
    """The number that the downlink chain really used is the one that counts."""
    world = World()
    world.desk._seal = lambda _, number, value: (number + 5, codec.pack(value))
    world.contact(CELL)
    assert world.state.down_next == 6
    assert world.device.down_next == 6


def test_a_failing_seal_changes_nothing() -> None:
    """When sealing fails, state and floors are what they were: nothing was issued."""
    world = in_force(CELL)
    before = world.state

    def broken(*_: Any) -> tuple[int, bytes]:
        raise UnknownDevice("no chain")

    world.desk._seal = broken
    with pytest.raises(UnknownDevice):
        world.desk.settle(DEVICE, NONE)
    assert world.state == before


def test_a_restored_server_withdraws() -> None:
    """The backup knows version 1 only, the device has applied a later one: the withdrawal still reaches it."""
    world = in_force(CELL)
    backup = world.state
    for permission in (NONE, CELL, NONE, CELL):
        world.contact(permission)
    assert world.senses == Sensor.GNSS
    world.store.states[DEVICE] = backup
    world.desk.restored()
    assert world.state.version == backup.version + RESTORE_JUMP
    assert world.state.down_next == backup.down_next + RESTORE_JUMP
    world.contact(NONE)
    assert world.senses == Sensor(0)


def test_a_restore_without_a_jump_is_noticed_by_the_report() -> None:
    """A version that the server never issued closes all captures so far, and the device gets a higher one."""
    world = in_force(CELL)
    backup = world.state
    for permission in (NONE, CELL, CELL):
        world.contact(permission)
    ahead = world.device.highest
    assert observed(backup, world.device.report()).floors == (ahead + 1, ahead + 1, ahead + 1, 0)
    world.store.states[DEVICE] = backup
    world.contact(CELL)
    assert world.state.version == ahead + 1
    assert world.desk.floor(DEVICE, LOCATION) == ahead + 1
    assert world.senses == Sensor.GNSS


def test_an_absurd_report_breaks_nothing_for_others() -> None:
    """A device that claims the highest version and number there are gets no answer that costs or raises anything."""
    world = in_force(CELL)
    absurd = replace(world.device.report(), directive=2**31 - 1, down_next=2**32 - 1)
    world.desk.status(DEVICE, absurd, NONE)
    world.desk.status(DEVICE, replace(absurd, challenge=b"another!"), CELL)
    assert world.state.down_next < 100
    assert world.state.version == 2**31 - 1


def test_sixteen_zones_and_more_close_instead_of_opening() -> None:
    """When old and new zones do not fit into one directive, the narrowing shuts the sensors until the wider one."""
    many = replace(CELL, zones=tuple((n, 0) for n in range(16)))
    others = replace(CELL, zones=tuple((n, 9) for n in range(16)))
    world = in_force(many)
    narrow, wide = world.change(others, deliver=False)
    assert narrow.directive is not None
    assert wide.directive is not None
    assert (narrow.directive.sensors, narrow.directive.zones) == (Sensor(0), many.zones)
    world.deliver([narrow, wide])
    assert world.device.directive is not None
    assert (world.device.directive.zones, world.senses) == (others.zones, Sensor.GNSS)


def test_a_new_generation_numbers_from_zero() -> None:
    """After healing the downlink chain starts again; versions and floors go on."""
    world = in_force(CELL)
    world.desk.new_generation(DEVICE)
    assert (world.state.down_next, world.state.version, world.state.challenge) == (0, 1, b"")


def test_reach_and_window_are_pure_arithmetic() -> None:
    """The window closes one number after its end."""
    state = replace(fresh(DEVICE), down_next=NUMBER_WINDOW)
    assert may_number(state)
    assert not may_number(state, 2)
    assert restored(state).floors == state.floors
    assert current_of(state) is None


PERMISSIONS = st.sampled_from([NONE, CELL, COARSE, MOTION, BOTH, ZONED, REGION])
EVENTS = st.lists(
    st.tuples(st.sampled_from(["change", "contact", "boot", "wait"]), PERMISSIONS, st.booleans()), max_size=25
)


def assert_within(sent: list[Outgoing], wanted: Permission) -> None:
    """Nothing that is sent permits a sensor, a precision or a place that is not wanted now."""
    for outgoing in sent:
        assert outgoing.directive is not None
        assert not outgoing.directive.sensors & ~wanted.sensors
        where = outgoing.directive.sensors & Sensor.GNSS  # without a receiver, the precision says the step alone
        assert outgoing.directive.precision >= wanted.precision or not where
        assert set(outgoing.directive.zones) >= set(wanted.zones) or not outgoing.directive.sensors


@given(EVENTS)
@settings(max_examples=150, deadline=None)
def test_any_history_keeps_the_promises(events: list[tuple[str, Permission, bool]]) -> None:
    """Over random changes, losses, boots and waits: nothing sent permits more than is wanted, floors never fall, a
    delivered narrowing holds at once, and two clean contacts bring the device to what is wanted."""
    world = World()
    wanted = NONE
    for kind, permission, arrives in events:
        floors = world.state.floors
        if kind == "change":
            wanted = permission
            synchronous = arrives and world.state.applied_version == world.state.version == world.device.highest
            sent = world.change(wanted, deliver=arrives)
            assert_within(sent, wanted)
            if synchronous and not world.device.asking:
                assert not world.senses & ~wanted.sensors
        elif kind == "contact":
            sent = world.desk.status(DEVICE, world.device.report(), wanted)
            assert_within(sent, wanted)
            if arrives:
                world.deliver(sent)
        elif kind == "boot":
            world.device.boot()
        else:
            world.clock.time += 3 * DAY_S
        assert all(new >= old for new, old in zip(world.state.floors, floors, strict=True))
        assert world.device.highest <= world.state.version
    world.contact(wanted)
    world.contact(wanted)
    assert world.device.directive is not None
    assert world.senses == wanted.sensors
    assert world.device.directive.precision == wanted.precision
    assert world.device.directive.zones == wanted.zones


def test_settle_is_pure() -> None:
    """The same state and wish give the same step, and the state handed in stays as it was."""
    state = observed(fresh(DEVICE), Tracker().report())
    wanted = current_of(in_force(CELL).state)
    assert wanted is not None
    before = replace(state)
    assert settle(state, wanted, 1_800_000_000.0) == settle(state, wanted, 1_800_000_000.0)
    assert state == before
    assert settle(state, wanted, 1_800_000_000.0).state.floors == (1, 1, 1, 0)
    assert LocationField(0) == wanted.fields
