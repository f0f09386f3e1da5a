"""The server of a fleet: enrolment in bulk, the service as a process of its own, and what it has stored at the end."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.consent import Evidence
from cloud_sync.model import Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from hw_sim.demo.fleet.device import SealingDevice
from hw_sim.errors import HwSimError
from hw_sim.world.drive import Drive

POLICY = Path(str(files("cloud_sync"))) / "policy" / "profiles" / "demo.toml"
PURPOSE = "tracking"
EARLIER_S = (
    3600  # a throw-away installation begins so long ago: the captures of the first envelopes lie behind the consents
)
PIECE = 250  # devices in one transaction of a throw-away installation
START_S = 60.0  # until the service has swept thousands of devices and reached the broker, on a loaded machine
STOP_S = 60.0
CONFIG = "cloud-sync.toml"
SERVE = "from cloud_sync.cli import sync; sync()"  # `byleave sync`, without the other groups


class Caught:
    """Downlinks that the server sends while nobody listens: the first directives."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes]] = []

    def send(self, device: str, envelope: bytes) -> None:
        """Keep it."""
        self.sent.append((device, envelope))


class Shifted:
    """The machine's clock, so many seconds ago."""

    def __init__(self, earlier_s: float) -> None:
        self._earlier_s = earlier_s

    def now(self) -> float:
        """Unix seconds."""
        return time.time() - self._earlier_s


def make(folder: Path, address: tuple[str, int], *, fixes: int = 6) -> Path:
    """A throw-away installation in this folder with the demo's policy but for the size of a batch; its configuration file."""
    folder.mkdir(parents=True, exist_ok=True)
    policy, found = re.subn(r"(?m)^batch = \d+", f"batch = {fixes}", POLICY.read_text(encoding="utf-8"))
    if found != 1:
        raise HwSimError(f"{POLICY}: names no batch; the package is damaged: install it anew")
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    host, port = address
    stores = "".join(f'{name} = "{name}.db"\n' for name in ("keys", "tombstones"))
    text = (
        f'policy = "policy.toml"\ndatabase = "telemetry.db"\n{stores}key_encryption_key = "kek"\naudit_key = "audit.key"\n'
        f'policies = "policies"\nregion = "EEA"\n[broker]\nhost = "{host}"\nport = {port}\nclient_id = "fleet-server"\n'
    )
    (folder / CONFIG).write_text(text, encoding="utf-8")
    return folder / CONFIG


def enrol(
    config: Config,
    count: int,
    drives: Sequence[Drive],
    *,
    denied: float = 0.0,
    throw_away: bool,
    fixes: int = 6,
    seed: int = 0,
) -> list[SealingDevice]:
    """So many devices, each of a person of its own; this share of them never gave the consent. They hear their directives.

    throw_away: the installation is a load test's alone. Its devices are enrolled an hour ago, hundreds in a transaction; in one
    that serves others too each is committed by itself, and captures begin now.
    """
    caught, found = Caught(), []
    earlier_s = EARLIER_S if throw_away else 0
    since_s = time.time() - earlier_s
    with CloudSync.open(replace(config, broker=None), clock=Shifted(earlier_s), link=caught) as cloud:
        for begin in range(0, count, PIECE):
            piece = range(begin, min(begin + PIECE, count))
            if throw_away:
                with cloud.database.transaction():
                    entered = [_enter(cloud, n, refused=n < denied * count) for n in piece]
            else:
                entered = [_enter(cloud, n, refused=n < denied * count) for n in piece]
            for n, file in zip(piece, entered, strict=True):
                drive = drives[n % len(drives)]
                found.append(SealingDevice(file, drive, fixes=fixes, since_s=since_s, seed=f"{seed}/{n}"))
    by_name = {device.name: device for device in found}
    for name, envelope in caught.sent:
        if name in by_name:
            by_name[name].hear(envelope)
    return found


def enrol_real(config: Config, count: int, settings: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Names and enrolment files for real boards with these settings, of people who consented."""
    with CloudSync.open(replace(config, broker=None), clock=Shifted(0), link=Caught()) as cloud:
        files = [_enter(cloud, n, refused=False, settings=settings) for n in range(count)]
    return [(codec.unpack(file)[1], file) for file in files]


def _enter(cloud: CloudSync, number: int, *, refused: bool, settings: Mapping[str, Any] | None = None) -> bytes:
    """The enrolment file of one device of a new person, who has consented unless `refused`."""
    subject = f"fleet-{os.urandom(6).hex()}-{number}"
    file = cloud.enrol(subject=subject, settings=dict(settings or {})).file
    if not refused:
        cloud.consent.give(subject, PURPOSE, Evidence(subject, cloud.policy.notice, "app", "tapped_allow", "en"))
    return file


def stored(config: Config, names: Sequence[str]) -> int:
    """Envelopes of positions that the database has of these devices."""
    with CloudSync.open(replace(config, broker=None), clock=Shifted(0)) as cloud:
        return sum(cloud.database.count_envelopes(name, Stream.LOCATION) for name in names)


class Service:
    """`byleave sync serve` as a process: `start`, `kill`, `stop`; its counters, and the CPU of those that have ended."""

    def __init__(self, config_file: Path) -> None:
        self.kinds: Counter[str] = Counter()  # how messages ended, of services that told it before they ended
        self.cpu_s = 0.0
        self._file = config_file
        self._log = config_file.with_name("serve.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it is connected to the broker."""
        command = [sys.executable, "-c", SERVE, "serve", "-c", str(self._file), "--json", "--every", "1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 - our own command
        deadline = time.monotonic() + START_S
        while not any(line.get("connected") for line in self._lines()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise HwSimError(f"the service did not start: {self._log.read_text('utf-8', 'replace')[-500:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9: what it had not committed the broker or the devices still have."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In order: the batch at hand is finished first."""
        if self._process is not None:
            self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            raise HwSimError("the service does not run")
        before = _children_cpu_s()
        process.send_signal(how)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise HwSimError(f"the service did not stop within {STOP_S:.0f} s") from error
        self.cpu_s += _children_cpu_s() - before
        told = [line["kinds"] for line in self._lines() if "kinds" in line]
        self.kinds.update(told[-1] if told else {})

    def _lines(self) -> Iterator[dict[str, Any]]:
        """What it said on standard output."""
        for line in self._log.read_text("utf-8", "replace").splitlines():
            if line.startswith("{") and line.endswith("}"):
                yield json.loads(line)


@contextmanager
def serving(config_file: Path) -> Iterator[Service]:
    """A service that runs for the time of the block."""
    service = Service(config_file)
    try:
        service.start()
        yield service
    finally:
        service.stop()


def address_of(config: Config) -> tuple[str, int]:
    """Where the installation's broker is; HwSimError where it has none."""
    broker: BrokerConfig | None = config.broker
    if broker is None or broker.tls or broker.user:
        raise HwSimError(
            "a fleet speaks plain MQTT without a password: give an installation whose broker listens so on loopback"
        )
    return broker.address


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
