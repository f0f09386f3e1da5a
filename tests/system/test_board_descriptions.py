"""Boards from descriptions of other people: what they may hold, what is refused and how, chips of their own, public drivers."""

from __future__ import annotations

import importlib.util
import json
import re
from importlib import resources
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hw_sim.board import Board
from hw_sim.cli import sim
from hw_sim.errors import HwSimError, NotSimulated
from hw_sim.network.net import Network
from hw_sim.silicon.description import load, names
from hw_sim.world.clock import World

pytestmark = pytest.mark.micropython

ROOT = Path(__file__).parents[2]
LEAST = 'name = "bare"\nflash_bytes = 4194304\n'
BUS = "[[i2c]]\nsda = 21\nscl = 22\n"
TMP = '[[i2c.chip]]\nchip = "tmp117"\naddress = 0x48\n'
PART = '[[partition]]\nlabel = "{}"\ntype = 1\nsubtype = 0x81\noffset = {}\nsize = {}\n'
RP2 = (
    'port = "rp2"\nmachine = "Raspberry Pi Pico W with RP2040"\nwatchdog_most_ms = 8388\n'
    "[storage]\noffset = 0x100000\nsize = 0x100000\n"
)


def written(folder: Path, text: str) -> Path:
    """A description in a file."""
    path = folder / "board.toml"
    path.write_text(text, encoding="utf-8")
    return path


def put_together(path: Path) -> Board:
    """A board of that description, off."""
    world = World(seed=1)
    return Board.from_description(path, world, Network(world))


def test_the_least_description_is_a_board_that_runs(tmp_path: Path) -> None:
    """A name and a flash: no receiver, no battery, no button; what is asked of them says so."""
    with put_together(written(tmp_path, LEAST)) as board:
        board.program("import machine\nprint(machine.reset_cause())")
        board.power_on()
        board.run(for_s=5)
        assert str(board.console) == "1\n"
        assert not board.led
        with pytest.raises(HwSimError, match=r"no table \[gnss\]"):
            _ = board.gnss
        with pytest.raises(HwSimError, match=r"no table \[button\]"):
            board.press_button()
        with pytest.raises(HwSimError, match="no input door"):
            board.switch("door", True)


GOOD = (
    LEAST
    + '[led]\npin = 2\n[[output]]\nname = "relay"\npin = 4\n'
    + BUS
    + TMP
    + PART.format("a", "0x100000", "0x10000")
)
GNSS = '[gnss]\nchip = "ublox_m10"\nuart = 1\ntx = 17\nrx = 18\nbackup = true\n'


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (TMP + 'name = "b"\n', r"i2c\[1\].chip\[2\].address = 0x48: tmp117 of the bus with sda 21"),
        ('[[output]]\nname = "x"\npin = 22\n', r"output\[2\].pin = 22: that pin is i2c\[1\].scl already; wire one"),
        ('[[output]]\nname = "x"\npin = 2\n', r"pin = 2: that pin is led.pin already"),
        ("[[i2c]]\nsda = 21\nscl = 5\nchip = []\n", r"i2c\[2\].sda = 21: that pin is i2c\[1\].sda already"),
        ('[[output]]\nname = "relay"\npin = 5\n', r'output\[2\].name = "relay": output\[1\].name has that name'),
        (PART.format("b", "0x108000", "0x10000"), r"partition\[2\] \(b\): it begins at 0x108000, inside a, which ends at 0x110000"),
        (PART.format("b", "0x3F0000", "0x20000"), "ends at 0x410000, behind the flash of 0x400000 bytes; make it smaller"),
        (PART.format("b", "0x200100", "0x1000"), "must be whole sectors of 4096 bytes"),
        (PART.format("a", "0x200000", "0x1000"), r'partition\[2\].label = "a": partition\[1\].label has that name'),
        (PART.format("b", "-4096", "0x1000"), r"partition\[2\].offset = -4096: input should be greater than or equal to 0"),
        (TMP.replace("tmp117", "tmp171").replace("0x48", "0x49"), "no chip tmp171 for an I2C bus: did you mean tmp117"),
        (TMP.replace("0x48", "0x80"), r"i2c\[1\].chip\[2\].address = 128: input should be less than or equal to 119"),
        ("[[spi]]\nsck = 5\n", "spi: SPI is not simulated; leave its chips out"),
        ('machine = "Board with ESP32S3"\n', r"i2c\[1\].scl = 22: an ESP32S3 has no GPIO22 for programs"),
        ("[leds]\npin = 3\n", "leds: there is no such key; did you mean led"),
        (TMP.replace("address", "adress"), r"i2c\[1\].chip\[2\].adress: there is no such key; did you mean address"),
        ("[battery]\nadc_pin = 1\ndivider = 2.0\n", "battery.millivolts is missing: add it"),
        ("[button\n", "this is no TOML"),
        (GNSS + GNSS.replace("[gnss]", "[[uart]]").replace("backup = true\n", "").replace("17", "7").replace("18", "8"),
         r"uart\[1\].uart = 1: gnss is on that UART"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_file_key_and_what_to_do(tmp_path: Path, more: str, named: str) -> None:
    """Each differs in one thing from a description that is taken."""
    put_together(written(tmp_path, GOOD)).close()
    text = GOOD.replace(TMP, TMP + more) if more.startswith("[[i2c.chip]]") else GOOD + more
    path = written(tmp_path, more + GOOD if more.startswith("machine") else text)
    with pytest.raises(HwSimError, match=named) as told:
        put_together(path)
    assert "bare" in str(told.value) or str(path) in str(told.value)
    refused = CliRunner().invoke(sim, ["boards", str(path)])
    assert refused.exit_code == 1
    assert "Traceback" not in refused.output


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ('unique_id = "01"\n', 'unique_id = "xyz"\n', "write the bytes in hexadecimal"),
        ("flash_bytes = 4194304", "flash_bytes = 4194305", "no whole number of sectors"),
        ("flash_bytes = 4194304", "flash_bytes = 400000000000", "flash_bytes = 400000000000: input should be less"),
        ("[led]\npin = 2", "[led]\npin = 25", "GPIO25 of an RP2 board with a radio is the radio's"),
        ("[led]\npin = 2", "[led]\npin = 40", "has no GPIO40"),
        ("[storage]\noffset = 0x100000\nsize = 0x100000\n", "", "storage is missing"),
        ("[storage]\noffset = 0x100000", "[storage]\noffset = 0x3f8000", "behind the flash"),
    ],
)
def test_flash_pins_and_identity_of_a_chip_are_checked(tmp_path: Path, before: str, after: str, named: str) -> None:
    """Each replaces one line of a description that is taken."""
    good = LEAST + 'unique_id = "01"\n' + RP2 + "[led]\npin = 2\n"
    assert load(written(tmp_path, good)).port == "rp2"
    assert before in good
    with pytest.raises(HwSimError, match=named):
        load(written(tmp_path, good.replace(before, after)))


def test_a_file_that_is_not_there_and_a_board_that_nobody_knows(tmp_path: Path) -> None:
    """The list of boards is in the answer, and the one that was meant."""
    with pytest.raises(HwSimError, match=r"no board esp32s4: did you mean esp32s3\?.*pico_w"):
        load("esp32s4")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(HwSimError, match="this is no TOML"):
        load(tmp_path / "latin.toml")


def test_boards_lists_what_is_on_each() -> None:
    """Every board that comes along, by name, with its chips; a trial of each puts it together."""
    listed = json.loads(CliRunner().invoke(sim, ["boards", "--json"]).output)
    assert sorted(listed) == names()
    assert "tmp117 at 0x48" in listed["pico_w"]
    assert CliRunner().invoke(sim, ["boards", "esp32s3"]).output.startswith("esp32s3: ublox_m10 on UART 1, ")


# --- chips of other people


def worked_example(folder: Path) -> None:
    """The files of docs/simulator/boards.md, as they stand there."""
    text = (ROOT / "docs" / "simulator" / "boards.md").read_text(encoding="utf-8")
    files = re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL)
    assert [name for name, _ in files] == ["greenhouse.toml", "lm75.py", "main.py"]
    for name, content in files:
        (folder / name).write_text(content, encoding="utf-8")


def test_the_worked_example_of_the_documentation_runs(tmp_path: Path) -> None:
    """A board and a chip of one's own, and a program: by the command, and in Python with another world."""
    worked_example(tmp_path)
    board_file = str(tmp_path / "greenhouse.toml")
    ran = CliRunner().invoke(sim, ["program", str(tmp_path / "main.py"), "--board", board_file])
    assert ran.output.startswith("[35, 72] 20.5 pump 1\n")
    with put_together(tmp_path / "greenhouse.toml") as board:
        board.sensors["temperature"].temperature_c = lambda unix_s: 31.0  # type: ignore[attr-defined]
        board.switch("float switch", True)
        board.program((tmp_path / "main.py").read_text(encoding="utf-8"))
        board.power_on()
        board.run(for_s=2)
        assert str(board.console) == "[35, 72] 31.5 pump 0\n"
        assert board.driven("pump") == 0


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('chip = "lm75:Lm76"', "lm75 has no class Lm76"),
        ('chip = "lm76:Lm75"', "module lm76 cannot be imported"),
        ('chip = "broken:Lm75"', "module broken cannot be imported: division by zero"),
        ('chip = "json:JSONDecoder"', "is no I2cChip: derive it"),
    ],
)
def test_a_chip_of_ones_own_that_is_none_is_named(tmp_path: Path, line: str, named: str) -> None:
    """Missing class or module, a module that fails, a class that is no chip; options that it does not take."""
    worked_example(tmp_path)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    path = tmp_path / "greenhouse.toml"
    good = path.read_text(encoding="utf-8")
    put_together(path).close()
    path.write_text(good.replace('chip = "lm75:Lm75"', line), encoding="utf-8")
    with pytest.raises(HwSimError, match=named):
        put_together(path)
    path.write_text(good.replace("offset_c", "ofset_c"), encoding="utf-8")
    with pytest.raises(HwSimError, match=r"options ofset_c: .*unexpected keyword argument"):
        put_together(path)


SPEAKER = """
class Speaker:
    baudrate = 9600
    def __init__(self, world, *, word="hello"):
        self.emit = lambda data: None
        self._word = word.encode()
    def power(self, on): pass
    def backup_power(self, on): pass
    def receive(self, data):
        self.emit(self._word + b" " + data)
"""


def test_a_chip_of_ones_own_on_a_uart_interrupts_the_program(tmp_path: Path) -> None:
    """Its answer wakes a handler of UART.irq; by another speed it is noise; without a member it is refused."""
    (tmp_path / "speaker.py").write_text(SPEAKER)
    wired = '[[uart]]\nchip = "speaker:Speaker"\nuart = 2\ntx = 4\nrx = 5\nname = "s"\noptions = { word = "ciao" }\n'
    path = written(tmp_path, LEAST + wired)
    program = """
import time
from machine import UART
uart = UART(2, {}, tx=4, rx=5)
uart.irq(lambda u: print("irq", u.read(), u.irq is not None), UART.IRQ_RXIDLE)
uart.write("you")
time.sleep(1)
print("end")
"""
    for speed, heard in ((9600, "irq b'ciao you' True\nend\n"), (4800, None)):
        with put_together(path) as board:
            board.program(program.format(speed))
            board.power_on()
            board.run(for_s=5)
            assert (str(board.console) == heard) == (heard is not None)
    (tmp_path / "speaker.py").write_text(SPEAKER.replace("def receive", "def hears"))
    moved = tmp_path / "other"
    moved.mkdir()
    (moved / "speaker.py").write_text(SPEAKER.replace("def receive", "def hears"))
    with pytest.raises(HwSimError, match="has no receive"):
        put_together(written(moved, LEAST + wired))


# --- public drivers


def packaged(name: str) -> Path:
    """The folder of a driver that is installed beside the tests (extra `examples`)."""
    found = importlib.util.find_spec(name)
    assert found is not None, f"pip install byleave[examples]: {name} is missing"
    return Path(str(found.origin)).parent


TMP117_PROGRAM = """
import time
from machine import Pin, I2C
from micropython_tmp117 import tmp117
tmp = tmp117.TMP117(I2C(0, sda=Pin(21), scl=Pin(22)))
time.sleep(1.1)
print(round(tmp.temperature), tmp.temperature_offset)
"""
PICOZERO_PROGRAM = """
from time import sleep
from picozero import Button, LED, Pot
led, button = LED(16, pwm=False), Button(15)
button.when_pressed = lambda: print("pressed")
print(round(Pot(0).value, 2))
led.blink(on_time=0.2, off_time=0.3, n=2, wait=True)
sleep(3)
print(led.value)
"""


def test_a_public_driver_reads_the_thermometer(tmp_path: Path) -> None:
    """micropython-tmp117 0.2.2 as it is on PyPI: the chip's identity, modes and temperature."""
    with put_together(written(tmp_path, GOOD)) as board:
        board.installed.library(packaged("micropython_tmp117"))
        board.program(TMP117_PROGRAM)
        board.power_on()
        board.run(for_s=5)
        assert str(board.console) == "20 0.0\n"


def test_a_public_library_of_pins_timers_and_adc_runs_on_a_pico(tmp_path: Path) -> None:
    """picozero 0.6.1 as it is on PyPI: PWM, Timer, ADC and Pin.irq; the button is pressed while it sleeps."""
    pins = '[[output]]\nname = "LED"\npin = 64\n[[output]]\nname = "lamp"\npin = 16\n'
    pins += '[[input]]\nname = "button"\npin = 15\nactive = 0\n'
    adc = '[[adc]]\nname = "pot"\npin = 26\nmillivolts = 1650\n'
    with put_together(written(tmp_path, LEAST + RP2 + pins + adc)) as board:
        board.installed.library(packaged("picozero"))
        board.program(PICOZERO_PROGRAM)
        lit: list[int] = []
        board.gpio.on_output[16] = lit.append
        board.world.clock.at(3_000_000, lambda: board.switch("button", True))
        board.power_on()
        board.run(for_s=10)
        assert str(board.console) == "0.5\npressed\n0\n"
        assert lit.count(1) == 2


def test_a_driver_that_the_chip_would_refuse_is_refused(tmp_path: Path) -> None:
    """micropython-lis3dh 0.1.2 sets LPen and HR together, which the data sheet does not allow: it is told by name and line."""
    chip = TMP.replace("tmp117", "lis3dh").replace("0x48", "0x18")
    program = "from machine import Pin, I2C\nfrom micropython_lis3dh import lis3dh\n"
    program += "lis3dh.LIS3DH(I2C(0, sda=Pin(21), scl=Pin(22)))\n"
    with put_together(written(tmp_path, LEAST + BUS + chip)) as board:
        board.installed.library(packaged("micropython_lis3dh"))
        board.program(program)
        board.power_on()
        with pytest.raises(NotSimulated, match=r'(?s)LPen and HR together.*File "main.py", line 3'):
            board.run(for_s=5)


def test_descriptions_of_the_package_have_no_clash() -> None:
    """Each loads; its partitions have the NVS of an ESP32's own table."""
    for name in names():
        board = load(name)
        assert (resources.files("hw_sim") / "boards" / f"{name}.toml").is_file()
        assert ("nvs" in board.partitions()) == (board.port == "esp32")
