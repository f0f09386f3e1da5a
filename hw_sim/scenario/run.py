"""One run of a scenario: time passes from fault to fault, and what happened is written down."""

from __future__ import annotations

import heapq
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hw_sim.errors import ChildFailed
from hw_sim.faults import Ongoing, Site, find
from hw_sim.interpreter.engine import RunEnd
from hw_sim.scenario.events import Events
from hw_sim.scenario.figures import Bound, broken, figures_of
from hw_sim.scenario.model import FaultRow, RunTable
from hw_sim.scenario.product import Figure, Finding, Running

if TYPE_CHECKING:
    from hw_sim.picture.recorder import Recorder

FAILED = "the program failed"


@dataclass(frozen=True)
class Happening:
    """Something that happened in a run: seconds since its start, and words."""

    at_s: float
    what: str


@dataclass
class Run:
    """What came out. `broken` has a sentence for each bound and each invariant that did not hold; empty: `ok`."""

    name: str
    seed: int
    ended: str
    figures: dict[str, Figure]
    console: str
    happenings: list[Happening]
    findings: list[Finding]
    broken: list[str]
    traceback: str = ""

    @property
    def ok(self) -> bool:
        """All that was expected holds."""
        return not self.broken

    def to_dict(self) -> dict[str, Any]:
        """As plain data, in one order; two runs of one seed give the same."""
        return {
            "name": self.name,
            "seed": self.seed,
            "ok": self.ok,
            "ended": self.ended,
            "figures": self.figures,
            "happenings": [{"at_s": each.at_s, "what": each.what} for each in self.happenings],
            "findings": [{"invariant": each.invariant, "detail": each.detail} for each in self.findings],
            "broken": self.broken,
            "traceback": self.traceback,
            "console": self.console,
        }

    def to_json(self) -> str:
        """`to_dict` as one line."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


@dataclass
class _Planned:
    """A fault of the scenario, from its plan to its end."""

    row: FaultRow
    number: int  # in the file
    ongoing: Ongoing | None = None
    held: bool = False

    @property
    def waits(self) -> bool:
        """It has not begun."""
        return self.ongoing is None

    @property
    def missed(self) -> str:
        """Why nothing of it was tested; empty where it has happened, or need not."""
        if self.held or self.row.optional:
            return ""
        if not self.waits:
            return (
                f"{self.text} was armed, and its moment never came: nothing was tested; optional = true if it need not"
            )
        what = f"at_s = {self.row.at_s:g}" if self.row.after is None else f"{self.row.after} number {self.row.count}"
        return f"{self.text} never began, the run ended before {what}; optional = true if it need not"

    @property
    def text(self) -> str:
        """Name and parameters."""
        given = ", ".join(f"{name} = {value!r}" for name, value in self.row.parameters.items())
        return f"{self.row.name} ({given})" if given else self.row.name


@dataclass
class Runner:
    """Runs a product from its power-on to the end of the plan."""

    running: Running
    faults: Sequence[FaultRow]
    plan: RunTable
    site: Site = field(init=False)
    happenings: list[Happening] = field(default_factory=list)
    traceback: str = ""
    recorder: Recorder | None = None  # is told what happens, for a picture of the run

    def __post_init__(self) -> None:
        """Everything counts from here."""
        self.site = self.running.site
        self.clock = self.site.world.clock
        self.start_us = self.clock.now_us
        self.end_us = self.start_us + round(self.plan.for_s * 1e6)
        self._ended_boots: set[int] = set()  # starts of the program whose end was its own
        self.events = Events(lambda: self.site)
        self.running.on_event = self.events.tell
        self.planned = [_Planned(row, number) for number, row in enumerate(self.faults)]
        self._due: list[tuple[int, int, _Planned]] = []  # a heap: what begins or ends when
        self._after: dict[str, list[_Planned]] = {}  # by event, the one that comes next last
        self._armed: list[_Planned] = []
        self._lookers: list[_Planned] = []
        for each in sorted(self.planned, key=lambda each: (-each.row.count, -each.number)):
            if each.row.at_s is not None:
                self._at(each, self.start_us + round(each.row.at_s * 1e6))
            elif each.row.after is not None:
                self._after.setdefault(each.row.after, []).append(each)

    def go(self) -> str:
        """Power on, and on to the end; why it ended."""
        self._turn()  # faults at second 0 are there before the first instruction
        if not self.site.board.powered and not self._without_power:
            self.site.board.power_on()
        try:
            while self.clock.now_us < self.end_us:
                if self._reached():
                    return f"{self.plan.until} came {self.plan.count} times"
                self._slice()
                self._turn()
        except ChildFailed as error:
            self.traceback = str(error)
            self._look_at_armed()
            self.note(FAILED)
            return FAILED
        ended = RunEnd.ENDED if self._boot in self._ended_boots else RunEnd.TIME
        return str(ended.value)

    @property
    def exits(self) -> int:
        """How often the program has ended by itself, sys.exit() or its last line; a firmware does not."""
        return len(self._ended_boots)

    @property
    def _boot(self) -> int:
        return self.site.board.counters["boots"]

    def stop(self) -> None:
        """All faults end, so that what is checked now is what is left of them."""
        for each in self.planned:
            self._end(each)

    def note(self, what: str) -> None:
        """Writes down what happened now."""
        self.happenings.append(Happening(round((self.clock.now_us - self.start_us) / 1e6, 6), what))
        if self.recorder is not None:
            self.recorder.mark(what)

    @property
    def _without_power(self) -> bool:
        return any(each.ongoing and each.ongoing.no_power for each in self.planned)

    # --- time

    def _slice(self) -> None:
        """Time passes to whatever comes next."""
        powered = self.site.board.powered
        until_us = min([self.end_us, *(max(us, self.clock.now_us) for us, _, _ in self._due[:1])])
        if not powered:
            looks = [each.ongoing.look_s for each in self._lookers if each.ongoing and not each.ongoing.over]
            until_us = min([until_us, *(self.clock.now_us + round(s * 1e6) for s in looks)])
        end = self.running.run(for_s=(until_us - self.clock.now_us) / 1e6, until=self._wanted)
        if end is RunEnd.ENDED:
            self._ended_boots.add(self._boot)
        if end is RunEnd.POWER_OFF:
            self.note("the power is gone")
        elif not powered and self.site.board.powered:
            self.note("the power is back")
        elif end is RunEnd.ENDED and self.clock.now_us < until_us:
            self.clock.advance_to(until_us)  # nothing runs any more, and what was planned still comes

    def _at(self, each: _Planned, us: int) -> None:
        heapq.heappush(self._due, (us, each.number, each))

    def _wanted(self) -> bool:
        """Something has happened that somebody waits for. It is asked at each step of the board: no walk over all faults."""
        return (
            self._reached()
            or any(self._came(rows) for rows in self._after.values())
            or any(each.ongoing and each.ongoing.holds for each in self._armed)
        )

    def _reached(self) -> bool:
        return self.plan.until is not None and self.events.count(self.plan.until) >= self.plan.count

    def _came(self, rows: list[_Planned]) -> bool:
        return bool(rows) and self.events.count(rows[-1].row.after or "") >= rows[-1].row.count

    # --- faults

    def _turn(self) -> None:
        """Begins what is due, and ends what is over."""
        for rows in self._after.values():
            while self._came(rows):
                each = rows.pop()
                self._at(each, self.clock.now_us + round(each.row.delay_s * 1e6))
        self._look_at_armed()
        while self._due and self._due[0][0] <= self.clock.now_us:
            each = heapq.heappop(self._due)[2]
            if each.waits:
                self._begin(each)
            else:
                self._end(each)

    def _look_at_armed(self) -> None:
        for each in self._armed:
            self._took_hold(each)
        self._armed = [each for each in self._armed if not each.held]

    def _begin(self, each: _Planned) -> None:
        fault = find(each.row.name)
        each.ongoing = fault.begin(self.site, **each.row.parameters)
        armed = "" if each.ongoing.holds else " is armed"
        self.note(f"{each.text}{armed}")
        self._took_hold(each)
        if not each.held:
            self._armed.append(each)
        if each.ongoing.look_s < self.plan.for_s:
            self._lookers.append(each)

    def _took_hold(self, each: _Planned) -> None:
        """How long it lasts counts from when it has happened."""
        if each.ongoing is None or each.held or each.ongoing.over or not each.ongoing.holds:
            return
        each.held = True
        if self.recorder is not None:
            self.recorder.fault_began(each.row.name, part=find(each.row.name).part, detail=each.text)
        if each.ongoing.begun_us != self.clock.now_us:
            self.note(f"{each.row.name} has happened")
        if each.row.for_s is not None:
            self._at(each, self.clock.now_us + round(each.row.for_s * 1e6))

    def _end(self, each: _Planned) -> None:
        if each.ongoing is None or each.ongoing.over:
            return
        each.ongoing.end()
        if self.recorder is not None:
            self.recorder.fault_ended(each.row.name)
        if each.ongoing.fault.lasts:
            self.note(f"{each.row.name} is over")


def judged(runner: Runner, ended: str, name: str, seed: int, expect: Mapping[str, Bound]) -> Run:
    """The run, with its figures held against the bounds; the product's invariants are looked at last."""
    runner.stop()
    findings = [] if runner.traceback else runner.running.check()
    site = runner.running.site
    figures = {**figures_of(site), **runner.running.figures()}
    figures |= {"exits": runner.exits, "crashes": int(bool(runner.traceback)), "findings": len(findings)}
    sentences = broken(expect, figures, site.board.console)
    if runner.traceback and "crashes" not in expect:
        sentences.insert(0, f"{FAILED}: {runner.traceback.strip().splitlines()[-1]}")
    if "findings" not in expect:
        sentences += [f"{each.invariant}: {each.detail}" for each in findings]
    sentences += [each.missed for each in runner.planned if each.missed]
    console, traceback = str(site.board.console), runner.traceback
    return Run(name, seed, ended, figures, console, runner.happenings, findings, sentences, traceback)
