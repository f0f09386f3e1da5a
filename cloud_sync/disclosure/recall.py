"""What recipients are told after they were told something: that a consent has ended, that data was erased, rectified or restricted
(GDPR Art. 7(3), 19). A message names deliveries and no person; what is in it the recipient knows already.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.consent import ConsentLedger
from cloud_sync.disclosure.parcel import Part
from cloud_sync.disclosure.reaching import Withdrawing, messages_to
from cloud_sync.errors import CloudSyncError, ConfigError
from cloud_sync.model import AuditEvent
from cloud_sync.model.access import Delivery, DeliveryState
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import RecipientKind
from cloud_sync.stores import AuditSink, Clock, Database, Sink

log = logging.getLogger(__name__)

ID_BYTES: Final = 10
WHO: Final = "recipients"
OWED: Final = "recipients/removal/"  # before a recipient and a number, among the marks of the database
PORTABILITY: Final = "portability"  # what went to a company that the person named: it is the person's own copy there
#: Who answers for their own copies: they are told and named, and nothing is promised of what they do (clause table, row 42).
OWN: Final = frozenset(
    {
        RecipientKind.INDEPENDENT_CONTROLLER,
        RecipientKind.JOINT_CONTROLLER,
        RecipientKind.AUTHORITY,
        RecipientKind.THIRD_PARTY,
    }
)


class What(StrEnum):
    """What a recipient is told about data that it has."""

    REMOVED = "removed"
    RECTIFIED = "rectified"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Told:
    """That a recipient was told: about which deliveries, by which message, and whether it took it. `why` not, else empty."""

    recipient: str
    message: str
    deliveries: tuple[str, ...]
    taken: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a letter about an erasure may say of a recipient: how many acts on its side the company promises, and a sentence."""

    recipient: str
    kind: RecipientKind
    actions: int
    sentence: str


class Recall:
    """Messages to recipients about what they have."""

    def __init__(
        self,
        *,
        policy: Policy,
        ledger: ConsentLedger,
        database: Database,
        clock: Clock,
        audit: AuditSink,
        sinks: Mapping[str, Sink],
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._database = database
        self._clock = clock
        self._audit = audit
        self._sinks = sinks
        self._random = random
        self._settling = threading.Lock()

    def notify(self, subject: str, what: What | str, category: str | None = None) -> list[Told]:
        """One message to every recipient that was told of the person, or of a category of theirs; what became of each.

        Where nobody was told the list is empty. Once a removal is taken the recipient is not asked again. ConfigError for another
        word.
        """
        if what not in list(What):
            raise ConfigError(f"{what}: a recipient is told that data was {', '.join(What)}")
        mine = sorted(
            (d for d in self._told(subject) if category is None or self._of(d) == category), key=lambda d: d.recipient
        )
        return [self._tell(name, What(what), subject, list(ds)) for name, ds in groupby(mine, lambda d: d.recipient)]

    def recall(self, recipient: str) -> list[Told]:
        """Ask a recipient to remove what it got of everybody whose consent to it has ended: one message a person and purpose."""
        now, done = self._clock.now(), []
        for subject, purpose in self._database.told_to(recipient):
            if self._policy.consent_rules(purpose) and not self._ledger.covered(subject, purpose, now, now).at_use:
                theirs = [d for d in self._told(subject) if (d.recipient, d.purpose) == (recipient, purpose)]
                done.append(self._tell(recipient, What.REMOVED, subject, theirs))
                if not done[-1].taken:
                    break  # it is away [a sweep that waits ten seconds for each of a thousand people]
        return done

    def owe(self, subject: str, until: float) -> None:
        """The person is being erased: who got something of them is to remove it. In the transaction that forgets deliveries.

        What a folder here still holds is taken back by itself. Names of deliveries are all that stays, until they are told.
        """
        owed: dict[str, list[str]] = {}
        for each in self._database.deliveries(subject):
            if (
                not _may_have(each)
                or each.source == PORTABILITY
                or each.recalled_at is not None
                or each.begun_at > until
            ):
                continue
            if not isinstance(self._sinks.get(each.recipient), Withdrawing):
                owed.setdefault(each.recipient, []).append(each.delivery)
        for recipient, names in owed.items():
            self._database.set_mark(f"{OWED}{recipient}/{self._random(ID_BYTES).hex()}", json.dumps(names))

    def settle(self) -> int:
        """Tell of the removals that are owed, as far as recipients can be reached from here; how many were told."""
        if not self._settling.acquire(blocking=False):
            return 0  # it is being done [a sink that erases]
        try:
            return self._settle()
        finally:
            self._settling.release()

    def _settle(self) -> int:
        away: set[str] = set()
        told = 0
        for mark in self._database.marks(OWED):
            recipient, _, name = mark.removeprefix(OWED).partition("/")
            if recipient in away or recipient not in self._sinks:
                continue
            names = json.loads(self._database.mark(mark))
            if why := self._settled(recipient, f"{What.REMOVED.value}-{name}", names):
                away.add(recipient)
                log.warning("%s is still to remove what it got of somebody who was erased: %s", recipient, why)
                continue
            with self._database.transaction():
                self._database.set_mark(mark, "")
                self._note(recipient, What.REMOVED, "", len(names), "taken")
            told += 1
        return told

    def _settled(self, recipient: str, message: str, names: list[str]) -> str:
        sink = self._sinks[recipient]
        if not isinstance(sink, Withdrawing):
            return self._sent(recipient, message, What.REMOVED, names)
        try:
            for each in names:
                sink.withdraw(recipient, each)
        except CloudSyncError as error:
            return str(error)
        return ""

    def promises(self, subject: str) -> list[Promise]:
        """Whom a letter about the person's erasure names: those that were told, and all that answer for themselves."""
        told = {each.recipient for each in self._database.deliveries(subject) if each.parts}
        named = [each for each in self._policy.recipients.values() if each.id in told or _alone(each.kind)]
        return [self._promise(each.id) for each in named]

    def _told(self, subject: str) -> list[Delivery]:
        told = [each for each in self._database.deliveries(subject) if _may_have(each) and each.recalled_at is None]
        return [each for each in told if each.source != PORTABILITY]

    def _promise(self, name: str) -> Promise:
        kind = self._policy.recipients[name].kind
        if kind in OWN:
            return Promise(
                name, kind, 0, f"{name} answers for its own copy: ask it yourself; we tell it, and promise nothing"
            )
        return Promise(name, kind, 1, f"{name} removes its copy on our instruction")

    def _tell(self, recipient: str, what: What, subject: str, deliveries: list[Delivery]) -> Told:
        names, message = tuple(each.delivery for each in deliveries), f"{what.value}-{self._random(ID_BYTES).hex()}"
        why = self._sent(recipient, message, what, names)
        now = self._clock.now()
        with self._database.transaction():
            for each in deliveries if what is What.REMOVED and not why else ():
                self._database.go_on(replace(each, recalled_at=now))
            self._note(recipient, what, subject, len(names), "failed" if why else "taken")
        return Told(recipient, message, names, not why, why)

    def _sent(self, recipient: str, message: str, what: What, names: Sequence[str]) -> str:
        """Why it was not taken; empty where it was."""
        body = {"message": message, "recipient": recipient, what.value: list(names)}
        try:
            sink = messages_to(self._sinks, self._policy, recipient)
            sink.deliver(Part(message, recipient, json.dumps(body).encode()))
        except CloudSyncError as error:  # the others are told all the same, and this one at the next sweep
            return str(error)
        except Exception as error:  # [somebody's own sink that stops the sweep]
            return f"{recipient} did not take it: {type(error).__name__}"
        return ""

    def _note(self, recipient: str, what: What, subject: str, count: int, reason: str) -> None:
        detail = (("recipient", recipient), ("action", what.value), ("count", count), ("reason", reason))
        self._audit.append(AuditEvent(Kind.RECIPIENT_TOLD.value, self._clock.now(), WHO, subject, detail))

    def _of(self, delivery: Delivery) -> str:
        """The category of what was told."""
        record = delivery.source.removeprefix("record/")
        if record != delivery.source:
            parts = self._database.parts(record)
            return parts[0].category if parts else ""
        rules = [rule for rule in self._policy.rules if rule.stream is not None and delivery.purpose in rule.purposes]
        return rules[0].category if rules else ""


def _may_have(delivery: Delivery) -> bool:
    """Whether the recipient took some of it, or may have: what was sent may have arrived, although its answer was lost."""
    return delivery.parts > 0 or delivery.state is DeliveryState.BEGUN


def _alone(kind: RecipientKind) -> bool:
    return kind is RecipientKind.INDEPENDENT_CONTROLLER
