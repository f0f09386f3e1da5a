"""`byleave agent flash` over the prompt of a simulated board: from a bare one to byleave's release, whatever happens on the way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.board import console, programs
from agent.board.console import Console
from agent.errors import AgentConfigError, BoardRefused, LinkLost, NotProven
from agent.flashing import flashing, slotting, writing
from agent.flashing.flashing import flash
from agent.flashing.looking import running as runs_at
from hw_sim.silicon import description
from tests.system.flashable import a_release, counted
from tests.system.shells import Shell, running

pytestmark = pytest.mark.micropython
BOARDS = Path(description.__file__).parents[1] / "boards"
POINTS = 5  # bytes at which the cable is pulled here; tests/unit/agent/flashing/pulling.py pulls it at each


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that is so fast has said soon that it does not start, and answers soon or not at all."""
    monkeypatch.setattr(flashing, "START_S", 0.6)
    monkeypatch.setattr(console, "START_S", 0.6)
    monkeypatch.setattr(console, "READ_S", 0.5)


@pytest.fixture(scope="module")
def bare() -> Iterator[Shell]:
    """A board with MicroPython and nothing else; the tests of this file share it, each with releases of its own."""
    with running("--firmware", "none") as one:
        yield one


def started(port: str) -> str:
    """What the board prints when it starts now."""
    with Console(port) as prompt:
        return prompt.restart()


def slots(shell: Shell) -> list[slotting.Slot]:
    """What the slots say of themselves."""
    with Console(shell.port) as prompt:
        prompt.run(programs.LOOK)
        return slotting._slots(prompt, prompt.run("sys.path[:] = path\n" + writing.SLOTS))


# What a device keeps: its keys and what else lies raw, its settings.
OWN = """
from esp32 import Partition
from hashlib import sha256
import binascii, machine, os
rows = [Partition.find(label="bl_" + name)[0] for name in ("keys", "rules", "spool")]
"""
PLANT = """
for row in rows: row.writeblocks(0, os.urandom(1024), 0)
with open("/byleave.json", "w") as file: file.write('{"board": "esp32s3"}')
"""
KEPT = """
seen = sha256()
room = bytearray(4096)
for row in rows:
 for i in range(row.ioctl(4, 0)):
  row.readblocks(i, room, 0)
  seen.update(room)
print(binascii.hexlify(seen.digest()), open("/byleave.json").read())
"""
STEPS = (
    "def content",
    "'/slots.mpy.new'",
    "os.rename('/slots.mpy.new'",
    "whole(base",
    "slot.mark(0)",
    "'/main.py.new'",
)


def pulled_at(step: str) -> type[Console]:
    """A console whose cable is pulled when this is typed."""

    class Pulled(Console):
        def run(self, code: str | bytes) -> str:
            if step in str(code):
                self._line.write(b"\x05A\x01")
                self._line.close()
            return super().run(code)

    return Pulled


def test_a_bare_board_stays_bare_until_it_is_byleaves(
    bare: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever step the cable is pulled, a board without a program starts none before the last; then the command makes the
    firmware for the board that it finds, goes on with it, and ends with a board that can be enrolled. The first test of this file.
    """
    assert runs_at(bare.port).version == ""
    folder = a_release(tmp_path / "new", "new")
    for step in STEPS:
        with monkeypatch.context() as broken:
            broken.setattr(flashing, "Console", pulled_at(step))
            with pytest.raises(LinkLost, match="same command again"):
                flash(bare.port, folder=folder)
        assert "no main.py" in started(bare.port), step
    command = [sys.executable, "-m", "agent", "agent", "flash", "--port", bare.port, "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    told = json.loads(ended.stdout)
    assert (told["board"], told["way"], told["image_written"]) == ("esp32s3", "slot", False)
    assert told["sent_bytes"] == told["total_bytes"] > 100_000
    assert told["line_bytes"] < told["sent_bytes"]
    assert told["enrolled"] is False and "said" not in told
    there = runs_at(bare.port)
    assert (there.board, there.version, there.enrolled) == ("esp32s3", told["version"], False)


def test_only_what_differs_is_sent(bare: Shell, tmp_path: Path) -> None:
    """The same release again costs nothing; one that differs in one module costs its sectors; an older one, that is in the other
    slot still, only becomes the newest."""
    first = flash(bare.port, folder=a_release(tmp_path / "1", "first", noise=1))
    assert "release first runs" in first.said
    again = flash(bare.port, folder=tmp_path / "1")
    assert (again.sent.sent_bytes, again.sent.slot) == (0, first.sent.slot)
    second = flash(bare.port, folder=a_release(tmp_path / "2", "second", noise=1))
    assert "release second runs" in second.said and second.sent.slot != first.sent.slot
    back = flash(bare.port, folder=tmp_path / "1")
    assert "release first runs" in back.said and (back.sent.sent_bytes, back.sent.slot) == (0, first.sent.slot)
    # Into the slot of "second", of which all but the module that says the name is there.
    third = flash(bare.port, folder=a_release(tmp_path / "3", "third.", noise=1))
    assert "release third. runs" in third.said and third.sent.slot == second.sent.slot
    assert 0 < third.sent.sent_bytes < third.sent.total_bytes


def test_a_cable_pulled_at_any_byte_leaves_a_whole_board(
    bare: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a bare board's first byte to the last: it starts as what it was or as what it becomes, and the next try goes on."""
    flash(bare.port, folder=a_release(tmp_path / "0", "r0"))
    with counted(monkeypatch) as line:
        whole = flash(bare.port, folder=a_release(tmp_path / "1", "r1"))
    total, was, resumed = line.typed_bytes, "r1", 0
    for n in range(POINTS):
        name = f"r{n + 2}"
        folder = a_release(tmp_path / name, name)
        # Later, closer: the last 2000 bytes are the head and the files that start it.
        at = total - 40 - (total - 60) * (POINTS - 1 - n) ** 2 // (POINTS - 1) ** 2
        with counted(monkeypatch, pulled_at=at), pytest.raises((LinkLost, flashing.NoPrompt)):
            flash(bare.port, folder=folder)
        said = started(bare.port)
        assert f"release {was} runs" in said or f"release {name} runs" in said, (at, said)
        assert all(slot.whole and slot.complete and slot.confirmed for slot in slots(bare) if slot.size), at
        done = flash(bare.port, folder=folder)
        assert f"release {name} runs" in done.said
        resumed += done.sent.sent_bytes < whole.sent.sent_bytes
        was = name
    assert resumed >= POINTS // 3


def test_a_byte_changed_on_the_line_is_found(bare: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One bit of a piece, in its head or in what it carries: the command says so, and what starts is what was there."""
    flash(bare.port, folder=a_release(tmp_path / "old", "old"))
    folder = a_release(tmp_path / "line", "line")
    cases: list[str] = []

    class Disturbed(Console):
        def hand_over(self, code, pieces, **rest):  # type: ignore[no-untyped-def]
            def spoilt() -> Iterator[bytes]:
                for piece in pieces:
                    if "if not i <" in code and cases:
                        at = 3 if cases.pop() == "head" else next(i for i in range(2000, 4000) if piece[i] > 0x20)
                        piece = piece[:at] + bytes([piece[at] ^ 0x01]) + piece[at + 1 :]  # noqa: PLW2901
                    yield piece

            yield from super().hand_over(code, spoilt(), **rest)

    for case, sentence in {"head": "changed on the line", "content": "arrived or was stored with other bytes"}.items():
        cases.append(case)
        with monkeypatch.context() as disturbed:
            disturbed.setattr(flashing, "Console", Disturbed)
            with pytest.raises(NotProven, match=sentence):
                flash(bare.port, folder=folder)
        assert "release old runs" in started(bare.port) and not cases
    assert "release line runs" in flash(bare.port, folder=folder).said


def test_a_byte_changed_in_flash_is_found(bare: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flash that does not keep what was written: found when it is read back, before anything says that a release is there."""
    flash(bare.port, folder=a_release(tmp_path / "old", "kept"))
    folder = a_release(tmp_path / "worn", "worn")

    class Worn(Console):
        def run(self, code: str | bytes) -> str:
            if "whole(" in str(code) and "def" not in str(code):
                base = str(code).split("whole(")[1].split(",")[0]
                super().run(f"device.writeblocks({base}, bytes(16), 4000)")
            return super().run(code)

    with monkeypatch.context() as worn:
        worn.setattr(flashing, "Console", Worn)
        with pytest.raises(NotProven, match="other bytes than were sent") as error:
            flash(bare.port, folder=folder)
    assert error.value.exit_code == 10
    assert "release kept runs" in started(bare.port)
    mended = flash(bare.port, folder=folder)
    assert 0 < mended.sent.sent_bytes <= 4096 and "release worn runs" in mended.said


def test_never_below_the_confirmed_security_version(bare: Shell, tmp_path: Path) -> None:
    """A release with a hole that was mended is refused by cable too, and the board starts as what it is."""
    flash(bare.port, folder=a_release(tmp_path / "mended", "mended", security=3))
    before = slots(bare)
    with pytest.raises(BoardRefused, match=r"security version 2 is below 3"):
        flash(bare.port, folder=a_release(tmp_path / "old", "holed", security=2))
    assert slots(bare) == before and "release mended runs" in started(bare.port)
    assert "release more runs" in flash(bare.port, folder=a_release(tmp_path / "more", "more", security=3)).said


def test_what_is_not_for_the_board_changes_nothing(bare: Shell, tmp_path: Path) -> None:
    """Another board's release, another board named, and a release that says that it does not start."""
    other = a_release(tmp_path / "other", "other", board="pico_w")
    with pytest.raises(BoardRefused, match="ESP32S3 is no pico_w"):
        flash(bare.port, folder=other)
    with pytest.raises(AgentConfigError, match="is for pico_w, and --board names esp32s3"):
        flash(bare.port, folder=other, board="esp32s3")


def without_romfs(folder: Path, heap_bytes: int) -> Path:
    """The board with a MicroPython that has no ROMFS, and a heap of that size."""
    text = (BOARDS / "esp32s3.toml").read_text()
    head, _, _ = text.partition("# Two slots for releases")
    path = folder / "noromfs.toml"
    path.write_text(head.replace("heap_bytes = 196608", f"heap_bytes = {heap_bytes}"))
    return path


def test_a_board_with_a_big_heap_gets_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without ROMFS the release lies in a folder that one renaming makes the one that starts; a cable pulled leaves the old one."""
    board = without_romfs(tmp_path, 1 << 20)
    with running("--firmware", "none", "--board", str(board)) as shell:
        with counted(monkeypatch) as line:
            first = flash(shell.port, folder=a_release(tmp_path / "1", "one", security=2))
        assert (first.sent.way, first.sent.slot) == ("files", None) and "release one runs" in first.said
        with pytest.raises(BoardRefused, match="security version 1 is below 2"):
            flash(shell.port, folder=a_release(tmp_path / "0", "old"))
        folder = a_release(tmp_path / "2", "two", security=2)
        for share in (0.55, 0.65):
            with counted(monkeypatch, pulled_at=int(line.typed_bytes * share)), pytest.raises(LinkLost):
                flash(shell.port, folder=folder)
            said = started(shell.port)
            assert "release one runs" in said or (share > 0.6 and "release two runs" in said), (share, said)
        second = flash(shell.port, folder=folder)
        assert "release two runs" in second.said and second.sent.sent_bytes <= second.sent.total_bytes
        with Console(shell.port) as prompt:
            folders = prompt.run("import os\nprint([n for n in os.listdir('/') if n.startswith('release-')])")
        assert folders.count("release-") == 1
        assert runs_at(shell.port).version == "two"


def test_a_pico_without_byleaves_build_is_told_what_to_flash() -> None:
    """A Pico whose file system lies over the keys is refused before a release is made, with the build that is needed."""
    with (
        running("--firmware", "none", "--board", "pico_w") as stock,
        pytest.raises(BoardRefused, match=r"no room for keys.*pico_w with --image, a \.uf2"),
    ):
        flash(stock.port)


def test_ctrl_c_stops_what_the_board_does(bare: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the midst of a piece, for whose rest a program there waits, and of a program that goes on for long: the board is at its
    prompt again at once, and starts as what it was."""
    flash(bare.port, folder=a_release(tmp_path / "was", "was", security=3))

    class Stopped(Console):
        def hand_over(self, code, pieces, **rest):  # type: ignore[no-untyped-def]
            self._transport.exec_raw_no_follow(code)
            self._line.write(next(iter(pieces))[:1000])
            raise KeyboardInterrupt

        def restart(self, seconds: float | None = None) -> str:
            said.append(super().restart(0.6))
            return said[-1]

    said: list[str] = []
    with monkeypatch.context() as stopped:
        stopped.setattr(flashing, "Console", Stopped)
        with pytest.raises(KeyboardInterrupt):
            flash(bare.port, folder=a_release(tmp_path / "is", "is", security=3))
    assert "release was runs" in said[0]
    with Console(bare.port) as prompt:
        prompt._transport.exec_raw_no_follow("import time\ntime.sleep(4000)")
        prompt.interrupt()
        assert prompt.run("print(5)") == "5\r\n"


def test_ports_say_what_runs_there(bare: Shell, tmp_path: Path) -> None:
    """`agent ports --look` asks each board and starts it again; one that is none hides no other."""
    flash(bare.port, folder=a_release(tmp_path / "1", "seen", security=9))
    command = [
        sys.executable,
        "-m",
        "agent",
        "agent",
        "ports",
        "--look",
        "--json",
        "--port",
        bare.port,
        "--port",
        "/dev/none",
    ]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    rows = {row["port"]: row for row in told["ports"]}
    assert rows[bare.port]["runs"]["version"] == "seen" and rows[bare.port]["words"].endswith(
        "byleave seen, not enrolled"
    )
    assert rows["/dev/none"]["runs"] is None and "no such port" in rows["/dev/none"]["words"]


def test_a_device_stays_itself(bare: Shell, tmp_path: Path) -> None:
    """One that was enrolled keeps its keys, its rules, its spool and its settings through the next release. The last test
    of this file: the board's watchdog is on from here."""
    with Console(bare.port) as prompt:
        before = prompt.run(OWN + PLANT + KEPT)
    assert "release next runs" in flash(bare.port, folder=a_release(tmp_path / "next", "next", security=9)).said
    assert runs_at(bare.port).enrolled
    with Console(bare.port) as prompt:
        assert prompt.run(OWN + KEPT) == before and "esp32s3" in before
