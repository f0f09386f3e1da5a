"""Keys in and out of the key store: each wrapped under the key-encryption key, and bound to what it is the key of."""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import astuple, replace

from cloud_sync.errors import KeyDestroyed, StoreError, UnknownDevice
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.model import HealingCandidate, HealingOffer, Leaf, Shield, Tip
from cloud_sync.stores import KeyDatabase

log = logging.getLogger(__name__)


class WrappedRows:
    """Tips, leaves, downlink chains, and what a healing leaves until it is over.

    A leaf of a personal stream lies behind its device's shield: what is wrapped is its key combined with a pad, which the shield
    gives for this leaf alone. So an erasure of everything destroys one row, not one for each day [years of days take longer to
    destroy than somebody who copies the store takes to copy it].
    """

    def __init__(self, store: KeyDatabase, kek: KeyEncryptionKey) -> None:
        self._store = store
        self._kek = kek

    def vacuum(self) -> bool:
        """What is destroyed leaves the file's log too; False where another process reads, and it waits for the next time."""
        try:
            self._store.vacuum_erased()
        except StoreError as error:
            log.warning("destroyed keys wait in the key store's log for the next sweep: %s", error)
            return False
        return True

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
        """The key of a leaf; `KeyDestroyed` if its shield is gone."""
        identity = leaf_identity(leaf.device, leaf.generation, leaf.stream, leaf.epoch, leaf.base_counter)
        key = self._kek.unwrap(leaf.wrapped, identity)
        if not leaf.shield:
            return key
        shield = self._store.shield(leaf.device, leaf.shield)
        if shield is None:
            raise KeyDestroyed("the key over all days of this device is gone")
        return combined(key, self._behind(shield), identity)

    def _behind(self, shield: Shield) -> bytes:
        return self._kek.unwrap(shield.wrapped, shield_identity(shield.device, shield.number))

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


def shield_identity(device: str, number: int) -> bytes:
    """Of a device's key over all its days."""
    return f"byleave/1/shield/{device}/{number}".encode()


def combined(key: bytes, shield: bytes, identity: bytes) -> bytes:
    """`key` combined with the pad of this leaf, or the same undone: XOR with HMAC-SHA256 under the shield.

    An identity names one point of one chain, so a pad is never used for two keys that lead to one another.
    """
    pad = hmac.digest(shield, identity, hashlib.sha256)
    return bytes(one ^ other for one, other in zip(key, pad, strict=True))


def down_identity(device: str, generation: int, number: int) -> bytes:
    """Of a downlink chain."""
    return f"byleave/1/down/{device}/{generation}/{number}".encode()


def offer_identity(device: str, generation: int, number: int, spine_epoch: int, first_epoch: int) -> bytes:
    """Of the private key of an exchange."""
    return f"byleave/1/offer/{device}/{generation}/{number}/{spine_epoch}/{first_epoch}".encode()


def candidate_identity(device: str, generation: int, first_epoch: int, epoch: int, counter: int) -> bytes:
    """Of the first downlink chain of a generation that has not begun."""
    return f"byleave/1/candidate/{device}/{generation}/{first_epoch}/{epoch}/{counter}".encode()
