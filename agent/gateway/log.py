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
BURST, EACH_S = 5, 60.0  # five lines of one event about one port at once, and one more a minute,
# about a port less and less often, if it goes on: down to one an hour [a port that babbles for a day fills no journal].
SELDOM_S = 3600.0
# Of one event about all ports so many lines at once: as many as there are ports, twice; then one a minute too [an adapter that
# comes back under another name each second is another port to the bound above].
BURST_OF_ALL = 128
# Pairs of event and port that are remembered; more than there are of both, so that nothing is forgotten in practice.
MOST_PAIRS = 2048
LINE_LIMIT_CHARS = 300


def printable(line: str) -> str:
    """The same without what a terminal would act upon [who may make a link where a pattern looks chooses a port's name]."""
    return "".join(c if c.isprintable() else "?" for c in line)


class Log:
    """Writes events; those above the rate are counted, and the next line that is written says how many they were."""

    def __init__(self, stream: TextIO, *, journal: bool = False, now_s: Callable[[], float] = time.monotonic) -> None:
        """`journal`: a level in front, as the service manager reads it, and no time, which it adds itself."""
        self._stream = stream
        self._journal = journal
        self._now_s = now_s
        self._room: dict[tuple[str, str], _Bound] = {}
        self._of_all: dict[str, _Bound] = {}

    def say(self, event: str, text: str, *, port: str = "") -> None:
        """One line; `event` is one of EVENTS."""
        level = EVENTS[event]
        left_out = self._take(event, port)
        if left_out is None:
            return
        subject = f"{port}: " if port else ""
        more = f" ({left_out} such lines before were left out)" if left_out else ""
        line = printable(f"{event} {subject}{text}{more}")[:LINE_LIMIT_CHARS]
        head = f"<{level}>" if self._journal else f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} "
        with suppress(OSError, ValueError):  # nobody reads any more [a terminal that was closed]
            self._stream.write(f"{head}{line}\n")
            self._stream.flush()

    def _take(self, event: str, port: str) -> int | None:
        """How many lines were left out before this one, or None if this one is."""
        now_s = self._now_s()
        bound = self._room.pop((event, port), None) or _Bound(BURST, SELDOM_S if port else EACH_S, now_s)
        self._room[event, port] = bound
        if len(self._room) > MOST_PAIRS:
            del self._room[next(iter(self._room))]  # the one that was longest silent
        of_all = self._of_all.setdefault(event, _Bound(BURST_OF_ALL, EACH_S, now_s))
        if not bound.room(now_s) or not of_all.room(now_s):
            bound.left_out += 1
            return None
        of_all.take()
        return bound.take()


class _Bound:
    """So many lines at once, then one each pause, which doubles from EACH_S up to its longest while lines are left out."""

    def __init__(self, burst: int, longest_s: float, now_s: float) -> None:
        self._burst, self._longest_s = float(burst), longest_s
        self._tokens, self._as_of_s, self._pause_s = self._burst, now_s, EACH_S
        self.left_out = 0

    def room(self, now_s: float) -> bool:
        """Whether there is room for a line."""
        self._tokens = min(self._burst, self._tokens + (now_s - self._as_of_s) / self._pause_s)
        self._as_of_s = now_s
        if self._tokens >= self._burst:
            self._pause_s = EACH_S
        return self._tokens >= 1.0

    def take(self) -> int:
        """A line is written; how many were left out before it."""
        self._tokens -= 1.0
        left_out, self.left_out = self.left_out, 0
        if left_out:
            self._pause_s = min(2 * self._pause_s, self._longest_s)
        return left_out
