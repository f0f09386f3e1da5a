"""The register of all places, the receipt, and what an erasure of everything does in parts that are no rows of telemetry."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.audit import Kind, verify
from cloud_sync.consent import Evidence
from cloud_sync.disclosure import FileSink
from cloud_sync.erasure import places
from cloud_sync.erasure.places import PLACES, Fate, Place, Store
from cloud_sync.erasure.receipt import day
from cloud_sync.erasure.register import Part, Register
from cloud_sync.errors import ConfigError, StoreError, UnknownDevice
from cloud_sync.model import Actor
from cloud_sync.model.access import DeliveryState
from cloud_sync.model.keeping import Ground
from cloud_sync.read.sources import LOCATION
from cloud_sync.releases.store import ReleaseStore
from cloud_sync.service import CloudSync
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTelemetry, SqliteTombstones
from tests.unit.cloud_sync.consent.joining import join
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, NOON, Depot, ListSink, evidence

DOCUMENT = Path(__file__).parents[4] / "docs" / "decisions" / "0022-erasure-everywhere.md"
SENT = {"actor": CLERK, "purpose": "tracking", "subject": "s-1", "recipient": "carrier", "start": 0.0, "end": NOON}
NO_DEVICE = "s-7"
DAY_S = 86_400


@pytest.fixture
def depot(tmp_path: Path) -> Iterator[Depot]:
    """An installation under the synthetic policy, at noon, with leave since four hours."""
    depot = Depot(tmp_path)
    yield depot
    depot.close()


# The register


def schema(folder: Path) -> dict[tuple[Store, str], set[str]]:
    """Every table that there is in a store's file, with its columns, as the files themselves tell."""
    kinds = {Store.TELEMETRY: SqliteTelemetry, Store.KEYS: SqliteKeys, Store.TOMBSTONES: SqliteTombstones}
    for store, kind in kinds.items():
        kind(folder / store).close()
    ReleaseStore(folder / Store.RELEASES).withdraw(b"")
    found: dict[tuple[Store, str], set[str]] = {}
    for store in (*kinds, Store.RELEASES):
        with closing(sqlite3.connect(folder / store)) as raw:
            tables = [row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                found[store, table] = {row[1] for row in raw.execute(f"PRAGMA table_info({table})")}
    return found


def differences(known: tuple[Place, ...], there: dict[tuple[Store, str], set[str]]) -> set[str]:
    """What only one of both has."""
    stores = {store for store, _ in there}
    said = {(p.store, p.name): {*p.personal, *p.plain} for p in known if p.store in stores}
    found = {f"{name[0]}.{name[1]}" for name in said.keys() ^ there.keys()}
    return found | {
        f"{name[0]}.{name[1]}.{column}" for name in said.keys() & there.keys() for column in said[name] ^ there[name]
    }


def test_every_column_of_every_table_is_in_the_register(tmp_path: Path) -> None:
    """Whoever adds one says what an erasure does with it, or this fails; no table is named that is not there."""
    there = schema(tmp_path)
    assert len(there) > 30
    assert differences(PLACES, there) == set()


def test_a_table_or_column_that_is_not_in_the_register_is_found(tmp_path: Path) -> None:
    """A control: a new table, and a new column of an old one."""
    there = schema(tmp_path)
    there[Store.TELEMETRY, "nickname"] = {"subject", "name"}
    there[Store.KEYS, "person"].add("photo")
    assert differences(PLACES, there) == {"telemetry.nickname", "keys.person.photo"}


def test_the_register_says_one_thing_of_each_column_and_why_anything_stays() -> None:
    """Personal or plain, not both; what stays and what names somebody is personal; what is kept has a basis and a reason."""
    for place in PLACES:
        personal, plain = set(place.personal), set(place.plain)
        assert not personal & plain, place.name
        assert {*place.names, *place.stays} <= personal, place.name
        assert bool(place.part) == (place.fate is not Fate.NOBODY), place.name
        assert (place.fate is Fate.KEPT) == bool(place.why and place.basis), place.name
        assert place.fate is not Fate.NOBODY or not personal, place.name
    names = [(place.store, place.name) for place in PLACES]
    assert len(names) == len(set(names))


def test_a_part_that_forgets_to_add_itself_stops_the_start() -> None:
    """As does one that nobody knows, and one that is there twice."""
    parts = {place.part for place in PLACES} - {""}

    def made(names: list[str]) -> Register:
        register = Register(None, None)  # type: ignore[arg-type]
        for name in names:
            register.add(Part(name))
        return register

    made(sorted(parts)).check()
    for wrong in (sorted(parts - {places.ACCESS}), [*parts, "another"], [*parts, places.ACCESS]):
        with pytest.raises(ConfigError, match="not in place"):
            made(wrong).check()


def test_the_record_of_the_decision_lists_every_place() -> None:
    """Its table has a line for each, with the fate that the code gives it."""
    lines = re.findall(r"^\| `([^`]+)` \| (\w+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert dict(lines) == {f"{place.store}: {place.name}": str(place.fate) for place in PLACES}
    assert len(lines) == len(PLACES)


# The receipt


def test_the_receipt_says_when_the_last_backup_is_gone_and_what_stays(depot: Depot) -> None:
    """The policy's horizon from the moment of the erasure, to the second; each thing that stays with basis and reason."""
    depot.feed()
    depot.cloud.records.put("billing", {"s-1": b"an invoice"}, record_id="invoice-1")
    depot.cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="desk", review_at=NOON + DAY_S)
    receipt = depot.cloud.erase(subject="s-1")
    assert receipt.whole and receipt.backups_gone_at == NOON + 30 * DAY_S  # backup.horizon = "P30D"
    kept = {each.what: each for each in receipt.kept}
    answers = len(depot.cloud.database.consents("s-1"))
    assert (kept["Answers on consent"].count, kept["Answers on consent"].basis[:15]) == (answers, "GDPR Art. 7(1),")
    billing = kept["Records: billing"]
    assert (billing.count, billing.why, billing.basis) == (1, "legal obligation", "GDPR Art. 17(3)(b)")
    assert billing.review_at == depot.cloud.records.of("s-1")[0].review_at is not None
    assert kept["Restrictions in force"].review_at == NOON + DAY_S
    text = receipt.text()
    for said in ("about s-1", day(NOON + 30 * DAY_S), day(billing.review_at or 0.0), receipt.tombstones[0]):
        assert said in text
    assert all(each.sentence() in text for each in receipt.kept)


def test_the_receipt_is_proved_by_the_log(depot: Depot) -> None:
    """The entry that it names is in the signed log, and tells of its tombstone."""
    depot.feed()
    receipt = depot.cloud.erase(subject="s-1")
    proof = depot.cloud.audit.prove(receipt.entry)
    verify(proof, depot.cloud.audit.checkpoint(), depot.cloud.audit.public_key)
    assert proof.event is not None and proof.event.kind == Kind.ERASURE_DONE
    assert dict(proof.event.detail)["tombstone"] == receipt.tombstones[0]


def test_of_a_span_the_receipt_tells_no_more_than_the_span(depot: Depot) -> None:
    """Nothing but readings was erased: what else there is is not listed, and the day of the backups is there all the same."""
    depot.feed()
    receipt = depot.cloud.erase(subject="s-1", start=NOON - 500, end=NOON)
    assert not receipt.whole and receipt.kept == () == receipt.recipients
    assert receipt.backups_gone_at == NOON + 30 * DAY_S
    assert "everything" not in receipt.text() and "What stays" not in receipt.text()


def test_of_what_is_held_in_full_no_backup_is_counted(depot: Depot) -> None:
    """Nothing was destroyed; the hold is named, and the person is restricted until it is released."""
    depot.feed()
    hold = depot.cloud.holds.place("case-7", by="lawyer", review_at=NOON + DAY_S, subject="s-1")
    receipt = depot.cloud.erase(subject="s-1")
    assert (receipt.held, receipt.backups_gone_at, receipt.tombstones) == ((hold.hold_id,), None, ())
    assert hold.hold_id in receipt.text() and "gone on" not in receipt.text()
    assert depot.cloud.database.count_envelopes(depot.tracker.name) == 1


def test_a_hold_on_one_device_keeps_log_and_limits_of_the_person(depot: Depot) -> None:
    """The other device goes now; the person as a whole goes with the release, not before, nor at a start."""
    second = depot.enrol("s-1")
    depot.feed()
    depot.feed(tracker=second)
    hold = depot.cloud.holds.place("case-7", by="lawyer", review_at=NOON + DAY_S, device=second.name)
    depot.cloud.limits.set("s-1", zones=[(5567, 1256)], evidence=evidence())
    assert depot.cloud.erase(subject="s-1").held == (hold.hold_id,)
    depot.cloud.close()
    depot.cloud = depot.open()
    assert depot.cloud.database.count_envelopes(depot.tracker.name) == 0
    assert depot.cloud.database.count_envelopes(second.name) == 1
    assert depot.cloud.limits.in_force("s-1").zones == ((5567, 1256),)
    assert depot.entries("limits.set")
    depot.cloud.holds.release(hold.hold_id, by="lawyer", approved_by="other-lawyer")
    depot.cloud.sweep(clock_confirmed=True)
    assert depot.cloud.database.count_envelopes(second.name) == 0
    assert depot.entries("limits.set") == [] and not depot.cloud.restrictions.restricted("s-1")
    assert depot.cloud.database.waiting() == []


# People without a device


def answered(depot: Depot) -> CloudSync:
    """Somebody who answered, and has nothing else."""
    depot.cloud.consent.give(NO_DEVICE, "tracking", evidence(NO_DEVICE))
    return depot.cloud


def test_somebody_who_only_answered_is_erased(depot: Depot) -> None:
    """The log forgets them, the answers stay as proof, and the receipt says so."""
    cloud = answered(depot)
    assert cloud.audit.entries(NO_DEVICE) != []
    receipt = cloud.erase(subject=NO_DEVICE)
    assert (receipt.devices, receipt.envelopes) == ((), 0)
    assert cloud.audit.entries(NO_DEVICE) == []
    assert len(cloud.database.consents(NO_DEVICE)) == 1
    assert {each.what for each in receipt.kept} == {"Answers on consent", "Marks against restored backups"}
    assert cloud.audit.check() > 0


@pytest.mark.parametrize("what", ["ticket", "group", "relation", "hold", "restriction", "record", "read"])
def test_somebody_whom_one_table_names_is_erased(depot: Depot, what: str) -> None:
    """Whatever it is that names them."""
    cloud = depot.cloud
    holder = Evidence("holder-1", "demo-1", "app", "tapped", "en")
    cloud.groups.found("group-1", holder)
    acts: dict[str, Any] = {
        "ticket": lambda: cloud.staff.open_ticket("K-9", NO_DEVICE, by="desk"),
        "group": lambda: join(cloud.groups, "group-1", NO_DEVICE, holder),
        "relation": lambda: cloud.relations.begin(NO_DEVICE, "parent", "s-1", by="s-1"),
        "hold": lambda: cloud.holds.release(
            cloud.holds.place("case", by="a", review_at=NOON + 60, subject=NO_DEVICE).hold_id, by="a", approved_by="b"
        ),
        "restriction": lambda: cloud.restrictions.restrict(NO_DEVICE, Ground.OBJECTION, by="desk"),
        "record": lambda: cloud.records.put("contact", {NO_DEVICE: b"an address"}),
        "read": lambda: cloud.audit.record(Kind.GATE_DENIED, "c-1", NO_DEVICE, reason="device_unknown"),
    }
    with pytest.raises(UnknownDevice, match="nothing to erase"):
        cloud.erase(subject=NO_DEVICE)
    acts[what]()
    cloud.erase(subject=NO_DEVICE)
    assert cloud.audit.entries(NO_DEVICE) == []


def test_a_span_of_somebody_without_a_device_is_an_error(depot: Depot) -> None:
    """Nothing was ever captured of them."""
    cloud = answered(depot)
    with pytest.raises(UnknownDevice):
        cloud.erase(subject=NO_DEVICE, start=0.0, end=NOON)
    assert cloud.audit.entries(NO_DEVICE) != []


# Parts that are no rows of telemetry


def test_a_delivery_under_way_does_not_come_back_with_its_next_part(depot: Depot) -> None:
    """The person is erased while a recipient takes the first of three parts: it is stopped, and no row of it is written again."""
    depot.feed(60)

    class Erasing(ListSink):
        def deliver(self, parcel: Any) -> None:
            super().deliver(parcel)
            depot.cloud.erase(subject="s-1")

    sink = Erasing()
    depot.cloud.sinks["carrier"] = sink
    made = depot.cloud.disclosures.deliver(LOCATION, **SENT)  # type: ignore[arg-type]
    assert made.state is DeliveryState.STOPPED
    assert [each.key.partition("-")[0] for each in sink.taken] == [
        made.delivery,
        "removed",
    ]  # what it took it is to remove
    assert depot.cloud.disclosures.of("s-1") == []


def test_what_a_recipient_has_not_fetched_is_taken_back(depot: Depot) -> None:
    """Files of the person's deliveries go, those of others stay, and the receipt names whoever was told."""
    depot.feed()
    other = depot.enrol("s-2")
    depot.cloud.consent.give("s-2", "tracking", evidence("s-2"))
    depot.clock.at += 7200
    depot.take(other, [other.fixes([int(NOON) + 3700], version=1)])
    (depot.directory / "box").mkdir()
    depot.cloud.sinks["carrier"] = FileSink(depot.directory / "box")
    depot.cloud.disclosures.deliver(LOCATION, **SENT, delivery="mine")  # type: ignore[arg-type]
    theirs = {**SENT, "subject": "s-2", "end": NOON + 7200}
    depot.cloud.disclosures.deliver(LOCATION, **theirs, delivery="theirs")  # type: ignore[arg-type]
    assert len(list((depot.directory / "box").iterdir())) == 2
    assert depot.cloud.erase(subject="s-1").recipients == ("carrier",)
    assert [path.name[:14] for path in (depot.directory / "box").iterdir()] == ["carrier-theirs"]


def test_a_subscription_ends_and_forgets_what_it_had_not_told(depot: Depot) -> None:
    """Of everything: it ends, and the log does not name the person for it. Of a span: it goes on, with what comes from then."""
    me = Actor("s-1", "data_subject")
    live = depot.cloud.live_location(actor=me, purpose="tracking", subject="s-1")
    depot.feed(2)
    assert live.take(1.0) is not None
    depot.cloud.erase(subject="s-1", start=NOON - 300, end=NOON)
    assert (live.take(0.0), live.missed, live._open) == (None, 1, True)
    depot.cloud.erase(subject="s-1")
    assert live.take(1.0) is None and not live._open
    assert depot.cloud.audit.entries("s-1") == []


def test_an_erasure_twice_and_by_somebody_else_is_harmless(depot: Depot) -> None:
    """The second receipt counts nothing; what came in between is erased by it."""
    depot.feed()
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    first = depot.cloud.erase(subject="s-1", actor="dpo-1")
    depot.cloud.staff.open_ticket("K-2", "s-1", by="desk")
    second = depot.cloud.erase(subject="s-1", actor="dpo-1")
    assert (first.envelopes, second.envelopes) == (1, 0)
    assert depot.cloud.database.ticket("K-2") is None and depot.cloud.audit.entries("s-1") == []


# Starts and restores


def test_a_start_does_not_erase_what_came_after_an_erasure(depot: Depot) -> None:
    """Tickets, relations, months, limits and records of later stay over every start."""
    depot.feed()
    depot.cloud.erase(subject="s-1")
    depot.clock.at += DAY_S
    later(depot)
    for _ in range(2):
        depot.cloud.close()
        depot.cloud = depot.open()
    assert depot.cloud.database.ticket("K-2") is not None and depot.cloud.relations.of("s-1")
    assert depot.cloud.limits.in_force("s-1").zones == ((5567, 1256),)
    assert len(depot.cloud.records.of("s-1")) == 1
    assert depot.entries("ticket.opened") == [{"ticket": "K-2"}]


def later(depot: Depot) -> None:
    """What a person has after their erasure."""
    depot.cloud.staff.open_ticket("K-2", "s-1", by="desk")
    depot.cloud.relations.begin("p-1", "planner", "s-1", by="s-1")
    depot.cloud.limits.set("s-1", zones=[(5567, 1256)], hours=[], evidence=evidence())
    depot.cloud.records.put("contact", {"s-1": b"an address"})


@pytest.mark.parametrize("stage", ["destroy", "forget", "beside", "done"])
def test_an_erasure_that_is_cut_short_in_any_stage_is_finished_by_the_next_start(
    depot: Depot, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of somebody without a device too, whom no tombstone names."""
    for subject in (NO_DEVICE, "s-1"):
        depot.cloud.staff.open_ticket(f"K-{subject}", subject, by="desk")
        depot.cloud.records.put("contact", {subject: b"an address"}, record_id=f"record-{subject}")

    def cut(*_: Any) -> None:
        raise StoreError("cut")

    with monkeypatch.context() as patch:
        patch.setattr(Register, stage, cut)
        for subject in (NO_DEVICE, "s-1"):
            with pytest.raises(StoreError):
                depot.cloud.erase(subject=subject)
    depot.cloud.close()
    depot.cloud = depot.open()
    for subject in (NO_DEVICE, "s-1"):
        assert depot.cloud.database.ticket(f"K-{subject}") is None
        assert depot.cloud.records.of(subject) == [] == depot.cloud.audit.entries(subject)
        assert depot.cloud._store.record_key(f"record-{subject}", subject) is None


def test_keys_of_records_that_a_restored_key_store_brings_back_go(depot: Depot, tmp_path: Path) -> None:
    """The database is today's, the keys are yesterday's: keys without a record are destroyed, the others stay."""
    from cloud_sync.storage.keybackup import restore

    cloud = depot.cloud
    cloud.records.put("contact", {"s-1": b"an address"}, record_id="gone")
    cloud.records.put("contact", {"s-2": b"an address"}, record_id="stays")
    cloud.back_up_keys(tmp_path / "keys.backup")
    cloud.erase(subject="s-1")
    cloud.close()
    for path in depot.directory.glob("keys.db*"):
        path.unlink()
    restore(tmp_path / "keys.backup", depot.config.keys, NOON, lambda made: made + DAY_S)
    depot.cloud = depot.open()
    assert depot.cloud._store.record_key("gone", "s-1") is None
    assert depot.cloud._store.record_key("stays", "s-2") is not None


def test_a_restored_restriction_that_was_lifted_goes_and_one_that_is_lost_is_missed(depot: Depot) -> None:
    """The witness counts what was erased no more, and what was set since it does."""
    first = depot.cloud.restrictions.restrict("s-1", Ground.OBJECTION, by="desk")
    depot.cloud.restrictions.lift(first.restriction_id, by="desk", told=True)
    backup = _copy(depot)
    depot.cloud.erase(subject="s-1")
    assert not depot.cloud.restrictions.restricted("s-1")
    _restore(depot, backup)
    assert depot.cloud.database.restrictions("s-1", lifted=True) == []
    assert not depot.cloud.restrictions.restricted("s-1")
    depot.cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by="desk")
    _restore(depot, backup)
    assert depot.cloud.restrictions.lost("s-1")


def _copy(depot: Depot) -> bytes:
    depot.cloud.close()
    content = (depot.directory / "telemetry.db").read_bytes()
    depot.cloud = depot.open()
    return content


def _restore(depot: Depot, content: bytes) -> None:
    depot.cloud.close()
    for leftover in depot.directory.glob("telemetry.db-*"):
        leftover.unlink()
    (depot.directory / "telemetry.db").write_bytes(content)
    depot.cloud = depot.open()


def test_held_rows_of_a_receipt_can_be_replaced(depot: Depot) -> None:
    """A receipt is a value: its text follows its fields."""
    depot.feed()
    receipt = depot.cloud.erase(subject="s-1")
    assert "A legal hold keeps a part" in replace(receipt, held=("h-1",)).text()
    assert "A legal hold" not in receipt.text()
