"""MicroPython onto a Pico: which UF2 files are taken, and how they go to the drive of its boot loader."""

from __future__ import annotations

import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.errors import AgentConfigError, BoardRefused, LinkLost, NoPrompt, NotProven, PortError
from agent.flashing import uf2
from agent.flashing.uf2 import CHIPS, Uf2Image
from hw_sim.shell.uf2rom import Uf2Rom
from hw_sim.silicon.flash import NorFlash
from tests.system.flashable import BLOCK_BYTES, a_block, a_uf2, program_of


def changed(data: bytes, at: int, value: bytes) -> bytes:
    """One field of it."""
    return data[:at] + value + data[at + len(value) :]


def readdressed(block: int, address: int) -> bytes:
    """A file one of whose blocks goes elsewhere."""
    return changed(a_uf2(), BLOCK_BYTES * block + 12, struct.pack("<I", address))


BAD_UF2 = {
    "cut": (lambda: a_uf2()[:-1], "no UF2 file"),
    "empty": (lambda: b"", "no UF2 file"),
    "block missing": (lambda: a_uf2()[512:], "not all of its blocks"),
    "last missing": (lambda: a_uf2()[:-512], "not all of its blocks"),
    "magic": (lambda: changed(a_uf2(), 512, b"X"), "block 1 is damaged"),
    "end": (lambda: changed(a_uf2(), 1020, b"X"), "block 1 is damaged"),
    "no family": (lambda: changed(a_uf2(), 512 + 9, b"\0"), "does not say which chip"),
    "other family": (lambda: a_uf2(family=0xE48BFF58), "is not for"),
    "two families": (lambda: changed(a_uf2(), 512 + 28, struct.pack("<I", CHIPS["pico2_w"].family)), "is not for"),
    "over the slots": (lambda: a_uf2(at=0x10000000 + (1072 << 10) - 1024), "over what lies behind"),
    "below": (lambda: a_uf2(at=0x0FFFFF00), "over what lies behind"),
    "stock": (lambda: a_uf2().replace(b"file system damaged", b"MicroPython v1.29.0"), "not byleave's build"),
    "begins within a sector": (lambda: a_uf2(at=0x10000100), "do not fill whole sectors"),
    "a gap": (lambda: readdressed(20, 0x10008400), "do not fill whole sectors"),
    "twice to one sector": (
        lambda: a_uf2()[: 16 * 512] + a_uf2(at=0x0FFFF000)[16 * 512 :],
        "do not fill whole sectors",
    ),
}


@pytest.mark.parametrize("case", BAD_UF2)
def test_a_uf2_that_is_not_ours_is_refused(tmp_path: Path, case: str) -> None:
    """Each of one change to a file that is taken."""
    path = tmp_path / "micropython.uf2"
    path.write_bytes(a_uf2())
    assert Uf2Image.read(path).board == "pico_w"
    make, sentence = BAD_UF2[case]
    path.write_bytes(make())
    with pytest.raises(AgentConfigError, match=sentence):
        Uf2Image.read(path)


def test_the_block_against_an_erratum_is_left_out(tmp_path: Path) -> None:
    """What picotool puts before the blocks of an RP2350 is no part of the program, and would erase the last sector of 4 MiB: the
    end of what a device has not sent yet."""
    first = a_block(0x10FFFF00, 0, 2, 0xE48BFF57, b"\xef" * 256)
    path = tmp_path / "micropython.uf2"
    path.write_bytes(first + a_uf2("pico2_w"))
    image = Uf2Image.read(path)
    assert image.board == "pico2_w" and image.data == a_uf2("pico2_w")
    with pytest.raises(AgentConfigError, match="not for pico_w"):
        Uf2Image.read(path, "pico_w")
    # So it is: the whole file costs that sector.
    for data, left in ((path.read_bytes(), False), (image.data, True)):
        flash = NorFlash(4 << 20)
        flash.program((4 << 20) - 4096, b"unsent")
        rom = Uf2Rom("RP2350", flash)
        for at in range(0, len(data), BLOCK_BYTES):
            rom.take(data[at : at + BLOCK_BYTES])
        assert rom.complete and rom.starts
        assert (flash.read((4 << 20) - 4096, 6) == b"unsent") is left


def a_drive(folder: Path, board_id: str = "RPI-RP2") -> Path:
    """The folder of a boot loader."""
    folder.mkdir(parents=True)
    (folder / uf2.INFO).write_text(f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {board_id}\r\n")
    return folder


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of mounted drives; nothing is waited for long."""
    monkeypatch.setattr(uf2, "DRIVE_S", 0.2)
    monkeypatch.setattr(uf2, "LOOK_S", 0.01)
    monkeypatch.setattr(uf2, "PLACES", (str(tmp_path / "media"),))
    return tmp_path / "media" / "me"


def test_a_uf2_goes_to_the_right_drive_and_is_taken(impatient: Path) -> None:
    """Below a folder of mounts the board's own boot loader is found; its going away is the proof."""
    a_drive(impatient / "RP2350", "RP2350")
    drive = a_drive(impatient / "RPI-RP2")
    pico = Uf2Image("pico_w", a_uf2())
    with pytest.raises(NotProven, match="not taken"):
        uf2.write("/dev/x", pico, lambda *words: None)

    def taken(what: str, done: int, total: int) -> None:
        if done and done == total:
            (drive / uf2.INFO).unlink()

    with pytest.raises(AgentConfigError, match="which board is meant"):
        uf2.write("/dev/null", pico, lambda *words: None)  # a port that is there as well
    uf2.write("/dev/x", pico, taken)
    assert (drive / "byleave.uf2").read_bytes()[BLOCK_BYTES:] == pico.data
    with pytest.raises(BoardRefused, match="boot loader of RP2350"):
        uf2.write("/dev/x", pico, taken, impatient / "RP2350")


def test_a_board_that_is_nowhere_is_said_how_to_find(impatient: Path) -> None:
    """Neither a port nor a drive: what a person with a Pico in the hand can do."""
    pico = Uf2Image("pico_w", a_uf2())
    with pytest.raises(PortError, match=r"no such port.*hold BOOTSEL"):
        uf2.write("/dev/none", pico, lambda *words: None)


@pytest.mark.parametrize("piece", range(6))
def test_a_drive_that_goes_too_soon_is_a_pulled_cable(tmp_path: Path, piece: int) -> None:
    """Behind whichever piece: before the last one all is to be done again; with it, the board has restarted."""
    drive = a_drive(tmp_path / "RPI-RP2")
    big = Uf2Image("pico_w", a_uf2(count=512))

    def pulled(how: Callable[[], None]) -> Callable[[str, int, int], None]:
        seen: list[int] = []

        def show(what: str, done: int, total: int) -> None:
            seen.append(done)
            if len(seen) == piece + 1:
                how()

        return show

    def broken() -> None:
        shutil.rmtree(drive)
        raise OSError(5, "Input/output error")

    for how in (broken, lambda: shutil.rmtree(drive)):  # as a mounted drive goes, and as one goes that is not noticed
        if piece < 4:
            with pytest.raises(LinkLost, match=r"hold BOOTSEL.*same command again"):
                uf2.write("/dev/x", big, pulled(how), drive)
        elif piece == 4:
            uf2.write("/dev/x", big, pulled(how), drive)
        else:
            uf2.write("/dev/x", big, pulled((drive / uf2.INFO).unlink), drive)
        shutil.rmtree(drive, ignore_errors=True)
        a_drive(drive)


def test_what_another_copy_began_is_forgotten(tmp_path: Path) -> None:
    """A copy that was ended, then another file of as many blocks: without the first block of the agent's, the boot loader would
    take what it has of the one for the other's, and start half of each."""
    old, new = a_uf2(seed=1), a_uf2(seed=2)
    drive = a_drive(tmp_path / "RPI-RP2")

    def gone(what: str, done: int, total: int) -> None:
        if done and done == total:
            (drive / uf2.INFO).unlink()

    uf2.write("/dev/x", Uf2Image("pico_w", new), gone, drive)
    for written, whole in ((new, False), ((drive / "byleave.uf2").read_bytes(), True)):
        flash = NorFlash(2 << 20)
        rom = Uf2Rom("RP2040", flash)
        for data in (old[: 20 * BLOCK_BYTES], written):
            for at in range(0, len(data), BLOCK_BYTES):
                rom.take(data[at : at + BLOCK_BYTES])
        assert rom.complete
        assert (flash.read(0, len(program_of(new))) == program_of(new)) is whole


def test_a_device_that_talks_for_ever_is_no_pico_at_its_prompt(
    impatient: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the prompt could not be had for is said, and that a Pico with half a program has none."""

    def talks(port: str) -> None:
        raise NoPrompt(f"{port}: what talks there is no MicroPython prompt")

    monkeypatch.setattr(uf2, "Console", talks)
    with pytest.raises(NoPrompt, match=r"no MicroPython prompt.*hold BOOTSEL"):
        uf2.write("/dev/null", Uf2Image("pico_w", a_uf2()), lambda *words: None)
