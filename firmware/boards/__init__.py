"""One board, one file; the settings say which is active."""

from firmware.boards import store
from firmware.const import const
from firmware.errors import FirmwareError

_BOARDS = const(("esp32s3",))


def active():
    """The Board that the settings name; esp32s3 where there are none yet."""
    name = store.load().get("board", _BOARDS[0])
    if name not in _BOARDS:
        raise FirmwareError("unknown board in the settings")
    from firmware.boards import esp32s3

    return esp32s3.Board()
