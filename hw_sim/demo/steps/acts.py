"""What people and time do in several steps of the demo."""

from __future__ import annotations

from dataclasses import replace

from cloud_sync.consent import Evidence
from cloud_sync.model import Precision
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.outcome import Progress

SLICE_S = 20  # virtual seconds between two looks at the progress bar


def consent(stage: Stage, subject: str = SUBJECT) -> None:
    """The person is asked and presses "allow": tracking, no finer than 100 m."""
    shown = Evidence(subject, stage.cloud.policy.notice, "app", "shown", "en")
    stage.cloud.consent.request(subject, "tracking", shown)
    pressed = replace(shown, act="button_allow")
    stage.cloud.consent.give(subject, "tracking", pressed, precision=Precision.CELL_100M)


def run_for(stage: Stage, seconds: float, progress: Progress) -> None:
    """Let virtual time pass, in slices, so that the bar moves and the chronicle is kept."""
    end = stage.world.clock.unix_s + seconds
    while (left := end - stage.world.clock.unix_s) > 0:
        stage.board.run(for_s=min(SLICE_S, left))
        progress(1 - left / seconds)
    progress(1.0)
