"""From events to records: ISO/IEC TS 27560 has one record of a consent with the events of its life; the ledger has the events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloud_sync.model import ConsentRecord, ConsentState

Thread = Sequence[ConsentRecord]

_ENDS = frozenset({ConsentState.WITHDRAWN, ConsentState.EXPIRED})
_OVER = _ENDS | {ConsentState.REFUSED}


def threads(records: Iterable[ConsentRecord]) -> list[Thread]:
    """The records of one subject, events of each purpose apart, in the order in which they began.

    A record begins with a question, or with an answer that nobody asked for after the last one ended or under another text or
    policy. It is known by its first event, and by any of the others.
    """
    found: list[list[ConsentRecord]] = []
    latest: dict[str, list[ConsentRecord]] = {}
    for event in records:
        thread = latest.get(event.purpose)
        if thread is None or _begins(event, thread):
            thread = latest[event.purpose] = []
            found.append(thread)
        thread.append(event)
    return list(found)


def _begins(event: ConsentRecord, thread: Thread) -> bool:
    if event.event_state in _ENDS:
        return False
    if event.event_state is ConsentState.REQUESTED or thread[-1].event_state in _OVER:
        return True
    first = thread[0]
    return (event.policy_hash, event.privacy_notice) != (first.policy_hash, first.privacy_notice)


def thread_of(records: Iterable[ConsentRecord], record_id: str) -> Thread | None:
    """The record that has an event of this id."""
    return next((thread for thread in threads(records) if any(e.record_id == record_id for e in thread)), None)
