"""The desk of alarms: rules are set by the person, look at what is committed, and tell by a channel of the integrator's.

    cloud.alarms.connect("https://portal.example/alert/", mail=EmailChannel("mail.example", sender="alarm@example.org"))
    cloud.alarms.set(me, Theft(parked_s=600), purpose="theft_alarm", channel="mail", to="me@example.org")

Ingest never waits for a rule: what was committed is noted, and `work` looks at it, in a thread of its own once `start` was
called. What was not looked at before a stop is found again by when it came in.
"""

from __future__ import annotations

import secrets
from typing import Any, Final, Protocol, runtime_checkable

from cloud_sync.alarms.channels import Channel, SinkChannel
from cloud_sync.alarms.posting import SERVICE
from cloud_sync.alarms.rules import Alarm, Seen, check_address, check_label, check_quiet
from cloud_sync.alarms.running import Runner
from cloud_sync.alarms.watch import Watch, watch_value
from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.words import check_word
from cloud_sync.model import Actor, Reason
from cloud_sync.model.alarms import AlarmRow
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.query import Query
from cloud_sync.stores import Parcel

ID_BYTES: Final = 10
MOST_RULES: Final = 20  # of one person; each looks at every reading of its stream
QUIET_S: Final = 900
#: Told of every label: it may say where somebody prays, is treated or belongs to. Nothing here reads it (clause table, X-22).
SENSITIVE: Final = "may_be_sensitive"


@runtime_checkable
class Delivering(Protocol):
    """A sink, as far as it shows."""

    def deliver(self, parcel: Parcel) -> None: ...


class AlarmDesk(Runner):
    """Alarms of one installation: rules of people, and the channels that reach them."""

    # Set up by the integrator

    def connect(self, portal: str, **channels: Channel | Delivering) -> None:
        """Say where links begin (where people log in), and how each channel reaches them. Messages wait until this was said."""
        if not portal.startswith("https://"):
            raise ConfigError("portal: links begin with https://, where people log in")
        self._portal = portal
        for name, channel in channels.items():
            self._channels[name] = SinkChannel(channel) if isinstance(channel, Delivering) else channel

    # What a person does

    def set(
        self,
        actor: Actor,
        watch: Watch,
        *,
        purpose: str,
        channel: str,
        to: str = "",
        label: str = "",
        quiet_s: int = QUIET_S,
    ) -> tuple[Alarm, list[str]]:
        """Make a rule of the person's own, and what is to be said of it; `Denied` unless the purpose lets it watch and tell.

        It sees what is captured from now on. `quiet_s`: so long after a message what happens waits for the next one.
        """
        if channel in self._channels:
            self._channels[channel].check(to)
        alarm = Alarm(
            secrets.token_hex(ID_BYTES),
            actor.id,
            purpose,
            watch,
            check_word(channel, "channel"),  # it stands in the clear [an address in its place]
            check_address(to),
            check_label(label),
            check_quiet(quiet_s),
            self._clock.now(),
        )
        self._check(actor, alarm)
        with self._database.transaction():
            if len(self._database.alarm_rules(alarm.subject)) >= MOST_RULES:
                raise ConfigError(f"there are {MOST_RULES} rules already; remove one first")
            self._database.put_alarm_rule(self._sealer.row(alarm, alarm.made_at, Seen()))
            self._log(Kind.ALARM_SET, alarm.subject, alarm.rule_id, alarm.subject)
        return alarm, [SENSITIVE] if label else []

    def arm(self, actor: Actor, rule_id: str, *, on: bool = True) -> Alarm:
        """Arm a rule from now on, or disarm it; captures of before are judged as it was then."""
        with self._database.transaction():
            row = self._own(actor, rule_id)
            alarm = self._sealer.alarm(row).arm(self._clock.now(), on)
            self._database.put_alarm_rule(self._sealer.row(alarm, row.heard_at, self._sealer.seen(row)))
            self._log(Kind.ALARM_ARMED if on else Kind.ALARM_DISARMED, alarm.subject, rule_id, actor.id)
        return alarm

    def remove(self, actor: Actor, rule_id: str) -> None:
        """Take a rule back, with what it has not told yet."""
        with self._working, self._database.transaction():
            self._end(self._own(actor, rule_id), actor.id)

    def of(self, actor: Actor) -> list[Alarm]:
        """The person's rules."""
        return [
            self._sealer.alarm(row) for row in self._database.alarm_rules(actor.id) if _is_person(actor, row.subject)
        ]

    def copy_of(self, subject: str) -> list[dict[str, Any]]:
        """A person's rules as their own copy has them."""
        alarms = [self._sealer.alarm(row) for row in self._database.alarm_rules(subject)]
        return [
            {
                "rule": each.rule_id,
                "purpose": each.purpose,
                **watch_value(each.watch),
                "channel": each.channel,
                "to": each.to,
                "label": each.label,
                "quiet_s": each.quiet_s,
                "made_at": each.made_at,
                "armed": each.armed,
            }
            for each in alarms
        ]

    # Beside

    def _check(self, actor: Actor, alarm: Alarm) -> None:
        if not _is_person(actor, alarm.subject):
            raise Denied(Reason.ROLE_NOT_PERMITTED, "denied: role_not_permitted: an alarm is the person's own")
        now, source = alarm.made_at, alarm.watch.source
        self._reader.demand(source, Query(actor, alarm.purpose, alarm.subject, now, now))
        about: dict[str, Any] = {"purpose": alarm.purpose, "subject": alarm.subject, "at": now}
        decision = self._alerts().may(source, actor=SERVICE, **about)
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")

    def _own(self, actor: Actor, rule_id: str) -> AlarmRow:
        row = self._database.alarm_rule(rule_id)
        if row is None or not _is_person(actor, row.subject):
            raise ConfigError("there is no such rule of yours")  # the same of somebody else's
        return row


def _is_person(actor: Actor, subject: str) -> bool:
    return actor.role == Role.DATA_SUBJECT.value and actor.id == subject
