"""A fleet at work: seals at its rate, publishes, hears verdicts, sends again what has none, and counts exactly.

What a device is, is handed in (`Sealing`): this package knows no product. Everything is bounded: envelopes without a verdict by
the plan's window, the rest by the number of devices.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from hw_sim.errors import HwSimError
from hw_sim.fleet.line import Line
from hw_sim.fleet.plan import Plan
from hw_sim.fleet.tally import Key, Tally, Waiting

TICK_S, IDLE_TICK_S = 0.002, 0.02  # between two looks at what is due: at a high rate, at a low one
UP_S = 30.0  # until the first connections stand
PIECE = 512  # envelopes of one tick at most, so that what comes in is read in between
LOOK_S = 0.1  # how often what is without a verdict is looked through
BEHIND_S = 1.0  # further behind its rate the fleet does not try to catch up


class Sealed(NamedTuple):
    """An envelope, its epoch and its counter."""

    epoch: int
    counter: int
    payload: bytes


class Judged(NamedTuple):
    """What the server said of one envelope: `stored`, or why not in a word."""

    epoch: int
    counter: int
    verdict: str


class Sealing(Protocol):
    """One device: its topics, what it seals, what it understands."""

    up_topic: str
    down_topic: str

    def seal(self, now_s: float) -> Sealed | None:
        """The next envelope at that Unix time; None if there is nothing to tell yet."""

    def hear(self, payload: bytes) -> Sequence[Judged]:
        """The verdicts in a downlink; HwSimError for one that does not open."""


class Fleet:
    """`run` returns when every envelope has its verdict, or the time to wait for them is over."""

    def __init__(self, plan: Plan, devices: Sequence[Sealing], address: tuple[str, int]) -> None:
        if len(devices) != plan.devices:
            raise HwSimError(f"{len(devices)} devices for a plan of {plan.devices}")
        self.tally = Tally()
        self.took_s = 0.0
        self.drained_s = 0.0
        self._looked = 0.0
        self._tick_s = min(IDLE_TICK_S, max(TICK_S, 0.5 / plan.rate))
        self._plan, self._devices = plan, devices
        self._by_topic = {device.down_topic: n for n, device in enumerate(devices)}
        count = min(plan.connections, plan.devices)
        shares = [list(range(n, plan.devices, count)) for n in range(count)]
        self._lines = [
            Line(*address, f"fleet-{plan.seed}-{n}", [devices[i].down_topic for i in share], self)
            for n, share in enumerate(shares)
        ]
        self._next_in_turn: Iterator[int] = itertools.cycle(range(plan.devices))

    # What lines tell

    def up(self, line: Line) -> None:
        """What its devices have without a verdict goes again at once: nobody knows what became of it."""
        for key, entry in self.tally.waiting.items():
            if self._line(key.device) is line:
                entry.last_s = 0.0

    def heard(self, topic: str, payload: bytes) -> None:
        """A downlink."""
        number = self._by_topic.get(topic)
        if number is None:
            self.tally.unreadable += 1
            return
        try:
            judged = self._devices[number].hear(payload)
        except HwSimError:
            self.tally.unreadable += 1
            return
        now = time.monotonic()
        for each in judged:
            self.tally.verdict(Key(number, each.epoch, each.counter), each.verdict, now)

    def acknowledged(self) -> None:
        """The broker has taken one over."""
        self.tally.acknowledged += 1

    # The run

    async def run(self, told: Callable[[Tally], None] = lambda tally: None) -> Tally:
        """Seal for the plan's time, then wait for the verdicts; `told` is called once a second."""
        tasks = [asyncio.create_task(line.run()) for line in self._lines]
        try:
            await self._all_up()
            began = time.monotonic()
            await self._seal(began, told)
            self.took_s = time.monotonic() - began
            await self._drain(told)
            self.drained_s = time.monotonic() - began - self.took_s
        finally:
            self.tally.reconnects = sum(line.losses for line in self._lines)
            for line in self._lines:
                line.close()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self.tally

    async def _all_up(self) -> None:
        deadline = time.monotonic() + UP_S
        while not all(line.is_up for line in self._lines):
            if time.monotonic() > deadline:
                down = [line for line in self._lines if not line.is_up]
                raise HwSimError(
                    f"{len(down)} of {len(self._lines)} connections do not come up: {down[0].fault or 'no answer'}"
                )
            await asyncio.sleep(0.02)

    async def _seal(self, began: float, told: Callable[[Tally], None]) -> None:
        """At the rate; behind it by more than BEHIND_S the schedule moves."""
        plan, schedule, said = self._plan, began, began
        begun = 0  # envelopes since `schedule`
        while (now := time.monotonic()) < began + plan.for_s:
            if now - schedule - begun / plan.rate > BEHIND_S:
                schedule, begun = now - BEHIND_S, 0
            due = min(int((now - schedule) * plan.rate) - begun, PIECE)
            begun += self._seal_some(due)
            self._send_again(now)
            if now - said >= 1:
                said = now
                told(self.tally)
            await asyncio.sleep(self._tick_s)

    def _seal_some(self, due: int) -> int:
        """Up to `due` envelopes of the devices in turn; how many turns were taken."""
        tally, now_s = self.tally, time.time()
        for turn in range(due):
            if len(tally.waiting) >= self._plan.in_flight:
                tally.held_back += 1
                return turn
            number = next(self._next_in_turn)
            sealed = self._devices[number].seal(now_s)
            if sealed is not None:
                tally.sealed += 1
                key = Key(number, sealed.epoch, sealed.counter)
                entry = tally.waiting[key] = Waiting(sealed.payload)
                self._publish(key, entry)
        return due

    def _publish(self, key: Key, entry: Waiting) -> None:
        """Now, or when its line is there again."""
        line = self._line(key.device)
        if not line.is_free:
            return
        line.publish(self._devices[key.device].up_topic, entry.payload)
        self.tally.published += 1
        now = time.monotonic()
        if entry.first_s:
            self.tally.repeats += 1
        entry.first_s, entry.last_s = entry.first_s or now, now

    def _send_again(self, now: float) -> None:
        """What has had no verdict for too long, a piece of it at most; looked for ten times a second."""
        if now - self._looked < LOOK_S:
            return
        self._looked = now
        old = (item for item in self.tally.waiting.items() if now - item[1].last_s > self._plan.resend_s)
        for key, entry in list(itertools.islice(old, PIECE)):
            self._publish(key, entry)

    async def _drain(self, told: Callable[[Tally], None]) -> None:
        """Until nothing waits any more, or for the plan's time."""
        deadline, said = time.monotonic() + self._plan.drain_s, time.monotonic()
        while self.tally.waiting and (now := time.monotonic()) < deadline:
            self._send_again(now)
            if now - said >= 1:
                said = now
                told(self.tally)
            await asyncio.sleep(self._tick_s)

    def _line(self, device: int) -> Line:
        return self._lines[device % len(self._lines)]
