"""The wiring page, the board files, the simulator's descriptions and the partition table say the same."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from hw_sim.silicon import description
from tests.unit.firmware.app.cellular import WIRING

ROOT = Path(__file__).parents[3]
BOARDS = ("esp32s3", "esp32", "pico_w", "pico2_w")
PAGE = (ROOT / "docs" / "wiring.md").read_text(encoding="utf-8")
# GPIO -> pin of the board, from the pinout of the Pico's data sheet
PICO = {
    0: 1,
    1: 2,
    2: 4,
    7: 10,
    8: 11,
    9: 12,
    10: 14,
    11: 15,
    12: 16,
    13: 17,
    14: 19,
    15: 20,
    16: 21,
    17: 22,
    18: 24,
    19: 25,
    26: 31,
}
LEFT = re.compile(r"^ *(\S.*?) ─+┤ (?:GPIO |GP)(\d+)(?: \((\d+)\))?")
RIGHT = re.compile(r"(?:GPIO |GP)(\d+)(?: \((\d+)\))? ├─+ (.+)$")


def constants(name: str) -> dict[str, Any]:
    """Class attributes of a board's file that are literals."""
    tree = ast.parse((ROOT / "firmware" / "boards" / f"{name}.py").read_bytes())
    board = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Board")
    return {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in board.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def roles(name: str) -> dict[str, int]:
    """What each pin is for, as the page words it, by the board's file."""
    found = constants(name)
    _, tx, rx, power, led, button, battery, int1 = found["PINS"]
    wanted = {"receiver RX": tx, "receiver TX": rx, "receiver load switch ON": power, "LED, through 1 kOhm": led}
    wanted["piezo to ground"] = found["SOUND"]
    wanted |= {"button to ground": button, "battery, half of it": battery, "motion INT1": int1}
    for sensor, pins in found["PINS_SENSOR"].items():
        wanted |= {f"{sensor} {wire}": pin for wire, pin in zip(("supply", "SDA", "SCL"), pins, strict=True)}
    return wanted


def drawn(name: str) -> dict[str, tuple[int, int | None]]:
    """The drawing of a board: role -> (GPIO, pin of the board)."""
    drawing = PAGE.split(f"(`{name}`)\n\n```\n")[1].split("\n```")[0]
    found = {}
    for line in drawing.splitlines():
        if left := LEFT.match(line):
            found[left[1]] = int(left[2]), int(left[3]) if left[3] else None
        if right := RIGHT.search(line):
            found[right[3]] = int(right[1]), int(right[2]) if right[2] else None
    return found


@pytest.mark.parametrize("name", BOARDS)
def test_a_drawing_shows_each_pin_of_the_boards_file(name: str) -> None:
    """No pin is missing, none is another; on a Pico the number on the board is that of the GPIO."""
    found = drawn(name)
    assert {role: pin for role, (pin, _) in found.items()} == roles(name)
    if name.startswith("pico"):
        assert all(PICO[gpio] == pin for gpio, pin in found.values())


@pytest.mark.parametrize("name", BOARDS)
def test_no_pin_is_used_twice_or_taken_by_the_board(name: str) -> None:
    """Strapping, flash, console and radio pins are free; what must drive can, and what must be measured is on the right ADC."""
    pins = list(roles(name).values())
    assert len(pins) == len(set(pins))
    taken = {
        "esp32s3": {3, 19, 20, *range(26, 38), 43, 44, 45, 46},  # 0 is the BOOT button, as which it is used
        "esp32": {0, 1, 3, 5, *range(6, 12), 12, 15},  # 2 may be low at a start, as a piezo is
        "pico_w": {23, 24, 25, 29},
        "pico2_w": {23, 24, 25, 29},
    }[name]
    assert not taken & set(pins)
    battery, outputs = roles(name)["battery, half of it"], set(pins) - {roles(name)["battery, half of it"]}
    if name == "esp32":
        assert 32 <= battery <= 39
        assert all(pin < 34 for pin in outputs)
        assert roles(name)["motion INT1"] in {0, 2, 4, 12, 13, 14, 15, 25, 26, 27, 32, 33}
    elif name == "esp32s3":
        assert 1 <= battery <= 10
        assert roles(name)["motion INT1"] <= 21
    else:
        uart = constants(name)["PINS"][0]
        tx, rx = roles(name)["receiver RX"], roles(name)["receiver TX"]
        assert 26 <= battery <= 28
        assert (tx % 4, rx % 4, (tx + 4 & 8) >> 3, (rx + 4 & 8) >> 3) == (0, 1, uart, uart)


@pytest.mark.parametrize("name", BOARDS)
def test_the_simulated_board_is_wired_as_the_real_one(name: str) -> None:
    """Receiver, LED, button, battery, buses and interrupt lie on the pins of the board's file."""
    board, want = description.load(name), roles(name)
    gnss = board.gnss
    assert (gnss.uart, gnss.tx, gnss.rx, gnss.power_pin) == constants(name)["PINS"][:4]
    assert (gnss.tx, gnss.rx) == (want["receiver RX"], want["receiver TX"])
    assert board.buzzer is not None and board.buzzer.pin == want["piezo to ground"]
    small = (want["LED, through 1 kOhm"], want["button to ground"], want["battery, half of it"])
    assert (board.led.pin, board.button.pin, board.battery.adc_pin) == small
    senses = {"tmp117": "temperature", "veml7700": "light", "lis2dh12": "motion"}
    for bus in board.i2c:
        sensor = senses[bus.chip[0].chip]
        assert (bus.pull_up_pin, bus.sda, bus.scl) == constants(name)["PINS_SENSOR"][sensor]
        assert bus.chip[0].power_pin == bus.pull_up_pin
    assert board.i2c[2].chip[0].int1 == want["motion INT1"]


@pytest.mark.parametrize("name", ["esp32s3", "esp32"])
def test_the_partition_table_is_that_of_the_simulated_board(name: str) -> None:
    """Names, places and sizes of the CSV; nothing overlaps, and all of it fits into 4 MiB."""
    text = (ROOT / "firmware" / "boards" / "partitions-4MiB.csv").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines() if not line.startswith("#")]
    places = {row[0]: (int(row[3], 16), int(row[4], 16)) for row in rows}
    for partition in description.load(name).partition:
        assert places[partition.label] == (partition.offset, partition.size)
        kind = next(row[2] for row in rows if row[0] == partition.label)
        assert partition.subtype == ({"fat": 0x81, "nvs": 0x02}[kind] if kind.isalpha() else int(kind, 16))
    ordered = sorted(places.values())
    assert all(a + size <= b for (a, size), (b, _) in itertools.pairwise(ordered))
    assert sum(ordered[-1]) <= description.load(name).flash_bytes == 4 << 20


@pytest.mark.parametrize("name", ["pico_w", "pico2_w"])
def test_a_picos_regions_lie_behind_its_file_system(name: str) -> None:
    """Storage, file system and raw regions follow each other to the end of the flash, where board file and `_boot` have them."""
    board = description.load(name)
    assert board.storage is not None
    at = {row.label: (row.offset - board.storage.offset, row.size) for row in board.partition}
    raw = constants(name)["RAW_START"]
    assert at["romfs"][0] + at["romfs"][1] == 0
    assert at["vfs"] == (0, raw)
    assert at["bl_keys"] == (raw, 0x2000)
    assert at["bl_rules"] == (raw + 0x2000, 0x2000)
    assert at["bl_spool"] == (raw + 0x4000, 0x7C000)
    assert raw + 0x80000 == board.storage.size == board.flash_bytes - board.storage.offset
    boot = (ROOT / "firmware" / "boards" / "rp2" / "_boot.py").read_text()
    numbers = re.search(r"_BYTES = (0x\w+) if \"RP2350\" in os.uname\(\)\[4\] else (0x\w+)", boot)
    assert numbers is not None
    assert int(numbers[1 if name == "pico2_w" else 2], 16) == raw


def test_the_page_names_each_board_and_each_part_that_a_release_can_have() -> None:
    """Each board has a line in the parts list; each part with a driver is named with the setting that chooses it."""
    for name in BOARDS:
        assert f"| board `{name}` |" in PAGE
    for part in ("TMP117", "VEML7700", "LIS2DH12", '"sht4x"', '"bh1750"', '"lis3dh"'):
        assert part in PAGE


@pytest.mark.parametrize("name", ["esp32s3", "esp32"])
def test_the_modems_pins_are_those_of_the_boards_file(name: str) -> None:
    """UART of the serial link, PWRKEY and STATUS; none of them is another's, and what presses the key can drive."""
    found = constants(name)
    _, tx, rx = found["PINS_LINK"]
    key, status = found["PINS_MODEM"]
    column = 2 if name == "esp32s3" else 3
    table = PAGE.split("## An LTE-M modem")[1].split("## Parts")[0]
    rows = {row.split(" | ")[0].strip("| "): row.split(" | ") for row in table.splitlines() if row.startswith("| ")}
    told = {wire: int(rows[wire][column - 1].removeprefix("GPIO ")) for wire in ("RX", "TX", "PWRKEY", "STATUS")}
    assert told == {"RX": tx, "TX": rx, "PWRKEY": key, "STATUS": status}
    assert len({*roles(name).values(), tx, rx, key, status}) == len(roles(name)) + 4
    assert name != "esp32" or key < 34


@pytest.mark.parametrize("name", ["pico_w", "pico2_w"])
def test_a_pico_has_no_modem(name: str) -> None:
    """Its MicroPython has no PPP, so the board's file has no pins for one."""
    assert "PINS_MODEM" not in constants(name)


def test_the_simulated_modem_hangs_where_the_boards_file_has_it() -> None:
    """Of the reference board, on which the tests have it."""
    found = constants("esp32s3")
    wired = (WIRING.uart, WIRING.tx, WIRING.rx, WIRING.key_pin, WIRING.status_pin)
    assert wired == (*found["PINS_LINK"], *found["PINS_MODEM"])
