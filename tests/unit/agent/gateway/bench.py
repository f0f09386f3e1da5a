"""What the gateway's tests share: a clock that only they move, a broker in memory, and the device's end of a line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from agent.gateway import frames
from agent.gateway.contact import Contact
from agent.gateway.frames import Frame, Parser, pack
from agent.gateway.hub import Hub
from agent.gateway.limits import Limits
from agent.gateway.spool import Spool

A, B, C = "a" * 16, "b" * 16, "c2345672345672ab"
MIB = 1 << 20
DAY_S = 86_400.0


class Clock:
    """Monotonic seconds."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        """Now."""
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds


def spool_at(folder: Path, clock: Clock, *, most_bytes: int = MIB, most_age_s: float = 30 * DAY_S) -> Spool:
    """A spool in `folder`/spool."""
    return Spool(folder / "spool" / "spool.db", most_bytes=most_bytes, most_age_s=most_age_s, now_s=clock)


def drained(spool: Spool) -> list[tuple[str, bytes]]:
    """All that waits, handed out and done."""
    found = []
    while row := spool.next_row():
        found.append((row.device, row.envelope))
        spool.done(row.id)
    return found


class FakeBroker:
    """A broker that notes everything. `takes` False: its socket is full; `answer` acknowledges what is in flight."""

    def __init__(self) -> None:
        self.hub: Hub | None = None
        self.takes = True
        self.published: list[tuple[str, bytes]] = []
        self.open: dict[int, tuple[str, bytes]] = {}  # by handle, without PUBACK
        self.stored: Counter[tuple[str, bytes]] = Counter()  # acknowledged
        self.listening: Counter[str] = Counter()
        self.acknowledged: list[tuple[str, int]] = []
        self._handle = 0

    def publish(self, device: str, envelope: bytes) -> int | None:
        """hub.Broker."""
        if not self.takes:
            return None
        self._handle += 1
        self.published.append((device, envelope))
        self.open[self._handle] = (device, envelope)
        return self._handle

    def answer(self, handle: int | None = None) -> None:
        """PUBACK for one, or for all that is open."""
        assert self.hub
        for each in [handle] if handle else list(self.open):
            if each in self.open:
                self.stored[self.open.pop(each)] += 1
            self.hub.acknowledged(each)

    def up(self) -> None:
        """It takes the connection."""
        assert self.hub
        self.hub.broker_up()

    def down(self) -> None:
        """The connection is lost, with all that was not acknowledged."""
        assert self.hub
        self.open.clear()
        self.hub.broker_down()

    def listen(self, device: str) -> None:
        """hub.Broker."""
        self.listening[device] += 1
        assert self.listening[device] == 1, "one connection a device"

    def leave(self, device: str) -> None:
        """hub.Broker."""
        self.listening[device] -= 1
        assert self.listening[device] == 0

    def acknowledge(self, device: str, downlink: int) -> None:
        """hub.Broker."""
        self.acknowledged.append((device, downlink))


class Line:
    """The device's end of a port."""

    def __init__(self, hub: Hub, port: str = "ttyUSB0") -> None:
        self.hub = hub
        self.contact: Contact = hub.attach(port)
        self._parser = Parser()

    def say(self, kind: int, number: int = 0, body: bytes = b"", *, again: bool = False) -> list[Frame]:
        """One frame, and what is answered at once."""
        self.contact.heard(pack(kind, number, body, again=again))
        return self.heard()

    def heard(self) -> list[Frame]:
        """What the gateway has said."""
        return self._parser.feed(self.contact.outgoing())

    def hello(self, device: str = A) -> list[Frame]:
        """A contact begins."""
        return self.say(frames.HELLO, 0, b"\1" + device.encode())


class Rig:
    """A hub with a spool in a folder, a broker in memory and a clock of our own."""

    def __init__(self, folder: Path, *, connected: bool = True, limits: Limits | None = None, **bounds: int) -> None:
        self.clock = Clock()
        self.broker = FakeBroker()
        self.spool = spool_at(folder, self.clock, **bounds)
        self.spool.medium.db.execute("PRAGMA synchronous = OFF")  # these tests cut no power
        self.hub = Hub(self.spool, self.broker, now_s=self.clock, limits=limits)
        self.broker.hub = self.hub
        if connected:
            self.broker.up()

    def line(self, port: str = "ttyUSB0") -> Line:
        """A port with a device that has said nothing yet."""
        return Line(self.hub, port)

    def turn(self, seconds: float = 0.03) -> None:
        """So long later, one round of the loop."""
        self.clock.pass_s(seconds)
        self.hub.turn()

    def pass_s(self, seconds: float) -> None:
        """Rounds of the loop as it asks for them."""
        until_s = self.clock.now_s + seconds
        while self.clock.now_s < until_s:
            self.clock.pass_s(min(self.hub.turn(), until_s - self.clock.now_s))
        self.hub.turn()


def kinds(said: list[Frame]) -> list[int]:
    """Types alone."""
    return [frame.kind for frame in said]
