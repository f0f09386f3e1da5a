"""What a board of byleave's says at its prompt: who it is, and other answers in JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from agent.board.console import Console
from agent.board.console import garbled as unmeant
from agent.board.typed import LOOK
from agent.errors import BoardRefused, Garbled, NoFirmware

_HEX = re.compile("[0-9a-f]{32}")
_NAME = re.compile("[A-Za-z0-9_.-]{1,32}")  # of a board's kind
_DEVICE = re.compile("[a-z2-7]{16}|")


@dataclass(frozen=True)
class Board:
    """What a board says of itself; `device` is "" for one that is not enrolled."""

    board: str
    device: str
    generation: int
    epoch: int


def look(console: Console) -> Board:
    """What the board says of itself; NoFirmware if byleave's does not run there. REACH ran before."""
    values = said(console, LOOK)
    if values is None:
        raise NoFirmware(
            f"{console.port}: MicroPython answers, byleave's firmware is not on the board; "
            f"`byleave agent flash --port {console.port}` puts it there"
        )
    if not isinstance(values, list) or [type(value) for value in values] != [str, str, int, int]:
        raise garbled(console)
    # Both are shown, and stand in files' names [an escape sequence of a board's making].
    if not (_NAME.fullmatch(values[0]) and _DEVICE.fullmatch(values[1])):
        raise garbled(console)
    return Board(*values)


def said(console: Console, program: str) -> Any:
    """The JSON value in the last line of what the program prints; a board may print of its own before it."""
    try:
        return json.loads(console.run(program).strip().rpartition("\n")[2])
    except (ValueError, RecursionError):
        raise garbled(console) from None
    except BoardRefused as error:
        if _HEX.search(str(error)):  # an answer that was taken for an error [random bytes of a key in a message]
            raise garbled(console) from None
        raise


def garbled(console: Console) -> Garbled:
    """What was said is not what the program says."""
    return unmeant(console.port)
