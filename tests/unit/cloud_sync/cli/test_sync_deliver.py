"""Downlinks of a command, over a connection of its own: to a real broker, to one that refuses, to one that is silent."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cloud_sync.cli.deliver import deliver
from cloud_sync.config import BrokerConfig
from cloud_sync.model import Sensor
from cloud_sync.mqtt import brief as module
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until

DEVICE = "a" * 16
OUTGOING = [(DEVICE, bytes([number]) * 40) for number in range(30)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the broker's files."""
    folder = tmp_path / "broker"
    folder.mkdir()
    return folder


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
def test_a_withdrawal_reaches_a_connected_device_at_once(tmp_path: Path, folder: Path, clock: FakeClock) -> None:
    """The command ends with the broker's acknowledgement; the device hears a directive that narrows."""
    broker = Broker(folder).start()
    depot = Installation(tmp_path, clock, broker.port)
    tracker = depot.enrol()
    depot.give()
    assert depot.feed(tracker, tracker.status())[0].sensors == Sensor.GNSS
    device = Publisher(broker.port)
    clock.at = NOON + 120
    told = depot.withdraw()["devices"]
    assert (told["downlinks"], told["acknowledged"], told["trouble"]) == (1, 1, "")
    until(lambda: len(device.heard) == 1)
    [(topic, sealed)] = device.heard
    assert topic == f"bl/1/{tracker.name}/down" and tracker.open(sealed).sensors == Sensor(0)
    device.close()
    broker.stop()


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
def test_many_downlinks_keep_their_order(folder: Path) -> None:
    """A device accepts no number below the last one it had."""
    broker = Broker(folder).start()
    device = Publisher(broker.port)
    delivery = deliver(BrokerConfig("127.0.0.1", broker.port), OUTGOING)
    assert (delivery.acknowledged, delivery.trouble) == (30, "")
    until(lambda: len(device.heard) == 30)
    assert [sealed for _, sealed in device.heard] == [sealed for _, sealed in OUTGOING]
    device.close()
    broker.stop()


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
def test_a_broker_with_a_password(folder: Path) -> None:
    """With the password it takes them; with another one, or a file that is gone, the reason is told."""
    password = folder / "password"
    password.write_text("secret\n")
    # A hash of "secret" as mosquitto_passwd makes it (PBKDF2-SHA512, 101 rounds), computed here with the standard library.
    (folder / "users").write_text(f"cloud-sync:{mosquitto_hash('secret')}\n")
    (folder / "users").chmod(0o600)
    broker = Broker(folder, f"password_file {folder}/users\nallow_anonymous false\n").start()
    named = {"host": "127.0.0.1", "port": broker.port, "user": "cloud-sync", "password_file": str(password)}
    assert deliver(BrokerConfig(**named), OUTGOING).acknowledged == 30
    password.write_text("wrong\n")
    refused = deliver(BrokerConfig(**named), OUTGOING)
    assert (refused.acknowledged, "refuses the connection" in refused.trouble) == (0, True)
    password.unlink()
    assert "password_file" in deliver(BrokerConfig(**named), OUTGOING).trouble
    broker.stop()


def mosquitto_hash(password: str) -> str:
    """A line of mosquitto's password file: $7$rounds$salt$hash."""
    import base64
    import hashlib

    salt = b"0123456789ab"
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 101)
    return f"$7$101${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def test_a_broker_that_says_nothing_does_not_hold_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener that accepts and never answers: bounded, and told."""
    monkeypatch.setattr(module, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        delivery = deliver(BrokerConfig("127.0.0.1", silent.getsockname()[1]), OUTGOING)
    assert delivery.acknowledged == 0 and "has not acknowledged within" in delivery.trouble
    assert "told at its next status" in str(delivery)


def test_without_a_broker_or_a_downlink_nothing_connects() -> None:
    """Nothing to send is no trouble; no broker in the configuration is told."""
    assert str(deliver(None, [])).startswith("nothing to send")
    assert deliver(None, OUTGOING).trouble == "no broker is configured"


def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    """The option is named."""
    delivery = deliver(BrokerConfig("127.0.0.1", 1, tls=True, ca_file=str(tmp_path / "none.pem")), OUTGOING)
    assert "broker.ca_file" in delivery.trouble
