"""The gate over its stores: facts are collected, decisions heard, devices and restrictions respected."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.consent import ConsentLedger
from cloud_sync.errors import Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.gate.gate import INGEST
from cloud_sync.model import Action, Actor, Device, Precision, Reason, Sensor, Stream
from cloud_sync.policy import load_policy
from tests.unit.cloud_sync.consent.memory_ledger import DAY_S, SUBJECT, Clock, MemoryLedger, evidence

POLICY = load_policy(Path("cloud_sync/policy/profiles/demo.toml"))
DEVICE = Device("a" * 16, SUBJECT, 0, enrolled_at=0.0)
ME = Actor(SUBJECT, "data_subject")


class Devices:
    """A device table in a list."""

    def __init__(self) -> None:
        self.rows = [DEVICE]

    def add_device(self, device: Device) -> None:
        """Add."""
        self.rows.append(device)

    def device(self, device: str) -> Device | None:
        """By name."""
        return next((row for row in self.rows if row.device == device), None)

    def devices_of(self, subject: str) -> list[Device]:
        """By subject."""
        return [row for row in self.rows if row.subject == subject]

    def all_devices(self) -> list[Device]:
        """All."""
        return self.rows

    def update_device(self, device: Device) -> None:
        """Replace."""
        self.rows = [device if row.device == device.device else row for row in self.rows]


class World:
    """A gate with consent given, and everything around it at hand."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.ledger = ConsentLedger(MemoryLedger(), self.clock, POLICY)
        self.devices = Devices()
        self.restricted: set[str] = set()
        self.heard: list[tuple[Request, Decision]] = []
        self.gate = Gate(
            POLICY,
            self.ledger,
            self.devices,
            restricted=self.restricted.__contains__,
            on_decision=lambda request, decision: self.heard.append((request, decision)),
        )
        self.ledger.give(SUBJECT, "tracking", evidence())

    def request(self) -> Request:
        """A read of the person's own positions, which is allowed."""
        now = self.clock.now()
        return Request(ME, "tracking", Action.READ, "position", SUBJECT, at=now, captured_at=now)


def test_a_lawful_read_is_allowed_and_heard() -> None:
    """The valid case that every denial below starts from; `on_decision` hears request and answer."""
    world = World()
    decision = world.gate.ask(world.request())
    assert (decision.allow, decision.reason, decision.precision) == (True, Reason.ALLOWED, Precision.CELL_100M)
    assert decision.fields == {"time", "lat", "lon", "quality"}
    assert world.heard == [(world.request(), decision)]


def test_another_purpose_is_denied_with_a_reason() -> None:
    """A purpose that is declared elsewhere and not for positions is denied, raised with its reason, and heard."""
    world = World()
    request = replace(world.request(), purpose="marketing", actor=Actor("m-1", "staff"))
    with pytest.raises(Denied) as denied:
        world.gate.demand(request)
    assert denied.value.reason is Reason.PURPOSE_NOT_DECLARED
    assert "marketing" in str(denied.value)
    assert [decision.reason for _, decision in world.heard] == [Reason.PURPOSE_NOT_DECLARED]


def test_facts_come_from_the_stores() -> None:
    """No device, a restriction, a tombstone, a withdrawal: each alone denies with its own reason."""
    world = World()
    request = world.request()
    assert world.gate.ask(replace(request, subject="s-2", actor=Actor("s-2", "data_subject"))).reason is (
        Reason.DEVICE_UNKNOWN
    )
    assert world.gate.ask(request, device="b" * 16).reason is Reason.DEVICE_UNKNOWN
    assert world.gate.ask(request, erased=True).reason is Reason.ERASED
    world.restricted.add(SUBJECT)
    ingest = replace(request, actor=INGEST, action=Action.INGEST)
    assert world.gate.ask(ingest).reason is Reason.RESTRICTED and world.gate.ask(request)
    world.restricted.clear()
    assert world.gate.ask(ingest)
    assert world.gate.demand(request)
    world.ledger.withdraw(SUBJECT, "tracking", evidence())
    assert world.gate.ask(request).reason is Reason.CONSENT_MISSING


def test_a_revoked_device_sends_nothing_and_its_history_stays() -> None:
    """After revocation ingest is denied; what was stored before can still be read."""
    world = World()
    now = world.clock.now()
    assert world.gate.admit(DEVICE, Stream.LOCATION, captured_at=now, at=now)
    world.devices.update_device(replace(DEVICE, revoked_at=now))
    assert world.gate.admit(DEVICE, Stream.LOCATION, captured_at=now, at=now).reason is Reason.DEVICE_UNKNOWN
    assert world.gate.ask(world.request(), device=DEVICE.device)


def test_an_envelope_is_admitted_for_a_purpose_that_is_open() -> None:
    """Ingest needs consent at capture and now, a live term and a precision that was permitted; status needs none."""
    world = World()
    now = world.clock.now()

    def admit(stream: Stream, captured: float, at: float, precision: Precision | None = None) -> Reason:
        return world.gate.admit(DEVICE, stream, captured_at=captured, at=at, precision=precision).reason

    assert admit(Stream.LOCATION, now, now + 60, Precision.CELL_100M) is Reason.ALLOWED
    assert admit(Stream.LOCATION, now, now + 60, Precision.EXACT) is Reason.PRECISION_TOO_FINE
    assert admit(Stream.LOCATION, now - 1, now + 60) is Reason.CONSENT_NOT_AT_CAPTURE
    assert admit(Stream.LOCATION, now, now + 90 * DAY_S - 1) is Reason.ALLOWED
    assert admit(Stream.LOCATION, now, now + 90 * DAY_S) is Reason.EXPIRED
    assert admit(Stream.MOTION, now, now + 60) is Reason.CONSENT_MISSING
    assert admit(Stream.STATUS, now - 1, now + 60) is Reason.ALLOWED
    assert admit(Stream.DOWN, now, now + 60) is Reason.CATEGORY_UNKNOWN
    assert world.heard == []


def a_gate(fields: tuple[str, ...], sensors: Sensor) -> Gate:
    """A gate whose rule for the environment lists these fields and sensors; all purposes are open."""
    [rule] = POLICY.rules_of_stream(Stream.ENVIRONMENT)
    rules = tuple(replace(each, fields=fields, sensors=sensors) if each == rule else each for each in POLICY.rules)
    index = {(each.category, purpose): each for each in rules for purpose in each.purposes}
    policy = replace(POLICY, rules=rules, _index=index)
    ledger = ConsentLedger(MemoryLedger(), Clock(), POLICY)
    for purpose in ("condition_monitoring", "theft_alarm"):
        ledger.give(SUBJECT, purpose, evidence())
    return Gate(policy, ledger, Devices())


BOTH = Sensor.TEMPERATURE | Sensor.LIGHT


@pytest.mark.parametrize(
    ("fields", "switched", "told", "reason"),
    [
        (("time", "temperature", "light"), BOTH, BOTH, Reason.ALLOWED),
        (("time", "temperature", "light"), BOTH, Sensor.LIGHT, Reason.ALLOWED),
        (("time", "temperature"), BOTH, Sensor.TEMPERATURE, Reason.ALLOWED),
        (("time", "temperature"), BOTH, BOTH, Reason.CATEGORY_UNKNOWN),
        (("time", "temperature", "light"), Sensor.TEMPERATURE, Sensor.TEMPERATURE, Reason.ALLOWED),
        (("time", "temperature", "light"), Sensor.TEMPERATURE, BOTH, Reason.ACTION_NOT_PERMITTED),
        (("time", "temperature", "light"), Sensor.LIGHT, BOTH, Reason.ACTION_NOT_PERMITTED),
    ],
)
def test_each_sensor_of_a_batch_is_asked_for_by_itself(
    fields: tuple[str, ...], switched: Sensor, told: Sensor, reason: Reason
) -> None:
    """A batch is admitted only if the rule has both the field and the sensor of every column in it."""
    now = Clock().now()
    decision = a_gate(fields, switched).admit(DEVICE, Stream.ENVIRONMENT, captured_at=now, at=now, sensors=told)
    assert decision.reason is reason


def test_motion_is_admitted_as_motion() -> None:
    """Its one sensor is asked for like the others; a sensor of another stream is not."""
    now = Clock().now()
    gate = a_gate(("time", "temperature", "light"), BOTH)
    for sensor, reason in ((Sensor.MOTION, Reason.ALLOWED), (Sensor.LIGHT, Reason.CATEGORY_UNKNOWN)):
        assert gate.admit(DEVICE, Stream.MOTION, captured_at=now, at=now, sensors=sensor).reason is reason


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        (("time", "lat", "lon"), Reason.ALLOWED),
        (("time", "lat", "lon", "quality"), Reason.ALLOWED),
        (("time", "quality"), Reason.CATEGORY_UNKNOWN),
        (("time", "lat", "quality"), Reason.CATEGORY_UNKNOWN),
        (("time", "lon"), Reason.CATEGORY_UNKNOWN),
        (("time", "place", "event"), Reason.CATEGORY_UNKNOWN),
    ],
)
@pytest.mark.parametrize("precision", [Precision.CELL_100M, None])
def test_positions_are_admitted_by_whole_positions_alone(
    fields: tuple[str, ...], reason: Reason, precision: Precision | None
) -> None:
    """A rule that lists no position, or half of one, is no leave for a fix, however fine."""
    [rule] = POLICY.rules_of_stream(Stream.LOCATION)
    rules = tuple(replace(each, fields=fields) if each == rule else each for each in POLICY.rules)
    index = {(each.category, purpose): each for each in rules for purpose in each.purposes}
    ledger = ConsentLedger(MemoryLedger(), Clock(), POLICY)
    ledger.give(SUBJECT, "tracking", evidence())
    gate, now = Gate(replace(POLICY, rules=rules, _index=index), ledger, Devices()), Clock().now()
    assert gate.admit(DEVICE, Stream.LOCATION, captured_at=now, at=now, precision=precision).reason is reason
