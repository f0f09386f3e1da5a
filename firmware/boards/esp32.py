"""ESP32-DevKitC V4 with a WROOM module. Free of strapping pins (0, 2, 5, 12, 15), flash (6 to 11), console (1, 3) and 14,
which is high while the chip starts, so none of these supplies a sensor; the piezo on 2 pulls nothing up, and the transistor at
a modem's PWRKEY pulls 12 low, as a start wants it. INT1 and the button lie on RTC pins, the battery on ADC 1, since Wi-Fi takes
ADC 2. A WROVER module has its PSRAM on 16 and 17 and does not fit.
"""

from firmware.boards.espressif import Espressif


class Board(Espressif):
    """ESP32 with the parts of the reference board."""

    NAME = "esp32"
    PINS = (2, 17, 16, 4, 23, 14, 35, 33)
    PINS_SENSOR = {"temperature": (25, 26, 27), "light": (13, 18, 19), "motion": (32, 21, 22)}
    PINS_LINK = (1, 5, 34)
    PINS_MODEM = (12, 36)
    SOUND = 2
