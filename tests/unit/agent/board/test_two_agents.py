"""Two programs and one port: the second is told who has it, whichever command it is, and a killed one leaves no lock."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.board import console
from agent.board.holders import busy, holders
from agent.errors import NoPrompt
from agent.gateway.serialports import Ports, open_line
from tests.unit.agent.commands.test_secrets import BOARD, WITH_PORT, ended, with_port

WAIT_S = 20.0
pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux says who has a port")
HOLDS = "import sys, serial\nwith serial.Serial(sys.argv[1], exclusive=True):\n print('has it', flush=True)\n sys.stdin.read()\n"


@pytest.fixture
def port() -> Iterator[str]:
    """A pseudo-terminal at whose other end nobody answers."""
    fd, other = os.openpty()
    tty.setraw(other)
    name = os.ttyname(other)
    os.close(other)
    yield name
    os.close(fd)


@pytest.fixture
def first(port: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the port, as an agent has it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_is_told_whichever_command_it_is(
    port: str,
    first: subprocess.Popen[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """enrol, flash, doctor, monitor and reset end with 4 and a sentence that names the process and what to do; a gateway
    says the same, once."""
    settings = tmp_path / "board.json"
    settings.touch(0o600)
    settings.write_text(json.dumps(BOARD))
    assert {*WITH_PORT, "greet"} == set(with_port())
    for name, words in WITH_PORT.items():
        line = [port if word == "/dev/pts/nobody" else word for word in words(tmp_path, settings)]
        began_s = time.monotonic()
        assert ended(monkeypatch, *line) == 4, name
        assert time.monotonic() - began_s < WAIT_S
        said = capsys.readouterr().err.splitlines()[-1]
        assert said.startswith(f"byleave: {port}: another program has the port open: "), name
        assert f"(process {first.pid}); end that first" in said, name
    said_of_ports: list[str] = []
    gateway = Ports([port], 115_200, said_of_ports.append)
    assert gateway.scan(0.0) == ([], [])
    assert gateway.scan(10.0) == ([], [])
    [sentence] = said_of_ports
    assert f"{port}: another program has the port open: " in sentence
    assert f"(process {first.pid}); end that first" in sentence


def test_two_agents_and_one_that_is_killed(port: str) -> None:
    """Two real commands: the second is refused while the first is at work, and not any more once that was killed."""
    command = [sys.executable, "-m", "agent", "agent"]
    listening = subprocess.Popen(
        [*command, "monitor", "--port", port], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True
    )
    try:
        end = time.monotonic() + WAIT_S
        while not holders(port) or not is_locked(port):
            assert time.monotonic() < end
            time.sleep(0.02)
        second = subprocess.run([*command, "reset", "--port", port], capture_output=True, text=True, check=False)
        assert second.returncode == 4
        assert f"the port open: agent (process {listening.pid}); end that first" in second.stderr
    finally:
        listening.kill()
        listening.wait()
    assert holders(port) == []
    open_line(port, 115_200).close()


def is_locked(port: str) -> bool:
    """Somebody has the port for themselves."""
    fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def test_a_prompt_that_is_closed_lets_the_port_go(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where nobody answered: what failed keeps no lock."""
    monkeypatch.setattr(console, "ENTER_S", 0.1)
    with pytest.raises(NoPrompt):
        console.Console(port)
    assert not is_locked(port)


def test_where_the_system_does_not_tell_it_guesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another user's process is not seen: the sentence says what it may be. No command line is ever repeated."""
    assert "(a gateway, a monitor, an editor?); end that first" in str(busy("/dev/pts/nobody"))
    process = tmp_path / "4711"
    (process / "fd").mkdir(parents=True)
    (process / "fd" / "3").symlink_to("/dev/ttyACM9")
    (process / "comm").write_text("minicom\n")
    (process / "cmdline").write_bytes(b"minicom\0--password\0hunter2\0")
    assert holders("/dev/ttyACM9", tmp_path) == ["minicom (process 4711)"]
    (process / "comm").write_text("python3\n")
    (process / "cmdline").write_bytes(b"python3\0/opt/bin/byleave\0agent\0gateway\0")
    assert holders("/dev/ttyACM9", tmp_path) == ["byleave (process 4711)"]
