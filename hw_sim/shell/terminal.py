"""A board's serial console: what is typed, what is printed, and Ctrl-C between the two.

It lives on the host side of the simulator, so that line editing and the protocol of the prompt take nothing of the board's heap.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from hw_sim.errors import ChildFailed
from hw_sim.interpreter import shims
from hw_sim.interpreter.shims import _ops
from hw_sim.shell.prompt import CTRL_C, Act, Command, Prompt

INPUT_LIMIT_BYTES = 1 << 20  # a host that gives a mounted file at once is not told to wait here
# littlefs is C and calls our block device in its midst, where no exception may break in; a loop of raw flash calls is
# interrupted all the same, in the end. Wiping a full spool takes 124 of them.
FLASH_CALLS_LIMIT = 1000
DEATHS_LIMIT = 3
SOFT_REBOOT = b"MPY: soft reboot\r\n"
_FLASH = {_ops.FLASH_TABLE, _ops.FLASH_READ, _ops.FLASH_PROGRAM, _ops.FLASH_ERASE}


class Terminal:
    """One console; `send` takes what the board says, as bytes on the wire."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.send = send
        self.prompt = Prompt(send)
        self._input = bytearray()
        self._running = False  # the program is at work, not the prompt
        self._greeted = False
        self._interrupt = False
        self._interrupt_char = CTRL_C
        self._flash_calls = 0
        self._deaths = 0

    # --- from the wire

    def receive(self, data: bytes) -> None:
        """Bytes that were typed."""
        for byte in data:
            if self._running and byte == self._interrupt_char:
                self._interrupt, self._flash_calls = True, 0
            elif len(self._input) < INPUT_LIMIT_BYTES:
                self._input.append(byte)

    @property
    def readable(self) -> bool:
        """There is something typed to read."""
        return bool(self._input)

    def read(self, n: int) -> bytes:
        """Up to n bytes of it."""
        data = bytes(self._input[:n])
        del self._input[:n]
        return data

    # --- from the board

    def printed(self, data: bytes) -> None:
        """Output of the program, line ends as a console wants them."""
        self.send(data.replace(b"\n", b"\r\n"))

    @property
    def runs_main(self) -> bool:
        """The start that comes runs `main.py`: not while a program talks to the prompt (pyexec_mode_kind in main.c)."""
        return not self.prompt.raw

    def started(self, *, soft: bool) -> None:
        """The board starts."""
        self._running = self._greeted = self._interrupt = False
        self._interrupt_char = CTRL_C
        if soft:
            self.send(SOFT_REBOOT)
        else:
            self._input.clear()
        self.prompt.restart(soft=soft)

    def run_begins(self) -> None:
        """The program is at work from now on. Ctrl-C may have come in one breath with it."""
        self._running = True
        at = self._input.find(bytes([self._interrupt_char])) if self._interrupt_char >= 0 else -1
        if at >= 0:
            del self._input[at]
            self._interrupt, self._flash_calls = True, 0

    def run_ended(self, error: bytes) -> None:
        """The program has ended; the prompt is there."""
        self._running = self._interrupt = False
        self._interrupt_char = CTRL_C
        self._deaths = 0
        text = without_shims(error).replace(b"\n", b"\r\n")
        if self._greeted:
            self.prompt.finished(text)
        else:
            self._greeted = True
            self.send(text)
            self.prompt.greet()

    def next_command(self) -> Command | None:
        """The next command in what was typed; it counts as running."""
        while self._input:
            byte = self._input[0]
            del self._input[0]
            command = self.prompt.take(byte)
            if command is not None:
                if command.act is not Act.RESET:
                    self.run_begins()
                return command
        return None

    def set_interrupt_char(self, char: int) -> None:
        """Which character stops the program, −1 for none."""
        self._interrupt_char = char

    @property
    def wants_interrupt(self) -> bool:
        """Ctrl-C was typed and the program has not heard of it yet."""
        return self._interrupt

    def interrupts(self, op: int) -> bool:
        """Whether the answer to this request is to stop the program; it is told once."""
        if not self._interrupt or op == _ops.PROMPT:
            return False
        if op in _FLASH and self._flash_calls < FLASH_CALLS_LIMIT:
            self._flash_calls += 1
            return False
        self._interrupt = False
        return True

    def interrupted(self) -> None:
        """The program was told by a signal."""
        self._interrupt = False

    def died(self, why: str) -> None:
        """The interpreter itself has ended, as a chip that panics; ChildFailed when it does so at each start."""
        self._deaths += 1
        if self._deaths >= DEATHS_LIMIT:
            raise ChildFailed(f"the board does not reach its prompt: {why}")
        self.send(b"\r\n(" + why.encode() + b"; the board starts again)\r\n")


@cache
def _frames() -> re.Pattern[bytes]:
    names = "|".join(path.stem for path in Path(shims.__file__).parent.glob("*.py"))
    return re.compile(rb'  File "(?:%s)\.py", line \d+, in [^\n]*\n' % names.encode())


def without_shims(traceback: bytes) -> bytes:
    """A traceback as the board would print it: the frames of our modules are C there."""
    return _frames().sub(b"", traceback)
