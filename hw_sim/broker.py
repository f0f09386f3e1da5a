"""A real MQTT broker of one's own on loopback: mosquitto, or the one that pip installs."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal, Self

from hw_sim.errors import HwSimError

Kind = Literal["mosquitto", "iotcore"]
HOST = "127.0.0.1"
START_S = 5.0  # a broker is up in 50 ms; a loaded machine gets a hundred times that
TRIES = 3  # the free port may be taken between asking and listening

_MOSQUITTO = """listener {port} {host}
allow_anonymous true
persistence false
set_tcp_nodelay true
log_type error
log_type warning
"""


class NoBroker(HwSimError):  # noqa: N818 - reads as the finding it is
    """No MQTT broker on this machine, or it does not start."""


def mosquitto() -> str | None:
    """Path of mosquitto; Debian keeps it in /usr/sbin, which a user's path may lack."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def iotcore() -> bool:
    """The broker from pip is installed."""
    with contextlib.suppress(ImportError):
        import iotcore as package

        return package is not None
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=0.2):
        return True
    return False


class Broker:
    """A running broker; a context manager that stops it. It takes anybody on loopback and keeps nothing."""

    host = HOST

    def __init__(self, kind: Kind, port: int) -> None:
        self.kind, self.port = kind, port
        self._resources = contextlib.ExitStack()
        try:
            if kind == "mosquitto":
                self._start_mosquitto()
            else:
                self._start_iotcore()
        except BaseException:
            self._resources.close()
            raise

    @classmethod
    def start(cls, kind: Kind | None = None) -> Self:
        """Starts the broker of that kind, or the best that is installed, on a free port; NoBroker if there is none."""
        if kind is None:
            kind = "mosquitto" if mosquitto() else "iotcore"
        if kind == "mosquitto" and mosquitto() is None:
            raise NoBroker("no mosquitto: apt install mosquitto, or brew install mosquitto")
        if kind == "iotcore" and not iotcore():
            raise NoBroker("no MQTT broker: apt install mosquitto, or pip install iotcore")
        for _ in range(TRIES - 1):
            with contextlib.suppress(NoBroker):
                return cls(kind, _free_port())
        return cls(kind, _free_port())

    def _start_mosquitto(self) -> None:
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="byleave-broker-")))
        folder.chmod(0o755)  # mosquitto started by root reads its file as another user
        path = folder / "mosquitto.conf"
        path.write_text(_MOSQUITTO.format(port=self.port, host=HOST))
        process = subprocess.Popen(  # noqa: S603 - the broker found on this machine
            [mosquitto() or "mosquitto", "-c", str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        self._resources.callback(_end, process)
        until = time.monotonic() + START_S
        while not _answers(self.port):
            if process.poll() is not None or time.monotonic() > until:
                raise NoBroker(f"mosquitto does not start: {_complaint(process)}")
            time.sleep(0.01)

    def _start_iotcore(self) -> None:
        from iotcore import Broker as Rumqttd

        broker = Rumqttd(listen=HOST, port=self.port)
        try:
            broker.start()
        except (OSError, RuntimeError, TimeoutError) as error:
            raise NoBroker(f"iotcore does not start: {error}") from error
        self._resources.callback(broker.stop)

    def stop(self) -> None:
        """Stops it; connections break."""
        self._resources.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stderr is not None:
        process.stderr.close()


def _complaint(process: "subprocess.Popen[bytes]") -> str:
    process.terminate()
    _, said = process.communicate()
    return said.decode("utf-8", "replace").strip() or f"exit code {process.returncode}"
