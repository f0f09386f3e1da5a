"""Factory reset at the prompt of a simulated board: what is gone, what stays, and what the proof says."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.board import typed
from agent.board.asking import look
from agent.errors import AgentError, NoFirmware
from agent.reset import erasing, factory, regions
from firmware import keyrecord, slots
from firmware.flash.recordlog import RecordLog
from firmware.keystore import SLOT_BYTES, KeyStore
from firmware.wire import msgpack
from hw_sim.demo.flashcopy import FlashCopy
from hw_sim.demo.stage import FIRMWARE, INSTALL
from hw_sim.silicon.flash import ERASED
from tests.unit.agent.owned import CANARY, PROGRAM, PUT, enrolled, left, reset
from tests.unit.agent.prompted import PORT, Prompted, a_board
from tests.unit.firmware.device import DEVICE
from tests.unit.firmware.test_enrol import SETTINGS, SOUND

pytestmark = pytest.mark.micropython


@pytest.fixture
def pico(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prompted]:
    """An enrolled Pico W, which has the smallest file system."""
    with a_board("pico_w") as one:
        enrolled(one)
        monkeypatch.setattr(factory, "Console", one.console)
        yield one


@pytest.mark.parametrize("name", ["esp32s3", "pico_w", "pico2_w"])
def test_a_board_is_empty_and_the_proof_says_what_was_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of board: nothing of the former owner's is in raw flash, each region hashes as 0xFF does, it is no device."""
    with a_board(name) as one:
        enrolled(one)
        one.board.retained = CANARY if one.board.description.port == "esp32" else b""
        monkeypatch.setattr(factory, "Console", one.console)
        done: list[tuple[int, int]] = []
        erased = reset(progress=lambda at, of: done.append((at, of)))
        assert (erased.device, erased.board) == (DEVICE, name)
        assert left(one) == []
        assert CANARY not in one.board.retained
        said = erased.fields()
        names = [row["name"] for row in said["regions"]]
        assert names == ["keys", "rules", "spool", "files"] + ["nvs"] * name.startswith("esp32")
        for row in said["regions"]:
            label = {"files": "vfs", "nvs": "nvs"}.get(row["name"], "bl_" + row["name"])
            assert row["bytes"] == one.board.partitions[label].size
            assert row["sha256"] == hashlib.sha256(b"\xff" * row["bytes"]).hexdigest()
            if row["name"] != "files":
                assert set(one.board.partition_bytes(label)) == {ERASED}
        assert done == sorted(done)
        assert done[-1][0] == done[-1][1] == 2 * sum(row["sectors"] for row in said["regions"])
        assert not erased.flash_again
        assert one.said.endswith(b">>> ")
        assert (
            b"not enrolled" in one.said[one.said.rindex(b"machine.reset") if b"machine.reset" in one.said else -300 :]
        )
        assert one.board.watchdog.deadline_us is None
        # The new file system is one, and the board takes an owner again.
        one.execute(INSTALL, files={"enrolment": msgpack.pack(SOUND)})
        assert DEVICE.encode() in one.board.partition_bytes("bl_keys")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="only Linux shows another process's memory")
def test_no_memory_keeps_a_chain(pico: Prompted) -> None:
    """Who the device is was read from its keys: once all is erased and before the board starts, no chain lies in its memory."""
    log = RecordLog(FlashCopy(pico.board.partition_bytes("bl_keys")), SLOT_BYTES)
    chains = [bytes(keyrecord.chain_of(KeyStore(log)._body, stream)) for stream in range(1, 5)]
    counts = []

    def count(code: str) -> None:
        if code in (erasing.FIND, factory.RESET):
            counts.append(sum(copies_in_memory(chain) for chain in chains))

    pico.before = count
    reset()
    assert counts[0] > 0
    assert counts[-1] == 0


def copies_in_memory(data: bytes) -> int:
    """How often it lies in what the board's interpreter can write: a child of that child of this process which starts them."""
    starters = [each for task in Path("/proc/self/task").iterdir() for each in (task / "children").read_text().split()]
    boards = [each for at in starters for each in Path(f"/proc/{at}/task/{at}/children").read_text().split()]
    found = 0
    for board in [each for each in boards if b"micropython_run" in Path(f"/proc/{each}/cmdline").read_bytes()]:
        with Path(f"/proc/{board}/mem").open("rb", buffering=0) as memory:
            for row in Path(f"/proc/{board}/maps").read_text().splitlines():
                span, rights, *_ = row.split()
                start, end = (int(address, 16) for address in span.split("-"))
                if rights.startswith("rw"):
                    memory.seek(start)
                    found += memory.read(end - start).count(data)
    return found


OTHERS = {
    "/boot.py": b"wlan.connect('old', 'secret-of-boot')",
    "/firmware/own.py": b"secret-of-firmware",
    "/firmware/forged.mpy": b"secret-of-forged",
    "/notes/a.txt": b"secret-of-notes",
}


def test_the_programs_files_outlive_it_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is the firmware's own lies in the new file system byte for byte, with its hash in the proof; all else is gone."""
    with a_board("esp32s3") as one:
        enrolled(one)
        one.execute(PUT, files={**PROGRAM, **OTHERS})
        monkeypatch.setattr(factory, "Console", one.console)
        erased = reset()
        assert erased.kept == {path: hashlib.sha256(data).hexdigest() for path, data in PROGRAM.items()} | {}
        assert erased.flash_again  # of what lay in the firmware's folder something was none of it
        image = bytes(one.board.flash.data)
        assert b"secret-of" not in image
        there = one.execute(
            "import os\nprint(sorted(set(os.listdir('/')) - {'app', 'rom'}), open('/firmware/app.mpy', 'rb').read())"
        )
        assert "['firmware', 'main.py', 'release-0a1b', 'slots.mpy', 'start']" in there
        assert repr(PROGRAM["/firmware/app.mpy"]) in there
        assert left(one) == []
        # A second time nothing is amiss.
        assert not reset().flash_again


def sector_of_slot(prompted: Prompted, index: int) -> int:
    """Where the last sector of a slot begins in flash."""
    row = prompted.board.partitions["romfs"]
    return row.offset + (index + 1) * row.size // 2 - 4096


def test_slots_forget_a_fetch_and_keep_a_release(pico: Prompted) -> None:
    """A confirmed release stays without the notes of its fetch; one that was being fetched, or on trial, is forgotten."""
    head = slots.pack_head(2, 8192, 3, bytes(32), b"signed").ljust(256, b"\xff")
    marks = bytes(32).ljust(256, b"\xff")
    flash = pico.board.flash
    whole, trial = sector_of_slot(pico, 0), sector_of_slot(pico, 1)
    flash.data[whole : whole + 4096] = (head + marks + b"note of a fetch").ljust(4096, b"\xff")
    flash.data[trial : trial + 4096] = (head + bytes(16).ljust(256, b"\xff")).ljust(4096, b"\xff")
    image = b"M" * 4096
    flash.data[whole - 4096 : whole] = image
    assert reset().slots == ("release", "forgotten")
    assert flash.data[whole : whole + 512] == head + marks
    assert not any(flash.data[whole + 512 : whole + 4096])
    assert flash.data[whole - 4096 : whole] == image
    assert set(flash.data[trial : trial + 4096]) == {ERASED}
    erased = reset(release_too=True)
    assert erased.flash_again
    assert erased.regions[-1].name == "slots"
    assert set(pico.board.partition_bytes("romfs")) == {ERASED}


def test_what_is_no_slot_stays_as_it_is(pico: Prompted) -> None:
    """An image over the whole segment, which MicroPython runs from there, is nobody's fetch."""
    at = sector_of_slot(pico, 0)
    pico.board.flash.data[at : at + 4096] = b"\x5a" * 4096
    assert reset().slots == ("other", "")
    assert set(pico.board.flash.data[at : at + 4096]) == {0x5A}


def test_another_board_than_the_one_confirmed_keeps_all(pico: Prompted) -> None:
    """Between the question and the act somebody plugged another one in: nothing is erased."""
    kept, erases = left(pico), pico.board.flash.erases
    with pytest.raises(AgentError, match=f"is {DEVICE}, not zzzz.*nothing was erased"):
        factory.reset(PORT, device="zzzzzzzzzzzzzzzz")
    assert left(pico) == kept
    assert pico.board.flash.erases == erases
    assert "_feed" in pico.typed[0] and pico.typed[-1] == factory.RESET  # which ends the watchdog
    assert factory.identify(PORT).word == DEVICE
    assert factory.reset(PORT, device=DEVICE).device == DEVICE


def test_a_board_that_is_not_byleaves_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without byleave's partitions there is nothing of byleave's to erase, and what is there is somebody else's."""
    with a_board("esp32s3") as one:
        for label in ("bl_keys", "bl_rules", "bl_spool"):
            del one.board.partitions[label]
        image = bytes(one.board.flash.data)
        monkeypatch.setattr(factory, "Console", one.console)
        with pytest.raises(NoFirmware, match="not laid out as byleave's"):
            reset()
        vfs = one.board.partitions["vfs"]
        assert bytes(one.board.flash.data)[: vfs.offset] == image[: vfs.offset]
        assert one.board.watchdog.deadline_us is None  # nor is it reset in the middle of what it is used for next


@pytest.mark.parametrize("name", ["pico_w", "pico2_w"])
def test_regions_of_an_rp2_are_where_the_firmware_has_them(name: str) -> None:
    """The numbers that the program has itself are those of the boards' files."""
    [start] = re.findall(r"RAW_START = (\w+)", (FIRMWARE / "boards" / f"{name}.py").read_text())
    assert f"{int(start, 0):#x}" in erasing.FIND


def test_an_open_prompt_goes_on_behind_it(pico: Prompted) -> None:
    """For a hand-over: erased at the prompt and installed behind it, the board is the next device and nothing of the one before."""
    prompt = pico.console()
    prompt.hold()
    assert factory.erase(prompt, regions.known(prompt)).device == DEVICE
    assert left(pico) == []
    following = msgpack.pack(
        [1, "zzzzzzzzzzzzzzzz", bytes(range(32)), 0, *SOUND[4:6], json.dumps(dict(SETTINGS, board="pico_w"))]
    )
    assert look(prompt).device == ""
    prompt.run(f"e = bytearray({following!r})")
    prompt.run(typed.INSTALL)
    assert look(prompt).device == "zzzzzzzzzzzzzzzz"
    prompt.restart()
    assert b"started" in pico.said[-200:]
    assert set(left(pico)) <= {b"broker.example"}  # the next one's too
