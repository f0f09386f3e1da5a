"""How much of a spool is taken, by whom, and what still fits."""

from __future__ import annotations


class Room:
    """Counts envelopes and bytes against a bound. No port may hold more than is still free.

    [A port that floods fills half of the spool at most, whatever pseudonyms it invents; the next one half of the rest.]
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.count = self.bytes = 0
        self._of_port: dict[str, int] = {}

    def fits(self, port: str, size: int, before: int = 0) -> bool:
        """Whether so many bytes more do, behind `before` others of the same port."""
        return self._of_port.get(port, 0) + before + size <= self._most_bytes - self.bytes - before

    def add(self, port: str, n: int, size: int) -> None:
        """n envelopes of a port, together of that size; below 0 where they are gone."""
        self.count += n
        self.bytes += size
        left = self._of_port.get(port, 0) + size
        self._of_port[port] = left
        if not left:
            del self._of_port[port]
