"""SensorTask: what the tasks around the sensors share: power only while permitted, off at once, and never for long unseen."""

import asyncio

from firmware.const import const

IDLE_MS = 5_000  # how soon a permitted hour, or the end of one, is noticed
# A sensor that failed is tried again after this: each try costs a receiver about 5 s of its acquisition current.
RETRY_MS = 60_000
_UNSEEN_MS = const(30_000)  # longest pause between two signs of life to the supervisor


class SensorTask:
    """`moved()` tells the supervisor that the task lives. A driver's task has `powered`, `_wanted()`, `_cut()`, `_off()`
    and `_sense()`, which senses until that is over and returns the pause in ms before the next look.
    """

    def __init__(self, moved):
        self._moved = moved
        self._work = None
        self._wake = None
        self.faults = 0  # bits of `status`

    @property
    def powered(self) -> bool:
        """True while the sensor has power."""
        raise NotImplementedError

    def stop_now(self) -> None:
        """Cut the sensor's power at once, from any other task; the task looks anew at what is permitted."""
        self._cut()
        if self._work is not None:
            self._work.cancel()
        if self._wake is not None:
            self._wake.set()

    def check(self) -> None:
        """Stop what is no longer permitted: a lease or an hour ends between two readings too."""
        if self.powered and not self._wanted():
            self.stop_now()

    def sensing(self) -> bool:
        """True while personal data is being sensed (the LED shows it)."""
        return self.powered and self._wanted()

    async def run(self) -> None:
        """For ever: sense while permitted, sleep with the power off otherwise."""
        self._wake = asyncio.Event()
        while True:
            self._moved()
            self._wake.clear()
            pause_ms = IDLE_MS
            if self._wanted():
                self._work = asyncio.create_task(self._sense())
                try:
                    pause_ms = await self._work
                except asyncio.CancelledError:
                    if not self._wake.is_set():
                        raise  # the whole task was cancelled, not its work
                self._work = None
            if self.powered:
                self._off()
            await self._sleep(pause_ms)

    async def _sleep(self, pause_ms: int) -> None:
        """Pause in steps that the supervisor sees; ends early when something changed."""
        while pause_ms > 0 and not self._wake.is_set():
            step_ms = min(pause_ms, _UNSEEN_MS)
            try:
                await asyncio.wait_for_ms(self._wake.wait(), step_ms)
            except asyncio.TimeoutError:
                pause_ms -= step_ms
            self._moved()

    def _wanted(self) -> bool:
        """True while the sensor may have power."""
        raise NotImplementedError

    def _cut(self) -> None:
        """Cut the power now; `_off` follows."""
        raise NotImplementedError

    def _off(self) -> None:
        """No power, and nothing left of what it was used for."""
        self._cut()

    async def _sense(self) -> int:
        raise NotImplementedError
