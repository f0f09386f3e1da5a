"""ESP32-S3-DevKitC-1. Free of strapping pins (0, 3, 45, 46; 0 is the button that is on it), USB (19, 20), flash and PSRAM
(26 to 37) and console (43, 44). What wakes it from deep sleep, INT1 and the button, lies on RTC pins (0 to 21).
"""

from firmware.boards.espressif import Espressif


class Board(Espressif):
    """The reference board."""

    NAME = "esp32s3"
    PINS = (1, 17, 18, 21, 48, 0, 1, 11)
    PINS_SENSOR = {"temperature": (4, 5, 6), "light": (7, 15, 16), "motion": (8, 9, 10)}
    PINS_LINK = (2, 12, 13)
    PINS_MODEM = (41, 42)
    SOUND = 14
