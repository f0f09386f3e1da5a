"""The power of a device that a state machine drives, what a start behind a cut finds, and what must hold after every step."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cloud_sync.wire import ladder
from hw_sim.silicon.flash import PowerLost
from tests.properties.device_model import Model, Waiting
from tests.properties.device_world import DAY_S, DEEP_SLEEP, FIRST_EPOCH, POWER_ON, STREAMS, WATCHDOG, Unit, World

from firmware.keystore import LEAP  # isort: skip

BITS = (1, 2, 4, 8)  # of `sensors`


class Powered(RuleBasedStateMachine):
    """`world` is the device, `model` what must be true of it."""

    world: World
    model: Model

    def enrolled(self, seed: int) -> None:
        """A device behind its enrolment."""
        self.world, self.model = World(seed), Model(epoch=FIRST_EPOCH)
        self.model.numbers.start(FIRST_EPOCH)
        self.cut: tuple[int, int] | None = None  # operations to the second cut, and its seed
        self.exports: list[tuple[int, bytes]] = []  # sequence of the record, what was retained
        self.dead: set[bytes] = set()  # keys of the past
        self.floor_s, self.down, self.highest = 0, (0, 0), 0

    @property
    def unit(self) -> Unit:
        """The firmware as it runs."""
        return self.world.unit

    # --- the power

    @rule(after=st.integers(1, 9), torn=st.booleans(), again=st.integers(0, 9), seed=st.integers(0, 999))
    def arm(self, after: int, torn: bool, again: int, seed: int) -> None:
        """The power will go at the n-th flash operation from now; `again`: once more at that one of the start behind it."""
        self.world.flash.nor.cut_after(after, random.Random(seed) if torn else None)
        self.cut = (again, seed) if again else None

    @rule(cause=st.sampled_from((POWER_ON, WATCHDOG)))
    def restart(self, cause: int) -> None:
        """A start; what retained memory held over a reset is not used."""
        self.world.memory = b"" if cause == POWER_ON else self.world.memory
        if self.attempt(lambda: self.start(cause)):
            assert not self.unit.woken

    @rule(
        seconds=st.sampled_from((1, 3600, DAY_S)),
        how=st.sampled_from(("kept", "kept", "gone", "reset", "torn", "older")),
    )
    def sleep(self, seconds: int, how: str) -> None:
        """Deep sleep: its wake skips no number; a memory that is gone, damaged or of an older sleep is not believed."""
        unit, clock = self.unit, self.unit.clock.keep()
        kept = unit.keystore.export_retained()
        memory, sequence = kept, unit.keystore._log.sequence
        older = [data for of, data in self.exports if of != sequence]
        self.exports = [*self.exports[-3:], (sequence, kept)]
        if how == "torn":
            memory = kept[:40] + bytes([kept[40] ^ 1]) + kept[41:]
        elif how == "older":
            assume(older)
            memory = older[-1]
        self.world.memory = b"" if how == "gone" else memory
        self.world.pass_s(seconds)
        cause = {"gone": POWER_ON, "reset": WATCHDOG}.get(how, DEEP_SLEEP)
        if self.attempt(lambda: self.start(cause)):
            assert self.unit.woken == (how == "kept")
            if self.unit.woken:
                self.unit.clock.resume(clock, seconds * 1000)
                self.model.confirmed &= self.unit.clock.now_s() is not None  # it slept too long to be sure
                self.attempt(self.unit.on_time)

    def start(self, cause: int) -> None:
        """Start the firmware; where it begins with what flash holds, numbers may be skipped."""
        confirmed, self.model.confirmed = self.model.confirmed, False
        if self.world.start(cause).woken:
            self.model.confirmed = confirmed
        else:
            self.model.numbers.start(self.unit.keystore.epoch)

    def attempt(self, act: Callable[[], Any]) -> bool:
        """Do it; False if the power went on the way. Then the device has started again, and RAM is gone."""
        try:
            act()
        except PowerLost:
            assert self.world.flash.dark
        done = not self.world.flash.dark  # a program that took the error for one of the flash has no power either
        if not done:
            self.recover()
        self.note()
        self.day()
        return done

    def recover(self) -> None:
        """Power comes back, for a few operations only at first where a second cut is armed."""
        self.note()
        flash, again = self.world.flash, self.cut
        self.world.memory, self.model.confirmed, self.cut = b"", False, None
        flash.restore()
        starts = 2  # what was cut may have reserved for the second time, and the start goes on behind it
        if again is not None:
            flash.nor.cut_after(again[0], random.Random(again[1]))
            try:
                self.world.start()
            except PowerLost:
                starts += 1
            flash.restore()
        self.world.start()
        for _ in range(starts):
            self.model.numbers.start(self.unit.keystore.epoch)

    def day(self) -> None:
        """The epoch stays, or is today's."""
        epoch = self.unit.keystore.epoch
        assert epoch in (self.model.epoch, self.world.now_s // DAY_S)
        self.model.epoch = epoch

    # --- what is left, and what must hold

    def waiting(self) -> list[Waiting]:
        """The spool's pending entries, oldest first."""
        return [Waiting(e.position, e.stream, bytes(e.envelope), e.time_s) for e in self.unit.spool.pending()]

    def go(self, some: list[Waiting], *, whole: bool) -> int:
        """Of the entries that may go, those that went; all of them unless the power did."""
        real = self.waiting()
        missing = [entry for entry in some if entry in self.model.pending and entry not in real]
        assert not whole or len(missing) == len([entry for entry in some if entry in self.model.pending])
        self.model.without(missing)
        return len(missing)

    def note(self) -> None:
        """Numbers and keys that were given out, and what is dead with them."""
        given, self.unit.given = self.unit.given, []
        for number, key in given:
            self.model.numbers.give(number, key, LEAP)
            generation, stream, epoch, counter = number
            past = range(max(0, counter - 2 * LEAP), counter + 1)
            self.dead |= {key, *(self.world.keys.chain(generation, stream, epoch, at) for at in past)}

    def bury(self, generation: int, *, spines: bool) -> None:
        """Keys that the device must not have any more: spines and leaves up to today, all of a generation that is over."""
        keys, epoch = self.world.keys, self.model.epoch
        for stream in STREAMS:
            of_days = keys.spines(generation, stream, epoch + (1 if spines else 0))
            self.dead |= {*of_days[-5:], ladder.day_key(keys.spine(generation, stream, epoch), stream)}
        self.dead |= {keys.down(generation, at) for at in range(max(0, self.down[1] - LEAP), self.down[1])}

    @invariant()
    def the_spool_is_the_models(self) -> None:
        """What waits, in its order; each is accounted for."""
        model, spool = self.model, self.unit.spool
        assert self.waiting() == model.pending and spool.count() == len(model.pending)
        assert spool.lost == model.lost
        assert model.spooled == len(model.pending) + model.lost + model.released + model.purged

    @invariant()
    def nothing_is_permitted_that_the_model_does_not_permit(self) -> None:
        """Each sensor on its own; the version in force, and the highest ever."""
        unit, rules, now_s = self.unit, self.model.rules, self.unit.clock.now_s()
        assert now_s == self.world.now_s if self.model.confirmed else now_s in (None, self.world.now_s)
        assert unit.in_force.version == (rules.terms.version if rules.terms else 0)
        assert unit.keystore.directive_high == rules.highest >= self.highest
        self.highest = rules.highest
        open_ = rules.terms is not None and now_s is not None and now_s < rules.terms.lease_s
        for bit in BITS:
            assert unit.in_force.senses(bit) == (open_ and rules.terms is not None and rules.terms.sensors & bit != 0)
        if rules.terms is not None:
            assert unit.in_force.directive.interval == rules.terms.interval_s

    @invariant()
    def floors_and_numbers_rise(self) -> None:
        """The time floor, the downlink number in its generation; generation and epoch are the model's."""
        keys = self.unit.keystore
        assert (keys.generation, keys.epoch) == (self.model.generation, self.model.epoch)
        assert self.floor_s <= keys.floor_s <= self.world.now_s
        assert (keys.generation, keys.down_next) >= self.down
        self.floor_s, self.down = keys.floor_s, (keys.generation, keys.down_next)

    @invariant()
    def flash_holds_no_key_of_the_past(self) -> None:
        """Nor an envelope that was purged, nor retained memory anything while it runs."""
        self.bury(self.model.generation, spines=False)
        raw = self.world.flash.raw("keys")
        assert not [key for key in self.dead if key in raw]
        assert not any(self.world.memory)
