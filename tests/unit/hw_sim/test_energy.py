"""The charge ledger: integrals computed by hand, and what the parts of a board tell it."""

import random
from fractions import Fraction

import pytest

from hw_sim.board import Board
from hw_sim.chips.ublox_m10 import UbloxM10
from hw_sim.energy import currents
from hw_sim.energy.meter import UNMETERED, Mark, Meter, Report, Row
from hw_sim.errors import HwSimError
from hw_sim.network.net import Network
from hw_sim.network.radio import Radio
from hw_sim.silicon.flash import NorFlash, PowerLost
from hw_sim.world.clock import VirtualClock, World
from hw_sim.world.drive import Drive

S = 1_000_000


def pass_s(clock: VirtualClock, seconds: float) -> None:
    """Time passes."""
    clock.advance_to(clock.now_us + round(seconds * S))


def row(report: Report, part: str, state: str) -> Row:
    """The one row of that state."""
    (found,) = [r for r in report.rows if (r.part, r.state) == (part, state)]
    return found


def states(report: Report, part: str) -> dict[str, float]:
    """Seconds by state of one part."""
    return {r.state: r.seconds for r in report.rows if r.part == part}


# --- the ledger


def test_a_hand_computed_integral() -> None:
    """2 s at 10 mA, 3 s at 0.15 µA, 1 s off: 20 mC and 0.45 µC, an average of 20000.45 µC over 6 s."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("chip")
    part.draw("active", 10_000)
    pass_s(clock, 2)
    part.draw("shutdown", 0.15)
    pass_s(clock, 3)
    part.draw("off", 0)
    pass_s(clock, 1)
    report = meter.report()
    assert report.rows == (
        Row("chip", "active", 2.0, Fraction(20_000), 0),
        Row("chip", "shutdown", 3.0, Fraction(45, 100), 0),
        Row("chip", "off", 1.0, Fraction(0), 0),
    )
    assert report.microcoulomb == Fraction(2_000_045, 100)
    assert report.average_ua == pytest.approx(20_000.45 / 6, rel=1e-15)


def test_a_state_that_goes_on_is_counted_up_to_now() -> None:
    """Nobody has to end a state: two readings of the ledger a second apart differ by that second."""
    clock = VirtualClock()
    meter = Meter(clock)
    meter.part("chip").draw("active", 7)
    pass_s(clock, 1)
    assert meter.report().microcoulomb == 7
    pass_s(clock, 1)
    assert meter.report().microcoulomb == 14


def test_changes_at_one_instant_leave_only_the_last() -> None:
    """A state that lasted no time costs nothing and has no row; the last one of the instant counts."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("chip")
    pass_s(clock, 1)
    part.draw("peak", 1_000_000)
    part.draw("active", 5)
    pass_s(clock, 1)
    assert states(meter.report(), "chip") == {"off": 1.0, "active": 1.0}
    assert meter.report().microcoulomb == 5


def test_one_state_at_two_currents_is_one_row() -> None:
    """A state whose current changes has one row with the charge of both."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("divider")
    for ua in (2, 3):
        part.draw("on", ua)
        pass_s(clock, 10)
    assert row(meter.report(), "divider", "on") == Row("divider", "on", 20.0, Fraction(50), 0)


def test_what_is_planned_follows_by_itself() -> None:
    """50 ms awake, then asleep, though nobody looked at that instant; a draw in between drops the plan."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("radio")
    part.draw("awake", 100)
    part.then(50_000, "asleep", 1)
    pass_s(clock, 1)
    assert states(meter.report(), "radio") == {"awake": 0.05, "asleep": 0.95}
    assert part.state == "asleep"
    part.draw("awake", 100)
    part.then(50_000, "asleep", 1)
    pass_s(clock, 0.04)
    part.draw("awake", 100)
    pass_s(clock, 1)
    assert states(meter.report(), "radio") == {"awake": 1.09, "asleep": 0.95}


def test_single_acts_are_counted_and_add_up() -> None:
    """Three acts of 0.1 µC are exactly 0.3 µC beside what the state draws, and are told apart from it."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("flash")
    part.draw("standby", 10)
    for _ in range(3):
        part.spend("page program", 0.1)
    pass_s(clock, 1)
    assert row(meter.report(), "flash", "page program") == Row("flash", "page program", 0.0, Fraction(3, 10), 3)
    assert meter.report().microcoulomb == Fraction(103, 10)


def test_totals_are_the_sums_of_their_parts() -> None:
    """Over a thousand random changes: seconds of each part are all the time there was, and charge is what was drawn."""
    clock, rng = VirtualClock(), random.Random(7)
    meter = Meter(clock)
    names = ["a", "b", "c"]
    drawn = dict.fromkeys(names, 0)
    expected = Fraction(0)
    for _ in range(1000):
        name = rng.choice(names)
        drawn[name] = rng.randrange(100_000)
        meter.part(name).draw(rng.choice(["x", "y"]), drawn[name])
        step_us = rng.choice([0, 1, 17, 1_000_003])
        clock.advance_to(clock.now_us + step_us)
        expected += Fraction(sum(drawn.values()) * step_us, S)
    report = meter.report()
    assert report.microcoulomb == expected
    assert sum((r.microcoulomb for r in report.rows), Fraction(0)) == expected
    assert report.millicoulomb == pytest.approx(sum(report.parts.values()), rel=1e-12)
    assert report.parts == {part: pytest.approx(sum(table.values())) for part, table in report.items()}
    for name in names:
        assert sum(states(report, name).values()) == pytest.approx(report.seconds)


def test_since_a_mark_only_what_came_after() -> None:
    """The mark cuts a state in two; a part that came later counts as off from the mark on, not from the beginning."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("chip")
    part.draw("active", 4)
    part.spend("act", 1)
    pass_s(clock, 5)
    mark = meter.mark()
    pass_s(clock, 2)
    part.spend("act", 1)
    meter.part("late").draw("on", 1)
    pass_s(clock, 1)
    report = meter.since(mark)
    assert report.seconds == 3
    assert row(report, "chip", "active").microcoulomb == 12
    assert row(report, "chip", "act").events == 1
    assert states(report, "late") == {"off": 2.0, "on": 1.0}
    assert meter.since(meter.mark()).rows == ()


def test_a_power_cut_in_a_state_ends_it() -> None:
    """From the cut on nothing is drawn, nor does a plan come true; power back, the part says itself what it draws."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("radio")
    part.draw("awake", 100)
    part.then(50_000, "asleep", 1)
    pass_s(clock, 0.02)
    meter.cut()
    pass_s(clock, 100)
    assert states(meter.report(), "radio") == {"awake": 0.02, "off": 100.0}
    assert meter.report().microcoulomb == 2
    part.draw("asleep", 1)
    pass_s(clock, 1)
    assert meter.report().microcoulomb == 3


@pytest.mark.parametrize("ua", [-1, float("nan"), float("inf")])
def test_what_is_no_current_is_refused(ua: float) -> None:
    """Negative, endless or no number at all: HwSimError for a state, a plan and an act, and nothing is written."""
    clock = VirtualClock()
    meter = Meter(clock)
    part = meter.part("chip")
    part.draw("active", 1)
    part.spend("act", 1)
    for refused in (part.draw, part.spend, lambda state, number: part.then(1, state, number)):
        with pytest.raises(HwSimError):
            refused("active", ua)
    pass_s(clock, 1)
    assert meter.report().microcoulomb == 2


# --- the parts


def test_every_figure_says_where_it_comes_from() -> None:
    """Each row of the table has a known basis and a source; an estimate says so where the report is made."""
    known = {currents.DATA_SHEET, currents.MEASURED, currents.QUOTED, currents.ESTIMATE}
    for entry in (*currents.CURRENTS, *currents.CHARGES):
        assert entry.basis in known
        assert len(entry.source) > 10
        assert currents.basis(entry.part, entry.state) == entry.basis
    assert currents.basis("radio", "transmitting") == currents.ESTIMATE
    assert len({(entry.part, entry.state) for entry in currents.CURRENTS}) == len(currents.CURRENTS)


def test_a_frame_on_air_by_hand() -> None:
    """100 bytes: 94 of headers, 6 Mbit/s, 20 µs of preamble, 203 mA; 1441 bytes are two frames; 0 bytes are one."""
    air_us = 20 + (94 + 100) * 8 / 6
    assert currents.transmit_uc(100) == (pytest.approx(0.203 * air_us, abs=1e-5), 1)
    assert currents.transmit_uc(1441)[1] == 2
    assert currents.transmit_uc(0) == (pytest.approx(0.203 * (20 + 94 * 8 / 6), abs=1e-5), 1)


def test_radio_states() -> None:
    """Off, on, associating for its time, 50 ms awake, asleep; a packet wakes it for 50 ms more; off again."""
    world = World(seed=1)
    network, meter = Network(world, wifi={"depot": "key"}), Meter(world.clock)
    radio = Radio(world.clock, network, associate_ms=774)
    radio.load = meter.part("radio")
    pass_s(world.clock, 1)
    radio.set_active(True)
    pass_s(world.clock, 0.1)
    radio.connect("depot", "key")
    pass_s(world.clock, 10)
    network.on_air("up", 100)
    pass_s(world.clock, 10)
    radio.set_active(False)
    pass_s(world.clock, 1)
    network.on_air("up", 100)  # nothing carries it
    report = meter.report()
    assert states(report, "radio") == {
        "off": 2.0,
        "receiving": pytest.approx(0.1 + 2 * 0.05),
        "associating": 0.774,
        "associated, modem-sleep": pytest.approx(20 - 0.774 - 2 * 0.05),
        "transmitting": 0.0,
    }
    assert row(report, "radio", "transmitting").events == 1
    assert row(report, "radio", "associating").microcoulomb == Fraction(774, 1000) * 94_700


def test_radio_that_finds_no_network_goes_on_listening() -> None:
    """After the attempt it scans at the receiver's current; it never sleeps."""
    world = World(seed=1)
    meter = Meter(world.clock)
    radio = Radio(world.clock, Network(world, wifi={}), associate_ms=774)
    radio.load = meter.part("radio")
    radio.set_active(True)
    radio.connect("depot", "key")
    pass_s(world.clock, 60)
    assert states(meter.report(), "radio") == {"associating": 0.774, "receiving": pytest.approx(60 - 0.774)}


def test_receiver_states() -> None:
    """Backup alone, acquiring until the first fix, tracking, acquiring again under a roof, backup, and nothing."""
    world = World(seed=1)
    meter = Meter(world.clock)
    chip = UbloxM10(world, Drive.parked(53.4, -2.9))
    chip.load = meter.part("gnss")
    chip.backup_power(True)
    pass_s(world.clock, 10)
    chip.power(True)
    pass_s(world.clock, 60)
    chip.fault.no_sky = True
    pass_s(world.clock, 30)
    acquiring = states(meter.report(), "gnss")["acquisition"]
    chip.power(False)
    pass_s(world.clock, 10)
    chip.backup_power(False)
    pass_s(world.clock, 5)
    found = states(meter.report(), "gnss")
    first_fix_s = acquiring - 30
    assert 28 * 0.8 <= first_fix_s <= 28 * 1.2 + 2
    assert found == {
        "hardware backup": 20.0,
        "acquisition": pytest.approx(acquiring),
        "tracking": pytest.approx(90 - acquiring),
        "off": 5.0,
    }


def test_flash_pays_for_what_took_effect() -> None:
    """Two pages and a sector by the data sheet; an operation that the power cut stopped is not charged."""
    clock = VirtualClock()
    meter, flash = Meter(clock), NorFlash(8192)
    part = meter.part("flash")
    flash.done.append(lambda op: (currents.FLASH_PROGRAM if op.kind == "program" else currents.FLASH_ERASE).paid(part))
    flash.erase(0, 4096)
    flash.program(0, bytes(300))
    flash.cut_after(1)
    with pytest.raises(PowerLost):
        flash.program(512, b"x")
    report = meter.report()
    assert (row(report, "flash", "sector erase").microcoulomb, row(report, "flash", "page program").events) == (900, 2)
    assert report.microcoulomb == 900 + 2 * 8


def test_parts_without_a_meter_do_nothing() -> None:
    """A radio, a receiver and a flash on their own work as ever."""
    world = World(seed=1)
    radio = Radio(world.clock, Network(world), associate_ms=1)
    assert radio.load is UNMETERED
    radio.set_active(True)
    chip = UbloxM10(world)
    chip.power(True)
    NorFlash(4096).erase(0, 4096)
    pass_s(world.clock, 5)
    assert radio.active
    assert chip.powered


# --- a board


def start(board: Board, program: str) -> Mark:
    """Powers a board whose file system is made already; the ledger from then on is that of the program."""
    board.execute("pass")
    board.program(program)
    mark = board.meter.mark()
    board.power_on()
    return mark


@pytest.mark.micropython
def test_processor_waits_works_and_sleeps(board: Board) -> None:
    """Start-up, two flash operations and a computed pause run; a sleep waits; light sleep and deep sleep as long as asked."""
    mark = start(
        board,
        """
import machine, time, esp32
if machine.reset_cause() == machine.DEEPSLEEP_RESET:
    while True:
        time.sleep(1)
time.sleep(10)
p = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="bl_spool")[0]
p.ioctl(6, 0)
p.writeblocks(0, bytes(256), 0)
machine.lightsleep(20000)
time.sleep(5)
machine.deepsleep(100000)
""",
    )
    board.run(until=lambda: board.asleep, for_s=200)
    asleep_us = board.world.clock.now_us - mark.now_us
    board.run(for_s=200)
    report = board.meter.since(mark)
    mcu = states(report, "mcu")
    assert mcu["light-sleep"] == 20.0
    assert mcu["deep-sleep"] == 100.0
    assert mcu["running"] == pytest.approx(2 * 0.35 + 0.045 + 0.0004, abs=0.001)  # two starts, an erase, a page
    assert mcu["waiting"] == pytest.approx(report.seconds - 120 - mcu["running"])
    assert mcu["computing"] == 0.0
    assert row(board.meter.report(), "mcu", "computing").events == board.counters["requests"]
    assert asleep_us / S == pytest.approx(35.4, abs=0.1)
    assert row(report, "flash", "sector erase").events == 1
    assert report.parts["battery divider"] == pytest.approx(0.00195 * report.seconds)


@pytest.mark.micropython
def test_led_receiver_and_radio_follow_their_pins(board: Board) -> None:
    """What the program switches is what is drawn, over a reset that lets the pins go."""
    mark = start(
        board,
        """
import machine, network, time
if machine.reset_cause() == machine.PWRON_RESET:
    machine.Pin(48, machine.Pin.OUT, value=1)
    machine.Pin(21, machine.Pin.OUT, value=1)
    network.WLAN(network.STA_IF).active(True)
    time.sleep(10)
    machine.reset()
time.sleep(100)
""",
    )
    board.run(for_s=50)
    report = board.meter.since(mark)
    assert states(report, "led")["lit"] == pytest.approx(10, abs=0.01)
    assert states(report, "gnss")["acquisition"] == pytest.approx(10, abs=0.01)
    assert states(report, "radio")["receiving"] == pytest.approx(10, abs=0.01)
    assert states(report, "gnss")["hardware backup"] == pytest.approx(40, abs=0.5)


@pytest.mark.micropython
def test_a_board_without_power_draws_nothing(board: Board) -> None:
    """Cut in mid-erase and left off for an hour: the ledger of all parts stands still; it goes on with the power."""
    mark = start(
        board,
        """
import esp32, machine, time
machine.Pin(48, machine.Pin.OUT, value=1)
time.sleep(1)
p = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="bl_spool")[0]
p.ioctl(6, 0)
time.sleep(100)
""",
    )
    board.arm_power_cut(1)
    board.run(for_s=60)
    assert not board.powered
    dark = board.meter.mark()
    pass_s(board.world.clock, 3600)
    off = board.meter.since(dark)
    assert off.microcoulomb == 0
    assert {r.state for r in off.rows} == {"off"}
    assert "sector erase" not in states(board.meter.since(mark), "flash")
    board.power_on()
    board.run(for_s=60)
    assert board.meter.since(dark).microcoulomb > 59 * 32_900
    assert row(board.meter.since(mark), "flash", "sector erase").events == 1


@pytest.mark.micropython
def test_a_hang_is_paid_as_running(board: Board) -> None:
    """A program that computes until its watchdog bites has run, not waited."""
    board.silence_s = 0.2
    mark = start(
        board,
        """
import machine
if machine.reset_cause() != machine.WDT_RESET:
    machine.WDT(timeout=8000)
    while True:
        pass
""",
    )
    board.run(for_s=30)
    assert states(board.meter.since(mark), "mcu")["running"] == pytest.approx(8 + 2 * 0.35, abs=0.01)


@pytest.mark.micropython
def test_sensors_on_i2c_report_to_the_meter(board: Board) -> None:
    """Each chip on the buses is a part by its name: off without its supply, drawing with it, off again."""
    assert {"temperature", "light", "motion"} <= set(board.sensors)
    for name, chip in board.sensors.items():
        mark = board.meter.mark()
        pass_s(board.world.clock, 1)
        chip.power(True)
        pass_s(board.world.clock, 10)
        chip.power(False)
        pass_s(board.world.clock, 1)
        found = states(board.meter.since(mark), name)
        assert found.pop("off") == 2.0
        assert sum(found.values()) == pytest.approx(10.0)
        assert 0 < board.meter.since(mark).parts[name] < 10 * 0.5  # under 500 µA


def test_the_radio_hears_packets_not_pieces_of_the_host(world: World, network: Network) -> None:
    """Two MQTT packets cost the same whether the host's network hands them over in one piece, in two or in four."""
    puback, both = b"\x40\x02\x00\x01", b"\x40\x02\x00\x01\x30\x07\x00\x03top42"
    heard: list[list[int]] = []
    for pieces in ([both], [puback, both[4:]], [both[:2], both[2:6], both[6:7], both[7:]]):
        sizes: list[int] = []
        network.on_air = lambda way, n_bytes, sizes=sizes: sizes.append(n_bytes)  # type: ignore[misc]
        connection = network.open()
        connection.mqtt = True
        for piece in pieces:
            connection._take(piece)
        heard.append(sizes)
    assert heard == [[4, 9]] * 3
