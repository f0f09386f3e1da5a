"""Orders that forbid telling the person: they are told later, and who is to be told is not forgotten (clause table, X-14).

A silence has an end that the order names, a year at most; whoever needs a longer one brings a new order.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.gate.words import check_word
from cloud_sync.model import Actor, AuditEvent
from cloud_sync.model.access import SilentNotice
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import RecipientKind
from cloud_sync.stores import AuditSink, Clock, Database

ID_BYTES: Final = 10
LONGEST_S: Final = 366 * 86_400.0  # [an order without an end, after which nobody remembers the person]


def unspoken(database: Database, subject: str, now: float) -> frozenset[str]:
    """Recipients of whom a person's copy says nothing yet, nor a list of who used their data: their order forbids it.

    What such an authority was denied, or got before, is left out as well until then: the order is what may not be told.
    """
    return frozenset(each.recipient for each in database.silent_notices(subject) if now < each.due_at)


class Silences:
    """Notices of disclosures that wait."""

    def __init__(
        self,
        policy: Policy,
        database: Database,
        clock: Clock,
        audit: AuditSink,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._policy = policy
        self._database = database
        self._clock = clock
        self._audit = audit
        self._random = random

    @contextmanager
    def over(
        self, actor: Actor, subject: str, recipient: str, reference: str, until: float, delivery: str | None
    ) -> Iterator[str]:
        """The name of the delivery that is made inside: the person is told of it once `until` has come.

        The notice is stored before anything is sent, and goes again where nothing was [a crash after the sink had it all].
        A delivery that there is already has the silence with which it was begun, or none [one that each retry makes longer].
        ConfigError unless an authority's order may be silent until then.
        """
        if delivery is not None and self._database.delivery(delivery) is not None:
            self._begun_silent(delivery, subject, recipient, reference, until)
            yield delivery
            return
        name = delivery or self._random(ID_BYTES).hex()
        self._check(recipient, reference, until)
        made = SilentNotice(self._random(ID_BYTES).hex(), subject, recipient, name, reference, until)
        self._database.put_silent_notice(made, self._clock.now())
        try:
            yield name
        finally:
            begun = self._database.delivery(name)
            if begun is None:
                self._database.remove_silent_notice(made.notice)
            else:
                detail = (
                    ("delivery", name),
                    ("recipient", recipient),
                    ("legal_ref", reference),
                    ("review_at", int(until)),
                )
                event = AuditEvent(Kind.DISCLOSURE_SILENT.value, self._clock.now(), actor.id, "", detail)
                self._audit.append(event)  # of no person: it is in nobody's copy of the log

    def _check(self, recipient: str, reference: str, until: float) -> None:
        known = self._policy.recipients.get(recipient)
        if known is not None and known.kind is not RecipientKind.AUTHORITY:
            raise ConfigError(f"{recipient} is no authority: only its order can forbid telling the person")
        now = self._clock.now()
        if not now < until <= now + LONGEST_S:
            raise ConfigError(
                "the silence ends in the future, a year from now at most: name the day that the order names"
            )
        if reference:  # without one the gate says no
            check_word(reference, "reference")

    def _begun_silent(self, delivery: str, subject: str, recipient: str, reference: str, until: float) -> None:
        """ConfigError unless this very silence, or one that ends later, waits already."""
        order = delivery, recipient, reference
        waiting = [
            each
            for each in self._database.silent_notices(subject)
            if (each.delivery, each.recipient, each.reference) == order
        ]
        if not any(until <= each.due_at for each in waiting):
            raise ConfigError("there is a delivery of this name without such a silence: another one needs a new order")

    def due(self) -> list[SilentNotice]:
        """Notices whose silence has ended, and that nobody has told yet."""
        now = self._clock.now()
        return [each for each in self._database.silent_notices() if each.due_at <= now]

    def waiting(self, subject: str | None = None) -> list[SilentNotice]:
        """Those that may not be told yet, or were not."""
        return self._database.silent_notices(subject)

    def told(self, notice: str, *, by: Actor) -> SilentNotice:
        """The person was told; ConfigError for one that may not be told yet, or that there is not."""
        known = next((each for each in self._database.silent_notices() if each.notice == notice), None)
        if known is None:
            raise ConfigError("there is no such notice, or it was told")
        now = self._clock.now()
        if now < known.due_at:
            raise ConfigError("the order still forbids it: wait until the notice is due")
        done = replace(known, told_at=now)
        detail = (("delivery", known.delivery), ("recipient", known.recipient))
        with self._database.transaction():
            self._database.put_silent_notice(done, now)
            self._audit.append(AuditEvent(Kind.DISCLOSURE_TOLD.value, now, by.id, known.subject, detail))
        return done
