"""Serial ports that come and go: which there are, and which of them are open."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.board.holders import busy
from agent.errors import PortBusy, PortError
from agent.gateway.serialline import Line, open_line

__all__ = ["Line", "Ports", "find", "open_line"]

MOST_PORTS = 64  # open at once; a Raspberry Pi with hubs carries about 30 adapters
MOST_NAMES = 1024  # looked at: /dev/tty* are 64 consoles before the first adapter
FIRST_RETRY_S = 2.0  # as often as ports are looked for
SAID_MOST = 3  # ports whose holders one refusal names: mostly it is one program that has all
LAST_RETRY_S = 60.0  # an adapter that is refused for hours is not asked each second

Say = Callable[[str], None]


def find(patterns: Sequence[str]) -> list[str]:
    """The ports that these names and patterns match now, in their order, each device once, MOST_NAMES at most.

    A link, as under /dev/serial/by-id, stays the name: it is the same when the adapter gets another number.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        paths = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - absolute ones too
        for path in paths:
            if os.path.exists(path):  # noqa: PTH110 - as above
                found.setdefault(os.path.realpath(path), path)
    return list(found.values())[:MOST_NAMES]


@dataclass(slots=True)
class _Refused:
    """A port that could not be had: when it is tried again, and what was said of it."""

    retry_s: float
    again_at_s: float
    said: str = ""
    busy: bool = False


class Ports:
    """The open lines of a gateway, kept in step with what is plugged in by calling `scan` now and then."""

    def __init__(
        self,
        patterns: Sequence[str],
        baudrate: int,
        say: Say,
        opener: Callable[[str, int], Line] = open_line,
    ) -> None:
        """`say` gets one line for each port that could not be had, once until that changes."""
        self._patterns = tuple(patterns)
        self._baudrate = baudrate
        self._say = say
        self._open = opener
        self.lines: dict[str, Line] = {}
        self._devices: dict[str, str] = {}  # name -> the device behind it when it was opened
        self._opened: dict[str, tuple[float, float]] = {}  # name -> when, and the pause that had been in force
        self._refused: dict[str, _Refused] = {}
        self.refused = 0  # attempts that failed, ever

    @property
    def waiting(self) -> list[str]:
        """Names of ports that are there and cannot be had."""
        return sorted(self._refused)

    @property
    def held(self) -> str:
        """Who has each port that was named by itself, where nothing at all could be opened; "" where there is something to do.

        Ports of a pattern do not count: they come and go.
        """
        named = [pattern for pattern in self._patterns if not glob.has_magic(pattern)]
        held = {os.path.realpath(name): one.said for name, one in self._refused.items() if one.busy}
        devices = dict.fromkeys(os.path.realpath(name) for name in named)  # one may have two names
        if self.lines or not devices or not devices.keys() <= held.keys():
            return ""
        said = [held[device] for device in devices]
        more = f"; and so are {len(said) - SAID_MOST} others" if len(said) > SAID_MOST else ""
        return "; ".join(said[:SAID_MOST]) + more

    def scan(self, now_s: float) -> tuple[list[Line], list[Line]]:
        """Opens what is new; the lines opened, and those whose device is another one now, or none (still open).

        A refused port is tried again after a pause that doubles up to LAST_RETRY_S.
        """
        names = find(self._patterns)
        gone = [line for name, line in self.lines.items() if self._devices[name] != _device(name)]
        for name in [name for name in self._refused if name not in names]:
            del self._refused[name]  # plugged in again it is news again
        taken = {device for name, device in self._devices.items() if name in self.lines}
        fresh = []
        for name in names:
            if name in self.lines or _device(name) in taken or len(self.lines) >= MOST_PORTS:
                continue
            line = self._try(name, now_s)
            if line is not None:
                fresh.append(line)
        return fresh, gone

    def _try(self, name: str, now_s: float) -> Line | None:
        before = self._refused.get(name)
        if before is not None and now_s < before.again_at_s:
            return None
        device = _device(name)
        try:
            line = self._open(name, self._baudrate)
        except PortBusy:
            self.refused += 1
            # Who has it is looked up once [that asks every process, which is long for a loop].
            self._put_off(name, now_s, before.said if before and before.busy else str(busy(name)), busy=True)
            return None
        except PortError as error:
            self.refused += 1
            self._put_off(name, now_s, str(error))
            return None
        self._refused.pop(name, None)
        self._opened[name] = now_s, before.retry_s if before else 0.0
        self.lines[name], self._devices[name] = line, device
        return line

    def _put_off(self, name: str, now_s: float, sentence: str, *, busy: bool = False) -> None:
        before = self._refused.get(name)
        retry_s = min(2 * before.retry_s, LAST_RETRY_S) if before else FIRST_RETRY_S
        said = before.said if before else ""
        if sentence and sentence != said:
            self._say(f"{sentence}; it is tried again")
            said = sentence
        self._refused[name] = _Refused(retry_s, now_s + retry_s, said, busy)

    def drop(self, line: Line, now_s: float) -> None:
        """Closes a line that has ended; its port is opened anew after a pause, if it is there then.

        The pause grows while the port ends soon each time [a port that opens and fails would fill the log].
        """
        line.close()
        if self.lines.get(line.name) is not line:
            return
        del self.lines[line.name], self._devices[line.name]
        opened_s, retry_s = self._opened.pop(line.name)
        if retry_s and now_s - opened_s < LAST_RETRY_S:
            self._refused[line.name] = _Refused(retry_s, now_s)
        self._put_off(line.name, now_s, "")

    def close(self) -> None:
        """Closes all."""
        for line in self.lines.values():
            line.close()
        self.lines.clear()
        self._devices.clear()


def _device(name: str) -> str:
    """What stands behind a name: another device under the same name is another one by its number or its inode."""
    try:
        status = os.stat(name)  # noqa: PTH116
    except OSError:
        return ""
    return f"{os.path.realpath(name)} {status.st_rdev}"
