"""The boot loader in the ROM of RP2040 and RP2350: which blocks it takes, what they do to flash, and its drive, a folder."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.network.net import Network
from hw_sim.shell import uf2drive
from hw_sim.shell.uf2drive import INFO, Uf2Drive
from hw_sim.shell.uf2rom import Uf2Rom, boot2_sum, kind_of
from hw_sim.silicon.flash import NorFlash, PowerLost
from hw_sim.world.clock import World
from tests.system.flashable import BLOCK_BYTES, FAMILIES, a_block, a_uf2, program_of

CHIPS = {"pico_w": "RP2040", "pico2_w": "RP2350"}


def blocks(file: bytes) -> list[bytes]:
    """A file's sectors."""
    return [file[at : at + BLOCK_BYTES] for at in range(0, len(file), BLOCK_BYTES)]


def test_the_check_sum_is_the_catalogued_one() -> None:
    """CRC-32/MPEG-2 of "123456789" (Greg Cook's catalogue of CRC algorithms), which has the boot ROM's parameters."""
    assert boot2_sum(b"123456789") == 0x0376E6E7


@pytest.mark.parametrize("board", CHIPS)
def test_blocks_come_in_any_order_and_more_than_once(board: str) -> None:
    """Flash holds the program when the last of them has come, not before; sectors are erased once, whatever lay there."""
    flash, file = NorFlash(2 << 20), a_uf2(board, count=48)
    flash.program(0, bytes(64 << 10))
    rom, rows = Uf2Rom(CHIPS[board], flash), blocks(file)
    # Within a sector in any order, and the sectors too: an RP2040 counts what it has erased by the numbers.
    random.Random(3).shuffle(rows)
    for block in rows[:-1]:
        assert rom.take(block) and not rom.complete
        assert not rom.take(block)
    assert rom.take(rows[-1]) and rom.complete and rom.starts
    assert flash.read(0, 48 * 256) == program_of(file)
    assert flash.erases == 3
    assert flash.read(48 * 256, 4096) == bytes(4096)


BLOCK = {"address": 0x10000000, "number": 0, "count": 2, "family": FAMILIES["pico_w"]}


ELSEWHERE = {
    "family": {"family": FAMILIES["pico2_w"]},
    "within a page": {"address": 0x10000080},
    "beyond flash": {"address": 0x11000000},
    "RAM": {"address": 0x20000000},
    "of none": {"count": 0},
    "number": {"number": 2},
}


@pytest.mark.parametrize("change", ELSEWHERE.values(), ids=ELSEWHERE)
def test_a_block_that_is_not_for_it_changes_nothing(change: dict[str, int]) -> None:
    """Each of one change to a block that is taken."""
    page = bytes(256)
    assert Uf2Rom("RP2040", NorFlash(2 << 20)).take(a_block(**BLOCK, page=page))
    flash = NorFlash(2 << 20)
    rom = Uf2Rom("RP2040", flash)
    assert not rom.take(a_block(**{**BLOCK, **change}, page=page))
    assert not flash.operations and not rom.complete


@pytest.mark.parametrize(("at", "value"), [(0, b"X"), (4, b"X"), (508, b"X"), (9, b"\0"), (8, b"\1"), (16, b"\x80")])
def test_a_sector_that_is_no_block_changes_nothing(at: int, value: bytes) -> None:
    """The three magic numbers, the flags, the size of what it bears."""
    block = bytearray(a_block(**BLOCK, page=bytes(256)))
    block[at : at + 1] = value
    flash = NorFlash(2 << 20)
    assert not Uf2Rom("RP2040", flash).take(bytes(block)) and not flash.operations


def test_another_file_begins_anew_and_half_of_one_is_no_program() -> None:
    """Of another count; what came of the first stays in flash, and is no program where its second stage is torn."""
    flash = NorFlash(2 << 20)
    rom = Uf2Rom("RP2040", flash)
    assert not rom.starts
    for block in blocks(a_uf2(count=64))[16:]:
        assert rom.take(block)
    assert not rom.starts and not rom.complete
    for block in blocks(a_uf2(count=32)):
        assert rom.take(block)
    assert rom.complete and rom.starts


def test_an_rp2040_erases_by_the_number_of_blocks() -> None:
    """Erratum RP2040-E14: a file that begins within a sector loses what its next sixteen blocks erase. An RP2350 has it not."""
    held = []
    for board, chip in CHIPS.items():
        flash, file = NorFlash(4 << 20), a_uf2(board, count=32, at=0x10000400)
        rom = Uf2Rom(chip, flash)
        for block in blocks(file):
            rom.take(block)
        held.append(flash.read(0x400, 32 * 256) == program_of(file))
    assert held == [False, True]


def test_the_supply_that_goes_ends_it() -> None:
    """In the midst of an erase."""
    flash = NorFlash(2 << 20)
    flash.cut_after(1, random.Random(1))
    with pytest.raises(PowerLost):
        Uf2Rom("RP2040", flash).take(blocks(a_uf2())[0])


def test_only_rp2s_have_one() -> None:
    """By what MicroPython says of the machine."""
    assert kind_of("Raspberry Pi Pico 2 W with RP2350") == "RP2350"
    with pytest.raises(HwSimError, match="has no UF2 boot loader"):
        kind_of("Generic ESP32S3 module with ESP32S3")


# --- the drive


class Bench:
    """A drive and its flash; `hidden`: the board's port is away."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.flash, self.now_s, self.hidden = folder, NorFlash(2 << 20), 0.0, False
        monkeypatch.setattr(uf2drive, "monotonic", lambda: self.now_s)
        self.drive = Uf2Drive(Uf2Rom("RP2040", self.flash), folder, self._hide, active=True)

    def _hide(self, hidden: bool) -> None:
        self.hidden = hidden


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A board in its boot loader."""
    return Bench(tmp_path / "RPI-RP2", monkeypatch)


def test_a_file_is_taken_as_it_grows(bench: Bench) -> None:
    """In pieces of any length, by a file that is still open; a second after its last block the chip has restarted, and nothing of
    it is left on the drive."""
    assert bench.hidden and b"Board-ID: RPI-RP2\r\n" in (bench.folder / INFO).read_bytes()
    assert "raspberrypi.com" in (bench.folder / "INDEX.HTM").read_text()
    file = a_uf2(count=32)
    with (bench.folder / "x.uf2").open("wb", buffering=0) as out:
        for at in range(0, len(file), 700):
            out.write(file[at : at + 700])
            bench.drive.look()
            whole = min(at + 700, len(file)) // BLOCK_BYTES * 256
            assert bench.flash.read(0, whole) == program_of(file)[:whole]
            assert bench.flash.read(whole, 256) == b"\xff" * 256
        bench.now_s = 0.9
        bench.drive.look()
        assert bench.drive.active
        bench.now_s = 1.0
        bench.drive.look()
    assert not bench.drive.active and not bench.hidden and not list(bench.folder.iterdir())


def test_a_file_with_its_end_first_is_taken(bench: Bench) -> None:
    """A hole, as a copy in another order leaves, is no block; what fills it is."""
    file = a_uf2(count=32)
    with (bench.folder / "x.uf2").open("wb", buffering=0) as out:
        out.seek(len(file) // 2)
        out.write(file[len(file) // 2 :])
        bench.drive.look()
        assert bench.flash.read(0, 4096) == b"\xff" * 4096 and bench.flash.read(4096, 4096) == program_of(file)[4096:]
        out.seek(0)
        out.write(file[: len(file) // 2])
    bench.drive.look()
    bench.now_s = 1.0
    bench.drive.look()
    assert bench.flash.read(0, 8192) == program_of(file) and not bench.drive.active


def test_a_file_that_is_no_program_leaves_it_in_its_boot_loader(bench: Bench) -> None:
    """A text is passed over; a whole file without a second stage is written, and the drive is there again, empty."""
    (bench.folder / "notes.txt").write_text("x" * 2000)
    bench.drive.look()
    assert not bench.flash.operations
    file = bytearray(a_uf2(count=16))
    file[40] ^= 1
    (bench.folder / "x.uf2").write_bytes(bytes(file))
    bench.drive.look()
    bench.now_s = 1.0
    bench.drive.look()
    assert bench.drive.active and bench.hidden
    assert sorted(path.name for path in bench.folder.iterdir()) == ["INDEX.HTM", INFO]


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """What a shell that was killed has left is taken over; with anything else in it the folder is refused, and keeps it."""
    rom = Uf2Rom("RP2040", NorFlash(2 << 20))
    first = Uf2Drive(rom, tmp_path / "drive", lambda hidden: None, active=True)
    (tmp_path / "drive" / "half.uf2").write_bytes(b"x")
    again = Uf2Drive(rom, tmp_path / "drive", lambda hidden: None)
    assert not list((tmp_path / "drive").iterdir()) and not again.active and first.active
    (tmp_path / "drive" / "thesis.txt").write_text("mine")
    with pytest.raises(HwSimError, match="has files in it"):
        Uf2Drive(rom, tmp_path / "drive", lambda hidden: None)
    assert (tmp_path / "drive" / "thesis.txt").read_text() == "mine"


@pytest.mark.micropython
def test_machine_bootloader_starts_it(tmp_path: Path) -> None:
    """Asked for by the program; a board that was given no drive says that it is not simulated."""
    world = World(1_700_000_000, 1)
    with Board.from_description("pico_w", world, Network(world)) as board:
        hidden: list[bool] = []
        board.program("import machine\nmachine.bootloader()\n")
        with Uf2Drive.of(board, tmp_path / "drive", hidden.append, speed=1.0, active=False) as drive:
            board.power_on()
            board.run(for_s=5.0, until=lambda: drive.active)
            assert drive.active and hidden == [True]
        assert not list((tmp_path / "drive").iterdir())
        board.cut_power()
        board.boot_loader = None
        board.power_on()
        with pytest.raises(HwSimError, match=r"machine\.bootloader.*--uf2-drive"):
            board.run(for_s=5.0)
