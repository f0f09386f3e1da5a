"""The flash of a board in a file, so that it outlives the simulator."""

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path
from typing import Self

from hw_sim.errors import HwSimError
from hw_sim.silicon.flash import NorFlash

PRIVATE = 0o600  # it holds a device's keys


class FlashFile:
    """An image that `flash` is filled from and saved to; made, erased, where there is none.

    One shell at a time: the file is locked. HwSimError for a file that is locked, of another size, or out of reach.
    """

    def __init__(self, path: Path, flash: NorFlash) -> None:
        self._path, self._flash = path, flash
        self._saved = -1  # operations of the flash when it was saved last
        self._lock = -1
        try:
            if path.exists():
                self._load()
            else:
                self.save()
        except OSError as error:
            raise HwSimError(f"--flash {path}: {error.strerror}") from error

    def _load(self) -> None:
        self._hold(os.open(self._path, os.O_RDWR))
        image = self._path.read_bytes()
        if len(image) != len(self._flash.data):
            self.close()
            raise HwSimError(
                f"--flash {self._path}: {len(image)} bytes are no image of this board's flash of {len(self._flash.data)}"
            )
        self._flash.data[:] = image
        self._saved = self._flash.operations

    def _hold(self, fd: int) -> None:
        """Locks the file behind `fd`, and lets go of the one before."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise HwSimError(f"--flash {self._path}: another shell has it open; give each board a file") from error
        self.close()
        self._lock = fd

    def save(self) -> None:
        """Writes what has changed: beside, then renamed, so that there is always a whole image."""
        if self._saved == self._flash.operations:
            return
        fd, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            os.fchmod(fd, PRIVATE)
            with open(fd, "wb", closefd=False) as file:
                file.write(self._flash.data)
                file.flush()
                os.fsync(fd)
            Path(name).replace(self._path)
        except BaseException:
            os.close(fd)
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        self._hold(fd)
        self._saved = self._flash.operations

    def close(self) -> None:
        """Lets others have the file."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.save()
        self.close()
