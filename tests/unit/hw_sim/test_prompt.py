"""The protocol of the prompt, byte by byte (docs/decisions/0005)."""

from __future__ import annotations

import pytest

from hw_sim.interpreter.shims import _ops
from hw_sim.shell.lines import LINE_LIMIT_BYTES, continues, indent_after
from hw_sim.shell.prompt import TEXT_LIMIT_BYTES, WINDOW_BYTES, Act, Command, Prompt
from hw_sim.shell.terminal import FLASH_CALLS_LIMIT, INPUT_LIMIT_BYTES, Terminal, without_shims


class Wire:
    """A prompt, and what it says."""

    def __init__(self) -> None:
        self._said = bytearray()
        self.prompt = Prompt(self._said.extend)
        self.prompt.restart(soft=False)
        self.prompt.greet()
        self.heard()

    def heard(self) -> bytes:
        """What it said since the last time."""
        said = bytes(self._said)
        self._said.clear()
        return said

    def type(self, data: bytes) -> list[Command]:
        """The commands in what is typed."""
        return [command for byte in data if (command := self.prompt.take(byte)) is not None]


@pytest.fixture
def wire() -> Wire:
    """A friendly prompt that has greeted."""
    return Wire()


@pytest.fixture
def raw(wire: Wire) -> Wire:
    """One in raw mode."""
    wire.type(b"\x01")
    assert wire.heard().endswith(b"raw REPL; CTRL-B to exit\r\n>")
    return wire


def test_raw_mode_runs_what_ends_with_ctrl_d(raw: Wire) -> None:
    """`OK`, then output, end, error, end, and the next prompt."""
    assert raw.type(b"print(1)\n\x04") == [Command(Act.RUN, b"print(1)\n")]
    assert raw.heard() == b"OK"
    raw.prompt.finished(b"Traceback\r\n")
    assert raw.heard() == b"\x04Traceback\r\n\x04>"


def test_ctrl_d_alone_resets_and_raw_mode_stays(raw: Wire) -> None:
    """A soft reset keeps the mode, a hard one does not."""
    assert raw.type(b"\x04") == [Command(Act.RESET)]
    assert raw.heard() == b"OK\r\n"
    raw.prompt.restart(soft=True)
    assert raw.prompt.raw
    raw.prompt.restart(soft=False)
    assert not raw.prompt.raw


def test_ctrl_c_clears_and_ctrl_b_leaves(raw: Wire) -> None:
    """What was typed before Ctrl-C is not run; Ctrl-B greets as a person is greeted."""
    assert raw.type(b"bad\x03good\x04") == [Command(Act.RUN, b"good")]
    raw.prompt.finished(b"")
    raw.heard()
    raw.type(b"\x02")
    assert raw.heard().endswith(b"information.\r\n>>> ")


def test_raw_paste_gives_a_window_and_renews_it(raw: Wire) -> None:
    """The host may send a window's bytes, and one window more for each byte 0x01."""
    raw.type(b"\x05A\x01")
    assert raw.heard() == b"R\x01" + WINDOW_BYTES.to_bytes(2, "little") + b"\x01"
    text = b"#" * WINDOW_BYTES * 2
    raw.type(text)
    assert raw.heard() == b"\x01\x01"
    assert raw.type(b"\x04") == [Command(Act.RUN, text)]
    assert raw.heard() == b"\x04"


def test_raw_paste_ends_by_ctrl_c(raw: Wire) -> None:
    """The end comes at once, with KeyboardInterrupt as the error."""
    raw.type(b"\x05A\x01half\x03")
    assert raw.heard().endswith(b"\x01\x04\x04KeyboardInterrupt: \r\n\x04>")
    assert raw.type(b"1\x04") == [Command(Act.RUN, b"1")]


def test_an_unknown_request_is_answered_as_unsupported(raw: Wire) -> None:
    """`R` and 0 for what starts like raw-paste mode and is not."""
    raw.type(b"\x05B\x01")
    assert raw.heard() == b"R\x00>"


@pytest.mark.parametrize("enter", [b"", b"\x05A\x01"], ids=["raw", "raw-paste"])
def test_more_than_a_heap_is_refused(raw: Wire, enter: bytes) -> None:
    """Text that no board could hold fills no memory here, and is not run in part."""
    raw.type(enter)
    assert raw.type(b"1" * TEXT_LIMIT_BYTES + b"\n\x04") == []
    assert raw.heard().endswith(b"\x04MemoryError: memory allocation failed\r\n\x04>")
    raw.type(enter)
    assert raw.type(b"1" * TEXT_LIMIT_BYTES + b"\x04") == [Command(Act.RUN, b"1" * TEXT_LIMIT_BYTES)]


def test_a_line_has_an_end(wire: Wire) -> None:
    """A line longer than any statement is cut where the heap would end."""
    (command,) = wire.type(b"1" * (LINE_LIMIT_BYTES + 5) + b"\r")
    assert command == Command(Act.SHOW, b"1" * LINE_LIMIT_BYTES)


@pytest.mark.parametrize(
    ("statement", "more"),
    [
        (b"", False),
        (b"a = 1", False),
        (b"if a:", True),
        (b"if a:\n    b\n", False),
        (b"iffy", False),
        (b"@wrapped", True),
        (b"f(1,", True),
        (b"f('(')", False),
        (b"'''a", True),
        (b"'a", False),
        (b"'\\'(' + (", True),
        (b"a = \\", True),
    ],
)
def test_a_statement_goes_on_while_it_must(statement: bytes, more: bool) -> None:
    """Blocks, brackets, long strings and backslashes need another line."""
    assert continues(statement) is more


@pytest.mark.parametrize(
    ("statement", "indent"), [(b"if a:", 4), (b"if a:\n    b", 4), (b"if a:\n    if b:", 8), (b"if a:\n    ", 0)]
)
def test_the_next_line_is_indented(statement: bytes, indent: int) -> None:
    """As the last one, one step more after a colon, not at all after an empty one."""
    assert indent_after(statement) == b" " * indent


# What lies between the wire and the program


@pytest.fixture
def terminal() -> Terminal:
    """A console whose program runs."""
    terminal = Terminal(lambda data: None)
    terminal.started(soft=False)
    terminal.run_begins()
    return terminal


def test_ctrl_c_interrupts_a_program_once(terminal: Terminal) -> None:
    """Typed to a running program it is no input; its next answer tells it, the one after does not."""
    terminal.receive(b"a\x03b")
    assert terminal.interrupts(_ops.SLEEP)
    assert not terminal.interrupts(_ops.SLEEP)
    assert terminal.read(9) == b"ab"


def test_ctrl_c_waits_for_the_file_system(terminal: Terminal) -> None:
    """It does not break into littlefs; a program that does nothing but flash calls is stopped in the end."""
    terminal.receive(b"\x03")
    assert not any(terminal.interrupts(_ops.FLASH_PROGRAM) for _ in range(FLASH_CALLS_LIMIT))
    assert terminal.interrupts(_ops.FLASH_READ)


def test_a_program_may_want_ctrl_c_itself(terminal: Terminal) -> None:
    """After micropython.kbd_intr(-1) it is a byte like any other."""
    terminal.set_interrupt_char(-1)
    terminal.receive(b"\x03")
    assert not terminal.wants_interrupt
    assert terminal.read(1) == b"\x03"


def test_ctrl_c_in_one_breath_with_its_program_stops_that_program() -> None:
    """A host that sends program and Ctrl-C at once means the program."""
    terminal = Terminal(lambda data: None)
    terminal.started(soft=False)
    terminal.run_ended(b"")
    terminal.receive(b"f()\r\x03")
    assert terminal.next_command() == Command(Act.SHOW, b"f()")
    assert terminal.wants_interrupt


@pytest.mark.parametrize(
    "typed",
    [
        b"x" * 300 + b"\x04",
        b"x" * WINDOW_BYTES + b"\x04",
        b"ab\x03cd\x04",
        b"\x04",
        b"\x01\x02" * 100 + b"\x04",
        b"x" * 500,
    ],
    ids=["long", "a window", "stopped", "nothing", "obeyed elsewhere", "unfinished"],
)
def test_text_that_is_taken_at_once_is_the_same(typed: bytes) -> None:
    """As byte by byte: commands, answers and windows, in every mode that it may meet."""
    for before in (b"", b"\x01", b"\x01\x05A\x01"):
        one, other = Wire(), Wire()
        one.type(before)
        other.type(before)
        found, rest = [], typed
        while rest:
            n = other.prompt.take_text(rest)
            if not n:
                n = 1
                found += other.type(rest[:1])
            rest = rest[n:]
        assert (one.type(typed), one.heard()) == (found, other.heard())
        assert (one.type(b"1\x04"), one.heard()) == (other.type(b"1\x04"), other.heard())


def test_input_that_nobody_reads_has_a_bound(terminal: Terminal) -> None:
    """A host that types for ever fills no memory."""
    terminal.receive(b"x" * (INPUT_LIMIT_BYTES + 1))
    assert len(terminal.read(2 * INPUT_LIMIT_BYTES)) == INPUT_LIMIT_BYTES


def test_a_traceback_shows_no_module_of_the_simulator() -> None:
    """Frames of shims vanish, frames of the program stay."""
    text = b'Traceback (most recent call last):\n  File "_repl.py", line 3, in _try\n  File "<stdin>", line 1, in <module>\n'
    text += b'  File "time.py", line 42, in sleep\nKeyboardInterrupt: \n'
    kept = b'Traceback (most recent call last):\n  File "<stdin>", line 1, in <module>\nKeyboardInterrupt: \n'
    assert without_shims(text) == kept
