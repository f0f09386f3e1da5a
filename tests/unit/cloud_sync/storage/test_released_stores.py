"""Stores that an earlier program has filled: this one brings them forward, and reads from them what was read then."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.config import Config
from cloud_sync.errors import StoreError
from cloud_sync.model import Actor
from cloud_sync.service import CloudSync
from cloud_sync.storage.engine import Engine, Migration
from cloud_sync.storage.keybackup import restore
from cloud_sync.storage.moving import move
from cloud_sync.storage.postgresql import PostgresqlEngine
from cloud_sync.storage.schema import KEYS, TELEMETRY, TOMBSTONES
from cloud_sync.storage.sqlite import SqliteEngine
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, FakeClock, ListLink
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.storage.cluster import binaries, cluster

FILLED = Path(__file__).parents[3] / "data" / "stores" / "schema-4"
THEN = {"telemetry": TELEMETRY[:4], "keys": KEYS[:4], "tombstones": TOMBSTONES[:3]}


def installation(directory: Path) -> Config:
    """A copy of the filled one; version control keeps no modes."""
    home = Path(shutil.copytree(FILLED, directory / "home"))
    for path in home.iterdir():
        if path.is_file():
            path.chmod(0o600)
    # Today's policy without the one thing in which it goes beyond that of then: who agreed then would be asked anew.
    head, mail, rest = POLICY.read_text("utf-8").partition('[[roles.service]]\nactions = ["mail"]\n')
    assert mail
    policy = home / "today.toml"
    policy.write_text(anew(head + rest.partition("\n")[2]), "utf-8")
    return Config.in_directory(home, policy=policy, broker=None)


def on_postgresql(config: Config) -> Config:
    """As if the program of then had filled telemetry and keys on PostgreSQL: its schema first, and its rows in it."""
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    places = {}
    for field, name in (("database", "telemetry"), ("keys", "keys")):
        path = getattr(config, field)
        url = places[field] = cluster(name).place(path.parent, name)
        source, target = SqliteEngine(path, THEN[name]), PostgresqlEngine(url, THEN[name])
        assert source.schema_version == target.schema_version == THEN[name][-1].version
        assert move(source, target).rows > 0
        source.close()
        target.close()
    return replace(config, **places)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_everything_that_was_there_is_there(engine: str, tmp_path: Path) -> None:
    """Positions but for the erased ones, devices, answers, limits, tombstones, and the log, which continues its old checkpoint."""
    expected: dict[str, Any] = json.loads((FILLED / "expected.json").read_text())
    config = installation(tmp_path)
    if engine == "postgresql":
        config = on_postgresql(config)
    clock = FakeClock()
    clock.at = expected["now"]
    for _ in range(2):  # the second start finds its own schema
        with CloudSync.open(config, clock=clock, link=ListLink()) as cloud:
            assert cloud.database.schema_version == TELEMETRY[-1].version
            assert {each.device: each.subject for each in cloud.database.all_devices()} == expected["devices"]
            for subject, states in expected["consents"].items():
                found = [str(record.event_state) for record in cloud.database.consents(subject)]
                assert found[: len(states)] == states
            assert len(cloud.limits.in_force("s-1").zones) == expected["zones"]
            assert len(cloud._tombstones.all()) == expected["tombstones"]
            assert cloud.audit.check(expected["checkpoint"]) >= expected["entries"]
            assert cloud.audit.public_key == expected["public_key"]
            fixes = cloud.read_location(
                actor=Actor("s-1", "data_subject"), purpose="tracking", subject="s-1", start=NOON, end=NOON + 4 * 3600
            )
            assert [fix.time for fix in fixes] == expected["times"]


def read(cloud: CloudSync) -> list[int]:
    """Times of what the person sees of their positions."""
    person = Actor("s-1", "data_subject")
    fixes = cloud.read_location(actor=person, purpose="tracking", subject="s-1", start=NOON, end=NOON + 4 * 3600)
    return [fix.time for fix in fixes]


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_keys_are_rotated_over_a_store_of_then(engine: str, whole: bool, tmp_path: Path) -> None:
    """At once, or begun, stopped and gone on with by a sweep of a later start; a backup of its keys restores what it held."""
    expected: dict[str, Any] = json.loads((FILLED / "expected.json").read_text())
    config = installation(tmp_path)
    if engine == "postgresql":
        config = on_postgresql(config)
    clock = FakeClock(expected["now"])
    with CloudSync.open(config, clock=clock, link=ListLink()) as cloud:
        number = cloud.rotate_keys()[0] if whole else cloud.rotation.begin()
    with CloudSync.open(config, clock=clock, link=ListLink()) as cloud:
        assert not cloud.sweep(clock_confirmed=True).halted
        assert cloud.rotation.work().wrapped == 0  # nothing lies under a former key
        assert read(cloud) == expected["times"] and len(cloud.limits.in_force("s-1").zones) == expected["zones"]
        assert cloud.back_up_keys(tmp_path / "keys.backup") > 0
        assert number == 2
    if engine == "postgresql":
        config = replace(config, keys=tmp_path / "restored.db")
    else:
        for leftover in config.keys.parent.glob("keys.db*"):
            leftover.unlink()
    restore(tmp_path / "keys.backup", config.keys, clock.at, lambda at: at + 30 * 86_400)
    with CloudSync.open(config, clock=clock, link=ListLink()) as cloud:
        assert read(cloud) == expected["times"]


def opener(engine: str, tmp_path: Path) -> Callable[[tuple[Migration, ...]], Engine]:
    """How a store is opened with these migrations."""
    if engine == "sqlite":
        return lambda migrations: SqliteEngine(tmp_path / "keys.db", migrations)
    if binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    url = cluster().place(tmp_path, "keys")
    return lambda migrations: PostgresqlEngine(url, migrations)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_schema_from_the_future_is_refused_with_what_to_do(engine: str, tmp_path: Path) -> None:
    """One step more than this program knows; the same number of steps opens, and nothing was changed."""
    opened = opener(engine, tmp_path)
    later = Migration(KEYS[-1].version + 1, "to come", ("CREATE TABLE to_come (x INTEGER)",))
    opened((*KEYS, later)).close()
    with pytest.raises(StoreError, match="start the newer program"):
        opened(KEYS)
    store = opened((*KEYS, later))
    assert store.schema_version == later.version
    store.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_step_that_was_reserved_and_came_late_runs_too(engine: str, tmp_path: Path) -> None:
    """Steps count by themselves, not by the highest."""
    opened = opener(engine, tmp_path)
    last = KEYS[-1].version
    late = Migration(last + 1, "late", ("CREATE TABLE late (x INTEGER)",))
    early = Migration(last + 2, "early", ("CREATE TABLE early (x INTEGER)",))
    opened((*KEYS, early)).close()
    store = opened((*KEYS, late, early))
    assert (store.rows("SELECT * FROM late"), store.rows("SELECT * FROM early")) == ([], [])
    store.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_step_that_fails_leaves_nothing_behind(engine: str, tmp_path: Path) -> None:
    """Its first statement is undone with its second."""
    opened = opener(engine, tmp_path)
    opened(KEYS).close()
    number = KEYS[-1].version + 1
    with pytest.raises(StoreError):
        opened((*KEYS, Migration(number, "broken", ("CREATE TABLE half (x INTEGER)", "CREATE NONSENSE"))))
    store = opened((*KEYS, Migration(number, "mended", ("CREATE TABLE half (x INTEGER)",))))
    assert store.rows("SELECT * FROM half") == []
    store.close()
