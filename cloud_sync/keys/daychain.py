"""The keys of one day's envelopes: a one-way chain, of which the server keeps one point (docs/wire-format.md section 3)."""

from __future__ import annotations

from collections.abc import Callable

from cloud_sync.errors import KeyDestroyed
from cloud_sync.wire import ladder

COUNTERS = 4096  # counters of one (generation, stream, epoch): a forged one costs at most as many hashes


class DayChain:
    """Envelope keys of one (device, generation, stream, epoch) from the stored point forward.

    The point of the last verified envelope is remembered beside the stored one, so that a stream in order costs one step an
    envelope. It moves on `confirm` only [a forged counter 4095 must not push the point past the honest ones].
    """

    __slots__ = ("_base", "_base_counter", "_chain", "_counter", "_on_first", "_stream", "_trial", "wrapped")

    def __init__(
        self,
        stream: int,
        base_counter: int,
        base: bytes,
        wrapped: bytes = b"",
        on_first: Callable[[], bytes] | None = None,
    ) -> None:
        """`wrapped` is the stored row's value; `on_first` stores a day that is tentative, once a tag has verified."""
        self._stream = stream
        self._base_counter = self._counter = base_counter
        self._base = self._chain = base
        self._trial = (base_counter, base)
        self._on_first = on_first
        self.wrapped = wrapped

    def key(self, counter: int) -> bytes:
        """K(counter); `KeyDestroyed` if the stored point has moved past it."""
        if not self._base_counter <= counter < COUNTERS:
            raise KeyDestroyed("the key of this envelope is gone")
        at, chain = (self._counter, self._chain) if counter >= self._counter else (self._base_counter, self._base)
        step, stream = ladder.step, self._stream
        for _ in range(counter - at):
            chain = step(chain, stream)
        self._trial = (counter, chain)
        return ladder.seal_key(chain, stream)

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
