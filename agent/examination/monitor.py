"""The monitor: what a device says on its console, as it comes, without a word about a person and without disturbing it.

It listens and types nothing. Only `once` interrupts the device's program, and starts it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from agent.board import programs, unopened
from agent.board.console import INSTALL, Console, garbled
from agent.errors import AgentError, BoardRefused, NoFirmware, PortBusy, PortError
from agent.examination.findings import BOARD, Unanswered, ask, meant
from agent.release.names import Names
from agent.said.log import Line, Log
from agent.said.statuses import REASONS, UPDATES, Status, crash_shown, faults_in_words, is_number, release_shown

BAUDRATE = 115_200  # of boards behind a serial bridge; USB has none
SLICE_S = 0.2  # of one read: so late at most ends `for_s`
AGAIN_S = 0.5  # between two looks whether the cable is back
READ_BYTES = 4096
QUIET_S = 30.0  # without a line of byleave's: longer than any start and contact takes until its first
HINTS = {  # once, by what has come until then
    "nothing": "nothing has come for {0:.0f} s. A device that sleeps, or has nothing to report, is silent; after its reset button "
    "it says `started`. Is this the right port, and byleave's firmware on it? `byleave agent ports --look` asks, and interrupts it",
    "bytes": "something comes, and no whole line of it for {0:.0f} s: another speed than 115200, or another program",
    "others": "what has come in {0:.0f} s is not byleave's: another program? `byleave agent ports --look` asks, and interrupts it",
}
# What a board at rest knows of itself. Faults of sensors are known to a program at work alone, which says them at Ctrl-C. `fetch`:
# state of an update, by the marks of the slots (docs/decisions/0013-update.md).
AT_REST = """
from firmware.flash.recordlog import RecordLog
from firmware.flash.spool import Spool
from firmware.keystore import SLOT_BYTES, KeyStore
from firmware.version import SECURITY, VERSION
k = KeyStore(RecordLog(board.region("keys"), SLOT_BYTES))
r = None
if k.enrolled:
 s = Spool(board.region("spool"))
 c = board.settings().get("crash") or ["", 0]
 f = 0
 try:
  import slots
  for _, head, slot in slots.both(slots.device()):
   if head and not f:
    f = 1 if not slot.marked(0) else 0 if slot.marked(1) else 3 if slot.marked(2) else 2
 except (ImportError, OSError): pass
 r = [k.boots, k.directive_high, s.count(), s.lost, board.battery_mv(), VERSION, SECURITY, str(c[0]), k.generation, s.bytes_free()]
 r += [c[1], f]
print(json.dumps(r))
"""
SPOOL_FULL, SAFE_MODE, SAFE_STARTS, FULL_BYTES = 4, 2048, 4, 2048  # firmware/app.py, firmware/crash.py


class Port(Protocol):
    """What is used of pyserial's Serial."""

    def read(self, size: int = 1) -> bytes: ...
    def close(self) -> None: ...

    @property
    def in_waiting(self) -> int: ...


@dataclass
class Watched:
    """What has come: lines shown, lines that are not byleave's, how often the cable was gone, and the last status."""

    lines: int = 0
    others: int = 0
    gone: int = 0
    status: Status | None = None


def opened(port: str) -> Port:
    """The port, as nobody else has it. PortError, PortBusy; AgentError without pyserial."""
    try:
        import serial  # type: ignore[import-untyped,unused-ignore]  # noqa: PLC0415 - comes with an extra
    except ModuleNotFoundError as missing:
        raise AgentError(f"byleave agent needs {missing.name}, which is not installed: {INSTALL}") from None
    unopened.check(port)
    try:
        found: Port = serial.Serial(port, BAUDRATE, timeout=SLICE_S, exclusive=True)
    except (OSError, ValueError):
        raise unopened.unopened(port) from None
    return found


class Monitor:
    """`told` gets each line that may be shown, `said` what the monitor itself has to say. `raw` shows all lines once the board
    has said that it is no device.
    """

    def __init__(
        self,
        port: str,
        told: Callable[[Line], None],
        said: Callable[[str], None],
        *,
        names: Names | None = None,
        raw: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._port, self._told, self._said = port, told, said
        self._log, self._raw = Log(names), raw
        self._clock, self._sleep = clock, sleep
        self._heard_bytes = 0
        self.watched = Watched()

    def watch(self, for_s: float | None) -> None:
        """Listens for so long, or until KeyboardInterrupt. PortError or PortBusy only where it cannot begin."""
        until_s = None if for_s is None else self._clock() + for_s
        line: Port | None = opened(self._port)
        self._said(f"listening at {self._port}; Ctrl-C ends it")
        hint_s: float | None = self._clock() + QUIET_S
        try:
            while until_s is None or self._clock() < until_s:
                if line is None:
                    line = self._again()
                elif not self._heard(line):
                    self._lost(line)
                    line, hint_s = None, None  # it has been said what is amiss
                if self.watched.lines:
                    hint_s = None
                elif hint_s is not None and self._clock() >= hint_s:
                    self._said(self._hint())
                    hint_s = None
        finally:
            if line is not None:
                with suppress(OSError):
                    line.close()

    def _hint(self) -> str:
        """What a silence may mean."""
        come = "others" if self.watched.others else "bytes" if self._heard_bytes else "nothing"
        return HINTS[come].format(QUIET_S)

    def _heard(self, line: Port) -> bool:
        """Takes what comes within SLICE_S; False when the port is gone."""
        try:
            data = line.read(max(1, min(line.in_waiting, READ_BYTES)))
        except OSError:
            return False
        self._heard_bytes += len(data)
        for found in self._log.take(data):
            self._take(found)
        return True

    def _take(self, line: Line) -> None:
        self.watched.status = line.status or self.watched.status
        if not line.text and self._raw and self._log.enrolled is False:
            line = Line("".join(char if char.isprintable() else "." for char in line.raw), line.raw)
        if line.text:
            self.watched.lines += 1
            self._told(line)
        else:
            self.watched.others += 1

    def _lost(self, line: Port) -> None:
        with suppress(OSError):
            line.close()
        self.watched.gone += 1
        self._log.cut()  # half a line; and what comes next may be another board
        self._said("the cable was pulled, or the board sleeps; waiting for it")
        self._sleep(AGAIN_S)  # a port that can be opened and not read would be tried a thousand times a second

    def _again(self) -> Port | None:
        try:
            line = opened(self._port)
        except (PortError, PortBusy):
            self._sleep(AGAIN_S)
            return None
        self._said("it is there again")
        return line


def once(port: str) -> Status | None:
    """The status of the board, None for one that is not enrolled: interrupts its program and starts it again.

    What only a program at work knows, its uptime and the faults of its sensors, is what it says at the interruption; left out
    where none ran, or a release older than this agent. NoFirmware, and what a Console raises.
    """
    with closing(Console(port)) as console:
        try:
            with suppress(BoardRefused):
                meant(lambda: console.run(programs.REACH))
            return joined(status_of(ask(console, BOARD + AT_REST)), console.last_words)
        except Unanswered as failed:
            if failed.cable:
                raise garbled(port, "heard") from None
            if "ImportError" in failed.said:
                raise NoFirmware(
                    f"{port}: byleave's firmware is not on the board; `byleave agent flash` installs it"
                ) from None
            raise BoardRefused(f"{port}: {failed.said}; `byleave agent doctor` looks for the reason") from None
        finally:
            with suppress(AgentError):  # what is raised tells more
                console.restart()


def joined(at_rest: Status | None, last_words: bytes) -> Status | None:
    """What the program said as it was interrupted, with what the board says at rest; that alone where it said nothing."""
    said = [line.status for line in Log().take(last_words) if line.status and line.status.reason == REASONS[0]]
    if at_rest is None or not said or said[-1].boots != at_rest.boots:  # of another start: what a buffer had kept
        return at_rest
    return replace(said[-1], generation=at_rest.generation)


def status_of(answer: Any) -> Status | None:
    """What AT_REST said; Unanswered for anything else."""
    if answer is None:
        return None
    kinds = (*(int,) * 5, str, int, str, *(int,) * 4)
    whole = isinstance(answer, list) and len(answer) == len(kinds)
    if not whole or not all(type(value) is kind for value, kind in zip(answer, kinds, strict=True)):
        raise Unanswered("the board's answer cannot be read")
    boots, directive, spooled, lost, mv, release, security, crash, generation, free, starts, update = answer
    numbers = [value for value in answer if type(value) is int]
    if not all(map(is_number, numbers)):
        raise Unanswered("the board's answer cannot be read")
    bits = (SPOOL_FULL if free < FULL_BYTES else 0) | (SAFE_MODE if starts >= SAFE_STARTS else 0)
    return Status(
        boots=boots,
        directive=directive,
        spooled=spooled,
        lost=lost,
        battery_mv=mv,
        release=release_shown(release),
        security=security,
        crash=crash_shown(crash),
        generation=generation,
        faults=tuple(faults_in_words(bits)),
        update=UPDATES[update % len(UPDATES)],
    )
