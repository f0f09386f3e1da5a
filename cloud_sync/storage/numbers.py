"""The unique number of an envelope within its device: (stream, epoch, generation, counter) in 49 bits, in the order of capture.

sealed anew: 1 bit ‖ stream: 3 bits ‖ epoch: 17 bits ‖ generation, or edition: 16 bits ‖ counter: 12 bits
"""

from __future__ import annotations

from cloud_sync.model import EnvelopeId


def number_of(stream: int, epoch: int, generation: int, counter: int) -> int:
    """The number of an envelope; generations from 65536 on are editions."""
    return generation >> 16 << 48 | stream << 45 | epoch << 28 | (generation & 0xFFFF) << 12 | counter


def id_of(device: str, number: int) -> EnvelopeId:
    """The id of a device's number."""
    generation = number >> 48 << 16 | number >> 12 & 0xFFFF
    return EnvelopeId(device, generation, number >> 45 & 7, number >> 28 & 0x1FFFF, number & 0xFFF)
