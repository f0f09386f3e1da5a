"""Exponential back-off with jitter between contacts that fail."""


class Backoff:
    """`random(n)` gives n random bytes. Pauses double from LEAST_MS to MOST_MS, each between half and all of that.

    The jitter keeps a fleet from coming back in step after a broker's restart.
    """

    LEAST_MS = 10_000
    MOST_MS = 900_000  # a withdrawal that waited for the broker arrives within 15 minutes of its return

    def __init__(self, random):
        self._random = random
        self.bound_ms = self.LEAST_MS

    def reset(self) -> None:
        """A contact went well."""
        self.bound_ms = self.LEAST_MS

    def next_ms(self) -> int:
        """Pause before the next try."""
        bound_ms = self.bound_ms
        self.bound_ms = min(bound_ms * 2, self.MOST_MS)
        raw = self._random(2)
        return bound_ms // 2 + (raw[0] << 8 | raw[1]) * (bound_ms // 2) // 65535
