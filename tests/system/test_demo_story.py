"""The demo's steps d to h can fail: each is shown a product with one promise broken, and names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.erasure.erase import Eraser
from cloud_sync.ingest.pipeline import _Batch
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import Reason
from cloud_sync.retention.consentend import ConsentEnds
from cloud_sync.retention.passes import Passes
from cloud_sync.retention.report import Gone
from cloud_sync.retention.sweep import Sweeper
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.stage import Stage
from hw_sim.demo.steps.acts import ALL_PURPOSES, answer, consent, give, run_for
from hw_sim.demo.steps.crash import power_and_network
from hw_sim.demo.steps.erasure import erasure
from hw_sim.demo.steps.expiry import expiry
from hw_sim.demo.steps.seizure import seizure
from hw_sim.demo.steps.withdrawal import withdrawal
from tests.system.rig import patched_firmware

pytestmark = pytest.mark.micropython


FORGETFUL = """
_append = Spool.append
def append(self, *of):
    entry = _append(self, *of)
    self.release(entry.position)
    return entry
Spool.append = append
"""


def quiet(_done: float) -> None:
    """No progress bar."""


@pytest.fixture
def driving(stage: Stage) -> Stage:
    """A tracker with its leave, ten minutes into its drive."""
    stage.exhibits = Exhibits.of(stage.enrol().file, stage.board, stage.cloud)
    consent(stage, purposes=ALL_PURPOSES)
    stage.board.power_on()
    run_for(stage, 600, quiet)
    return stage


def test_step_d_fails_when_nothing_is_reserved_ahead(driving: Stage, tmp_path: Path) -> None:
    """A key store that persists no number before its use gives one out twice after a cut."""
    driving.board.install(patched_firmware(tmp_path, "keystore.py", "LEAP = 0"))
    assert "a key was used twice" in power_and_network(driving, quiet).broken


def test_step_d_fails_when_sealed_envelopes_are_forgotten(driving: Stage, tmp_path: Path) -> None:
    """A device that takes the broker's word for the server's releases what was never stored."""
    driving.board.install(patched_firmware(tmp_path, "flash/spool.py", FORGETFUL))
    assert "a sealed envelope was lost" in power_and_network(driving, quiet).broken


def test_step_e_fails_when_late_envelopes_are_taken(driving: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without floors, whose gate is open, stores what was captured before the withdrawal."""
    monkeypatch.setattr(_Batch, "_below_floor", lambda batch, item: False)
    monkeypatch.setattr(driving.cloud.gate, "admit", lambda device, stream, **_: _Yes())
    assert "an envelope from before the withdrawal was taken" in withdrawal(driving, quiet).broken


class _Yes:
    """The answer of a gate that is open to everything."""

    reason = Reason.ALLOWED


def test_step_e_fails_when_the_spool_is_not_wiped(driving: Stage, tmp_path: Path) -> None:
    """Firmware that stops sensing and leaves what waits in flash is found out."""
    driving.board.install(
        patched_firmware(tmp_path, "flash/spool.py", "Spool.purge = lambda self, stream, tick=None: 0")
    )
    driving.board.reset()
    driving.board.run(for_s=60)
    assert "fixes are left in the device's flash" in withdrawal(driving, quiet).broken


def test_step_f_fails_when_keys_outlive_their_rows(driving: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that deletes rows and keeps keys leaves copies that still open."""
    monkeypatch.setattr(Passes, "_move_past", lambda self, dead, done: None)
    monkeypatch.setattr(LadderKeys, "destroy", lambda self, *span: 0)
    broken = expiry(driving, quiet).broken
    assert "a row and its key did not die together" in broken
    assert "a copy at the broker still opens" in broken


def test_step_f_fails_when_what_a_leave_let_in_outlives_it(driving: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that does not look at ends of consents keeps what a leave that was taken back had let in."""
    answer(driving, "withdraw")
    give(driving)
    monkeypatch.setattr(ConsentEnds, "sweep", lambda self, now, lateness: Gone())
    assert "what was captured under a leave that was taken back is there" in str(expiry(driving, quiet).broken)


def test_step_f_fails_when_nothing_is_swept(driving: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that finds nothing to do leaves positions beyond their term."""
    monkeypatch.setattr(Sweeper, "sweep", lambda self, **_: type("Report", (), {"halted": True})())
    assert "positions outlived their term" in expiry(driving, quiet).broken


def test_step_g_fails_when_tombstones_are_not_replayed(driving: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that opens a restored backup as it is serves the person who was erased."""
    driving.board.cut_power()
    monkeypatch.setattr(Eraser, "replay", lambda self: (0, 0))
    broken = erasure(driving, quiet).broken
    assert "an erased envelope opens after the restore" in broken
    assert "something was served before the tombstones were replayed" in broken


def test_step_h_fails_when_old_keys_stay_in_flash(driving: Stage, tmp_path: Path) -> None:
    """A record log that does not wipe its older records leaves keys that open what was sealed."""
    driving.board.install(
        patched_firmware(tmp_path, "flash/recordlog.py", "RecordLog._clear = lambda self, slot: None")
    )
    driving.board.reset()
    run_for(driving, 600, quiet)
    assert driving.exhibits is not None
    driving.exhibits.seize(driving.board)
    assert "the seized flash opens an envelope that was sealed" in seizure(driving, quiet).broken
