"""The same firmware on each of the four boards: enrolled, given leave, driven, and every envelope opened at the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.model import StatusReport, Stream
from cloud_sync.wire import codec
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.status import unpack_status
from hw_sim.board import Board
from hw_sim.demo import story
from hw_sim.demo.stage import BROKER_NAME, FIRMWARE, INSTALL, WIFI_KEY, WIFI_NAME, Stage, around
from hw_sim.demo.steps.acts import ALL_PURPOSES
from tests.system.rig import a_stage, arrived, fixes, incidents, park

pytestmark = pytest.mark.micropython

BOARDS = ("esp32s3", "esp32", "pico_w", "pico2_w")
HEALING_ANSWER = 16  # wire-format section 7
TIME_UNTRUSTED = 32  # of `faults`, wire-format section 5


def reports(stage: Stage) -> list[StatusReport]:
    """What the device reports of itself; answers to an offer of healing travel in the same stream and are none."""
    found = []
    for row in stage.cloud.database.envelopes(stage.device, Stream.STATUS, 0, 2**17):
        leaf = stage.cloud._store.leaf(*row.id[:4])
        assert leaf is not None
        key = stage.cloud._keys.open_leaf(leaf).key(row.id.counter)
        plaintext = open_uplink(stage.device, parse_uplink(row.payload), key)
        if codec.unpack_padded(plaintext)[0] != HEALING_ANSWER:
            found.append(unpack_status(plaintext, row.id.epoch))
    return found


def put_on(stage: Stage, name: str) -> None:
    """Another board, with the firmware and the enrolment of a device that is new to the server."""
    stage.board.close()
    stage.board = Board.from_description(name, stage.world, stage.network)
    stage.board.gnss.drive = stage.drive
    stage.board.install(FIRMWARE)
    stage.surroundings = around(stage.board)
    broker = {"host": BROKER_NAME, "port": 1883, "user": "", "password": "", "tls": False}
    settings = {"board": name, "wifi": {"ssid": WIFI_NAME, "key": WIFI_KEY}, "broker": broker}
    enrolment = stage.cloud.enrol(subject=stage.subject, settings=settings)
    stage.device = enrolment.device
    stage.board.execute(INSTALL, files={"enrolment": enrolment.file})


@pytest.mark.parametrize("name", BOARDS)
def test_each_board_senses_seals_and_delivers(tmp_path: Path, name: str) -> None:
    """Six minutes of a drive with all consents: each solution is a fix at the server, nothing is faulty."""
    with a_stage(tmp_path) as stage:
        put_on(stage, name)
        story.consent(stage, purposes=ALL_PURPOSES)
        stage.board.power_on()
        stage.board.run(for_s=360)
        assert stage.board.led
        arrived(stage)
        assert not stage.board.led
        assert len(fixes(stage)) > 20
        assert stage.cloud.database.count_envelopes(stage.device, Stream.ENVIRONMENT)
        assert stage.board.sensors["motion"].powered_s > 200  # six minutes hold no event of it
        assert {report.reset for report in reports(stage)} == {1}
        assert not any(report.faults & ~TIME_UNTRUSTED for report in reports(stage))
        assert not incidents(stage)
        assert stage.board.counters["boots"] == 2  # the prompt of the enrolment, and the drive


@pytest.mark.parametrize("name", BOARDS)
def test_each_board_comes_back_from_its_watchdog(tmp_path: Path, name: str) -> None:
    """The watchdog waits no longer than the chip can; when it bites, the next report says so, and the drive goes on."""
    with a_stage(tmp_path) as stage:
        put_on(stage, name)
        story.consent(stage, purposes=ALL_PURPOSES)
        stage.board.power_on()
        stage.board.run(for_s=60)
        assert stage.board.watchdog.deadline_us is not None
        left_s = (stage.board.watchdog.deadline_us - stage.world.clock.now_us) / 1e6
        assert 0 < left_s <= {"pico_w": 8.3, "pico2_w": 16.7}.get(name, 30)
        stage.world.clock.after(0, stage.board.watchdog._bite)
        stage.board.run(for_s=240)
        park(stage)
        assert [report.reset for report in reports(stage)][-1] == 3
        assert stage.board.counters["boots after watchdog"] == 1
