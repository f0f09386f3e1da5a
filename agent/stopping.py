"""A command at a board that is stopped from outside ends as at Ctrl-C: by an exception, behind which the board is cleaned.

[SIGTERM of a service manager, SIGHUP of a terminal that is closed: by itself Python dies of either where it stands, and the board
keeps the half of a root key that was typed.] SIGKILL and a power cut nobody hears; for these there is the sentence of the next try.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")  # the last is not on Windows
PATIENCE_S = (
    120.0  # cleaning takes a minute at most: what is at work still has not heard the first [lost in a finalizer]
)
_SAYS = b"stopping: the board is cleaned and started first, which takes up to a minute\n"


class _Stop:
    """When one came, and whether it finds a command that ends already."""

    def __init__(self) -> None:
        self.came_s: float | None = None  # when
        self.shields = 0

    def take(self, number: int, _: FrameType | None) -> None:
        """The first ends the work; those behind it find that it ends [an impatient second Ctrl-C in the midst of the cleaning]."""
        now_s = time.monotonic()
        if self.came_s is not None and now_s - self.came_s < PATIENCE_S:
            return
        self.came_s = now_s
        with contextlib.suppress(OSError):  # a terminal that is closed
            os.write(2, _SAYS)
        if not self.shields:  # as Python has it for Ctrl-C; else the exit status that a shell gives for the signal
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)


_heeded: _Stop | None = None


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP raise within, once in two minutes; the handlers of before are there again behind it.

    A signal that is ignored stays so (nohup). Nothing in another thread than the main one, which alone hears signals.
    """
    global _heeded  # noqa: PLW0603 - as signals, there is one for the process
    if _heeded is not None or threading.current_thread() is not threading.main_thread():
        yield
        return
    stop, before = _Stop(), dict[int, Any]()
    _heeded = stop
    try:
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, stop.take)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _heeded = None


@contextlib.contextmanager
def shielded() -> Iterator[None]:
    """No signal ends what is done within: cleaning, which is bounded by itself, of a command that ends with a word of its own."""
    stop = _heeded
    if stop is None:
        yield
        return
    stop.shields += 1
    try:
        yield
    finally:
        stop.shields -= 1
