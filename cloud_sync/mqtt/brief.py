"""A short connection to a broker, for what is published once: bounded, acknowledged, under a name of its own.

Downlinks of a command go this way while another process holds the server's session, and disclosures over MQTT.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from cloud_sync.config import BrokerConfig
from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.mqtt.access import prepare

TIMEOUT_S = 10.0  # all of it: connecting, sending, the broker's acknowledgements; nobody waits longer at a prompt
LOOP_S = 0.2
NAME_CHARACTERS = 14  # of the service's client id; with a dash and 8 of chance it stays within the 23 of MQTT 3.1.1


class Message(NamedTuple):
    """What is published, at QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


def publish(broker: BrokerConfig, outgoing: Sequence[Message]) -> tuple[int, str]:
    """Publish in order and wait for the broker's acknowledgements, `TIMEOUT_S` at the longest: how many it has, and why not all."""
    sending = _Sending(outgoing)
    try:
        _converse(broker, sending)
    except (LinkError, ConfigError) as error:
        return sending.acknowledged, str(error)
    return sending.acknowledged, ""


class _Sending:
    """The callbacks of one short connection."""

    def __init__(self, outgoing: Sequence[Message]) -> None:
        self._outgoing = outgoing
        self.acknowledged = 0
        self.refused = ""

    @property
    def done(self) -> bool:
        """Whether the broker has everything."""
        return self.acknowledged == len(self._outgoing)

    def on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        """Publish everything at once, in the order of its numbers [a device accepts no number below the last]."""
        if reason.is_failure:
            self.refused = str(reason)
            return
        for message in self._outgoing:
            client.publish(message.topic, message.payload, qos=1, retain=message.retain)

    def on_publish(self, client: paho.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        """The broker has one more."""
        self.acknowledged += 1


def _converse(broker: BrokerConfig, sending: _Sending) -> None:
    host, port = broker.address
    where = f"broker {host}:{port}"
    client = _client(broker)
    client.on_connect, client.on_publish = sending.on_connect, sending.on_publish
    deadline = time.monotonic() + TIMEOUT_S
    try:
        client.connect(host, port, keepalive=broker.keepalive_s)
    except (OSError, ValueError) as error:
        raise LinkError(f"{where} is away ({error})") from error
    while not sending.done:
        status = client.loop(LOOP_S)
        if sending.refused:
            raise LinkError(f"{where} refuses the connection ({sending.refused})")
        if status != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise LinkError(f"{where} closed the connection")
        if time.monotonic() > deadline:
            raise LinkError(f"{where} has not acknowledged within {TIMEOUT_S:.0f} s")
    client.disconnect()


def _client(broker: BrokerConfig) -> paho.Client:
    """A client without a session, under a name that is not the service's [the broker would end the service's session]."""
    client = paho.Client(
        CallbackAPIVersion.VERSION2,
        client_id=f"{broker.client_id[:NAME_CHARACTERS]}-{secrets.token_hex(4)}",
        clean_session=True,
        protocol=paho.MQTTv311,
        reconnect_on_failure=False,
    )
    client.max_inflight_messages_set(0)  # no limit: the next ones must not wait for the acknowledgement of the first
    prepare(client, broker)
    return client
