"""What the service manager is told: sd_notify's datagrams (systemd, sd_notify(3)), without its library."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

STATUS_LIMIT_CHARS = 200  # one line of `systemctl status`


class Notify:
    """Says READY, WATCHDOG, STATUS and STOPPING to `NOTIFY_SOCKET`; without one every call does nothing.

    A manager that does not read is not waited for: what cannot be sent at once is left out.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._path = environment.get("NOTIFY_SOCKET", "")
        self._socket: socket.socket | None = None
        if self._path[:1] in ("/", "@"):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)
        self.watchdog_s = _watchdog_s(environment)  # 0.0: none
        self._next_s = 0.0
        self._status = ""

    @property
    def managed(self) -> bool:
        """Whether there is a manager to tell."""
        return self._socket is not None

    def ready(self, status: str) -> None:
        """The service does its work from now on."""
        self._send(f"READY=1\nMAINPID={os.getpid()}\nSTATUS={_line(status)}")

    def alive(self, now_s: float) -> None:
        """One turn of the loop has ended; three such words reach the manager in each span of its watchdog."""
        if self.watchdog_s and now_s >= self._next_s:
            self._next_s = now_s + self.watchdog_s / 3
            self._send("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`, sent when it has changed."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={_line(text)}")

    def stopping(self) -> None:
        """The service ends in order."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Says nothing more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str) -> None:
        if self._socket is not None:
            address = "\0" + self._path[1:] if self._path.startswith("@") else self._path
            with suppress(OSError):
                self._socket.sendto(text.encode(), address)


def _line(text: str) -> str:
    return text.replace("\n", " ")[:STATUS_LIMIT_CHARS]


def _watchdog_s(environment: Mapping[str, str]) -> float:
    """The manager's patience in seconds, if it is meant for this process; 0.0 for none."""
    if environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    text = environment.get("WATCHDOG_USEC", "")
    return int(text) / 1e6 if text.isdecimal() and len(text) <= 15 else 0.0
