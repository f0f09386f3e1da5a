"""What people and time do in several steps of the demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cloud_sync.consent import Evidence
from cloud_sync.model import Actor, Precision, StoredEnvelope, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.flashcopy import waiting
from hw_sim.demo.stage import OPERATOR, SUBJECT, Stage
from hw_sim.demo.steps.outcome import Progress
from hw_sim.errors import HwSimError

SLICE_S = 20  # virtual seconds between two looks at the progress bar
HOLD_S = 4  # the device looks at its button once a second and wants to see it twice
DRAIN_MINUTES = 60
OPERATOR_ACTOR = Actor(OPERATOR, "controller")
SENSORS = ("temperature", "light", "motion")  # beside the receiver
ALL_PURPOSES = (
    "tracking",
    "condition_monitoring",
    "theft_alarm",
)  # of the demo's policy: positions, environment, motion


class Served(Protocol):
    """Where a person has a server to answer."""

    @property
    def cloud(self) -> CloudSync: ...


def consent(stage: Served, subject: str = SUBJECT, purposes: Sequence[str] = ("tracking",)) -> None:
    """The person is asked and presses "allow": for tracking, no finer than 100 m."""
    for purpose in purposes:
        shown = Evidence(subject, stage.cloud.policy.notice, "app", "shown", "en")
        stage.cloud.consent.request(subject, purpose, shown)
        give(stage, subject, purpose)


def give(stage: Served, subject: str = SUBJECT, purpose: str = "tracking") -> None:
    """The person presses "allow", asked or not."""
    pressed = Evidence(subject, stage.cloud.policy.notice, "app", "button_allow", "en")
    stage.cloud.consent.give(
        subject, purpose, pressed, precision=Precision.CELL_100M if purpose == "tracking" else None
    )


def answer(stage: Served, act: str, purpose: str = "tracking", subject: str = SUBJECT) -> None:
    """The person takes the leave for a purpose back ("withdraw") or refuses it ("refuse")."""
    pressed = Evidence(subject, stage.cloud.policy.notice, "app", f"button_{act}", "en")
    getattr(stage.cloud.consent, act)(subject, purpose, pressed)


def run_for(stage: Stage, seconds: float, progress: Progress) -> None:
    """Let virtual time pass, in slices, so that the bar moves and the chronicle is kept."""
    end = stage.world.clock.unix_s + seconds
    while (left := end - stage.world.clock.unix_s) > 0:
        stage.board.run(for_s=min(SLICE_S, left))
        stage.on_look()
        progress(1 - left / seconds)
    progress(1.0)


def drive_again(stage: Stage) -> None:
    """The recorded drive once more, from now."""
    stage.drive = stage.board.gnss.drive = stage.drive.shifted(stage.world.clock.unix_s)


def hold_button(stage: Stage) -> None:
    """The person holds the button: sensing stops, and the open batch is sealed; or goes on, when it was stopped."""
    stage.board.press_button()
    stage.board.run(for_s=HOLD_S)
    stage.board.release_button()


def drain(stage: Stage, minutes: float = DRAIN_MINUTES) -> None:
    """Give the device time until its spool is empty and no contact is under way."""
    end = stage.world.clock.unix_s + 60 * minutes
    while stage.world.clock.unix_s < end and (stage.network.connections or waiting(stage.board)):
        stage.board.run(for_s=SLICE_S)


def location_envelopes(stage: Stage) -> list[StoredEnvelope]:
    """Location envelopes of the device in the store."""
    return stage.cloud.database.envelopes(stage.device, Stream.LOCATION, 0, MOST_EPOCH)


def exhibits_of(stage: Stage) -> Exhibits:
    """What the demo keeps aside; HwSimError before the first step."""
    if stage.exhibits is None:
        raise HwSimError("no tracker was enrolled in this story: step a comes first")
    return stage.exhibits
