"""The keys of one day's envelopes: a one-way chain, of which the server keeps one point (docs/wire-format.md section 3)."""

from __future__ import annotations

from collections.abc import Callable

from cloud_sync.errors import KeyDestroyed
from cloud_sync.model import COUNTERS
from cloud_sync.wire import ladder

MILESTONE = 64  # the first long walk leaves a point at every 64th counter, so that no other one is longer than this


Span = tuple[int, int]  # Unix seconds, from the first to before the second


class DayChain:
    """Envelope keys of one (device, generation, stream, epoch) from the stored point forward.

    The point of the last verified envelope is remembered beside the stored one, so that a stream in order costs one step an
    envelope. It moves on `confirm` only [a forged counter 4095 must not push the point past the honest ones]. Milestones between
    the stored point and the end are 64 at most and say nothing that the stored one does not [a flood of forged counters, each
    of which would cost 4096 hashes].
    """

    __slots__ = (
        "_base",
        "_base_counter",
        "_chain",
        "_counter",
        "_milestones",
        "_on_first",
        "_seal",
        "_step",
        "_trial",
        "erased",
        "floor",
        "wrapped",
    )

    def __init__(
        self,
        stream: int,
        base_counter: int,
        base: bytes,
        wrapped: bytes = b"",
        on_first: Callable[[], bytes] | None = None,
    ) -> None:
        """`wrapped` is the stored row's value; `on_first` stores a day that is tentative, once a tag has verified."""
        self._step = ladder.function(stream, "step")
        self._seal = ladder.function(stream, "seal")
        self._base_counter = self._counter = base_counter
        self._base = self._chain = base
        self._trial = (base_counter, base)
        self._milestones: dict[int, bytes] = {}
        self._on_first = on_first
        self.wrapped = wrapped
        self.floor = 0  # a tombstone's: no key below it, even while the stored point still leads there
        self.erased: tuple[Span, ...] = ()  # no capture within may be stored, though its key is there

    def key(self, counter: int) -> bytes:
        """K(counter); `KeyDestroyed` if the stored point has moved past it."""
        if not max(self._base_counter, self.floor) <= counter < COUNTERS:
            raise KeyDestroyed("the key of this envelope is gone")
        at, chain = (self._counter, self._chain) if counter >= self._counter else (self._base_counter, self._base)
        if counter - at > MILESTONE:
            at, chain = self._nearest(at, chain, counter)
        for _ in range(counter - at):
            chain = self._step(chain)
        self._trial = (counter, chain)
        return self._seal(chain)

    def _nearest(self, at: int, chain: bytes, counter: int) -> tuple[int, bytes]:
        """The last milestone before `counter`; those on the way that are missing are made."""
        for mark in range((at // MILESTONE + 1) * MILESTONE, counter + 1, MILESTONE):
            known = self._milestones.get(mark)
            if known is None:
                for _ in range(mark - at):
                    chain = self._step(chain)
                self._milestones[mark] = known = chain
            at, chain = mark, known
        return at, chain

    def confirm(self) -> None:
        """The tag under the last `key` has verified: remember its point, store the day if it was tentative."""
        self._counter, self._chain = self._trial
        if self._on_first is not None:
            self.wrapped = self._on_first()
            self._on_first = None

    def at(self, counter: int) -> bytes:
        """C(counter), to be stored as the new point."""
        self.key(counter)
        return self._trial[1]
