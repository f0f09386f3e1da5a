"""Each promise that the sweep looks at is seen to break: one thing is changed in what a sound installation left behind."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EnvelopeId, Header
from cloud_sync.wire.envelope import seal_uplink
from hw_sim.demo.invariants import PROMISES, Witness, judge, name_of
from hw_sim.demo.product import Byleave
from hw_sim.demo.sealed import digest_of
from hw_sim.demo.witnessing import found_in

DEVICE = "a" * 16
LOCATION, STATUS = 1, 4


def sealed(stream: int, counter: int, *, version: int = 1, text: bytes = b"x") -> bytes:
    """An envelope of day 20479."""
    return seal_uplink(DEVICE, Header(1, stream, 20479, counter, version), bytes(4), bytes(32), text)


def row(stream: int, counter: int, envelope: bytes) -> tuple[EnvelopeId, bytes]:
    """Its row in the store."""
    return EnvelopeId(DEVICE, 1, stream, 20479, counter), digest_of(envelope)


def sound() -> Witness:
    """What a sound installation left: four envelopes, two of them sealed since the cut, all stored."""
    numbers = [(STATUS, 0), (LOCATION, 0), (STATUS, 8), (LOCATION, 8)]
    envelopes = [sealed(*number) for number in numbers]
    return Witness(
        sealed={digest_of(each): each for each in envelopes},
        sent=[*envelopes, envelopes[1]],
        rows=[row(*number, each) for number, each in zip(numbers, envelopes, strict=True)],
        waiting=set(),
        dropped=set(),
        floors=(1, 1, 1, 0),
        kinds=Counter({Kind.STORED: 4, Kind.REPEATED: 1}),
        since=2,
        cuts=1,
        batch=4,
        measured=set(range(0, 200, 10)),
        read=list(range(0, 150, 10)),
    )


def _add(seen: Witness, envelope: bytes) -> None:
    seen.sealed[digest_of(envelope)] = envelope


def _lose(seen: Witness) -> None:
    del seen.rows[1]


def _reuse(seen: Witness) -> None:
    seen.sent.append(sealed(LOCATION, 8, text=b"another"))


def _double(seen: Witness) -> None:
    seen.rows.append(seen.rows[1])


def _garbage(seen: Witness) -> None:
    seen.kinds[Kind.NOT_AUTHENTIC] += 1


def _silence(seen: Witness) -> None:
    seen.since = 4


def _leak(seen: Witness) -> None:
    seen.past_keys.append("chain of number 0")


def _old_version(seen: Witness) -> None:
    for counter, version in ((16, 2), (24, 1)):
        envelope = sealed(STATUS, counter, version=version)
        _add(seen, envelope)
        seen.rows.append(row(STATUS, counter, envelope))


def _fall(seen: Witness) -> None:
    envelope = sealed(STATUS, 4)
    _add(seen, envelope)
    seen.rows.append(row(STATUS, 4, envelope))


def _early(seen: Witness) -> None:
    seen.early = 1


def _stuck(seen: Witness) -> None:
    seen.waiting = {digest_of(sealed(LOCATION, 8))}


def _chase(seen: Witness) -> None:
    seen.told = 500


def _batches(seen: Witness) -> None:
    seen.read = seen.read[:10]


BREACHES: dict[str, Callable[[Witness], None]] = {
    "nothing-sealed-is-lost": _lose,
    "no-key-is-used-twice": _reuse,
    "nothing-is-stored-twice": _double,
    "all-opens-at-the-server": _garbage,
    "it-goes-on": _silence,
    "no-past-key-is-left": _leak,
    "versions-never-fall": _old_version,
    "numbers-only-rise": _fall,
    "no-personal-data-without-time": _early,
    "the-spool-drains": _stuck,
    "it-comes-to-rest": _chase,
    "fixes-lost-are-the-open-batch": _batches,
}


def test_a_sound_installation_keeps_all_promises() -> None:
    """The case that every breach below changes one thing of."""
    assert judge(sound()) == []


def test_every_promise_has_its_breach() -> None:
    """No promise is looked at that nothing can break; the product names them all, each in a sentence."""
    assert set(BREACHES) == {name_of(promise) for promise in PROMISES} == set(Byleave.invariants)
    assert all(sentence.endswith(".") for sentence in Byleave.invariants.values())


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_found_by_its_name(name: str) -> None:
    """The promise, and no other, says what is wrong."""
    seen = copy.deepcopy(sound())
    BREACHES[name](seen)
    assert {finding.invariant for finding in judge(seen)} == {name}


@pytest.mark.parametrize("why", ["dropped", "waiting", "below the floor"])
def test_what_is_accounted_for_is_not_lost(why: str) -> None:
    """A verdict that drops, an envelope that waits, a leave that was taken back: no loss of a sealed envelope."""
    seen = sound()
    envelope = sealed(LOCATION, 0)
    _lose(seen)
    if why == "dropped":
        seen.dropped.add(digest_of(envelope))
    elif why == "waiting":
        seen.waiting.add(digest_of(envelope))
    else:
        seen.floors = (2, 1, 1, 0)
    assert "nothing-sealed-is-lost" not in {finding.invariant for finding in judge(seen)}


@pytest.mark.parametrize("at", [0, 4090, 4096, 5000, 3 * 4096 - 32])
def test_a_key_is_found_anywhere_and_once(at: int) -> None:
    """At the first byte, over the edge of two sectors, at the last one; what is not there is not found."""
    key, other = bytes(range(32)), bytes(range(1, 33))
    memory = bytearray(b"\xff" * (3 * 4096))
    memory[at : at + 32] = key
    assert found_in(bytes(memory), {key: "the key", other: "another"}, 4096) == ["the key"]
    memory[at] ^= 1
    assert found_in(bytes(memory), {key: "the key", other: "another"}, 4096) == []
