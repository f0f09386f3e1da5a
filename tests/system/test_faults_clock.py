"""Wrong clocks: a receiver with an impossible date, a server that is an hour off. The device goes on without help."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from cloud_sync.model import EPOCH_SECONDS
from firmware.flash.recordlog import RecordLog
from firmware.keystore import SLOT_BYTES, KeyStore
from hw_sim.chips.ublox_m10 import GnssFaults
from hw_sim.demo.flashcopy import FlashCopy
from hw_sim.demo.stage import Stage
from tests.system.rig import (
    a_drive,
    a_stage,
    arrived,
    drain,
    locations,
    missing,
    nothing_doubled,
    park,
    patched_firmware,
    rows,
    run,
    set_off,
    statuses,
)

pytestmark = pytest.mark.micropython

DATES = {
    "2037": lambda now: dt.datetime(2037, 12, 31, 23, 0, tzinfo=dt.UTC),
    "1980": lambda now: dt.datetime(1980, 1, 6, tzinfo=dt.UTC),  # where GPS time begins
    "in three days": lambda now: now + dt.timedelta(days=3),
    "an hour ago": lambda now: now - dt.timedelta(hours=1),
}


def device_epoch(stage: Stage) -> int:
    """The epoch of the keys in the board's flash."""
    return KeyStore(RecordLog(FlashCopy(stage.board.partition_bytes("bl_keys")), SLOT_BYTES)).epoch


def today(stage: Stage) -> int:
    """The true epoch."""
    return int(stage.world.clock.unix_s) // EPOCH_SECONDS


@pytest.mark.parametrize("date", DATES)
def test_a_receiver_with_a_wrong_date(tmp_path: Path, date: str) -> None:
    """In the drive and over a restart: the epoch stays, no fix has that date, and when it is right again so is all else."""
    with a_drive(tmp_path) as stage:
        now = dt.datetime.fromtimestamp(stage.world.clock.unix_s, dt.UTC)
        stage.board.gnss.fault = GnssFaults(date=DATES[date](now))
        stage.board.run(for_s=150)
        stage.board.reset()
        stage.board.run(for_s=150)
        assert device_epoch(stage) == today(stage)
        assert stage.board.counters["crashes"] == 0
        stage.board.gnss.fault = GnssFaults()
        before = missing(stage)
        stored = locations(stage)
        run(stage, 300, until_stored=stored + 3)
        assert locations(stage) == stored + 3
        park(stage)
        drain(stage)
        assert {row.epoch for row in rows(stage)} == {today(stage)}
        assert set(missing(stage)) <= set(before)
        nothing_doubled(stage)


CREDULOUS = """
def offer_gnss(self, time_s, *_):
    self._trusted = (time_s - self._elapsed_s(), True)
    return True
Clock.offer_gnss = offer_gnss
"""


def test_firmware_that_believes_every_date_is_found_out(tmp_path: Path) -> None:
    """A control: without the bounds of the clock the epoch runs away to 2037."""
    with a_drive(tmp_path) as stage:
        stage.board.install(patched_firmware(tmp_path, "clock.py", CREDULOUS))
        stage.board.reset()
        stage.board.gnss.fault = GnssFaults(date=dt.datetime(2036, 1, 1, tzinfo=dt.UTC))
        stage.board.run(for_s=150)
        assert device_epoch(stage) > today(stage) + 3000


@pytest.mark.parametrize("off_s", [3600, -3600])
def test_a_server_that_is_an_hour_off_for_a_while(tmp_path: Path, off_s: int) -> None:
    """The receiver knows better: fixes keep their true time, all are stored, and the epoch stays."""
    with a_stage(tmp_path) as stage:
        set_off(stage, consent_age_s=7200)
        stage.clock.offset_s = off_s
        stored = locations(stage)
        stage.board.run(for_s=300)
        assert locations(stage) >= stored + 6
        assert device_epoch(stage) == today(stage)
        said = statuses(stage)[-1].time
        assert said is not None
        assert abs(said - stage.world.clock.unix_s) < 120
        stage.clock.offset_s = 0
        stage.board.run(for_s=120)
        arrived(stage)


def test_a_device_that_starts_while_the_server_is_an_hour_slow(tmp_path: Path) -> None:
    """A start takes the time from the server, an hour too early; the receiver puts it right, and nothing is lost."""
    with a_stage(tmp_path) as stage:
        set_off(stage, consent_age_s=7200)
        park(stage)
        drain(stage)
        stage.clock.offset_s = -3600
        stage.board.reset()
        stage.board.press_button()  # held again: sensing goes on
        stage.board.run(for_s=6)
        stage.board.release_button()
        stored = locations(stage)
        run(stage, 600, until_stored=stored + 3)
        assert locations(stage) == stored + 3
        assert device_epoch(stage) == today(stage)
        arrived(stage)
