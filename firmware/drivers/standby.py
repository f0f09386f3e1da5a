"""StandbyGnss: a u-blox receiver that has no power switch; software standby instead (UBX-RXM-PMREQ, section 3.17.5).

The pin that would hold the load switch is wired to EXTINT: `board.gnss_power(True)` raises it, which wakes the receiver, and
a receiver that was sent to standby listens to nothing else, so that noise on a floating line wakes nobody. Standby clears
RAM and keeps BBR, clock and orbits; it draws some 50 µA, against 28 µA of backup supply behind a switch.

UBX-RXM-PMREQ has no acknowledgement, and one that is sent while the receiver starts is not heard. So the receiver counts as
powered until it has been asked and has not answered, from the device's own start on too. That takes a second or three,
where a switch takes none: a board whose users must see the receiver off at once has a switch.
"""

import asyncio
import struct

from firmware.const import const
from firmware.drivers import ubx
from firmware.drivers.gnss import BAUDRATES, Gnss

_PMREQ = const(0x0241)
_BACKUP_FORCE = const(0x06)  # flags: backup, also with USB in place
_EXTINT0 = const(0x20)  # wakeupSources
_STARTS_MS = const(500)  # a receiver that starts hears nothing: 300 ms
_PASSES_MS = const(40)  # 24 bytes at 9600 baud take 25 ms
_ANSWER_MS = const(400)  # MON-VER begins at once; only its first byte is awaited
_TRIES = const(4)  # then the next second's look begins anew, for as long as it takes


class StandbyGnss(Gnss):
    """As Gnss; `cut` and `stop` begin what ends with `powered` False."""

    def __init__(self, board, protocol: str = "ubx"):
        super().__init__(board, protocol)
        self._resting: "asyncio.Task" = None  # the task that sends it to standby
        self._quiet = False

    @property
    def powered(self) -> bool:
        """True until the receiver is known to be in standby."""
        return not self._quiet

    def _power(self, on: bool) -> None:
        if on:
            if self._resting is not None:
                self._resting.cancel()
            self._resting, self._quiet = None, False
        # Both edges wake it, so the pin falls before the request.
        self._board.gnss_power(on)
        if on or self._quiet:
            return
        if self._stream is not None:
            self._ask()
        if not self._is_resting():
            self._resting = asyncio.create_task(self._rest())

    def _is_resting(self) -> bool:
        return self._resting is not None and not self._resting.done()

    def stop(self) -> None:
        """Send it to standby, unless that is being done; no fix of before is ever returned again."""
        if self._is_resting():
            self._fixes = []
        else:
            super().stop()

    def _open(self, baudrate: int) -> None:
        super()._open(baudrate)
        self._uart.write(
            b"\xff"
        )  # the first byte behind standby may be lost; what came before is gone with the old buffer

    def _ask(self) -> None:
        """The request; nobody acknowledges it."""
        self._uart.write(ubx.frame(_PMREQ, struct.pack("<IIII", 0, 0, _BACKUP_FORCE, _EXTINT0)))

    async def _rest(self) -> None:
        """Request it and ask for its version until it says nothing any more, at both speeds that it may have."""
        await asyncio.sleep_ms(_STARTS_MS)
        for _ in range(_TRIES):
            speaks = False
            for baudrate in BAUDRATES:
                self._open(baudrate)
                self._ask()
                await asyncio.sleep_ms(_PASSES_MS)
                self._open(baudrate)
                await self._send(ubx.frame(ubx.MON_VER))
                try:
                    speaks = bool(await asyncio.wait_for_ms(self._stream.read(1), _ANSWER_MS)) or speaks
                except asyncio.TimeoutError:
                    pass
            if not speaks:
                self._quiet = True
                break
        self._close()
