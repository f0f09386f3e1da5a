"""What every telemetry database does, whatever it is made of."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import (
    RESEALED,
    AuditEvent,
    ConsentRecord,
    ConsentState,
    Device,
    DirectiveState,
    EnvelopeId,
    Precision,
    StoredEnvelope,
)
from cloud_sync.storage.schema_desks import ITS_INVITATION, OF_INVITATIONS
from cloud_sync.storage.sqlite import SqliteEngine
from cloud_sync.stores import Database
from tests.unit.cloud_sync.storage.stores_contract import Implementation

D1 = Device("aaaaaaaaaaaaaaaa", "s-1", 0, 1000.0)
D2 = Device("bbbbbbbbbbbbbbbb", "s-2", 0, 1001.0)
CONSENT = ConsentRecord(
    record_id="r-1",
    pii_principal_id="s-1",
    purpose="find_my_van",
    pii_type=("location",),
    event_state=ConsentState.GIVEN,
    event_time=5.5,
    privacy_notice="1",
    policy_hash="00",
    precision=Precision.CELL_100M,
    validity_until=None,
    entity_id="s-1",
    channel="app",
    affirmative_act="tapped allow",
    language="da",
)
STATE = DirectiveState("aaaaaaaaaaaaaaaa", 3, b"\x01", 2, b"12345678", 7, 5, (3, 0, 0, 0))


def envelope(
    device: str = D1.device,
    stream: int = 1,
    epoch: int = 20_000,
    counter: int = 0,
    generation: int = 0,
    digest: int = 1,
) -> StoredEnvelope:
    """A stored envelope whose other fields differ from row to row."""
    key = EnvelopeId(device, generation, stream, epoch, counter)
    payload = bytes([counter & 0xFF, digest]) * 20
    return StoredEnvelope(key, digest.to_bytes(8, "big"), 4, payload, 1.5 + counter, epoch * 86_400.0 + counter)


@pytest.fixture
def filled(database: Database) -> Database:
    """Two devices are enrolled."""
    database.add_device(D1)
    database.add_device(D2)
    return database


def test_devices_are_found_by_pseudonym_and_by_subject(filled: Database) -> None:
    """A device is stored, listed, changed, and unknown ones are None."""
    filled.update_device(replace(D2, revoked_at=9.0))
    assert filled.device(D1.device) == D1
    assert filled.device("cccccccccccccccc") is None
    assert filled.all_devices() == [D1, replace(D2, revoked_at=9.0)]
    assert filled.devices_of("s-1") == [D1]


def test_a_pseudonym_is_enrolled_once(filled: Database) -> None:
    """The same pseudonym again is refused, another one is not."""
    filled.add_device(replace(D1, device="cccccccccccccccc"))
    with pytest.raises(StoreError) as refused:
        filled.add_device(D1)
    assert D1.device not in str(refused.value)  # it goes into logs


def test_what_became_of_an_invitation_is_found_by_its_id(database: Database) -> None:
    """Of many entries those that name it, in order, and no other kind; of a person who was forgotten none; and by the index."""
    wanted, other = "ab" * 16, "cd" * 16
    rows = [
        ("invitation.made", "s-1", (("invitation", wanted),)),
        ("device.enrolled", "s-2", (("device", "b" * 16), ("invitation", other), ("salt", "00"))),
        ("device.enrolled", "s-1", (("device", "a" * 16), ("invitation", wanted), ("salt", "00"))),
        ("device.enrolled", "s-1", (("device", "a" * 16),)),
        ("invitation.ended", "s-1", (("invitation", wanted), ("reason", "expired"))),
    ]
    events = [AuditEvent(kind, 1.0, "controller", subject, detail) for kind, subject, detail in rows]
    for event in events:
        database.append_leaf(event, event.kind.encode(), b"hash")
    assert database.ends_of_invitation(wanted) == [events[2], events[4]]
    assert database.ends_of_invitation(other) == [events[1]]
    assert database.ends_of_invitation("ef" * 16) == database.ends_of_invitation("") == []
    if isinstance(database, SqliteEngine):  # the other plans by the size of what it has
        sql = f"SELECT event FROM audit_leaf WHERE {OF_INVITATIONS} AND {ITS_INVITATION} = ?"  # noqa: S608
        assert "audit_leaf_by_invitation" in str(database.rows(f"EXPLAIN QUERY PLAN {sql}", (wanted,)))
    database.forget_subject("s-1", math.inf)
    assert database.ends_of_invitation(wanted) == []


def test_updating_an_unknown_device_is_refused(filled: Database) -> None:
    """An update that would change nothing says so."""
    filled.update_device(D1)
    with pytest.raises(StoreError):
        filled.update_device(replace(D1, device="cccccccccccccccc"))
    with pytest.raises(StoreError):
        filled.update_device(replace(D1, subject="s-2"))  # a new person is a new enrolment
    assert filled.device(D1.device) == D1


def test_envelopes_come_back_as_they_were_in_order_of_capture(filled: Database) -> None:
    """Order is (epoch, generation, counter) whatever the order of arrival; extremes of every number survive."""
    rows = [
        envelope(epoch=0, counter=4095, generation=65_535),
        envelope(epoch=20_000, counter=4095),
        envelope(epoch=20_000, generation=1),
        envelope(epoch=2**17 - 1, counter=4095, generation=65_535),
    ]
    filled.add_envelopes(reversed(rows))
    assert filled.envelopes(D1.device, 1, 0, 2**17 - 1) == rows
    assert filled.envelopes(D1.device, 1, 20_000, 20_000) == rows[1:3]
    assert filled.envelopes(D2.device, 1, 0, 2**17 - 1) == []
    assert filled.envelopes(D1.device, 2, 0, 2**17 - 1) == []


def test_what_is_sealed_anew_lies_behind_its_day_and_goes_with_it(filled: Database) -> None:
    """Editions come after the generations of their day, can be left out, expire, and are removed with a span; extremes survive."""
    rows = [
        envelope(epoch=0, counter=4095, generation=2 * RESEALED - 1),
        envelope(epoch=20_000, generation=65_535),
        envelope(epoch=20_000, generation=RESEALED + 1),
        envelope(epoch=20_000, generation=RESEALED + 1, counter=7),
        envelope(epoch=20_000, generation=RESEALED + 2),
        envelope(epoch=20_001),
        envelope(epoch=2**17 - 1, counter=4095, generation=2 * RESEALED - 1),
    ]
    filled.add_envelopes(reversed(rows))
    filled.add_envelopes([envelope(stream=2, epoch=20_000, generation=RESEALED + 1)])
    assert filled.envelopes(D1.device, 1, 0, 2**17 - 1) == rows
    assert filled.envelopes(D1.device, 1, 20_000, 20_000, RESEALED + 2) == rows[1:4]
    assert filled.envelopes(D1.device, 1, 20_000, 20_001, RESEALED) == [rows[1], rows[5]]
    assert set(filled.expired(1, 1e12, 99)) == set(rows)
    assert filled.digests([rows[2].id, envelope(epoch=20_000, generation=1).id]) == {rows[2].id: {rows[2].digest}}
    assert filled.remove_envelopes([(rows[3].id, rows[3].digest)]) == 1
    assert filled.remove_span(D1.device, 1, 20_000, 20_000) == 3
    assert filled.envelopes(D1.device, 1, 0, 2**17 - 1) == [rows[0], *rows[5:]]
    assert filled.count_envelopes(D1.device, 2) == 1


def test_same_number_and_digest_is_a_no_op_and_another_digest_is_kept_apart(filled: Database) -> None:
    """A repeat adds no row; another digest under the same number adds one."""
    filled.add_envelopes([envelope(), envelope()])
    filled.add_envelopes([envelope()])
    assert filled.count_envelopes() == 1
    filled.add_envelopes([envelope(digest=2)])
    assert filled.count_envelopes() == 2
    assert filled.digests([envelope().id]) == {envelope().id: {b"\0" * 7 + b"\1", b"\0" * 7 + b"\2"}}


@pytest.mark.parametrize("wanted", [range(40), (0, 39), (7,), (5, 6, 4000)])
def test_digests_answers_for_exactly_the_numbers_asked(filled: Database, wanted: tuple[int, ...]) -> None:
    """Dense and sparse questions agree; neighbours, other streams and unknown devices are not mixed in."""
    filled.add_envelopes(envelope(counter=counter) for counter in range(40))
    filled.add_envelopes([envelope(stream=2, counter=4000), envelope(device=D2.device, counter=4000)])
    asked = [envelope(counter=counter).id for counter in wanted]
    found = filled.digests([*asked, envelope(device="cccccccccccccccc").id])
    assert found == {key: {envelope().digest} for key in asked if key.counter < 40}


def test_an_envelope_of_an_unknown_device_is_refused_with_its_whole_batch(filled: Database) -> None:
    """Nothing of a batch stays when one row cannot be stored."""
    with pytest.raises(StoreError):
        filled.add_envelopes([envelope(), envelope(device="cccccccccccccccc")])
    assert filled.count_envelopes() == 0


def test_expired_lists_the_oldest_first_up_to_the_limit(filled: Database) -> None:
    """The bound is strict, the stream is respected, the limit holds."""
    rows = [envelope(epoch=epoch) for epoch in (3, 1, 2)]
    filled.add_envelopes([*rows, envelope(stream=4, epoch=0)])
    assert filled.expired(1, 3 * 86_400.0, 10) == [rows[1], rows[2]]
    assert filled.expired(1, 3 * 86_400.0, 1) == [rows[1]]


def test_removal_by_number_takes_that_digest_only(filled: Database) -> None:
    """The other digest under the same number and the other device's row stay."""
    filled.add_envelopes([envelope(), envelope(digest=2), envelope(device=D2.device)])
    assert filled.remove_envelopes([(envelope().id, envelope().digest)]) == 1
    assert filled.count_envelopes() == 2
    assert filled.envelopes(D1.device, 1, 0, 99_999) == [envelope(digest=2)]


def test_removal_of_a_span_takes_whole_epochs_of_one_stream_or_of_all(filled: Database) -> None:
    """Inclusive at both ends; stream 0 means every stream; other devices stay."""
    filled.add_envelopes(envelope(epoch=epoch, stream=stream) for epoch in (1, 2, 3, 4) for stream in (1, 4))
    filled.add_envelopes([envelope(device=D2.device, epoch=2)])
    assert filled.remove_span(D1.device, 1, 2, 3) == 2
    assert filled.count_envelopes(D1.device) == 6
    assert filled.remove_span(D1.device, 0, 1, 2) == 3
    assert filled.count_envelopes(D1.device, 4) == 2
    assert filled.count_envelopes(stream=1) == 2
    assert filled.remove_span("cccccccccccccccc", 0, 0, 99_999) == 0


def test_the_consent_ledger_keeps_order_and_refuses_a_record_twice(database: Database) -> None:
    """Records come back equal, by subject and purpose, in the order of appending."""
    second = replace(CONSENT, record_id="r-2", event_state=ConsentState.WITHDRAWN, validity_until=7.0)
    other = replace(CONSENT, record_id="r-3", purpose="statistics", pii_principal_id="s-2")
    for record in (CONSENT, second, other):
        database.append_consent(record)
    assert database.consents("s-1") == database.consents("s-1", "find_my_van") == [CONSENT, second]
    assert database.consents("s-1", "statistics") == []
    assert database.all_consents() == [CONSENT, second, other]
    with pytest.raises(StoreError):
        database.append_consent(CONSENT)


def test_directive_state_is_one_row_a_device(database: Database) -> None:
    """The second write replaces the first."""
    assert database.directive_state(STATE.device) is None
    database.put_directive_state(STATE)
    changed = replace(STATE, version=4, challenge=b"", floors=(4, 1, 2, 3))
    database.put_directive_state(changed)
    assert database.directive_state(STATE.device) == changed


def test_directives_in_the_clear_are_found(database: Database) -> None:
    """An array of 14 is in the clear; what is sealed, and a device without any, are not."""
    clear = replace(STATE, current=b"\x9e and thirteen more")
    for number, current in enumerate((clear.current, b"\x01sealed", b"")):
        database.put_directive_state(replace(STATE, device=STATE.device[:-1] + f"{number + 2}", current=current))
    assert database.unsealed_states() == [replace(clear, device=STATE.device[:-1] + "2")]


def test_audit_leaves_are_numbered_from_zero_without_gaps(database: Database) -> None:
    """Leaves and events come back as they were; a leaf that does not exist is an error."""
    events = [AuditEvent("read", 1.5 + n, "a-1", f"s-{n % 2}", (("rows", n), ("purpose", "find"))) for n in range(3)]
    indices = [database.append_leaf(event, b"leaf%d" % n, b"hash%d" % n) for n, event in enumerate(events)]
    assert indices == [0, 1, 2] and database.leaf_count() == 3
    assert database.leaf_hashes() == [b"hash0", b"hash1", b"hash2"]
    assert database.leaf_hashes(1, 2) == [b"hash1"]
    assert database.leaf(1) == b"leaf1"
    assert database.audit_events(subject="s-0") == [(0, events[0]), (2, events[2])]
    assert database.audit_events(kind="erase") == []
    with pytest.raises(StoreError):
        database.leaf(3)


def test_a_forgotten_subject_leaves_kind_time_and_leaf(database: Database) -> None:
    """Subject, actor and detail go from the entries of one subject; leaves and other entries stay."""
    events = [AuditEvent("gate.allowed", 1.5, "a-1", f"s-{n}", (("count", n),)) for n in range(2)]
    for event in events:
        database.append_leaf(event, b"leaf", b"hash")
    assert database.forget_subject("s-0") == 1  # type: ignore[attr-defined]
    assert database.audit_events() == [(0, AuditEvent("gate.allowed", 1.5, "", "")), (1, events[1])]
    assert database.audit_events(subject="s-0") == []
    assert (database.leaf(0), database.leaf_hashes()) == (b"leaf", [b"hash"] * 2)


def test_a_transaction_is_all_or_nothing_also_when_nested(filled: Database) -> None:
    """An exception after an inner transaction undoes both; without one both are there."""
    with pytest.raises(RuntimeError), filled.transaction():
        with filled.transaction():
            filled.add_envelopes([envelope()])
        filled.append_consent(CONSENT)
        raise RuntimeError
    assert (filled.count_envelopes(), filled.all_consents()) == (0, [])
    with filled.transaction():
        filled.add_envelopes([envelope()])
    assert filled.count_envelopes() == 1


def test_a_device_of_an_undone_transaction_leaves_no_number_behind(database: Database) -> None:
    """After a rolled back enrolment the next device's envelopes are its own."""
    with pytest.raises(RuntimeError), database.transaction():
        database.add_device(D1)
        database.add_envelopes([envelope()])
        raise RuntimeError
    database.add_device(D2)
    with pytest.raises(StoreError):
        database.add_envelopes([envelope()])
    database.add_envelopes([envelope(device=D2.device)])
    assert database.count_envelopes(D2.device) == 1


def test_transactions_of_two_threads_run_one_after_the_other(filled: Database) -> None:
    """A second thread waits for the first one's commit, and sees it."""
    inside, seen = threading.Event(), []

    def second() -> None:
        inside.set()
        with filled.transaction():
            seen.append(filled.count_envelopes())

    with filled.transaction():
        thread = threading.Thread(target=second)
        thread.start()
        assert inside.wait(5)
        filled.add_envelopes([envelope()])
        assert seen == []
    thread.join(5)
    assert seen == [1]


def test_what_was_committed_is_there_after_opening_again(implementation: Implementation, tmp_path: Path) -> None:
    """Closing and opening keeps every row."""
    first = implementation.database(tmp_path)
    first.add_device(D1)
    first.add_envelopes([envelope()])
    first.close()
    again = implementation.database(tmp_path)
    assert again.device(D1.device) == D1
    assert again.envelopes(D1.device, 1, 0, 99_999) == [envelope()]
    again.close()


def test_a_closed_store_raises_the_package_s_own_error(filled: Database) -> None:
    """No exception of the implementation leaks, of reads, writes or transactions."""
    filled.close()
    for act in (filled.all_devices, filled.leaf_count, lambda: filled.add_device(D1), filled.vacuum_erased):
        with pytest.raises(StoreError):
            act()
    with pytest.raises(StoreError), filled.transaction():
        pass
