"""Order of sending, and which verdict releases what."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from firmware.link import outbox
from firmware.wire import envelope

Entry = namedtuple("Entry", ("position", "stream", "time_s", "envelope"))
DEVICE = "a" * 16


class ListSpool:
    """The spool's interface over a list."""

    def __init__(self, count: int) -> None:
        self.entries: list[Any] = []
        self.add(count)

    def add(self, count: int) -> None:
        """Append envelopes with counters that go on."""
        for _ in range(count):
            position = len(self.entries)
            sealed = envelope.seal_uplink(DEVICE, (0, 1, 20000, position, 1), b"salt", bytes(32), b"\x91\x01")
            self.entries.append(Entry(position, 1, 0, sealed))
        self.waiting = getattr(self, "waiting", set()) | set(range(len(self.entries) - count, len(self.entries)))

    def pending(self, after: int | None = None, limit: int | None = None) -> Any:
        """Entries that wait, beyond a position."""
        found = [e for e in self.entries if e.position in self.waiting and (after is None or e.position > after)]
        return iter(found[:limit])

    def release(self, position: int) -> bool:
        """Done for good."""
        was = position in self.waiting
        self.waiting.discard(position)
        return was


def number(entry: Any) -> tuple[int, ...]:
    """Number and digest as a verdict names them."""
    return (*envelope.peek_uplink(entry.envelope)[:4], envelope.digest8(entry.envelope))


def drain(box: outbox.Outbox) -> list[int]:
    """Positions that the outbox gives until it gives none."""
    given = []
    while (entry := box.next()) is not None:
        given.append(entry.position)
    return given


def test_everything_is_sent_once_in_a_contact() -> None:
    """In the order of the spool; what comes meanwhile too; nothing twice."""
    spool = ListSpool(5)
    box = outbox.Outbox(spool)
    box.begin()
    assert drain(box) == [0, 1, 2, 3, 4]
    spool.add(2)
    assert box.has_new() and drain(box) == [5, 6] and not box.has_new()


def test_a_verdict_releases_the_entry_that_it_names() -> None:
    """Number and digest must both match one that was sent in this contact; then it leaves the spool."""
    spool = ListSpool(2)
    box = outbox.Outbox(spool)
    box.begin()
    box.next()
    generation, stream, epoch, counter, digest = number(spool.entries[0])
    assert not box.judge(generation, stream, epoch, counter, digest[:7] + bytes((digest[7] ^ 1,)))
    assert not box.judge(generation, stream, epoch, counter + 1, digest)
    assert not box.judge(*number(spool.entries[1]))  # never sent
    assert spool.waiting == {0, 1}
    assert box.judge(generation, stream, epoch, counter, digest)
    assert spool.waiting == {1}
    assert not box.judge(generation, stream, epoch, counter, digest)


def test_what_got_no_verdict_is_sent_again_behind_what_is_new() -> None:
    """Each later contact sends new entries first, then all the old ones; released ones are not sent."""
    spool = ListSpool(4)
    box = outbox.Outbox(spool)
    box.begin()
    drain(box)
    box.judge(*number(spool.entries[1]))
    spool.add(2)
    box.begin()
    assert drain(box) == [4, 5, 0, 2, 3]
    for _ in range(3):
        box.begin()
        assert drain(box) == [0, 2, 3, 4, 5]


def test_entries_without_a_verdict_never_block_the_spool() -> None:
    """With more unjudged entries than may wait, sending stops, goes on after `forget`, and reaches the last one."""
    spool = ListSpool(outbox.MAX_UNJUDGED + 10)
    box = outbox.Outbox(spool)
    box.begin()
    assert drain(box) == list(range(outbox.MAX_UNJUDGED))
    assert box.unjudged() == outbox.MAX_UNJUDGED and box.next() is None
    box.forget()
    assert drain(box) == list(range(outbox.MAX_UNJUDGED, outbox.MAX_UNJUDGED + 10))


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_contacts_that_break_early_reach_every_old_entry(cut: int) -> None:
    """Each contact sends only `cut` old entries and breaks: the next goes on behind them and not at the head again."""
    spool = ListSpool(8)
    box = outbox.Outbox(spool)
    box.begin()
    drain(box)
    seen: set[int] = set()
    for _ in range(8):
        box.begin()
        for _ in range(cut):
            entry = box.next()
            if entry is not None:
                seen.add(entry.position)
    assert seen == set(range(8))
