"""Contracts of environment and motion batches beyond the vectors: what a packer refuses, and what any batch keeps."""

from __future__ import annotations

import random
from typing import Any

import pytest

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, Motion, MotionEvent, Reading, Sensor
from cloud_sync.wire import light, readings

EPOCH = 20_600
START = EPOCH * EPOCH_SECONDS
BOTH = Sensor.TEMPERATURE | Sensor.LIGHT
ONE = [Reading(START, 60, 215, 80)]
MOVED = [MotionEvent(START, 60, Motion.BEGAN)]


@pytest.mark.parametrize(
    ("sensors", "step_s", "batch"),
    [
        (Sensor.MOTION, 60, ONE),
        (Sensor(0), 60, ONE),
        (BOTH | Sensor.GNSS, 60, ONE),
        (BOTH, 61, ONE),
        (BOTH, 60, []),
        (BOTH, 60, [Reading(START + 60 * n, 60, 0, 0) for n in range(65)]),
        (BOTH, 60, [Reading(START, 60, None, 80)]),
        (BOTH, 60, [Reading(START, 60, 215, None)]),
        (BOTH, 60, [Reading(START, 60, 1501, 80)]),
        (BOTH, 60, [*ONE, *ONE]),
        (BOTH, 60, [Reading(START - 61, 60, 215, 80)]),
        (BOTH, 60, [Reading(START + EPOCH_SECONDS + 60, 60, 215, 80)]),
    ],
)
def test_a_batch_that_no_device_may_send_is_not_packed(sensors: Sensor, step_s: int, batch: list[Reading]) -> None:
    """One thing changed of a batch that packs."""
    readings.pack_environment(BOTH, 60, ONE, EPOCH)
    with pytest.raises(WireFormatError):
        readings.pack_environment(sensors, step_s, batch, EPOCH)


@pytest.mark.parametrize(
    ("step_s", "batch"),
    [(30, MOVED), (60, []), (60, [*MOVED, *MOVED]), (60, [MotionEvent(START, 60, Motion(0))])],
)
def test_motion_that_no_device_may_send_is_not_packed(step_s: int, batch: list[MotionEvent]) -> None:
    """One thing changed of a batch that packs."""
    readings.pack_motion(60, MOVED, EPOCH)
    with pytest.raises(WireFormatError):
        readings.pack_motion(step_s, batch, EPOCH)


def test_any_series_survives_the_wire() -> None:
    """Two hundred random batches of each stream, any step and sensors: what was packed is what is unpacked."""
    dice = random.Random(20_600)
    for _ in range(200):
        step_s = dice.choice(readings.STEPS_S)
        steps = sorted(dice.sample(range(EPOCH_SECONDS // step_s), dice.randint(1, min(64, EPOCH_SECONDS // step_s))))
        sensors = dice.choice([Sensor.TEMPERATURE, Sensor.LIGHT, BOTH])
        batch = [
            Reading(
                START + step * step_s,
                step_s,
                dice.randint(-550, 1500) if Sensor.TEMPERATURE in sensors else None,
                light.least_lux(light.light_class(dice.randrange(300_000))) if Sensor.LIGHT in sensors else None,
            )
            for step in steps
        ]
        plaintext = readings.pack_environment(sensors, step_s, batch, EPOCH)
        assert readings.unpack_environment(plaintext, EPOCH) == batch
        moved = [MotionEvent(START + step * step_s, step_s, Motion(dice.randint(1, 7))) for step in steps]
        assert readings.unpack_motion(readings.pack_motion(step_s, moved, EPOCH), EPOCH) == moved


def test_a_class_of_light_contains_its_lux() -> None:
    """The derived value lies at or below the lux, by less than a quarter of it; classes rise with the lux."""
    before = -1
    for lux in [*range(2_000), *(2**bits + by for bits in range(11, 18) for by in (-1, 0, 1, 1_000))]:
        found = light.light_class(lux)
        least_lx = light.least_lux(found)
        assert least_lx <= lux <= least_lx * 1.25
        if lux < 2_000:
            assert found >= before
            before = found


@pytest.mark.parametrize("decode", [readings.decode_environment, readings.decode_motion])
def test_hostile_bytes_raise_this_packages_error_only(decode: Any) -> None:
    """Cuts and flips of a sound batch, and noise: WireFormatError or a batch, never another exception."""
    dice = random.Random(7)
    sound = readings.pack_environment(BOTH, 60, ONE, EPOCH), readings.pack_motion(60, MOVED, EPOCH)
    for plaintext in sound:
        for _ in range(400):
            damaged = bytearray(plaintext)
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            for data in (bytes(damaged), bytes(damaged[: dice.randrange(len(damaged) + 1)]), dice.randbytes(12)):
                try:
                    decode(data, EPOCH)
                except WireFormatError:
                    continue
