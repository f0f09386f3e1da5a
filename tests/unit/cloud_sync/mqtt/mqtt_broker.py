"""A real mosquitto for tests: starts in milliseconds, dies on request, keeps its sessions when asked to."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as paho

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def available() -> bool:
    """Whether there is a mosquitto on this machine."""
    return Path(MOSQUITTO).exists()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for a condition of another thread or process, bounded."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.005)


class Broker:
    """One mosquitto process on a port of its own; if `persistent`, a restart keeps sessions and queues."""

    def __init__(self, directory: Path, extra: str = "", *, persistent: bool = True) -> None:
        self.port = free_port()
        self._config = directory / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\n"
            + f"persistence true\npersistence_location {directory}/\nautosave_interval 1\nautosave_on_changes true\n"
            * persistent
            + f"max_queued_messages 0\nmax_inflight_messages 0\nlog_type error\nuser root\n{extra}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Broker:
        """Start, and wait until it accepts connections."""
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._config)], stderr=subprocess.DEVNULL)

        def listening() -> bool:
            with socket.socket() as sock:
                return sock.connect_ex(("127.0.0.1", self.port)) == 0

        until(listening)
        return self

    def stop(self) -> None:
        """Stop as an operator would: sessions are saved."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """Die without a word."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


class Publisher:
    """A device's side of the link: publishes at QoS 1 and hears its downlinks."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self._subscribed = False
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        self.client.max_inflight_messages_set(0)
        self.client.on_message = lambda client, data, message: self.heard.append((message.topic, message.payload))
        self.client.on_subscribe = lambda *args: setattr(self, "_subscribed", True)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        until(self.client.is_connected)
        self.client.subscribe("bl/1/+/down", qos=1)
        until(lambda: self._subscribed)

    def publish(self, topic: str, *payloads: bytes) -> None:
        """Publish, and wait until the broker has them all."""
        infos = [self.client.publish(topic, payload, qos=1) for payload in payloads]
        for info in infos:
            info.wait_for_publish(20)

    def close(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()
