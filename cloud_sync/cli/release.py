"""Group `sync release`: sign releases of the firmware, keep them, and offer them to devices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, Group, console, fail, iso, print_json, sentences
from cloud_sync.cli.deliver import Message, publish
from cloud_sync.cli.files import write_new
from cloud_sync.cli.session import Session, opened
from cloud_sync.errors import ConfigError
from cloud_sync.policy import load_policy
from cloud_sync.releases.advisories import overdue, read_advisories
from cloud_sync.releases.signing import Release, about, new_key, public_hex, read_key, sign_folder, unpack
from cloud_sync.releases.store import OfferRow
from cloud_sync.storage.private import read_private

OVERDUE = 2  # exit code, as that of findings in a policy

release = typer.Typer(cls=Group, no_args_is_help=True)

KeyFile = Annotated[Path, typer.Option("--key", metavar="FILE", help="Private key for releases (mode 0600).")]
Name = Annotated[
    str, typer.Argument(metavar="RELEASE", help="Version, or the beginning of its id, as `list` shows them.")
]


@release.callback()
def _release() -> None:
    """Updates over the air: signed by your own key, fetched by the devices from the broker, taken back if they fail.

    `key` and `sign` need no server: keep the key on another machine, and carry the signed file to this one.

    Example: byleave sync release offer 0.2.0 --all
    """


@release.command()
def key(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="File for the private key; refused if it exists.")],
    as_json: AsJson = False,
) -> None:
    """Make a key for releases. Its public half goes into the settings of each device, before it is enrolled.

    Example: byleave sync release key --out release.key
    """
    with sentences():
        private, public = new_key()
        write_new(out, private)
    if as_json:
        print_json({"file": str(out), "release_key": public})
        return
    typer.echo(f"wrote {out} (mode 0600). Whoever has it gives your devices their program: keep it off the server.")
    typer.echo(f'settings of devices: "release_key": "{public}"')


@release.command()
def sign(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What byleave agent release made.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Signed release to write; refused if it exists.")],
    key_file: KeyFile,
    as_json: AsJson = False,
) -> None:
    """Sign a release. Needs no server, and is best done where no server runs.

    Example: byleave sync release sign build/esp32s3 --key release.key --out 0.2.0.release
    """
    with sentences():
        private = read_key(read_private(key_file))
        signed = sign_folder(folder, private)
        write_new(out, signed.pack(), mode=0o644)
    _show({**about(signed), "file": str(out), "release_key": public_hex(private)}, as_json)


@release.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A signed release.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Keep a signed release on this server, to offer it later. The devices verify the signature, by the key they were given.

    Example: byleave sync release add 0.2.0.release
    """
    with opened(config) as session:
        try:
            found = unpack(file.read_bytes())
        except OSError as error:
            raise ConfigError(f"{file}: cannot be read ({error.strerror}); name a signed release") from error
        session.cloud.releases.add(found, session.now)
    _show(about(found), as_json)


@release.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Known faults: id, severity, published, mended (TOML).")],
    policy_file: Annotated[Path, typer.Option("--policy", metavar="FILE", help="The policy whose terms hold.")],
    as_json: AsJson = False,
) -> None:
    """Fail a build that has a known fault which the policy's terms ask to be mended by now. Exit code 2 when there is one.

    Needs no server.

    Example: byleave sync release check advisories.toml --policy policy.toml
    """
    with sentences():
        late = overdue(load_policy(policy_file), read_advisories(file), time.time())
    if as_json:
        print_json({"overdue": [each.model_dump(mode="json") for each in late]})
    for each in () if as_json else late:
        typer.echo(f"{each.id} ({each.severity}), published {each.published}: mend it, and release", err=True)
    if late:
        raise typer.Exit(OVERDUE)


@release.command("list")
def list_releases(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Releases that are kept, and what the devices say of those that they were offered.

    Example: byleave sync release list --json
    """
    with opened(config) as session:
        kept = [about(each) for each in session.cloud.releases.releases()]
        offers = [_offer(each) for each in session.cloud.releases.offers()]
    if as_json:
        print_json({"releases": kept, "offers": offers})
        return
    for rows in (kept, offers):
        if rows:
            table = Table(*rows[0])
            for row in rows:
                table.add_row(*map(str, row.values()))
            console().print(table)
    if not kept:
        typer.echo("no release is kept; sign one and add it: byleave sync release add FILE")


@release.command()
def offer(
    name: Name,
    device: Annotated[list[str] | None, typer.Option(help="Device to offer it to; may be repeated.")] = None,
    everybody: Annotated[bool, typer.Option("--all", help="Offer it to every device that is in use.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a release's chunks on the broker, and offer it with the answer to each device's next status.

    A device that runs a release of the same version is not offered it: by the version it says what it runs, so give each its own.

    The chunks are retained messages under bl/1/release/: the broker sees the program and who fetches it, and can change none of it.

    Example: byleave sync release offer 0.2.0 --device mfrggzdfmztwq2lk
    """
    if bool(device) == everybody:
        fail("name the devices with --device, or all of them with --all")
    with opened(config) as session:
        found = session.cloud.releases.find(name)
        devices = _without(session, _in_use(session, device or []), found.manifest.version, everybody=everybody)
        delivery = publish(session.config.broker, retained(found))
        if delivery.trouble:
            raise ConfigError(f"the chunks are not all with the broker, so nothing is offered: {delivery.trouble}")
        for each in devices:
            manifest = found.manifest
            row = OfferRow(each, found.id, manifest.version, manifest.chunks, manifest.size, session.now)
            session.cloud.releases.offer(row)
    if as_json:
        print_json({**about(found), "devices": devices})
        return
    typer.echo(f"{len(found.messages)} chunks of {found.manifest.version} are with the broker")
    typer.echo(f"offered to {len(devices)} devices, each of which is told at its next status")


@release.command()
def withdraw(name: Name, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Offer a release no more, and take its chunks from the broker. What a device has taken up stays there.

    Example: byleave sync release withdraw 0.2.0
    """
    with opened(config) as session:
        found = session.cloud.releases.find(name)
        ended = session.cloud.releases.withdraw(found.id)
        delivery = publish(session.config.broker, retained(found, empty=True))
    if as_json:
        print_json({"release": found.id.hex(), "offers": ended, "chunks": delivery.acknowledged})
        return
    typer.echo(
        f"{ended} offers withdrawn; {delivery.acknowledged} of {delivery.downlinks} chunks taken from the broker"
    )


def retained(found: Release, *, empty: bool = False) -> list[Message]:
    """The messages that carry a release; empty ones take it from the broker again (MQTT 3.1.1, 3.3.1.3)."""
    topic = f"bl/1/release/{found.id.hex()}"
    return [Message(f"{topic}/{n}", b"" if empty else each, retain=True) for n, each in enumerate(found.messages)]


def _in_use(session: Session, named: Sequence[str]) -> list[str]:
    """Devices by name, or all; ConfigError for one that is not in use."""
    used = [device.device for device in session.cloud.database.all_devices() if device.revoked_at is None]
    for device in named:
        if device not in used:
            raise ConfigError(f"{device}: is no device in use; byleave sync devices shows them")
    return list(named) or used


def _without(session: Session, devices: list[str], version: str, *, everybody: bool) -> list[str]:
    """Those that do not run that version; ConfigError if one that was named does, or all do."""
    versions = session.cloud.releases.versions()
    running = [device for device in devices if versions.get(device) == version]
    if running and (not everybody or running == devices):
        raise ConfigError(
            f"{', '.join(running)}: already runs a release named {version}, and would not tell this one from it; "
            "sign it under another version"
        )
    return [device for device in devices if device not in running]


def _offer(row: OfferRow) -> dict[str, Any]:
    return {
        "device": row.device,
        "release": row.id.hex(),
        "version": row.version,
        "offered_at": iso(row.offered),
        "told": row.told,
        "update": row.state.name.lower(),
        "done": row.done,
    }


def _show(values: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(values)
        return
    for name, value in values.items():
        typer.echo(f"{name}: {value}")
