"""How one generation of ladders follows another by healing: docs/wire-format.md sections 3 and 7.

Three acts of the server, each durable before what follows from it leaves: an offer, of which the private key is kept; the
answer to it, out of which the next generation's ladders are made beside the old ones; and the first envelope that opens under
these, which retires the old ones. A device that was cut after its answer stays where it was: the next answer replaces what
this one had begun.
"""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud_sync.errors import ConfigError, WireFormatError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.rows import WrappedRows
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.model import UPLINK_STREAMS, HealingCandidate, HealingOffer, HealingWish, Stream
from cloud_sync.stores import KeyDatabase
from cloud_sync.wire import ladder
from cloud_sync.wire.fields import MOST_GENERATION

MOST_OFFERS = 4  # of a generation: a device answers the newest it has opened, and older ones are gone by then
OFFER_AGAIN_S = 600  # an exchange costs a device seconds of its processor, and an answer comes within one contact


class Generations(WrappedRows):
    """The generations of all devices over one key store; takes the locks of `ladders`."""

    def __init__(self, store: KeyDatabase, kek: KeyEncryptionKey, ladders: LadderKeys) -> None:
        super().__init__(store, kek)
        self._ladders = ladders

    def wish(self, device: str) -> None:
        """Heal this device: an offer goes out with its next status, and again until a new generation has begun."""
        generation, _, _ = self._down(device)
        if generation >= MOST_GENERATION:
            raise ConfigError("this device has no generation left; enrol it anew")
        self._store.put_wish(HealingWish(device, generation))

    def wished(self, device: str) -> bool:
        """Whether a healing of the device is still to come about."""
        return self._store.wish(device) is not None

    def known(self, device: str, generation: int) -> bool:
        """Whether there is a ladder of this generation: the one in use, or one that an answer has begun."""
        return self._store.tip(device, generation, Stream.STATUS) is not None

    def due(self, device: str, generation: int, first_epoch: int, now: float) -> bool:
        """Whether an offer is to be made in answer to a status of this generation and epoch."""
        wish = self._store.wish(device)
        if wish is None or not self.known(device, generation) or self._down(device)[0] != generation:
            return False
        # A device that has come into another day meanwhile has passed the offer over.
        return first_epoch != wish.first_epoch or not 0 <= now - wish.offered_at < OFFER_AGAIN_S

    def align(self, device: str, generation: int, today: int) -> int:
        """Bring the spine tips of all streams to one epoch, tomorrow at least, and return it."""
        with self._ladders.transaction():
            epoch = max(today + 1, *(self._tip(device, generation, stream).epoch for stream in UPLINK_STREAMS))
            for stream in UPLINK_STREAMS:
                self._ladders.advance(device, generation, stream, epoch - 1)
            return epoch

    def offered(self, offer: HealingOffer, private: bytes, now: float) -> None:
        """Keep an offer that is about to be sent, and of the device's earlier ones the last three."""
        with self._ladders.transaction():
            self._put_offer(offer, private)
            older = self._store.offers(offer.device)[:-MOST_OFFERS]
            for each in older:
                self._store.destroy_offers(offer.device, up_to=each.number)
            wish = self._store.wish(offer.device)
            if wish is not None:
                self._store.put_wish(replace(wish, offered_at=now, first_epoch=offer.first_epoch))

    def answered(self, device: str, number: int, public: bytes, sealed_at: tuple[int, int, int], today: int) -> bool:
        """Take the answer to offer `number`, sealed at (generation, epoch, counter); False if it leads to nothing, and then the
        device must be told so.
        """
        generation = sealed_at[0]
        with self._ladders.transaction():
            candidate = self._store.candidate(device)
            # 1. Not twice [its row was lost with a database's transaction, and the offer is gone by now].
            if candidate is not None and (candidate.generation - 1, candidate.epoch, candidate.counter) == sealed_at:
                return True
            # 2. To an offer that still stands [one that the device has passed by must not replace what a later one began]: of the
            # generation in use, the tips where the offer said [they go one way, and the device has mixed there].
            offer = next((each for each in self._store.offers(device) if each.number == number), None)
            if offer is None or offer.generation != generation or self._down(device)[0] != generation:
                return False
            tips = [self._tip(device, generation, stream) for stream in UPLINK_STREAMS]
            if any(tip.epoch != offer.spine_epoch for tip in tips):
                return False
            # 3. A secret that both sides had a part in [a point of small order fixes it].
            try:
                shared = ladder.shared_secret(self._private(offer), public)
            except WireFormatError:
                return False
            if candidate is not None:
                self._forget_days(candidate, today)
            self._begin_candidate(offer, shared, sealed_at)
            return True

    def _forget_days(self, candidate: HealingCandidate, today: int) -> None:
        """The leaves of a generation that never came about."""
        for leaf in self._store.leaves(candidate.device, 0, candidate.first_epoch, today + 1):
            if leaf.generation == candidate.generation:
                self._ladders.destroy_leaf(leaf)

    def _begin_candidate(self, offer: HealingOffer, shared: bytes, sealed_at: tuple[int, int, int]) -> None:
        """The ladders of the next generation, in the place of those that an earlier answer had begun."""
        device, generation = offer.device, offer.generation
        for stream in UPLINK_STREAMS:
            old = self._spine(self._tip(device, generation, stream))
            self._put_tip(device, generation + 1, stream, offer.first_epoch, ladder.mix(old, shared, stream))
            if stream is Stream.STATUS:
                candidate = HealingCandidate(device, generation + 1, offer.first_epoch, *sealed_at[1:])
                self._put_candidate(candidate, ladder.mix(old, shared, Stream.DOWN))
        # The exchange is over: its key, and those of offers that the device has passed by, are of no use but to a thief.
        self._store.destroy_offers(device, up_to=offer.number)

    def begin(self, device: str, generation: int, today: int) -> None:
        """An envelope of this generation has opened: retire the one before. A second time it changes nothing."""
        with self._ladders.transaction():
            candidate = self._store.candidate(device)
            if candidate is None or candidate.generation != generation:
                return
            # 1. The old spines go [a copy of the device must have nothing to follow]. They lie past the candidate's first day
            # since the offer (`align`): there are leaves for all that the device can have sealed. 2. The downlink changes over.
            self._store.destroy_tips(device, below=generation)
            self._put_down(device, generation, 0, self._candidate_chain(candidate))
            # 3. The new tips pass today, which may have been erased before [they would lead to it until the next sweep].
            for stream in UPLINK_STREAMS:
                self._ladders.advance(device, generation, stream, today)
            # 4. Nothing of the exchange stays.
            self._store.destroy_candidate(device)
            self._store.destroy_offers(device)
            wish = self._store.wish(device)
            if wish is not None and wish.above < generation:
                self._store.destroy_wish(device)
        self.vacuum()

    def going_on(self) -> set[str]:
        """Devices of which there is a ladder that leads on."""
        return {tip.device for tip in self._store.tips()}

    def end(self, device: str, today: int) -> None:
        """No generation follows: leaves for the days until now, and nothing that leads beyond them."""
        with self._ladders.transaction():
            for tip in [tip for tip in self._store.tips() if tip.device == device]:
                self._ladders.advance(device, tip.generation, tip.stream, today)
            self._store.destroy_tips(device)
            self._store.destroy_candidate(device)
            self._store.destroy_offers(device)
            self._store.destroy_wish(device)
        self.vacuum()


def new_private() -> tuple[bytes, bytes]:
    """(private, public) of a fresh ephemeral X25519 key."""
    key = X25519PrivateKey.generate()
    return key.private_bytes_raw(), key.public_key().public_bytes_raw()
