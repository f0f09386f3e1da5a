"""A board on a bench: the firmware's own modules over simulated flash, behind a prompt as MicroPython's, at the end of a cable
that can be pulled at any byte. Time stands still, and nothing runs beside: each try is a few milliseconds.
"""

from __future__ import annotations

import builtins
import contextlib
import gc
import io
import os
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.board import console, programs, typed
from agent.enrolment import enrolment, invited
from agent.reset.factory import RESET
from firmware import boards
from firmware.flash.recordlog import RecordLog
from firmware.flash.region import RawRegion
from firmware.keystore import SLOT_BYTES, KeyStore
from hw_sim.shell.prompt import Act, Command, Prompt
from tests.unit.firmware import aes_provider
from tests.unit.firmware.device import Flash
from tests.unit.firmware.nor import PowerCut, Supply

ENDLESS = 1 << 30
RESTARTED = b"MPY: soft reboot\r\n"


class Pulled(OSError):  # noqa: N818 - it is an event
    """The cable is gone, as pyserial says it."""


class Bench:
    """One board. `pull(sent, heard)` pulls its cable once so many bytes have come from the host, or gone there. `bites`: a watchdog
    runs that nobody feeds.

    `typed`: programs that ran; `before` hears of each first, and may end it. `noise` stands before each answer, `talks_at` is the
    byte of the host at which the board says one of its own. `flips`: the byte of the host, that of the board, and which of its bits
    the line changes. `away`: the cable is pulled; `plug` plugs it in.
    """

    NAME = "esp32s3"

    def __init__(self, flash: Flash | None = None) -> None:
        self.flash = flash or Flash(Supply(), 1024, spool_sectors=4)
        self.settings: dict[str, Any] = {}
        self.typed: list[str] = []
        self.noise = b""
        self.scope: dict[str, Any] = {}
        self.sent = self.heard = 0
        self.started = self.resets = 0
        self.bites = False
        self._most_sent = self._most_heard = ENDLESS
        self.away = False
        self._out = bytearray()
        self.prompt = Prompt(self._out.extend)
        self.talks_at: int | None = None
        self.flips: tuple[int | None, int | None, int] = (None, None, 0)
        self.before: Callable[[str], None] = lambda program: None

    # What firmware.enrol asks of a board.

    def region(self, label: str) -> RawRegion:
        """A raw region."""
        return RawRegion(getattr(self.flash, label))

    def save_settings(self, settings: dict[str, Any]) -> None:
        """One step, like the rename in its file system."""
        self.flash.supply.spend()
        self.settings = settings

    def random(self, n: int) -> bytes:
        """Random bytes."""
        return os.urandom(n)

    def reset_cause(self) -> int:
        """Power-on."""
        return 0

    def battery_mv(self) -> int:
        """A full one."""
        return 4100

    # The cable.

    def pull(self, *, sent: int = ENDLESS, heard: int = ENDLESS) -> None:
        """Counted from now."""
        self.sent = self.heard = 0
        self._most_sent, self._most_heard = sent, heard

    def plug(self, *, power: bool = False) -> None:
        """The cable is back; `power`: the board had none meanwhile."""
        self.away, self.talks_at, self.flips = False, None, (None, None, 0)
        self.pull()
        self._out.clear()
        if power:
            self.flash.supply.restart()
            self.scope = {}
            self.prompt.restart(soft=False)

    def open(self, *_: object, **__: object) -> Cable:
        """What pyserial gives for its port."""
        if self.away:
            raise Pulled("no such device")
        return Cable(self)

    def receive(self, data: bytes) -> None:
        """Bytes of the host; those behind the pull are lost."""
        room = self._most_sent - self.sent
        for meant in data[:room]:
            self.sent += 1
            byte = meant ^ (self.flips[2] if self.sent == self.flips[0] else 0)
            if self.sent == self.talks_at:
                self._out += b"E"
            command = self.prompt.take(byte)
            if command is not None:
                self._do(command)
        if len(data) > room or self.sent >= self._most_sent:
            self._pulled()

    def answer(self, size: int) -> bytes:
        """Bytes for the host, at most so many."""
        if self.away:
            raise Pulled("gone")
        size = min(size, self._most_heard - self.heard)
        data = bytes(self._out[:size])
        del self._out[:size]
        if self.flips[1] is not None and self.heard < self.flips[1] <= self.heard + len(data):
            at = self.flips[1] - self.heard - 1
            data = data[:at] + bytes([data[at] ^ self.flips[2]]) + data[at + 1 :]
        self.heard += len(data)
        if self.heard >= self._most_heard:
            self._pulled()
        return data

    @property
    def waiting(self) -> int:
        """Bytes that the host could read."""
        if self.away:
            raise Pulled("gone")
        return len(self._out)

    def _pulled(self) -> None:
        self.away = True
        raise Pulled("gone")

    # The interpreter.

    def _do(self, command: Command) -> None:
        if command.act is Act.RESET:
            self.scope = {}
            self._out += RESTARTED
            self.prompt.restart(soft=True)
            if not self.prompt.raw:
                self._starts()
            self.prompt.greet()
            return
        if command.text == RESET.encode():
            self.resets += 1
            self.scope, self.bites = {}, False
            self._out.clear()
            self.prompt.restart(soft=False)
            self._starts()
            return
        try:
            error = self._run(command.text.decode())
        except UnicodeDecodeError:
            error = b"UnicodeError: \r\n"
        except PowerCut:
            self._pulled()
        self.prompt.finished(error)

    def _starts(self) -> None:
        self.started += 1
        if self.keys.enrolled:  # its program feeds
            self.bites = False

    def _import(self, name: str, *rest: Any, **more: Any) -> Any:
        """MicroPython's modules where CPython has none, or another."""
        if name == "gc":
            return types.SimpleNamespace(threshold=lambda n: None, collect=gc.collect)
        if name == "machine":
            return types.SimpleNamespace(WDT=self._watched, Timer=lambda *_, **__: None)
        if name == "os":
            return types.SimpleNamespace(urandom=os.urandom, uname=lambda: ("esp32",))
        return __import__(name, *rest, **more)

    def _watched(self, **_: Any) -> Any:
        self.bites = True
        return types.SimpleNamespace(feed=lambda: None)

    def _run(self, text: str) -> bytes:
        self.typed.append(text)
        said = io.StringIO()
        self.scope["__builtins__"] = vars(builtins) | {"__import__": self._import}
        try:
            self.before(text)
            if self.away:
                self._pulled()
            self._out += self.noise
            if text == programs.REACH:  # here they are where they are
                return b""
            if _alike(text, typed.WIPE):  # here the memory has no end, and a wipe with a bit changed would find none
                for name in "ek":
                    self.scope.pop(name, None)
                return b""
            with (
                contextlib.redirect_stdout(said),
                warnings.catch_warnings(action="ignore"),
            ):  # of programs with a bit changed
                exec(compile(text, "<stdin>", "exec"), self.scope)  # noqa: S102 - the programs are the agent's own
        except (PowerCut, Pulled):
            raise
        except Exception as error:
            return f"Traceback (most recent call last):\r\n{type(error).__name__}: {error}\r\n".encode()
        finally:
            self._out += said.getvalue().replace("\n", "\r\n").encode()
        return b""

    @property
    def keys(self) -> KeyStore:
        """The key store as a start finds it."""
        return KeyStore(RecordLog(self.region("keys"), SLOT_BYTES))


def _alike(text: str, program: str) -> bool:
    """It, or with one letter more, less or changed."""
    least = min(len(text), len(program))
    same = next((n for n in range(least) if text[n] != program[n]), least)
    return abs(len(text) - len(program)) <= 1 and text[same + 1 :][-9:] == program[same + 1 :][-9:]


class Cable:
    """An open port as pyserial's."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.timeout: float | None = None
        self.write_timeout: float | None = None
        self.rts = self.dtr = False

    def isOpen(self) -> bool:
        """It is."""
        return True

    @property
    def in_waiting(self) -> int:
        """Bytes to read."""
        return self._bench.waiting

    def inWaiting(self) -> int:
        """Bytes to read."""
        return self._bench.waiting

    def read(self, size: int = 1) -> bytes:
        """What is there."""
        return self._bench.answer(size)

    def write(self, data: bytes) -> int:
        """All of it."""
        if self._bench.away:
            raise Pulled("gone")
        self._bench.receive(data)
        return len(data)

    def close(self) -> None:
        """Lets it go."""


def plugged(one: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Puts it at the port "port"; a step that hears nothing more is over soon."""
    import serial

    aes_provider.install()
    monkeypatch.setattr(gc, "mem_free", lambda: 100_000, raising=False)
    monkeypatch.setattr(boards, "active", lambda: one)
    monkeypatch.setattr(serial, "serial_for_url", one.open)
    monkeypatch.setattr(console, "READ_S", 0.02)
    monkeypatch.setattr(console, "START_S", 0.0)
    monkeypatch.setattr(console, "RUN_S", 0.5)
    # Its interpreter knows no partitions: tests/unit/agent/enrolment/test_replacing.py is about what goes.
    for way in (invited, enrolment):
        monkeypatch.setattr(way, "empty", lambda prompt: prompt.hold())
    return one


def note_of(out: Path) -> Path:
    """The note beside an enrolment."""
    return out.with_name(out.name + ".unfinished")
