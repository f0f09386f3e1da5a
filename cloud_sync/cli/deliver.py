"""Downlinks of a command, while another process holds the server's MQTT session: an own connection, short and bounded.

Nothing depends on it: the server answers every status of a device with the newest directive, so that what does not
arrive now is said again at the device's next status.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from cloud_sync.config import BrokerConfig
from cloud_sync.mqtt import brief
from cloud_sync.mqtt.brief import Message
from cloud_sync.mqtt.publisher import CLEARED

__all__ = ["Delivery", "Message", "Outbox", "clear", "deliver", "publish"]

LATER = "a device that misses it is told at its next status"


@dataclass
class Outbox:
    """`cloud_sync.stores.Downlinks` that keeps what is sent until the command has committed."""

    sent: list[tuple[str, bytes]] = field(default_factory=list)
    cleared: list[str] = field(default_factory=list)  # devices whose retained messages are to go

    def forget(self, device: str) -> None:
        """Keep it."""
        self.cleared.append(device)

    def send(self, device: str, envelope: bytes) -> None:
        """Keep it."""
        self.sent.append((device, envelope))


@dataclass(frozen=True)
class Delivery:
    """What became of the downlinks: how many there were, how many the broker has, and why not all."""

    downlinks: int = 0
    acknowledged: int = 0
    trouble: str = ""

    def __str__(self) -> str:
        if not self.downlinks:
            return "nothing to send now: what is due goes out as the answer to the device's next status"
        if self.trouble:
            return f"{self.trouble}; {self.acknowledged} of {self.downlinks} downlinks are with the broker: {LATER}"
        return f"{self.downlinks} sealed downlink{'s' * (self.downlinks > 1)} sent, acknowledged by the broker; {LATER}"


def deliver(broker: BrokerConfig | None, outgoing: Sequence[tuple[str, bytes]]) -> Delivery:
    """Publish sealed downlinks in order and wait for the broker's acknowledgements, `TIMEOUT_S` at the longest."""
    return publish(broker, [Message(f"bl/1/{device}/down", envelope) for device, envelope in outgoing])


def clear(broker: BrokerConfig | None, devices: Sequence[str]) -> Delivery:
    """Take away what the broker retains under these devices' topics; without a broker there is nothing."""
    if broker is None:
        return Delivery()
    return publish(broker, [Message(f"bl/1/{each}/{topic}", b"", retain=True) for each in devices for topic in CLEARED])


def publish(broker: BrokerConfig | None, outgoing: Sequence[Message]) -> Delivery:
    """The same with any messages."""
    if not outgoing:
        return Delivery()
    if broker is None:
        return Delivery(len(outgoing), 0, "no broker is configured")
    acknowledged, trouble = brief.publish(broker, outgoing)
    return Delivery(len(outgoing), acknowledged, trouble)
