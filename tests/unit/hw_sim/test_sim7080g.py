"""The simulated SIM7080G: its keys, words and states, as the manuals have them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from hw_sim.chips.sim7080g import ModemFaults, Sim, Sim7080g
from hw_sim.chips.sim7080g_network import COLD_S, SPREAD, WARM_S
from hw_sim.energy.meter import Meter
from hw_sim.errors import DeviceError, NotSimulated
from hw_sim.network.net import Network
from hw_sim.network.ppp import CONNECTED, CONNECTING, ERROR, INACTIVE, PppLink
from hw_sim.world.cell import Cell
from hw_sim.world.clock import World

PSM = 'AT+CPSMS=1,,,"00111000","00000101"'  # a day, 10 s


class Bench:
    """A modem with power, and what it said."""

    def __init__(self, *, sim: Sim | None = None) -> None:
        self.world = World(seed=1)
        self.clock = self.world.clock
        self.modem = Sim7080g(self.world)
        self.modem.sim = sim or Sim()
        self.meter = Meter(self.clock)
        self.modem.load = self.meter.part("modem")
        self.said = b""
        self.status: list[bool] = []
        self.modem.emit = self._note
        self.modem.on_status = self.status.append
        self.modem.power(True)

    def _note(self, data: bytes) -> None:
        self.said += data

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance_to(self.clock.now_us + round(seconds * 1e6))

    def press(self, seconds: float) -> None:
        """PWRKEY."""
        self.modem.key(True)
        self.wait(seconds)
        self.modem.key(False)

    def say(self, line: str, seconds: float = 1.0) -> list[str]:
        """One command; what is said within the time, without its echo."""
        self.said = b""
        self.modem.receive(line.encode() + b"\r")
        self.wait(seconds)
        return [row for row in re.split("[\r\n]+", self.said.decode("latin-1")) if row and row != line]

    def registered(self) -> None:
        """On, and in its network."""
        self.press(1.1)
        self.wait(60)
        assert self.say("AT+CEREG?") == ["+CEREG: 0,1", "OK"]


def test_a_second_of_pwrkey_switches_on_and_less_does_not() -> None:
    """[CD table 5]: 1 s at least; STATUS rises 1.8 s behind the press, and the first words come then."""
    bench = Bench()
    bench.press(0.9)
    bench.wait(5)
    assert bench.status == [] and bench.said == b""
    bench.press(1.1)
    bench.wait(0.6)
    assert bench.status == []
    bench.wait(0.2)
    assert bench.status == [True] and b"RDY" in bench.said


def test_longer_switches_off_and_twelve_seconds_reset() -> None:
    """[CD table 5, 4.4]: a running modem goes off by 1.2 s, and whatever it does, 12 s reset it."""
    bench = Bench()
    bench.registered()
    bench.press(1.1)
    bench.wait(5)
    assert bench.modem.state == "running"
    bench.press(1.5)
    bench.wait(5)
    assert bench.modem.state == "off" and b"NORMAL POWER DOWN" in bench.said
    bench.registered()
    bench.modem.fault = ModemFaults(hung=True)
    bench.press(1.5)
    assert bench.modem.state == "running" and bench.say("AT") == []
    bench.press(12.5)
    bench.wait(3)
    assert bench.say("AT") == ["OK"] and bench.modem.counts["resets"] == 1


def test_a_modem_without_its_battery_does_nothing() -> None:
    """No supply, no start; and it takes everything that is not kept with it."""
    bench = Bench()
    bench.registered()
    bench.modem.power(False)
    assert bench.status == [True, False]
    bench.press(2)
    bench.wait(5)
    assert not bench.modem.awake


def test_three_wrong_pins_lock_the_card() -> None:
    """A right one before the third gives all tries back; behind the third the card asks for its PUK."""
    bench = Bench(sim=Sim(pin="1234"))
    bench.press(1.1)
    bench.wait(5)
    bench.say("AT+CMEE=2")
    assert bench.say("AT+CPIN?") == ["+CPIN: SIM PIN", "OK"]
    assert bench.say("AT+CPIN=1111") == ["+CME ERROR: incorrect password"]
    assert bench.say("AT+CPIN=1234")[0] == "OK" and bench.modem.sim.tries == 3
    bench.modem.unlocked = False
    for _ in range(3):
        assert bench.say("AT+CPIN=1111") == ["+CME ERROR: incorrect password"]
    assert bench.say("AT+CPIN?") == ["+CPIN: SIM PUK", "OK"]
    assert bench.say("AT+CPIN=1234") == ["+CME ERROR: operation not allowed"]


def test_without_a_card_it_registers_nowhere() -> None:
    """It says so by itself and when asked, and looks for no network."""
    bench = Bench(sim=Sim(present=False))
    bench.press(1.1)
    bench.wait(60)
    assert b"+CPIN: NOT INSERTED" in bench.said
    assert bench.say("AT+CPIN?") == ["ERROR"]
    assert bench.say("AT+CEREG?") == ["+CEREG: 0,0", "OK"]


def test_the_first_search_takes_longer_than_those_behind_it() -> None:
    """A network that it knows is found within seconds, also after its power was gone."""
    bench = Bench()
    bench.press(1.1)
    bench.wait(2.3 + COLD_S * (1 - SPREAD) - 1)
    assert bench.modem.registration == 2
    bench.wait(2 + COLD_S * 2 * SPREAD)
    assert bench.modem.registration == 1
    bench.modem.power(False)
    bench.modem.power(True)
    bench.press(1.1)
    bench.wait(2.3 + WARM_S * (1 + SPREAD) + 1)
    assert bench.modem.registration == 1 and bench.modem.counts["attaches"] == 2


@pytest.mark.parametrize(
    ("cell", "registration"),
    [(Cell(takes="roaming"), 5), (Cell(takes="nobody"), 3), (Cell(covered=False), 2), (Cell(), 1)],
)
def test_what_the_network_says(cell: Cell, registration: int) -> None:
    """+CEREG of AT Command Manual 6.2.7."""
    bench = Bench()
    bench.modem.cell = cell
    bench.press(1.1)
    bench.wait(90)
    assert bench.say("AT+CEREG?") == [f"+CEREG: 0,{registration}", "OK"]


def test_area_and_cell_are_told_to_who_asks_for_them_only() -> None:
    """AT+CEREG=2 adds them; 0 leaves them out again."""
    bench = Bench()
    bench.registered()
    bench.say("AT+CEREG=2")
    assert "1A2B" in bench.say("AT+CEREG?")[0]
    bench.say("AT+CEREG=0")
    assert bench.say("AT+CEREG?")[0] == "+CEREG: 0,1"


def test_psm_begins_behind_tail_and_active_time_and_keeps_the_registration() -> None:
    """Ten seconds of the network's, ten of T3324; STATUS falls, PWRKEY wakes it, and there is no second attach."""
    bench = Bench()
    bench.registered()
    bench.say(PSM)
    assert bench.say("AT+CPSMRDP")[0] == "+CPSMRDP: 1,10,86400,10,86400,3240"
    bench.modem.carry(100)
    bench.wait(19)
    assert bench.modem.state == "running"
    bench.wait(2)
    assert bench.modem.state == "psm" and bench.status[-1] is False
    assert bench.say("AT") == []
    bench.press(1.1)
    bench.wait(3)
    assert bench.say("AT+CEREG?") == ["+CEREG: 0,1", "OK"]
    assert bench.modem.counts["attaches"] == 1


def test_psm_that_is_not_granted_does_not_begin() -> None:
    """The network has the last word: zeros for its timers, and the modem stays awake."""
    bench = Bench()
    bench.modem.cell = Cell(psm=False)
    bench.registered()
    bench.say(PSM)
    assert bench.say("AT+CPSMRDP")[0] == "+CPSMRDP: 1,10,86400,0,0,3240"
    bench.wait(300)
    assert bench.modem.state == "running"


def test_it_shows_itself_when_its_period_is_over() -> None:
    """T3412: once in ten minutes here, awake for a moment, and back."""
    bench = Bench()
    bench.registered()
    bench.say('AT+CPSMS=1,,,"00000001","00000101"')
    bench.wait(1300)
    assert bench.modem.counts["periodic updates"] == 2 and bench.modem.counts["attaches"] == 1
    bench.wait(60)
    assert bench.modem.state == "psm"


def test_a_call_is_left_by_the_escape_sequence_with_its_silences() -> None:
    """[AT 2.2.8]: a second before, a second behind, nothing in between; AT within a call is swallowed."""
    bench = Bench()
    bench.registered()
    assert bench.say("ATD*99***1#") == ["CONNECT 150000000"]
    bench.wait(2)
    assert bench.say("AT") == []
    bench.wait(0.2)
    bench.modem.receive(b"x")
    bench.modem.receive(b"+++")
    bench.wait(3)
    assert bench.say("AT") == []
    bench.wait(2)
    bench.modem.receive(b"+++")
    bench.wait(1.1)
    assert bench.say("AT") == ["OK"]
    bench.say("ATH")
    assert not bench.modem.call


def test_without_a_network_there_is_no_call() -> None:
    """NO CARRIER."""
    bench = Bench()
    bench.modem.cell = Cell(covered=False)
    bench.press(1.1)
    bench.wait(5)
    assert bench.say("ATD*99***1#") == ["NO CARRIER"]


def test_a_lost_cell_ends_the_call_and_is_looked_for() -> None:
    """Five seconds later it knows; when the cell is back it attaches anew."""
    bench = Bench()
    bench.registered()
    bench.say("ATD*99***1#")
    bench.modem.cell = Cell(covered=False)
    assert bench.modem.call and not bench.modem.passes
    bench.wait(6)
    assert not bench.modem.call and bench.modem.registration == 2
    bench.modem.cell = Cell()
    bench.wait(15)
    assert bench.modem.registration == 1 and bench.modem.counts["attaches"] == 2


def test_what_it_does_not_know_is_an_error_and_what_nobody_simulates_says_so() -> None:
    """A modem refuses nonsense; a command of the manual that nothing here stands for names itself."""
    bench = Bench()
    bench.registered()
    assert bench.say("AT+NONSENSE") == ["ERROR"]
    assert bench.say('AT+CPSMS=1,,,"1"') == ["ERROR"]
    with pytest.raises(NotSimulated, match="CSCLK"):
        bench.say("AT+CSCLK=1")


def test_faults_are_on_call() -> None:
    """Silence, noise, another name, one command that is refused, no power; and no fault that does not exist."""
    bench = Bench()
    bench.registered()
    bench.modem.fault.silent = True
    assert bench.say("AT") == []
    bench.modem.fault = ModemFaults(garbage=9)
    bench.say("AT")
    assert len(bench.said) > 9 + 6 and bench.said.endswith(b"\r\nOK\r\n")
    bench.modem.fault = ModemFaults(model="SIMCOM_SIM7000")
    assert "SIMCOM_SIM7000" in bench.say("AT+CGMM")
    bench.modem.fault = ModemFaults(refuse="CNMP")
    assert bench.say("AT+CNMP=38") == ["ERROR"] and bench.say("AT+CMNB=1") == ["OK"]
    with pytest.raises(AttributeError):
        bench.modem.fault.deaf = True  # type: ignore[attr-defined]
    bench = Bench()
    bench.modem.fault.dead = True
    bench.press(13)
    bench.wait(5)
    assert not bench.modem.awake


def test_the_ledger_has_its_states() -> None:
    """Leakage, search, connection and its tail, idle, PSM: each for its time, and what goes up as single acts."""
    bench = Bench()
    bench.wait(100)
    bench.registered()
    bench.say(PSM)
    bench.modem.carry(1000)
    bench.wait(1000)
    rows = {row.state: row for row in bench.meter.report().rows}
    assert rows["off"].seconds == pytest.approx(101)
    assert rows["searching"].seconds > 15 and rows["connected"].seconds > 10
    assert rows["psm"].seconds == pytest.approx(980, abs=3) and rows["psm"].millicoulomb < 4
    assert rows["transmitting"].events == 1 and rows["transmitting"].millicoulomb > 5


class TestPpp:
    """The board's end of a call."""

    def bench(self) -> tuple[Bench, PppLink, Network]:
        """A modem in data mode."""
        bench = Bench()
        network = Network(bench.world)
        network.associated = False
        bench.registered()
        bench.say("ATD*99***1#")
        return bench, PppLink(bench.world, network, bench.modem), network

    def test_it_connects_in_data_mode_and_ends_the_call(self) -> None:
        """Negotiation takes its time; its end leaves the modem in command mode, with NO CARRIER."""
        bench, ppp, network = self.bench()
        ppp.connect()
        with pytest.raises(DeviceError):
            ppp.connect()
        assert ppp.status == CONNECTING and not network.associated
        bench.wait(2)
        assert ppp.status == CONNECTED and network.associated and network.delay_ms() == 100
        ppp.disconnect()
        bench.wait(1)
        assert ppp.status == INACTIVE and not network.associated and not bench.modem.call
        assert b"NO CARRIER" in bench.said

    def test_a_modem_in_command_mode_answers_no_negotiation(self) -> None:
        """A minute of requests, then an error."""
        bench, ppp, network = self.bench()
        bench.modem.hang_up()
        ppp.connect()
        bench.wait(50)
        assert ppp.status == CONNECTING
        bench.wait(20)
        assert ppp.status == ERROR and not network.associated

    def test_out_of_reach_bytes_vanish_until_the_modem_gives_up(self) -> None:
        """The socket notices nothing at first; then the call is gone, and PPP with it."""
        bench, ppp, network = self.bench()
        ppp.connect()
        bench.wait(2)
        bench.modem.cell = Cell(covered=False)
        assert ppp.status == CONNECTED and not network.carries()
        connection = network.open()
        bench.wait(6)
        assert (
            ppp.status == ERROR and not network.associated and connection.error == 103
        )  # lwIP aborts what went that way

    def test_a_restart_of_the_board_leaves_the_modem_in_its_call(self) -> None:
        """Nobody told it."""
        bench, ppp, network = self.bench()
        ppp.connect()
        bench.wait(2)
        ppp.gone()
        assert ppp.status == INACTIVE and bench.modem.call and not network.associated

    def test_losses_delay_and_never_reorder(self) -> None:
        """What was said again comes later, and all behind it too."""
        bench, ppp, network = self.bench()
        ppp.connect()
        bench.wait(2)
        bench.modem.cell = replace(Cell(), loss=0.5)
        connection = network.open()
        order: list[int] = []
        for number in range(50):
            connection._later(lambda number=number: order.append(number))  # type: ignore[misc]
            bench.wait(0.01)
        bench.wait(3)
        assert order == list(range(50))
        assert {network.delay_ms() for _ in range(50)} == {100, 1600}
