"""The `byleave` command: one root, to which each installed package brings its group.

Groups are entry points of `byleave.commands`, each a `typer.Typer`. A group whose extra is not installed stays visible
and says what to install, so that the help is the same everywhere.
"""

from __future__ import annotations

import shutil
import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated

import typer

from agent import streams
from agent.errors import AgentError

GROUP = "byleave.commands"
TABLE_COLUMNS = 70  # that a table of options takes: names, kinds, words

# What each group is for, in one line, and the extra that brings what it needs.
PURPOSES = {
    "demo": ("One recorded drive, from simulated silicon to a lawful read.", "sim"),
    "sim": ("Drive the hardware simulator.", "sim"),
    "agent": ("Work with boards on a serial port.", ""),
    "sync": ("Operate the server side: devices, consent, reads, erasure, audit.", "cloud"),
    "policy": ("Check and show a policy file.", "cloud"),
    "audit": ("Check an audit log by yourself, with files alone.", "cloud"),
}


def build(only: str | None = None) -> typer.Typer:
    """The root command with every group that an installed distribution offers; or with one, and no other is imported.

    [A gateway on a small machine would carry server and simulator in its memory for nothing.]
    """
    root = typer.Typer(
        name="byleave",
        help="A tracker that senses, sends, keeps and shows nothing but by the leave of the person it is about.\n\n"
        "Start with `byleave demo run`. Every command that prints figures takes --json.",
        no_args_is_help=True,
        # A narrow terminal gets no table [its columns would cut off the options' names].
        rich_markup_mode="rich" if shutil.get_terminal_size().columns >= TABLE_COLUMNS else None,
        pretty_exceptions_enable=False,
    )

    @root.callback(invoke_without_command=True)
    def main_options(
        show_version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    ) -> None:
        if show_version:
            typer.echo(f"byleave {version('byleave')}")
            raise typer.Exit

    points = entry_points(group=GROUP)
    for point in sorted(
        (point for point in points if only in (None, point.name) or only not in points.names),
        key=lambda p: list(PURPOSES).index(p.name) if p.name in PURPOSES else 99,
    ):
        purpose, extra = PURPOSES.get(point.name, ("", ""))
        root.add_typer(_load(point, extra), name=point.name, help=purpose or None)
    return root


def _load(point: EntryPoint, extra: str) -> typer.Typer:
    """The group behind an entry point, or a stand-in that says which extra is missing."""
    try:
        group = point.load()
    except ModuleNotFoundError as missing:
        return _absent(point.name, extra, missing.name or "a module")
    if not isinstance(group, typer.Typer):
        raise AgentError(
            f"entry point {point.name!r} of {point.module} is not a typer.Typer; report it to that package"
        )
    return group


def _absent(name: str, extra: str, missing: str) -> typer.Typer:
    stand_in = typer.Typer(invoke_without_command=True)
    install = f"pip install 'byleave[{extra}]'" if extra else "reinstall byleave"

    @stand_in.callback(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def say() -> None:
        typer.echo(f"byleave {name} needs {missing}, which is not installed: {install}", err=True)
        raise typer.Exit(2)

    return stand_in


def main() -> None:
    """Console entry point; an error of byleave's own ends with its message and status (1 if it has none), not with a trace."""
    streams.prepare()
    try:
        build(sys.argv[1] if len(sys.argv) > 1 else None)()
    except Exception as error:
        if not _is_own(error):
            raise
        typer.echo(f"byleave: {error}", err=True)
        sys.exit(getattr(error, "exit_code", 1))


def _is_own(error: BaseException) -> bool:
    """Whether the error descends from a base error of one of the packages (known by name: none of them is imported)."""
    own = {"AgentError", "CloudSyncError", "HwSimError", "FirmwareError"}
    return any(kind.__name__ in own for kind in type(error).__mro__)
