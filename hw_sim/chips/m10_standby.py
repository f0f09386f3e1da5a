"""UBX-RXM-PMREQ: the request that sends an M10 to software standby (interface description, section 3.17.5)."""

import struct
from dataclasses import dataclass
from typing import Self

from hw_sim.errors import NotSimulated

BACKUP = 1 << 1  # of the flags; bit 2, `force`, matters with USB only
UARTRX, EXTINT0 = 1 << 3, 1 << 5  # of the wake-up sources
OTHERS = 1 << 6 | 1 << 7  # EXTINT1, SPI


@dataclass(frozen=True)
class Standby:
    """Until one of the sources has an edge, or for that long if it is not 0."""

    duration_ms: int
    sources: int

    @classmethod
    def of(cls, payload: bytes) -> Self | None:
        """The request of a payload; None for one that asks for nothing. It is never acknowledged."""
        if len(payload) == 8:
            raise NotSimulated("ublox_m10: UBX-RXM-PMREQ of 8 bytes, which protocol 34 does not have")
        if len(payload) != 16 or payload[0] != 0:
            return None
        duration_ms, flags, sources = struct.unpack("<III", payload[4:])
        if sources & OTHERS:
            raise NotSimulated("ublox_m10: wake-up by EXTINT1 or SPI")
        return cls(duration_ms, sources) if flags & BACKUP else None
