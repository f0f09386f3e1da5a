"""The run of a board taken apart: step by step, paused, left at an instant and taken up again."""

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from hw_sim.silicon import snapshot as snapshots
from hw_sim.silicon.life import Snapshot

if TYPE_CHECKING:
    from hw_sim.board import Board, RunEnd


class _LeftError(Exception):
    """The step is reached at which a story is left."""


class Stepping:
    """What of a board is about its instants; `Board` is made of it."""

    steps = 0  # of all runs: requests served, steps of waits
    _leave_at: int | None = None
    _leave_us: int | None = None
    _pausing = False

    @property
    def _board(self) -> "Board":
        return cast("Board", self)

    def _stops(self) -> bool:
        self.steps += 1
        if self.steps == self._leave_at:
            raise _LeftError
        return self._pausing

    def _take_pause(self) -> bool:
        pausing, self._pausing = self._pausing, False
        return pausing

    def pause(self) -> None:
        """The run under way returns RunEnd.PAUSED after the step that it is at; for hooks, events and other threads."""
        self._pausing = True

    def step(self, steps: int = 1) -> "RunEnd":
        """Runs so many steps: a request of the program, or what happens next while it waits. RunEnd.PREDICATE after all of them."""
        last = self.steps + steps
        return self._board.run(until=lambda: self.steps > last)

    def snapshot(self) -> Snapshot:
        """The board as it is, between two runs; from one without power or in deep sleep another can `resume`."""
        return Snapshot(bytes(self._board.flash.data), self._board.retained, snapshots.rest_of(self._board))

    def resume(self, snapshot: Snapshot) -> None:
        """A new board in a new world of the same seed goes on where the snapshot was taken; SnapshotError if it cannot."""
        snapshots.resume(self._board, snapshot)

    def replay(self, snapshot: Snapshot, story: Callable[[], object]) -> None:
        """A new board comes to the instant of a snapshot of a running program: `story` does to it what was done to the first.

        Where that had a network, `network.play(tape)` before. SnapshotError where the run differs.
        """
        snapshots.replay(self._board, snapshot, story)

    def leave_at(self, steps: int, now_us: int, story: Callable[[], object]) -> bool:
        """Runs `story` until the board has made so many steps, at `now_us`, and leaves it there; False if it ends before."""
        self._leave_at, self._leave_us = steps, now_us
        try:
            story()
        except _LeftError:
            return True
        finally:
            self._leave_at = self._leave_us = None
        return False

    def _limited(self, limit_us: int) -> int:
        """Time does not pass beyond the instant at which a story is left."""
        return limit_us if self._leave_us is None else min(limit_us, self._leave_us)
