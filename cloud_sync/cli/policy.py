"""Group `policy`: policy files, their gaps and what they permit."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cloud_sync.cli.clauses import clauses
from cloud_sync.cli.common import FINDINGS, AsJson, Group, fail, print_json, sentences
from cloud_sync.cli.newpolicy import new_policy
from cloud_sync.policy import Diff, Policy, PolicyRefused, Rule, diff, lint, load_policy, notes
from cloud_sync.policy.compare import Excess, kept
from cloud_sync.policy.reference import keys, markdown, unused
from cloud_sync.report import write_reports

policy = typer.Typer(
    cls=Group, no_args_is_help=True, help="Policy files: find gaps, compare, report what is permitted."
)

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="A policy file (TOML).")]


@policy.callback()
def _policy() -> None:
    """Policy files: find gaps, compare, report what is permitted."""


policy.command("new")(new_policy)
policy.command("clauses")(clauses)


@policy.command("check")
def check_policy(
    file: PolicyFile,
    as_json: AsJson = False,
    only_unused: Annotated[bool, typer.Option("--unused", help="List every key that nothing carries out yet.")] = False,
) -> None:
    """Find every gap of a policy file: line, key, what is wrong, what to do. Exit code 2 when there is one.

    Notes tell what is no gap: promises that nothing carries out yet, terms that a cap cuts, reviews that are due.

    Example: byleave policy check policy.toml
    """
    findings = lint(file)
    told = [] if findings else notes(file, datetime.now(UTC).date())
    more = {"unused": [key.name for key in unused()]} if only_unused else {}
    if as_json:
        found = {"findings": [each.as_json() for each in findings], "notes": [each.as_json() for each in told]}
        print_json({"file": str(file), **found, **more})
    else:
        for finding in findings:
            typer.echo(str(finding), err=True)
        for note in told:
            typer.echo(f"note: {note}", err=True)
        for key in unused() if only_unused else ():
            typer.echo(f"{key.name}: {key.text} ({key.clause or 'no clause'})")
        counts = f"{_count(findings, 'finding')}, {_count(told, 'note')}"
        typer.echo(f"{file}: {counts}")
    if findings:
        raise typer.Exit(FINDINGS)


def _count(found: list[Any], name: str) -> str:
    return f"{len(found)} {name}{'' if len(found) == 1 else 's'}"


def _loaded(file: Path) -> Policy:
    """A policy, or the end of the command with its findings."""
    try:
        return load_policy(file)
    except PolicyRefused as refused:
        fail(str(refused), FINDINGS)


@policy.command("diff")
def diff_policies(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The policy file in force.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The one that would take its place.")],
    as_json: AsJson = False,
    refuse: Annotated[bool, typer.Option("--refuse-wider", help="End with 2 when something widens.")] = False,
) -> None:
    """Tell what another policy widens and narrows, and which consents must be asked anew. Exit code 2 for a file with a gap.

    Example: byleave policy diff policy.toml policy-next.toml
    """
    found = diff(_loaded(old), _loaded(new))
    if as_json:
        print_json(found.as_json())
    else:
        for line in _told(found):
            typer.echo(line)
    if refuse and found.widens:
        raise typer.Exit(FINDINGS)


def _told(found: Diff) -> Iterable[str]:
    """The difference for people."""
    if not found:
        yield "nothing changes"
    for title, mark, excesses in (
        ("widens", "+", found.widens),
        ("narrows", "-", found.narrows),
        ("changes", "~", found.changes),
    ):
        if excesses:
            yield f"{title}:"
            yield from (f"  {mark} {_line(excess)}" for excess in excesses)
    for purpose, why in found.asked_anew.items():
        yield f"ask again for {purpose}: {'; '.join(why)}"
    for purpose in found.asked_first:
        yield f"ask for {purpose}: it rests on consent now"
    for purpose in found.ended:
        yield f"consents to {purpose} end: it rests on consent no more"
    if found.significant and not found.notice_changed:
        yield "the change is significant, and the notice keeps its version: give notice.version a new one"


def _line(excess: Excess) -> str:
    change = f": {excess.before or 'none'} to {excess.after or 'none'}" if excess.before or excess.after else ""
    purposes = f" (for {', '.join(sorted(excess.purposes))})" if excess.purposes else ""
    return f"{excess.text}{change}{purposes}"


@policy.command("report")
def report_policy(
    file: PolicyFile,
    out: Annotated[Path, typer.Option("--out", help="A directory; it is made where it is missing.")],
    as_json: AsJson = False,
) -> None:
    """Write the record of processing, the privacy notice and the policy in DPV terms. Exit code 2 for a file with a gap.

    Example: byleave policy report policy.toml --out report
    """
    with sentences("policy"):
        written = write_reports(_loaded(file), out)
    if as_json:
        print_json({"files": [str(path) for path in written]})
    else:
        for path in written:
            typer.echo(f"wrote {path}")


@policy.command("keys")
def policy_keys(
    as_json: AsJson = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables of docs/policy.md.")] = False,
) -> None:
    """List every key of a policy file: what it says, its type, its default, its clause, what carries it out.

    Example: byleave policy keys
    """
    if as_json:
        print_json([key._asdict() for key in keys().values()])
    elif as_markdown:
        typer.echo(markdown(), nl=False)
    else:
        for key in keys().values():
            typer.echo(f"{key.name}: {key.text}{f' ({key.clause})' if key.clause else ''}")


@policy.command("show")
def show_policy(file: PolicyFile, as_json: AsJson = False) -> None:
    """Show what a policy permits, as a table: what is not in it is denied. Exit code 2 when the file has a gap.

    Example: byleave policy show policy.toml
    """
    loaded = _loaded(file)
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
            kept(rule),
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
