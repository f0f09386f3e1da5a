"""What the service manager hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.gateway.notify import Notify


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """A manager's end, at `notify` in the working folder [a socket's name has 108 bytes at most]."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind("notify")
        end.settimeout(2)
        yield end


def told(manager: socket.socket, **more: str) -> Notify:
    """A service under that manager."""
    return Notify({"NOTIFY_SOCKET": f"/proc/self/cwd/{manager.getsockname()}", **more})


def test_ready_alive_stopping(manager: socket.socket) -> None:
    """READY with the process, WATCHDOG three times in its span, STATUS when it changed, STOPPING."""
    notify = told(manager, WATCHDOG_USEC="30000000", WATCHDOG_PID=str(os.getpid()))
    assert (notify.managed, notify.watchdog_s) == (True, 30.0)
    notify.ready("2 ports")
    for now_s in (0.0, 5.0, 9.9, 10.0, 19.0, 20.1):
        notify.alive(now_s)
    notify.status("1 port\nand more")
    notify.status("1 port\nand more")
    notify.stopping()
    notify.close()
    notify.stopping()
    assert [manager.recv(400).decode() for _ in range(6)] == [
        f"READY=1\nMAINPID={os.getpid()}\nSTATUS=2 ports",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "WATCHDOG=1",
        "STATUS=1 port and more",
        "STOPPING=1",
    ]
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(400)


def test_abstract_name() -> None:
    """A name that begins with @ is one of the abstract kind."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        name = f"byleave-test-{os.getpid()}"
        end.bind("\0" + name)
        end.settimeout(2)
        Notify({"NOTIFY_SOCKET": "@" + name}).stopping()
        assert end.recv(100) == b"STOPPING=1"


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "9" * 99},
    ],
)
def test_nobody_to_tell(environment: dict[str, str]) -> None:
    """Without a manager, or with another's watchdog, nothing is said and nothing fails."""
    notify = Notify(environment)
    assert (notify.managed, notify.watchdog_s) == (False, 0.0)
    notify.ready("x")
    notify.alive(1.0)
    notify.stopping()


def test_manager_that_does_not_read(manager: socket.socket) -> None:
    """A full socket, and one that is gone, cost nothing and hold up nobody."""
    notify = told(manager)
    for n in range(2000):
        notify.status(str(n))
    manager.close()
    notify.stopping()
