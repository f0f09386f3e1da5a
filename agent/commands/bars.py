"""How far a command has come: a bar on a terminal, on standard error; nothing elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from agent.streams import is_terminal

Show = Callable[[str, int, int], None]  # (what is being done, so much of it, of so much; 0 for nobody knows)


@contextmanager
def shown(as_json: bool = False) -> Iterator[Show]:
    """What shows it. A terminal that can move no cursor gets a line at each new thing that is done."""
    if as_json or not is_terminal(sys.stderr):
        yield lambda what, done, total: None
        return
    console = Console(stderr=True)
    if console.is_dumb_terminal:
        yield _lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        bar.add_task("looking", total=None)
        row = bar.tasks[0]

        def show(what: str, done: int, total: int) -> None:
            # `update` takes no total for none, and a row that was full once would show that moment for ever.
            row.total, row.finished_time = total or None, None
            bar.update(row.id, description=what, completed=done, refresh=True)

        yield show


def _lines() -> Show:
    said = [""]

    def show(what: str, done: int, total: int) -> None:
        if what != said[0]:
            said[0] = what
            typer.echo(what, err=True)

    return show
