"""Each command of `byleave agent` in a process of its own, with what needs a board replaced: `python -m` this, with a folder.

What is printed goes into files there by condition, `full.err` for instance, and the exit codes into `codes.json`.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.board.asking import Board
from agent.board.console import Console
from agent.cli import main
from agent.enrolment.greeting import Greeting
from agent.examination import monitor
from agent.examination.findings import Finding, ok
from agent.flashing.filing import Sent
from agent.flashing.flashing import Flashed
from agent.release.names import Names
from agent.reset.factory import Erased
from tests.unit.agent.reset.proofs import SOUND

PORT = ("--port", "/dev/pts/nobody")
DEVICE = Board("pico_w", "abcdefghijklmnop", 0, 20_000)
LINES: tuple[tuple[str, ...], ...] = (
    ("ports", *PORT),
    ("flash", *PORT),
    ("enrol", *PORT, "--file", "van.enrolment"),
    ("greet", *PORT, "--answer", "van.answer"),
    ("doctor", *PORT),
    ("doctor", *PORT, "--json"),
    ("monitor", *PORT),
    ("monitor", *PORT, "--once"),
    ("reset", *PORT),
    ("reset", *PORT, "--factory", "--yes"),
    ("reset", *PORT, "--factory"),
    ("proof", "erased.json"),
    ("gateway", "--unit"),
    ("release", "--board", "pico_w", "--out", "out"),
    ("names", "names.json", "text"),
    ("enrol", "--help"),
)
REFUSED = LINES.index(("reset", *PORT, "--factory"))  # there is nobody to ask


class NoConsole(Console):
    """A prompt at no port."""

    def __init__(self, port: str) -> None:
        self.port = port

    def restart(self, seconds: float | None = None) -> str:
        """It starts."""
        return "not started: not enrolled"

    def close(self) -> None:
        """Nothing is open."""


class NoMonitor:
    """One that hears one line."""

    def __init__(self, port: str, told: Any, said: Any, **named: object) -> None:
        self._told, self._said, self.watched = told, said, monitor.Watched(1, 2)

    def watch(self, for_s: float | None) -> None:
        """Says and hears."""
        self._said("listening")
        self._told(type("Line", (), {"text": "contact"}))


def examine(port: str, wish: object, told: Any) -> list[Finding]:
    """A board in order, with a name that no ASCII has."""
    found = [ok("board", "Gerät"), ok("keys", "one record")]
    for each in found:
        told(each)
    return found


def erase(port: str, *, progress: Any, **named: object) -> Erased:
    """A board that is empty."""
    progress(1, 2)
    return Erased("Pico W", "pico_w", "abcdefghijklmnop", (), 0, ())


def replace() -> None:
    """Puts them in the place of what needs a board."""
    flashed = Flashed("pico_w", "0.1.0", 1, Sent("slot", 1, 10, 20, 30), 4.5, True, "")
    made = {"files": {}, "version": "0.1.0", "security": 1, "bytes": 1}
    for module, name, instead in (
        ("agent.commands.doctor", "examine", examine),
        ("agent.commands.monitor", "Monitor", NoMonitor),
        ("agent.commands.monitor", "once", lambda port: None),
        ("agent.commands.reset", "Console", NoConsole),
        ("agent.reset.factory", "reset", erase),
        ("agent.flashing.flashing", "flash", lambda *words, **named: flashed),
        ("agent.enrolment.enrolment", "enrol", lambda *words, **named: DEVICE),
        ("agent.enrolment.greeting", "greet", lambda *words: Greeting(DEVICE, 1, 0)),
        ("agent.release.make", "make", lambda *words, **named: made),
    ):
        setattr(importlib.import_module(module), name, instead)


CLOSED = {"closed": (0, 1), "unheard": (2,), "all closed": (0, 1, 2)}
FULL = {"full": (1,), "all full": (1, 2), "silent": (2,)}
CONDITIONS = ("usual", *CLOSED, *FULL, "unread", "encoding")
IN_FULL = ("usual", "full")  # with every line; the others with SOME
SOME = [n for n, line in enumerate(LINES) if line[0] in ("doctor", "reset") or "--help" in line]


def tried(how: str) -> list[int]:
    """Numbers of the lines that are tried under a condition."""
    return list(range(len(LINES))) if how in IN_FULL else SOME


def redirected(how: str) -> None:
    """Descriptors and streams of this process as a start under that condition has them, on a terminal of no name."""
    os.environ["TERM"] = ""
    sides = [os.open(os.devnull, os.O_RDONLY)]
    sides += [os.open(f"{how}.{side}", os.O_WRONLY | os.O_APPEND | os.O_CREAT) for side in ("out", "err")]
    for descriptor in FULL.get(how, ()):
        sides[descriptor] = os.open("/dev/full", os.O_WRONLY)
    if how == "unread":
        read, sides[1] = os.pipe()
        os.close(read)
    for descriptor, side in enumerate(sides):
        os.dup2(side, descriptor)
        os.close(side)
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if descriptor in CLOSED.get(how, ()):
            os.close(descriptor)
            stream = None
        else:
            encoding = "iso8859-5" if how == "encoding" else "utf-8"
            stream = open(descriptor, "w" if descriptor else "r", encoding=encoding, closefd=False)  # noqa: SIM115
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def run(how: str, line: tuple[str, ...]) -> int:
    """The exit code of one, in a child that ends as any program ends."""
    child = os.fork()
    if child == 0:
        redirected(how)
        sys.argv = ["byleave", "agent", *line]
        main()
        sys.exit()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    os.chdir(sys.argv[1])
    Path("erased.json").write_text(json.dumps(SOUND))
    Path("names.json").write_bytes(Names({}, {}, {}, {}, {}).table())
    replace()
    for line in (
        ("ports", *PORT),
        ("enrol", "--help"),
        ("doctor", *PORT, "--json"),
    ):  # loads what each of them would load
        sys.argv = ["byleave", "agent", *line]
        with suppress(SystemExit):
            main()
    gc.freeze()
    Path("codes.json").write_text(json.dumps({how: [run(how, LINES[n]) for n in tried(how)] for how in CONDITIONS}))
