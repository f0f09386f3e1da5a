"""The desk of notices: what was published, who received it, and who is owed one.

Invariants, each with the harm that it stops:

1. A notice comes into force with its policy, once, and what it changes is the difference of two files [a silent change].
2. A receipt is an act of the person, or of a child's parent [an employer who certifies that everybody knows].
3. Where the policy asks for receipts nothing is captured before one, on the device and at ingest [a tracker that senses from its
   first power on]. Of what the person was told before a significant change nothing counts after it.
4. Whoever was told of by somebody else is told within the policy's term, or their data is restricted until they are (GDPR Art. 14).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent.record import Evidence, identifier
from cloud_sync.errors import ConsentError
from cloud_sync.model.keeping import Ground
from cloud_sync.model.notices import NoticeReceipt, NoticeSource, Publication
from cloud_sync.notices.informed import informed, owed_since, turning_points
from cloud_sync.policy import Period, Policy, diff
from cloud_sync.restriction import Restrictions
from cloud_sync.retention.civil import zone_of
from cloud_sync.stores import Clock, Database

Outgoing = Sequence[tuple[str, bytes]]
ID_BYTES: Final = 16
COMPANY: Final = "controller"
RETENTION: Final = "retention"
UNKNOWN: Final = "unknown"  # what has changed against a policy that the archive does not have any more
LEDGER: Final = "consent_ledger"  # category whose term receipts have: both are proof of what a person was told or said
PROOF: Final = Period.parse("P3Y")


@dataclass(frozen=True, slots=True)
class Owed:
    """A notice that a person is owed: since when, what it changes, who gave their data, and when they must have been told.

    `changes` is empty for whoever never received one; `due_at` None where nobody else gave the data.
    """

    subject: str
    version: str
    since: float
    changes: tuple[str, ...]
    purposes: tuple[str, ...]
    source: str = ""
    due_at: float | None = None


@dataclass(frozen=True, slots=True)
class Banner:
    """A significant change that is shown until `until`, to everybody."""

    version: str
    since: float
    until: float
    changes: tuple[str, ...]
    purposes: tuple[str, ...]


class NoticeDesk:
    """The notices of one installation under its policy."""

    def __init__(
        self,
        *,
        database: Database,
        audit: AuditLog,
        clock: Clock,
        policy: Policy,
        policies: Callable[[str], Policy | None],
        restrictions: Restrictions,
        child: Callable[[str], bool],
        people: Callable[[], Sequence[str]],
        settle: Callable[[str], Outgoing],
        done: Callable[[str, Outgoing], None],
    ) -> None:
        """`settle` brings a person's devices in line, inside the transaction; `done` hears of it after the commit. `child` says of
        whom a parent receives; `people` names everybody of whom there is something.
        """
        self._database = database
        self._audit = audit
        self._clock = clock
        self._policy = policy
        self._policies = policies
        self._restrictions = restrictions
        self._child = child
        self._people = people
        self._settle = settle
        self._done = done
        #: Whether nothing is captured before a receipt.
        self.required = policy.parameters.flag("notice.receipt_required")
        self._within = policy.parameters.period("notice.provided_within")
        self._banner = policy.parameters.period("notice.banner")
        self._terms = [rule.retention for rule in policy.rules_of(LEDGER)] or [PROOF]
        self._zone = zone_of(policy.country)

    # What is published

    def publish(self) -> Publication | None:
        """The notice of the policy in force is in force, from its first opening on; None if it was already."""
        published = self._database.publications()
        last = published[-1] if published else None
        if last is not None and last.policy == self._policy.hash:
            return None
        now = max(self._clock.now(), last.at if last else 0.0)
        changes, purposes = self._changed(last)
        until = self._banner.end(now, self._zone) if changes else now
        previous = last.policy if last else ""
        made = Publication(self._policy.notice, self._policy.hash, previous, now, changes, purposes, until)
        with self._database.transaction():
            self._database.add_publication(made)
            if last is not None:  # that the first policy was loaded is in the log already
                kind = Kind.NOTICE_PUBLISHED.value
                self._audit.record(kind, COMPANY, notice=made.version, policy=made.policy, count=len(changes))
        return made

    def _changed(self, last: Publication | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Aspects that changed significantly, and purposes whose consents end with it (V-33)."""
        if last is None:
            return (), ()
        before = self._policies(last.policy)
        if before is None:  # [a lost archive must not make a change look small]
            return (UNKNOWN,), ()
        found = diff(before, self._policy)
        aspects = sorted({each.aspect.value for each in found.significant})
        return tuple(aspects), tuple(sorted({*found.asked_anew, *found.ended}))

    def published(self) -> list[Publication]:
        """Every notice that came into force, in order."""
        return self._database.publications()

    def banner(self) -> Banner | None:
        """The significant change that is shown now, to everybody; None once its term is over."""
        now = self._clock.now()
        shown = [each for each in self.published() if each.changes and each.at <= now < each.banner_until]
        if not shown:
            return None
        changes = {word for each in shown for word in each.changes}
        purposes = {word for each in shown for word in each.purposes}
        last = shown[-1]
        return Banner(last.version, last.at, last.banner_until, tuple(sorted(changes)), tuple(sorted(purposes)))

    # Who was told

    def receive(self, subject: str, evidence: Evidence) -> NoticeReceipt:
        """A person was shown the notice in force; what it kept closed or restricted opens.

        ConsentError for another version or language, and for whoever is neither the person nor the parent of a child.
        """
        evidence.check()
        identifier(subject, "subject")
        policy = self._policy
        if evidence.notice != policy.notice:
            raise ConsentError(f"notice {evidence.notice} is not in force: show {policy.notice}")
        if evidence.language not in policy.languages:
            raise ConsentError(
                f"the notice does not exist in {evidence.language}; show one of {', '.join(policy.languages)}"
            )
        if evidence.entity_id != subject and not self._child(subject):
            raise ConsentError("a notice is received by the person: what somebody else says of it is no receipt")
        published = self.published()
        now = max(self._clock.now(), published[-1].at if published else 0.0)  # [a clock that was set back]
        made = NoticeReceipt(
            *(secrets.token_hex(ID_BYTES), subject, policy.notice, policy.hash, now),
            *(evidence.entity_id, evidence.channel, evidence.act, evidence.language),
        )
        with self._database.transaction():
            self._database.add_notice_receipt(made)
            self._audit.record(
                *(Kind.NOTICE_RECEIVED.value, evidence.entity_id, subject),
                notice=made.version,
                policy=made.policy,
                record=made.receipt_id,
                channel=made.channel,
                language=made.language,
            )
            outgoing = self._settle(subject)
        self._done(subject, outgoing)
        for each in self._restrictions.in_force(subject):
            if each.ground is Ground.NOTICE_OVERDUE:
                self._restrictions.lift(each.restriction_id, by=RETENTION, told=True)
        return made

    def receipts(self, subject: str) -> list[NoticeReceipt]:
        """What a person received, in order."""
        return self._database.notice_receipts(subject)

    def informed(self, subject: str, at: float | None = None) -> bool:
        """Whether a person had been told of the notice in force at that Unix second; now if none is named."""
        moment = self._clock.now() if at is None else at
        return informed(self.receipts(subject), self.published(), moment)

    def closed(self, subject: str) -> bool:
        """Whether nothing may be sensed of a person because they have not been told."""
        if not self.required:
            return False
        receipts, published = self.receipts(subject), self.published()
        last = max((each.at for each in receipts), default=0.0)  # [a clock behind the receipt]
        return not informed(receipts, published, max(self._clock.now(), last))

    def turning_points(self, subject: str) -> list[float]:
        """Unix seconds at which whether a person had been told can change; none where the policy asks for no receipt."""
        return turning_points(self.receipts(subject), self.published()) if self.required else []

    # Who is owed a notice

    def owed(self, subject: str) -> Owed | None:
        """The notice that a person is owed, or None if they have it."""
        now, published, receipts = self._clock.now(), self.published(), self.receipts(subject)
        last = owed_since(published, now)
        if last is None or informed(receipts, published, now):
            return None
        source = self.source(subject)
        due = self._due(source, last) if source else None
        changes, purposes = (last.changes, last.purposes) if receipts else ((), ())
        return Owed(subject, self._policy.notice, last.at, changes, purposes, source.source if source else "", due)

    def all_owed(self) -> list[Owed]:
        """Everybody who is owed one, by name."""
        known = {*self._people(), *(each.subject for each in self._database.notice_sources())}
        return [owed for subject in sorted(known) if (owed := self.owed(subject)) is not None]

    def provided(self, subject: str, source: str) -> NoticeSource:
        """Somebody else, for instance an employer, gave a person's data: told within `notice.provided_within` (Art. 14(3))."""
        made = NoticeSource(identifier(subject, "subject"), identifier(source, "source"), self._clock.now())
        with self._database.transaction():
            self._database.put_notice_source(made)
            self._audit.record(Kind.NOTICE_PROVIDED.value, made.source, subject, notice=self._policy.notice)
        return self._database.notice_sources(subject)[0]

    def source(self, subject: str) -> NoticeSource | None:
        """Who gave a person's data, if anybody else did (Art. 15(1)(g))."""
        return next(iter(self._database.notice_sources(subject)), None)

    # What time brings

    def restrict_overdue(self) -> int:
        """Restrict whoever somebody else told of and who was not told in time; how many, now."""
        now, count = self._clock.now(), 0
        last = owed_since(self.published(), now)
        for each in self._database.notice_sources():
            if last is None or now < self._due(each, last) or self.informed(each.subject, now):
                continue
            if any(there.ground is Ground.NOTICE_OVERDUE for there in self._restrictions.in_force(each.subject)):
                continue
            self._restrictions.restrict(each.subject, Ground.NOTICE_OVERDUE, by=RETENTION, reference=each.source)
            self._audit.record(Kind.NOTICE_OVERDUE.value, RETENTION, each.subject, notice=self._policy.notice)
            count += 1
        return count

    def expire(self) -> int:
        """Destroy receipts whose term, that of the ledger, is over since a later one, or without a device in use; how many."""
        before = min(term.before(self._clock.now(), self._zone) for term in self._terms)
        dead = self._database.notice_receipts_outlived(before)
        return self._database.remove_notice_receipts(dead) if dead else 0

    def _due(self, source: NoticeSource, last: Publication) -> float:
        return self._within.end(max(source.at, last.at), self._zone)
