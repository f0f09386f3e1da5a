"""Batteries: what a file must hold, what cold and load do, and a board whose battery runs empty."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hw_sim.board import Board, RunEnd
from hw_sim.energy import battery as batteries
from hw_sim.energy.battery import Battery
from hw_sim.energy.pack import UC_PER_MAH, Pack
from hw_sim.errors import HwSimError

DAY_S = 86_400


@pytest.fixture
def liion() -> Battery:
    """One cell 18650 behind a linear regulator."""
    return batteries.load("liion-18650")


@pytest.mark.parametrize("name", batteries.names())
def test_each_battery_names_its_sources(name: str) -> None:
    """Every table says where it is from, the voltage falls from full to empty, and the board works on a full one at 20 °C."""
    battery = batteries.load(name)
    for table in (battery.capacity, battery.self_discharge, battery.curve, battery.temperature, battery.regulator):
        assert table.source
    assert battery.rest_mv(0.0) > battery.nominal_mv > battery.rest_mv(1.0)
    assert battery.under_load_mv(0.0, 300_000.0) > battery.least_mv


def test_several_batteries_come_along() -> None:
    """A rechargeable cell, two lithium cells AA and a CR123A."""
    assert {"liion-18650", "lithium-aa-2", "cr123a"} <= set(batteries.names())


def test_cold_takes_capacity_and_adds_resistance(liion: Battery) -> None:
    """Rows are met exactly, between them lie straight lines; the same current pulls the voltage lower in the cold."""
    rows = {row.celsius: row for row in liion.temperature.row}
    assert liion.at(-10).capacity == rows[-10].capacity < liion.at(20).capacity == 1.0
    assert liion.at(-5).capacity == pytest.approx((rows[-10].capacity + rows[0].capacity) / 2)
    rest = liion.rest_mv(0.5)
    drop = rest - liion.under_load_mv(0.5, 100_000.0)
    assert drop == pytest.approx(0.1 * liion.curve.resistance_mohm)
    assert rest - liion.under_load_mv(0.5, 100_000.0, -10) == pytest.approx(drop * rows[-10].resistance)


def test_a_battery_outside_its_range_is_refused(liion: Battery) -> None:
    """At its limit it works, a degree beyond nobody knows."""
    assert liion.at(-20).capacity > 0
    with pytest.raises(HwSimError, match="from -20 to 60 °C, not at -21"):
        liion.at(-21)


def test_self_discharge_is_that_of_a_month(liion: Battery) -> None:
    """Two percent of 3200 mAh in a month of 730.5 h; ten kelvin more make it twice as much."""
    assert liion.lost_ua(20) == pytest.approx(64_000 / 730.5)
    assert liion.lost_ua(30) == pytest.approx(2 * liion.lost_ua(20))


def test_a_regulator_passes_current_or_power(liion: Battery) -> None:
    """Linear: the board's current and its own. Switching: the board's power over its efficiency; the modem hangs on neither."""
    currents = {"mcu": 10_000.0, "modem": 5_000.0}
    linear = liion.regulator
    assert linear.battery_ua(currents, 3700) == 15_000 + linear.quiescent_ua
    switching = batteries.load("cr123a").regulator
    wanted = 5_000 + 10_000 * 3300 / (3000 * switching.efficiency) + switching.quiescent_ua
    assert switching.battery_ua(currents, 3000) == pytest.approx(wanted)


GOOD = (Path(batteries.__file__).with_name("batteries") / "cr123a.toml").read_text(encoding="utf-8")
BAD = {
    "a capacity of nothing": ("mah = 1500", "mah = 0", "capacity.mah"),
    "a capacity as text": ("mah = 1500", 'mah = "1500"', "capacity.mah"),
    "a voltage that rises": ("3200, 3050", "3050, 3200", "rises"),
    "temperatures out of order": ("celsius = -40", "celsius = -10", "cold to warm"),
    "no source": ("source = ", "origin = ", "source"),
    "an unknown key": ("rechargeable", "chargeable", "chargeable"),
    "efficiency above one": ("efficiency = 0.88", "efficiency = 1.2", "regulator.efficiency"),
    "no number": ("percent_month = 0.125", "percent_month = nan", "self_discharge"),
    "broken toml": ("[capacity]", "[capacity", "battery"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_file_is_named_with_its_key(case: str, tmp_path: Path) -> None:
    """The file as it comes along loads; with one thing changed the error says where."""
    path = tmp_path / "mine.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert batteries.load(path).name == "cr123a"
    before, after, said = BAD[case]
    assert before in GOOD
    path.write_text(GOOD.replace(before, after), encoding="utf-8")
    with pytest.raises(HwSimError, match=said):
        batteries.load(path)


def test_a_battery_that_is_not_there_names_those_that_are() -> None:
    """A name nobody knows is answered with the names that come along."""
    with pytest.raises(HwSimError, match="liion-18650"):
        batteries.load("potato")


# --- beneath a board


def full_of(board: Board, battery: Battery, mah: float, **more: Any) -> Pack:
    """A pack with so many mAh left."""
    return Pack.fit(board, battery, full=mah / battery.capacity.mah, **more)


def test_what_is_drawn_is_the_board_s_and_its_own(board: Board, liion: Battery) -> None:
    """A board that draws 1 mA for ten hours takes 10 mAh, and what the regulator and the cell lose beside."""
    pack = Pack.fit(board, liion)
    board.power_on()
    before, lost = pack.drawn_mah, liion.lost_ua() + liion.regulator.quiescent_ua
    mark = board.meter.mark()
    board.meter.part("test").draw("on", 1000.0)
    board.world.clock.advance_to(board.world.clock.now_us + 36_000_000_000)
    board_mah = float(board.meter.since(mark).microcoulomb) / UC_PER_MAH
    assert board_mah > 10
    assert pack.drawn_mah - before == pytest.approx(board_mah + lost * 10 / 1000)


def test_the_adc_sees_the_voltage_under_load(board: Board, liion: Battery) -> None:
    """Without a pack the voltage of the description; with one that of the curve, lower while more flows."""
    assert board.description.battery is not None
    pin, divider = board.description.battery.adc_pin, board.description.battery.divider
    assert board.adc_uv(pin) == board.battery_mv * 1000 / divider
    pack = Pack.fit(board, liion, full=0.5)
    board.power_on()
    light = board.adc_uv(pin)
    assert light == pytest.approx(liion.rest_mv(0.5) * 1000 / divider, rel=0.01)
    board.meter.part("test").draw("pulse", 500_000.0)
    assert light - board.adc_uv(pin) == pytest.approx(0.5 * liion.curve.resistance_mohm * 1000 / divider, rel=0.02)
    pack.remove()
    assert board.adc_uv(pin) == board.battery_mv * 1000 / divider


@pytest.mark.micropython
def test_an_empty_battery_browns_the_board_out(board: Board, liion: Battery) -> None:
    """The program waits for ever; its power goes when the charge is gone, neither sooner nor much later."""
    board.program("import time\nwhile True:\n    time.sleep(60)\n")
    pack = full_of(board, liion, 160.0)
    board.power_on()
    assert board.run(for_s=DAY_S) is RunEnd.POWER_OFF
    assert board.counters["brown-outs"] == 1
    # 33.1 mA wait; the curve meets the 3.1 V of the regulator with 3.7 % of the charge left, of the 5 % that there were
    assert board.world.clock.now_us / 3.6e9 == pytest.approx(0.0131 * 3200 / 33.1, rel=0.03)
    assert not board.powered and pack.drawn == pytest.approx(0.963, abs=0.001)
    board.power_on()
    assert board.run(for_s=60) is RunEnd.POWER_OFF, "an empty battery does not start a board"


@pytest.mark.micropython
def test_a_pulse_ends_a_cold_battery_sooner(board: Board, liion: Battery) -> None:
    """The same charge: warm it bears the radio, in the cold its voltage breaks down under it."""
    board.program("import time\nwhile True:\n    time.sleep(60)\n")
    assert _bears(board, liion, lambda unix_s: 20.0)
    assert not _bears(board, liion, lambda unix_s: -15.0)


def _bears(board: Board, battery: Battery, celsius: Callable[[float], float]) -> bool:
    left = 1 - 0.95 * battery.at(celsius(0)).capacity  # a twentieth of what it can give at that temperature
    pack = Pack.fit(board, battery, full=left, celsius=celsius)
    board.power_on()
    board.run(for_s=5)
    board.meter.part("test").draw("pulse", 600_000.0)
    end = board.run(for_s=2)
    board.meter.part("test").draw("off", 0.0)
    if board.powered:
        board.cut_power()
    pack.remove()
    return end is RunEnd.TIME


@pytest.mark.parametrize("full", [0.0, -0.1, 1.1])
def test_a_battery_is_neither_overfull_nor_empty_at_first(board: Board, liion: Battery, full: float) -> None:
    """A share of the charge above 0 and at most 1; a full one is taken."""
    Pack.fit(board, liion, full=1.0).remove()
    with pytest.raises(HwSimError, match="share of its charge"):
        Pack.fit(board, liion, full=full)
