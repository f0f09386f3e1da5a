"""Alerts carry a link, never a position (clause table, section 8, row 34): a mail, a chat and a broker keep what they carry.

The link is a random number that stands for a span of readings. Whoever follows it logs in and is decided like every reader; the
number opens nothing by itself, and ends after a week.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.disclosure.parcel import Part
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Decision, Gate, MailClass, Request
from cloud_sync.gate.mail import class_of_purpose
from cloud_sync.gate.words import said_purpose, said_role
from cloud_sync.model import Action, Actor, AuditEvent
from cloud_sync.model.access import AlertLink
from cloud_sync.read.query import Query, Readings
from cloud_sync.read.reader import Reader
from cloud_sync.read.sources import SOURCES, Source
from cloud_sync.stores import AuditSink, Clock, Database, Sink

LINK_BYTES: Final = 16
LIVES_S: Final = 7 * 86_400.0

_SOURCES: Final = {source.name: source for source in SOURCES}


class Alerts:
    """Alerts to the person, and what their links open."""

    def __init__(
        self,
        *,
        gate: Gate,
        reader: Reader,
        database: Database,
        clock: Clock,
        audit: AuditSink,
        base_url: str,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`base_url` is where links begin, for instance https://portal.example/alert/."""
        self._gate = gate
        self._reader = reader
        self._database = database
        self._clock = clock
        self._audit = audit
        self._base_url = base_url
        self._random = random

    def send(
        self, source: Source[Any], *, actor: Actor, purpose: str, subject: str, start: float, end: float, sink: Sink
    ) -> AlertLink:
        """Tell the person that there is something to see, by a sink of theirs; `Denied` with the reason.

        The message says for which purpose it is, and where to look: no time, no place, no reading, no pseudonym.
        """
        link = self.prepare(source, actor=actor, purpose=purpose, subject=subject, start=start, end=end)
        sink.deliver(self.part(link))
        return link

    def prepare(
        self, source: Source[Any], *, actor: Actor, purpose: str, subject: str, start: float, end: float
    ) -> AlertLink:
        """The link of a message that is handed over later (`part`): the gate is asked, it is counted and logged; or `Denied`."""
        with self._database.transaction():  # counted and logged as one, like every message (`mails`)
            decision, link = self._asked(source, actor, purpose, subject, start, end)
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        return link

    def part(self, link: AlertLink) -> Part:
        """What is handed over, the same at every attempt."""
        body = json.dumps({"alert": link.purpose, "link": f"{self._base_url}{link.link}"}).encode()
        return Part(link.link, "data_subject", body)

    def may(self, source: Source[Any], *, actor: Actor, purpose: str, subject: str, at: float) -> Decision:
        """Whether a message about what was captured `at` a moment may be sent now; it is neither counted nor logged."""
        return self._gate.ask(self._request(source, actor, purpose, subject, at))

    def _asked(
        self, source: Source[Any], actor: Actor, purpose: str, subject: str, start: float, end: float
    ) -> tuple[Decision, AlertLink]:
        request = self._request(source, actor, purpose, subject, start)
        now, category = request.at, request.category
        decision = self._gate.ask(request)
        link = AlertLink(self._random(LINK_BYTES).hex(), subject, purpose, source.name, start, end, now, now + LIVES_S)
        detail: tuple[tuple[str, str | int], ...] = (
            ("action", Action.MAIL.value),
            ("category", category),
            ("purpose", said_purpose(purpose, self._gate.policy)),
            ("role", said_role(actor.role)),
            ("reason", decision.reason.value),
        )
        kind = Kind.ALERT_SENT if decision else Kind.GATE_DENIED
        self._audit.append(AuditEvent(kind.value, now, actor.id, subject, detail))
        if decision:
            self._database.remove_alerts(now)
            self._database.put_alert(link)
        return decision, link

    def _request(self, source: Source[Any], actor: Actor, purpose: str, subject: str, start: float) -> Request:
        now, category = self._clock.now(), source.category(self._gate.policy, purpose)
        content: frozenset[MailClass] = frozenset({class_of_purpose(purpose)})
        return Request(actor, purpose, Action.MAIL, category, subject, now, min(start, now), content=content)

    def follow(self, link: str, *, actor: Actor) -> Readings[Any]:
        """What a link stands for, to whoever may read it, through the gate; ConfigError for one that is unknown or has ended."""
        known = self._database.alert(link)
        if known is None or self._clock.now() >= known.ends_at:
            raise ConfigError("this link has ended, or was never made; look into the portal")
        return self._reader.read(
            _SOURCES[known.source], Query(actor, known.purpose, known.subject, known.start, known.end)
        )
