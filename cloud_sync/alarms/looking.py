"""One rule looks at what has come in: through the gate, in the person's own name, and never twice at the same thing.

In order of capture each new envelope is taken as it is committed. What is older than the rule has come to is run again from
there, with everything since, out of the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from cloud_sync.alarms.history import LATE_S
from cloud_sync.alarms.posting import SERVICE
from cloud_sync.alarms.rules import Alarm, Sealer, Seen
from cloud_sync.disclosure.alerts import Alerts
from cloud_sync.errors import Denied
from cloud_sync.model import Actor, StoredEnvelope
from cloud_sync.model.alarms import AlarmMessage, AlarmRow
from cloud_sync.policy.vocabulary import Role
from cloud_sync.read.follow import Follower
from cloud_sync.read.query import Query
from cloud_sync.read.reader import Reader
from cloud_sync.stores import Clock, Database

SPAN_S: Final = 3_600  # what a link shows behind the moment that it is about
MOST_A_DAY: Final = 24  # messages of one rule: one that speaks more often is set wrong, and nobody reads it
DAY_S: Final = 86_400.0
MOST_FOLLOWED: Final = (
    512  # rules whose reads are logged together, an entry a quarter of an hour; beyond it each begins anew
)


class Looker:
    """Runs rules over rows."""

    def __init__(self, database: Database, reader: Reader, sealer: Sealer, clock: Clock) -> None:
        self._database, self._reader, self._sealer, self._clock = database, reader, sealer, clock
        self._followers: dict[str, Follower[Any]] = {}

    def look(self, row: AlarmRow, rows: Sequence[StoredEnvelope], alerts: Alerts) -> bool:
        """Take these rows, and make a message of what is to be told; whether something waits still, as the rule is quiet.

        `Denied` once the person's leave for it is gone.
        """
        with self._database.transaction():
            current = self._database.alarm_rule(row.rule_id)
            if current is None:
                return False
            alarm, seen = self._sealer.alarm(current), self._sealer.seen(current)
            for device in dict.fromkeys(each.id.device for each in rows):
                self._device(alarm, seen, [each for each in rows if each.id.device == device])
            heard_at = max([current.heard_at, *(each.received_at for each in rows)])
            self._tell(alarm, seen, alerts)
            self._database.note_heard(alarm.rule_id, heard_at, self._sealer.memory(alarm, seen))
            return seen.pending is not None

    def erased(self, row: AlarmRow, spans: Sequence[tuple[str, int, int]]) -> None:
        """Forget what a rule has seen in these spans of devices, and take back what is about one of them."""
        with self._database.transaction():
            current = self._database.alarm_rule(row.rule_id)
            if current is None:
                return
            alarm, seen = self._sealer.alarm(current), self._sealer.seen(current)
            before = seen.value()
            for device, start, end in spans:
                seen.forget(device, start, end)
                self._database.forget_links(alarm.rule_id, start, end)
            if seen.value() != before:
                self._database.note_heard(alarm.rule_id, current.heard_at, self._sealer.memory(alarm, seen))

    def waits(self, row: AlarmRow) -> bool:
        """Whether something of a rule is still to be told, as it was quiet."""
        return self._sealer.seen(row).pending is not None

    def forget(self, rule_id: str | None = None) -> None:
        """Log what was read for a rule, or for all, and begin anew with the next look.

        Of a person who was erased meanwhile nothing is logged: the entry would name them again.
        """
        now = self._clock.now()
        names = list(self._followers) if rule_id is None else [rule_id]
        for name in names:
            follower = self._followers.pop(name, None)
            if follower is not None and self._sealer.lives(follower.query.subject, now):
                follower.close()

    def _device(self, alarm: Alarm, seen: Seen, rows: Sequence[StoredEnvelope]) -> None:
        device, history = rows[0].id.device, seen.of(rows[0].id.device)
        least = max(int(alarm.made_at), int(self._clock.now()) - LATE_S)
        items = sorted(_since(self._told(alarm, rows), least), key=_time)
        if not items:
            return
        if items[0].time <= history.last:
            items = self._again(alarm, device, items[0].time)
        starts = history.take(
            alarm.watch,
            items,
            armed=alarm.armings,
            quiet_s=alarm.quiet_s,
            origin=alarm.watch.origin(int(alarm.made_at)),
        )
        seen.add(starts)

    def _told(self, alarm: Alarm, rows: Sequence[StoredEnvelope]) -> list[Any]:
        follower = self._followers.get(alarm.rule_id)
        if follower is None or not follower.open:
            if len(self._followers) >= MOST_FOLLOWED:
                self.forget()
            now = self._clock.now()
            follower = self._reader.follow(alarm.watch.source, self._query(alarm, now, now))
            self._followers[alarm.rule_id] = follower
        try:
            return [item for row in rows for item in follower.tell(row)]
        finally:
            follower.forget()  # no key stays in memory between two looks [an erasure in between]

    def _again(self, alarm: Alarm, device: str, since: int) -> list[Any]:
        """Everything from a moment on, by capture."""
        query = self._query(alarm, since, self._clock.now() + DAY_S)
        pieces = self._reader.pieces(alarm.watch.source, query)
        return sorted((item for piece in pieces if piece.last.row.device == device for item in piece), key=_time)

    def _query(self, alarm: Alarm, start: float, end: float) -> Query:
        return Query(Actor(alarm.subject, Role.DATA_SUBJECT.value, mfa=True), alarm.purpose, alarm.subject, start, end)

    def _tell(self, alarm: Alarm, seen: Seen, alerts: Alerts) -> None:
        """One message for all that waits, unless the rule is quiet or has had its most."""
        now = self._clock.now()
        if seen.pending is None:
            return
        made = [each.made_at for each in self._database.alarm_messages(alarm.rule_id, now - DAY_S)]
        if made and (now - made[-1] < alarm.quiet_s or len(made) >= MOST_A_DAY):
            return
        first, last = seen.pending
        seen.pending = None
        try:
            link = alerts.prepare(
                alarm.watch.source,
                actor=SERVICE,
                purpose=alarm.purpose,
                subject=alarm.subject,
                start=float(first),
                end=float(last + SPAN_S),
            )
        except Denied:
            return  # it is logged; what was not allowed when it was to be told is not told later
        self._database.put_alarm_message(AlarmMessage(link.link, alarm.rule_id, alarm.subject, now, 0, now))


def _since(items: Sequence[Any], least: int) -> list[Any]:
    return [item for item in items if item.time >= least]


def _time(item: Any) -> int:
    return int(item.time)
