"""How far the server's clock has run from the last sweep: what must not happen by a wrong clock asks here first."""

from __future__ import annotations

from cloud_sync.audit import Kind
from cloud_sync.stores import AuditStore

MOST_LEAP_S = (
    86_400  # a sweep runs hourly: a day without one is an outage or a wrong clock, and a person must say which
)
MOST_AHEAD_S = 120  # how far two clocks may differ before one of them is wrong (docs/wire-format.md section 6)
SWEPT, HALTED = "swept", "clock_leap"  # reasons in the audit log; the count is of envelopes, or of seconds


def leap_s(log: AuditStore, now: float) -> float:
    """Seconds from the last sweep that was carried out, or from the log's first entry, to `now`."""
    for most in (1, 100, log.leaf_count()):  # nearly always the newest is it; ingest asks as well, and a year has 8,760
        found = log.newest_events(Kind.RETENTION_SWEPT.value, most)
        for event in found:
            if ("reason", SWEPT) in event.detail:
                return now - event.at
        if len(found) < most:
            break
    first = log.first_event()
    return now - first.at if first else 0.0


def clock_in_doubt(log: AuditStore, now: float) -> bool:
    """Whether the clock may be wrong, by the last sweep that was carried out."""
    return in_doubt(leap_s(log, now))


def in_doubt(leap: float) -> bool:
    """Whether a clock that is `leap` seconds from the last sweep may be wrong: behind it, or ahead by more than a day."""
    return not -MOST_AHEAD_S <= leap <= MOST_LEAP_S
