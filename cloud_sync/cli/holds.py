"""Group `sync hold`, `sync restrict` and `sync lift`: what keeps data from being destroyed, and what keeps it from being used."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.table import Table

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
from cloud_sync.cli.keep import time_of
from cloud_sync.cli.session import opened
from cloud_sync.erasure.civil import UTC
from cloud_sync.model.keeping import Ground, Hold, Restriction

hold = typer.Typer(cls=Group, no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Who says so: a pseudonym, for the audit log.", callback=identifier)]
Approved = Annotated[
    str | None, typer.Option("--approved-by", help="A second person who says so.", callback=identifier)
]
SecondPerson = Annotated[str, typer.Option("--approved-by", help="A second person who says so.", callback=identifier)]
Review = Annotated[str, typer.Option("--review", metavar="DAY", help="When it is to be looked at again.")]
Zone = Annotated[str, typer.Option("--zone", metavar="ZONE", help="Whose days and times these are.")]
Told = Annotated[bool, typer.Option("--told", help="The person was told before (GDPR Art. 18(3)).")]


@hold.callback()
def _hold() -> None:
    """Legal holds: what one covers is not destroyed by any term, step or erasure. It permits no use of the data.

    One person places a hold, two for an authority; two people release it, and what is overdue then goes with the next sweep.

    Example: byleave sync hold list
    """


@hold.command()
def place(
    reference: Annotated[str, typer.Argument(help="The claim, case or order that it rests on.", callback=identifier)],
    by: By,
    review: Review,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Whose data; this or --device.", callback=identifier)
    ] = None,
    device: Annotated[str | None, typer.Option("--device", help="Which device's data.", callback=identifier)] = None,
    category: Annotated[str | None, typer.Option("--category", help="Of one category of the policy only.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="TIME", help="Captured from this day or time.")] = None,
    last: Annotated[
        str | None, typer.Option("--to", metavar="TIME", help="To the end of this day, or to before this time.")
    ] = None,
    zone: Zone = UTC,
    authority: Annotated[bool, typer.Option("--authority", help="An authority asks: takes two people.")] = False,
    approved_by: Approved = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Keep what is there and what comes in from being destroyed, for a claim or an order, until it is released.

    Example: byleave sync hold place CLAIM-7 --subject s-1 --from 2026-03-14 --to 2026-03-16 --review 2026-12-31 --by dpo-1
    """
    with sentences():
        start, end = time_of(first, zone, end=False), time_of(last, zone, end=True)
        review_at = time_of(review, zone, end=True) or 0.0
    with opened(config) as session:
        if category and not session.cloud.policy.rules_of(category):
            fail(f"{category}: no such category in the policy; byleave policy show names them")
        made = session.cloud.holds.place(
            reference,
            by=by,
            review_at=review_at,
            subject=subject or "",
            device=device or "",
            category=category or "",
            start=start,
            end=end,
            authority=authority,
            approved_by=approved_by or "",
        )
    _tell(made, as_json)


@hold.command()
def release(
    hold_id: Annotated[str, typer.Argument(help="Its id, from: byleave sync hold list", callback=identifier)],
    by: By,
    approved_by: SecondPerson,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """End a hold: what is overdue under it is destroyed by the next sweep, for good. Two people say so.

    Example: byleave sync hold release 0a1b2c3d4e5f60718293 --by dpo-1 --approved-by counsel-1
    """
    with opened(config) as session:
        ended = session.cloud.holds.release(hold_id, by=by, approved_by=approved_by)
    _tell(ended, as_json)


@hold.command("list")
def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Released ones as well.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show the holds in force and the restrictions beside them, and when each is to be looked at again.

    Example: byleave sync hold list --all
    """
    with opened(config) as session:
        holds = session.cloud.database.holds(released=everything)
        restrictions = session.cloud.database.restrictions(lifted=everything)
        lost = session.cloud.holds.lost()
    if as_json:
        print_json(
            {"holds": [_hold_fields(each) for each in holds], "restrictions": [_fields(r) for r in restrictions]}
        )
    else:
        _table(holds, restrictions)
    if lost:
        fail(
            "holds are missing: the database was restored, and no sweep destroys anything. Place them again, then:"
            " byleave sync hold accept"
        )


@hold.command()
def accept(by: By, approved_by: SecondPerson, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say, after a restore, that every hold that is to be in force is placed: from then on sweeps destroy again.

    Example: byleave sync hold accept --by dpo-1 --approved-by counsel-1
    """
    with opened(config) as session:
        session.cloud.holds.accept_lost(by=by, approved_by=approved_by)
        count = len(session.cloud.holds.in_force())
    say(as_json, {"in_force": count}, f"{count} holds are in force, and none is missing")


def restrict(
    subject: Subject,
    ground: Annotated[Ground, typer.Argument(help="Why.")],
    by: By,
    review: Annotated[
        str | None, typer.Option("--review", metavar="DAY", help="When it is to be looked at again.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option("--reference", help="The case that it belongs to.", callback=identifier)
    ] = None,
    zone: Zone = UTC,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Restrict the use of a person's data (GDPR Art. 18): it stays stored to the end of its term, and nobody uses it.

    The devices are told to stop at once. Where data is to be kept beyond its term, for a claim, a hold says so.

    Example: byleave sync restrict s-1 accuracy_contested --by s-1 --review 2026-06-30
    """
    with sentences():
        review_at = time_of(review, zone, end=True)
    with opened(config) as session:
        made = session.cloud.restrictions.restrict(
            subject, ground, by=by, reference=reference or "", review_at=review_at
        )
    say(
        as_json,
        _fields(made),
        f"{subject} is restricted; to end it: byleave sync lift {made.restriction_id} --told --by …",
    )


def lift(
    restriction_id: Annotated[str, typer.Argument(help="Its id, from: byleave sync hold list", callback=identifier)],
    by: By,
    told: Told = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Lift a restriction, once the person has been told.

    After a restore that lost restrictions of a person, name the person in place of the id.

    Example: byleave sync lift 0a1b2c3d4e5f60718293 --told --by dpo-1
    """
    with opened(config) as session:
        restrictions = session.cloud.restrictions
        if restrictions.lost(restriction_id):
            restrictions.accept_lost(restriction_id, by=by, told=told)
            subject = restriction_id
        else:
            subject = restrictions.lift(restriction_id, by=by, told=told).subject
        still = restrictions.restricted(subject)
    if as_json:
        print_json({"subject": subject, "restricted": still})
    else:
        typer.echo(
            f"lifted; {subject} is {'restricted still, for another reason' if still else 'restricted no longer'}"
        )


def _tell(made: Hold, as_json: bool) -> None:
    if as_json:
        print_json(_hold_fields(made))
    elif made.released_at is None:
        typer.echo(f"hold {made.hold_id} is in force; look at it again on {iso(made.review_at)}")
    else:
        typer.echo(f"hold {made.hold_id} is released; what is overdue goes with the next sweep")


def _hold_fields(each: Hold) -> dict[str, Any]:
    return _dated(asdict(each), "start", "end", "placed_at", "review_at", "released_at")


def _fields(each: Restriction) -> dict[str, Any]:
    return _dated(asdict(each), "since", "review_at", "lifted_at")


def _dated(values: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: iso(value) if key in names and value is not None else value for key, value in values.items()}


def _table(holds: list[Hold], restrictions: list[Restriction]) -> None:
    table = Table("id", "what", "of", "why", "since", "review", "ended")
    for each in holds:
        scope = " ".join(part for part in (each.subject, each.device, each.category) if part)
        ended = iso(each.released_at) if each.released_at is not None else ""
        table.add_row(each.hold_id, "hold", scope, each.reference, iso(each.placed_at), iso(each.review_at), ended)
    for one in restrictions:
        review = iso(one.review_at) if one.review_at is not None else ""
        ended = iso(one.lifted_at) if one.lifted_at is not None else ""
        table.add_row(one.restriction_id, "restriction", one.subject, one.ground.value, iso(one.since), review, ended)
    console().print(table)
