"""`byleave sync move`, and an installation whose configuration names PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.config import Config
from cloud_sync.errors import ConfigError
from cloud_sync.places import PostgresqlUrl
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock
from tests.unit.cloud_sync.storage.cluster import binaries, cluster

needs_postgresql = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")


@pytest.fixture
def depot(tmp_path: Path, clock: FakeClock) -> Installation:
    """An installation with a device and an answer."""
    depot = Installation(tmp_path, clock)
    depot.enrol()
    depot.give()
    return depot


def point(depot: Installation, name: str, place: str) -> None:
    """Write a place into cloud-sync.toml."""
    text = depot.config_file.read_text()
    old = next(line for line in text.splitlines() if line.startswith(f"{name} = "))
    depot.config_file.write_text(text.replace(old, f'{name} = "{place}"'))


@needs_postgresql
def test_an_installation_moves_to_postgresql_and_back(depot: Installation, tmp_path: Path) -> None:
    """After each move it goes on where it stood: devices, answers, the log; keys and telemetry on two clusters."""
    before = depot.ask("devices")
    entries = len(depot.ask("audit", "list"))
    urls = {"database": cluster().place(tmp_path, "telemetry"), "keys": cluster("keys").place(tmp_path, "keys")}
    for name, url in urls.items():
        moved = depot.ask("move", name, "--to", url)
        assert moved["rows"] > 0 and moved["to"] == url
        point(depot, name, url)
        assert depot.ask("devices") == before
    assert isinstance(depot.config.database, PostgresqlUrl) and isinstance(depot.config.keys, PostgresqlUrl)
    for name in ("telemetry.db", "keys.db"):
        (depot.home / name).unlink()
    depot.withdraw()
    depot.do("audit", "check")
    assert len(depot.ask("audit", "list")) > entries
    back = depot.home / "back.db"
    said = depot.do("move", "database", "--to", str(back)).output
    assert f'database = "{back}"' in said and "destroy" in said
    point(depot, "database", str(back))
    assert depot.ask("devices") == before


@needs_postgresql
def test_a_place_beside_another_store_or_with_rows_in_it_is_refused(depot: Installation, tmp_path: Path) -> None:
    """Keys do not go where the telemetry lies; a place that holds rows is not written to; the right one is."""
    url = cluster().place(tmp_path, "telemetry")
    depot.do("move", "database", "--to", url)
    assert "not empty" in depot.do("move", "database", "--to", url, code=1).output
    point(depot, "database", url)
    assert "backed up as one" in depot.do("move", "keys", "--to", cluster().place(tmp_path, "keys"), code=1).output
    assert "password" in depot.do("move", "keys", "--to", "postgresql://a:b@localhost/keys", code=1).output
    depot.do("move", "keys", "--to", str(depot.home / "keys-2.db"))


@needs_postgresql
def test_an_empty_database_in_the_place_of_a_lost_one_is_refused(depot: Installation, tmp_path: Path) -> None:
    """It would be served as if nothing had been there; the address is named."""
    url = cluster().place(tmp_path, "telemetry")
    point(depot, "database", url)
    assert "missing" in depot.do("devices", code=1).output
    with pytest.raises(ConfigError, match="password"):
        point(depot, "database", "postgresql://a:b@localhost/telemetry")
        Config.from_toml(depot.config_file)


def test_a_store_moves_to_another_file(depot: Installation) -> None:
    """A relative path counts from where the command runs, as with every command."""
    target = depot.home / "disk-2" / "telemetry.db"
    assert "cannot be created" in depot.do("move", "database", "--to", str(target), code=1).output
    target.parent.mkdir()
    assert depot.ask("move", "database", "--to", str(target))["rows"] > 0
    assert target.stat().st_mode & 0o777 == 0o600
