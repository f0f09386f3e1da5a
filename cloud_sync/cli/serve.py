"""`sync serve`: the service in the foreground, as a supervisor of processes wants it."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from cloud_sync.cli import session
from cloud_sync.cli.atwork import at_work
from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, address, iso, sentences
from cloud_sync.cli.session import read_config
from cloud_sync.config import BrokerConfig
from cloud_sync.logs import JsonLines, Sentences
from cloud_sync.mqtt import subscriber
from cloud_sync.service import CloudSync
from cloud_sync.web.monitor import Monitor

POLL_S = 0.2  # how soon a change of the connection is told, and how long a stop waits for the loop
GRACE_S = 2.0  # a broker that is there answers within it; only then is its absence worth a line
STATES_BETWEEN = frozenset({"connecting", "not started", "connected"})  # say nothing of why it is not connected


def serve(
    config: ConfigFile = DEFAULT_CONFIG,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Time between counters.")] = 60.0,
    monitor: Annotated[
        str,
        typer.Option(metavar="HOST:PORT", help="Answer /live, /ready and /metrics there, for instance 127.0.0.1:9464."),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Run the service until SIGINT or SIGTERM: ingest, answers to devices, hourly sweep.

    Lines tell when the broker comes and goes, and counters every minute; no device and no person is named in them, nor in the log
    on standard error, which is one JSON object a line with --json.

    Example: byleave sync serve -c depot/cloud-sync.toml --monitor 127.0.0.1:9464
    """
    with _logging_to_stderr(as_json), sentences():
        configuration = read_config(config)
        with at_work(configuration), _stopped_by_signals() as stop:
            with CloudSync.open(configuration, clock=session.CLOCK) as cloud, _monitored(cloud, monitor) as where:
                console = _Console(cloud, configuration.broker, as_json)
                if where:
                    console.say(f"health and metrics on {where}")
                cloud.start()
                console.watch(stop, every)
                console.say("stopping: the batch at hand is finished first")
                cloud.stop()
            console.counters()
            console.say("stopped")


class _Console:
    """What the service says on standard output."""

    def __init__(self, cloud: CloudSync, broker: BrokerConfig | None, as_json: bool) -> None:
        self._cloud = cloud
        self._where = "broker {}:{}".format(*broker.address) if broker else "no broker"
        self._as_json = as_json
        self._told = ""

    def watch(self, stop: threading.Event, every_s: float) -> None:
        """Tell changes of the connection and counters until `stop`."""
        began = time.monotonic()
        due = began + every_s
        while not stop.wait(POLL_S):
            self._connection(late=time.monotonic() - began > GRACE_S)
            if time.monotonic() >= due:
                self.counters()
                due += every_s

    def _connection(self, *, late: bool) -> None:
        connected, state = self._cloud.wait_connected(0), self._cloud.link_state
        if connected:
            now = f"connected to {self._where}"
        elif late and state not in STATES_BETWEEN:
            now = f"{self._where} is away: {state}; trying again, devices keep what they cannot send"
        else:
            return
        if now != self._told:
            self._told = now
            self.say(now)

    def counters(self) -> None:
        """Counts since the start."""
        cloud = self._cloud
        kinds = {str(kind): count for kind, count in sorted(cloud.ingest.counts.items())}
        figures: dict[str, Any] = {
            "messages": cloud.messages_handled,
            "kinds": kinds,
            "downlinks": cloud.downlinks_sent(),
            "acknowledged": cloud.downlinks_published(),
        }
        detail = ", ".join(f"{count} {kind}" for kind, count in kinds.items()) or "none yet"
        acknowledged = f"{figures['acknowledged']} of {figures['downlinks']} downlinks with the broker"
        self.say(f"{sum(kinds.values())} messages ({detail}); {acknowledged}", **figures)

    def say(self, line: str, **figures: Any) -> None:
        """One line, at once, also through a pipe."""
        at = iso(session.CLOCK.now())
        if self._as_json:
            line = json.dumps({"at": at, "connected": self._cloud.wait_connected(0), **(figures or {"event": line})})
        else:
            line = f"{at} {line}"
        print(line, file=sys.stdout, flush=True)


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """An event that the first SIGINT or SIGTERM sets; the second one ends the process as ever."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, frame: object) -> None:
        stop.set()
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _monitored(cloud: CloudSync, where: str) -> Iterator[str]:
    """Health and metrics on HOST:PORT while the service runs; the address, which differs where the port was 0."""
    if not where:
        yield ""
        return
    host, port = address(where, "--monitor", least_port=0)
    monitor = Monitor(host, port, cloud.figures)
    monitor.start()
    try:
        yield "{}:{}".format(*monitor.address)
    finally:
        monitor.stop()


@contextmanager
def _logging_to_stderr(as_json: bool) -> Iterator[None]:
    """Warnings and errors of the service; those of the connection are told by `_Console`, once and not at each try."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else Sentences())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    connection = logging.getLogger(subscriber.__name__)
    before = connection.level
    connection.setLevel(logging.ERROR)
    try:
        yield
    finally:
        connection.setLevel(before)
        logging.getLogger().removeHandler(handler)
