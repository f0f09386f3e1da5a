"""Who gets data and where it lies: regions, instruments, contracts, classes of recipients (clause table, V-07, V-21, V-30)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from cloud_sync.policy.checks import Gap, Raw, period, table, tables, text, words
from cloud_sync.policy.vocabulary import SALE_PURPOSES, STREAMS, RecipientKind, within

#: Classes of people outside that are no recipients by themselves (V-21).
CLASSES = ("affiliates", "advisers", "operators", "business")
YEAR_S = 366 * 86_400


def regions_allowed(raw: Raw) -> Iterator[Gap]:
    """Data and recipients are in regions that `transfer.allowed` lists, or an instrument covers each that is not.

    No instrument covers telemetry: what a device senses stays in the regions allowed.
    """
    allowed = words(table(raw, "transfer").get("allowed"))
    from_devices = {
        text(rule.get("category")) for rule in tables(raw.get("rule")) if text(rule.get("stream")) in STREAMS
    }
    for kind in ("rule", "recipient"):
        for n, entry in enumerate(tables(raw.get(kind))):
            region = text(entry.get("region"))
            if not region or within(region, allowed):
                continue
            fields = words(entry.get("fields"))
            sensed = "stream" in entry or any(name.partition(".")[0] in from_devices for name in fields)
            if sensed:
                message = f"region {region} is not in transfer.allowed, and what a device senses never leaves those"
                yield Gap((kind, n, "region"), message, "move it, or take the fields of the device out")
            else:
                yield from _covered(raw, kind, n, entry)


def _covered(raw: Raw, kind: str, n: int, entry: Raw) -> Iterator[Gap]:
    """1. An instrument is named, 2. which the policy accepts, 3. with its assessment, 4. and the day of its review."""
    accepted = words(table(raw, "transfer").get("mechanisms"))
    region, mechanism = text(entry.get("region")), entry.get("mechanism")
    if mechanism is None:
        message = f"region {region} is not in transfer.allowed and no mechanism covers it"
        yield Gap((kind, n, "region"), message, 'move it, or add mechanism = "adequacy", "scc" or "bcr"')
    elif mechanism not in accepted:
        fix = f"add it there, or use one of {', '.join(accepted) or 'none: transfer.mechanisms is empty'}"
        yield Gap((kind, n, "mechanism"), f"{mechanism} is not in transfer.mechanisms", fix)
    if mechanism is not None and not entry.get("assessment"):
        fix = 'add assessment = "..." with the reference of the transfer impact assessment'
        yield Gap((kind, n, "mechanism"), "a mechanism without assessment", fix)
    if mechanism is not None and not isinstance(entry.get("reviewed"), date):
        fix = "add reviewed = 2026-01-15, the day of the last review: it holds for recipients.review_max"
        yield Gap((kind, n, "mechanism"), "a mechanism without the day of its review", fix)


def reviews_yearly(raw: Raw) -> Iterator[Gap]:
    """Reviews come at least once a year."""
    span = period(table(raw, "recipients").get("review_max"))
    if span and span.longest_s > YEAR_S:
        yield Gap(("recipients", "review_max"), f"{span} is longer than a year", "make it P365D at most")


def recipients_get_something(raw: Raw) -> Iterator[Gap]:
    """A rule that names a recipient gives it a field: else the notice would tell of somebody who gets nothing."""
    listed = {text(entry.get("id")): words(entry.get("fields")) for entry in tables(raw.get("recipient"))}
    for n, rule in enumerate(tables(raw.get("rule"))):
        given = {f"{rule.get('category')}.{field}" for field in words(rule.get("fields"))}
        for k, name in enumerate(words(rule.get("recipients"))):
            if name in listed and given.isdisjoint(listed[name]):
                message = f"recipient {name!r} gets no field of {rule.get('category')}"
                fix = f"list a field in the fields of [[recipient]] {name}, or take it out here"
                yield Gap(("rule", n, "recipients", k), message, fix)


def processors_bound(raw: Raw) -> Iterator[Gap]:
    """A processor works under an agreement, GDPR Art. 28(3), and as one of the kinds of supplier that the policy has."""
    kinds = table(raw, "recipients").get("kinds")
    for n, entry in enumerate(tables(raw.get("recipient"))):
        bound = entry.get("kind") in (RecipientKind.PROCESSOR, RecipientKind.SUB_PROCESSOR)
        if bound and not entry.get("agreement") and entry.get("enabled") is not False:
            fix = 'add agreement = "..." with the reference of the contract of GDPR Art. 28(3)'
            yield Gap(("recipient", n, "kind"), f"a {entry['kind']} without agreement", fix)
        service = text(entry.get("service"))
        if service and isinstance(kinds, list) and service not in kinds:
            message = f"{service} is not in recipients.kinds"
            yield Gap(("recipient", n, "service"), message, f"one of {', '.join(words(kinds))}, or add it there")


def classes_named(raw: Raw) -> Iterator[Gap]:
    """A recipient of a class stands in the list of that class, which is switched on for a reason in law (V-21)."""
    declared = {text(entry.get("id")) for entry in tables(raw.get("recipient"))}
    for name in CLASSES:
        entry = table(raw, "recipients", name)
        if entry.get("enabled") is True and not entry.get("legal_ref"):
            fix = 'add legal_ref = "...": a class gets data on a ground that can be checked'
            yield Gap(("recipients", name, "enabled"), f"class {name} is on without legal_ref", fix)
        for k, who in enumerate(words(entry.get("list"))):
            if who not in declared:
                fix = "declare it in a [[recipient]] table with its kind, region and fields"
                yield Gap(("recipients", name, "list", k), f"recipient {who!r} is not declared", fix)
    for n, entry in enumerate(tables(raw.get("recipient"))):
        of = text(entry.get("of"))
        group = table(raw, "recipients", of) if of in CLASSES else {}
        if of in CLASSES and (group.get("enabled") is not True or entry.get("id") not in words(group.get("list"))):
            fix = f"set recipients.{of}.enabled = true and list it in recipients.{of}.list: a class is no recipient"
            yield Gap(("recipient", n, "of"), f"class {of} is off, or does not list {entry.get('id')!r}", fix)


def nothing_sold(raw: Raw) -> Iterator[Gap]:
    """Nothing is sold or published, unless the policy names the signed references by which it may be (X-18)."""
    if words(table(raw, "recipients").get("sale")):
        return
    for n, rule in enumerate(tables(raw.get("rule"))):
        for k, purpose in enumerate(words(rule.get("purpose"))):
            if purpose in SALE_PURPOSES:
                fix = 'take it out, or name in recipients.sale by what it may be: "agreement", "court"'
                yield Gap(("rule", n, "purpose", k), f"{purpose}: this policy sells and publishes nothing", fix)


def third_parties_grounded(raw: Raw) -> Iterator[Gap]:
    """A third party gets data on a ground of `recipients.third_party` (X-14)."""
    grounds = table(raw, "recipients").get("third_party")
    others = {text(e.get("id")) for e in tables(raw.get("recipient")) if e.get("kind") == RecipientKind.THIRD_PARTY}
    if not isinstance(grounds, list):
        return
    for n, rule in enumerate(tables(raw.get("rule"))):
        for k, name in enumerate(words(rule.get("recipients"))):
            if name in others and rule.get("basis") not in grounds:
                message = f"third party {name!r} gets data on {rule.get('basis')}"
                fix = f"give it a rule of its own on {' or '.join(words(grounds)) or 'no ground: there is none'}"
                yield Gap(("rule", n, "recipients", k), message, fix)


def scopes_meant(raw: Raw) -> Iterator[Gap]:
    """A scope names purposes that there are, and a rule that lists a recipient has one of its scope (CT-47)."""
    rules = tables(raw.get("rule"))
    declared = {purpose for rule in rules for purpose in words(rule.get("purpose"))}
    scopes: dict[str, list[str]] = {}
    for n, entry in enumerate(tables(raw.get("recipient"))):
        if words(entry.get("scope")):
            scopes[text(entry.get("id"))] = words(entry.get("scope"))
        for k, purpose in enumerate(words(entry.get("scope"))):
            if purpose not in declared:
                yield Gap(("recipient", n, "scope", k), f"purpose {purpose!r} is not declared", "name one of a rule")
    for n, rule in enumerate(rules):
        for k, name in enumerate(words(rule.get("recipients"))):
            if name in scopes and not set(scopes[name]).intersection(words(rule.get("purpose"))):
                message = f"{name} has no instruction for {', '.join(words(rule.get('purpose')))}"
                yield Gap(("rule", n, "recipients", k), message, "add the purpose to its scope, or take it out here")


def directory_by_law(raw: Raw) -> Iterator[Gap]:
    """People are entered in a directory of subscribers for a law that is named (X-11)."""
    entry = table(raw, "directory")
    if entry.get("enabled") is True and not entry.get("legal_ref"):
        yield Gap(("directory", "enabled"), "directory is on without legal_ref", 'add legal_ref = "..."')


TRANSFER_CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    regions_allowed,
    reviews_yearly,
    recipients_get_something,
    processors_bound,
    classes_named,
    nothing_sold,
    third_parties_grounded,
    scopes_meant,
    directory_by_law,
)
