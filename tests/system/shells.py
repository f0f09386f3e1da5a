"""What the tests of the shell share: a running one, mpremote at it, and somebody who types."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.service import CloudSync, SystemClock
from hw_sim.demo.stage import POLICY
from hw_sim.errors import NoInterpreter
from hw_sim.interpreter.child import find_interpreter
from hw_sim.network.broker import Broker

WAIT_S = 20.0
SPEED = 20  # virtual seconds in a real one: the wipe of a spool takes 6


class Shell:
    """A running `byleave sim shell`."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "agent", "sim", "shell", "--json", "--speed", str(SPEED), *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.port: str = json.loads(line)["port"]

    def mpremote(self, *words: str, status: int = 0) -> str:
        """What the real mpremote prints."""
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    @contextlib.contextmanager
    def typing(self) -> Iterator[Typist]:
        """Somebody at the friendly prompt."""
        with serial.Serial(self.port, timeout=0.05, exclusive=True) as line:
            typist = Typist(line)
            line.write(b"\x03\x02")
            typist.hear('Type "help()" for more information.\r\n>>> ')
            yield typist

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Ends it; its exit code."""
        self.process.send_signal(how)
        status = self.process.wait(timeout=WAIT_S)
        self.process.communicate()
        return status


class Typist:
    """A serial line at the prompt."""

    def __init__(self, line: serial.Serial) -> None:
        self._line = line

    def type(self, text: str, *, until: str = "\r\n>>> ") -> str:
        """Types it, and hears what comes up to `until`."""
        self._line.write(text.encode())
        return self.hear(until)

    def hear(self, until: str) -> str:
        """What comes, up to `until`."""
        end, said = time.monotonic() + WAIT_S, b""
        while until.encode() not in said:
            assert time.monotonic() < end, said[-500:]
            said += self._line.read(4096)
        return said.decode("utf-8", "replace")


@contextlib.contextmanager
def running(*options: str) -> Iterator[Shell]:
    """A shell that ends with the block, in order; skips where there is no interpreter."""
    try:
        find_interpreter()
    except NoInterpreter as missing:
        pytest.skip(str(missing))
    shell = Shell(*options)
    try:
        yield shell
    finally:
        if shell.process.poll() is None:
            assert shell.stop() == 0


@contextlib.contextmanager
def serving(folder: Path, broker: Broker) -> Iterator[CloudSync]:
    """A real server with its stores in that folder, connected to a real broker, by the host's clock."""
    config = Config.in_directory(folder, policy=POLICY, broker=BrokerConfig(host=broker.host, port=broker.port))
    with CloudSync.open(config, clock=SystemClock()) as server:
        server.start()
        assert server.wait_connected(WAIT_S)
        yield server
