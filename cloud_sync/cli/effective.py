"""`sync config`: what is in force, and where each value comes from; no secret is in it."""

from __future__ import annotations

import os
from typing import Any

from rich.table import Table

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, console, print_json, sentences
from cloud_sync.config import Config, merged, named_by
from cloud_sync.keys.providers import shown


def config(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Print the configuration in force: each value, and whether it is from the file, the environment, or the default.

    Nothing in it is secret: passwords and keys lie in files of their own, or in variables of which the name alone is told.

    Example: byleave sync config
    """
    with sentences():
        rows = _rows(Config.from_toml(config, os.environ), merged(config, {}), named_by(os.environ))
    if as_json:
        print_json([dict(zip(("key", "value", "from"), row, strict=True)) for row in rows])
        return
    table = Table("key", "value", "from")
    for row in rows:
        table.add_row(*map(str, row))
    console().print(table)


def _rows(
    config: Config, file: dict[str, Any], environment: dict[tuple[str, str], Any]
) -> list[tuple[str, str | int | bool, str]]:
    rows = []
    for table, holder in (("", config), ("broker", config.broker)):
        written = file.get("broker", {}) if table else file
        for key in holder.__slots__ if holder is not None else ():
            if key == "broker":
                continue
            value = config.ring if key == "key_ring" else getattr(holder, key)
            told = shown(value) if key == "key_encryption_key" else value
            source = "environment" if (table, key) in environment else "file" if key in written else "default"
            rows.append(
                (f"{table}.{key}" if table else key, told if isinstance(told, (int, bool)) else str(told), source)
            )
    return rows
