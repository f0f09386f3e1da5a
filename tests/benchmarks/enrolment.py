"""Enrolment by invitation: how long it takes on a simulated board in real time, and cut everywhere.

Cut, or with one bit changed, at every byte of the host and of the board; cut at every operation of flash
(tests/unit/agent/enrolment/pulling.py: the firmware's modules behind a prompt within this process), and at random bytes of a
board with the real interpreter on a pseudo-terminal.
"""

from __future__ import annotations

import random
import tempfile
import time
from pathlib import Path

import pytest

from agent.board import console
from agent.board.asking import look
from agent.board.line import Line
from agent.enrolment import invited
from agent.errors import LinkLost, NoPrompt
from tests.system.shells import Shell, running
from tests.unit.agent.enrolment.pulling import SETTINGS, Cut, flipped, sweep, twice, whole
from tests.unit.agent.enrolment.server import Server

PAIRS = 2000
SEED = 8


def run(*, quick: bool = False) -> dict[str, object]:
    """Seconds at `--speed 1`; and for each kind of cut how far the command had come, how often. AssertionError if anything was
    left half, or the same command did not end well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures: dict[str, object] = {"time": timed(folder, tries=1 if quick else 3)}
        figures |= {f"cut at {kind}": ended for kind, ended in everywhere(folder, every=40 if quick else 1).items()}
        figures["cut on a pseudo-terminal"] = at_a_board(folder, cuts=5 if quick else 100)
    return figures


def timed(folder: Path, *, tries: int) -> dict[str, object]:
    """From the first Ctrl-C to the board's start, at the speed of real flash."""
    took: list[float] = []
    with running("--speed", "1") as shell:
        for n in range(tries):
            began = time.monotonic()
            invited.enrol(shell.port, Server().invitation, SETTINGS, folder / f"{n}.enrolment", again=True)
            took.append(time.monotonic() - began)
    size = (folder / "0.enrolment").stat().st_size
    _empty(folder)
    return {"first_s": took[0], "slowest_s": max(took), "file_bytes": size}


def everywhere(folder: Path, *, every: int) -> dict[str, dict[str, int]]:
    """All places, or each so-manieth."""
    one, other, rng = whole(folder), whole(folder, former=True), random.Random(SEED)
    pairs = [
        (Cut(sent=rng.randrange(1, one.sent)), Cut(sent=rng.randrange(1, one.sent))) for _ in range(PAIRS // every)
    ]
    return {
        "each byte sent": dict(sweep(folder, (Cut(sent=n) for n in range(1, one.sent, every)))),
        "each byte sent to a device": dict(
            sweep(folder, (Cut(sent=n) for n in range(1, other.sent, every)), former=True)
        ),
        "each byte heard": dict(sweep(folder, (Cut(heard=n) for n in range(1, one.heard, every)))),
        "each operation of flash": dict(
            sweep(folder, (Cut(operation=n, torn=torn) for n in range(one.operations) for torn in (False, True)))
        ),
        "two random bytes": dict(twice(folder, pairs)),
        "one bit changed": dict(
            flipped(
                folder,
                [
                    *((n, None, 1 << rng.randrange(8)) for n in range(1, one.sent, every)),
                    *((None, n, 1 << rng.randrange(8)) for n in range(1, one.heard, every)),
                ],
            )
        ),
    }


def at_a_board(folder: Path, *, cuts: int) -> dict[str, int]:
    """Pulled at random bytes of a board with the real interpreter; each time the same command once more."""
    rng, pulled, whole_boards = random.Random(SEED), 0, 0
    with running() as shell, pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "START_S", 0.3)
        sent = measured(shell, folder)
        for n in range(cuts):
            server, out = Server(), folder / f"{n}.enrolment"
            pulled += not _cut(shell, server, out, at=rng.randrange(1, sent))
            if not out.exists() or out.with_name(out.name + ".unfinished").exists():
                invited.enrol(shell.port, server.invitation, SETTINGS, out, again=True)
            with console.Console(shell.port) as prompt:
                device = look(prompt).device
            sealed = server.open(out)
            assert (sealed.device, sealed.status[0]) == (device, 1)
            whole_boards += 1
    _empty(folder)
    return {"bytes": sent, "cuts": cuts, "ended the command": pulled, "well in the end": whole_boards}


def measured(shell: Shell, folder: Path) -> int:
    """Bytes that an enrolment sends."""
    sent, write = [0], Line.write

    def count(self: Line, data: bytes) -> int:
        sent[0] += len(data)
        return write(self, data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Line, "write", count)
        invited.enrol(shell.port, Server().invitation, SETTINGS, folder / "measure.enrolment", again=True)
    return sent[0]


def _cut(shell: Shell, server: Server, out: Path, *, at: int) -> bool:
    """Whether the command came to its end although the cable was pulled at this byte."""
    left, write = [at], Line.write

    def pull(self: Line, data: bytes) -> int:
        part, left[0] = data[: max(0, left[0])], left[0] - len(data)
        done = write(self, part)
        if left[0] <= 0:
            self.close()
            raise OSError("pulled")
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Line, "write", pull)
        try:
            invited.enrol(shell.port, server.invitation, SETTINGS, out, again=True)
        except (LinkLost, NoPrompt):
            return False
    return True


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
