"""What every store of rows in the order of their terms, of holds, restrictions, clocks and records must do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.model import RESEALED, Device, EnvelopeId, Leaf, StoredEnvelope
from cloud_sync.model.keeping import (
    PARKED,
    ClockEvent,
    Ground,
    Hold,
    RecordPart,
    Restriction,
    Scope,
    Shred,
    WaitingErasure,
)
from cloud_sync.stores import Database, KeyDatabase
from tests.unit.cloud_sync.storage.test_database_contract import CONSENT

A = "a" * 16


def row(counter: int, capture: float, generation: int = 0, epoch: int = 9) -> StoredEnvelope:
    """An envelope of positions."""
    number = EnvelopeId(A, generation, 1, epoch, counter)
    return StoredEnvelope(number, bytes([counter]) * 8, 1, b"sealed", 1000.0, capture)


@pytest.fixture
def filled(database: Database) -> Database:
    """A device with rows at 10, 20, 20 and 30 s, and one that was sealed anew."""
    database.add_device(Device(A, "s-1", 0, 0.0))
    database.add_envelopes([row(0, 10.0), row(1, 20.0), row(2, 20.0), row(3, 30.0), row(0, 5.0, RESEALED + 1)])
    return database


def due(database: Database, level: int, before: float, limit: int = 10) -> list[tuple[int, int]]:
    """(generation, counter) of the rows that are due."""
    return [(each.row.id.generation, each.row.id.counter) for each in database.due(1, level, before, limit)]


def test_rows_come_in_the_order_of_their_captures_page_by_page(filled: Database) -> None:
    """Before a bound that is not reached; pages of two hold each row once, two of one second among them."""
    assert due(filled, 0, 30.0) == [(RESEALED + 1, 0), (0, 0), (0, 1), (0, 2)]
    seen, after = [], None
    while page := filled.due(1, 0, 100.0, 2, after):
        seen += [each.row for each in page]
        after = page[-1].place
    assert sorted(seen, key=lambda each: each.id) == sorted(filled.envelopes(A, 1, 0, 20), key=lambda each: each.id)
    assert len(seen) == 5


def test_a_level_takes_a_row_out_of_the_others(filled: Database) -> None:
    """Levels are few and listed; a parked row is in none of them until it is brought back."""
    first, second = filled.due(1, 0, 15.0, 10)
    filled.set_level([(first.row.id, first.row.digest)], 7)
    filled.set_level([(second.row.id, second.row.digest)], PARKED)
    assert filled.levels(1) == [0, 7] and filled.levels(2) == []
    assert due(filled, 7, 100.0) == [(RESEALED + 1, 0)] and (0, 0) not in due(filled, 0, 100.0)
    assert [each.level for each in filled.rows_of_day(A, 1, 9)] == [7, PARKED, 0, 0, 0]
    assert filled.unpark([1, 2]) == 1 and (0, 0) in due(filled, 0, 100.0)
    assert filled.rows_of_day(A, 1, 8) == []


def test_notes_of_keys_keep_the_higher_counter(database: Database) -> None:
    """Noted twice; removed only as it is: one that was raised meanwhile stays."""
    low, high = Shred(A, 0, 1, 9, 3), Shred(A, 0, 1, 9, 5)
    database.add_shreds([low])
    database.add_shreds([high])
    database.add_shreds([low])
    assert database.shreds(10) == [high]
    database.remove_shreds([low])
    assert database.shreds(10) == [high]
    database.remove_shreds([high])
    assert database.shreds(10) == []


def test_waiting_erasures_and_marks(database: Database) -> None:
    """As they were put; open spans stay open."""
    waiting = WaitingErasure("e-1", "s-1", None, 20.5, 5.0, "s-1")
    database.put_waiting(waiting)
    assert database.waiting() == [waiting] and database.remove_waiting("e-1") == 1 and database.waiting() == []
    assert database.mark("terms") == ""
    database.set_mark("terms", "a")
    database.set_mark("terms", "b")
    assert database.mark("terms") == "b"


def test_holds_and_restrictions(database: Database) -> None:
    """As they were put; what was ended is told only where it is asked for."""
    hold = Hold("h-1", "CLAIM-7", "s-1", "", "position", None, 20.5, True, 1.0, ("dpo-1", "counsel-1"), 99.0)
    ended = Hold("h-2", "CLAIM-8", "", A, "", 1.5, None, False, 2.0, ("dpo-1",), 99.0, 3.0, ("dpo-1", "counsel-1"))
    for each in (hold, ended, hold):
        database.put_hold(each)
    assert database.holds() == [hold] and database.holds(released=True) == [hold, ended]
    assert database.hold("h-2") == ended and database.hold("h-3") is None
    mine = Restriction("r-1", "s-1", Ground.OBJECTION, "", 1.0, "s-1", 9.0)
    over = Restriction("r-2", "s-2", Ground.LEGAL_CLAIM, "C-1", 2.0, "dpo-1", None, 3.0, "dpo-1")
    for one in (mine, over):
        database.put_restriction(one)
    assert database.restrictions() == [mine] and database.restrictions("s-2") == []
    assert database.restrictions(lifted=True) == [mine, over] and database.restriction("r-2") == over


def test_clock_events_of_people_and_records_are_apart(database: Database) -> None:
    """The same event again is one; in order of time; forgotten of one alone."""
    events = [ClockEvent(Scope.SUBJECT, "x", "case.closed", at) for at in (2.0, 1.0, 2.0)]
    for event in (*events, ClockEvent(Scope.RECORD, "x", "case.closed", 5.0)):
        database.add_clock_event(event)
    assert [event.at for event in database.clock_events(Scope.SUBJECT, "x")] == [1.0, 2.0]
    assert database.remove_clock_events(Scope.SUBJECT, "x") == 2
    assert [event.at for event in database.clock_events(Scope.RECORD, "x")] == [5.0]


def test_parts_of_records_come_in_the_order_of_their_terms(database: Database) -> None:
    """One without a term is never due; pages hold each once; a part is replaced and removed by record and person."""
    parts = [
        RecordPart(f"r-{n}", "s-1", "log", float(n), b"sealed", due) for n, due in enumerate((30.0, None, 10.0, 10.0))
    ]
    for part in parts:
        database.put_part(part)
    assert [part.record_id for part in database.parts_due(29.0, 10)] == ["r-2", "r-3"]
    [first] = database.parts_due(29.0, 1)
    again = database.parts_due(29.0, 1, (first.due or 0.0, first.record_id, first.subject))
    assert [part.record_id for part in again] == ["r-3"]
    assert database.parts_of("s-1", "log") == parts and database.parts_of("s-1", "billing") == []
    assert database.parts("r-1") == [parts[1]]
    assert [part.record_id for part in database.parts_after(("r-1", "s-1"), 9)] == ["r-2", "r-3"]
    assert database.remove_parts([("r-2", "s-1"), ("r-2", "s-2")]) == 1 and database.parts("r-2") == []


def test_no_place_of_the_ledger_is_given_twice(database: Database) -> None:
    """Records that went, all or the newest, leave their places empty; another person's first record tells its own."""
    for name in ("r-1", "r-2", "r-3"):
        database.append_consent(replace(CONSENT, record_id=name))
    assert database.consent_top() == 3 and database.remove_consents(["r-3"]) == 1
    database.append_consent(replace(CONSENT, record_id="r-4", pii_principal_id="s-2"))
    assert [place for place, _ in database.consent_page(0, 9)] == [1, 2, 4]
    assert (database.first_consent(CONSENT.pii_principal_id), database.first_consent("s-2")) == (1, 4)
    assert database.remove_consents(["r-1", "r-2", "r-4"]) == 3 and database.consent_top() == 4
    database.append_consent(CONSENT)
    assert database.consent_page(0, 9) == [(5, CONSENT)] and database.first_consent("s-2") == 0


def test_keys_of_records(keys: KeyDatabase) -> None:
    """One for each part; destroyed by name."""
    keys.put_record_key("r-1", "s-1", b"one")
    keys.put_record_key("r-1", "s-2", b"two")
    keys.put_record_key("r-1", "s-1", b"three")
    assert (keys.record_key("r-1", "s-1"), keys.record_key("r-1", "s-2")) == (b"three", b"two")
    assert keys.destroy_record_keys([("r-1", "s-1"), ("r-9", "s-1")]) == 1
    assert keys.record_key("r-1", "s-1") is None and keys.record_key("r-1", "s-2") == b"two"


def test_days_with_keys_page_by_page(keys: KeyDatabase) -> None:
    """Each day once, whatever it has of generations; with `came` those alone that have a key of what a device sent."""
    for generation, epoch in ((0, 3), (1, 3), (RESEALED + 1, 3), (RESEALED + 1, 4), (0, 5)):
        keys.put_leaf(Leaf(A, generation, 1, epoch, 0, b"wrapped"))
    assert keys.days_before(1, 6, 10) == [(A, 3), (A, 4), (A, 5)]
    assert keys.days_before(1, 5, 10) == [(A, 3), (A, 4)]
    assert keys.days_before(1, 6, 10, came=True) == [(A, 3), (A, 5)]
    assert keys.days_before(1, 6, 1, (3, A)) == [(A, 4)] and keys.days_before(2, 6, 10) == []
