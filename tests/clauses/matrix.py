"""Which clause needs which engine: python -m tests.clauses.matrix [CT-06 …] [--all] [--naive] [--json]

Each clause's test runs as it is (it must pass) and without the engine that it names (it must fail). `--all` takes away every
engine in turn and prints the matrix: a clause that is green under all of them shows nothing. `--naive` carries out the naive
ways. Exit code 1 when anything is not as it must be.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

from tests.clauses.engine import engines
from tests.clauses.running import End, Outcome, evidence, run_all
from tests.clauses.way import naive_ways

Pair = tuple[str, str]
_MARKS: Final = {End.PASSED: ".", End.FAILED: "R", End.CRASHED: "!"}


def pairs(clauses: Sequence[str], *, all_engines: bool = False) -> list[Pair]:
    """What is to be run for these clauses: as they are, and without their engine, or without each one."""
    found: list[Pair] = []
    for name in clauses:
        if evidence()[name].gap:
            continue  # red as it is; its engine is what is missing
        taken = engines() if all_engines else (evidence()[name].engine,)
        found += [(name, ""), *((name, f"engine:{engine}") for engine in taken)]
    return found


def naive_pairs() -> list[Pair]:
    """Each naive way, under each of its clauses."""
    return [(clause, f"naive:{way.number}") for way in naive_ways().values() for clause in way.clauses]


def defects(outcomes: Iterable[Outcome]) -> list[str]:
    """What is not as it must be, a sentence each."""
    found, taken, ways = [], dict[str, set[End]](), dict[str, set[End]]()
    for each in outcomes:
        if not each.changed and each.end is not End.PASSED:
            found.append(f"{each.clause} is red as it is: {each.said}")
        elif each.changed and each.end is End.CRASHED:
            found.append(f"{each.clause} with {each.changed} crashes, which shows nothing: {each.said}")
        elif each.changed.startswith("engine:"):
            taken.setdefault(each.clause, set()).add(each.end)
        elif each.changed:
            ways.setdefault(each.changed, set()).add(each.end)
    found += [f"{name} stays green without its engine" for name, ends in taken.items() if ends == {End.PASSED}]
    return found + [f"{way}: no test notices it" for way, ends in ways.items() if ends == {End.PASSED}]


def _table(outcomes: Sequence[Outcome]) -> str:
    """A line for each clause, a column for each change: . green, R red, ! crashed."""
    columns = sorted({each.changed for each in outcomes})
    ends = {(each.clause, each.changed): _MARKS[each.end] for each in outcomes}
    head = [f"{number:3d} {name or 'as it is'}" for number, name in enumerate(columns)]
    rows = [
        f"{name}  " + "".join(ends.get((name, column), " ") for column in columns)
        for name in dict.fromkeys(each.clause for each in outcomes)
    ]
    return "\n".join([*head, "", *rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.clauses.matrix", description=__doc__)
    parser.add_argument("clauses", nargs="*", help="clauses, or companies; without any, all")
    parser.add_argument("--all", action="store_true", help="without each engine in turn")
    parser.add_argument("--naive", action="store_true", help="the naive ways in place of engines")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    names = [
        name for name in sorted(evidence()) if not asked.clauses or name in asked.clauses or name[:2] in asked.clauses
    ]
    wanted = naive_pairs() if asked.naive else pairs(names, all_engines=asked.all)
    if not wanted:
        parser.error("there is no test of any of these clauses")
    outcomes = list(run_all(wanted))
    wrong = defects(outcomes)
    if asked.json:
        print(json.dumps({"outcomes": [asdict(each) for each in outcomes], "defects": wrong}, indent=1))
    else:
        print(_table(outcomes))
        print("\n".join(["", *wrong]))
        print(f"{len(outcomes)} runs of {len({clause for clause, _ in wanted})} clauses, {len(wrong)} defects")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
