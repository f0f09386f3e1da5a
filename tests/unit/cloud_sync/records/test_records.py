"""Generic records: one engine keeps their clocks; a part for each person, a key for each part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, Denied, KeyDestroyed, SealBroken
from cloud_sync.model import Actor, Reason
from cloud_sync.policy import Clock
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.records.records_world import COMPANY, DAY, ME, T0, Office, at
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

ISSUED = at("2026-05-10T09:00")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """An installation with categories of records."""
    return Office(tmp_path)


@pytest.fixture
def cloud(office: Office) -> Iterator[CloudSync]:
    """It, open."""
    with office.open() as cloud:
        yield cloud


def sweep_at(office: Office, cloud: CloudSync, text: str) -> int:
    """Sweep at a time in UTC that a person has confirmed; how many records went."""
    office.clock.at = at(text)
    return cloud.sweep(clock_confirmed=True).records


def there(cloud: CloudSync, subject: str = "s-1") -> list[str]:
    """Categories of what there is of a person."""
    return [part.category for part in cloud.records.of(subject)]


def test_a_record_opens_for_its_purpose_and_is_sealed_at_rest(office: Office, cloud: CloudSync) -> None:
    """Through the gate; the read is in the audit log; no byte of it is in any file."""
    name = cloud.records.put("support", {"s-1": b"the engine will not start"})
    assert cloud.records.read(name, actor=COMPANY, purpose="support", subject="s-1") == b"the engine will not start"
    event = cloud.audit.entries(kind="gate.allowed")[-1].event
    assert (event.actor, event.subject, dict(event.detail)["category"]) == ("company", "s-1", "support")
    on_disk = b"".join(path.read_bytes() for path in office.directory.iterdir() if path.is_file())
    assert b"the engine will not" not in on_disk


def test_what_the_policy_does_not_name_is_not_kept(cloud: CloudSync) -> None:
    """A category without a rule, one that a device feeds, a name in place of a pseudonym, and a record of before."""
    name = cloud.records.put("support", {"s-1": b"x"})
    for category, subject in (("image", "s-1"), ("position", "s-1"), ("support", "Ann Smith")):
        with pytest.raises(ConfigError):
            cloud.records.put(category, {subject: b"x"})
    with pytest.raises(ConfigError, match="already"):
        cloud.records.put("support", {"s-1": b"y"}, record_id=name)
    assert there(cloud) == ["support"]


def test_another_purpose_or_role_or_person_is_denied(cloud: CloudSync) -> None:
    """One thing changed each time of a read that is allowed; each denial is in the log."""
    name = cloud.records.put("support", {"s-1": b"x", "s-2": b"y"})
    good = {"actor": ME, "purpose": "support", "subject": "s-1"}
    assert cloud.records.read(name, **good) == b"x"  # type: ignore[arg-type]
    for change, reason in (
        ({"purpose": "invoicing"}, Reason.PURPOSE_NOT_DECLARED),
        ({"actor": Actor("planner-1", "planner")}, Reason.ROLE_NOT_PERMITTED),
        ({"subject": "s-2"}, Reason.ROLE_NOT_PERMITTED),
    ):
        with pytest.raises(Denied) as denied:
            cloud.records.read(name, **{**good, **change})  # type: ignore[arg-type]
        assert denied.value.reason == reason
    assert len(cloud.audit.entries(kind="gate.denied")) == 3


def test_a_part_that_was_moved_does_not_open(cloud: CloudSync) -> None:
    """Sealed content is bound to record, person, category and date: another row's content opens under no other name."""
    name = cloud.records.put("support", {"s-1": b"x", "s-2": b"y"})
    mine, other = cloud.database.parts(name)
    cloud.database.put_part(type(mine)(**{**_fields(mine), "sealed": other.sealed}))
    with pytest.raises(SealBroken):
        cloud.records.read(name, actor=ME, purpose="support", subject="s-1")


def _fields(part: object) -> dict[str, object]:
    return {name: getattr(part, name) for name in part.__dataclass_fields__}  # type: ignore[attr-defined]


def test_an_invoice_goes_five_years_after_its_fiscal_year(office: Office, cloud: CloudSync) -> None:
    """Of 2026-05-10 with the year's end in Copenhagen: there on 2031-12-31, gone with the first sweep after it (MM-38)."""
    office.clock.at = ISSUED
    cloud.records.put("billing", {"s-1": b"9.99"}, events={Clock.INVOICE_ISSUED: ISSUED})
    assert sweep_at(office, cloud, "2031-12-31T22:59") == 0
    assert sweep_at(office, cloud, "2031-12-31T23:00") == 1
    assert there(cloud) == []


def test_a_case_goes_a_year_after_it_was_closed_and_one_opened_again_later(office: Office, cloud: CloudSync) -> None:
    """MM-18: closed at T0, gone on 2027-01-15; closed again a month later, gone a month later."""
    first, second = (cloud.records.put("support", {"s-1": b"x"}) for _ in range(2))
    for name in (first, second):
        cloud.records.note(Clock.CASE_CLOSED, record=name, at=T0)
    cloud.records.note(Clock.CASE_CLOSED, record=second, at=at("2026-02-15T12:00"))
    assert sweep_at(office, cloud, "2027-01-15T11:59") == 0
    assert sweep_at(office, cloud, "2027-01-15T12:00") == 1
    assert sweep_at(office, cloud, "2027-02-15T12:00") == 1


def test_application_data_goes_three_months_after_the_relation(office: Office, cloud: CloudSync) -> None:
    """MM-41: nothing goes while it lasts; ended on 2026-01-15, there on 04-14, gone on 04-15 at the same local time."""
    office.clock.at = at("2024-01-01T00:00")
    cloud.records.put("application", {"s-1": b"x"})
    cloud.records.note(Clock.CONTRACT_CONCLUDED, subject="s-1")
    assert sweep_at(office, cloud, "2026-01-15T11:00") == 0
    cloud.records.note(Clock.RELATION_ENDED, subject="s-1", at=T0)
    assert sweep_at(office, cloud, "2026-04-14T23:00") == 0
    assert sweep_at(office, cloud, "2026-04-15T11:00") == 1  # noon in Copenhagen, an hour earlier in summer


def test_who_comes_back_stops_the_clock(office: Office, cloud: CloudSync) -> None:
    """A contract after the end: the relation goes on, and its end counts anew."""
    cloud.records.put("application", {"s-1": b"x"})
    for kind, text in (
        (Clock.CONTRACT_CONCLUDED, "2025-01-01T00:00"),
        (Clock.RELATION_ENDED, "2026-01-15T12:00"),
        (Clock.CONTRACT_CONCLUDED, "2026-02-01T12:00"),
    ):
        cloud.records.note(kind, subject="s-1", at=at(text))
    assert sweep_at(office, cloud, "2026-12-01T00:00") == 0


def test_a_login_moves_the_last_interaction_and_a_position_does_not(office: Office, cloud: CloudSync) -> None:
    """CG-71: from T0 to 2027-01-15; a login on 2026-06-01 moves it to 2027-06-01; telemetry is no interaction."""
    cloud.records.put("account", {"s-1": b"x"})
    cloud.records.note(Clock.LAST_INTERACTION, subject="s-1", at=T0, source="login")
    cloud.records.note(Clock.LAST_INTERACTION, subject="s-1", at=at("2026-06-01T12:00"), source="login")
    with pytest.raises(ConfigError, match="no interaction"):
        cloud.records.note(Clock.LAST_INTERACTION, subject="s-1", at=at("2026-08-01T12:00"), source="telemetry")
    assert sweep_at(office, cloud, "2027-06-01T11:59") == 0
    assert sweep_at(office, cloud, "2027-06-01T12:00") == 1


def test_log_lines_go_after_a_year(office: Office, cloud: CloudSync) -> None:
    """MM-39: 400 daily lines that end today; the 35 up to a year ago go with one sweep, 365 stay."""
    for days in range(400):
        cloud.records.put("log", {"s-1": b"line"}, created_at=T0 - days * DAY)
    assert sweep_at(office, cloud, "2026-01-15T13:00") == 35
    assert len(there(cloud)) == 365


def test_nothing_of_the_tail_outlives_the_cap(office: Office, cloud: CloudSync) -> None:
    """MM-43: a line written in the tail would stay a year; the relation's end caps it at 13 months less 30 days of backups."""
    office.clock.at = at("2026-04-10T12:00")
    cloud.records.put("log", {"s-1": b"line"})
    cloud.records.note(Clock.RELATION_ENDED, subject="s-1", at=at("2026-02-15T12:00"))
    [part] = cloud.records.of("s-1")
    assert part.due == at("2027-02-13T12:00")  # not 2027-04-10
    cloud.records.put("billing", {"s-1": b"9.99"})
    assert max(each.due or 0 for each in cloud.records.of("s-1")) > at("2031-12-31T00:00")  # a law's term is outside


def test_a_record_whose_event_never_comes_is_bounded(office: Office, cloud: CloudSync) -> None:
    """A case nobody closes, a purpose nobody concludes, an identity nobody decides: the cap, P12M, P30D from the record."""
    for category in ("support", "crm", "identity_copy"):
        cloud.records.put(category, {"s-1": b"x"})
    due = {part.category: part.due for part in cloud.records.of("s-1")}
    assert due == {
        "support": at("2027-01-16T12:00"),
        "crm": at("2027-01-15T12:00"),
        "identity_copy": at("2026-02-14T12:00"),
    }


def test_a_copy_of_a_document_is_gone_a_day_after_the_decision(tmp_path: Path) -> None:
    """Whatever longer term its rule has (V-37): due after P30D while nobody has decided, and PT24H after the decision."""
    office = Office(tmp_path)
    text = office.policy.read_text("utf-8")
    longer = text.replace(
        'retention = "P1D"\nclock = "identity.decided"', 'retention = "P20D"\nclock = "identity.decided"'
    )
    assert longer != text
    office.policy.write_text(longer, "utf-8")
    with office.open() as cloud:
        cloud.records.put("identity_copy", {"s-1": b"x"})
        assert [part.due for part in cloud.records.of("s-1")] == [at("2026-02-14T12:00")]
        cloud.records.note(Clock.IDENTITY_DECIDED, subject="s-1", at=at("2026-01-17T09:00"))
        assert [part.due for part in cloud.records.of("s-1")] == [at("2026-01-18T09:00")]


def test_events_that_nobody_can_tell_are_refused(cloud: CloudSync) -> None:
    """One thing wrong each: an unknown event, one that follows from the record, nobody, both, a year beyond."""
    good = {"kind": Clock.CASE_CLOSED, "subject": "s-1"}
    cloud.records.note(**good)  # type: ignore[arg-type]
    for change in (
        {"kind": "case.lost"},
        {"kind": Clock.FISCAL_YEAR_END},
        {"subject": ""},
        {"record": "r-1"},
        {"at": T0 + 500 * DAY},
    ):
        with pytest.raises(ConfigError):
            cloud.records.note(**{**good, **change})  # type: ignore[arg-type]


def test_erasing_one_person_leaves_the_others_part(cloud: CloudSync) -> None:
    """Row 18: a chat of two; key and row of one part go, the other's opens as before."""
    name = cloud.records.put("application", {"s-1": b"mine", "s-2": b"yours"})
    cloud.erase(subject="s-1")
    with pytest.raises(KeyDestroyed):
        cloud.records.read(name, actor=ME, purpose="account", subject="s-1")
    assert cloud._store.record_key(name, "s-1") is None and cloud._store.record_key(name, "s-2")
    you = Actor("s-2", "data_subject")
    assert cloud.records.read(name, actor=you, purpose="account", subject="s-2") == b"yours"


def test_an_erasure_keeps_what_a_law_wants_restricted(office: Office, cloud: CloudSync) -> None:
    """Row 19: the case goes now, the invoice stays with reason and review date, for invoicing alone; at its term it goes."""
    invoice = cloud.records.put("billing", {"s-1": b"9.99"}, events={Clock.INVOICE_ISSUED: T0})
    cloud.records.put("support", {"s-1": b"x"})
    gone, [kept] = cloud.records.erase("s-1", actor="s-1")
    assert (gone, kept.category, kept.ground) == (1, "billing", "legal_obligation")
    assert kept.review_at == at("2031-12-31T23:00")
    event = cloud.audit.entries(kind="record.restricted")[-1].event
    assert dict(event.detail)["review_at"] == int(at("2031-12-31T23:00"))
    assert cloud.records.read(invoice, actor=COMPANY, purpose="invoicing", subject="s-1") == b"9.99"
    assert sweep_at(office, cloud, "2031-12-31T23:00") == 1


def test_a_restored_backup_brings_no_erased_record_back(
    office: Office, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Stores of before the erasure, tombstones of now: gone before anything is served; what was put later stays."""
    with office.open() as cloud:
        before = cloud.records.put("support", {"s-1": b"x"})
    backup = copy_all(office.directory, tmp_path_factory.mktemp("backup") / "files")
    office.clock.at = T0 + 60
    with office.open() as cloud:
        assert cloud.records.erase("s-1", actor="s-1")[0] == 1
    for name in ("telemetry.db", "keys.db"):
        copy_store(name, backup, office.directory)
    with office.open() as cloud:
        assert there(cloud) == [] and cloud._store.record_key(before, "s-1") is None
        office.clock.at = T0 + 120
        cloud.records.put("support", {"s-1": b"new"})
    with office.open() as cloud:
        assert there(cloud) == ["support"]


def test_another_policy_gives_every_record_its_new_due(office: Office) -> None:
    """The term of logs shortened from a year to 30 days: the next start goes by it."""
    with office.open() as cloud:
        cloud.records.put("log", {"s-1": b"line"}, created_at=T0 - 60 * DAY)
        assert cloud.sweep().records == 0 and there(cloud) == ["log"]
    office.policy.write_text(anew(office.policy.read_text().replace('retention = "P1Y"', 'retention = "P30D"')))
    with office.open() as cloud:
        assert there(cloud) == []


def test_a_sweep_of_records_tells_how_late_it_is(office: Office, cloud: CloudSync) -> None:
    """Ten days after the term: in the report and in the audit log."""
    cloud.records.put("log", {"s-1": b"line"}, created_at=T0 - 355 * DAY)
    office.clock.at = T0 + 20 * DAY
    report = cloud.sweep(clock_confirmed=True)
    assert (report.records, report.late_s, report.late_p99_s) == (1, 10 * DAY, 10 * DAY)
    assert ("late_max_s", 10 * DAY) in cloud.audit.entries(kind="retention.swept")[-1].event.detail
