"""From the spool to the broker: QoS 1 in a window, deleted on PUBACK, handed again after a lost connection."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agent.gateway.spool import Spool

# Publishes without PUBACK: 64 KiB of envelopes, and 640 a second where a broker answers in 100 ms: more than 32 lines at
# 115 200 baud bring.
WINDOW = 64
# Of these past a spool that takes nothing, on top: a window of four of each of 16 devices.
PAST = 64
# Of one port: its window, and the same said again. [A port that floods a dead card's gateway would take all places.]
PAST_OF_PORT = 8


class Publisher(Protocol):
    """The uplink connection to the broker."""

    def publish(self, device: str, envelope: bytes) -> int | None:
        """Hand it over for `bl/1/<device>/up` with QoS 1, never waiting: a handle that `acknowledged` will name, unique among
        those in flight, or None if it takes nothing now: it is asked again in the next turn."""


class Forwarder:
    """Keeps at most `window` rows of the spool in flight."""

    def __init__(self, spool: Spool, publisher: Publisher, *, now_s: Callable[[], float], window: int = WINDOW) -> None:
        self.connected = False
        self.published = 0  # handed to the broker, repeats too
        self.unknown_acks = 0  # PUBACKs of nothing that is in flight
        self._spool, self._publisher, self._now_s, self._window = spool, publisher, now_s, window
        self._moved_s = now_s()  # the last PUBACK, or the first publish after a pause
        self._rows: dict[int, int] = {}  # row of the spool by handle, in the order in which they went
        self._past: dict[int, tuple[str, Callable[[], None]]] = {}  # port and answer by handle
        self._sent_s: dict[int, float] = {}  # when, by handle, of both

    @property
    def in_flight(self) -> int:
        """Publishes without PUBACK."""
        return len(self._rows) + len(self._past)

    def stalled_s(self) -> float:
        """For how long publishes have waited without any PUBACK; whoever keeps the connection makes a new one after a minute.

        [A broker that answers pings and acknowledges nothing would hold all back for ever.]
        """
        return self._now_s() - self._moved_s if self.in_flight else 0.0

    def overdue_s(self) -> float:
        """For how long the oldest has been without its PUBACK, whatever became of the others.

        [A broker that forgets one now and then, as one that throttles does, would keep it back for as long as the connection
        stands: the spool knows it, so that a repeat is not published either.]
        """
        return self._now_s() - next(iter(self._sent_s.values())) if self._sent_s else 0.0

    def up(self) -> None:
        """The broker has taken the connection. What was in flight on an earlier one is published again."""
        self.down()
        self.connected = True

    def down(self) -> None:
        """The connection is gone, and with it all handles: the publisher must not repeat anything by itself."""
        self.connected = False
        self._spool.give_back(self._rows.values())
        self._rows, self._past, self._sent_s = {}, {}, {}

    def acknowledged(self, handle: int) -> None:
        """A PUBACK. One of nothing that is in flight is counted and passed over."""
        row_id = self._rows.pop(handle, None)
        self._sent_s.pop(handle, None)
        self._moved_s = self._now_s()
        if row_id is not None:
            self._spool.done(row_id)
        elif waits := self._past.pop(handle, None):
            waits[1]()
        else:
            self.unknown_acks += 1

    def pump(self) -> int:
        """Publish what the window allows; how many."""
        n = 0
        while self.connected and len(self._rows) < self._window and (row := self._spool.next_row()):
            handle = self._publisher.publish(row.device, row.envelope)
            if handle is None:
                self._spool.give_back((row.id,))
                break
            self._sent(handle)
            self._rows[handle] = row.id
            n += 1
        return n

    def _sent(self, handle: int) -> None:
        now_s = self._now_s()
        if not self.in_flight:
            self._moved_s = now_s
        self._sent_s[handle] = now_s
        self.published += 1

    def past(self, device: str, envelope: bytes, done: Callable[[], None], port: str = "") -> bool:
        """Publish one envelope past a spool that takes nothing; `done` on its PUBACK, never after a lost connection. False if
        it cannot be now."""
        of_port = sum(1 for each, _ in self._past.values() if each == port)
        if not self.connected or len(self._past) >= PAST or of_port >= PAST_OF_PORT:
            return False
        handle = self._publisher.publish(device, envelope)
        if handle is None:
            return False
        self._sent(handle)
        self._past[handle] = port, done
        return True
