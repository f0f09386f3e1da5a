"""Pins of the chips of which they are known; of another chip all are taken."""

from typing import Final

OTHER_CHIP: Final = 64  # from here on a number stands for a pin of another chip, as a Pico W's LED

#: Data sheets of ESP32 and ESP32-S3, table 2-1. On the ESP32 20, 24 and 28 to 31 are not there and 6 to 11 are the flash's; on the
#: S3 22 to 25 are not there.
PINS: Final = {
    "ESP32": frozenset({*range(6), *range(12, 20), *range(21, 24), *range(25, 28), *range(32, 40)}),
    "ESP32S3": frozenset({*range(22), *range(26, 49)}),
}
#: Those without an output driver, the same table.
READ_ONLY: Final = {"ESP32": frozenset(range(34, 40)), "ESP32S3": frozenset[int]()}
