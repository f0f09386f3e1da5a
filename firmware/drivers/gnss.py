"""GNSS receiver on a UART: power, identity, configuration and fixes; u-blox M10 by UBX, any other by NMEA."""

import asyncio
import time

from firmware.const import const
from firmware.drivers import ubx
from firmware.errors import DriverError

BAUDRATES = const((38400, 9600))  # of the M10 chip and of the modules that set another at the factory
_START_MS = const(350)  # from power on, or from standby; before it the chip hears nothing (300 ms)
_ANSWER_MS = const(400)  # MON-VER at 9600 baud takes 250 ms on the line
_ROUNDS = const(3)  # of all baud rates, each asked twice: 4.8 s of silence is a dead receiver, not a slow start
_ACK_MS = const(1500)  # section 3.9 of the interface description: an acknowledgement comes within one second
# CFG-RATE-MEAS holds 65.535 s; beyond this the receiver is better off without power between fixes.
MAX_RATE_S = 60
# A solution comes 50 to 150 ms behind its second, as much as there is to compute, and the processor has to be awake by then.
_EARLY_MS = const(250)
# Behind a stretch in which nothing was done all that waited has been read; the next solution comes half a second later or more.
_HELD_MS = const(500)
_SILENT_MS = const(60_000)
# A wait that ends later than that was held, and so was the reader: what came waits in the UART (2048 bytes,
# boards/base.py), and is read before the receiver counts as silent, 256 bytes at a time, a turn of the loop each.
_PUNCTUAL_MS = const(5)
_READS = const(8)
_TURN_MS = const(20)
_MOST_FIXES = const(8)  # three come with one read; more only while something else is waited for
_MIN_PROTOCOL = const(2700)  # the first with CFG-VALSET; M10 has 34.00 and later


class GnssSilentError(DriverError):
    """The receiver does not speak, or gives no solution message in time."""


class GnssRefusedError(DriverError):
    """The receiver is too old, or refuses its configuration."""


class _Off:
    """In place of the UART while the receiver has no power."""

    def write(self, data: bytes) -> int:
        raise GnssSilentError("receiver is off")

    def deinit(self) -> None:
        pass


_OFF = _Off()


class Gnss:
    """The receiver behind `board.gnss_power` and `board.uart_gnss`; `protocol` is "ubx" or "nmea".

    `start` powers, identifies and configures; `fix` waits for the next solution; `stop` cuts the power at once. A
    `start` that fails raises DriverError and leaves the receiver unpowered.
    """

    def __init__(self, board, protocol: str = "ubx"):
        if protocol not in ("ubx", "nmea"):
            raise DriverError("protocol is ubx or nmea")
        self._board = board
        self._protocol = protocol
        self._frames = ubx.Parser()
        self._epochs = None
        if protocol == "nmea":
            from firmware.drivers import nmea  # 9 KB of heap that a UBX device keeps

            self._epochs = nmea.Epochs()
        self._uart = _OFF
        self._stream: "asyncio.StreamReader" = None
        self._fixes: list = []  # in the order in which they came
        self._answers: list = []
        self._interval_s = 1
        self._seen_ms = None  # ticks at the last solution, from which on nothing was asked
        self._held_ms = None  # ticks when the program was last held
        self.implausible = 0  # solutions since the start that were whole and out of range

    @property
    def powered(self) -> bool:
        """True from the begin of `start` to `stop`."""
        return self._uart is not _OFF

    @property
    def errors(self) -> int:
        """Frames and sentences that were not believed."""
        return self._frames.errors + (self._epochs.errors if self._epochs else 0)

    def nap_ms(self) -> int:
        """For how long the line will certainly be silent; 0 where nobody knows, as with receivers of their own rate."""
        if not self.powered:
            return _SILENT_MS
        if self._seen_ms is None or self._epochs:
            return 0
        left_ms = self._interval_s * 1000 - _EARLY_MS - time.ticks_diff(time.ticks_ms(), self._seen_ms)
        return max(0, left_ms)

    def held(self) -> None:
        """The program did nothing for a while [a name that is not resolved, a wipe]: when what is read now came, nobody
        knows, and a nap that is counted from the reading would miss the next solution.
        """
        self._seen_ms, self._held_ms = None, time.ticks_ms()  # type: ignore[assignment]  # None before

    async def start(self, interval_s: int) -> None:
        """Power on and ask for one solution each `interval_s`, at most MAX_RATE_S apart."""
        self._close()
        self.implausible = 0
        self._interval_s = min(max(interval_s, 1), MAX_RATE_S)
        self._power(True)
        try:
            version = await self._identify()
            if version is None:
                return  # some other receiver that speaks NMEA at its own rate
            if version < _MIN_PROTOCOL:
                raise GnssRefusedError("receiver has no CFG-VALSET")
            await self._configure()
        except BaseException:  # a cancelled start must not leave the receiver on
            self.stop()
            raise

    def cut(self) -> None:
        """Cut the power now, from any task, even one that interrupts `start` or `fix`; `stop` must follow."""
        self._power(False)
        self._fixes = []

    def stop(self) -> None:
        """Cut the power; no fix of before is ever returned again."""
        self._power(False)
        self._close()

    def _close(self) -> None:
        uart, self._uart, self._stream = self._uart, _OFF, None
        uart.deinit()
        self._forget()

    def _power(self, on: bool) -> None:
        self._board.gnss_power(False)  # from none, so that a receiver that hangs begins anew
        if on:
            self._board.gnss_power(True)

    async def fix(self, timeout_ms: int) -> tuple:
        """The next solution as a fix tuple, mode 1 if it has no position; GnssSilentError if none comes in time.

        A receiver that lost its configuration is configured again, which may take 4 s more.
        """
        if self._stream is None:
            raise GnssSilentError("receiver is off")
        if not await self._until(self._has_fix, timeout_ms):
            await self._recover()
        return self._fixes.pop(0)

    async def _recover(self) -> None:
        """No solution came. A dip of the supply clears RAM, and BBR where the backup supply is gone too; then the receiver
        lives and says other things: it still answers a poll.
        """
        if self._protocol == "ubx":
            await self._send(ubx.frame(ubx.NAV_PVT))
            if await self._until(self._has_fix, 2 * _ANSWER_MS):
                fixes = self._fixes
                await self._configure()
                self._fixes = fixes
                return
        raise GnssSilentError("receiver gives no solution")

    def _has_fix(self) -> bool:
        return bool(self._fixes)

    async def _identify(self) -> "int | None":
        """Protocol version by MON-VER; None for an NMEA receiver that does not answer it but speaks."""
        # Asked at once it would be deaf, and the next speed be tried for nothing. As if a solution were due then.
        self._open(BAUDRATES[0])
        since_ms = time.ticks_add(time.ticks_ms(), _START_MS + _EARLY_MS - self._interval_s * 1000)
        self._seen_ms = since_ms  # type: ignore[assignment]  # None before
        await asyncio.sleep_ms(_START_MS)
        for _ in range(_ROUNDS):
            for baudrate in BAUDRATES:
                self._open(baudrate)
                for _ in range(2):  # it may have started a moment later
                    await self._send(ubx.frame(ubx.MON_VER))
                    await self._until(self._named, _ANSWER_MS)
                    if self._named():
                        return ubx.protocol_version(self._answers[-1][1])
                    if self._protocol == "nmea" and self._fixes:
                        return None
        raise GnssSilentError("receiver does not answer")

    def _named(self) -> bool:
        return bool(self._answers) and self._answers[-1][0] == ubx.MON_VER

    def _open(self, baudrate: int) -> None:
        self._uart.deinit()
        self._uart = self._board.uart_gnss(baudrate)
        self._stream = asyncio.StreamReader(self._uart)
        self._forget()

    def _forget(self) -> None:
        self._frames.reset()
        if self._epochs:
            self._epochs.reset()
        self._fixes = []
        self._seen_ms = None
        self._answers = []

    async def _configure(self) -> None:
        """One CFG-VALSET; only the solution is left on the line, so that it is quiet between fixes."""
        only_ubx = self._protocol == "ubx"
        pairs = [
            (ubx.RATE_MEAS, self._interval_s * 1000),
            (ubx.RATE_NAV, 1),
            (ubx.UART1_OUT_UBX, 1),
            (ubx.UART1_OUT_NMEA, 0 if only_ubx else 1),
            (ubx.OUT_NAV_PVT_UART1, 1 if only_ubx else 0),
        ]
        if not only_ubx:
            pairs += [(key, 1) for key in ubx.NMEA_WANTED_UART1] + [(key, 0) for key in ubx.NMEA_UNWANTED_UART1]
        request = ubx.valset(pairs)
        for _ in range(2):  # the first may fall into the start of the chip
            self._answers = []
            await self._send(request)
            await self._until(self._settled, _ACK_MS)
            if self._settled():
                if not ubx.answer_to(ubx.CFG_VALSET, self._answers[-1]):
                    raise GnssRefusedError("receiver refuses its configuration")
                self._fixes = []
                return
        raise GnssSilentError("receiver does not acknowledge its configuration")

    def _settled(self) -> bool:
        return bool(self._answers) and ubx.answer_to(ubx.CFG_VALSET, self._answers[-1]) is not None

    async def _send(self, data: bytes) -> None:
        self._seen_ms = None  # an answer may come at any time
        self._uart.write(data)  # at most 90 bytes: they fit the transmit buffer of every port

    async def _until(self, condition, timeout_ms: int) -> bool:
        """Take what the receiver sends until the condition holds; False when the time is over and nothing waits."""
        deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        reads = _READS
        while not condition():
            left_ms = time.ticks_diff(deadline, time.ticks_ms())
            if left_ms <= 0:
                reads -= 1
            if reads < 0:
                return False
            try:
                await asyncio.wait_for_ms(self._fill(), max(left_ms, _TURN_MS))
            except asyncio.TimeoutError:
                if left_ms <= 0 or time.ticks_diff(time.ticks_ms(), deadline) < _PUNCTUAL_MS:
                    return condition()
        return True

    async def _fill(self) -> None:
        """Wait for bytes and take them in at once, so that a cancelled wait loses none."""
        data = await self._stream.read(256)
        if not data:
            return
        for frame in self._frames.feed(data):
            self._take(frame)
        if self._epochs:
            for fix in self._epochs.feed(data):
                self._note(fix)

    def _take(self, frame: tuple) -> None:
        if frame[0] != ubx.NAV_PVT:
            self._answers = [frame]  # one is awaited at a time, so one is kept
            return
        now_ms = time.ticks_ms()
        if self._held_ms is None or time.ticks_diff(now_ms, self._held_ms) > _HELD_MS:
            self._seen_ms, self._held_ms = now_ms, None  # type: ignore[assignment]  # None before
        fix = ubx.decode_pvt(frame[1])
        if fix is None:
            self.implausible += 1
        elif self._protocol == "ubx":
            self._note(fix)

    def _note(self, fix: tuple) -> None:
        self._fixes = self._fixes[1 - _MOST_FIXES :] + [fix]
