"""Group `sync backup`: snapshots of the telemetry database, what may still exist of them, and the way back from one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.backups import Found, Manifest
from cloud_sync.cli import session
from cloud_sync.cli.atwork import at_work
from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    FINDINGS,
    AsJson,
    ConfigFile,
    Group,
    console,
    fail,
    iso,
    print_json,
    say,
    sentences,
)
from cloud_sync.cli.keep import time_of
from cloud_sync.cli.session import opened
from cloud_sync.config import Config
from cloud_sync.erasure.civil import UTC
from cloud_sync.errors import StoreError
from cloud_sync.facade.backups import put_back_into
from cloud_sync.storage.open import is_there

backup = typer.Typer(cls=Group, no_args_is_help=True)

Snapshot = Annotated[
    Path, typer.Argument(metavar="FILE", help="What `sync backup snapshot` wrote; its manifest beside it.")
]


@backup.callback()
def _backup() -> None:
    """Snapshots of the telemetry database: made, checked, put back, and gone when the policy says. Keys: `sync keys backup`.

    Example: byleave sync backup list
    """


@backup.command()
def snapshot(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that holds no keys.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write a snapshot and its manifest into a folder, where the sweep destroys it once backup.horizon is over.

    Example: byleave sync backup snapshot /mnt/backup
    """
    with opened(config) as at:
        made = at.cloud.backups.snapshot(folder)
    say(
        as_json,
        {"file": str(made.path), **_manifest(made.manifest)},
        f"wrote {made.path}: {made.manifest.size_bytes} bytes; it goes on {iso(made.manifest.due_at)}",
    )


@backup.command("list")
def list_backups(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List what lies in the registered folders, of keys too: when each was made, and when it goes.

    Example: byleave sync backup list
    """
    with opened(config) as at:
        found, folders, gone = at.cloud.backups.all(), at.cloud.backups.folders(), at.cloud.backups.away()
    if as_json:
        away = [str(folder) for folder in gone]
        print_json(
            {"folders": [str(folder) for folder in folders], "away": away, "backups": [_found(each) for each in found]}
        )
        return
    table = Table("of", "made", "goes", "file")
    for row in map(_found, found):
        table.add_row(row["store"], row["made_at"], row["due_at"], row["file"])
    console().print(table)
    for folder in gone:
        typer.echo(f"away: {folder} (gone for good? byleave sync backup forget {folder})", err=True)


@backup.command()
def verify(file: Snapshot, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Check a backup: manifest, size, hash, SQLite's own check, and that the audit log knows it. Ends with 2 if it does not hold.

    Example: byleave sync backup verify /mnt/backup/telemetry-20260314T120000Z.db
    """
    with opened(config) as at:
        try:
            found = at.cloud.backups.verify(file)
        except StoreError as error:
            fail(f"byleave sync: {error}", FINDINGS)
    say(
        as_json,
        {"file": str(file), **_manifest(found)},
        f"{file} holds: made {iso(found.made_at)}, goes {iso(found.due_at)}",
    )


@backup.command()
def restore(file: Snapshot, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Put a snapshot in the place of a telemetry database that is lost, and replay what was erased since. Stop the service first.

    Past its horizon a snapshot is refused. Nothing is served, and no snapshot taken, before the erasures are replayed.

    Example: byleave sync backup restore /mnt/backup/telemetry-20260314T120000Z.db
    """
    with sentences():
        configuration = Config.from_toml(config, os.environ)
        with at_work(configuration):
            found = put_back_into(configuration, file, session.CLOCK.now())
        keyless = not is_there(configuration.keys)
    if not keyless:
        with opened(config):
            pass  # replays the tombstones
    if as_json:
        print_json({"file": str(file), "replayed": not keyless, **_manifest(found)})
    elif keyless:
        typer.echo("the snapshot is in place; the key store is missing too, so now: byleave sync keys restore FILE")
    else:
        typer.echo(f"the database of {iso(found.made_at)} is back, without what was erased since")


@backup.command()
def prune(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Destroy the backups whose time is over; the sweep does it hourly. Ends with 2 while a registered folder is away.

    Example: byleave sync backup prune
    """
    with opened(config) as at:
        done = at.cloud.backups.prune()
    say(
        as_json,
        {"gone": [str(path) for path in done.gone], "away": [str(path) for path in done.away]},
        f"destroyed {len(done.gone)} backups",
    )
    if done.away:
        fail(f"away, with whatever lies there: {', '.join(map(str, done.away))}", FINDINGS)


@backup.command()
def forget(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A registered folder whose medium was destroyed.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Look into a folder no longer. Nothing in it is touched.

    Example: byleave sync backup forget /mnt/backup
    """
    with opened(config) as at:
        at.cloud.backups.forget(folder)
    say(as_json, {"forgotten": str(folder)}, f"{folder} is looked into no longer")


@backup.command()
def horizons(
    ended: Annotated[str, typer.Option("--ended", metavar="DAY", help="When the relation ended.")],
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help="Whose day it is.")] = UTC,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tell of each category when a relation that ended on a day has left the live system, and the last backup.

    Example: byleave sync backup horizons --ended 2026-02-15 --zone Europe/Copenhagen
    """
    with sentences():
        moment = time_of(ended, zone, end=False)
    with opened(config) as at:
        found = at.cloud.backups.last_traces(at.now if moment is None else moment)
    rows = [{"category": c, "live_until": _moment(live), "backups_until": _moment(last)} for c, live, last in found]
    if as_json:
        print_json(rows)
        return
    table = Table("category", "live until", "in backups until")
    for row in rows:
        table.add_row(str(row["category"]), row["live_until"] or "its own event", row["backups_until"] or "")
    console().print(table)


def _moment(at: float | None) -> str | None:
    return None if at is None else iso(at)


def _found(each: Found) -> dict[str, Any]:
    return {
        "store": each.store.value,
        "made_at": iso(each.made_at),
        "due_at": iso(each.due_at),
        "file": str(each.path),
    }


def _manifest(made: Manifest) -> dict[str, Any]:
    return {
        "store": made.store.value,
        "made_at": iso(made.made_at),
        "due_at": iso(made.due_at),
        "sha256": made.sha256,
        "schema": made.schema,
        "policy": made.policy,
    }
