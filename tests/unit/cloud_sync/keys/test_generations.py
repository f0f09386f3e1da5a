"""How one generation follows another at the server: offers, answers, candidates, and what is destroyed when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, KeyDestroyed, SealBroken, UnknownDevice
from cloud_sync.keys.generations import OFFER_AGAIN_S, Generations, new_private
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.wrap import FileKeyEncryptionKey
from cloud_sync.model import UPLINK_STREAMS, HealingOffer, Stream
from cloud_sync.storage.sqlite import SqliteKeys, SqliteTombstones

D, TODAY, NUMBER = "aaaaaaaaaaaaaaaa", 20_500, 7
AT = (0, TODAY, 12)  # where the answer is sealed


class Keys:
    """A key store with one device."""

    def __init__(self, directory: Path, generation: int = 0) -> None:
        self.store = SqliteKeys(directory / "keys.db")
        self._stones = SqliteTombstones(directory / "tombstones.db")
        kek = FileKeyEncryptionKey(bytes(32))
        self.ladders = LadderKeys(self.store, kek, self._stones)
        self.generations = Generations(self.store, kek, self.ladders)
        if self.store.down(D) is None:
            self.ladders.enrol(D, bytes(range(32)), generation, TODAY)

    def offer(self, number: int = NUMBER, first_epoch: int = TODAY) -> HealingOffer:
        """Keep an offer as if it went out."""
        generation = self.store.down(D)[0]  # type: ignore[index]
        epoch = self.generations.align(D, generation, TODAY)
        offer = HealingOffer(D, generation, number, epoch, first_epoch)
        self.generations.offered(offer, new_private()[0], 0.0)
        return offer

    def answer(self, number: int = NUMBER, public: bytes | None = None, at: tuple[int, int, int] = AT) -> bool:
        """A device's answer."""
        return self.generations.answered(D, number, public or new_private()[1], at, TODAY)

    def close(self) -> None:
        """Close the files."""
        self.store.close()
        self._stones.close()


@pytest.fixture
def keys(tmp_path: Path) -> Iterator[Keys]:
    """An installation."""
    keys = Keys(tmp_path)
    yield keys
    keys.close()


def test_an_answer_begins_a_generation_beside_the_old_one(keys: Keys) -> None:
    """Both give keys until the first envelope; then the old tips are gone, and its days of before are not."""
    keys.offer()
    assert not keys.generations.known(D, 1)
    assert keys.answer()
    assert keys.generations.known(D, 1) and keys.store.down(D)[0] == 0  # type: ignore[index]
    for generation in (0, 1):
        assert keys.ladders.chain(D, generation, Stream.STATUS, TODAY, TODAY).key(0)
    keys.generations.begin(D, 1, TODAY)
    assert keys.store.down(D)[:2] == (1, 0)  # type: ignore[index]
    assert {(tip.generation, tip.epoch) for tip in keys.store.tips()} == {(1, TODAY + 1)}
    assert keys.ladders.chain(D, 0, Stream.LOCATION, TODAY, TODAY).key(0)
    with pytest.raises(KeyDestroyed):
        keys.ladders.chain(D, 0, Stream.LOCATION, TODAY + 1, TODAY + 1)
    assert keys.ladders.chain(D, 1, Stream.LOCATION, TODAY + 1, TODAY + 1).key(0)
    with pytest.raises(UnknownDevice):
        keys.ladders.chain(D, 2, Stream.LOCATION, TODAY, TODAY)


def test_a_generation_begins_once(keys: Keys) -> None:
    """A second beginning, and one that nobody answered for, change nothing."""
    keys.offer()
    keys.generations.begin(D, 1, TODAY)
    assert keys.store.down(D)[0] == 0  # type: ignore[index]
    assert keys.answer()
    keys.generations.begin(D, 2, TODAY)
    assert keys.store.down(D)[0] == 0  # type: ignore[index]
    keys.generations.begin(D, 1, TODAY)
    keys.ladders.down_keys(D, 3)
    keys.generations.begin(D, 1, TODAY)
    assert keys.store.down(D)[:2] == (1, 3)  # type: ignore[index]


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": NUMBER + 1},
        {"public": bytes(32)},
        {"public": b"\x01" + bytes(31)},
        {"at": (1, TODAY, 12)},
    ],
    ids=["another offer", "zero", "order 1", "another generation"],
)
def test_an_answer_that_leads_nowhere_is_told_so(keys: Keys, wrong: dict[str, object]) -> None:
    """Each with one thing changed of an answer that is taken after it."""
    keys.offer()
    assert not keys.answer(**wrong)  # type: ignore[arg-type]
    assert keys.store.candidate(D) is None and not keys.generations.known(D, 1)
    assert keys.answer()


@pytest.mark.parametrize("stream", UPLINK_STREAMS)
def test_a_tip_that_has_moved_on_makes_the_answer_useless(keys: Keys, stream: Stream) -> None:
    """One stream of a device that is a little ahead, or an erasure, has moved a tip: the two sides would mix apart."""
    keys.offer()
    keys.ladders.advance(D, 0, stream, TODAY + 1)
    assert not keys.answer()
    keys.offer(NUMBER + 1)
    assert keys.answer(NUMBER + 1)


def test_an_answer_that_comes_twice_is_taken_once(keys: Keys) -> None:
    """The database lost its row, so it comes again: the same generation, and the offer's key is gone."""
    keys.offer()
    public = new_private()[1]
    assert keys.answer(public=public)
    before = keys.store.candidate(D), keys.store.tips()
    assert keys.store.offers(D) == []
    assert keys.answer(public=public)
    assert (keys.store.candidate(D), keys.store.tips()) == before


def test_a_later_answer_replaces_what_an_earlier_one_began(keys: Keys) -> None:
    """Its days too; an answer to an offer of before is of no use any more."""
    keys.offer(3)
    keys.offer(5)
    assert keys.answer(5, at=(0, TODAY, 20))
    first = keys.ladders.chain(D, 1, Stream.STATUS, TODAY, TODAY).key(0)
    assert not keys.answer(3, at=(0, TODAY, 10))
    keys.offer(9)
    assert keys.answer(9, at=(0, TODAY, 30))
    assert keys.ladders.chain(D, 1, Stream.STATUS, TODAY, TODAY).key(0) != first


def test_four_offers_are_kept_and_none_beyond_its_day(keys: Keys) -> None:
    """The newest four; once the tips have moved on, no private key is left of them."""
    for number in range(1, 8):
        keys.offer(number)
    assert [offer.number for offer in keys.store.offers(D)] == [4, 5, 6, 7]
    keys.ladders.advance_all(TODAY)
    assert len(keys.store.offers(D)) == 4
    keys.ladders.advance_all(TODAY + 1)
    assert keys.store.offers(D) == []


def test_the_private_key_opens_as_that_offer_only(keys: Keys) -> None:
    """A row that is copied over another one is refused by its identity."""
    first, second = keys.offer(1), keys.offer(2)
    [one, two] = keys.store.offers(D)
    moved = HealingOffer(D, 0, second.number, second.spine_epoch, second.first_epoch, one.wrapped)
    assert first != second and one.wrapped != two.wrapped
    keys.store.put_offer(moved)
    with pytest.raises(SealBroken):
        keys.answer(2)
    assert keys.answer(1)


def test_when_an_offer_is_due(keys: Keys) -> None:
    """With a wish only, of the generation in use, once in ten minutes or when the device has come into another day."""
    due = keys.generations.due
    assert not due(D, 0, TODAY, 1000.0)
    keys.generations.wish(D)
    assert due(D, 0, TODAY, 1000.0)
    assert not due(D, 1, TODAY, 1000.0)
    offer = HealingOffer(D, 0, NUMBER, keys.generations.align(D, 0, TODAY), TODAY)
    keys.generations.offered(offer, new_private()[0], 1000.0)
    assert not due(D, 0, TODAY, 1000.0 + OFFER_AGAIN_S - 1)
    assert due(D, 0, TODAY, 1000.0 + OFFER_AGAIN_S)
    assert due(D, 0, TODAY + 1, 1001.0)
    assert due(D, 0, TODAY, 900.0)  # a clock that was set back must not put it off
    assert keys.answer()
    keys.generations.begin(D, 1, TODAY)
    assert not keys.generations.wished(D) and not due(D, 1, TODAY, 9e9)


def test_tips_of_all_streams_come_to_one_epoch(keys: Keys) -> None:
    """One stream is a day ahead of the others: all follow it, and every day between has its leaf."""
    keys.ladders.advance(D, 0, Stream.STATUS, TODAY + 1)
    assert keys.generations.align(D, 0, TODAY) == TODAY + 2
    assert {tip.epoch for tip in keys.store.tips()} == {TODAY + 2}
    assert all(keys.store.leaf(D, 0, stream, epoch) for stream in UPLINK_STREAMS for epoch in (TODAY, TODAY + 1))


def test_the_last_generation_is_the_last(tmp_path: Path) -> None:
    """65 535 of them; then the device is enrolled anew."""
    keys = Keys(tmp_path, generation=65_535)
    with pytest.raises(ConfigError, match="enrol it anew"):
        keys.generations.wish(D)
    keys.close()


def test_an_offer_survives_a_restart(keys: Keys, tmp_path: Path) -> None:
    """Stored before it was sent: another process takes the answer."""
    keys.offer()
    keys.close()
    again = Keys(tmp_path)
    assert again.answer()
    again.close()


def test_an_end_leaves_days_and_nothing_that_leads_on(keys: Keys) -> None:
    """Another person has the hardware: leaves stay, tips, wish, offers and candidate do not."""
    keys.generations.wish(D)
    keys.offer(1)
    keys.offer(2)
    assert keys.answer(1)
    keys.generations.end(D, TODAY)
    assert keys.store.tips() == [] and keys.store.offers(D) == []
    assert (keys.store.candidate(D), keys.store.wish(D)) == (None, None)
    assert keys.ladders.chain(D, 0, Stream.LOCATION, TODAY, TODAY).key(0)
    with pytest.raises(UnknownDevice):
        keys.ladders.chain(D, 0, Stream.LOCATION, TODAY + 1, TODAY + 1)
