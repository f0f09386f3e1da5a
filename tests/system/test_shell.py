"""`byleave sim shell` with the real mpremote at its port, in real time."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import serial

from agent.board import console
from agent.board.console import Console
from agent.board.patience import patient
from agent.errors import BoardRefused, NoPrompt
from hw_sim.board import Board
from hw_sim.errors import HwSimError
from hw_sim.shell.buttons import Deed
from hw_sim.shell.flashfile import FlashFile
from hw_sim.shell.port import Port
from hw_sim.shell.session import Shell as LiveBoard
from hw_sim.silicon.flash import NorFlash
from tests.system.shells import SPEED, WAIT_S, Shell, running

pytestmark = pytest.mark.micropython

SLEEPS = "import machine; machine.RTC().memory(b'kept'); machine.deepsleep(1000000000)"


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    """A shell with a board that is not enrolled and has no network; the tests of this file share it."""
    with running() as one:
        yield one


# mpremote


def test_files_go_there_and_back_and_outlive_a_soft_reset(shell: Shell, tmp_path: Path) -> None:
    """mpremote lists, copies both ways, makes and removes; a soft reset keeps what lies in flash."""
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(bytes(range(256)) * 9 + b"\r\n\x03\x04")
    assert shell.mpremote("ls").splitlines() == ["ls :"]
    shell.mpremote("mkdir", ":d", "+", "cp", str(there), ":d/file", "+", "soft-reset")
    assert shell.mpremote("ls", ":d").split()[-2:] == [str(there.stat().st_size), "file"]
    shell.mpremote("cp", ":d/file", str(back))
    assert back.read_bytes() == there.read_bytes()
    shell.mpremote("rm", ":d/file", "+", "rmdir", ":d")
    assert shell.mpremote("ls").splitlines() == ["ls :"]
    shell.mpremote("rm", ":d/file", status=1)


def test_a_script_reads_a_chip_and_the_time(shell: Shell, tmp_path: Path) -> None:
    """`mpremote run` executes a local script: the receiver under power talks, and time goes as fast as was asked for."""
    script = tmp_path / "script.py"
    script.write_text(
        "import machine, time\n"
        "machine.Pin(21, machine.Pin.OUT, value=1)\n"
        "uart = machine.UART(1, 38400, tx=17, rx=18, rxbuf=4096)\n"
        "start = time.ticks_ms()\n"
        "time.sleep(20)\n"
        "print(time.ticks_diff(time.ticks_ms(), start), b'$GN' in (uart.read() or b''))\n"
    )
    began = time.monotonic()
    assert shell.mpremote("run", str(script)).split() == ["20000", "True"]
    assert time.monotonic() - began >= 20 / SPEED


def test_eval_exec_and_errors_are_the_boards(shell: Shell) -> None:
    """Values and tracebacks come as from a board: no frame of the simulator, and what it lacks has a name."""
    assert shell.mpremote("eval", "6 * 7").strip() == "42"
    failed = shell.mpremote("exec", "import time\ntime.sleep(None)", status=1)
    assert failed.splitlines()[1] == '  File "<stdin>", line 2, in <module>'
    assert failed.splitlines()[2].startswith("TypeError")
    with shell.typing() as typist:
        assert "NotSimulated: machine.PWM" in typist.type("import machine; machine.PWM(1)\r")


def test_a_folder_of_the_host_is_mounted(shell: Shell, tmp_path: Path) -> None:
    """`mpremote mount` gives the board a folder of the host to import from, read and write."""
    (tmp_path / "module.py").write_text("value = 7\n")
    (tmp_path / "data").write_bytes(bytes(range(256)) * 4)
    code = "import module; print(module.value, len(open('data', 'rb').read())); open('new', 'w').write('of the board')"
    assert "7 1024" in shell.mpremote("mount", str(tmp_path), "exec", code)
    assert (tmp_path / "new").read_text() == "of the board"


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time\ntime.sleep(1_000_000)",
        "import asyncio\nasync def main():\n await asyncio.sleep(1_000_000)\nasyncio.run(main())",
        "while True: print('on and on')",
        "import sys\nsys.stdin.read(1)",
    ],
    ids=["loop", "sleep", "asyncio", "print", "stdin"],
)
def test_ctrl_c_stops_what_never_ends(shell: Shell, program: str) -> None:
    """A program that never ends is stopped by the next mpremote that comes."""
    shell.mpremote("exec", "--no-follow", program)
    assert shell.mpremote("resume", "eval", "'stopped'").strip() == "stopped"


def test_the_port_outlives_every_reset(shell: Shell) -> None:
    """Hard reset, deep sleep, watchdog and soft reset come back on the same port, each with its cause; a soft one keeps pins."""
    cause, greeting = "machine.reset_cause(), machine.Pin(38).value()\r", "more information.\r\n>>> "
    with shell.typing() as typist:
        for reset, told in (
            ("machine.Pin(38, machine.Pin.OUT, value=1); machine.reset()", "(2, 0)"),
            ("machine.Pin(38, machine.Pin.OUT, value=1); machine.deepsleep(2000)", "(4, 0)"),
            ("machine.Pin(38, machine.Pin.OUT, value=1); w = machine.WDT(timeout=2000)", "(3, 0)"),
            ("machine.Pin(38, machine.Pin.OUT, value=1); machine.soft_reset()", "(5, 1)"),
        ):
            typist.type(f"import machine; {reset}\r", until=greeting)
            typist.type(
                "import machine; p = machine.Pin(38, machine.Pin.IN, machine.Pin.PULL_DOWN)\r"
                if "soft" not in reset
                else "import machine\r"
            )
            assert told in typist.type(cause)


def test_an_interpreter_that_dies_is_a_board_that_starts_again(shell: Shell) -> None:
    """A fault in the interpreter itself resets the board, as a panic does; the port stays."""
    with shell.typing() as typist:
        said = typist.type("import uctypes; uctypes.bytes_at(0, 1)\r", until="more information.\r\n>>> ")
        assert "the board starts again" in said
        assert "\r\n2\r\n" in typist.type("1 + 1\r")


def test_the_friendly_prompt_edits_and_continues(shell: Shell) -> None:
    """Backspace, arrows, history, blocks with their indent, and paste mode."""
    with shell.typing() as typist:
        assert "\r\n42\r\n" in typist.type("4O\x7f1\x1b[D\x08\x1b[C\x7f42\r")
        assert "\r\n42\r\n" in typist.type("\x1b[A\r")
        assert "\r\n0\r\n1\r\n" in typist.type("for i in range(2):\rprint(i)\r\r\r", until="1\r\n>>> ")
        assert "\r\n3\r\n" in typist.type("\x05a = 1\rprint(a + 2)\r\x04", until="3\r\n>>> ")


def test_random_bytes_neither_hang_nor_end_it(shell: Shell) -> None:
    """After bytes that nobody would type mpremote works as before."""
    noise = random.Random(7)
    with serial.Serial(shell.port, timeout=0, write_timeout=WAIT_S) as line:
        for _ in range(16):
            line.write(noise.randbytes(256))
            line.read(65536)
    assert shell.mpremote("eval", "1 + 1").strip() == "2"
    assert shell.process.poll() is None


# The serial link

ECHO = """
import machine, select
uart = machine.UART(2, 115200, tx=12, rx=13, rxbuf=4096)
poll = select.poll()
poll.register(uart, select.POLLIN)
while True:
    poll.poll()
    uart.write(bytes(b ^ 255 for b in uart.read()))
"""


def test_the_serial_link_is_a_port_of_its_own(tmp_path: Path) -> None:
    """A program of the board hears what is said at the port of `--uart` and answers there, while its prompt stays at the other."""
    uart, said = tmp_path / "van.uart", bytes(range(256))
    with running("--firmware", "none", "--uart", str(uart)) as shell:
        shell.mpremote("exec", "--no-follow", ECHO)
        for _ in range(2):
            with serial.Serial(str(uart), 115_200, timeout=WAIT_S, exclusive=True) as line:
                line.write(said)
                assert line.read(256) == bytes(b ^ 255 for b in said)
    assert not uart.is_symlink()


def test_an_exception_about_what_is_no_utf8_is_printed(shell: Shell) -> None:
    """A name with a byte that stands in no UTF-8: the prompt says which exception it was, and the board stays up."""
    with Console(shell.port) as prompt:
        prompt.run("stays = 7")
        with pytest.raises(BoardRefused, match=r"(Import|Unicode)Error"):
            prompt.run(b'__import__("\xe6irmware")')
        assert prompt.run("print(stays)").strip() == "7"


# The shell itself


def test_a_board_that_sleeps_is_waited_for_and_woken_by_its_button(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without patience the sentence names sleep and reset button; with it the first Ctrl-C that is heard stops the program. The
    button takes retained memory away, a power cut too, and both reach a board that sleeps for days."""
    monkeypatch.setattr(console, "ENTER_S", 0.5)
    main = tmp_path / "main.py"
    main.write_text("import machine, time\nprint('up')\ntime.sleep(60)\nmachine.deepsleep(1000000000)\n")
    with running("--firmware", "none") as shell:
        shell.mpremote("cp", str(main), ":main.py", "+", "exec", "--no-follow", SLEEPS)
        with pytest.raises(NoPrompt, match=r"A device that sleeps does not: press its reset button .*--wait 900"):
            Console(shell.port)
        for deed in (Deed.RESET, Deed.POWER):
            monkeypatch.setattr(console, "ENTER_S", 8.0)
            with (
                patient(WAIT_S, partial(shell.process.send_signal, deed.value)),
                Console(shell.port) as prompt,
            ):
                assert b"KeyboardInterrupt" in prompt.last_words
                assert prompt.run("import machine; print(machine.RTC().memory())").strip() == "b''"
                prompt.leave(SLEEPS)


def test_the_flash_and_the_link(tmp_path: Path) -> None:
    """The image outlives the shell and belongs to one at a time; the link leads to the port and goes with it."""
    flash, link, file = tmp_path / "van.flash", tmp_path / "van", tmp_path / "file"
    file.write_text("kept")
    options = ("--flash", str(flash), "--link", str(link))
    with running(*options) as first:
        assert link.resolve() == Path(first.port)
        assert flash.stat().st_mode & 0o777 == 0o600
        first.port = str(link)
        first.mpremote("cp", str(file), ":file")
        with pytest.raises(AssertionError, match="another shell has it open"):
            Shell(*options)
        assert first.stop(signal.SIGINT) == 0
    assert not link.is_symlink()
    with running(*options) as second:
        assert second.mpremote("cat", ":file") == "kept"


def test_a_killed_shell_keeps_what_was_there_when_the_cable_went(tmp_path: Path) -> None:
    """The image is saved when mpremote lets go; the link that a killed shell leaves is in nobody's way."""
    flash, link, file = tmp_path / "van.flash", tmp_path / "van", tmp_path / "file"
    file.write_text("kept")
    options = ("--flash", str(flash), "--link", str(link))
    with running(*options) as first:
        before = flash.stat().st_ino
        first.mpremote("cp", str(file), ":file")
        end = time.monotonic() + WAIT_S
        while flash.stat().st_ino == before:
            assert time.monotonic() < end
        first.stop(signal.SIGKILL)
    assert link.is_symlink()
    with running(*options) as second:
        assert second.mpremote("cat", ":file") == "kept"


def test_a_power_cut_saves_the_flash_as_it_is(tmp_path: Path, board: Board) -> None:
    """What a cut in the midst of an operation left is what the file holds; then the supply is back."""
    image = tmp_path / "image"
    with Port() as port, FlashFile(image, board.flash) as flash:
        shell = LiveBoard(board, port, flash=flash)
        board.arm_power_cut(3)
        shell.serve(lambda: board.counters["boots"] == 2)
        assert board.counters["power cuts"] == 1
        assert image.read_bytes() == board.flash.data
        assert board.flash.operations == 2


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    """A file of another size is no flash of this board, and stays as it is."""
    image, flash = tmp_path / "image", NorFlash(8192)
    FlashFile(image, flash).close()
    with FlashFile(image, flash):
        assert flash.data == b"\xff" * 8192
    image.write_bytes(b"\xff" * 8191)
    with pytest.raises(HwSimError, match="no image"):
        FlashFile(image, flash)
    assert image.stat().st_size == 8191


def test_a_name_that_is_taken_is_no_link(tmp_path: Path) -> None:
    """A link takes the place of one that leads nowhere, and of nothing else."""
    free, taken = tmp_path / "free", tmp_path / "taken"
    free.symlink_to(tmp_path / "gone")
    taken.touch()
    with Port(free) as port:
        assert free.resolve() == Path(port.name)
    with pytest.raises(HwSimError, match="something has that name"):
        Port(taken)
    assert taken.is_file()
