"""What the spool keeps, and what it says of what was offered."""

from __future__ import annotations

from enum import Enum
from hashlib import sha256
from typing import Final, NamedTuple

# What a row takes in the file beside its envelope: columns, its places in two indices, its share of pages half full. Of the
# largest envelopes three fit a page of 4096 bytes, so that the file is a fifth larger than its bound then; the log adds 4 MB.
ROW_BYTES: Final = 200


class Taken(Enum):
    """What became of an envelope that was offered."""

    FRESH = "fresh"  # kept; accepted once `commit` returns True
    KNOWN = "known"  # here already and not at the broker yet; accepted once `commit` returns True
    FULL = "full"  # refused: no room by its bound, or the disk takes nothing


class Row(NamedTuple):
    """A spooled envelope on its way to the broker."""

    id: int
    device: str
    envelope: bytes


class New(NamedTuple):
    """A row as it is inserted."""

    id: int
    port: str
    device: str
    received_s: int
    digest: bytes
    envelope: bytes

    @property
    def size(self) -> int:
        return len(self.envelope) + ROW_BYTES


def digest_of(device: str, envelope: bytes) -> bytes:
    """Of both: an envelope that another pseudonym sent first is not known [a port that copies would hold the true one back]."""
    return sha256(device.encode() + envelope).digest()[:16]
