"""What the keys of a policy file must mean together. Each check yields every gap it finds.

The checks run on the parsed TOML itself, not on the models: a file with a wrong type in one rule still hears of the
missing recipient in another. What is not of the expected type is passed over here, as the models report it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from cloud_sync.model import LawfulBasis, Precision, Stream
from cloud_sync.policy.locate import Path
from cloud_sync.policy.period import Period
from cloud_sync.policy.vocabulary import (
    LEASE_MAX_S,
    PLACE_FIELDS,
    POSITION_FIELDS,
    PRECISIONS,
    SENSORS,
    SIDE_FIELDS,
    STREAM_FIELDS,
    STREAM_SENSORS,
    STREAMS,
    Clock,
)

Raw = dict[str, Any]

#: Ranges of a directive's fields [wire format section 7].
_DEVICE_BOUNDS_S = {
    "interval": (1, 86_400),
    "batch_age": (1, 86_400),
    "spool_age": (3600, 8_035_200),
    "heartbeat": (60, 86_400),
}


class Gap(NamedTuple):
    """A finding that has not yet been given its file and line."""

    path: Path
    message: str
    fix: str


def table(value: Any, *keys: str) -> Raw:
    """A table below `value`, empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def tables(value: Any) -> list[Raw]:
    """An array of tables; an entry that is none becomes an empty one, so that positions stay right."""
    return [entry if isinstance(entry, dict) else {} for entry in value] if isinstance(value, list) else []


def words(value: Any) -> list[str]:
    """The texts of an array; an entry that is none becomes empty, so that positions stay right."""
    return [entry if isinstance(entry, str) else "" for entry in value] if isinstance(value, list) else []


def text(value: Any) -> str:
    """A text, empty where it is none."""
    return value if isinstance(value, str) else ""


def period(value: Any) -> Period | None:
    """A period, None where it is none."""
    try:
        return Period.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _rules(raw: Raw) -> list[Raw]:
    return tables(raw.get("rule"))


def basis_named(raw: Raw) -> Iterator[Gap]:
    """A legal obligation names its law, a legitimate interest its balancing test."""
    needed = {LawfulBasis.LEGAL_OBLIGATION: "legal_ref", LawfulBasis.LEGITIMATE_INTEREST: "balancing_id"}
    for n, rule in enumerate(_rules(raw)):
        for basis, key in needed.items():
            if rule.get("basis") == basis and not rule.get(key):
                yield Gap(("rule", n, "basis"), f"{basis.value} without {key}", f'add {key} = "..." to this rule')


def hidden_explained(raw: Raw) -> Iterator[Gap]:
    """What a person cannot see has a reason."""
    for n, rule in enumerate(_rules(raw)):
        if rule.get("visible_to_user") is False and not rule.get("reason"):
            fix = 'add reason = "maintenance" or "invoicing", or set visible_to_user = true'
            yield Gap(("rule", n, "visible_to_user"), "hidden from the person without a reason", fix)


def one_ground(raw: Raw) -> Iterator[Gap]:
    """A category under a purpose has one rule, thus one ground and one term."""
    seen: dict[tuple[str, str], int] = {}
    for n, rule in enumerate(_rules(raw)):
        for k, purpose in enumerate(words(rule.get("purpose"))):
            pair = (text(rule.get("category")), purpose)
            if pair in seen:
                message = f"{pair[0]} already has a rule for purpose {purpose} (rule[{seen[pair]}])"
                yield Gap(("rule", n, "purpose", k), message, "join the two rules: one ground and one term for each")
            seen.setdefault(pair, n)


def one_stream(raw: Raw) -> Iterator[Gap]:
    """A category is fed by one stream."""
    seen: dict[str, str] = {}
    for n, rule in enumerate(_rules(raw)):
        category, stream = text(rule.get("category")), text(rule.get("stream"))
        if seen.setdefault(category, stream) != stream:
            message = f"category {category} is already fed by {seen[category] or 'no stream'}"
            yield Gap(("rule", n, "stream"), message, "give each stream a category of its own")


def fields_known(raw: Raw) -> Iterator[Gap]:
    """A rule of a stream lists fields that the stream has."""
    for n, rule in enumerate(_rules(raw)):
        stream = STREAMS.get(text(rule.get("stream")))
        for k, field in enumerate(words(rule.get("fields")) if stream else ()):
            if stream and field not in STREAM_FIELDS[stream]:
                fix = f"one of {', '.join(STREAM_FIELDS[stream])}"
                yield Gap(("rule", n, "fields", k), f"stream {stream.name.lower()} has no field {field!r}", fix)


def fields_covered(raw: Raw) -> Iterator[Gap]:
    """Every field of every stream is in a category, or is said never to be taken; not both."""
    listed: dict[Stream, set[str]] = {stream: set() for stream in STREAM_FIELDS}
    for rule in _rules(raw):
        if stream := STREAMS.get(text(rule.get("stream"))):
            listed[stream] |= set(words(rule.get("fields")))
    never = words(table(raw, "collection").get("never"))
    known = {f"{stream.name.lower()}.{field}" for stream, fields in STREAM_FIELDS.items() for field in fields}
    for k, name in enumerate(never):
        stream_name, _, field = name.partition(".")
        if name not in known:
            yield Gap(("collection", "never", k), f"no stream has a field {name!r}", "write it as stream.field")
        elif field in listed[STREAMS[stream_name]]:
            yield Gap(("collection", "never", k), f"{name} is never taken and in a rule", "take it out of one of them")
    # Without places no directive lets an event of one leave, so nobody need say that it is not taken.
    unneeded = frozenset[str]() if tables(raw.get("place")) else PLACE_FIELDS
    for stream, fields in STREAM_FIELDS.items():
        missing = [field for field in fields if field not in listed[stream] and field not in unneeded]
        yield from _uncovered(raw, stream, missing, never)


def _uncovered(raw: Raw, stream: Stream, missing: list[str], never: list[str]) -> Iterator[Gap]:
    name = stream.name.lower()
    where = next((n for n, rule in enumerate(_rules(raw)) if rule.get("stream") == name), None)
    path: Path = ("collection", "never") if where is None else ("rule", where, "fields")
    for field in missing:
        if f"{name}.{field}" not in never:
            fix = f'add it to a rule with stream = "{name}", or "{name}.{field}" to collection.never'
            yield Gap(path, f"field {name}.{field} is in no category", fix)


def sensors_fit(raw: Raw) -> Iterator[Gap]:
    """A stream of a sensor says which sensors feed it, and only those that can."""
    for n, rule in enumerate(_rules(raw)):
        stream = STREAMS.get(text(rule.get("stream")))
        able = STREAM_SENSORS[stream] if stream else None
        sensors = words(rule.get("sensors"))
        for k, name in enumerate(sensors):
            if name in SENSORS and not (able and SENSORS[name] & able):
                fed = f"stream {stream.name.lower()}" if stream else "a rule without stream"
                message = f"sensor {name} does not feed {fed}"
                yield Gap(("rule", n, "sensors", k), message, "take it out, or correct the stream")
        if able and not sensors:
            fix = "add sensors = [...]: each sensor is a switch of its own"
            yield Gap(("rule", n, "stream"), "a sensor's stream without sensors", fix)


def telemetry_from_capture(raw: Raw) -> Iterator[Gap]:
    """What a device senses is kept from its capture on, also while it waits on the device."""
    for n, rule in enumerate(_rules(raw)):
        if rule.get("stream") and isinstance(rule.get("clock"), str) and rule["clock"] != Clock.CAPTURED:
            message = f"clock {rule['clock']} for telemetry"
            fix = 'set clock = "captured": terms count from capture, not from arrival'
            yield Gap(("rule", n, "clock"), message, fix)


def precision_said(raw: Raw) -> Iterator[Gap]:
    """A position says how fine it may be; nothing is finer than `location.precision`; side fields need `exact`."""
    cap = PRECISIONS.get(text(table(raw, "location").get("precision")), Precision.EXACT)
    for n, rule in enumerate(_rules(raw)):
        fields = words(rule.get("fields"))
        finest = PRECISIONS.get(text(rule.get("precision")))
        if "precision" not in rule and not POSITION_FIELDS.isdisjoint(fields):
            fix = f"add precision = one of {', '.join(PRECISIONS)}"
            yield Gap(("rule", n), "a position without precision", fix)
        if finest is None:
            continue
        if finest < cap:
            message = f"{finest.name.lower()} is finer than location.precision ({cap.name.lower()})"
            yield Gap(("rule", n, "precision"), message, "make one of the two coarser or finer, so that they agree")
        for k, field in enumerate(fields):
            if field in SIDE_FIELDS and rule.get("stream") == "location" and max(finest, cap) > Precision.EXACT:
                message = f"{field} beside a position coarser than exact undoes it"
                fix = f'take it out and add "location.{field}" to collection.never'
                yield Gap(("rule", n, "fields", k), message, fix)


def recipients_declared(raw: Raw) -> Iterator[Gap]:
    """A recipient is declared once, with fields of rules that name it; a rule names declared recipients only."""
    declared = [text(entry.get("id")) for entry in tables(raw.get("recipient"))]
    for n, rule in enumerate(_rules(raw)):
        for k, name in enumerate(words(rule.get("recipients"))):
            if name not in declared:
                fix = "declare it in a [[recipient]] table with its kind, region and fields"
                yield Gap(("rule", n, "recipients", k), f"recipient {name!r} is not declared", fix)
    given = {
        (name, f"{rule.get('category')}.{field}")
        for rule in _rules(raw)
        for name in words(rule.get("recipients"))
        for field in words(rule.get("fields"))
    }
    for n, entry in enumerate(tables(raw.get("recipient"))):
        if declared.index(declared[n]) < n:
            yield Gap(("recipient", n, "id"), f"recipient {declared[n]!r} is declared twice", "join the two")
        for k, field in enumerate(words(entry.get("fields"))):
            if (declared[n], field) not in given:
                message = f"no rule that names {declared[n]!r} as recipient has {field}"
                fix = "name it in that rule's recipients, or take it out here"
                yield Gap(("recipient", n, "fields", k), message, fix)


def roles_and_purposes_meet(raw: Raw) -> Iterator[Gap]:
    """A role acts for purposes that a rule declares; a purpose that nobody may act for is a typing error."""
    declared = {purpose for rule in _rules(raw) for purpose in words(rule.get("purpose"))}
    granted: set[str] = set()
    for role, entries in table(raw, "roles").items():
        for n, grant in enumerate(tables(entries)):
            for k, purpose in enumerate(words(grant.get("purposes"))):
                granted.add(purpose)
                if purpose and purpose not in declared:
                    message = f"no rule declares purpose {purpose!r}"
                    yield Gap(("roles", role, n, "purposes", k), message, "correct the name, or add a rule for it")
    for n, rule in enumerate(_rules(raw)):
        for k, purpose in enumerate(words(rule.get("purpose"))):
            if purpose and purpose not in granted:
                message = f"no role may act for purpose {purpose!r}"
                yield Gap(("rule", n, "purpose", k), message, "grant it to a role under [roles], or take it out")


def device_within_terms(raw: Raw) -> Iterator[Gap]:
    """A device keeps nothing longer than the server may, and no lease outlives what the wire format allows."""
    device = table(raw, "device")
    spool, lease, batch = period(device.get("spool_age")), period(device.get("lease")), period(device.get("batch_age"))
    terms = [period(rule.get("retention")) for rule in _rules(raw) if rule.get("stream")]
    shortest = min((term for term in terms if term), key=lambda term: term.shortest_s, default=None)
    if spool and shortest and spool.longest_s > shortest.shortest_s:
        message = f"spool_age {spool} is longer than the shortest retention of telemetry ({shortest})"
        yield Gap(("device", "spool_age"), message, "make it at most as long")
    for key, (least, most) in _DEVICE_BOUNDS_S.items():
        value = period(device.get(key))
        if value and not least <= value.longest_s <= most:
            message = f"{value} is outside {least} to {most} seconds"
            yield Gap(("device", key), message, "see docs/wire-format.md, section 7")
    if lease and not 3600 <= lease.longest_s <= LEASE_MAX_S:
        yield Gap(("device", "lease"), f"{lease} is outside one hour to 93 days", "choose a lease between them")
    if spool and batch and batch.longest_s > spool.longest_s:
        yield Gap(("device", "batch_age"), "an open batch would outlive the spool", "make it at most spool_age")


CHECKS: tuple[Callable[[Raw], Iterator[Gap]], ...] = (
    basis_named,
    hidden_explained,
    one_ground,
    one_stream,
    fields_known,
    fields_covered,
    sensors_fit,
    telemetry_from_capture,
    precision_said,
    recipients_declared,
    roles_and_purposes_meet,
    device_within_terms,
)
