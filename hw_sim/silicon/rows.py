"""The tables of a board's description, a class each (`description.py` has the whole)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Pin = Annotated[int, Field(ge=0, le=48)]  # GPIO48 is the last of an ESP32-S3
Level = Annotated[int, Field(ge=0, le=1)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class UartWiring(Strict):
    """A chip on a UART: number and pins of the board's end, the GPIO that is its supply, if not the board's."""

    chip: str
    uart: int = Field(ge=0, le=2)
    tx: Pin  # of the board
    rx: Pin
    name: str = ""
    power_pin: Pin | None = None
    options: dict[str, Any] = {}


class GnssWiring(Strict):
    """The receiver: chip, UART of the board with its pins, load switch or else a wire to EXTINT, backup supply."""

    chip: str
    uart: int = Field(ge=0, le=2)
    tx: Pin
    rx: Pin
    power_pin: Pin | None = None
    extint_pin: Pin | None = None
    backup: bool
    baudrate: int = 38400


class I2cChipWiring(Strict):
    """A chip on a bus: `name` if not by what it senses; the GPIO that is its supply, if not the board's; interrupt pins."""

    chip: str
    address: int = Field(ge=0x08, le=0x77)  # the other addresses are reserved
    name: str = ""
    power_pin: Pin | None = None
    int1: Pin | None = None
    int2: Pin | None = None
    options: dict[str, Any] = {}


class I2cWiring(Strict):
    """A bus: its pins, the GPIO that supplies its pull-up resistors, if not the board; `id` if one controller only fits."""

    sda: Pin
    scl: Pin
    id: int | None = Field(default=None, ge=0, le=1)
    pull_up_pin: Pin | None = None
    chip: list[I2cChipWiring]


class BatteryWiring(Strict):
    """Battery on an ADC pin behind a divider."""

    adc_pin: Pin
    divider: float = Field(ge=1)
    millivolts: int = Field(ge=0, le=60_000)


class ButtonWiring(Strict):
    """Button: its pin and the level while pressed."""

    pin: Pin
    pressed: Level


class PinWiring(Strict):
    """LED, or passive piezo, on a pin."""

    pin: Pin


class NamedPin(Strict):
    """A pin with a name."""

    name: str
    pin: int


class InputWiring(NamedPin):
    """Whatever else sets a pin: a switch, a reed, a line of another board. `active` is its level when it is on."""

    name: str
    pin: Pin
    active: Level = 1
    on: bool = False  # at the start


class OutputWiring(NamedPin):
    """What else the program drives: a relay, a strip of pixels; from 64 on it is a pin of another chip, as a Pico W's LED."""

    name: str
    pin: int = Field(ge=0, le=66)


class AdcWiring(NamedPin):
    """A voltage at an ADC pin, as it comes there."""

    name: str
    pin: Pin
    millivolts: int = Field(default=0, ge=0, le=5_000)


class RadioWiring(Strict):
    """Wi-Fi: time from `connect` to an address."""

    associate_ms: int = Field(default=1_500, ge=0)


class ModemWiring(Strict):
    """An LTE-M modem: chip, UART of the board with its pins, the pin that presses PWRKEY, the one that reads STATUS."""

    chip: str = "sim7080g"
    uart: int
    tx: Pin
    rx: Pin
    key_pin: Pin
    status_pin: Pin


class LinkWiring(Strict):
    """Pins that lead out of the board for a serial link to a gateway: `sim shell --uart` (docs/serial-link.md, Line)."""

    uart: int = Field(ge=0, le=2)
    tx: Pin  # of the board
    rx: Pin


class StorageRow(Strict):
    """What `rp2.Flash()` spans (MICROPY_HW_FLASH_STORAGE_BYTES at the end of the flash)."""

    offset: int = Field(ge=0)
    size: int = Field(gt=0)


class PartitionRow(Strict):
    """One row of the partition table."""

    label: str = Field(max_length=16)
    type: int = Field(ge=0, le=255)
    subtype: int = Field(ge=0, le=255)
    offset: int = Field(ge=0)
    size: int = Field(gt=0)
