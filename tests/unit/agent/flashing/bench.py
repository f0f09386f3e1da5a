"""A board on a bench that takes a release: its flash, its file system and its start, behind a prompt as MicroPython's.

What is typed there is the agent's own; it runs under CPython, with the modules that it imports as this board has them. `slots` and
`main.py` are the firmware's own sources. Everything is in memory: a copy of the board is a copy of its bytes, and a try takes some
milliseconds. What the real interpreter does with it is for tests/system/test_shell_flash.py.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import threading
import types
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from agent.flashing.released import Release
from agent.release.stated import stated
from hw_sim.shell.prompt import CTRL_C, Act, Command
from tests.unit.agent.enrolment.bench import Bench
from tests.unit.firmware.device import Flash
from tests.unit.firmware.nor import PAGE_BYTES, Nor, Supply

FIRMWARE = Path(__file__).parents[4] / "firmware"
NOTHING, FACTORY, HALF = "nothing", "factory", "half of one"
FOLDER = 0x4000
SPOOL_SECTORS = 2


class PowerOff(BaseException):
    """The program's supply is gone."""


class Segment(Nor):
    """Takes several pages at once, as the ports do: one operation each."""

    def writeblocks(self, block: int, buf: bytes, offset: int = 0) -> int:
        """As Nor."""
        for at in range(0, len(buf), PAGE_BYTES):
            super().writeblocks(block, bytes(buf[at : at + PAGE_BYTES]), offset + at)
        return 0


@dataclass(frozen=True)
class Durable:
    """What of a board outlives its power."""

    segment: bytes
    regions: tuple[bytes, ...]
    files: frozenset[tuple[str, bytes]]
    folders: frozenset[str]


class Writing(io.BytesIO):
    """A file that is being written: littlefs shows nothing of it before it is closed."""

    def __init__(self, board: Board, name: str) -> None:
        super().__init__()
        self._board, self._name = board, name
        board.files.setdefault(name, b"")

    def close(self) -> None:
        """It is there."""
        if not self.closed and not self._board.off:
            self._board.files[self._name] = self.getvalue()
        super().close()


class Board(Bench):
    """One board. `sectors`: of its ROMFS segment, 0 for none; `built`: `main.py`, `slots` and a release are built in.

    `releases`: those that it may hold, by which a start is known. `enrolled`: its raw regions hold what is a person's.
    """

    def __init__(self, releases: list[Release], *, sectors: int, built: bool, enrolled: bool) -> None:
        super().__init__(Flash(Supply(), 1024, spool_sectors=SPOOL_SECTORS))
        self.segment = Segment(sectors)
        self.segment.data[:] = b"\xff" * len(self.segment.data)
        if not enrolled:
            for region in self.regions:
                region.data[:] = b"\xff" * len(region.data)
        self.files: dict[str, bytes] = {}
        self.folders: set[str] = set()
        self.built, self.releases, self.off = built, releases, False
        self.frames: list[tuple[int, int]] = []  # (sent, heard) before each write of the host
        self._typed = bytearray()
        self._interrupt = False
        self._waiting: threading.Thread | None = None
        self._turns = [threading.Semaphore(0), threading.Semaphore(0)]  # of the program, of the host
        self._error = b""
        self.mounted = b""
        self.python = "micropython"
        self.talks = b""  # said behind each line that a program prints, by nobody who was asked
        self._fresh()

    @property
    def regions(self) -> tuple[Nor, ...]:
        """Keys, rules, spool."""
        return self.flash.keys, self.flash.rules, self.flash.spool

    # --- copies

    def durable(self) -> Durable:
        """A copy."""
        regions = tuple(bytes(region.data) for region in self.regions)
        return Durable(bytes(self.segment.data), regions, frozenset(self.files.items()), frozenset(self.folders))

    def restore(self, state: Durable) -> None:
        """Power on a board that holds that, at its prompt."""
        self.power_off()
        self.segment.data[:] = state.segment
        for region, data in zip(self.regions, state.regions, strict=True):
            region.data[:] = data
        self.files, self.folders = dict(state.files), set(state.folders)
        self.plug(power=True)
        self.frames.clear()

    def power_off(self) -> None:
        """Its program is gone, and what it had not stored."""
        self.off = True
        if self._waiting is not None:
            self._turn_of_program()
        self.off = False
        self._typed.clear()
        self._fresh()

    # --- the prompt

    def receive(self, data: bytes) -> None:
        """Bytes of the host; those behind the pull are lost."""
        self.frames.append((self.sent, self.heard))
        room = self._most_sent - self.sent
        rest = data[:room]
        while rest:
            n = self._listens(rest) if self._waiting is not None else self.prompt.take_text(rest)
            if not n:
                n = 1
                self._take(rest[0])
            self.sent += n
            rest = rest[n:]
        if len(data) > room or self.sent >= self._most_sent:
            self._pulled()

    def _listens(self, data: bytes) -> int:
        """How many bytes a program took that waits for some; Ctrl-C stops it."""
        if data[0] == CTRL_C:
            self._interrupt = True
            self._turn_of_program()
            return 1
        part = data[: self._wanted - len(self._typed)].partition(bytes([CTRL_C]))[0]
        self._typed += part
        if len(self._typed) >= self._wanted:
            self._turn_of_program()
        return len(part)

    def _take(self, byte: int) -> None:
        command = self.prompt.take(byte)
        if command is not None:
            self._do(command)

    def _do(self, command: Command) -> None:
        if command.act is Act.RESET:
            super()._do(command)
            self._fresh()
            return
        text = command.text.decode()
        if text.rstrip().endswith("take()") or "\n take()" in text:
            self._waiting = threading.Thread(target=self._beside, args=(text,), daemon=True)
            self._waiting.start()
            self._turn_of_host()
        else:
            self._error = self._run(text)
            self._ended()

    def _ended(self) -> None:
        self.prompt.finished(self._error)
        left = bytes(self._typed)
        self._typed.clear()
        for byte in left:  # what was meant for the program comes to the prompt
            self._take(byte)

    def _run(self, text: str) -> bytes:
        try:
            exec(compiled(text), self.scope)  # noqa: S102 - the programs are the agent's own
        except KeyboardInterrupt:
            return b"Traceback (most recent call last):\r\nKeyboardInterrupt: \r\n"
        except Exception as error:
            return f"Traceback (most recent call last):\r\n{type(error).__name__}: {error}\r\n".encode()
        return b""

    # --- a program that takes pieces runs beside the host, one of the two at a time

    def _beside(self, text: str) -> None:
        with contextlib.suppress(PowerOff):
            self._error = self._run(text)
        self._waiting = None
        self._turns[1].release()

    def _turn_of_program(self) -> None:
        self._turns[0].release()
        self._turn_of_host()

    def _turn_of_host(self) -> None:
        self._turns[1].acquire()
        if self._waiting is None and not self.off:
            self._ended()

    def _readinto(self, room: bytearray | memoryview) -> None:
        self._wanted = len(room)
        while len(self._typed) < self._wanted:
            self._turns[1].release()
            self._turns[0].acquire()
            if self.off:
                raise PowerOff
            if self._interrupt:
                self._interrupt = False
                raise KeyboardInterrupt
        room[:] = self._typed[: len(room)]
        del self._typed[: len(room)]

    # --- the interpreter

    def _fresh(self) -> None:
        """After a reset: nothing is imported, nothing mounted."""
        place = ["/rom", "/rom/lib"] if self.segment.sectors else []
        line = types.SimpleNamespace(readinto=self._readinto, write=self._out.extend)
        own = types.SimpleNamespace(buffer=line)
        self._sys = types.SimpleNamespace(
            path=["", ".frozen", *place, "/lib"],
            modules={},
            stdin=own,
            stdout=own,
            implementation=Implementation(self.python),
        )
        self.mounted = b""
        self._modules = self._own_modules()
        self._builtins = vars(builtins) | {"__import__": self._import, "open": self._open, "print": self._print}
        self.scope = {"__builtins__": self._builtins}

    def _own_modules(self) -> dict[str, Any]:
        board = "Generic ESP32S3 module with ESP32S3"
        finds = {f"bl_{name}": region for name, region in zip(("keys", "rules", "spool"), self.regions, strict=True)}
        partition = types.SimpleNamespace
        found = {
            "sys": self._sys,
            "gc": types.SimpleNamespace(
                collect=lambda: 0, mem_free=lambda: 200_000, mem_alloc=lambda: 200_000, threshold=lambda n: 0
            ),
            "os": types.SimpleNamespace(
                uname=lambda: ("esp32", "", "1.29.0", "", board),
                statvfs=lambda place: (4096, 4096, 256, 200, 200),
                listdir=lambda place="/": [row[0] for row in self._listed(place)],
                ilistdir=self._listed,
                **{name: getattr(self, f"_{name}") for name in ("mkdir", "rmdir", "remove", "rename")},
            ),
            "time": partition(sleep=lambda seconds: None),
            "machine": partition(WDT=lambda **_: partition(feed=lambda: None), Timer=lambda *_, **__: None),
            "deflate": types.SimpleNamespace(DeflateIO=Inflated, RAW=1),
            "vfs": types.SimpleNamespace(),
            "esp32": types.SimpleNamespace(Partition=Partitions(finds, self.segment)),
        }
        if self.segment.sectors:
            rom = {
                "rom_ioctl": lambda op, segment: memoryview(self.segment.data),
                "VfsRom": bytes,
                "mount": self._mount,
            }
            found["vfs"] = types.SimpleNamespace(**rom)
        return found

    def _mount(self, image: bytes, at: str) -> None:
        self.mounted = image

    def _import(self, name: str, scope: Any = None, local: Any = None, names: Any = (), level: int = 0) -> Any:
        if name in self._modules:
            return self._modules[name]
        if name == "slots" or name.split(".", maxsplit=1)[0] == "firmware":
            if name not in self._sys.modules:
                self._sys.modules[name] = self._slots() if name == "slots" else self._firmware(name)
            return self._sys.modules[name]
        if name in ("json", "binascii", "io", "hashlib", "struct"):
            return __import__(name, scope, local, names, level)
        raise ImportError(name)

    def _slots(self) -> Any:
        for place in self._sys.path:
            data = self.files.get(f"{place.rstrip('/')}/slots.mpy")
            if place == ".frozen" and self.built:
                break
            if data is not None:
                if data not in [release.files["slots.mpy"] for release in self.releases]:
                    raise ValueError("incompatible .mpy file")
                break
        else:
            raise ImportError("slots")
        module = types.SimpleNamespace()
        module.__dict__.update(__name__="slots", __builtins__=self._builtins)
        exec(source("slots.py"), module.__dict__)  # noqa: S102 - the firmware's own
        return module

    def _firmware(self, name: str) -> Any:
        """Which release is found along the path: its version, or an app that says its name."""
        for place in self._sys.path:
            if place == "/slot" and self.mounted:
                found = next((release for release in self.releases if release.image == self.mounted), None)
                return self._module(name, found.version if found else HALF, found.security if found else 0)
            if place == ".frozen" and self.built:
                return self._module(name, FACTORY, 0)
            data = self.files.get(f"{place.rstrip('/')}/firmware/version.mpy")
            if data is not None:
                return self._module(name, self.folder_holds(place), int(str(stated(data)["SECURITY"])))
        raise ImportError(name)

    def folder_holds(self, place: str) -> str:
        """Version of the release whose files, all of them and no other, lie in that folder."""
        there = {name[len(place) + 1 :]: data for name, data in self.files.items() if name.startswith(place + "/")}
        for release in self.releases:
            if there == {name: data for name, data in release.files.items() if name != "main.py"}:
                return release.version
        return HALF

    def _module(self, name: str, version: str, security: int) -> Any:
        def begin(slot: int, state: int, least: int) -> None:
            self.began = (state, least)

        def main() -> None:
            self.runs = version

        update = types.SimpleNamespace(begin=begin)
        return types.SimpleNamespace(VERSION=version, SECURITY=security, update=update, main=main, begin=begin)

    def start(self) -> str:
        """A start: what runs, and in `began` the state of an update with the lowest security version that may run."""
        self._fresh()
        self.runs, self.began = NOTHING, (0, 0)
        text = self.files.get("/main.py", b"" if not self.built else (FIRMWARE / "main.py").read_bytes())
        if text:
            exec(compiled(text.decode()), {"__builtins__": self._builtins})  # noqa: S102 - the firmware's own
        self._fresh()
        return self.runs

    # --- its file system

    def _open(self, name: str, mode: str = "r") -> Any:
        if "w" in mode:
            self._folder_of(name)
            return Writing(self, name)
        if name not in self.files:
            raise OSError(2, name)
        data = self.files[name]
        return io.BytesIO(data) if "b" in mode else io.StringIO(data.decode())

    def _folder_of(self, name: str) -> None:
        if (folder := name.rpartition("/")[0]) and folder not in self.folders:
            raise OSError(2, folder)

    def _listed(self, place: str = "/") -> Iterator[tuple[str, int, int]]:
        base = place.rstrip("/")
        if base and base not in self.folders:
            raise OSError(2, place)
        rows = [(name, FOLDER) for name in self.folders] + [(name, 0x8000) for name in self.files]
        yield from ((n.rpartition("/")[2], kind, 0) for n, kind in sorted(rows) if n.rpartition("/")[0] == base)

    def _mkdir(self, name: str) -> None:
        self._folder_of(name)
        if name in self.folders:
            raise OSError(17, name)
        self.folders.add(name)

    def _rmdir(self, name: str) -> None:
        if any(self._listed(name)):
            raise OSError(39, name)
        self.folders.remove(name)

    def _remove(self, name: str) -> None:
        if self.files.pop(name, None) is None:
            raise OSError(2, name)

    def _rename(self, old: str, new: str) -> None:
        if old not in self.files:
            raise OSError(2, old)
        self.files[new] = self.files.pop(old)

    def _print(self, *words: object, end: str = "\n") -> None:
        self._out += (" ".join(map(str, words)) + end).replace("\n", "\r\n").encode() + self.talks


class Implementation(tuple[str]):
    """sys.implementation."""

    __slots__ = ()
    _mpy = 6

    def __new__(cls, name: str) -> Implementation:
        """A tuple that begins with the name."""
        return super().__new__(cls, (name,))


class Partitions:
    """esp32.Partition."""

    TYPE_DATA = 1

    def __init__(self, found: dict[str, Nor], segment: Segment) -> None:
        self._found, self._segment = found, segment

    def __call__(self, label: str) -> Segment:
        """The one of that name."""
        if not self._segment.sectors:
            raise OSError(2, label)
        return self._segment

    def find(self, kind: int, label: str) -> list[Nor]:
        """Those of that name."""
        return [self._found[label]]


class Inflated(io.BytesIO):
    """deflate.DeflateIO, for reading."""

    def __init__(self, stream: io.BytesIO, form: int, wbits: int) -> None:
        try:
            super().__init__(zlib.decompressobj(-wbits).decompress(stream.read()))
        except zlib.error as error:
            raise OSError(22) from error


@cache
def compiled(text: str) -> types.CodeType:
    """What is typed again and again."""
    return compile(text, "<stdin>", "exec")


@cache
def source(name: str) -> types.CodeType:
    """A file of the firmware."""
    return compile((FIRMWARE / name).read_text(), name, "exec")
