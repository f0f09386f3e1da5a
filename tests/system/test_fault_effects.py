"""Faults that take hold of a running program: power, resets, UARTs; and what a program meets of some others."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hw_sim.board import Board, RunEnd
from hw_sim.errors import FaultError
from hw_sim.faults import Ongoing
from hw_sim.scenario.messages import Message

Begin = Callable[..., Ongoing]
COUNTS = """
import time
print("start")
n = 0
while True:
    time.sleep(1)
    n += 1
    print("second", n)
"""
WRITES = """
import time
print("start")
n = 0
while True:
    with open("log.txt", "a") as file:
        file.write("line %d\\n" % n)
    n += 1
    print("wrote", n)
    time.sleep(1)
"""
SENDS = """
import network, socket, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("depot", "a key of the depot")
print("start")
while not wlan.isconnected():
    time.sleep_ms(100)
sock = socket.socket()
sock.connect(socket.getaddrinfo("broker.example", 1883)[0][-1])
sock.write(b"\\x10\\x0d\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x01x")
print("connack", sock.read(4))
n = 0
while True:
    n += 1
    sock.write(b"\\x32\\x08\\x00\\x01t" + bytes((0, n)) + b"abc")
    print("acknowledged", sock.read(4)[3])
    time.sleep(1)
"""


def on(board: Board, program: str) -> Board:
    """The board with that program, on."""
    board.program(program)
    board.power_on()
    return board


def test_a_power_cut_takes_the_program_and_its_end_brings_it_back(board: Board, fault: Begin) -> None:
    """No second passes for the program while the power is away; then it starts anew."""
    on(board, COUNTS).run(for_s=3.5)
    cut = fault("power-cut")
    assert board.run(for_s=10) is RunEnd.POWER_OFF
    cut.end()
    board.run(for_s=2.5)
    assert str(board.console).count("start") == 2
    assert str(board.console).endswith("second 2\n")


@pytest.mark.parametrize("torn", [False, True])
def test_a_cut_at_an_operation_waits_for_it(board: Board, fault: Begin, torn: bool) -> None:
    """It does not hold before, and the operation does not happen, or in part."""
    on(board, WRITES).run(for_s=2.5)
    before = bytes(board.flash.data)
    operations = board.flash.operations
    cut = fault("power-cut-in-flash", operation=1, torn=torn)
    assert not cut.holds
    assert board.run(for_s=10, until=lambda: cut.holds) is RunEnd.POWER_OFF
    assert cut.holds
    assert board.flash.operations == operations
    assert torn or bytes(board.flash.data) == before
    cut.end()
    board.run(for_s=3)
    assert str(board.console).count("start") == 2


def test_an_armed_cut_that_is_taken_back_never_comes(board: Board, fault: Begin) -> None:
    """The end of a fault that has not happened disarms it."""
    on(board, WRITES).run(for_s=2.5)
    fault("power-cut-in-flash", optional=True, operation=3).end()
    assert board.run(for_s=10) is RunEnd.TIME


def test_unstable_bits_need_a_torn_operation(board: Board, fault: Begin) -> None:
    """Parameters that make no sense together are refused, as is a cut in the flash of a board that is off."""
    with pytest.raises(FaultError, match="is off"):
        fault("power-cut-in-flash", torn=True, unstable=True)
    on(board, WRITES)
    with pytest.raises(FaultError, match="needs torn"):
        fault("power-cut-in-flash", unstable=True)
    assert not fault("power-cut-in-flash", optional=True, torn=True, unstable=True).holds


@pytest.mark.board(hosts={"broker.example": "broker"})
def test_a_cut_in_the_link_comes_between_message_and_acknowledgement(
    board: Board, fault: Begin, published: Callable[[], list[Message]]
) -> None:
    """The broker has the message; the board has lost its power before it read the answer."""
    on(board, SENDS).run(for_s=3.4)
    had = len(published())
    acknowledged = str(board.console).count("acknowledged")
    cut = fault("power-cut-in-link", bytes_up=10)  # one PUBLISH of this program
    board.run(for_s=5, until=lambda: cut.holds)
    assert cut.holds
    assert len(published()) == had + 1
    assert str(board.console).count("acknowledged") == acknowledged == had


def test_a_brown_out_ends_the_program(board: Board, fault: Begin) -> None:
    """The supply is back with the end of the fault."""
    on(board, COUNTS).run(for_s=2.5)
    with fault("brown-out") as sag:
        board.run(for_s=5)
        assert sag.holds
        assert not board.powered
    board.run(for_s=1.5)
    assert str(board.console).count("start") == 2


@pytest.mark.board(hosts={"broker.example": "broker"})
def test_a_weak_battery_sags_when_the_board_sends(board: Board, fault: Begin) -> None:
    """Twice, as it was told; then the program gets through."""
    fault("brown-out-on-sending", times=2, recovers_ms=300)
    on(board, SENDS)
    clock = board.world.clock
    for _ in range(20):
        if board.run(for_s=2) is RunEnd.POWER_OFF:
            clock.advance_to(clock.now_us + 500_000)
    assert board.counters["boots after power_on"] == 3
    assert "acknowledged" in board.console


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_reset_starts_the_program_anew(board: Board, fault: Begin, kind: str) -> None:
    """The cause is the one that was asked for."""
    on(board, COUNTS).run(for_s=2.5)
    fault("reset", kind=kind)
    board.run(for_s=1.5)
    assert board.counters[f"boots after {kind}"] == 1
    assert str(board.console).endswith("second 1\n")


GNSS = """
import time
from machine import UART, Pin
Pin(21, Pin.OUT).value(1)
uart = UART(1, baudrate=38400, tx=17, rx=18, rxbuf=512)
print("start")
while True:
    time.sleep(1)
    print("got", len(uart.read() or b""))
"""


def test_noise_overflows_the_buffer_of_a_uart(board: Board, fault: Begin) -> None:
    """What the buffer cannot take is lost, and counted."""
    on(board, GNSS).run(for_s=5)
    port = board.uarts[1]
    assert port.overrun_bytes == 0
    fault("uart-overflow", n_bytes=3000)
    board.run(for_s=3)
    assert port.overrun_bytes > 1000


def test_a_uart_that_nobody_hears_loses_bytes(board: Board, fault: Begin) -> None:
    """More than its FIFO holds comes while interrupts are off."""
    on(board, GNSS).run(for_s=5)
    port = board.uarts[1]
    assert port.lost_bytes == 0
    for _ in range(10):
        fault("uart-neglected", milliseconds=900.0)
        board.run(for_s=1)
    assert port.lost_bytes > 0


def test_a_smaller_heap_is_met_at_the_next_start(board: Board, fault: Begin) -> None:
    """A program that needs 100 KiB runs, and does not with 64; it runs again afterwards."""
    on(board, 'import time\nbuffer = bytearray(100 * 1024)\nprint("fits")\ntime.sleep(3600)').run(for_s=1)
    squeeze = fault("heap-squeeze", kib=64)
    with pytest.raises(Exception, match="MemoryError"):
        board.run(for_s=1)
    assert str(board.console).count("fits") == 1
    squeeze.end()
    board.reset()
    board.run(for_s=1)
    assert str(board.console).count("fits") == 2


@pytest.mark.parametrize(
    ("kind", "told"), [("button", "1 b'' False"), ("hard", "2 b'kept' True"), ("soft", "5 b'kept' True")]
)
def test_a_button_takes_memory_and_clock_and_a_reset_does_not(board: Board, fault: Begin, kind: str, told: str) -> None:
    """Cause, retained memory, and whether the clock goes on, as the program of the next start sees them."""
    source = """
import machine, time
rtc = machine.RTC()
print(machine.reset_cause(), rtc.memory(), time.time() > 5)
rtc.memory(b"kept")
time.sleep(3600)
"""
    on(board, source).run(for_s=10)
    fault("reset", kind=kind)
    board.run(for_s=1)
    assert str(board.console).splitlines()[-1] == told


def test_a_step_of_the_clock_is_seen_by_the_program(board: Board, fault: Begin) -> None:
    """An hour ahead from one reading to the next."""
    on(board, "import time\nwhile True:\n    print(time.time())\n    time.sleep(1)").run(for_s=2.5)
    mark = board.console.mark
    before = int(str(board.console).split()[-1])
    fault("clock-step", seconds=3600.0)
    board.run(for_s=1)
    assert int(board.console.since(mark).split()[0]) == before + 3601


def test_ticks_wrap_as_they_are_told_to(board: Board, fault: Begin) -> None:
    """Five seconds after the start a later reading is a smaller number."""
    on(board, "import time\nwhile True:\n    print(time.ticks_ms())\n    time.sleep(1)").run(for_s=2.5)
    mark = board.console.mark
    fault("ticks-wrap", after_s=5.0)
    board.run(for_s=8.5)
    ticks = [int(word) for word in board.console.since(mark).split()]
    assert max(ticks[:5]) > 2**29
    assert min(ticks[6:]) < 10_000


@pytest.mark.board(hosts={"broker.example": "broker"})
def test_a_broker_that_restarts_breaks_the_connection(board: Board, fault: Begin) -> None:
    """The program meets the end of its connection."""
    on(board, SENDS).run(for_s=4)
    assert "acknowledged" in board.console
    fault("broker-restart")
    with pytest.raises(Exception, match="Error"):
        board.run(for_s=5)
