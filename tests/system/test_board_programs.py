"""Small MicroPython programs on a simulated board: time, chips, files, resets, faults; the interpreter is real."""

import time

import pytest

from hw_sim.board import Board, RunEnd
from hw_sim.errors import ChildFailed, HwSimError, NotSimulated
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

pytestmark = pytest.mark.micropython

COUNTER = """
import machine
try:
    with open("/boots") as f:
        n = int(f.read())
except OSError:
    n = 0
with open("/boots", "w") as f:
    f.write(str(n + 1))
print("boot", n + 1, "cause", machine.reset_cause())
"""


def run(board: Board, source: str, for_s: float = 60.0) -> str:
    """Console of a program that runs from power-on."""
    board.program(source)
    board.power_on()
    board.run(for_s=for_s)
    return str(board.console)


def test_a_virtual_day_passes_in_under_a_second(board: Board) -> None:
    """asyncio sleeps 24 times an hour; the board's clock and the world's agree at the end."""
    began = time.process_time()
    out = run(
        board,
        """
import asyncio, time
async def main():
    t0 = time.ticks_ms()
    for hour in range(24):
        await asyncio.sleep(3600)
    print("slept", time.ticks_diff(time.ticks_ms(), t0) // 1000)
asyncio.run(main())
""",
        for_s=90_000,
    )
    assert time.process_time() - began < 1.0
    assert out == "slept 86400\n"
    assert len(board.heap) == 25
    assert all(reading.free_bytes > 100_000 for reading in board.heap)


def test_a_pin_that_the_chip_has_not_is_refused_as_the_chip_does(board: Board) -> None:
    """Number 99, one that this chip leaves out, and driving one that can only be read, on the chip that has such."""
    source = """
from machine import Pin
for number, mode in ((99, -1), (24, Pin.IN), (34, Pin.OUT), (34, Pin.IN)):
    try:
        Pin(number, mode)
        print("taken")
    except ValueError as error:
        print(error)
"""
    assert run(board, source).splitlines() == ["invalid pin", "invalid pin", "taken", "taken"]
    with Board.from_description("esp32", World(), Network(World())) as classic:
        assert run(classic, source).splitlines() == ["invalid pin", "invalid pin", "pin can only be input", "taken"]


def test_interrupts_wait_while_they_are_disabled(board: Board) -> None:
    """A timer that runs out meanwhile calls back when they are enabled again."""
    source = """
import machine, time
machine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=100, callback=lambda _: print("rang"))
state = machine.disable_irq()
time.sleep_ms(500)
print("still quiet")
machine.enable_irq(state)
time.sleep_ms(1)
"""
    assert run(board, source).splitlines() == ["still quiet", "rang"]


@pytest.mark.parametrize("look", ["time.time() - began >= 5", "uart.any()", "poll.poll(0)"])
def test_a_loop_that_only_looks_sees_what_it_waits_for(board: Board, look: str) -> None:
    """The clock, a UART, a poll without patience: time passes in a loop that never sleeps."""
    source = f"""
import machine, select, time
machine.Pin(21, machine.Pin.OUT, value=1)
uart = machine.UART(1, 38400, tx=17, rx=18)
poll = select.poll()
poll.register(uart, select.POLLIN)
began = time.time()
while not ({look}):
    pass
print("seen after", time.time() - began)
"""
    board.gnss.drive = Drive.parked(53.41, -2.91)
    out = run(board, source, for_s=10)
    assert out.startswith("seen after") and 0 <= int(out.split()[-1]) <= 5


def test_the_heap_is_read_early_and_then_by_the_hour(board: Board) -> None:
    """Before the first line, after ten seconds, a minute, ten minutes: what a program takes is seen in a short run too."""
    source = "import time\nkept = bytearray(60_000)\nwhile True:\n    time.sleep(1)"
    run(board, source, for_s=5000)
    assert [round(reading.at_s) for reading in board.heap] == [0, 10, 60, 600, 4200]
    assert board.heap[0].free_bytes - board.heap[1].free_bytes > 60_000


def test_asyncio_tasks_keep_virtual_time(board: Board) -> None:
    """Two tasks interleave by their sleeps; a wait times out; a cancelled task stops; an event wakes its waiter."""
    out = run(
        board,
        """
import asyncio, time
log = []
async def tick(name, period):
    while True:
        await asyncio.sleep_ms(period)
        log.append((name, round(time.ticks_ms() - t0, -1)))
async def main():
    global t0
    t0 = time.ticks_ms()
    tasks = [asyncio.create_task(tick("a", 200)), asyncio.create_task(tick("b", 300))]
    await asyncio.sleep_ms(650)
    for task in tasks:
        task.cancel()
    print(log)
    try:
        await asyncio.wait_for_ms(tick("c", 10_000), 500)
    except asyncio.TimeoutError:
        print("timeout at", round(time.ticks_ms() - t0, -1))
    event = asyncio.Event()
    async def setter():
        await asyncio.sleep_ms(100)
        event.set()
        return 7
    print(await asyncio.gather(event.wait(), setter()), round(time.ticks_ms() - t0, -1))
    flag = asyncio.ThreadSafeFlag()
    flag.set()
    await flag.wait()
asyncio.run(main())
print("done")
""",
    )
    lines = out.splitlines()
    assert lines[0] == "[('a', 200), ('b', 300), ('a', 400), ('b', 600), ('a', 600)]"
    assert lines[1:] == ["timeout at 1150", "[True, 7] 1250", "done"]


def test_a_busy_loop_on_the_clock_ends(board: Board) -> None:
    """A program that polls ticks_ms for 100 ms without sleeping gets there."""
    out = run(
        board,
        "import time\nt0 = time.ticks_ms()\nwhile time.ticks_diff(time.ticks_ms(), t0) < 100: pass\nprint('done')",
    )
    assert out == "done\n"


def test_ticks_wrap_as_on_the_chip(board: Board) -> None:
    """ticks_ms wraps at 2**30; sleeps and differences go on across it."""
    board.ticks_start_ms = (1 << 30) - 2000
    out = run(
        board,
        """
import asyncio, time
async def main():
    await asyncio.sleep(3)
a = time.ticks_ms()
asyncio.run(main())
b = time.ticks_ms()
print(b < a, 2990 < time.ticks_diff(b, a) < 3010, time.ticks_add(a, 3000) < 3000)
""",
    )
    assert out == "True True True\n"


def test_time_counts_from_2000_until_it_is_set(board: Board) -> None:
    """time() begins near 2000-01-01 at power-on, keeps what RTC.datetime sets, over a reset too."""
    out = run(
        board,
        """
import machine, time
if machine.reset_cause() == machine.PWRON_RESET:
    print(time.gmtime()[:3], time.mktime((2000, 3, 1, 0, 0, 0, 0, 0)) // 86400)
    machine.RTC().datetime((2026, 1, 26, 0, 15, 57, 2, 0))
    print(time.gmtime(time.mktime((2026, 1, 26, 15, 57, 2, 0, 0)))[:6])
    time.sleep(60)
    machine.reset()
print(time.gmtime()[:5], machine.RTC().datetime()[:3])
""",
        for_s=120,
    )
    assert out.splitlines() == ["(2000, 1, 1) 60", "(2026, 1, 26, 15, 57, 2)", "(2026, 1, 26, 15, 58) (2026, 1, 26)"]


def test_receiver_on_the_uart(board: Board) -> None:
    """Power by the load switch, bytes through StreamReader; without the switch there is silence."""
    board.gnss.drive = Drive.parked(53.41, -2.91)
    out = run(
        board,
        """
import asyncio
from machine import Pin, UART
power = Pin(21, Pin.OUT, value=0)
uart = UART(1, baudrate=38400, tx=17, rx=18, rxbuf=2048)
async def main():
    reader = asyncio.StreamReader(uart)
    try:
        await asyncio.wait_for(reader.read(1), 5)
    except asyncio.TimeoutError:
        print("silence", uart.any(), uart.read(10))
    power.on()
    print((await asyncio.wait_for(reader.readline(), 5))[:20])
    while True:
        line = await reader.readline()
        if line.startswith(b"$GNGGA") and line.split(b",")[6] == b"1":
            print(line.split(b",")[2][:4], line.split(b",")[4][:5])
            break
    power.off()
    uart.deinit()
asyncio.run(main())
""",
        for_s=60,
    )
    assert out.splitlines() == ["silence 0 None", "b'$GNTXT,01,01,02,u-bl'", "b'5324' b'00254'"]
    assert 20 < board.gnss.powered_s < 40
    assert not board.gnss.powered


def test_button_led_and_battery(board: Board) -> None:
    """The program sees the button and the battery, the tester the LED; 0 dB saturates, as on the chip."""
    board.battery_mv = 3700
    board.program(
        """
import time
from machine import ADC, Pin
button, led = Pin(0, Pin.IN, Pin.PULL_UP), Pin(48, Pin.OUT, value=0)
print(ADC(Pin(1), atten=ADC.ATTN_11DB).read_uv(), ADC(Pin(1)).read_uv())
while True:
    led.value(not button.value())
    time.sleep_ms(10)
"""
    )
    board.power_on()
    board.run(for_s=1)
    assert str(board.console) == "1850000 950000\n"
    assert not board.led
    board.press_button()
    board.run(for_s=1)
    assert board.led
    board.release_button()
    board.run(for_s=1)
    assert not board.led


def test_files_outlive_resets_and_power_cuts(board: Board) -> None:
    """littlefs holds a count over a hard reset, a soft reset and a power cut; the causes are told apart."""
    board.program(COUNTER)
    board.power_on()
    for act in (board.reset, board.soft_reset, board.cut_power):
        assert board.run(for_s=5) is RunEnd.ENDED
        act()
    assert board.run(for_s=5) is RunEnd.POWER_OFF
    board.power_on()
    board.run(for_s=5)
    assert str(board.console).splitlines() == [
        "boot 1 cause 1",
        "boot 2 cause 2",
        "boot 3 cause 5",
        "boot 4 cause 1",
    ]


LONG_FILE = """
import machine, os
def count():
    try:
        with open("/count") as f:
            text = f.read()
    except OSError:
        return 0
    assert text == text[:1] * 3000, "a torn file"
    return int(text[0])
n = count()
print("found", n)
if n < 5:
    with open("/count.new", "w") as f:
        f.write(str(n + 1) * 3000)
    os.rename("/count.new", "/count")
"""


def test_power_cut_at_every_flash_operation(board: Board) -> None:
    """Cut at each operation of replacing a file, torn in part: it always mounts, and holds the old or the new one."""
    board.program(LONG_FILE)
    board.power_on()
    board.run(for_s=5)
    board.cut_power()
    base = board.snapshot()
    outcomes = []
    for operation in range(1, 200):
        board.restore(base)
        board.power_on()
        board.arm_power_cut(operation, torn=True)
        if board.run(for_s=5) is not RunEnd.POWER_OFF:
            break
        mark = board.console.mark
        board.power_on()
        board.run(for_s=5)
        outcomes.append(board.console.since(mark))
        board.cut_power()
    assert len(outcomes) > 20
    assert set(outcomes) <= {"found 1\n", "found 2\n"}
    assert outcomes[0] == "found 1\n"
    assert board.counters["power cuts"] == len(outcomes)


def test_raw_partitions(board: Board) -> None:
    """esp32.Partition is raw flash: no erase in its offset form, one in the simple form and by ioctl."""
    out = run(
        board,
        """
from esp32 import Partition
part = Partition.find(Partition.TYPE_DATA, label="bl_keys")[0]
print(part.ioctl(4, 0), part.ioctl(5, 0), part.info()[4], Partition.find(Partition.TYPE_DATA, label="none"))
part.writeblocks(1, b"\\xf0", 100)
part.writeblocks(1, b"\\x3c", 100)
got = bytearray(1)
part.readblocks(1, got, 100)
print(got)
part.writeblocks(0, bytes(4096))
part.writeblocks(0, b"\\xaa" * 4096)
part.ioctl(6, 1)
try:
    part.readblocks(2, got, 0)
except OSError as error:
    print("outside", error.errno)
""",
    )
    assert out.splitlines() == ["2 4096 bl_keys []", "bytearray(b'0')", "outside 22"]
    assert board.partition_bytes("bl_keys") == b"\xaa" * 4096 + b"\xff" * 4096


def test_a_missed_feed_resets_the_board(board: Board) -> None:
    """Fed it runs; the program that stops feeding is reset by the watchdog, at the virtual time of the missed feed."""
    board.program(
        """
import machine, time
print("cause", machine.reset_cause())
if machine.reset_cause() == machine.PWRON_RESET:
    dog = machine.WDT(timeout=8000)
    for i in range(5):
        time.sleep(5)
        dog.feed()
    time.sleep(100)
    print("never")
"""
    )
    board.power_on()
    board.run(until=lambda: board.counters["boots"] == 2)
    assert board.world.clock.now_us / 1e6 == pytest.approx(25 + 8 + 0.44, abs=0.1)
    board.run(for_s=5)
    assert str(board.console) == "cause 1\ncause 3\n"


def test_a_hang_is_bitten_by_the_watchdog(board: Board) -> None:
    """A program that computes for ever is reset if its watchdog runs."""
    board.silence_s = 0.3
    board.program(
        "import machine\nprint(machine.reset_cause())\nif machine.reset_cause() == 1:\n    machine.WDT(timeout=5000)\n"
        "    while True: pass\n"
    )
    board.power_on()
    board.run(for_s=20)
    assert str(board.console) == "1\n3\n"
    assert board.counters["hangs"] == 1


def test_a_hang_without_watchdog_is_an_error(board: Board) -> None:
    """Without a watchdog the run ends with an error, in bounded real time, not never."""
    board.silence_s = 0.3
    board.program("print('before')\nwhile True: pass\n")
    board.power_on()
    with pytest.raises(ChildFailed, match="before"):
        board.run(for_s=20)


def test_retained_memory(board: Board) -> None:
    """RTC memory outlives deep sleep and reset, not the lack of power; deep sleep lasts as long as asked."""
    board.program(
        """
import machine
cause, rtc = machine.reset_cause(), machine.RTC()
print(cause, rtc.memory())
if cause == machine.PWRON_RESET and not rtc.memory():
    rtc.memory(b"kept")
    machine.deepsleep(600_000)
if cause == machine.DEEPSLEEP_RESET:
    machine.reset()
"""
    )
    board.power_on()
    board.run(for_s=599)
    assert str(board.console) == "1 b''\n"
    board.run(for_s=10)
    assert str(board.console) == "1 b''\n4 b'kept'\n2 b'kept'\n"
    board.cut_power()
    assert board.retained == b"kept"
    board.power_on()
    board.run(for_s=5)
    assert str(board.console).endswith("1 b''\n")


def test_deep_sleep_switches_everything_off(board: Board) -> None:
    """The receiver behind the load switch loses power when the chip sleeps, and the radio too."""
    board.program(
        "import machine, network, time\nmachine.Pin(21, machine.Pin.OUT, value=1)\n"
        "network.WLAN(network.STA_IF).active(True)\ntime.sleep(10)\nmachine.deepsleep()\n"
    )
    board.power_on()
    board.run(for_s=5)
    assert board.gnss.powered
    assert board.radio.active
    assert board.run(for_s=1000) is RunEnd.TIME
    assert not board.gnss.powered
    assert not board.radio.active
    assert board.gnss.powered_s == pytest.approx(10, abs=0.1)


def test_same_seed_same_run(world: World) -> None:
    """Random bytes, the receiver's noise, heap figures and the flash repeat to the byte; another seed differs."""
    source = """
import asyncio, gc, os, random, time
from machine import Pin, UART
Pin(21, Pin.OUT, value=1)
uart = UART(1, baudrate=38400, tx=17, rx=18, rxbuf=2048)
async def main():
    reader = asyncio.StreamReader(uart)
    for i in range(40):
        print(time.ticks_us(), await reader.readline())
asyncio.run(main())
print(os.urandom(8), random.random(), gc.mem_free())
with open("/x", "w") as f:
    f.write(str(os.urandom(8)))
"""
    results = []
    for seed in (1, 1, 2):
        other = World(seed=seed)
        with Board.from_description("esp32s3", other, Network(other)) as board:
            board.gnss.drive = Drive.parked(53.4, -2.9)
            results.append((run(board, source, for_s=200), bytes(board.flash.data), board.heap))
    assert results[0] == results[1]
    assert results[0][0] != results[2][0]
    assert results[0][0].count("\n") == 41


def test_execute_as_at_the_prompt(board: Board) -> None:
    """Text runs with its files in RAM; nothing of either is left in the flash; the board is off again afterwards."""
    secret = b"a key that must not lie in flash"
    out = board.execute("print(len(files['key']), files['key'][:5])", files={"key": secret})
    assert out == "32 b'a key'\n"
    assert not board.powered
    assert secret not in bytes(board.flash.data)
    assert b"files[" not in bytes(board.flash.data)
    board.program("print('main')")
    board.power_on()
    board.run(for_s=1)
    assert board.execute("print(1 + 1)") == "2\n"
    assert board.powered
    with pytest.raises(ChildFailed, match="ZeroDivisionError"):
        board.execute("1 / 0")
    with pytest.raises(ChildFailed, match="not finished"):
        board.execute("import time\nwhile True: time.sleep(1)", timeout_s=5)


def test_an_uncaught_exception_comes_with_its_traceback(board: Board) -> None:
    """The error names file, line and exception; without the fault the program ends in order."""
    board.program("def f():\n    return {}['no']\nprint('before')\nf()\n")
    board.power_on()
    with pytest.raises(ChildFailed, match=r'(?s)File "main.py", line 2, in f.*KeyError: no'):
        board.run(for_s=5)
    board.program("print('fine')\n")
    board.reset()
    assert board.run(for_s=5) is RunEnd.ENDED


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("import machine\nmachine.I2C(0).scan()", "I2C 0 on scl 9, sda 8"),
        ("import machine\nmachine.Pin(5, machine.Pin.IN).value()", "pin 5"),
        ("import machine\nmachine.UART(2, 9600)", "UART 2"),
        ("import machine\nmachine.UART(1, 9600, tx=4, rx=5)", "tx 4, rx 5"),
        ("import machine\nmachine.ADC(7).read_uv()", "ADC on pin 7"),
        ("import machine\nmachine.Pin(0).irq(print, machine.Pin.WAKE_LOW)", "machine.Pin.irq of a level"),
        ("import network\nnetwork.WLAN(network.AP_IF).active(True)", "AP_IF"),
        ("import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM)", "other than TCP"),
        ("import os\nos.system('true')", "os.system"),
        ("import uos\nuos.system('true')", "os.system"),
        ("from machine import TouchPad\nTouchPad(3)", "machine.TouchPad"),
        ("import esp32\nesp32.RMT(0)", "esp32.RMT"),
        ("import network\nnetwork.LAN()", "network.LAN"),
        ("import _thread\n_thread.start_new_thread(print, (1,))", "_thread.start_new_thread"),
    ],
)
def test_what_is_not_simulated_says_so_even_past_a_bare_except(board: Board, source: str, named: str) -> None:
    """A broad except in the firmware cannot hide that it used what nothing stands for."""
    lines = "\n".join("    " + line for line in source.splitlines())
    board.program(f"try:\n{lines}\nexcept Exception:\n    pass\nprint('hidden')\n")
    board.power_on()
    with pytest.raises(NotSimulated, match=named):
        board.run(for_s=5)
    assert "hidden" not in board.console


def test_old_names_mean_the_same_modules(board: Board) -> None:
    """With a u before them they are no way around virtual time and the simulated network; a name of no chip is none."""
    out = run(
        board,
        """
import utime, time, usocket, socket, uselect, select, umachine, machine
print(utime.ticks_ms is time.ticks_ms, usocket.socket is socket.socket, uselect.poll is select.poll)
before = time.ticks_ms()
utime.sleep(30)
print(time.ticks_diff(time.ticks_ms(), before) // 1000, umachine.Pin is machine.Pin, hasattr(machine, "Nothing"))
""",
    )
    assert out == "True True True\n30 True False\n"


def test_the_host_cannot_be_reached(board: Board) -> None:
    """The program sees its own file system only; what is installed cannot be written through a path outside."""
    out = run(
        board,
        """
import os, sys
print(sorted(os.listdir("/")), sys.path)
for path in ("/etc/passwd", "/app/../../../../etc/passwd", "/proc/self/environ"):
    try:
        open(path)
        print("opened", path)
    except OSError:
        pass
""",
    )
    assert out == "['app', 'rom'] ['/rom', '/app', '', '.frozen', '/lib']\n"


def test_installed_packages_run_from_bytecode_and_from_source(board: Board, tmp_path) -> None:  # type: ignore[no-untyped-def]
    """A package is imported compiled or as text, with the same result; `__main__` is its main.py."""
    package = tmp_path / "thing"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("def f():\n    return 41\n")
    main = "from thing.part import f\nimport thing.part\nprint(f() + 1, thing.part.__file__, __name__)\n"
    (package / "main.py").write_text(main)
    for bytecode, file in (("always", "/app/thing/part.mpy"), ("never", "/app/thing/part.py")):
        board.install(package, bytecode=bytecode)
        mark = board.console.mark
        board.power_on()
        board.run(for_s=1)
        assert board.console.since(mark) == f"42 {file} __main__\n"
        board.cut_power()


def test_the_heap_is_capped(world: World) -> None:
    """What fits into 192 KiB does not fit into 64."""
    for heap_bytes, fits in ((192 * 1024, True), (64 * 1024, False)):
        with Board.from_description("esp32s3", world, Network(world), heap_bytes=heap_bytes) as board:
            board.program("b = bytearray(100_000)\nprint('fits')")
            board.power_on()
            if fits:
                board.run(for_s=1)
                assert "fits" in board.console
            else:
                with pytest.raises(ChildFailed, match="MemoryError"):
                    board.run(for_s=1)


def test_misuse_has_a_clear_word(board: Board) -> None:
    """Running without an end, power twice, a reset without power, a restore with power: each is refused."""
    board.program("print(1)")
    with pytest.raises(HwSimError, match="off"):
        board.reset()
    board.power_on()
    with pytest.raises(HwSimError, match="without an end"):
        board.run()
    with pytest.raises(HwSimError, match="on already"):
        board.power_on()
    with pytest.raises(HwSimError, match="off"):
        board.restore(board.snapshot())


def test_a_long_wait_goes_on_at_the_next_run(board: Board) -> None:
    """A sleep of an hour, run in slices of ten minutes, ends after the sixth and not before."""
    board.program("import time\ntime.sleep(3600)\nprint('awake')")
    board.power_on()
    for _ in range(6):
        assert board.run(for_s=600) is RunEnd.TIME
        assert "awake" not in board.console
    board.run(for_s=600)
    assert "awake" in board.console


def test_an_old_alarm_does_not_wake_a_later_sleep(board: Board) -> None:
    """Reset out of a sleep of 100 s into one of 1000 s: it lasts its 1000 s."""
    board.program(
        """
import machine
print("cause", machine.reset_cause())
machine.deepsleep(100_000 if machine.reset_cause() == machine.PWRON_RESET else 1000_000)
"""
    )
    board.power_on()
    board.run(for_s=50)
    board.reset()
    board.run(for_s=990)
    assert str(board.console).splitlines() == ["cause 1", "cause 2"]
    board.run(for_s=20)
    assert str(board.console).splitlines() == ["cause 1", "cause 2", "cause 4"]


def test_waiting_for_nothing_without_a_limit_is_an_error(board: Board) -> None:
    """With a limit the run ends at it; without one it would never, and says so."""
    board.program("import select\nselect.poll().poll(-1)\n")
    board.power_on()
    assert board.run(for_s=100) is RunEnd.TIME
    with pytest.raises(ChildFailed, match="never come"):
        board.run(until=lambda: False)


def test_a_hard_reset_lets_go_of_pins_radio_and_watchdog_a_soft_one_does_not(board: Board) -> None:
    """Receiver, radio, watchdog of the first life: a soft reset keeps them, a hard one ends them; ticks restart."""
    board.program(
        """
import machine, network, time
if machine.reset_cause() == machine.PWRON_RESET:
    machine.Pin(21, machine.Pin.OUT, value=1)
    network.WLAN(network.STA_IF).active(True)
    machine.WDT(timeout=60_000)
    time.sleep(20)
print(time.ticks_ms() // 1000)
while True:
    time.sleep(1)
"""
    )
    board.power_on()
    for act, kept, ticks in ((board.soft_reset, True, "20\n"), (board.reset, False, "20\n0\n")):
        board.run(for_s=21)
        assert str(board.console) == ticks
        act()
        parts = (board.gnss.powered, board.radio.active, board.watchdog.deadline_us is not None)
        assert parts == (kept, kept, kept)
    board.run(for_s=100)
    assert str(board.console) == "20\n0\n0\n"
    assert board.counters["boots"] == 3


def test_tasks_keep_their_order_across_the_wrap(board: Board) -> None:
    """Sleeps that end before and after ticks_ms wraps end in the order of time."""
    board.ticks_start_ms = (1 << 30) - 1400
    out = run(
        board,
        """
import asyncio
async def nap(ms):
    await asyncio.sleep_ms(ms)
    print(ms)
async def main():
    await asyncio.gather(*(nap(ms) for ms in (3000, 500, 2000, 4000, 1000)))
asyncio.run(main())
""",
    )
    assert out.split() == ["500", "1000", "2000", "3000", "4000"]
