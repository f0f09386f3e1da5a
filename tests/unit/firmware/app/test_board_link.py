"""The link on the simulated board: what arrives, what waits, and what a broken network costs."""

from __future__ import annotations

import time

import pytest

from tests.unit.firmware.app.conftest import Rigged
from tests.unit.firmware.app.toy_server import APPLIED, BOOT

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


def test_with_leave_the_drive_arrives_and_the_spool_drains(rigged: Rigged) -> None:
    """An hour at ten seconds: a fix each, none twice, each near the truth; heap and speed within their bounds."""
    rigged.server.permit(1)
    rigged.run(5)
    began = time.process_time()
    rigged.run(3600)
    spent_s = time.process_time() - began
    fixes = rigged.server.fixes
    assert len(fixes) >= 330 and rigged.server.gaps() == {10}
    truth = rigged.board.gnss.drive.at(fixes[100].time)
    assert abs(fixes[100].lat_e7 / 1e7 - truth.lat_deg) < 2e-4 and abs(fixes[100].lon_e7 / 1e7 - truth.lon_deg) < 4e-4
    assert rigged.server.reasons[:2] == [BOOT, APPLIED] and set(rigged.server.versions) == {1}
    report = rigged.server.statuses[-1]
    assert report.spooled <= 1 and report.lost == report.refused == report.faults == 0 and report.battery_mv > 3000
    assert rigged.board.heap[-1].free_bytes > 32_768
    assert spent_s < 10


def test_a_puback_releases_nothing(rigged: Rigged) -> None:
    """Without verdicts every envelope stays in the spool and is sent again; with them it drains, and none is twice."""
    rigged.server.verdicts = False
    rigged.server.permit(1)
    rigged.run(1800)
    assert rigged.server.statuses[-1].spooled >= 8 and rigged.server.received > len(rigged.server.numbers)
    rigged.server.verdicts = True
    rigged.run(1500)
    assert rigged.server.statuses[-1].spooled <= 1
    assert len(rigged.server.fixes) >= 300 and rigged.server.gaps() == {10}


@pytest.mark.parametrize("fault", ["down", "refuse", "half_open"])
def test_a_broken_network_loses_nothing(rigged: Rigged, fault: str) -> None:
    """Half an hour without broker, access point or answers: then all fixes come, in bounded time."""
    rigged.server.permit(1)
    rigged.run(600)
    rigged.net.raise_on_timeout = False
    setattr(rigged.net.fault, fault, True)
    rigged.run(1800)
    stalled = len(rigged.server.fixes)
    setattr(rigged.net.fault, fault, False)
    rigged.run(1500)
    assert len(rigged.server.fixes) > stalled + 200 and rigged.server.gaps() == {10}
