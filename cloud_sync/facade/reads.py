"""Reads as the façade offers them: for a named purpose, the gate first, each of them in the audit log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypedDict, Unpack

from cloud_sync.model import Actor, MotionEvent, PlaceEvent, Precision, Reading
from cloud_sync.read.follow import Follower
from cloud_sync.read.narrow import Report
from cloud_sync.read.query import Fixes, Query, Readings
from cloud_sync.read.reader import Reader
from cloud_sync.read.sources import Item, Source


class Asked(TypedDict, total=False):
    """What a read may say beside who, why, whose and when."""

    recipient: str | None  # disclose to this recipient of the policy, who must be listed for each field
    fields: Collection[str]  # these alone, and the time; without it all that the policy lists for the purpose


class AskedOfPositions(Asked, total=False):
    """The same of positions."""

    precision: Precision | None  # not finer than this


class Reads:
    """The part of `CloudSync` that hands out readings. Spans run from `start` to before `end`, in Unix seconds.

    Each answer is a list whose `unreadable` counts the envelopes of these days that are stored and did not open: a gap is no
    absence. Every method raises `Denied(reason)`, and ConfigError for a span that ends before it starts.
    """

    _reader: Reader

    def read_location(
        self, *, actor: Actor, purpose: str, subject: str, start: float, end: float, **asked: Unpack[AskedOfPositions]
    ) -> Fixes:
        """Fixes in order of time, none finer than permitted; what is not in `fields` is unknown in them."""
        return self._reader.location(_query(actor, purpose, subject, start, end, asked))

    def read_places(
        self, *, actor: Actor, purpose: str, subject: str, start: float, end: float, **asked: Unpack[Asked]
    ) -> Readings[PlaceEvent]:
        """Events of the policy's places in order of time; None for what the purpose or `fields` leaves out."""
        return self._reader.places(_query(actor, purpose, subject, start, end, asked))

    def read_environment(
        self, *, actor: Actor, purpose: str, subject: str, start: float, end: float, **asked: Unpack[Asked]
    ) -> Readings[Reading]:
        """Temperature and light in order of time; None for what the sensor, the purpose or `fields` leaves out."""
        return self._reader.environment(_query(actor, purpose, subject, start, end, asked))

    def read_motion(
        self, *, actor: Actor, purpose: str, subject: str, start: float, end: float, **asked: Unpack[Asked]
    ) -> Readings[MotionEvent]:
        """Steps in which motion began or ended, or there was a shock, in order of time."""
        return self._reader.motion(_query(actor, purpose, subject, start, end, asked))

    def read_status(
        self, *, actor: Actor, purpose: str, subject: str, start: float, end: float, **asked: Unpack[Asked]
    ) -> Readings[Report]:
        """What the devices said about themselves, in order of time."""
        return self._reader.status(_query(actor, purpose, subject, start, end, asked))

    def follow(self, source: Source[Item], *, actor: Actor, purpose: str, subject: str, at: float) -> Follower[Item]:
        """A person's readings as they are committed, from `at` on, for whoever hands them on (`Follower.tell`)."""
        return self._reader.follow(source, Query(actor, purpose, subject, at, at))


def _query(actor: Actor, purpose: str, subject: str, start: float, end: float, asked: Any) -> Query:
    fields = frozenset(asked.get("fields", ()))
    return Query(actor, purpose, subject, start, end, asked.get("recipient"), asked.get("precision"), fields)
