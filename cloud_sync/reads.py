"""Reads as the façade offers them: for a named purpose, the gate first, each of them in the audit log."""

from __future__ import annotations

from collections.abc import Collection

from cloud_sync.model import Actor, MotionEvent, PlaceEvent, Precision, Reading
from cloud_sync.read.query import Fixes, Query, Readings
from cloud_sync.read.reader import Reader


class Reads:
    """The part of `CloudSync` that hands out readings. Spans run from `start` to before `end`, in Unix seconds.

    Each answer is a list whose `unreadable` counts the envelopes of these days that are stored and did not open: a gap is no
    absence. Without `fields` all are meant that the policy lists for the purpose; a recipient must be listed for each of them.
    Every method raises `Denied(reason)`, and ConfigError for a span that ends before it starts.
    """

    _reader: Reader

    def read_location(
        self,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        start: float,
        end: float,
        recipient: str | None = None,
        precision: Precision | None = None,
        fields: Collection[str] = (),
    ) -> Fixes:
        """Fixes in order of time, none finer than permitted; what is not in `fields` is unknown in them."""
        return self._reader.location(
            Query(actor, purpose, subject, start, end, recipient, precision, frozenset(fields))
        )

    def read_places(
        self,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        start: float,
        end: float,
        recipient: str | None = None,
        fields: Collection[str] = (),
    ) -> Readings[PlaceEvent]:
        """Events of the policy's places in order of time; None for what the purpose or `fields` leaves out."""
        return self._reader.places(Query(actor, purpose, subject, start, end, recipient, None, frozenset(fields)))

    def read_environment(
        self,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        start: float,
        end: float,
        recipient: str | None = None,
        fields: Collection[str] = (),
    ) -> Readings[Reading]:
        """Temperature and light in order of time; None for what the sensor, the purpose or `fields` leaves out."""
        return self._reader.environment(Query(actor, purpose, subject, start, end, recipient, None, frozenset(fields)))

    def read_motion(
        self,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        start: float,
        end: float,
        recipient: str | None = None,
        fields: Collection[str] = (),
    ) -> Readings[MotionEvent]:
        """Steps in which motion began or ended, or there was a shock, in order of time."""
        return self._reader.motion(Query(actor, purpose, subject, start, end, recipient, None, frozenset(fields)))
