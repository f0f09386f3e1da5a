"""Descriptions of boards: which chips, on which pins, with which partitions. TOML in `hw_sim/boards/`."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hw_sim.errors import HwSimError
from hw_sim.silicon.flash import Partition


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GnssWiring(_Strict):
    """The receiver: chip, UART of the board with its pins, load switch or else a wire to EXTINT, backup supply."""

    chip: str
    uart: int
    tx: int
    rx: int
    power_pin: int | None = None
    extint_pin: int | None = None
    backup: bool
    baudrate: int = 38400


class I2cChipWiring(_Strict):
    """A chip on a bus: `name` if not by what it senses; the GPIO that is its supply, if not the board's; interrupt pins."""

    chip: str
    address: int = Field(ge=0x08, le=0x77)  # the other addresses are reserved
    name: str = ""
    power_pin: int | None = None
    int1: int | None = None
    int2: int | None = None


class I2cWiring(_Strict):
    """A bus: its pins, the GPIO that supplies its pull-up resistors, if not the board; `id` if one controller only fits."""

    sda: int
    scl: int
    id: int | None = Field(default=None, ge=0, le=1)
    pull_up_pin: int | None = None
    chip: list[I2cChipWiring]

    @model_validator(mode="after")
    def _addresses_differ(self) -> Self:
        if len({row.address for row in self.chip}) < len(self.chip):
            raise ValueError(f"two chips with one address on the bus of sda {self.sda}, scl {self.scl}")
        return self


class BatteryWiring(_Strict):
    """Battery on an ADC pin behind a divider."""

    adc_pin: int
    divider: float = Field(ge=1)
    millivolts: int


class ButtonWiring(_Strict):
    """Button: its pin and the level while pressed."""

    pin: int
    pressed: int = Field(ge=0, le=1)


class LedWiring(_Strict):
    """LED on a pin."""

    pin: int


class BuzzerWiring(_Strict):
    """Passive piezo on a pin."""

    pin: int


class RadioWiring(_Strict):
    """Wi-Fi: time from `connect` to an address."""

    associate_ms: int = Field(ge=0)


class ModemWiring(_Strict):
    """An LTE-M modem: chip, UART of the board with its pins, the pin that presses PWRKEY, the one that reads STATUS."""

    chip: str = "sim7080g"
    uart: int
    tx: int
    rx: int
    key_pin: int
    status_pin: int


class StorageRow(_Strict):
    """What `rp2.Flash()` spans (MICROPY_HW_FLASH_STORAGE_BYTES at the end of the flash)."""

    offset: int
    size: int


class PartitionRow(_Strict):
    """One row of the partition table."""

    label: str = Field(max_length=16)
    type: int
    subtype: int
    offset: int
    size: int


class Description(_Strict):
    """A whole board; `machine` is what its MicroPython says of it, `watchdog_most_ms` 0 for a chip that sets no limit."""

    name: str
    port: Literal["esp32", "rp2"] = "esp32"
    machine: str = "Generic ESP32S3 module with ESP32S3"
    watchdog_most_ms: int = 0
    storage: StorageRow | None = None
    unique_id: str
    flash_bytes: int
    heap_bytes: int
    gnss: GnssWiring
    battery: BatteryWiring
    button: ButtonWiring
    led: LedWiring
    buzzer: BuzzerWiring | None = None
    radio: RadioWiring
    modem: ModemWiring | None = None
    i2c: list[I2cWiring] = []
    partition: list[PartitionRow]

    def partitions(self) -> dict[str, Partition]:
        """The partition table by label."""
        return {row.label: Partition(**row.model_dump()) for row in self.partition}


def names() -> list[str]:
    """Boards that come with the package."""
    folder = resources.files("hw_sim") / "boards"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load(board: str | Path) -> Description:
    """A board by the name of one that comes with the package, or by the path of a TOML file."""
    try:
        if isinstance(board, str) and board in names():
            text = (resources.files("hw_sim") / "boards" / f"{board}.toml").read_text(encoding="utf-8")
        else:
            text = Path(board).read_text(encoding="utf-8")
        return Description.model_validate(tomllib.loads(text))
    except OSError as error:
        raise HwSimError(f"no board {board}: there are {', '.join(names())}, or name a TOML file") from error
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise HwSimError(f"board {board}: {error}") from error
