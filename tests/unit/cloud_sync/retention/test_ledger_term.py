"""How long answers are kept as proof: the term of the ledger, counted from the end of a consent, and what a backup brings back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentState
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.records.records_world import DAY, Office, at
from tests.unit.cloud_sync.service_world import GIVE, TAKE_BACK, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

ENDED = at("2026-01-16T12:00")
OVER = at("2029-01-16T12:00")  # three years, as the policy says


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An installation under the demo's policy, whose ledger is kept three years from the end of a consent."""
    (tmp_path / "here").mkdir()
    return Office(tmp_path / "here")


def states(cloud: CloudSync, subject: str = "s-1") -> list[ConsentState]:
    """Of a person's records, in order."""
    return [record.event_state for record in cloud.database.consents(subject)]


def answered(office: Office, cloud: CloudSync, *, revoked: bool) -> None:
    """Given, and withdrawn a day later; the device is given back, or not."""
    device = tracker_of(cloud.enrol(subject="s-1", settings={})).name
    cloud.consent.give("s-1", "tracking", GIVE)
    office.clock.at = ENDED
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    if revoked:
        revoke(office, cloud, device)


def revoke(office: Office, cloud: CloudSync, device: str) -> None:
    """The device is not the person's any more."""
    known = cloud.database.device(device)
    assert known is not None
    cloud.database.update_device(replace(known, revoked_at=office.clock.at))


def swept(office: Office, cloud: CloudSync, now: float) -> None:
    """A sweep at a time that a person has confirmed."""
    office.clock.at = now
    assert not cloud.sweep(clock_confirmed=True).halted


def test_answers_of_a_relation_that_is_over_go_with_their_term(office: Office) -> None:
    """Not a second before; then all of them, no receipt can be made, and the next start misses none."""
    with office.open() as cloud:
        answered(office, cloud, revoked=True)
        swept(office, cloud, OVER - 1)
        [given, _] = cloud.database.consents("s-1")
        swept(office, cloud, OVER)
        assert states(cloud) == [] and cloud.database.all_consents() == []
        with pytest.raises(Exception, match="record"):
            cloud.consent.receipt("s-1", given.record_id)
        cloud.consent.give("s-2", "tracking", replace(GIVE, entity_id="s-2"))
    office.clock.at += 60
    with office.open() as cloud:
        assert states(cloud, "s-2") == [ConsentState.GIVEN]


def test_what_is_in_force_stays_as_long_as_the_relation_goes_on(office: Office) -> None:
    """The device is in use: the withdrawal stays, what led to it goes; when the device is given back, it goes too."""
    with office.open() as cloud:
        answered(office, cloud, revoked=False)
        swept(office, cloud, OVER)
        assert states(cloud) == [ConsentState.WITHDRAWN]
        assert not cloud.ledger.state_at("s-1", "tracking", OVER).open
        [device] = cloud.database.devices_of("s-1")
        swept(office, cloud, OVER + 60)
        assert states(cloud) == [ConsentState.WITHDRAWN]
        revoke(office, cloud, device.device)
        swept(office, cloud, OVER + 120)
        assert states(cloud) == []


def test_a_yes_that_holds_is_never_over(office: Office) -> None:
    """Refused, and given five years later, under one contract: the no goes, the yes stays open."""
    with office.open() as cloud:
        cloud.records.note("contract.concluded", subject="s-1")
        cloud.consent.refuse("s-1", "tracking", Evidence("s-1", "demo-1", "app", "tapped_no", "en"))
        office.clock.at += 5 * 365 * DAY
        cloud.consent.give("s-1", "tracking", GIVE)
        swept(office, cloud, office.clock.at + DAY)
        assert states(cloud) == [ConsentState.GIVEN]
        assert cloud.ledger.state_at("s-1", "tracking", office.clock.at).open


def test_a_question_that_nobody_answered_goes_too(office: Office) -> None:
    """Of somebody who has no device: three years after it was put."""
    with office.open() as cloud:
        cloud.consent.request("s-1", "tracking", replace(GIVE, entity_id="company"))
        swept(office, cloud, at("2029-01-15T11:59"))
        assert states(cloud) == [ConsentState.REQUESTED]
        swept(office, cloud, at("2029-01-15T12:00"))
        assert states(cloud) == []


def test_a_relation_of_which_the_end_was_told_keeps_nothing_in_force(office: Office) -> None:
    """The device was never given back, the contract has ended: all goes with the term; a new contract keeps what stands."""
    with office.open() as cloud:
        answered(office, cloud, revoked=False)
        cloud.records.note("relation.ended", subject="s-1")
        cloud.records.note("contract.concluded", subject="s-1", at=ENDED + DAY)
        swept(office, cloud, OVER)
        assert states(cloud) == [ConsentState.WITHDRAWN]
        cloud.records.note("relation.ended", subject="s-1", at=OVER - DAY)
        swept(office, cloud, OVER + 60)
        assert states(cloud) == []


def test_a_hold_keeps_the_proof(office: Office) -> None:
    """A claim about the consent: the history stays whole until the release."""
    with office.open() as cloud:
        answered(office, cloud, revoked=True)
        swept(office, cloud, OVER - DAY)
        hold = cloud.holds.place(
            "H-1", by="dpo-1", subject="s-1", category="consent_ledger", review_at=office.clock.at + 30 * DAY
        )
        swept(office, cloud, OVER)
        assert states(cloud) == [ConsentState.GIVEN, ConsentState.WITHDRAWN]
        cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
        swept(office, cloud, OVER + 60)
        assert states(cloud) == []


def test_a_backup_from_before_brings_no_answer_back(office: Office, tmp_path: Path) -> None:
    """The records are over: they go at the start, and nobody's answers count as lost, as nothing was answered since."""
    with office.open() as cloud:
        answered(office, cloud, revoked=True)
        office.clock.at = OVER - 60
        cloud.consent.give("s-2", "tracking", replace(GIVE, entity_id="s-2"))
        swept(office, cloud, OVER - 60)
    kept = copy_all(office.directory, tmp_path / "kept")
    with office.open() as cloud:
        swept(office, cloud, OVER)
        assert states(cloud) == []
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        assert states(cloud) == []
        assert states(cloud, "s-2") == [ConsentState.GIVEN]


def test_a_backup_from_before_closes_nobody_whose_newest_answer_it_has(office: Office, tmp_path: Path) -> None:
    """It has more records than were seen last, as some were over since: they go again, and the yes of now holds."""
    with office.open() as cloud:
        answered(office, cloud, revoked=False)
        office.clock.at = OVER - 3600
        cloud.consent.give("s-1", "tracking", GIVE)
        swept(office, cloud, OVER - 3600)
    kept = copy_all(office.directory, tmp_path / "kept")
    with office.open() as cloud:
        swept(office, cloud, OVER)
        assert states(cloud) == [ConsentState.GIVEN]
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        assert states(cloud) == [ConsentState.GIVEN]
        assert cloud.ledger.state_at("s-1", "tracking", OVER + 60).open


def test_answers_that_are_lost_are_noticed_before_any_go(office: Office, tmp_path: Path) -> None:
    """A backup without the newest withdrawal, swept after the term of the older: the person is closed, not forgotten."""
    with office.open() as cloud:
        answered(office, cloud, revoked=False)
        office.clock.at = OVER - 3600
        cloud.consent.give("s-1", "tracking", GIVE)
        swept(office, cloud, OVER - 3600)
    kept = copy_all(office.directory, tmp_path / "kept")
    with office.open() as cloud:
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(office, cloud, OVER)
        assert states(cloud) == [ConsentState.GIVEN, ConsentState.WITHDRAWN]
    copy_store("telemetry.db", kept, office.directory)
    with office.open() as cloud:
        assert cloud.database.consents("s-1")[-1].channel == "restore"
        assert not cloud.ledger.state_at("s-1", "tracking", OVER + 60).open
