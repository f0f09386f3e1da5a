"""Boards with an RP2040 or RP2350: raw flash behind the file system, an ear that goes deaf in an erase, a watchdog of seconds."""

import io
import os
import socket
import time

import machine
import rp2

from firmware.boards.base import BaseBoard
from firmware.const import const
from firmware.errors import FlashError
from firmware.flash.region import RawRegion

_SECTOR_BYTES = const(4096)
_LOG_BYTES = const(0x2000)
_SPOOL_BYTES = const(0x7_C000)
_ERASE = const(6)  # of ioctl
_POLL = const(3)
_FIFO_BYTES = const(32)  # RP2040 data sheet, 4.2: what the UART itself holds while nobody comes for it
# A pause in the line: ten bytes at 9600 baud. No receiver pauses so long within a sentence or a frame.
_PAUSE_MS = const(10)
_PAUSES = const(100)  # looked for: a second, in which any receiver that was asked for a solution a second pauses
_NAP_MS = const(4_000)
_FEED_MS = const(2_000)
_FEEDS = const(9)  # 18 s
_SLEPT = const(0x5BED)  # marks in the scratch register
_AGAIN = const(0xA6A1)


class _Ear(io.IOBase):
    """The receiver's UART. `around` erases flash in a pause of the line, and drops what the chip may have lost a part of, so
    that no frame or sentence is ever put together from two."""

    def __init__(self, uart):
        self._uart = uart
        self._kept = b""
        self._gone = False

    def __getattr__(self, name):
        return getattr(self._uart, name)

    def ioctl(self, request, events):
        """Stream protocol: may be read, may be written."""
        if request != _POLL:
            return 0
        return events & (5 if self._kept or (self.any() and not self._gone) else 4)

    def read(self, n):
        """What has come, None if nothing has."""
        if not self._kept:
            return None if self._gone else self._uart.read(n)
        data, self._kept = self._kept[:n], self._kept[n:]
        return data

    def around(self, work, *args):
        """`work(*args)`, with interrupts off for some 50 ms an erase."""
        whole = self._await_pause()
        result = work(*args)
        # 32 bytes wait in the UART; when no more have come, none is lost.
        if self.any() - whole >= _FIFO_BYTES:
            self._await_pause()
            self._kept += self._uart.read(whole) if whole else b""
            self._uart.read()  # the rest of it
            self._kept += b"\r\n"  # a sentence cannot go on behind this
        if self._gone:
            self._kept = b""
        return result

    def _await_pause(self) -> int:
        """Bytes that have come when the line rests. One that never rests is no longer listened to: its silence makes
        the driver start the receiver anew."""
        n = self.any()
        for _ in range(_PAUSES):
            time.sleep_ms(_PAUSE_MS)
            if self.any() == n:
                return n
            n = self.any()
        self._gone = True
        return n


class _Names:
    """`socket`, with a watchdog that is fed while a name is resolved: lwIP asks each dead resolver for 7 s, of two of them 14
    (DNS_MAX_RETRIES, dns.c), and nothing else runs meanwhile. A resolution that has no end at all is not fed for ever.
    """

    def __init__(self, board):
        self._board = board

    def __getattr__(self, name):
        return getattr(socket, name)

    def getaddrinfo(self, *args):
        """As of `socket`."""
        feeds = [_FEEDS]

        def feed(timer) -> None:
            feeds[0] -= 1
            if feeds[0] > 0 and self._board.wdt:
                self._board.wdt.feed()

        feed(None)
        timer = machine.Timer(-1, period=_FEED_MS, callback=feed)
        try:
            return socket.getaddrinfo(*args)
        finally:
            timer.deinit()


class _Flash:
    """rp2.Flash, which stops all interrupts to program and to erase, for `board.ear`."""

    def __init__(self, flash, board):
        self._flash = flash
        self._board = board
        self.readblocks = flash.readblocks

    def writeblocks(self, block, data, offset):
        """A page takes 3 ms at the most (W25Q16JV data sheet, 9.6), in which 12 bytes come at 38400 baud: the UART,
        emptied before, holds them."""
        if self._board.ear:
            self._board.ear.any()
        return self._flash.writeblocks(block, data, offset)

    def ioctl(self, operation, block):
        """An erase takes 45 ms and up to 400, in which 1500 bytes may come."""
        if operation == _ERASE:
            return self._board.quietly(self._flash.ioctl, operation, block)
        return self._flash.ioctl(operation, block)


class Pico(BaseBoard):
    """A board of the RP2 family. It has no memory that outlives a sleep, and its deep sleep is light sleep and a restart."""

    RETAINS_BYTES = 0
    SCRATCH: int  # address of the watchdog's first scratch register
    RAW_START: int  # of keys, rules and spool in the storage that `rp2.Flash()` spans

    def __init__(self):
        super().__init__()
        self._battery = machine.ADC(self.PINS[6])
        self.ear: "_Ear" = None  # UART of the receiver while that has power
        self.wdt: "machine.WDT" = None
        self.socket_module = _Names(self)
        # The chip knows two causes, and takes its own restarts for the watchdog's: the mark tells them apart. The
        # register outlives a restart and is zero after power-on (RP2040 data sheet, 4.7.5).
        self._cause = machine.reset_cause()
        if self._cause == machine.WDT_RESET:
            self._cause = {_SLEPT: 4, _AGAIN: 2}.get(machine.mem32[self.SCRATCH], 3)
        # The chip's word stays over soft resets too: whoever was at the prompt has crashed nothing. See `watchdog`.
        machine.mem32[self.SCRATCH] = _AGAIN

    def region(self, label: str) -> RawRegion:
        """Raw flash under a label, behind the file system (which rp2/_boot.py makes shorter than the port would)."""
        logs = ("keys", "rules")
        if label == "spool":
            start, size = self.RAW_START + 2 * _LOG_BYTES, _SPOOL_BYTES
        elif label in logs:
            start, size = self.RAW_START + logs.index(label) * _LOG_BYTES, _LOG_BYTES
        else:
            raise FlashError("no region " + label)
        # A file system of the port's own making takes all of it [its next write would go into the keys].
        if _file_system_bytes() > self.RAW_START:
            raise FlashError("file system over the raw regions: byleave's build is needed")
        return RawRegion(_Flash(rp2.Flash(start=start, len=size), self))

    def uart_gnss(self, baudrate: int):
        """UART of the receiver."""
        self.ear = _Ear(super().uart_gnss(baudrate))
        return self.ear

    def gnss_power(self, on: bool) -> None:
        """Load switch of the receiver; without power it says nothing that could be lost."""
        super().gnss_power(on)
        self.ear = None

    def quietly(self, work, *args):
        """`work(*args)`, which writes files, in a pause of the receiver's line; nothing of that is lost in part."""
        return self.ear.around(work, *args) if self.ear else work(*args)

    def radio_off(self) -> None:
        """Leave and power down the radio: `active(False)` alone leaves its processor on."""
        super().radio_off()
        if self._wlan is not None:
            self._wlan.deinit()

    def reset_cause(self) -> int:
        """Why the device started, in wire-format numbers."""
        return self._cause

    def retained(self) -> bytes:
        """Nothing: the memory of this family is not kept."""
        return b""

    def retain(self, data: bytes) -> None:
        """Nothing is kept, so the numbers in hand are skipped at the next start."""

    def battery_mv(self) -> int:
        """Battery behind a 1:2 divider, against the 3.3 V of the supply."""
        return self._battery.read_u16() * 6600 // 65535

    def watchdog(self, timeout_ms: int):
        """The hardware watchdog, at most as slow as the chip's can be; cannot be stopped once started. Its bite is told by the
        mark that is missing from now on.
        """
        machine.mem32[self.SCRATCH] = 0
        self.wdt = super().watchdog(timeout_ms)
        return self.wdt

    def ended(self) -> None:
        """Ctrl-C: the soft reset that follows is told as the last hard one, a bite that follows was nobody's to prevent."""
        machine.mem32[self.SCRATCH] = _AGAIN

    def deep_sleep_ms(self, ms: int, keep: bool = False, wake: bool = False) -> None:
        """Light sleep at about 1 mA, then a restart. The watchdog goes on in it and is fed in between, when the button is
        looked at too, which ends the sleep, as with `wake` does INT1 of the accelerometer; `keep`: that keeps its power.
        """
        if not keep:
            self.sensor_power("motion", False)
        end_ms = time.ticks_add(time.ticks_ms(), ms)
        # Without power the accelerometer says nothing, whatever its line shows (RP2350 erratum E9).
        while not (self.button() or (keep and wake and self.motion_pin())):
            left_ms = time.ticks_diff(end_ms, time.ticks_ms())
            if left_ms <= 0:
                break
            machine.lightsleep(min(left_ms, _NAP_MS))
            if self.wdt:
                self.wdt.feed()
        self._restart(_SLEPT)

    def reset(self) -> None:
        """Restart."""
        self._restart(_AGAIN)

    def _restart(self, mark: int) -> None:
        machine.mem32[self.SCRATCH] = mark
        machine.reset()


def _file_system_bytes() -> int:
    try:
        stat = os.statvfs("/")
    except OSError:
        return 0  # none is mounted
    return stat[1] * stat[2]
