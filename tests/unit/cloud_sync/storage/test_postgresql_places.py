"""Addresses of PostgreSQL stores: without a password, and never over a line that others can read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.places import PostgresqlUrl, place
from cloud_sync.storage import open as opening
from cloud_sync.storage.postgresql import PostgresqlTelemetry
from cloud_sync.storage.postgresql_place import connection_settings
from tests.unit.cloud_sync.storage.cluster import binaries

pytestmark = pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")

# Addresses


def test_an_address_holds_no_password() -> None:
    """Neither before the @ nor as a parameter; the sentence does not repeat it."""
    assert PostgresqlUrl("postgresql://ingest@db.example/byleave") == "postgresql://ingest@db.example/byleave"
    for url in ("postgresql://ingest:s3cret@db.example/byleave", "postgresql://db.example/byleave?password=s3cret"):
        with pytest.raises(ConfigError, match="passfile") as refused:
            PostgresqlUrl(url)
        assert "s3cret" not in str(refused.value)


def test_a_path_is_a_path_and_an_address_an_address(tmp_path: Path) -> None:
    """By the scheme; relative paths count from the folder."""
    assert place("telemetry.db", tmp_path) == tmp_path / "telemetry.db"
    assert isinstance(place("postgresql:///byleave", tmp_path), PostgresqlUrl)
    with pytest.raises(ConfigError, match="begins with"):
        PostgresqlUrl("mysql://localhost/byleave")


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql:///byleave", None),
        ("postgresql:///byleave?host=/run/postgresql", None),
        ("postgresql://127.0.0.1,[::1]/byleave", None),
        ("postgresql://db.example/byleave", "verify-full"),
        ("postgresql://db.example/byleave?sslmode=verify-full", "verify-full"),
        ("postgresql:///byleave?host=localhost&hostaddr=192.0.2.1", "verify-full"),
    ],
)
def test_a_line_over_a_network_is_encrypted_and_its_end_known(url: str, mode: str | None) -> None:
    """Sockets and loopback need nothing; elsewhere the server's certificate and name are checked."""
    assert connection_settings(PostgresqlUrl(url)).get("sslmode") == mode


def test_a_weaker_line_over_a_network_is_refused() -> None:
    """On this machine it may be chosen."""
    assert connection_settings(PostgresqlUrl("postgresql://localhost/b?sslmode=disable"))["sslmode"] == "disable"
    with pytest.raises(ConfigError, match="verify-full"):
        connection_settings(PostgresqlUrl("postgresql://db.example/b?sslmode=require"))


@pytest.mark.parametrize("variable", ["PGHOST", "PGHOSTADDR"])
def test_a_host_from_the_environment_counts_as_one(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """libpq takes it where the address names none: then the line is a network's too."""
    url = PostgresqlUrl("postgresql:///byleave")
    monkeypatch.setenv(variable, "127.0.0.1")
    assert "sslmode" not in connection_settings(url)
    monkeypatch.setenv(variable, "192.0.2.1")
    assert connection_settings(url)["sslmode"] == "verify-full"


def test_a_service_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could say which line it names; in the address or in the environment."""
    with pytest.raises(ConfigError, match="service file"):
        connection_settings(PostgresqlUrl("postgresql:///byleave?service=prod"))
    monkeypatch.setenv("PGSERVICE", "prod")
    with pytest.raises(ConfigError, match="service file"):
        connection_settings(PostgresqlUrl("postgresql:///byleave"))


def test_an_address_that_libpq_does_not_understand_is_a_configuration_error() -> None:
    """The parameter is named."""
    with pytest.raises(ConfigError, match="nonsense"):
        connection_settings(PostgresqlUrl("postgresql:///byleave?nonsense=1"))


def test_a_server_that_is_not_there_raises_the_package_s_own_error(tmp_path: Path) -> None:
    """No psycopg exception leaks, from a constructor or from the question whether a store is there."""
    url = PostgresqlUrl(f"postgresql:///byleave?host={tmp_path}")
    with pytest.raises(StoreError):
        PostgresqlTelemetry(url)
    with pytest.raises(StoreError):
        opening.is_there(url)


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without psycopg is told what to install."""
    monkeypatch.setitem(sys.modules, "cloud_sync.storage.postgresql", None)
    with pytest.raises(ConfigError, match=r"byleave\[postgresql\]"):
        opening.open_telemetry(PostgresqlUrl("postgresql:///byleave"))
