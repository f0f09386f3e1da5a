"""The interpreter beneath a board: the real MicroPython, started, listened to and stopped."""

import contextlib
import fcntl
import os
import select
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hw_sim.errors import ChildFailed, ChildSilent
from hw_sim.interpreter.rom import Rom
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.starting import VARIABLE, Start, find_interpreter, start

__all__ = ["ANSWER", "DATA_LIMIT_BYTES", "REQUEST", "SHIMS", "VARIABLE", "Child", "Request", "find_interpreter"]

SHIMS = Path(__file__).with_name("shims")
REQUEST = struct.Struct(_ops.REQUEST)
ANSWER = struct.Struct(_ops.ANSWER)
DATA_LIMIT_BYTES = 1 << 20  # a request of a 192 KiB heap is never larger; a wild length must not fill the host's memory
LIVE_BYTES = 4096  # of the pipe for what a live program prints: one page, the least there is


@dataclass(frozen=True)
class Request:
    """One request of the program on the board (`shims/_ops.py`)."""

    op: int
    spent_us: int
    a: int
    b: int
    data: bytes


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
        mapped = _file_of(segment) if segment and interpreter.maps else None
        files = (out_write, from_host, to_host, *([mapped.fileno()] if mapped else []))
        places = [*map(str, roms), "" if segment is None else "-"]
        try:
            self._process = start(interpreter, Start(heap_bytes, SHIMS / "_start.py", places, files))
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
