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
from agent.commands.proof import proof
from agent.commands.release import names, release
from agent.commands.reset import reset
from agent.files import never_dumped

EXIT_CODES = (
    "Exit code 0: done; 1: a file, or anything else; 2: a wrong command line or settings; 3: no such port; 4: port busy; "
    "5: no MicroPython prompt; 6: no byleave firmware; 7: enrolled already; 8: the board refuses; 9: it went away on the way; "
    "10: not proven; 11: something was found wrong; 13: a gateway runs already. What to do: docs/first-board.md; what --json "
    "prints: docs/agent-json.md. No secret goes on a command line: it is asked for, or lies in a file of mode 0600."
)
agent = typer.Typer(no_args_is_help=True, epilog=EXIT_CODES)


@agent.callback()
def about() -> None:
    """Work with boards on a serial port."""
    never_dumped()  # each of them may hold a root, a Wi-Fi key or a broker's password


# In the order of their use.
for command in (ports, flash, enrol, greet, doctor, monitor, reset, proof, gateway, release, names):
    agent.command()(command)
