"""A sweep: one pass, then every chosen cut on all cores, each result kept as it comes, so that it can be gone on with."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

from hw_sim.scenario.product import Plan, Product
from hw_sim.sweep.branch import Result, run
from hw_sim.sweep.cuts import Cut, How, Part, Share, SweepError, of_step
from hw_sim.sweep.tape import Tape, record

STATE = "sweep.jsonl"  # in the folder of the results: a first line that says what is swept, then a line for each cut
FAILED = "failed"  # beside it: what each cut left at which something was found


@dataclass(frozen=True)
class Order:
    """What is swept. `seconds`: virtual time of the run; `limit`: cuts at most, spread over the whole run."""

    product: Product
    plan: Plan
    seconds: float
    hows: tuple[How, ...]
    share: Share = field(default_factory=Share)
    limit: int | None = None

    def mark(self) -> dict[str, Any]:
        """By which a kept state is known to be of the same run; results of another firmware or plan prove nothing for this one."""
        plan = {
            "seed": self.plan.seed,
            "board": str(self.plan.board),
            "drive": self.plan.drive.description if self.plan.drive else "",
            "options": json.loads(json.dumps(dict(self.plan.options), default=str, sort_keys=True)),
        }
        return {
            "product": self.product.name,
            "plan": plan,
            "seconds": self.seconds,
            "sources": sources_of(self.product, self.plan),
        }


@dataclass
class Report:
    """What a sweep has to say."""

    steps: dict[Part, int]
    chosen: int  # cuts that were to be made
    results: list[Result] = field(default_factory=list)
    resumed: int = 0  # of these, made in an earlier run
    pass_s: float = 0.0
    real_s: float = 0.0
    interrupted: bool = False

    @property
    def failed(self) -> list[Result]:
        """Cuts at which something was found."""
        return [result for result in self.results if not result.held]

    @property
    def held(self) -> bool:
        """Every chosen cut was made, and every promise held at each."""
        return not self.failed and not self.interrupted and len(self.results) == self.chosen

    def figures(self) -> dict[str, Any]:
        """For people and programs."""
        fresh = self.results[self.resumed :]
        cuts_s = self.real_s - self.pass_s
        cpu_s = sum(result.cpu_s for result in fresh)
        return {
            "held": self.held,
            "flash_operations": self.steps.get("flash", 0),
            "network_steps": self.steps.get("net", 0),
            "cuts_chosen": self.chosen,
            "cuts_made": len(self.results),
            "of_these_before": self.resumed,
            "failed": len(self.failed),
            "pass_s": round(self.pass_s, 1),
            "real_s": round(self.real_s, 1),
            "cuts_per_minute": round(60 * len(fresh) / cuts_s) if fresh and cuts_s > 0 else 0,
            "cpu_s_per_cut": round(cpu_s / len(fresh), 3) if fresh else 0.0,
            "interrupted": self.interrupted,
        }


class State:
    """The results so far, in a file of lines; a line that a kill cut short is made anew."""

    def __init__(self, folder: Path, mark: dict[str, Any], *, go_on: bool) -> None:
        """SweepError for a file of another sweep, or one that is there and was not named for going on."""
        self._path = folder / STATE
        self.results: dict[str, Result] = {}
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.exists():
            if not go_on:
                raise SweepError(
                    f"{self._path} is there already: --resume {folder} goes on with it, or name a new folder"
                )
            self._read(mark)
            return
        if go_on:
            raise SweepError(f"{self._path} is not there: nothing to resume; leave --resume out to begin")
        self._append(json.dumps(mark, sort_keys=True))

    def _read(self, mark: dict[str, Any]) -> None:
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        try:
            known = json.loads(lines[0])
        except (IndexError, ValueError) as error:
            raise SweepError(f"{self._path} is no state of a sweep: {error}") from error
        for name, value in mark.items():
            if known.get(name) != value:
                raise SweepError(
                    f"{self._path} is of another sweep: its {name} was {known.get(name)}, now it is {value}"
                )
        whole = [line for line in lines if line.endswith("\n")]
        for line in whole[1:]:
            result = Result.of(line)
            self.results[result.cut] = result
        if len(whole) < len(lines):
            self._path.write_text("".join(whole), encoding="utf-8")

    def add(self, result: Result) -> None:
        """One more, durable at once."""
        self.results[result.cut] = result
        self._append(result.line())

    def _append(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())


@dataclass
class _Work:
    """What the workers have inherited."""

    order: Order
    tape: Tape
    keep: Path | None


_work: list[_Work] = []  # one; filled before the workers are forked


def sweep(
    order: Order,
    folder: Path | None = None,
    *,
    go_on: bool = False,
    jobs: int | None = None,
    told: Callable[[str, float], None] = lambda what, done: None,
) -> Report:
    """Make every chosen cut; with `folder` each result is kept there. KeyboardInterrupt ends it in order, and is in the report.

    `told(what, done)` hears of progress. The results come in no order that means anything.
    """
    state = State(folder, order.mark(), go_on=go_on) if folder else None
    began = time.monotonic()
    report = Report({"flash": 0, "net": 0}, 0)
    try:
        tape, report.steps = tape_of(order, told=lambda done: told("one pass over the run", done))
        report.pass_s = time.monotonic() - began
        cuts = chosen(order, tape)
        report.chosen = len(cuts)
        before = state.results if state else {}
        report.results = [before[str(cut)] for cut in cuts if str(cut) in before]
        report.resumed = len(report.results)
        left = [cut for cut in cuts if str(cut) not in before]
        for result in _make(_Work(order, tape, folder / FAILED if folder else None), left, jobs):
            report.results.append(result)
            if state:
                state.add(result)
            told(
                f"{len(report.results)} of {len(cuts)} cuts, {len(report.failed)} failed",
                len(report.results) / len(cuts),
            )
    except KeyboardInterrupt:
        report.interrupted = True
    report.real_s = time.monotonic() - began
    return report


def tape_of(
    order: Order, wanted: Callable[[Part, int], bool] | None = None, told: Callable[[float], None] = lambda done: None
) -> tuple[Tape, dict[Part, int]]:
    """The pass: the moments that a chosen cut needs, or those that are `wanted`."""

    def needed(part: Part, number: int) -> bool:
        return any(order.share.takes(cut) for cut in of_step(part, number, order.hows))

    with tempfile.TemporaryDirectory(prefix="byleave-sweep-") as at:
        return record(order.product.open(Path(at), order.plan), order.seconds, wanted or needed, told)


def chosen(order: Order, tape: Tape) -> list[Cut]:
    """The cuts of the order's share, in the order of the run; with a limit so many of them, evenly spread."""
    cuts = [cut for m in tape.moments for cut in of_step(m.part, m.number, order.hows) if order.share.takes(cut)]
    if order.limit is None or len(cuts) <= order.limit:
        return cuts
    return [cuts[number * len(cuts) // order.limit] for number in range(order.limit)]


def replay(order: Order, cut: Cut, keep: Path | None = None) -> Result:
    """The run again up to that cut, then the cut: exactly one. SweepError if the run has no such step."""
    tape, _ = tape_of(replace(order, share=Share()), lambda part, number: (part, number) == (cut.part, cut.number))
    return run(order.product, tape.find(cut.part, cut.number), cut, keep=keep)


def _make(work: _Work, cuts: list[Cut], jobs: int | None) -> Iterator[Result]:
    """The results, as they come; on as many processes as there are cores."""
    jobs = min(jobs or os.cpu_count() or 1, max(1, len(cuts)))
    if jobs == 1:
        for cut in cuts:
            yield run(work.order.product, work.tape.find(cut.part, cut.number), cut, keep=work.keep)
        return
    _work[:] = [work]
    try:
        # Forked, not spawned: the tape is shared and not copied. The pass is over, so there are no threads and no open stores.
        with multiprocessing.get_context("fork").Pool(jobs, _begin) as pool:
            yield from _results(pool, cuts)
    finally:
        _work.clear()


def _results(pool: Pool, cuts: list[Cut]) -> Iterator[Result]:
    yield from pool.imap_unordered(_one, cuts)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that keeps the results


def _one(cut: Cut) -> Result:
    work = _work[0]
    return run(work.order.product, work.tape.find(cut.part, cut.number), cut, keep=work.keep)


def sources_of(product: Product, plan: Plan) -> str:
    """A digest of the firmware that is swept, where the product says which: `Product.firmware(plan)`, a folder."""
    firmware = getattr(product, "firmware", None)
    if firmware is None:
        return ""
    folder = Path(firmware(plan))
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
