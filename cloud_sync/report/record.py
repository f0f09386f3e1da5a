"""The record of processing activities, GDPR Art. 30(1): one activity for each rule of the policy, as data and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from cloud_sync.policy import Policy, Recipient, Rule
from cloud_sync.policy.compare import acts
from cloud_sync.report.device import device_json
from cloud_sync.report.origin import entry_json, origin_json, record_lines
from cloud_sync.report.words import escaped

#: Whom the data is about, Art. 30(1)(c).
TRACKED: Final = "people whom a device is about"
KNOWN: Final = "people with a relation to the company"
#: What protects the data, Art. 30(1)(g): properties of the product, whatever the policy says.
MEASURES: Final = (
    "nothing is sensed without permission: a sensor without leave has no power",
    "telemetry is sealed on the device (AES-CCM, 256 bits, a key for each envelope) and stored as it came",
    "each day's key of each stream is wrapped, lies apart from the data and is destroyed with its term",
    "every use asks one gate, which denies what the policy does not name",
    "every read and every decision is in a Merkle log with signed checkpoints",
    "erasures are replayed before a restored store serves",
)


def record(policy: Policy) -> dict[str, Any]:
    """The record as JSON: nothing in it that the policy does not say, but for `measures` and `data_subjects`."""
    return {
        "policy": {"id": policy.id, "version": policy.version, "hash": policy.hash, **_effective(policy)},
        "controller": _controller(policy),
        "notice": {"version": policy.notice, "languages": list(policy.languages)},
        "activities": [_activity(policy, rule) for rule in policy.rules],
        "recipients": [
            _recipient(recipient) | entry_json(policy, recipient) for recipient in policy.recipients.values()
        ],
        "regions": sorted(policy.regions),
        "mechanisms": sorted(policy.mechanisms),
        "precision": policy.precision.name.lower(),
        "never": sorted(policy.never),
        "roles": _roles(policy),
        "keeping": {
            "sweep_s": policy.sweep_s,
            "total_cap": policy.total_cap.text,
            "backup_horizon": policy.backup_horizon.text,
        },
        "rights": {
            "deadline": policy.rights.deadline.text,
            "extension_max": policy.rights.extension_max.text,
            "self_service": policy.rights.self_service,
        },
        "children": _children(policy),
        "automated": _automated(policy),
        "statistics": _statistics(policy),
        "device": device_json(policy),
        "measures": list(MEASURES),
        **origin_json(policy),
    }


def _effective(policy: Policy) -> dict[str, str]:
    return {} if policy.effective is None else {"effective": policy.effective.isoformat()}


def _controller(policy: Policy) -> dict[str, Any]:
    who = policy.controller
    known = {} if who is None else {"name": who.name, "address": who.address, "email": who.email}
    more = {} if who is None else {"phone": who.phone or None, "dpo_email": who.dpo_email or None}
    more |= {"registration": who.registration} if who is not None and who.registration else {}
    return {"role": policy.role, "country": policy.country, "authority": policy.authority, **known, **more}


def _activity(policy: Policy, rule: Rule) -> dict[str, Any]:
    return {
        "category": rule.category,
        "data_subjects": TRACKED if rule.stream is not None else KNOWN,
        "fields": list(rule.fields),
        "stream": rule.stream.name.lower() if rule.stream is not None else None,
        "sensors": [str(sensor.name).lower() for sensor in rule.sensors],
        "purposes": list(rule.purposes),
        "basis": rule.basis.value,
        "reference": rule.legal_ref or rule.balancing_id or None,
        "role": rule.role.value,
        "instruction": rule.instruction or None,
        "arrangement": rule.arrangement or None,
        "precision": rule.precision.name.lower() if rule.has_position else None,
        "retention": rule.retention.text,
        "clock": rule.clock.value,
        "after": rule.after.value,
        "steps": [{"precision": s.precision.name.lower(), "retention": s.retention.text} for s in rule.steps],
        "recipients": {
            who: sorted(field for category, field in policy.recipients[who].fields if category == rule.category)
            for who in sorted(rule.recipients)
        },
        "region": rule.region,
        "transfer": _beyond(rule),
        "visible_to_user": rule.visible_to_user,
        "reason": rule.reason.value if rule.reason is not None else None,
        **entry_json(policy, rule),
    }


def _beyond(entry: Rule | Recipient) -> dict[str, Any] | None:
    if entry.beyond is None:
        return None
    return {
        "mechanism": entry.beyond.mechanism,
        "assessment": entry.beyond.assessment,
        "reviewed": entry.beyond.reviewed.isoformat(),
        "due": entry.beyond.due.isoformat(),
    }


def _recipient(recipient: Recipient) -> dict[str, Any]:
    return {
        "id": recipient.id,
        "kind": recipient.kind.value,
        "service": recipient.service or None,
        "agreement": recipient.agreement or None,
        "enabled": recipient.enabled,
        "region": recipient.region,
        "transfer": _beyond(recipient),
        "reviewed": recipient.reviewed.isoformat() if recipient.reviewed is not None else None,
        "fields": sorted(f"{category}.{field}" for category, field in recipient.fields),
    }


def _roles(policy: Policy) -> list[dict[str, Any]]:
    return [
        {"role": role, "action": action, "purpose": purpose}
        for purpose in sorted(policy.purposes)
        for role, action in sorted(acts(policy, purpose))
    ]


def _children(policy: Policy) -> dict[str, Any]:
    safe = policy.children.safeguards
    return {
        "policy_floor": dict(policy.children.policy_floor),
        "country_floor": dict(policy.children.country_floor),
        "precision": safe.precision.name.lower(),
        "retention_max": safe.retention_max.text,
        "marketing": safe.marketing,
        "profiling": safe.profiling,
    }


def _automated(policy: Policy) -> dict[str, Any]:
    parameters = policy.parameters
    return {
        "decisions": parameters.flag("automated.decisions"),
        "profiling": parameters.flag("automated.profiling"),
        "grounds": list(parameters.words("automated.grounds")),
        "review_workdays": int(parameters.number("automated.review_workdays")),
    }


def _statistics(policy: Policy) -> dict[str, Any] | None:
    stats = policy.stats
    if stats is None:
        return None
    delay = stats.release_delay.text
    return {"k_min": stats.k_min, "grid_km": stats.grid_km, "release_delay": delay, "inputs": sorted(stats.inputs)}


def record_page(policy: Policy) -> str:
    """The record as one Markdown page, for an authority that asks (Art. 30(4))."""
    data = record(policy)
    lines = ["# Record of processing activities", ""]
    paragraphs = "30(1) and (2)" if any(rule.role == "processor" for rule in policy.rules) else "30(1)"
    lines += [f"GDPR Art. {paragraphs}. Made from policy `{policy.id}` `{policy.version}`, file `{policy.hash}`.", ""]
    lines += [
        f"## {policy.role.replace('_', ' ').capitalize()}",
        "",
        *_table(("what", "says"), _who(data["controller"])),
    ]
    lines += ["", "## Activities", "", *_table(*_activities(data["activities"]))]
    lines += ["", "## Recipients", "", *_table(*_recipients(data["recipients"]))]
    lines += ["", "## Who may do what", "", *_table(*_grants(data["roles"]))]
    lines += ["", "## Everywhere", "", *_table(("what", "says"), _everywhere(data))]
    lines += ["", "## What a device sends at most", "", *_table(*_device(data["device"]))]
    lines += record_lines(policy)
    lines += ["", "## Technical and organisational measures", "", *(f"- {each}" for each in data["measures"])]
    return "\n".join(lines) + "\n"


Rows = Iterable[Sequence[str]]


def _table(heads: Sequence[str], rows: Rows) -> list[str]:
    body = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *body]


def _code(value: Any) -> str:
    """What the policy says, marked as such; a dash where it says nothing."""
    if value is None or value in ("", [], {}):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_code(each) for each in value)
    return f"`{value}`"


def _who(controller: dict[str, Any]) -> Rows:
    words = ("name", "address", "email", "phone", "dpo_email", "registration")
    for key, value in controller.items():
        yield key, escaped(value) if key in words and value else _code(value)


def _activities(activities: list[dict[str, Any]]) -> tuple[Sequence[str], Rows]:
    heads = (
        "category",
        "of whom",
        "fields",
        "purposes",
        "basis",
        "as",
        "position",
        "kept",
        "to whom",
        "where",
        "seen by the person",
    )
    return heads, (_activity_row(each) for each in activities)


def _activity_row(each: dict[str, Any]) -> Sequence[str]:
    steps = "".join(f", then {_code(s['precision'])} until {_code(s['retention'])}" for s in each["steps"])
    kept = f"{_code(each['retention'])} from {_code(each['clock'])}{steps}, then {_code(each['after'])}"
    source = f"{_code(each['stream'])} ({_code(each['sensors'])}): " if each["stream"] else ""
    under = each["instruction"] or each["arrangement"]
    transfer = each["transfer"] or {}
    return (
        _code(each["category"]),
        each["data_subjects"],
        source + _code(each["fields"]),
        _code(each["purposes"]),
        f"{_code(each['basis'])} {_code(each['reference'])}",
        f"{_code(each['role'])} {_code(under)}",
        _code(each["precision"]),
        kept,
        "; ".join(f"{_code(who)}: {_code(fields)}" for who, fields in each["recipients"].items()) or "-",
        f"{_code(each['region'])} {_code(transfer.get('mechanism'))} {_code(transfer.get('assessment'))}",
        f"{_code(each['visible_to_user'])} {_code(each['reason'])}",
    )


def _recipients(recipients: list[dict[str, Any]]) -> tuple[Sequence[str], Rows]:
    heads = ("recipient", "what it is", "service", "agreement", "where", "transfer", "fields", "enabled")
    rows = (
        (
            *(_code(each[key]) for key in ("id", "kind", "service", "agreement", "region")),
            ", ".join(_code(value) for value in (each["transfer"] or {}).values()) or "-",
            _code(each["fields"]),
            _code(each["enabled"]),
        )
        for each in recipients
    )
    return heads, rows


def _grants(roles: list[dict[str, Any]]) -> tuple[Sequence[str], Rows]:
    """A row for each role and what it may do alike: the purposes for which it may."""
    may: dict[tuple[str, str], list[str]] = {}
    for each in roles:
        may.setdefault((each["role"], each["purpose"]), []).append(each["action"])
    purposes: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (role, purpose), actions in sorted(may.items()):
        purposes.setdefault((role, tuple(actions)), []).append(purpose)
    rows = ((_code(role), _code(list(actions)), _code(listed)) for (role, actions), listed in sorted(purposes.items()))
    return ("role", "may", "for"), rows


def _everywhere(data: dict[str, Any]) -> Rows:
    yield "notice", f"{_code(data['notice']['version'])} in {_code(data['notice']['languages'])}"
    for key in ("regions", "mechanisms", "precision", "never"):
        yield key, _code(data[key])
    for part in ("keeping", "rights", "children", "automated", "statistics"):
        for key, value in (data[part] or {}).items():
            shown = [f"{name} = {each}" for name, each in value.items()] if isinstance(value, dict) else value
            yield f"{part}: {key.replace('_', ' ')}", _code(shown)


def _device(device: list[dict[str, Any]]) -> tuple[Sequence[str], Rows]:
    heads = ("stream", "fields", "seconds between", "readings a day", "envelopes a day", "bytes an hour", "bytes a day")
    keys = ("seconds_between", "readings_a_day", "envelopes_a_day", "bytes_an_hour", "bytes_a_day")
    return heads, ((_code(d["stream"]), _code(d["fields"]), *(str(d[key]) for key in keys)) for d in device)
