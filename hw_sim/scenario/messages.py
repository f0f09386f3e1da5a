"""What a board has published, as its broker got it."""

from __future__ import annotations

from typing import NamedTuple

from hw_sim.network.net import Network
from hw_sim.network.traffic import Splitter, name_of, payload_of, topic_of


class Message(NamedTuple):
    """One MQTT PUBLISH."""

    topic: str
    payload: bytes


def published(network: Network) -> list[Message]:
    """All that left the board by MQTT without TLS and was not lost on the way, oldest first; said twice, it is there twice."""
    packets = Splitter().feed(network.captured("up"))
    return [Message(topic_of(packet), payload_of(packet)) for packet in packets if name_of(packet) == "PUBLISH"]
