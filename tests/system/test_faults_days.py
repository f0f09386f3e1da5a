"""A drive across UTC midnight: all fixes are read, no batch spans two epochs, and yesterday's keys are gone from the board."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, Stream
from cloud_sync.wire import ladder
from hw_sim.board import RunEnd
from hw_sim.demo.stage import Stage
from hw_sim.network.net import Faults
from hw_sim.world.drive import Drive
from tests.system.rig import (
    BATCH,
    a_drive,
    a_stage,
    arrived,
    drain,
    fixes,
    locations,
    missing,
    nothing_doubled,
    park,
    patched_firmware,
    rows,
    run,
    set_off,
    solutions,
)

pytestmark = pytest.mark.micropython

KEY_BYTES = 32
MIDNIGHT = 20_480 * EPOCH_SECONDS  # 2026-01-27 00:00 UTC
BEFORE_S = 300  # of driving


def night_drive() -> Drive:
    """The demo's drive, begun five minutes before midnight."""
    return Drive.demo().shifted(MIDNIGHT - BEFORE_S)


def over_midnight(stage: Stage) -> None:
    """Drive until the first batch of the new day is stored."""
    stage.board.run(until_s=MIDNIGHT)
    run(stage, 600, until_stored=locations(stage) + 3)


def test_a_drive_over_midnight_is_read_in_full(tmp_path: Path) -> None:
    """Fixes of both days are there once, each in an envelope of its own day."""
    with a_drive(tmp_path, drive=night_drive()) as stage:
        over_midnight(stage)
        arrived(stage)
        assert {row.epoch for row in rows(stage) if row.stream == Stream.LOCATION} == {20_479, 20_480}
        days = [fix.time // EPOCH_SECONDS for fix in fixes(stage)]
        assert days.count(20_479) == sum(time < MIDNIGHT for time in solutions(stage)) > 0
        for row in stage.cloud.database.envelopes(stage.device, Stream.LOCATION, 20_480, 20_480):
            assert row.oldest_capture >= MIDNIGHT


def test_a_night_without_a_link(tmp_path: Path) -> None:
    """Sealed yesterday, sent today: envelopes of a day that is over open as well."""
    with a_drive(tmp_path, drive=night_drive()) as stage:
        stage.network.fault = Faults(down=True)
        stage.board.run(until_s=MIDNIGHT + 120)
        stage.network.fault = Faults()
        run(stage, 1200, until_stored=locations(stage) + 10)
        arrived(stage)


def test_the_power_goes_while_the_day_changes(tmp_path: Path) -> None:
    """Cut at each of the first operations after midnight: the day's change is done, or done again; no number is used twice."""
    with a_drive(tmp_path, drive=night_drive()) as stage:
        stage.board.run(until_s=MIDNIGHT - 2)
        cuts = [(operation, torn) for operation in range(1, 5) for torn in (False, True)]
        for operation, torn in cuts:
            stage.board.arm_power_cut(operation, torn=torn)
            assert stage.board.run(for_s=600) is RunEnd.POWER_OFF
            stage.board.power_on()
        run(stage, 900, until_stored=locations(stage) + 4)
        park(stage)
        drain(stage)
        assert len(missing(stage)) <= len(cuts) * BATCH
        nothing_doubled(stage)


def day_keys(stage: Stage, epoch: int) -> dict[bytes, str]:
    """Every key from which an envelope of the day can be opened, of every generation and uplink stream, by what it is."""
    exhibits = stage.exhibits
    assert exhibits is not None and exhibits.begun
    keys = {exhibits.root: "root"}
    for generation in {exhibits.generation, *(generation for generation, _ in exhibits.begun)}:
        for stream in UPLINK_STREAMS:
            first_epoch, spine = exhibits.spine(generation, stream)
            for day in range(first_epoch, epoch + 1):
                keys[spine] = f"spine {stream.name} {generation} {day}"
                spine = ladder.next_spine(spine, stream) if day < epoch else spine
            keys[ladder.day_key(spine, stream)] = f"day {stream.name} {generation}"
            chain = ladder.day_chain(spine, stream)
            for counter in range(4096):
                keys[chain] = f"chain {stream.name} {generation} {counter}"
                keys[ladder.seal_key(chain, stream)] = f"seal {stream.name} {generation} {counter}"
                chain = ladder.step(chain, stream)
    return keys


def found(stage: Stage, keys: dict[bytes, str]) -> set[str]:
    """Which of the keys lie somewhere in flash or retained memory, at any offset."""
    flash, retained, _ = stage.board.snapshot()
    dump = flash + retained
    blank = b"\xff" * 4096
    seen: set[str] = set()
    for start in range(0, len(dump), len(blank)):
        if dump[start : start + len(blank)] == blank:
            continue
        piece = dump[max(0, start - KEY_BYTES) : start + len(blank) + KEY_BYTES]
        windows = {piece[at : at + KEY_BYTES] for at in range(len(piece) - KEY_BYTES + 1)}
        seen |= {keys[window] for window in windows & keys.keys()}
    return seen


def test_keys_of_yesterday_are_not_in_the_board(tmp_path: Path) -> None:
    """Before midnight the dump holds the keys of the day that are still to be used, after it none of any stream."""
    with a_stage(tmp_path, drive=night_drive()) as stage:
        set_off(stage)
        keys = day_keys(stage, 20_479)
        stage.board.run(until_s=MIDNIGHT - 30)
        before = found(stage, keys)
        used = {row.counter for row in rows(stage) if row.stream == Stream.LOCATION and row.generation == 1}
        ahead = {f"chain LOCATION 1 {counter}" for counter in range(max(used) + 1, 4096)}
        assert before & ahead  # the scan is not blind
        assert not any("seal" in name or "day" in name or "spine" in name or name == "root" for name in before)
        assert not before & {f"chain LOCATION 1 {counter}" for counter in used}
        assert not any(name.split()[2:3] == ["0"] for name in before)  # healed: nothing of generation 0, used or not
        over_midnight(stage)
        assert found(stage, keys) == set()


def test_firmware_that_leaves_its_old_records_is_found_out(tmp_path: Path) -> None:
    """A control: with a record log that does not zero what it replaces, yesterday's keys lie in the dump."""
    with a_stage(tmp_path, drive=night_drive()) as stage:
        set_off(stage)
        stage.board.install(patched_firmware(tmp_path, "flash/region.py", "RawRegion.zero = lambda *_: None"))
        stage.board.reset()
        over_midnight(stage)
        assert found(stage, day_keys(stage, 20_479))
