"""Restrictions (GDPR Art. 18): stored and not used, by anybody, from the commit on, until they are lifted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Request
from cloud_sync.gate.gate import INGEST
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Action, Actor, Reason, Sensor
from cloud_sync.model.keeping import Ground
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.records.records_world import COMPANY, ME, Office
from tests.unit.cloud_sync.service_world import GIVE, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

T = int(NOON) + 60
DPO = "dpo-1"


@pytest.fixture
def cloud(office: Office) -> Iterator[CloudSync]:
    """It, open."""
    with office.open() as cloud:
        yield cloud


@pytest.fixture
def tracker(office: Office, cloud: CloudSync) -> Tracker:
    """A device whose person agreed, with two fixes."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.handle([(tracker.topic, tracker.status())])
    office.clock.at = NOON + 120
    outcomes = cloud.handle([(tracker.topic, tracker.fixes([T, T + 10]))])
    assert [outcome.kind for outcome in outcomes] == [Kind.STORED]
    return tracker


def read(cloud: CloudSync, actor: Actor = ME, **more: Any) -> int:
    """How many fixes a read gives."""
    return len(cloud.read_location(actor=actor, purpose="tracking", subject="s-1", start=NOON, end=NOON + 3600, **more))


def test_from_the_commit_on_nobody_uses_the_data(cloud: CloudSync, tracker: Tracker) -> None:
    """Reads by the company and every act but storage are allowed before, denied after, and allowed when it is lifted; the person
    reads and takes a copy all the while (Art. 18(2)), and that alone.
    """
    assert read(cloud) == 2 and read(cloud, COMPANY) == 2
    made = cloud.restrictions.restrict("s-1", Ground.ACCURACY_CONTESTED, by="s-1")
    with pytest.raises(Denied) as denied:
        read(cloud, COMPANY)
    assert denied.value.reason == Reason.RESTRICTED and read(cloud) == 2
    for actor, action, allowed in (
        (ME, Action.READ, True),
        (ME, Action.EXPORT, True),
        (ME, Action.STATISTICS, False),
        (Actor("s-2", "data_subject"), Action.READ, False),
        (COMPANY, Action.EXPORT, False),
    ):
        assert (
            bool(cloud.gate.ask(Request(actor, "tracking", action, "position", "s-1", NOON + 130, float(T)))) is allowed
        )
    cloud.restrictions.lift(made.restriction_id, by=DPO, told=True)
    assert read(cloud) == 2 and read(cloud, COMPANY) == 2


def test_other_people_are_not_restricted(cloud: CloudSync, tracker: Tracker) -> None:
    """One person's restriction says nothing of another's."""
    cloud.restrictions.restrict("s-2", Ground.OBJECTION, by="s-2")
    assert read(cloud) == 2 and cloud.restrictions.restricted("s-2") and not cloud.restrictions.restricted("s-1")


def test_records_are_restricted_as_well(cloud: CloudSync) -> None:
    """A support case opens before, and not after."""
    name = cloud.records.put("support", {"s-1": b"x"})
    read_it = {"actor": COMPANY, "purpose": "support", "subject": "s-1"}
    assert cloud.records.read(name, **read_it) == b"x"  # type: ignore[arg-type]
    cloud.restrictions.restrict("s-1", Ground.UNLAWFUL, by="s-1")
    with pytest.raises(Denied) as denied:
        cloud.records.read(name, **read_it)  # type: ignore[arg-type]
    assert denied.value.reason == Reason.RESTRICTED


def test_the_device_is_told_to_stop_and_what_it_sends_is_not_taken(
    office: Office, cloud: CloudSync, tracker: Tracker
) -> None:
    """The narrowing directive goes out at once; a fix captured after it is refused."""
    office.link.sent.clear()
    cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
    [(_, sealed)] = office.link.sent
    assert tracker.open(sealed).sensors == Sensor(0)
    office.clock.at = NOON + 300
    [outcome] = cloud.handle([(tracker.topic, tracker.fixes([T + 200]))])
    assert outcome.kind in (Kind.DENIED, Kind.BELOW_FLOOR)


def test_a_restriction_is_lifted_only_once_the_person_was_told(cloud: CloudSync) -> None:
    """Art. 18(3); and only once, and only one that there is."""
    made = cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
    with pytest.raises(ConfigError, match="told"):
        cloud.restrictions.lift(made.restriction_id, by=DPO, told=False)
    assert cloud.restrictions.restricted("s-1")
    cloud.restrictions.lift(made.restriction_id, by=DPO, told=True)
    for name in (made.restriction_id, "no-such"):
        with pytest.raises(ConfigError, match="in force"):
            cloud.restrictions.lift(name, by=DPO, told=True)


def test_the_last_of_several_has_to_be_lifted(cloud: CloudSync) -> None:
    """An objection beside a contested accuracy: one lifted, still restricted; the same again is no second one."""
    first = cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
    assert cloud.restrictions.restrict("s-1", "objection", by="s-1") == first
    second = cloud.restrictions.restrict("s-1", Ground.ACCURACY_CONTESTED, by="s-1")
    cloud.restrictions.lift(first.restriction_id, by=DPO, told=True)
    assert cloud.restrictions.restricted("s-1")
    cloud.restrictions.lift(second.restriction_id, by=DPO, told=True)
    assert not cloud.restrictions.restricted("s-1")
    with pytest.raises(ConfigError, match="no such ground"):
        cloud.restrictions.restrict("s-1", "mood", by="s-1")


def test_each_change_is_in_the_audit_log(cloud: CloudSync) -> None:
    """Who, whom, on which ground."""
    made = cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by=DPO, review_at=NOON + 86_400)
    cloud.restrictions.lift(made.restriction_id, by=DPO, told=True)
    kinds = [entry.event for entry in cloud.audit.entries(subject="s-1")]
    assert [event.kind for event in kinds] == ["restriction.set", "restriction.lifted"]
    assert dict(kinds[0].detail) == {
        "reason": "legal_claim",
        "record": made.restriction_id,
        "review_at": int(NOON) + 86_400,
    }


def test_a_term_ends_under_a_restriction_too(office: Office, cloud: CloudSync, tracker: Tracker) -> None:
    """Storage may go on, and no longer than promised: only a hold keeps it beyond."""
    cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by="s-1")
    office.clock.at = T + 90 * 86_400
    assert cloud.sweep(clock_confirmed=True).envelopes == 1


@pytest.mark.parametrize("purpose", ["", "tracking"])
def test_a_restored_database_that_forgot_a_restriction_stays_restricted(
    office: Office, tmp_path_factory: pytest.TempPathFactory, purpose: str
) -> None:
    """A backup of before it, tombstones of now: restricted until somebody ends that, who says that the person was told; wholly,
    whatever was lost.
    """
    with office.open():
        pass
    kept = copy_all(office.directory, tmp_path_factory.mktemp("kept") / "files")
    with office.open() as cloud:
        cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1", purpose=purpose)
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        assert cloud.restrictions.in_force("s-1") == [] and cloud.restrictions.restricted("s-1")
        with pytest.raises(ConfigError, match="told"):
            cloud.restrictions.accept_lost("s-1", by=DPO, told=False)
        cloud.restrictions.accept_lost("s-1", by=DPO, told=True)
        assert not cloud.restrictions.restricted("s-1")


def test_evidence_of_a_withdrawal_is_taken_under_a_restriction(cloud: CloudSync, tracker: Tracker) -> None:
    """A right is never restricted: withdrawing works as ever."""
    cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
    taken = cloud.consent.withdraw("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_withdraw", "en"))
    assert taken.event_state == "withdrawn"


def test_a_lost_restriction_is_not_lifted_with_a_newer_one(
    office: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A backup of before it; another ground is added and lifted, a start later too the person is restricted, until accepted."""
    with office.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
    kept = copy_all(office.directory, tmp_path_factory.mktemp("kept") / "files")
    with office.open() as cloud:
        cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        for ground in (Ground.ACCURACY_CONTESTED, Ground.UNLAWFUL):
            newer = cloud.restrictions.restrict("s-1", ground, by="s-1")
            cloud.restrictions.lift(newer.restriction_id, by=DPO, told=True)
            assert cloud.restrictions.in_force("s-1") == [] and cloud.restrictions.restricted("s-1")
    with office.open() as cloud:
        assert cloud.restrictions.restricted("s-1")
        cloud.restrictions.accept_lost("s-1", by=DPO, told=True)
        assert not cloud.restrictions.restricted("s-1")
        kept = cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1")
        cloud.restrictions.lift(kept.restriction_id, by=DPO, told=True)
        assert not cloud.restrictions.restricted("s-1")


def test_one_of_a_single_purpose_closes_that_purpose_and_no_other(
    office: Office, cloud: CloudSync, tracker: Tracker
) -> None:
    """An objection to `tracking`: closed to the company and to the device, while another purpose of the same readings goes on."""
    assert read(cloud, COMPANY) == 2
    office.link.sent.clear()
    made = cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1", purpose="tracking")
    assert cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="s-1", purpose="tracking") == made
    assert not cloud.restrictions.restricted("s-1") and cloud.restrictions.purposes("s-1") == {"tracking"}
    with pytest.raises(Denied) as denied:
        read(cloud, COMPANY)
    assert denied.value.reason == Reason.RESTRICTED and read(cloud) == 2
    [(_, sealed)] = office.link.sent
    assert not tracker.open(sealed).sensors & Sensor.GNSS
    status = Request(INGEST, "diagnosis", Action.INGEST, "status", "s-1", NOON + 130, NOON + 130)
    assert cloud.gate.ask(status)
    assert dict(cloud.audit.entries("s-1", "restriction.set")[-1].event.detail)["purpose"] == "tracking"
    cloud.restrictions.lift(made.restriction_id, by=DPO, told=True)
    assert read(cloud, COMPANY) == 2
