"""Standard streams that may be closed, full, gone, or of another encoding: no command fails in its midst by them.

A board is left in order whatever becomes of what is printed; who reads it is told what could not be written.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import IO, Any

from agent.errors import AgentError


class OutputLost(AgentError):  # noqa: N818 - as the findings of agent.errors
    """Standard output takes nothing, a full disk for instance."""


class _Guarded(io.FileIO):
    """A descriptor. Where it `must` be written, the first time that it cannot be raises OutputLost, or BrokenPipeError where
    nobody reads any more, and nothing is written from then on; else that piece alone is lost.
    """

    def __init__(self, descriptor: int, *, must: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._must, self._gone = must, False

    def write(self, data: Any) -> int:
        """Bytes that were written, or given up."""
        if self._gone or not len(data):  # some ask by a write of nothing what kind of stream it is
            return len(data)
        try:
            return super().write(data)  # None where it would block, which BufferedWriter understands
        except OSError as error:
            if not self._must:
                return len(data)
            self._gone = True  # what is buffered is tried again at the end [a second traceback, exit code 120]
            if error.errno == errno.EPIPE:
                raise
            raise OutputLost(
                f"standard output takes nothing ({os.strerror(error.errno or 0)}); what was to be done at the board is "
                "done as far as it came, and only the words of it are lost"
            ) from None


def prepare() -> None:
    """Gives each of the three descriptors and streams that is closed the null device, and guards the other two outputs.

    First of all, before anything is opened [a serial port, or a file, that gets the number of a closed standard output has
    whatever is printed in it]. Streams that somebody has put in their place already are left alone.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - for as long as the process
    if os.name != "posix":
        return  # a console is no file there
    if not os.environ.get("TERM"):
        os.environ["TERM"] = "dumb"  # nobody knows what a terminal of no name obeys
    if sys.stdout is None or sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.stdout, must=True)
    if sys.stderr is None or sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.stderr, must=False)


def _stream(descriptor: int, instead_of: Any, *, must: bool) -> io.TextIOWrapper:
    """What cannot be written in the locale's encoding is written as its number. Unbuffered where it was (`python -u`)."""
    raw, at_once = _Guarded(descriptor, must=must), bool(getattr(instead_of, "write_through", False))
    return io.TextIOWrapper(
        raw if at_once else io.BufferedWriter(raw),
        encoding=getattr(instead_of, "encoding", None) or "utf-8",
        errors="backslashreplace",
        line_buffering=not must or bool(getattr(instead_of, "line_buffering", False)),
        write_through=at_once,
    )


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether a person sits there; False for a stream that is closed."""
    return stream is not None and not stream.closed and stream.isatty()
