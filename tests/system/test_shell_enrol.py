"""`byleave agent enrol` over the prompt of a simulated board, up to its first report at a real server."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from agent.board import console
from agent.board.asking import Board, look
from agent.enrolment import enrolment
from agent.enrolment.enrolment import EnrolmentFile, enrol
from agent.errors import AgentError, AlreadyEnrolled, BoardRefused, LinkLost, NoFirmware, NoPrompt, PortBusy, PortError
from agent.stopping import heeded
from cloud_sync.model import Stream
from cloud_sync.service import CloudSync
from hw_sim.demo.stage import SUBJECT
from hw_sim.network.broker import Broker
from hw_sim.shell.port import Port
from hw_sim.silicon import description
from tests.system.shells import WAIT_S, Shell, running, serving

pytestmark = pytest.mark.micropython
SETTINGS = {
    "board": "esp32s3",
    "wifi": {"ssid": "depot", "key": "depot1234"},
    "broker": {"host": "broker.example", "port": 1883, "user": "", "password": "", "tls": False},
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that is so fast has said soon that it does not start."""
    monkeypatch.setattr(console, "START_S", 0.3)


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """A shell with a board that is not enrolled and has no network; the tests of this file share it."""
    with running() as one:
        yield one


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[CloudSync]:
    """A real server on a real broker, by the host's clock."""
    with serving(tmp_path_factory.mktemp("cloud"), broker) as server:
        yield server


def a_file(cloud: CloudSync, folder: Path) -> EnrolmentFile:
    """A new device's enrolment, in a file as `byleave sync enrol` writes it."""
    path = folder / f"{random.randrange(1 << 30)}.enrolment"
    path.touch(mode=0o600)
    path.write_bytes(cloud.enrol(subject=SUBJECT, settings=SETTINGS).file)
    return EnrolmentFile.read(path)


def root_of(file: EnrolmentFile) -> bytes:
    """The root key in it."""
    return file.data[21:53]


def test_an_enrolled_board_reports_and_its_root_lies_nowhere(cloud: CloudSync, broker: Broker, tmp_path: Path) -> None:
    """Over the prompt a board becomes the device; the server hears its first status; no root is in flash, no file is left."""
    flash = tmp_path / "van.flash"
    with running("--flash", str(flash), "--broker", f"{broker.host}:{broker.port}") as shell:
        file = a_file(cloud, tmp_path)
        board = enrol(shell.port, file.path)
        assert (board.board, board.device, board.generation) == ("esp32s3", file.device, 0)
        assert not file.path.exists()
        end = time.monotonic() + WAIT_S
        while not cloud.database.count_envelopes(file.device, Stream.STATUS):
            assert time.monotonic() < end
            time.sleep(0.02)
        other = a_file(cloud, tmp_path)
        with pytest.raises(AlreadyEnrolled, match=f"{file.device} already.*--again"):
            enrol(shell.port, other.path)
        assert other.path.exists()
        assert enrol(shell.port, other.path, again=True, keep=True).device == other.device
        assert enrol(shell.port, other.path).device == other.device  # that device already: nothing to do but start it
        assert not other.path.exists()
    image = flash.read_bytes()
    row = next(row for row in description.load("esp32s3").partition if row.label == "bl_keys")
    assert other.device.encode() in image[row.offset : row.offset + row.size]
    assert SETTINGS["wifi"]["ssid"].encode() in image  # type: ignore[index]
    for each in (file, other):
        assert root_of(each) not in image
        assert root_of(each).hex().encode() not in image
        assert repr(root_of(each))[2:-1].encode() not in image


@pytest.mark.parametrize("pulled_at", ["bytes", "install", "wipe"])
def test_a_cable_pulled_leaves_a_whole_board(
    shell: Shell, cloud: CloudSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pulled_at: str
) -> None:
    """Pulled among the bytes, while the board installs, or after it: enrolled or not, never half; the next try succeeds."""
    file = a_file(cloud, tmp_path)

    class Pulled(console.Console):
        def run(self, code: str | bytes) -> str:
            line = self._transport.serial
            if pulled_at == "bytes" and isinstance(code, bytes):
                line.write(b"\x05A\x01" + code[: len(code) // 2])
                line.close()
            if pulled_at == "install" and code == enrolment._INSTALL:
                self._transport.exec_raw_no_follow(code)
                line.close()
            if pulled_at == "wipe" and code == enrolment._WIPE:
                line.close()
            return super().run(code)

    with monkeypatch.context() as broken:
        broken.setattr(enrolment, "Console", Pulled)
        with pytest.raises(LinkLost, match=r"same command again\. .*root key.*take all its power away"):
            enrol(shell.port, file.path, again=True)
    assert file.path.exists()
    with console.Console(shell.port) as prompt:
        found = look(prompt).device
    # The next try's Ctrl-C may stop an installation: the old keys are gone then, and the new ones are not there yet.
    assert found == file.device or pulled_at == "bytes" or (pulled_at == "install" and not found)
    assert enrol(shell.port, file.path, again=True).device == file.device
    assert not file.path.exists()


def test_what_the_board_refuses_makes_no_device(shell: Shell, cloud: CloudSync, tmp_path: Path) -> None:
    """A file whose form is right and whose settings are not: the board says what is wrong, and stays what it was; with --again
    that was erased before."""
    good = a_file(cloud, tmp_path)
    if not prompted(shell).device:
        first = a_file(cloud, tmp_path)
        assert enrol(shell.port, first.path).device == first.device
    good.path.write_bytes(good.data.replace(b'"wifi"', b'"wi-f"'))
    with pytest.raises(BoardRefused, match="WireError") as refused:
        enrol(shell.port, good.path, again=True)
    assert root_of(good).hex() not in str(refused.value)
    before = prompted(shell)
    assert before.device == ""
    with pytest.raises(BoardRefused, match="WireError"):
        enrol(shell.port, good.path)
    assert prompted(shell) == before
    good.path.write_bytes(good.data)
    assert enrol(shell.port, good.path).device == good.device


def prompted(shell: Shell) -> Board:
    """What the board says of itself."""
    with console.Console(shell.port) as prompt:
        return look(prompt)


linux = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux shows another process's memory")


def copies_in_memory(shell: Shell, root: bytes) -> int:
    """How often the root lies in what the board's interpreter can write: its heap, its stack and all else. A soft reset
    is a new interpreter here, and forgets more than a chip's does: ask before it."""
    found = 0
    board = str(shell.process.pid)
    for _ in range(2):  # beneath the simulator is what starts interpreters, and beneath that the board's
        [board] = Path(f"/proc/{board}/task/{board}/children").read_text().split()
    with Path(f"/proc/{board}/mem").open("rb", buffering=0) as memory:
        for row in Path(f"/proc/{board}/maps").read_text().splitlines():
            span, rights, *_ = row.split()
            start, end = (int(address, 16) for address in span.split("-"))
            if rights.startswith("rw"):
                memory.seek(start)
                data = memory.read(end - start)
                found += sum(data.count(form) for form in (root, root.hex().encode(), repr(root)[2:-1].encode()))
    return found


@linux
@pytest.mark.parametrize("case", ["installed", "settings refused", "bytes refused", "not held", "stopped"])
def test_no_memory_keeps_the_root(
    shell: Shell, cloud: CloudSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Whether the board becomes the device or refuses, or the command is ended while the root is there: when it starts, no copy of
    the root lies in its memory."""
    file = a_file(cloud, tmp_path)
    if case == "settings refused":
        file.path.write_bytes(file.data.replace(b'"wifi"', b'"wi-f"'))
    before: list[int] = []
    after: list[int] = []

    class Watched(console.Console):
        def run(self, code: str | bytes) -> str:
            before.append(copies_in_memory(shell, root_of(file)))
            if code == enrolment._INSTALL and case == "stopped":
                os.kill(os.getpid(), signal.SIGTERM)
            if isinstance(code, bytes) and case == "bytes refused":
                code = code.removeprefix(b"e = ") + b"\nraise MemoryError"  # as where the bytes find no room
            said = super().run(code)
            return said.replace(file.device, "") if case == "not held" else said

        def restart(self, seconds: float | None = None) -> str:
            after.append(copies_in_memory(shell, root_of(file)))
            return super().restart(seconds)

        def leave(self, code: str) -> None:
            after.append(copies_in_memory(shell, root_of(file)))
            super().leave(code)

    monkeypatch.setattr(enrolment, "Console", Watched)
    if case == "installed":
        assert enrol(shell.port, file.path, again=True).device == file.device
    else:
        with pytest.raises(SystemExit if case == "stopped" else BoardRefused), heeded():
            enrol(shell.port, file.path, again=True)
    assert max(before) > 1
    assert after == [0]


@linux
def test_the_wipe_reaches_the_smallest_holes(shell: Shell) -> None:
    """Copies in hundreds of holes between what is still in use are overwritten as those in large pieces are."""
    root = random.randbytes(32)
    scatter = f"e = {root!r}\nk = [bytearray(e) for _ in range(1000)]\nz = k[::2]\nfor v in z: v[:] = bytes(32)"
    with console.Console(shell.port) as prompt:
        prompt.run(scatter)
        assert copies_in_memory(shell, root) > 400
        prompt.run(enrolment._WIPE)
        assert copies_in_memory(shell, root) == 0
        assert prompt.run("print(len(z))").strip() == "500"


def test_a_board_without_firmware_is_told_apart(cloud: CloudSync, tmp_path: Path) -> None:
    """MicroPython alone is no byleave board; the file stays."""
    file = a_file(cloud, tmp_path)
    with running("--firmware", "none") as bare, pytest.raises(NoFirmware, match="firmware is not on") as error:
        enrol(bare.port, file.path)
    assert error.value.exit_code == 6
    assert file.path.exists()


def test_ports_that_are_no_board(
    shell: Shell, cloud: CloudSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No port, a file, a port in use and a port where nobody answers are four findings, each with its exit code."""
    monkeypatch.setattr(console, "ENTER_S", 0.3)
    monkeypatch.setattr(console, "READ_S", 0.3)
    file = a_file(cloud, tmp_path)

    def finding(port: str) -> AgentError:
        with pytest.raises(AgentError) as error:
            enrol(port, file.path)
        return error.value

    assert isinstance(finding("/dev/pts/nobody"), PortError)
    assert isinstance(finding(str(file.path)), PortError)
    with serial.Serial(shell.port, exclusive=True):
        assert isinstance(finding(shell.port), PortBusy)
    with Port() as silent:
        quiet = finding(silent.name)
    assert isinstance(quiet, NoPrompt)
    assert quiet.exit_code == 5
    assert file.path.exists()


def test_the_command_ends_with_the_finding(tmp_path: Path) -> None:
    """`byleave agent enrol` says what is wrong in one sentence and ends with its code."""
    file = tmp_path / "van.enrolment"
    file.touch(mode=0o600)
    file.write_bytes(b"\x97\x01\xb0" + b"a" * 16 + b"\xc4\x20" + os.urandom(32) + b"\0\0\0\xa2{}")
    command = [sys.executable, "-m", "agent", "agent", "enrol", "--port", "/dev/pts/nobody", "--file", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("byleave: /dev/pts/nobody: no such port")
    assert file.exists()
