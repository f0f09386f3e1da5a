"""The gateway with 32 ports saturated at 115,200 baud: its own share of one core, and whether each line is served at full speed.

Devices are a process of their own on pseudo-terminals: each says HELLO and then envelopes of 1024 bytes, four at once, at
11,520 bytes a second in slices of 10 ms, as a UART would. The broker is a real mosquitto, and a subscriber counts what
arrives there. The gateway is the command itself; only its CPU is counted, over the time in which all lines are busy. A
pseudo-terminal has no driver of an adapter beneath it, whose interrupts a real machine serves besides.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
import tty
from pathlib import Path

import paho.mqtt.client as paho

from agent.errors import AgentError
from agent.gateway import frames
from agent.gateway.local import ask_unix
from hw_sim.network.broker import Broker
from tests.system.certificates import authority

PORTS = 32
LINE_BYTES_S = 11_520  # 115,200 baud, ten bits a byte (docs/serial-link.md, "Line")
SLICE_S = 0.01
WINDOW = 4  # docs/serial-link.md, "A contact", 2
ENVELOPE_BYTES = 1024
WARM_S, MEASURED_S, QUICK_S = 3.0, 20.0, 6.0
GATE_SHARE = 0.25
GATE_SERVED = 0.97  # of what the lines carry; the first and last window of the span are cut somewhere
READY_S = 20.0
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


class _Device:
    """One end of a line: what it has to say goes out at the line's speed, and not faster."""

    def __init__(self, master: int, number: int) -> None:
        self.master, self.number = master, number
        self.device = (ALPHABET[number] * 16).encode()
        self.parser = frames.Parser()
        self.out = b""
        self.budget = 0.0
        self.welcome = False
        self.sent = self.accepted = self.idle_slices = self.slices = 0
        self.hello_at_s = 0.0

    def slice(self, now_s: float, elapsed_s: float) -> None:
        self.budget = min(self.budget + elapsed_s * LINE_BYTES_S, LINE_BYTES_S * 0.2)
        if not self.welcome and now_s >= self.hello_at_s:
            self.hello_at_s = now_s + 1.0
            self.out = frames.pack(frames.HELLO, 0, b"\1" + self.device)
        while self.welcome and len(self.out) < self.budget and self.sent - self.accepted < WINDOW:
            self.sent += 1
            body = self.sent.to_bytes(4, "big") + os.urandom(ENVELOPE_BYTES - 4)
            self.out += frames.pack(frames.UP, (self.sent - 1) % 65_535 + 1, body)
        self.slices += self.welcome
        self.idle_slices += self.welcome and not self.out
        size = min(len(self.out), int(self.budget))
        if size:
            size = os.write(self.master, self.out[:size])
            self.out, self.budget = self.out[size:], self.budget - size
        elif not self.out:
            self.budget = 0.0  # what a line did not carry it does not carry later

    def hear(self) -> None:
        for frame in self.parser.feed(os.read(self.master, 4096)):
            self.welcome = self.welcome or frame.kind == frames.WELCOME
            self.accepted += frame.kind == frames.ACCEPTED


def devices(masters: list[int]) -> None:
    """The devices' process: until its standard input ends; then prints what was accepted of each."""
    all_of_them = [_Device(master, number) for number, master in enumerate(masters)]
    by_master = {one.master: one for one in all_of_them}
    poller = select.poll()
    for master in [*masters, sys.stdin.fileno()]:
        poller.register(master, select.POLLIN)
    last_s = time.monotonic()
    while True:
        for fd, _ in poller.poll(SLICE_S * 1000):
            if fd == sys.stdin.fileno():
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps([[one.accepted, one.slices, one.idle_slices] for one in all_of_them]), flush=True)
            else:
                by_master[fd].hear()
        now_s = time.monotonic()
        if now_s - last_s >= SLICE_S:
            for one in all_of_them:
                one.slice(now_s, now_s - last_s)
            last_s = now_s


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _gateway(names: list[str], broker: Broker, folder: Path, *, tls: bool) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agent", "agent", "gateway", "--spool", str(folder / "spool")]
    for name in names:
        command += ["--port", name]
    if tls:
        (folder / "ca.pem").write_bytes(authority("gateway").pem)
        command += ["--broker", f"localhost:{broker.tls_port}", "--tls-ca", str(folder / "ca.pem")]
    else:
        command += ["--broker", f"{broker.host}:{broker.port}"]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


def _counter(broker: Broker) -> tuple[paho.Client, list[int]]:
    """A subscriber, and how many envelopes it has."""
    count = [0]
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="counter")
    ready = threading.Event()
    client.on_connect = lambda c, *_: c.subscribe("bl/1/+/up", qos=0)
    client.on_subscribe = lambda *_: ready.set()

    def heard(*_: object) -> None:
        count[0] += 1

    client.on_message = heard
    client.connect(broker.host, broker.port)
    client.loop_start()
    assert ready.wait(READY_S)
    return client, count


def _until_open(spool: Path, ports: int) -> None:
    until_s = time.monotonic() + READY_S
    while time.monotonic() < until_s:
        try:
            found = json.loads(ask_unix(spool / "status.sock"))
        except AgentError:
            found = {"ports": [], "connected": False}
        if found["connected"] and sum(port["state"] != "refused" for port in found["ports"]) == ports:
            return
        time.sleep(0.1)
    raise AssertionError("the gateway does not come up")


def measure(ports: int, seconds: float, *, tls: bool = False) -> dict[str, float]:
    """One run."""
    pairs = [os.openpty() for _ in range(ports)]
    for _, slave in pairs:
        tty.setraw(slave)
    names = [os.ttyname(slave) for _, slave in pairs]
    masters = [master for master, _ in pairs]
    pair = authority("gateway").certify("localhost") if tls else None
    with tempfile.TemporaryDirectory(prefix="byleave-gateway-") as home, Broker.start("mosquitto", pair) as broker:
        folder = Path(home)
        client, count = _counter(broker)
        gateway = _gateway(names, broker, folder, tls=tls)
        pacer = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.gateway_throughput", *map(str, masters)],
            pass_fds=masters, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert pacer.stdin is not None
        assert pacer.stdout is not None

        def asked() -> list[list[int]]:
            pacer.stdin.write("\n")  # type: ignore[union-attr]
            pacer.stdin.flush()  # type: ignore[union-attr]
            return json.loads(pacer.stdout.readline())  # type: ignore[union-attr,no-any-return]

        try:
            _until_open(folder / "spool", ports)
            time.sleep(WARM_S)
            before, cpu_s, began_s, counted = asked(), _cpu_s(gateway.pid), time.monotonic(), count[0]
            time.sleep(seconds)
            after, used_s, took_s = asked(), _cpu_s(gateway.pid) - cpu_s, time.monotonic() - began_s
            arrived, resident_mb = count[0] - counted, _resident_mb(gateway.pid)
        finally:
            pacer.stdin.close()
            pacer.wait(10)
            gateway.terminate()
            gateway.wait(10)
            client.disconnect()
            client.loop_stop()
    for master, slave in pairs:
        os.close(master)
        os.close(slave)
    accepted = [new[0] - old[0] for old, new in zip(before, after, strict=True)]
    frame_bytes = len(frames.pack(frames.UP, 1, b"\1" * ENVELOPE_BYTES))
    return {
        "ports": ports,
        "seconds": round(took_s, 2),
        "core_share": round(used_s / took_s, 4),
        "us_an_envelope": round(used_s / max(1, sum(accepted)) * 1e6, 1),
        "envelopes_s": round(sum(accepted) / took_s, 1),
        "at_broker_s": round(arrived / took_s, 1),
        "slowest_line_served": round(min(accepted) * frame_bytes / took_s / LINE_BYTES_S, 3),
        "all_lines_served": round(sum(accepted) * frame_bytes / took_s / LINE_BYTES_S / ports, 3),
        "resident_mb": round(resident_mb, 1),
    }


def run(*, quick: bool = False) -> dict[str, object]:
    """All ports saturated, without TLS and with it, and one port for comparison; it fails where a goal is missed."""
    seconds = QUICK_S if quick else MEASURED_S
    plain, tls = measure(PORTS, seconds), measure(PORTS, seconds, tls=True)
    for figures in (plain, tls):
        assert figures["core_share"] <= GATE_SHARE, figures
        assert figures["all_lines_served"] >= GATE_SERVED, figures
        assert figures["at_broker_s"] >= GATE_SERVED * figures["envelopes_s"], figures
    return {"ports_32": plain, "ports_32_tls": tls, "one_port": measure(1, seconds)}


if __name__ == "__main__":
    devices([int(word) for word in sys.argv[1:]])
