"""Configuration by file and environment, and `sync config`, which says what is in force and never a secret."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from cloud_sync.config import Config
from cloud_sync.errors import ConfigError
from cloud_sync.keys.providers import shown
from tests.unit.cloud_sync.cli.cli_world import Installation


def test_the_environment_goes_before_the_file(depot: Installation) -> None:
    """Text, numbers and switches, also of the broker; a relative path counts from the file's folder."""
    file = Config.from_toml(depot.config_file)
    assert file.broker is not None and (file.origin, file.broker.tls) == ("byleave", False)
    environment = {
        "BYLEAVE_SYNC_ORIGIN": "depot.example",
        "BYLEAVE_SYNC_DATABASE": "elsewhere/telemetry.db",
        "BYLEAVE_SYNC_BROKER_PORT": "8883",
        "BYLEAVE_SYNC_BROKER_TLS": "true",
        "BYLEAVE_CLOUD_SYNC": "not ours",
        "HOME": "/",
    }
    named = Config.from_toml(depot.config_file, environment)
    assert named.broker is not None and named.origin == "depot.example"
    assert named.database == depot.home / "elsewhere" / "telemetry.db" and named.keys == file.keys
    assert (named.broker.port, named.broker.tls, named.broker.host) == (8883, True, file.broker.host)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("BYLEAVE_SYNC_DATABSE", "x", "nothing reads it"),
        ("BYLEAVE_SYNC_BROKER", "x", "nothing reads it"),
        ("BYLEAVE_SYNC_BROKER_HSOT", "x", "nothing reads it"),
        ("BYLEAVE_SYNC_BROKER_PORT", "mqtt", "whole number"),
        ("BYLEAVE_SYNC_BROKER_PORT", "9" * 5000, "whole number"),
        ("BYLEAVE_SYNC_BROKER_TLS", "1", "true or false"),
    ],
)
def test_a_slip_in_the_environment_is_told(depot: Installation, name: str, value: str, told: str) -> None:
    """A name that nothing reads, or a value of another type: never passed over."""
    with pytest.raises(ConfigError, match=told):
        Config.from_toml(depot.config_file, {name: value})


def test_config_tells_what_is_in_force_and_from_where(depot: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """File, environment and default, each named; what is not in the file either has its default."""
    monkeypatch.setenv("BYLEAVE_SYNC_BROKER_KEEPALIVE_S", "45")
    rows = {row["key"]: (row["value"], row["from"]) for row in depot.ask("config")}
    assert rows["broker.keepalive_s"] == (45, "environment") and rows["broker.user"] == ("", "default")
    assert rows["database"] == (str(depot.home / "telemetry.db"), "file")
    assert rows["key_ring"] == (str(depot.home / "keys.ring"), "default")
    assert "keepalive_s" in depot.do("config").stdout


def test_no_secret_is_told(depot: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by `config` nor by the repr of a configuration: names and paths alone."""
    secret = base64.b64encode(bytes(range(32))).decode()
    monkeypatch.setenv("DEPOT_KEK", secret)
    (depot.home / "password").write_text("staple")
    monkeypatch.setenv("BYLEAVE_SYNC_BROKER_PASSWORD_FILE", "password")
    monkeypatch.setenv("BYLEAVE_SYNC_KEY_ENCRYPTION_KEY", "env:DEPOT_KEK")
    told = depot.do("config", "--json").output + depot.do("config").output + repr(depot.config)
    assert "env:DEPOT_KEK" in told and secret not in told and "staple" not in told
    assert (depot.home / "kek").read_bytes().hex() not in told
    assert shown("somekms:https://user:hunter2@kms.example/key") == "somekms:…"
    assert shown(Path("kek")) == "kek"
