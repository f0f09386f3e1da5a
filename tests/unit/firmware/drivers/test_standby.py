"""A receiver that loses its configuration, and one without a power switch, against a scripted receiver in virtual time."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.firmware.drivers.test_gnss import NAK, Reader, Receiver, good
from tests.unit.firmware.drivers.test_ubx import pvt
from tests.unit.firmware.link import micro

from firmware.drivers import gnss, parts, standby, ubx  # isort: skip
from firmware.errors import DriverError  # isort: skip

SOLUTION = ubx.frame(ubx.NAV_PVT, pvt())
PMREQ = 0x0241


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "StreamReader", Reader)


# --- a receiver that lost its configuration


class Forgetful(Receiver):
    """Sends a solution each ten seconds while it is configured; answers polls always."""

    def __init__(self, answer: Callable[[int, bytes], bytes] | None = None) -> None:
        super().__init__(answer or self.reply)
        self.configured = False

    def reply(self, message: int, payload: bytes) -> bytes:
        """As a sound one."""
        if message == ubx.CFG_VALSET:
            self.configured = True
        return SOLUTION if (message, payload) == (ubx.NAV_PVT, b"") else good(message, payload)

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(10)
            if self.configured:
                self.say(SOLUTION)


def follow(receiver: Forgetful, act: Callable[[gnss.Gnss], Any], limit_s: float = 200) -> Any:
    """Run `act` with a driver, beside the receiver."""

    async def main() -> Any:
        running = asyncio.create_task(receiver.run())
        try:
            return await act(gnss.Gnss(receiver, "ubx"))
        finally:
            running.cancel()

    return micro.run(main(), limit_s)


def test_a_lost_configuration_is_noticed_and_written_again() -> None:
    """No solution comes, but a poll is answered: the same VALSET goes out again, and fixes come as before."""
    receiver = Forgetful()

    async def act(driver: gnss.Gnss) -> tuple[Any, ...]:
        await driver.start(10)
        first = await driver.fix(15_000)
        receiver.configured = False  # a dip of the supply
        second = await driver.fix(15_000)
        third = await driver.fix(15_000)
        return first, second, third

    assert follow(receiver, act) == (ubx.decode_pvt(pvt()),) * 3
    settings = [payload for message, payload in receiver.requests if message == ubx.CFG_VALSET]
    assert len(settings) == 2 and settings[0] == settings[1]
    assert [message for message, _ in receiver.requests].count(ubx.NAV_PVT) == 1


@pytest.mark.parametrize("protocol_answer", [b"", NAK])
def test_a_receiver_that_is_gone_is_still_reported(protocol_answer: bytes) -> None:
    """No answer to the poll: silence, within a second of the time given. A refused configuration: refusal."""
    receiver = Forgetful()
    error = gnss.GnssRefusedError if protocol_answer else gnss.GnssSilentError

    async def act(driver: gnss.Gnss) -> float:
        await driver.start(10)
        receiver.configured = False
        reply = receiver.answer
        receiver.answer = lambda message, payload: (
            reply(message, payload) if protocol_answer and message != ubx.CFG_VALSET else protocol_answer
        )
        began = asyncio.get_running_loop().time()
        with pytest.raises(error):
            await driver.fix(15_000)
        return asyncio.get_running_loop().time() - began

    assert 15 <= follow(receiver, act) <= 16


def test_a_poll_is_no_solution_that_was_never_configured() -> None:
    """The lost acknowledgement of the second configuration is silence too: nothing half configured is gone on with."""
    receiver = Forgetful()

    async def act(driver: gnss.Gnss) -> None:
        await driver.start(10)
        receiver.configured = False
        receiver.answer = lambda message, payload: SOLUTION if message == ubx.NAV_PVT else b""
        with pytest.raises(gnss.GnssSilentError):
            await driver.fix(15_000)

    follow(receiver, act)


# --- a receiver without a power switch


class Unswitched(Receiver):
    """Its supply never goes; `gnss_power` drives EXTINT. Starts in 300 ms, deaf; sleeps by PMREQ, wakes by an edge."""

    def __init__(self, answer: Callable[[int, bytes], bytes] = good, *, baudrate: int = 38400, deaf: int = 0) -> None:
        super().__init__(answer, baudrate)
        self.on = True
        self.level = False
        self.deaf = deaf  # requests for standby that are lost on the line
        self.woke_s = -1.0
        self.heard_first: list[bytes] = []

    def gnss_power(self, on: bool) -> None:
        """The wire to EXTINT."""
        if on != self.level:
            self.switched.append(on)
            if not self.on:
                self.on, self.woke_s = True, asyncio.get_running_loop().time()
        self.level = on

    def deinit(self) -> None:
        """The UART is released; what comes later belongs to nobody."""
        super().deinit()
        self.came = asyncio.Queue()

    def write(self, data: bytes) -> int:
        """The driver sends."""
        if asyncio.get_running_loop().time() < self.woke_s + 0.3:
            return len(data)
        if data == b"\xff":
            self.heard_first.append(data)
        if self.on and self.listening == self.baudrate:
            for message, payload in ubx.Parser().feed(data):
                if message != PMREQ:
                    continue
                duration, flags, sources = struct.unpack("<4xIII", payload)
                assert (payload[0], duration, flags & 2, sources) == (0, 0, 2, 0x20)  # by EXTINT alone
                self.deaf -= 1
                self.on = self.deaf >= 0
        return super().write(data)


def standing_by(receiver: Unswitched, act: Callable[[standby.StandbyGnss], Any], limit_s: float = 60) -> Any:
    """Run `act` with the driver that the settings name."""

    async def main() -> Any:
        driver = parts.receiver(receiver, "ubx", {"receiver": "standby"})
        assert isinstance(driver, standby.StandbyGnss)
        return await act(driver)

    return micro.run(main(), limit_s)


@pytest.mark.parametrize("baudrate", [38400, 9600])
@pytest.mark.parametrize("deaf", [0, 1, 3])
def test_a_receiver_without_a_switch_goes_to_standby_and_comes_back(baudrate: int, deaf: int) -> None:
    """After `stop` it counts as powered until it does not answer; `start` wakes, configures and gives fixes."""
    receiver = Unswitched(baudrate=baudrate, deaf=deaf)

    async def act(driver: standby.StandbyGnss) -> None:
        assert driver.powered  # nobody knows, when the device starts
        driver.stop()
        await asyncio.sleep(6)
        assert not driver.powered and not receiver.on and receiver.open_uarts == 0
        await driver.start(10)
        assert driver.powered and receiver.on and receiver.heard_first
        asyncio.get_running_loop().call_later(1, receiver.say, SOLUTION)
        assert await driver.fix(5_000) == ubx.decode_pvt(pvt())
        driver.stop()
        assert driver.powered
        with pytest.raises(DriverError):
            await driver.fix(1_000)
        await asyncio.sleep(6)
        assert not driver.powered and not receiver.on and receiver.open_uarts == 0

    standing_by(receiver, act)


@pytest.mark.parametrize("after_s", [0.05, 0.2, 0.31, 0.6])
def test_cut_while_it_starts(after_s: float) -> None:
    """A request that falls into the start is not heard; it is repeated until the receiver is asleep."""
    receiver = Unswitched()

    async def act(driver: standby.StandbyGnss) -> None:
        driver.stop()
        await asyncio.sleep(3)
        assert not receiver.on
        task = asyncio.create_task(driver.start(10))
        await asyncio.sleep(after_s)
        assert receiver.on
        driver.cut()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        driver.stop()
        await asyncio.sleep(3)
        assert not receiver.on and not driver.powered and receiver.open_uarts == 0

    standing_by(receiver, act)


@pytest.mark.parametrize("pause_s", [0.02, 0.13, 1.0])
def test_asked_again_and_again_it_comes_to_rest_all_the_same(pause_s: float) -> None:
    """The keeper of the sensors cuts what is not wanted, each second: that must neither begin everything anew nor drop the
    answer of a receiver that is still awake.
    """
    receiver = Unswitched(deaf=100_000)
    say = receiver.say
    receiver.say = lambda data: asyncio.get_running_loop().call_later(0.1, say, data)  # type: ignore[method-assign,assignment]

    async def act(driver: standby.StandbyGnss) -> None:
        asyncio.get_running_loop().call_later(
            5, setattr, receiver, "deaf", 0
        )  # until then requests are lost on the line
        for _ in range(round(16 / pause_s)):
            if driver.powered:
                driver.cut()
                driver.stop()
            assert driver.powered or not receiver.on
            await asyncio.sleep(pause_s)
        assert not driver.powered and not receiver.on

    standing_by(receiver, act)


def test_started_again_at_once() -> None:
    """A start in the middle of going to standby wins: the receiver is awake and stays it."""
    receiver = Unswitched()

    async def act(driver: standby.StandbyGnss) -> None:
        for pause_s in (0.0, 0.2, 0.52, 0.6, 1.0):
            await driver.start(10)
            driver.stop()
            await asyncio.sleep(pause_s)
            await driver.start(10)
            await asyncio.sleep(5)
            assert driver.powered and receiver.on
            driver.stop()
            await asyncio.sleep(5)
            assert not driver.powered and not receiver.on

    standing_by(receiver, act, 120)


def test_a_receiver_that_does_not_sleep_counts_as_powered() -> None:
    """It answers for ever: `powered` stays true, so that whoever looks sees it, and each further stop tries again."""
    receiver = Unswitched(deaf=1000)

    async def act(driver: standby.StandbyGnss) -> None:
        for _ in range(3):
            driver.stop()
            await asyncio.sleep(10)
            assert driver.powered and receiver.open_uarts == 0
        receiver.deaf = 0
        driver.stop()
        await asyncio.sleep(6)
        assert not driver.powered

    standing_by(receiver, act)


def test_which_driver() -> None:
    """A switch unless the settings or the board say otherwise; another word is refused."""
    board = SimpleNamespace()
    assert type(parts.receiver(board, "ubx")) is gnss.Gnss
    assert type(parts.receiver(SimpleNamespace(PARTS={"receiver": "standby"}), "ubx")) is standby.StandbyGnss
    parts.check({"receiver": "standby"})
    with pytest.raises(DriverError):
        parts.check({"receiver": "tmp117"})
