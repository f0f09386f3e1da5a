"""A board with its chips, and its life: power, runs, resets, sleep and power cuts."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from hw_sim.energy.metering import BoardMeter
from hw_sim.errors import ChildFailed, HwSimError
from hw_sim.interpreter import rom
from hw_sim.interpreter.console import Console
from hw_sim.interpreter.engine import FOREVER_US, SILENCE_S, Engine, RunEnd
from hw_sim.interpreter.installed import Installed
from hw_sim.interpreter.interrupts import Interrupts
from hw_sim.interpreter.shims import _ops
from hw_sim.network.net import Network
from hw_sim.network.radio import Radio
from hw_sim.shell.terminal import Terminal
from hw_sim.silicon import description as descriptions
from hw_sim.silicon.description import Description
from hw_sim.silicon.flash import NorFlash, PowerLost
from hw_sim.silicon.gpio import Watchdog
from hw_sim.silicon.life import Cause, HeapReading, Job, RealTimeClock, Snapshot
from hw_sim.silicon.sleeping import Sleeping
from hw_sim.silicon.stepping import Stepping
from hw_sim.silicon.wiring import Wired
from hw_sim.world.clock import World

__all__ = ["Board", "Cause", "HeapReading", "RunEnd", "Snapshot"]


class Board(Stepping, Sleeping, Wired):
    """One simulated board in a world of its own; as a context manager it ends its program when it is left."""

    def __init__(
        self, description: Description, world: World, network: Network, *, heap_bytes: int | None = None
    ) -> None:
        super().__init__(description, world)
        self.network = network
        self.heap_bytes = heap_bytes or description.heap_bytes
        self.unique_id = bytes.fromhex(description.unique_id)
        self.flash = NorFlash(description.flash_bytes, rng=world.random("flash"))
        self.hears_in_flash = False  # the UART's interrupt handler lies in RAM
        self.partitions = description.partitions()
        self.rng = world.random("board")
        self.console = Console()
        self.watchdog = Watchdog(world.clock, lambda: self._ask_reset(Cause.WATCHDOG))
        self.radio = Radio(world.clock, network, description.radio.associate_ms)
        self.retained = b""
        self.reset_cause = self._chip_cause = Cause.POWER_ON
        self.counters: Counter[str] = Counter()
        self.heap: list[HeapReading] = []
        self.ticks_start_ms = 0  # where ticks_ms begins; near 2**30 it soon wraps
        self.silence_s = SILENCE_S
        self.traceback = ""
        self.job: Job | None = None
        self.asleep = False
        self.wake_reason = self._woken_by = 0  # machine.wake_reason() of the last start, of the next
        self.unsimulated: list[str] = []  # what the program asked for and nothing here stands for
        self.stops_at_missing = True  # a program that goes on after that ends the run all the same
        self.wake_on: dict[int, int] = {}  # levels of pins that end a deep sleep
        self.boot_loader: Callable[[], None] | None = None  # what `machine.bootloader()` starts, where it is simulated
        self.terminal: Terminal | None = None  # a prompt on a serial port; None: main.py runs, and its end is the end
        self.installed = Installed()
        self._powered = False
        self._reset: Cause | None = None
        self._failing = False
        self.rtc = RealTimeClock(world.clock)
        self.meter = BoardMeter(self)
        self.interrupts = Interrupts(self)
        self._engine = Engine(self)
        self.gpio.inputs.heard = self._pin_changed
        self.gpio.inputs.edge = self.interrupts.edge
        if description.modem is not None:
            self.attach_modem(description.modem)

    @classmethod
    def from_description(
        cls, board: str | Path, world: World, network: Network, *, heap_bytes: int | None = None
    ) -> Self:
        """A board by name or TOML file."""
        return cls(descriptions.load(board), world, network, heap_bytes=heap_bytes)

    # --- what it runs

    def install(self, package: Path | str, *, bytecode: rom.Bytecode = "auto") -> None:
        """Puts a package where the board imports it, as a release would flash it; its `main.py` becomes the program."""
        self.installed.add(Path(package), bytecode)

    def program(self, source: str) -> None:
        """Makes this text the board's `main.py`; what is installed stays importable."""
        self.installed.program(source)

    def plan(self) -> dict[str, object]:
        """What the start-up code of the board is told."""
        files = list(self.job.files) if self.job else []
        return {
            "source": self.job is not None,
            "files": files,
            "seed": self.rng.getrandbits(30),
            "port": self.description.port,
            "machine": self.description.machine,
            "mount": "vfs" in self.partitions,
            "console": self.terminal is not None and self.job is None,
            "main": self.terminal is None or self.terminal.runs_main,
        }

    # --- power and resets

    @property
    def powered(self) -> bool:
        """The board has power."""
        return self._powered

    @property
    def waiting(self) -> bool:
        """Nothing happens before time passes or somebody types."""
        return self._engine.waiting

    def power_on(self) -> None:
        """Power comes; the program starts with the next `run`."""
        if self._powered:
            raise HwSimError("the board is on already; reset() or cut_power() it")
        self._powered = True
        self.retained = b""
        self.rtc.us = 0
        self.feed_board(True)
        self.meter.supply()
        self._start(Cause.POWER_ON)

    def cut_power(self) -> None:
        """Power goes, at once."""
        self._engine.stop(reset_peers=True)
        self._powered, self._reset, self._failing = False, None, False
        self._lose_chip_state()
        self.feed_board(False)
        self.meter.cut()
        self.flash.disarm()

    def arm_power_cut(self, operation: int, *, torn: bool = False, unstable: bool = False) -> None:
        """Power will go at the n-th flash operation from now (1 = the next); with `torn` that one happens in part.

        With `unstable` too bits of it read differently from one time to the next.
        """
        self.flash.cut_after(operation, self.world.random(f"torn/{operation}") if torn else None, unstable=unstable)

    def brown_out(self) -> None:
        """The supply gives out: power goes once the request under way is done, which what the capacitors hold bears."""
        self.counters["brown-outs"] += not self._failing
        self._failing = True

    def reset(self) -> None:
        """As `machine.reset()` does it: retained memory and clock stay."""
        self._need_power()
        self._restart(Cause.HARD)

    def press_reset(self) -> None:
        """As the reset button does it: it takes the supply of the whole chip away, that of retained memory and clock too."""
        self._need_power()
        self.retained, self.rtc.us = b"", 0
        self._restart(Cause.POWER_ON)

    def soft_reset(self) -> None:
        """As Ctrl-D at the prompt does it: pins, radio and watchdog keep their state."""
        self._need_power()
        self._restart(Cause.SOFT)

    def _need_power(self) -> None:
        if not self._powered:
            raise HwSimError("the board is off; power_on() it")

    def close(self) -> None:
        """Ends the program."""
        self._engine.stop(reset_peers=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _lose_chip_state(self, *, release: bool = True) -> None:
        self.asleep = False
        self.rtc.wake()
        self.drop_alarm()
        self.gpio.reset(release=release)
        self.radio.set_active(False)
        self.bluetooth.set_active(False)
        self.buzzer.reset()
        self.watchdog.stop()
        self.program_gone()

    def _restart(self, cause: Cause) -> None:
        self._engine.stop(reset_peers=cause != Cause.SOFT)
        if cause != Cause.SOFT:
            self._lose_chip_state(release=cause != Cause.DEEP_SLEEP)
            self.wake_on.clear()
        self._start(cause)

    def _start(self, cause: Cause) -> None:
        self._reset = None
        self.reset_cause, self.traceback = cause, ""
        self.wake_reason = self._woken_by if cause is Cause.DEEP_SLEEP else 0
        if cause != Cause.SOFT:
            self._chip_cause = cause
        self.counters["boots"] += 1
        self.counters[f"boots after {cause.name.lower()}"] += 1
        self.meter.started()
        self._engine.start(self.installed.built(), self.installed.bytecode)

    @property
    def reset_pending(self) -> bool:
        """The program is to be restarted before it gets another answer."""
        return self._reset is not None or self._failing

    def do_pending_reset(self) -> None:
        """Restarts if something asked for it, or loses its power if that gave out."""
        if self._failing:
            self.cut_power()
        elif self._reset is not None:
            self._restart(self._reset)

    def _ask_reset(self, cause: Cause) -> None:
        self._reset = cause

    def program_reset(self, kind: int, sleep_us: int) -> None:
        """The program resets the board or sends it to deep sleep (negative: for ever)."""
        if kind != _ops.DEEPSLEEP:
            self._ask_reset(Cause.SOFT if kind == _ops.SOFT else Cause.HARD)
            return
        self.deep_sleep(sleep_us)

    # --- running

    def run(
        self, *, for_s: float | None = None, until_s: float | None = None, until: Callable[[], bool] | None = None
    ) -> RunEnd:
        """Runs until `for_s` from now, until Unix time `until_s`, or until the condition holds; whichever is first.

        ChildFailed with the traceback if the program ends by an exception; NotSimulated if it uses what is not there.
        """
        if for_s is None and until_s is None and until is None:
            raise HwSimError("run() without an end: give for_s, until_s or until")
        clock = self.world.clock
        limit_us = FOREVER_US if for_s is None else clock.now_us + round(for_s * 1e6)
        if until_s is not None:
            limit_us = min(limit_us, clock.us_of(until_s))
        try:
            end = self._engine.run(self._limited(limit_us), lambda: self._stops() or (until is not None and until()))
            return RunEnd.PAUSED if self._take_pause() else end
        except PowerLost:
            self.counters["power cuts"] += 1
            self.cut_power()
            return RunEnd.POWER_OFF
        except HwSimError:
            self._engine.stop(reset_peers=True)
            raise

    def spend(self, us: int) -> None:
        """Time that an operation takes."""
        self.meter.running()
        self.world.clock.advance_to(self.world.clock.now_us + us)

    def spend_in_flash(self, us: int) -> None:
        """Time that a program or erase takes; no code runs from flash meanwhile, and nobody empties the UARTs."""
        if not self.hears_in_flash:
            for port in self.uarts.values():
                port.neglect(us)
        self.spend(us)

    @property
    def told_cause(self) -> int:
        """What the chip says of its last reset: an RP2 knows power-on and watchdog, and takes its own resets for the latter."""
        if self.description.port != "rp2":
            return self.reset_cause
        return Cause.POWER_ON if self._chip_cause is Cause.POWER_ON else Cause.WATCHDOG

    def execute(self, source: str, files: Mapping[str, bytes] | None = None, *, timeout_s: float = 600.0) -> str:
        """Runs text as typed at the prompt, `files` a global dict that lives in RAM only; returns what it printed.

        A running program is stopped for it. A board that was off is powered for the time. ChildFailed as in `run`,
        also after `timeout_s` of virtual time.
        """
        was_on = self._powered
        begin = self.console.mark
        self.job = Job(self.installed.worded(source), dict(files or {}))
        try:
            if was_on:
                self.soft_reset()
            else:
                self.power_on()
            if self.run(for_s=timeout_s, until=lambda: not self._engine.running) is RunEnd.TIME:
                self._engine.stop(reset_peers=True)
                raise ChildFailed(f"not finished after {timeout_s} s\n{self.console.tail()}")
            return self.console.since(begin)
        finally:
            self.job = None
            if not was_on and self._powered:
                self.cut_power()

    # --- parts that the program sees

    def note_heap(self, free_bytes: int, used_bytes: int) -> None:
        """A reading of the heap."""
        self.heap.append(HeapReading(self.world.clock.now_us / 1e6, free_bytes, used_bytes))

    def partition_bytes(self, label: str) -> bytes:
        """Raw content of a partition."""
        partition = self.partitions[label]
        return self.flash.read(partition.offset, partition.size)

    def restore(self, snapshot: Snapshot) -> None:
        """Puts a snapshot back into a board that is off; retained memory does not outlive the lack of power."""
        if self._powered:
            raise HwSimError("restore() needs a board that is off; cut_power() first")
        self.flash.data[:] = snapshot.flash
