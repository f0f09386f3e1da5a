"""A serial line on which every step has an end.

mpremote's transport waits until a port is silent, and gathers all that it says meanwhile. What talks for ever, as a GNSS
receiver does, would keep it for ever. All that it does with a port goes through here, so this is where it ends.
"""

from __future__ import annotations

import time
from typing import Protocol

SLICE_S = 0.1  # timeout of the port itself: so late at most is the end of a step noticed
# Of one step. The longest answer that is asked for has 100 bytes, a traceback 1 KiB; a board's program prints some KiB until
# Ctrl-C reaches it, and what it printed before is dropped when the port is opened.
LIMIT_BYTES = 64 << 10


class Endless(OSError):  # noqa: N818 - as the findings of agent.errors
    """The time of a step is over, or the port has said more in it than a board does."""


class Port(Protocol):
    """What is used of pyserial's Serial, which comes with an extra."""

    timeout: float | None
    write_timeout: float | None

    @property
    def in_waiting(self) -> int: ...
    def read(self, size: int) -> bytes: ...
    def write(self, data: bytes) -> int | None: ...
    def close(self) -> None: ...


class Line:
    """An open port, as mpremote uses one; a read ends after `answer_s` without what it waits for, a write raises then.

    Each step starts with `begin`; Endless once its time or LIMIT_BYTES are used up. Other errors are the port's OSError.
    """

    def __init__(self, port: Port, *, answer_s: float) -> None:
        self.port = port
        port.timeout, port.write_timeout = SLICE_S, answer_s
        self._answer_s = answer_s
        self._until_s = 0.0
        self.heard_bytes = 0
        self.tap: bytearray | None = None  # gets what is read, while it is one

    def begin(self, seconds: float) -> None:
        """What follows is one step, over in so many seconds."""
        self._until_s = time.monotonic() + seconds
        self.heard_bytes = 0

    def _check(self) -> None:
        if time.monotonic() >= self._until_s:
            raise Endless("the time of this step is over")
        if self.heard_bytes >= LIMIT_BYTES:
            raise Endless("more was said than a board says")

    def inWaiting(self) -> int:  # noqa: N802 - pyserial's old name, which mpremote uses
        """Bytes that can be read at once."""
        self._check()
        return self.port.in_waiting

    def read(self, size: int = 1) -> bytes:
        """Up to `size` bytes; fewer when the time for an answer, or for the step, is over."""
        self._check()
        until_s = min(self._until_s, time.monotonic() + self._answer_s)
        data = b""
        while True:
            data += self.port.read(min(size, LIMIT_BYTES) - len(data))
            if len(data) >= min(size, LIMIT_BYTES) or time.monotonic() >= until_s:
                break
        self.heard_bytes += len(data)
        if self.tap is not None:
            self.tap += data
        return data

    def write(self, data: bytes) -> int:
        """Sends all of it."""
        self._check()
        return self.port.write(data) or 0

    def close(self) -> None:
        """Lets the port go."""
        self.port.close()
