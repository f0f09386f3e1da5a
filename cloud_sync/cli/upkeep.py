"""`sync upkeep`: what a company looks after by itself."""

from __future__ import annotations

from dataclasses import asdict

import typer

from cloud_sync.cli.common import DEFAULT_CONFIG, AsJson, ConfigFile, iso, print_json
from cloud_sync.cli.session import opened


def upkeep(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List fields that no purpose has read for long, devices whose keys are old, and consents from before the policy held.

    For how long is said by purpose.surplus_after and security.device_key_max, and from which day by policy.effective.
    Nothing is changed: take fields out of the policy, heal the devices, ask the people anew.

    Example: byleave sync upkeep --json
    """
    with opened(config) as session:
        looked = session.cloud.upkeep
        surplus, aged, early = looked.surplus(), looked.aged_keys(), looked.early_consents()
    if as_json:
        keys = [{**asdict(each), "since": iso(each.since)} for each in aged]
        given = [{**asdict(each), "given_at": iso(each.given_at)} for each in early]
        print_json({"surplus": surplus, "aged_keys": keys, "early_consents": given})
        return
    for field in surplus:
        typer.echo(f"surplus: {field}")
    for key in aged:
        typer.echo(f"keys of {key.device} are of {iso(key.since)}: byleave sync heal {key.device}")
    for each in early:
        typer.echo(f"{each.subject} allowed {each.purpose} on {iso(each.given_at)}, before the policy held: ask anew")
    typer.echo(f"{len(surplus)} fields, {len(aged)} devices, {len(early)} consents")
