"""Keys in and out of the key store: each wrapped under the key-encryption key, and bound to what it is the key of."""

from __future__ import annotations

from dataclasses import astuple, replace

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
        return self._kek.unwrap(tip.wrapped, tip_identity(tip.device, tip.generation, tip.stream, tip.epoch))

    def _put_tip(self, device: str, generation: int, stream: int, epoch: int, spine: bytes) -> None:
        wrapped = self._kek.wrap(spine, tip_identity(device, generation, stream, epoch))
        self._store.put_tip(Tip(device, generation, stream, epoch, wrapped))

    def _start(self, leaf: Leaf) -> bytes:
        return self._kek.unwrap(leaf.wrapped, leaf_identity(*astuple(leaf)[:-1]))

    def _put_leaf(self, device: str, generation: int, stream: int, epoch: int, base: int, chain: bytes) -> Leaf:
        wrapped = self._kek.wrap(chain, leaf_identity(device, generation, stream, epoch, base))
        leaf = Leaf(device, generation, stream, epoch, base, wrapped)
        self._store.put_leaf(leaf)
        return leaf

    def _down(self, device: str) -> tuple[int, int, bytes]:
        row = self._store.down(device)
        if row is None:
            raise UnknownDevice("no downlink chain for this device")
        generation, number, wrapped = row
        return generation, number, self._kek.unwrap(wrapped, down_identity(device, generation, number))

    def _put_down(self, device: str, generation: int, number: int, chain: bytes) -> None:
        self._store.put_down(
            device, generation, number, self._kek.wrap(chain, down_identity(device, generation, number))
        )

    def _put_offer(self, offer: HealingOffer, private: bytes) -> None:
        wrapped = self._kek.wrap(private, offer_identity(*astuple(offer)[:-1]))
        self._store.put_offer(replace(offer, wrapped=wrapped))

    def _private(self, offer: HealingOffer) -> bytes:
        return self._kek.unwrap(offer.wrapped, offer_identity(*astuple(offer)[:-1]))

    def _put_candidate(self, candidate: HealingCandidate, chain: bytes) -> None:
        wrapped = self._kek.wrap(chain, candidate_identity(*astuple(candidate)[:-1]))
        self._store.put_candidate(replace(candidate, wrapped=wrapped))

    def _candidate_chain(self, candidate: HealingCandidate) -> bytes:
        return self._kek.unwrap(candidate.wrapped, candidate_identity(*astuple(candidate)[:-1]))


# What each wrapped value is bound to: all that its row is named by, and what it is the key of. The names are the columns' names,
# since a rotation (`keys.rotation`) makes them from rows.


def tip_identity(device: str, generation: int, stream: int, epoch: int) -> bytes:
    """Of a spine tip."""
    return f"byleave/1/tip/{device}/{generation}/{int(stream)}/{epoch}".encode()


def leaf_identity(device: str, generation: int, stream: int, epoch: int, base_counter: int) -> bytes:
    """Of a day key, which is the chain key of the first envelope still kept."""
    return f"byleave/1/leaf/{device}/{generation}/{int(stream)}/{epoch}/{base_counter}".encode()


def down_identity(device: str, generation: int, number: int) -> bytes:
    """Of a downlink chain."""
    return f"byleave/1/down/{device}/{generation}/{number}".encode()


def offer_identity(device: str, generation: int, number: int, spine_epoch: int, first_epoch: int) -> bytes:
    """Of the private key of an exchange."""
    return f"byleave/1/offer/{device}/{generation}/{number}/{spine_epoch}/{first_epoch}".encode()


def candidate_identity(device: str, generation: int, first_epoch: int, epoch: int, counter: int) -> bytes:
    """Of the first downlink chain of a generation that has not begun."""
    return f"byleave/1/candidate/{device}/{generation}/{first_epoch}/{epoch}/{counter}".encode()
