"""What a step of the demo tells: whether its promises held, and the figures that it measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

Progress = Callable[[float], None]  # told how much of the step is done, 0 … 1


@dataclass
class Outcome:
    """What one step showed: its letter, a sentence, whether it held, and the figures that it measured."""

    step: str
    title: str
    holds: bool = True
    figures: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def check(self, holds: bool, promise: str) -> None:
        """Note a promise; one that does not hold fails the step and is named."""
        if not holds:
            self.holds = False
            self.broken.append(promise)
