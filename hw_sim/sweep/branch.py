"""One cut: the moment is brought back, the power goes and comes, everything has time to arrive, the promises are looked at."""

from __future__ import annotations

import json
import random
import resource
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self, cast

from hw_sim.board import Board, Cause
from hw_sim.errors import HwSimError
from hw_sim.interpreter.shims import _ops
from hw_sim.scenario.product import Finding, Product, Running, Saved
from hw_sim.silicon.flash import NorFlash, PowerLost
from hw_sim.sweep.cuts import Cut, SweepError
from hw_sim.sweep.tape import Hosted, Kept, Moment, Tape

TAIL_LINES = 40


@dataclass(frozen=True)
class Result:
    """What came of one cut. `findings` is empty where every promise held; a run that breaks down is a finding as well."""

    cut: str
    what: str
    findings: list[Finding] = field(default_factory=list)
    cpu_s: float = 0.0  # of this process and the interpreters it started
    real_s: float = 0.0
    console: str = ""

    @property
    def held(self) -> bool:
        """Nothing was found."""
        return not self.findings

    def line(self) -> str:
        """As it is kept: one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def of(cls, line: str) -> Self:
        """From such a line; SweepError."""
        try:
            fields: dict[str, Any] = json.loads(line)
            fields["findings"] = [Finding(**each) for each in fields["findings"]]
            return cls(**fields)
        except (ValueError, TypeError, KeyError) as error:
            raise SweepError(f"{line[:60]!r} is no result of a sweep: {error}") from error


def run(product: Product, moment: Moment, cut: Cut, *, keep: Path | None = None) -> Result:
    """Cut the power at that moment, bring it back, check. `keep` is a folder for what the cut left, if anything is found."""
    began, cpu = time.monotonic(), _cpu_s()
    saved = _after(product, moment, cut)
    findings, console = _checked(product, saved, moment.kept, cut)
    if findings and keep is not None:
        _lay_down(keep / str(cut).replace("/", "-"), saved, console, findings)
    cpu_s, real_s = round(_cpu_s() - cpu, 3), round(time.monotonic() - began, 3)
    return Result(str(cut), moment.what, findings, cpu_s, real_s, console if findings else "")


def _after(product: Product, moment: Moment, cut: Cut) -> Saved:
    """What the cut leaves."""
    saved = Tape.saved(moment)
    if cut.how == "host":
        return cast(Hosted, product).without_host(saved)
    if cut.how == "torn" and moment.kept.operation is not None:
        return _torn(saved, moment.kept, cut)
    return saved


def _torn(saved: Saved, kept: Kept, cut: Cut) -> Saved:
    """The flash behind an operation that happened in part, as `NorFlash` tears it; the cut's name is its seed."""
    operation = kept.operation
    if operation is None:
        return saved
    flash = NorFlash(len(saved.flash))
    flash.data[:] = saved.flash
    flash.cut_after(1, random.Random(f"{saved.plan.seed}/{cut}"))
    try:
        if operation.kind == "erase":
            flash.erase(operation.offset, operation.size)
        else:
            flash.program(operation.offset, operation.data)
    except PowerLost:
        pass
    return Saved(saved.plan, saved.clock_us, bytes(flash.data), saved.files, saved.state)


def _checked(product: Product, saved: Saved, kept: Kept, cut: Cut) -> tuple[list[Finding], str]:
    """The findings and the end of the console; a program that dies for good is a finding too."""
    with tempfile.TemporaryDirectory(prefix="byleave-sweep-") as folder:
        console = ""
        try:
            with product.resume(Path(folder), saved) as running:
                try:
                    return _recovered(running, kept, cut), _tail(running.site.board)
                finally:
                    console = _tail(running.site.board)
        except HwSimError as error:
            return [Finding("it-runs", f"{type(error).__name__}: {error}")], console


def _recovered(running: Running, kept: Kept, cut: Cut) -> list[Finding]:
    running.site.board.power_on()
    if cut.how == "dip":
        _dip(running.site.board, kept)
    return running.check()


def _tail(board: Board) -> str:
    return "\n".join(str(board.console).splitlines()[-TAIL_LINES:])


def _dip(board: Board, kept: Kept) -> None:
    """The chip restarts, its retained memory is whole, and it says that it woke from a deep sleep if its last start was one
    [the worst that a chip can say: whoever trusts the cause alone uses keys again].
    """
    board.retained, board.rtc.us = kept.retained, kept.rtc_us
    if kept.cause == Cause.DEEP_SLEEP:
        board.program_reset(_ops.DEEPSLEEP, 0)
    else:
        board.reset()


def _lay_down(folder: Path, saved: Saved, console: str, findings: list[Finding]) -> None:
    """What a person looks at who wants to know why: flash and server as the cut left them, the console of the life after it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "flash.bin").write_bytes(saved.flash)
    (folder / "console.txt").write_text(console + "\n", encoding="utf-8")
    (folder / "findings.json").write_text(json.dumps([asdict(each) for each in findings], indent=2) + "\n")
    for name, content in saved.files.items():
        path = folder / "files" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _cpu_s() -> float:
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )
