"""`byleave agent flash --image` with a .uf2, at the boot loader of simulated Picos, and with the cable pulled."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

import agent.commands.flash  # noqa: F401 - found by its module name below
from agent.board import console
from agent.board.console import Console
from agent.errors import LinkLost
from agent.flashing import flashing, uf2
from agent.flashing.uf2 import INFO, Uf2Image
from tests.system.flashable import a_block, a_release, a_uf2, program_of
from tests.system.shells import WAIT_S, running

flash_command = sys.modules["agent.commands.flash"]  # in the package that name is the command itself
BLOCKS = 1024  # 256 KiB: five pieces of a copy


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board twenty times as fast is back soon, and answers soon or not at all."""
    for module, name, seconds in [
        (flashing, "START_S", 0.6),
        (flashing, "SETTLE_S", 0.2),
        (console, "START_S", 0.6),
        (console, "READ_S", 0.5),
        (uf2, "LOOK_S", 0.02),
    ]:
        monkeypatch.setattr(module, name, seconds)


def flashed(port: Path, image: Path, release: Path, drive: Path, said: pytest.CaptureFixture[str]) -> dict[str, object]:
    """What the whole command says."""
    flash_command.flash(port=str(port), image_file=image, release=release, drive=drive, as_json=True)
    out, err = said.readouterr()
    assert not err
    return dict(json.loads(out))


def awaited(path: Path, *, there: bool = True) -> None:
    """Until it is there, or is not."""
    until_s = time.monotonic() + WAIT_S
    while path.exists() is not there:
        assert time.monotonic() < until_s
        time.sleep(0.01)


@pytest.mark.micropython
def test_a_pico_gets_micropython_and_release_though_its_cable_is_pulled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The supply goes while the file is copied: flash has what had come. Plugged in with BOOTSEL held, the same command ends well;
    then the board goes to its boot loader by its prompt for another MicroPython. What lies behind the program stays all the while.
    """
    board = "pico2_w"
    flash, drive, port = tmp_path / "pico.flash", tmp_path / "RPI-RP2", tmp_path / "port"
    image, release = tmp_path / "first.uf2", a_release(tmp_path / "1", "one", board=board)
    first = a_block(0x10FFFF00, 0, 2, 0xE48BFF57, b"\xef" * 256)  # as picotool puts it into each file
    image.write_bytes(first + a_uf2(board, count=BLOCKS, seed=1))
    options = ["--board", board, "--flash", str(flash), "--link", str(port), "--uf2-drive", str(drive)]
    with running(*options, "--boot-loader") as shell:
        awaited(drive / INFO)
        assert not os.path.lexists(port)

        def pulled(what: str, done: int, total: int) -> None:
            if done >= total // 2 > 0 and shell.process.poll() is None:
                time.sleep(0.1)  # the boot loader takes what has come
                assert shell.stop() == 0

        with pytest.raises(LinkLost, match=r"hold BOOTSEL.*same command again"):
            uf2.write(str(port), Uf2Image.read(image), pulled, drive)
    half = bytearray(flash.read_bytes())
    program = program_of(Uf2Image.read(image).data)
    assert half[: len(program) // 2] == program[: len(program) // 2]
    assert half[len(program) - 256 : len(program)] == b"\xff" * 256
    half[-12:] = b"not yet sent"
    flash.write_bytes(half)

    with running(*options, "--boot-loader") as shell:
        awaited(drive / INFO)
        told = flashed(port, image, release, drive, capsys)
        assert (told["board"], told["image_written"], told["version"], told["way"]) == (board, True, "one", "slot")
        # Another one, onto the board that runs: by its prompt, and not onto another board's.
        newer = tmp_path / "newer.uf2"
        newer.write_bytes(first + a_uf2(board, count=BLOCKS, seed=2))
        again = flashed(port, newer, release, drive, capsys)
        assert again["sent_bytes"] == 0 and again["image_written"] is True
        with Console(str(port)) as prompt:
            assert "release one runs" in prompt.restart()
        assert not any(drive.iterdir())
        assert shell.stop(signal.SIGTERM) == 0
    kept = flash.read_bytes()
    assert kept[: len(program)] == program_of(Uf2Image.read(newer).data)
    assert kept[-12:] == b"not yet sent"


@pytest.mark.micropython
def test_what_is_typed_and_asked_of_a_boot_loader_is_lost(tmp_path: Path) -> None:
    """`machine.bootloader()` at the prompt: the port is away, the drive is there; a file of another chip changes nothing."""
    drive, port = tmp_path / "RPI-RP2", tmp_path / "port"
    with running("--firmware", "none", "--board", "pico_w", "--link", str(port), "--uf2-drive", str(drive)) as shell:
        with shell.typing() as typist:
            assert "2" in typist.type("1 + 1\r", until="2\r\n>>> ")
        with Console(str(port)) as prompt:
            prompt.leave("import machine\nmachine.bootloader()")
        awaited(drive / INFO)
        awaited(port, there=False)
        (drive / "other.uf2").write_bytes(a_uf2("pico2_w"))
        time.sleep(0.2)
        assert (drive / INFO).exists()
        (drive / "own.uf2").write_bytes(a_uf2("pico_w"))
        awaited(drive / INFO, there=False)
        awaited(port)
        with Console(str(port)) as prompt:
            assert prompt.run("import os\nprint(os.uname()[4])").strip().endswith("RP2040")
