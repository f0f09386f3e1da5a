"""Raspberry Pi Pico 2 W: pins of the Pico W. Erratum E9 of the RP2350 (a pull-down that does not let go of a pin that was high)
does not touch INT1: the accelerometer drives it both ways while it has power, and it is not looked at without.
"""

from firmware.boards.pico import Pico


class Board(Pico):
    """RP2350 with CYW43439."""

    NAME = "pico2_w"
    PINS = (0, 0, 1, 2, 17, 18, 26, 16)
    PINS_SENSOR = {"temperature": (7, 8, 9), "light": (10, 11, 12), "motion": (13, 14, 15)}
    PINS_LINK = (1, 4, 5)
    SOUND = 19
    WATCHDOG_MS = 16_700  # 16777 is the most that the counter holds (machine_wdt.c)
    SCRATCH = 0x400D_800C  # RP2350 data sheet, 12.9: WATCHDOG SCRATCH0
    RAW_START = 0x20_0000  # in the 2560 KiB of storage of the port's own build
