"""cloud_sync replays the vectors of healing, and its store comes to the same ladders out of an offer and an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.errors import WireFormatError
from cloud_sync.keys.generations import Generations
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.wrap import FileKeyEncryptionKey
from cloud_sync.model import UPLINK_STREAMS, HealAnswer, HealingOffer, HealOffer, Stream
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTombstones
from cloud_sync.wire import downlink, ladder, status

from .test_cloud_replay import cases, raw, value_of
from .vectorfile import Case

DEVICE = "abcdefghijklmnop"


def offer_of(case: Case) -> HealOffer:
    """The offer of a case."""
    offer = downlink.read_value(value_of(case["offer"]))
    assert isinstance(offer, HealOffer)
    return offer


@cases("healing", "valid")
def test_healing_valid(case: Case) -> None:
    """Offer, answer, shared secret and every new ladder are the vector's."""
    root, private, public, shared = raw(case, "root", "server_private", "device_public", "shared")
    offer = offer_of(case)
    assert downlink.healing_value(offer) == value_of(case["offer"])
    assert (offer.spine_epoch, offer.first_epoch) == (case["spine_epoch"], case["epoch"])
    assert status.read_status(raw(case, "answer")[0], case["epoch"]) == HealAnswer(case["number"], public)
    assert ladder.shared_secret(private, public) == shared
    for stream, old, new in zip(UPLINK_STREAMS, case["old_spines"], case["new_spines"], strict=True):
        value = ladder.spine(root, stream)
        for _ in range(case["spine_epoch"] - case["began"]):
            value = ladder.next_spine(value, stream)
        assert (value.hex(), ladder.mix(value, shared, stream).hex()) == (old, new)
    assert ladder.mix(bytes.fromhex(case["old_spines"][-1]), shared, Stream.DOWN).hex() == case["new_down"]


@cases("healing", "invalid")
def test_healing_invalid(case: Case) -> None:
    """A key that fixes the secret is refused, whichever side meets it."""
    private, public = raw(case, "device_private", "server_public")
    with pytest.raises(WireFormatError):
        ladder.shared_secret(private, public)


@cases("healing", "valid")
def test_the_store_comes_to_the_same_ladders(case: Case, tmp_path: Path) -> None:
    """From the root alone, an offer kept and an answer taken: the first key of each stream and of the downlink."""
    store, stones = SqliteKeys(tmp_path / "keys.db"), SqliteTombstones(tmp_path / "tombstones.db")
    kek = FileKeyEncryptionKey(bytes(32))
    ladders = LadderKeys(store, kek, stones)
    generations = Generations(store, kek, ladders)
    generation, today = case["generation"], case["spine_epoch"] - 1
    root, private, public = raw(case, "root", "server_private", "device_public")
    ladders.enrol(DEVICE, root, generation, case["began"])
    offer = HealingOffer(
        DEVICE, generation, case["number"], generations.align(DEVICE, generation, today), case["epoch"]
    )
    assert offer.spine_epoch == case["spine_epoch"]
    generations.offered(offer, private, 0.0)
    sealed_at = (generation, case["epoch"], 5)
    assert generations.answered(DEVICE, case["number"], public, sealed_at, today)
    for stream, key in zip(UPLINK_STREAMS, case["first_keys"], strict=True):
        chain = ladders.chain(DEVICE, generation + 1, stream, case["epoch"], today)
        assert chain.key(0).hex() == key
    generations.begin(DEVICE, generation + 1, today)
    (first,) = ladders.down_keys(DEVICE, 1)
    assert (first.generation, first.number, first.key.hex()) == (generation + 1, 0, case["first_down_key"])
    store.close()
    stones.close()
