"""The demo's steps hold, and each of them fails when its promise is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.ingest import pipeline
from cloud_sync.model import Reason
from hw_sim.demo import story
from hw_sim.demo.stage import Stage
from hw_sim.demo.steps import drive
from hw_sim.demo.steps.acts import ALL_PURPOSES, consent, run_for

pytestmark = pytest.mark.micropython


def quiet(_done: float) -> None:
    """No progress bar."""


@pytest.mark.timeout(600)  # half a minute of processor; a machine may be busy with others
def test_every_promise_of_the_demo_holds(tmp_path: Path) -> None:
    """`byleave demo run --json --report FILE` tells the whole story, holds, prints every figure and writes the report."""
    report = tmp_path / "new" / "report.html"
    command = [sys.executable, "-m", "agent", "demo", "run", "--json", "--report", str(report)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    told = json.loads(done.stdout)
    assert told["held"] is True
    assert list(told["steps"]) == list("abcdefgh")
    assert told["steps"]["b"]["finds"] == 0
    assert told["steps"]["c"]["fixes_read"] > 250
    assert told["steps"]["d"]["sealed_lost"] == told["steps"]["d"]["keys_used_twice"] == 0
    assert told["steps"]["h"]["opened"] == 0
    assert report.stat().st_size > 50_000


def test_step_a_fails_when_the_receiver_runs_without_consent(stage: Stage) -> None:
    """With the receiver's load switch shorted, the step names the powered receiver."""
    stage.board.gnss.power(True)
    outcome = story.enrolled_without_consent(stage, quiet)
    assert not outcome.holds
    assert outcome.broken == ["the receiver was powered without consent"]


def test_step_a_fails_when_a_sensor_runs_without_consent(stage: Stage) -> None:
    """A thermometer that is always supplied is found out."""
    stage.board.sensors["temperature"].power(True)
    assert story.enrolled_without_consent(stage, quiet).broken == ["a sensor was powered without consent"]


def test_step_b_fails_when_a_position_leaks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """One true position in the clear at the broker is found, and the step fails for that alone."""
    story.enrolled_without_consent(stage, quiet)
    run = drive.run_for

    def leaky(stage: Stage, seconds: float, progress: story.Progress) -> None:
        run(stage, seconds, progress)
        truth = stage.board.gnss.emitted[5]
        stage.observer.inject("debug/position", f"{truth.lat:.5f},{truth.lon:.5f}".encode())
        stage.observer.await_message("debug/position")

    monkeypatch.setattr(drive, "run_for", leaky)
    outcome = story.consented_drive(stage, quiet)
    assert not outcome.holds
    assert [reason.split(" [")[0] for reason in outcome.broken] == ["the scan found"]


def test_step_b_fails_when_a_changed_envelope_is_accepted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that falls back on the stream's last plaintext for a broken tag is found out by the flipped bits."""
    story.enrolled_without_consent(stage, quiet)
    truly = pipeline.open_uplink
    last: dict[int, bytes] = {}

    def careless(device: str, envelope: pipeline.Envelope, key: bytes) -> bytes:
        stream = envelope.header.stream
        try:
            last[stream] = truly(device, envelope, key)
        except pipeline.SealBroken:
            if stream not in last:
                raise
        return last[stream]

    monkeypatch.setattr(pipeline, "open_uplink", careless)
    outcome = story.consented_drive(stage, quiet)
    assert "a changed envelope was accepted" in outcome.broken


def test_step_c_fails_when_the_gate_says_yes_to_everything(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a gate that takes any purpose for `tracking`, the denial is missing and the step says so."""
    story.enrolled_without_consent(stage, quiet)
    story.consented_drive(stage, quiet)
    truly = stage.cloud.read_location
    monkeypatch.setattr(stage.cloud, "read_location", lambda **asked: truly(**{**asked, "purpose": "tracking"}))
    outcome = story.lawful_read(stage, quiet)
    assert not outcome.holds
    assert "a read under another purpose was not denied" in outcome.broken
    assert outcome.figures["denied_reason"] != Reason.PURPOSE_NOT_DECLARED


@pytest.mark.parametrize("wrong", [{"path": ()}, {"event": None}], ids=["no path to the root", "no event"])
def test_step_c_fails_when_a_read_cannot_be_proven(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    """With proofs that do not verify, or that do not say what was read, none of the four counts."""
    stage.enrol()
    consent(stage, purposes=ALL_PURPOSES)
    stage.board.power_on()
    run_for(stage, 300, quiet)
    truly = stage.cloud.audit.prove
    monkeypatch.setattr(stage.cloud.audit, "prove", lambda index: replace(truly(index), **wrong))
    outcome = story.lawful_read(stage, quiet)
    assert outcome.figures["audit_proofs_verified"] == "0/4"
    assert "a read is not provably on record" in outcome.broken
