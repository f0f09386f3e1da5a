"""Messages of alarms on their way: at least once, each under its own key, for a day at most.

1. A message is made in the transaction that remembers why [a crash between the two]. 2. It is claimed before it is handed over [two
processes]. 3. The gate is asked again [a withdrawal while the mail server was away]. 4. Who did not take it is tried again,
later each time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from cloud_sync.alarms.channels import Channel
from cloud_sync.alarms.rules import Sealer
from cloud_sync.audit import Kind
from cloud_sync.disclosure.alerts import Alerts
from cloud_sync.errors import SealBroken
from cloud_sync.model import Actor, AuditEvent, Reason
from cloud_sync.model.access import AlertLink
from cloud_sync.model.alarms import AlarmMessage, AlarmRow
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.sources import SOURCES
from cloud_sync.stores import AuditSink, Clock, Database

log = logging.getLogger(__name__)

SERVICE: Final = Actor("alarms", Role.SERVICE.value)
FIRST_RETRY_S, MOST_RETRY_S = 60.0, 3_600.0
GIVEN_UP_S: Final = 86_400.0  # an alarm of yesterday wakes nobody; the readings are there to be looked at
CLAIM_S: Final = 120.0  # longer than any channel takes
REMEMBERED_S: Final = 86_400.0  # so long messages count against the most of a rule
AT_ONCE: Final = 100

_SOURCES: Final = {source.name: source for source in SOURCES}


class Post:
    """Hands messages over."""

    def __init__(
        self, database: Database, sealer: Sealer, clock: Clock, audit: AuditSink, channels: Mapping[str, Channel]
    ) -> None:
        self._database, self._sealer, self._clock, self._audit = database, sealer, clock, audit
        self._channels = channels

    def hand_over(self, alerts: Alerts, stopping: Callable[[], bool] = lambda: False) -> int:
        """What may be tried now, until somebody is `stopping`; how many were taken."""
        now, taken = self._clock.now(), 0
        self._database.remove_taken(now - REMEMBERED_S)
        for message in self._database.alarm_messages_due(now, AT_ONCE):
            if stopping():
                break
            taken += self._one(message, alerts, now)
        return taken

    def _one(self, message: AlarmMessage, alerts: Alerts, now: float) -> bool:
        tries = message.tries + 1
        with self._database.transaction():  # 2.
            rule, link = self._database.alarm_rule(message.rule_id), self._database.alert(message.link)
            channel = self._channels.get(rule.channel) if rule else None
            if rule is None or link is None or now - message.made_at >= GIVEN_UP_S:
                self._give_up(message, "expired" if rule and link else "removed", now)
                return False
            if channel is None:  # the integrator has not said how it is reached: it waits, and lets others by
                self._database.put_alarm_message(replace(message, next_at=now + FIRST_RETRY_S))
                return False
            self._database.put_alarm_message(replace(message, tries=tries, next_at=now + CLAIM_S))
        return self._tried(replace(message, tries=tries), rule, link, channel, alerts)

    def _tried(self, message: AlarmMessage, rule: AlarmRow, link: AlertLink, channel: Channel, alerts: Alerts) -> bool:
        now = self._clock.now()
        about = {"purpose": link.purpose, "subject": link.subject, "at": link.start}
        decision = alerts.may(_SOURCES[link.source], actor=SERVICE, **about)  # type: ignore[arg-type]
        if decision.reason is Reason.RESTRICTED:  # it waits, as its rule does
            self._note(replace(message, tries=message.tries - 1, next_at=now + MOST_RETRY_S))
            return False
        if not decision:  # 3.
            self._give_up(message, decision.reason.value, now)
            return False
        try:
            channel.send(self._sealer.alarm(rule).to, alerts.part(link))
        except SealBroken:  # the person was erased meanwhile
            self._give_up(message, "erased", now)
            return False
        except Exception as error:  # 4. Also what a stranger's channel raises [it would end the thread for good].
            log.info("a message of an alarm was not taken (%s)", type(error).__name__)
            later = min(FIRST_RETRY_S * 2 ** (message.tries - 1), MOST_RETRY_S)
            self._note(replace(message, next_at=self._clock.now() + later))
            return False
        self._note(replace(message, taken_at=self._clock.now()))
        return True

    def _note(self, message: AlarmMessage) -> None:
        """Unless its rule has gone meanwhile."""
        with self._database.transaction():
            if self._database.alarm_rule(message.rule_id) is not None:
                self._database.put_alarm_message(message)

    def _give_up(self, message: AlarmMessage, why: str, now: float) -> None:
        with self._database.transaction():
            self._database.remove_alarm_message(message.link)
            detail = (("record", message.rule_id), ("reason", why))
            self._audit.append(AuditEvent(Kind.ALARM_UNDELIVERED.value, now, SERVICE.id, message.subject, detail))
