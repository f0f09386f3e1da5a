"""The simulated board against what it cannot choose: strangers on its topic, a full file system, no settings."""

from __future__ import annotations

import pytest

from hw_sim.errors import ChildFailed
from tests.unit.firmware.app.conftest import START_S, Rigged
from tests.unit.firmware.app.toy_server import STOPPED

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

# A downlink in form, from far ahead, that opens under no key.
FORGED = bytes.fromhex("939401 00 00 cd0fa0 c40d") + bytes(13) + bytes.fromhex("c420") + bytes(32)
FULL = """
import gc
gc.threshold(32 * 1024)
from firmware import app
from firmware.boards import store
def full(settings):
    raise OSError(28)
store.save = full
app.main()
"""
STOPPED_BY_HAND = """
import gc
gc.threshold(32 * 1024)
import asyncio
from firmware import app
run = app.App.run
async def stop():
    await asyncio.sleep(200)
    raise KeyboardInterrupt
async def run_and_stop(self):
    asyncio.create_task(stop())
    await run(self)
app.App.run = run_and_stop
app.main()
"""


def flood(rigged: Rigged, every_s: float) -> list[float]:
    """A stranger publishes a forgery so often while the device is connected; the times at which it did."""
    sent: list[float] = []
    settled = rigged.net.settled
    assert settled is not None

    def condition() -> bool:
        now = rigged.world.clock.unix_s
        listening = rigged.net.connections and rigged.net.down.packets["SUBACK"] > rigged.net.up.packets["DISCONNECT"]
        if listening and (not sent or now - sent[-1] >= every_s):
            sent.append(now)
            rigged.server.publish(FORGED)
        return settled()

    rigged.net.settled = condition
    return sent


def test_a_stranger_on_the_topic_does_not_keep_the_radio_on(rigged: Rigged) -> None:
    """A forgery each second for ten minutes: refused and counted, the contact ends as ever, the spool drains."""
    quiet = rigged.board.radio.active_s
    rigged.run(60)
    contact_s = rigged.board.radio.active_s - quiet
    sent = flood(rigged, 1)
    began = rigged.board.radio.active_s
    rigged.run(600)
    assert len(sent) >= 6 and rigged.server.statuses[-1].refused > 0
    assert rigged.board.radio.active_s - began < 4 * contact_s
    assert rigged.server.statuses[-1].spooled <= 1


def test_what_waits_is_wiped_behind_the_lease_too(rigged: Rigged) -> None:
    """Restarted offline before lease end: the receiver's time ends with the lease, the spool's age still by the ticks."""
    rigged.server.permit(1, lease_until=START_S + 900, spool_age=3600)
    rigged.run(300)
    rigged.net.fault.down = True
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.run(1200)
    assert len(rigged.board.gnss.emitted) > 60
    fixes = len(rigged.server.fixes)
    rigged.run(3 * 3600)
    rigged.net.fault.down = False
    rigged.run(1200)
    assert len(rigged.server.fixes) == fixes and rigged.server.statuses[-1].lost > 0
    assert rigged.server.statuses[-1].spooled <= 1


def test_a_pause_that_cannot_be_stored_holds_all_the_same(rigged: Rigged) -> None:
    """The file system is full: sensing stops and stays stopped, and no restart undoes it."""
    rigged.board.program(FULL)
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.server.permit(1)
    rigged.run(300)
    assert rigged.board.gnss.powered
    rigged.board.press_button()
    rigged.run(3)
    rigged.board.release_button()
    rigged.run(600)
    assert not rigged.board.gnss.powered and rigged.server.reasons[-1] == STOPPED
    assert rigged.board.counters["boots after watchdog"] == 0


def test_a_program_stopped_at_the_console_leaves_the_receiver_unpowered(rigged: Rigged) -> None:
    """Ctrl-C while it senses: from then on nobody watches the leave, so the receiver loses its power."""
    rigged.board.program(STOPPED_BY_HAND)
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.server.permit(1)
    rigged.run(150)
    assert rigged.board.gnss.powered
    with pytest.raises(ChildFailed, match="KeyboardInterrupt"):
        rigged.run(100)
    assert not rigged.board.gnss.powered


def test_a_device_without_settings_returns_to_its_prompt(rigged: Rigged) -> None:
    """The file system was lost: the program says so and ends, and the watchdog does not run against an enrolment."""
    rigged.board.cut_power()
    files = rigged.board.partitions["vfs"]
    rigged.board.flash.erase(files.offset, files.size)
    rigged.board.power_on()
    rigged.run(120)
    assert "not started: settings" in str(rigged.board.console)
    assert rigged.board.counters["boots after watchdog"] == 0 and rigged.net.up.publishes == 0
