"""Server side of the ladders (docs/wire-format.md section 3): one spine tip, one wrapped leaf a day, one downlink chain.

How one generation follows another is in `generations.py`.

Invariants, which all methods keep:

- The tip's epoch lies above that of every leaf ever stored, so that a destroyed leaf is outside the closure of what remains.
- Leaves are stored, never spine values, and the root is forgotten at enrolment.
- A downlink chain is stepped and stored before the key it passes is used [a crash must not seal two messages under one key].
- Every use compares the stored row with the remembered chain [a chain remembered from before an erasure must not open,
  nor let anything be stored, after it].

Order of locks: telemetry database, this object, key store, tombstones. Nothing here calls the telemetry database.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from cloud_sync.errors import ConfigError, KeyDestroyed, UnknownDevice
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.rows import WrappedRows, combined, leaf_identity, shield_identity
from cloud_sync.keys.wrap import KEY_BYTES, KeyEncryptionKey
from cloud_sync.model import COUNTERS, PERSONAL_STREAMS, UPLINK_STREAMS, Leaf, Shield, Stream, Tombstone
from cloud_sync.stores import KeyDatabase, TombstoneStore
from cloud_sync.wire import ladder

MAX_REMEMBERED_CHAINS = 8192  # two days of four streams of a thousand devices, about 3 MB
MAX_ADVANCE_EPOCHS = 1100  # three years without a server; a longer leap is a wrong clock, and a tip never goes back
MAX_SKIP_DOWN = 65_536  # numbers: a tenth of a second of hashing; what a device reports beyond it is no restore

NUMBER_BITS = 62  # of a shield, at random: it fits the store's integers, and no two of a device are alike
_DOWN = int(Stream.DOWN)

Name = tuple[str, int, int, int]  # device, generation, stream, epoch


class DownKey(NamedTuple):
    """The key of one downlink, already passed by the stored chain."""

    generation: int
    number: int
    key: bytes

    def __repr__(self) -> str:
        """Without the key [a traceback that prints its variables]."""
        return f"DownKey(generation={self.generation}, number={self.number})"


class LadderKeys(WrappedRows):
    """All ladders of all devices over one key store."""

    def __init__(self, store: KeyDatabase, kek: KeyEncryptionKey, tombstones: TombstoneStore) -> None:
        super().__init__(store, kek)
        self._tombstones = tombstones
        self._remembered: OrderedDict[Name, DayChain] = OrderedDict()
        self._lock = threading.RLock()

    # Enrolment and the passing of days

    def enrol(self, device: str, root: bytes, generation: int, first_epoch: int) -> None:
        """Store what the server keeps of `root`: a tip for each uplink stream and the downlink chain."""
        with self._store.transaction():
            for stream in UPLINK_STREAMS:
                self._put_tip(device, generation, stream, first_epoch, ladder.spine(root, stream))
            self._put_down(device, generation, 0, ladder.down_chain(root))

    def advance(self, device: str, generation: int, stream: int, today: int) -> None:
        """Store one leaf for each day up to `today`, data or none, and the tip of the day after."""
        with self._store.transaction():
            tip = self._tip(device, generation, stream)
            if tip.epoch > today:
                return
            if today - tip.epoch > MAX_ADVANCE_EPOCHS:
                raise ConfigError(
                    f"the clock is {today - tip.epoch} days ahead of the ladders; set it right, nothing was changed"
                )
            spine = self._spine(tip)
            for epoch in range(tip.epoch, today + 1):
                self._store_day(device, generation, stream, epoch, spine)
                spine = ladder.next_spine(spine, stream)
            self._put_tip(device, generation, stream, today + 1, spine)

    def advance_all(self, today: int) -> None:
        """`advance` for every ladder."""
        with self._store.transaction():
            for tip in self._store.tips():
                self.advance(tip.device, tip.generation, tip.stream, today)
            self._store.destroy_offers(spine_epoch=today)  # no answer can be used once the tips have passed them

    def last_epoch(self, device: str) -> int:
        """The last day of which a leaf was or is stored, of any stream of the device; −1 if none.

        The tips know of leaves that are gone; where a device was handed on there are leaves alone.
        """
        passed = [tip.epoch - 1 for tip in self._store.tips_of(device)]
        return max(passed + [self._store.last_leaf(device, stream) for stream in UPLINK_STREAMS])

    def _store_day(self, device: str, generation: int, stream: int, epoch: int, spine: bytes) -> None:
        """The leaf of a day, past what is erased of it [an older key store, restored, must not make it again]."""
        floor = _floor(self._tombstones.near(device, stream, epoch), generation, epoch)
        if floor < COUNTERS:
            chain = ladder.step(ladder.day_chain(spine, stream), stream, floor)
            self._put_leaf(device, generation, stream, epoch, floor, chain)

    # Envelope keys

    def chain(self, device: str, generation: int, stream: int, epoch: int, today: int) -> DayChain:
        """The chain of a day, at most today + 1.

        `UnknownDevice` if there is no such ladder, `KeyDestroyed` if the day is shredded or before the first.
        """
        name = (device, generation, stream, epoch)
        with self._lock:
            leaf = self._store.leaf(*name)
            if leaf is None:
                self._refuse_retired(device, generation)
            if leaf is None and epoch <= today:
                self.advance(device, generation, stream, today)
                leaf = self._store.leaf(*name)
            stones = self._tombstones.near(device, stream, epoch)
            floor = _floor(stones, generation, epoch)
            chain = self._remembered.get(name)
            if leaf is None or floor >= COUNTERS:
                self._remembered.pop(name, None)
                chain = self._tentative(name, today, floor)
            elif chain is None or chain.wrapped != leaf.wrapped:
                chain = self.open_leaf(leaf)
            # Once more than the stored point [an erasure that was cut short, or that another process carries out].
            chain.floor = floor
            chain.erased = tuple(stone.span for stone in stones)
            self._remember(name, chain)
            return chain

    def _refuse_retired(self, device: str, generation: int) -> None:
        """`KeyDestroyed` for a generation that a later one has retired: what has no leaf of it has no key any more."""
        row = self._store.down(device)
        if row is not None and generation < row[0]:
            raise KeyDestroyed("the generation of this envelope is over, and its day is closed")

    def open_leaf(self, leaf: Leaf) -> DayChain:
        """A chain from a stored leaf, remembered by nobody; `KeyDestroyed` if its device's shield is gone."""
        return DayChain(leaf.stream, leaf.base_counter, self._start(leaf), leaf.wrapped)

    def _tentative(self, name: Name, today: int, floor: int) -> DayChain:
        """Tomorrow's chain, from the tip; it is stored only when a tag has verified under it.

        [A device whose clock is a little ahead is served; a forger must not make the server move its tip ahead of time.]
        """
        device, generation, stream, epoch = name
        tip = self._tip(device, generation, stream)
        if not tip.epoch <= epoch <= today + 1 or floor >= COUNTERS:
            raise KeyDestroyed("the day of this envelope is closed")
        spine = self._spine(tip)
        for _ in range(epoch - tip.epoch):
            spine = ladder.next_spine(spine, stream)

        def store() -> bytes:
            self.advance(device, generation, stream, epoch)
            leaf = self._store.leaf(*name)
            if leaf is None:
                raise KeyDestroyed("the day of this envelope was closed meanwhile")
            return leaf.wrapped

        return DayChain(stream, 0, ladder.day_chain(spine, stream), on_first=store)

    def _remember(self, name: Name, chain: DayChain) -> None:
        self._remembered[name] = chain
        self._remembered.move_to_end(name)
        while len(self._remembered) > MAX_REMEMBERED_CHAINS:
            self._remembered.popitem(last=False)

    # Retention and erasure

    def forward(self, leaf: Leaf, to_counter: int) -> Leaf:
        """Move a stored leaf past its expired envelopes: the keys before `to_counter` are gone. One that an erasure has left
        without its shield goes as a whole.
        """
        with self._lock:
            try:
                chain = self.open_leaf(leaf).at(to_counter)
            except KeyDestroyed:
                self.destroy_leaf(leaf)
                return leaf
            moved = self._put_leaf(leaf.device, leaf.generation, leaf.stream, leaf.epoch, to_counter, chain)
            self._remembered.pop((leaf.device, leaf.generation, leaf.stream, leaf.epoch), None)
            return moved

    def destroy(self, device: str, stream: int, first_epoch: int, last_epoch: int) -> int:
        """Destroy the leaves of the epochs (stream 0 = every stream); the number destroyed.

        Call `advance` to `last_epoch` before, else the tip still leads to days that had no leaf yet.
        """
        with self._lock:
            destroyed = self._store.destroy_leaves(device, stream, first_epoch, last_epoch)
            for name in [name for name in self._remembered if _covered(name, device, stream, first_epoch, last_epoch)]:
                del self._remembered[name]
            return destroyed

    def destroy_all(self, devices: Iterable[str], stones: int | None = None) -> int:
        """Destroy the shields of these devices, with which no day key of a personal stream opens any more, and what lies under
        none; with `stones` only shields from when there were at most so many tombstones. How many rows went.

        The leaves themselves are rows that open nothing from here on: `destroy` them in time.
        """
        destroyed = 0
        with self.transaction():
            for device in devices:
                destroyed += self._store.destroy_shields(device, stones)
                if stones is None:
                    destroyed += self._store.destroy_unshielded(device)
                for name in [name for name in self._remembered if name[0] == device and name[2] in PERSONAL_STREAMS]:
                    del self._remembered[name]
        return destroyed

    def destroy_leaf(self, leaf: Leaf) -> int:
        """Destroy the key of one generation's (or edition's) day; the number destroyed."""
        with self._lock:
            self._remembered.pop((leaf.device, leaf.generation, leaf.stream, leaf.epoch), None)
            return self._store.destroy_leaf(leaf.device, leaf.generation, leaf.stream, leaf.epoch)

    def new_edition(self, device: str, generation: int, stream: int, epoch: int) -> DayChain:
        """A day key out of nothing, stored before it is used, for what is sealed anew; it replaces one of the same name."""
        chain = os.urandom(KEY_BYTES)
        with self._lock:
            leaf = self._put_leaf(device, generation, stream, epoch, 0, chain)
            self._remembered.pop((device, generation, stream, epoch), None)
        return DayChain(stream, 0, chain, leaf.wrapped)

    def _put_leaf(self, device: str, generation: int, stream: int, epoch: int, base: int, chain: bytes) -> Leaf:
        identity = leaf_identity(device, generation, stream, epoch, base)
        with self._store.transaction():
            shield = self._newest_shield(device) if stream in PERSONAL_STREAMS else None
            secret = combined(chain, self._behind(shield), identity) if shield else chain
            wrapped = self._kek.wrap(secret, identity)
            leaf = Leaf(device, generation, stream, epoch, base, wrapped, shield.number if shield else 0)
            self._store.put_leaf(leaf)
        return leaf

    def _newest_shield(self, device: str) -> Shield:
        """The one under which a leaf is stored now; made where there is none."""
        found = self._store.shield(device)
        if found is None:
            number = 1 + secrets.randbits(NUMBER_BITS)
            wrapped = self._kek.wrap(os.urandom(KEY_BYTES), shield_identity(device, number))
            found = Shield(device, number, self._tombstones.count(), wrapped)
            self._store.put_shield(found)
        return found

    # Downlink

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """One commit for several calls, when many devices are answered at once."""
        with self._lock, self._store.transaction():
            yield

    def down_keys(self, device: str, count: int, last: int | None = None) -> list[DownKey]:
        """Keys of the next `count` downlinks, as far as their numbers do not pass `last`.

        The chain behind them is stored before they are returned.
        """
        seal, step = ladder.function(_DOWN, "seal"), ladder.function(_DOWN, "step")
        with self._lock, self._store.transaction():
            generation, number, chain = self._down(device)
            stop = number + count if last is None else min(number + count, last + 1)
            if stop <= number:
                return []
            keys = []
            for each in range(number, stop):
                keys.append(DownKey(generation, each, seal(chain)))
                chain = step(chain)
            self._put_down(device, generation, stop, chain)
            return keys

    def skip_down(self, device: str, to_number: int) -> None:
        """Jump over numbers: after a restore, or above what the device says that it has seen."""
        with self._lock, self._store.transaction():
            generation, number, chain = self._down(device)
            if to_number - number > MAX_SKIP_DOWN:
                raise ConfigError("a downlink number far beyond the stored one; the device must be enrolled anew")
            for _ in range(to_number - number):
                chain = ladder.step(chain, Stream.DOWN)
            if to_number > number:
                self._put_down(device, generation, to_number, chain)

    def down_next(self, device: str) -> int:
        """The number that the next downlink will have."""
        return self.down(device)[1]

    def down(self, device: str) -> tuple[int, int]:
        """(generation, number) that the next downlink will have."""
        row = self._store.down(device)
        if row is None:
            raise UnknownDevice("no downlink chain for this device")
        return row[0], row[1]


def _floor(stones: Sequence[Tombstone], generation: int, epoch: int) -> int:
    return max((stone.floor(generation, epoch) for stone in stones), default=0)


def _covered(name: Name, device: str, stream: int, first_epoch: int, last_epoch: int) -> bool:
    return name[0] == device and stream in (0, name[2]) and first_epoch <= name[3] <= last_epoch
