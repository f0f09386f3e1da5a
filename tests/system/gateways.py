"""A `byleave agent gateway` process for tests: started, killed, looked into."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

# Scripted devices have a contact each second; the limits are tested where they are.
_TOML = """ports = [{ports}]
[broker]
host = "127.0.0.1"
port = {port}
[spool]
folder = "{folder}"
most_bytes = {most_bytes}
[limits]
hellos_min = 60000.0
burst_hellos = 1000.0
changes_hour = 36000.0
burst_changes = 1000.0
frames_s = 20000.0
burst_frames = 20000.0
up_bytes_s = 1e6
up_burst_bytes = 1e6
raw_bytes_s = 1e7
raw_burst_bytes = 1e7
"""
STOP_S = 20.0
# As `fill_disk`, before the gateway begins. It asks for a limit that can be raised again.
_FULL = """
import os, resource, sys
most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (0, most))
os.execv(sys.argv[1], sys.argv[1:])
"""


class GatewayProcess:
    """One life of a gateway after the other, on one spool folder and one list of ports."""

    def __init__(
        self, folder: Path, ports: Sequence[Path | str], broker_port: int, *, most_bytes: int = 64 << 20
    ) -> None:
        self.spool = folder / "spool"
        self.log = folder / "gateway.log"
        self.config = folder / "gateway.toml"
        names = ", ".join(f'"{port}"' for port in ports)
        self.config.write_text(
            _TOML.format(ports=names, port=broker_port, folder=self.spool, most_bytes=most_bytes), encoding="utf-8"
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.options: list[str] = []

    def command(self) -> list[str]:
        """What starts one."""
        return [sys.executable, "-m", "agent", "agent", "gateway", "--config", str(self.config)]

    def start(self) -> None:
        """A new life; it says into `log` what it says."""
        assert self.process is None
        with self.log.open("ab") as log:
            command = [*self.command(), *self.options]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start_on_a_full_disk(self) -> None:
        """The same where no file takes a byte from the first moment on; a log is no file there, and is left out."""
        assert self.process is None
        bound = [sys.executable, "-c", _FULL, *self.command()]
        self.process = subprocess.Popen(
            bound, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit code."""
        process, self.process = self.process, None
        assert process is not None
        process.send_signal(how)
        return process.wait(STOP_S)

    def alive(self) -> bool:
        """It has not ended by itself."""
        return self.process is not None and self.process.poll() is None

    def said(self) -> str:
        """All that its lives have said."""
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def status(self) -> str:
        """What it tells a person who asks, as JSON."""
        done = subprocess.run(
            [*self.command(), "--status", "--json"], capture_output=True, text=True, timeout=STOP_S, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fill_disk(self, full: bool) -> None:
        """From now on no file takes a byte, or takes them again: as on a full disk, for this process alone (setrlimit(2))."""
        _, most = resource.prlimit(self.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (0 if full else most, most))

    def files(self) -> dict[str, bytes]:
        """Whatever lies in its spool folder."""
        return {str(path): path.read_bytes() for path in sorted(self.spool.rglob("*")) if path.is_file()}

    def waiting(self) -> int:
        """Envelopes in its spool, as it says itself."""
        return int(json.loads(self.status())["spool_envelopes"])

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It stands still for a moment."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def memory(self) -> Iterator[bytes]:
        """What it can write: heap, stack and all else, piece by piece; nothing but on Linux."""
        if not Path("/proc/self/mem").exists():
            return
        with Path(f"/proc/{self.pid}/mem").open("rb", buffering=0) as memory:
            for row in Path(f"/proc/{self.pid}/maps").read_text().splitlines():
                span, rights, *_ = row.split()
                start, end = (int(address, 16) for address in span.split("-"))
                if rights.startswith("rw"):
                    memory.seek(start)
                    with contextlib.suppress(OSError):  # a device's registers
                        yield memory.read(end - start)


@contextlib.contextmanager
def a_gateway(
    folder: Path,
    ports: Sequence[Path | str],
    broker_port: int,
    *,
    most_bytes: int = 64 << 20,
    options: Sequence[str] = (),
    full_disk: bool = False,
) -> Iterator[GatewayProcess]:
    """One that runs, and ends with the block in order, if it still lives."""
    gateway = GatewayProcess(folder, ports, broker_port, most_bytes=most_bytes)
    gateway.options = list(options)
    if full_disk:
        gateway.start_on_a_full_disk()
    else:
        gateway.start()
    try:
        yield gateway
    finally:
        if gateway.process is not None:
            status = gateway.stop() if gateway.alive() else gateway.process.returncode
            assert status == 0, gateway.said()[-3000:]
