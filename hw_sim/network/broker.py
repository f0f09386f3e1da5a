"""A real MQTT broker of one's own on loopback: mosquitto, the one that pip installs, or NATS with its MQTT."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Literal, Self

from hw_sim.errors import HwSimError

Kind = Literal["mosquitto", "iotcore", "nats"]
HOST = "127.0.0.1"
START_S = 5.0  # a broker is up in 50 ms; a loaded machine gets a hundred times that
TRIES = 3  # the free port may be taken between asking and listening

_MOSQUITTO = """listener {port} {host}
allow_anonymous true
set_tcp_nodelay true
log_type error
log_type warning
"""
_FORGETS = "persistence false\n"
_KEEPS = """persistence true
persistence_location {folder}/
persistence_file sessions.db
"""
_TLS = """listener {port} {host}
certfile {folder}/broker.pem
keyfile {folder}/broker.key
"""
_NATS = """server_name: byleave
listen: "{host}:-1"
jetstream {{ store_dir: "{folder}" }}
mqtt {{ listen: "{host}:{port}" }}
"""


class NoBroker(HwSimError):  # noqa: N818 - reads as the finding it is
    """No MQTT broker on this machine, or it does not start."""


def mosquitto() -> str | None:
    """Path of mosquitto; Debian keeps it in /usr/sbin, which a user's path may lack."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def nats() -> str | None:
    """Path of nats-server; Debian keeps it in /usr/sbin."""
    return shutil.which("nats-server") or shutil.which("nats-server", path="/usr/sbin:/usr/local/sbin")


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
    """A running broker; a context manager that stops it. It takes anybody on loopback.

    `tls` are certificate and key as PEM: mosquitto then listens on `tls_port` too. With `persistent` mosquitto keeps
    sessions, and what waits in them, over a `restart`; else nothing outlives it.
    """

    host = HOST

    def __init__(
        self, kind: Kind, port: int, tls: tuple[bytes, bytes] | None = None, *, persistent: bool = False
    ) -> None:
        if persistent and kind != "mosquitto":
            raise NoBroker(f"{kind} keeps no sessions here: apt install mosquitto")
        self.kind, self.port, self.persistent = kind, port, persistent
        self._process: subprocess.Popen[bytes] | None = None
        self._command: list[str] = []
        self._sessions: Path | None = None
        self.tls_port = _free_port() if tls else 0
        self._tls = tls
        self._resources = contextlib.ExitStack()
        self.start_again()

    def start_again(self) -> None:
        """After `stop`, on its port, as one that knows nothing; the certificate's port stays too."""
        try:
            if self.kind == "mosquitto":
                self._start_mosquitto()
            elif self.kind == "nats":
                self._start_nats()
            else:
                self._start_iotcore()
        except BaseException:
            self.stop()
            raise

    @classmethod
    def start(
        cls, kind: Kind | None = None, tls: tuple[bytes, bytes] | None = None, *, persistent: bool = False
    ) -> Self:
        """Starts the broker of that kind, or the best that is installed, on a free port; NoBroker if there is none."""
        if kind is None:
            kind = "mosquitto" if mosquitto() else "iotcore"
        if kind == "mosquitto" and mosquitto() is None:
            raise NoBroker("no mosquitto: apt install mosquitto, or brew install mosquitto")
        if kind == "iotcore" and not iotcore():
            raise NoBroker("no MQTT broker: apt install mosquitto, or pip install iotcore")
        if kind == "nats" and nats() is None:
            raise NoBroker("no nats-server: apt install nats-server")
        for _ in range(TRIES - 1):
            with contextlib.suppress(NoBroker):
                return cls(kind, _free_port(), tls, persistent=persistent)
        return cls(kind, _free_port(), tls, persistent=persistent)

    def _start_mosquitto(self) -> None:
        folder = self._folder()
        text = _MOSQUITTO.format(port=self.port, host=HOST) + (
            _KEEPS.format(folder=folder) if self.persistent else _FORGETS
        )
        if self.persistent:
            self._sessions = folder / "sessions.db"
            text += "user root\n" * (os.geteuid() == 0)  # else it becomes another user, who may not write there
        if self._tls:
            (folder / "broker.pem").write_bytes(self._tls[0])
            (folder / "broker.key").write_bytes(self._tls[1])
            text += _TLS.format(port=self.tls_port, host=HOST, folder=folder)
        path = folder / "mosquitto.conf"
        path.write_text(text)
        self._run([mosquitto() or "mosquitto", "-c", str(path)])

    def _start_nats(self) -> None:
        folder = self._folder()
        path = folder / "nats.conf"
        path.write_text(_NATS.format(port=self.port, host=HOST, folder=folder))
        self._run([nats() or "nats-server", "-c", str(path), "-l", str(folder / "log")])

    def _folder(self) -> Path:
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory(prefix="byleave-broker-")))
        folder.chmod(0o755)  # mosquitto started by root reads its file as another user
        return folder

    def restart(self, *, keep_sessions: bool) -> None:
        """It ends in order and comes back on its port, with the sessions that it had or without any.

        NoBroker where sessions are to be kept and it is not `persistent`, and for a broker that is no process of its own.
        """
        if self._process is None:
            raise NoBroker(f"{self.kind} cannot be restarted; mosquitto can")
        if keep_sessions and not self.persistent:
            raise NoBroker("this broker keeps no sessions: Broker.start(persistent=True)")
        self._end()
        if self._sessions is not None and not keep_sessions:
            self._sessions.unlink(missing_ok=True)
        self._run(self._command)

    def _end(self) -> None:
        if self._process is not None:
            _end(self._process)
            self._process = None

    def _run(self, command: list[str]) -> None:
        process = subprocess.Popen(  # noqa: S603 - the broker found on this machine
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        self._process, self._command = process, command
        until = time.monotonic() + START_S
        while not _answers(self.port):
            if process.poll() is not None or time.monotonic() > until:
                raise NoBroker(f"{self.kind} does not start: {_complaint(process)}")
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
        self._end()
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
