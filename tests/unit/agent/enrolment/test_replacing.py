"""What a board was goes before it becomes another device, at a prompt that stays open; and what stands in the way of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agent.board import typed
from agent.board.asking import look
from agent.board.programs import REACH
from agent.enrolment import replacing
from agent.errors import LinkLost, NoFirmware, NotProven
from agent.reset import erasing, factory
from firmware.wire import msgpack
from tests.unit.agent.owned import PUT, enrolled, left
from tests.unit.agent.prompted import Prompted, a_board
from tests.unit.firmware.device import DEVICE
from tests.unit.firmware.test_enrol import SETTINGS, SOUND

pytestmark = pytest.mark.micropython
NEXT = "zzzzzzzzzzzzzzzz"


@pytest.fixture
def pico() -> Iterator[Prompted]:
    """An enrolled Pico W, which has the least memory."""
    with a_board("pico_w") as one:
        enrolled(one)
        yield one


def test_a_board_becomes_another_device_and_holds_nothing_of_the_first(pico: Prompted) -> None:
    """In raw flash there is no key, no password in an old block; the next device is installed at the same prompt, and starts."""
    prompt = pico.console()
    prompt.run(REACH)
    assert look(prompt).device == DEVICE
    assert b"key-of-the-old-owner" in pico.board.flash.data
    replacing.empty(prompt)
    assert left(pico) == []
    assert look(prompt).device == ""
    settings = json.dumps(dict(SETTINGS, board="pico_w"))
    prompt.run(f"e = bytearray({msgpack.pack([1, NEXT, bytes(range(32)), 0, *SOUND[4:6], settings])!r})")
    prompt.run(typed.INSTALL)
    assert look(prompt).device == NEXT
    prompt.run(typed.WIPE)
    assert "not started" not in prompt.restart()
    assert left(pico) == [each for each in left(pico) if each == b"broker.example"]  # which is the next one's broker


def test_what_was_cut_off_is_emptied_by_the_next_try(pico: Prompted) -> None:
    """The cable goes behind the keys: the board is no device, its file system is not yet erased; the next try erases that."""

    def pull(code: str) -> None:
        if code.startswith("_erase('files'"):
            raise LinkLost("in the test: the board went away")

    pico.before = pull
    with pytest.raises(LinkLost, match=r"went away\. What was erased stays erased.*same command again"):
        replacing.empty(pico.console())
    pico.before = lambda code: None
    pico.board.cut_power()
    prompt = pico.console()
    prompt.run(REACH)
    assert look(prompt).device == ""
    assert b"key-of-the-old-owner" in pico.board.flash.data
    replacing.empty(prompt)
    assert left(pico) == []


def test_a_sector_that_does_not_erase_stops_it(pico: Prompted) -> None:
    """Nobody is enrolled on a board that keeps what it held; it starts hard, so that no watchdog bites the next command."""
    pico.board.flash.break_sector(pico.board.partitions["vfs"].offset // 4096 + 1, programs=False, reported=True)
    with pytest.raises(NotProven, match="does not erase"):
        replacing.empty(pico.console())
    assert pico.typed[-1] == factory.RESET


def test_files_that_are_not_byleaves_are_not_made_good(pico: Prompted) -> None:
    """Somebody's own main.py is erased with the rest, and no device is made of a board that may not start: it is flashed first."""
    pico.execute(PUT, files={"/main.py": b"own = 'secret-of-main'"})
    with pytest.raises(NoFirmware, match=r"agent flash.*same command again"):
        replacing.empty(pico.console())
    assert left(pico) == [] and b"secret-of-main" not in pico.board.flash.data
    assert pico.typed[-1] == factory.RESET
    prompt = pico.console()
    prompt.run(REACH)
    replacing.empty(prompt)  # here the firmware is in the test's own place, and whole


def test_an_answer_that_is_an_error_is_not_proven(pico: Prompted, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that fails at the board: not proven, with the reason."""
    monkeypatch.setattr(erasing, "RETAINED", "raise ValueError('of retained memory')")
    with pytest.raises(NotProven, match=r"of retained memory.*same command again"):
        replacing.empty(pico.console())
