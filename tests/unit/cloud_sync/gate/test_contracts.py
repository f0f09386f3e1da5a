"""A contract as a ground: until it ends, for everybody but the person, in reads, at ingest and in what devices are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.errors import Denied
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Actor, Precision, Reason, Sensor, Stream
from cloud_sync.retention.clocks import contract_changes
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.policy.test_profiles_service import ME, Profiled
from tests.unit.cloud_sync.records.records_world import DAY
from tests.unit.cloud_sync.service_world import tracker_of

CLERK = Actor("c-1", "controller", mfa=True)
T = int(NOON)


@pytest.mark.parametrize(
    ("times", "changes"),
    [
        ({}, ()),
        ({"case.closed": (5.0,)}, ()),
        ({"relation.ended": (5.0,)}, ((5.0, False),)),
        ({"account.closed": (7.0,), "contract.concluded": (5.0,)}, ((5.0, True), (7.0, False))),
        ({"contract.requested": (9.0,), "relation.ended": (5.0,)}, ((5.0, False), (9.0, True))),
        ({"contract.concluded": (5.0,), "relation.ended": (5.0,)}, ((5.0, True), (5.0, False))),
    ],
)
def test_when_a_contract_runs(times: dict[str, tuple[float, ...]], changes: tuple[tuple[float, bool], ...]) -> None:
    """In order of time; at one moment the end counts."""
    assert contract_changes(times) == changes


def test_the_device_and_the_door_close_with_the_contract(tmp_path: Path) -> None:
    """Told at once to sense no more; what waits on it is refused, as after a withdrawal; the person keeps what there is."""
    setting = Profiled(tmp_path, "ct")
    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.handle([(tracker.topic, tracker.status())])
        setting.clock.at = NOON + 600
        assert (
            cloud.handle([(tracker.topic, tracker.fixes([T], precision=0))])[0].kind is Kind.STORED
        )  # a leave is kept
        setting.link.sent.clear()
        cloud.records.note("relation.ended", subject="s-1")
        [(_, sealed)] = setting.link.sent
        assert tracker.open(sealed).sensors == Sensor(0)
        setting.clock.at = NOON + 1200
        before, after = tracker.fixes([T + 10], precision=0), tracker.fixes([int(NOON) + 900], precision=0)
        [first, second] = cloud.handle([(tracker.topic, before), (tracker.topic, after)])
        assert {first.kind, second.kind} == {Kind.BELOW_FLOOR}
        ask = {"purpose": "tracking", "subject": "s-1", "start": NOON - DAY, "end": NOON + DAY}
        assert len(cloud.read_location(actor=ME, **ask)) == 1  # type: ignore[arg-type]
        with pytest.raises(Denied) as denied:
            cloud.read_location(actor=CLERK, **ask)  # type: ignore[arg-type]
        assert denied.value.reason is Reason.CONTRACT_ENDED


def test_another_contract_opens_again(tmp_path: Path) -> None:
    """Concluded anew, the device senses and the company reads; of the time between nothing came in."""
    setting = Profiled(tmp_path, "ct")
    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.handle([(tracker.topic, tracker.status())])
        cloud.records.note("relation.ended", subject="s-1")
        assert cloud.permission("s-1").sensors == Sensor(0)
        setting.clock.at += 3600
        cloud.records.note("contract.concluded", subject="s-1")
        assert cloud.permission("s-1").sensors & Sensor.GNSS
        ask = {"purpose": "tracking", "subject": "s-1", "start": NOON, "end": NOON + DAY}
        assert cloud.read_location(actor=CLERK, **ask) == []  # type: ignore[arg-type]


def test_an_end_that_is_agreed_on_comes_at_its_time(tmp_path: Path) -> None:
    """Told ten days ahead: until then it runs, also by what was decided before."""
    setting = Profiled(tmp_path, "ct")
    with setting.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        cloud.records.note("relation.ended", subject="s-1", at=NOON + 10 * DAY)
        ask = {"actor": CLERK, "purpose": "tracking", "subject": "s-1", "start": NOON, "end": NOON + DAY}
        assert cloud.read_location(**ask) == []  # type: ignore[arg-type]
        assert NOON + 10 * DAY in cloud.gate.boundaries("s-1")
        device = cloud.database.devices_of("s-1")[0]
        for captured, reason in ((-1, Reason.ALLOWED), (1, Reason.CONTRACT_ENDED)):
            times = {"captured_at": NOON + 10 * DAY + captured, "at": NOON + 10 * DAY + 60}
            decision = cloud.gate.admit(device, Stream.LOCATION, precision=Precision.EXACT, **times)
            assert decision.reason is reason
        setting.clock.at = NOON + 10 * DAY
        with pytest.raises(Denied, match="contract_ended"):
            cloud.read_location(**ask)  # type: ignore[arg-type]
        assert cloud.permission("s-1").sensors == Sensor(0)


def test_a_consent_and_a_law_outlast_the_contract(tmp_path: Path) -> None:
    """What rests on another basis goes on: accounting by its law, and what the person allowed."""
    setting = Profiled(tmp_path, "ct")
    with setting.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        bill = cloud.records.put("billing", {"s-1": b"bill"})
        cloud.records.note("relation.ended", subject="s-1")
        cloud.records.put("billing", {"s-1": b"the last bill"})
        assert cloud.records.read(bill, actor=ME, purpose="invoicing", subject="s-1") == b"bill"
        with pytest.raises(Denied, match="contract_ended"):
            cloud.records.put("account", {"s-1": b"name"}, created_at=setting.clock.at)


def test_the_release_of_a_hold_starts_its_clock(tmp_path: Path) -> None:
    """Notes on a claim go with the sweep that follows the release."""
    setting = Profiled(tmp_path, "tt")
    with setting.open() as cloud:
        cloud.records.put("claims", {"s-1": b"note"})
        hold = cloud.holds.place("H-1", by="dpo-1", subject="s-1", review_at=setting.clock.at + 90 * DAY)
        setting.clock.at += 60 * DAY
        cloud.sweep(clock_confirmed=True)
        assert len(cloud.records.of("s-1")) == 1
        cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="dpo-2")
        cloud.sweep(clock_confirmed=True)
        assert cloud.records.of("s-1") == []


def test_an_erasure_opens_no_device_again(tmp_path: Path) -> None:
    """The end of the contract is all that stays of what was told of the person, and only while there is a device."""
    setting = Profiled(tmp_path, "ct")
    with setting.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        for subject in ("s-1", "s-2"):
            cloud.records.put("support_case", {subject: b"note"})
            cloud.records.note("contract.concluded", subject=subject, at=NOON - DAY)
            cloud.records.note("relation.ended", subject=subject)
            cloud.erase(subject=subject)
            assert cloud.records.of(subject) == []
        assert cloud.permission("s-1").sensors == Sensor(0)
        assert [bool(cloud.records.contract(subject)) for subject in ("s-1", "s-2")] == [True, False]
        assert len(cloud.database.clock_events("subject", "s-1")) == 1
