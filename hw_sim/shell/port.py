"""The pseudo-terminal in place of a board's USB cable."""

import contextlib
import os
import select
import time
from pathlib import Path
from typing import Self

from hw_sim.errors import HwSimError

BACKLOG_BYTES = 4096  # the board stops for a host that reads slowly, as with the flow control of USB
DEAF_S = 1.0  # a host that reads nothing for so long has the port open and looks away: what is said is lost, as on USB
READ_BYTES = 4096


class Port:
    """A pseudo-terminal whose other end any serial program opens; `link` is a second, constant name for it.

    Whoever closes the other end pulls the cable: what the board says then is lost. HwSimError where there are no
    pseudo-terminals, or where something else has the name of the link, which `option` asked for.
    """

    def __init__(self, link: Path | None = None, *, option: str = "--link") -> None:
        try:
            import pty
            import tty
        except ImportError as error:
            raise HwSimError("this system has no pseudo-terminals; use Linux, macOS or WSL") from error
        self._fd, other = pty.openpty()
        tty.setraw(other)  # stays: the other end is closed, this one is not
        self.name = os.ttyname(other)
        os.close(other)
        os.set_blocking(self._fd, False)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)
        self._out = bytearray()
        self._moved_s = 0.0  # when the host last took something
        self.link = link
        try:
            self._make_link(option)
        except BaseException:
            os.close(self._fd)
            raise

    def hide(self, hidden: bool) -> None:
        """Takes the link away, or makes it again: as a board's own USB port goes while its boot loader runs."""
        if self.link is None:
            return
        with contextlib.suppress(OSError):
            if hidden and self.link.readlink() == Path(self.name):
                self.link.unlink()
            elif not hidden:
                self.link.symlink_to(self.name)

    def _make_link(self, option: str) -> None:
        if self.link is None:
            return
        try:
            if self.link.is_symlink() and (not self.link.exists() or self.link.readlink() == Path(self.name)):
                self.link.unlink()  # of a shell that was killed
            self.link.symlink_to(self.name)
        except FileExistsError as error:
            self.link = None
            raise HwSimError(f"{option}: something has that name already; remove it or choose another") from error
        except OSError as error:
            raise HwSimError(f"{option} {self.link}: {error.strerror}") from error

    def attached(self) -> bool:
        """Somebody has the other end open."""
        return not any(event & select.POLLHUP for _, event in self._poll.poll(0))

    @property
    def congested(self) -> bool:
        """So much waits for the host that the board is to wait too."""
        return len(self._out) > BACKLOG_BYTES

    def read(self) -> bytes:
        """What was typed, b"" for nothing."""
        with contextlib.suppress(OSError):  # EAGAIN: nothing; EIO: nobody has the other end open
            return os.read(self._fd, READ_BYTES)
        return b""

    def write(self, data: bytes) -> None:
        """Says something; it goes with this `flush` or a later one."""
        if not self._out:
            self._moved_s = time.monotonic()
        self._out += data
        self.flush()

    def flush(self) -> None:
        """Passes on what the host takes now."""
        if not self._out:
            return
        if not self.attached() or time.monotonic() - self._moved_s > DEAF_S:
            self._out.clear()
            return
        with contextlib.suppress(BlockingIOError, OSError):
            while self._out:
                n = os.write(self._fd, self._out[:READ_BYTES])
                self._moved_s = time.monotonic()
                del self._out[:n]

    def wait(self, timeout_s: float) -> None:
        """Until somebody types, or for that time."""
        if self.attached():
            select.select([self._fd], [], [], timeout_s)
        else:
            time.sleep(timeout_s)

    def close(self) -> None:
        """Takes the pseudo-terminal and its link away; what was said last is still passed on."""
        self.flush()
        os.close(self._fd)
        if self.link is not None:
            with contextlib.suppress(OSError):
                if self.link.readlink() == Path(self.name):
                    self.link.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
