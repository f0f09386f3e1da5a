"""One line an event, to stderr, never more than a person can read, and never about a device.

An event is a word of EVENTS, so that docs/gateway.md explains each and a supervisor can count them. A line names ports,
counts and reasons. No device's pseudonym and no byte of an envelope is handed to this module.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO

# Event: its level in the journal (sd-daemon(3): 3 error, 4 warning, 6 information).
EVENTS = {
    "started": 6,
    "stopping": 6,
    "stopped": 6,
    "port-open": 6,
    "port-gone": 6,
    "port-refused": 4,
    "port-stalled": 4,
    "port-noise": 4,
    "broker-there": 6,
    "broker-gone": 4,
    "broker-plain": 4,
    "downlinks-gone": 4,
    "spool-set-aside": 3,
    "spool-full": 3,
    "spool-failing": 3,
    "spool-taking": 6,
    "spool-expired": 3,
    "spool-damaged": 3,
    "status-failed": 4,
}
BURST, EACH_S = 5, 60.0  # five lines of one event about one port at once, and one more a minute
# Pairs of event and port that are remembered; more than there are of both, so that nothing is forgotten in practice.
MOST_PAIRS = 2048
LINE_LIMIT_CHARS = 300


class Log:
    """Writes events; those above the rate are counted, and the next line that is written says how many they were."""

    def __init__(self, stream: TextIO, *, journal: bool = False, now_s: Callable[[], float] = time.monotonic) -> None:
        """`journal`: a level in front, as the service manager reads it, and no time, which it adds itself."""
        self._stream = stream
        self._journal = journal
        self._now_s = now_s
        self._room: dict[tuple[str, str], tuple[float, float, int]] = {}  # tokens, as of when, lines left out

    def say(self, event: str, text: str, *, port: str = "") -> None:
        """One line; `event` is one of EVENTS."""
        level = EVENTS[event]
        left_out = self._take(event, port)
        if left_out is None:
            return
        subject = f"{port}: " if port else ""
        more = f" ({left_out} such lines before were left out)" if left_out else ""
        line = "".join(c if c.isprintable() else "?" for c in f"{event} {subject}{text}{more}")[:LINE_LIMIT_CHARS]
        head = f"<{level}>" if self._journal else f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} "
        with suppress(OSError, ValueError):  # nobody reads any more [a terminal that was closed]
            self._stream.write(f"{head}{line}\n")
            self._stream.flush()

    def _take(self, event: str, port: str) -> int | None:
        """How many lines were left out before this one, or None if this one is."""
        now_s = self._now_s()
        tokens, as_of_s, left_out = self._room.pop((event, port), (float(BURST), now_s, 0))
        tokens = min(float(BURST), tokens + (now_s - as_of_s) / EACH_S)
        taken = tokens >= 1.0
        self._room[event, port] = (tokens - 1.0, now_s, 0) if taken else (tokens, now_s, left_out + 1)
        if len(self._room) > MOST_PAIRS:
            del self._room[next(iter(self._room))]  # the one that was longest silent
        return left_out if taken else None
