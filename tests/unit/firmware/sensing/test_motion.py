"""Motion by the firmware's own driver and task on a simulated LIS2DH12: what is told of it, and what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from hw_sim.chips.base import ChipFaults
from tests.unit.firmware.sensing import bench as benches
from tests.unit.firmware.sensing.bench import GNSS, LIGHT, MOTION, REST, START_S, TEMPERATURE, Bench, shaking

from firmware.wire import report  # isort: skip

DAY_S = 86_400
MINUTE_S = START_S // 60 * 60 + 60  # the first whole minute
MIDNIGHT_S = (START_S // DAY_S + 1) * DAY_S
BEGAN, ENDED, SHOCK = 1, 2, 4


def told(
    world: Callable[[float], Any], seconds: int, bench: Bench | None = None, **changes: Any
) -> list[tuple[int, int]]:
    """What is told of a world; times count from the first whole minute."""
    bench = bench or Bench()
    bench.board.motion.acceleration_mg = world

    async def story(bench: Bench) -> None:
        bench.permit(1, **changes)
        await asyncio.sleep(seconds)
        bench.sensors.close()

    bench.run(story)
    return [(at_s - MINUTE_S, bits) for at_s, bits in bench.motion()]


def knocks(*at_s: float, mg: float = 5000.0) -> Callable[[float], tuple[float, float, float]]:
    """A world at rest but for knocks of 80 ms."""
    return lambda unix_s: (mg, 0.0, 1000.0) if any(0 <= unix_s - at < 0.08 for at in at_s) else REST


def test_a_device_at_rest_tells_nothing() -> None:
    """An hour on a table, whichever way it lies: no entry, though the chip is watching all the time."""
    bench = Bench()
    assert told(lambda unix_s: (700.0, -700.0, 100.0), 3600, bench) == []
    assert bench.board.motion.powered_s > 3590 and bench.board.motion.power_ons == 1


def test_a_ride_is_its_begin_and_its_end() -> None:
    """Ten minutes of shaking are two entries: the minute of the first motion, and of two minutes' rest behind the last."""
    assert told(shaking(MINUTE_S + 70, MINUTE_S + 670), 1200) == [(60, BEGAN), (780, ENDED)]


def test_a_stop_at_a_light_does_not_end_a_ride() -> None:
    """Rest of 100 s is none."""

    def world(unix_s: float) -> tuple[float, float, float]:
        return REST if 300 <= unix_s - MINUTE_S < 400 else shaking(MINUTE_S + 70, MINUTE_S + 670)(unix_s)

    assert told(world, 1200) == [(60, BEGAN), (780, ENDED)]


def test_a_knock_is_a_shock_in_its_own_minute() -> None:
    """A second before and a second after the full minute are two steps; two in one minute are one entry."""
    entries = told(knocks(*(MINUTE_S + at for at in (118.0, 121.0, 150.0))), 900)
    assert entries == [(60, BEGAN | SHOCK), (120, SHOCK), (240, ENDED)]


def test_a_push_is_no_shock() -> None:
    """At 2 g it moved, no more."""
    assert told(knocks(MINUTE_S + 70, mg=2000.0), 600) == [(60, BEGAN), (180, ENDED)]


def test_acceleration_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all registers that hold or store it none is asked for, in an hour of motion."""
    asked: set[int] = set()
    read = benches.SoftI2C.readfrom_mem

    def watched(self: Any, address: int, register: int, n: int) -> bytes:
        first = register & 0x7F
        asked.update(range(first, first + (n if register & 0x80 else 1)) if address == 0x18 else ())
        return read(self, address, register, n)

    monkeypatch.setattr(benches.SoftI2C, "readfrom_mem", watched)
    assert told(shaking(MINUTE_S + 70, MINUTE_S + 2000), 3600)
    assert asked and not asked & set(range(0x27, 0x30))


def test_an_interval_longer_than_the_step_spaces_the_entries() -> None:
    """At ten minutes' interval entries are ten minutes apart; what happens meanwhile is told with the next."""
    entries = told(knocks(*(MINUTE_S + at for at in (70, 130, 500, 900))), 3000, interval=600)
    assert entries[0] == (60, BEGAN | SHOCK)
    gaps = [after[0] - before[0] for before, after in pairwise(entries)]
    assert gaps and min(gaps) >= 600 and entries[1][1] & SHOCK


def test_days_are_apart() -> None:
    """A shock in the last minute of the day and one in the first of the next lie in their own epochs."""
    bench = Bench()
    told(knocks(MIDNIGHT_S - 1.5, MIDNIGHT_S + 1.5), MIDNIGHT_S - START_S + 300, bench, batch=64, batch_age=7200)
    batches = [content[1] for stream, _, content in bench.sent if stream == 3]
    assert [[at_s - MIDNIGHT_S for at_s, _ in entries] for entries in batches] == [[-60], [0, 120]]
    assert bench.sensors.builders[2].lost == 0


def test_without_leave_the_chip_is_never_powered() -> None:
    """Every other sensor is permitted; this one has no power for a moment, and nothing is told."""
    bench = Bench()
    assert told(shaking(0, 2**32), 900, bench, sensors=GNSS | TEMPERATURE | LIGHT) == []
    assert bench.board.motion.power_ons == 0


def test_a_withdrawal_drops_what_lies_open() -> None:
    """The minute that is not over and the open batch: neither is ever told, and the chip has no power."""
    bench = Bench()
    bench.board.motion.acceleration_mg = knocks(*(MINUTE_S + at for at in (70, 200)))

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=3600)
        await asyncio.sleep(MINUTE_S + 202 - START_S)
        assert len(bench.sensors.builders[2]) >= 1
        bench.narrow(2, sensors=GNSS | TEMPERATURE | LIGHT)
        assert not bench.board.motion.powered
        await asyncio.sleep(600)
        bench.sensors.close()

    bench.run(story)
    assert bench.motion() == [] and {version for stream, version, _ in bench.sent if stream == 2} == {1, 2}


def test_a_withdrawal_seals_no_unfinished_minute() -> None:
    """With one event to an envelope the open minute would fill one: on a withdrawal it is not made."""
    bench = Bench()
    bench.board.motion.acceleration_mg = knocks(MINUTE_S + 70)

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=MOTION, batch=1)
        await asyncio.sleep(MINUTE_S + 75 - START_S)
        bench.narrow(2, sensors=0)

    bench.run(story)
    assert bench.sent == []


def test_a_narrower_directive_seals_what_lies_open() -> None:
    """What was sensed under version 1 is told under it, the unfinished minute too."""
    bench = Bench()
    bench.board.motion.acceleration_mg = knocks(MINUTE_S + 70)

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=3600)
        await asyncio.sleep(MINUTE_S + 75 - START_S)
        bench.narrow(2, interval=20)
        await asyncio.sleep(10)

    bench.run(story)
    assert [(version, content[1]) for _, version, content in bench.sent if content[1] and _ == 3] == [
        (1, [(MINUTE_S + 60, BEGAN | SHOCK)])
    ]


@pytest.mark.parametrize("failure", ["absent", "identity", "zeros", "ones", "flip", "sda", "scl", "dip"])
def test_a_failed_chip_costs_itself_alone(failure: str) -> None:
    """Reported, unpowered, tried again each minute while the others go on; once it is healed it watches again."""
    bench = Bench()
    chip = bench.board.motion
    faults = {
        "absent": ChipFaults(absent=True),
        "identity": ChipFaults(identity=0x44),
        "zeros": ChipFaults(answer=b"\0"),
        "ones": ChipFaults(answer=b"\xff"),
        "flip": ChipFaults(flip=0x01),
    }

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=3600)
        await asyncio.sleep(100)
        assert bench.sensors.faults == 0 and chip.powered
        if failure == "dip":  # its supply was gone for a moment: it lives, and has forgotten what it is to do
            chip.power(False)
            chip.power(True)
            await asyncio.sleep(130)
            assert chip.power_ons >= 3
            return
        chip.fault = faults.get(failure, ChipFaults())
        if failure in ("sda", "scl"):
            bench.board.buses["motion"].hold("sda" if failure == "sda" else "scl")
        before = chip.power_ons
        await asyncio.sleep(300)
        assert bench.sensors.faults == report.FAULT_MOTION
        assert 3 <= chip.power_ons - before <= 5
        chip.fault = ChipFaults()
        bench.board.buses["motion"].release()
        await asyncio.sleep(70)

    bench.run(story)
    assert bench.sensors.faults == 0 and chip.powered
    assert len(bench.sensors.builders[1]) >= 3 or failure == "dip"
    chip.acceleration_mg = knocks()


def test_an_interrupt_without_a_source_is_nonsense() -> None:
    """The pin is high and both sources say nothing: the chip is taken for failed, not asked for ever."""
    bench = Bench()
    bench.board.motion_pin = lambda: True  # type: ignore[method-assign]

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=MOTION)
        await asyncio.sleep(30)
        assert bench.sensors.faults == report.FAULT_MOTION and not bench.board.motion.powered

    bench.run(story)


def test_a_spent_counter_unpowers_the_chip() -> None:
    """No number is left for `motion` today: no power; the stream of the others goes on."""
    bench = Bench()
    bench.keystore.spent = lambda stream: stream == 3
    assert told(shaking(0, 2**32), 900, bench) == []
    assert bench.board.motion.power_ons == 0 and bench.environment()


def test_the_button_stops_it_at_once() -> None:
    """Paused at the device, the chip has no power; released, it watches anew."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1)
        await asyncio.sleep(100)
        bench.rules.paused = True
        bench.sensors.stop(())
        assert not bench.board.motion.powered
        await asyncio.sleep(600)
        assert bench.board.motion.power_ons == 1
        bench.rules.paused = False
        await asyncio.sleep(10)
        assert bench.board.motion.powered

    bench.run(story)


def test_what_would_be_told_on_another_day_is_not_told() -> None:
    """An event that its interval moves beyond midnight is left out: it would lie under another day's key."""
    bench = Bench()
    entries = told(knocks(MINUTE_S + 70), 90_000, bench, interval=86_400, batch=64, batch_age=86_400)
    assert entries == [(60, 5)]  # began and shock; its end two minutes later would be told a day later


def test_while_nothing_more_may_be_told_of_a_day_the_chip_has_no_power() -> None:
    """Told at its interval's pace, the next entry would lie in another day: unpowered until midnight, and awake behind it."""
    bench = Bench()
    bench.board.motion.acceleration_mg = knocks(MINUTE_S + 70, MIDNIGHT_S + 70)
    powered: list[float] = []

    async def story(bench: Bench) -> None:
        bench.permit(1, interval=86_400, batch=64, batch_age=86_400)
        while bench.world_s() < MIDNIGHT_S + 400:
            await asyncio.sleep(10)
            if bench.board.motion.powered:
                powered.append(bench.world_s())

    bench.run(story)
    assert [second for second in powered if MINUTE_S + 150 < second < MIDNIGHT_S] == []
    assert min(powered) < MINUTE_S and max(powered) > MIDNIGHT_S


def test_in_a_quiet_hour_nothing_has_power() -> None:
    """Thermometer, light and motion sensor, looked at each second of it; before and behind it they have."""
    bench = Bench()
    minute = START_S % DAY_S // 60
    begin_s = START_S // 60 * 60
    chips = (bench.board.temperature, bench.board.light, bench.board.motion)
    seen: dict[bool, list[int]] = {True: [], False: []}

    async def story(bench: Bench) -> None:
        bench.permit(1, hours=[[minute + 5, minute + 15]])
        while bench.world_s() < begin_s + 1200:
            seen[any(chip.powered for chip in chips)].append(int(bench.world_s()))
            await asyncio.sleep(1)

    before = [chip.power_ons for chip in chips]
    bench.run(story)
    # The keeper looks once a second.
    assert [second for second in seen[True] if begin_s + 301 < second < begin_s + 900] == []
    assert min(seen[True]) < begin_s + 60 and max(seen[True]) > begin_s + 1100
    assert before == [0, 0, 0] and all(chip.power_ons > 1 for chip in chips)
