"""Disclosures over MQTT: to a topic of the recipient's broker, or of one that the recipient alone may read.

The broker's acknowledgement counts as the recipient having taken it, so the broker must be the recipient's. Never retained [a
retained message is a copy outside every clock, and whoever subscribes later gets it].
"""

from __future__ import annotations

from cloud_sync.config import BrokerConfig
from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.mqtt import brief
from cloud_sync.stores import Parcel

MOST_TOPIC = 200  # characters; brokers bound them, and a longer one is a mistake


class MqttSink:
    """`cloud_sync.stores.Sink` over a short connection for each part: QoS 1, bounded in time, under `topic`/<key>."""

    def __init__(self, broker: BrokerConfig, topic: str) -> None:
        """ConfigError for a topic that names more than one."""
        if not topic or len(topic) > MOST_TOPIC or set(topic) & set("#+\0") or topic.startswith(("/", "bl/", "$")):
            raise ConfigError(
                f"{topic!r} is no topic for a recipient: one of its own, without wildcards, not below bl/"
            )
        self._broker = broker
        self._topic = topic.rstrip("/")

    @property
    def host(self) -> str:
        """The broker's machine."""
        return self._broker.host

    def deliver(self, parcel: Parcel) -> None:
        """Publish; LinkError unless the broker has acknowledged it."""
        message = brief.Message(f"{self._topic}/{parcel.key}", parcel.body, retain=False)
        _, trouble = brief.publish(self._broker, [message])
        if trouble:
            raise LinkError(f"{parcel.recipient} did not take it: {trouble}")
