"""LTE-M through a modem, as a radio (see `firmware.link.links`): from a modem that sleeps to an address by PPP, and back.

Sockets then go the way that PPP opened, to the broker alone. Bring-up takes up to five minutes and runs as a task of its own;
whoever waits for it looks at `radio_connected` and `failed`.
"""

import asyncio

from firmware.const import const
from firmware.drivers import sim7080g
from firmware.errors import DriverError, WireError

FAULT_MODEM = 8192  # of `status`
_BOARDS = const(("esp32", "esp32s3"))  # MicroPython's RP2 port has no PPP in its builds (docs/decisions/0016)
# A search in a garage finds nothing and draws 60 mA, so most are short: a known network is found within 20 s. Any other, or
# the first, takes up to three minutes: after the settings were written, and by lot each fourth time.
_SEARCH_MS = const(60_000)
_LONG_SEARCH_MS = const(180_000)
_PPP_POLL_MS = const(250)
_PPP_MS = const(30_000)  # LCP and IPCP: each asks ten times at the most, 3 s apart (RFC 1661, 4.6)
_PPP_END_MS = const(13_000)  # lwIP asks for the end twice, 6 s apart, when nobody answers
_MIN_PSM_S = const(20)  # between the two timers, or it stays awake: AT+CPSMCFG's default, AT Command Manual 5.2.39
_APN = const("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


class Cellular:
    """The modem as a radio. `failed` says what the last try died of; `faults`: 8192 where that was the modem or its card."""

    BOUND_MS = 330_000  # longer than the parts of a bring-up together: 70, 15, 60, 180 s

    def __init__(self, board, settings: dict):
        self._board = board
        self._settings = settings
        self._port = board.modem()
        self._modem = sim7080g.Sim7080g(self._port)
        # One for good: the collection of another would take the interrupt from the UART that they share.
        self._ppp = self._port.ppp()
        self._task: "asyncio.Task" = None
        self._sleeps = False  # in PSM, by the network's leave
        self._sent = False
        self.failed = ""
        self.faults = 0

    def radio_connect(self, settings: dict) -> None:
        """Begin."""
        self.failed, self.faults = "", 0
        self._task = asyncio.create_task(self._bring_up())

    def radio_connected(self) -> bool:
        """True once there is an address."""
        return self._ppp.isconnected()

    def radio_off(self):
        """A coroutine to be waited for: the call ends, then the modem rests."""
        return self._rest()

    async def _bring_up(self) -> None:
        try:
            await self._dial()
        except sim7080g.NoNetworkError as error:
            self.failed = str(error)
        except (DriverError, OSError) as error:
            self.failed = str(error) or "PPP does not start"
            self.faults = FAULT_MODEM
        except MemoryError:
            self.failed = "no memory for the modem"

    async def _dial(self) -> None:
        modem, section = self._modem, self._settings["modem"]
        psm = section.get("psm")
        self._sleeps = False
        await modem.start()
        await self._unlock()
        fresh = await modem.configure(section.get("apn") or "")
        if fresh:
            await self._unlock()
        await modem.save_power(psm, section.get("edrx"))
        search_ms = _LONG_SEARCH_MS if fresh or not self._board.random(1)[0] & 3 else _SEARCH_MS
        await modem.register(search_ms, section.get("roaming", True))
        self._sleeps = bool(psm) and await modem.rests_by_itself()
        await modem.dial()
        self._ppp.connect()
        for _ in range(_PPP_MS // _PPP_POLL_MS):
            if self._ppp.isconnected():
                return
            await asyncio.sleep_ms(_PPP_POLL_MS)
        raise DriverError("no PPP")

    # The card's PIN: `tried` in the settings is True when it was sent and not accepted, False once it was accepted.

    async def _unlock(self) -> None:
        self._sent = False
        try:
            await self._modem.unlock(self._pin)
        except DriverError:
            if self._sent:
                self._note(True)
            raise
        if self._sent:
            self._note(False)

    def _pin(self) -> str:
        section = self._settings["modem"]
        if "pin" not in section:
            raise DriverError("SIM wants a PIN")
        if section.get("tried"):
            raise DriverError("PIN was tried before, a new enrolment tells another")
        if "tried" not in section:  # before it is sent for the first time [a restart in between must not try it again]
            self._note(True)
        self._sent = True
        return section["pin"]

    def _note(self, tried: bool) -> None:
        if self._settings["modem"].get("tried") is not tried:
            self._settings["modem"]["tried"] = tried
            self._board.save_settings(self._settings)

    async def _end_ppp(self) -> None:
        self._ppp.disconnect()
        for _ in range(_PPP_END_MS // _PPP_POLL_MS):
            if not self._ppp.isconnected():
                return
            await asyncio.sleep_ms(_PPP_POLL_MS)

    async def _rest(self) -> None:
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.sleep_ms(10)  # until it has let go of the UART and of PWRKEY
        await self._end_ppp()
        try:
            await self._modem.hang_up()
            if self._sleeps and not self.failed:
                await self._modem.register(0, True)  # once it has lost its network it would search on
                return
        except DriverError as error:
            print("modem:", error)
        if not await self._modem.power_off():
            print("modem: stays on")


def check(settings: dict) -> None:
    """WireError unless a modem of this board can work with `settings["modem"]`."""
    section = settings["modem"]
    if settings.get("board") not in _BOARDS:
        raise WireError("settings: no modem on this board")
    if not isinstance(section, dict) or section.get("chip") != "sim7080g":
        raise WireError("settings: chip of modem")
    apn, pin = section.get("apn", ""), section.get("pin", "0000")
    # It stands between quotes in a command [a quote or a line's end in it would begin another].
    if not isinstance(apn, str) or len(apn) > 63 or any(letter not in _APN for letter in apn):
        raise WireError("settings: apn of modem")
    if not isinstance(pin, str) or not 4 <= len(pin) <= 8 or not pin.isdigit():  # ETSI TS 102 221, 9.5.1
        raise WireError("settings: pin of modem")
    if not isinstance(section.get("roaming", True), bool):
        raise WireError("settings: roaming of modem")
    try:
        if "psm" in section:
            _check_psm(section["psm"])
            # A card with a PIN may never let it into PSM (application note [LP], 3.4); a link that stays must not sleep.
            if "pin" in section or settings.get("link") == "always":
                raise DriverError("psm goes without pin, and without a link that stays")
        if "edrx" in section:
            sim7080g.cycle_bits(section["edrx"])
    except DriverError as error:
        raise WireError("settings of modem: " + str(error))


def _check_psm(psm) -> None:
    if not isinstance(psm, list) or len(psm) != 2:
        raise DriverError("psm is [period in s, active time in s]")
    sim7080g.period_bits(psm[0])
    sim7080g.active_bits(psm[1])
    if psm[0] - psm[1] < _MIN_PSM_S:
        raise DriverError("psm would never begin")
