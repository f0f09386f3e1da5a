"""A release that is flashed while the cable is pulled: behind each byte of the host, at each byte of the board.

At each place the board goes on with its own supply, or loses it with the cable. Then it must start as what it was or as what it
becomes, with nothing on trial, and what is a person's untouched; its prompt must be found again, and the same command must end
well, send what was missing and write no more. What is at a prompt behind a soft reset depends on flash and files alone, so the same
command is given once for each of their states, however many places lead there. The tests pull at some places,
tests/benchmarks/flashing.py at all.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.board import console
from agent.errors import LinkLost, NoPrompt
from agent.flashing import flashing, framing
from agent.flashing.flashing import Flashed
from agent.flashing.released import Release
from tests.system.flashable import a_release
from tests.unit.agent.enrolment.bench import ENDLESS, plugged
from tests.unit.agent.flashing.bench import NOTHING, Board, Durable

PORT = "port"
NEW = "the new release"


@dataclass(frozen=True)
class Pull:
    """Behind so many bytes of the host, or at so many of the board."""

    sent: int = ENDLESS
    heard: int = ENDLESS


@dataclass(frozen=True)
class Whole:
    """A flash that nobody disturbs: bytes each way, and how many of each way there were before each frame of the host."""

    sent: int
    heard: int
    frames: tuple[tuple[int, int], ...]

    def everywhere(self) -> Iterator[Pull]:
        """Each byte sent, and each heard."""
        yield from (Pull(sent=n) for n in range(1, self.sent + 1))
        yield from (Pull(heard=n) for n in range(1, self.heard + 1))

    def boundaries(self) -> list[Pull]:
        """First, middle and last byte of each frame sent, and of each answer."""
        rows = [*self.frames, (self.sent, self.heard)]
        found = []
        for (sent, heard), (sent_to, heard_to) in itertools.pairwise(rows):
            found += [Pull(sent=n) for n in {sent + 1, (sent + sent_to) // 2, sent_to} if sent < n <= sent_to]
            found += [Pull(heard=n) for n in {heard + 1, (heard + heard_to) // 2, heard_to} if heard < n <= heard_to]
        return found


class Case:
    """A board, what it runs, and the release that it is to get. `before`: flashed first, one after the other."""

    def __init__(
        self, folder: Path, before: list[Path], *, sectors: int, built: bool = False, enrolled: bool = False
    ) -> None:
        self.folder = folder
        self.release = Release.read(folder)
        self.board = Board([*map(Release.read, before), self.release], sectors=sectors, built=built, enrolled=enrolled)
        self._ends: dict[Durable, str] = {}
        with self.plugged():
            for each in before:
                flashing.flash(PORT, folder=each)
            self.first = self.board.durable()
            self.was = self.board.start()
            self.whole = self._whole(self.first)

    @contextlib.contextmanager
    def plugged(self) -> Iterator[None]:
        """The board at its port."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(flashing, "START_S", 0.0)
            plugged(self.board, patch)
            yield

    def _whole(self, state: Durable) -> Whole:
        self.board.restore(state)
        done = flashing.flash(PORT, folder=self.folder)
        whole = Whole(self.board.sent, self.board.heard, tuple(self.board.frames))
        assert self.board.start() == self.release.version
        assert done.sent.sent_bytes == self._missing(state, done)
        return whole

    def sweep(self, pulls: Iterable[Pull]) -> Counter[str]:
        """What the board was behind each, how often. AssertionError at the first that leaves anything half."""
        found: Counter[str] = Counter()
        with self.plugged():
            for pull in pulls:
                try:
                    found.update(self._pulled(self.first, self.whole, pull))
                except Exception as error:
                    raise AssertionError(f"{pull} of {self.whole.sent}, {self.whole.heard}: {error}") from error
        return found

    def again(self) -> int:
        """The next cable is pulled too, and the one after it, at the boundaries, from each state that a cable has left, until they
        leave no other; how many places that were. AssertionError at the first that leaves anything half, or an older release."""
        places, done = 0, set[Durable]()
        with self.plugged():
            while left := [state for state in self._ends if state not in done]:
                for state in left:
                    done.add(state)
                    whole = self._whole(state)
                    for pull in whole.boundaries():
                        places += 1
                        found = set(self._pulled(state, whole, pull))
                        assert self._ends[state] != NEW or found == {NEW}, f"{pull}: back to {found}"
        return places

    @property
    def states(self) -> int:
        """How many states of flash and files the cables have left."""
        return len(self._ends)

    def _pulled(self, state: Durable, whole: Whole, pull: Pull) -> Iterator[str]:
        board = self.board
        board.restore(state)
        board.pull(sent=pull.sent, heard=pull.heard)
        with contextlib.suppress(LinkLost, NoPrompt):
            flashing.flash(PORT, folder=self.folder)
            assert board.sent >= whole.sent or board.heard >= whole.heard, "the command did not see it"
        unpowered = board.durable()
        board.plug()
        with console.Console(PORT):  # its prompt is found again, whatever it was in the midst of
            powered = board.durable()
        yield self._judged(unpowered)
        yield self._judged(powered)

    def _judged(self, state: Durable) -> str:
        if state not in self._ends:
            self._ends[state] = self._end(state)
        return self._ends[state]

    def _end(self, state: Durable) -> str:
        """What starts from it; the same command ends well there."""
        board = self.board
        # 1. The old one or the new one, confirmed, no update under way; nothing of a person's was touched.
        started = self._started(state)
        assert started in (self.was, self.release.version), f"starts {started}"
        assert state.regions == self.first.regions
        # 2. The same command sends what is missing, and writes it once.
        board.restore(state)
        erases = list(board.segment.erases)
        done = flashing.flash(PORT, folder=self.folder)
        missing = self._missing(state, done)
        assert done.sent.sent_bytes == missing, f"{done.sent.sent_bytes} bytes sent, {missing} were missing"
        erased = sum(now - then for now, then in zip(board.segment.erases, erases, strict=True))
        assert erased <= -(-missing // framing.BLOCK_BYTES) + 1
        after = board.durable()
        assert self._started(after) == self.release.version
        assert after.regions == self.first.regions
        return NEW if started == self.release.version else "nothing" if started == NOTHING else "the old release"

    def _started(self, state: Durable) -> str:
        """What starts from a copy, which the start must not change: nothing is on trial, nothing under way."""
        self.board.restore(state)
        found = self.board.start()
        assert self.board.began[0] == 0, "an update is under way"
        assert self.board.durable() == state, "the start has changed flash"
        return found

    def _missing(self, state: Durable, done: Flashed) -> int:
        """Bytes that were not there, by what was there: sectors of the slot that was chosen, or files of the release's folder."""
        if done.sent.way == "files":
            place = f"/release-{self.release.folder_digest[:12]}"
            there = {name: data for name, data in state.files if name.startswith(place)}
            files = {f"{place}/{name}": data for name, data in self.release.files.items() if name != "main.py"}
            return sum(len(data) for name, data in files.items() if there.get(name) != data)
        image, size = self.release.image, framing.BLOCK_BYTES
        base = (done.sent.slot or 0) * len(state.segment) // 2
        blocks = [image[at : at + size].ljust(size, b"\xff") for at in range(0, len(image), size)]
        missing = sum(state.segment[base + i * size :][:size] != block for i, block in enumerate(blocks))
        return min(len(image), missing * size)


def small(folder: Path, name: str) -> Case:
    """One of KINDS with releases of some KB, of which the old one and the new one differ in one module."""
    names = ("older", "old", "new")
    folders = {each: folder / each for each in names}
    for each in names:
        if not folders[each].exists():
            a_release(folders[each], each, noise=1, noise_bytes=NOISE_BYTES)
    before, options = KINDS[name]
    return Case(folders["new"], [folders[each] for each in before], **options)  # type: ignore[arg-type]


NOISE_BYTES = 4500  # with the rest two sectors, of which the first is the same in all of them
KINDS: dict[str, tuple[tuple[str, ...], dict[str, object]]] = {
    "bare, slots": ((), {"sectors": 8}),
    "a device, slots": (("older", "old"), {"sectors": 8, "built": True, "enrolled": True}),
    "bare, files": ((), {"sectors": 0}),
    "a device, files": (("older", "old"), {"sectors": 0, "enrolled": True}),
}
