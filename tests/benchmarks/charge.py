"""Charge of the demo's drive by part and state, and what the flash suffers for an envelope.

`python -m tests.benchmarks.charge` prints the table, with `--json` the same as JSON. What is wired and reports is in it.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from hw_sim.board import Board
from hw_sim.demo import story
from hw_sim.demo.stage import Stage, opened
from hw_sim.demo.steps.acts import ALL_PURPOSES
from hw_sim.energy import currents
from hw_sim.energy.meter import Report

QUICK_S = 900
DRAIN_S = 600  # after the drive: the last batch closes and is acknowledged
ERASES_GOAL = 0.1  # an envelope, everything included
MAH_IN_MC = 3600.0


def run(*, quick: bool = False) -> dict[str, object]:
    """The demo's drive with consent from its first minute, switched on at its beginning, keys and file system made before."""
    report, figures = _drive(quick=quick)
    shown = {f"{row.part}, {row.state}{_mark(row.part, row.state)}": _rounded(row.millicoulomb) for row in report.rows}
    return figures | {"mC": {name: mc for name, mc in shown.items() if mc}}


def _drive(*, quick: bool) -> tuple[Report, dict[str, object]]:
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder), seed=1) as stage:
        stage.enrol()
        story.consent(stage, purposes=ALL_PURPOSES)
        mark, erases = stage.board.meter.mark(), _erases(stage.board)
        stage.board.power_on()
        stage.board.run(for_s=QUICK_S if quick else stage.drive.end_unix_s - stage.drive.start_unix_s + DRAIN_S)
        worn = {label: n - erases[label] for label, n in _erases(stage.board).items()}
        report = stage.board.meter.since(mark)
        return report, _figures(stage, report, worn)


def _figures(stage: Stage, report: Report, worn: dict[str, int]) -> dict[str, object]:
    envelopes = stage.cloud.database.count_envelopes(stage.device)
    return {
        "virtual_minutes": round(report.seconds / 60, 1),
        "charge_mc": _rounded(report.millicoulomb),
        "charge_mah": _rounded(report.millicoulomb / MAH_IN_MC),
        "average_ma": _rounded(report.average_ua / 1000),
        "envelopes_stored": envelopes,
        "charge_mc_an_envelope": _rounded(report.millicoulomb / envelopes) if envelopes else None,
        "flash_erases_an_envelope": round(sum(worn.values()) / envelopes, 3) if envelopes else None,
        "flash_erases_goal": ERASES_GOAL,
        "flash_erases": worn,
        "mC by part": {part: _rounded(mc) for part, mc in report.parts.items()},
    }


def _erases(board: Board) -> dict[str, int]:
    """Sector erases so far, by partition; what lies in none is `unnamed`."""
    sector = board.flash.sector_bytes
    counts = {
        p.label: sum(board.flash.wear[p.offset // sector : (p.offset + p.size) // sector])
        for p in board.partitions.values()
    }
    return counts | {"unnamed": board.flash.erases - sum(counts.values())}


def _mark(part: str, state: str) -> str:
    """What a reader must know of a figure that is not the maker's."""
    basis = currents.basis(part, state)
    return "" if basis in ("", currents.DATA_SHEET) else f" [{basis}]"


def _rounded(value: float) -> float:
    """Four digits, since no current is known better."""
    return float(f"{value:.4g}")


def _table(report: Report) -> Table:
    table = Table(title="charge by part and state, 3.3 V supply")
    for column in ("part", "state", "s", "mC", "%", "acts"):
        table.add_column(column, justify="left" if column in ("part", "state") else "right")
    for row in report.rows:
        share = 100 * float(row.microcoulomb / report.microcoulomb) if report.microcoulomb else 0.0
        state = f"{row.state}{_mark(row.part, row.state)}".replace("[", r"\[")
        acts = str(row.events) if row.events else ""
        table.add_row(row.part, state, f"{row.seconds:.1f}", f"{row.millicoulomb:.3f}", f"{share:.2f}", acts)
    return table


def main(
    quick: bool = typer.Option(False, help="A quarter of an hour only."),
    as_json: bool = typer.Option(False, "--json", help="JSON instead of tables."),
) -> None:
    """Charge of the demo's drive by part and state; flash erases an envelope, by partition."""
    report, figures = _drive(quick=quick)
    if as_json:
        rows = [
            row._asdict() | {"microcoulomb": float(row.microcoulomb), "basis": currents.basis(row.part, row.state)}
            for row in report.rows
        ]
        print(json.dumps(figures | {"rows": rows}, indent=2))
        return
    console = Console()
    console.print(_table(report))
    for name, value in figures.items():
        console.print(f"{name}: {value}")


if __name__ == "__main__":
    typer.run(main)
