"""The power is cut at every flash operation of a device's life, cleanly and in its middle, and at the recovery from
that.

Whatever is cut: no key is used twice, no envelope that was handed out is lost, no downlink is accepted twice, what was
purged is gone, and the raw flash holds no key that was ever used, nor one that derives it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import pytest

from firmware.errors import SealError
from firmware.flash.region import RawRegion
from firmware.flash.rules import Rules
from firmware.flash.spool import Spool
from firmware.wire import ladder
from tests.unit.firmware import aes_provider
from tests.unit.firmware.device import DAY_S, FIRST_EPOCH, NOW_S, ROOT, Device, Flash, Server, number_of
from tests.unit.firmware.nor import Nor, PowerCut, Supply
from tests.unit.firmware.test_minimise import directive

aes_provider.install()

SECTOR_BYTES = 1024  # two records or a few envelopes a sector: sectors change often
STREAMS = (ladder.LOCATION, ladder.STATUS)


class Life:
    """One device over boots and cuts, and what must hold of it."""

    def __init__(self, supply: Supply) -> None:
        self.flash = Flash(supply, SECTOR_BYTES, spool_sectors=4)
        self.server = Server()
        self.used: dict[tuple[int, ...], bytes] = {}  # number -> digest of the key: each once
        self.handed: dict[int, bytes] = {}  # position -> envelope that has to be pending
        self.begun: list[bytes] = []  # every envelope that an append began with, torn or not
        self.purged: list[bytes] = []
        self.accepted: list[bytes] = []
        self.dead_keys: set[bytes] = set()
        self.device = Device(self.flash).enrol()

    def boot(self) -> None:
        """Start again: recovery, then an interrupted purge, as the application does it."""
        self.device = Device(self.flash)
        rules = Rules(self.flash.log("rules"))
        if rules.purge:
            self._wipe(rules)
        self.device.keys.boot()

    def seal(self, stream: int) -> None:
        """One envelope; its number and key are new whatever happens."""
        keys, epoch = self.device.keys, self.device.keys.epoch
        given: Callable[[int, int], tuple[int, bytearray]] = type(keys).next_envelope

        def watched(stream: int, epoch: int) -> tuple[int, bytearray]:
            counter, key = given(keys, stream, epoch)
            number = (stream, epoch, counter)
            assert number not in self.used, f"number {number} was given out twice"
            assert bytes(key) not in self.used.values()
            self.used[number] = bytes(key)
            # A chain key derives every later one: with a number its whole past is dead, skipped numbers too.
            self.dead_keys |= {bytes(key), *(Server.chain(stream, epoch, past) for past in range(counter + 1))}
            return counter, key

        def noted(stream: int, time_s: int, data: bytes) -> object:
            self.begun.append(data)
            return append(stream, time_s, data)

        append = type(self.device.spool).append.__get__(self.device.spool)
        keys.next_envelope, self.device.spool.append = watched, noted
        entry = self.device.sealer.seal(stream, b"plaintext of a batch %d" % len(self.used), 1, NOW_S)
        assert number_of(entry.envelope)[2] == epoch
        self.handed[entry.position] = entry.envelope

    def release(self) -> None:
        """The oldest pending entry; from the call on it may be there or not."""
        position = min(self.handed)
        del self.handed[position]
        self.device.spool.release(position)

    def next_day(self) -> None:
        """The change of day; yesterday's keys and all that derive them are dead once it returned."""
        before = self.device.keys.epoch
        self.device.keys.advance(before + 1, NOW_S + (before + 1 - FIRST_EPOCH) * DAY_S)
        for stream in STREAMS:
            spine = ladder.spine(ROOT, stream)
            for _ in range(before - FIRST_EPOCH):
                spine = ladder.next_spine(spine, stream)
            self.dead_keys |= {
                spine,
                ladder.next_spine(spine, stream),
                ladder.derive(spine, ladder.NAMES[stream], "day"),
            }

    def downlink(self) -> None:
        """The next one that the server may send; a message that was accepted is never accepted again."""
        self.server.down_next = max(self.server.down_next, self.device.keys.down_next)
        message = self.server.down([1, len(self.accepted)])
        assert self.device.sealer.open(message)
        self.accepted.append(message)

    def withdraw(self) -> None:
        """The person says no: location's envelopes are wiped (PROTOCOL rule 12)."""
        rules = Rules(self.flash.log("rules"))
        rules.save(directive(sensors=0, version=1), [ladder.LOCATION])
        self._wipe(rules)

    def _wipe(self, rules: Rules) -> None:
        gone = [position for position, data in self.handed.items() if number_of(data)[1] == ladder.LOCATION]
        self.purged += [self.handed[position] for position in gone]
        for position in gone:
            del self.handed[position]
        self.device.spool.purge(ladder.LOCATION)
        rules.purged()
        # The middle of an envelope, so that a torn one is found as well.
        middles = [data[24:32] for data in self.begun if number_of(data)[1] == ladder.LOCATION]
        assert not [middle for middle in middles if middle in self.flash.spool.data]

    def check_raw(self) -> None:
        """At any moment, the power on or off: no key of the past in the region that holds keys."""
        raw = bytes(self.flash.keys.data)
        assert not [key for key in self.dead_keys if key in raw]

    def check(self) -> None:
        """After a start: everything handed out is there, nothing accepted is accepted again."""
        self.check_raw()
        pending = {entry.position: entry.envelope for entry in self.device.spool.pending()}
        assert self.device.spool.count() == len(pending)
        assert not [position for position, data in self.handed.items() if pending.get(position) != data]
        assert self.device.spool.lost == 0
        for message in self.accepted[-3:]:
            with pytest.raises(SealError):
                self.device.sealer.open(message)
        for data in pending.values():
            assert self.server.open(data).startswith(b"plaintext")


def steps(life: Life) -> Iterator[Callable[[], None]]:
    """A few days: seals on two streams, releases, downlinks, changes of day, a withdrawal."""
    location, status = (lambda: life.seal(ladder.LOCATION)), (lambda: life.seal(ladder.STATUS))
    yield from (life.boot, status, location, location, life.downlink, life.release)
    yield from [location] * 9
    yield from (life.next_day, location, life.downlink, life.release, life.release, status)
    yield from (life.withdraw, life.next_day, status, life.downlink, life.release, life.boot, status, life.release)
    yield from [location, location, status, life.downlink, life.release] * 4
    yield from (life.next_day, life.boot, location, life.withdraw, status, life.downlink)


def live(supply: Supply, again_after: int | None = None) -> tuple[Life, bool]:
    """Live through the steps; after a cut boot (cut once more on the way, if asked) and do the step again."""
    cut_at, supply.cut_at = supply.cut_at, None
    life, was_cut = Life(supply), False
    supply.operations, supply.cut_at = 0, cut_at
    for step in steps(life):
        try:
            step()
        except PowerCut:
            was_cut = True
            life.check_raw()
            restart(life, again_after)
            life.check()
            step()
    life.check()
    raw = life.flash.raw()
    assert not [key for key in life.dead_keys if key in raw]
    return life, was_cut


def restart(life: Life, again_after: int | None) -> None:
    """Power comes back, perhaps for a few operations only at first."""
    if again_after is not None:
        life.flash.supply.restart(life.flash.supply.operations + again_after)
        try:
            life.boot()
        except PowerCut:
            life.check_raw()
    life.flash.supply.restart()
    life.boot()


@functools.cache
def operations() -> int:
    """How many flash operations the life has without a cut."""
    supply = Supply()
    live(supply)
    return supply.operations


def test_the_life_is_long_enough() -> None:
    """The sweep passes over every kind of operation, many times."""
    supply = Supply()
    life, was_cut = live(supply)
    assert not was_cut
    assert supply.operations == operations() > 180
    assert min(life.flash.keys.erases) > 2
    assert min(life.flash.spool.erases) > 0
    assert (len(life.purged), len(life.accepted)) == (17, 8)


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_a_cut_at_every_operation(torn: bool) -> None:
    """One cut a life, at each operation in turn; torn ones leave other bits each time."""
    for cut_at in range(operations()):
        _, was_cut = live(Supply(cut_at, torn, seed=cut_at))
        assert was_cut, cut_at


@pytest.mark.parametrize("again_after", [0, 1, 3, 6])
def test_a_second_cut_while_recovering(again_after: int) -> None:
    """The boot after the cut is cut too, in its middle; every third operation of the life."""
    for cut_at in range(again_after % 3, operations(), 3):
        _, was_cut = live(Supply(cut_at, True, seed=1000 + cut_at), again_after)
        assert was_cut, cut_at


class Ring:
    """A small spool that overflows and expires, and the number of envelopes that it took."""

    def __init__(self, supply: Supply) -> None:
        self.nor = Nor(4, SECTOR_BYTES, supply)
        self.spool = Spool(RawRegion(self.nor))
        self.taken = self.released = self.cuts = 0

    def append(self) -> None:
        """One of another size each time, of age `taken`."""
        self.spool.append(1, self.taken, bytes([self.taken + 1]) * (60 + self.taken * 37 % 140))
        self.taken += 1

    def release(self) -> None:
        """The oldest."""
        for entry in self.spool.pending(limit=1):
            self.spool.release(entry.position)
            self.released += 1

    def expire(self) -> None:
        """All but the youngest four."""
        self.spool.expire(self.taken - 4)

    def check_purge(self) -> None:
        """A purge right after the cut, on a copy: nothing is left, in no sector that was on its way out either."""
        copy = Nor(4, SECTOR_BYTES)
        copy.data[:] = self.nor.data
        Spool(RawRegion(copy)).purge(1)
        assert not [number for number in range(self.taken + 1) if bytes([number + 1]) * 24 in copy.data]

    def check(self) -> None:
        """Every envelope that was taken is pending, released or counted as lost, but for one a cut: the one it happened
        in.
        """
        ages = [entry.time_s for entry in self.spool.pending()]
        assert ages == sorted(ages)
        assert len(ages) == self.spool.count()
        assert abs(self.taken - self.released - len(ages) - self.spool.lost) <= self.cuts


def overflow(supply: Supply) -> Ring:
    """Appends beyond the ring's size, releases and an expiry; after a cut the step is done again."""
    cut_at, supply.cut_at = supply.cut_at, None
    ring = Ring(supply)
    supply.operations, supply.cut_at = 0, cut_at
    for step in [ring.append] * 20 + [ring.release, ring.append] * 5 + [ring.expire] + [ring.append] * 14:
        try:
            step()
        except PowerCut:
            ring.cuts += 1
            supply.restart()
            ring.check_purge()
            ring.spool = Spool(RawRegion(ring.nor))
            ring.check()
            step()
    ring.check()
    return ring


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_a_ring_that_overflows_keeps_its_count(torn: bool) -> None:
    """A cut at every operation of a spool that has to give up entries: they are counted, once."""
    supply = Supply()
    whole = overflow(supply)
    assert whole.spool.lost > 15
    assert whole.taken - whole.released == whole.spool.count() + whole.spool.lost
    for cut_at in range(supply.operations):
        assert overflow(Supply(cut_at, torn, seed=cut_at)).cuts == 1
