"""One pass over a run, in which everything that outlives a power cut is kept at every step: a tape of moments.

A run need not be driven again for each cut. A moment shares with the one before it all blocks that have not changed, so that
a thousand moments of a 4 MiB flash and a server's files take tens of megabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

from hw_sim.network.traffic import name_of
from hw_sim.scenario.product import Product, Running, Saved
from hw_sim.silicon.flash import Operation
from hw_sim.sweep.cuts import Cut, Part, SweepError
from hw_sim.sweep.local import LocalNetwork

BLOCK_BYTES = 4096  # a sector of flash, a page of SQLite
Blocks = tuple[bytes, ...]


class Hosted(Protocol):
    """A product with a server whose power can go as well: cuts of the kind `host`."""

    def without_host(self, saved: Saved) -> Saved:
        """The same moment, had all hosts lost their power right after the last word that the board was told."""
        ...


class Kept(NamedTuple):
    """What a reset of the chip leaves that a power cut does not, and the operation that was about to happen."""

    retained: bytes
    rtc_us: int
    cause: int
    operation: Operation | None


@dataclass(frozen=True)
class Moment:
    """The world right before one step. `saved` has no flash and no files of its own: see `Tape.saved`."""

    part: Part
    number: int
    what: str  # in words: the operation and its place, or the packet
    saved: Saved
    flash: Blocks
    files: Mapping[str, Blocks]
    words: Mapping[str, Blocks]
    kept: Kept


@dataclass
class Tape:
    """The moments of one run, in order."""

    moments: list[Moment] = field(default_factory=list)

    def find(self, part: Part, number: int) -> Moment:
        """One of them; SweepError if there is none."""
        found = next((m for m in self.moments if (m.part, m.number) == (part, number)), None)
        if found is None:
            last = max((m.number for m in self.moments if m.part == part), default=0)
            raise SweepError(f"{part}/{number}: this run has {part} steps 1 to {last}")
        return found

    @staticmethod
    def saved(moment: Moment) -> Saved:
        """The moment whole again."""
        state = dict(moment.saved.state)
        if moment.words:
            state["last_word"] = _joined(moment.words)
        return replace(moment.saved, flash=b"".join(moment.flash), files=_joined(moment.files), state=state)


class Recorder:
    """Keeps a moment at every flash operation and network step of a running product, of those that `wanted` wants."""

    def __init__(self, running: Running, wanted: Callable[[Part, int], bool]) -> None:
        self.tape = Tape()
        self.counts: dict[Part, int] = {"flash": 0, "net": 0}
        self._running, self._wanted = running, wanted
        network = running.site.network
        if not isinstance(network, LocalNetwork):
            raise SweepError("the product's network has no steps: build it on hw_sim.sweep.local.LocalNetwork")
        running.site.board.flash.hooks.insert(0, self._flash)
        heard = network.on_step

        def step(way: str, packet: bytes) -> None:
            self._step(way, packet)
            heard(way, packet)

        network.on_step = step

    def _flash(self, operation: Operation) -> None:
        self._keep("flash", f"{operation.kind} of {operation.size} bytes {self._place(operation)}", operation)

    def _place(self, operation: Operation) -> str:
        for name, partition in self._running.site.board.partitions.items():
            if partition.holds(operation):
                return f"at {operation.offset - partition.offset:#x} of {name}"
        return f"at {operation.offset:#x}"

    def _step(self, way: str, packet: bytes) -> None:
        self._keep("net", f"{way} {name_of(packet)}" if packet else way, None)

    def _keep(self, part: Part, what: str, operation: Operation | None) -> None:
        self.counts[part] += 1
        number = self.counts[part]
        if not self._wanted(part, number):
            return
        board = self._running.site.board
        saved = self._running.save()
        before = self.tape.moments[-1] if self.tape.moments else None
        state: dict[str, Any] = dict(saved.state)
        words = state.pop("last_word", {})
        self.tape.moments.append(
            Moment(
                part,
                number,
                f"{what}, {saved.clock_us / 1e6:.3f} s from the start",
                replace(saved, flash=b"", files={}, state=state),
                _blocks(saved.flash, before.flash if before else ()),
                _all_blocks(saved.files, before.files if before else {}),
                _all_blocks(words, before.files if before else {}, before.words if before else {}),
                Kept(board.retained, board.rtc.us, int(board.reset_cause), operation),
            )
        )


def record(
    opened: AbstractContextManager[Running],
    seconds: float,
    wanted: Callable[[Part, int], bool],
    told: Callable[[float], None] = lambda done: None,
) -> tuple[Tape, dict[Part, int]]:
    """The tape of a run of so many virtual seconds from the first power-on, and how many steps of each kind it has."""
    slice_s = max(1.0, seconds / 100)
    with opened as running:
        recorder = Recorder(running, wanted)
        clock = running.site.world.clock
        begin_us = clock.now_us
        running.site.board.power_on()
        while (left := seconds - (clock.now_us - begin_us) / 1e6) > 0:
            running.run(for_s=min(slice_s, left))
            told(1 - left / seconds)
        return recorder.tape, recorder.counts


def _blocks(data: bytes, *before: Blocks) -> Blocks:
    """The data in blocks, each the very object of before where it is equal."""
    found = []
    for number, at in enumerate(range(0, len(data), BLOCK_BYTES)):
        block = data[at : at + BLOCK_BYTES]
        for blocks in before:
            if number < len(blocks) and blocks[number] == block:
                block = blocks[number]
                break
        found.append(block)
    return tuple(found)


def _all_blocks(files: Mapping[str, bytes], *before: Mapping[str, Blocks]) -> dict[str, Blocks]:
    return {name: _blocks(data, *(each.get(name, ()) for each in before)) for name, data in files.items()}


def _joined(files: Mapping[str, Blocks]) -> dict[str, bytes]:
    return {name: b"".join(blocks) for name, blocks in files.items()}


def possible(product: Product, cut: Cut) -> bool:
    """Whether the product can be cut so."""
    return cut.possible() and (cut.how != "host" or hasattr(product, "without_host"))
