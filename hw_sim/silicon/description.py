"""Descriptions of boards: which chips, on which pins, with which partitions. TOML in `hw_sim/boards/`, or anybody's own.

`docs/simulator/boards.md` has each key with an example; `clashes.py` finds what cannot be.
"""

import difflib
import re
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PrivateAttr, ValidationError

from hw_sim.chips import catalogue
from hw_sim.errors import HwSimError
from hw_sim.silicon import tomlfile
from hw_sim.silicon.clashes import clashes
from hw_sim.silicon.flash import Partition
from hw_sim.silicon.rows import (
    AdcWiring,
    BatteryWiring,
    ButtonWiring,
    GnssWiring,
    I2cChipWiring,
    I2cWiring,
    InputWiring,
    LinkWiring,
    ModemWiring,
    NamedPin,
    OutputWiring,
    PartitionRow,
    PinWiring,
    RadioWiring,
    StorageRow,
    Strict,
    UartWiring,
)

__all__ = [
    "Description",
    "GnssWiring",
    "I2cChipWiring",
    "I2cWiring",
    "LinkWiring",
    "ModemWiring",
    "UartWiring",
    "load",
    "names",
]
FLASH_LIMIT_BYTES = 64 << 20  # it is held in memory; the largest NOR chip of a module has 32 MiB
SHOWN = 60  # characters of a wrong value in a sentence
HEAP_LIMIT_BYTES = 16 << 20  # the largest PSRAM


class Description(Strict):
    """A whole board; `machine` is what its MicroPython says of it, `watchdog_most_ms` 0 for a chip that sets no limit."""

    name: str
    port: Literal["esp32", "rp2"] = "esp32"
    machine: str = "Generic ESP32S3 module with ESP32S3"
    watchdog_most_ms: int = Field(default=0, ge=0)
    storage: StorageRow | None = None
    unique_id: str = "000000000001"
    flash_bytes: int = Field(gt=0, le=FLASH_LIMIT_BYTES)
    flash_page_bytes: int = 256  # what is programmed at once, and
    flash_sector_bytes: int = 4096  # what is erased: of every serial NOR chip that these modules have
    heap_bytes: int = Field(default=196_608, ge=32_768, le=HEAP_LIMIT_BYTES)
    gnss: GnssWiring | None = None
    battery: BatteryWiring | None = None
    button: ButtonWiring | None = None
    led: PinWiring | None = None
    buzzer: PinWiring | None = None
    radio: RadioWiring = RadioWiring()
    modem: ModemWiring | None = None
    link: LinkWiring | None = None
    i2c: list[I2cWiring] = Field(default_factory=list)
    uart: list[UartWiring] = Field(default_factory=list)
    input: list[InputWiring] = Field(default_factory=list)
    output: list[OutputWiring] = Field(default_factory=list)
    adc: list[AdcWiring] = Field(default_factory=list)
    partition: list[PartitionRow] = Field(default_factory=list)
    _folder: Path | None = PrivateAttr(default=None)

    @property
    def folder(self) -> Path | None:
        """Where the description lies, and chips of its own beside it; None for one that comes with the package."""
        return self._folder

    def partitions(self) -> dict[str, Partition]:
        """The partition table by label."""
        return {row.label: Partition(**row.model_dump()) for row in self.partition}

    def pin_named(self, name: str) -> int | None:
        """The pin of an input or output by its name."""
        rows: tuple[NamedPin, ...] = (*self.input, *self.output)
        named = {row.name: row.pin for row in rows}
        own = {"led": self.led, "button": self.button, "buzzer": self.buzzer}
        named = {key: row.pin for key, row in own.items() if row is not None} | named
        return named.get(name)

    @property
    def known_chip(self) -> str:
        """The chip that `machine` ends with, such as ESP32S3; "" where the file does not say, and nothing of it is checked."""
        return self.machine.split()[-1] if "machine" in self.model_fields_set else ""

    def fitted(self) -> list[str]:
        """What is on the board, a few words each."""
        found = [f"{self.gnss.chip} on UART {self.gnss.uart}"] if self.gnss else []
        found += [f"{row.chip} at 0x{row.address:02x}" for bus in self.i2c for row in bus.chip]
        found += [f"{row.chip} on UART {row.uart}" for row in self.uart]
        found += [f"{self.modem.chip} on UART {self.modem.uart}"] if self.modem else []
        own = {"battery": self.battery, "button": self.button, "LED": self.led, "buzzer": self.buzzer}
        found += [name for name, row in own.items() if row is not None]
        rows: tuple[NamedPin, ...] = (*self.input, *self.output, *self.adc)
        return found + [row.name for row in rows]


def names() -> list[str]:
    """Boards that come with the package."""
    folder = resources.files("hw_sim") / "boards"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(board: str | Path) -> Description:
    """A board by the name of one that comes with the package, or by the path of a TOML file.

    HwSimError has a line for each thing that is wrong: file, key, what to do.
    """
    own = isinstance(board, str) and board in names()
    try:
        place = resources.files("hw_sim") / "boards" / f"{board}.toml" if own else Path(board)
        found = Description.model_validate(tomlfile.tables(place) if isinstance(place, Path) else _packaged(place))
    except (FileNotFoundError, HwSimError, ValidationError) as error:
        raise HwSimError(_why(board, error)) from error
    found._folder = None if own else Path(board).resolve().parent
    if wrong := [*clashes(found), *_unknown_chips(found)]:
        raise HwSimError("\n".join(f"board {board}: {line}" for line in wrong))
    return found


def _packaged(place: Traversable) -> dict[str, Any]:
    return tomlfile.parsed(place.read_bytes())


def _unknown_chips(board: Description) -> Iterator[str]:
    buses = [
        (f"i2c[{n}].chip[{m}]", row.chip) for n, bus in enumerate(board.i2c, 1) for m, row in enumerate(bus.chip, 1)
    ]
    lines = [(f"uart[{n}]", row.chip) for n, row in enumerate(board.uart, 1)]
    for find, rows in ((catalogue.i2c_chip, buses), (catalogue.uart_chip, lines)):
        for key, name in rows:
            try:
                find(name, board.folder)
            except HwSimError as error:
                yield f'{key}.chip = "{name}": {error}'


def _why(board: str | Path, error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "\n".join(f"board {board}: {_sentence(dict(row))}" for row in error.errors())
    if isinstance(error, HwSimError):
        return f"board {board}: {error}"
    near = difflib.get_close_matches(str(board), names(), 1)
    guess = f"did you mean {near[0]}? There are" if near else "there are"
    return f"no board {board}: {guess} {', '.join(names())}, or name a TOML file"


def _sentence(row: dict[str, Any]) -> str:
    """One finding of pydantic, with the key as it stands in the file."""
    key = re.sub(r"\.(\d+)", lambda match: f"[{int(match[1]) + 1}]", ".".join(map(str, row["loc"])))
    if row["type"] == "missing":
        return f"{key} is missing: add it"
    if row["type"] != "extra_forbidden":
        return f"{key} = {_shown(row['input'])}: {row['msg'][0].lower()}{row['msg'][1:]}"
    if row["loc"][0] == "spi":
        return "spi: SPI is not simulated; leave its chips out, and machine.SPI tells a program so (NotSimulated)"
    keys = _keys_beside(row["loc"])
    near = difflib.get_close_matches(str(row["loc"][-1]), keys, 1)
    return f"{key}: there is no such key; " + (f"did you mean {near[0]}?" if near else f"there are {', '.join(keys)}")


def _shown(value: object) -> str:
    """A value as it stands in the file, not at any length."""
    text = (
        hex(value) if isinstance(value, int) and value.bit_length() > 64 else repr(value)
    )  # repr has a limit of digits
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _keys_beside(loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the table in which one was found that is not known."""
    model: Any = Description
    for part in loc[:-1]:
        if isinstance(part, str):
            annotation = str(model.model_fields[part].annotation)
            model = next(
                table
                for table in (*Strict.__subclasses__(), *NamedPin.__subclasses__())
                if re.search(rf"\b{table.__name__}\b", annotation)
            )
    return list(model.model_fields)
