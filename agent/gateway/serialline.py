"""One serial port: opened for ourselves alone, read and written without ever waiting for it."""

from __future__ import annotations

import errno
import fcntl
import grp
import importlib
import os
import pwd
import stat
import sys
import termios
from contextlib import suppress
from typing import Any

from agent.errors import AgentError, LinkLost, PortBusy, PortError

# What Linux keeps of a port at most (N_TTY's buffer is 4096 bytes); a larger read never finds more.
READ_BYTES = 4096
STALL_S = 15.0  # a UART at 1200 baud writes a whole frame in 9 s; what waits longer answers nobody
INSTALL = "pip install 'byleave[agent]'"


class Line:
    """One open port. `name` is the path by which it was found; close it."""

    def __init__(self, name: str, port: Any) -> None:
        """`port` is an open pyserial port, or anything with `fileno` and `close`."""
        self.name = name
        self._port = port
        self._fd: int = port.fileno()
        self._out = b""
        self._stuck_s: float | None = None
        self.read_bytes = 0
        self.written_bytes = 0

    def fileno(self) -> int:
        """For a selector."""
        return self._fd

    def read(self) -> bytes:
        """What has come, at most READ_BYTES; b"" if nothing has. LinkLost at the end of the port.

        Only after a selector said that there is something: nothing then is the way in which an unplugged adapter ends.
        """
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise LinkLost(f"{self.name}: the port is gone ({_why(error)})") from None
        if not data:
            raise LinkLost(f"{self.name}: the port is gone (unplugged)")
        self.read_bytes += len(data)
        return data

    @property
    def idle(self) -> bool:
        """Whether all that was given to `write` has gone to the port, so that more may be."""
        return not self._out

    def write(self, data: bytes, now_s: float) -> int:
        """Gives the port what it takes of this, and of what it did not take before; the bytes thrown away, mostly 0.

        What a port does not take in STALL_S is thrown away [a port that takes nothing must cost no memory]; the caller
        gives more only once the line is `idle`, so what waits is never more than one call's bytes. LinkLost as in `read`.
        """
        waiting = self._out + data if self._out else data
        if not waiting:
            return 0
        try:
            sent = os.write(self._fd, waiting)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise LinkLost(f"{self.name}: the port is gone ({_why(error)})") from None
        self.written_bytes += sent
        self._out = waiting[sent:]
        if not self._out:
            self._stuck_s = None
        elif sent or self._stuck_s is None:
            self._stuck_s = now_s
        elif now_s - self._stuck_s >= STALL_S:
            thrown, self._out, self._stuck_s = len(self._out), b"", None
            return thrown
        return 0

    @property
    def said(self) -> bool:
        """Whether all that was written has left the machine, as far as it can be known."""
        return self.idle and not self._queued()

    def _queued(self) -> int:
        """Bytes that the system has and the wire has not (ioctl_tty(2), TIOCOUTQ)."""
        try:
            return int.from_bytes(fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
        except OSError:
            return 0

    def close(self) -> None:
        """Lets the port go; what it has not taken is forgotten.

        [The system waits up to 30 s at the close of a port that takes nothing: setserial(8), closing_wait.]
        """
        with suppress(OSError, termios.error):
            if not self.said:
                termios.tcflush(self._fd, termios.TCOFLUSH)
        with suppress(OSError):
            self._port.close()


def open_line(name: str, baudrate: int) -> Line:
    """The port for this process alone. PortBusy when another program has it, PortError for what cannot be opened.

    Nothing but a character device is opened [a pattern that catches a file]. Whoever does not ask for the lock, as `cat`
    does not, is not kept out by it.
    """
    try:
        serial: Any = importlib.import_module("serial")  # comes with an extra
    except ModuleNotFoundError:
        raise AgentError(f"byleave agent gateway needs pyserial, which is not installed: {INSTALL}") from None
    try:
        status = os.stat(name)  # noqa: PTH116 - a name, as the system calls take it
        if not stat.S_ISCHR(status.st_mode) or not _terminal(status.st_rdev):
            raise PortError(f"{name}: is no serial port")
        if _ours(status.st_rdev):
            raise PortError(f"{name}: is the terminal of this gateway; name a narrower pattern")
        return Line(name, serial.Serial(name, baudrate, timeout=0, write_timeout=0, exclusive=True))
    except (
        OSError,
        ValueError,
        termios.error,
    ) as error:  # the last from pyserial, of an adapter that goes at this moment
        number = error.args[0] if isinstance(error, termios.error) else getattr(error, "errno", None)
        if number in (errno.EAGAIN, errno.EBUSY):
            raise PortBusy(f"{name}: another program has the port open") from None
        raise PortError(f"{name}: cannot be opened ({_refusal(name, number)})") from None


def _terminal(device: int) -> bool:
    """Whether the system knows this device as a terminal, or not at all, as pseudo-terminals [to open another may do something:
    /dev/watchdog restarts the machine]."""
    if sys.platform == "linux" and (os.major(device) == 5 or (os.major(device) == 4 and os.minor(device) < 64)):
        return False  # the keyboard's consoles (Linux, admin-guide/devices.txt): a login there would be cut off
    kind = f"/sys/dev/char/{os.major(device)}:{os.minor(device)}/subsystem"
    return not os.path.exists(kind) or os.path.basename(os.path.realpath(kind)) == "tty"  # noqa: PTH110, PTH119


def _ours(device: int) -> bool:
    """Whether it is the terminal at which the gateway was started [/dev/pts/* catches it too]."""
    return any(os.isatty(fd) and os.fstat(fd).st_rdev == device for fd in (0, 1, 2))


def _why(error: OSError) -> str:
    return "unplugged" if error.errno in (errno.EIO, errno.ENXIO, errno.ENODEV, errno.EBADF) else str(error.strerror)


def _refusal(name: str, number: int | None) -> str:
    if number in (errno.EACCES, errno.EPERM):
        return no_right(name)
    return os.strerror(number) if number else "not as a serial port"


def no_right(name: str) -> str:
    """What to do for a port that this user may not open: it is its group's, dialout on Debian, uucp on others."""
    try:
        group = grp.getgrgid(os.stat(name).st_gid).gr_name  # noqa: PTH116 - a name, as the system calls take it
    except (OSError, KeyError):
        group = "dialout"
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = "USER"
    # [A port of root's group is none that a user should be added to: the rule of udev that made it is to be mended.]
    if group == "root":
        return "no right to: it belongs to root alone; give it to the group dialout (a udev rule)"
    return f"no right to: sudo usermod -aG {group} {user}, then log in again; a service: SupplementaryGroups={group}"
