"""Publications and receipts: what is in force, who was told, and what stays closed until then."""

from __future__ import annotations

import pytest

from cloud_sync.errors import ConfigError, ConsentError, Denied, StoreError
from cloud_sync.model import Actor
from cloud_sync.model.notices import NoticeReceipt, Publication
from cloud_sync.notices import informed
from cloud_sync.storage.notices import NoticeRows
from tests.unit.cloud_sync.notices.notices_world import CLERK, DAY, T0, Office

EDITION = ('version = "1.0/2022"', 'version = "2.0/2026"')
WORDS = ('dpo_email = "dpo@tt.example"', 'dpo_email = "officer@tt.example"')
LONGER = (
    'purpose = ["condition_monitoring"]\nbasis = "contract"\nretention = "P90D"',
    'purpose = ["condition_monitoring"]\nbasis = "contract"\nretention = "P120D"',
)
ME = Actor("s-1", "data_subject", mfa=True)


def published(version: str, at: float, *changes: str, previous: str = "p") -> Publication:
    """A publication."""
    return Publication(version, "hash", previous, at, changes, (), at)


def received(at: float) -> NoticeReceipt:
    """A receipt."""
    return NoticeReceipt("r", "s-1", "1", "hash", at, "s-1", "app", "opened", "en")


def test_a_receipt_counts_from_its_moment_until_something_significant_is_published() -> None:
    """Not before, not after a significant one; a minor one in between changes nothing, and a receipt after it counts anew."""
    history = [published("1", 100, previous=""), published("2", 200), published("3", 300, "retention")]
    assert [informed([received(150)], history, at) for at in (149, 150, 250, 299, 300)] == [
        False,
        True,
        True,
        True,
        False,
    ]
    assert informed([received(150), received(320)], history, 320) and not informed([received(50)], history, 150)
    assert not informed([], history, 150)


def test_nothing_is_sensed_nor_taken_before_the_receipt(tt: Office) -> None:
    """No sensor is on and a reading is dropped; from the receipt on readings stay, and those from before it never do."""
    tracker = tt.tracker()
    assert not tt.cloud.permission("s-1").sensors and tt.kinds(tracker, 60) == ["denied"]
    assert [dict(each.event.detail)["reason"] for each in tt.cloud.audit.entries(kind="ingest.refused")] == [
        "notice_missing"
    ]
    tt.cloud.notices.receive("s-1", tt.evidence())
    assert tt.cloud.permission("s-1").sensors and tt.link.sent
    tt.clock.at += 600
    assert tt.kinds(tracker, 300, 900, 10) == ["stored", "denied", "stored"]


def test_a_clock_behind_the_receipt_drops_nothing(tt: Office) -> None:
    """Whether the person had been told cannot be known: the device keeps the reading, and it stays once the clock is right."""
    tracker = tt.tracker()
    tt.cloud.notices.receive("s-1", tt.evidence())
    tt.clock.at -= 3600
    assert tt.kinds(tracker, 60) == ["undecided"]
    tt.clock.at += 3660
    assert tt.kinds(tracker, 30) == ["stored"]


def test_where_no_receipt_is_asked_for_everything_is_as_before(mm: Office) -> None:
    """The person is owed the notice all the same, and nothing waits for it."""
    tracker = mm.tracker()
    owed = mm.cloud.notices.owed("s-1")
    assert owed is not None and owed.changes == ()
    assert mm.cloud.permission("s-1").sensors and mm.kinds(tracker, 60) == ["stored"]


def test_a_significant_change_closes_until_it_was_received(tt: Office) -> None:
    """A longer term: banner, everybody owed, sensors off; another officer's address: none of it."""
    tt.tracker()
    tt.cloud.notices.receive("s-1", tt.evidence())
    tt.clock.at += DAY
    tt.publish(EDITION, WORDS)
    assert tt.cloud.notices.owed("s-1") is None and tt.cloud.notices.banner() is None
    assert tt.cloud.permission("s-1").sensors
    tt.clock.at += DAY
    tt.publish(('version = "2.0/2026"', 'version = "3.0/2026"'), LONGER)
    owed, banner = tt.cloud.notices.owed("s-1"), tt.cloud.notices.banner()
    assert owed is not None and owed.changes == ("retention",) and banner is not None
    assert banner.until == tt.clock.at + 30 * DAY and not tt.cloud.permission("s-1").sensors
    tt.clock.at = banner.until - 1
    assert tt.cloud.notices.banner() is not None
    tt.clock.at += 1
    assert tt.cloud.notices.banner() is None
    tt.cloud.notices.receive("s-1", tt.evidence())
    assert tt.cloud.notices.owed("s-1") is None and tt.cloud.permission("s-1").sensors
    versions = [(each.significant, bool(each.changes)) for each in tt.cloud.notices.published()]
    assert versions == [(True, False), (False, False), (True, True)]


def test_a_policy_is_published_once(tt: Office) -> None:
    """However often it is opened; each text of before can be read again by its hash."""
    for _ in range(2):
        tt.publish()
    [first] = tt.cloud.notices.published()
    tt.publish(EDITION, LONGER)
    assert len(tt.cloud.notices.published()) == 2
    assert "`P90D`" in tt.cloud.notices.text(policy=first.policy) and "`P120D`" in tt.cloud.notices.text()
    with pytest.raises(ConfigError, match="no policy of this hash"):
        tt.cloud.notices.text(policy="0" * 64)
    with pytest.raises(ConfigError, match="none of these"):
        tt.cloud.notices.text("fr")


def test_a_lost_archive_makes_a_change_significant(tt: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody can compare any more counts as changed: the text was in the archive alone, as before the database kept it."""
    monkeypatch.setattr(NoticeRows, "policy_texts", lambda _: [])
    for path in (tt.folder / "policies").glob("*.toml"):
        path.unlink()
    tt.publish(EDITION, WORDS)
    assert tt.cloud.notices.published()[-1].changes == ("unknown",)


@pytest.mark.parametrize(
    "changed",
    [{"notice": "other"}, {"language": "fr"}, {"entity_id": "employer-1"}, {"act": "continued_use"}, {"channel": ""}],
    ids=str,
)
def test_what_is_no_receipt(tt: Office, changed: dict[str, str]) -> None:
    """Another version, a language that there is not, somebody else, and no act; the same without that change is one."""
    with pytest.raises(ConsentError):
        tt.cloud.notices.receive("s-1", tt.evidence(**changed))
    assert tt.cloud.notices.receipts("s-1") == [] and not tt.cloud.notices.informed("s-1")
    made = tt.cloud.notices.receive("s-1", tt.evidence())
    assert tt.cloud.notices.receipts("s-1") == [made] and tt.cloud.notices.informed("s-1")


def test_receipts_and_publications_are_never_changed(tt: Office) -> None:
    """Neither rewritten nor deleted by any statement of the program."""
    tt.cloud.notices.receive("s-1", tt.evidence())
    for statement in (
        "UPDATE notice_receipt SET at = 1.0",
        "DELETE FROM notice_receipt",
        "UPDATE notice SET version = 'x'",
        "DELETE FROM notice",
    ):
        with pytest.raises(StoreError):
            tt.cloud.database.run(statement)  # type: ignore[attr-defined]


def test_whoever_an_employer_enrols_is_told_in_thirty_days_or_restricted(mm: Office) -> None:
    """Not a second earlier, and not who was told; the receipt lifts it, and nobody else's restriction."""
    for subject in ("s-1", "s-2", "s-3"):
        mm.tracker(subject, **({"provided_by": "employer-1"} if subject != "s-3" else {}))
    mm.cloud.notices.receive("s-2", mm.evidence("s-2"))
    owed = {each.subject: (each.source, each.due_at) for each in mm.cloud.notices.all_owed()}
    assert owed == {"s-1": ("employer-1", T0 + 30 * DAY), "s-3": ("", None)}
    mm.clock.at = T0 + 30 * DAY - 1
    assert mm.cloud.notices.restrict_overdue() == 0
    mm.clock.at += 1
    mm.cloud.sweep(clock_confirmed=True)
    assert [each.subject for each in mm.cloud.restrictions.in_force()] == ["s-1"]
    mm.cloud.restrictions.restrict("s-1", "objection", by="desk")
    assert mm.cloud.notices.restrict_overdue() == 0 and len(mm.cloud.audit.entries(kind="notice.overdue")) == 1
    mm.cloud.notices.receive("s-1", mm.evidence())
    assert [each.ground.value for each in mm.cloud.restrictions.in_force("s-1")] == ["objection"]


def test_a_significant_change_begins_the_thirty_days_anew(mm: Office) -> None:
    """For somebody who was told in time before it: not restricted at the sweep after it."""
    mm.tracker("s-1", provided_by="employer-1")
    mm.cloud.notices.receive("s-1", mm.evidence())
    mm.clock.at = T0 + 100 * DAY
    mm.publish(('version = "2019-09-29"', 'version = "2026-01-01"'), LONGER)
    owed = mm.cloud.notices.owed("s-1")
    assert owed is not None and owed.due_at == T0 + 130 * DAY
    assert mm.cloud.notices.restrict_overdue() == 0


def test_receipts_go_when_a_later_one_is_older_than_the_term(tt: Office) -> None:
    """Three years of the ledger: the one that was superseded goes then, the last stays as long as a device is in use."""
    tt.tracker()
    first = tt.cloud.notices.receive("s-1", tt.evidence())
    tt.clock.at += DAY
    last = tt.cloud.notices.receive("s-1", tt.evidence())
    tt.clock.at = T0 + 3 * 365 * DAY  # 2029-01-14: a leap day lies between
    assert tt.cloud.notices.expire() == 0 and len(tt.cloud.notices.receipts("s-1")) == 2
    tt.clock.at += 3 * DAY
    assert tt.cloud.notices.expire() == 1
    assert tt.cloud.notices.receipts("s-1") == [last] != [first]


def test_a_person_sees_what_there_is_of_them_and_nobody_else_does(mm: Office) -> None:
    """A row for each category that is stored, nothing of it empty; the source and the receipts stand in their own copy."""
    tracker = mm.tracker("s-1", provided_by="employer-1")
    mm.kinds(tracker, 60)
    mm.cloud.records.put("account", {"s-1": b"name"})
    mm.cloud.notices.receive("s-1", mm.evidence())
    rows = mm.cloud.notices.data_map(actor=ME)
    assert [row["category"] for row in rows] == ["account", "environment"]
    assert all(row[key] and all(row[key]) for row in rows for key in ("what", "why", "how_long", "who"))
    with pytest.raises(Denied):
        mm.cloud.notices.data_map(actor=CLERK)
    copy = mm.cloud.notices.copy_of("s-1")
    assert copy["data_from"] == "employer-1" and len(copy["receipts"]) == 1


def test_an_erasure_takes_the_source_and_keeps_the_proof(mm: Office) -> None:
    """That somebody was told stays, and the receipt of the erasure says so."""
    mm.tracker("s-1", provided_by="employer-1")
    mm.cloud.notices.receive("s-1", mm.evidence())
    done = mm.cloud.erase(subject="s-1")
    assert mm.cloud.notices.source("s-1") is None and len(mm.cloud.notices.receipts("s-1")) == 1
    assert [each.count for each in done.kept if each.what == "Receipts of notices"] == [1]
