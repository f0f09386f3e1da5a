"""The service in a process of its own, a broker, a device, and the operator's commands beside it on the same files."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.service import SystemClock
from cloud_sync.wire import downlink
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import Tracker
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not available(), reason="mosquitto is not installed"),
]
ROOT = Path(__file__).parents[4]
PAGE = ROOT / "docs" / "operating.md"
DAY_S = 86_400
ROUNDS = 4
READ = ("read", "s-1", "--purpose", "tracking", "--actor", "s-1", "--role", "data_subject")


class Service:
    """`byleave sync serve --json` as a process; what it prints is read line by line."""

    def __init__(self, config_file: Path) -> None:
        words = [sys.executable, "-m", "agent", "sync", "serve", "-c", str(config_file), "--every", "0.2"]
        words += ["--monitor", "127.0.0.1:0", "--json"]
        self.lines: list[dict[str, Any]] = []
        self.process = subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(json.loads(line) for line in iter(self.process.stdout.readline, ""))

    def says(self, text: str) -> bool:
        """Whether an event with these words was printed."""
        return any(text in line.get("event", "") for line in list(self.lines))

    def count(self, kind: str) -> int:
        """The newest counter of a kind of message."""
        counters = [line["kinds"] for line in list(self.lines) if "kinds" in line]
        return int(counters[-1].get(kind, 0)) if counters else 0

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of what it answers over HTTP."""
        [where] = [
            line["event"].split()[-1] for line in list(self.lines) if "health and metrics" in line.get("event", "")
        ]
        try:
            with urllib.request.urlopen(f"http://{where}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def stop(self) -> str:
        """End it as a supervisor does; what it wrote to standard error."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0
        self._reader.join(5)
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def kill(self) -> None:
        """Whatever happened, no process is left."""
        self.process.kill()
        self.process.wait(10)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that is not started yet."""
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker")
    yield broker
    broker.stop()


@pytest.fixture
def depot(tmp_path: Path, broker: Broker) -> Installation:
    """An installation on the machine's clock, with this broker."""
    return Installation(tmp_path, SystemClock(), broker.port)


@pytest.fixture
def service(depot: Installation) -> Iterator[Service]:
    """Its service, running."""
    service = Service(depot.config_file)
    yield service
    service.kill()


def standin(directory: Path) -> Path:
    """The stand-in for a board that docs/operating.md prints."""
    [program] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
    path = directory / "standin.py"
    path.write_text(program)
    return path


def test_from_nothing_to_the_first_read_as_the_page_says(
    depot: Installation, service: Service, broker: Broker, tmp_path: Path
) -> None:
    """Broker late, enrol, consent, the page's stand-in for a board, a read, a denial, erasure, a log that holds, a clean stop."""
    until(lambda: service.says("is away"))
    broker.start()
    until(lambda: service.says("connected to broker"))
    tracker = depot.enrol()
    depot.give()
    words = [sys.executable, str(standin(tmp_path)), str(tmp_path / "van.enrolment"), "127.0.0.1", str(broker.port)]
    told = subprocess.run(
        words,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        capture_output=True,
        timeout=60,
    )
    assert told.stdout == "may sense: GNSS as finely as cell_100m\nthe server says: stored\n", told.stderr
    [row] = depot.ask(*READ)
    assert (row["precision"], row["accuracy_m"]) == ("cell_100m", 256)
    depot.do("read", "s-1", "--purpose", "marketing", "--actor", "clerk-7", "--role", "staff", code=2)
    assert depot.ask("erase", "s-1", "--yes")["envelopes"] == 1
    assert depot.ask(*READ) == []
    assert depot.ask("audit", "check")["holds"]
    until(lambda: service.count("stored") == 2)
    log = service.stop()
    assert service.says("stopped") and service.lines[-1]["connected"] is False
    printed = json.dumps(service.lines) + log
    assert tracker.name not in printed and "s-1" not in printed


def test_a_supervisor_asks_and_a_dashboard_counts(depot: Installation, service: Service, broker: Broker) -> None:
    """Live before the broker is there, ready after; what came in is counted, and no device is named."""
    until(lambda: service.says("health and metrics"))
    assert service.ask("/live")[0] == 200
    assert service.ask("/ready")[0] == 503 and "the broker is away" in service.ask("/ready")[1]
    broker.start()
    until(lambda: service.ask("/ready")[0] == 200)
    tracker = depot.enrol()
    now = int(time.time())
    device = Publisher(broker.port)
    device.publish(tracker.topic, tracker.status(time=now, epoch=now // DAY_S))
    device.close()
    until(lambda: 'byleave_messages_total{kind="stored"} 1' in service.ask("/metrics")[1])
    told = service.ask("/metrics")[1]
    assert "byleave_batch_seconds_count 1" in told and "byleave_last_sweep_timestamp_seconds" in told
    assert tracker.name not in told and "s-1" not in told
    assert service.stop() == ""


def test_a_second_service_is_refused_and_the_first_goes_on(
    depot: Installation, service: Service, broker: Broker
) -> None:
    """It would take the broker's session away. The first one tells when the broker goes, and when it is back."""
    broker.start()
    until(lambda: service.says("connected to broker"))
    assert "already runs" in depot.do("serve", code=1).stderr
    assert service.process.poll() is None
    broker.stop()
    until(lambda: service.says("is away"))
    broker.start()
    until(lambda: [line.get("event", "")[:12] for line in list(service.lines)].count("connected to") == 2)
    assert service.stop() == ""


def test_commands_beside_a_service_under_load_break_neither_log_nor_numbers(
    depot: Installation, service: Service, broker: Broker
) -> None:
    """While the service ingests, this process answers, reads, enrols, sweeps and erases on the same files.

    Afterwards the audit log holds, no downlink number was used twice, and every downlink opens.
    """
    broker.start()
    until(lambda: service.says("connected to broker"))
    tracker = depot.enrol()
    depot.give()
    device = Publisher(broker.port)
    feeding = Feeding(tracker, device)
    feeding.start()
    until(lambda: service.count("stored") > 0)
    told = 0
    for number in range(ROUNDS):
        told += depot.withdraw()["devices"]["acknowledged"]
        depot.give()
        depot.ask(*READ)
        assert depot.ask("audit", "check")["holds"]
        depot.enrol("s-2", f"other-{number}")
        depot.ask("sweep")
        depot.ask("erase", "s-1", "--yes")
    sent = feeding.finish()
    until(lambda: sum(line["messages"] == sent for line in list(service.lines) if "messages" in line) > 0)
    published = next(line for line in reversed(service.lines) if "downlinks" in line)["downlinks"]
    until(lambda: sum(1 for _, sealed in device.heard if sealed) >= published + told)
    service.stop()
    assert any(not sealed for _, sealed in device.heard)  # what clears the broker's retained messages, at each erasure
    device.heard = [heard for heard in device.heard if heard[1]]
    assert told >= 1 and feeding.errors == []
    numbers = [downlink.peek_downlink(sealed)[1] for _, sealed in device.heard]
    assert len(numbers) == published + told and len(set(numbers)) == len(numbers)
    assert max(numbers) == len(numbers) - 1  # none was spent without being sent either
    for _, sealed in sorted(device.heard, key=lambda item: downlink.peek_downlink(item[1])[1]):
        tracker.open(sealed)
    entries = depot.ask("audit", "list")
    assert [entry["entry"] for entry in entries] == list(range(len(entries)))
    assert sum(entry["kind"] == "erasure.done" for entry in entries) == ROUNDS
    device.close()


class Feeding:
    """A device that sends without a pause, in a thread."""

    def __init__(self, tracker: Tracker, link: Publisher) -> None:
        self._tracker, self._link = tracker, link
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._sent = 0
        self.errors: list[BaseException] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def finish(self) -> int:
        """End; how many messages the broker has taken."""
        self._stop.set()
        self._thread.join(20)
        return self._sent

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                now = int(time.time())
                epoch = now // DAY_S
                at = min(now // 10 * 10 + 10, (epoch + 1) * DAY_S - 10)  # as the coarse time of a consent a second ago
                fixes = [self._tracker.fixes([at], epoch=epoch, version=2**31 - 1) for _ in range(10)]
                heard = [downlink.peek_downlink(sealed)[1] for _, sealed in self._link.heard[-50:] if sealed]
                report = {"challenge": os.urandom(8), "down_next": max(heard, default=-1) + 1, "epoch": epoch}
                self._link.publish(self._tracker.topic, *fixes, self._tracker.status(**report))
                self._sent += len(fixes) + 1
        except BaseException as error:
            self.errors.append(error)
