"""What breaks a thread out of its wait for a socket."""

from __future__ import annotations

import socket
from contextlib import suppress


class Wake:
    """A pair of sockets of which one thread waits on the first, and others write to the second."""

    def __init__(self) -> None:
        self._in, self._out = socket.socketpair()
        self._in.setblocking(False)
        self._out.setblocking(False)
        self._woken = False  # a byte is on its way that `drain` has not read

    def fileno(self) -> int:
        """What `select.poll` waits on."""
        return self._in.fileno()

    def wake(self) -> None:
        """End the wait; what the thread is to do has been put in place before."""
        if self._woken:
            return
        self._woken = True
        with suppress(BlockingIOError, OSError):  # full: the thread is about to wake anyway; closed: nobody is there
            self._out.send(b"\0")

    def drain(self) -> None:
        """By the thread that was woken, before it looks for its work."""
        with suppress(BlockingIOError):
            self._in.recv(4096)
        self._woken = False  # after the read, before the work: a `wake` in between finds its work done

    def close(self) -> None:
        """Close both; a later `wake` does nothing."""
        self._in.close()
        self._out.close()
