"""What is left of answers that went with their term: no place is given twice, and a backup of before brings no yes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.model import ConsentState
from cloud_sync.service import CloudSync
from cloud_sync.storage.schema import TELEMETRY
from cloud_sync.storage.sqlite import SqliteEngine
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.ingest.ingest_world import POLICY
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.retention.test_consent_ends import DAY, Shop, captured, rows, swept
from tests.unit.cloud_sync.service_world import GIVE, TAKE_BACK, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

NO = Evidence("s-1", "demo-1", "app", "tapped_no", "en")
TERM = 'retention = "P3Y"'


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Answers are kept for thirty days from the end of a consent: no shorter than a backup lives."""
    head, mark, tail = POLICY.read_text("utf-8").partition('category = "consent_ledger"')
    assert TERM in tail
    return Shop(tmp_path / "here", head + mark + tail.replace(TERM, 'retention = "P30D"', 1))


def states(cloud: CloudSync, subject: str = "s-1") -> list[ConsentState]:
    """Of a person's records, in order."""
    return [record.event_state for record in cloud.database.consents(subject)]


def returned(shop: Shop, cloud: CloudSync) -> None:
    """The person gives the device back."""
    for device in cloud.database.devices_of("s-1"):
        cloud.database.update_device(replace(device, revoked_at=shop.clock.at))


def forgotten(shop: Shop, cloud: CloudSync) -> None:
    """Withdrawn, the device given back, and all of it over."""
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    returned(shop, cloud)
    swept(shop, cloud)
    swept(shop, cloud, 31 * DAY)
    assert states(cloud) == []


def agreed(shop: Shop, cloud: CloudSync) -> None:
    """A device, and a yes."""
    cloud.sweep()
    cloud.enrol(subject="s-1", settings={})
    cloud.consent.give("s-1", "tracking", GIVE)
    shop.clock.at += 60


def test_a_withdrawal_after_the_ledger_was_emptied_is_met(shop: Shop) -> None:
    """Of two answers nothing is left; another person's two come behind their places, and what the yes let in goes."""
    with shop.open() as cloud:
        agreed(shop, cloud)
        forgotten(shop, cloud)
        tracker = tracker_of(cloud.enrol(subject="s-2", settings={}))
        tracker._first_epoch = int(shop.clock.at) // DAY
        tracker._spines = {each: (tracker._first_epoch, was[1]) for each, was in tracker._spines.items()}
        cloud.consent.give("s-2", "tracking", replace(GIVE, entity_id="s-2"))
        captured(shop, cloud, tracker)
        cloud.consent.withdraw("s-2", "tracking", replace(TAKE_BACK, entity_id="s-2"))
        swept(shop, cloud)
        assert rows(cloud, tracker) == []
        assert [place for place, _ in cloud.database.consent_page(0, 9)] == [3, 4]


def test_a_backup_of_before_the_withdrawal_opens_nothing_that_has_been_forgotten(shop: Shop, tmp_path: Path) -> None:
    """The yes of the backup is closed at the start, although nothing is left of the withdrawal."""
    with shop.open() as cloud:
        agreed(shop, cloud)
    kept = copy_all(shop.directory, tmp_path / "kept")
    with shop.open() as cloud:
        forgotten(shop, cloud)
    copy_store("telemetry.db", kept, shop.directory)
    with shop.open() as cloud:
        assert cloud.database.consents("s-1")[-1].channel == "restore"
        assert not cloud.ledger.state_at("s-1", "tracking", shop.clock.at).open


def test_a_backup_that_has_the_withdrawal_accuses_nobody(shop: Shop, tmp_path: Path) -> None:
    """Its answers are over: they go at the start, and no one is closed."""
    with shop.open() as cloud:
        agreed(shop, cloud)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        returned(shop, cloud)
        cloud.sweep()
    kept = copy_all(shop.directory, tmp_path / "kept")
    with shop.open() as cloud:
        swept(shop, cloud, 31 * DAY)
        assert states(cloud) == []
    copy_store("telemetry.db", kept, shop.directory)
    with shop.open() as cloud:
        assert states(cloud) == [] and cloud._witness.people_lost() == []


def test_an_answer_that_was_not_noted_yet_is_not_taken_for_a_restore(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All is forgotten, the person agrees anew, and the program ends before the witness hears of it: the yes holds."""
    with shop.open() as cloud:
        agreed(shop, cloud)
        forgotten(shop, cloud)
        monkeypatch.setattr(cloud._witness, "note", lambda *_: None)
        cloud.consent.give("s-1", "tracking", GIVE)
    shop.clock.at += 60
    with shop.open() as cloud:
        assert states(cloud) == [ConsentState.GIVEN]
        assert cloud.ledger.state_at("s-1", "tracking", shop.clock.at).open


def test_an_answer_of_a_clock_ahead_keeps_nobody_elses(shop: Shop) -> None:
    """A no of forty years on stands before one of today: today's goes with its term, the other stays."""
    with shop.open() as cloud:
        cloud.sweep()
        right = shop.clock.at
        shop.clock.at = right + 40 * 365 * DAY
        cloud.consent.refuse("s-9", "tracking", replace(NO, entity_id="s-9"))
        shop.clock.at = right + 60
        cloud.consent.refuse("s-1", "tracking", NO)
        swept(shop, cloud, 29 * DAY)
        assert states(cloud) == [ConsentState.REFUSED]
        swept(shop, cloud, 2 * DAY)
        assert states(cloud) == [] and states(cloud, "s-9") == [ConsentState.REFUSED]


@pytest.mark.parametrize("by_group", [False, True])
def test_a_clock_that_leaps_records_no_end(shop: Shop, by_group: bool) -> None:
    """A start under a new policy, or a group's change, three years ahead: a yes of afterwards covers what is captured then."""
    owner = Evidence("owner", "demo-1", "app", "set_for_group", "en")
    with shop.open() as cloud:
        agreed(shop, cloud)
        cloud.groups.found("g-1", owner)
    right, text = shop.clock.at, shop.policy.read_text("utf-8")
    if not by_group:
        shop.policy.write_text(anew(text + "\n# another file\n"), "utf-8")
    shop.clock.at += 3 * 365 * DAY
    with shop.open() as cloud:
        if by_group:
            join(cloud.groups, "g-1", "s-1", owner)
        assert not cloud.ledger.state_at("s-1", "tracking", shop.clock.at).open
        assert cloud.sweep().halted and states(cloud) == [ConsentState.GIVEN]
    shop.clock.at = right + 60
    with shop.open() as cloud:
        later = shop.clock.at + 60
        assert cloud.ledger.covered("s-1", "tracking", later, later + 1)
        swept(shop, cloud, 3 * 365 * DAY)  # it was right after all: somebody says so, and the end is recorded
        assert states(cloud) == [ConsentState.GIVEN, ConsentState.EXPIRED]


def test_a_ledger_of_before_goes_on_behind_what_was_met(tmp_path: Path) -> None:
    """The step of the schema keeps the highest place that was met, and lets the walk over all ends begin anew."""
    last = next(n for n, step in enumerate(TELEMETRY) if step.name == "no place of the ledger is given twice")
    store = SqliteEngine(tmp_path / "telemetry.db", TELEMETRY[:last])
    store.run("INSERT INTO retention_mark (name, value) VALUES ('consent-ends', '17')")
    store.close()
    store = SqliteEngine(tmp_path / "telemetry.db", TELEMETRY)
    assert store.rows("SELECT name, value FROM retention_mark") == [("consent-top", "17")]
    store.close()
