"""Restrictions, holds and records as the façade offers them, and how an erasure goes around what is held."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger
from cloud_sync.consent.minors import highest_floor
from cloud_sync.erasure.erase import Eraser, ErasureReceipt
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import Decision, Gate, Request
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.recordkeys import RecordKeys
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.model import UPLINK_STREAMS, Action, AuditEvent, Device, Precision, Reason
from cloud_sync.model_keeping import Ground, Hold, WaitingErasure
from cloud_sync.policy import Policy
from cloud_sync.records import Asked, Records
from cloud_sync.restriction import Holds, Restrictions
from cloud_sync.retention.auditterm import AuditTerm
from cloud_sync.retention.children import ChildTerms
from cloud_sync.retention.clocks import Clocks
from cloud_sync.retention.stepdown import StepDown
from cloud_sync.retention.sweep import Sweeper
from cloud_sync.retention.terms import Terms
from cloud_sync.stores import Clock, Database, KeyDatabase, TombstoneStore, WitnessStore

Outgoing = Sequence[tuple[str, bytes]]
Interval = tuple[float | None, float | None]  # Unix seconds; None: without a bound
ID_BYTES = 10
RETENTION = "retention"


class _Everybody:
    """A device table for the gate's question about records, which come from no device: whoever has a record is known."""

    def devices_of(self, subject: str) -> list[Device]:
        """One that stands for the record."""
        return [Device("record", subject, 0, 0.0)]


class Keeping:
    """What keeps data from being used, and what keeps it from being destroyed."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        kek: KeyEncryptionKey,
        witness: WitnessStore,
        policy: Policy,
        ledger: ConsentLedger,
        clock: Clock,
        audit: AuditLog,
        settle: Callable[[str], Outgoing],
        done: Callable[[str, Outgoing], None],
    ) -> None:
        """`settle` brings a person's devices in line, inside the transaction; `done` hears of it after the commit."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._policy = policy
        self._ledger = ledger
        self.restrictions = Restrictions(database, audit, clock, witness, settle=settle, done=done)
        categories: dict[int, frozenset[str]] = {
            stream: frozenset(rule.category for rule in policy.rules_of_stream(stream)) for stream in UPLINK_STREAMS
        }
        self.holds = Holds(database, audit, clock, witness, categories)
        self.records = Records(
            database=database,
            keys=RecordKeys(store, kek),
            policy=policy,
            time=clock,
            clocks=Clocks(database, policy, clock),
            audit=audit,
            witness=witness,
            gate=self._demand,
            holds=self.holds,
        )
        self._gate: Gate | None = None

    def behind(self, gate: Gate) -> None:
        """Ask this gate about records as well: the same policy, ledger and facts, and no device."""
        self._gate = Gate(self._policy, self._ledger, _Everybody(), known=gate._known)  # type: ignore[arg-type]

    def sweeper(self, store: KeyDatabase, keys: LadderKeys, tombstones: TombstoneStore, terms: Terms) -> Sweeper:
        """The sweep that keeps every clock: of streams, of children, of records, of the audit log."""
        database = self._database
        children = ChildTerms(
            database=database,
            keys=keys,
            stepdown=StepDown(database=database, store=store, keys=keys, tombstones=tombstones, terms=terms),
            term=self._policy.children.safeguards.retention_max,
            children=self._children,
            holds=self.holds,
        )
        return Sweeper(
            database=database,
            store=store,
            keys=keys,
            tombstones=tombstones,
            terms=terms,
            clock=self._clock,
            audit=self._audit,
            holds=self.holds,
            also=(children, self.records, AuditTerm(database, self._policy)),
        )

    def _children(self) -> list[str]:
        """Everybody who is below the age of consent for some purpose now."""
        # An adult's age is told by itself; only of the others, and of those whose age is lost, the ledger is asked.
        young = {bound.subject for bound in self._database.ages() if bound.at_least < self._highest(bound.country)}
        owners = {device.subject for device in self._database.all_devices()} - young
        known = sorted(young | {owner for owner in owners if self._ledger.bounds(owner).child_lost})
        return [s for s in known if any(self._ledger.child(s, purpose) for purpose in self._policy.purposes)]

    def _highest(self, country: str) -> int:
        return highest_floor(self._policy, country)

    # Records behind the gate

    def _demand(self, asked: Asked) -> None:
        """Allow, or raise `Denied`; the audit log has it before anybody gets anything."""
        now = self._clock.now()
        decision = self._decide(asked, now)
        kind = Kind.GATE_ALLOWED if decision else Kind.GATE_DENIED
        detail: list[tuple[str, str | int]] = [
            ("action", (Action.READ if asked.recipient is None else Action.DISCLOSE).value),
            ("category", asked.category),
            ("purpose", asked.purpose if asked.purpose in self._policy.purposes else "undeclared"),
            ("role", asked.actor.role),
            ("reason", decision.reason.value),
            ("count", int(bool(decision))),
        ]
        if asked.recipient is not None:
            listed = asked.recipient in self._policy.recipients
            detail.append(("recipient", asked.recipient if listed else "unlisted"))
        self._audit.append(AuditEvent(kind.value, now, asked.actor.id, asked.subject, tuple(detail)))
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")

    def _decide(self, asked: Asked, now: float) -> Decision:
        if asked.ground:
            why = f"kept after an erasure for {asked.ground} alone: stored, and not used"
            return Decision(False, Reason.RESTRICTED, Precision.NONE, why)
        if self._gate is None:
            return Decision(False, Reason.PURPOSE_NOT_DECLARED, Precision.NONE, "no gate: nothing is handed out")
        action = Action.READ if asked.recipient is None else Action.DISCLOSE
        request = Request(
            asked.actor,
            asked.purpose,
            action,
            asked.category,
            asked.subject,
            now,
            asked.created_at,
            recipient=asked.recipient,
        )
        return self._gate.ask(request, clock_started_at=asked.clock_started_at)

    # Erasure around holds

    def erase(
        self,
        eraser: Eraser,
        subject: str,
        devices: Sequence[Device],
        start: float | None,
        end: float | None,
        actor: str,
    ) -> ErasureReceipt:
        """Erase what no hold covers now; what one covers waits, restricted, for its release, and the receipt names the hold.

        Where nothing is held this is the eraser's own act.
        """
        if self.holds.lost():
            raise ConfigError(
                "holds are missing from this database, which was restored: place them again and say so with"
                " `byleave sync hold accept`, then erase"
            )
        holds = [hold for hold in self.holds.of_subject(subject) if _touches(hold, start, end)]
        if not holds:
            return eraser.erase(subject, devices, start, end, actor)
        # 1. Durable before anything goes [a crash in between must not forget the rest].
        entry = self._wait(subject, holds, start, end, actor)
        receipts = [
            eraser.erase(subject, [device], first, last, actor, whole=False)
            for device in devices
            for first, last in _around([hold for hold in holds if _about(hold, device)], start, end)
        ]
        names = tuple(hold.hold_id for hold in holds)
        if not receipts:
            now = self._clock.now()
            return ErasureReceipt(subject, now, 0, 0, (), (), 0, 0, 0, entry, names)
        return replace(
            receipts[-1],
            devices=tuple(dict.fromkeys(name for each in receipts for name in each.devices)),
            tombstones=tuple(name for each in receipts for name in each.tombstones),
            envelopes=sum(each.envelopes for each in receipts),
            resealed=sum(each.resealed for each in receipts),
            leaves=sum(each.leaves for each in receipts),
            held=names,
        )

    def _wait(self, subject: str, holds: Sequence[Hold], start: float | None, end: float | None, actor: str) -> int:
        now = self._clock.now()
        waiting = WaitingErasure(secrets.token_hex(ID_BYTES), subject, start, end, now, actor)
        review = min(hold.review_at for hold in holds)
        with self._database.transaction():
            self._database.put_waiting(waiting)
            detail: tuple[tuple[str, str | int], ...] = (("hold", holds[0].hold_id), ("review_at", int(review)))
            entry = self._audit.append(AuditEvent(Kind.ERASURE_HELD.value, now, actor, subject, detail))
        self.restrictions.restrict(
            subject, Ground.ERASURE_HELD, by=actor, reference=waiting.erasure_id, review_at=review
        )
        return entry

    def due_erasures(self) -> Iterator[WaitingErasure]:
        """Erasures that no hold keeps waiting any longer; each is forgotten, its restriction lifted, once it was carried out."""
        for each in self._database.waiting():
            if any(_touches(hold, each.start, each.end) for hold in self.holds.of_subject(each.subject)):
                continue
            yield each
            self._carried_out(each)

    def nothing_waits(self, subject: str) -> bool:
        """Everything of the person is erased: what had waited for a hold is a part of it. Whether anything had."""
        waited = [each for each in self._database.waiting() if each.subject == subject]
        for each in waited:
            self._carried_out(each)
        return bool(waited)

    def _carried_out(self, waiting: WaitingErasure) -> None:
        for restriction in self.restrictions.in_force(waiting.subject):
            if restriction.reference == waiting.erasure_id:
                self.restrictions.lift(restriction.restriction_id, by=RETENTION, told=True)
        self._database.remove_waiting(waiting.erasure_id)

    def note_all(self) -> None:
        """Tell the witness of everything that is committed, at a start."""
        self.holds.note_all()
        self.restrictions.note_all()


def _about(hold: Hold, device: Device) -> bool:
    return hold.device in ("", device.device) and hold.subject in ("", device.subject)


def _touches(hold: Hold, start: float | None, end: float | None) -> bool:
    before = hold.end is not None and start is not None and hold.end <= start
    after = hold.start is not None and end is not None and hold.start >= end
    return not before and not after


def _around(holds: Sequence[Hold], start: float | None, end: float | None) -> list[Interval]:
    """What is left of a span without those of the holds."""
    left: list[Interval] = [(start, end)]
    for hold in holds:
        left = [part for each in left for part in _without(each, hold)]
    return left


def _without(interval: Interval, hold: Hold) -> Iterator[Interval]:
    start, end = interval
    if not _touches(hold, start, end):
        yield interval
        return
    if hold.start is not None and (start is None or start < hold.start):
        yield start, hold.start
    if hold.end is not None and (end is None or hold.end < end):
        yield hold.end, end
