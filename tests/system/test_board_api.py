"""What common MicroPython programs ask of the chips' modules: interrupts, timers, pins, Wi-Fi, NVS; and programs that go wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hw_sim.board import Board, RunEnd
from hw_sim.errors import ChildFailed, NotSimulated
from hw_sim.network.net import Network
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

DESCRIPTION = """
name = "bench"
flash_bytes = 4194304
[led]
pin = 2
[[output]]
name = "strip"
pin = 4
[[input]]
name = "reed"
pin = 13
active = 0
[[input]]
name = "mail"
pin = 12
[[adc]]
name = "pot"
pin = 1
millivolts = 475
[[partition]]
label = "nvs"
type = 1
subtype = 2
offset = 0x9000
size = 0x6000
"""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Board]:
    """A board with a few pins, off."""
    path = tmp_path / "bench.toml"
    path.write_text(DESCRIPTION)
    world = World(seed=1)
    network = Network(world, wifi={"depot": "a key", "open": ""})
    with Board.from_description(path, world, network) as board:
        yield board


def run(board: Board, source: str, for_s: float = 60.0) -> str:
    """Console of a program that runs from power-on."""
    mark = board.console.mark
    board.program(source)
    board.power_on()
    board.run(for_s=for_s)
    return board.console.since(mark)


# --- interrupts


def test_edges_of_a_pin_call_back_in_the_middle_of_a_sleep(bench: Board) -> None:
    """Both edges at their virtual time, the sleep as long as before; of one edge only, the other is silent."""
    bench.world.clock.at(3_000_000, lambda: bench.switch("reed", True))
    bench.world.clock.at(4_000_000, lambda: bench.switch("reed", False))
    bench.world.clock.at(7_000_000, lambda: bench.switch("reed", True))
    bench.world.clock.at(8_000_000, lambda: bench.switch("reed", False))
    out = run(
        bench,
        """
import time
from machine import Pin
def heard(pin):
    print(pin, pin.value(), time.ticks_ms())
pin = Pin(13, Pin.IN, Pin.PULL_UP)
irq = pin.irq(heard, Pin.IRQ_FALLING | Pin.IRQ_RISING)
began = time.ticks_ms()
time.sleep(5)
print(time.ticks_diff(time.ticks_ms(), began), irq.flags(), irq.trigger())
pin.irq(trigger=Pin.IRQ_RISING, handler=heard)
time.sleep(5)
""",
    )
    assert out.splitlines() == ["Pin(13) 0 3000", "Pin(13) 1 4000", "5000 3 3", "Pin(13) 1 8000"]


def test_a_loop_that_only_looks_at_a_flag_and_the_clock_is_interrupted(bench: Board) -> None:
    """A handler that sets a variable ends a busy loop; one that fails is shown, and the program goes on."""
    bench.world.clock.at(2_000_000, lambda: bench.switch("mail", True))
    out = run(
        bench,
        """
import time
from machine import Pin
state = []
def heard(pin):
    state.append(time.ticks_ms())
    raise ValueError("in the handler")
Pin(12, Pin.IN).irq(heard, Pin.IRQ_RISING)
while not state and time.ticks_ms() < 5000:
    pass
print("seen", state)
""",
    )
    assert "ValueError: in the handler" in out
    assert out.endswith("seen [2000]\n")


def test_asyncio_waits_for_a_flag_that_an_interrupt_sets(bench: Board) -> None:
    """ThreadSafeFlag, as the documentation has it; without the edge the wait runs into its time."""
    program = """
import asyncio, time
from machine import Pin
flag = asyncio.ThreadSafeFlag()
Pin(12, Pin.IN).irq(lambda pin: flag.set(), Pin.IRQ_RISING)
async def main():
    try:
        await asyncio.wait_for(flag.wait(), 10)
        print("flag", time.ticks_ms())
    except asyncio.TimeoutError:
        print("timeout")
asyncio.run(main())
"""
    bench.world.clock.at(4_500_000, lambda: bench.switch("mail", True))
    assert run(bench, program) == "flag 4500\n"
    bench.cut_power()
    assert run(bench, program) == "timeout\n"


def test_timers_call_back_and_stop(bench: Board) -> None:
    """Ten times a second, once, by frequency, not any more after deinit; an interrupt is served within another's sleep."""
    out = run(
        bench,
        """
import time
from machine import Timer
count = []
timer = Timer(0)
timer.init(period=100, callback=lambda t: count.append(t is timer))
time.sleep(1.05)
print(len(count), all(count))
timer.deinit()
time.sleep(1)
print(len(count))
Timer(1, mode=Timer.ONE_SHOT, period=500, callback=lambda t: count.clear())
fast = Timer(2, freq=4, callback=lambda t: count.append(1))
time.sleep(2.1)
print(len(count))
try:
    Timer(3, period=0, callback=print)
except ValueError as error:
    print(error)
""",
    )
    assert out.splitlines() == ["10 True", "10", "7", "invalid period"]


# --- pins


def test_pins_are_toggled_inverted_dimmed_and_read(bench: Board) -> None:
    """Pin as a function, toggle, open drain, Signal, PWM in its three units, ADC in its four, a strip of pixels."""
    out = run(
        bench,
        """
from machine import ADC, PWM, Pin, Signal
import neopixel
led = Pin(2, Pin.OUT)
led.toggle()
print(led(), led.mode() == Pin.OUT, Pin("led").id)
signal = Signal(led, invert=True)
signal.on()
print(led(), signal.value())
line = Pin(13, Pin.OPEN_DRAIN, Pin.PULL_UP, value=1)
print(line.value(), line.value(0), line.value())
pwm = PWM(led, freq=1000, duty_u16=16384)
print(pwm.freq(), pwm.duty(), pwm.duty_u16(), pwm.duty_ns())
pot = ADC(Pin(1), atten=ADC.ATTN_0DB)
print(pot.read_uv(), pot.read_u16(), pot.read())
pixels = neopixel.NeoPixel(Pin(4), 2)
pixels[1] = (1, 2, 3)
pixels.write()
print(pixels[1], len(pixels))
""",
    )
    assert out.splitlines() == [
        "1 True 2",
        "0 1",
        "1 None 0",
        "1000 256 16384 250000",
        "475000 32767 2047",
        "(1, 2, 3) 2",
    ]
    assert bench.waves == {2: (1000, 16384)}
    assert bench.pixels == {4: bytes([0, 0, 0, 2, 1, 3])}


def test_who_woke_the_board_is_told(bench: Board) -> None:
    """A timer, a pin; after power-on nobody."""
    bench.program(
        "import esp32, machine\nprint(machine.reset_cause(), machine.wake_reason())\n"
        "esp32.wake_on_ext0(machine.Pin(12), esp32.WAKEUP_ANY_HIGH)\nmachine.deepsleep(60_000)\n"
    )
    bench.power_on()
    bench.run(for_s=65)
    bench.switch("mail", True)
    bench.run(for_s=0.5)
    assert str(bench.console) == "1 0\n4 4\n4 2\n"


# --- network and storage


def test_a_station_scans_joins_and_tells_its_settings(bench: Board) -> None:
    """What programs print: networks around, status, addresses given and fixed, the host name, the country."""
    out = run(
        bench,
        """
import network, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
print(sorted((row[0], row[4]) for row in wlan.scan()))
network.hostname("probe"); network.country("DE")
wlan.connect("depot", "a key")
while not wlan.isconnected():
    time.sleep(0.1)
print(wlan.config("ssid"), wlan.config("hostname"), network.country(), wlan.ipconfig("addr4"))
wlan.ifconfig(("10.0.0.7", "255.255.255.0", "10.0.0.1", "10.0.0.1"))
print(wlan.ifconfig()[0], wlan.ipconfig("dhcp4"), network.WLAN(network.AP_IF).active())
""",
    )
    assert out.splitlines() == [
        "[(b'depot', 3), (b'open', 0)]",
        "depot probe DE ('192.168.4.20', '255.255.255.0')",
        "10.0.0.7 False False",
    ]


NVS = """
import esp32
nvs = esp32.NVS("counters")
try:
    n = nvs.get_i32("boots")
except OSError as error:
    n = 0
print(n)
nvs.set_i32("boots", n + 1)
nvs.set_blob("name", b"ab")
nvs.commit()
buf = bytearray(8)
print(nvs.get_blob("name", buf), esp32.NVS("other")._get if False else "")
"""


def test_nvs_outlives_power_and_a_cut_leaves_the_old_or_the_new(bench: Board) -> None:
    """Committed values are there after power; a cut at each of its two flash operations loses none that were committed."""
    assert run(bench, NVS).splitlines() == ["0", "2 "]
    bench.cut_power()
    assert run(bench, NVS).splitlines() == ["1", "2 "]
    for operation in (1, 2):
        bench.cut_power()
        bench.program(NVS)
        bench.power_on()
        bench.arm_power_cut(operation, torn=True)
        assert bench.run(for_s=5) is RunEnd.POWER_OFF
        bench.cut_power()
        mark = bench.console.mark
        bench.program("import esp32\nprint(esp32.NVS('counters').get_i32('boots'))")
        bench.power_on()
        bench.run(for_s=5)
        assert bench.console.since(mark) == "2\n"


def test_the_program_learns_what_it_runs_on(bench: Board) -> None:
    """`sys.platform`, `sys.implementation` and `os.uname()` of the chip, not of the host; boot.py runs first, in the same names."""
    bench.installed.boot("from_boot = 7")
    out = run(
        bench,
        "import os, sys\nprint(sys.platform, sys.implementation.name, sys.implementation._machine, os.uname().sysname, from_boot)",
    )
    assert out == "esp32 micropython Generic ESP32S3 module with ESP32S3 esp32 7\n"


# --- what is not simulated


def test_not_simulated_has_a_name_and_a_place(bench: Board) -> None:
    """The exception has module and attribute; uncaught it names file and line; a bare except does not hide it."""
    bench.program("import machine\ndef f():\n    machine.SPI(1)\nf()\n")
    bench.power_on()
    with pytest.raises(NotSimulated, match=r'(?s)machine.SPI: .*File "main.py", line 3, in f'):
        bench.run(for_s=5)
    bench.cut_power()
    bench.program("import machine, time\ntry:\n    machine.SPI(1)\nexcept:\n    pass\ntime.sleep(1)\nprint('hidden')\n")
    bench.power_on()
    with pytest.raises(NotSimulated, match=r"machine.SPI: .*caught the exception and went on"):
        bench.run(for_s=5)
    assert "hidden" not in bench.console
    bench.cut_power()
    bench.stops_at_missing = False
    tried = "import machine\ntry:\n    machine.mem32[4]\nexcept BaseException as e:\n"
    tried += "    print(type(e).__name__, e.module, e.attribute)\n"
    assert run(bench, tried) == "NotSimulated machine mem32[0x4]\n"
    assert [name.split(":")[0] for name in bench.unsimulated] == ["machine.SPI", "machine.SPI", "machine.mem32[0x4]"]


# --- programs that go wrong


@pytest.mark.parametrize(
    ("source", "named"),
    [
        (
            "def f():\n    while True:\n        pass\nf()\n",
            r'(?s)0.5 s of real time, at:.*File "main.py", line 3, in f',
        ),
        ("while True:\n    print('on and on')\n", r'(?s)0.5 s of real time, at:.*File "main.py", line [12]'),
        ("while True:\n    try:\n        while True: pass\n    except: pass\n", "0.5 s of real time"),
        ("a = []\nwhile True:\n    a.append(bytearray(1000))\n", r'(?s)File "main.py", line 3.*MemoryError'),
        ("import sys\na = sys.modules['a'] = []\nwhile True:\n    a.append(bytearray(100))\n", "MemoryError"),
        ("def f():\n    f()\nf()\n", "maximum recursion depth exceeded"),
        ("def f(:\n", "SyntaxError"),
        ("import nothing_here\n", "ImportError: no module named 'nothing_here'"),
    ],
)
def test_a_program_that_goes_wrong_ends_in_bounded_time_and_says_where(bench: Board, source: str, named: str) -> None:
    """It loops, prints, eats the heap or the stack, does not compile: an error with its place; the board is none the worse."""
    bench.silence_s = 0.5
    assert run(bench, "print('fine')") == "fine\n"
    bench.cut_power()
    bench.program(source)
    bench.power_on()
    began = time.monotonic()
    with pytest.raises(ChildFailed, match=named):
        bench.run(for_s=20)
    assert time.monotonic() - began < 9  # the bound of 0.5 s, not the usual one of 10
    bench.cut_power()
    assert run(bench, "print('again')") == "again\n"


def test_a_program_that_exits_ends_the_run_in_order(bench: Board) -> None:
    """As at any board's prompt, whatever the code."""
    bench.program("import sys\nprint('out')\nsys.exit(3)\n")
    bench.power_on()
    assert bench.run(for_s=5) is RunEnd.ENDED
    assert str(bench.console) == "out\n"
