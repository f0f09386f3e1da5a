"""One board, one file; the settings say which is active."""

import os

from firmware.boards import store
from firmware.const import const
from firmware.errors import FirmwareError

# Name, and what the chip's MicroPython says of the machine where no settings name a board; the longer words first.
_BOARDS = const((("esp32s3", "ESP32S3"), ("esp32", "ESP32"), ("pico2_w", "RP2350"), ("pico_w", "RP2040")))


def active():
    """The Board that the settings name, or, before there are any, that of this chip; only its own file is loaded."""
    name = store.load().get("board")
    machine = os.uname()[4]
    for known, chip in _BOARDS:
        if name == known if name else chip in machine:
            # The name is one of these four, never what somebody wrote into the settings.
            return __import__("firmware.boards." + known, None, None, ("Board",)).Board()
    raise FirmwareError("unknown board in the settings")
