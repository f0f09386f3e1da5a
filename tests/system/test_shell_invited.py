"""Enrolment by invitation over the prompt of a simulated board: to the first contact at a real server, which heals."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.board import console
from agent.enrolment import invited
from agent.enrolment.greeting import MAGIC, greet
from agent.enrolment.invitation import Invitation
from agent.enrolment.sealing import Attempt
from agent.enrolment.settings import checked
from cloud_sync.errors import EnrolmentRefused, SealBroken
from cloud_sync.model import StatusReport, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire import ladder
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.status import read_status
from hw_sim.demo.stage import SUBJECT
from hw_sim.network.broker import Broker
from tests.system.shells import WAIT_S, Shell, running, serving
from tests.system.test_shell_enrol import copies_in_memory, linux

pytestmark = pytest.mark.micropython
SETTINGS = {
    "wifi": {"ssid": "depot", "key": "depot1234"},
    "broker": {"host": "broker.example", "port": 1883, "user": "", "password": "", "tls": False},
}


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that is so fast has said soon that it does not start."""
    monkeypatch.setattr(console, "START_S", 0.3)


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[CloudSync]:
    """A real server on a real broker, by the host's clock."""
    with serving(tmp_path_factory.mktemp("cloud"), broker) as server:
        yield server


@pytest.fixture(scope="module")
def flash(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The board's flash, in a file."""
    return tmp_path_factory.mktemp("flash") / "van.flash"


@pytest.fixture(scope="module")
def shell(flash: Path, broker: Broker) -> Iterator[Shell]:
    """A board that reaches the broker; the tests of this file share it."""
    with running("--flash", str(flash), "--broker", f"{broker.host}:{broker.port}") as one:
        yield one


def an_invitation(cloud: CloudSync, folder: Path) -> Path:
    """As `byleave sync invite` writes it."""
    path = folder / "van.invitation"
    path.write_text(cloud.invite(subject=SUBJECT).text + "\n")
    return path


def read(path: Path) -> Invitation:
    """As the agent reads it."""
    return Invitation.read(path, now_s=time.time())


def opens(root: bytes, device: str, payload: bytes) -> bool:
    """Whether somebody with the root of generation 0 opens an envelope: by its own keys, on any day near it, and by those that
    come of a healing whose shared secret they do not know."""
    envelope = parse_uplink(payload)
    header = envelope.header
    spine = ladder.spine(root, header.stream)
    for _ in range(3):
        for begin in (spine, ladder.mix(spine, spine, header.stream), ladder.mix(spine, root, header.stream)):
            chain = ladder.step(ladder.day_chain(begin, header.stream), header.stream, header.counter)
            with contextlib.suppress(SealBroken):
                open_uplink(device, envelope, ladder.seal_key(chain, header.stream))
                return True
        spine = ladder.next_spine(spine, header.stream)
    return False


def refused(cloud: CloudSync, device: str) -> list[int]:
    """Of each of its reports before the healing, how many downlinks it had refused."""
    found = []
    for row in cloud.database.envelopes(device, Stream.STATUS, 0, 2**17):
        if row.id.generation:  # what was on its way in the old generation comes too late
            continue
        leaf = cloud._store.leaf(*row.id[:4])
        assert leaf is not None
        key = cloud._keys.open_leaf(leaf).key(row.id.counter)
        told = read_status(open_uplink(device, parse_uplink(row.payload), key), row.id.epoch)
        if isinstance(told, StatusReport):
            found.append(told.refused)
    return found


@linux
def test_from_invitation_to_a_healed_device(
    shell: Shell, cloud: CloudSync, flash: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Enrolled, admitted, greeted, heard, healed; the root that the agent made opens nothing then, and lies nowhere."""
    roots: list[bytes] = []
    seen: list[int] = []
    drawn = Attempt.drawn

    def draw(*known: object) -> Attempt:
        attempt = drawn(*known)  # type: ignore[arg-type]
        roots.append(bytes(attempt.root))
        return attempt

    class Watched(console.Console):
        def run(self, code: str | bytes) -> str:
            seen.append(copies_in_memory(shell, roots[0]) if roots else 0)
            return super().run(code)

        def restart(self, seconds: float | None = None) -> str:
            seen.append(copies_in_memory(shell, roots[0]))
            return super().restart(seconds)

    out = tmp_path / "van.enrolment"
    with monkeypatch.context() as watching:
        watching.setattr(Attempt, "drawn", draw)
        watching.setattr(invited, "Console", Watched)
        board = invited.enrol(shell.port, read(an_invitation(cloud, tmp_path)), checked(SETTINGS), out)
    assert (max(seen) > 0, seen[-1]) == (True, 0)
    admission = cloud.admit(out.read_bytes())
    assert (admission.device, admission.board) == (board.device, "esp32s3")
    answer = tmp_path / "van.answer"
    answer.write_bytes(MAGIC + b"".join(len(each).to_bytes(2, "big") + each for each in admission.answer))
    assert greet(shell.port, answer).opened == 1
    end = time.monotonic() + WAIT_S
    rows = []
    while {parse_uplink(row.payload).header.generation for row in rows} < {0, 1}:
        assert time.monotonic() < end
        time.sleep(0.02)
        rows = cloud.database.envelopes(board.device, Stream.STATUS, 0, 2**17)
    healed = [row.payload for row in rows if parse_uplink(row.payload).header.generation == 1]
    before = [row.payload for row in rows if parse_uplink(row.payload).header.generation == 0]
    assert all(opens(roots[0], board.device, payload) for payload in before)
    assert not any(opens(roots[0], board.device, payload) for payload in healed)
    assert set(refused(cloud, board.device)) == {0}
    assert copies_in_memory(shell, roots[0]) == 0
    with console.Console(shell.port) as prompt:  # its end saves the flash
        prompt.run("")
    image = flash.read_bytes()
    assert board.device.encode() in image
    for form in (roots[0], roots[0].hex().encode(), repr(roots[0])[2:-1].encode()):
        assert form not in image
        assert form not in out.read_bytes()
    with pytest.raises(EnrolmentRefused, match="used up"):
        cloud.admit(out.read_bytes())


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """`byleave agent …`, as somebody gives it."""
    full = [sys.executable, "-m", "agent", "agent", *map(str, words)]
    return subprocess.run(full, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)


def test_the_command_with_options(shell: Shell, cloud: CloudSync, tmp_path: Path) -> None:
    """A swapped invitation is refused by what the operator read out, an expired one by its time; the right one enrols another
    device of the same board; a file that was changed on the way is refused, and the invitation stays good for the right one."""
    secrets, out = tmp_path / "secrets.toml", tmp_path / "van.enrolment"
    secrets.touch(mode=0o600)
    secrets.write_text('wifi_key = "depot1234"\nbroker_password = "never told"\n')
    told = cloud.invite(subject=SUBJECT)
    invitation = tmp_path / "van.invitation"
    words = ["enrol", "--port", shell.port, "--invitation", invitation, "--out", out, "--fingerprint", told.fingerprint]
    words += ["--wifi-ssid", "depot", "--broker", "broker.example", "--broker-user", "van", "--secrets", secrets]
    invitation.write_text(cloud.invite(subject=SUBJECT).text)
    swapped = command(*words, "--again")
    assert (swapped.returncode, swapped.stdout) == (10, "")
    assert "swapped or changed on the way. Do not enrol with it" in swapped.stderr
    invitation.write_text(told.text)
    done = command(*words, "--again", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["board"], found["fingerprint"], found["enrolment"]) == ("esp32s3", told.fingerprint, str(out))
    assert "never told" not in done.stdout + swapped.stderr
    sealed = bytearray(out.read_bytes())
    for at in (25, 60, len(sealed) - 1):  # id, encapsulated key, tag
        sealed[at] ^= 1
        with pytest.raises(EnrolmentRefused, match=r"enrol|invitation"):
            cloud.admit(bytes(sealed))
        sealed[at] ^= 1
    with pytest.raises(EnrolmentRefused, match="not the one that was told"):
        cloud.admit(bytes(sealed), confirm=told.fingerprint)
    assert cloud.admit(bytes(sealed), confirm=found["confirmation"]).device == found["device"]
