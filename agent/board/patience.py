"""How long a command waits for a board that sleeps, which is a device's normal state: nobody is at its prompt then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST_S = 86_400.0  # a day: what sleeps longer is woken by its reset button


class _Patience:
    def __init__(self, seconds: float, told: Callable[[], None]) -> None:
        self.until_s, self.told = time.monotonic() + seconds, told


_now: ContextVar[_Patience | None] = ContextVar("patience", default=None)


@contextmanager
def patient(seconds: float, told: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Every Console that is opened within tries for so long, together; `told` is called once, when it has to wait."""
    token = _now.set(_Patience(seconds, told))
    try:
        yield
    finally:
        _now.reset(token)


def left_s() -> float:
    """What is left of it; 0 where nobody waits."""
    patience = _now.get()
    return 0.0 if patience is None else max(0.0, patience.until_s - time.monotonic())


def waits() -> None:
    """Says so, the first time."""
    patience = _now.get()
    if patience is not None:
        told, patience.told = patience.told, lambda: None
        told()
