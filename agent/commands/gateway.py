"""`agent gateway`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from agent.errors import AgentError

INSTALL = "pip install 'byleave[agent]'"


def gateway(
    port: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PORT", help="A serial port, or a pattern in quotes ('/dev/serial/by-id/usb-*'); again for more."
        ),
    ] = None,
    broker: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="The MQTT broker.")] = "",
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="gateway.toml, as docs/gateway.md has it.")
    ] = None,
    spool: Annotated[
        Path | None,  # another user's is refused in our own words
        typer.Option(metavar="DIR", readable=False, help="Where envelopes wait for the broker."),
    ] = None,
    tls_ca: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Speak TLS; the authority of the broker's certificate, as PEM.")
    ] = None,
    metrics: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Metrics on 127.0.0.1, for Prometheus.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for ports that other programs have open, as a service does.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="What the gateway that runs on this folder says.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Check the configuration and the broker, and end.")] = False,
    unit: Annotated[bool, typer.Option("--unit", help="Print a systemd unit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Take devices' sealed envelopes from serial lines to the broker, and what it has for them back. It can read none of them.

    It runs until it is ended. Exit code 0: ended in order; 2: a wrong command line or configuration; 4: another program
    has each port that was named; 11: --check has found something; 13: a gateway runs already on this folder; 1: anything else.

    Example: byleave agent gateway --port '/dev/serial/by-id/usb-*' --broker broker.example --tls-ca ca.pem
    """
    try:
        from agent.gateway import service  # noqa: PLC0415 - what it needs comes with an extra
    except ModuleNotFoundError as missing:
        raise AgentError(f"byleave agent gateway needs {missing.name}, which is not installed: {INSTALL}") from None
    if unit:
        _print({"unit": service.unit_text()}, service.unit_text().rstrip("\n"), as_json)
        return
    if status:
        found = service.ask(service.folder_of(config, spool))
        _print(found, service.told(found), as_json)
        return
    chosen = service.load(
        config, ports=port or (), broker=broker, spool=spool, tls_ca=tls_ca, metrics_port=metrics, wait=wait
    )
    if check:
        report = service.check(chosen)
        _print(report.as_dict(), report.told(), as_json)
        raise typer.Exit(report.exit_code)
    service.run(chosen, os.environ)


def _print(found: dict[str, Any], words: str, as_json: bool) -> None:
    typer.echo(json.dumps(found) if as_json else words)
