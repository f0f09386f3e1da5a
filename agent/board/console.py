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

from agent.board import patience, unopened
from agent.board.line import Endless, Line
from agent.errors import AgentError, BoardRefused, Garbled, LinkLost, NoPrompt

READ_S = 5.0  # a board answers in milliseconds; one that wipes a full spool takes 6 s, and `run` waits longer for it
ENTER_S = 8.0  # from the first Ctrl-C to the prompt; a soft reset with the mount of a large file system takes 2 s
AGAIN_S = 0.2  # between two tries at a board that is waited for
ROUSE_S = 0.6  # from one Ctrl-C to the next; a program that is stopped says its status within that
RUN_S = 30.0  # one command in all; installing takes 10 s with the erasing of a full spool
HOLD_S = 1.0  # how soon `run` holds the watchdog anew
START_S = 1.5  # until a firmware that does not start has said so
INSTALL = "pip install 'byleave[agent]'"
SAID_CHARS = 120  # of what a board says, in a message
PIECE_S = 10.0  # one piece of a transfer: 8 KiB take 0.7 s at 115200 baud, the slowest erase of a sector 0.4 s
PIECE_BYTES = (
    16 << 10
)  # a board's heap has room for one; a sector of flash, each of whose bytes may be escaped, and some
LAST_BYTES = 4096  # of what a program says while it is stopped: a status of 150 bytes, a traceback of 1 KiB
READY = b"!"  # what a program says that takes pieces, once it listens
OBEYED = frozenset(range(1, 6))  # Ctrl-A to Ctrl-E: what no piece may have

# What a board says of a program that is none: the agent's are, so a byte of it was changed on the way.
UNTYPED = (b"SyntaxError", b"IndentationError", b"NameError", b"UnicodeError")

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
        unopened.check(port)
        self._failed, self._open = TransportError, SerialTransport
        self.port = port
        self._held_s: float | None = None  # when the watchdog was held last; None: it is not
        self.held = False  # a watchdog runs, which a hard reset alone stops
        self.at_prompt = False  # the board's program does not run
        self.last_words = b""  # of the program that ran, at the Ctrl-C that ended it
        while not self._enters():
            patience.waits()
            time.sleep(AGAIN_S)

    def _enters(self) -> bool:
        """Whether the prompt could be had; False for a board that is not there, or asleep, and waited for."""
        with _quiet():
            try:
                self._transport: Any = self._open(self.port, timeout=READ_S)
            except (self._failed, OSError, ValueError):
                # A board with USB of its own goes from the port while it sleeps.
                if patience.left_s() and not os.path.exists(self.port):  # noqa: PTH110 - a port need not be a path
                    return False
                raise unopened.unopened(self.port) from None
        self._line = self._transport.serial = Line(self._transport.serial, answer_s=READ_S)
        try:
            self._interrupt(self._roused())
        except NoPrompt:
            self.close()
            if not patience.left_s():
                raise
            return False
        except BaseException:
            self.close()
            raise
        return True

    def _roused(self) -> bytes:
        """What the board says at a Ctrl-C that is typed until it does, for as long as it is waited for: what is typed while it
        sleeps is lost, and it may be awake for a few seconds alone."""
        self._line.tap = heard = bytearray()
        with contextlib.suppress(OSError):  # Endless, or the port has gone: it is opened anew
            while not heard and patience.left_s():
                self._line.begin(ROUSE_S)
                self._line.write(b"\x03")
                if not self._line.read(1):
                    patience.waits()
        self._line.tap = None
        return bytes(heard)

    def _interrupt(self, heard_before: bytes = b"") -> None:
        """Stops what runs, and resets the board softly into raw mode, in which it does not start its program."""
        self._line.begin(ENTER_S)
        self._line.tap = heard = bytearray(heard_before)
        with _quiet():
            try:
                self._transport.enter_raw_repl(soft_reset=True, timeout_overall=ENTER_S)
            except (self._failed, OSError):
                raise self._unprompted() from None
            finally:
                self._line.tap = None
        self.last_words = bytes(heard[-LAST_BYTES:])
        self.at_prompt = True

    def _unprompted(self) -> NoPrompt:
        if self._line.heard_bytes:
            return NoPrompt(
                f"{self.port}: what talks there is no MicroPython prompt; `byleave agent ports` lists the ports on USB. "
                "If this is the board's, press its reset button and try again"
            )
        return NoPrompt(
            f"{self.port}: nobody answers as a MicroPython prompt does. A device that sleeps does not: press its reset button and "
            "give the command again at once, or add --wait 900, which waits until it wakes. Else: is it the board's port, and "
            "is MicroPython on the board?"
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
        self._held_s, self.held = None, True
        try:
            self.run(_HOLD)
        except Garbled:
            self._held_s = -HOLD_S  # the next `run` holds it
            raise
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
            raise self._refused(error)
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
            raise self._refused(error)

    def _heard(self, n: int) -> bytes:
        """n bytes that the program says; of no use if it has ended instead."""
        said = b""
        while len(said) < n and b"\x04" not in said:
            said += self._line.read(n - len(said))  # Endless once the time of the step is over
        if said.startswith(b"\x04"):  # what it said before is over, its traceback follows
            rest = said[1:] + (b"" if b"\x04" in said[1:] else self._transport.read_until(1, b"\x04"))
            raise self._refused(rest.partition(b"\x04")[0])
        return said

    def _refused(self, traceback: bytes) -> AgentError:
        """The last line of it: what the board died of."""
        last = (traceback.strip().splitlines() or [b"an error without a word"])[-1]
        if last.startswith(UNTYPED):
            return garbled(self.port, "heard")
        return BoardRefused(f"{self.port}: the board says: {_printable(last)}")

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
        self.at_prompt = False
        with self._stepping():
            self._line.begin(RUN_S)
            self._transport.exec_raw_no_follow(code)
        self.close()

    def restart(self, seconds: float | None = None) -> str:
        """A soft reset that starts the board's program; what it prints within START_S, or so many seconds."""
        self.at_prompt = False
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


def garbled(port: str, what: str = "said") -> Garbled:
    """What the board `said`, or `heard`, is not what was meant [a bad cable, a board that talks at the same time]."""
    return Garbled(f"{port}: what the board {what} came garbled; see to the cable and give the same command again")


def _printable(data: bytes) -> str:
    text = data.decode("utf-8", "replace")[:SAID_CHARS]
    return "".join(char if char.isprintable() else " " for char in text).strip()
