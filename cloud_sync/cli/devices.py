"""`sync enrol`, `sync hand-over`, `sync heal` and `sync devices`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Subject,
    console,
    identifier,
    iso,
    print_json,
)
from cloud_sync.cli.files import read_text, write_new
from cloud_sync.cli.session import Session, opened
from cloud_sync.errors import ConfigError
from cloud_sync.model import Device
from cloud_sync.service import Enrolment

DeviceSettings = Annotated[Path, typer.Option(metavar="FILE.json", help="What the device needs: board, wifi, broker.")]
EnrolmentOut = Annotated[Path, typer.Option(metavar="FILE", help="Enrolment file to write; refused if it exists.")]
Pseudonym = Annotated[str, typer.Argument(metavar="DEVICE", help="Pseudonym of a device that is in use.")]


def enrol(
    subject: Subject,
    settings: DeviceSettings,
    out: EnrolmentOut,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Enrol a new device for a person, and write the file that makes a board that device (mode 0600).

    The file holds the device's root key, which the server does not keep: give it to the device once, then delete it.

    Example: byleave sync enrol s-1 --settings board.json --out van.enrolment
    """
    with opened(config) as session:
        values = _settings(settings)
        device = _written(out, lambda: session.cloud.enrol(subject=subject, settings=values))
    _tell(device, subject, out, as_json)


def hand_over(
    device: Pseudonym,
    subject: Subject,
    settings: DeviceSettings,
    out: EnrolmentOut,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Another person takes a device: its keys of until now end, and a new file enrols the board anew, for them alone.

    What it told about the person before stays theirs, under its old pseudonym: to read, and to erase. What the board has not
    sent yet is lost when it takes the new file (byleave agent enrol --again).

    Example: byleave sync hand-over mfrggzdfmztwq2lk s-2 --settings board.json --out van.enrolment
    """
    with opened(config) as session:
        values = _settings(settings)
        new = _written(out, lambda: session.cloud.hand_over(device, subject=subject, settings=values))
    _tell(new, subject, out, as_json)


def heal(device: Pseudonym, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Give a device keys that no copy of its memory leads to, at its next contact; offered until it has taken them.

    For a device that was out of your hands. Whoever copied it and only listens opens nothing from then on.

    Example: byleave sync heal mfrggzdfmztwq2lk
    """
    with opened(config) as session:
        session.cloud.heal(device)
    if as_json:
        print_json({"device": device, "healing": "wished"})
        return
    typer.echo(f"{device} is offered new keys at its next contact; `byleave sync devices --json` shows its generation")


def _written(out: Path, make: Callable[[], Enrolment]) -> str:
    """Writes the file of an enrolment that is made only if it can be; the device's pseudonym."""
    enrolled: list[Enrolment] = []

    def file() -> bytes:
        enrolled.append(make())
        return enrolled[0].file

    write_new(out, file)
    return enrolled[0].device


def _tell(device: str, subject: str, out: Path, as_json: bool) -> None:
    if as_json:
        print_json({"device": device, "subject": subject, "file": str(out)})
        return
    typer.echo(f"enrolled device {device} for {subject}")
    typer.echo(f"wrote {out} (mode 0600). It holds the device's root key: whoever has it reads and forges all that the")
    typer.echo(f"device will ever send. Give it to the device once, then delete it: shred -u {out}")


def _settings(path: Path) -> dict[str, Any]:
    """The settings of a device; errors say where, and never repeat the text [it holds passwords]."""
    try:
        values = json.loads(read_text(path, "a JSON file with board, wifi and broker"))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path}, line {error.lineno}: is not JSON ({error.msg})") from None
    if not isinstance(values, dict) or not values:
        raise ConfigError(f'{path}: must be a JSON object, for instance {{"board": "esp32s3", "wifi": …, "broker": …}}')
    return values


def devices(
    subject: Annotated[str | None, typer.Option(help="Only those of this data subject.", callback=identifier)] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List devices: whose they are, since when, which directive they were sent and which they have applied.

    Example: byleave sync devices --json
    """
    with opened(config) as session:
        database = session.cloud.database
        rows = [_row(session, each) for each in (database.devices_of(subject) if subject else database.all_devices())]
    if as_json:
        print_json(rows)
        return
    table = Table("device", "subject", "enrolled", "directive sent", "applied", "envelopes", "revoked")
    for row in rows:
        table.add_row(*("-" if value is None else str(value) for name, value in row.items() if name != "generation"))
    console().print(table)


def _row(session: Session, device: Device) -> dict[str, Any]:
    state = session.cloud.database.directive_state(device.device)
    return {
        "device": device.device,
        "subject": device.subject,
        "generation": device.generation,
        "enrolled_at": iso(device.enrolled_at),
        "directive_sent": state.version if state else 0,
        "directive_applied": state.applied_version if state else 0,
        "envelopes": session.cloud.database.count_envelopes(device.device),
        "revoked_at": None if device.revoked_at is None else iso(device.revoked_at),
    }
