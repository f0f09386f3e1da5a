"""SensorTask: what the tasks around the sensors share: power only while permitted, off at once, and never for long unseen."""

import asyncio
import time

from firmware.const import const

IDLE_MS = 5_000  # how soon a permitted hour, or the end of one, is noticed
# A sensor that failed is tried again after this: each try costs a receiver about 5 s of its acquisition current.
RETRY_MS = 60_000
_UNSEEN_MS = const(30_000)  # longest pause between two signs of life to the supervisor


class SensorTask:
    """`moved()` tells the supervisor that the task lives. A driver's task has `powered`, `_wanted()`, `_cut()`, `_off()`
    and `_sense()`, which senses until that is over and returns the pause in ms before the next look.

    `stretch`: intervals are that many times the directive's, as the battery bears it; 0: nothing is sensed.
    """

    def __init__(self, moved):
        self._moved = moved
        self._work = None
        self._wake = None
        self._stopped = False
        self._pause_ms = 0  # before the next look, from _paused_ms on
        self._paused_ms = time.ticks_ms()
        self.stretch = 1
        self.faults = 0  # bits of `status`

    @property
    def powered(self) -> bool:
        """True while the sensor has power."""
        raise NotImplementedError

    def stop_now(self) -> None:
        """Cut the sensor's power at once, from any other task; the task looks anew at what is permitted."""
        self._cut()
        if self._work is not None:
            self._stopped = True
            self._work.cancel()
        self.look()

    def look(self) -> None:
        """End the pause: something has changed."""
        self._pause_ms = 0
        if self._wake is not None:
            self._wake.set()

    def check(self) -> None:
        """Stop what is no longer permitted: a lease or an hour ends between two readings too."""
        if self.powered and not self.wanted():
            self.stop_now()

    def sensing(self) -> bool:
        """True while personal data is being sensed (the LED shows it)."""
        return self.powered and self.wanted()

    def wanted(self) -> bool:
        """True while the sensor may have power, by its directive and by the battery."""
        return self.stretch > 0 and self._wanted()

    def idle_ms(self) -> int:
        """How long the task will do nothing of itself: 0 while it works, else what is left of its pause."""
        if self._work is not None or self._wake is None or self._wake.is_set():
            return 0
        return max(0, self._pause_ms - time.ticks_diff(time.ticks_ms(), self._paused_ms))

    def resume(self, pause_ms: int) -> None:
        """Before `run`: begin with what was left of a pause when the device went to sleep."""
        self._pause_ms = pause_ms

    async def run(self) -> None:
        """For ever: sense while permitted, sleep with the power off otherwise."""
        self._wake = asyncio.Event()
        await self._sleep(self._pause_ms)
        while True:
            self._moved()
            self._wake.clear()
            pause_ms = IDLE_MS
            if self.wanted():
                self._work = asyncio.create_task(self._sense())
                try:
                    pause_ms = await self._work
                except asyncio.CancelledError:
                    if not self._stopped:
                        raise  # the whole task was cancelled, not its work
                self._stopped = False
                self._work = None
            if self.powered:
                self._off()
            await self._sleep(pause_ms)

    async def _sleep(self, pause_ms: int) -> None:
        """Pause in steps that the supervisor sees; ends early when something changed."""
        self._pause_ms, self._paused_ms = pause_ms, time.ticks_ms()
        while pause_ms > 0 and not self._wake.is_set():
            step_ms = min(pause_ms, _UNSEEN_MS)
            try:
                await asyncio.wait_for_ms(self._wake.wait(), step_ms)
            except asyncio.TimeoutError:
                pause_ms -= step_ms
            self._moved()

    def _wanted(self) -> bool:
        """True while the directive permits it."""
        raise NotImplementedError

    def _cut(self) -> None:
        """Cut the power now; `_off` follows."""
        raise NotImplementedError

    def _off(self) -> None:
        """No power, and nothing left of what it was used for."""
        self._cut()

    async def _sense(self) -> int:
        raise NotImplementedError
