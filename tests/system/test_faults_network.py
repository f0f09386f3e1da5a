"""Networks that lie, stall or end at a street corner: the device loses nothing, tells the portal nothing, and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from hw_sim.demo.stage import WIFI_NAME
from hw_sim.network.coverage import Area, Coverage
from hw_sim.network.portal import Portal
from tests.system.rig import a_drive, arrived, locations

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


def test_a_captive_portal_learns_nothing(tmp_path: Path) -> None:
    """It answers for five minutes and nothing arrives; no envelope is said to it; afterwards all of it arrives."""
    with a_drive(tmp_path) as stage:
        stored, boots = locations(stage), stage.board.counters["boots"]
        stage.network.fault.portal = portal = Portal()
        heard: list[bytes] = []
        visit = portal.visit

        def overheard() -> object:
            guest = visit()
            hear = guest.hear
            guest.hear = lambda data: heard.append(data) or hear(data)  # type: ignore[method-assign, func-returns-value]
            return guest

        portal.visit = overheard  # type: ignore[method-assign, assignment]
        stage.board.run(for_s=300)
        assert portal.visits > 2
        assert len(heard) == portal.visits
        assert all(words[0] == 0x10 and len(words) < 100 for words in heard)  # CONNECT, and no second word
        assert (locations(stage), stage.board.counters["boots"]) == (stored, boots)
        stage.network.fault.clear()
        arrived(stage)


def test_a_silent_resolver_changes_nothing_for_who_knows_the_way(tmp_path: Path) -> None:
    """The address that led to the server serves on: nothing is asked for five minutes, all arrives meanwhile."""
    with a_drive(tmp_path) as stage:
        stored, asked = locations(stage), len(stage.network.asked)
        stage.network.fault.dns = "silent"
        stage.board.run(for_s=300)
        assert locations(stage) > stored + 4 and len(stage.network.asked) == asked
        stage.network.fault.clear()
        arrived(stage)


def test_a_silent_resolver_delays_and_loses_nothing(tmp_path: Path) -> None:
    """The broker is gone too, so the name is asked for: each question holds the program for 7 s, and no sample falls out."""
    with a_drive(tmp_path) as stage:
        stored, boots, asked = locations(stage), stage.board.counters["boots"], len(stage.network.asked)
        stage.stop_broker()
        stage.network.fault.dns = "silent"
        stage.board.run(for_s=600)
        assert (locations(stage), stage.board.counters["boots"]) == (stored, boots)
        assert 4 < len(stage.network.asked) - asked < 20
        stage.network.fault.clear()
        stage.start_broker()
        arrived(stage)


def test_a_bad_link_loses_nothing(tmp_path: Path) -> None:
    """A fifth of the segments is lost, answers take up to 3 s, 500 bytes pass in a second: all arrives, while it lasts."""
    with a_drive(tmp_path) as stage:
        stored = locations(stage)
        stage.network.fault.set(
            latency_ms=500, jitter_ms=2500, loss=0.2, duplicate=0.1, up_bytes_s=500, down_bytes_s=500
        )
        stage.board.run(for_s=400)
        assert locations(stage) > stored + 3
        assert stage.network.lost_segments > 2
        arrived(stage)


def test_a_drive_out_of_the_depot_and_back_into_reach(tmp_path: Path) -> None:
    """The access point is heard at the start of the drive only; what was driven outside arrives once it is heard again."""
    with a_drive(tmp_path) as stage:
        start = stage.drive.at(stage.world.clock.unix_s)
        coverage = Coverage([Area(WIFI_NAME, (start.lat_deg, start.lon_deg), 150.0)])
        following = coverage.follow(stage.board, stage.drive)
        stage.board.run(for_s=900, until=lambda: stage.network.reach(WIFI_NAME) is None)
        stored = locations(stage)
        stage.board.run(for_s=200)
        assert (locations(stage), stage.network.online) == (stored, False)
        following.end()
        arrived(stage)
