"""Every kind of bad input, each with one thing changed of a message first proven valid: refused, named, nothing stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker, World

T = int(NOON) - 3600
VERSION, GENERATION, STREAM, EPOCH, COUNTER, DIRECTIVE = range(6)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server core with one device whose person agreed."""
    world = World(tmp_path)
    yield world
    world.close()


@pytest.fixture
def tracker(world: World) -> Tracker:
    """That device."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.enrol("b" * 16, "s-2")
    world.consent()
    world.clock.at = NOON
    return tracker


def field(index: int, value: int) -> Callable[[bytes], bytes]:
    """One field of the header replaced, all else as it was."""

    def change(sealed: bytes) -> bytes:
        parts: list[Any] = msgpack.unpackb(sealed)
        parts[0][index] = value
        return bytes(msgpack.packb(parts))

    return change


def part(index: int, value: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """Salt or ciphertext replaced, all else as it was."""

    def change(sealed: bytes) -> bytes:
        parts: list[Any] = msgpack.unpackb(sealed)
        parts[index] = value(parts[index])
        return bytes(msgpack.packb(parts))

    return change


CASES: dict[str, tuple[Callable[[bytes], bytes], Kind]] = {
    "empty": (lambda sealed: b"", Kind.MALFORMED),
    "cut short": (lambda sealed: sealed[:-1], Kind.MALFORMED),
    "a byte follows": (lambda sealed: sealed + b"\0", Kind.MALFORMED),
    "padding follows the envelope": (lambda sealed: sealed + b"\xc1", Kind.MALFORMED),
    "not MessagePack": (lambda sealed: b"\xc1" + sealed[1:], Kind.MALFORMED),
    "a map": (lambda sealed: b"\x81" + sealed[1:], Kind.MALFORMED),
    "array in a longer form": (lambda sealed: b"\xdc\x00\x03" + sealed[1:], Kind.MALFORMED),
    "version in a longer form": (lambda sealed: sealed[:2] + b"\xcc\x01" + sealed[3:], Kind.MALFORMED),
    "nested without end": (lambda sealed: b"\x91" * 900 + sealed, Kind.MALFORMED),
    "an array that claims 4 GiB": (lambda sealed: b"\xdd\xff\xff\xff\xff" + sealed[1:], Kind.MALFORMED),
    "version 0": (field(VERSION, 0), Kind.MALFORMED),
    "version 2": (field(VERSION, 2), Kind.MALFORMED),
    "stream 0, downlink": (field(STREAM, 0), Kind.MALFORMED),
    "stream 5": (field(STREAM, 5), Kind.MALFORMED),
    "negative stream": (field(STREAM, -1), Kind.MALFORMED),
    "counter 4096": (field(COUNTER, 4096), Kind.MALFORMED),
    "epoch beyond its range": (field(EPOCH, 2**17), Kind.MALFORMED),
    "directive version beyond its range": (field(DIRECTIVE, 2**31), Kind.MALFORMED),
    "generation beyond its range": (field(GENERATION, 2**16), Kind.MALFORMED),
    "salt of 3 bytes": (part(1, lambda salt: salt[:3]), Kind.MALFORMED),
    "salt as text": (part(1, lambda salt: "salt"), Kind.MALFORMED),
    "nothing but a tag": (part(2, lambda sealed: sealed[-8:]), Kind.MALFORMED),
    "oversized": (part(2, lambda sealed: sealed + bytes(1025)), Kind.MALFORMED),
    "unknown generation": (field(GENERATION, 1), Kind.UNKNOWN_GENERATION),
    "epoch of the day after tomorrow": (field(EPOCH, TODAY + 2), Kind.FAR_AHEAD),
    "last epoch there is": (field(EPOCH, 2**17 - 1), Kind.FAR_AHEAD),
    "tomorrow's epoch": (field(EPOCH, TODAY + 1), Kind.NOT_AUTHENTIC),
    "another stream's number": (field(STREAM, 4), Kind.NOT_AUTHENTIC),
    "next counter": (field(COUNTER, 1), Kind.NOT_AUTHENTIC),
    "farthest counter": (field(COUNTER, 4095), Kind.NOT_AUTHENTIC),
    "another directive version": (field(DIRECTIVE, 2), Kind.NOT_AUTHENTIC),
    "another salt": (part(1, lambda salt: bytes([salt[0] ^ 1]) + salt[1:]), Kind.NOT_AUTHENTIC),
    "first bit of the ciphertext": (part(2, lambda s: bytes([s[0] ^ 0x80]) + s[1:]), Kind.NOT_AUTHENTIC),
    "last bit of the tag": (part(2, lambda s: s[:-1] + bytes([s[-1] ^ 1])), Kind.NOT_AUTHENTIC),
    "tag cut by a byte": (part(2, lambda s: s[:-1]), Kind.NOT_AUTHENTIC),
    "epoch of before the enrolment": (field(EPOCH, TODAY - 1), Kind.CLOSED),
}


def state_of(world: World) -> tuple[object, ...]:
    """Everything that a refused message might have changed."""
    return (
        world.database.count_envelopes(),
        world.store.tips(),
        world.store.leaves("a" * 16, 0, 0, TODAY + 9),
        world.store.down("a" * 16),
        world.database.directive_state("a" * 16),
        world.database.leaf_count(),
    )


@pytest.mark.parametrize("name", CASES)
def test_one_change_of_a_valid_envelope_is_refused_and_changes_nothing(
    world: World, tracker: Tracker, name: str
) -> None:
    """The envelope before it opens, the changed one does not, and the untouched one after it is stored as ever."""
    change, kind = CASES[name]
    world.take(tracker, tracker.fixes([T], counter=4000), tracker.status(counter=4000))
    valid = tracker.fixes([T + 10], counter=0)
    before = state_of(world)
    [outcome] = world.take(tracker, change(valid))
    assert outcome.kind is kind
    assert (outcome.verdict is not None) == (kind is Kind.CLOSED)
    assert state_of(world) == before
    assert [outcome.kind for outcome in world.take(tracker, valid)] == [Kind.STORED]


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("bl/1/" + "b" * 16 + "/up", Kind.NOT_AUTHENTIC),  # moved to another enrolled device
        ("bl/1/" + "c" * 16 + "/up", Kind.UNKNOWN_DEVICE),
        ("bl/1/" + "A" * 16 + "/up", Kind.UNKNOWN_DEVICE),
        ("bl/1/" + "a" * 15 + "/up", Kind.UNKNOWN_TOPIC),
        ("bl/2/" + "a" * 16 + "/up", Kind.UNKNOWN_TOPIC),
        ("bl/1/" + "a" * 16 + "/uq", Kind.UNKNOWN_TOPIC),
        ("bl/1/" + "a" * 16 + "/up/", Kind.UNKNOWN_TOPIC),
        ("", Kind.UNKNOWN_TOPIC),
    ],
)
def test_a_valid_envelope_on_another_topic_is_refused(world: World, tracker: Tracker, topic: str, kind: Kind) -> None:
    """The device is bound in by the tag, and the topic has one form."""
    world.take(tracker, tracker.fixes([T], counter=1))
    valid = tracker.fixes([T + 10], counter=2)
    [outcome] = world.ingest.handle([(topic, valid)])
    assert (outcome.kind, outcome.verdict) == (kind, None)
    assert [outcome.kind for outcome in world.take(tracker, valid)] == [Kind.STORED]


def test_every_bad_message_of_one_batch_leaves_the_good_ones_alone(world: World, tracker: Tracker) -> None:
    """All cases and one valid envelope together: it is stored, each other one keeps its own outcome."""
    valid = tracker.fixes([T], counter=0)
    outcomes = world.take(tracker, *(change(valid) for change, _ in CASES.values()), valid)
    assert [outcome.kind for outcome in outcomes] == [*(kind for _, kind in CASES.values()), Kind.STORED]
    assert world.database.count_envelopes() == 1


def test_a_clock_that_lags_a_day_behind_serves_today_and_closes_nothing(world: World, tracker: Tracker) -> None:
    """The server's clock falls a day back: what is "tomorrow" for it opens; two days back it waits, unverified."""
    sealed = [tracker.fixes([T + n]) for n in range(3)]
    assert [outcome.kind for outcome in world.take(tracker, sealed[0])] == [Kind.STORED]
    world.clock.at = NOON - EPOCH_SECONDS
    [outcome] = world.take(tracker, sealed[1])
    assert (outcome.kind, outcome.verdict) == (Kind.UNDECIDED, None)  # the consent lies in the future of this clock
    world.clock.at = NOON - 2 * EPOCH_SECONDS
    assert world.take(tracker, sealed[2]) == [(Kind.FAR_AHEAD, "", None, ())]
    world.clock.at = NOON
    assert [outcome.kind for outcome in world.take(tracker, sealed[2])] == [Kind.STORED]
