"""Downlinks on their way over one line (docs/serial-link.md, "A contact", 3): a window, each said again until it is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

REPEAT_S: Final = 4.0  # a DOWN without TAKEN is said again after so long,
REPEATS: Final = 3  # so often at most
# At once without TAKEN: what a device sends at once too. It opens what it has when it holds eight, and is deaf meanwhile.
DOWN_WINDOW: Final = 4
# Held for one device, those included that were said in vain: three times what mosquitto hands a client before a PUBACK
# (max_inflight_messages, 20). What is beyond waits at the broker.
MOST_DOWNS: Final = 64


@dataclass(slots=True)
class Down:
    """A downlink that was not taken; `number` is 0 until it is said."""

    downlink: int
    envelope: bytes
    again: bool
    number: int = 0
    said: int = 0
    due_s: float = 0.0


class Downs:
    """Of one contact, in the order in which they came."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._held: dict[int, Down] = {}  # by the switch's name for them
        self._number = 0

    def __len__(self) -> int:
        return len(self._held)

    def clear(self) -> None:
        """The contact is over, or begins again."""
        self._held.clear()

    def add(self, downlink: int, envelope: bytes, *, again: bool) -> bool:
        """False if there are too many. What is being said already stays: the broker's connection was lost and made again."""
        held = self._held.get(downlink)
        if held is not None and held.envelope == envelope:
            return True
        if held is None and len(self._held) >= MOST_DOWNS:
            return False
        self._held[downlink] = Down(downlink, envelope, again)
        return True

    def taken(self, number: int) -> int | None:
        """Which downlink a TAKEN is of, gone from here; None: one that was taken, or of a contact before this one."""
        found = next((down for down in self._held.values() if down.number == number), None) if number else None
        if found is None:
            return None
        del self._held[found.downlink]
        return found.downlink

    def due(self) -> Iterator[Down]:
        """What is new, as far as the window goes, and what was not taken in time. `said` tells of each that it went out."""
        now_s = self._now_s()
        under_way = sum(1 for down in self._held.values() if down.number and not _in_vain(down, now_s))
        for down in self._held.values():
            if not down.number:
                if under_way >= DOWN_WINDOW:
                    return
                under_way += 1
                down.number = self._next_number()
            elif down.said > REPEATS or now_s < down.due_s:
                continue
            yield down

    def said(self, down: Down) -> None:
        """It is on the line: again in REPEAT_S."""
        down.said += 1
        down.due_s = self._now_s() + REPEAT_S

    def _next_number(self) -> int:
        """1 to 65535; none that waits for a TAKEN."""
        used = {down.number for down in self._held.values()}
        while True:
            self._number = self._number % 65535 + 1
            if self._number not in used:
                return self._number


def _in_vain(down: Down, now_s: float) -> bool:
    """Said as often as it may be, and not taken: it makes room for others, and a late TAKEN still counts."""
    return down.said > REPEATS and now_s >= down.due_s
