"""Group `sync security`: the controls of the baseline, their proofs, and the watch."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cloud_sync.access.controls import Proof
from cloud_sync.cli.access import By
from cloud_sync.cli.common import DEFAULT_CONFIG, FINDINGS, AsJson, ConfigFile, Group, console, iso, print_json, say
from cloud_sync.cli.session import opened

security = typer.Typer(cls=Group, no_args_is_help=True)


@security.callback()
def _security() -> None:
    """Security as a list of controls, each with a fresh proof, and the watch over the service.

    Example: byleave sync security report
    """


@security.command("test")
def try_all(by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Try every control that can be tried, now. Ends with 2 when one does not stand.

    Example: byleave sync security test --by lead-1
    """
    with opened(config) as session:
        proofs = session.cloud.controls.test(by=by)
    _tell(proofs, as_json)


@security.command()
def attest(
    control: Annotated[str, typer.Argument(help="One that no program can try: disks_encrypted, restore_tried.")],
    by: By,
    fails: Annotated[bool, typer.Option("--fails", help="You have looked, and it does not hold.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say that you have looked at a control today, and whether it holds.

    Example: byleave sync security attest disks_encrypted --by lead-1
    """
    with opened(config) as session:
        session.cloud.controls.attest(control, by=by, holds=not fails)
    say(as_json, {"control": control, "holds": not fails}, f"{control}: {'does not hold' if fails else 'holds'}")


@security.command()
def report(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List the controls, against which threats they stand, and how old their proofs are. Ends with 2 when one does not stand.

    Example: byleave sync security report --json
    """
    with opened(config) as session:
        proofs = session.cloud.controls.proofs()
    _tell(proofs, as_json)


@security.command()
def watch(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show which probes of the running service fail, and when it looked last. Ends with 2 for either, or a silence.

    Example: byleave sync security watch
    """
    with opened(config) as session:
        look = session.cloud.watch
        failing = {name: iso(since) for name, since in look.failing().items()}
        looked, silent = look.looked_at(), look.silent
    said = [f"{name} fails since {since}" for name, since in failing.items()]
    said.append(f"the service looked last at {iso(looked)}" if looked is not None else "the service has not looked yet")
    value = {"failing": failing, "looked": iso(looked) if looked is not None else None, "silent": silent}
    say(as_json, value, "\n".join(said))
    if failing or silent:
        raise typer.Exit(FINDINGS)


def _tell(proofs: list[Proof], as_json: bool) -> None:
    rows = [
        {
            "control": proof.control.name,
            "says": proof.control.says,
            "against": [threat.value for threat in proof.control.threats],
            "passed": proof.passed,
            "proof": iso(proof.at) if proof.at is not None else None,
            "fresh": proof.fresh,
        }
        for proof in proofs
    ]
    if as_json:
        print_json(rows)
    else:
        table = Table("control", "says", "against", "stands", "proof")
        for row, proof in zip(rows, proofs, strict=True):
            stands = "yes" if proof.passed and proof.fresh else "no"
            against = ", ".join(threat.value for threat in proof.control.threats)
            table.add_row(proof.control.name, proof.control.says, against, stands, str(row["proof"] or "-"))
        console().print(table)
    if any(not (proof.passed and proof.fresh) for proof in proofs):
        raise typer.Exit(FINDINGS)
