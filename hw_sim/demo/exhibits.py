"""What the demo keeps aside to prove its claims with, and no part of the product has: roots, seized flash, sealed envelopes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cloud_sync.keys.generations import Generations
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec, ladder
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
    begun: dict[tuple[int, int], tuple[int, bytes]] = field(default_factory=dict)  # see `spine`
    seized: Snapshot | None = None  # flash and retained memory after the drive of step d
    sealed_then: list[bytes] = field(default_factory=list)  # all envelopes sealed up to that moment

    def seize(self, board: Board) -> None:
        """Read out flash and retained memory, and note what has been sealed so far."""
        self.sealed.look()
        self.seized, self.sealed_then = board.snapshot(), list(self.sealed.envelopes.values())

    def spine(self, generation: int, stream: int) -> tuple[int, bytes]:
        """First epoch of a generation and the spine's value on it: from the root, or as it was noted when a healing began it."""
        if generation == self.generation:
            return self.first_epoch, ladder.spine(self.root, stream)
        return self.begun[generation, stream]

    def follow(self, generations: Generations) -> None:
        """Note what the server's healings begin with; nobody can derive it from what is kept of an exchange."""
        put: Callable[..., None] = generations._put_tip

        def noted(device: str, generation: int, stream: int, epoch: int, spine: bytes) -> None:
            if device == self.device:
                self.begun[generation, int(stream)] = epoch, spine
            put(device, generation, stream, epoch, spine)

        generations._put_tip = noted  # type: ignore[method-assign]

    @classmethod
    def of(cls, enrolment_file: bytes, board: Board, cloud: CloudSync) -> Exhibits:
        """From the enrolment file, `[1, device, root, generation, first_epoch, now, settings]` (docs/architecture.md)."""
        fields = codec.unpack(enrolment_file)
        if not isinstance(fields, list):
            raise HwSimError("an enrolment file is an array")
        exhibits = cls(str(fields[1]), bytes(fields[2]), fields[3], fields[4], SealedWatch(board))
        exhibits.follow(cloud._generations)
        return exhibits
