"""Healing in the real interpreter on the simulated board: by itself after an enrolment, and again on request."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.audit import Kind
from cloud_sync.keys.generations import OFFER_AGAIN_S
from cloud_sync.model import EPOCH_SECONDS, Stream
from cloud_sync.wire.envelope import parse_uplink
from tests.system.rig import a_drive, a_stage, arrived, consent, drain, fixes, locations, rows, run, statuses

pytestmark = pytest.mark.micropython

KEPT_BYTES = 2048  # of heap: what two healings and a start may differ by; modules that stayed would cost more


def test_the_first_contact_heals_and_all_goes_on(tmp_path: Path) -> None:
    """Enrol, drive, park: one healing, every solution one fix, what the enrolling host saw opens none of them; withdraw."""
    with a_drive(tmp_path) as stage:
        assert stage.cloud.database.device(stage.device).generation == 1  # type: ignore[union-attr]
        healed = stage.cloud.audit.entries(kind=Kind.DEVICE_HEALED.value)
        assert len(healed) == 1
        run(stage, 300)
        arrived(stage)
        stored = [row for row in rows(stage) if row.stream == Stream.LOCATION]
        assert {row.generation for row in stored} == {1} and len(stored) > 3
        consent(stage, "withdraw")
        run(stage, 900)
        count = locations(stage)
        stage.board.press_button()
        run(stage, 10)
        stage.board.release_button()
        run(stage, 900)
        assert locations(stage) == count
        assert not stage.board.gnss.powered
        assert len(stage.cloud.audit.entries(kind=Kind.DEVICE_HEALED.value)) == 1


def test_a_device_that_drives_heals_on_request(tmp_path: Path) -> None:
    """A second generation while batches are open and a contact may be under way; the third after a cut; nothing is lost."""
    with a_drive(tmp_path, heartbeat='"PT2M"') as stage:
        run(stage, 200)
        before = statuses(stage)[-1]
        stage.cloud.heal(stage.device)
        run(stage, 400)
        assert stage.cloud.database.device(stage.device).generation == 2  # type: ignore[union-attr]
        stage.cloud.heal(stage.device)
        stage.board.reset()
        run(stage, OFFER_AGAIN_S + 300)
        assert stage.cloud.database.device(stage.device).generation == 3  # type: ignore[union-attr]
        drain(stage)
        stored = [row for row in rows(stage) if row.stream == Stream.LOCATION]
        assert {row.generation for row in stored} >= {1, 2, 3}
        assert len({fix.time for fix in fixes(stage)}) == len(fixes(stage))
        last = statuses(stage)[-1]
        assert last.faults == 0 and last.heap_free > before.heap_free - KEPT_BYTES


def test_a_device_that_starts_a_day_after_its_enrolment(tmp_path: Path) -> None:
    """Its first status is sealed on the day of the enrolment; the offer for that day may be passed over, the next is not."""
    with a_stage(tmp_path) as stage:
        stage.enrol()
        stage.pass_time(stage.world.clock.unix_s + EPOCH_SECONDS)
        consent(stage)
        stage.board.power_on()
        stage.board.run(for_s=2 * OFFER_AGAIN_S)
        assert stage.cloud.database.device(stage.device).generation == 1  # type: ignore[union-attr]
        newest = stage.cloud.database.envelopes(stage.device, Stream.STATUS, 0, 2**17)[-1]
        assert parse_uplink(newest.payload).header.generation == 1
