"""An enrolment by invitation that is cut: at a byte of the host, at one of the board, at an operation of its flash.

After each cut the board is a device or none, and never half of one; the file on disk is the board's, or the last sentence said to
give the command again; and the command, given again, ends well. The tests cut at some places, tests/benchmarks/enrolment.py at all.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.board import console
from agent.enrolment import invited
from agent.enrolment.settings import Settings, checked
from agent.errors import AgentError, LinkLost, NoPrompt
from firmware.flash.spool import Spool
from tests.unit.agent.enrolment.bench import ENDLESS, Bench, note_of, plugged
from tests.unit.agent.enrolment.server import Server

SETTINGS: Settings = checked(
    {"wifi": {"ssid": "depot", "key": "depot1234"}, "broker": {"host": "broker.example", "port": 1883, "tls": False}}
)
FORMER = "qrstuvwxyz234567"


@dataclass(frozen=True)
class Cut:
    """Where: behind so many bytes sent, or heard, or operations of flash (torn or clean), which take the power with them; or at
    a byte at which the board says one of its own, so that what it says next is not understood."""

    sent: int = ENDLESS
    heard: int = ENDLESS
    operation: int | None = None
    torn: bool = False
    talks: int | None = None


@dataclass(frozen=True)
class Whole:
    """How much an enrolment is that nobody cuts."""

    sent: int
    heard: int
    operations: int


class Case:
    """One board, one server, one file; `former`: the board is somebody's device, and the command says --again."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *, former: bool = False, seed: int = 0) -> None:
        self.bench = plugged(Bench(), patch)
        self.bench.flash.supply.rng = random.Random(seed)
        self.server = Server()
        self.out = folder / "van.enrolment"
        self.again = former
        # What the board may still be: what it was, and what a command that came to its end made of it.
        self.before = {""}
        if former:
            self.bench.keys.enrol(FORMER, bytearray(range(32)), 0, 20_000, 20_000 * 86_400)
            self.before.add(FORMER)
        self.bench.flash.supply.operations = 0

    def command(self) -> None:
        """As it is given, each time."""
        invited.enrol("port", self.server.invitation, SETTINGS, self.out, again=self.again)

    def cut(self, cut: Cut) -> str:
        """The command, cut there; what it said, "" if it came to its end."""
        supply = self.bench.flash.supply
        supply.restart(None if cut.operation is None else supply.operations + cut.operation)
        supply.torn = cut.torn
        self.bench.pull(sent=cut.sent, heard=cut.heard)
        self.bench.talks_at = cut.talks
        try:
            self.command()
        except (LinkLost, NoPrompt) as error:
            return str(error)
        finally:
            self.bench.plug(power=cut.operation is not None)
        return ""

    def check(self, said: str) -> str:
        """Nothing is half, and no file would be admitted that is not this board's; how far it came."""
        keys = self.bench.keys
        device = keys.device if keys.enrolled else ""
        note = note_of(self.out).read_text() if note_of(self.out).exists() else ""
        assert device in self.before or device in note or not said, "a device that nobody noted"
        if not self.out.exists():
            assert device in self.before
            return "nothing"
        sealed = self.server.open(self.out)
        if not said:
            assert (device, sealed.status[0]) == (sealed.device, 1)
            return "through"
        assert "again" in said or not note  # without a note it is finished, by a try before this one
        if device == sealed.device:
            assert keys.epoch == sealed.first_epoch
            assert self.bench.settings["board"] == sealed.board
        if sealed.hello or not note:
            assert (device, sealed.status[0]) == (sealed.device, 1)
            return "complete"
        return "a device" if device == sealed.device else "a file"

    def ends_well(self) -> None:
        """The command once more: board, file and hello belong together, and nothing else is left."""
        self.command()
        sealed, keys = self.server.open(self.out), self.bench.keys
        assert (keys.device, sealed.status[0]) == (sealed.device, 1)
        assert [each.envelope for each in Spool(self.bench.region("spool")).pending()] == [sealed.hello]
        assert sorted(self.out.parent.iterdir()) == [self.out]
        assert self.out.stat().st_mode & 0o777 == 0o600
        assert self.bench.started > 0
        assert "e" not in self.bench.scope


def flipped(folder: Path, flips: Iterable[tuple[int | None, int | None, int]]) -> Counter[str]:
    """One bit changed on the wire, each time from the beginning: the byte of the host or of the board, and the bit. What ends
    well is the device that the file says, with the settings that were given; else the same command ends so."""
    return Counter(_flip(folder, flip) for flip in flips)


def _flip(folder: Path, flip: tuple[int | None, int | None, int]) -> str:
    with pytest.MonkeyPatch.context() as patch, _emptied(folder):
        for name in ("READ_S", "ENTER_S", "RUN_S"):  # what waits for a byte that was changed waits in vain
            patch.setattr(console, name, 0.05)
        case = Case(folder, patch)
        case.bench.pull()
        case.bench.flips = flip
        said = ""
        try:
            case.command()
        except AgentError as error:
            said = str(error)
            case.bench.plug(power=True)  # as the sentence asks for where the prompt is not found any more
            case.again = case.bench.keys.enrolled and not note_of(case.out).exists()
            case.command()
        finally:
            assert not re.search("[0-9a-f]{24}", said), f"{flip}: {said}"
        sealed, keys = case.server.open(case.out), case.bench.keys
        assert (keys.device, sealed.status[0], keys.epoch) == (sealed.device, 1, sealed.first_epoch), f"{flip}: {said}"
        assert case.bench.settings["wifi"] == {"ssid": "depot", "key": "depot1234"}, f"{flip}: {said}"
        assert case.bench.settings["broker"]["host"] == "broker.example", f"{flip}: {said}"
        return said.partition(": ")[2][:32]


def whole(folder: Path, *, former: bool = False) -> Whole:
    """The measure of an enrolment."""
    with pytest.MonkeyPatch.context() as patch, _emptied(folder):
        case = Case(folder, patch, former=former)
        case.bench.pull()
        case.command()
        return Whole(case.bench.sent, case.bench.heard, case.bench.flash.supply.operations)


def sweep(folder: Path, cuts: Iterable[Cut], *, former: bool = False) -> Counter[str]:
    """Cuts at each of these places, each time from the beginning; how far they came, how often. AssertionError at the first that
    leaves anything half."""
    return Counter(_one(folder, [cut], former=former) for cut in cuts)


def twice(folder: Path, pairs: Iterable[tuple[Cut, Cut]]) -> Counter[str]:
    """The same, with the next try cut too."""
    return Counter(_one(folder, pair) for pair in pairs)


def _one(folder: Path, cuts: Sequence[Cut], *, former: bool = False) -> str:
    with pytest.MonkeyPatch.context() as patch, _emptied(folder):
        case = Case(folder, patch, former=former)
        said = state = ""
        try:
            for cut in cuts:
                said = case.cut(cut)
                state = case.check(said)
                if not said:  # from here on it must be asked for
                    case.again = True
                    case.before.add(case.bench.keys.device)
            case.ends_well()
        except (AssertionError, AgentError) as error:
            raise AssertionError(f"{cuts}, {state}: {error}; it said: {said}") from error
        return state


@contextlib.contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for path in folder.iterdir():
            path.unlink()
