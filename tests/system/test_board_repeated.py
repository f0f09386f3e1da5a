"""A run repeated to the byte, taken apart step by step, saved and taken up again; what flash writes cost the UART."""

from __future__ import annotations

import contextlib
import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hw_sim.board import Board, RunEnd, Snapshot
from hw_sim.energy.meter import Mark
from hw_sim.errors import HwSimError
from hw_sim.network.broker import Broker
from hw_sim.network.net import Network
from hw_sim.network.tape import Tape
from hw_sim.plugin import BROKER_NAME, WIFI_KEY, WIFI_NAME
from hw_sim.silicon import snapshot as snapshots
from hw_sim.silicon.plainstate import SnapshotError
from hw_sim.world.clock import World

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

# Random numbers, files, timers, sockets and everything that comes back over them, in a loop that outlives broken connections.
TALK = f"""
import asyncio, network, os, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect({WIFI_NAME!r}, {WIFI_KEY!r})
while not wlan.isconnected():
    time.sleep_ms(50)
CONNECT = bytes.fromhex("101000044d5154540402003c000461626364")
SUBSCRIBE = bytes.fromhex("820800010003") + b"a/b" + bytes([1])
async def talk():
    reader, writer = await asyncio.wait_for(asyncio.open_connection("{BROKER_NAME}", 1883), 20)
    for word in (CONNECT, SUBSCRIBE):
        writer.write(word)
        await writer.drain()
        print(await asyncio.wait_for(reader.read(100), 20))
    for i in range(1, 4):
        text = os.urandom(20)
        writer.write(bytes([0x32, 27, 0, 3]) + b"a/b" + bytes([0, i]) + text)
        await writer.drain()
        got = await asyncio.wait_for(reader.read(200), 20)
        print(time.ticks_us(), len(got))
        with open("/log", "a") as log:
            log.write(got.hex())
        await asyncio.sleep_ms(700)
    writer.close()
    await writer.wait_closed()
async def main():
    while True:
        try:
            await talk()
        except (OSError, asyncio.TimeoutError) as error:
            print(repr(error), time.ticks_us())
        await asyncio.sleep(5)
asyncio.run(main())
"""
TROUBLE: dict[str, object] = {
    "latency_ms": 80, "jitter_ms": 300, "loss": 0.2, "reorder": 0.3, "duplicate": 0.3, "up_bytes_s": 200, "down_bytes_s": 300,
}  # fmt: skip


@contextlib.contextmanager
def new_board(source: str, *, name: str = "esp32s3", seed: int = 5, port: int = 1) -> Iterator[Board]:
    """A new board in a new world, off; its broker is at that port."""
    world = World(seed=seed)
    network = Network(world, hosts={BROKER_NAME: ("127.0.0.1", port)}, wifi={WIFI_NAME: WIFI_KEY})
    with Board.from_description(name, world, network) as board:
        board.program(source)
        yield board


def left(board: Board) -> dict[str, object]:
    """All that a run leaves."""
    return {
        "console": str(board.console),
        "flash": bytes(board.flash.data),
        "up": board.network.captured("up"),
        "down": board.network.captured("down"),
        "both": board.network.captured(),
        "charge": board.meter.since(board_mark(board)).table,
        "steps": board.steps,
    }


def board_mark(board: Board) -> Mark:
    """The ledger at the start of the world."""
    return board.meter.mark()._replace(now_us=0, accounts={})


def talk_s(seconds: float, trouble: dict[str, object], seed: int = 5) -> tuple[dict[str, object], Snapshot, Tape]:
    """A run of so long with a broker of its own: what it left, the board at its end, the tape."""
    with Broker.start() as broker, new_board(TALK, seed=seed, port=broker.port) as board:
        board.network.fault.set(**trouble)
        tape = board.network.record()
        board.power_on()
        board.run(for_s=seconds)
        return left(board), board.snapshot(), tape.ended()


@pytest.mark.parametrize("trouble", [{}, TROUBLE], ids=["quiet", "trouble"])
def test_two_runs_of_one_seed_are_equal_to_the_byte(trouble: dict[str, object]) -> None:
    """Console, flash, wire and charge of two runs, each with a real broker of its own; another seed is another run."""
    first, second, other = talk_s(40, trouble), talk_s(40, trouble), talk_s(40, trouble, seed=6)
    assert len(first[0]["up"]) > 200  # type: ignore[arg-type]
    for part, content in first[0].items():
        assert second[0][part] == content, part
    assert second[2].entries == first[2].entries
    assert other[0]["up"] != first[0]["up"]


def test_a_running_board_is_brought_back_by_its_tape(tmp_path: Path) -> None:
    """Snapshot and tape through files, no broker: a new board is at the same instant and goes on; another program is not."""
    _, snapshot, tape = talk_s(20, TROUBLE)
    snapshots.save(snapshot, tmp_path / "board")
    tape.save(tmp_path / "tape")
    snapshot, tape = snapshots.load(tmp_path / "board"), Tape.load(tmp_path / "tape")

    def story() -> None:
        board.power_on()
        board.run(for_s=3600)

    with new_board(TALK) as board:
        board.network.fault.set(**TROUBLE)
        board.network.play(tape)
        board.replay(snapshot, story)
        assert board.world.clock.now_us == 20_000_000
        assert board.partition_bytes("vfs") == snapshot.flash[0x280000:0x380000]
        before = len(str(board.console))
        board.run(for_s=30)
        assert "OSError" in str(board.console)[before:]  # its peers are gone
    with new_board(TALK.replace("700", "699")) as board:
        board.network.fault.set(**TROUBLE)
        board.network.play(tape)
        with pytest.raises(HwSimError, match="differs"):
            board.replay(snapshot, story)


COUNT = """
import machine, os, time
try:
    n = int(open("/n").read())
except OSError:
    n = 0
with open("/n", "w") as f:
    f.write(str(n + 1))
print(n, os.urandom(4).hex(), time.ticks_us())
time.sleep(3)
"""


def test_a_board_without_power_goes_on_elsewhere(tmp_path: Path) -> None:
    """Three starts in one board, or one and two in another that was loaded from a file: the same bytes, charge and wear."""
    with new_board(COUNT) as board:
        start(board)
        board.flash.break_sector(100)
        path = tmp_path / "board"
        snapshots.save(board.snapshot(), path)
        marks = len(str(board.console))
        start(board)
        start(board)
        whole = left(board) | {"console": str(board.console)[marks:], "wear": list(board.flash.wear)}
    assert path.stat().st_mode & 0o777 == 0o600
    with new_board(COUNT) as board:
        board.resume(snapshots.load(path))
        assert board.world.clock.now_us == 5_000_000
        start(board)
        start(board)
        assert board.flash.damage.broken.keys() == {100}
        assert left(board) | {"wear": list(board.flash.wear)} == whole
        assert board.counters["boots"] == 3


def start(board: Board) -> None:
    """One life of five seconds."""
    board.power_on()
    board.run(for_s=3.5)
    board.run(for_s=1.5)
    board.cut_power()


DOZE = """
import machine, time
rtc = machine.RTC()
n = len(rtc.memory())
print(n, machine.reset_cause(), time.time())
rtc.memory(bytes(n + 1))
machine.deepsleep(60000)
"""


def test_a_sleeping_board_goes_on_elsewhere() -> None:
    """Asleep since a moment, resumed in a new world: it wakes at its time, with its memory, and has drawn as much."""
    with new_board(DOZE) as board:
        board.power_on()
        board.run(for_s=100)
        assert board.asleep
        snapshot = board.snapshot()
        marks = len(str(board.console))
        board.run(for_s=100)
        whole = left(board) | {"console": str(board.console)[marks:], "steps": 0}
    assert whole["console"].startswith("2 4 ")  # type: ignore[attr-defined]
    with new_board(DOZE) as board:
        board.resume(snapshot)
        assert board.asleep
        board.run(for_s=100)
        assert left(board) | {"steps": 0} == whole


def test_what_cannot_be_resumed_says_so(tmp_path: Path) -> None:
    """A running program, another seed, a board that has lived, one with a chip at work; flash alone."""
    with new_board(COUNT) as board:
        board.power_on()
        board.run(for_s=1)
        running = board.snapshot()
        board.cut_power()
        off = board.snapshot()
        with pytest.raises(SnapshotError, match="before anything has happened"):
            board.resume(off)
    with new_board(COUNT, seed=6) as board, pytest.raises(SnapshotError, match="this is"):
        board.resume(off)
    with new_board(COUNT) as board:
        with pytest.raises(SnapshotError, match="the program runs: cut the power"):
            board.resume(running)
        with pytest.raises(SnapshotError, match="restore"):
            board.resume(Snapshot(off.flash, b""))
        board.resume(off)
    tracking = "from machine import Pin, deepsleep\nPin(21, Pin.OUT, value=1, hold=True)\ndeepsleep(60000)"
    with new_board(tracking) as board:
        board.power_on()
        board.run(for_s=10)
        assert board.asleep
        assert board.gnss.powered
        asleep = board.snapshot()
    with new_board(tracking) as board, pytest.raises(SnapshotError, match=r"receiver.* has something under way"):
        board.resume(asleep)


def test_hostile_snapshots_are_refused(tmp_path: Path) -> None:
    """Damaged bytes, lengths that lie, states that no such part has; what was changed is sound before."""
    with new_board(COUNT) as board:
        snapshot = board.snapshot()
    path = tmp_path / "board"
    snapshots.save(snapshot, path)
    good = path.read_bytes()
    for at in (*range(200), len(good) - 1):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(SnapshotError):
            snapshots.load(path)
    head = len(good[: good.index(b"{")])
    lengths = struct.unpack_from("<III", good, head - 12)
    text = json.loads(good[head : head + lengths[0]])
    changes: list[dict[str, Any]] = [
        {"life": "dead"}, {"now_us": -1}, {"now_us": "0"}, {"seed": None}, {"parts": []}, {"more": 1}, {"retained": "x"},
        {"parts": {**text["parts"], "random": {"board": [[3, [0] * 7, None]]}}},
        {"parts": {**text["parts"], "chips": {"receiver": {"_powered": "yes"}}}},
        {"parts": {**text["parts"], "chips": {"receiver": {"emit": 1}}}},
        {"parts": {**text["parts"], "chips": {"receiver": {"__class__": 1}}}},
        {"parts": {**text["parts"], "chips": {"nothing": {}}}},
        {"parts": {**text["parts"], "flash": {**text["parts"]["flash"], "wear": [1]}}},
        {"parts": {**text["parts"], "flash": {**text["parts"]["flash"], "stuck": [[-1, 1]]}}},
        {"parts": {**text["parts"], "meter": {"mcu": {"us": [], "uc": [["x", 1, 0]], "events": {}, "now": ["off", 0]}}}},
    ]  # fmt: skip
    for change in changes:
        forge(path, {**text, **change}, good[head + lengths[0] : -4], lengths[2])
        with pytest.raises(SnapshotError), new_board(COUNT) as board:
            board.resume(snapshots.load(path))
    forge(path, text, zlib.compress(bytes(lengths[2] + 1)), lengths[2])
    with pytest.raises(SnapshotError, match="another length"):
        snapshots.load(path)
    forge(path, text, good[head + lengths[0] : -4], lengths[2])
    with new_board(COUNT) as board:
        board.resume(snapshots.load(path))


def forge(path: Path, text: dict[str, Any], packed: bytes, flash_bytes: int) -> None:
    """A file with a good check sum."""
    told = json.dumps(text).encode()
    body = b"byleave board 1\n" + struct.pack("<III", len(told), len(packed), flash_bytes) + told + packed
    path.write_bytes(body + struct.pack("<I", zlib.crc32(body)))


def test_step_and_pause() -> None:
    """Steps of one request each move time as one run does; an event that pauses ends the run there."""
    with new_board(COUNT) as board:
        board.power_on()
        times = []
        for _ in range(50):
            assert board.step() is RunEnd.PREDICATE
            times.append(board.world.clock.now_us)
        assert times == sorted(times)
        assert 5 < len(set(times)) < 50  # some wait for the flash, some take no time
        board.world.clock.at(1_500_000, board.pause)
        assert board.run(for_s=100) is RunEnd.PAUSED
        assert board.world.clock.now_us == 1_500_000
        board.run(for_s=2)
    with new_board(COUNT) as whole:
        whole.power_on()
        whole.run(for_s=3.5)
        assert str(whole.console) == str(board.console) != ""
        assert whole.flash.data == board.flash.data


ERASING = """
import esp32, machine, time
machine.Pin(21, machine.Pin.OUT).value(1)
uart = machine.UART(1, 38400, tx=17, rx=18, rxbuf=4096)
part = esp32.Partition.find(esp32.Partition.TYPE_DATA, label="bl_spool")[0]
time.sleep(3)
uart.read()
for n in range(60):
    time.sleep_ms(1)
    part.ioctl(6, n)
print(len(uart.read()))
"""


@pytest.mark.parametrize("hears", [False, True])
def test_erasing_while_the_receiver_talks_loses_its_words(hears: bool) -> None:
    """Sentences come each second, longer than the FIFO; with the handler in RAM none is lost by the same erases."""
    with new_board(ERASING) as board:
        board.hears_in_flash = hears
        board.power_on()
        board.run(for_s=10)
        port = board.uarts[1]
        assert port.overrun_bytes == 0
        assert int(str(board.console)) > 200
        assert (port.lost_bytes > 100) is not hears
