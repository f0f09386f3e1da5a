"""The prompt of a simulated board within the test's own process: as agent.board.console.Console, without a port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent.board import console
from agent.errors import BoardRefused, LinkLost
from hw_sim.board import Board, RunEnd
from hw_sim.network.net import Network
from hw_sim.shell.terminal import Terminal
from hw_sim.world.clock import World

START_S = 1_700_000_000
ANSWER_S = 30.0  # virtual
SLICE_S = 0.005  # virtual: so soon is a board that waits at its prompt looked at again
PORT = "in the test"


class Prompted:
    """A board with somebody at its prompt; `consoles()` stands in for the class Console, and `typed` is what they ran."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.said = bytearray()
        self.typed: list[str] = []
        self.before: Callable[[str], None] = lambda code: None  # called with each program before it runs
        board.terminal = Terminal(self.said.extend)
        board.console.tap = board.terminal.printed

    def hear(self, end: bytes, for_s: float = ANSWER_S) -> bytes:
        """What the board says up to `end`; LinkLost when its power goes, or when it does not come."""
        at, clock = len(self.said), self.board.world.clock
        until_us = clock.now_us + for_s * 1e6
        while not self.said.endswith(end, at):
            how = self.board.run(for_s=SLICE_S, until=lambda: self.said.endswith(end, at))
            if how is RunEnd.POWER_OFF or clock.now_us > until_us:
                raise LinkLost(f"{PORT}: the board went away on the way; connect it and give the same command again")
        return bytes(self.said[at:])

    def type(self, data: bytes, end: bytes) -> bytes:
        """Types it, and hears."""
        assert self.board.terminal is not None
        self.board.terminal.receive(data)
        return self.hear(end)

    def start(self) -> bytes:
        """Power, and the friendly prompt."""
        if not self.board.powered:
            self.board.power_on()
        return self.hear(b">>> ")

    def execute(self, source: str, files: dict[str, bytes] | None = None) -> str:
        """Runs text as a program of its own, with nobody at the prompt; the board is off behind it."""
        if self.board.powered:
            self.board.cut_power()
        terminal, self.board.terminal = self.board.terminal, None
        try:
            return self.board.execute(source, files)
        finally:
            self.board.terminal = terminal

    def live(self, seconds: float) -> None:
        """So much virtual time, whatever the board does."""
        until_us = self.board.world.clock.now_us + seconds * 1e6
        while self.board.world.clock.now_us < until_us:
            self.board.run(for_s=SLICE_S)

    def start_or_run(self) -> None:
        """Powered: a second of its program, or its prompt."""
        del self.said[:]
        self.live(1.0)

    def console(self, port: str = PORT) -> AtPrompt:
        """In the place of Console(port)."""
        return AtPrompt(self)


class AtPrompt(console.Console):
    """A Console whose bytes go no way."""

    def __init__(self, prompted: Prompted) -> None:
        self.port, self._held_s, self._prompted = PORT, None, prompted
        if not prompted.board.powered:
            prompted.board.power_on()
        self.last_words = prompted.type(b"\x03", b">>> ")
        prompted.type(b"\x01", b"raw REPL; CTRL-B to exit\r\n>")
        prompted.type(b"\x04", b"raw REPL; CTRL-B to exit\r\n>")

    def run(self, code: str | bytes) -> str:
        """As in Console; the watchdog is held anew before each, as after a second of real time."""
        code = code if isinstance(code, str) else bytes(code).decode("latin-1")
        held, self._held_s = self._held_s, None
        if held is not None and code != console._HOLD:
            self.hold()
        self._held_s = held
        self._prompted.typed.append(code)
        self._prompted.before(code)
        said = (
            self._prompted.type(code.encode("latin-1") + b"\x04", b"\x04>").removesuffix(b"\x04>").removeprefix(b"OK")
        )
        out, _, error = said.partition(b"\x04")
        if error:
            raise BoardRefused(f"the board says: {error.strip().splitlines()[-1].decode()}")
        return out.replace(b"\r\n", b"\n").decode()

    def interrupt(self) -> None:
        """What runs is stopped, and the prompt is fresh."""
        for typed in (b"\x03\x01", b"\x04"):
            self._prompted.type(typed, b"raw REPL; CTRL-B to exit\r\n>")
        self._held_s = None

    def restart(self, seconds: float | None = None) -> str:
        """Back to the friendly prompt, then a soft reset."""
        self._prompted.type(b"\x02", b">>> ")
        at = len(self._prompted.said)
        assert self._prompted.board.terminal is not None
        self._prompted.board.terminal.receive(b"\x04")
        self._prompted.live(1.0 if seconds is None else seconds)
        return bytes(self._prompted.said[at:]).partition(b"soft reboot\r\n")[2].decode().replace("\r\n", "  ").strip()

    def leave(self, code: str) -> None:
        """Types it; what it does is heard by whoever starts the board next."""
        self._prompted.before(code)
        self._prompted.typed.append(code)
        assert self._prompted.board.terminal is not None
        self._prompted.board.terminal.receive(code.encode() + b"\x04")
        self._prompted.hear(b">>> ")

    def close(self) -> None:
        """There is no port."""

    def __enter__(self) -> AtPrompt:
        """As in Console."""
        return self


@contextmanager
def a_board(name: str, *, seed: int = 1) -> Iterator[Prompted]:
    """A board with byleave's firmware that is not enrolled."""
    from hw_sim.demo.stage import FIRMWARE

    world = World(START_S, seed)
    with Board.from_description(name, world, Network(world)) as board:
        board.install(FIRMWARE)
        yield Prompted(board)
