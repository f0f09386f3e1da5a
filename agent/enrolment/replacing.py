"""What a board was goes before it becomes another device: erased as by a factory reset, and proven, at a prompt that stays open.

[Replacing the keys alone left the former owner's Wi-Fi key and broker password in old blocks of the file system.]
"""

from __future__ import annotations

from agent.board.asking import look
from agent.board.console import HELD, Console
from agent.board.programs import REACH
from agent.errors import AgentError, BoardRefused, LinkLost, NoFirmware, NotProven
from agent.reset import erasing
from agent.reset.factory import Erased, erase, given_up
from agent.reset.regions import known

SAME = (
    "What was erased stays erased, the keys first. Give the same command again: it begins anew; where it then misses the firmware, "
    "`byleave agent flash` first"
)


def empty(console: Console) -> None:
    """Erases keys, rules, spool, file system and what else is personal, and leaves a board that can be enrolled. Also for one
    that is no device any more [whose cable was pulled in the midst of this].

    NotProven where a sector does not erase; NoFirmware where its firmware was not whole; LinkLost.
    """
    console.hold()  # the watchdog of the device that it is, or was a moment ago
    try:
        _usable(console, erase(console, known(console)))
    except LinkLost as lost:
        raise LinkLost(f"{lost}. {SAME}") from None
    except BoardRefused as refused:
        given_up(console)
        raise NotProven(f"{console.port}: {refused}. {SAME}") from None
    except AgentError:
        given_up(console)
        raise


def _usable(console: Console, erased: Erased) -> None:
    if erased.flash_again:
        raise NoFirmware(
            f"{console.port}: what the board was is erased, and so were files beside its firmware that this release does not "
            "know; flash it (`byleave agent flash`), then give the same command again"
        )
    # Room for what is installed next, and nothing of what was read of the device before.
    console.run(erasing.wipe(HELD))
    console.run(REACH)
    look(console)
