"""What cannot be on a board: two things on one pin, at one address, on one UART; partitions that overlap or do not fit."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from hw_sim.silicon.pins import OTHER_CHIP, PINS

if TYPE_CHECKING:
    from hw_sim.silicon.description import Description

RP2_RADIO_PINS = (23, 24, 25, 29)  # of a Pico W and a Pico 2 W
Key = TypeVar("Key", int, str)
POWER = "supply"  # one load switch may feed several chips


def clashes(board: Description) -> list[str]:
    """A sentence for each clash: key, what is wrong, what to do."""
    found = (_pins(board), _addresses(board), _uarts(board), _names(board), _flash(board), _partitions(board))
    return [line for part in found for line in part]


def _uses(board: Description) -> Iterator[tuple[int, str, str]]:
    """(pin, key, kind of use) of every pin in the description."""
    if board.gnss:
        yield from _serial("gnss", board.gnss.tx, board.gnss.rx)
        yield from _some("gnss", {"power_pin": board.gnss.power_pin}, POWER)
        yield from _some("gnss", {"extint_pin": board.gnss.extint_pin})
    if board.modem:
        yield from _serial("modem", board.modem.tx, board.modem.rx)
        yield from _some("modem", {"key_pin": board.modem.key_pin, "status_pin": board.modem.status_pin})
    if board.link:
        yield from _serial("link", board.link.tx, board.link.rx)
    for n, row in enumerate(board.uart, 1):
        yield from _serial(f"uart[{n}]", row.tx, row.rx)
        yield from _some(f"uart[{n}]", {"power_pin": row.power_pin}, POWER)
    for n, bus in enumerate(board.i2c, 1):
        yield from _some(f"i2c[{n}]", {"sda": bus.sda, "scl": bus.scl})
        yield from _some(f"i2c[{n}]", {"pull_up_pin": bus.pull_up_pin}, POWER)
        for m, chip in enumerate(bus.chip, 1):
            yield from _some(f"i2c[{n}].chip[{m}]", {"power_pin": chip.power_pin}, POWER)
            yield from _some(f"i2c[{n}].chip[{m}]", {"int1": chip.int1, "int2": chip.int2})
    if board.battery:
        yield board.battery.adc_pin, "battery.adc_pin", "use"
    for key, own in (("button", board.button), ("led", board.led), ("buzzer", board.buzzer)):
        if own is not None:
            yield own.pin, f"{key}.pin", "use"
    for key, rows in (("input", board.input), ("output", board.output), ("adc", board.adc)):
        for n, pin in enumerate((each.pin for each in rows), 1):
            yield pin, f"{key}[{n}].pin", "use"


def _serial(key: str, tx: int, rx: int) -> Iterator[tuple[int, str, str]]:
    yield tx, f"{key}.tx", "use"
    yield rx, f"{key}.rx", "use"


def _some(key: str, pins: dict[str, int | None], kind: str = "use") -> Iterator[tuple[int, str, str]]:
    yield from ((pin, f"{key}.{name}", kind) for name, pin in pins.items() if pin is not None)


def _pins(board: Description) -> Iterator[str]:
    used: dict[int, tuple[str, str]] = {}
    for pin, key, kind in _uses(board):
        if pin in used and not kind == used[pin][1] == POWER:
            yield f"{key} = {pin}: that pin is {used[pin][0]} already; wire one of them to another pin"
        used.setdefault(pin, (key, kind))
        if board.port == "rp2" and pin in RP2_RADIO_PINS:
            yield f"{key} = {pin}: GPIO{pin} of an RP2 board with a radio is the radio's; use 0 to 22 or 26 to 28"
        elif board.port == "rp2" and 29 < pin < 64:
            yield f"{key} = {pin}: an RP2 board has no GPIO{pin}; use 0 to 22 or 26 to 28"
        elif pin < OTHER_CHIP and pin not in PINS.get(board.known_chip, {pin}):
            yield f"{key} = {pin}: an {board.known_chip} has no GPIO{pin} for programs; is `machine` that of your board?"


def _addresses(board: Description) -> Iterator[str]:
    for n, bus in enumerate(board.i2c, 1):
        seen: dict[int, int] = {}
        for m, chip in enumerate(bus.chip, 1):
            if chip.address in seen:
                yield (
                    f"i2c[{n}].chip[{m}].address = 0x{chip.address:02x}: {bus.chip[seen[chip.address] - 1].chip} of the bus with "
                    f"sda {bus.sda}, scl {bus.scl} has that address (chip[{seen[chip.address]}]); give one another "
                    "address or bus"
                )
            seen.setdefault(chip.address, m)


def _uarts(board: Description) -> Iterator[str]:
    ends = [(row.uart, f"uart[{n}]") for n, row in enumerate(board.uart, 1)]
    for key, row in (("link", board.link), ("modem", board.modem), ("gnss", board.gnss)):
        if row is not None:
            ends.insert(0, (row.uart, key))
    for number, key, first in _twice(ends):
        yield f"{key}.uart = {number}: {first} is on that UART; a UART has one other end, take another"


def _twice(rows: Iterable[tuple[Key, str]]) -> Iterator[tuple[Key, str, str]]:
    """(value, where, where first) of what stands there twice."""
    seen: dict[Key, str] = {}
    for value, where in rows:
        if value in seen:
            yield value, where, seen[value]
        seen.setdefault(value, where)


def _names(board: Description) -> Iterator[str]:
    pins = (("input", board.input), ("output", board.output), ("adc", board.adc))
    named = [(row.name, f"{key}[{n}].name") for key, rows in pins for n, row in enumerate(rows, 1)]
    labels = [(row.label, f"partition[{n}].label") for n, row in enumerate(board.partition, 1)]
    for name, key, first in (*_twice(named), *_twice(labels)):
        yield f'{key} = "{name}": {first} has that name; give one another name'
    try:
        bytes.fromhex(board.unique_id)
    except ValueError:
        yield f'unique_id = "{board.unique_id}": write the bytes in hexadecimal, as "7cdfa1b2c3d4"'


def _flash(board: Description) -> Iterator[str]:
    page, sector, size = board.flash_page_bytes, board.flash_sector_bytes, board.flash_bytes
    if sector != 4096 or page not in (128, 256, 512):
        yield (
            f"flash_sector_bytes = {sector}, flash_page_bytes = {page}: MicroPython's ports erase 4096 bytes at once and program "
            "pages of 128, 256 or 512; write these"
        )
    elif size % sector:
        yield f"flash_bytes = {size}: no whole number of sectors of {sector} bytes; write 4194304 for 4 MiB"
    if board.port == "rp2" and board.storage is None:
        yield "storage is missing: an RP2 board has what rp2.Flash() spans; add [storage] with offset and size"


def _partitions(board: Description) -> Iterator[str]:
    rows = [(row.offset, row.size, row.label, f"partition[{n}]") for n, row in enumerate(board.partition, 1)]
    spans = rows + ([(board.storage.offset, board.storage.size, "storage", "storage")] if board.storage else [])
    for offset, size, label, key in spans:
        if offset % board.flash_sector_bytes or size % board.flash_sector_bytes:
            yield f"{key} ({label}): offset and size must be whole sectors of {board.flash_sector_bytes} bytes"
        if offset + size > board.flash_bytes:
            yield (
                f"{key} ({label}): it ends at 0x{offset + size:X}, behind the flash of 0x{board.flash_bytes:X} bytes; make it "
                "smaller, or flash_bytes larger"
            )
    ordered = sorted(rows)
    for (offset, size, label, _), (start, _, other, key) in itertools.pairwise(ordered):
        if offset + size > start:
            yield f"{key} ({other}): it begins at 0x{start:X}, inside {label}, which ends at 0x{offset + size:X}; move one of them"
