"""How long a stream's envelopes may stay, counted from capture by the policy's terms."""

from __future__ import annotations

import math

from cloud_sync.model import UPLINK_STREAMS, Stream
from cloud_sync.policy import Period, Policy


class Terms:
    """The retention schedule of the streams. A stream that no rule declares may not stay at all."""

    def __init__(self, policy: Policy) -> None:
        self._terms: dict[int, Period | None] = {stream: policy.stream_term(stream) for stream in UPLINK_STREAMS}
        self._shortest: dict[int, int] = {
            stream: term.shortest_s if term else 0 for stream, term in self._terms.items()
        }

    def over(self, stream: int, capture: float, now: float) -> bool:
        """Whether the term of a capture (Unix seconds) has ended."""
        if now - capture < self._shortest[stream]:  # nearly always, and calendar arithmetic is dear
            return False
        term = self._terms[stream]
        return term is None or term.end(capture) <= now

    def certainly_kept_from(self, stream: Stream, now: float) -> float:
        """Captures from this Unix second on are within their term, however long its months are."""
        return math.nextafter(now - self._shortest[stream], math.inf)
