"""MicroPython's asyncio and ticks under CPython, in virtual time: a wait ends at once and moves the clock."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Coroutine
from typing import Any

TICKS_PERIOD = 1 << 30  # as on the device


class _Jumping(selectors.DefaultSelector):
    """Waits for nothing: where the loop would sleep, its clock jumps."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise AssertionError("every task waits and no timer runs: a wait without a bound")
            self.loop.now_s += max(timeout, 0.0)
        return events


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes in waits only."""

    now_s = 0.0

    def __init__(self) -> None:
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s


_current: list[VirtualLoop] = []


def ticks_ms() -> int:
    """Milliseconds of the running virtual loop."""
    return int(_current[-1].now_s * 1000 + 0.5) % TICKS_PERIOD if _current else 0


def _ticks_diff(end: int, start: int) -> int:
    return (end - start + TICKS_PERIOD // 2) % TICKS_PERIOD - TICKS_PERIOD // 2


async def _sleep_ms(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


async def _wait_for_ms(awaitable: Awaitable[Any], ms: int) -> Any:
    return await asyncio.wait_for(awaitable, ms / 1000)


def install() -> None:
    """Lend CPython the names that the firmware takes from `asyncio` and `time`."""
    for module, names in (
        (asyncio, {"sleep_ms": _sleep_ms, "wait_for_ms": _wait_for_ms}),
        (
            time,
            {
                "ticks_ms": ticks_ms,
                "ticks_diff": _ticks_diff,
                "ticks_add": lambda ticks, delta: (ticks + delta) % TICKS_PERIOD,
            },
        ),
    ):
        for name, value in names.items():
            if not hasattr(module, name):
                setattr(module, name, value)


install()


def run(coroutine: Coroutine[Any, Any, Any], limit_s: float = 100_000.0) -> Any:
    """Run to the end in virtual time; TimeoutError beyond `limit_s` of it."""
    loop = VirtualLoop()
    _current.append(loop)
    try:
        return loop.run_until_complete(asyncio.wait_for(coroutine, limit_s))
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        _current.pop()
        loop.close()
