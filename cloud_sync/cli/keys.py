"""Group `sync keys`: the keys that wrap all stored ones, their rotation, and who provides their root."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.backups import keys_horizon
from cloud_sync.cli import session
from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Group, console, iso, print_json, say, sentences
from cloud_sync.cli.session import opened, read_config
from cloud_sync.config import Config
from cloud_sync.erasure.witness import SWEPT
from cloud_sync.errors import ConfigError
from cloud_sync.keys.providers import is_file, make_key, open_provider, shown
from cloud_sync.keys.ring import DIRECT, KeyRing
from cloud_sync.policy import load_policy
from cloud_sync.storage.keybackup import restore as put_back
from cloud_sync.storage.open import is_there, open_tombstones

keys = typer.Typer(cls=Group, no_args_is_help=True)


@keys.callback()
def _keys() -> None:
    """The keys that wrap all stored ones: which there are, rotation, another provider.

    Example: byleave sync keys list
    """


@keys.command("list")
def list_keys(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the keys of the ring: when each was made, how many rows it wraps, and when it can go.

    Example: byleave sync keys list
    """
    with opened(config) as at:
        counts, ring = at.cloud.rotation.under(), KeyRing(at.config.ring, open_provider(at.config.key_encryption_key))
    rows: list[dict[str, Any]] = [
        {
            "key": key.number,
            "made": iso(key.made_at),
            "wraps": counts[key.number],
            "newest": key.number == ring.current,
            "unused_since": iso(key.emptied_at) if key.emptied_at is not None else None,
        }
        for key in ring.keys
    ]
    if counts.get(DIRECT):
        rows.insert(0, {"key": DIRECT, "made": None, "wraps": counts[DIRECT], "newest": False, "unused_since": None})
    if as_json:
        print_json(rows)
        return
    table = Table("key", "made", "rows", "")
    for row in rows:
        since = f"unused since {row['unused_since']}" if row["unused_since"] else ""
        table.add_row(
            str(row["key"]), row["made"] or "before the ring", str(row["wraps"]), "newest" if row["newest"] else since
        )
    console().print(table)


@keys.command()
def rotate(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Make a new key and wrap every stored one anew under it; the service may run meanwhile.

    Killed half-way, it is gone on with at the next sweep.
    The former key is dropped when the last backup of the key store that needs it has expired (backup.keys_horizon of the policy).

    Example: byleave sync keys rotate
    """
    with opened(config) as at:
        number, done = at.cloud.rotate_keys()
    if as_json:
        print_json({"key": number, "wrapped": done.wrapped, "dropped": list(done.dropped)})
        return
    gone = f"; dropped: {', '.join(map(str, done.dropped))}" if done.dropped else ""
    typer.echo(f"key {number} is the newest; {done.wrapped} rows are wrapped anew{gone}")


@keys.command()
def move(
    to: Annotated[
        str, typer.Option(metavar="PROVIDER", help="A path, or file:…, env:NAME, pkcs11:…, or a service's URI.")
    ],
    create: Annotated[
        bool, typer.Option(help="Make the key there first: a new file, or in the hardware module.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let another provider open the keys as well: then change key_encryption_key, restart, and `sync keys settle`.

    Example: byleave sync keys move --to file:/mnt/hsm/kek --create
    """
    with sentences():
        configuration = read_config(config)
        with opened(config) as at:
            if at.cloud.rotation.under().get(DIRECT):
                raise ConfigError(
                    "some rows are still wrapped by the provider itself; run first: byleave sync keys rotate"
                )
        where: str | Path = to if ":" in to else config.parent / to
        root = make_key(where) if create else open_provider(where)
        KeyRing(configuration.ring, open_provider(configuration.key_encryption_key)).hand_over(root)
    if as_json:
        print_json({"provider": shown(to), "file": is_file(to)})
        return
    typer.echo(
        f'both providers open the keys; now write key_encryption_key = "{shown(to)}" into {config} and restart the service'
    )
    typer.echo("then let the former one go: byleave sync keys settle")


@keys.command()
def settle(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Forget what other providers than the configured one have wrapped.

    Example: byleave sync keys settle
    """
    with sentences():
        configuration = read_config(config)
        changed = KeyRing(configuration.ring, open_provider(configuration.key_encryption_key)).settle()
    say(
        as_json,
        {"changed": changed},
        "no other provider opens the keys any more" if changed else "no other provider opened the keys",
    )


@keys.command()
def backup(
    out: Annotated[
        Path, typer.Argument(metavar="FILE", help="A new file, on a medium that does not hold the root key.")
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Back up the key store: the keys of what is stored, and none that leads to days to come. The service may run.

    It opens what it holds until it is destroyed, whatever is erased meanwhile: within backup.keys_horizon of the policy, or
    backup.horizon. The sweep does it, as long as the file lies where it was written.

    Example: byleave sync keys backup /mnt/backup/keys-2026-03-14.db
    """
    with opened(config) as at:
        count = at.cloud.back_up_keys(out)
        until = keys_horizon(at.cloud.policy).end(at.now)
    say(
        as_json,
        {"file": str(out), "keys": count, "destroy_until": iso(until)},
        f"wrote {out}: {count} keys, each wrapped; destroy it by {iso(until)}",
    )


@keys.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `sync keys backup` wrote.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a backup in the place of a key store that is lost, then replay what was erased since. Stop the service first.

    Devices go on with ladders that no backup holds: each is enrolled anew, and what it sealed since the backup is lost.

    Example: byleave sync keys restore /mnt/backup/keys-2026-03-14.db
    """
    with sentences():
        configuration = Config.from_toml(config, os.environ)
        if is_there(configuration.keys):
            raise ConfigError(
                f"{configuration.keys}: is there; a backup takes the place of a key store that is lost: move this one away"
            )
        horizon = keys_horizon(load_policy(configuration.policy))
        with closing(open_tombstones(configuration.tombstones)) as stones:
            swept, _ = stones.witness(SWEPT) or (0, b"")
        now = max(session.CLOCK.now(), swept)  # a clock that is behind must not bring an expired backup back
        count = put_back(file, configuration.keys, now, horizon.end)
    with opened(config) as at:
        lost = at.cloud.devices_without_ladder()
    if as_json:
        print_json({"keys": count, "enrol_anew": lost})
        return
    typer.echo(f"{count} keys are back, without those of what was erased since")
    for device in lost:
        typer.echo(f"enrol anew: {device}")
