"""The regions of a board's flash that hold what is personal, as the board itself says where they are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.board import programs
from agent.board.asking import look
from agent.board.console import Console
from agent.errors import BoardRefused, NoFirmware, NotProven
from agent.reset import erasing
from agent.reset.erasing import SECTOR_BYTES

MOST_SECTORS = 4096  # of a region: 16 MiB, the largest flash of these boards; what says more is no board
_SHA256 = re.compile("[0-9a-f]{64}")
READ_AT_ONCE = 32
REQUIRED = frozenset({"keys", "rules", "spool", "files"})
UNFINISHED = (
    "The board is NOT proven empty: what is erased stays erased, the keys first, and without them it starts as no device. "
    "Give the same command again"
)


@dataclass(frozen=True)
class Region:
    """A stretch of flash: `offset` from the begin of the flash (ESP32) or of the storage (RP2), −1 where the chip does not say."""

    name: str
    offset: int
    sectors: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.sectors * SECTOR_BYTES

    @property
    def erased_sha256(self) -> str:
        """What the board must say of it."""
        return hashlib.sha256(b"\xff" * self.size).hexdigest()


@dataclass(frozen=True)
class Known:
    """What a board says of itself before it is reset; `board` and `device` are "" where it is none, or too damaged to say."""

    chip: str
    board: str
    device: str
    has_firmware: bool
    regions: tuple[Region, ...]

    @property
    def word(self) -> str:
        """What a person types to say that they mean this board."""
        return self.device or "reset"


def known(console: Console) -> Known:
    """What is at a prompt that is open. NoFirmware where byleave's regions are not."""
    with suppress(BoardRefused):  # a file system, or slots, that are damaged
        console.run(programs.REACH)
    try:
        found = look(console)
        board, device, has_firmware = found.board, found.device, True
    except (NoFirmware, BoardRefused):  # erased in part, or damaged: its regions are there all the same
        board, device, has_firmware = "", "", False
    chip, regions = _found(console)
    if len({each.name for each in regions}) < len(regions):
        raise NotProven(
            f"{console.port}: two regions of the board have one name, and one of them would stay as it is; nothing was "
            "erased. Write byleave's table of partitions to it (docs/wiring.md), or erase all of its flash with esptool"
        )
    if REQUIRED.difference(each.name for each in regions):
        raise NoFirmware(
            f"{console.port}: this board's flash is not laid out as byleave's (docs/wiring.md), so there is nothing of "
            "byleave's to erase; what is on it is another program's"
        )
    if any(not 0 < each.sectors <= MOST_SECTORS for each in regions):
        raise NotProven(f"{console.port}: the board names a region of an impossible size")
    return Known(chip, board, device, has_firmware, regions)


def mark(console: Console, device: str) -> str:
    """Which chip it is, by a number that tells it to nobody who has not that chip. FIND ran before."""
    said = ask(console, erasing.MARK.format(device=device.encode()))
    if not isinstance(said, str) or not _SHA256.fullmatch(said):
        raise NotProven(f"{console.port}: what the board says of its chip cannot be read")
    return said


def _found(console: Console) -> tuple[str, tuple[Region, ...]]:
    """(chip, regions) as the board says them."""
    try:
        chip, rows = ask(console, erasing.FIND)
        return str(chip), tuple(Region(str(name), int(offset), int(sectors)) for name, offset, sectors in rows)
    except (TypeError, ValueError):
        raise NotProven(f"{console.port}: what the board says of its flash cannot be read") from None


def ask(console: Console, program: str) -> Any:
    """The value that a program prints; NotProven for what is no answer."""
    said = console.run(program)
    try:
        return json.loads(said)
    except ValueError:
        raise NotProven(f"{console.port}: the board's answer cannot be read. {UNFINISHED}") from None


def read_back(console: Console, region: Region, tick: Callable[[int], None] = lambda sectors: None) -> tuple[int, str]:
    """(sectors that are 0xFF, SHA-256 of all) as the board reads them now. FIND and VERIFY ran before."""
    blank, digest = 0, ""
    for first, end in steps(region.sectors, READ_AT_ONCE):
        found, digest = ask(console, f"_verify({region.name!r}, {first}, {end})")
        blank += found
        tick(end - first)
    return blank, digest


def steps(sectors: int, at_once: int) -> Iterator[tuple[int, int]]:
    for first in range(0, sectors, at_once):
        yield first, min(sectors, first + at_once)
