"""Rows of what a copy has around the readings: who used them, to whom they went, who was let in, what is held, which devices."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Any

from cloud_sync.audit.accesses import Access
from cloud_sync.model.access import Delivery
from cloud_sync.model.keeping import Hold
from cloud_sync.read.rows import iso


def plain(record: Any) -> dict[str, Any]:
    """A record as JSON has it."""
    return {name: _word(value) for name, value in asdict(record).items()}


def read_row(access: Access) -> dict[str, Any]:
    """One use, or attempt."""
    row = asdict(access)
    captured = {name: iso(row[name]) if row[name] is not None else None for name in ("first", "last")}
    return {**row, "at": iso(row["at"]), **captured}


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    """A disclosure without its salt and place: who got how much of what, when, why."""
    names = ("delivery", "recipient", "purpose", "source", "reference", "count", "commitment")
    row = {name: getattr(delivery, name) for name in names}
    times = {"captured_first": delivery.start, "captured_last": delivery.end, "begun_at": delivery.begun_at}
    ended = iso(delivery.ended_at) if delivery.ended_at is not None else None
    return {**row, "state": delivery.state.value, **{n: iso(at) for n, at in times.items()}, "ended_at": ended}


def hold_row(hold: Hold) -> dict[str, Any]:
    """A legal hold without its reference and who placed it: what it keeps, and until when that is looked at again."""
    row: dict[str, Any] = {"hold": hold.hold_id, "device": hold.device or None, "category": hold.category or None}
    times = {
        "captured_first": hold.start,
        "captured_last": hold.end,
        "placed_at": hold.placed_at,
        "review_at": hold.review_at,
        "released_at": hold.released_at,
    }
    return {**row, "authority": hold.authority, **{n: None if at is None else iso(at) for n, at in times.items()}}


def _word(value: Any) -> Any:
    if isinstance(value, frozenset | tuple):
        return sorted(value) if isinstance(value, frozenset) else list(value)
    return value.value if isinstance(value, StrEnum) else value
