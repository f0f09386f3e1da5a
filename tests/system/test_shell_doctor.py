"""Doctor and monitor over the prompt of a simulated board at work, whose watchdog goes on while it is asked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import msgpack
import pytest
from typer.testing import CliRunner

from agent.board import console
from agent.board.console import Console
from agent.cli import build
from agent.examination import doctor, monitor
from agent.examination.doctor import Wish
from agent.examination.findings import NOT_ASKED, WRONG
from agent.said.log import Line
from hw_sim.demo.stage import INSTALL
from tests.system.doctored import DEVICE, ROOT, SETTINGS
from tests.system.shells import Shell, running

pytestmark = pytest.mark.micropython


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A Pico W, of which the watchdog bites after 8.3 s, in a time that computing here does not use up."""
    monkeypatch.setattr(console, "START_S", 0.5)
    with running("--board", "pico_w", "--speed", "4") as one:
        yield one


def test_a_board_at_work_is_asked_and_goes_on(shell: Shell) -> None:
    """Well before it is a device and as one; the monitor leaves its program alone, --once and the doctor start it again."""
    run = CliRunner().invoke
    command = ["agent", "doctor", "--port", shell.port, "--quick", "--json"]
    done = run(build(), command)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["wrong"] == 0
    now_s = int(time.time())
    file = msgpack.packb([1, DEVICE, ROOT, 0, now_s // 86_400, now_s, json.dumps({**SETTINGS, "board": "pico_w"})])
    with Console(shell.port) as prompt:
        prompt.run(f"files = {{'enrolment': {file!r}}}{INSTALL}")
        assert prompt.restart() == "started 0.1.0"
    lines: list[Line] = []
    monitor.Monitor(shell.port, lines.append, lambda text: None).watch(0.6)
    assert [line.text for line in lines if not line.text] == []
    status = monitor.once(shell.port)
    assert status is not None
    assert (status.boots, status.generation, status.release) == (1, 0, "0.1.0")
    # Only a program at work knows these: it says them as it is interrupted.
    assert status.uptime_s is not None and status.faults == ("the time is not trusted",)
    # There is no access point: it is waited for longer than the watchdog would wait.
    found = doctor.examine(shell.port, Wish())
    assert [finding.part for finding in found if finding.state == WRONG] == ["radio"], found
    assert [finding.part for finding in found if finding.state == NOT_ASKED] == ["receiver", "broker"]
    # From here on the chip says "watchdog" of each start: who presses Ctrl-C and starts it again has crashed nothing.
    for _ in range(2):
        monitor.Monitor(shell.port, lines.append, lambda text: None).watch(1)  # until it has counted its start
        with Console(shell.port) as prompt:
            prompt.restart(0.1)
    monitor.Monitor(shell.port, lines.append, lambda text: None).watch(1)
    told = json.loads(run(build(), ["agent", "monitor", "--port", shell.port, "--once", "--json"]).stdout)
    assert "crash" not in told["status"], told  # as a reset that an RP2 takes for its watchdog's would be
    assert told["status"]["boots"] == 5  # once by --once, once by the doctor, twice by hand, and never by a watchdog
