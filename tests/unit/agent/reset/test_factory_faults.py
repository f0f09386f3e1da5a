"""Factory reset with power, cable, flash, files or watchdog against it: no false proof, and the next try ends well."""

from __future__ import annotations

import random
from ast import literal_eval
from collections.abc import Iterator

import pytest

from agent.board import console, programs
from agent.errors import LinkLost, NotProven
from agent.reset import erasing, factory, regions
from hw_sim.silicon.flash_parts import SLOWEST
from tests.unit.agent.owned import CANARY, PROGRAM, PUT, enrolled, left, reset
from tests.unit.agent.prompted import Prompted, a_board
from tests.unit.firmware.device import DEVICE

pytestmark = pytest.mark.micropython


@pytest.fixture
def pico(monkeypatch: pytest.MonkeyPatch) -> Iterator[Prompted]:
    """An enrolled Pico W, which has the smallest file system."""
    with a_board("pico_w") as one:
        enrolled(one)
        monkeypatch.setattr(factory, "Console", one.console)
        yield one


def test_whoever_ends_it_leaves_a_board_that_starts(pico: Prompted) -> None:
    """Ctrl-C in its midst: no proof; the board's memory is overwritten, it starts as no device, and the same again ends well."""

    def progress(done: int, of: int) -> None:
        if done > of // 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reset(progress=progress)
    assert pico.typed[-2:] == [erasing.wipe(console.HELD), factory.RESET]
    assert b"not started: not enrolled" in pico.said
    assert reset().fields()["proven"]
    assert left(pico) == []


def test_a_cut_at_any_operation_is_not_proven_and_the_next_try_is(pico: Prompted) -> None:
    """Power cut, clean and torn: no proof, never a device with half of what was the old one's; the same again ends well."""
    flash = pico.board.flash
    image = bytes(flash.data)
    begun = flash.operations
    reset()
    operations = flash.operations - begun
    assert operations > 200
    keys = pico.board.partitions["bl_keys"]
    rng = random.Random(8)
    for n, cut_at in enumerate([1, 2, 18, *sorted(rng.sample(range(70, operations), 4))]):
        if pico.board.powered:
            pico.board.cut_power()
        flash.data[:] = image
        pico.board.power_on()
        pico.start_or_run()
        before = bytes(flash.data)
        pico.board.arm_power_cut(cut_at, torn=n % 2 == 0)
        with pytest.raises(LinkLost, match=r"NOT proven empty.*same command again"):
            reset()
        now = bytes(flash.data)
        pico.board.power_on()
        pico.start_or_run()
        if b"not enrolled" not in pico.said[-400:]:
            assert now[: keys.offset] == before[: keys.offset]
            assert now[keys.offset + keys.size :] == before[keys.offset + keys.size :]
            assert cut_at <= 17
        assert reset().fields()["proven"]
        assert left(pico) == []


@pytest.mark.parametrize(("programs", "reported"), [(False, True), (True, False)], ids=["dead, said", "takes zeros"])
def test_a_sector_that_does_not_erase_is_said_by_its_address(pico: Prompted, programs: bool, reported: bool) -> None:
    """Exit code 10, the address and what became of its content; all other sectors are erased, and mended it is proven."""
    row = pico.board.partitions["bl_spool"]
    sector = row.offset // 4096 + 5
    pico.board.flash.data[sector * 4096 : sector * 4096 + len(CANARY)] = CANARY
    pico.execute(PUT, files={"/slots.mpy": PROGRAM["/slots.mpy"]})
    pico.board.flash.break_sector(sector, programs=programs, reported=reported)
    at = 0x14000 + 2 * 0x2000 + 5 * 4096  # in the storage, as an RP2 counts
    what = "its content was overwritten with zeros" if programs else "it may hold what it held"
    with pytest.raises(
        NotProven, match=rf"NOT proven: the sector at {at:#x} \(spool\) does not erase, .*{what}"
    ) as failed:
        reset()
    assert failed.value.exit_code == 10
    assert left(pico) == ([] if programs else [CANARY])
    assert PROGRAM["/slots.mpy"] in pico.board.flash.data  # put back all the same
    pico.board.flash.mend(sector)
    assert reset().fields()["proven"]
    assert left(pico) == []


def test_what_is_written_meanwhile_is_found(pico: Prompted) -> None:
    """Each region is read anew once all is erased: a byte that came back is no proof."""

    def write(code: str) -> None:
        if code.startswith("_verify('rules'"):
            pico.board.flash.data[pico.board.partitions["bl_rules"].offset + 7] = 0x7F

    pico.before = write
    with pytest.raises(NotProven, match="of region rules 1 of 2 sectors reads otherwise than erased"):
        reset()
    pico.before = lambda code: None
    assert reset().fields()["proven"]


def test_a_board_that_lies_about_its_hash_proves_nothing(pico: Prompted, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the board reads must hash to what 0xFF hashes to, which the host counts itself."""
    monkeypatch.setattr(erasing, "VERIFY", erasing.VERIFY.replace("_hash.update(_buf)", "_hash.update(_none)"))
    with pytest.raises(NotProven, match="read otherwise than erased"):
        reset()


def test_the_watchdog_of_the_program_does_not_bite(pico: Prompted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device's program has begun the watchdog, which no prompt stops: on the slowest flash a minute passes, and it is fed. Not
    held, it bites."""
    pico.board.flash.times = SLOWEST
    pico.board.power_on()
    pico.board.run(for_s=3)
    assert pico.board.watchdog.deadline_us is not None
    with monkeypatch.context() as unheld:
        unheld.setattr(console, "_HOLD", "pass")
        with pytest.raises(LinkLost):
            reset()
        assert pico.board.counters["boots after watchdog"] == 1
    enrolled(pico)
    pico.board.power_on()
    pico.board.run(for_s=3)
    assert pico.board.watchdog.deadline_us is not None
    began_us = pico.board.world.clock.now_us
    reset()
    assert pico.board.world.clock.now_us - began_us > 30e6
    assert pico.board.counters["boots after watchdog"] == 1


def test_a_prompt_that_is_left_alone_ends_by_the_watchdog(pico: Prompted) -> None:
    """A cable pulled behind `hold`: after 50 s nobody feeds, and the device goes on with its work."""
    prompt = pico.console()
    prompt.hold()
    pico.board.run(for_s=45)
    assert pico.board.counters["boots after watchdog"] == 0
    pico.board.run(for_s=30)
    assert pico.board.counters["boots after watchdog"] == 1


def test_a_file_that_does_not_read_back_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's file is put back and read: one that differs is no success, and says that the firmware must be flashed."""
    with a_board("esp32s3") as one:
        enrolled(one)
        one.execute(PUT, files=PROGRAM)
        monkeypatch.setattr(factory, "Console", one.console)
        monkeypatch.setattr(erasing, "CHECK", erasing.CHECK.replace("_hash.update(_data)", "_hash.update(b'x')"))
        with pytest.raises(NotProven, match=r"of the firmware does not read back.*flash the firmware again"):
            reset()
        assert left(one) == []


def test_a_cable_pulled_while_a_file_is_put_back_leaves_it_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of `slots` under its own name would be a board on which nothing of the firmware starts, and that no flash mends. What a
    release before this one has left so is looked at all the same, and counts as missing."""
    says = "import os\nprint([n for n in os.listdir('/') if n in ('slots.mpy', 'main.py', 'slots.mpy.new')])"
    with a_board("esp32s3") as one:
        enrolled(one)
        one.execute(PUT, files=PROGRAM)
        monkeypatch.setattr(factory, "Console", one.console)

        def pulled(code: str) -> None:
            if code.startswith("_file.write(") and "/slots.mpy" in next(c for c in one.typed[::-1] if "_path =" in c):
                one.before = lambda code: None
                raise LinkLost("pulled")

        one.before = pulled
        with pytest.raises(LinkLost):
            reset()
        assert one.execute(says).strip() == "['slots.mpy.new']"
        one.execute(PUT, files=PROGRAM)
        reset()
        assert sorted(literal_eval(one.execute(says))) == ["main.py", "slots.mpy"]
        one.execute(PUT, files={"/torn.mpy": PROGRAM["/slots.mpy"][:1500], "/torn_too.py": b"def half("})
        one.start()
        asked = "sys.path.append('/')\nprint([has(n) for n in ('torn', 'torn_too', 'json', 'nowhere')])"
        assert one.console().run(programs.REACH + asked).strip() == "[0, 0, 1, 0]"


def test_a_damaged_file_system_is_erased_as_well(pico: Prompted) -> None:
    """Neither settings nor firmware's modules are needed: a board whose file system is garbage is emptied and made anew."""
    row = pico.board.partitions["vfs"]
    noise = random.Random(3).randbytes(row.size - len(CANARY)) + CANARY
    pico.board.flash.data[row.offset : row.offset + row.size] = noise
    assert reset().fields()["proven"]
    assert left(pico) == []


@pytest.mark.parametrize("program", ["OPEN", "READ"])
def test_files_that_cannot_be_read_stop_no_reset(pico: Prompted, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """A folder or file whose blocks are damaged: what it held cannot be kept, and that is said; all is erased."""
    pico.execute(PUT, files={"/slots.mpy": PROGRAM["/slots.mpy"]})
    monkeypatch.setattr(erasing, program, getattr(erasing, program) + "raise OSError(5)\n")
    erased = reset()
    assert (erased.kept, erased.flash_again) == ({}, True)
    assert left(pico) == []


def test_a_board_that_names_impossible_regions_is_not_believed(pico: Prompted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes come over a cable: one beyond any flash would keep the host busy for hours."""
    monkeypatch.setattr(regions, "MOST_SECTORS", 100)
    with pytest.raises(NotProven, match="impossible size"):
        reset()


@pytest.mark.parametrize("label", ["bl_keys", "nvs"])
def test_two_regions_of_one_name_prove_nothing(monkeypatch: pytest.MonkeyPatch, label: str) -> None:
    """A partition table that has a label twice: the firmware uses one, the other would be erased; neither is, and that is said."""
    with a_board("esp32s3") as one:
        enrolled(one)
        kept = left(one)
        monkeypatch.setattr(factory, "Console", one.console)
        loop = " for _dev in Partition.find(Partition.TYPE_DATA, label=_label):"
        assert loop in erasing.FIND
        doubled = f" for _dev in Partition.find(Partition.TYPE_DATA, label=_label) * (1 + (_label == {label!r})):"
        monkeypatch.setattr(erasing, "FIND", erasing.FIND.replace(loop, doubled))
        with pytest.raises(NotProven, match="two regions of the board have one name"):
            reset()
        assert left(one) == kept
        assert one.typed[-1] == factory.RESET  # it goes on with its work


def test_what_is_no_list_of_regions_is_not_believed(pico: Prompted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that answers something else: its sentence, and no error of Python's."""
    for answer in ("[1]", "[1, 2]", '["RP2040", [["keys", 0]]]', '["RP2040", [["keys", 0, null]]]'):
        with monkeypatch.context() as other, pytest.raises(NotProven, match="of its flash cannot be read"):
            other.setattr(erasing, "FIND", f"print({answer!r})")
            reset()


def test_a_cable_pulled_at_any_step_is_not_proven_and_the_next_try_is(pico: Prompted) -> None:
    """Pulled before any of the programs that are typed: no proof; left alone the board comes back by itself, as no device once
    the erasing had begun; the same again ends well."""
    image = bytes(pico.board.flash.data)
    reset()
    begins = next(n for n, code in enumerate(pico.typed) if code.startswith("_erase('keys'"))
    total = len(pico.typed)
    for n in [0, begins, begins + 1, total // 2, total - 2]:
        pico.board.cut_power()
        pico.board.flash.data[:] = image
        pico.board.power_on()
        pico.live(1.0)
        pico.typed.clear()

        def pull(code: str, at: int = n) -> None:
            if len(pico.typed) > at:
                raise LinkLost("pulled")

        pico.before = pull
        with pytest.raises(LinkLost, match="pulled"):
            reset()
        pico.before = lambda code: None
        bites = pico.board.counters["boots after watchdog"]
        pico.board.run(for_s=90.0)
        assert pico.board.counters["boots after watchdog"] == bites + 1
        assert (b"not enrolled" in pico.said[-300:]) == (n > begins)
        assert reset().device == ("" if n > begins else DEVICE)
        assert left(pico) == []
