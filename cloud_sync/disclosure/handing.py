"""Records to a recipient, field by field: the same gate, sinks and account as of readings.

1. The gate, for this recipient, the fields that are listed for it, and this record; it logs the answer before anything is opened.
2. The delivery is stored before the sink is called [a disclosure that nobody can see].
3. The recipient has taken it: that, the names of the fields, and a commitment under a salt are stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from cloud_sync.disclosure.fieldwise import UnfitError, listed, told
from cloud_sync.disclosure.parcel import SALT_BYTES, chained, part_of
from cloud_sync.disclosure.reaching import sink_of
from cloud_sync.errors import ConfigError, Denied, KeyDestroyed
from cloud_sync.gate.words import check_word
from cloud_sync.model import Actor, Reason
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.model.keeping import RecordPart
from cloud_sync.policy import Policy
from cloud_sync.records import Records
from cloud_sync.stores import Clock, Database, Sink

RECORD: Final = "record/"  # before the id, as the source of a delivery
ID_BYTES: Final = 10
UNFIT: Final = "unfit"  # among reasons of denials: contents that cannot be told field by field
PAGE: Final = 500  # records looked at in one transaction


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of records that were to be handed over: deliveries, and how many were denied, by reason, or `UNFIT`."""

    told: tuple[Delivery, ...]
    denied: Mapping[str, int]


class Handing:
    """Deliveries of records."""

    def __init__(
        self,
        *,
        records: Records,
        policy: Policy,
        database: Database,
        clock: Clock,
        sinks: Mapping[str, Sink],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`sinks` by the recipient's id, as of `Disclosures`."""
        self._records = records
        self._policy = policy
        self._database = database
        self._clock = clock
        self._sinks = sinks
        self._random = random

    def hand(
        self,
        record_id: str,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        recipient: str,
        reference: str = "",
        delivery: str | None = None,
    ) -> Delivery:
        """Tell a recipient a person's part of a record, in the fields that are listed for it.

        With the name of a `delivery` that did not arrive it is that one's retry, under the same key. `Denied`, or KeyDestroyed
        where the part is gone; ConfigError without a sink; LinkError when the recipient does not take it.
        """
        known = self._database.delivery(delivery) if delivery is not None else None
        whose = recipient, purpose, RECORD + record_id, subject, reference
        if known is not None:
            if (known.recipient, known.purpose, known.source, known.subject, known.reference) != whose:
                raise ConfigError("another delivery has this name; choose another")
            if known.state is not DeliveryState.BEGUN:
                return known
        if recipient in self._policy.recipients:  # of any other the gate speaks, and its answer is logged
            sink_of(self._sinks, self._policy, recipient)
        category, created_at = self._what(record_id, subject)
        fields = listed(self._policy, category, purpose, recipient)
        content = self._records.read(
            record_id,
            actor=actor,
            purpose=purpose,
            subject=subject,
            recipient=recipient,
            fields=fields,
            reference=reference,
        )  # 1.
        row = told(content, fields)
        if known is None:
            name = check_word(delivery, "delivery") if delivery is not None else self._random(ID_BYTES).hex()
            salt, now = self._random(SALT_BYTES), self._clock.now()
            span = created_at, created_at
            known = Delivery(name, *whose[:3], subject, actor.id, *span, reference, salt, now)
            self._database.put_delivery(known)  # 2.
        return self._send(known, category, row)

    def hand_all(
        self, category: str, *, actor: Actor, purpose: str, subject: str, recipient: str, reference: str = ""
    ) -> Handed:
        """The same with each record that a person has of a category; `Denied`, or `UnfitError`, where not one gets out."""
        done: list[Delivery] = []
        denied: list[Denied | UnfitError] = []
        for part in self._database.parts_of(subject, category):
            try:
                asked: dict[str, Any] = {"actor": actor, "purpose": purpose, "subject": subject}
                done.append(self.hand(part.record_id, **asked, recipient=recipient, reference=reference))
            except (Denied, UnfitError) as refused:
                denied.append(refused)
        if denied and not done:
            raise denied[0]
        return Handed(tuple(done), _counted(denied))

    def sync(self, category: str, *, actor: Actor, purpose: str, recipient: str) -> Handed:
        """Every record of a category that the recipient has not got yet, of everybody; who is denied is passed over and counted."""
        has = self._database.sources_told(recipient, purpose)
        done: list[Delivery] = []
        denied: list[Denied | UnfitError] = []
        for part in self._parts(category):
            if RECORD + part.record_id in has:
                continue
            try:
                asked: dict[str, Any] = {"actor": actor, "purpose": purpose, "recipient": recipient}
                done.append(self.hand(part.record_id, **asked, subject=part.subject))
            except (Denied, UnfitError) as refused:
                denied.append(refused)
            except KeyDestroyed:
                continue  # erased since it was looked up
        return Handed(tuple(done), _counted(denied))

    def _send(self, delivery: Delivery, category: str, row: dict[str, Any]) -> Delivery:
        sink = sink_of(self._sinks, self._policy, delivery.recipient)
        about = delivery.recipient, delivery.purpose, category
        part = part_of(delivery.delivery, 0, delivery.salt, *about, [row])
        sink.deliver(part)
        taken = replace(  # 3.
            delivery,
            state=DeliveryState.DONE,
            parts=1,
            count=1,
            fields=" ".join(sorted(row)),
            commitment=chained(delivery.salt, "", part.body),
            ended_at=self._clock.now(),
            recalled_at=None,  # of an earlier try
        )
        if not self._database.go_on(taken):
            raise Denied(Reason.ERASED, "denied: erased: the person was erased while this was being handed over")
        return taken

    def _what(self, record_id: str, subject: str) -> tuple[str, float]:
        """Category and time of a part; of one that there is not, nothing."""
        for part in self._database.parts(record_id):
            if part.subject == subject:
                return part.category, part.created_at
        return "", 0.0

    def _parts(self, category: str) -> list[RecordPart]:
        found: list[RecordPart] = []
        after = ("", "")
        while page := self._database.parts_after(after, PAGE):
            found += [replace(part, sealed=b"") for part in page if part.category == category]
            after = page[-1].record_id, page[-1].subject
        return found


def _counted(denied: list[Denied | UnfitError]) -> dict[str, int]:
    reasons = [str(each.reason) if isinstance(each, Denied) else UNFIT for each in denied]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}
