"""One fixture for each kind of store, on every implementation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.stores import Database, KeyDatabase, TombstoneStore
from tests.unit.cloud_sync.storage.cluster import binaries
from tests.unit.cloud_sync.storage.stores_contract import IMPLEMENTATIONS, Implementation


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda implementation: implementation.name)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """The implementation under test."""
    if request.param.name == "postgresql" and binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    return request.param


@pytest.fixture
def database(implementation: Implementation, tmp_path: Path) -> Iterator[Database]:
    """An empty telemetry database."""
    store = implementation.database(tmp_path)
    yield store
    store.close()


@pytest.fixture
def keys(implementation: Implementation, tmp_path: Path) -> Iterator[KeyDatabase]:
    """An empty key store."""
    store = implementation.keys(tmp_path)
    yield store
    store.close()


@pytest.fixture
def tombstones(implementation: Implementation, tmp_path: Path) -> Iterator[TombstoneStore]:
    """An empty tombstone store."""
    store = implementation.tombstones(tmp_path)
    yield store
    store.close()
