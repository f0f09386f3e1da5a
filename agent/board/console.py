"""A board's prompt on a serial port, by mpremote's transport.

mpremote says of its API that it will change: this module alone uses it, and constraints.txt pins it.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Iterator
from typing import Any, Self

from agent.board.line import Endless, Line
from agent.errors import AgentError, BoardRefused, LinkLost, NoPrompt, PortBusy, PortError

READ_S = 5.0  # a board answers in milliseconds; one that wipes a full spool takes 6 s, and `run` waits longer for it
ENTER_S = 8.0  # from the first Ctrl-C to the prompt; a soft reset with the mount of a large file system takes 2 s
RUN_S = 30.0  # one command in all; installing takes 10 s with the erasing of a full spool
START_S = 1.5  # until a firmware that does not start has said so
INSTALL = "pip install 'byleave[agent]'"
SAID_CHARS = 120  # of what a board says, in a message


class Console:
    """The prompt of one board in raw mode, freshly reset and with no program running; close it, or use `with`.

    PortError, PortBusy or NoPrompt when it cannot be had; LinkLost when it goes away. No message of these holds what
    was sent to the board.
    """

    def __init__(self, port: str) -> None:
        try:
            from mpremote.transport import TransportError  # noqa: PLC0415 - comes with an extra
            from mpremote.transport_serial import SerialTransport  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise AgentError(f"byleave agent enrol needs {missing.name}, which is not installed: {INSTALL}") from None
        self._failed = TransportError
        self.port = port
        with _quiet():
            try:
                self._transport: Any = SerialTransport(port, timeout=READ_S)
            except (TransportError, OSError, ValueError):
                raise _unopened(port) from None
        self._line = self._transport.serial = Line(self._transport.serial, answer_s=READ_S)
        try:
            self._interrupt()
        except BaseException:
            self.close()
            raise

    def _interrupt(self) -> None:
        """Stops what runs, and resets the board softly into raw mode, in which it does not start its program."""
        self._line.begin(ENTER_S)
        with _quiet():
            try:
                self._transport.enter_raw_repl(soft_reset=True, timeout_overall=ENTER_S)
            except (self._failed, OSError):
                raise self._unprompted() from None

    def _unprompted(self) -> NoPrompt:
        if self._line.heard_bytes:
            return NoPrompt(
                f"{self.port}: what talks there is no MicroPython prompt; `byleave agent ports` lists the ports on USB. "
                "If this is the board's, press its reset button and try again"
            )
        return NoPrompt(
            f"{self.port}: nobody answers as a MicroPython prompt does; is it the board's port, "
            "and is MicroPython on the board?"
        )

    def run(self, code: str) -> str:
        """What the code prints; BoardRefused with the last line of its traceback if it ends by an exception."""
        self._line.begin(RUN_S)
        with _quiet():
            try:
                said, error = self._transport.exec_raw(code, timeout=RUN_S)
            except Endless:
                raise LinkLost(
                    f"{self.port}: no answer of the board ended in time; press its reset button and give the same "
                    "command again"
                ) from None
            except (self._failed, OSError, struct.error):  # struct: too few bytes of an answer
                raise LinkLost(
                    f"{self.port}: the board went away on the way; connect it and give the same command again"
                ) from None
        if error:
            raise BoardRefused(f"the board says: {_printable(error.strip().splitlines()[-1])}")
        return str(said.decode("utf-8", "replace"))

    def restart(self) -> str:
        """A soft reset that starts the board's program; what it prints within START_S."""
        self._line.begin(ENTER_S)
        with _quiet():
            try:
                self._transport.exit_raw_repl()
                self._line.write(b"\x04")
                said = self._transport.read_until(1, b"soft reboot\r\n", timeout_overall=ENTER_S)
                if not said.endswith(b"soft reboot\r\n"):
                    raise LinkLost(f"{self.port}: the board does not start again; press its reset button")
                return _printable(self._listen(START_S))
            except (self._failed, OSError):
                raise LinkLost(f"{self.port}: the board went away while it started; press its reset button") from None

    def _listen(self, seconds: float) -> bytes:
        self._line.begin(seconds)
        said = b""
        with contextlib.suppress(Endless):  # its program is at work, and may talk as it likes
            while not said.endswith(b">>> "):
                said += self._line.read(max(1, self._line.inWaiting()))
        return said

    def close(self) -> None:
        """Lets the port go."""
        self._transport.serial = self._line.port  # mpremote sets the port's control lines
        with _quiet(), contextlib.suppress(OSError):
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """mpremote prints what it received when something fails; here that goes nowhere."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield


def _unopened(port: str) -> AgentError:
    """Why a port cannot be opened; the transport does not tell."""
    if not os.path.exists(port):  # noqa: PTH110 - a port need not be a path
        return PortError(f"{port}: no such port; `byleave agent ports` lists those on USB")
    if not os.access(port, os.R_OK | os.W_OK):
        return PortError(f"{port}: you may not open it; add yourself to its group (dialout) and log in again")
    if not os.path.isdir(port) and not os.path.isfile(port):  # noqa: PTH112, PTH113
        return PortBusy(f"{port}: another program has it open; end that first")
    return PortError(f"{port}: that is no serial port; `byleave agent ports` lists those on USB")


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "replace")[:SAID_CHARS]
    return "".join(char if char.isprintable() else " " for char in text).strip()
