"""A board's prompt on a serial port, by mpremote's transport.

mpremote says of its API that it will change: this module alone uses it, and constraints.txt pins it.
"""

from __future__ import annotations

import contextlib
import io
import os
import struct
import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

from agent.board.holders import busy
from agent.board.line import Endless, Line
from agent.errors import AgentError, BoardRefused, LinkLost, NoPrompt, PortError

READ_S = 5.0  # a board answers in milliseconds; one that wipes a full spool takes 6 s, and `run` waits longer for it
ENTER_S = 8.0  # from the first Ctrl-C to the prompt; a soft reset with the mount of a large file system takes 2 s
RUN_S = 30.0  # one command in all; installing takes 10 s with the erasing of a full spool
HOLD_S = 1.0  # how soon `run` holds the watchdog anew
START_S = 1.5  # until a firmware that does not start has said so
INSTALL = "pip install 'byleave[agent]'"
SAID_CHARS = 120  # of what a board says, in a message
PIECE_S = 10.0  # one piece of a transfer: 8 KiB take 0.7 s at 115200 baud, the slowest erase of a sector 0.4 s
PIECE_BYTES = (
    16 << 10
)  # a board's heap has room for one; a sector of flash, each of whose bytes may be escaped, and some
READY = b"!"  # what a program says that takes pieces, once it listens
OBEYED = frozenset(range(1, 6))  # Ctrl-A to Ctrl-E: what no piece may have

# The board's program may have started the chip's watchdog, which outlives a soft reset and cannot be stopped: it would bite 8 s
# (RP2040) to 30 s after the prompt was entered. A timer feeds it, which the VM serves within long loops too, 25 times in 50 s: more
# than RUN_S, and not for ever [a board whose cable is pulled must come back by itself].
_HOLD = """
try:
 _held[0] = 25
except NameError:
 import os
 from machine import WDT, Timer
 _held = [25]
 _dog = WDT(timeout=8300 if os.uname()[0] == "rp2" else 30000)
 def _feed(timer):
  if _held[0] > 0:
   _held[0] -= 1
   _dog.feed()
 _timer = Timer(-1 if os.uname()[0] == "rp2" else 0, period=2000, callback=_feed)
_dog.feed()
"""
# By what a program that clears a board's memory must leave there.
HELD = ("_held", "_dog", "_feed", "_timer")


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
            raise AgentError(f"byleave agent needs {missing.name}, which is not installed: {INSTALL}") from None
        self._failed = TransportError
        self.port = port
        self._held_s: float | None = None  # when the watchdog was held last; None: it is not
        with _quiet():
            try:
                self._transport: Any = SerialTransport(port, timeout=READ_S)
            except (TransportError, OSError, ValueError):
                raise unopened(port) from None
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

    def interrupt(self) -> None:
        """Stops the program that was left running, at Ctrl-C on the host for instance, and resets softly. NoPrompt if it cannot
        be stopped."""
        self._interrupt()
        self._held_s = None  # its timer is gone

    def hold(self) -> None:
        """Keeps a watchdog quiet from now on, and 50 s beyond the last `run`; once is enough. For a board that is a device, or
        may be one: where no watchdog runs it starts one, which a hard reset alone stops (`leave`). As `run`.
        """
        self._held_s = None
        self.run(_HOLD)
        self._held_s = time.monotonic()

    def run(self, code: str | bytes) -> str:
        """What the code prints; BoardRefused with the last line of its traceback if it ends by an exception."""
        if self._held_s is not None and time.monotonic() - self._held_s > HOLD_S:
            self.hold()
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
            raise _refused(error)
        return str(said.decode("utf-8", "replace"))

    def hand_over(self, code: str, pieces: Iterable[bytes], *, last: bytes, answer_bytes: int) -> Iterator[bytes]:
        """Runs code that says READY and then takes the pieces, and yields its answer to each, of so many bytes, before the next.

        `last` has no answer: the code ends at it. A piece is at most PIECE_BYTES and has nothing that a prompt obeys. LinkLost
        when an answer does not come in PIECE_S; BoardRefused with the last line of a traceback.
        """
        with self._stepping():
            self._line.begin(RUN_S)
            self._transport.exec_raw_no_follow(code)
            self._heard(len(READY))
        for piece in pieces:
            if OBEYED.intersection(piece) or len(piece) > PIECE_BYTES:
                raise AgentError("a piece that no board takes; report it")
            with self._stepping():
                self._line.begin(PIECE_S)
                self._line.write(piece)
                answer = self._heard(answer_bytes)
            yield answer
        with self._stepping():
            self._line.begin(RUN_S)
            self._line.write(last)
            _, error = self._transport.follow(RUN_S)
        if error:
            raise _refused(error)

    def _heard(self, n: int) -> bytes:
        """n bytes that the program says; of no use if it has ended instead."""
        said = b""
        while len(said) < n and b"\x04" not in said:
            said += self._line.read(n - len(said))  # Endless once the time of the step is over
        if said.startswith(b"\x04"):  # what it said before is over, its traceback follows
            rest = said[1:] + (b"" if b"\x04" in said[1:] else self._transport.read_until(1, b"\x04"))
            raise _refused(rest.partition(b"\x04")[0])
        return said

    @contextlib.contextmanager
    def _stepping(self) -> Iterator[None]:
        """One step with the board, whose failures mean that it is gone."""
        with _quiet():
            try:
                yield
            except (self._failed, OSError, struct.error):
                raise LinkLost(
                    f"{self.port}: the board went away on the way; connect it and give the same command again"
                ) from None

    def leave(self, code: str) -> None:
        """Runs code that does not come back to the prompt, and lets the port go."""
        with self._stepping():
            self._line.begin(RUN_S)
            self._transport.exec_raw_no_follow(code)
        self.close()

    def restart(self, seconds: float | None = None) -> str:
        """A soft reset that starts the board's program; what it prints within START_S, or so many seconds."""
        self._line.begin(ENTER_S)
        with _quiet():
            try:
                self._transport.exit_raw_repl()
                self._line.write(b"\x04")
                said = self._transport.read_until(1, b"soft reboot\r\n", timeout_overall=ENTER_S)
                if not said.endswith(b"soft reboot\r\n"):
                    raise LinkLost(f"{self.port}: the board does not start again; press its reset button")
                return _printable(self._listen(START_S if seconds is None else seconds))
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


def _refused(traceback: bytes) -> BoardRefused:
    """The last line of it: what the board died of."""
    lines = traceback.strip().splitlines() or [b"an error without a word"]
    return BoardRefused(f"the board says: {_printable(lines[-1])}")


def unopened(port: str) -> AgentError:
    """Why a port cannot be opened; the transport does not tell."""
    if not os.path.exists(port):  # noqa: PTH110 - a port need not be a path
        return PortError(f"{port}: no such port; `byleave agent ports` lists those on USB")
    if not os.access(port, os.R_OK | os.W_OK):
        return PortError(f"{port}: you may not open it; add yourself to its group (dialout) and log in again")
    if not os.path.isdir(port) and not os.path.isfile(port):  # noqa: PTH112, PTH113
        return busy(port)
    return PortError(f"{port}: that is no serial port; `byleave agent ports` lists those on USB")


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "replace")[:SAID_CHARS]
    return "".join(char if char.isprintable() else " " for char in text).strip()
