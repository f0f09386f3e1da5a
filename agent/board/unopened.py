"""Names that are no serial port of a board, and why a port cannot be opened."""

from __future__ import annotations

import errno
import os

from agent.board.holders import busy
from agent.errors import AgentError, PortError

LIST = "`byleave agent ports` lists those on USB"


def check(port: str) -> None:
    """PortError for what is never opened, whoever could.

    [pyserial takes `socket://host:port` too: a root key would pass a network in the clear. On the terminal in which the command
    itself was typed, its questions would be typed.]
    """
    if "://" in port:
        raise PortError(f"{port}: a port is a device of this computer; {LIST}, and a link to one has any name")
    if os.name == "posix" and os.path.exists(port) and _is_own_terminal(port):  # noqa: PTH110 - a port need not be a path
        raise PortError(f"{port}: that is the terminal in which you type, no board's port; {LIST}")


def unopened(port: str) -> AgentError:
    """Why it could not be opened, asked of the system anew: pyserial does not tell."""
    if not os.path.exists(port):  # noqa: PTH110
        return PortError(f"{port}: no such port; {LIST}")
    if not os.access(port, os.R_OK | os.W_OK):
        return PortError(f"{port}: you may not open it; add yourself to its group (dialout) and log in again")
    if os.path.isdir(port) or os.path.isfile(port) or not _is_terminal(port):  # noqa: PTH112, PTH113
        return PortError(f"{port}: that is no serial port; {LIST}")
    return _failing(port) or busy(port)


def _failing(port: str) -> PortError | None:
    """What the system itself says against opening it, but for somebody who has it for themselves."""
    try:
        os.close(_opened(port))
    except OSError as error:
        if error.errno != errno.EBUSY:
            return PortError(f"{port}: cannot be opened ({error.strerror}); pull its cable and connect it again")
    return None


def _is_terminal(port: str) -> bool:
    """A serial port is one; True too where that cannot be asked."""
    try:
        descriptor = _opened(port)
    except OSError:
        return True
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _opened(port: str) -> int:
    """Neither waited for [a modem's carrier], nor taken as this process's own terminal."""
    return os.open(port, os.O_RDWR | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0))


def _is_own_terminal(port: str) -> bool:
    asked = os.path.realpath(port)
    if asked == "/dev/tty":
        return True
    for descriptor in range(3):
        try:
            if os.path.realpath(os.ttyname(descriptor)) == asked:
                return True
        except OSError:  # a pipe, or closed
            continue
    return False
