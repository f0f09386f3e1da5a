"""Power cuts of the board in the middle of the drive, at chosen flash operations: what is lost is the open batch at most.

No number is used twice for two envelopes, nothing that the device sends fails to open, and it goes on by itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.ingest.outcome import Kind
from hw_sim.board import RunEnd
from hw_sim.demo.stage import Stage
from tests.system.rig import (
    BATCH,
    a_drive,
    drain,
    incidents,
    locations,
    missing,
    nothing_doubled,
    park,
    patched_firmware,
    repeated,
    rows,
    run,
)

pytestmark = pytest.mark.micropython

REFUSED = (Kind.NOT_AUTHENTIC, Kind.UNKNOWN_GENERATION, Kind.FAR_AHEAD, Kind.KEPT_APART, Kind.QUARANTINED, Kind.CLOSED)
CUTS = ((1, 1, 2, 2, 3, 3, 5), (7, 8, 11, 12, 17, 23))  # flash operations after the start before


def cut_and_restart(stage: Stage, operation: int, *, torn: bool) -> None:
    """The power goes at that flash operation from now, and comes back a second later."""
    stage.board.arm_power_cut(operation, torn=torn)
    assert stage.board.run(for_s=1200) is RunEnd.POWER_OFF
    stage.world.clock.advance_to(stage.world.clock.now_us + 1_000_000)
    stage.board.power_on()


@pytest.mark.parametrize("operations", CUTS)
def test_cuts_cost_the_open_batch_at_most(tmp_path: Path, operations: tuple[int, ...]) -> None:
    """Cuts in one drive, clean and torn by turns, each at another operation of flash: at most a batch is lost at each."""
    with a_drive(tmp_path) as stage:
        for number, operation in enumerate(operations):
            cut_and_restart(stage, operation, torn=number % 2 == 0)
        stored = locations(stage)
        run(stage, 900, until_stored=stored + 3)
        assert locations(stage) == stored + 3
        park(stage)
        drain(stage)
        assert stage.board.counters["power cuts"] == len(operations)
        assert len(missing(stage)) <= BATCH * len(operations)
        nothing_doubled(stage)
        assert {kind: stage.cloud.ingest.counts[kind] for kind in REFUSED} == dict.fromkeys(REFUSED, 0)


def test_a_cut_at_every_operation_of_a_start_and_its_first_contact(tmp_path: Path) -> None:
    """Started again and again, cut one operation later each time: the first start that is left alone goes on as ever."""
    with a_drive(tmp_path) as stage:
        stage.board.run(for_s=200)
        for operation in range(1, 10):
            cut_and_restart(stage, operation, torn=operation % 2 == 0)
        stored = locations(stage)
        run(stage, 900, until_stored=stored + 3)
        park(stage)
        drain(stage)
        assert locations(stage) > stored + 2
        nothing_doubled(stage)
        assert stage.cloud.ingest.counts[Kind.NOT_AUTHENTIC] == 0


def test_the_count_sees_numbers_that_are_used_twice(tmp_path: Path) -> None:
    """A control of the tests above: a board whose flash is set back uses its numbers again, and that is an incident."""
    with a_drive(tmp_path) as stage:
        earlier = stage.board.snapshot()
        stage.board.run(for_s=480)
        stage.board.cut_power()
        stage.board.restore(earlier)
        stage.board.power_on()
        stage.board.run(for_s=200)
        assert repeated(rows(stage))
        assert incidents(stage)
        assert stage.cloud.ingest.counts[Kind.KEPT_APART] > 0


def test_firmware_that_does_not_persist_ahead_of_use_is_found_out(tmp_path: Path) -> None:
    """A control too: with a key store that reserves nothing, a cut makes it use the last number of each stream again."""
    with a_drive(tmp_path) as stage:
        stage.board.install(patched_firmware(tmp_path, "keystore.py", "LEAP = 0"))
        stage.board.reset()
        for operation in (12, 13):
            cut_and_restart(stage, operation, torn=False)
        stage.board.run(for_s=300)
        assert repeated(rows(stage))
