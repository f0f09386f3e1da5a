"""Group `agent`: boards on serial ports, and what is flashed to them."""

from __future__ import annotations

import typer

from agent.commands.enrol import enrol
from agent.commands.ports import ports
from agent.commands.release import names, release

agent = typer.Typer(no_args_is_help=True)


@agent.callback()
def about() -> None:
    """Work with boards on a serial port."""


# In the order of their use.
for command in (ports, enrol, release, names):
    agent.command()(command)
