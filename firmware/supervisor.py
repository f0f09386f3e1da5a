"""Supervisor: feeds the watchdog only while every task moves within its bound."""

import asyncio

from firmware.const import const

_PERIOD_MS = const(2_000)
# Longest span that blocks the interpreter on purpose: name resolution (about 10 s on a dead resolver) and the wipe of a
# full spool; both fit, and a hung device is reset within a minute.
WATCHDOG_MS = 30_000


class Supervisor:
    """`watch` gives a task its `moved` function; `overdue` names a task that did not call it in time."""

    def __init__(self, ticks_ms, ticks_diff):
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._tasks = {}
        self._last_ms = ticks_ms()
        self._uptime_ms = 0

    def watch(self, name: str, bound_ms: int):
        """Begin to watch a task; it must call the returned function at least every `bound_ms`."""
        record = [self._ticks_ms(), bound_ms]
        self._tasks[name] = record

        def moved() -> None:
            record[0] = self._ticks_ms()

        return moved

    def overdue(self) -> "str | None":
        """Name of a task that has not moved within its bound, or None."""
        now_ms = self._ticks_ms()
        for name, (moved_ms, bound_ms) in self._tasks.items():
            if self._ticks_diff(now_ms, moved_ms) > bound_ms:
                return name
        return None

    def uptime_s(self) -> int:
        """Seconds since the start; called every few seconds, because ticks wrap after 12 days."""
        now_ms = self._ticks_ms()
        self._uptime_ms += self._ticks_diff(now_ms, self._last_ms)
        self._last_ms = now_ms
        return self._uptime_ms // 1000

    async def run(self, watchdog) -> None:
        """Feed for ever; when a task hangs, feed no more and let the watchdog reset the device."""
        while True:
            self.uptime_s()
            if self.overdue() is None:
                watchdog.feed()
            await asyncio.sleep_ms(_PERIOD_MS)
