"""`sync move`: a store to another place, file or PostgreSQL, while the service is stopped."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cloud_sync.cli.atwork import at_work
from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, print_json, sentences
from cloud_sync.cli.session import read_config
from cloud_sync.places import Place, place
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.moving import move as move_rows
from cloud_sync.storage.open import check_apart, open_keys, open_telemetry, open_tombstones


class Store(StrEnum):
    """The stores of an installation, by their names in cloud-sync.toml."""

    DATABASE = "database"
    KEYS = "keys"
    TOMBSTONES = "tombstones"


_AFTERWARDS = {
    Store.DATABASE: "keep the old one until the service has run on the new one, then destroy it: it holds what will be erased",
    Store.KEYS: "then destroy the old one at once: with its spine tips every later day, erased ones too, can be derived",
    Store.TOMBSTONES: "then put the old one away: turned back to it, the installation would serve what was erased since",
}


def move(
    store: Annotated[Store, typer.Argument(help="Which of the three.")],
    to: Annotated[str, typer.Option("--to", metavar="PLACE", help="A new path, or postgresql://user@host/database.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Copy a store to an empty place, and say what to write into cloud-sync.toml. The service must be stopped.

    Nothing is removed and nothing is overwritten. Every row is counted before the copy is committed.

    Example: byleave sync move database --to postgresql://byleave@db.example/telemetry
    """
    with sentences():
        configuration = read_config(config)
        whither = place(to, Path.cwd())
        change: dict[str, Any] = {store.value: whither}
        changed = replace(configuration, **change)
        check_apart(changed.database, changed.keys, changed.tombstones)
        with at_work(configuration):
            source, target = _open(store, getattr(configuration, store.value)), _open(store, whither)
            try:
                moved = move_rows(source, target)
            finally:
                source.close()
                target.close()
    if as_json:
        print_json({"store": store.value, "to": str(whither), "tables": moved.tables, "rows": moved.rows})
        return
    typer.echo(f"copied {moved.rows} rows of {moved.tables} tables to {whither}")
    typer.echo(f'write into {config}: {store.value} = "{whither}"')
    typer.echo(_AFTERWARDS[store])


def _open(store: Store, at: Place) -> Engine:
    openers = {Store.DATABASE: open_telemetry, Store.KEYS: open_keys, Store.TOMBSTONES: open_tombstones}
    return openers[store](at)
