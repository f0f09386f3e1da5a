"""Readings as they are committed: a subscription for one actor, purpose and person, behind the gate like every read.

    with cloud.live_location(actor=me, purpose="tracking", subject="s-1") as fixes:
        for fix in fixes:            # or: async for fix in fixes
            show(fix)

Ingest never waits for a subscriber: sealed envelopes queue up to a bound, and what comes faster than it is taken is counted in
`missed` (it is stored: read it). Opening, deciding and narrowing happen when the subscriber takes the next reading, so a
withdrawal in between holds for what is queued as well; it ends the subscription with `Denied`.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Generic

from cloud_sync.errors import ConfigError
from cloud_sync.model import Actor, Fix, MotionEvent, PlaceEvent, Reading, StoredEnvelope
from cloud_sync.read.follow import Follower
from cloud_sync.read.sources import ENVIRONMENT, LOCATION, MOTION, PLACES, Item, Source
from cloud_sync.stores import Clock, DeviceStore

MOST_WAITING: Final = 1000  # envelopes of at most 1 KB each: a megabyte, or a day of one busy tracker
WAIT_S: Final = 0.5  # how long a thread that waits for an asynchronous subscriber outlives its cancellation


class Subscription(Generic[Item]):
    """Readings of one person as they come; for one thread or one task at a time. Close it, or use it in `with`."""

    def __init__(self, live: Live, follower: Follower[Item], most_waiting: int) -> None:
        """ConfigError for a queue that holds nothing."""
        if most_waiting < 1:
            raise ConfigError("most_waiting: a subscription keeps at least one envelope")
        self._live, self._follower, self._most = live, follower, most_waiting
        self._rows: deque[StoredEnvelope] = deque()
        self._items: deque[Item] = deque()
        self._come = threading.Condition()
        self._telling = threading.RLock()
        self._open = True
        self.missed = 0

    @property
    def subject(self) -> str:
        """Whose readings."""
        return self._follower.query.subject

    @property
    def stream(self) -> int:
        """Of which stream."""
        return int(self._follower.source.stream)

    def offer(self, row: StoredEnvelope) -> None:
        """An envelope was committed; returns at once."""
        with self._come:
            if len(self._rows) >= self._most:
                self._rows.popleft()  # the newest is what a live view is for
                self.missed += 1
            self._rows.append(row)
            self._come.notify()

    def take(self, timeout_s: float | None = None) -> Item | None:
        """The next reading; None after `timeout_s` (None: as long as it takes) or once closed. `Denied` once the leave is gone."""
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            try:
                with self._telling, suppress(IndexError):  # an erasure empties it from another thread
                    return self._decided_still()
                row = self._next(until)
                if row is None:
                    return None
                with self._telling:
                    self._items.extend(self._follower.tell(row) if self._open else ())
            except BaseException:
                self.close()
                raise

    def _decided_still(self) -> Item:
        """The next of an envelope's readings, if what they were decided on still holds [a withdrawal between two of them]; else
        IndexError, and the rest of the envelope counts as missed.
        """
        if self._items and not self._follower.holds():
            self._items.clear()
            self.missed += 1
        return self._items.popleft()

    def _next(self, until: float | None) -> StoredEnvelope | None:
        with self._come:
            while self._open and not self._rows:
                left = None if until is None else until - time.monotonic()
                if left is not None and left <= 0:
                    return None
                self._come.wait(left)
            return self._rows.popleft() if self._open else None

    def close(self) -> None:
        """End it; whoever waits is told. Closing twice is harmless."""
        with self._come:
            was, self._open = self._open, False
            self._rows.clear()
            self._come.notify_all()
        self._live.leave(self)
        with self._telling:  # the reading that is being opened is told before the stores may go
            self._items.clear()
            if was:
                self._follower.close()

    def forget(self) -> None:
        """What waits to be told is forgotten, and the keys with it: some of it is being erased. It counts as missed."""
        with self._come:
            self.missed += len(self._rows)
            self._rows.clear()
        with self._telling:
            self._items.clear()
            self._follower.forget()

    def __iter__(self) -> Iterator[Item]:
        while (item := self.take()) is not None:
            yield item

    async def __aiter__(self) -> AsyncIterator[Item]:
        while self._open or self._items:
            item = await asyncio.to_thread(self.take, WAIT_S)
            if item is not None:
                yield item

    def __enter__(self) -> Subscription[Item]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Live:
    """Who is told what was committed. Its methods may be called from any thread."""

    def __init__(self, devices: DeviceStore) -> None:
        self._devices = devices
        self._subjects: dict[str, str] = {}  # of devices: for good, a change of hands is a new pseudonym
        self._lock = threading.Lock()
        self._subscriptions: tuple[Subscription[Any], ...] = ()

    def join(self, subscription: Subscription[Item]) -> None:
        """From the next commit on."""
        with self._lock:
            self._subscriptions = (*self._subscriptions, subscription)

    def leave(self, subscription: Subscription[Item]) -> None:
        """No more."""
        with self._lock:
            self._subscriptions = tuple(each for each in self._subscriptions if each is not subscription)

    def committed(self, rows: Sequence[StoredEnvelope]) -> None:
        """Offer rows to whoever may be concerned; each decides by itself, when it takes them."""
        concerned = {(each.subject, each.stream) for each in self._subscriptions}
        for row in rows if concerned else ():
            subject = self._subject(row.id.device)
            if (subject, row.id.stream) in concerned:
                for subscription in self._subscriptions:
                    if (subscription.subject, subscription.stream) == (subject, row.id.stream):
                        subscription.offer(row)

    def _subject(self, name: str) -> str:
        if name not in self._subjects:
            device = self._devices.device(name)
            self._subjects[name] = device.subject if device else ""
        return self._subjects[name]

    def forget(self, subject: str, *, whole: bool) -> None:
        """A person's subscriptions hold nothing any more that was committed until now; with `whole` they end."""
        for subscription in [each for each in self._subscriptions if each.subject == subject]:
            if whole:
                subscription.close()
            subscription.forget()

    def close(self) -> None:
        """End all of them."""
        for subscription in self._subscriptions:
            subscription.close()


class Lives(ABC):
    """The part of `CloudSync` that subscribes. Each method raises `Denied` when the act as such is not allowed."""

    clock: Clock
    live: Live

    @abstractmethod
    def follow(self, source: Source[Item], *, actor: Actor, purpose: str, subject: str, at: float) -> Follower[Item]:
        """`Reads.follow`."""

    def live_location(
        self, *, actor: Actor, purpose: str, subject: str, most_waiting: int = MOST_WAITING
    ) -> Subscription[Fix]:
        """Fixes as they are committed, none finer than permitted."""
        return self._subscribe(LOCATION, actor, purpose, subject, most_waiting)

    def live_places(
        self, *, actor: Actor, purpose: str, subject: str, most_waiting: int = MOST_WAITING
    ) -> Subscription[PlaceEvent]:
        """Entering and leaving of the policy's places."""
        return self._subscribe(PLACES, actor, purpose, subject, most_waiting)

    def live_environment(
        self, *, actor: Actor, purpose: str, subject: str, most_waiting: int = MOST_WAITING
    ) -> Subscription[Reading]:
        """Temperature and light."""
        return self._subscribe(ENVIRONMENT, actor, purpose, subject, most_waiting)

    def live_motion(
        self, *, actor: Actor, purpose: str, subject: str, most_waiting: int = MOST_WAITING
    ) -> Subscription[MotionEvent]:
        """Motion that began or ended, and shocks."""
        return self._subscribe(MOTION, actor, purpose, subject, most_waiting)

    def _subscribe(
        self, source: Source[Item], actor: Actor, purpose: str, subject: str, most_waiting: int
    ) -> Subscription[Item]:
        follower = self.follow(source, actor=actor, purpose=purpose, subject=subject, at=self.clock.now())
        subscription = Subscription(self.live, follower, most_waiting)
        self.live.join(subscription)
        return subscription
