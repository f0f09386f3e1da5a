"""The protocol of a MicroPython prompt: bytes in, text to run out.

Friendly mode is for people. Raw mode (Ctrl-A), raw-paste mode within it and paste mode (Ctrl-E) are for programs. As in
MicroPython 1.28, shared/runtime/pyexec.c, and its documentation, "The MicroPython Interactive Interpreter Mode".
"""

import enum
from collections.abc import Callable
from typing import NamedTuple

from hw_sim.shell.lines import Line, continues, indent_after

CTRL_A, CTRL_B, CTRL_C, CTRL_D, CTRL_E = 1, 2, 3, 4, 5
BANNER = b'MicroPython v1.29.0; Simulated board with ESP32S3\r\nType "help()" for more information.\r\n'
RAW_BANNER = b"raw REPL; CTRL-B to exit\r\n"
WINDOW_BYTES = 128  # of raw-paste mode: half of the ESP32's MICROPY_REPL_STDIN_BUFFER_MAX
TEXT_LIMIT_BYTES = 256 << 10  # more than a board's heap
TOO_LONG = b"MemoryError: memory allocation failed\r\n"


class Act(enum.IntEnum):
    """What is to be done with the text of a command."""

    RUN = 0  # as a file
    SHOW = 1  # as a line whose value is shown
    RESET = 2  # nothing to run: start anew


class Command(NamedTuple):
    """What the prompt wants of the interpreter."""

    act: Act
    text: bytes = b""


class _Mode(enum.Enum):
    FRIENDLY = enum.auto()
    PASTE = enum.auto()
    RAW = enum.auto()
    RAW_PASTE = enum.auto()


class Prompt:
    """One prompt over all starts of its board: which mode it is in outlives a soft reset."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._line = Line(write)
        self._text = bytearray()
        self._more = False  # lines of a statement stand already
        self._mode = _Mode.FRIENDLY
        self._window = WINDOW_BYTES
        self._too_long = False

    @property
    def raw(self) -> bool:
        """A program talks to it."""
        return self._mode in (_Mode.RAW, _Mode.RAW_PASTE)

    def restart(self, *, soft: bool) -> None:
        """The board starts; what was typed is forgotten, and without power the mode too."""
        self._mode = _Mode.RAW if soft and self.raw else _Mode.FRIENDLY
        self._clear()

    def greet(self) -> None:
        """The first prompt after a start."""
        self._write(RAW_BANNER if self.raw else BANNER)
        self._ask()

    def finished(self, error: bytes) -> None:
        """The last command has ended, with the text of its exception or none."""
        if self.raw:
            self._mode = _Mode.RAW
            self._write(b"\x04" + error + b"\x04")
        else:
            self._write(error)
        self._ask()

    def _ask(self) -> None:
        self._clear()
        self._write(b">" if self.raw else b">>> ")
        self._line.start()

    def _clear(self) -> None:
        self._text.clear()
        self._more = self._too_long = False

    def take(self, byte: int) -> Command | None:
        """One byte that was typed; a command when it completes one."""
        if self._mode is _Mode.FRIENDLY:
            return self._friendly(byte)
        if self._mode is _Mode.PASTE:
            return self._paste(byte)
        return self._raw(byte) if self._mode is _Mode.RAW else self._raw_paste(byte)

    def take_text(self, data: bytes) -> int:
        """Takes at once what `data` begins with and is a program's text and no more; how many bytes, 0 where each needs `take`."""
        if self._mode is not _Mode.RAW_PASTE or self._too_long:
            return 0
        text = data[: min(self._window - 1, TEXT_LIMIT_BYTES - len(self._text))]
        ends = [at for at in (text.find(CTRL_C), text.find(CTRL_D)) if at >= 0]
        text = text[: min(ends)] if ends else text
        self._text += text
        self._window -= len(text)
        return len(text)

    # --- for people

    def _friendly(self, byte: int) -> Command | None:
        if byte == CTRL_C:
            self._write(b"\r\n")
            self._ask()
        elif self._line.text or self._more:
            return self._typed(byte)
        elif byte == CTRL_A:
            self._mode = _Mode.RAW
            self._write(b"\r\n")
            self.greet()
        elif byte == CTRL_B:
            self._write(b"\r\n")
            self.greet()
        elif byte == CTRL_D:
            self._write(b"\r\n")
            return Command(Act.RESET)
        elif byte == CTRL_E:
            self._mode = _Mode.PASTE
            self._write(b"\r\npaste mode; Ctrl-C to cancel, Ctrl-D to finish\r\n=== ")
        else:
            return self._typed(byte)
        return None

    def _typed(self, byte: int) -> Command | None:
        if byte == CTRL_D and self._more:
            self._write(b"\r\n")
        elif not self._line.type(byte):
            return None
        self._text += self._line.text
        if byte != CTRL_D and len(self._text) < TEXT_LIMIT_BYTES and continues(bytes(self._text)):
            indent = indent_after(bytes(self._text))
            self._text += b"\n"
            self._more = True
            self._write(b"... ")
            self._line.start(indent)
            return None
        statement = bytes(self._text)
        self._line.remember(statement)
        if not statement.strip():
            self._ask()
            return None
        return Command(Act.SHOW, statement)

    def _paste(self, byte: int) -> Command | None:
        if byte == CTRL_C:
            self._mode = _Mode.FRIENDLY
            self._write(b"\r\n")
            self._ask()
        elif byte == CTRL_D:
            self._mode = _Mode.FRIENDLY
            self._write(b"\r\n")
            return self._whole()
        else:
            self._add(byte if byte != 0x0D else 0x0A)
            self._write(b"\r\n=== " if byte == 0x0D else bytes([byte]))
        return None

    # --- for programs

    def _raw(self, byte: int) -> Command | None:
        if byte == CTRL_A:
            self._enter_raw_paste()
        elif byte == CTRL_B:
            self._mode = _Mode.FRIENDLY
            self._write(b"\r\n")
            self.greet()
        elif byte == CTRL_C:
            self._clear()
        elif byte == CTRL_D:
            self._write(b"OK")
            if self._text:
                return self._whole()
            self._write(b"\r\n")
            return Command(Act.RESET)
        else:
            self._add(byte)
        return None

    def _enter_raw_paste(self) -> None:
        asked = bytes(self._text)
        self._clear()
        if asked == b"\x05A":
            self._mode = _Mode.RAW_PASTE
            self._window = WINDOW_BYTES
            self._write(b"R\x01" + WINDOW_BYTES.to_bytes(2, "little") + b"\x01")
        elif len(asked) == 2 and asked[0] == CTRL_E:
            self._write(b"R\x00>")
        else:
            self.greet()

    def _raw_paste(self, byte: int) -> Command | None:
        if byte == CTRL_C:
            self._write(b"\x04")
            self.finished(b"KeyboardInterrupt: \r\n")
            return None
        if byte == CTRL_D:
            self._write(b"\x04")
            return self._whole()
        self._add(byte)
        self._window -= 1
        if not self._window:
            self._window = WINDOW_BYTES
            self._write(b"\x01")
        return None

    def _add(self, byte: int) -> None:
        if len(self._text) < TEXT_LIMIT_BYTES:
            self._text.append(byte)
        else:
            self._too_long = True

    def _whole(self) -> Command | None:
        if self._too_long:
            self.finished(TOO_LONG)
            return None
        return Command(Act.RUN, bytes(self._text))
