"""The chronicle of a real run, and the page that is drawn of it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from hw_sim.demo import story
from hw_sim.demo.chronicle import Chronicle
from hw_sim.demo.report import render, write
from hw_sim.demo.stage import WIFI_KEY, Stage

pytestmark = pytest.mark.micropython


def quiet(_done: float) -> None:
    """No progress bar."""


def watched(stage: Stage) -> Chronicle:
    """A chronicle that is told what happens on the stage."""
    chronicle = Chronicle.begun(stage)
    stage.on_look = lambda: chronicle.sample(stage)
    stage.on_event = lambda label: chronicle.event(stage, label)
    stage.on_read = chronicle.read
    return chronicle


def test_the_first_steps_are_written_down_and_drawn(stage: Stage, tmp_path: Path) -> None:
    """Steps a to c: the gauges follow what happened, the page is small, and holds no secret and no path of the machine."""
    chronicle = watched(stage)
    for step in story.STEPS[:3]:
        outcome = step(stage, quiet)
        chronicle.sample(stage)
        chronicle.outcome(outcome)
    assert chronicle.held
    silent = [sample for sample in chronicle.samples if sample["step"] == "a"]
    driven = [sample for sample in chronicle.samples if sample["step"] == "b"]
    assert len(silent) >= 30
    assert not any(sample["receiver"] for sample in silent)
    assert any(sample["receiver"] for sample in driven)
    assert any(sample["temperature"] for sample in driven)  # seen, though each reading takes a moment only
    assert {sample["rows location"] for sample in silent} == {0}
    last = chronicle.samples[-1]
    assert last["consent tracking"] == "given"
    assert last["directive"] == last["reported"] == stage.cloud.database.directive_state(stage.device).applied_version  # type: ignore[union-attr]
    assert last["rows location"] == outcome_of(chronicle, "b")["location_envelopes"]
    charges = [float(sample["charge_mah"] or 0) for sample in chronicle.samples]
    assert charges == sorted(charges)
    assert charges[-1] > charges[0]
    size = write(chronicle, tmp_path / "report.html")
    assert 50_000 < size < 400_000
    text = render(chronicle)
    assert str(Path.home()) not in text
    assert str(tmp_path) not in text
    assert WIFI_KEY not in text
    assert stage.device not in text


def outcome_of(chronicle: Chronicle, step: str) -> dict[str, object]:
    """Figures of a step."""
    return next(told.figures for told in chronicle.outcomes if told.step == step)


def test_envelopes_are_counted_once_and_injected_ones_not_at_all(stage: Stage) -> None:
    """Repeats and changed copies that a stranger injects bear numbers that were seen, and do not count as sent."""
    chronicle = watched(stage)
    chronicle.outcome(story.enrolled_without_consent(stage, quiet))
    before = list(chronicle.sealed)
    assert [each.stream for each in before] == ["status"] * len(before)
    assert before
    sent = stage.observer.uplinks(stage.up_topic)[0]
    heard = len(stage.observer.messages)
    stage.observer.inject(stage.up_topic, sent, times=2)
    stage.observer.inject(stage.up_topic, sent[:-1] + bytes([sent[-1] ^ 1]))
    stage.observer.inject(stage.up_topic, b"no envelope")
    stage.await_server()
    while len(stage.observer.messages) < heard + 4:  # the test's own time limit bounds it
        threading.Event().wait(0.005)
    chronicle.sample(stage)
    assert chronicle.sealed == before


def test_gauges_of_the_server_are_empty_while_it_is_closed(stage: Stage) -> None:
    """A closed server is a gap; what the device's flash says is known all the same."""
    chronicle = watched(stage)
    story.enrolled_without_consent(stage, quiet)
    assert "rows status" in chronicle.samples[-1]
    stage.close_server()
    chronicle.event(stage, "server closed")
    assert "rows status" not in chronicle.samples[-1]
    assert chronicle.samples[-1]["spool"] == 0
    assert chronicle.samples[-1]["event"] == 1
    stage.open_server()
    chronicle.sample(stage)
    assert "rows status" in chronicle.samples[-1]
