"""The smaller parts: UART line, pins, watchdog, radio, console, compiled modules, descriptions, both sides' numbers."""

import os
import random
import re
from itertools import pairwise
from pathlib import Path

import pytest

import hw_sim
from hw_sim.errors import HwSimError, NoInterpreter, NotSimulated
from hw_sim.interpreter import rom
from hw_sim.interpreter.child import ANSWER, REQUEST, VARIABLE, find_interpreter
from hw_sim.interpreter.console import LIMIT_CHARS, Console
from hw_sim.interpreter.shims import _ops
from hw_sim.network.net import Network
from hw_sim.network.radio import CONNECTING, GOT_IP, IDLE, NO_AP_FOUND, WRONG_PASSWORD, Radio
from hw_sim.silicon import description
from hw_sim.silicon.gpio import MODE_IN, MODE_OUT, PULL_DOWN, PULL_UP, Gpio, Watchdog
from hw_sim.silicon.uart import UartPort
from hw_sim.world.clock import VirtualClock, World

SHIMS = Path(hw_sim.__file__).with_name("interpreter") / "shims"


class Echo:
    """A chip at 9600 baud that remembers what it heard."""

    baudrate = 9600

    def __init__(self) -> None:
        self.emit = lambda data: None
        self.heard = b""

    def power(self, on: bool) -> None:
        """Not of interest."""

    def backup_power(self, on: bool) -> None:
        """Not of interest."""

    def receive(self, data: bytes) -> None:
        """Remembers."""
        self.heard += data


def test_uart_bytes_take_their_time() -> None:
    """96 bytes at 9600 baud arrive after 100 ms, a second burst waits for the line; the other way likewise."""
    clock, chip = VirtualClock(), Echo()
    port = UartPort(clock, chip, random.Random(1))
    port.start(9600, 256)
    chip.emit(bytes(96))
    chip.emit(bytes(96))
    clock.advance_to(99_999)
    assert not port.received
    clock.advance_to(100_000)
    assert len(port.received) == 96
    clock.advance_to(200_000)
    assert len(port.received) == 192
    port.write(b"x" * 96)
    clock.advance_to(299_999)
    assert chip.heard == b""
    clock.advance_to(300_000)
    assert chip.heard == b"x" * 96


def test_uart_overrun_drops_and_counts() -> None:
    """A full buffer keeps the oldest bytes and counts what it lost."""
    clock, chip = VirtualClock(), Echo()
    port = UartPort(clock, chip, random.Random(1))
    port.start(9600, 64)
    chip.emit(bytes(range(100)))
    clock.advance_to(1_000_000)
    assert port.read(200) == bytes(range(64))
    assert port.overrun_bytes == 36


def test_uart_of_another_speed_hears_noise() -> None:
    """At the chip's speed the bytes come through, at another they do not, either way."""
    clock, chip = VirtualClock(), Echo()
    port = UartPort(clock, chip, random.Random(1))
    for speed, same in ((9600, True), (38400, False)):
        chip.heard = b""
        port.start(speed, 256)
        chip.emit(b"hello there")
        port.write(b"hello there")
        clock.advance_to(clock.now_us + 1_000_000)
        assert (port.read(256) == b"hello there") is same
        assert (chip.heard == b"hello there") is same


def test_uart_closed_on_the_way_gets_nothing() -> None:
    """Bytes on the line when the port is opened anew are not its bytes."""
    clock, chip = VirtualClock(), Echo()
    port = UartPort(clock, chip, random.Random(1))
    port.start(9600, 256)
    chip.emit(b"old")
    port.start(9600, 256)
    clock.advance_to(1_000_000)
    assert not port.received


def test_pins() -> None:
    """An output drives, hears its latch and reads back; inputs are what the world or a pull says; a reset lets go."""
    gpio, levels = Gpio("b"), []
    gpio.on_output[21] = levels.append
    gpio.write(21, 1)
    assert levels == []
    gpio.set_mode(21, MODE_OUT)
    assert (levels, gpio.read(21), gpio.output(21)) == ([1], 1, 1)
    gpio.reset()
    assert (levels, gpio.output(21)) == ([1, 0], None)
    gpio.set_mode(5, MODE_IN | PULL_UP << 4)
    gpio.set_mode(6, MODE_IN | PULL_DOWN << 4)
    assert (gpio.read(5), gpio.read(6)) == (1, 0)
    gpio.inputs[5] = 0
    assert gpio.read(5) == 0
    gpio.set_mode(7, MODE_IN)
    with pytest.raises(NotSimulated, match="pin 7"):
        gpio.read(7)


def test_watchdog_bites_when_nobody_feeds() -> None:
    """Fed in time it is quiet, then it bites once; stopped it never does."""
    clock, bites = VirtualClock(), []
    dog = Watchdog(clock, lambda: bites.append(clock.now_us))
    dog.start(100)
    clock.advance_to(90_000)
    dog.feed()
    clock.advance_to(189_999)
    assert bites == []
    clock.advance_to(500_000)
    assert bites == [190_000]
    dog.start(100)
    dog.stop()
    clock.advance_to(1_000_000)
    assert len(bites) == 1


@pytest.mark.parametrize(
    ("ssid", "key", "status"),
    [("depot", "right", GOT_IP), ("depot", "wrong", WRONG_PASSWORD), ("garage", "right", NO_AP_FOUND)],
)
def test_radio_associates_or_says_why_not(ssid: str, key: str, status: int) -> None:
    """Right name and key lead to an address after the association time, one wrong thing to its own status."""
    world = World()
    network = Network(world, wifi={"depot": "right"})
    radio = Radio(world.clock, network, 700)
    radio.set_active(True)
    assert radio.status == IDLE
    radio.connect(ssid, key)
    world.clock.advance_to(699_999)
    assert (radio.status, network.online) == (CONNECTING, False)
    world.clock.advance_to(700_000)
    assert (radio.status, network.online) == (status, status == GOT_IP)


def test_radio_comes_back_by_itself() -> None:
    """When the access point goes and comes, so does the connection; time under power is counted."""
    world = World()
    network = Network(world, wifi={"depot": "right"})
    radio = Radio(world.clock, network, 700)
    radio.set_active(True)
    radio.connect("depot", "right")
    world.clock.advance_to(1_000_000)
    network.fault.down = True
    assert radio.status != GOT_IP
    world.clock.advance_to(20_000_000)
    assert radio.status == NO_AP_FOUND
    network.fault.down = False
    world.clock.advance_to(24_000_000)
    assert (radio.status, network.online) == (GOT_IP, True)
    radio.set_active(False)
    world.clock.advance_to(30_000_000)
    assert (network.online, radio.active_s) == (False, 24.0)


def test_console_is_bounded_and_marks_stay_true() -> None:
    """Text after a mark is found though older text was dropped."""
    console = Console()
    console.feed(b"x" * LIMIT_CHARS)
    mark = console.mark
    console.feed(b"after\n")
    assert console.since(mark) == "after\n"
    assert len(str(console)) <= LIMIT_CHARS
    assert "after" in console


def test_modules_are_compiled_once_and_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same text gives the same folder, another text another; main.py stays text."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sources = {"main.py": b"print(1)\n", "a/__init__.py": b"x = 1\n"}
    made = rom.build(sources)
    folder = made.folder
    assert rom.build(sources) == made
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.*")} == {"main.py", "a/__init__.mpy"}
    assert rom.build(sources | {"a/__init__.py": b"x = 2\n"}) != made
    plain = rom.build(sources, "never")
    assert (plain.folder / "a" / "__init__.py").read_bytes() == b"x = 1\n"
    assert not list((tmp_path / "byleave" / "rom").glob("making-*"))


def test_the_cache_of_modules_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond its limit the one not used for longest goes, with its folder; one used meanwhile stays."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(rom, "CACHED_LIMIT", 2)
    made = []
    for number in range(2):
        made.append(rom.build({"main.py": b"print(%d)" % number}))
        os.utime(made[-1].image, (number, number))
    rom.build({"main.py": b"print(0)"})
    made.append(rom.build({"main.py": b"print(2)"}))
    assert [m.image.exists() and m.folder.exists() for m in made] == [True, False, True]


def test_a_module_that_does_not_compile_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A good module compiles; with a syntax error the error names it and nothing is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert rom.build({"good.py": b"x = 1\n"}, "always")
    with pytest.raises(HwSimError, match=r"bad\.py does not compile"):
        rom.build({"bad.py": b"x = = 1\n"}, "always")
    assert len(list((tmp_path / "byleave" / "rom").iterdir())) == 2  # folder and image of the good one


def test_a_folder_that_is_no_package_is_refused(tmp_path: Path) -> None:
    """The empty folder is refused; with an __init__.py it is a package."""
    with pytest.raises(HwSimError, match="no package"):
        rom.package_sources(tmp_path)
    (tmp_path / "__init__.py").touch()
    (tmp_path / "main.py").touch()
    assert set(rom.package_sources(tmp_path)) == {f"{tmp_path.name}/__init__.py", "main.py"}


def test_boards_load_and_their_partitions_fit() -> None:
    """Each board that comes along loads; its partitions are whole sectors, do not overlap and lie in the flash."""
    assert "esp32s3" in description.names()
    for name in description.names():
        board = description.load(name)
        rows = sorted(board.partitions().values(), key=lambda p: p.offset)
        assert {"bl_keys", "bl_rules", "bl_spool", "vfs"} <= set(board.partitions())
        assert all(p.offset % 4096 == 0 and p.size % 4096 == 0 for p in rows)
        assert all(a.offset + a.size <= b.offset for a, b in pairwise(rows))
        assert rows[-1].offset + rows[-1].size <= board.flash_bytes


def test_a_bad_description_says_what_is_wrong(tmp_path: Path) -> None:
    """The shipped file loads from any place; with one key misspelt the error names that key."""
    text = (Path(hw_sim.__file__).with_name("boards") / "esp32s3.toml").read_text(encoding="utf-8")
    (tmp_path / "good.toml").write_text(text)
    assert description.load(tmp_path / "good.toml").name == "esp32s3"
    (tmp_path / "bad.toml").write_text(text.replace("power_pin", "power_pen"))
    with pytest.raises(HwSimError, match="power_pen"):
        description.load(tmp_path / "bad.toml")
    with pytest.raises(HwSimError, match="there are esp32, esp32s3, pico2_w, pico_w,"):
        description.load("no-such-board")


def test_the_shims_use_only_numbers_that_exist() -> None:
    """Every request number named in a shim is defined, no two requests share one, and the formats agree."""
    used = {name for path in SHIMS.glob("*.py") for name in re.findall(r"_ops\.([A-Z_]+)", path.read_text())}
    assert used <= set(vars(_ops))
    requests = [v for k, v in vars(_ops).items() if k.isupper() and isinstance(v, int)][:-9]
    assert len(requests) == len(set(requests)) > 40
    link = (SHIMS / "_link.py").read_text()
    assert f'"{_ops.REQUEST}"' in link
    assert f'"{_ops.ANSWER}"' in link
    assert f"bytearray({REQUEST.size})" in link
    assert f"bytearray({ANSWER.size})" in link


def test_an_interpreter_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable wins over the wheel; when it leads nowhere the error names it and says what to do."""
    monkeypatch.setenv(VARIABLE, "true")
    assert find_interpreter().source == VARIABLE
    monkeypatch.setenv(VARIABLE, "/nowhere/micropython")
    with pytest.raises(NoInterpreter, match=r"BYLEAVE_MICROPYTHON=/nowhere/micropython.*pip install"):
        find_interpreter()
