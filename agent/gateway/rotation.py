"""Whose turn it is: ports in a circle, on each port its devices in a circle.

[By devices alone, a port that invents a pseudonym a minute would have most of the turns after a day.]
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Queue:
    """Envelopes of one device from one port that wait for their first turn: those behind the id `after`."""

    port: str
    device: str
    after: int
    waiting: int = 0


class Rotation:
    """Queues that have something waiting. No more than the spool has envelopes, each a hundred bytes."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, str], Queue] = {}
        self._ports: deque[str] = deque()
        self._devices: dict[str, deque[Queue]] = {}

    def add(self, port: str, device: str, first_id: int, n: int = 1) -> None:
        """n more envelopes wait; a queue that was empty begins at `first_id`."""
        queue = self._queues.get((port, device))
        if queue is None:
            queue = self._queues[port, device] = Queue(port, device, first_id - 1)
            if port not in self._devices:
                self._devices[port] = deque()
                self._ports.append(port)
            self._devices[port].append(queue)
        queue.waiting += n

    def next(self) -> Queue | None:
        """The queue whose turn it is, one less waiting in it; the next call names the next port."""
        if not self._ports:
            return None
        port = self._ports[0]
        self._ports.rotate(-1)
        queue = self._devices[port][0]
        self._devices[port].rotate(-1)
        self.drop(queue, 1)
        return queue

    def find(self, port: str, device: str) -> Queue | None:
        """That queue, if anything waits in it."""
        return self._queues.get((port, device))

    def forget(self, queue: Queue) -> None:
        """Nothing of it waits any more."""
        if queue.waiting > 0:
            self.drop(queue, queue.waiting)

    def drop(self, queue: Queue, n: int) -> None:
        """n fewer wait; an empty queue is forgotten."""
        queue.waiting -= n
        if queue.waiting > 0:
            return
        del self._queues[queue.port, queue.device]
        devices = self._devices[queue.port]
        devices.remove(queue)
        if not devices:
            del self._devices[queue.port]
            self._ports.remove(queue.port)
