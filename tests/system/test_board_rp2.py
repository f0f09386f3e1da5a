"""What an RP2 has otherwise than an ESP32, as MicroPython 1.29's port has it, and what the firmware's boards make of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hw_sim.board import Board
from hw_sim.demo.stage import FIRMWARE
from hw_sim.errors import ChildFailed
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

ACTIVE = """
from firmware.boards import active
board = active()
"""


@pytest.fixture(params=["pico_w", "pico2_w"])
def pico(request: pytest.FixtureRequest) -> Iterator[Board]:
    """A board of each chip with the firmware, off."""
    world = World(seed=1)
    with Board.from_description(request.param, world, Network(world)) as board:
        board.install(FIRMWARE)
        yield board


def run(board: Board, source: str, for_s: float = 60.0) -> str:
    """What a program prints from power-on."""
    board.program(source)
    board.power_on()
    board.run(for_s=for_s)
    return str(board.console)


def test_the_chip_tells_which_board_it_is(pico: Board) -> None:
    """Before there are settings the board is that of the chip, and no module of another board or family is loaded."""
    out = run(pico, f"{ACTIVE}\nimport sys\nprint(board.NAME, sorted(m for m in sys.modules if 'boards.' in m))")
    wanted = ["base", "pico", pico.description.name, "store"]
    assert out.strip() == f"{pico.description.name} {sorted('firmware.boards.' + name for name in wanted)}"


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import esp32", "no module named 'esp32'"),
        ("import machine\nmachine.WDT(timeout=16778)", "timeout exceeds"),
        ("import machine\nmachine.Pin(29)", "invalid pin"),
        ("import machine\nmachine.ADC(25)", "ADC capabilities"),
        ("import machine\nmachine.UART(0, tx=4, rx=1)", "bad TX pin"),
        ("import machine\nmachine.Pin(2, machine.Pin.OUT, hold=True)", "hold"),
        ("import machine\nmachine.HARD_RESET", "HARD_RESET"),
        ("import machine\nmachine.RTC().memory()", "isn't callable"),
        ("import rp2\nrp2.Flash(start=100)", "ValueError"),
        ("import rp2\nrp2.Flash(start=0, len=1 << 24)", "ValueError"),
    ],
)
def test_what_the_port_refuses_the_simulator_refuses(pico: Board, source: str, complaint: str) -> None:
    """Modules, pins, times and places that an RP2 does not have."""
    with pytest.raises(ChildFailed, match=complaint):
        run(pico, source)


def test_the_watchdog_waits_as_long_as_the_chip_can(pico: Board) -> None:
    """30 s are asked for; the board takes what the counter holds."""
    run(pico, f"{ACTIVE}\nboard.watchdog(30_000)\nimport time\ntime.sleep(1)", for_s=1.2)
    assert pico.watchdog.deadline_us is not None
    left_s = (pico.watchdog.deadline_us - pico.world.clock.now_us) / 1e6
    assert 5 < left_s <= {"pico_w": 8.388, "pico2_w": 16.777}[pico.description.name]


def test_a_wanted_restart_and_a_sleep_are_told_from_a_bite(pico: Board) -> None:
    """The chip calls all three the watchdog's; wire-format numbers 2, 4 and 3 come out, and 1 after power-on."""
    source = f"""{ACTIVE}
import machine, time
cause = board.reset_cause()
print(cause, machine.reset_cause())
if cause == 1:
    board.reset()
if cause == 2:
    board.deep_sleep_ms(60_000)
if cause == 4:
    board.watchdog(1000)
    time.sleep(9)
"""
    assert run(pico, source, for_s=100).split("\n")[:-1] == ["1 1", "2 3", "4 3", "3 3"]


def test_sleep_outlasts_the_watchdog_and_ends_by_the_button(pico: Board) -> None:
    """An hour of sleep passes with the watchdog running; a pressed button ends the next one within a nap."""
    source = f"""{ACTIVE}
board.watchdog(30_000)
if board.reset_cause() in (1, 4):
    board.deep_sleep_ms(3_600_000)
"""
    run(pico, source, for_s=3_590)
    assert pico.counters["boots"] == 1
    pico.run(for_s=20)
    assert (pico.counters["boots"], pico.counters["boots after watchdog"]) == (2, 0)
    began = pico.counters["boots"]
    pico.press_button()
    pico.run(for_s=5)
    assert pico.counters["boots"] > began
    assert pico.counters["boots after watchdog"] == 0


def test_nothing_is_retained_and_nobody_is_told_otherwise(pico: Board) -> None:
    """What is handed over for the time of a sleep is gone."""
    assert run(pico, f"{ACTIVE}\nboard.retain(b'head of a ladder')\nprint(board.retained())") == "b''\n"


def test_the_battery_is_measured_behind_its_divider(pico: Board) -> None:
    """Within the step of the converter, 1.6 mV at half of the voltage."""
    pico.battery_mv = 3712
    assert abs(int(run(pico, f"{ACTIVE}\nprint(board.battery_mv())")) - 3712) <= 4


def test_the_regions_lie_where_the_file_system_ends(pico: Board) -> None:
    """What is programmed under each label is found in the region of that name, and files stay what they were."""
    source = f"""{ACTIVE}
with open("/a.txt", "w") as f:
    f.write("x" * 9000)
for n, label in enumerate(("keys", "rules", "spool")):
    region = board.region(label)
    region.program(0, bytes((n + 1,)) * 300)
    print(label, region.sectors)
with open("/a.txt") as f:
    print(f.read() == "x" * 9000)
"""
    assert run(pico, source) == "keys 2\nrules 2\nspool 124\nTrue\n"
    for n, label in enumerate(("bl_keys", "bl_rules", "bl_spool")):
        assert pico.partition_bytes(label)[:301] == bytes((n + 1,)) * 300 + b"\xff"


def test_a_stock_build_formats_over_the_keys_and_is_refused_from_then_on(pico: Board) -> None:
    """The port's own start-up code takes a file system of another length for none. The firmware opens no region below that."""
    run(pico, f"{ACTIVE}\nopen('/a.txt', 'w').close()\nboard.region('keys').program(0, b'key')")
    pico.cut_power()
    assert pico.partition_bytes("bl_keys")[:3] == b"key"
    del pico.installed.sources["_frozen_boot.py"]
    pico.program(f"{ACTIVE}\nimport os\nprint('a.txt' in os.listdir('/'))\nboard.region('keys')")
    pico.power_on()
    with pytest.raises(ChildFailed, match="file system over the raw regions"):
        pico.run(for_s=10)
    assert str(pico.console).splitlines()[0] == "False"


def test_a_damaged_file_system_is_left_alone_by_our_boot(pico: Board) -> None:
    """No settings, a word on the console, and the keys are where they were; blank flash is formatted once."""
    run(pico, f"{ACTIVE}\nboard.save_settings({{'board': board.NAME}})\nboard.region('keys').program(0, b'key')")
    pico.cut_power()
    start = pico.partitions["vfs"].offset
    damaged = bytes(4096 * 2)
    pico.flash.data[start : start + len(damaged)] = damaged
    before = pico.partition_bytes("vfs")
    pico.program(f"{ACTIVE}\nprint(board.settings(), bytes(board.region('keys').read(0, 3)))")
    pico.power_on()
    begin = pico.console.mark
    pico.run(for_s=10)
    assert pico.console.since(begin) == "file system damaged\n{} b'key'\n"
    assert pico.partition_bytes("vfs") == before


def test_a_name_is_resolved_with_the_watchdog_fed(pico: Board) -> None:
    """The board's sockets are MicroPython's; a name leads where it did, and the timer of its watchdog is gone afterwards."""
    pico.network.hosts["broker.example"] = ("127.0.0.1", 1)
    source = f"""{ACTIVE}
board.watchdog(30_000)
board.radio_connect({{"wifi": {{"ssid": "depot", "key": "k"}}}})
import time
while not board.radio_connected():
    time.sleep_ms(500)
print(board.socket_module.getaddrinfo("broker.example", 1883, 0, board.socket_module.SOCK_STREAM)[0][-1])
board.radio_off()
print(board.radio_connected())
"""
    pico.network.wifi["depot"] = "k"
    assert run(pico, source, for_s=6) == "('192.0.2.1', 1883)\nFalse\n"
