"""What the demo keeps aside to prove its claims with, and no part of the product has: roots, seized flash, sealed envelopes."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync.wire import codec
from hw_sim.board import Board, Snapshot
from hw_sim.demo.sealed import SealedWatch
from hw_sim.errors import HwSimError


@dataclass
class Exhibits:
    """Exhibits of the first tracker, from its enrolment on."""

    device: str
    root: bytes
    generation: int
    first_epoch: int
    sealed: SealedWatch
    seized: Snapshot | None = None  # flash and retained memory after the drive of step d
    sealed_then: list[bytes] = field(default_factory=list)  # all envelopes sealed up to that moment

    def seize(self, board: Board) -> None:
        """Read out flash and retained memory, and note what has been sealed so far."""
        self.sealed.look()
        self.seized, self.sealed_then = board.snapshot(), list(self.sealed.envelopes.values())

    @classmethod
    def of(cls, enrolment_file: bytes, board: Board) -> Exhibits:
        """From the enrolment file, `[1, device, root, generation, first_epoch, now, settings]` (docs/architecture.md)."""
        fields = codec.unpack(enrolment_file)
        if not isinstance(fields, list):
            raise HwSimError("an enrolment file is an array")
        return cls(str(fields[1]), bytes(fields[2]), fields[3], fields[4], SealedWatch(board))
