"""Serial ports that come and go: which there are, opening them for ourselves alone, reads and writes that never wait."""

from __future__ import annotations

import errno
import fcntl
import glob
import importlib
import os
import stat
import sys
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from agent.board.holders import busy
from agent.errors import AgentError, LinkLost, PortBusy, PortError

MOST_PORTS = 64  # open at once; a Raspberry Pi with hubs carries about 30 adapters
MOST_NAMES = 1024  # looked at: /dev/tty* are 64 consoles before the first adapter
# What Linux keeps of a port at most (N_TTY's buffer is 4096 bytes); a larger read never finds more.
READ_BYTES = 4096
FIRST_RETRY_S = 2.0  # as often as ports are looked for
LAST_RETRY_S = 60.0  # an adapter that is refused for hours is not asked each second
STALL_S = 15.0  # a UART at 1200 baud writes a whole frame in 9 s; what waits longer answers nobody
INSTALL = "pip install 'byleave[agent]'"

Say = Callable[[str], None]


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
        raise PortError(f"{name}: cannot be opened ({_refusal(number)})") from None


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


def _refusal(number: int | None) -> str:
    if number == errno.EACCES:
        return "no right to: add the user to the group dialout"
    return os.strerror(number) if number else "not as a serial port"


def find(patterns: Sequence[str]) -> list[str]:
    """The ports that these names and patterns match now, in their order, each device once, MOST_NAMES at most.

    A link, as under /dev/serial/by-id, stays the name: it is the same when the adapter gets another number.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        paths = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - absolute ones too
        for path in paths:
            if os.path.exists(path):  # noqa: PTH110 - as above
                found.setdefault(os.path.realpath(path), path)
    return list(found.values())[:MOST_NAMES]


@dataclass(slots=True)
class _Refused:
    """A port that could not be had: when it is tried again, and what was said of it."""

    retry_s: float
    again_at_s: float
    said: str = ""
    busy: bool = False


class Ports:
    """The open lines of a gateway, kept in step with what is plugged in by calling `scan` now and then."""

    def __init__(
        self,
        patterns: Sequence[str],
        baudrate: int,
        say: Say,
        opener: Callable[[str, int], Line] = open_line,
    ) -> None:
        """`say` gets one line for each port that could not be had, once until that changes."""
        self._patterns = tuple(patterns)
        self._baudrate = baudrate
        self._say = say
        self._open = opener
        self.lines: dict[str, Line] = {}
        self._devices: dict[str, str] = {}  # name -> the device behind it when it was opened
        self._opened: dict[str, tuple[float, float]] = {}  # name -> when, and the pause that had been in force
        self._refused: dict[str, _Refused] = {}
        self.refused = 0  # attempts that failed, ever

    @property
    def waiting(self) -> list[str]:
        """Names of ports that are there and cannot be had."""
        return sorted(self._refused)

    def scan(self, now_s: float) -> tuple[list[Line], list[Line]]:
        """Opens what is new; the lines opened, and those whose device is another one now, or none (still open).

        A refused port is tried again after a pause that doubles up to LAST_RETRY_S.
        """
        names = find(self._patterns)
        gone = [line for name, line in self.lines.items() if self._devices[name] != _device(name)]
        for name in [name for name in self._refused if name not in names]:
            del self._refused[name]  # plugged in again it is news again
        taken = {device for name, device in self._devices.items() if name in self.lines}
        fresh = []
        for name in names:
            if name in self.lines or _device(name) in taken or len(self.lines) >= MOST_PORTS:
                continue
            line = self._try(name, now_s)
            if line is not None:
                fresh.append(line)
        return fresh, gone

    def _try(self, name: str, now_s: float) -> Line | None:
        before = self._refused.get(name)
        if before is not None and now_s < before.again_at_s:
            return None
        device = _device(name)
        try:
            line = self._open(name, self._baudrate)
        except PortBusy:
            self.refused += 1
            # Who has it is looked up once [that asks every process, which is long for a loop].
            self._put_off(name, now_s, before.said if before and before.busy else str(busy(name)), busy=True)
            return None
        except PortError as error:
            self.refused += 1
            self._put_off(name, now_s, str(error))
            return None
        self._refused.pop(name, None)
        self._opened[name] = now_s, before.retry_s if before else 0.0
        self.lines[name], self._devices[name] = line, device
        return line

    def _put_off(self, name: str, now_s: float, sentence: str, *, busy: bool = False) -> None:
        before = self._refused.get(name)
        retry_s = min(2 * before.retry_s, LAST_RETRY_S) if before else FIRST_RETRY_S
        said = before.said if before else ""
        if sentence and sentence != said:
            self._say(f"{sentence}; it is tried again")
            said = sentence
        self._refused[name] = _Refused(retry_s, now_s + retry_s, said, busy)

    def drop(self, line: Line, now_s: float) -> None:
        """Closes a line that has ended; its port is opened anew after a pause, if it is there then.

        The pause grows while the port ends soon each time [a port that opens and fails would fill the log].
        """
        line.close()
        if self.lines.get(line.name) is not line:
            return
        del self.lines[line.name], self._devices[line.name]
        opened_s, retry_s = self._opened.pop(line.name)
        if retry_s and now_s - opened_s < LAST_RETRY_S:
            self._refused[line.name] = _Refused(retry_s, now_s)
        self._put_off(line.name, now_s, "")

    def close(self) -> None:
        """Closes all."""
        for line in self.lines.values():
            line.close()
        self.lines.clear()
        self._devices.clear()


def _device(name: str) -> str:
    """What stands behind a name: another device under the same name is another one by its number or its inode."""
    try:
        status = os.stat(name)  # noqa: PTH116
    except OSError:
        return ""
    return f"{os.path.realpath(name)} {status.st_rdev}"
