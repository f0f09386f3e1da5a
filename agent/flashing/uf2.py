"""MicroPython itself onto a Pico: a .uf2 file, checked block by block, copied to the drive that the board's boot loader is.

Format: UF2 file format, blocks of 512 bytes (magic numbers 0x0A324655, 0x9E5D5157 and 0x0AB16F30 at the end). Families: RP2040 data
sheet 2.8.4.2, RP2350 data sheet 5.5.3.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from agent.board import answers, programs
from agent.board.console import Console
from agent.errors import AgentConfigError, AgentError, BoardRefused, LinkLost, NoPrompt, NotProven, PortError
from agent.flashing.filing import Show
from agent.flashing.flashing import board_of, greet

BLOCK_BYTES = 512
LIMIT_BYTES = 8 << 20  # of a file: twice the largest flash of these boards
DRIVE_S = 20.0  # until the boot loader is there as a drive, with a desktop that mounts it; and until it has restarted
LOOK_S = 0.2
INFO, INFO_BYTES = "INFO_UF2.TXT", 1024
PLACES = ("/media", "/run/media", "/Volumes")
_HEAD = struct.Struct("<8I")
_MAGIC, _MAGIC_2, _MAGIC_END = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_NOT_MAIN, _HAS_FAMILY = 0x1, 0x2000
# One block that picotool puts first, against an erratum of RP2350s with a partition table (E10). A board of byleave's has none, and
# on its 4 MiB that address comes round to the last sector [what waits there to be sent would be erased]: it is left out.
_ABSOLUTE, _ABSOLUTE_AT = 0xE48BFF57, 0x10FFFF00
_SECTOR_BYTES, _SECTOR_BLOCKS = 4096, 16
_FLASH_AT = 0x10000000
_PIECE_BYTES = 64 << 10
_BOOTSEL = "Hold BOOTSEL while you plug the board in"
# What byleave's build has and MicroPython's own has not, whose start formats the keys: firmware/boards/rp2/_boot.py says it.
_BUILT_IN = b"file system damaged"


@dataclass(frozen=True)
class Chip:
    """What a board's boot loader is called, which family of blocks it takes, and how long the program may be (docs/wiring.md)."""

    board_id: str
    family: int
    program_bytes: int


CHIPS = {
    "pico_w": Chip("RPI-RP2", 0xE48BFF56, 1072 << 10),
    "pico2_w": Chip("RP2350", 0xE48BFF59, 1152 << 10),
}


@dataclass(frozen=True)
class Uf2Image:
    """A file whose blocks are all there and all for one board's program: `data` is these, and nothing else that was in the file."""

    board: str
    data: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path, board: str = "") -> Uf2Image:
        """AgentConfigError for what is no whole UF2 file for a Pico, is another board's, or would be written over its keys."""
        try:
            with path.open("rb") as file:
                data = file.read(LIMIT_BYTES + 1)
        except OSError as error:
            raise AgentConfigError(f"{path}: cannot be read ({error.strerror})") from None
        blocks = _blocks(path, data)
        families = {block.family for block in blocks}
        found = [name for name, chip in CHIPS.items() if {chip.family} == families]
        if not found or (board and found != [board]):
            wanted = board or " or ".join(CHIPS)
            raise AgentConfigError(f"{path}: its blocks are of family {_hex(families)}, which is not for {wanted}")
        _check(path, blocks, CHIPS[found[0]])
        return cls(found[0], b"".join(block.whole for block in blocks))


@dataclass(frozen=True)
class _Block:
    address: int
    number: int
    count: int
    family: int
    whole: bytes = field(repr=False)

    @property
    def data(self) -> bytes:
        """What goes to flash."""
        return self.whole[32:288]


def _blocks(path: Path, data: bytes) -> list[_Block]:
    """Those of the program; AgentConfigError where one is no block."""
    if not data or len(data) % BLOCK_BYTES or len(data) > LIMIT_BYTES:
        raise AgentConfigError(
            f"{path}: {len(data)} bytes are no UF2 file, whose blocks have {BLOCK_BYTES}; load it anew"
        )
    found = []
    for at in range(0, len(data), BLOCK_BYTES):
        first, second, flags, address, size, number, count, family = _HEAD.unpack_from(data, at)
        (end,) = struct.unpack_from("<I", data, at + BLOCK_BYTES - 4)
        if (first, second, end) != (_MAGIC, _MAGIC_2, _MAGIC_END) or size != 256:
            raise AgentConfigError(f"{path}: block {at // BLOCK_BYTES} is damaged; load the file anew")
        if flags & _NOT_MAIN or not flags & _HAS_FAMILY:
            raise AgentConfigError(f"{path}: block {at // BLOCK_BYTES} does not say which chip it is for")
        if family != _ABSOLUTE or address != _ABSOLUTE_AT:
            found.append(_Block(address, number, count, family, data[at : at + BLOCK_BYTES]))
    return found


def _check(path: Path, blocks: list[_Block], chip: Chip) -> None:
    # 1. All of them [a file that was cut: half a program starts, and formats].
    if [block.number for block in blocks] != list(range(len(blocks))) or {block.count for block in blocks} != {
        len(blocks)
    }:
        raise AgentConfigError(f"{path}: has not all of its blocks; load the file anew")
    # 2. None beyond the program [slots, settings, keys and spool lie behind it].
    most = _FLASH_AT + chip.program_bytes
    if any(not _FLASH_AT <= block.address <= most - 256 for block in blocks):
        raise AgentConfigError(f"{path}: is written over what lies behind the program; see docs/wiring.md, Flash")
    # 3. Sector by sector [an RP2040 counts by blocks what it has erased: erratum E14; with gaps it erases what it has written].
    sectors = {(block.number // _SECTOR_BLOCKS, block.address // _SECTOR_BYTES) for block in blocks}
    if len(sectors) != -(-len(blocks) // _SECTOR_BLOCKS) or len({address for _, address in sectors}) != len(sectors):
        raise AgentConfigError(
            f"{path}: its blocks do not fill whole sectors of flash; make it anew with elf2uf2 or picotool"
        )
    # 4. byleave's own build.
    if _BUILT_IN not in b"".join(block.data for block in blocks):
        raise AgentConfigError(
            f"{path}: is not byleave's build of MicroPython, and any other formats the keys at its next fault; "
            "see docs/wiring.md, Flash"
        )


def write(port: str, image: Uf2Image, show: Show, drive: Path | None = None) -> None:
    """Copies it to the board's boot loader, and waits until that has taken it. Any of agent.errors."""
    chip = CHIPS[image.board]
    place = find_drive(chip, drive)
    if place and not drive and os.path.exists(port):  # noqa: PTH110 - a port need not be a path
        raise AgentConfigError(
            f"{place}: a boot loader is there, and {port} too: which board is meant? Unplug one, or name the boot loader's folder "
            "with --drive"
        )
    if place is None:
        # The board runs something: at its prompt it is asked for its boot loader.
        show("asking for the boot loader", 0, 0)
        _ask_boot_loader(port, image.board)
        place = _awaited(lambda: find_drive(chip, drive))
    if place is None:
        raise LinkLost(
            f"{port}: no drive of a boot loader {chip.board_id}. {_BOOTSEL}, see that its drive is mounted, name its folder with "
            "--drive, and give the same command again"
        )
    _copy(image.data, place / "byleave.uf2", show)
    show("the board restarts", 0, 0)
    if _awaited(lambda: None if (place / INFO).exists() else place) is None:
        raise NotProven(f"{place}: the boot loader has not taken the file; give the same command again")


def _ask_boot_loader(port: str, board: str) -> None:
    """By the prompt; the errors of a port say what else leads there [half a program, of a copy that was cut, has no prompt]."""
    try:
        with closing(Console(port)) as console:
            _check_board(console, board)
            console.leave(programs.BOOTLOADER)
    except (PortError, NoPrompt) as error:
        raise type(error)(
            f"{error}. If it is a Pico without MicroPython: {_BOOTSEL[0].lower()}{_BOOTSEL[1:]}"
        ) from None


def _check_board(console: Console, board: str) -> None:
    """BoardRefused for another one, NoPrompt for another Python; it goes on as what it was [a boot loader would stay one]."""
    try:
        greet(console)
        machine = answers.plain(console.run(programs.MACHINE))
        if board_of(machine) != board:
            raise BoardRefused(
                f"{console.port}: {machine} is no {board}; take the .uf2 of that board, or the right port"
            )
    except (NoPrompt, BoardRefused):
        with suppress(AgentError):
            console.restart(0)
        raise


def find_drive(chip: Chip, drive: Path | None = None) -> Path | None:
    """Folder of the boot loader; BoardRefused where `drive` is another board's. None where there is none."""
    places = [drive] if drive else [Path(place) for place in PLACES]
    for place in [
        each for root in places for each in (root, *_folders(root), *(n for f in _folders(root) for n in _folders(f)))
    ]:
        try:
            with (place / INFO).open("rb") as file:
                told = file.read(INFO_BYTES).decode("ascii", "replace")
        except OSError:
            continue
        found = dict(line.partition(":")[::2] for line in told.splitlines()).get("Board-ID", "").strip()[:20]
        if found == chip.board_id:
            return place
        if drive:
            raise BoardRefused(
                f"{place}: is the boot loader of {answers.plain(found) or 'something else'}, not of {chip.board_id}"
            )
    return None


def _folders(place: Path) -> list[Path]:
    try:
        return sorted(each for each in place.iterdir() if each.is_dir())[:64]  # of a person's mounted drives
    except OSError:
        return []


def _copy(data: bytes, path: Path, show: Show) -> None:
    pieces = [_begin(data), *(data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES))]
    done = 0
    try:
        with path.open("wb", buffering=0) as file:
            for piece in pieces:
                # It goes with the last block, and before that only with its cable.
                if not (path.parent / INFO).exists():
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                left = memoryview(piece)
                while left:
                    left = left[file.write(left) :]
                done += len(piece)
                os.fsync(file.fileno())
                show("writing MicroPython", done - BLOCK_BYTES, len(data))
    except OSError as error:
        # With the last block the board restarts, and its drive is gone before anybody can close the file.
        if done < len(data) + BLOCK_BYTES:
            raise LinkLost(
                f"{path.parent}: the board went away on the way ({error.strerror}); {_BOOTSEL[0].lower()}{_BOOTSEL[1:]}, and give "
                "the same command again"
            ) from None


def _begin(data: bytes) -> bytes:
    """A block of a file of none, at which a boot loader forgets what it has counted [blocks of another file, of a copy that was
    ended, would be taken for this one's; both boot ROMs, virtual_disk.c]."""
    head = list(_HEAD.unpack_from(data))
    head[5:7] = 0, 0
    return _HEAD.pack(*head) + data[_HEAD.size : BLOCK_BYTES]


def _awaited(look: Callable[[], Path | None]) -> Path | None:
    until_s = time.monotonic() + DRIVE_S
    while True:
        with suppress(OSError):
            if (found := look()) is not None:
                return found
        if time.monotonic() >= until_s:
            return None
        time.sleep(LOOK_S)


def _hex(families: set[int]) -> str:
    return " and ".join(f"{family:#x}" for family in sorted(families)) or "none"
