"""LTE-M as a radio: what a contact finds, what it leaves the modem in, and what settings may say, in virtual time."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from hw_sim.chips.sim7080g import ModemFaults, Sim
from hw_sim.network.net import Network
from hw_sim.network.ppp import CONNECTED, PppLink
from hw_sim.world.cell import Cell
from tests.unit.firmware.drivers.modem import ModemPort, Reader
from tests.unit.firmware.link import micro

from firmware import settings as rules  # isort: skip
from firmware.errors import LinkError, WireError  # isort: skip
from firmware.link import cellular, session  # isort: skip

PSM = [86_400, 10]
BROKER = {"host": "broker.example", "port": 1883}
MODEM: dict[str, Any] = {"chip": "sim7080g", "apn": "iot.example"}
SOUND: dict[str, Any] = {"board": "esp32s3", "modem": MODEM, "broker": BROKER}


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "StreamReader", Reader)


class Ppp:
    """`network.PPP` over the simulated call."""

    def __init__(self, port: ModemPort, network: Network) -> None:
        self._port = port
        self.link = PppLink(port.world, network, port.modem)

    def connect(self) -> None:
        """Begin."""
        self._port.sync()
        self.link.connect()

    def disconnect(self) -> None:
        """End."""
        self._port.sync()
        self.link.disconnect()

    def isconnected(self) -> bool:
        """With an address."""
        self._port.sync()
        return self.link.status == CONNECTED


class Board:
    """What a cellular link asks of a board."""

    def __init__(self, port: ModemPort | None = None) -> None:
        self.port = port or ModemPort()
        self.network = Network(self.port.world)
        self.port.ppp = lambda: Ppp(self.port, self.network)  # type: ignore[attr-defined]
        self.saved: list[dict[str, Any]] = []
        self.lot = b"\1"  # a short search

    def modem(self) -> ModemPort:
        """Its port."""
        return self.port

    def random(self, n: int) -> bytes:
        """The lot."""
        return self.lot * n

    def save_settings(self, settings: dict[str, Any]) -> None:
        """A copy, as a file is one."""
        self.saved.append({**settings, "modem": dict(settings["modem"])})


def contact(board: Board, section: dict[str, Any] | None = None, *, settings: dict[str, Any] | None = None) -> Any:
    """One contact's radio: up, ten seconds of it, and off; the radio."""
    settings = settings or {**SOUND, "modem": {**MODEM, **(section or {})}}

    async def run() -> Any:
        radio = cellular.Cellular(board, settings)
        radio.radio_connect(settings)
        for _ in range(cellular.Cellular.BOUND_MS // 250):
            if radio.radio_connected() or radio.failed:
                break
            await asyncio.sleep(0.25)
        if radio.radio_connected():
            await asyncio.sleep(10)
        await radio.radio_off()
        return radio

    return micro.run(run(), 600)


def later(board: Board, seconds: float) -> str:
    """The modem's state then."""

    async def run() -> None:
        board.port.sync()
        await asyncio.sleep(seconds)
        board.port.sync()

    micro.run(run())
    return board.port.modem.state


def test_without_psm_the_modem_is_off_between_contacts() -> None:
    """Each contact attaches anew."""
    board = Board()
    for _ in range(2):
        radio = contact(board)
        assert radio.failed == "" and radio.faults == 0
        assert board.port.modem.state == "off"
    assert board.port.modem.counts["attaches"] == board.port.modem.counts["calls"] == 2


def test_with_psm_it_rests_and_stays_registered() -> None:
    """One attach for all contacts, and none of its commands switches it off."""
    board = Board()
    for _ in range(3):
        assert contact(board, {"psm": PSM}).failed == ""
        assert later(board, 60) == "psm"
    counts = board.port.modem.counts
    assert counts["attaches"] == 1 and counts["calls"] == 3 and "AT+CPOWD=1" not in board.port.modem.heard


def test_where_the_network_grants_no_psm_it_is_switched_off() -> None:
    """An idle modem draws 10 mA, two hundred times what the rest of a sleeping board does."""
    board = Board()
    board.port.modem.cell = Cell(psm=False)
    assert contact(board, {"psm": PSM}).failed == ""
    assert board.port.modem.state == "off"


def test_a_network_lost_in_a_contact_does_not_leave_it_searching() -> None:
    """PSM or not."""
    board = Board()

    async def run() -> None:
        settings = {**SOUND, "modem": {**MODEM, "psm": PSM}}
        radio = cellular.Cellular(board, settings)
        radio.radio_connect(settings)
        while not radio.radio_connected():
            await asyncio.sleep(0.25)
        board.port.modem.cell = Cell(covered=False)
        await asyncio.sleep(20)
        assert not radio.radio_connected()
        await radio.radio_off()

    micro.run(run(), 600)
    assert board.port.modem.state == "off"


@pytest.mark.parametrize(("lot", "seconds"), [(b"\1", 60), (b"\4", 180)])
def test_a_search_in_vain_is_short_but_for_each_fourth(lot: bytes, seconds: float) -> None:
    """By lot; no network is no fault of the modem, and it is switched off."""
    board = Board()
    contact(board)
    board.lot = lot
    board.port.modem.cell = Cell(covered=False)
    began_s = board.port.now_s
    radio = contact(board)
    assert radio.failed == "no network" and radio.faults == 0
    assert seconds < board.port.now_s - began_s < seconds + 15
    assert board.port.modem.state == "off"


def test_the_first_search_is_a_long_one() -> None:
    """Behind settings that were just written, whatever the lot says."""
    board = Board()
    board.port.modem.cell = Cell(covered=False)
    began_s = board.port.now_s
    contact(board)
    assert board.port.now_s - began_s > 180


@pytest.mark.parametrize(
    "fault",
    [ModemFaults(dead=True), ModemFaults(silent=True), ModemFaults(model="SIMCOM_SIM7000G"), ModemFaults(refuse="D")],
)
def test_a_modem_that_fails_is_a_fault(fault: ModemFaults) -> None:
    """8192 of `status`, with a sentence for the console."""
    board = Board()
    board.port.modem.fault = fault
    radio = contact(board)
    assert radio.faults == 8192 and radio.failed


def test_a_network_that_denies_is_a_fault() -> None:
    """A card without a contract, say."""
    board = Board()
    board.port.modem.cell = Cell(takes="nobody")
    radio = contact(board)
    assert radio.faults == 8192 and "denies" in radio.failed


class TestPin:
    """A card with a PIN."""

    def board(self, pin: str = "4321") -> Board:
        """With such a card."""
        board = Board()
        board.port.modem.sim = Sim(pin=pin)
        return board

    def test_a_right_pin_is_noted_once(self) -> None:
        """Before it is tried, and as good behind it; later contacts write nothing."""
        board, settings = self.board(), {**SOUND, "modem": {**MODEM, "pin": "4321"}}
        for _ in range(3):
            assert contact(board, settings=settings).failed == ""
        assert [saved["modem"]["tried"] for saved in board.saved] == [True, False]
        assert board.port.modem.counts["PINs tried"] == 4  # the first contact restarts the radio once

    def test_a_wrong_pin_is_tried_once_for_ever(self) -> None:
        """Ten contacts, each with a restart of the device before it: the card keeps two of its three tries."""
        board = self.board()
        settings: dict[str, Any] = {**SOUND, "modem": {**MODEM, "pin": "1111"}}
        for _ in range(10):
            radio = contact(board, settings=settings)
            assert radio.faults == 8192 and "PIN" in radio.failed
            settings = {**board.saved[-1], "modem": dict(board.saved[-1]["modem"])}  # what lies in the file
        assert board.port.modem.sim.tries == 2 and board.port.modem.counts["PINs tried"] == 1

    def test_a_restart_while_it_is_tried_tries_no_more(self) -> None:
        """The note stands in the file before the PIN leaves."""
        board, settings = self.board(), {**SOUND, "modem": {**MODEM, "pin": "1111"}}
        noted: list[bool] = []
        board.port.modem.sim = Sim(pin="4321")
        write = board.port.write

        def spy(data: bytes | str) -> int:
            if "CPIN=" in str(data):
                noted.append(bool(board.saved) and board.saved[-1]["modem"]["tried"])
            return write(data)

        board.port.write = spy  # type: ignore[method-assign]
        contact(board, settings=settings)
        assert noted == [True]

    def test_a_pin_that_was_changed_behind_our_back_costs_one_try(self) -> None:
        """It was good, is refused, and rests."""
        board, settings = self.board(), {**SOUND, "modem": {**MODEM, "pin": "4321"}}
        contact(board, settings=settings)
        board.port.modem.sim.pin = "9999"
        for _ in range(3):
            contact(board, settings=settings)
        assert board.port.modem.sim.tries == 2 and board.saved[-1]["modem"]["tried"] is True

    def test_without_a_pin_none_is_tried(self) -> None:
        """The card is left alone."""
        board = self.board()
        assert "wants a PIN" in contact(board).failed
        assert board.port.modem.counts["PINs tried"] == 0 and board.saved == []


class TestSettings:
    """What is checked at enrolment and at each start."""

    def test_sound_settings(self) -> None:
        """With everything that may be there."""
        rules.check(SOUND)
        for section in (
            {"pin": "1234"},
            {"pin": "12345678", "tried": False},
            {"psm": PSM},
            {"edrx": 20.48},
            {"roaming": False},
            {"apn": ""},
        ):
            rules.check({**SOUND, "modem": {**MODEM, **section}})
        rules.check({**SOUND, "board": "esp32", "link": "always"})

    @pytest.mark.parametrize(
        "section",
        [
            {"chip": "sim7000g"},
            {"chip": None},
            {"apn": 5},
            {"apn": 'a"\rAT+CPOWD=1\r'},
            {"apn": "a" * 64},
            {"pin": 1234},
            {"pin": "123"},
            {"pin": "123456789"},
            {"pin": "12\r34"},
            {"psm": 86_400},
            {"psm": [86_400]},
            {"psm": [86_401, 10]},
            {"psm": [10, 86_400]},
            {"psm": [20, 2]},
            {"psm": PSM, "pin": "1234"},
            {"edrx": 20},
            {"edrx": "0010"},
            {"roaming": 1},
        ],
        ids=str,
    )
    def test_a_section_that_no_modem_could_work_with(self, section: dict[str, Any]) -> None:
        """One thing of a sound one is changed."""
        with pytest.raises(WireError):
            rules.check({**SOUND, "modem": {**MODEM, **section}})

    @pytest.mark.parametrize(
        "changes",
        [
            {"modem": "sim7080g"},
            {"modem": None},
            {"board": "pico_w"},
            {"board": "pico2_w"},
            {"broker": None},
            {"broker": {"host": "b"}},
            {"wifi": {"ssid": "s", "key": "k"}},
            {"serial": {"baudrate": 115_200}},
            {"modem": {**MODEM, "psm": PSM}, "link": "always"},
        ],
        ids=str,
    )
    def test_what_must_be_around_it(self, changes: dict[str, Any]) -> None:
        """A board with PPP, a broker, no second way, and no sleep under a link that stays."""
        with pytest.raises(WireError):
            rules.check({**SOUND, **changes})


class Nobody:
    """A resolver that knows no name."""

    SOCK_STREAM = 1

    @staticmethod
    def getaddrinfo(*args: Any) -> Any:
        """Fails."""
        raise OSError(-202)


class TestSession:
    """How a session deals with a radio that takes its time."""

    def opened(self, board: Board, settings: dict[str, Any]) -> session.Session:
        """One whose client is never reached."""
        node = SimpleNamespace(
            settings=settings,
            keystore=SimpleNamespace(device="a" * 16),
            sealer=SimpleNamespace(begin=lambda: None),
            fetch=None,
            clock=SimpleNamespace(now_s=None),
            moved=lambda: self.moves.append(board.port.now_s),
        )
        board.socket_module = Nobody  # type: ignore[attr-defined]
        return session.Session(node, board, None)

    def contact(self, board: Board) -> session.Session:
        """One that fails."""
        self.moves: list[float] = []
        seen: list[session.Session] = []

        async def run() -> None:
            seen.append(self.opened(board, {**SOUND, "modem": dict(MODEM)}))
            with pytest.raises(LinkError):
                await seen[0].run(True)

        micro.run(run(), 600)
        return seen[0]

    def test_it_waits_longer_than_for_wifi_and_tells_the_supervisor(self) -> None:
        """Three minutes of search, and no step longer than a minute; then the modem is off though the link is one that stays."""
        board = Board()
        board.port.modem.cell = Cell(covered=False)
        opened = self.contact(board)
        assert self.moves[-1] - self.moves[0] > 180
        assert max(b - a for a, b in zip(self.moves, self.moves[1:], strict=False)) < 60
        assert board.port.modem.state == "off" and opened.faults == 0

    def test_a_contact_that_fails_ends_the_call(self) -> None:
        """Also of a link that stays: PPP alone would never notice that nobody answers."""
        board = Board()
        self.contact(board)
        assert board.port.modem.counts["calls"] == 1 and board.port.modem.state == "off"

    def test_a_fault_waits_until_it_is_told(self) -> None:
        """The bit stands in the session, for the status of the next contact that succeeds."""
        board = Board()
        board.port.modem.fault = ModemFaults(silent=True)
        assert self.contact(board).faults == 8192
