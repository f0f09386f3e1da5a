"""What somebody does to a board by hand, told to its shell by signals: they reach one that sleeps, or that hangs, too."""

from __future__ import annotations

import enum
import signal
from collections import deque
from types import FrameType
from typing import Any, Self


class Deed(enum.Enum):
    """What was done, by the signal that tells it."""

    RESET = getattr(signal, "SIGUSR1", None)  # the reset button
    POWER = getattr(signal, "SIGUSR2", None)  # the supply goes, the battery's too, and comes back


class Buttons:
    """Hears the signals while it is entered."""

    def __init__(self) -> None:
        self._done: deque[Deed] = deque()
        self._before: dict[Any, Any] = {}

    def __enter__(self) -> Self:
        for deed in Deed:
            if deed.value is not None:  # not on Windows, which has no pseudo-terminals either
                self._before[deed.value] = signal.signal(deed.value, self._note)
        return self

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._done.append(Deed(signal.Signals(number)))

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def take(self) -> Deed | None:
        """What was done next, None for nothing more."""
        return self._done.popleft() if self._done else None
