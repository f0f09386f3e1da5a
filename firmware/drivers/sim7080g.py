"""SIM7080G: an LTE-M modem on a UART: power, identity, SIM, network, power saving and PPP, by AT commands.

[AT] is the SIM7070/SIM7080/SIM7090 Series AT Command Manual V1.05, [LP] their Low Power Mode Application Note V1.02, [CD] the
SIM7080G & SIM800C Compatible Design V1.00, 4.4: PWRKEY. Of the cell nothing is asked: AT+CEREG=0 leaves area and cell out of
every answer, and the modem's serial number is never read.
"""

import asyncio
import time

from firmware.const import const
from firmware.errors import DriverError

_PRESS_MS = const(1_100)  # on, and out of PSM: 1 s at least; beyond 1.2 s it would be off again [CD table 5]
_OFF_MS = const(1_500)  # off: 1.2 s at least [CD table 5]
_RESET_MS = const(13_000)  # it resets itself when PWRKEY is held for 12 s, whatever its program does [CD 4.4]
_STATUS_MS = const(6_000)  # STATUS follows 1.8 s behind PWRKEY, after a reset some 4 s (an estimate)
_LEAVES_MS = const(12_000)  # NORMAL POWER DOWN takes 2 s; it says good-bye to the network before
_ROUNDS = const(2)  # of all that brings an answer: 70 s of silence is a modem that is gone
_TRIES = const(8)  # of AT, each 600 ms: what listens does so within 2 s of STATUS
_TRY_MS = const(600)
_GUARD_MS = const(1_100)  # a second without a byte before and behind +++ [AT 2.2.8]
_ANSWER_MS = const(3_000)  # of a query; [AT] names no time for most, and answers come within 100 ms
_SET_MS = const(12_000)  # AT+CFUN: 10 s [AT 3.2.19]; the others name none
_PIN_MS = const(6_000)  # 5 s [AT 3.2.11]
_HANG_UP_MS = const(21_000)  # ATH: 20 s [AT 2.2.4]
_DIAL_MS = const(60_000)  # as long as ATS7 says [AT 2.2.2]
_SIM_LOOKS = const(15)  # a second apart: a card is busy for some seconds after the start
_LOOK_MS = const(2_000)
_DENIALS = const(10)  # looks in a row: another operator may still take it
_LINE_BYTES = const(160)  # no line that is awaited is longer; what is, is noise
_READ_BYTES = const(128)


class ModemSilentError(DriverError):
    """The modem does not answer."""


class NoNetworkError(DriverError):
    """No network in reach within the time; that is nobody's fault."""


class Sim7080g:
    """The modem behind `port`: `uart`, `key(pressed)` for PWRKEY, `awake()` for STATUS.

    Methods raise DriverError where the modem refuses or is silent; none waits for ever.
    """

    def __init__(self, port):
        self._port = port
        self._stream = asyncio.StreamReader(port.uart)
        self._buffer = b""

    # Power.

    async def start(self) -> None:
        """Awake, in command mode and known to be a SIM7080, from whatever it was doing: off, in PSM, in a call, or hung."""
        port = self._port
        for _ in range(_ROUNDS):
            if not port.awake():
                await self._press(_PRESS_MS)
                await self._until_awake(True, _STATUS_MS)
            if await self._heard() or await self._escaped():
                return await self._greet()
            if port.awake():  # it hangs
                await self._press(_RESET_MS)
                await self._until_awake(True, _STATUS_MS)
        raise ModemSilentError("modem does not answer")

    async def hang_up(self) -> None:
        """Out of the call, if it is in one."""
        if self._port.awake() and not (await self._heard() or await self._escaped()):
            raise ModemSilentError("modem does not hang up")

    async def power_off(self) -> bool:
        """Off, by word or by key; True if it is."""
        self._port.uart.write("AT+CPOWD=1\r")
        if await self._until_awake(False, _LEAVES_MS):
            return True
        await self._press(_OFF_MS)
        return await self._until_awake(False, _LEAVES_MS)

    async def _press(self, ms: int) -> None:
        self._port.key(True)
        try:
            await asyncio.sleep_ms(ms)
        finally:  # a cancelled start must not leave it pressed, which resets the modem every 12 s
            self._port.key(False)

    async def _until_awake(self, awake: bool, ms: int) -> bool:
        deadline = time.ticks_add(time.ticks_ms(), ms)
        while self._port.awake() != awake:
            if time.ticks_diff(deadline, time.ticks_ms()) <= 0:
                return False
            await asyncio.sleep_ms(100)
        return True

    async def _heard(self) -> bool:
        """True once it answers; its first words after a start are all sorts of messages."""
        for _ in range(_TRIES):
            try:
                if await self.command("AT", b"", _TRY_MS) is not None:
                    return True
            except ModemSilentError:
                pass
            if not self._port.awake():  # it has gone into PSM this moment
                return False
        return False

    async def _escaped(self) -> bool:
        """Out of data mode, in which a restart of the device may have left it."""
        await asyncio.sleep_ms(_GUARD_MS)
        self._port.uart.write("+++")
        await asyncio.sleep_ms(_GUARD_MS)
        try:
            return await self.command("ATH", b"", _HANG_UP_MS if self._port.uart.any() else _ANSWER_MS) is not None
        except ModemSilentError:
            return False

    async def _greet(self) -> None:
        await self._set("ATE0")
        await self._set("AT+CMEE=2")
        await self._set("AT+CEREG=0")
        if b"SIM7080" not in (await self._ask("AT+CGMM", b"SIMCOM_") or b""):
            raise DriverError("modem is another")

    # SIM and network.

    async def unlock(self, pin) -> bool:
        """Until the card is ready; True if it was given a PIN, which `pin()` returns or raises DriverError for.

        A PIN is sent once [the third wrong one locks the card for good].
        """
        given = False
        for _ in range(_SIM_LOOKS):
            state = await self._ask("AT+CPIN?", b"+CPIN:")
            if state == b"READY":
                return given
            if state and b"PUK" in state:
                raise DriverError("SIM is locked")
            if state == b"SIM PIN" and not given:
                given = True
                if await self.command("AT+CPIN=" + pin(), b"", _PIN_MS) is None:
                    raise DriverError("SIM refuses the PIN")
                continue
            await asyncio.sleep_ms(1_000)
        raise DriverError("SIM takes no PIN" if given else "no SIM")

    async def configure(self, apn: str) -> bool:
        """LTE-M alone, and the operator's access point; True if the modem knew otherwise, and now searches anew.

        All of it outlives the modem's power, so it is written when it differs only. Radio off meanwhile [LP 6.2].
        """
        context = '"IP","' + apn + '"'
        known = await self._ask("AT+CGDCONT?", b"+CGDCONT: 1,") or b""
        if (
            known.startswith(context.encode())
            and await self._ask("AT+CNMP?", b"+CNMP:") == b"38"
            and await self._ask("AT+CMNB?", b"+CMNB:") == b"1"
        ):
            return False
        await self._set("AT+CFUN=0")
        await self._set("AT+CNMP=38")  # LTE only [AT 5.2.16]
        await self._set("AT+CMNB=1")  # Cat-M [AT 5.2.17]
        await self._set("AT+CGDCONT=1," + context)
        await self._set("AT+CFUN=1")
        return True

    async def save_power(self, psm, edrx) -> None:
        """What it asks the network for: [period in s, active time in s] of PSM, cycle in s of eDRX, None for neither.

        PSM is asked for anew only when it goes from off to on [LP 3.4, 2].
        """
        wanted = '1,,,"%s","%s"' % (period_bits(psm[0]), active_bits(psm[1])) if psm else "0"
        if not (await self._ask("AT+CPSMS?", b"+CPSMS:") or b"").startswith(wanted.encode()):
            await self._set("AT+CPSMS=0")
            if psm:
                await self._set("AT+CPSMS=" + wanted)
        wanted = '4,"' + cycle_bits(edrx) + '"' if edrx else ""  # 4: Cat-M [AT 5.2.42]
        if (await self._ask("AT+CEDRXS?", b"+CEDRXS:") or b"") != wanted.encode():
            await self._set("AT+CEDRXS=1," + wanted if edrx else "AT+CEDRXS=0")

    async def register(self, timeout_ms: int, roaming: bool) -> None:
        """Until a network has it: its own, or where `roaming` is wanted any other."""
        deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        denials = 0
        while True:
            state = (await self._ask("AT+CEREG?", b"+CEREG:") or b"")[2:3]  # behind "0,"
            if state == b"1" or (state == b"5" and roaming):
                return
            if state == b"5":
                raise DriverError("network is another's, and roaming not wanted")
            denials = denials + 1 if state == b"3" else 0
            if denials >= _DENIALS:
                raise DriverError("network denies registration")
            if time.ticks_diff(deadline, time.ticks_ms()) <= 0:
                raise NoNetworkError("no network")
            await asyncio.sleep_ms(_LOOK_MS)

    async def rests_by_itself(self) -> bool:
        """True if the network has granted PSM: both timers of its own are there [AT 5.2.38]."""
        timers = (await self._ask("AT+CPSMRDP", b"+CPSMRDP:") or b"").split(b",")
        return len(timers) == 6 and timers[0] == b"1" and timers[3] != b"0" and timers[4] != b"0"

    async def dial(self) -> None:
        """Into data mode; from then on PPP alone reads the UART."""
        if await self.command("ATD*99***1#", b"", _DIAL_MS) != b"CONNECT":
            raise DriverError("modem does not connect")

    # Words.

    async def _set(self, text: str) -> None:
        if await self.command(text, b"", _SET_MS) is None:
            raise DriverError("modem refuses " + _name(text))

    async def _ask(self, text: str, prefix: bytes) -> "bytes | None":
        """A query, said again once: a byte lost on the way must not cost the contact."""
        try:
            return await self.command(text, prefix, _ANSWER_MS)
        except ModemSilentError:
            return await self.command(text, prefix, _ANSWER_MS)

    async def command(self, text: str, prefix: bytes, timeout_ms: int) -> "bytes | None":
        """The last line of the answer that begins with `prefix`, without it; b"" if none does; b"CONNECT" for data mode.

        None: refused. Whatever else is said meanwhile is passed over. ModemSilentError names the command, never its
        arguments [one is the PIN].
        """
        uart = self._port.uart
        while uart.any():  # late words of before
            uart.read(_READ_BYTES)
        self._buffer = found = b""
        uart.write(text + "\r")
        deadline = time.ticks_add(time.ticks_ms(), timeout_ms)
        while True:
            line = await self._line(deadline)
            if line is None:
                raise ModemSilentError("modem silent: " + _name(text))
            if line == b"OK":
                return found
            if line.startswith(b"CONNECT"):
                return b"CONNECT"
            if line in (b"ERROR", b"NO CARRIER", b"BUSY", b"NO ANSWER", b"NO DIALTONE") or line.startswith(
                b"+CME ERROR"
            ):
                return None
            if prefix and line.startswith(prefix):
                found = line[len(prefix) :].strip()

    async def _line(self, deadline) -> "bytes | None":
        """The next line that is not empty; None when the time is over."""
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line, self._buffer = self._buffer[:end].strip(), self._buffer[end + 1 :]
                if line:
                    return line
                continue
            if len(self._buffer) > _LINE_BYTES:
                self._buffer = b""
            left_ms = time.ticks_diff(deadline, time.ticks_ms())
            if left_ms <= 0:
                return None
            try:
                await asyncio.wait_for_ms(self._fill(), left_ms)
            except asyncio.TimeoutError:
                pass

    async def _fill(self) -> None:
        """Wait for bytes and take them in at once, so that a cancelled wait loses none."""
        self._buffer += await self._stream.read(_READ_BYTES) or b""


def _name(text: str) -> str:
    return text.split("=", 1)[0]


def period_bits(s: int) -> str:
    """T3412 extended (3GPP TS 24.008, table 10.5.163a); DriverError for a time that its eight bits do not hold."""
    return _bits(s, ((2, 3), (30, 4), (60, 5), (600, 0), (3_600, 1), (36_000, 2), (1_152_000, 6)))


def active_bits(s: int) -> str:
    """T3324 (TS 24.008, table 10.5.163)."""
    return _bits(s, ((2, 0), (60, 1), (360, 2)))


def _bits(s: int, units: tuple) -> str:
    for unit, code in units:
        if isinstance(s, int) and s % unit == 0 and 1 <= s // unit <= 31:
            return "{:03b}{:05b}".format(code, s // unit)
    raise DriverError("no such timer")


def cycle_bits(s) -> str:
    """eDRX cycle of LTE-M (TS 24.008, table 10.5.5.32, S1 mode): 5.12 s, 10.24, 20.48 … 2621.44."""
    for code, units in enumerate((1, 2, 4, 8, 12, 16, 20, 24, 28, 32, 64, 128, 256, 512)):
        if isinstance(s, (int, float)) and abs(s - units * 5.12) < 0.01:
            return "{:04b}".format(code)
    raise DriverError("no such cycle")
