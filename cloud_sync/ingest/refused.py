"""What is told of refusals: a line of the log now and then, and one entry of the audit log for all of a kind in a batch.

A flood of bad messages is counted, message by message, in the figures; the logs do not grow with it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping

from cloud_sync.audit import Kind as AuditKind
from cloud_sync.ingest.outcome import VERDICTS, Kind
from cloud_sync.model import AuditEvent
from cloud_sync.stores import AuditSink

log = logging.getLogger("cloud_sync.ingest")

EVERY_S = 10.0  # between two lines: six a minute at most, and nobody waits long for the sum
ACTOR = "ingest"  # who acts, in the audit log


class Lines:
    """Lines about messages that get no verdict: the first at once, then what has come since, at most every `EVERY_S`."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since: Counter[str] = Counter()
        self._next = float("-inf")

    def tell(self, kinds: Mapping[Kind, int]) -> None:
        """A batch has ended in these ways."""
        self._since.update({str(kind): count for kind, count in kinds.items() if kind not in VERDICTS})
        if self._since and self._monotonic() >= self._next:
            log.warning("messages refused: %s", dict(self._since))
            self._since.clear()
            self._next = self._monotonic() + EVERY_S


class Notes:
    """What the audit log is to have of one batch: an entry for each kind, person, stream and reason, with how often."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, int, str]] = Counter()

    def add(self, kind: AuditKind, subject: str, stream: int, reason: str) -> None:
        """Once more."""
        self._counts[kind.value, subject, stream, str(reason)] += 1

    def append_to(self, audit: AuditSink, now: float) -> None:
        """Write them, inside the transaction of the batch."""
        for (kind, subject, stream, reason), count in self._counts.items():
            detail: tuple[tuple[str, str | int], ...] = (("stream", stream), ("reason", reason), ("count", count))
            audit.append(AuditEvent(kind, now, ACTOR, subject, detail))
