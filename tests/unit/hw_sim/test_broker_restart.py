"""A broker that comes back: with its sessions, or as one that knows nobody."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from hw_sim.network.broker import Broker, NoBroker

pytestmark = pytest.mark.mosquitto
SUBSCRIBE = bytes.fromhex("820800010003") + b"a/b\x01"
PUBLISH = bytes.fromhex("3209") + b"\x00\x03a/b\x00\x07hi"


def connect(broker: Broker, name: bytes) -> tuple[socket.socket, bytes]:
    """A client with a session of its own that is to outlive the connection (clean session 0); CONNACK."""
    client = socket.create_connection((broker.host, broker.port), timeout=5)
    client.sendall(bytes([0x10, 12 + len(name)]) + b"\x00\x04MQTT\x04\x00\x00\x00" + bytes([0, len(name)]) + name)
    return client, client.recv(4)


@pytest.fixture
def broker() -> Iterator[Broker]:
    """One of which sessions can be kept."""
    try:
        with Broker.start("mosquitto", persistent=True) as running:
            yield running
    except NoBroker as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("keep_sessions", [True, False])
def test_sessions_outlive_a_restart_or_not(broker: Broker, keep_sessions: bool) -> None:
    """A message waits for a client that is away: after the restart it is handed over, or nobody knows of either."""
    client, _ = connect(broker, b"away")
    client.sendall(SUBSCRIBE)
    assert client.recv(5)[:1] == b"\x90"
    client.close()
    sender, _ = connect(broker, b"sender")
    sender.sendall(PUBLISH)
    assert sender.recv(4) == b"\x40\x02\x00\x07"
    port = broker.port
    broker.restart(keep_sessions=keep_sessions)
    assert broker.port == port
    assert sender.recv(4) == b""
    sender.close()
    client, connack = connect(broker, b"away")
    assert connack == bytes([0x20, 2, int(keep_sessions), 0])
    client.settimeout(0.2)
    if keep_sessions:
        assert client.recv(100).endswith(b"hi")
    else:
        with pytest.raises(TimeoutError):
            client.recv(100)
    client.close()


def test_what_cannot_be_kept_is_said() -> None:
    """A broker without persistence restarts, and keeps nothing; another kind keeps nothing at all."""
    with Broker.start("mosquitto") as running:
        running.restart(keep_sessions=False)
        with pytest.raises(NoBroker, match="persistent"):
            running.restart(keep_sessions=True)
        running.stop()
        with pytest.raises(NoBroker, match="cannot be restarted"):
            running.restart(keep_sessions=False)
    with pytest.raises(NoBroker, match="keeps no sessions"):
        Broker("iotcore", 1, persistent=True)
