"""Group `audit`: what an auditor, or the person, does with a log that somebody else keeps; no installation is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cloud_sync.audit import check_published
from cloud_sync.cli.common import FINDINGS, AsJson, Group, fail, print_json
from cloud_sync.cli.files import read_text
from cloud_sync.errors import AuditError, ConfigError

auditor = typer.Typer(cls=Group, no_args_is_help=True, help="Check an audit log offline, with nothing but files.")


@auditor.callback()
def _auditor() -> None:
    """Check an audit log offline, with nothing but files.

    Example: byleave audit verify log.leaves 2026-03-14.checkpoint --key "$(cat log.key)"
    """


@auditor.command()
def verify(
    log: Annotated[Path, typer.Argument(help="The log, as `sync audit export` writes it.")],
    checkpoints: Annotated[list[Path], typer.Argument(help="Checkpoints that were kept elsewhere: one or more.")],
    key: Annotated[str, typer.Option("--key", help="The verifier key of the log: name, key id and base64.")],
    entries: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Entries in clear, as `sync audit export --subject` writes them."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a log and hold it against checkpoints. Exit code 2 when it was edited, cut, reordered or forked.

    Example: byleave audit verify log.leaves *.checkpoint --key "$(cat log.key)" --entries mine.json
    """
    try:
        notes = [read_text(path, "a checkpoint that `audit checkpoint` wrote") for path in checkpoints]
        shown = read_text(entries, "entries that `audit export --subject` wrote") if entries else None
        with log.open("rb") as lines:
            found = check_published(lines, notes, key, shown)
    except OSError as error:
        fail(f"byleave audit: {log}: cannot be read ({error.strerror}); name what `sync audit export` wrote")
    except ConfigError as error:
        fail(f"byleave audit: {error}")
    except AuditError as error:
        if as_json:
            print_json({"holds": False, "why": str(error)})
        else:
            typer.echo(f"does not hold: {error}", err=True)
        raise typer.Exit(FINDINGS) from None
    sizes = [checkpoint.size for checkpoint in found.checkpoints]
    if as_json:
        print_json({"holds": True, "entries": found.size, "checkpoints": sizes, "shown": found.entries})
        return
    typer.echo(f"holds: {found.size} entries, which continue the checkpoints of {', '.join(map(str, sizes))} entries")
    if shown is not None:
        typer.echo(f"{found.entries} entries in clear are what the log committed to")
