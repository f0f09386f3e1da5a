"""The option `--wait` of commands that need a board's prompt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from agent.board.patience import MOST_S, patient

Wait = Annotated[
    float,
    typer.Option(
        "--wait", metavar="S", min=0, max=MOST_S, help="Wait up to S seconds for a device that sleeps, until it wakes."
    ),
]


@contextmanager
def waiting(seconds: float) -> Iterator[None]:
    """Boards are waited for within, which is said once, on standard error."""

    def told() -> None:
        typer.echo(f"(waiting up to {seconds:g} s for the board to wake; its reset button wakes it)", err=True)

    with patient(seconds, told):
        yield
