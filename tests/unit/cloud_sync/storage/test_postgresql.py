"""What is particular to PostgreSQL: connections, the lock of all transactions, and what was restored."""

# ruff: noqa: S608 - statements are joined from names of the schema; every value is bound

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg import errors

from cloud_sync.errors import StoreError
from cloud_sync.model import AuditEvent
from cloud_sync.storage import postgresql
from cloud_sync.storage.postgresql import PostgresqlEngine, PostgresqlTelemetry, PostgresqlTombstones
from cloud_sync.storage.schema import KEYS
from tests.unit.cloud_sync.storage.cluster import USER, binaries, cluster, schema_of
from tests.unit.cloud_sync.storage.test_database_contract import CONSENT, D1, D2, envelope

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
CANARY = b"canary-4711-canary-4711-canary-4711"


@pytest.fixture
def telemetry(tmp_path: Path) -> Iterator[PostgresqlTelemetry]:
    """A telemetry database with two devices."""
    store = PostgresqlTelemetry(cluster().place(tmp_path, "telemetry"))
    store.add_device(D1)
    store.add_device(D2)
    yield store
    store.close()


def test_a_session_waits_for_the_disk(telemetry: PostgresqlTelemetry) -> None:
    """Whatever the role's or the database's defaults say."""
    assert telemetry.one("SHOW synchronous_commit") == ("on",)
    telemetry.close()
    cluster().run(f"ALTER ROLE {USER} SET synchronous_commit TO off")
    try:
        again = PostgresqlTelemetry(telemetry.url)
        assert again.one("SHOW synchronous_commit") == ("on",)
        again.close()
    finally:
        cluster().run(f"ALTER ROLE {USER} RESET synchronous_commit")


def test_text_is_ordered_by_its_bytes(telemetry: PostgresqlTelemetry) -> None:
    """As SQLite does, whatever the language of the database."""
    found = telemetry.rows(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = current_schema() AND data_type = 'text'"
        " AND collation_name IS DISTINCT FROM 'C'"
    )
    assert found == [(0,)]


def test_another_kind_of_store_is_refused(tmp_path: Path) -> None:
    """Keys are not opened in the schema of the telemetry."""
    url = cluster().place(tmp_path, "telemetry")
    PostgresqlTelemetry(url).close()
    with pytest.raises(StoreError, match="another kind"):
        PostgresqlTombstones(url)
    PostgresqlTelemetry(url).close()


# The connection


def terminate(store: PostgresqlEngine) -> None:
    """The server ends the store's connection."""
    pid = store._db.info.backend_pid
    cluster().run(f"SELECT pg_terminate_backend({pid}, 5000)")


def test_a_connection_that_was_lost_between_two_uses_is_made_anew(telemetry: PostgresqlTelemetry) -> None:
    """A read, a statement and a transaction each find the new one, with the settings of the first."""
    uses: list[Callable[[], object]] = [
        telemetry.count_envelopes,
        lambda: telemetry.update_device(D1),
        lambda: telemetry.add_envelopes([envelope()]),
    ]
    for use in uses:
        terminate(telemetry)
        use()
    assert telemetry.count_envelopes() == 1
    assert telemetry.one("SHOW synchronous_commit") == ("on",)


def test_a_transaction_whose_connection_is_lost_leaves_nothing(telemetry: PostgresqlTelemetry) -> None:
    """Not its first half, and not its second one on a new connection, even where the loss was swallowed."""
    with pytest.raises(StoreError), telemetry.transaction():
        telemetry.add_envelopes([envelope()])
        terminate(telemetry)
        with pytest.raises(StoreError):
            telemetry.add_envelopes([envelope(counter=1)])
        telemetry.add_envelopes([envelope(counter=2)])
    with pytest.raises(StoreError), telemetry.transaction():
        telemetry.add_envelopes([envelope()])
        terminate(telemetry)
    assert telemetry.count_envelopes() == 0
    telemetry.add_envelopes([envelope()])
    assert telemetry.count_envelopes() == 1


def test_a_failed_statement_that_was_swallowed_fails_the_transaction(telemetry: PostgresqlTelemetry) -> None:
    """PostgreSQL would roll back at COMMIT and report success."""
    with pytest.raises(StoreError, match="nothing of it is kept"), telemetry.transaction():
        telemetry.append_consent(CONSENT)
        with pytest.raises(StoreError):
            telemetry.add_device(D1)
    assert telemetry.all_consents() == []
    telemetry.append_consent(CONSENT)


def test_a_database_that_was_restored_under_the_service_is_refused(telemetry: PostgresqlTelemetry) -> None:
    """It would serve before the tombstones were replayed over it; a start opens it."""
    schema = schema_of(telemetry.url)
    cluster().run(f"DROP SCHEMA {schema} CASCADE", f"CREATE SCHEMA {schema}")
    PostgresqlTelemetry(telemetry.url).close()
    assert telemetry.all_devices() == []  # the same connection knows no better
    terminate(telemetry)
    for _ in range(2):
        with pytest.raises(StoreError, match="restart the service"):
            telemetry.all_devices()
    PostgresqlTelemetry(telemetry.url).close()


def test_whoever_waits_for_the_lock_too_long_is_told(
    telemetry: PostgresqlTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing hangs for ever on another process; when it is done the next try succeeds."""
    monkeypatch.setattr(postgresql, "WAIT_S", 0.05)
    other = PostgresqlTelemetry(telemetry.url)
    with telemetry.transaction():
        with pytest.raises(StoreError), other.transaction():
            raise AssertionError
        with pytest.raises(StoreError):
            other.append_consent(CONSENT)
    other.append_consent(CONSENT)
    other.close()


def test_a_statement_that_met_a_deadlock_is_tried_again(
    telemetry: PostgresqlTelemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three times at most, and never within a transaction, whose beginning is gone."""
    real, failures = PostgresqlEngine._note, [errors.DeadlockDetected("a"), errors.SerializationFailure("b")]

    def failing(self: PostgresqlEngine, sql: str) -> None:
        if failures and sql.startswith("UPDATE"):
            raise failures.pop()
        real(self, sql)

    monkeypatch.setattr(PostgresqlEngine, "_note", failing)
    telemetry.update_device(replace(D1, generation=1))
    assert (failures, telemetry.device(D1.device)) == ([], replace(D1, generation=1))
    failures.append(errors.DeadlockDetected("c"))
    with pytest.raises(StoreError), telemetry.transaction():
        telemetry.update_device(D1)
    failures.extend([errors.DeadlockDetected("d")] * 3)
    with pytest.raises(StoreError):
        telemetry.update_device(D1)
    assert telemetry.device(D1.device) == replace(D1, generation=1)


@pytest.mark.parametrize(
    "device",
    [
        replace(D1, device="c", subject="\0"),
        replace(D1, device="c", subject="\ud800"),
        replace(D1, device="c", generation=2**63),
    ],
    ids=["a zero", "half a surrogate pair", "beyond 64 bits"],
)
def test_values_that_do_not_fit_raise_the_package_s_own_error(telemetry: PostgresqlTelemetry, device: object) -> None:
    """No exception of the driver leaks, and the store works on."""
    telemetry.add_device(replace(D1, device="d"))
    with pytest.raises(StoreError):
        telemetry.add_device(device)  # type: ignore[arg-type]
    assert len(telemetry.all_devices()) == 3


def test_many_rows_with_repeats_among_them_are_stored_once(telemetry: PostgresqlTelemetry) -> None:
    """COPY, which knows no conflict, gives way to one statement for each row; a value that does not fit ends the batch."""
    rows = [envelope(counter=counter) for counter in range(200)]
    telemetry.add_envelopes(rows[:100])
    telemetry.add_envelopes([*rows, rows[150]])
    assert telemetry.envelopes(D1.device, 1, 0, 99_999) == rows
    with pytest.raises(StoreError):
        telemetry.add_envelopes(
            [*(envelope(counter=n, epoch=1) for n in range(100)), replace(rows[0], directive_version=2**63)]
        )
    assert telemetry.count_envelopes() == 200


# The schema


@pytest.mark.parametrize("table", ["consent", "audit_leaf"])
def test_append_only_tables_refuse_to_be_emptied(telemetry: PostgresqlTelemetry, table: str) -> None:
    """TRUNCATE fires no trigger of rows; it has one of its own."""
    telemetry.append_consent(CONSENT)
    telemetry.append_leaf(AuditEvent("k", 1.5, "a", "s"), b"leaf", b"hash")
    with pytest.raises(StoreError, match="append-only"):
        telemetry.run(f"TRUNCATE {table}")
    assert telemetry.one(f"SELECT count(*) FROM {table}") == (1,)


def test_two_processes_that_open_at_once_make_the_schema_once(tmp_path: Path) -> None:
    """Of eight at the same moment each finds it whole."""
    url = cluster().place(tmp_path, "keys")
    found: list[int] = []

    def opened() -> None:
        store = PostgresqlEngine(url, KEYS)
        found.append(store.schema_version)
        store.close()

    threads = [threading.Thread(target=opened) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == [KEYS[-1].version] * 8
