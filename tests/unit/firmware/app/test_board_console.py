"""What a device says on its console in a contact: enough for a bench, and every line is one that the monitor knows."""

from __future__ import annotations

import re

import pytest

from agent.said.log import Log
from hw_sim.chips.base import ChipFaults
from hw_sim.shell.terminal import Terminal
from tests.unit.firmware.app.conftest import Rigged

pytestmark = pytest.mark.micropython


def test_a_device_tells_what_happens_and_nothing_of_what_it_senses(rigged: Rigged) -> None:
    """Started, in contact, answered, a directive, its status; while it drives and seals, not one line more, no position in any."""
    rigged.server.permit(1)
    rigged.run(400)
    assert rigged.server.fixes
    lines = Log().take(str(rigged.board.console).encode())
    assert [line.raw for line in lines if not line.text] == []
    kinds = [line.raw.split()[0] for line in lines]
    assert kinds[:2] == ["started", "contact"]
    assert (
        {"answered", "directive", "status"} <= set(kinds) <= {"started", "contact", "answered", "directive", "status"}
    )
    told = next(line.status for line in reversed(lines) if line.status)
    report = rigged.server.statuses[-1]
    assert (told.boots, told.battery_mv, told.directive) == (report.boots, report.battery_mv, report.directive)
    for fix in rigged.server.fixes[:20]:
        for number in re.findall(r"\d{5,}", repr(fix)):
            assert number[:5] not in str(rigged.board.console)


def test_its_last_word_at_ctrl_c_is_its_status(rigged: Rigged) -> None:
    """Uptime and the sensor that has failed, once, as the interruption ends it; nothing is sealed for that, nothing stays on."""
    board, said = rigged.board, bytearray()
    board.terminal = terminal = Terminal(said.extend)
    board.console.tap = terminal.printed
    board.sensors["temperature"].fault = ChipFaults(absent=True)
    rigged.server.permit(1, sensors=2)
    rigged.run(120)
    sent = len(rigged.server.statuses)
    terminal.receive(b"\x03")
    rigged.run(1)
    told = [
        line.status for line in Log().take(bytes(said)) if line.status and line.status.reason == "asked at the cable"
    ]
    assert len(told) == 1
    assert 110 < (told[0].uptime_s or 0) < 125
    assert "the temperature sensor fails" in told[0].faults
    assert said.endswith(b">>> ")
    assert len(rigged.server.statuses) == sent
    assert not any(each.powered for each in board.sensors.values())
