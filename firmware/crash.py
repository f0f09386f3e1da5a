"""Crash: what the last exception was and where, without its message; and the safe mode of a device that starts too often.

Both lie in the settings as `"crash": [text, starts]`: `starts` counts those behind a crash or a watchdog's reset, and is
taken back to 0 by an hour without one. Written at a crash only, so a loop of crashes, which safe mode ends, writes some
four times an hour. Loaded when there is something to say.
"""

import io
import sys

from firmware.const import const

MAX_BYTES = 48  # wire-format section 5, `status`
SAFE_STARTS = 4  # in a row, each within an hour of the one before
FAULT_SAFE_MODE = 2048
_SAFE_S = const(3_600)  # with a contact in it; an update or a directive may have come
_SAFE_ALONE_S = const(21_600)
_WATCHDOG = const(3)  # reset cause of wire-format section 5, `status`
_FILE = const('  File "')


def text_of(error) -> str:
    """Class and place of an exception, as "ValueError sampler.py:92 _take"; at most 48 bytes of printable ASCII."""
    place = ""
    try:
        printed = io.StringIO()
        sys.print_exception(error, printed)
        place = place_in(printed.getvalue())
    except Exception:  # no memory to print it: the class alone
        pass
    return clean(type(error).__name__ + place)


def place_in(printed: str) -> str:
    """ " file:line function" of the innermost frame that MicroPython printed, "" if there is none.

    Only the rows of frames are looked at, which come before the message [a message may quote what was sensed, and look
    like a row].
    """
    place = ""
    for row in printed.split("\n")[1:]:
        if not row.startswith(_FILE):
            break
        name, _, rest = row[len(_FILE) :].partition('", line ')
        line, _, function = rest.partition(", in ")
        place = " " + name.split("/")[-1] + ":" + line + " " + function.strip()
    return place


def clean(text: str) -> str:
    """Nothing but printable ASCII, and no more of it than a status takes."""
    return "".join(letter for letter in text if " " <= letter <= "~")[:MAX_BYTES]


def last(settings: dict) -> tuple:
    """(text, starts) of the settings."""
    kept = settings.get("crash")
    if not isinstance(kept, list) or len(kept) != 2 or not isinstance(kept[0], str) or not isinstance(kept[1], int):
        return "", 0
    return clean(kept[0]), kept[1]


def note(board, settings: dict, text: str, starts: int) -> None:
    """Persist them; flash that fails must not keep a device from starting."""
    settings["crash"] = [text, starts]
    try:
        board.save_settings(settings)
    except OSError:
        print("settings: not saved")


def look_back(board, settings: dict) -> tuple:
    """(text, starts, safe mode or not) at a start."""
    text, starts = last(settings)
    if board.reset_cause() == _WATCHDOG:
        text, starts = "Watchdog", starts + 1
        note(board, settings, text, starts)
    return text, starts, starts >= SAFE_STARTS


def restart(board, text: str) -> None:
    """A task has died: say what it died of after the next start, which is now."""
    print("died:", text)
    settings = board.settings()
    note(board, settings, text, last(settings)[1] + 1)
    board.reset()


def is_over(uptime_s: int, heard: bool) -> bool:
    """True when safe mode ends: behind an hour with a contact that was answered, behind six in any case."""
    return uptime_s >= (_SAFE_S if heard else _SAFE_ALONE_S)


class NoSensors:
    """In the place of `sensing.Sensors` in safe mode: nothing is sensed, and none of that code is loaded."""

    tasks = ()
    builders = ()
    sealed = 0
    faults = FAULT_SAFE_MODE

    def __init__(self, board):
        self._board = board

    def stop(self, lost) -> None:
        """There is nothing to stop."""

    def close(self) -> None:
        """There is nothing open."""

    def tick(self) -> None:
        """There is nothing to watch."""

    def show(self, on: bool) -> None:
        """The LED."""
        self._board.led(on)

    def pace(self, stretch: int) -> None:
        """Nothing is sensed at any pace."""
