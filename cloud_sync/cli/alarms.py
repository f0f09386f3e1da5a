"""Group `sync alarms`: what a person wants to be told of. Messages go out by the service that the integrator runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from cloud_sync.alarms import Alarm, Bounds, PlaceWatch, Shock, Theft, Watch, Zone
from cloud_sync.alarms.desk import QUIET_S
from cloud_sync.alarms.watch import BOTH
from cloud_sync.cli.common import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    Group,
    Subject,
    console,
    fail,
    identifier,
    iso,
    print_json,
    say,
    sentences,
)
from cloud_sync.cli.session import opened
from cloud_sync.model import Actor

alarms = typer.Typer(cls=Group, no_args_is_help=True)

RuleId = Annotated[str, typer.Argument(help="Its number, from: byleave sync alarms list", callback=identifier)]


@alarms.callback()
def _alarms() -> None:
    """Alarms are the person's own: these commands act in their name, as a portal does for whoever is logged in.

    A message carries a link, and no position, value or label.

    Example: byleave sync alarms list s-1
    """


@alarms.command("set")
def set_alarm(
    subject: Subject,
    purpose: Annotated[str, typer.Option("--purpose", help="For which purpose of the policy.", callback=identifier)],
    channel: Annotated[str, typer.Option("--channel", help="By which channel of the service.", callback=identifier)],
    to: Annotated[str, typer.Option("--to", help="The address, where the channel has one.")] = "",
    zone: Annotated[str, typer.Option("--zone", metavar="LAT,LON,METRES", help="A circle of the person's.")] = "",
    place: Annotated[int | None, typer.Option("--place", help="A place of the policy, by its id.")] = None,
    on: Annotated[str, typer.Option("--on", help="enter, leave or both.")] = BOTH,
    parked: Annotated[int | None, typer.Option("--parked", help="Motion after so many seconds without.")] = None,
    armed: Annotated[bool, typer.Option("--armed", help="Motion while armed by hand.")] = False,
    shock: Annotated[bool, typer.Option("--shock", help="Every shock.")] = False,
    above: Annotated[str, typer.Option("--above", metavar="VALUE", help="As 8.0C or 10lx.")] = "",
    below: Annotated[str, typer.Option("--below", metavar="VALUE", help="As 2.0C or 10lx.")] = "",
    back: Annotated[
        str, typer.Option("--back", metavar="VALUE", help="How far within before it counts as within.")
    ] = "",
    label: Annotated[str, typer.Option("--label", help="The person's own word for it, sealed.")] = "",
    quiet: Annotated[int, typer.Option("--quiet", help="Seconds after a message in which it tells nothing.")] = QUIET_S,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make a rule: name one of --zone, --place, --parked, --armed, --shock, or a bound.

    Example: byleave sync alarms set s-1 --parked 600 --purpose theft_alarm --channel mail --to me@example.org
    """
    with sentences():
        watch = _watch(zone, place, on, parked, armed, shock, (above, below, back))
    with opened(config) as session:
        alarm, warnings = session.cloud.alarms.set(
            _person(subject), watch, purpose=purpose, channel=channel, to=to, label=label, quiet_s=quiet
        )
    if as_json:
        print_json({**fields(alarm), "warnings": warnings})
        return
    typer.echo(f"{alarm.rule_id}: {alarm.watch.kind.value} for {alarm.purpose}, by {alarm.channel}")
    if warnings:
        typer.echo("a label may tell of health, belief or belonging: it is sealed, and nothing reads it", err=True)


@alarms.command("list")
def list_alarms(subject: Subject, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Show the person's rules, without what they watch and whom they tell.

    Example: byleave sync alarms list s-1
    """
    with opened(config) as session:
        found = session.cloud.alarms.of(_person(subject))
    if as_json:
        print_json([fields(each) for each in found])
        return
    table = Table("rule", "what", "for", "by", "label", "armed", "made")
    for each in found:
        armed = "armed" if each.armed else ""
        head = each.rule_id, each.watch.kind.value, each.purpose, each.channel
        table.add_row(*head, each.label, armed, iso(each.made_at))
    console().print(table)


@alarms.command()
def arm(
    subject: Subject,
    rule_id: RuleId,
    off: Annotated[bool, typer.Option("--off", help="Disarm it.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Arm a rule from now on, or disarm it; what was captured before is not touched.

    Example: byleave sync alarms arm s-1 0a1b2c3d4e5f60718293
    """
    with opened(config) as session:
        alarm = session.cloud.alarms.arm(_person(subject), rule_id, on=not off)
    say(as_json, fields(alarm), f"{rule_id}: {'armed' if alarm.armed else 'not armed'}")


@alarms.command()
def remove(subject: Subject, rule_id: RuleId, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Take a rule back, with what it has not told yet.

    Example: byleave sync alarms remove s-1 0a1b2c3d4e5f60718293
    """
    with opened(config) as session:
        session.cloud.alarms.remove(_person(subject), rule_id)
    say(as_json, {"removed": rule_id}, f"{rule_id}: removed")


def fields(alarm: Alarm) -> dict[str, Any]:
    """A rule as JSON has it, without its geometry and its address: they are in the person's own copy."""
    return {
        "rule_id": alarm.rule_id,
        "kind": alarm.watch.kind.value,
        "purpose": alarm.purpose,
        "channel": alarm.channel,
        "label": alarm.label,
        "quiet_s": alarm.quiet_s,
        "armed": alarm.armed,
        "made_at": iso(alarm.made_at),
    }


def _person(subject: str) -> Actor:
    return Actor(subject, "data_subject", mfa=True)


def _watch(
    zone: str,
    place: int | None,
    on: str,
    parked: int | None,
    armed: bool,
    shock: bool,
    bounds: tuple[str, str, str],
) -> Watch:
    asked: list[Watch] = []
    if zone:
        asked.append(_zone(zone, on))
    if place is not None:
        asked.append(PlaceWatch(place, on))
    if parked is not None or armed:
        asked.append(Theft(parked))
    if shock:
        asked.append(Shock())
    if any(bounds[:2]):
        asked.append(_bounds(*bounds))
    if len(asked) != 1:
        fail("name one thing to be told of: --zone, --place, --parked, --armed, --shock, or bounds")
    return asked[0]


def _zone(text: str, on: str) -> Zone:
    try:
        lat, lon, radius_m = (float(part) for part in text.split(","))
    except ValueError:
        fail(f"--zone {text}: write LAT,LON,METRES, for instance 55.6761,12.5683,500")
    return Zone(lat, lon, int(radius_m), on)


def _bounds(above: str, below: str, back: str) -> Bounds:
    """Of temperatures in tenths of a degree, of light in lux; all in one unit."""
    given = [text for text in (above, below, back) if text]
    units = (("C", "temperature", 10), ("lx", "light", 1))
    found = next((each for each in units if all(text.endswith(each[0]) for text in given)), None)
    if found is None:
        fail("--above, --below, --back: write all in degrees, as 8.0C, or all in lux, as 10lx")
    unit, quantity, scale = found
    numbers = [_number(text.removesuffix(unit), scale) if text else None for text in (above, below, back)]
    return Bounds(quantity, numbers[0], numbers[1], numbers[2] or 0)


def _number(text: str, scale: int) -> int:
    try:
        return round(float(text) * scale)
    except ValueError:
        fail(f"{text}: write a number")
