"""Batches of the sampler: when they close, and what becomes of those that cannot be sealed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.firmware.app.rig import DAY_S, START_S, Rig, micro

from firmware.sampler import Sampler  # isort: skip
from firmware.sensing.batches import BatchBuilder  # isort: skip
from firmware.wire import batch, envelope  # isort: skip


class Sealing:
    """The sealer's interface: keeps what it is given to seal; `fits` bytes at most."""

    def __init__(self, fits: int = 1000) -> None:
        self.fits = fits
        self.sealed: list[tuple[int, list[Any], int]] = []

    def seal(self, stream: int, plaintext: bytes, version: int, time_s: int) -> None:
        """One envelope."""
        from firmware.errors import WireError

        if len(plaintext) > self.fits:
            raise WireError("too long")
        self.sealed.append((version, batch.unpack_location(plaintext, time_s // DAY_S)[1], time_s))


class Keys:
    """The key store's epoch."""

    epoch = START_S // DAY_S


def builder_of(sealing: Any, ticks: Any = lambda: 0) -> BatchBuilder:
    """A builder in virtual ticks."""
    return BatchBuilder(1, pack, sealing, Keys(), ticks, lambda end, start: end - start)


def pack(directive: Any, kind: Any, entries: list[Any], epoch: int) -> bytes:
    """Plaintext of `location`."""
    assert kind is None
    return batch.pack_location(directive.precision, entries, epoch)


def entry(at_s: int) -> tuple[int, ...]:
    """One entry of the minimiser."""
    return (START_S + at_s, 5500000 + at_s, 1000000 - at_s, 3)


def test_a_batch_closes_when_it_is_full() -> None:
    """Twenty entries make one envelope with all of them, under the directive's version."""
    sealing, directive = Sealing(), Rig().directive(7, batch=20)
    builder = builder_of(sealing)
    for i in range(39):
        builder.add(entry(10 * i), directive)
    assert [(version, len(entries)) for version, entries, _ in sealing.sealed] == [(7, 20)]
    assert sealing.sealed[0][1] == [entry(10 * i) for i in range(20)] and len(builder) == 19


def test_a_batch_closes_at_its_age() -> None:
    """At batch_age and not before, however few entries it holds."""
    now = [0]
    sealing = Sealing()
    builder = builder_of(sealing, lambda: now[0])
    builder.add(entry(0), Rig().directive(1, batch_age=300))
    now[0] = 299_999
    builder.close_if_old()
    assert sealing.sealed == []
    now[0] = 300_000
    builder.close_if_old()
    assert len(sealing.sealed) == 1 and len(builder) == 0


def test_a_batch_closes_at_a_new_directive_and_keeps_the_old_version() -> None:
    """What was sensed under one directive is never sealed under the next."""
    sealing = Sealing()
    builder = builder_of(sealing)
    builder.add(entry(0), Rig().directive(1))
    builder.add(entry(10), Rig().directive(2))
    builder.close()
    assert [(version, len(entries)) for version, entries, _ in sealing.sealed] == [(1, 1), (2, 1)]


def test_a_batch_never_spans_two_epochs() -> None:
    """An entry of the next day closes the batch; its own day's keys are not there yet, so it is counted as lost."""
    sealing, directive = Sealing(), Rig().directive(1)
    builder = builder_of(sealing)
    builder.add(entry(0), directive)
    builder.add((Keys.epoch * DAY_S + DAY_S, 1, 1, 3), directive)
    assert len(sealing.sealed) == 1
    builder.close()
    assert len(sealing.sealed) == 1 and builder.lost == 1


def test_an_entry_of_the_next_day_changes_the_day_first() -> None:
    """The task that looks at the clock has not run yet: the builder asks for it, and the entry is sealed, not lost."""
    sealing, directive, keys = Sealing(), Rig().directive(1), Keys()
    builder = BatchBuilder(1, pack, sealing, keys, lambda: 0, lambda end, start: end - start)

    def on_time() -> None:
        builder.close()
        keys.epoch += 1

    builder.on_time = on_time
    builder.add(entry(0), directive)
    builder.add((Keys.epoch * DAY_S + DAY_S, 1, 1, 3), directive)
    builder.close()
    assert [time_s // DAY_S - Keys.epoch for _, _, time_s in sealing.sealed] == [0, 1] and builder.lost == 0


@pytest.mark.parametrize(("early_s", "lost"), [(1, 0), (60, 0), (61, 1)])
def test_an_entry_that_waited_over_midnight_lies_in_the_new_day(early_s: int, lost: int) -> None:
    """Up to a minute before the epoch may be sealed in it; what is older has no key any more."""
    sealing, directive = Sealing(), Rig().directive(1)
    builder = BatchBuilder(1, in_the_new_day, sealing, Keys(), lambda: 0, lambda end, start: end - start)
    builder.add((Keys.epoch * DAY_S - early_s, 1, 1, 3), directive)
    builder.add((Keys.epoch * DAY_S + 5, 1, 1, 3), directive)
    builder.close()
    assert builder.lost == lost and builder.sealed == 1


def in_the_new_day(directive: Any, kind: Any, entries: list[Any], epoch: int) -> bytes:
    """As `pack`, of the key store's own epoch; what the sealing then unpacks is of no interest."""
    assert epoch == Keys.epoch
    return batch.pack_location(directive.precision, [(START_S, *entries[0][1:])], epoch)


def test_a_batch_too_long_for_an_envelope_is_halved() -> None:
    """All entries arrive, in two envelopes or more; a single one that does not fit is counted as lost."""
    sealing, directive = Sealing(fits=100), Rig().directive(1, batch=64)
    builder = builder_of(sealing)
    wild = [(START_S + i, (-1) ** i * 8_999_999, (-1) ** i * 17_999_999, 3) for i in range(64)]
    for one in wild:
        builder.add(one, directive)
    assert len(sealing.sealed) >= 4
    assert [one for _, entries, _ in sealing.sealed for one in entries] == wild and builder.lost == 0
    sealing.fits = 5
    builder.add(entry(100), directive)
    builder.close()
    assert builder.lost == 1


def test_a_dropped_batch_is_gone() -> None:
    """After `drop` nothing of it is ever sealed."""
    sealing = Sealing()
    builder = builder_of(sealing)
    builder.add(entry(0), Rig().directive(1))
    builder.drop()
    builder.close()
    assert sealing.sealed == [] and len(builder) == 0


def test_a_spent_counter_or_broken_flash_costs_the_batch_and_not_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed once; then flash fails, then no number is left: the fix is lost, and nothing raises."""
    rig = Rig()
    builder = BatchBuilder(1, pack, rig.sealer, rig.keystore, lambda: 0, lambda end, start: end - start)

    def one() -> tuple[int, int]:
        builder.add(entry(0), rig.directive(1))
        builder.close()
        return builder.sealed, builder.lost

    assert one() == (1, 0)
    assert envelope.peek_uplink(next(rig.spool.pending()).envelope)[1] == 1
    rig.cut_after(0)
    assert one() == (1, 1)
    rig.cut_after(None)
    monkeypatch.setattr("firmware.wire.ladder.COUNTERS", 0)
    assert one() == (1, 2)


class Endless:
    """A receiver that never gives a fix, and all that a sampler asks for."""

    directive = Rig().directive(1)
    powered = False
    implausible = 0

    async def start(self, interval_s: int) -> None:
        """Power on."""
        self.powered = True

    async def fix(self, timeout_ms: int) -> None:
        """Wait for ever."""
        await asyncio.Event().wait()

    def cut(self) -> None:
        """Power off."""
        self.powered = False

    stop = cut

    def senses_location(self) -> bool:
        """Always permitted."""
        return True

    time_only = senses_location


def test_stopping_cuts_the_power_before_anything_else_runs() -> None:
    """When `stop_now` returns the receiver has no power, though its task still waits for a fix; then it starts anew."""

    async def main() -> None:
        it = Endless()
        sampler = Sampler(it, it, it, it, on_time=lambda: None, on_fix=lambda time_s, inside: None, moved=lambda: None)
        task = asyncio.create_task(sampler.run())
        await asyncio.sleep(1)
        assert it.powered
        sampler.stop_now()
        assert not it.powered
        await asyncio.sleep(1)
        assert it.powered and not task.done()

    micro.run(main())


@pytest.mark.parametrize(("late_ms", "overdue"), [(1000, None), (1001, "a")])
def test_the_supervisor_names_a_task_that_does_not_move(late_ms: int, overdue: str | None) -> None:
    """Within its bound a task is fine, beyond it is named; once it moves again it is fine again."""
    from firmware.supervisor import Supervisor

    now = [0]
    supervisor = Supervisor(lambda: now[0], lambda end, start: end - start)
    moved = supervisor.watch("a", 1000)
    supervisor.watch("b", 100_000)
    now[0] = late_ms
    assert supervisor.overdue() == overdue
    moved()
    assert supervisor.overdue() is None


def test_uptime_survives_the_wrap_of_the_ticks() -> None:
    """Across 2**30 milliseconds, 12.4 days, the seconds go on."""
    import time

    from firmware.supervisor import Supervisor

    now = [micro.TICKS_PERIOD - 5000]
    supervisor = Supervisor(lambda: now[0], time.ticks_diff)
    now[0] = 5000
    assert supervisor.uptime_s() == 10
