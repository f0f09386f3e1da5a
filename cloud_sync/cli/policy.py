"""Group `policy`: policy files, their gaps and what they permit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cloud_sync.cli.common import FINDINGS, AsJson, Group, fail, sentences
from cloud_sync.cli.files import DEMO_POLICY, write_new
from cloud_sync.policy import Policy, PolicyRefused, Rule, lint, load_policy

policy = typer.Typer(cls=Group, no_args_is_help=True, help="Policy files: find gaps, see what is permitted.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy file (TOML).")]


@policy.callback()
def _policy() -> None:
    """Policy files: find gaps, see what is permitted."""


@policy.command("new")
def new_policy(file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.")]) -> None:
    """Write a commented policy to begin with: a copy of the demo's. An existing file is never overwritten.

    Example: byleave policy new policy.toml
    """
    with sentences():
        write_new(file, DEMO_POLICY.read_bytes(), mode=0o644)
    typer.echo(f"wrote {file}; edit it, then run: byleave policy check {file}")


@policy.command("check")
def check_policy(file: PolicyFile, as_json: AsJson = False) -> None:
    """Find every gap of a policy file: line, key, what is wrong, what to do. Exit code 2 when there is one.

    Example: byleave policy check policy.toml
    """
    findings = lint(file)
    if as_json:
        typer.echo(json.dumps({"file": str(file), "findings": [finding.as_json() for finding in findings]}, indent=2))
    else:
        for finding in findings:
            typer.echo(str(finding), err=True)
        typer.echo(f"{file}: {len(findings)} finding{'' if len(findings) == 1 else 's'}")
    if findings:
        raise typer.Exit(FINDINGS)


@policy.command("show")
def show_policy(file: PolicyFile, as_json: AsJson = False) -> None:
    """Show what a policy permits, as a table: what is not in it is denied. Exit code 2 when the file has a gap.

    Example: byleave policy show policy.toml
    """
    try:
        loaded = load_policy(file)
    except PolicyRefused as refused:
        fail(str(refused), FINDINGS)
    if as_json:
        typer.echo(json.dumps(policy_json(loaded), indent=2))
        return
    console = Console()
    console.print(f"policy {loaded.id} {loaded.version}, {loaded.role}, {loaded.country}, notice {loaded.notice}")
    console.print(f"SHA-256 {loaded.hash}", soft_wrap=True)
    console.print(
        f"nothing finer than {loaded.precision.name.lower()}; a lease of {loaded.device.lease_s // 86_400} days"
    )
    console.print(_rules_table(loaded))
    console.print(_roles_table(loaded))


def policy_json(loaded: Policy) -> dict[str, Any]:
    """What a policy permits, as JSON."""
    return {
        "id": loaded.id,
        "version": loaded.version,
        "hash": loaded.hash,
        "notice": loaded.notice,
        "precision": loaded.precision.name.lower(),
        "never": sorted(loaded.never),
        "rules": [_rule_json(rule) for rule in loaded.rules],
        "grants": [
            {"role": role, "action": action.value, "purpose": purpose}
            for role, action, purpose in sorted(loaded.grants)
        ],
    }


def _rule_json(rule: Rule) -> dict[str, Any]:
    return {
        "category": rule.category,
        "fields": list(rule.fields),
        "stream": rule.stream.name.lower() if rule.stream is not None else None,
        "purpose": list(rule.purposes),
        "basis": rule.basis.value,
        "reference": rule.legal_ref or rule.balancing_id or None,
        "precision": rule.precision.name.lower() if rule.has_position else None,
        "retention": rule.retention.text,
        "clock": rule.clock.value,
        "after": rule.after.value,
        "recipients": sorted(rule.recipients),
        "region": rule.region,
        "visible_to_user": rule.visible_to_user,
    }


def _rules_table(loaded: Policy) -> Table:
    table = Table(title="What is permitted")
    for name in ("category", "purpose and basis", "position", "kept", "recipients", "in"):
        table.add_column(name, overflow="fold")
    for rule in loaded.rules:
        table.add_row(
            rule.category,
            f"{', '.join(rule.purposes)} ({rule.basis.value})",
            rule.precision.name.lower() if rule.has_position else "-",
            f"{rule.retention} from {rule.clock.value}",
            ", ".join(sorted(rule.recipients)) or "nobody",
            rule.region,
        )
    return table


def _roles_table(loaded: Policy) -> Table:
    table = Table("role", "may", "for", title="Who may do it")
    granted: dict[tuple[str, str], list[str]] = {}
    for role, action, purpose in sorted(loaded.grants):
        granted.setdefault((role, purpose), []).append(action.value)
    for (role, purpose), actions in granted.items():
        table.add_row(role, ", ".join(actions), purpose)
    return table
