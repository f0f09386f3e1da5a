"""The run of a board's program: its requests served, its waits filled with virtual time, its ends told apart."""

import contextlib
import enum
import functools
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hw_sim.errors import ChildFailed, ChildSilent, DeviceError, NotSimulated
from hw_sim.interpreter import rom
from hw_sim.interpreter.child import SHIMS, Child, Request
from hw_sim.interpreter.services import Services
from hw_sim.interpreter.shims import _ops
from hw_sim.interpreter.waits import Result, Wait
from hw_sim.shell.terminal import Terminal

if TYPE_CHECKING:
    from hw_sim.board import Board

#: How long after a start the heap is read: most of what a program takes it takes at its beginning. Then hourly.
HEAP_FIRST_US = (10_000_000, 60_000_000, 600_000_000)
HEAP_PERIOD_US = 3600 * 1_000_000
SILENCE_S = 10.0  # of real time; the longest honest computation of a device takes a second here
PATIENCE_S = 0.02  # the same where somebody may type meanwhile
SIGNAL_S = 0.1  # after so long without a request a program that computes is told of Ctrl-C by a signal
WHERE_S = 1.0  # of real time, for a program that computes to say where it is
FOREVER_US = 1 << 62


AFTERWARDS = (
    _ops.CRASH,
    _ops.FLASH_READ,
)  # what a program asks for that dies of an exception: an import reads the flash
#: What a program asks again and again while it waits for something without sleeping.
LOOKS = frozenset(
    {
        *(_ops.RTC_GET, _ops.PIN_GET, _ops.ADC_READ, _ops.UART_ANY, _ops.UART_READ),
        *(_ops.WLAN_STATUS, _ops.WLAN_ACTIVE, _ops.WLAN_RSSI, _ops.PPP_STATUS, _ops.POLL, _ops.RECV),
    }
)
FREE_LOOKS = 500  # between two waits: computing costs no virtual time, and no driver looks that often for one reading
LOOK_US = 50  # of each after that: the order of one turn of a loop in MicroPython at 240 MHz
MANY_LOOKS, LATE_US = 10_000, 1000  # from here on each costs a millisecond, and what it looks for is seen so late
SOFT_RESET = 5  # `machine.reset_cause()` of the ESP32 port


class RunEnd(enum.Enum):
    """Why `Board.run` returned."""

    TIME = "the limit is reached"
    PREDICATE = "the condition holds"
    ENDED = "the program has ended"
    POWER_OFF = "the board has no power"
    PAUSED = "it was told to pause"


class Engine:
    """The program of one board, from start to start; it moves the world's clock."""

    def __init__(self, board: "Board") -> None:
        self._board = board
        self._clock = board.world.clock
        self._services = Services(board)
        self._child: Child | None = None
        self._wait: Wait | None = None
        self._behind: Wait | Result | None = None  # what an interrupt went before
        self._missed = ""  # what is not simulated, once the program was told of it
        self._op = _ops.BOOT  # of the request that is served
        self._silent_s = 0.0
        self._looks = 0  # since the last wait
        self._boot_us = self._heap_due_us = 0
        self._settled_us = -1_000_000

    @property
    def running(self) -> bool:
        """There is a program."""
        return self._child is not None

    @property
    def waiting(self) -> bool:
        """The program waits for time or for input, or there is none."""
        return self._child is None or self._wait is not None

    def start(self, app: rom.Rom, bytecode: rom.Bytecode) -> None:
        """Starts the interpreter anew; the old program was stopped before."""
        self._boot_us = self._clock.now_us
        self._heap_due_us = self._boot_us + HEAP_FIRST_US[0]
        board = self._board
        if board.terminal is not None:
            board.terminal.started(soft=board.reset_cause == SOFT_RESET)
        self._missed = ""
        self._child = Child(
            app,
            _shims(bytecode, board.description.port),
            heap_bytes=board.heap_bytes + SHIMS_HEAP_BYTES[board.description.port],
            on_output=board.console.feed,
            live=board.terminal is not None,
            segment=_segment(board),
        )

    def stop(self, *, reset_peers: bool) -> None:
        """Ends the program at once; its sockets and UARTs go with it."""
        if self._child is not None:
            self._child.kill()
        self._child = self._wait = self._behind = None
        self._board.interrupts.forget()
        self._services.close_sockets(reset=reset_peers)
        for port in self._board.uarts.values():
            port.stop()
            port.deaf = False

    def step(self, limit_us: int) -> bool:
        """One request, one step of a wait, or one step of time without a program; False if nothing is left to do."""
        if self._child is None:
            return self._idle(limit_us)
        if self._wait is not None:
            self._go_on_waiting(self._wait, limit_us)
        else:
            self._serve(self._child, limit_us)
        return True

    def _idle(self, limit_us: int) -> bool:
        self._board.meter.waiting()
        due = self._clock.next_us
        if due is not None and due <= limit_us:
            return self._clock.step(limit_us)
        if limit_us < FOREVER_US:
            self._clock.advance_to(limit_us)
        return False

    def _serve(self, child: Child, limit_us: int) -> None:
        terminal = self._board.terminal
        began_s = time.monotonic()
        try:
            request = child.recv(PATIENCE_S if terminal else self._board.silence_s)
        except ChildSilent:
            if terminal:
                self._compute(child, terminal, limit_us, time.monotonic() - began_s)
            else:
                self._hang(child)
            return
        if request is None:
            self._ended(child)
            return
        self._op, self._silent_s = request.op, 0.0
        self._board.counters["requests"] += 1
        self._board.spend(request.spent_us + self._look(request.op))
        if self._missed and request.op not in AFTERWARDS and self._board.stops_at_missing:
            raise NotSimulated(f"{self._missed}; the program caught the exception and went on")
        if request.op == _ops.RESUME:
            self._resume()
            return
        try:
            outcome = self._services.handle(request)
        except DeviceError as error:
            self._answer(request, -1, error.errno)
            return
        except NotSimulated as error:
            self._board.unsimulated.append(str(error))
            self._missed = "" if terminal else str(error)
            self._answer(request, 3, 0, str(error).encode())
            return
        if isinstance(outcome, Wait):
            self._wait = outcome
            self._settle_if_late(outcome)
        else:
            self._answer(request, 0, *outcome)

    def _look(self, op: int) -> int:
        """What a look costs (µs): a loop that only looks must let time pass, or what it looks for never comes."""
        if op not in LOOKS:
            return 0
        self._looks += 1
        if self._looks > MANY_LOOKS:
            return LATE_US
        return LOOK_US if self._looks > FREE_LOOKS else 0

    def _resume(self) -> None:
        """The handler has ended: the next one, or what it went before."""
        self._board.interrupts.serving = False
        behind, self._behind = self._behind, None
        if isinstance(behind, Wait):
            self._wait = behind
        else:
            self._answer(None, 0, *(behind or (0, b"")))

    def _interrupt(self, behind: Wait | Result) -> None:
        """Lets the program serve an interrupt before it hears of `behind`."""
        if isinstance(behind, Wait) and self._op == _ops.POLL:
            behind = (-1, b"")  # what is waited for may be in the program now
        self._wait, self._behind = None, behind
        self._send(4, self._board.interrupts.take())

    def _compute(self, child: Child, terminal: Terminal, limit_us: int, took_s: float) -> None:
        """It computes while somebody may type: time goes on with the host's, so that a watchdog can bite."""
        self._silent_s += took_s
        if terminal.wants_interrupt and self._silent_s >= SIGNAL_S:
            child.interrupt()
            terminal.interrupted()
        self._board.spend(max(0, min(limit_us - self._clock.now_us, round(took_s * 1e6))))

    def _settle_if_late(self, wait: Wait) -> None:
        # A program that only looks and never waits must still get its bytes: at most once each virtual millisecond.
        if wait.polls and self._clock.now_us - self._settled_us >= 1000:
            self._settle()

    def _settle(self) -> None:
        self._settled_us = self._clock.now_us
        self._board.network.settle()

    def _go_on_waiting(self, wait: Wait, limit_us: int) -> None:
        """It ends, or time passes to the next event."""
        terminal = self._board.terminal
        if self._board.interrupts.due:
            self._interrupt(wait)
            return
        if terminal and terminal.interrupts(self._op):
            self._end_wait(2, 0)
            return
        try:
            result = wait.ready()
            due = wait.deadline_us is not None and self._clock.now_us >= wait.deadline_us
            if result is None and not due:
                self._settle()
                result = wait.ready()
            if result is None and not due:
                self._pass_time(wait, limit_us)
                return
            self._end_wait(0, *(result or wait.finish()))
        except DeviceError as error:
            self._end_wait(-1, error.errno)

    def _pass_time(self, wait: Wait, limit_us: int) -> None:
        self._looks = 0
        until_us = limit_us if wait.deadline_us is None else min(limit_us, wait.deadline_us)
        if until_us >= FOREVER_US and self._clock.next_us is None:
            raise ChildFailed("the program waits for what will never come, and the run has no limit of time")
        self._board.meter.waiting()
        self._clock.step(until_us)

    def _end_wait(self, status: int, value: int, data: bytes = b"") -> None:
        self._wait = None
        for port in self._board.uarts.values():
            port.deaf = False
        self._answer(None, status, value, data)

    def _answer(self, request: Request | None, status: int, value: int, data: bytes = b"") -> None:
        if self._child is None or self._board.reset_pending:
            return
        now_us = self._clock.now_us
        if status == 0 and now_us >= self._heap_due_us and not (request and request.op == _ops.HEAP):
            self._heap_due_us = self._next_heap_us(now_us)
            status = 1
        elif status == 0 and self._board.terminal and self._board.terminal.interrupts(self._op):
            status = 2
        elif status == 0 and self._board.interrupts.due:
            self._interrupt((value, data))
            return
        self._send(status, value, data)

    def _next_heap_us(self, now_us: int) -> int:
        later = (self._boot_us + after_us for after_us in HEAP_FIRST_US)
        return next((due_us for due_us in later if due_us > now_us), now_us + HEAP_PERIOD_US)

    def _send(self, status: int, value: int, data: bytes = b"") -> None:
        if self._child is not None and not self._board.reset_pending:
            ticks_us = self._clock.now_us - self._boot_us + self._board.ticks_start_ms * 1000
            self._child.answer(status, ticks_us, value, data)

    def _hang(self, child: Child) -> None:
        """The program computes for ever: its watchdog bites, or without one that is the end."""
        board = self._board
        if board.watchdog.deadline_us is None:
            silence = f"the program neither waited nor asked for anything in {board.silence_s} s of real time"
            raise ChildFailed(f"{silence}{self._where(child)}\n{board.console.tail()}")
        board.counters["hangs"] += 1
        board.spend(board.watchdog.deadline_us - self._clock.now_us)

    def _where(self, child: Child) -> str:
        """Where a program is that computes for ever: it is interrupted, and its traceback tells."""
        with contextlib.suppress(ChildSilent):
            child.interrupt()
            request = child.recv(WHERE_S)
            if request is not None and request.op == _ops.CRASH:
                return ", at:\n" + _own_frames(request.data.decode("utf-8", "replace"))
        return ""

    def _ended(self, child: Child) -> None:
        code, board = child.exit_code, self._board
        self.stop(reset_peers=False)
        if board.terminal:
            board.terminal.died(f"the interpreter ended with code {code}")
            board.program_reset(_ops.HARD, 0)
            return
        if self._missed and board.stops_at_missing:
            raise NotSimulated(f"{self._missed}\n{_own_frames(board.traceback)}".rstrip())
        if board.traceback or code:
            board.counters["crashes"] += 1
            raise ChildFailed(board.traceback or f"the interpreter ended with code {code}\n{board.console.tail()}")

    def run(self, limit_us: int, until: Callable[[], bool]) -> RunEnd:
        """Until the limit or the condition, over resets of the board."""
        board = self._board
        while board.powered:
            board.do_pending_reset()
            if not board.powered:
                break
            if until():
                return RunEnd.PREDICATE
            if self._clock.now_us >= limit_us:
                return RunEnd.TIME
            if not self.step(limit_us):
                return RunEnd.TIME if board.asleep else RunEnd.ENDED
        return RunEnd.POWER_OFF


_FRAME_OF_SHIM = re.compile(rf'  File "({"|".join(path.name for path in SHIMS.rglob("*.py"))})",.*\n')


def _own_frames(traceback: str) -> str:
    """A traceback without the frames of what is C on a chip."""
    return _FRAME_OF_SHIM.sub("", traceback)


def _segment(board: "Board") -> bytes | None:
    """What the chip maps for ROMFS: b"" while it is blank, None where the board has none."""
    if "romfs" not in board.partitions:
        return None
    content = board.partition_bytes("romfs")
    return content if content.strip(b"\xff") else b""


# What the simulated modules themselves take of the interpreter's heap: on a chip they are C and take nothing. It is added to
# the board's heap, so that the cap is the firmware's; a test measures that they take no less.
SHIMS_HEAP_BYTES = {"esp32": 26 * 1024, "rp2": 32 * 1024}
_NUMBER = re.compile(rb"_ops\.([A-Z_]+)")


def _shims(bytecode: rom.Bytecode, port: str) -> rom.Rom:
    """The shims of a port: on a chip these modules take no heap, so here they take what they must.

    Asked of the cache of images at each start [one that nobody has used for long is deleted there].
    """
    return rom.build(_shim_sources(port), bytecode)


@functools.cache
def _shim_sources(port: str) -> dict[str, Path | bytes]:
    """The shims, request numbers written in.

    What a port has otherwise lies in a folder of its name, and finds what it takes the place of under `_base_`.
    """
    own = {path.name for path in (SHIMS / port).glob("*.py")} - {"__init__.py"}
    found: dict[str, Path | bytes] = {}
    for path in SHIMS.glob("*.py"):
        if path.name not in ("__init__.py", "_start.py", "_ops.py") and (path.name != "esp32.py" or port == "esp32"):
            found["_base_" * (path.name in own) + path.name] = _numbered(path)
    return found | {name: _numbered(SHIMS / port / name) for name in own}


def _numbered(path: Path) -> bytes:
    text = path.read_bytes().replace(b"import _ops\n", b"")
    return _NUMBER.sub(lambda match: str(getattr(_ops, match[1].decode())).encode(), text)
