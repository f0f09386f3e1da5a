"""What all commands share: exit codes, options, errors as one sentence, and how records are printed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from cloud_sync.errors import CloudSyncError, ConfigError, Denied, PolicyError

ERROR, FINDINGS = 1, 2
HIGHEST_PORT: Final = 65_535
DEFAULT_CONFIG: Final = Path("cloud-sync.toml")
PIPE_WIDTH: Final = 200  # columns of a table that no terminal shows: identifiers of 64 characters are not folded

# The usage errors of the command-line library, which typer carries under another name in some versions.
_UsageError: Final[type[typer.BadParameter]] = typer.BadParameter.__bases__[0]
# Pseudonyms only; the same form as in the consent ledger, so that no name and no address slips in.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)


class Group(TyperGroup):
    """A group in which a mistyped command line ends with 1, so that 2 means findings or a denial and nothing else."""

    def invoke(self, ctx: Any) -> Any:
        """As every group, but for the exit code."""
        try:
            return super().invoke(ctx)
        except _UsageError as error:
            error.exit_code = ERROR
            raise


def identifier(value: str | None) -> str | None:
    """The value of an option that must be a pseudonym."""
    if value is not None and not _IDENTIFIER.fullmatch(value):
        raise typer.BadParameter(
            "write an identifier of 1 to 64 letters, digits and . _ : - (a pseudonym, never a name or an address)"
        )
    return value


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
ConfigFile = Annotated[
    Path,
    typer.Option("--config", "-c", envvar="BYLEAVE_CLOUD_SYNC", help="The installation's cloud-sync.toml."),
]
Subject = Annotated[str, typer.Argument(help="Pseudonym of the data subject.", callback=identifier)]


def fail(message: str, code: int = ERROR) -> NoReturn:
    """End the command with a sentence on standard error."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def sentences(group: str = "sync") -> Iterator[None]:
    """Errors of cloud_sync end the command with their own sentence: 2 for a denial or a policy with gaps, else 1."""
    try:
        yield
    except (Denied, PolicyError) as error:
        fail(str(error), FINDINGS)
    except CloudSyncError as error:
        fail(f"byleave {group}: {error}")


def print_json(value: Any) -> None:
    """One JSON value on standard output."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def say(as_json: bool, value: object, sentence: str) -> None:
    """One JSON value, or a sentence."""
    if as_json:
        print_json(value)
    else:
        typer.echo(sentence)


def console() -> Console:
    """Standard output; wide where it is no terminal, so that nothing is folded in a pipe."""
    probe = Console()
    return probe if probe.is_terminal else Console(width=PIPE_WIDTH)


def iso(time: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the second."""
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str, option: str) -> float:
    """Unix seconds of an ISO 8601 time; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        fail(f"{option} {text}: write an ISO 8601 time, for instance 2026-03-14T08:00:00Z")
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def address(text: str, option: str, least_port: int = 1) -> tuple[str, int]:
    """Host and port of HOST:PORT; an IPv6 address stands in square brackets. ConfigError for anything else."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or not least_port <= int(port) <= HIGHEST_PORT:
        raise ConfigError(f"{option} {text}: write HOST:PORT, for instance localhost:1883")
    return host, int(port)
