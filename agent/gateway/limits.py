"""What one port may ask of a gateway: token buckets, so that a port that floods takes nothing from the others.

What goes beyond a limit is not lost: it gets no answer, and a device says again after 8 s what was not answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of each port at 115 200 baud. A device that keeps to docs/serial-link.md meets none of them."""

    # Envelopes: such a line carries 11 520 bytes a second.
    up_bytes_s: float = 12_000.0
    up_burst_bytes: float = 65_536.0
    # Frames of any type. The smallest envelopes have 60 bytes: 160 of them fill such a line for a second.
    frames_s: float = 200.0
    burst_frames: float = 400.0
    # Raw bytes, noise too: twice what that line carries [a USB port has no baud rate and sends a megabyte of garbage a second].
    raw_bytes_s: float = 24_000.0
    raw_burst_bytes: float = 131_072.0
    # A device says HELLO once a contact and its contacts are minutes apart; after 15 s without a WELCOME it rests first.
    hellos_min: float = 12.0
    burst_hellos: float = 6.0
    # Other pseudonyms than the last: a bench where one device after the other is read out changes once a minute.
    changes_hour: float = 60.0
    burst_changes: float = 20.0

    def at(self, baudrate: int) -> Limits:
        """For a line of another speed: what it carries grows with it; a slower one is allowed as much."""
        times = max(1.0, baudrate / 115_200)
        return replace(
            self,
            up_bytes_s=self.up_bytes_s * times,
            frames_s=self.frames_s * times,
            raw_bytes_s=self.raw_bytes_s * times,
            up_burst_bytes=self.up_burst_bytes * times,
            burst_frames=self.burst_frames * times,
            raw_burst_bytes=self.raw_burst_bytes * times,
        )


class Bucket:
    """A token bucket: `rate_s` tokens a second, at most `burst` kept."""

    __slots__ = ("_at_s", "_burst", "_now_s", "_rate_s", "_tokens")

    def __init__(self, rate_s: float, burst: float, now_s: Callable[[], float]) -> None:
        """Full at first."""
        self._rate_s, self._burst, self._now_s = rate_s, burst, now_s
        self._tokens, self._at_s = burst, now_s()

    def take(self, n: float = 1.0) -> bool:
        """Take n tokens, or none and False if there are fewer."""
        now_s = self._now_s()
        # A clock that steps back gives nothing and takes nothing.
        self._tokens = min(self._burst, self._tokens + max(0.0, now_s - self._at_s) * self._rate_s)
        self._at_s = now_s
        if self._tokens < n:
            return False
        self._tokens -= n
        return True
