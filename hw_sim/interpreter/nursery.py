"""Starts of the wheel's interpreter: one process has it loaded and forks for each start of a board.

The wheel's interpreter is a library in a CPython process. To start that process and load the library takes ten times as long as
what a board does then, and a board that sleeps deeply starts anew each few minutes of its virtual time. What is forked has never
run a program, so each start is as the first; and it lies at the same addresses as the first.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from hw_sim.errors import NoInterpreter

# What is asked: a line "start" and what the program is given, with its files; or "wait PID". The answer: a number, 0 for not yet.
_ANSWER = struct.Struct("<qi")
_LIMIT_BYTES = 1 << 16
_WAIT_STEP_S = 0.002
# Files: standard output, requests, answers, then what the chip maps, where it maps anything. In a mapping place "-" is nothing.
_PROGRAM = """
import ctypes, gc, mmap, os, signal, socket, struct, sys
sys.path.insert(0, sys.argv[1])
from micropython_run import run_main

def mapped(path, kept):
    if path in ("", "-"):
        return path
    with open(path, "rb") as file:
        image = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    kept.append(ctypes.c_char.from_buffer(image))
    return "%d,%d" % (ctypes.addressof(kept[-1]), len(image))

def started(words, files):
    os.setsid()
    for target in (1, 2):
        os.dup2(files[0], target)
    os.close(files[0])
    kept, (heap, program, *places) = [], words
    if len(files) > 3:
        places[-1] = "/dev/fd/%d" % files[3]
    places = [mapped(path, kept) for path in places]
    if len(files) > 3:
        os.close(files[3])
    run_main(["micropython", "-X", "heapsize=" + heap, program, str(files[1]), str(files[2]), *places])

def serve(door):
    while True:
        message, files, _, _ = socket.recv_fds(door, 65536, 4)
        if not message:
            return
        verb, *words = message.decode().split("\\0")
        if verb == "wait":
            pid, status = os.waitpid(int(words[0]), os.WNOHANG)
            door.sendall(struct.pack("<qi", pid, status and os.waitstatus_to_exitcode(status)))
            continue
        pid = os.fork()
        if not pid:
            door.close()
            started(words, files)
            sys.exit()
        for file in files:
            os.close(file)
        door.sendall(struct.pack("<qi", pid, 0))

gc.freeze()
serve(socket.socket(fileno=int(sys.argv[2])))
"""


class Forked:
    """One start; as much of `subprocess.Popen` as a board needs."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self._nursery, self._pid = nursery, pid
        self._code: int | None = None

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, negative for a signal; TimeoutExpired when it runs on."""
        until_s = None if timeout is None else time.monotonic() + timeout
        while self._code is None:
            try:
                self._code = self._nursery.ended(self._pid)
            except NoInterpreter:  # who could tell has ended itself, and then only a kill brings one here
                self._code = -signal.SIGKILL
            if self._code is None:
                if until_s is not None and time.monotonic() > until_s:
                    raise subprocess.TimeoutExpired("micropython", timeout or 0.0)
                time.sleep(_WAIT_STEP_S)
        return self._code

    def send_signal(self, number: int) -> None:
        """To the program; nothing if it has ended. Until `wait` has seen its end, no other process has its number."""
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, number)

    def kill(self) -> None:
        """Ends it at once."""
        self.send_signal(signal.SIGKILL)


class Nursery:
    """The process that forks. It ends with the one that started it."""

    def __init__(self, command: Sequence[str], folder: str, environment: dict[str, str], at: Path) -> None:
        """`command` runs CPython's text after it; `folder`: where the wheel lies. NoInterpreter when it does not start."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the interpreter that was found
                    [*command, _PROGRAM, folder, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    env=environment,
                    cwd=at,
                    start_new_session=True,  # Ctrl-C of the user's terminal is not the board's
                )
            except OSError as error:
                ours.close()
                raise NoInterpreter(f"{command[0]} does not start: {error.strerror}") from error
        self._door, self._pid = ours, os.getpid()
        self._one_at_a_time = threading.Lock()
        atexit.register(self.close)

    @property
    def usable(self) -> bool:
        """It runs, and for this process [a fork of it has another one]."""
        return self._pid == os.getpid() and self._process.poll() is None

    def start(self, words: Sequence[str], files: Sequence[int]) -> Forked:
        """A start; `words`: heap in bytes, first program, places of images. NoInterpreter when there is none."""
        pid, _ = self._ask("\0".join(("start", *words)), files)
        return Forked(self, pid)

    def ended(self, pid: int) -> int | None:
        """Exit code of a start that has ended."""
        found, code = self._ask(f"wait\0{pid}", ())
        return code if found else None

    def _ask(self, question: str, files: Sequence[int]) -> tuple[int, int]:
        with self._one_at_a_time:
            try:
                socket.send_fds(self._door, [question.encode()], list(files))
                answer = self._door.recv(_ANSWER.size, socket.MSG_WAITALL)
            except OSError:
                answer = b""
        if len(answer) != _ANSWER.size:
            raise NoInterpreter("the process that starts interpreters has ended")
        pid, code = _ANSWER.unpack(answer)
        return pid, code

    def close(self) -> None:
        """Ends it, and it alone: a board that runs goes on until it is closed."""
        self._door.close()
        if self._pid == os.getpid():
            self._process.wait()
