"""Disclosures: readings of one person to one recipient of the policy, in parts, each decided when it is sent.

1. The gate, for this recipient and the fields that are listed for it, before anything is opened.
2. The audit log says that a disclosure begins, before the first part leaves [a disclosure that nobody can see].
3. The gate again for each part, when it is sent [a withdrawal while a long delivery is under way].
4. The sink, bounded in time. Only what the recipient has taken is counted, and committed to under a salt.
5. What was taken is stored after each part, so that a retry goes on behind it, with the same key for the part at hand.
6. The audit log says how much was taken, when it ends in whatever way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.disclosure.fieldwise import listed
from cloud_sync.disclosure.parcel import SALT_BYTES, chained, part_of
from cloud_sync.disclosure.reaching import sink_of
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.words import check_word
from cloud_sync.model import Action, Actor, Reason
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import SALE_PURPOSES
from cloud_sync.read.query import Piece, Query
from cloud_sync.read.reader import Reader
from cloud_sync.read.rows import row_of
from cloud_sync.read.sources import SOURCES, Source
from cloud_sync.stores import Clock, Database, Sink

ID_BYTES: Final = 10
MOST_PART: Final = 500  # readings of one part, about 50 KB: it fits a webhook and a broker's packet

_SOURCES: Final = {source.name: source for source in SOURCES}


class Disclosures:
    """Deliveries to the recipients of the policy, each with the sink that reaches it."""

    def __init__(
        self,
        *,
        reader: Reader,
        policy: Policy,
        database: Database,
        clock: Clock,
        sinks: Mapping[str, Sink],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`sinks` by the recipient's id; a recipient without one is told nothing."""
        self._reader = reader
        self._policy = policy
        self._database = database
        self._clock = clock
        self._sinks = sinks
        self._random = random

    def deliver(
        self,
        source: Source[Any],
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        recipient: str,
        start: float,
        end: float,
        reference: str = "",
        delivery: str | None = None,
    ) -> Delivery:
        """Tell a recipient what was captured from `start` to before `end`; how far it came.

        With the name of a `delivery` that was made before it is that one's retry: what was taken is not sent again. `Denied` before
        anything is sent; LinkError when the recipient does not take a part, and then it can be retried.
        """
        known = self._database.delivery(delivery) if delivery is not None else None
        if purpose in SALE_PURPOSES:
            start, end = self._signed_for(reference, recipient, subject, purpose, (start, end))
        if known is not None:
            whose = known.subject, known.recipient, known.purpose, known.source, known.reference
            span = known.start, known.end
            if (*whose, *span) != (
                *(subject, recipient, purpose, source.name, reference),
                *(start, min(end, known.begun_at)),  # it ends where it was begun
            ):
                raise ConfigError("another delivery has this name; choose another")
            return self.retry(known.delivery, actor=actor)
        name = check_word(delivery, "delivery") if delivery is not None else self._random(ID_BYTES).hex()
        salt, now = self._random(SALT_BYTES), self._clock.now()
        made = Delivery(
            name, recipient, purpose, source.name, subject, actor.id, start, min(end, now), reference, salt, now
        )
        return self._send(made, actor, anew=True)

    def retry(self, delivery: str, *, actor: Actor) -> Delivery:
        """Go on behind what the recipient has taken; one that is done or was stopped stays as it is."""
        known = self._database.delivery(delivery)
        if known is None:
            raise ConfigError("there is no such delivery")
        if known.source not in _SOURCES:
            raise ConfigError("this is the delivery of a record: hand it over again under the same name")
        return self._send(known, actor) if known.state is DeliveryState.BEGUN else known

    def of(self, subject: str) -> list[Delivery]:
        """Everything that was told of a person, to whom, and what is under way."""
        return self._database.deliveries(subject)

    def _signed_for(
        self, reference: str, recipient: str, subject: str, purpose: str, span: tuple[float, float]
    ) -> tuple[float, float]:
        """Of a span the part that is signed for under this reference; all of it where nothing is: then the gate says no."""
        start, end = span
        for each in self._database.approvals(reference, recipient, subject):
            first, last = max(start, each.start), min(end, each.end)
            if each.purpose == purpose and not each.record and first < last:
                return first, last
        return span

    def _send(self, delivery: Delivery, actor: Actor, *, anew: bool = False) -> Delivery:
        source, query = _SOURCES[delivery.source], self._query(delivery, actor)
        pieces = self._reader.pieces(
            source, query, delivery.last, MOST_PART
        )  # 1. raises Denied before anything is sent
        sink = sink_of(self._sinks, self._policy, delivery.recipient)
        with self._database.transaction():
            if anew:
                self._database.put_delivery(delivery)
            else:
                self._go_on(delivery)  # not again where the person was erased since it was looked up
            self._log(Kind.DISCLOSURE_BEGUN, delivery, query, 0)  # 2.
        before = delivery.count
        try:
            for piece in pieces:  # 3.
                delivery = self._part(delivery, sink, source, query, piece)
                self._go_on(delivery)  # 5.
            delivery = self._ended(delivery, DeliveryState.DONE)
        except Denied:
            delivery = self._ended(delivery, DeliveryState.STOPPED)
        finally:
            self._log(Kind.GATE_ALLOWED, delivery, query, delivery.count - before)  # 6.
        return delivery

    def _part(self, delivery: Delivery, sink: Sink, source: Source[Any], query: Query, piece: Piece[Any]) -> Delivery:
        taken = delivery
        if piece:
            rows = [row_of(source.name, item, query.fields) for item in piece]
            about = (delivery.recipient, delivery.purpose, delivery.source)
            part = part_of(delivery.delivery, delivery.parts, delivery.salt, *about, rows)
            sink.deliver(part)  # 4.
            commitment = chained(delivery.salt, delivery.commitment, part.body)
            taken = replace(
                delivery,
                parts=delivery.parts + 1,
                count=delivery.count + len(piece),
                commitment=commitment,
                fields=" ".join(sorted(query.fields)),
                recalled_at=None,  # what it took before that is not here, this is
            )
        return replace(taken, last=piece.last)

    def _go_on(self, delivery: Delivery) -> None:
        """Store how far it is; `Denied` where the row is gone, as the person was erased meanwhile: it never comes back."""
        if not self._database.go_on(delivery):
            raise Denied(Reason.ERASED, "denied: erased: the person was erased while this was being delivered")

    def _ended(self, delivery: Delivery, state: DeliveryState) -> Delivery:
        ended = replace(delivery, state=state, ended_at=self._clock.now())
        self._database.go_on(ended)
        return ended

    def _query(self, delivery: Delivery, actor: Actor) -> Query:
        """What is asked of the gate: exactly the fields that both the rule and the recipient's list have."""
        source = _SOURCES[delivery.source]
        category = source.category(self._policy, delivery.purpose)
        fields = listed(self._policy, category, delivery.purpose, delivery.recipient)
        return Query(
            actor,
            delivery.purpose,
            delivery.subject,
            delivery.start,
            delivery.end,
            recipient=delivery.recipient,
            fields=fields,
            act=Action.DISCLOSE,
            reference=delivery.reference,
        )

    def _log(self, kind: Kind, delivery: Delivery, query: Query, count: int) -> None:
        more: dict[str, str | int] = {"delivery": delivery.delivery}
        if delivery.commitment:
            more["commitment"] = delivery.commitment
        if delivery.reference:
            more["legal_ref"] = delivery.reference
        self._reader.note(kind, _SOURCES[delivery.source], query, Reason.ALLOWED, count, more=more)
