"""Group `sync breaches`: incidents, from the first report to the closed file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.breach import LettersLeft
from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Group,
    console,
    fail,
    identifier,
    iso,
    print_json,
)
from cloud_sync.cli.keep import time_of
from cloud_sync.cli.session import opened
from cloud_sync.erasure.civil import UTC
from cloud_sync.errors import ConfigError
from cloud_sync.model.incidents import Affected, Cause, Delay, Exempt, Incident, Measure, Party, Reporter, Risk

breaches = typer.Typer(cls=Group, no_args_is_help=True)

IncidentId = Annotated[str, typer.Argument(help="Its number, from: byleave sync breaches list", callback=identifier)]
By = Annotated[str, typer.Option("--by", help="Who does this: a pseudonym, for the audit log.", callback=identifier)]
Zone = Annotated[str, typer.Option("--zone", metavar="ZONE", help="Whose times these are.")]
_FILE = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


@breaches.callback()
def _breaches() -> None:
    """Incidents: what happened, whom it concerns, who is to be told by when, and the register of all of them.

    Clocks run from when it became known. The sweep warns before each deadline and at it.

    Example: byleave sync breaches list
    """


@breaches.command("open")
def open_incident(
    affected: Annotated[Affected, typer.Argument(help="What fell into wrong hands, or was lost.")],
    by: By,
    which: Annotated[str, typer.Option("--which", help="The device, account or recipient.")] = "",
    cause: Annotated[Cause, typer.Option("--cause", help="How it came about.")] = Cause.UNKNOWN,
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="When it began; unknown, if left out.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="When it ended; now, if left out.")
    ] = None,
    known: Annotated[
        str | None, typer.Option("--known", metavar="TIME", help="When it became known; now, if left out.")
    ] = None,
    zone: Zone = UTC,
    reporter: Annotated[Reporter, typer.Option("--reporter", help="Who told of it.")] = Reporter.STAFF,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", help="A category of the policy; may be repeated. All, if left out."),
    ] = None,
    reference: Annotated[str, typer.Option("--reference", help="A word of your own files.")] = "",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Open an incident, and say by when who is to be told.

    Example: byleave sync breaches open key_backup --cause stolen --known 2026-01-15T12:00 --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.breaches.open(
            affected,
            by=by,
            which=which,
            cause=cause,
            happened_from=time_of(since, zone, end=False) if since else None,
            happened_until=time_of(until, zone, end=False) if until else None,
            known_at=time_of(known, zone, end=False) if known else None,
            reporter=reporter,
            categories=category or (),
            reference=reference,
        )
    _tell(made, as_json)


@breaches.command("list")
def list_incidents(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the register: every incident, reported or not, in order of opening.

    Example: byleave sync breaches list --json
    """
    with opened(config) as session:
        found, now = session.cloud.breaches.register(), session.now
    if as_json:
        print_json([fields(each) for each in found])
        return
    table = Table("incident", "what", "known", "risk", "concerned", "to be told", "")
    for each in found:
        waiting = {party: due for party, due in each.due.items() if each.waits(party)}
        said = ", ".join(f"{party.value} by {iso(due)}" for party, due in waiting.items())
        late = "late" if any(due <= now for due in waiting.values()) else "closed" if each.closed_at else ""
        count = "" if each.concerned is None else str(each.concerned)
        table.add_row(each.incident_id, each.affected.value, iso(each.known_at), each.risk.value, count, said, late)
    console().print(table)


@breaches.command()
def concerned(
    incident_id: IncidentId,
    by: By,
    also: Annotated[
        list[str] | None, typer.Option("--also", help="Somebody else it concerns; may be repeated.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Work out whom it concerns, by keys, by uses or by deliveries; again whenever more is known.

    Example: byleave sync breaches concerned 0a1b2c3d4e5f60718293 --by dpo-1
    """
    with opened(config) as session:
        found = session.cloud.breaches.find(incident_id, by=by, also=also or ())
    if as_json:
        print_json({"people": list(found.people), "sentence": found.sentence})
        return
    for subject in found.people:
        typer.echo(subject)
    typer.echo(found.sentence, err=True)


@breaches.command()
def assess(
    incident_id: IncidentId,
    risk: Annotated[Risk, typer.Argument(help="How high it is to people.")],
    by: By,
    exempt: Annotated[
        Exempt | None, typer.Option("--exempt", help="Why people need not be told one by one although it is high.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say how high the risk is; where it is high, people are told without delay.

    Example: byleave sync breaches assess 0a1b2c3d4e5f60718293 high --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.breaches.assess(incident_id, risk, by=by)
        if exempt is not None:
            made = session.cloud.breaches.exempt(incident_id, exempt, by=by)
    _tell(made, as_json)


@breaches.command()
def measure(
    incident_id: IncidentId,
    done: Annotated[list[Measure], typer.Argument(help="What was done about it.")],
    by: By,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say what was done about it; letters name it.

    Example: byleave sync breaches measure 0a1b2c3d4e5f60718293 keys_rotated --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.breaches.measure(incident_id, *done, by=by)
    _tell(made, as_json)


@breaches.command()
def letter(
    incident_id: IncidentId,
    party: Annotated[Party, typer.Argument(help="For whom.")],
    language: Annotated[str, typer.Option("--language", help="Of the words of the policy.")] = "en",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print the letter to the authority, to the controller, or to each person, as the record is now.

    Example: byleave sync breaches letter 0a1b2c3d4e5f60718293 authority
    """
    with opened(config) as session:
        text = session.cloud.breaches.letter(incident_id, party, language=language)
    if as_json:
        print_json({"letter": text})
    else:
        typer.echo(text, nl=False)


@breaches.command()
def told(
    incident_id: IncidentId,
    party: Annotated[Party, typer.Argument(help="Who was told: authority or controller.")],
    by: By,
    late: Annotated[Delay | None, typer.Option("--late", help="Why it was told after the term.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say that the authority, or the controller, was told now.

    Example: byleave sync breaches told 0a1b2c3d4e5f60718293 authority --by dpo-1
    """
    if party is Party.PERSONS:
        fail("byleave sync: people are told one by one: write their letters with byleave sync breaches letters")
    with opened(config) as session:
        made = session.cloud.breaches.told(incident_id, party, by=by, late=late)
    _tell(made, as_json)


@breaches.command()
def letters(
    incident_id: IncidentId,
    folder: Annotated[
        Path, typer.Argument(help="A folder that is there; a letter a person, named by their pseudonym.")
    ],
    by: By,
    language: Annotated[str, typer.Option("--language", help="Of the words of the policy.")] = "en",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Write the letters to people who have not been told yet; with that they count as told, so send them.

    Whose letter cannot be written stops nobody else; they are named at the end, and the command again is theirs alone.

    Example: byleave sync breaches letters 0a1b2c3d4e5f60718293 letters --by dpo-1
    """

    def write(subject: str, text: str) -> None:
        if not _FILE.fullmatch(subject):
            raise ConfigError(f"{subject} is no name of a file; hand this letter over by cloud.breaches.tell_people")
        (folder / f"{subject}.txt").write_text(text, "utf-8")

    with opened(config) as session:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: is no folder; make it, readable by the desk alone")
        try:
            made = session.cloud.breaches.tell_people(incident_id, write, by=by, language=language)
        except LettersLeft as left:
            for subject in left.untold:
                typer.echo(f"not told: {subject}", err=True)
            raise
    _tell(made, as_json)


@breaches.command()
def close(incident_id: IncidentId, by: By, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Close it, once everybody was told who is to be told; it stays in the register.

    Example: byleave sync breaches close 0a1b2c3d4e5f60718293 --by dpo-1
    """
    with opened(config) as session:
        made = session.cloud.breaches.close(incident_id, by=by)
    _tell(made, as_json)


def fields(incident: Incident) -> dict[str, Any]:
    """An incident as JSON has it: times in UTC."""
    words = ("incident_id", "affected", "which", "cause", "reporter", "risk", "reference")
    times = ("happened_from", "happened_until", "known_at", "opened_at", "closed_at")
    values: dict[str, Any] = {name: str(getattr(incident, name)) for name in words}
    for name in times:
        at = getattr(incident, name)
        values[name] = None if at is None else iso(at)
    return {
        **values,
        "categories": list(incident.categories),
        "measures": [measure.value for measure in incident.measures],
        "due": {party.value: iso(at) for party, at in incident.due.items()},
        "told": {party.value: iso(at) for party, at in incident.told.items()},
        "late": {party.value: why.value for party, why in incident.late.items()},
        "concerned": incident.concerned,
        "persons_told": incident.persons_told,
        "exempt": incident.exempt.value if incident.exempt else None,
    }


def _tell(incident: Incident, as_json: bool) -> None:
    if as_json:
        print_json(fields(incident))
        return
    state = "closed" if incident.closed_at else "open"
    typer.echo(f"{incident.incident_id}: {incident.affected.value}, risk {incident.risk.value}, {state}")
    for party, due in incident.due.items():
        told_at = incident.told.get(party)
        typer.echo(f"  {party.value}: " + (f"told {iso(told_at)}" if told_at else f"to be told by {iso(due)}"))
