"""The gateway with 32 full lines on a machine like a Raspberry Pi Zero 2: a tenth of a core, 64 MB, a card whose fsync takes
50 to 200 ms, and a clock that begins in 1970.

While the clock is wrong the broker's certificate does not hold: envelopes go into a small spool until it is full, and every
device is sent to rest. Then the clock jumps by fifty years, the broker is had, and the lines run full beside the backlog. At the
end whatever was ACCEPTED must be at the broker. Devices are a process of their own that keeps to docs/serial-link.md; the service
manager is a socket that notes how long the watchdog had to wait.
"""

from __future__ import annotations

import json
import os
import select
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from agent.gateway import frames
from agent.gateway.local import ask_unix
from hw_sim.network.broker import Broker
from tests.benchmarks.gateway_throughput import ALPHABET, ENVELOPE_BYTES, LINE_BYTES_S, PORTS, READY_S, SLICE_S, WINDOW
from tests.system.certificates import authority
from tests.system.smallmachine import SmallMachine

CORE_SHARE, MEMORY_BYTES, FSYNC_MS = 0.10, 64 << 20, (50, 200)
SPOOL_BYTES = 8 << 20
WATCHDOG_S = 6.0  # a tenth of the unit's
REPEAT_S = 8.0  # docs/serial-link.md, "A contact", 2
REST_S = 2.0  # a device's pauses are minutes; these are as short as its limits bear
WAIT_S, STEP_S = 180.0, 0.25
MEASURED_S, QUICK_S = 20.0, 6.0
GATE_SERVED = (
    0.25  # of what the lines carry, on a card whose mean fsync takes an eighth of a second; devices keep the rest
)


class _Device:
    """One end of a line that says what it has as fast as the line goes, keeps what was not ACCEPTED, and rests when it is told."""

    def __init__(self, master: int, number: int) -> None:
        self.master, self.number = master, number
        self.name = (ALPHABET[number] * 16).encode()
        self.parser = frames.Parser()
        self.out, self.budget = b"", 0.0
        self.contact, self.makes = False, True
        self.hello_at_s = 0.0
        self.made = self.accepted = self.rests = self.repeats = 0
        self.waiting: dict[int, tuple[bytes, float]] = {}  # by the number of its UP: not ACCEPTED yet
        self.answers_s: list[float] = []

    def slice(self, now_s: float, elapsed_s: float) -> None:
        """What the line carries in a slice."""
        self.budget = min(self.budget + elapsed_s * LINE_BYTES_S, LINE_BYTES_S * 0.2)
        if not self.contact and now_s >= self.hello_at_s:
            self.hello_at_s = now_s + 5.0
            self.out = frames.pack(frames.HELLO, 0, b"\1" + self.name)
        while self.contact and self.makes and len(self.out) < self.budget and len(self.waiting) < WINDOW:
            self.made += 1
            body = bytes([self.number]) + self.made.to_bytes(4, "big") + os.urandom(ENVELOPE_BYTES - 5)
            self.waiting[(self.made - 1) % 65_535 + 1] = body, now_s
            self.out += frames.pack(frames.UP, (self.made - 1) % 65_535 + 1, body)
        for number, (body, said_s) in list(self.waiting.items()):
            if self.contact and now_s - said_s >= REPEAT_S:
                self.repeats += 1
                self.waiting[number] = body, now_s
                self.out += frames.pack(frames.UP, number, body, again=True)
        size = min(len(self.out), int(self.budget))
        if size:
            size = os.write(self.master, self.out[:size])
            self.out, self.budget = self.out[size:], self.budget - size
        elif not self.out:
            self.budget = 0.0

    def hear(self, now_s: float) -> None:
        """Answers."""
        for frame in self.parser.feed(os.read(self.master, 4096)):
            if frame.kind == frames.ACCEPTED and frame.number in self.waiting:
                self.answers_s.append(now_s - self.waiting.pop(frame.number)[1])
                self.accepted += 1
            elif frame.kind in (frames.WELCOME, frames.STATE, frames.PONG):
                self._state(frame.body == b"\1", frame.kind == frames.WELCOME, now_s)

    def _state(self, serves: bool, welcome: bool, now_s: float) -> None:
        if not serves:
            self.rests += 1
            self.contact, self.out, self.hello_at_s = False, b"", now_s + REST_S
        elif welcome:
            self.contact = True
            for number, (body, _) in self.waiting.items():
                self.waiting[number] = body, now_s
                self.out += frames.pack(frames.UP, number, body, again=True)


def devices(masters: list[int]) -> None:
    """The devices' process: answers each line on its standard input; "stop": nothing new is made."""
    all_of_them = {master: _Device(master, number) for number, master in enumerate(masters)}
    poller = select.poll()
    for fd in [*masters, sys.stdin.fileno()]:
        poller.register(fd, select.POLLIN)
    last_s = time.monotonic()
    while True:
        for fd, _ in poller.poll(SLICE_S * 1000):
            if fd != sys.stdin.fileno():
                all_of_them[fd].hear(time.monotonic())
                continue
            word = sys.stdin.readline()
            if not word:
                return
            for one in all_of_them.values():
                one.makes = one.makes and word != "stop\n"
            print(json.dumps([_told(one) for one in all_of_them.values()]), flush=True)
        now_s = time.monotonic()
        if now_s - last_s >= SLICE_S:
            for one in all_of_them.values():
                one.slice(now_s, now_s - last_s)
            last_s = now_s


def _told(one: _Device) -> dict[str, Any]:
    answers_s, one.answers_s = one.answers_s, []
    return {
        "made": one.made, "accepted": one.accepted, "waiting": len(one.waiting), "rests": one.rests,
        "repeats": one.repeats, "answers_s": answers_s,
    }  # fmt: skip


class _Server:
    """Who hears what the broker has."""

    def __init__(self, broker: Broker) -> None:
        self.arrived: set[bytes] = set()
        self.messages = 0
        ready = threading.Event()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="server")
        self._client.on_connect = lambda c, *_: c.subscribe("bl/1/+/up", qos=0)
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.on_message = self._heard
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        assert ready.wait(READY_S)

    def _heard(self, client: paho.Client, userdata: object, message: paho.MQTTMessage) -> None:
        self.messages += 1
        self.arrived.add(bytes(message.payload[:5]))

    def close(self) -> None:
        """Hears no more."""
        self._client.disconnect()
        self._client.loop_stop()


class _Manager(threading.Thread):
    """The service manager: the longest that its watchdog waited, and what `systemctl status` would say."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.name_of_socket = f"@byleave-small-{os.getpid()}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.name_of_socket[1:])
        self.longest_s, self.heard, self.status = 0.0, 0, ""

    def run(self) -> None:
        last_s = time.monotonic()
        while text := self._socket.recv(4096).decode():
            if text.startswith("STATUS="):
                self.status = text
            elif text.startswith(("READY=1", "WATCHDOG=1")):
                now_s = time.monotonic()
                self.longest_s = max(self.longest_s, now_s - last_s) if self.heard else 0.0
                self.heard, last_s = self.heard + 1, now_s


class _Run:
    """One gateway on the small machine, its devices, its broker."""

    def __init__(self, home: Path, broker: Broker) -> None:
        self.home, self.spool = home, home / "spool"
        self.pairs = [os.openpty() for _ in range(PORTS)]
        for _, slave in self.pairs:
            tty.setraw(slave)
        masters = [master for master, _ in self.pairs]
        self.machine = SmallMachine(home, core_share=CORE_SHARE, memory_bytes=MEMORY_BYTES, fsync_ms=FSYNC_MS)
        self.machine.set_clock(0.0)
        self.manager = _Manager()
        self.manager.start()
        self.server = _Server(broker)
        self.log = home / "log"
        with self.log.open("wb") as log:
            self.gateway = self.machine.start(self._command(broker), self._environment(), log.fileno())
        self.pacer = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.gateway_small_machine", *map(str, masters)],
            pass_fds=masters, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.peak_mb, self.most_descriptors = 0.0, 0

    def _command(self, broker: Broker) -> list[str]:
        ports = ", ".join(f'"{os.ttyname(slave)}"' for _, slave in self.pairs)
        (self.home / "ca.pem").write_bytes(authority("gateway").pem)
        (self.home / "gateway.toml").write_text(
            f'ports = [{ports}]\n[broker]\nhost = "localhost"\nport = {broker.tls_port}\nca_file = "ca.pem"\n'
            f'[spool]\nfolder = "spool"\nmost_bytes = {SPOOL_BYTES}\n[limits]\nhellos_min = 60\nburst_hellos = 60\n'
        )
        return [sys.executable, "-m", "agent", "agent", "gateway", "--config", str(self.home / "gateway.toml")]

    def _environment(self) -> dict[str, str]:
        return os.environ | {"NOTIFY_SOCKET": self.manager.name_of_socket, "WATCHDOG_USEC": str(int(WATCHDOG_S * 1e6))}

    def ask(self, word: str = "ask") -> list[dict[str, Any]]:
        """The devices."""
        assert self.pacer.stdin is not None
        assert self.pacer.stdout is not None
        self.pacer.stdin.write(word + "\n")
        self.pacer.stdin.flush()
        return json.loads(self.pacer.stdout.readline())  # type: ignore[no-any-return]

    def until(self, what: str, holds: Callable[[], bool]) -> float:
        """Seconds until it held."""
        began_s = time.monotonic()
        while not holds():
            assert self.gateway.poll() is None, f"the gateway has ended: {self.log.read_text()[-2000:]}"
            assert time.monotonic() - began_s < WAIT_S, f"not {what}: {self.log.read_text()[-2000:]}"
            self.look()
            time.sleep(STEP_S)
        return round(time.monotonic() - began_s, 1)

    def look(self) -> None:
        """The most of memory and descriptors."""
        process = Path(f"/proc/{self.gateway.pid}")
        pages = int((process / "statm").read_text().split()[1])
        self.peak_mb = max(self.peak_mb, pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        self.most_descriptors = max(self.most_descriptors, len(list((process / "fd").iterdir())))

    def span(self, seconds: float) -> dict[str, float]:
        """How the lines were served for so long."""
        before, cpu_s, began_s = self.ask(), self._cpu_s(), time.monotonic()
        until_s = began_s + seconds
        self.until("over", lambda: time.monotonic() >= until_s)
        after, took_s = self.ask(), time.monotonic() - began_s
        accepted = [new["accepted"] - old["accepted"] for old, new in zip(before, after, strict=True)]
        answers_s = sorted(each for one in after for each in one["answers_s"])
        line_s = LINE_BYTES_S * took_s / len(frames.pack(frames.UP, 1, b"\1" * ENVELOPE_BYTES))
        return {
            "envelopes_s": round(sum(accepted) / took_s, 1),
            "all_lines_served": round(sum(accepted) / line_s / PORTS, 3),
            "slowest_line_served": round(min(accepted) / line_s, 3),
            "core_share": round((self._cpu_s() - cpu_s) / took_s, 3),
            "answer_median_s": round(statistics.median(answers_s), 3),
            "answer_p99_s": round(answers_s[int(len(answers_s) * 0.99)], 3),
            "repeats": sum(new["repeats"] - old["repeats"] for old, new in zip(before, after, strict=True)),
        }

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.gateway.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # proc(5): utime, stime

    def status(self) -> dict[str, Any]:
        """What it says of itself."""
        return json.loads(ask_unix(self.spool / "status.sock"))  # type: ignore[no-any-return]

    def close(self) -> float:
        """All ends; how long the gateway took for it."""
        began_s = time.monotonic()
        self.gateway.terminate()
        self.gateway.wait(30)
        took_s = time.monotonic() - began_s
        assert self.pacer.stdin is not None
        self.pacer.stdin.close()
        self.pacer.wait(10)
        self.server.close()
        self.machine.close()
        for master, slave in self.pairs:
            os.close(master)
            os.close(slave)
        return round(took_s, 2)


def run(*, quick: bool = False) -> dict[str, object]:
    """The whole of it; it fails where an envelope is lost, the watchdog would have ended it, or memory is not enough."""
    seconds = QUICK_S if quick else MEASURED_S
    pair = authority("gateway").certify("localhost")
    with tempfile.TemporaryDirectory(prefix="byleave-small-") as home, Broker.start("mosquitto", pair) as broker:
        one = _Run(Path(home), broker)
        try:
            figures = _measured(one, seconds)
        except BaseException:
            one.gateway.kill()
            one.pacer.kill()
            raise
        finally:
            figures_end_s = one.close()
        log = one.log.read_text()
    assert one.gateway.returncode == 0, log[-2000:]
    assert one.manager.longest_s < WATCHDOG_S, one.manager.longest_s
    figures["machine"] = {
        "capped_by": one.machine.capped_by, "core_share": CORE_SHARE, "memory_mb": MEMORY_BYTES >> 20,
        "fsync_ms": f"{FSYNC_MS[0]} to {FSYNC_MS[1]}",
    }  # fmt: skip
    figures["all_the_while"] = {
        "peak_resident_mb": round(one.peak_mb, 1),
        "descriptors": one.most_descriptors,
        "watchdog_longest_s": round(one.manager.longest_s, 2),
        "log_lines": log.count("\n"),
        "end_s": figures_end_s,
    }
    return figures


def _measured(one: _Run, seconds: float) -> dict[str, object]:
    figures: dict[str, object] = {}
    starts_s = one.until("started", lambda: any(device["accepted"] for device in one.ask()))
    figures["in_1970"] = one.span(min(seconds, 10.0))
    fills_s = one.until("full, all at rest", lambda: all(device["rests"] for device in one.ask()))
    full = one.status()
    assert not full["connected"]
    assert full["spool_bytes"] <= SPOOL_BYTES
    assert not one.server.arrived
    one.machine.set_clock(time.time())
    broker_s = one.until("connected", lambda: bool(one.status()["connected"]))
    figures["backpressure"] = {
        "start_s": starts_s, "full_after_s": fills_s, "spool_kib": full["spool_bytes"] >> 10,
        "broker_after_the_jump_s": broker_s,
    }  # fmt: skip
    one.until("going on", lambda: all(not device["waiting"] or device["accepted"] for device in one.ask()))
    figures["with_a_backlog"] = served = one.span(seconds)
    assert served["all_lines_served"] >= GATE_SERVED, served
    one.ask("stop")
    one.until("all accepted", lambda: not any(device["waiting"] for device in one.ask()))
    drained_s = one.until("empty", lambda: one.status()["spool_envelopes"] == 0)
    told = one.ask()
    keys = {
        bytes([n]) + seq.to_bytes(4, "big") for n, device in enumerate(told) for seq in range(1, device["made"] + 1)
    }
    one.until("heard", lambda: keys <= one.server.arrived)
    figures["count"] = {
        "accepted": sum(device["accepted"] for device in told), "lost": len(keys - one.server.arrived),
        "twice_at_the_broker": one.server.messages - len(one.server.arrived), "drained_s": drained_s,
    }  # fmt: skip
    return figures


if __name__ == "__main__":
    devices([int(word) for word in sys.argv[1:]])
