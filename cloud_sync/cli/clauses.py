"""`byleave policy clauses`: what was promised, which test shows it, and how it stands."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from cloud_sync.cli.common import FINDINGS, PIPE_WIDTH, AsJson, fail, print_json
from cloud_sync.policy.clauses import PROMISES, TEXTS, Promise, Shown

#: A clone has the tests; an installed package has not.
ROOT: Final = Path(__file__).parents[2]
REPORT: Final = "tests.clauses.report"
Row = dict[str, str]


def clauses(
    names: Annotated[list[str] | None, typer.Argument(metavar="[CLAUSE|COMPANY]…", help="CT-06, or ST.")] = None,
    only_list: Annotated[bool, typer.Option("--list", help="Run no test.")] = False,
    as_json: AsJson = False,
) -> None:
    """Every clause of the five published policies: its test, run now, and how it stands. Exit code 2 when one is red.

    green: its test passes. red: it fails, or the product does not keep the clause yet. open: only a web page or its API
    could show it. documentation: its proof is a text. The tests are in the source, so run this in a clone; elsewhere, and
    with --list, they are untried.

    Example: byleave policy clauses ST MM-43
    """
    chosen = _chosen(names or [])
    tried = not only_list and (ROOT / REPORT.replace(".", "/")).with_suffix(".py").exists()
    if not tried and not only_list:
        typer.echo("the tests are not installed: run this in a clone of the source to have them run", err=True)
    ran = _run([each.id for each in chosen]) if tried else {}
    rows = [_row(each, ran.get(each.id), tried) for each in chosen]
    if as_json:
        print_json({"clauses": rows, "totals": totals(rows)})
    else:
        _print(rows)
    if any(row["result"] == Shown.RED for row in rows):
        raise typer.Exit(FINDINGS)


def _chosen(names: Sequence[str]) -> list[Promise]:
    asked = {name.upper() for name in names}
    chosen = [each for each in PROMISES.values() if not asked or each.id in asked or each.company in asked]
    known = {each.id for each in chosen} | {each.company for each in chosen}
    if other := sorted(asked - known):
        fail(f"{', '.join(other)}: no such clause; write an id such as CT-06, or a company: CT, CG, MM, ST, TT")
    return chosen


def _run(names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the tests of these clauses said, by clause."""
    command = [sys.executable, "-m", REPORT, *names]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        fail("the tests of the clauses did not run; what they said stands above")
    return {row["clause"]: row for row in json.loads(done.stdout)}


def _row(promise: Promise, ran: Mapping[str, Any] | None, tried: bool) -> Row:
    """One clause as it is printed."""
    row = {
        "id": promise.id,
        "promise": promise.fact,
        "test": "",
        "engine": "",
        "result": promise.untested.value,
        "why": "",
    }
    if ran is not None:
        result = Shown.GREEN if ran["passed"] else Shown.RED
        row |= {"test": ran["test"], "engine": ran["engine"], "result": result.value}
        row["why"] = ran["gap"] or ran["said"] or (f"left out: {ran['left_out']}" if ran["left_out"] else "")
    elif promise.untested is Shown.DOCUMENTATION:
        row["why"] = TEXTS[promise.id]
    elif promise.untested is Shown.RED:
        row |= {"why": "there is no test"} if tried else {"result": Shown.UNTRIED.value}
    return row


def totals(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """How many stand how, by company and over all."""
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for company in (row["id"][:2], "all"):
            counts.setdefault(company, Counter())[row["result"]] += 1
    return {company: dict(count) for company, count in sorted(counts.items(), key=lambda item: item[0] == "all")}


def _print(rows: Sequence[Row]) -> None:
    console = Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
    table = Table("clause", "result", "promise", "test", "why", show_edge=False)
    for row in rows:
        why = row["why"].strip().splitlines()[-1:]  # of a crash, its last line
        table.add_row(row["id"], row["result"], row["promise"], row["test"], *why)
    console.print(table)
    results = [shown.value for shown in Shown if any(row["result"] == shown.value for row in rows)]
    summary = Table("company", *results, "together", show_edge=False)
    for company, count in totals(rows).items():
        summary.add_row(company, *(str(count.get(name, 0)) for name in results), str(sum(count.values())))
    console.print(summary)
