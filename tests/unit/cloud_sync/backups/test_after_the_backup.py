"""What happened after a backup, and that the database out of it does not know: it holds all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.alarms import Shock
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason, Sensor
from cloud_sync.model.incidents import Party
from cloud_sync.service import CloudSync
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import ME, ListSink, evidence
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.policy.test_profiles_service import Profiled
from tests.unit.cloud_sync.service_world import GIVE, Setting, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

CLERK = Actor("c-1", "controller", mfa=True)
ASK: dict[str, Any] = {"purpose": "tracking", "subject": "s-1", "start": NOON, "end": NOON + 3600}


def copied(setting: Setting) -> Callable[[], None]:
    """A backup of the database as it is now; what it returns puts the backup in the database's place."""
    copy = copy_all(setting.directory, setting.directory.with_name("copy"))

    def restore() -> None:
        copy_store("telemetry.db", copy, setting.directory)
        setting.link.sent.clear()

    return restore


@pytest.fixture
def customer(tmp_path: Path) -> Profiled:
    """An installation whose tracking rests on a contract."""
    (tmp_path / "home").mkdir()
    return Profiled(tmp_path / "home", "ct")


@pytest.fixture
def plain(tmp_path: Path) -> Setting:
    """An installation in which people may set alarms."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "policy.toml").write_text(SYNTHETIC, "utf-8")
    return Alarmed(tmp_path / "home")


class Alarmed(Setting):
    """Under the synthetic policy."""

    def config(self, **changes: Any) -> Any:
        """With that policy."""
        return super().config(policy=self.directory / "policy.toml", **changes)


def reads(cloud: CloudSync) -> bool:
    """Whether the company may look."""
    try:
        return cloud.read_location(actor=CLERK, **ASK) == []
    except Denied as denied:
        assert denied.reason is Reason.CONTRACT_ENDED
        return False


def test_a_contract_that_ended_after_the_backup_is_over(customer: Profiled) -> None:
    """Door and device are closed before anybody asks, the directive is above all that was sent; once, and not again."""
    with customer.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.handle([(tracker.topic, tracker.status())])
        record = cloud.records.put("account", {"s-1": b"name"})
    restore = copied(customer)
    with customer.open() as cloud:
        assert reads(cloud)
        cloud.records.note("relation.ended", subject="s-1", at=NOON - 60)
        due = cloud.database.parts(record)[0].due
        assert due is not None
    restore()
    with customer.open() as cloud:
        assert not reads(cloud) and cloud.database.parts(record)[0].due == due
        assert tracker.open(customer.link.sent[-1][1]).sensors == Sensor(0)
        assert len(cloud.audit.entries(kind="restore.replayed")) == 1
    with customer.open() as cloud:
        assert not reads(cloud) and len(cloud.audit.entries(kind="restore.replayed")) == 1


def test_a_contract_that_was_concluded_anew_since_runs(customer: Profiled) -> None:
    """Both are put back, and the later one counts."""
    with customer.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
    restore = copied(customer)
    with customer.open() as cloud:
        cloud.records.note("relation.ended", subject="s-1", at=NOON - 60)
        cloud.records.note("contract.concluded", subject="s-1", at=NOON - 30)
    restore()
    with customer.open() as cloud:
        assert reads(cloud) and [runs for _, runs in cloud.records.contract("s-1")] == [False, True]


def test_a_record_s_own_end_is_put_back(customer: Profiled) -> None:
    """An order that was closed after the backup is closed."""
    with customer.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        record = cloud.records.put("account", {"s-1": b"name"})
    restore = copied(customer)
    with customer.open() as cloud:
        cloud.records.note("order.closed", record=record, at=NOON - 5)
    restore()
    with customer.open() as cloud:
        assert [(event.kind, event.at) for event in cloud.database.clock_events("record", record)] == [
            ("order.closed", NOON - 5)
        ]


def test_a_person_whom_the_backup_does_not_know_comes_back_with_the_end(customer: Profiled) -> None:
    """Enrolled after the backup, ended, restored, enrolled anew: what is told then stands beside the end of before."""
    with customer.open() as cloud:
        cloud.enrol(subject="s-2", settings={})
    restore = copied(customer)
    with customer.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        cloud.records.note("relation.ended", subject="s-1", at=NOON - 60)
    restore()
    with customer.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        cloud.records.note("purpose.concluded", subject="s-1", at=NOON - 50)
        assert cloud.records.contract("s-1") == ((NOON - 60, False),)


def test_an_erasure_takes_the_ends_along_and_a_backup_brings_none_back(customer: Profiled) -> None:
    """Of somebody without a device nothing is left to be put back; with one, the end that keeps it from sensing."""
    with customer.open() as cloud:
        for subject in ("s-1", "s-2"):
            cloud.records.put("account", {subject: b"name"})
            cloud.records.note("relation.ended", subject=subject, at=NOON - 60)
            cloud.records.note("contract.concluded", subject=subject, at=NOON - 50)
        cloud.enrol(subject="s-2", settings={})
    restore = copied(customer)
    with customer.open() as cloud:
        cloud.records.note("relation.ended", subject="s-2", at=NOON - 40)
        for subject in ("s-1", "s-2"):
            cloud.erase(subject=subject)
        left = {subject: cloud.records.contract(subject) for subject in ("s-1", "s-2")}
        assert left == {"s-1": (), "s-2": ((NOON - 40, False),)}
    restore()
    for _ in range(2):
        with customer.open() as cloud:
            assert {subject: cloud.records.contract(subject) for subject in ("s-1", "s-2")} == left


def test_an_end_whose_witness_was_cut_is_told_at_the_next_start(
    customer: Profiled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program ended between commit and witness: the start after it tells, and a backup of before is known for one."""
    with customer.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
    restore = copied(customer)
    with customer.open() as cloud, monkeypatch.context() as patch:
        patch.setattr(cloud.records.grounds, "note", lambda *_: None)
        cloud.records.note("relation.ended", subject="s-1", at=NOON - 60)
    customer.open().close()
    restore()
    with customer.open() as cloud:
        assert not reads(cloud)


def test_an_alarm_that_was_removed_after_the_backup_stays_removed(
    plain: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    """It tells nobody; the log has both removals, the second of a rule that came back; another rule stays."""
    with plain.open() as cloud:
        tracker_of(cloud.enrol(subject="s-1", settings={}))
        for purpose in ("tracking", "theft_alarm"):
            cloud.consent.give("s-1", purpose, evidence())
        cloud.alarms.connect("https://portal.example/", app=ListSink())
        gone, _ = cloud.alarms.set(ME, Shock(), purpose="theft_alarm", channel="app")
        kept, _ = cloud.alarms.set(ME, Shock(), purpose="theft_alarm", channel="app")
    restore = copied(plain)
    with plain.open() as cloud:
        cloud.alarms.remove(ME, gone.rule_id)
    restore()
    with caplog.at_level(logging.WARNING), plain.open() as cloud:
        assert "1 alarms came back" in caplog.text
        assert [alarm.rule_id for alarm in cloud.alarms.of(ME)] == [kept.rule_id]
        assert [entry.event.actor for entry in cloud.audit.entries(kind="alarm.removed")] == ["alarms"]
    with plain.open() as cloud:
        assert len(cloud.audit.entries(kind="alarm.removed")) == 1


def test_the_register_of_incidents_is_put_back(plain: Setting) -> None:
    """One from before the backup goes on with what happened since, one from after it is there with its clocks; once."""
    with plain.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        cloud.consent.give("s-1", "tracking", GIVE)
        old = cloud.breaches.open("key_backup", cause="stolen", by="dpo-1").incident_id
    restore = copied(plain)
    with plain.open() as cloud:
        cloud.breaches.told(old, "authority", by="dpo-1")
        new = cloud.breaches.open("other", cause="lost", by="dpo-1").incident_id
        cloud.breaches.assess(new, "high", by="dpo-1")
        cloud.breaches.find(new, by="dpo-1", also=["s-1"])
        before = {name: cloud.breaches.events(name) for name in (old, new)}
    restore()
    for _ in range(2):
        with plain.open() as cloud:
            for name, events in before.items():
                *same, last = cloud.breaches.events(name)
                assert same == events and last.kind == "breach.restored"
            found = cloud.breaches.get(new)
            assert Party.AUTHORITY in cloud.breaches.get(old).told and found.waits(Party.PERSONS)
            assert found.concerned is None
            with pytest.raises(ConfigError, match="nobody has looked"):
                cloud.breaches.tell_people(new, lambda *_: None, by="dpo-1")
            assert len(cloud.audit.entries(kind="breach.restored")) == 2


def test_an_incident_whose_term_is_over_is_put_back_by_nothing(plain: Setting) -> None:
    """It went from the witness too."""
    with plain.open() as cloud:
        name = cloud.breaches.open("other", cause="lost", by="dpo-1").incident_id
        cloud.breaches.assess(name, "unlikely", by="dpo-1")
        cloud.breaches.close(name, by="dpo-1")
        plain.clock.at += 20 * 366 * 86_400
        assert cloud.breaches.end_terms() == 1
    with plain.open() as cloud:
        assert cloud.breaches.register() == []
