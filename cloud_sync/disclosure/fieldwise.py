"""What of a record's contents a recipient gets: the fields that are listed for it, an address cut to its network, nothing else."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.ingest.values import address
from cloud_sync.policy import Policy

#: The field that holds an address cut to its network, and the one that a record may hold instead.
IP_PREFIX, IP = "ip_prefix", "ip"


class UnfitError(ConfigError):
    """A record whose contents cannot be handed over field by field."""


def listed(policy: Policy, category: str, purpose: str, recipient: str) -> frozenset[str]:
    """The fields that both the rule and the recipient's list have."""
    rule, known = policy.rule(category, purpose), policy.recipients.get(recipient)
    if rule is None or known is None or recipient not in rule.recipients:
        return frozenset()
    return frozenset(field for name, field in known.fields if name == category).intersection(rule.fields)


def told(content: bytes, fields: Collection[str]) -> dict[str, Any]:
    """The fields of a record that are told, as far as it has them; `UnfitError` unless it is a JSON object.

    They are plain values, or lists of such [a place inside a name].
    """
    try:
        row = json.loads(content)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise UnfitError("this record is no JSON object: only one with named fields is handed over field by field")
    found = {name: row[name] for name in sorted(fields) if name in row and name != IP_PREFIX}
    if IP_PREFIX in fields and (prefix := cut(row.get(IP_PREFIX, row.get(IP)))):
        found[IP_PREFIX] = prefix
    for name, value in found.items():
        if any(isinstance(each, (dict, list)) for each in (value if isinstance(value, list) else [value])):
            raise UnfitError(f"{name} has fields of its own, which nobody listed: keep them as fields of the record")
    _demand_writable(found)
    return found


def _demand_writable(row: dict[str, Any]) -> None:
    """`UnfitError` for what JSON and UTF-8 have not: infinite numbers, halves of characters [a delivery that never ends]."""
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        raise UnfitError("this record has numbers or characters that no JSON has: correct it") from None


def cut(value: Any) -> str:
    """The network of an address or of a network, as coarse as one that comes in; empty for what is none (clause table, ST-31)."""
    try:
        return address(str(value))
    except Denied:
        return ""
