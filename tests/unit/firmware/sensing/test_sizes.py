"""Plaintexts of one size: padded, closed by number alone, for every personal stream."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from firmware.wire import batch, readings
from firmware.wire.aggregates import pack_aggregates
from firmware.wire.places import pack_places
from tests.unit.firmware.app.rig import DAY_S, START_S, Rig
from tests.unit.firmware.sensing.bench import Bench, shaking

from firmware.sensing.batches import BatchBuilder  # isort: skip

EPOCH = START_S // DAY_S


class Sealing:
    """The sealer's interface: keeps the plaintexts."""

    def __init__(self) -> None:
        self.plaintexts: list[bytes] = []

    def seal(self, stream: int, plaintext: bytes, version: int, time_s: int) -> None:
        """One envelope."""
        self.plaintexts.append(plaintext)


class Keys:
    """The key store's epoch."""

    epoch = EPOCH


PACKS: dict[str, tuple[int, Any]] = {
    "location": (1, lambda directive, kind, entries, epoch: batch.pack_location(0, entries, epoch)),
    "places": (1, lambda directive, kind, entries, epoch: pack_places(entries, epoch)),
    "environment": (2, lambda directive, kind, entries, epoch: readings.pack_environment(6, 60, entries, epoch)),
    "sums": (2, lambda directive, kind, entries, epoch: pack_aggregates(6, 600, entries, epoch)),
    "motion": (3, lambda directive, kind, entries, epoch: readings.pack_motion(60, entries, epoch)),
}


def entry(kind: str, i: int, choose: random.Random, wild: bool) -> tuple[int, ...]:
    """The i-th entry of a stream: as even as it can be, or as wild as within reason."""
    time_s = EPOCH * DAY_S + 600 * i
    low, high = (-550, 1500) if wild else (200, 200)
    light = (0, 72) if wild else (30, 30)
    celsius, lux = sorted(choose.randint(low, high) for _ in range(3)), sorted(choose.randint(*light) for _ in range(3))
    walk = choose.randint(-15_000, 15_000) if wild else 0
    return {
        "location": (time_s, 5_500_000 + walk, 1_000_000 - walk, choose.randint(0, 15) if wild else 3),
        "places": (time_s - time_s % 60, choose.randint(1, 255) if wild else 1, 1 + i % 2),
        "environment": (time_s, celsius[0], lux[0]),
        "sums": (time_s, choose.randint(1, 1440), *celsius, choose.randint(1, 1440), *lux),
        "motion": (time_s, choose.randint(1, 7) if wild else 1),
    }[kind]


def sealed(kind: str, size: int, *, wild: bool, n: int = 130, **changes: Any) -> list[bytes]:
    """Plaintexts of so many entries."""
    stream, pack = PACKS[kind]
    sealing, choose = Sealing(), random.Random(kind)
    builder = BatchBuilder(stream, pack, sealing, Keys(), lambda: 0, lambda end, start: end - start)
    directive = Rig().directive(1, size=size, **({"batch": 64} | changes))
    for i in range(n):
        builder.add(entry(kind, i, choose, wild), directive)
    builder.close()
    assert builder.lost == 0
    return sealing.plaintexts


@pytest.mark.parametrize("size", [96, 100, 200, 256, 512, 960])
@pytest.mark.parametrize("kind", sorted(PACKS))
def test_every_plaintext_has_the_size(kind: str, size: int) -> None:
    """Even and wild entries: as many envelopes of as many bytes, so that neither number nor length tells them apart."""
    even, wild = sealed(kind, size, wild=False), sealed(kind, size, wild=True)
    assert {len(plaintext) for plaintext in even + wild} == {size}
    assert len(even) == len(wild)


@pytest.mark.parametrize("kind", sorted(PACKS))
def test_without_a_size_lengths_tell(kind: str) -> None:
    """A control: what changes is longer."""
    even, wild = sealed(kind, 0, wild=False), sealed(kind, 0, wild=True)
    assert sum(map(len, even)) < sum(map(len, wild))


def test_what_is_padded_opens_to_the_same() -> None:
    """Each entry comes back, in batches no larger than the directive says."""
    plaintexts = sealed("location", 256, wild=True, batch=5)
    opened = [batch.unpack_location(plaintext, EPOCH)[1] for plaintext in plaintexts]
    choose = random.Random("location")
    assert [each for entries in opened for each in entries] == [entry("location", i, choose, True) for i in range(130)]
    assert {len(entries) for entries in opened} == {5}


def test_speed_and_course_are_reckoned_with_whether_they_are_known_or_not() -> None:
    """With leave for them a batch is as short without them: that the receiver stood still tells nothing."""
    sealing = Sealing()
    builder = BatchBuilder(1, PACKS["location"][1], sealing, Keys(), lambda: 0, lambda end, start: end - start)
    directive = Rig().directive(1, size=200, batch=64, fields=1)
    lengths = []
    for side in ((), (138, 270)):
        sealing.plaintexts.clear()
        for i in range(60):
            builder.add((EPOCH * DAY_S + i, 5_500_000, 1_000_000, 3, *side), directive)
        builder.close()
        lengths.append([len(batch.unpack_location(plaintext, EPOCH)[1]) for plaintext in sealing.plaintexts])
    assert lengths[0] == lengths[1]


def test_a_jump_around_the_world_costs_an_envelope_and_no_byte_of_size() -> None:
    """Beyond the reason of the bound a batch is halved; both halves have the size."""
    sealing = Sealing()
    builder = BatchBuilder(1, PACKS["location"][1], sealing, Keys(), lambda: 0, lambda end, start: end - start)
    directive = Rig().directive(1, size=96, batch=64)
    wild = [(EPOCH * DAY_S + 70_000 * (i % 2) + i, (-1) ** i * 8_999_999, (-1) ** i * 17_999_999, 3) for i in range(2)]
    for one in wild[:1] * 0 + [
        (EPOCH * DAY_S + i, (-1) ** i * 8_999_999, (-1) ** i * 17_999_999, 3) for i in range(40)
    ]:
        builder.add(one, directive)
    builder.close()
    assert {len(plaintext) for plaintext in sealing.plaintexts} == {96} and builder.lost == 0


def test_all_sensors_of_a_device_keep_to_it() -> None:
    """An hour of temperature, light and shaking under a directive with a size: every plaintext of both streams has it."""
    bench = Bench()
    bench.board.motion.acceleration_mg = shaking(0, 2**32, mg=5000.0)

    async def story(bench: Bench) -> None:
        bench.permit(1, size=128, batch=64)
        await asyncio.sleep(3600)
        bench.sensors.close()

    bench.run(story)
    assert {stream for stream, *_ in bench.sent} == {2, 3} and set(bench.sizes) == {128}
