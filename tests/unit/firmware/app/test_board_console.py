"""What a device says on its console in a contact: enough for a bench, and every line is one that the monitor knows."""

from __future__ import annotations

import re

import pytest

from agent.examination.log import Log
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
