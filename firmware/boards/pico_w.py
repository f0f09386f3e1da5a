"""Raspberry Pi Pico W. The radio has 23, 24, 25 and 29, and with 29 the divider of VSYS: the battery is on 26."""

from firmware.boards.pico import Pico


class Board(Pico):
    """RP2040 with CYW43439."""

    NAME = "pico_w"
    PINS = (0, 0, 1, 2, 17, 18, 26, 16)
    PINS_SENSOR = {"temperature": (7, 8, 9), "light": (10, 11, 12), "motion": (13, 14, 15)}
    PINS_LINK = (1, 4, 5)
    SOUND = 19
    WATCHDOG_MS = 8_300  # 8388 is the most that the counter holds (machine_wdt.c)
    SCRATCH = 0x4005_800C  # RP2040 data sheet, 4.7.6: WATCHDOG SCRATCH0
    # First byte behind the file system, in the 592 KiB of storage of byleave's build (docs/wiring.md).
    RAW_START = 0x1_4000
