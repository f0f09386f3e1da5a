"""What was read of temperature, light and motion, held against what there was around the sensors."""

from __future__ import annotations

from cloud_sync.model import MotionEvent, Reading
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.acts import OPERATOR_ACTOR

LOOK_S = 2  # how finely the truth is looked at within a step
TEMPERATURE_ERROR_C = 0.2  # 0.1 of the TMP117, 0.1 of rounding down
LIGHT_CLASS = 1.25  # the next class begins a quarter higher at most (docs/wire-format.md, `environment`)
LIGHT_ERROR = 0.05  # of the counts at small gain


def read_environment(stage: Stage, subject: str = SUBJECT) -> list[Reading]:
    """All of it, for the purpose that the person allowed."""
    end = stage.world.clock.unix_s
    return stage.cloud.read_environment(
        actor=OPERATOR_ACTOR, purpose="condition_monitoring", subject=subject, start=0, end=end
    )


def read_motion(stage: Stage, subject: str = SUBJECT) -> list[MotionEvent]:
    """All of it, for the purpose that the person allowed."""
    end = stage.world.clock.unix_s
    return stage.cloud.read_motion(actor=OPERATOR_ACTOR, purpose="theft_alarm", subject=subject, start=0, end=end)


def is_true(stage: Stage, reading: Reading) -> bool:
    """Whether both values lie within what there was at some moment of the reading's step, and no finer than a class."""
    moments = range(reading.time, reading.time + reading.step_s + 1, LOOK_S)
    around = stage.surroundings
    if reading.temperature_c is None or reading.light_lx is None:
        return False
    warm = [around.temperature_c(moment) for moment in moments]
    bright = [around.illuminance_lx(moment) for moment in moments]
    warm_enough = min(warm) - TEMPERATURE_ERROR_C <= reading.temperature_c <= max(warm) + TEMPERATURE_ERROR_C
    least = min(bright) * (1 - LIGHT_ERROR)
    most = max(bright) * (1 + LIGHT_ERROR)
    return warm_enough and reading.light_lx <= most and (reading.light_lx + 1) * LIGHT_CLASS >= least
