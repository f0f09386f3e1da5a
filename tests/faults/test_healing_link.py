"""Healing over a link that loses, delays and repeats, across midnight and restarts; and what a copy of the flash is worth."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import SealBroken
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Stream
from cloud_sync.wire import ladder as server_ladder
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from firmware.errors import FirmwareError
from firmware.keyrecord import chain_of, number_of, spine_of
from firmware.wire import downlink, envelope, ladder
from tests.faults.healing_pair import Pair, header_of, is_answer
from tests.unit.firmware.device import Flash

AGAIN_S = 700  # an offer is repeated after ten minutes
MIDNIGHT_S = 43_200  # from the world's noon


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """A device that was just enrolled."""
    pair = Pair(tmp_path)
    yield pair
    pair.close()


def pending(pair: Pair) -> bool:
    """Whether the device has answered and waits for the verdict."""
    return bool(pair.unit.session._healing)


def answer_only(pair: Pair) -> None:
    """A contact that ends when the device has sealed its answer: nothing goes up after that, nothing comes down."""
    pair.contact(up=lambda _: not pending(pair), down=lambda _: not pending(pair))
    assert pending(pair) and pair.generation() == (0, 0)


def test_an_enrolment_heals_at_the_first_contact(pair: Pair) -> None:
    """By itself; counters and downlink numbers begin at 0; what follows is stored; nothing is offered again."""
    pair.contact()
    assert pair.in_step() and pair.generation() == (1, 1)
    healed = [header_of(data)[1:5] for data in pair.sent if header_of(data)[1]]
    assert healed == [[1, 4, pair.unit.keystore.epoch, counter] for counter in range(len(healed))] and healed
    numbers = [header_of(data)[3] for data in pair.heard if header_of(data)[1]]
    assert numbers == list(range(len(numbers))) and numbers
    assert set(pair.kinds) == {Kind.STORED}
    pair.pass_s(AGAIN_S)
    pair.unit.seal_fixes([pair.now])
    pair.contact()
    assert pair.stored() == 1 and pair.generation() == (1, 1)


def test_a_heal_on_the_same_day_stores_all_that_was_sealed(pair: Pair) -> None:
    """Three generations in a day, fixes in each, some in RAM and some in the spool as it changes: stored = sealed."""
    pair.contact()
    sealed = 0
    for _ in range(3):
        pair.cloud.heal(pair.name)
        for _ in range(5):
            pair.pass_s(200)
            pair.unit.open_batch.append(pair.now - 10)
            pair.unit.seal_fixes([pair.now])
            sealed += 1
        pair.contact()
        sealed += 1  # the open batch, closed under the old generation
    pair.contact()
    assert pair.in_step() and pair.generation() == (4, 4)
    assert pair.stored() == sealed
    rows = pair.cloud.database.envelopes(pair.name, Stream.LOCATION, 0, 2**17 - 1)
    assert [(row.id.generation, row.id.counter) for row in rows] == [(1, n) for n in range(6)] + [
        (2, n) for n in range(6)
    ] + [(3, n) for n in range(6)]


def test_an_answer_that_is_lost_is_sent_again(pair: Pair) -> None:
    """The link takes the answer away; at the next contact the spooled one heals, and no second offer is needed."""
    pair.contact(up=lambda data: not is_answer(pair)(data))
    assert pending(pair) and pair.generation() == (0, 0)
    pair.contact()
    assert pair.generation() == (1, 1)
    assert pair.cloud._store.wish(pair.name) is None


def test_a_verdict_that_is_lost_is_given_again(pair: Pair) -> None:
    """The server has gone ahead, the device does not know: it stays, both go on in the old generation, then it follows."""
    answered: list[bool] = []

    def up(data: bytes) -> bool:
        answered.append(is_answer(pair)(data))
        return True

    pair.contact(up, down=lambda _: not any(answered))
    assert any(answered) and pair.generation() == (0, 0) and pending(pair)
    assert pair.cloud._store.candidate(pair.name) is not None
    pair.unit.seal_fixes([pair.now])
    pair.contact()
    pair.contact()
    assert pair.in_step() and pair.generation() == (1, 1) and pair.stored() == 1


def test_a_device_that_was_cut_after_its_answer_answers_the_next_offer(pair: Pair) -> None:
    """The server holds a candidate that never comes about: both work in the old generation, and the next one holds."""
    pair.contact(down=lambda _: not pending(pair))
    first = pair.cloud._store.candidate(pair.name)
    assert first is not None
    pair.start()
    pair.unit.seal_fixes([pair.now])
    pair.contact()
    pair.contact()
    assert pair.generation() == (0, 0) and not pending(pair) and pair.stored() == 1
    pair.pass_s(AGAIN_S)
    pair.contact()
    assert pair.generation() == (1, 1)
    pair.contact()
    assert pair.in_step() and pair.cloud._store.candidate(pair.name) is None


def test_two_answers_in_the_wrong_order(pair: Pair) -> None:
    """The answer to a later offer arrives first: the earlier one must not take its place."""
    answer_only(pair)
    early = bytes(pair.unit.session._healing[1])
    pair.start()
    pair.pass_s(AGAIN_S)
    held = [bytes(entry.envelope) for entry in pair.unit.spool.pending()]
    kept: list[bytes] = []

    def up(data: bytes) -> bool:
        """Envelopes of before the restart wait at the broker."""
        if data in held:
            kept.append(data)
        return data not in held

    pair.contact(up, down=lambda _: not pending(pair))
    later = pair.cloud._store.candidate(pair.name)
    assert later is not None and pending(pair) and bytes(pair.unit.session._healing[1]) != early
    for data in kept:
        pair.up(data)
    assert pair.kinds.count(Kind.PASSED_OVER) == 1
    assert pair.cloud._store.candidate(pair.name) == later
    pair.contact()
    assert pair.generation() == (1, 1)


def test_midnight_between_answer_and_verdict(pair: Pair) -> None:
    """The generation would begin on a day that is over: the device stays, and heals on the new day."""
    pair.pass_s(MIDNIGHT_S - 5)
    answered: list[bool] = []

    def up(data: bytes) -> bool:
        answered.append(is_answer(pair)(data))
        return True

    def down(_: bytes) -> bool:
        if any(answered) and pair.now % EPOCH_SECONDS > MIDNIGHT_S:
            pair.pass_s(10)
        return True

    pair.contact(up, down)
    assert pair.now % EPOCH_SECONDS == 5 and any(answered)
    pair.contact()
    assert pair.in_step() and pair.generation() == (1, 1)
    healed = [header_of(data) for data in pair.sent if header_of(data)[1]]
    assert healed[0][3] == pair.now // EPOCH_SECONDS  # and not the day of the first answer


def test_the_tips_move_on_between_offer_and_answer(pair: Pair) -> None:
    """The server's midnight comes before the answer: it is dropped, the device is told so, and the next offer heals."""
    pair.pass_s(MIDNIGHT_S - 5)
    answer_only(pair)
    pair.setting.clock.at += 10
    pair.cloud.sweep()
    pair.setting.clock.at -= 10  # the device's clock is behind the server's
    pair.contact()
    assert Kind.PASSED_OVER in pair.kinds and pair.generation() == (0, 0) and not pending(pair)
    pair.pass_s(AGAIN_S)
    pair.contact()
    pair.contact()
    assert pair.in_step() and pair.generation() == (1, 1)


def test_an_offer_for_another_day_is_passed_over(pair: Pair) -> None:
    """It was made for yesterday's epoch; nothing is answered, and the next one is for today."""
    pair.contact(down=lambda _: False)
    [offer] = pair.cloud._store.offers(pair.name)
    pair.pass_s(EPOCH_SECONDS)
    pair.unit.on_time()
    late = next(data for data in pair.heard if header_of(data)[3] == offer.number)
    pair.down(late)
    assert not pending(pair) and pair.unit.keystore.down_next == offer.number + 1
    pair.contact()
    pair.contact()
    assert pair.generation() == (1, 1)


def test_a_replayed_offer_does_not_open(pair: Pair) -> None:
    """Its number was used: before the healing, and after it, when the generation is another one too."""
    pair.contact(down=lambda _: not pending(pair))
    number = pair.unit.keystore.down_next - 1
    offer = next(data for data in pair.heard if header_of(data)[3] == number)
    before, refused = pair.unit.session._healing, pair.unit.keystore.refused
    pair.down(offer)
    assert pair.unit.session._healing is before and pair.unit.keystore.refused == refused + 1
    pair.contact()
    assert pair.generation() == (1, 1)
    refused = pair.unit.keystore.refused
    pair.down(offer)
    assert not pending(pair) and pair.unit.keystore.refused == refused + 1


def test_a_forged_offer_does_not_open(pair: Pair) -> None:
    """One bit of a sealed offer is changed: refused; unchanged it is answered."""
    pair.contact(down=lambda _: False)
    [kept] = pair.cloud._store.offers(pair.name)
    offer = next(data for data in pair.heard if header_of(data)[3] == kept.number)
    pair.down(offer[:-1] + bytes([offer[-1] ^ 1]))
    assert not pending(pair)
    pair.down(offer)
    assert pending(pair)


def test_an_offer_that_would_fix_the_secret_is_refused(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's key is a point of small order: no answer, nothing changes; with an honest one there is an answer."""
    from cloud_sync.ingest import healing

    honest = healing.new_private
    monkeypatch.setattr(healing, "new_private", lambda: (honest()[0], b"\x01" + bytes(31)))
    pair.contact()
    assert pair.generation() == (0, 0) and not pending(pair)
    monkeypatch.setattr(healing, "new_private", honest)
    pair.pass_s(AGAIN_S)
    pair.contact()
    assert pair.generation() == (1, 1)


def test_what_waited_under_the_old_generation_gets_its_verdict(pair: Pair) -> None:
    """Envelopes of before arrive a day after the healing: stored, and the verdict comes down in the new generation."""
    pair.contact()
    pair.cloud.heal(pair.name)
    old = [pair.unit.seal_fixes([pair.now]) for _ in range(3)]
    pair.contact(up=lambda data: data not in old)
    assert pair.generation() == (2, 2) and pair.unit.spool.count() >= 3
    pair.pass_s(EPOCH_SECONDS)
    pair.cloud.sweep()
    pair.contact()
    assert pair.stored() == 3 and pair.in_step()
    assert {header_of(data)[1] for data in old} == {1}
    assert {header_of(data)[1] for data in pair.heard[-3:]} == {2}


def test_days_of_a_retired_generation_are_closed(pair: Pair) -> None:
    """An envelope of it for a day that has no leaf there: closed, so that no spool keeps it for ever."""
    clone = copy_of(pair)
    pair.contact()
    pair.pass_s(EPOCH_SECONDS)
    pair.contact()
    clone.keys.advance(clone.keys.epoch + 1, pair.now)
    entry = clone.sealer.seal(ladder.STATUS, b"\x00", 0, pair.now)
    pair.up(bytes(entry.envelope))
    assert pair.kinds[-1] is Kind.CLOSED
    assert pair.cloud.database.device(pair.name).generation == 1  # type: ignore[union-attr]


def test_the_server_keeps_nothing_that_leads_on_from_the_old_generation(pair: Pair) -> None:
    """Tips, offers, candidate and wish of before are gone; the leaf of the day stays for what it holds."""
    pair.contact()
    store, epoch = pair.cloud._store, pair.unit.keystore.epoch
    assert {tip.generation for tip in store.tips()} == {1}
    assert (store.offers(pair.name), store.candidate(pair.name), store.wish(pair.name)) == ([], None, None)
    assert store.leaf(pair.name, 0, Stream.STATUS, epoch) is not None
    assert store.leaf(pair.name, 0, Stream.LOCATION, epoch) is not None


def test_four_offers_are_kept(pair: Pair) -> None:
    """A device that hears nothing is offered again every ten minutes; the oldest offers go, the newest is answered."""
    for _ in range(6):
        pair.contact(down=lambda _: False)
        pair.contact(down=lambda _: False)  # within the ten minutes: none
        pair.pass_s(AGAIN_S)
    offers = pair.cloud._store.offers(pair.name)
    assert len(offers) == 4 and len({bytes(offer.wrapped) for offer in offers}) == 4
    newest = max(offer.number for offer in offers)
    pair.contact()
    assert pair.generation() == (1, 1)
    assert newest < max(header_of(data)[3] for data in pair.heard if header_of(data)[1] == 0)


def test_no_old_secret_stays_in_flash(pair: Pair) -> None:
    """A raw scan after the healing: no spine, chain or root of before, nor of the exchange; the blur secret is the same."""
    before, blur = bytes(pair.unit.keystore._body), bytes(pair.unit.keystore.blur_secret())
    old = [bytes(spine_of(bytearray(before), stream)) for stream in range(1, 5)]
    old += [bytes(chain_of(bytearray(before), stream)) for stream in range(5)]
    assert all(secret in pair.flash.raw() for secret in old)
    floor, boots = pair.unit.keystore.floor_s, pair.unit.keystore.boots
    pair.contact()
    assert pair.generation() == (1, 1)
    assert not [secret for secret in old if secret in pair.flash.raw()]
    assert pair.root not in pair.flash.raw()
    assert bytes(pair.unit.keystore.blur_secret()) == blur == ladder.derive(pair.root, "device", "blur")[:16]
    assert (pair.unit.keystore.floor_s, pair.unit.keystore.boots) == (floor, boots)
    assert bytes(pair.start().keystore.blur_secret()) == blur


# A passive copy


class Clone:
    """Who copied the flash once, hears all that crosses the link ever after, and knows every line of the program."""

    def __init__(self, pair: Pair) -> None:
        self.name = pair.name
        body = bytearray(pair.unit.keystore._body)
        self.generation, self.epoch = pair.unit.keystore.generation, pair.unit.keystore.epoch
        self.chains = {stream: (number_of(body, stream), bytes(chain_of(body, stream))) for stream in range(5)}
        self.spines = {stream: bytes(spine_of(body, stream)) for stream in range(1, 5)}

    def opens(self, data: bytes) -> bool:
        """Whether one of the keys that it can derive opens an uplink."""
        parsed = parse_uplink(data)
        generation, stream, epoch, counter, _ = parsed.header
        starts = self._known(stream, epoch) if generation == self.generation else self._guessed(stream, epoch)
        for number, chain in starts:
            if counter < number:
                continue
            key = server_ladder.seal_key(server_ladder.step(chain, stream, counter - number), stream)
            try:
                open_uplink(self.name, parsed, key)
            except SealBroken:
                continue
            return True
        return False

    def _spine(self, stream: int, epoch: int) -> bytes:
        spine = self.spines[stream]
        for _ in range(epoch - self.epoch - 1):
            spine = server_ladder.next_spine(spine, stream)
        return spine

    def _known(self, stream: int, epoch: int) -> Iterator[tuple[int, bytes]]:
        if epoch == self.epoch:
            yield self.chains[stream]
        elif epoch > self.epoch:
            yield 0, server_ladder.day_chain(self._spine(stream, epoch), stream)

    def _guessed(self, stream: int, epoch: int) -> Iterator[tuple[int, bytes]]:
        """The next generation for every secret that can be had without a private key, over the next few days."""
        for spine_epoch in range(self.epoch + 1, self.epoch + 4):
            old = self._spine(stream, spine_epoch)
            for shared in (b"", bytes(32), b"\x01" + bytes(31), b"\x09" + bytes(31)):
                first = server_ladder.derive(hmac.digest(old, shared, "sha256"), stream, "heal")
                for _ in range(self.epoch, epoch):
                    yield 0, server_ladder.day_chain(first, stream)
                    first = server_ladder.next_spine(first, stream)
                yield 0, server_ladder.day_chain(first, stream)


def copy_of(pair: Pair):  # type: ignore[no-untyped-def]
    """A device that runs on a copy of the flash."""
    from tests.unit.firmware.device import Device

    flash = Flash(sector_bytes=pair.flash.keys.sector_bytes, spool_sectors=4)
    for label in ("keys", "rules", "spool"):
        getattr(flash, label).data[:] = getattr(pair.flash, label).data
    return Device(flash)


def opened_by_a_clone(pair: Pair) -> tuple[int, int, int]:
    """How many envelopes of before the healing a passive copy opens; of those after it; how many these are."""
    clone = Clone(pair)
    pair.unit.in_force.version = 1
    old = [pair.unit.seal_fixes([pair.now]) for _ in range(3)]
    pair.contact()
    for _ in range(3):
        pair.pass_s(EPOCH_SECONDS)
        pair.unit.on_time()
        pair.unit.seal_fixes([pair.now])
        pair.contact()
    new = [data for data in pair.sent if header_of(data)[1] == 1]
    return sum(map(clone.opens, old)), sum(map(clone.opens, new)), len(new)


def test_a_passive_copy_opens_nothing_after_the_healing(pair: Pair) -> None:
    """All that was sealed before in its reach, and not one envelope of the new generation, over days."""
    before, after, sealed = opened_by_a_clone(pair)
    assert (before, after) == (3, 0) and sealed >= 7


def test_a_passive_copy_opens_all_when_the_secret_is_left_out(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same copy against ladders that do not mix the exchange in: it opens every envelope, so the test above can fail."""

    def unmixed(old: bytes, shared: bytes, stream: int) -> bytes:
        return server_ladder.derive(hmac.digest(bytes(old), b"", "sha256"), stream, "heal")

    monkeypatch.setattr(ladder, "mix", unmixed)
    monkeypatch.setattr(server_ladder, "mix", unmixed)
    before, after, sealed = opened_by_a_clone(pair)
    assert (before, after) == (3, sealed) and sealed >= 7


def test_a_passive_copy_takes_no_downlink(pair: Pair) -> None:
    """What comes down after the healing opens on no device that runs on the copy; what came before does."""
    clone = copy_of(pair)
    pair.contact()
    old = [data for data in pair.heard if header_of(data)[1] == 0]
    new = [data for data in pair.heard if header_of(data)[1] == 1]
    assert old and new
    assert [downlink.parse(clone.sealer.open(data))[0] for data in old]
    for data in new:
        with pytest.raises(FirmwareError):
            clone.sealer.open(data)
        key = clone.keys.down_key(clone.keys.down_next)
        with pytest.raises(FirmwareError):
            envelope.open_downlink(clone.keys.device, data, key)
