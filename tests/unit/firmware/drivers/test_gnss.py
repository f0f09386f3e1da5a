"""The receiver driver against a scripted receiver, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.firmware.drivers.test_nmea import GGA, RMC, line
from tests.unit.firmware.drivers.test_ubx import pvt
from tests.unit.firmware.link import micro

from firmware.drivers import gnss, ubx  # isort: skip
from firmware.errors import DriverError  # isort: skip

VERSION = ubx.frame(ubx.MON_VER, b"ROM SPG 5.10".ljust(30, b"\0") + b"000A0000\0\0" + b"PROTVER=34.10".ljust(30, b"\0"))
ACK = ubx.frame(ubx.ACK_ACK, b"\x06\x8a")
NAK = ubx.frame(ubx.ACK_NAK, b"\x06\x8a")


class Receiver:
    """A receiver and its UART at once; `answer(message, payload) -> bytes`. Hears one baud rate, under power."""

    def __init__(self, answer: Callable[[int, bytes], bytes], baudrate: int = 38400) -> None:
        self.answer = answer
        self.baudrate = baudrate
        self.listening = 0
        self.on = False
        self.switched: list[bool] = []
        self.requests: list[tuple[int, bytes]] = []
        self.open_uarts = 0
        self.came: asyncio.Queue[bytes] = asyncio.Queue()
        self._parser = ubx.Parser()

    def gnss_power(self, on: bool) -> None:
        """Load switch."""
        self.on = on
        self.switched.append(on)

    def uart_gnss(self, baudrate: int) -> Receiver:
        """The UART at a baud rate."""
        self.listening = baudrate
        self.open_uarts += 1
        self.came = asyncio.Queue()
        return self

    def deinit(self) -> None:
        """The UART is released."""
        self.open_uarts -= 1

    def write(self, data: bytes) -> int:
        """The driver sends."""
        if self.on and self.listening == self.baudrate:
            for message, payload in self._parser.feed(data):
                self.requests.append((message, payload))
                self.say(self.answer(message, payload))
        return len(data)

    def say(self, data: bytes) -> None:
        """The receiver sends."""
        if self.on and data:
            self.came.put_nowait(data)


class Reader:
    """asyncio.StreamReader over a MicroPython stream."""

    def __init__(self, uart: Receiver) -> None:
        self._uart = uart

    async def read(self, n: int) -> bytes:
        """Bytes as they come."""
        return await self._uart.came.get()


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "StreamReader", Reader)


def good(message: int, payload: bytes) -> bytes:
    """A receiver that does what it should."""
    del payload
    return {ubx.MON_VER: VERSION, ubx.CFG_VALSET: ACK}.get(message, b"")


def drive(receiver: Receiver, act: Callable[[gnss.Gnss], Any], protocol: str = "ubx", limit_s: float = 60) -> Any:
    """Run `act` with a driver on the receiver."""
    return micro.run(act(gnss.Gnss(receiver, protocol)), limit_s)


def test_start_identifies_and_configures() -> None:
    """MON-VER first, then one VALSET to RAM and BBR with the interval, NAV-PVT on and NMEA off."""
    receiver = Receiver(good)
    drive(receiver, lambda driver: driver.start(10))
    (first, poll), (second, payload) = receiver.requests
    assert (first, poll, second) == (ubx.MON_VER, b"", ubx.CFG_VALSET)
    items = [(ubx.RATE_MEAS, 10000), (ubx.RATE_NAV, 1), (ubx.UART1_OUT_UBX, 1), (ubx.UART1_OUT_NMEA, 0)]
    assert payload == ubx.valset([*items, (ubx.OUT_NAV_PVT_UART1, 1)])[6:-2]
    assert payload[1] == 3


@pytest.mark.parametrize(("interval_s", "rate_ms"), [(1, 1000), (60, 60000), (61, 60000), (86400, 60000)])
def test_the_rate_is_bounded(interval_s: int, rate_ms: int) -> None:
    """An interval beyond a minute asks for a solution a minute: 16 bits of milliseconds end at 65 s."""
    receiver = Receiver(good)
    drive(receiver, lambda driver: driver.start(interval_s))
    assert receiver.requests[1][1][4:10] == ubx.valset([(ubx.RATE_MEAS, rate_ms)])[10:16]


def test_another_baud_rate_is_found() -> None:
    """A module that starts at 9600 baud is found behind 38400."""
    receiver = Receiver(good, baudrate=9600)
    drive(receiver, lambda driver: driver.start(10))
    assert receiver.listening == 9600 and receiver.open_uarts == 1


def test_a_silent_receiver_is_reported_and_unpowered() -> None:
    """No answer at any baud rate: GnssSilentError within 5.2 s, the power is off and the UART released."""
    receiver = Receiver(lambda message, payload: b"")
    with pytest.raises(gnss.GnssSilentError):
        drive(receiver, lambda driver: driver.start(10), limit_s=5.2)
    assert not receiver.on and receiver.open_uarts == 0


def test_a_receiver_that_starts_is_not_asked_in_vain() -> None:
    """It hears nothing for 300 ms: one question, and its configuration, half a second after power on."""
    receiver = Receiver(good)

    async def act(driver: gnss.Gnss) -> float:
        await driver.start(10)
        return asyncio.get_running_loop().time()

    assert drive(receiver, act) < 0.5 and len(receiver.requests) == 2


def test_the_line_is_silent_until_the_next_solution() -> None:
    """Off for long; while it starts; from a solution to a quarter of a second before the next; not when something was asked."""
    receiver = Receiver(good)
    solution = ubx.frame(ubx.NAV_PVT, pvt())

    async def act(driver: gnss.Gnss) -> list[int]:
        found = [driver.nap_ms()]
        start = asyncio.create_task(driver.start(10))
        await asyncio.sleep(0.1)
        found.append(driver.nap_ms())
        await start
        found.append(driver.nap_ms())
        receiver.say(solution)
        await driver.fix(15_000)
        found.append(driver.nap_ms())
        await asyncio.sleep(9)
        found.append(driver.nap_ms())
        await asyncio.sleep(1.5)
        found.append(driver.nap_ms())
        receiver.say(solution)
        await driver.fix(15_000)
        await driver._send(ubx.frame(ubx.NAV_PVT))
        return [*found, driver.nap_ms()]

    off, starting, asked, after, later, overdue, polled = drive(receiver, act)
    assert off == 60_000 and starting == 250 and asked == 0
    assert (after, later, overdue, polled) == (9750, 750, 0, 0)


def test_a_receiver_of_its_own_rate_is_always_awaited() -> None:
    """NMEA comes in pieces whenever it likes."""
    receiver = Receiver(good)

    async def act(driver: gnss.Gnss) -> int:
        await driver.start(1)
        receiver.say(line(RMC) + line(GGA))
        await driver.fix(2000)
        return driver.nap_ms()

    assert drive(receiver, act, "nmea") == 0


def test_a_refused_configuration_is_reported_and_unpowered() -> None:
    """NAK to the VALSET: GnssRefusedError, the power is off."""
    receiver = Receiver(lambda message, payload: NAK if message == ubx.CFG_VALSET else good(message, payload))
    with pytest.raises(gnss.GnssRefusedError):
        drive(receiver, lambda driver: driver.start(10))
    assert not receiver.on


def test_an_old_receiver_is_refused() -> None:
    """A protocol version without CFG-VALSET is told from one with it."""
    old = VERSION[:6] + VERSION[6:-2].replace(b"34.10", b"18.00")
    receiver = Receiver(lambda message, payload: ubx.frame(ubx.MON_VER, old[6:]) if message == ubx.MON_VER else ACK)
    with pytest.raises(gnss.GnssRefusedError):
        drive(receiver, lambda driver: driver.start(10))


def test_a_lost_acknowledgement_is_asked_for_again() -> None:
    """The first VALSET is not heard, the second is acknowledged: the start succeeds."""
    asked: list[int] = []

    def answer(message: int, payload: bytes) -> bytes:
        asked.append(message)
        return b"" if asked.count(ubx.CFG_VALSET) == 1 and message == ubx.CFG_VALSET else good(message, payload)

    drive(Receiver(answer), lambda driver: driver.start(10))
    assert asked.count(ubx.CFG_VALSET) == 2


def test_a_missing_acknowledgement_is_silence() -> None:
    """A receiver that answers MON-VER and never the VALSET is given up within a bounded time."""
    receiver = Receiver(lambda message, payload: VERSION if message == ubx.MON_VER else b"")
    with pytest.raises(gnss.GnssSilentError):
        drive(receiver, lambda driver: driver.start(10), limit_s=10)
    assert not receiver.on


def test_an_answer_to_another_request_is_no_acknowledgement() -> None:
    """ACK of CFG-MSG in place of CFG-VALSET does not count."""
    other = ubx.frame(ubx.ACK_ACK, b"\x06\x01")
    receiver = Receiver(lambda message, payload: VERSION if message == ubx.MON_VER else other)
    with pytest.raises(gnss.GnssSilentError):
        drive(receiver, lambda driver: driver.start(10))


def test_fixes_come_as_they_are_sent() -> None:
    """Each call gives the next solution, behind garbage and a damaged frame too; an impossible one is counted."""
    receiver = Receiver(good)
    solution = ubx.frame(ubx.NAV_PVT, pvt())

    async def act(driver: gnss.Gnss) -> tuple[Any, ...]:
        await driver.start(10)
        loop = asyncio.get_running_loop()
        damaged = solution[:-1] + bytes((solution[-1] ^ 1,))
        loop.call_later(5, receiver.say, b"$GNGGA,garbage\xb5\x62" + damaged)
        loop.call_later(10, receiver.say, ubx.frame(ubx.NAV_PVT, pvt(lat=910000000)))
        loop.call_later(20, receiver.say, solution)
        fix = await driver.fix(30_000)
        return fix, driver.implausible, loop.time()

    fix, implausible, now_s = drive(receiver, act)
    assert fix == ubx.decode_pvt(pvt()) and implausible == 1 and 20 <= now_s < 21


def test_no_solution_in_time_is_silence() -> None:
    """A receiver that falls silent after its start is found within the time given."""

    async def act(driver: gnss.Gnss) -> None:
        await driver.start(10)
        with pytest.raises(gnss.GnssSilentError):
            await driver.fix(15_000)

    drive(Receiver(good), act, limit_s=20)


def test_stop_cuts_the_power_and_forgets() -> None:
    """After `stop` the receiver is unpowered and no earlier fix is returned; `fix` raises until the next start."""
    receiver = Receiver(good)

    async def act(driver: gnss.Gnss) -> None:
        await driver.start(10)
        receiver.say(ubx.frame(ubx.NAV_PVT, pvt()))
        driver.stop()
        assert not receiver.on and not driver.powered and receiver.open_uarts == 0
        with pytest.raises(DriverError):
            await driver.fix(1_000)

    drive(receiver, act)


def test_a_cancelled_start_leaves_the_receiver_off() -> None:
    """Cancelled while it waits for the identity, the driver cuts the power."""
    receiver = Receiver(lambda message, payload: b"")

    async def act(driver: gnss.Gnss) -> None:
        task = asyncio.create_task(driver.start(10))
        await asyncio.sleep(0.5)
        assert receiver.on
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not receiver.on

    drive(receiver, act)


def test_nmea_of_a_receiver_that_knows_no_ubx() -> None:
    """With protocol "nmea" whole sentences are identity enough, and an epoch makes a fix."""
    receiver = Receiver(lambda message, payload: line(RMC) + line(GGA), baudrate=9600)

    async def act(driver: gnss.Gnss) -> tuple[Any, ...]:
        await driver.start(10)
        asyncio.get_running_loop().call_later(1, receiver.say, line(RMC) + line(GGA))
        return await driver.fix(5_000)

    assert drive(receiver, act, "nmea")[6] == 3


def test_nmea_of_a_u_blox_is_configured() -> None:
    """With protocol "nmea" a u-blox is told which sentences to send, and NAV-PVT off."""
    receiver = Receiver(good)
    drive(receiver, lambda driver: driver.start(10), "nmea")
    payload = receiver.requests[1][1]
    expected = ubx.valset([(ubx.UART1_OUT_NMEA, 1), (ubx.OUT_NAV_PVT_UART1, 0)])[10:-2]
    assert expected in payload


def test_the_protocol_is_one_of_two() -> None:
    """Another name in the settings is an error at once."""
    with pytest.raises(DriverError):
        gnss.Gnss(Receiver(good), "rtcm")


def hold(driver: gnss.Gnss, seconds: float) -> None:
    """The program does nothing for so long, and the keeper notices; what is on the line waits."""
    micro._current[-1].now_s += seconds
    driver.held()


@pytest.mark.parametrize("first", ["reader", "keeper"])
def test_a_solution_that_waited_begins_no_nap(first: str) -> None:
    """Read late it tells not when the next one comes; the next one that is read at once does."""
    receiver = Receiver(good)
    solution = ubx.frame(ubx.NAV_PVT, pvt())

    async def act(driver: gnss.Gnss) -> list[int]:
        await driver.start(10)
        found = []
        for held_s in (0, 7, 0):
            await asyncio.sleep(3)
            receiver.say(solution)
            if held_s and first == "keeper":
                hold(driver, held_s)
            await driver.fix(15_000)
            if held_s and first == "reader":
                hold(driver, held_s)
            found.append(driver.nap_ms())
        return found

    assert drive(receiver, act) == [9750, 0, 9750]


@pytest.mark.parametrize("held_s", [0, 7])
def test_what_waits_is_read_before_the_receiver_counts_as_silent(held_s: int) -> None:
    """A wait that ends while the program is held: a solution that came meanwhile is no silence; without it there is one."""
    receiver = Receiver(good)

    async def act(driver: gnss.Gnss) -> tuple[int, ...]:
        await driver.start(10)
        loop = asyncio.get_running_loop()

        def held() -> None:
            hold(driver, held_s)
            # What came meanwhile is seen by the loop's next look at the line; the timers that ended are older.
            loop.call_later(0.001, receiver.say, ubx.frame(ubx.NAV_PVT, pvt()) if held_s else b"")

        loop.call_later(14.9, held)
        return await driver.fix(15_000)

    if held_s:
        assert drive(receiver, act)[6] == 3
        assert [kind for kind, _ in receiver.requests] == [ubx.MON_VER, ubx.CFG_VALSET]  # nothing was polled
    else:
        with pytest.raises(gnss.GnssSilentError):
            drive(receiver, act)
        assert receiver.requests[-1][0] == ubx.NAV_PVT


def test_solutions_that_waited_come_in_their_order() -> None:
    """Seven of them lie in the UART behind a stretch of seven seconds; each is given once, and then the next is awaited."""
    receiver = Receiver(good)
    times = list(range(7))

    async def act(driver: gnss.Gnss) -> list[int]:
        await driver.start(1)
        line = b"".join(ubx.frame(ubx.NAV_PVT, pvt(second=second)) for second in times)
        for at in range(0, len(line), 256):
            receiver.say(line[at : at + 256])
        found = [(await driver.fix(6000))[0] for _ in times]
        with pytest.raises(gnss.GnssSilentError):
            await driver.fix(6000)
        return found

    found = drive(receiver, act)
    assert [time - found[0] for time in found] == times
