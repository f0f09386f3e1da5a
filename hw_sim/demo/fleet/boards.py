"""Real interpreters in a fleet: the unmodified firmware on simulated silicon, held to the pace of the real clock.

Each board is a process of its own, with a world that begins now. It runs up to the present, waits for time to pass, and runs on, so
that broker and server, who live in real time, see it as any other device.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from hw_sim.board import Board
from hw_sim.demo.flashcopy import spool_of
from hw_sim.demo.stage import FIRMWARE, INSTALL, around
from hw_sim.errors import HwSimError
from hw_sim.network.net import Network
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive

SLICE_S = 0.05  # a board is so far behind the present at most
WIFI = ("depot", "a key of the depot")
HOST = "broker.example"
SETTINGS = {
    "board": "esp32s3",
    "wifi": {"ssid": WIFI[0], "key": WIFI[1]},
    "broker": {"host": HOST, "port": 1883, "user": "", "password": "", "tls": False},
    "link": "always",
}
PARK_S, DRAIN_S = 4, 60
READY_S, READY_EACH_S, END_S = 60.0, 3.0, 180.0  # of real time, for a loaded machine


@dataclass(frozen=True)
class Lived:
    """What one board did: envelopes it published, those left in its spool, solutions of its receiver."""

    device: str
    published: int
    left: int
    measured: int
    virtual_s: float
    slowest_s: float  # how far behind the real clock it fell
    error: str = ""


class Boards:
    """So many real boards, each with its enrolment file; `start`, then `finish` at the end of the load."""

    def __init__(self, files: Sequence[tuple[str, bytes]], drive: Drive, address: tuple[str, int], seed: int) -> None:
        forks = multiprocessing.get_context("forkserver")  # what all of them import they share
        forks.set_forkserver_preload(["hw_sim.demo.fleet.boards"])
        self._processes: list[tuple[BaseProcess, Connection]] = []
        for n, (device, file) in enumerate(files):
            ours, theirs = forks.Pipe()
            work = forks.Process(target=_live, args=(device, file, drive, address, seed + n, theirs), daemon=True)
            self._processes.append((work, ours))

    def start(self) -> None:
        """Returns when every board is on."""
        for process, _ in self._processes:
            process.start()
        for _, pipe in self._processes:
            told = pipe.recv() if pipe.poll(READY_S + READY_EACH_S * len(self._processes)) else None
            if told != "on":
                self.kill()
                why = told.error if isinstance(told, Lived) else "no answer in time"
                raise HwSimError(f"a real board did not start: {why}; try `byleave sim doctor`")

    def finish(self) -> list[Lived]:
        """Each parks, empties its spool and goes off; what they did."""
        found = []
        for _, pipe in self._processes:
            pipe.send("park")
        for process, pipe in self._processes:
            if not pipe.poll(END_S):
                self.kill()
                raise HwSimError("a real board did not come to its end")
            found.append(pipe.recv())
            process.join(END_S)
        return found

    def kill(self) -> None:
        """At once, after something failed."""
        for process, _ in self._processes:
            if process.is_alive():
                process.kill()


def _live(device: str, file: bytes, drive: Drive, address: tuple[str, int], seed: int, pipe: Connection) -> None:
    """One board's life in its process."""
    try:
        pipe.send(_lived(device, file, drive, address, seed, pipe))
    except HwSimError as error:
        pipe.send(Lived(device, 0, 0, 0, 0.0, 0.0, str(error)))


def _lived(device: str, file: bytes, drive: Drive, address: tuple[str, int], seed: int, pipe: Connection) -> Lived:
    world = World(start_unix_s=time.time(), seed=seed)
    network = Network(world, hosts={HOST: address}, wifi=dict([WIFI]))
    network.raise_on_timeout = False  # a broker that is away is a fault to live through
    with Board.from_description("esp32s3", world, network) as board:
        board.gnss.drive = drive.shifted(world.clock.unix_s)
        board.install(FIRMWARE)
        around(board)
        board.execute(INSTALL, files={"enrolment": file})
        board.power_on()
        pace = _Pace(board)
        pipe.send("on")
        while not pipe.poll(0):
            pace.on()
        _park(board, pace)
        up = network.up.publish.get(f"bl/1/{device}/up", (0, 0))[0]
        left = spool_of(board).count()
        return Lived(device, up, left, len(board.gnss.emitted), world.clock.now_us / 1e6, pace.slowest_s)


class _Pace:
    """Runs a board up to the present, piece by piece."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.slowest_s = 0.0

    def on(self) -> None:
        """Up to now, then a slice of rest."""
        board, now = self._board, time.time()
        behind = now - board.world.clock.unix_s
        if behind > 0:
            self.slowest_s = max(self.slowest_s, behind)
            board.run(until_s=min(now, board.world.clock.unix_s + 1.0))
        if time.time() - board.world.clock.unix_s < SLICE_S:
            time.sleep(SLICE_S)

    def for_s(self, seconds: float) -> None:
        """On for that long."""
        end = self._board.world.clock.unix_s + seconds
        while self._board.world.clock.unix_s < end:
            self.on()


def _park(board: Board, pace: _Pace) -> None:
    """The button closes the open batch; then until the spool is empty."""
    board.press_button()
    pace.for_s(PARK_S)
    board.release_button()
    end = time.monotonic() + DRAIN_S
    while time.monotonic() < end and spool_of(board).count():
        pace.for_s(1)
