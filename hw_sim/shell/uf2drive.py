"""The drive that an RP2040 or RP2350 in its boot loader is, as a folder: a UF2 file written there goes into the board's flash.

A real one is a USB mass storage device. A folder shows a file as it is written, and so its blocks are taken as they come, in
whatever order, from a file that nobody has closed yet. As on the chip nothing written there is kept as a file: it is gone when
the chip restarts.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from time import monotonic, time
from typing import Self

from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.shell.uf2rom import BLOCK_BYTES, Uf2Rom, kind_of

INFO, INDEX = "INFO_UF2.TXT", "INDEX.HTM"
_INDEX = """<html><head><meta http-equiv="refresh" content="0;URL='{url}'"/></head><body><a href='{url}'>{url}</a></body></html>"""
MOST_BYTES = 32 << 20  # of one file: the blocks of all flash that the chip reaches
FRESH_S = 1.0  # so long after a change a file is read again: another may have the same time


class Uf2Drive:
    """The boot loader of one board, and its drive in `folder`. `active`: it runs, and the board's program does not.

    `hide` is told whether the board's own port is away meanwhile. HwSimError for a folder that has other things in it.
    """

    def __init__(
        self, rom: Uf2Rom, folder: Path, hide: Callable[[bool], None], *, speed: float = 1.0, active: bool = False
    ) -> None:
        self._rom, self._folder, self._hide, self._speed = rom, folder, hide, speed
        self.active = False
        self._restarts_s: float | None = None  # by the host's clock
        self._seen: dict[Path, tuple[tuple[int, int], bytes]] = {}
        try:
            self._empty_folder()
            if active:
                self.enter()
        except OSError as error:
            raise HwSimError(f"--uf2-drive {folder}: {error.strerror}") from error

    @classmethod
    def of(cls, board: Board, folder: Path, hide: Callable[[bool], None], *, speed: float, active: bool) -> Self:
        """That of the board's chip, which `machine.bootloader()` starts; HwSimError for a chip that has none."""
        drive = cls(Uf2Rom(kind_of(board.description.machine), board.flash), folder, hide, speed=speed, active=active)
        board.boot_loader = drive.enter
        return drive

    def _empty_folder(self) -> None:
        """Made if it is missing; what a shell that was killed has left is removed, anything else is somebody's."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._folder.is_mount():
            raise HwSimError(f"--uf2-drive {self._folder}: is a drive itself; name an empty folder")
        if (self._folder / INDEX).exists() and (self._folder / INFO).exists():
            self._clear()
        if any(self._folder.iterdir()):
            raise HwSimError(
                f"--uf2-drive {self._folder}: has files in it; name an empty folder, or one that is missing"
            )

    # --- as RomLoader

    def takes(self, data: bytes) -> bool:
        """What is typed is lost while the boot loader runs: the board's port is away."""
        return self.active

    def unplugged(self) -> None:
        """Nobody has the port: a drive has another driver."""

    def leave(self) -> None:
        """The chip starts anew: with its program, or with its boot loader where it finds none."""
        self._vanish()
        if not self._rom.starts:
            self.enter()

    def look(self) -> None:
        """Takes what has been written since. PowerLost if the board's supply goes meanwhile."""
        if not self.active:
            return
        if self._restarts_s is None:
            for path in self._files():
                self._take(path)
            if self._rom.complete:
                self._restarts_s = monotonic() + self._rom.kind.restart_s / self._speed
        elif monotonic() >= self._restarts_s:
            self.leave()

    # --- the drive

    def enter(self) -> None:
        """The boot loader starts, and its drive is there."""
        if self.active:
            return
        self.active, self._restarts_s = True, None
        self._rom.forget()
        self._seen.clear()
        self._hide(True)
        (self._folder / INDEX).write_text(_INDEX.format(url=self._rom.kind.index))
        (self._folder / INFO).write_text(self._rom.kind.info, newline="")

    def _vanish(self) -> None:
        self._clear()
        self._hide(False)
        self.active = False

    def _clear(self) -> None:
        (self._folder / INFO).unlink(missing_ok=True)  # first: whoever looks for a drive finds none
        for path in self._files(own=True):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """The board's power goes."""
        with contextlib.suppress(OSError):
            if self.active:
                self._vanish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _files(self, *, own: bool = False) -> list[Path]:
        names = () if own else (INFO, INDEX)
        with contextlib.suppress(OSError):
            return [path for path in sorted(self._folder.iterdir()) if path.name not in names and path.is_file()]
        return []

    def _take(self, path: Path) -> None:
        try:
            status = path.stat()
            mark = (status.st_size, status.st_mtime_ns)
            last, before = self._seen.get(path, ((-1, 0), b""))
            if mark == last and time() - status.st_mtime > FRESH_S:
                return
            with path.open("rb") as file:
                data = file.read(MOST_BYTES)
        except OSError:  # it was renamed or removed just now
            return
        self._seen[path] = (mark, data)
        if data == before:
            return
        for at in range(0, len(data) - BLOCK_BYTES + 1, BLOCK_BYTES):
            block = data[at : at + BLOCK_BYTES]
            if block != before[at : at + BLOCK_BYTES]:
                self._rom.take(block)
