"""A store that moves from one engine to the other, or to another place on the same: every row, and the numbers go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.model import AuditEvent, Leaf
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.moving import Moved, move
from cloud_sync.storage.telemetry import TelemetryRows
from tests.unit.cloud_sync.storage.cluster import binaries
from tests.unit.cloud_sync.storage.stores_contract import IMPLEMENTATIONS, Implementation
from tests.unit.cloud_sync.storage.test_database_contract import CONSENT, D1, D2, STATE, envelope

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
NAMES = [implementation.name for implementation in IMPLEMENTATIONS]


@pytest.fixture(params=IMPLEMENTATIONS, ids=NAMES)
def whence(request: pytest.FixtureRequest) -> Implementation:
    """Where the store lies."""
    return request.param


@pytest.fixture(params=IMPLEMENTATIONS, ids=NAMES)
def whither(request: pytest.FixtureRequest) -> Implementation:
    """Where it goes."""
    return request.param


def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two places."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    return old, new


def fill(store: TelemetryRows) -> None:
    """Something in the tables that tests of this folder know."""
    store.add_device(D1)
    store.add_device(replace(D2, revoked_at=9.5))
    store.add_envelopes(envelope(counter=counter) for counter in range(2500))
    store.append_consent(CONSENT)
    store.put_directive_state(STATE)
    store.append_leaf(AuditEvent("read", 1.5, "a-1", "s-1"), b"leaf\0", b"hash")


def contents(store: Engine) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables."""
    return {table: sorted(store.rows(f"SELECT * FROM {table}"), key=repr) for table in store.tables}  # noqa: S608


def test_every_row_arrives_and_the_numbers_go_on(
    whence: Implementation, whither: Implementation, tmp_path: Path
) -> None:
    """All tables are alike; what is appended afterwards gets the next number."""
    old, new = folders(tmp_path)
    source, target = whence.database(old), whither.database(new)
    assert isinstance(source, TelemetryRows) and isinstance(target, TelemetryRows)
    fill(source)
    before = contents(source)
    moved = move(source, target)
    assert moved == Moved(len(source.tables), sum(map(len, before.values())))
    assert contents(target) == before == contents(source)
    target.append_consent(replace(CONSENT, record_id="r-2"))
    target.add_device(replace(D1, device="cccccccccccccccc"))
    assert [record.record_id for record in target.consents("s-1")] == ["r-1", "r-2"]
    assert target.append_leaf(AuditEvent("read", 1.5, "a-1", "s-1"), b"leaf", b"hash") == 1
    for store in (source, target):
        store.close()


def test_keys_arrive_as_they_are_wrapped(whence: Implementation, whither: Implementation, tmp_path: Path) -> None:
    """Bytes of every value."""
    old, new = folders(tmp_path)
    source, target = whence.keys(old), whither.keys(new)
    assert isinstance(source, KeyRows) and isinstance(target, KeyRows)
    leaf = Leaf(D1.device, 0, 1, 2, 3, bytes(range(256)))
    source.put_leaf(leaf)
    assert move(source, target).rows == 1
    assert target.leaf(D1.device, 0, 1, 2) == leaf
    for store in (source, target):
        store.close()


def test_a_place_that_holds_something_is_refused(whither: Implementation, tmp_path: Path) -> None:
    """Nothing is overwritten and nothing is added, also when a table further on is the one; nor is another kind of store."""
    old, new = folders(tmp_path)
    source, target = IMPLEMENTATIONS[0].database(old), whither.database(new)
    keys = IMPLEMENTATIONS[0].keys(old)
    assert isinstance(source, TelemetryRows) and isinstance(target, TelemetryRows) and isinstance(keys, KeyRows)
    fill(source)
    target.put_directive_state(STATE)
    with pytest.raises(ConfigError, match="not empty"):
        move(source, target)
    assert target.all_devices() == []
    with pytest.raises(ConfigError, match="kind"):
        move(keys, target)
    for store in (source, target, keys):
        store.close()


def test_a_move_that_fails_leaves_the_place_empty(whither: Implementation, tmp_path: Path) -> None:
    """A row that the target does not take undoes the tables before it."""
    old, new = folders(tmp_path)
    source, target = IMPLEMENTATIONS[0].database(old), whither.database(new)
    assert isinstance(source, TelemetryRows) and isinstance(target, TelemetryRows)
    fill(source)
    kept = target.run_many

    def failing(sql: str, rows: object) -> int:
        if "audit_leaf" in sql:
            raise StoreError("full")
        return kept(sql, rows)  # type: ignore[arg-type]

    target.run_many = failing  # type: ignore[method-assign,assignment]
    with pytest.raises(StoreError):
        move(source, target)
    assert (target.all_devices(), target.count_envelopes()) == ([], 0)
    for store in (source, target):
        store.close()
