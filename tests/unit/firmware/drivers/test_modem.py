"""The modem's driver against the simulated SIM7080G, in virtual time: each state it may find, each thing that may be wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hw_sim.chips.sim7080g import ModemFaults, Sim
from hw_sim.world.cell import Cell
from tests.unit.firmware.drivers.modem import ModemPort, Reader
from tests.unit.firmware.link import micro

from firmware.drivers import sim7080g  # isort: skip
from firmware.errors import DriverError  # isort: skip

DAY_S = 86_400
APN = "iot.example"


@pytest.fixture(autouse=True)
def _reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio, "StreamReader", Reader)


def drive(port: ModemPort, act: Callable[[sim7080g.Sim7080g], Awaitable[Any]], limit_s: float = 600) -> Any:
    """Run `act` with a driver on the port; TimeoutError where it takes longer than any of its bounds allows."""

    async def run() -> Any:
        return await act(sim7080g.Sim7080g(port))

    return micro.run(run(), limit_s)


def no_pin() -> str:
    """Nobody has one."""
    raise DriverError("SIM wants a PIN")


async def attach(modem: sim7080g.Sim7080g, psm: Any = None, edrx: Any = None) -> None:
    """From whatever it was to its network."""
    await modem.start()
    await modem.unlock(no_pin)
    if await modem.configure(APN):
        await modem.unlock(no_pin)
    await modem.save_power(psm, edrx)
    await modem.register(180_000, True)


def test_from_off_to_data_mode_and_off_again() -> None:
    """The press is one that starts and does not stop; then LTE-M, the access point, a call, its end by escape, and off."""
    port = ModemPort()

    async def act(modem: sim7080g.Sim7080g) -> None:
        await attach(modem)
        await modem.dial()
        assert port.modem.call
        await modem.hang_up()
        assert not port.modem.call
        assert await modem.power_off()

    drive(port, act)
    (down, _), (up, _) = port.pressed
    assert 1.0 <= up - down < 1.2
    assert port.modem.kept["CNMP"] == "38" and port.modem.kept["CMNB"] == "1" and port.modem.kept["APN"] == APN
    assert port.modem.state == "off"


def test_nothing_is_asked_that_tells_who_or_where_it_is() -> None:
    """No serial number of modem or card, no cell, no position, no clock of the network; area and cell stay out of answers."""
    port = ModemPort()
    drive(port, attach)
    words = {line.split("=")[0].rstrip("?") for line in port.modem.heard}
    asked = ["CMEE", "CEREG", "CGMM", "CPIN", "CGDCONT", "CNMP", "CMNB", "CFUN", "CPSMS", "CEDRXS"]
    assert words <= {"AT", "ATE0", *("AT+" + name for name in asked)}
    assert b"+CEREG: 0,1" in port.wire and b"1A2B" not in port.wire


def test_area_and_cell_stay_out_of_answers_whatever_was_asked_for_before() -> None:
    """Somebody let the modem tell them with each registration, and it was not restarted."""
    port = ModemPort()
    drive(port, attach)
    port.modem.receive(b"AT+CEREG=2\r")
    port.world.clock.advance_to(port.world.clock.now_us + 1_000_000)
    port.wire = b""
    drive(port, attach)
    assert b"+CEREG: 0,1" in port.wire and b"1A2B" not in port.wire


def test_what_the_modem_keeps_is_written_once() -> None:
    """The second start finds it all there, and neither writes nor takes the radio off."""
    port = ModemPort()
    drive(port, lambda modem: attach(modem, [DAY_S, 10], 20.48))
    written = port.modem.counts["settings written"]
    assert (
        written > 4
        and port.modem.kept["CPSMS"] == '1,,,"00111000","00000101"'
        and port.modem.kept["CEDRXS"] == '4,"0010"'
    )

    async def again(modem: sim7080g.Sim7080g) -> None:
        await modem.power_off()
        port.modem.heard.clear()
        await attach(modem, [DAY_S, 10], 20.48)

    drive(port, again)
    assert port.modem.counts["settings written"] == written and "AT+CFUN=0" not in port.modem.heard


def test_without_them_both_are_taken_back() -> None:
    """PSM and eDRX of a former owner's settings are ended."""
    port = ModemPort()
    drive(port, lambda modem: attach(modem, [DAY_S, 10], 20.48))
    drive(port, attach)
    assert port.modem.kept["CPSMS"][0] == "0" and port.modem.kept["CEDRXS"] == ""


def test_out_of_psm_it_needs_no_attach() -> None:
    """STATUS is low, PWRKEY wakes it, and the network still knows it."""
    port = ModemPort()

    async def act(modem: sim7080g.Sim7080g) -> None:
        await attach(modem, [DAY_S, 10])
        assert await modem.rests_by_itself()
        await asyncio.sleep(60)
        assert not port.awake()
        await attach(modem, [DAY_S, 10])

    drive(port, act)
    assert port.modem.counts["starts out of PSM"] == 1 and port.modem.counts["attaches"] == 1


@pytest.mark.parametrize("granted", [True, False])
def test_psm_counts_when_the_network_grants_it(granted: bool) -> None:
    """Asking is not having."""
    port = ModemPort()
    port.modem.cell = Cell(psm=granted)

    async def act(modem: sim7080g.Sim7080g) -> Any:
        await attach(modem, [DAY_S, 10])
        return await modem.rests_by_itself()

    assert drive(port, act) is granted


def test_a_call_that_was_left_open_is_ended() -> None:
    """The device restarted in a call: the modem is awake, deaf to commands, and must not be switched off by its key."""
    port = ModemPort()

    async def act(modem: sim7080g.Sim7080g) -> None:
        await attach(modem)
        await modem.dial()

    drive(port, act)
    port.pressed.clear()
    drive(port, attach)
    assert not port.modem.call and port.pressed == [] and port.modem.counts["resets"] == 0


def test_a_modem_that_hangs_is_reset_by_its_key() -> None:
    """Thirteen seconds of PWRKEY, when neither AT nor escape sequence is answered."""
    port = ModemPort()
    drive(port, attach)
    port.modem.fault = ModemFaults(hung=True)
    drive(port, attach)
    assert port.modem.counts["resets"] == 1 and port.modem.registration == 1


@pytest.mark.parametrize("fault", [ModemFaults(dead=True), ModemFaults(silent=True)], ids=["no power", "silent"])
def test_a_modem_that_never_answers_is_given_up(fault: ModemFaults) -> None:
    """Within seventy seconds, and PWRKEY is let go."""
    port = ModemPort()
    port.modem.fault = fault
    with pytest.raises(sim7080g.ModemSilentError):
        drive(port, lambda modem: modem.start(), 70)
    assert port.pressed[-1][1] is False


def test_a_start_that_is_cancelled_lets_go_of_the_key() -> None:
    """A key held for ever would reset the modem every twelve seconds."""
    port = ModemPort()

    async def act(modem: sim7080g.Sim7080g) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(modem.start(), 0.5)

    drive(port, act)
    assert [pressed for _, pressed in port.pressed] == [True, False]


def test_noise_and_messages_between_the_answers_are_passed_over() -> None:
    """Forty random bytes before each line, a message of its own before each answer, and lines without end."""
    port = ModemPort()
    port.modem.fault = ModemFaults(garbage=40)
    say = port.modem.say
    port.modem.say = lambda *lines: say('+CPSMSTATUS: "EXIT PSM"', "x" * 900, *lines)  # type: ignore[method-assign]
    drive(port, attach)
    assert port.modem.registration == 1


def test_nothing_but_noise_is_no_modem() -> None:
    """A line that never rests: each wait ends by its time, and memory does not grow."""
    port = ModemPort()
    port.modem.fault = ModemFaults(silent=True)
    sizes = []

    async def act(modem: sim7080g.Sim7080g) -> None:
        async def noise() -> None:
            while True:
                port.modem.emit(port.world.random("noise").randbytes(90))
                sizes.append(len(modem._buffer))
                await asyncio.sleep(0.02)

        flood = asyncio.create_task(noise())
        try:
            await modem.start()
        finally:
            flood.cancel()

    with pytest.raises(DriverError):
        drive(port, act, 120)
    assert max(sizes) < 512


def test_another_modem_is_not_taken() -> None:
    """Its commands differ in what they do to a card."""
    port = ModemPort()
    port.modem.fault = ModemFaults(model="SIMCOM_SIM7000G")
    with pytest.raises(DriverError, match="another"):
        drive(port, lambda modem: modem.start())


@pytest.mark.parametrize("name", ["CNMP", "CMNB", "CFUN", "CGDCONT", "CPSMS", "CMEE"])
def test_a_refused_command_says_which(name: str) -> None:
    """And no more of it than its name."""
    port = ModemPort()
    port.modem.fault = ModemFaults(refuse=name)
    with pytest.raises(DriverError, match=f"refuses AT.{name}$"):
        drive(port, lambda modem: attach(modem, [DAY_S, 10]))


class TestCard:
    """The SIM."""

    def unlock(self, port: ModemPort, pin: Callable[[], str]) -> Any:
        """Start and unlock."""

        async def act(modem: sim7080g.Sim7080g) -> Any:
            await modem.start()
            return await modem.unlock(pin)

        return drive(port, act)

    def test_the_pin_is_given_when_it_is_asked_for(self) -> None:
        """Once; a card without one hears none."""
        port = ModemPort()
        port.modem.sim = Sim(pin="4321")
        assert self.unlock(port, lambda: "4321") is True
        assert port.modem.counts["PINs tried"] == 1 and port.modem.sim_state == "READY"
        assert self.unlock(ModemPort(), no_pin) is False

    def test_a_wrong_pin_is_tried_once(self) -> None:
        """Two tries are left, and the error names neither PIN nor command."""
        port = ModemPort()
        port.modem.sim = Sim(pin="4321")
        with pytest.raises(DriverError) as error:
            self.unlock(port, lambda: "1111")
        assert port.modem.sim.tries == 2 and "1111" not in str(error.value)

    def test_a_card_that_asks_again_is_not_told_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It took the PIN and still wants one: a second try could be the third."""
        port = ModemPort()
        port.modem.sim = Sim(pin="4321")
        monkeypatch.setattr(type(port.modem), "sim_state", "SIM PIN")
        with pytest.raises(DriverError, match="takes no PIN"):
            self.unlock(port, lambda: "4321")
        assert port.modem.counts["PINs tried"] == 1

    def test_an_error_does_not_name_the_pin(self) -> None:
        """The modem falls silent with the PIN in its ear: the console says at which command, and no more."""
        port = ModemPort()
        port.modem.sim = Sim(pin="4321")

        def pin() -> str:
            port.modem.fault = ModemFaults(silent=True)
            return "4321"

        with pytest.raises(sim7080g.ModemSilentError) as error:
            self.unlock(port, pin)
        assert "CPIN" in str(error.value) and "4321" not in str(error.value)

    @pytest.mark.parametrize(
        ("sim", "said"),
        [(Sim(present=False), "no SIM"), (Sim(pin="1", tries=0), "locked"), (Sim(pin="4321"), "wants a PIN")],
    )
    def test_a_card_that_cannot_be_used(self, sim: Sim, said: str) -> None:
        """Missing, locked, or with a PIN that nobody told."""
        port = ModemPort()
        port.modem.sim = sim
        with pytest.raises(DriverError, match=said):
            self.unlock(port, no_pin)
        assert port.modem.counts["PINs tried"] == 0


class TestRegistration:
    """The network."""

    def register(self, cell: Cell, roaming: bool = True, limit_s: float = 120) -> ModemPort:
        """Attach within 60 s of search."""
        port = ModemPort()
        port.modem.cell = cell

        async def act(modem: sim7080g.Sim7080g) -> None:
            await modem.start()
            await modem.unlock(no_pin)
            await modem.register(60_000, roaming)

        drive(port, act, limit_s)
        return port

    def test_home_and_abroad(self) -> None:
        """Roaming is taken where it is wanted."""
        assert self.register(Cell()).modem.registration == 1
        assert self.register(Cell(), roaming=False).modem.registration == 1
        assert self.register(Cell(takes="roaming")).modem.registration == 5
        with pytest.raises(DriverError, match="roaming not wanted"):
            self.register(Cell(takes="roaming"), roaming=False)

    def test_no_network_is_told_from_one_that_denies(self) -> None:
        """The first is nobody's fault; the second is told as a fault after twenty seconds of it."""
        with pytest.raises(sim7080g.NoNetworkError):
            self.register(Cell(covered=False))
        with pytest.raises(DriverError, match="denies") as error:
            self.register(Cell(takes="nobody"))
        assert not isinstance(error.value, sim7080g.NoNetworkError)

    def test_a_call_needs_a_network(self) -> None:
        """NO CARRIER."""
        port = ModemPort()
        port.modem.cell = Cell(covered=False)

        async def act(modem: sim7080g.Sim7080g) -> None:
            await modem.start()
            await modem.dial()

        with pytest.raises(DriverError, match="does not connect"):
            drive(port, act)


def test_a_byte_lost_on_the_way_costs_no_contact() -> None:
    """A query that was not understood is said again."""
    port = ModemPort()
    write, lost = port.write, list[object]()

    def lossy(data: bytes | str) -> int:
        if "CEREG?" in str(data) and not lost:
            lost.append(data)
            return len(data)
        return write(data)

    port.write = lossy  # type: ignore[method-assign]
    drive(port, attach)
    assert lost


@pytest.mark.parametrize(
    ("bits", "s", "coded"),
    [
        (sim7080g.period_bits, 252_000, "01000111"),  # 70 h, the example of AT Command Manual 6.2.7
        (sim7080g.period_bits, DAY_S, "00111000"),
        (sim7080g.period_bits, 600, "10010100"),  # the finest unit that holds it: 20 times 30 s
        (sim7080g.period_bits, 35_712_000, "11011111"),
        (sim7080g.active_bits, 240, "00100100"),  # 4 min, the example of 6.2.7
        (sim7080g.active_bits, 10, "00000101"),
        (sim7080g.active_bits, 11_160, "01011111"),
        (sim7080g.cycle_bits, 20.48, "0010"),  # Low Power Mode Application Note, 7.2.2
        (sim7080g.cycle_bits, 5.12, "0000"),
        (sim7080g.cycle_bits, 143.36, "1000"),
        (sim7080g.cycle_bits, 2621.44, "1101"),
    ],
)
def test_timers_are_coded_as_the_standard_has_them(bits: Callable[[Any], str], s: Any, coded: str) -> None:
    """3GPP TS 24.008, tables 10.5.163, 10.5.163a and 10.5.5.32, with the manuals' own examples."""
    assert bits(s) == coded


@pytest.mark.parametrize(
    ("bits", "s"),
    [
        (sim7080g.period_bits, 0),
        (sim7080g.period_bits, DAY_S + 1),
        (sim7080g.period_bits, "86400"),
        (sim7080g.period_bits, 35_712_000 * 2),
        (sim7080g.active_bits, 0),
        (sim7080g.active_bits, 3),
        (sim7080g.active_bits, 11_520),
        (sim7080g.cycle_bits, 20),
        (sim7080g.cycle_bits, 5242.88),  # of NB-IoT alone
        (sim7080g.cycle_bits, None),
    ],
)
def test_a_timer_that_does_not_exist_is_refused(bits: Callable[[Any], Any], s: Any) -> None:
    """None is rounded: what the person wrote is what the network is asked for."""
    with pytest.raises(DriverError):
        bits(s)
