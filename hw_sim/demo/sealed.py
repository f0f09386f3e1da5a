"""Every envelope that a board has sealed and spooled, seen at its flash: the truth that no link and no server can bend."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from hashlib import sha256

from cloud_sync.model import Header
from cloud_sync.wire.envelope import parse_uplink
from hw_sim.board import Board
from hw_sim.demo.flashcopy import waiting
from hw_sim.silicon.flash import Operation

Number = tuple[int, int, int, int]  # generation, stream, epoch, counter


def number_of(envelope: bytes) -> Number:
    """The number in an envelope's header, which anybody can read."""
    header: Header = parse_uplink(envelope).header
    return header.generation, int(header.stream), header.epoch, header.counter


def digest_of(envelope: bytes) -> bytes:
    """By which verdicts and rows name an envelope."""
    return sha256(envelope).digest()[:8]


@dataclass
class SealedWatch:
    """Watches the spool of one board: `envelopes` by digest, each whole in flash at some time."""

    board: Board
    envelopes: dict[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._region = self.board.partitions["bl_spool"]
        self.board.flash.hooks.append(self._before)

    def _before(self, operation: Operation) -> None:
        # Before each change, so that what is released, wiped or reclaimed by it has been seen.
        if self._region.holds(operation):
            self.look()

    def look(self) -> None:
        """Take in what waits now."""
        for entry in waiting(self.board):
            self.envelopes[digest_of(entry.envelope)] = entry.envelope

    def of_stream(self, stream: int) -> list[bytes]:
        """Envelopes of one stream."""
        return [envelope for envelope in self.envelopes.values() if number_of(envelope)[1] == stream]


def used_twice(envelopes: list[bytes]) -> int:
    """How many numbers, and so keys, were used for two different envelopes: (key, nonce) pairs can repeat only there."""
    by_number: dict[Number, set[bytes]] = defaultdict(set)
    for envelope in envelopes:
        by_number[number_of(envelope)].add(envelope)
    return sum(len(same) > 1 for same in by_number.values())
