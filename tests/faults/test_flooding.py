"""A device that floods: what it costs, what grows by it, and what becomes of everybody else."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import pytest

from cloud_sync.ingest.fairness import CROWD, SHARE, surplus
from cloud_sync.ingest.outcome import Kind
from cloud_sync.ingest.refused import EVERY_S, Lines
from tests.faults.flooding import EVERY_S as OTHERS_EVERY_S
from tests.faults.flooding import KINDS, OTHERS, Flood
from tests.unit.cloud_sync.ingest.ingest_world import NOON, World
from tests.unit.cloud_sync.mqtt.mqtt_broker import available

T = int(NOON) - 3600
SECONDS = 1.5
COUNTED = ("scattered",)  # its hashes are, in `test_ingest_doubt`: a number that says more than a time


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in COUNTED])
def test_the_others_are_served_while_one_floods(tmp_path: Path, kind: str) -> None:
    """Thousands a second of one kind: all of the others' envelopes are stored, nearly all at once; no log grows by the message."""
    figures = Flood(tmp_path, kind, SECONDS).run()  # every one of the others has its verdict, or this fails
    assert figures["others_sent"] >= OTHERS * SECONDS / OTHERS_EVERY_S / 2
    flood = figures["handled_per_s"] * SECONDS - figures["others_sent"]
    assert flood > 1000, "that was no flood"
    assert figures["others_in_time"] > 0.5
    if kind == "denied":  # what costs most: without shares half of the others' envelopes wait for more than a second
        assert figures["beyond_share"] > 0
    assert figures["log_lines"] <= 2
    assert figures["log_entries"] <= (flood / 10 if kind == "denied" else 0)  # one a batch, and none without a tag


def test_the_share_of_a_crowd() -> None:
    """A batch of half the largest size: 256 of each topic stay, in order, and what others sent stays whole."""
    flood, other = ("bl/1/a/up", b""), ("bl/1/b/up", b"")
    messages = [flood, other] * SHARE + [flood] * (CROWD - 2 * SHARE)
    beyond = surplus(messages)
    assert beyond == set(range(2 * SHARE, CROWD))
    assert surplus(messages[:-1]) == frozenset()  # no crowd: one device that comes back from a week's journey
    many = [(f"bl/1/{n % 4}/up", b"") for n in range(CROWD)]
    assert surplus(many) == frozenset()
    assert surplus([*many, many[0]]) == {CROWD}


def test_what_is_beyond_the_share_has_no_verdict_and_can_come_again(tmp_path: Path) -> None:
    """A long spool in one full batch: 256 are stored, the rest is as if it had never come, and is stored next time."""
    world = World(tmp_path)
    world.clock.at = NOON - 7200
    tracker, other = world.enrol(), world.enrol("b" * 16, "s-2")
    world.consent()
    world.consent("s-2")
    world.clock.at = NOON
    spool = [tracker.fixes([T + n], counter=n) for n in range(CROWD - 1)]
    messages = [(tracker.topic, sealed) for sealed in spool] + [(other.topic, other.fixes([T]))]
    outcomes = world.ingest.handle(messages)
    kinds = Counter(outcome.kind for outcome in outcomes)
    assert kinds == {Kind.STORED: SHARE + 1, Kind.BEYOND_SHARE: CROWD - 1 - SHARE}
    assert outcomes[-1].kind is Kind.STORED
    assert all(each.verdict is None for each in outcomes if each.kind is Kind.BEYOND_SHARE)
    again = world.take(tracker, *spool[SHARE:])
    assert {each.kind for each in again} == {Kind.STORED}
    assert world.database.count_envelopes(tracker.name) == CROWD - 1
    world.close()


def test_lines_about_refusals_are_few(caplog: pytest.LogCaptureFixture) -> None:
    """The first at once; a thousand batches within ten seconds are one more line, with their sum, when these are over."""
    now = 0.0
    lines = Lines(lambda: now)
    with caplog.at_level(logging.WARNING):
        lines.tell({Kind.STORED: 5, Kind.REPEATED: 1})
        assert caplog.messages == []
        lines.tell({Kind.MALFORMED: 1})
        for _ in range(1000):
            lines.tell({Kind.NOT_AUTHENTIC: 3})
        assert caplog.messages == ["messages refused: {'malformed': 1}"]
        now = EVERY_S
        lines.tell({Kind.STORED: 1})
    assert caplog.messages[1:] == ["messages refused: {'not_authentic': 3000}"]
