"""What a batch asks of many devices is read in few questions, and never from before a change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.model import Device
from cloud_sync.storage import postgresql_ahead
from cloud_sync.storage.postgresql import PostgresqlTelemetry
from tests.unit.cloud_sync.storage.cluster import binaries, cluster
from tests.unit.cloud_sync.storage.test_database_contract import CONSENT, D1, STATE, envelope

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
FLEET = [replace(D1, device=f"{n:016d}", subject=f"s-{n // 2}") for n in range(8)]
NAMES = {device.device for device in FLEET}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[PostgresqlTelemetry]:
    """Eight devices of four people, each with a consent, and a state of each second device."""
    store = PostgresqlTelemetry(cluster().place(tmp_path, "telemetry"))
    for n, device in enumerate(FLEET):
        store.add_device(device)
        if n % 2:
            store.put_directive_state(replace(STATE, device=device.device, version=n))
            store.append_consent(replace(CONSENT, record_id=f"r-{n}", pii_principal_id=device.subject))
    yield store
    store.close()


@pytest.fixture
def questions(store: PostgresqlTelemetry, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes to the server."""
    asked: list[str] = []
    live = PostgresqlTelemetry._live

    def counting(self: PostgresqlTelemetry) -> object:
        asked.append("")
        return live(self)

    monkeypatch.setattr(PostgresqlTelemetry, "_live", counting)
    return asked


def everything(store: PostgresqlTelemetry, fleet: list[Device]) -> list[object]:
    """What a batch asks."""
    found: list[object] = []
    for device in fleet:
        found += [store.device(device.device), store.directive_state(device.device), store.consents(device.subject)]
        found += [store.devices_of(device.subject), store.consents(device.subject, "statistics")]
    return found


def test_the_answers_are_those_of_single_questions(store: PostgresqlTelemetry, questions: list[str]) -> None:
    """For those who have rows, for those who have none, and for those of whom nobody spoke before; in a handful of questions."""
    stranger = replace(D1, device="x" * 16, subject="s-9")
    before = everything(store, [*FLEET, stranger])
    single = len(questions)
    questions.clear()
    with store.transaction():
        store.expect_devices(NAMES)
        assert everything(store, FLEET) == before[: 5 * len(FLEET)]
        assert len(questions) < single / 4
        assert everything(store, [*FLEET, stranger]) == before


def test_an_own_change_is_seen_at_once(store: PostgresqlTelemetry) -> None:
    """A state that was read ahead and replaced, a device, a consent: the transaction sees what it wrote."""
    name, subject = FLEET[1].device, FLEET[1].subject
    with store.transaction():
        store.expect_devices(NAMES)
        everything(store, FLEET)
        store.put_directive_state(replace(STATE, device=name, version=77))
        state = store.directive_state(name)
        assert state is not None and state.version == 77
        store.expect_devices(NAMES)
        everything(store, FLEET)
        store.append_consent(replace(CONSENT, record_id="new", pii_principal_id=subject))
        assert [record.record_id for record in store.consents(subject)] == ["r-1", "new"]
        store.expect_devices(NAMES)
        store.add_envelopes([envelope(device=name, counter=n) for n in range(100)])
        assert store.count_envelopes(name) == 100


def test_nothing_is_remembered_beyond_the_transaction(store: PostgresqlTelemetry) -> None:
    """What another process changes between two transactions is seen by the second, also after one that failed."""
    other = PostgresqlTelemetry(store.url)
    for number, fails in enumerate((False, True)):
        with pytest.raises(RuntimeError) if fails else store.transaction():
            if fails:
                with store.transaction():
                    store.expect_devices(NAMES)
                    everything(store, FLEET)
                    raise RuntimeError
            store.expect_devices(NAMES)
            everything(store, FLEET)
        other.update_device(replace(FLEET[0], generation=number + 1))
        with store.transaction():
            assert store.device(FLEET[0].device) == replace(FLEET[0], generation=number + 1)
    other.close()


def test_a_hint_outside_of_a_transaction_is_not_heard(store: PostgresqlTelemetry) -> None:
    """There the next read may see another state."""
    other = PostgresqlTelemetry(store.url)
    store.expect_devices(NAMES)
    everything(store, FLEET)
    other.update_device(replace(FLEET[0], generation=5))
    assert store.device(FLEET[0].device) == replace(FLEET[0], generation=5)
    other.close()


def test_more_rows_than_fit_are_asked_for_one_by_one(
    store: PostgresqlTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answers are the same."""
    before = everything(store, FLEET)
    monkeypatch.setattr(postgresql_ahead, "MOST_ROWS", 3)
    with store.transaction():
        store.expect_devices(NAMES)
        assert everything(store, FLEET) == before
