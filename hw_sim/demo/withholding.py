"""A broker that withholds what a device sends: a fault for the network of the stage, and the copies that it keeps."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync.model import Stream
from hw_sim.demo.observer import stream_in_clear
from hw_sim.network.traffic import Direction, name_of, payload_of


@dataclass
class Withholds:
    """Takes location envelopes and passes none on, so that the device gets no acknowledgement either: for `Faults(drop=…)`.

    `envelopes` are those taken, each once, in order of their first coming, to be brought out later.
    """

    envelopes: list[bytes] = field(default_factory=list)

    def __call__(self, direction: Direction, packet: bytes) -> bool:
        payload = payload_of(packet) if direction == "up" and name_of(packet) == "PUBLISH" else b""
        if stream_in_clear(payload) != Stream.LOCATION:
            return False
        if payload not in self.envelopes:
            self.envelopes.append(payload)
        return True
