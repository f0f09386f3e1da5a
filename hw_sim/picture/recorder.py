"""Collects what happens on a board and its network, in virtual time, without taking part: no event of the clock is its own.

    recorder = Recorder.attach(board, network, title="a drive")
    ...                                        # the board runs
    recorder.fault_began("link-lost", part="network"); recorder.fault_ended("link-lost")
    recorder.recording().save(Path("run.json"))

A run that is recorded is the same run to the byte as one that is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from hw_sim.energy import currents
from hw_sim.energy.meter import Mark
from hw_sim.picture import recording as form
from hw_sim.picture.bins import Bins
from hw_sim.picture.recording import Event, FaultSpan, LedgerRow, Level, Packet, Partition, Place, Recording
from hw_sim.silicon.flash import Operation

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.network.net import Network
    from hw_sim.network.traffic import Direction

AWAKE, OFF = "awake", "off"
ASLEEP = ("light-sleep", "deep-sleep")
LINE_CHARS = form.TEXT_CHARS
CONTACT = "CONNECT"

T = TypeVar("T")


class _Kept(Generic[T]):
    """The first and the last of a list that may grow without end, half of the limit each, and how many there were."""

    def __init__(self, most: int = form.MOST_EVENTS) -> None:
        self._first: list[T] = []
        self._last: deque[T] = deque(maxlen=most - most // 2)
        self._half = most // 2
        self.number = 0

    def add(self, each: T) -> None:
        self.number += 1
        if len(self._first) < self._half:
            self._first.append(each)
        else:
            self._last.append(each)

    @property
    def all(self) -> list[T]:
        return [*self._first, *self._last]


class Recorder:
    """Hears a board's meter, flash and console and a network's traffic; tells them as a `Recording` at any time."""

    def __init__(self, board: Board, network: Network, title: str, spool: Callable[[], int | None] | None) -> None:
        self._board, self._network, self._title, self._spool_of = board, network, title, spool
        self._clock = board.world.clock
        self.begin_s = self._now_s
        self._bins = Bins(self.begin_s)
        self._mark: Mark = board.meter.mark()
        self._uc = board.meter.uc_by_part
        self._uc_at_s = self.begin_s
        self._state, self._state_at_s = self._state_now(), self.begin_s
        self._boots: _Kept[Event] = _Kept()
        self._marks: _Kept[Event] = _Kept()
        self._packets: _Kept[Packet] = _Kept()
        self._contacts: _Kept[float] = _Kept()
        self._spool: _Kept[Level] = _Kept(form.MOST_SPOOL)
        self._faults: list[FaultSpan] = []
        self._figures: dict[str, form.Value] = {}
        self._partitions = [Partition(label=label, sectors=0, programs=0, erases=0, programmed_bytes=0, most_worn=0)
                            for label in list(board.partitions)[: form.MOST_PARTS]]  # fmt: skip
        self._line = ""
        self._spool_due_s = self.begin_s

    @classmethod
    def attach(
        cls, board: Board, network: Network, *, title: str = "", spool: Callable[[], int | None] | None = None
    ) -> Self:
        """Begins to record. `spool` tells how many envelopes wait, where somebody can read that; it is asked after flash writes."""
        recorder = cls(board, network, title, spool)
        board.meter.heard.append(recorder._changed)
        board.meter.on_start.append(recorder._started)
        board.flash.done.append(recorder._flashed)
        network.up.heard.append(recorder._went)
        network.down.heard.append(recorder._came)
        listened = board.console.listen

        def listen(text: str) -> None:
            if listened is not None:
                listened(text)
            recorder._printed(text)

        board.console.listen = listen
        return recorder

    @property
    def _now_s(self) -> float:
        return self._clock.now_us / 1e6

    # --- what others tell

    def fault_began(self, name: str, *, part: str = "", detail: str = "") -> None:
        """A fault is under way from now on."""
        if len(self._faults) < form.MOST_EVENTS:
            self._faults.append(
                FaultSpan(name=_short(name), part=_short(part), detail=_short(detail), at_s=self._now_s)
            )

    def fault_ended(self, name: str) -> None:
        """The last fault of this name that was under way is over."""
        for fault in reversed(self._faults):
            if fault.name == _short(name) and fault.until_s is None:
                fault.until_s = self._now_s
                return

    def mark(self, text: str) -> None:
        """Something worth a mark on the time line."""
        self._marks.add(Event(at_s=self._now_s, text=_short(text)))

    def spool(self, count: int) -> None:
        """So many envelopes wait from now on."""
        self._spool.add(Level(at_s=self._now_s, value=count))

    def figure(self, name: str, value: form.Value) -> None:
        """A figure of the run, such as the fixes that a server has; `fixes` is what the cost of a fix is worked out by."""
        if name in self._figures or len(self._figures) < form.MOST_FIGURES:
            self._figures[_short(name)] = _short(value) if isinstance(value, str) else value

    # --- what is heard

    def _state_now(self) -> str:
        if not self._board.powered:
            return OFF
        state = self._board.meter.part("mcu").state
        return state if state in ASLEEP else AWAKE

    def _changed(self, part: str, state: str) -> None:
        now_s = self._now_s
        if part == "mcu":
            new = OFF if state == OFF else state if state in ASLEEP else AWAKE
            if new != self._state:
                self._close_state(now_s)
                self._state = new
        if now_s - self._uc_at_s >= self._bins.width_s:
            self._charge(now_s)

    def _close_state(self, now_s: float) -> None:
        if now_s > self._state_at_s:
            self._bins.spread("states_s", self._state, self._state_at_s, now_s, now_s - self._state_at_s)
        self._state_at_s = now_s

    def _charge(self, now_s: float) -> None:
        """Between two looks the charge is taken to have come evenly: exact while nothing changes, within a bin otherwise."""
        uc = self._board.meter.uc_by_part
        for part, total in uc.items():
            more = total - self._uc.get(part, 0.0)
            if more > 0:
                self._bins.spread("charge_uc", part, self._uc_at_s, now_s, more)
        self._uc, self._uc_at_s = uc, now_s

    def _started(self) -> None:
        cause = self._board.reset_cause.name.lower().replace("_", " ")
        self._boots.add(Event(at_s=self._now_s, text=cause))

    def _flashed(self, operation: Operation) -> None:
        self._bins.add("flash_operations", operation.kind, self._now_s, 1)
        for row in self._partitions:
            if self._board.partitions[row.label].holds(operation):
                row.erases += operation.kind == "erase"
                row.programs += operation.kind == "program"
                row.programmed_bytes += operation.size if operation.kind == "program" else 0
        if self._spool_of is not None and self._now_s >= self._spool_due_s:
            self._spool_due_s = self._now_s + self._bins.width_s
            count = self._spool_of()
            if count is not None:
                self.spool(count)

    def _went(self, kind: str, size: int) -> None:
        self._passed("up", kind, size)
        if kind == CONTACT:
            self._contacts.add(self._now_s)

    def _came(self, kind: str, size: int) -> None:
        self._passed("down", kind, size)

    def _passed(self, way: Direction, kind: str, size: int) -> None:
        now_s = self._now_s
        self._packets.add(Packet(at_s=now_s, up=way == "up", kind=kind, size=size))
        self._bins.add(f"bytes_{way}", kind, now_s, size)

    def _printed(self, text: str) -> None:
        *lines, self._line = (self._line + text).split("\n")
        self._line = self._line[-LINE_CHARS:]
        for line in lines:
            if line.strip():
                self.mark(line.strip())

    # --- as data

    def recording(self) -> Recording:
        """All of it up to now; recording goes on."""
        now_s, board = self._now_s, self._board
        self._close_state(now_s)
        self._charge(now_s)
        report = board.meter.since(self._mark)
        rows = [
            LedgerRow(
                part=row.part,
                state=row.state,
                seconds=row.seconds,
                microcoulomb=float(row.microcoulomb),
                events=row.events,
                basis=currents.basis(row.part, row.state),
            )
            for row in report.rows
        ]
        counts = {
            "boots": self._boots.number,
            "marks": self._marks.number,
            "packets": self._packets.number,
            "contacts": self._contacts.number,
        }
        return Recording(
            title=_short(self._title),
            board=board.name,
            seed=board.world.seed,
            start_unix_s=board.world.start_unix_s,
            begin_s=self.begin_s,
            end_s=now_s,
            rows=rows,
            over=self._bins.over(),
            boots=self._boots.all,
            faults=[fault.model_copy() for fault in self._faults],
            marks=self._marks.all,
            packets=self._packets.all,
            contacts=self._contacts.all,
            spool=self._spool.all,
            heap_free=self._heap(),
            track=self._track(now_s),
            flash=[self._worn(row) for row in self._partitions],
            counts=counts | self._counted(),
            figures=dict(self._figures),
        )

    def _counted(self) -> dict[str, int]:
        board = self._board
        return {
            "requests": board.counters["requests"],
            **(
                {"receiver power-ons": board.gnss.power_ons, "solutions": len(board.gnss.emitted)}
                if board.has_gnss
                else {}
            ),
            "bytes up": self._network.up.total_bytes,
            "bytes down": self._network.down.total_bytes,
        }

    def _heap(self) -> list[Level]:
        kept: _Kept[Level] = _Kept()
        for reading in self._board.heap:
            if reading.at_s >= self.begin_s:
                kept.add(Level(at_s=reading.at_s, value=reading.free_bytes))
        return kept.all

    def _worn(self, row: Partition) -> Partition:
        flash, partition = self._board.flash, self._board.partitions[row.label]
        first = partition.offset // flash.sector_bytes
        wear = flash.wear[first : first + partition.size // flash.sector_bytes]
        return row.model_copy(update={"sectors": len(wear), "most_worn": max(wear, default=0)})

    def _track(self, now_s: float) -> list[Place]:
        drive = self._board.gnss.drive if self._board.has_gnss else None
        start = self._board.world.start_unix_s
        if drive is None:
            return []
        times = [s.t_s for s in drive.samples if start + self.begin_s < s.t_s < start + now_s]
        times = [start + self.begin_s, *times[:: -(-len(times) // (form.MOST_TRACK - 2)) or 1], start + now_s]
        found = [(time, drive.at(time)) for time in times]
        return [Place(at_s=max(0.0, time - start), lat_deg=at.lat_deg, lon_deg=at.lon_deg) for time, at in found]


def _short(text: str) -> str:
    return text if len(text) <= form.TEXT_CHARS else text[: form.TEXT_CHARS - 1] + "\u2026"
