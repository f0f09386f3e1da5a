"""Supervisor: feeds the watchdog only while every task lives and moves within its bound."""

import asyncio

from firmware.const import const

_PERIOD_MS = const(2_000)
# Longest span that blocks the interpreter on purpose: name resolution (about 10 s on a dead resolver) and the wipe of a
# full spool; both fit, and a hung device is reset within a minute.
WATCHDOG_MS = 30_000
_POWERED = const(("temperature", "light", "motion"))  # of board.sensor_power


class Supervisor:
    """`watch` gives a task its `moved` function; `overdue` names a task that did not call it in time."""

    def __init__(self, ticks_ms, ticks_diff):
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._tasks = {}
        self._last_ms = ticks_ms()
        self._uptime_ms = 0
        self._died = ""

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

    def keep(self) -> list:
        """The uptime for `restore` behind a deep sleep."""
        return [self.uptime_s(), self._uptime_ms % 1000]

    def restore(self, kept: list, asleep_ms: int) -> None:
        """Go on counting."""
        self._uptime_ms = kept[0] * 1000 + kept[1] + asleep_ms

    async def guard(self, task) -> None:
        """Run a task that never ends; `run` hears what it died of."""
        try:
            await task
        except Exception as error:
            from firmware import crash  # only then, and at once: a second raise may lose the place

            self._died = crash.text_of(error)

    async def run(self, watchdog) -> str:
        """Feed while every task moves; returns what one died of, or "Hang" and its name when it does not move any more.

        What spins without ever waiting ends by the watchdog itself.
        """
        while True:
            self.uptime_s()
            late = self.overdue()
            if late or self._died:
                return self._died or "Hang " + late
            watchdog.feed()
            await asyncio.sleep_ms(_PERIOD_MS)


def unpower(board) -> None:
    """Cut the power of every personal sensor."""
    board.gnss_power(False)
    for name in _POWERED:
        board.sensor_power(name, False)
