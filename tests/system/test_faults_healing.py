"""What once silenced a device for good: wrong clocks on either side, and a message too long. Each heals by itself."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from hw_sim.chips.ublox_m10 import GnssFaults
from hw_sim.network.net import Faults
from tests.system.rig import a_drive, a_stage, consent, locations, missing, set_off, spooled, statuses

pytestmark = pytest.mark.micropython


def test_a_receiver_that_was_three_hours_ahead_for_a_moment(tmp_path: Path) -> None:
    """Two minutes of a date three hours ahead; six true hours later the device must know the time and sense again."""
    with a_drive(tmp_path, interval='"PT60S"', heartbeat='"PT1H"') as stage:
        date = dt.datetime.fromtimestamp(stage.world.clock.unix_s, dt.UTC) + dt.timedelta(hours=3)
        stage.board.gnss.fault = GnssFaults(date=date)
        stage.board.run(for_s=120)
        stage.board.gnss.fault = GnssFaults()
        stored = locations(stage)
        stage.board.run(for_s=6 * 3600)
        assert abs(statuses(stage)[-1].time - stage.world.clock.unix_s) < 3700
        assert locations(stage) > stored + 20


def test_a_device_that_starts_while_the_server_is_an_hour_fast(tmp_path: Path) -> None:
    """Started under a server that is an hour ahead; two hours after the server is right again the device must sense."""
    with a_stage(tmp_path, interval='"PT60S"', heartbeat='"PT15M"') as stage:
        set_off(stage, consent_age_s=7200)
        stage.clock.offset_s = 3600
        stage.board.reset()
        stage.board.run(for_s=600)
        stage.clock.offset_s = 0
        stored = locations(stage)
        stage.board.run(for_s=3 * 3600)
        assert locations(stage) > stored + 5


def test_one_oversized_retained_message_silences_a_device(tmp_path: Path) -> None:
    """A retained message of 5000 bytes on the down topic: the device must still report and be told of a withdrawal."""
    with a_drive(tmp_path) as stage:
        stage.observer.inject(stage.down_topic, bytes(5000), retain=True)
        consent(stage, "withdraw")
        stage.board.run(for_s=3600)
        assert not stage.board.gnss.powered


def test_a_slow_server_must_not_purge_what_a_consent_covers(tmp_path: Path) -> None:
    """A server that is an hour slow for a contact, in the first hour of a consent: fixes that wait must not be lost."""
    with a_drive(tmp_path) as stage:
        stage.network.fault = Faults(down=True)
        stage.board.run(for_s=200)
        assert spooled(stage) >= 4
        stage.clock.offset_s = -3600
        stage.network.fault = Faults()
        stage.board.run(for_s=300)
        stage.clock.offset_s = 0
        stage.board.run(for_s=1200)
        assert len(missing(stage)) < 4  # the open batch


def test_a_question_for_the_time_is_answered(tmp_path: Path) -> None:
    """A status with reason 4 from a device whose receiver disagrees is answered by a time downlink (wire format, section 8)."""
    with a_drive(tmp_path) as stage:
        date = dt.datetime.fromtimestamp(stage.world.clock.unix_s, dt.UTC) + dt.timedelta(days=3)
        stage.board.gnss.fault = GnssFaults(date=date)
        stage.board.run(for_s=120)
        assert statuses(stage)[-1].reason == 4
        asked = statuses(stage)[-1].challenge
        stage.board.gnss.fault = GnssFaults()
        stage.board.run(for_s=120)
        assert statuses(stage)[-1].challenge != asked  # consumed by the answer
