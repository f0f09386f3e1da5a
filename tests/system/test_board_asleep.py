"""A sleeping board: pins that wake it, pins that hold, a clock with an oscillator of its own, and what a start costs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hw_sim.board import Board
from hw_sim.energy import currents
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

# Sleeps once, and says how it woke and what the clock has counted.
SLEEPER = """
import esp32, machine, time
if machine.reset_cause() == machine.DEEPSLEEP_RESET:
    print("woke", time.time() - int(machine.RTC().memory()))
    machine.deepsleep()
{before}
machine.RTC().memory(str(time.time()))
machine.deepsleep(600_000)
"""
BUTTON, INT1, SUPPLY = 0, 11, 8


@pytest.fixture
def board() -> Iterator[Board]:
    """A board of its own."""
    world = World(seed=1)
    with Board.from_description("esp32s3", world, Network(world)) as made:
        yield made


def asleep(board: Board, before: str = "") -> None:
    """Powered and asleep."""
    board.program(SLEEPER.format(before=before))
    board.power_on()
    board.run(for_s=10)
    assert board.asleep


def woke(board: Board, for_s: float) -> bool:
    """Whether it wakes within that time."""
    board.run(for_s=for_s, until=lambda: board.counters["boots after deep_sleep"] > 0)
    return bool(board.counters["boots after deep_sleep"])


@pytest.mark.parametrize(
    ("arm", "pin", "level"),
    [
        ("esp32.wake_on_ext0(machine.Pin(0, machine.Pin.IN, machine.Pin.PULL_UP), esp32.WAKEUP_ALL_LOW)", BUTTON, 0),
        ("esp32.wake_on_ext1((machine.Pin(11, machine.Pin.IN),), esp32.WAKEUP_ANY_HIGH)", INT1, 1),
    ],
)
def test_a_pin_wakes_it_at_once(board: Board, arm: str, pin: int, level: int) -> None:
    """By the level that was named, within the second, with the cause of a deep sleep."""
    asleep(board, arm)
    assert not woke(board, 60)
    board.gpio.inputs[pin] = level
    assert woke(board, 1)


def test_a_pin_that_was_not_named_wakes_nobody(board: Board) -> None:
    """The button is pressed and nothing was armed: the timer alone ends the sleep."""
    asleep(board)
    board.press_button()
    assert not woke(board, 500) and woke(board, 150)


def test_what_was_named_is_forgotten_by_the_wake(board: Board) -> None:
    """Armed for one sleep: the next one does not end by it."""
    asleep(board, "esp32.wake_on_ext1((machine.Pin(11, machine.Pin.IN),), esp32.WAKEUP_ANY_HIGH)")
    board.gpio.inputs[INT1] = 1
    board.run(for_s=100)
    assert board.counters["boots after deep_sleep"] == 1 and board.asleep


def test_a_level_that_is_there_already_ends_the_sleep_as_it_begins(board: Board) -> None:
    """As on the chip: it is the level that counts, not its change."""
    board.gpio.inputs[INT1] = 1
    board.program(
        SLEEPER.format(before="esp32.wake_on_ext1((machine.Pin(11, machine.Pin.IN),), esp32.WAKEUP_ANY_HIGH)")
    )
    board.power_on()
    assert woke(board, 2)


@pytest.mark.parametrize("hold", [True, False])
def test_a_held_pin_drives_through_the_sleep_and_the_next_start(board: Board, hold: bool) -> None:
    """The accelerometer's supply: held it never goes, whatever the next start writes, until it is released."""
    asleep(board, f"machine.Pin(8, machine.Pin.OUT, value=1, hold={hold})")
    chip = board.sensors["motion"]
    assert chip.powered is hold and board.gpio.output(SUPPLY) == (1 if hold else None)
    board.program(
        "import machine\np = machine.Pin(8, machine.Pin.OUT, value=0)\nimport time\ntime.sleep(5)\np.init(hold=False)"
    )
    board.run(for_s=593)
    assert chip.powered is hold and chip.power_ons == 1
    board.run(for_s=10)
    assert not chip.powered


def test_power_that_goes_releases_every_pin(board: Board) -> None:
    """A cut ends a hold."""
    asleep(board, "machine.Pin(8, machine.Pin.OUT, value=1, hold=True)")
    board.cut_power()
    assert board.gpio.output(SUPPLY) is None and not board.sensors["motion"].powered


@pytest.mark.parametrize(("ppm", "true_s", "counted_s"), [(0, 600, 600), (10_000, 594, 600), (-10_000, 606, 600)])
def test_the_clock_asleep_has_an_oscillator_of_its_own(board: Board, ppm: int, true_s: int, counted_s: int) -> None:
    """One in a hundred fast: it wakes after 594 s and has counted 600; awake it is right."""
    board.rtc.asleep_ppm = ppm
    asleep(board)
    began_us = board.world.clock.now_us
    assert woke(board, 700)
    assert abs((board.world.clock.now_us - began_us) / 1e6 - true_s) < 11
    board.run(for_s=2)
    assert f"woke {counted_s}" in str(board.console) or f"woke {counted_s + 1}" in str(board.console)


def test_each_start_costs_the_loading_of_its_program(board: Board) -> None:
    """Three starts, three times the charge of it in the ledger; a board that sleeps pays nothing more."""

    def loading() -> Any:
        rows = [row for row in board.meter.report().rows if row.state == currents.MCU_LOAD.state]
        return (rows[0].events, float(rows[0].microcoulomb))

    asleep(board)
    assert loading() == (1, currents.MCU_LOAD.uc)
    board.run(for_s=500)
    assert loading() == (1, currents.MCU_LOAD.uc)
    board.run(for_s=200)
    assert loading() == (2, 2 * currents.MCU_LOAD.uc)
