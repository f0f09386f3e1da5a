"""Keys in and out of the key store: each wrapped under the key-encryption key, and bound to what it is the key of."""

from __future__ import annotations

from cloud_sync.errors import UnknownDevice
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.model import HealingCandidate, HealingOffer, Leaf, Tip
from cloud_sync.stores import KeyDatabase


class WrappedRows:
    """Tips, leaves, downlink chains, and what a healing leaves until it is over."""

    def __init__(self, store: KeyDatabase, kek: KeyEncryptionKey) -> None:
        self._store = store
        self._kek = kek

    def _tip(self, device: str, generation: int, stream: int) -> Tip:
        tip = self._store.tip(device, generation, stream)
        if tip is None:
            raise UnknownDevice("no ladder of this device and generation")
        return tip

    def _spine(self, tip: Tip) -> bytes:
        return self._kek.unwrap(tip.wrapped, _tip_identity(tip.device, tip.generation, tip.stream, tip.epoch))

    def _put_tip(self, device: str, generation: int, stream: int, epoch: int, spine: bytes) -> None:
        wrapped = self._kek.wrap(spine, _tip_identity(device, generation, stream, epoch))
        self._store.put_tip(Tip(device, generation, stream, epoch, wrapped))

    def _start(self, leaf: Leaf) -> bytes:
        return self._kek.unwrap(leaf.wrapped, _leaf_identity(leaf))

    def _put_leaf(self, device: str, generation: int, stream: int, epoch: int, base: int, chain: bytes) -> Leaf:
        empty = Leaf(device, generation, stream, epoch, base, b"")
        leaf = Leaf(device, generation, stream, epoch, base, self._kek.wrap(chain, _leaf_identity(empty)))
        self._store.put_leaf(leaf)
        return leaf

    def _down(self, device: str) -> tuple[int, int, bytes]:
        row = self._store.down(device)
        if row is None:
            raise UnknownDevice("no downlink chain for this device")
        generation, number, wrapped = row
        return generation, number, self._kek.unwrap(wrapped, _down_identity(device, generation, number))

    def _put_down(self, device: str, generation: int, number: int, chain: bytes) -> None:
        self._store.put_down(
            device, generation, number, self._kek.wrap(chain, _down_identity(device, generation, number))
        )

    def _put_offer(self, offer: HealingOffer, private: bytes) -> None:
        wrapped = self._kek.wrap(private, _offer_identity(offer))
        self._store.put_offer(HealingOffer(*_without_key(offer), wrapped))

    def _private(self, offer: HealingOffer) -> bytes:
        return self._kek.unwrap(offer.wrapped, _offer_identity(offer))

    def _put_candidate(self, candidate: HealingCandidate, chain: bytes) -> None:
        wrapped = self._kek.wrap(chain, _candidate_identity(candidate))
        device, generation, first_epoch, epoch, counter = _named(candidate)
        self._store.put_candidate(HealingCandidate(device, generation, first_epoch, epoch, counter, wrapped))

    def _candidate_chain(self, candidate: HealingCandidate) -> bytes:
        return self._kek.unwrap(candidate.wrapped, _candidate_identity(candidate))


def _without_key(offer: HealingOffer) -> tuple[str, int, int, int, int]:
    return offer.device, offer.generation, offer.number, offer.spine_epoch, offer.first_epoch


def _named(candidate: HealingCandidate) -> tuple[str, int, int, int, int]:
    return candidate.device, candidate.generation, candidate.first_epoch, candidate.epoch, candidate.counter


def _tip_identity(device: str, generation: int, stream: int, epoch: int) -> bytes:
    return f"byleave/1/tip/{device}/{generation}/{int(stream)}/{epoch}".encode()


def _leaf_identity(leaf: Leaf) -> bytes:
    return (
        f"byleave/1/leaf/{leaf.device}/{leaf.generation}/{int(leaf.stream)}/{leaf.epoch}/{leaf.base_counter}".encode()
    )


def _down_identity(device: str, generation: int, number: int) -> bytes:
    return f"byleave/1/down/{device}/{generation}/{number}".encode()


def _offer_identity(offer: HealingOffer) -> bytes:
    return ("byleave/1/offer/" + "/".join(map(str, _without_key(offer)))).encode()


def _candidate_identity(candidate: HealingCandidate) -> bytes:
    return ("byleave/1/candidate/" + "/".join(map(str, _named(candidate)))).encode()
