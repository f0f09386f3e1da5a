"""Group `agent`: boards on serial ports, and what is flashed to them."""

from __future__ import annotations

import typer

from agent.commands.doctor import doctor
from agent.commands.enrol import enrol
from agent.commands.flash import flash
from agent.commands.gateway import gateway
from agent.commands.greet import greet
from agent.commands.monitor import monitor
from agent.commands.ports import ports
from agent.commands.release import names, release
from agent.commands.reset import reset

agent = typer.Typer(no_args_is_help=True)


@agent.callback()
def about() -> None:
    """Work with boards on a serial port."""


# In the order of their use.
for command in (ports, flash, enrol, greet, doctor, monitor, reset, gateway, release, names):
    agent.command()(command)
