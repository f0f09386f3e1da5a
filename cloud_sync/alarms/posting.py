"""Messages of alarms on their way: at least once, each under its own key, for a day at most.

1. A message is made in the transaction that remembers why [a crash between the two]. 2. It is claimed before it is handed over [two
processes]. 3. The gate is asked again [a withdrawal while the mail server was away]. 4. Who did not take it is tried again,
later each time. 5. A channel that hangs is waited for a few seconds and has one message at a time: the others go on, and what
it has taken in the end counts as taken.
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
from cloud_sync.disclosure.patience import Attempt
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
PATIENCE_S: Final = 10.0  # as long as one channel keeps the others waiting, once while it hangs

_SOURCES: Final = {source.name: source for source in SOURCES}


class Post:
    """Hands messages over."""

    def __init__(
        self, database: Database, sealer: Sealer, clock: Clock, audit: AuditSink, channels: Mapping[str, Channel]
    ) -> None:
        self._database, self._sealer, self._clock, self._audit = database, sealer, clock, audit
        self._channels = channels
        self._hanging: dict[str, tuple[AlarmMessage, Attempt]] = {}  # by channel: what it has not answered yet
        self.patience_s = PATIENCE_S

    def hand_over(self, alerts: Alerts, stopping: Callable[[], bool] = lambda: False) -> int:
        """What may be tried now, until somebody is `stopping`; how many were taken."""
        now, taken = self._clock.now(), self._late()
        self._database.remove_taken(now - REMEMBERED_S)
        while page := self._database.alarm_messages_due(now, AT_ONCE):  # each is put off, claimed or gone
            for message in page:
                if stopping():
                    return taken
                taken += self._one(message, alerts, now)
        return taken

    def _late(self) -> int:
        """What channels that hung have answered since; how many were taken after all."""
        ended = {name: each for name, each in self._hanging.items() if each[1].ended()}
        for name in ended:
            del self._hanging[name]
        return sum(self._answered(message, attempt.error) for message, attempt in ended.values())

    def _one(self, message: AlarmMessage, alerts: Alerts, now: float) -> bool:
        tries = message.tries + 1
        with self._database.transaction():  # 2.
            rule, link = self._database.alarm_rule(message.rule_id), self._database.alert(message.link)
            channel = self._channels.get(rule.channel) if rule else None
            if rule is None or link is None or now - message.made_at >= GIVEN_UP_S:
                self._give_up(message, "expired" if rule and link else "removed", now)
                return False
            # Nobody has said how it is reached, or it hangs [5.]: the message waits, and lets others by.
            if channel is None or rule.channel in self._hanging:
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
            to, part = self._sealer.alarm(rule).to, alerts.part(link)
        except SealBroken:  # the person was erased meanwhile
            self._give_up(message, "erased", now)
            return False
        attempt = Attempt(lambda: channel.send(to, part))
        if not attempt.ended(self.patience_s):  # 5.
            log.warning("the channel %s hangs; other channels go on", rule.channel)
            self._hanging[rule.channel] = message, attempt
            return False
        return self._answered(message, attempt.error)

    def _answered(self, message: AlarmMessage, error: Exception | None) -> bool:
        if error is None:
            self._note(replace(message, taken_at=self._clock.now()))
            return True
        log.info(
            "a message of an alarm was not taken (%s)", type(error).__name__
        )  # 4. Whatever a stranger's channel raises.
        later = min(FIRST_RETRY_S * 2 ** (message.tries - 1), MOST_RETRY_S)
        self._note(replace(message, next_at=self._clock.now() + later))
        return False

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
