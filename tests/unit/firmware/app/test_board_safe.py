"""Safe mode on the simulated board: a device that starts too often says so, takes a withdrawal, and comes back."""

from __future__ import annotations

import json

import pytest

from tests.unit.firmware.app.conftest import START_S, Rigged

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

SAFE_MODE = 2048
HOUR_S = 3600
# The receiver's task dies for as long as the file is there, a second behind each start.
DIES = """
import gc
gc.threshold(32 * 1024)
import asyncio
import os
from firmware import app, sampler
sense = sampler.Sampler._sense
async def dies(self):
    await asyncio.sleep(1)
    if "dies" in os.listdir("/"):
        raise ValueError('File "home", line 52, in 13.2')
    return await sense(self)
sampler.Sampler._sense = dies
app.main()
"""


def dying(rigged: Rigged) -> None:
    """A device with leave, which then dies as soon as it senses."""
    rigged.server.permit(1, heartbeat=600)
    rigged.run(120)
    rigged.board.cut_power()
    rigged.board.execute('open("/dies", "w").close()')
    rigged.board.program(DIES)
    rigged.board.power_on()


def restarts(rigged: Rigged) -> int:
    """Starts behind a death so far."""
    return rigged.board.counters["boots after hard"]


def test_four_deaths_lead_into_safe_mode_and_an_hour_out_of_it(rigged: Rigged) -> None:
    """Four starts within a minute, then none for an hour: link and status only, the place of the death and nothing of its
    message; behind it one death more leads back at once; and without one all is as before.
    """
    dying(rigged)
    rigged.run(120)
    assert restarts(rigged) == 4
    last = rigged.server.statuses[-1]
    assert last.faults & SAFE_MODE and last.crash == "ValueError main.py:11 dies"
    powered, fixes = rigged.board.gnss.power_ons, len(rigged.server.fixes)
    rigged.run(HOUR_S - 300)
    assert restarts(rigged) == 4 and rigged.board.gnss.power_ons == powered
    assert rigged.server.reasons[-1] == 2 and len(rigged.server.fixes) == fixes
    rigged.run(600)
    assert restarts(rigged) == 6  # out of it, and into it again
    assert rigged.server.statuses[-1].faults & SAFE_MODE
    rigged.board.cut_power()
    rigged.board.execute('import os; os.remove("/dies")')
    rigged.board.power_on()
    rigged.run(HOUR_S + 300)
    assert restarts(rigged) == 7 and not rigged.server.statuses[-1].faults & SAFE_MODE
    assert len(rigged.server.fixes) > fixes and rigged.server.conflicts == 0
    rigged.run(HOUR_S)
    assert settings(rigged)["crash"] == ["ValueError main.py:11 dies", 0]


def settings(rigged: Rigged) -> dict[str, object]:
    """The settings as they lie in the file system."""
    rigged.board.cut_power()
    found: dict[str, object] = json.loads(rigged.board.execute('print(open("/byleave.json").read())'))
    rigged.board.power_on()
    return found


def test_safe_mode_without_a_link_lasts_six_hours(rigged: Rigged) -> None:
    """Nobody answers: safe mode goes on for six hours, and not for ever."""
    dying(rigged)
    rigged.net.fault.down = True
    rigged.run(6 * HOUR_S - 300)
    assert restarts(rigged) == 4
    rigged.run(600)
    assert restarts(rigged) == 6


def test_safe_mode_takes_a_withdrawal(rigged: Rigged) -> None:
    """What waits is wiped on receipt, as at any other time."""
    dying(rigged)
    rigged.run(120)
    rigged.server.permit(2, sensors=0, lease_until=START_S + 30 * 86_400, heartbeat=600)
    rigged.run(900)
    assert rigged.server.statuses[-1].directive == 2 and rigged.server.statuses[-1].faults & SAFE_MODE


def test_crashes_hours_apart_are_no_loop(rigged: Rigged) -> None:
    """Five resets by the watchdog's cause, with more than an hour between them: sensing goes on behind each."""
    rigged.server.permit(1, interval=1800, batch=1)
    for _ in range(5):
        rigged.run(HOUR_S + 200)
        rigged.board._ask_reset(rigged.board.reset_cause.WATCHDOG)
    fixes = len(rigged.server.fixes)
    rigged.run(2 * 1900)
    assert rigged.server.statuses[-1].faults & SAFE_MODE == 0 and rigged.server.statuses[-1].crash == "Watchdog"
    assert len(rigged.server.fixes) > fixes
