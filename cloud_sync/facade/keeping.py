"""Restrictions, holds and records as the façade offers them, and how an erasure goes around what is held."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.consent import ConsentLedger
from cloud_sync.consent.minors import highest_floor
from cloud_sync.erasure.erase import Eraser, ErasureReceipt
from cloud_sync.errors import ConfigError
from cloud_sync.facade.recordgate import RecordGate
from cloud_sync.gate import Gate
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.keys.recordkeys import RecordKeys
from cloud_sync.keys.wrap import KeyEncryptionKey
from cloud_sync.model import UPLINK_STREAMS, AuditEvent, Device
from cloud_sync.model.keeping import Ground, Hold, WaitingErasure
from cloud_sync.policy import Clock as Event
from cloud_sync.policy import Policy
from cloud_sync.records import Records
from cloud_sync.restriction import Holds, Restrictions
from cloud_sync.restriction.around import Around
from cloud_sync.restriction.waiting import WaitingWitness
from cloud_sync.retention.auditterm import AuditTerm
from cloud_sync.retention.children import ChildTerms
from cloud_sync.retention.clocks import Clocks
from cloud_sync.retention.consentend import ConsentEnds
from cloud_sync.retention.ledgerterm import Answers, LedgerTerm
from cloud_sync.retention.relationcap import RelationCap
from cloud_sync.retention.stepdown import StepDown
from cloud_sync.retention.sweep import Sweeper
from cloud_sync.retention.terms import Terms
from cloud_sync.rights.terms import CaseTerm
from cloud_sync.stores import Clock, Database, KeyDatabase, TombstoneStore, WitnessStore

Outgoing = Sequence[tuple[str, bytes]]
ID_BYTES = 10
RETENTION = "retention"


class Keeping:
    """What keeps data from being used, and what keeps it from being destroyed."""

    _ladder: LadderKeys

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
        self._waiting = WaitingWitness(database, witness)
        self._clock = clock
        self._audit = audit
        self._policy = policy
        self._ledger = ledger
        self.restrictions = Restrictions(database, audit, clock, witness, settle=settle, done=done)
        categories: dict[int, frozenset[str]] = {
            stream: frozenset(rule.category for rule in policy.rules_of_stream(stream)) for stream in UPLINK_STREAMS
        }
        self._around = Around(database, store, categories)
        self.holds = Holds(database, audit, clock, witness, categories, self._released)
        self._settling = settle, done
        self._gate = RecordGate(policy, ledger, clock, audit)
        self.records = Records(
            database=database,
            keys=RecordKeys(store, kek),
            policy=policy,
            time=clock,
            clocks=Clocks(database, policy, clock),
            audit=audit,
            witness=witness,
            gate=self._gate.demand,
            holds=self.holds,
            settle=self._settle,
            ended=ledger.ended_at,
        )

    def behind(self, gate: Gate) -> None:
        """Ask this gate about records as well."""
        self._gate.behind(gate)

    def _released(self, hold: Hold) -> None:
        """A hold that is released starts the clock of what is kept for the claim alone."""
        if hold.subject:
            self.records.note(Event.HOLD_RELEASED, subject=hold.subject, at=hold.released_at)

    def _settle(self, subject: str) -> None:
        """What a person's devices may sense has changed, and they are told."""
        settle, done = self._settling
        with self._database.transaction():
            outgoing = settle(subject)
        done(subject, outgoing)

    def sweeper(
        self, store: KeyDatabase, keys: LadderKeys, tombstones: TombstoneStore, terms: Terms, answers: Answers
    ) -> Sweeper:
        """The sweep that keeps every clock: of streams, of children, of records, of answers, of the audit log."""
        database, self._ladder = self._database, keys
        stepdown = StepDown(database=database, store=store, keys=keys, tombstones=tombstones, terms=terms)
        stores: dict[str, Any] = {"database": database, "store": store, "keys": keys, "stepdown": stepdown}
        children = ChildTerms(
            **stores,
            term=self._policy.children.safeguards.retention_max,
            children=self._children,
            holds=self.holds,
        )
        ends = ConsentEnds(**stores, policy=self._policy, leaves=self._ledger, holds=self.holds)
        ledger = LedgerTerm(
            database=database,
            policy=self._policy,
            clocks=Clocks(database, self._policy, self._clock),
            holds=self.holds,
            answers=answers,
        )
        clocks = Clocks(database, self._policy, self._clock)
        cap = RelationCap(**stores, policy=self._policy, clocks=clocks, holds=self.holds)
        cases = CaseTerm(database, self._policy, self.holds.view)
        return Sweeper(
            database=database,
            store=store,
            keys=keys,
            tombstones=tombstones,
            terms=terms,
            clock=self._clock,
            audit=self._audit,
            holds=self.holds,
            marks=self._ledger.boundaries,
            also=(ends, children, cap, self.records, ledger, cases, AuditTerm(database, self._policy)),
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

    # Erasure around holds

    def erase(
        self,
        eraser: Eraser,
        subject: str,
        devices: Sequence[Device],
        start: float | None,
        end: float | None,
        actor: str,
        until: float = math.inf,
    ) -> ErasureReceipt:
        """Erase what no hold covers now; what one covers waits, restricted, for its release, and the receipt names the hold.

        Where nothing is held this is the eraser's own act; `until` as it has it.
        """
        if self.holds.lost():
            raise ConfigError(
                "holds are missing from this database, which was restored: place them again and say so with"
                " `byleave sync hold accept`, then erase"
            )
        holds = self._in_the_way(subject, start, end)
        spans = {d.device: self._around.free(self._ladder, holds, d, (start, end)) for d in devices}
        with self._resealing(subject, devices, [span for each in spans.values() for span in each], actor):
            if not holds:
                return eraser.erase(subject, devices, start, end, actor, until=until)
            # 1. Durable before anything goes [a crash in between must not forget the rest].
            entry = self._wait(subject, holds, start, end, actor)
            receipts = [
                eraser.erase(subject, [device], first, last, actor, whole=False)
                for device in devices
                for first, last in spans[device.device]
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

    @contextmanager
    def _resealing(
        self, subject: str, devices: Sequence[Device], spans: Sequence[tuple[float | None, float | None]], actor: str
    ) -> Iterator[None]:
        """Log how many envelopes of which hold were sealed anew, with a day that was cut: evidence is the same, and not as it
        came.
        """
        holds = self.holds.of_subject(subject)
        before = self._around.held_rows(self._ladder, holds, devices, spans)
        yield
        for hold_id, names in before.items():
            count = len(names) - self._around.there(names)
            if count:
                detail: tuple[tuple[str, str | int], ...] = (("hold", hold_id), ("resealed", count))
                self._audit.append(AuditEvent(Kind.HOLD_RESEALED.value, self._clock.now(), actor, subject, detail))

    def _wait(self, subject: str, holds: Sequence[Hold], start: float | None, end: float | None, actor: str) -> int:
        now = self._clock.now()
        waiting = WaitingErasure(secrets.token_hex(ID_BYTES), subject, start, end, now, actor)
        review = min(hold.review_at for hold in holds)
        self._waiting.note(waiting)  # [a backup of before would forget that it was asked for]
        with self._database.transaction():
            self._database.put_waiting(waiting)
            detail: tuple[tuple[str, str | int], ...] = (("hold", holds[0].hold_id), ("review_at", int(review)))
            entry = self._audit.append(AuditEvent(Kind.ERASURE_HELD.value, now, actor, subject, detail))
        self.restrictions.restrict(
            subject, Ground.ERASURE_HELD, by=actor, reference=waiting.erasure_id, review_at=review
        )
        return entry

    def _in_the_way(self, subject: str, start: float | None, end: float | None) -> list[Hold]:
        holds = self.holds.of_subject(subject)
        found = self._around.in_the_way(holds, start, end)
        rest = [hold for hold in holds if hold not in found]
        devices = self._database.devices_of(subject)
        return found + self._around.unreadable(self._ladder, rest, devices, (start, end)) if rest else found

    def due_erasures(self) -> Iterator[WaitingErasure]:
        """Erasures that no hold keeps waiting any longer; `carried_out` says of each that it was."""
        for each in self._database.waiting():
            if not self._in_the_way(each.subject, each.start, each.end):
                yield each

    def nothing_waits(self, subject: str, until: float = math.inf) -> bool:
        """Everything of the person is erased: what had waited for a hold, up to that Unix second, is a part of it. Whether
        anything had.
        """
        waited = [each for each in self._database.waiting() if each.subject == subject and each.at <= until]
        for each in waited:
            self.carried_out(each)
        return bool(waited)

    def carried_out(self, waiting: WaitingErasure) -> None:
        """Forget an erasure that waited, and lift its restriction."""
        for restriction in self.restrictions.in_force(waiting.subject):
            if restriction.reference == waiting.erasure_id:
                self.restrictions.lift(restriction.restriction_id, by=RETENTION, told=True)
        self._database.remove_waiting(waiting.erasure_id)
        self._waiting.forget(waiting)

    def replay_waiting(self) -> None:
        """Erasures that wait, and that a restored database does not know, wait again."""
        for each in self._waiting.lost():
            self._database.put_waiting(each)
            self.restrictions.restrict(each.subject, Ground.ERASURE_HELD, by=each.actor, reference=each.erasure_id)

    def note_all(self) -> None:
        """Tell the witness of everything that is committed, at a start."""
        self.holds.note_all()
        self.restrictions.note_all()
        self._waiting.note_all()
        self.records.grounds.note_all()
