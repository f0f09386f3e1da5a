"""Alarms at work: what was committed is noted, rules look at it, messages go out, in a thread of its own or when asked."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from cloud_sync.alarms.channels import Channel
from cloud_sync.alarms.looking import Looker
from cloud_sync.alarms.posting import SERVICE, Post
from cloud_sync.alarms.rules import Sealer
from cloud_sync.audit import Kind
from cloud_sync.disclosure.alerts import Alerts
from cloud_sync.errors import CloudSyncError, Denied, SealBroken
from cloud_sync.gate import Gate
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.model import AuditEvent, Reason, StoredEnvelope
from cloud_sync.model.alarms import AlarmRow
from cloud_sync.read.reader import Reader
from cloud_sync.stores import AuditSink, Clock, Database, TombstoneStore, WitnessStore

log = logging.getLogger(__name__)

MOST_WAITING: Final = 10_000  # envelopes that wait to be looked at: beyond it they are found by when they came in
OVERLAP_S: Final = 60.0  # two processes that commit at once: the later commit may carry the earlier time
TURN_S: Final = 30.0  # how often a thread looks whether a message may be tried again
DENIED_S: Final = 900.0  # a rule of somebody whose data is restricted looks again after so long
CHANGED: Final = "alarm-rules"
REMOVED: Final = "alarm/"  # of the witness: a rule that was taken back, and when
#: The leave is gone and not only stopped for a while: so is the rule.
_GONE: Final = frozenset(
    {Reason.CONSENT_MISSING, Reason.PURPOSE_NOT_DECLARED, Reason.CATEGORY_UNKNOWN, Reason.ROLE_NOT_PERMITTED}
)


class Runner:
    """Rules that look, and messages that go. Its methods may be called from any thread."""

    def __init__(
        self,
        *,
        database: Database,
        people: PersonKeys,
        reader: Reader,
        gate: Gate,
        clock: Clock,
        audit: AuditSink,
        tombstones: TombstoneStore,
        witness: WitnessStore,
    ) -> None:
        self._tombstones, self._erasures, self._forgot_at = tombstones, -1, 0.0
        self._witness = witness
        self._database, self._reader, self._gate = database, reader, gate
        self._clock, self._audit = clock, audit
        self._sealer = Sealer(people)
        self._looker = Looker(database, reader, self._sealer, clock)
        self._channels: dict[str, Channel] = {}
        self._post = Post(database, self._sealer, clock, audit, self._channels)
        self._portal = ""
        self._rows: deque[StoredEnvelope] = deque()
        self._watched: frozenset[tuple[str, int]] = frozenset()
        self._seen_change = "?"
        self._denied: dict[str, float] = {}
        self._waiting: set[str] = set()  # rules that have something to tell, and are quiet
        self._missed = True  # what came in while nothing ran
        self._working = threading.RLock()
        self._come = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    # What comes in

    def committed(self, rows: Sequence[StoredEnvelope]) -> None:
        """Note what a rule may be about; returns at once. Nothing goes out of it: what was committed is committed."""
        try:
            if not rows or not self._any():
                return
        except CloudSyncError:
            self._missed = True  # found by when it came in
            return
        watched = {stream for _, stream in self._watched}
        self._rows.extend(row for row in rows if row.id.stream in watched)
        while len(self._rows) > MOST_WAITING:
            self._rows.popleft()
            self._missed = True
        self._come.set()

    def work(self) -> int:
        """Look at what has come in, and hand over what is to be told; how many messages were taken."""
        with self._working:
            self._forget_erased()
            self._look()
        if not self._portal:
            return 0
        return self._post.hand_over(self._alerts(), self._stopping.is_set)  # nobody waits for a mail server

    def sweep(self) -> None:
        """Hourly: whatever was missed, rules whose leave is gone, messages of before."""
        with self._working:
            for row in self._database.alarm_rules():
                self._guarded(row, partial(self._still, row))
            self._missed = True
        if self._thread is None:
            self.work()
        else:
            self._come.set()

    def replay(self) -> int:
        """Remove again what was removed, from a database that may be a restored one; before anything is served. How many."""
        removed = self._witness.witnesses(REMOVED)
        back = [row for row in self._database.alarm_rules() if f"{REMOVED}{row.rule_id}" in removed]
        for row in back:
            with self._database.transaction():
                self._end(row, SERVICE.id)
        if back:
            log.warning("%d alarms came back with a backup, and were removed again", len(back))
        return len(back)

    def start(self) -> None:
        """Work in a thread, at once and whenever something comes in."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._for_ever, name="cloud-sync-alarms", daemon=True)
            self._thread.start()

    def stop(self, timeout_s: float = 20.0) -> None:
        """End the thread; what it has not looked at is found at the next start."""
        self._stopping.set()
        self._come.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                log.warning("the thread of alarms has not ended within %.0f s", timeout_s)
                return  # it ends when its mail server answers
            self._thread = None
        self._stopping.clear()
        with self._working:
            self._looker.forget()

    def _for_ever(self) -> None:
        while not self._stopping.is_set():
            self._come.clear()
            try:
                self.work()
            except Exception:  # of any kind: it would end the thread, and with it all alarms, for good
                self._missed = True
                log.exception("alarms could not be looked at; it is tried again")
            self._come.wait(TURN_S)

    # Looking

    def _any(self) -> bool:
        """Whether there is any rule; another process may have made one."""
        change = self._database.mark(CHANGED)
        if change != self._seen_change:
            rules = self._database.alarm_rules() if change else []
            self._watched = frozenset((rule.subject, rule.stream) for rule in rules)
            self._seen_change = change
        return bool(self._watched)

    def _look(self) -> None:
        if not self._any():
            self._rows.clear()
            self._missed = False
            return
        come, alerts = self._taken(), self._alerts()
        missed, self._missed = self._missed, False
        now = self._clock.now()
        for rule in self._database.alarm_rules() if missed else self._concerned(come):
            if now < self._denied.get(rule.rule_id, 0.0):
                continue  # what came in is fetched once it may look again [a restriction of months]
            caught_up = missed or rule.rule_id in self._denied
            rows = self._since(rule) if caught_up else come.get((rule.subject, rule.stream), [])
            if rows or rule.rule_id in self._waiting or missed:
                self._guarded(rule, partial(self._rule, rule, rows, alerts))

    def _forget_erased(self) -> None:
        """What a rule has seen says when somebody was where: of what was erased it keeps nothing."""
        count = self._tombstones.count()
        if count == self._erasures:
            return
        now = self._clock.now()
        for rule in self._database.alarm_rules():
            spans = [
                span for each in self._database.devices_of(rule.subject) for span in self._spans(each.device, rule)
            ]
            if spans:
                with suppress(SealBroken):  # the person was erased; the look that follows ends the rule
                    self._looker.erased(rule, spans)
        self._erasures, self._forgot_at = count, now

    def _spans(self, device: str, rule: AlarmRow) -> list[tuple[str, int, int]]:
        """What was erased of a device in the stream of a rule since it last forgot; none of it is later than the erasure."""
        since = max(rule.made_at, self._forgot_at - OVERLAP_S)
        found = [each for each in self._tombstones.of_device(device) if each.stream in (0, rule.stream)]
        spans = [(each.span[0], min(each.span[1], int(each.at))) for each in found if each.at >= since]
        return [(device, start, end) for start, end in spans if start < end]

    def _concerned(self, come: Mapping[tuple[str, int], object]) -> list[AlarmRow]:
        """Rules of people of whom something came in, and those that wait until they may speak again."""
        subjects = sorted({subject for subject, _ in come if subject})
        found = {rule.rule_id: rule for subject in subjects for rule in self._database.alarm_rules(subject)}
        for rule_id in [*self._waiting, *self._denied]:
            rule = self._database.alarm_rule(rule_id)
            if rule is not None:
                found[rule_id] = rule
        return list(found.values())

    def _rule(self, rule: AlarmRow, rows: Sequence[StoredEnvelope], alerts: Alerts) -> None:
        if rows or self._looker.waits(rule):
            waits = self._looker.look(rule, rows, alerts)
            (self._waiting.add if waits else self._waiting.discard)(rule.rule_id)

    def _taken(self) -> dict[tuple[str, int], list[StoredEnvelope]]:
        """What has come in since, by person and stream."""
        found: dict[tuple[str, int], list[StoredEnvelope]] = defaultdict(list)
        people: dict[str, str] = {}
        while self._rows:
            row = self._rows.popleft()
            if row.id.device not in people:
                device = self._database.device(row.id.device)
                people[row.id.device] = device.subject if device else ""
            found[people[row.id.device], row.id.stream].append(row)
        return found

    def _since(self, rule: AlarmRow) -> list[StoredEnvelope]:
        since = max(rule.made_at, rule.heard_at - OVERLAP_S)
        devices = self._database.devices_of(rule.subject)
        return [row for each in devices for row in self._database.received_since(each.device, rule.stream, since)]

    def _guarded(self, rule: AlarmRow, act: Callable[[], None]) -> None:
        """Do it; a leave that is gone ends the rule, one that is stopped lets it wait, and no rule stops another."""
        now = self._clock.now()
        if now < self._denied.get(rule.rule_id, 0.0):
            return
        try:
            act()
            self._denied.pop(rule.rule_id, None)
        except Denied as denied:
            self._looker.forget(rule.rule_id)
            if denied.reason in _GONE:
                with self._database.transaction():
                    self._end(rule, SERVICE.id)
            else:
                self._denied[rule.rule_id] = now + DENIED_S
        except SealBroken:  # the person was erased meanwhile
            self._looker.forget(rule.rule_id)
            self._database.remove_alarm_rule(rule.rule_id)
        except CloudSyncError:
            self._missed = True
            log.exception("a rule of an alarm could not look; it is tried again")

    def _still(self, rule: AlarmRow) -> None:
        alarm = self._sealer.alarm(rule)
        decision = self._alerts().may(
            alarm.watch.source, actor=SERVICE, purpose=alarm.purpose, subject=alarm.subject, at=self._clock.now()
        )
        if not decision:
            raise Denied(decision.reason)

    def _end(self, row: AlarmRow, by: str) -> None:
        self._looker.forget(row.rule_id)
        self._denied.pop(row.rule_id, None)
        self._waiting.discard(row.rule_id)
        # Ahead of the row [a backup of before brings the rule back, and it tells of what nobody watches any longer].
        self._witness.set_witness(f"{REMOVED}{row.rule_id}", int(self._clock.now()), b"")
        if self._database.remove_alarm_rule(row.rule_id):
            self._log(Kind.ALARM_REMOVED, row.subject, row.rule_id, by)

    # Beside

    def _alerts(self) -> Alerts:
        return Alerts(
            gate=self._gate,
            reader=self._reader,
            database=self._database,
            clock=self._clock,
            audit=self._audit,
            base_url=self._portal,
        )

    def _log(self, kind: Kind, subject: str, rule_id: str, by: str) -> None:
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, subject, (("record", rule_id),)))
