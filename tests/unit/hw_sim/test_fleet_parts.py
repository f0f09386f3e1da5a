"""The fleet's parts: plans that cannot be, exact counts in bounded memory, devices that seal as real ones, lines that come back."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from cloud_sync.model import EPOCH_SECONDS, Precision, Stream, Verdict, VerdictCode
from cloud_sync.wire import batch, codec, downlink, ladder
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from hw_sim.demo.fleet.device import SealingDevice
from hw_sim.errors import HwSimError
from hw_sim.fleet.line import Line, packet, text
from hw_sim.fleet.plan import Plan
from hw_sim.fleet.run import Fleet, Judged, Sealed
from hw_sim.fleet.tally import Key, Latencies, Tally, Waiting
from hw_sim.world.drive import Drive

EPOCH = 20_500
NOON = EPOCH * EPOCH_SECONDS + 43_200
ROOT = bytes(range(32))
NAME = "a" * 16


def device(**options: Any) -> SealingDevice:
    """A device of a fixed enrolment, on the demo's drive."""
    file = codec.pack([1, NAME, ROOT, 0, EPOCH, NOON, "{}"])
    return SealingDevice(file, Drive.demo(), **options)


def key_of(epoch: int, counter: int, stream: int = Stream.LOCATION) -> bytes:
    """The key that the server has for it."""
    spine = ladder.spine(ROOT, stream)
    for _ in range(epoch - EPOCH):
        spine = ladder.next_spine(spine, stream)
    return ladder.seal_key(ladder.step(ladder.day_chain(spine, stream), stream, counter), stream)


def opened(sealed: Sealed) -> batch.LocationBatch:
    """The positions of an envelope, opened as the server opens it."""
    uplink = parse_uplink(sealed.payload)
    plaintext = open_uplink(NAME, uplink, key_of(uplink.header.epoch, uplink.header.counter))
    found = batch.decode_location(plaintext, uplink.header.epoch)
    assert isinstance(found, batch.LocationBatch)
    return found


def down(number: int, value: list[Any]) -> bytes:
    """A downlink of the device's server."""
    key = ladder.seal_key(ladder.step(ladder.down_chain(ROOT), Stream.DOWN, number), Stream.DOWN)
    return downlink.seal_downlink(NAME, 0, number, key, bytes(13), value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"devices": 0}, "devices 0: give 1 to 100000"),
        ({"rate": 0}, "rate 0: give 0.001 to 50000"),
        ({"rate": float("nan")}, "rate nan: give"),
        ({"for_s": -1}, "for_s -1: give"),
        ({"connections": 20_000}, "connections 20000: give 1 to 10000"),
        ({"devices": 1}, "5000 envelopes of 1 devices: a device seals at most 4096 a day; ask for more devices"),
        ({"window": -1}, "positive numbers"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(changes: dict[str, float], words: str) -> None:
    """One number of a good plan is changed each."""
    good = {"devices": 10, "rate": 500.0, "for_s": 10.0}
    assert Plan(**good).in_flight == 2500  # type: ignore[arg-type]
    with pytest.raises(HwSimError, match=words):
        Plan(**{**good, **changes})  # type: ignore[arg-type]


def test_what_it_seals_opens_at_the_server() -> None:
    """Numbers in order, times that are whole steps up to now, cells of the drive; over midnight the next day's ladder."""
    sealing = device(fixes=6, since_s=NOON - 100)
    first, second = sealing.seal(NOON + 5), sealing.seal(NOON + 65)
    assert first is not None and second is not None
    assert (first.epoch, first.counter, second.counter) == (EPOCH, 0, 1)
    assert opened(first).times == [NOON - 50 + 10 * n for n in range(6)]
    assert opened(second).times[-1] == NOON + 60
    near = [fix for fix in opened(second).fixes() if 53e7 < fix.lat_e7 < 54e7]
    assert len(near) == 6
    tomorrow = sealing.seal(NOON + 43_200 + 15)
    assert tomorrow is not None
    assert (tomorrow.epoch, tomorrow.counter) == (EPOCH + 1, 0)
    assert opened(tomorrow).times == [(EPOCH + 1) * EPOCH_SECONDS, (EPOCH + 1) * EPOCH_SECONDS + 10]


def test_nothing_is_captured_before_the_consent() -> None:
    """In the first seconds there is nothing to tell; then one fix, then more."""
    sealing = device(fixes=6, since_s=NOON + 1)
    assert sealing.seal(NOON + 9) is None
    counts = []
    for now in (NOON + 10, NOON + 25, NOON + 600):
        sealed = sealing.seal(now)
        assert sealed is not None
        counts.append(len(opened(sealed).times))
    assert counts == [1, 2, 6]


def test_verdicts_are_heard_once_and_only_from_the_server() -> None:
    """A verdict, the same again, one whose tag is wrong, one far ahead, and the next one."""
    sealing = device()
    lines = [Verdict(0, 1, EPOCH, n, bytes(8), code) for n, code in enumerate(VerdictCode)]
    told = down(3, downlink.verdicts_value(lines))
    hurt = told[:-1] + bytes([told[-1] ^ 1])
    with pytest.raises(HwSimError, match="does not verify"):
        sealing.hear(hurt)
    assert sealing.hear(told) == [Judged(EPOCH, 0, "stored"), Judged(EPOCH, 1, "drop"), Judged(EPOCH, 2, "closed")]
    assert sealing.hear(told) == ()
    with pytest.raises(HwSimError, match="5000 numbers ahead"):
        sealing.hear(down(5004, downlink.verdicts_value(lines)))
    assert len(sealing.hear(down(4, downlink.verdicts_value(lines)))) == 3


def test_a_directive_is_obeyed() -> None:
    """Its version is in the next header, its precision in the next batch."""
    sealing = device(since_s=NOON - 6000)
    wire = [7, NOON, NOON + 600, 1, 2, 0, 10, 20, 600, 86_400, 900, [], [], [0] * 7, [], 0, 0, b""]
    assert sealing.hear(down(0, [downlink.DIRECTIVE, wire])) == ()
    sealed = sealing.seal(NOON)
    assert sealed is not None
    assert parse_uplink(sealed.payload).header.directive_version == 7
    assert opened(sealed).precision is Precision.CELL_1KM


def test_counts_are_exact() -> None:
    """A verdict of each kind, one that comes twice, and one that is missing."""
    tally = Tally()
    for n in range(4):
        tally.sealed += 1
        tally.waiting[Key(0, EPOCH, n)] = Waiting(b"", first_s=10.0 + n)
    for n, word in enumerate(("stored", "stored", "drop")):
        tally.verdict(Key(0, EPOCH, n), word, 14.0)
    tally.verdict(Key(0, EPOCH, 0), "stored", 15.0)
    assert (tally.stored, tally.refused, tally.late_verdicts, tally.exact) == (2, {"drop": 1}, 1, False)
    tally.verdict(Key(0, EPOCH, 3), "closed", 14.0)
    assert tally.exact
    tally.sealed += 1
    assert not tally.exact


def test_percentiles_are_known_to_two_percent() -> None:
    """Of 1 to 1000 ms; an endless run keeps a fixed number of counts."""
    latencies = Latencies()
    size = len(latencies._counts)
    for n in range(1, 1001):
        latencies.add(n / 1000)
    assert latencies.share(0.5) == pytest.approx(0.5, rel=0.021)
    assert latencies.share(0.99) == pytest.approx(0.99, rel=0.021)
    assert (latencies.most_s, len(latencies._counts), Latencies().share(0.5)) == (1.0, size, 0.0)
    latencies.add(1e6)
    assert latencies.share(1.0) == 1e6


class Silent:
    """A device that always has something to say, and never understands."""

    up_topic, down_topic = "bl/1/x/up", "bl/1/x/down"

    def __init__(self) -> None:
        self.count = 0

    def seal(self, now_s: float) -> Sealed:
        """A number."""
        self.count += 1
        return Sealed(1, self.count, b"x" * 10)

    def hear(self, payload: bytes) -> list[Judged]:
        """Nothing of it."""
        raise HwSimError("no key")


class Hole:
    """A broker of a few bytes: it takes a client, answers CONNECT and SUBSCRIBE, and nothing else."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse, self.clients, self.published = refuse, 0, 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client, until it goes; the first one is thrown out once it has published."""
        self.clients += 1
        try:
            while head := await reader.readexactly(2):
                assert head[1] < 128
                await reader.readexactly(head[1])
                kind = head[0] >> 4
                if kind == 1:
                    writer.write(bytes((0x20, 2, 0, self.refuse)))
                elif kind == 8:
                    writer.write(b"\x90\x03\x00\x01\x01")
                    writer.write(packet(0x30, text("bl/1/x/down") + b"rubbish"))
                elif kind == 3:
                    self.published += 1
                    if self.clients == 1 and self.published >= 5:
                        break
        except asyncio.IncompleteReadError:
            pass
        writer.close()


def load(plan: Plan, hole: Hole) -> Tally:
    """A fleet of one silent device against the hole."""

    async def both() -> Tally:
        server = await asyncio.start_server(hole.serve, "127.0.0.1", 0)
        fleet = Fleet(plan, [Silent()], server.sockets[0].getsockname()[:2])
        try:
            return await fleet.run()
        finally:
            server.close()

    return asyncio.run(both())


def test_without_verdicts_it_stops_sealing_and_says_so() -> None:
    """A broker that throws the client out, and a server that never answers: the window bounds it, nothing counts as stored."""
    hole = Hole()
    tally = load(Plan(devices=1, rate=400, for_s=0.6, window=40, resend_s=0.2, drain_s=0.8), hole)
    assert (tally.sealed, tally.stored, len(tally.waiting)) == (40, 0, 40)
    assert not tally.exact
    assert tally.held_back > 0 and tally.repeats > 0
    assert (tally.reconnects, hole.clients) == (1, 2)
    assert tally.unreadable == 2  # what the hole says down, once to each client


def test_a_broker_that_refuses_is_named() -> None:
    """The CONNACK's code is in the error; so is a port on which nobody listens."""
    from hw_sim.fleet import run as running

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "UP_S", 0.3)
        with pytest.raises(HwSimError, match=r"1 of 1 connections do not come up: the broker (refused|closed)"):
            load(Plan(devices=1, rate=1, for_s=0.1), Hole(refuse=5))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = probe.getsockname()
        with pytest.raises(HwSimError, match=r"do not come up: .*(refused|Connect)"):
            asyncio.run(Fleet(Plan(devices=1, rate=1, for_s=0.1), [Silent()], address).run())


def test_a_line_tells_when_the_broker_is_behind() -> None:
    """With nobody reading, the buffer fills and the line is not free; nothing more is written than its bound."""

    async def stuck() -> tuple[int, bool]:
        hears = type("Hears", (), {"up": lambda *a: None, "heard": lambda *a: None, "acknowledged": lambda *a: None})()

        async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(b"\x20\x02\x00\x00")
            await reader.read(100)
            writer.write(b"\x90\x03\x00\x01\x01")
            await asyncio.Event().wait()

        server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
        line = Line(*server.sockets[0].getsockname()[:2], "x", ["bl/1/x/down"], hears)
        task = asyncio.create_task(line.run())
        while not line.is_up:
            await asyncio.sleep(0.005)
        count = 0
        while line.is_free and count < 20_000:
            line.publish("bl/1/x/up", bytes(1000))
            count += 1
        free = line.is_free
        line.close()
        task.cancel()
        server.close()
        return count, free

    count, free = asyncio.run(stuck())
    assert not free
    assert 200 < count < 20_000
