"""What is erased of records, and what stays of them, restricted: the half of `Records` that destroys.

A part dies as key and row together, keys first. Restores: the witness beside the tombstones knows whose records were erased and
until when; what a backup brings back of them goes before anything is served (`replay`).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.keys.recordkeys import RecordKeys
from cloud_sync.model import AuditEvent, LawfulBasis
from cloud_sync.model.keeping import ClockEvent, RecordPart, Scope
from cloud_sync.policy import Clock, Policy, Rule
from cloud_sync.records.asked import Asked, Holding, KeptPart
from cloud_sync.retention.clocks import Clocks, Times, contract_changes
from cloud_sync.retention.due import RecordTerms
from cloud_sync.retention.grounds import GroundWitness
from cloud_sync.retention.walk import RECORD_KEYS, Walk
from cloud_sync.stores import AuditSink, Database, WitnessStore
from cloud_sync.stores import Clock as Time

MOST_AHEAD_S: Final = 120  # of a record's making: as far as two clocks may differ
NO_KEY: Final = ("", "")  # the place before all keys
CHUNK: Final = 500  # parts in a transaction: ingest waits for one chunk
HOLD: Final = "hold"  # why a part stays after an erasure
NEEDED: Final = frozenset({LawfulBasis.CONTRACT, LawfulBasis.LEGAL_OBLIGATION})  # what stays while a contract runs
MICRO: Final = 1_000_000  # a witness counts in whole numbers


def _settled(_subject: str) -> None:
    return


def _never_ended(_subject: str, _purposes: Collection[str], _made_at: float) -> float | None:
    return None


class RecordErasure:
    """Erasures over the parts of one installation, and what they leave."""

    def __init__(
        self,
        *,
        database: Database,
        keys: RecordKeys,
        policy: Policy,
        time: Time,
        clocks: Clocks,
        audit: AuditSink,
        witness: WitnessStore,
        gate: Callable[[Asked], None],
        holds: Holding,
        settle: Callable[[str], None] = _settled,
        ended: Callable[[str, Collection[str], float], float | None] = _never_ended,
    ) -> None:
        """`settle` brings a person's devices in line with a contract that began or ended. `ended(subject, purposes, made_at)`: when
        the last of these consents ended that kept something of then, None while one goes on.
        """
        self._settle = settle
        self._database = database
        self._keys = keys
        self._policy = policy
        self._time = time
        self._clocks = clocks
        self._terms = RecordTerms(policy, clocks)
        self._audit = audit
        self._witness = witness
        self.grounds = GroundWitness(database, witness, time)
        self._gate = gate
        self._ended = ended
        groups = {rule.category: policy.rules_of(rule.category) for rule in policy.rules if rule.stream is None}
        #: Categories that consents keep, and nothing else.
        self._on_consent = tuple(
            name for name, rules in groups.items() if all(rule.basis is LawfulBasis.CONSENT for rule in rules)
        )
        self._holds = holds
        self._walk = Walk(database, RECORD_KEYS, NO_KEY)

    def of(self, subject: str, category: str | None = None) -> list[RecordPart]:
        """What there is of a person: ids, categories and dates, nothing of the content."""
        return [replace(part, sealed=b"") for part in self._database.parts_of(subject, category)]

    def contract(self, subject: str) -> tuple[tuple[float, bool], ...]:
        """When the contract with a person began and ended (`clocks.contract_changes`)."""
        return contract_changes(self._clocks.times(Scope.SUBJECT, subject))

    def contract_ended(self, subject: str, at: float | None = None) -> bool:
        """Whether the contract with a person was over at a Unix second, now if none is named."""
        moment = self._time.now() if at is None else at
        changes = [runs for when, runs in self.contract(subject) if when <= moment]
        return bool(changes) and not changes[-1]

    # Erasure

    def erase(self, subject: str, *, actor: str) -> tuple[int, list[KeptPart]]:
        """Erase a person's parts: how many went, and what stays, restricted, for a law or a hold."""
        now = self._time.now()
        self._witness.raise_witness(_erased(subject), round(now * MICRO), b"")
        with self._database.transaction():
            gone, kept = self._erase(subject, now)
            self.log_kept(subject, actor=actor)
        return gone, kept

    def remove(self, record_id: str, subject: str) -> bool:
        """Destroy one part at once, whatever its term: what it was kept for has not come about. False where there is none,
        or a hold keeps it.
        """
        with self._database.transaction():
            part = next((each for each in self._database.parts(record_id) if each.subject == subject), None)
            if part is None or self._holds.view().held_record(subject, part.category, part.created_at) is not None:
                return False
            self._destroy([part])
        return True

    def erase_beside_contract(self, subject: str) -> int:
        """Destroy a person's parts that rest on no contract and that no law or hold keeps; how many. Restored stores hear of it."""
        now = self._time.now()
        self._witness.raise_witness(_beside(subject), round(now * MICRO), b"")
        with self._database.transaction():
            return self._destroy_beside(subject, now)

    def _destroy_beside(self, subject: str, until: float) -> int:
        held, dead = self._holds.view(), []
        for part in self._database.parts_of(subject):
            needed = any(rule.basis in NEEDED for rule in self._terms.rules(part.category))
            kept = held.held_record(subject, part.category, part.created_at) is not None
            if not (needed or kept or part.ground or _came_after(part, until)):
                dead.append(part)
        self._destroy(dead)
        return len(dead)

    def destroy(self, subject: str, until: float) -> int:
        """The same as a part of the person's whole erasure, inside its transaction, of what came in up to that Unix second; events
        that started clocks go with the last part. How many parts went.
        """
        gone, kept = self._erase(subject, until)
        if not kept:
            self.grounds.put_back(Scope.SUBJECT, subject)  # of a restored store: its end is among what is missing
            ended = self._ended_for_devices(subject)
            self.grounds.forget(Scope.SUBJECT, subject, until, ended)
            self._database.remove_clock_events(Scope.SUBJECT, subject)
            if ended is not None:
                self._database.add_clock_event(ended)
        return gone

    def _ended_for_devices(self, subject: str) -> ClockEvent | None:
        """The end of a contract that keeps a device of the person from sensing: without it the device would begin again."""
        changes = self.contract(subject)
        if not changes or changes[-1][1] or all(d.revoked_at is not None for d in self._database.devices_of(subject)):
            return None
        return ClockEvent(Scope.SUBJECT, subject, Clock.RELATION_ENDED.value, changes[-1][0])

    def log_kept(self, subject: str, *, actor: str) -> None:
        """Log what stays of a person, restricted, and why."""
        now = self._time.now()
        for part in self.of(subject):
            if not part.ground:
                continue
            detail: list[tuple[str, str | int]] = [
                ("record", part.record_id),
                ("category", part.category),
                ("reason", part.ground),
            ]
            if part.review_at is not None:
                detail.append(("review_at", int(part.review_at)))
            self._audit.append(AuditEvent(Kind.RECORD_RESTRICTED.value, now, actor, subject, tuple(detail)))

    def _erase(self, subject: str, until: float) -> tuple[int, list[KeptPart]]:
        held, now = self._holds.view(), self._time.now()
        gone: list[RecordPart] = []
        kept: list[KeptPart] = []
        for part in self._database.parts_of(subject):
            if _came_after(part, until):
                continue
            stays = self._stays(part, held.held_record(subject, part.category, part.created_at), now)
            if stays is None:
                gone.append(part)
                continue
            self._database.put_part(stays)
            kept.append(KeptPart(part.record_id, part.category, stays.ground, stays.review_at))
        self._destroy(gone)
        return len(gone), kept

    def _stays(self, part: RecordPart, review_at: float | None, now: float) -> RecordPart | None:
        """The part as it is kept after an erasure, restricted; None if nothing asks for it."""
        lawful = [rule for rule in self._terms.rules(part.category) if rule.basis is LawfulBasis.LEGAL_OBLIGATION]
        due = self._terms.due(lawful, part.created_at, *self._times(part))
        if lawful and (due is None or due > now):
            return replace(part, due=due, ground=LawfulBasis.LEGAL_OBLIGATION.value, review_at=due)
        return None if review_at is None else replace(part, due=now, ground=HOLD, review_at=review_at)

    def replay(self) -> int:
        """Erase again what was erased, in stores that may be restored ones; how many parts went."""
        gone = 0
        for subject in self._people():
            seen, partly = (self._witness.witness(name(subject)) for name in (_erased, _beside))
            if seen is None and partly is None:
                continue
            with self._database.transaction():
                gone += self._erase(subject, seen[0] / MICRO)[0] if seen is not None else 0
                gone += self._destroy_beside(subject, partly[0] / MICRO) if partly is not None else 0
        return gone

    def destroy_orphans(self, most: float = math.inf) -> int:
        """Destroy keys whose parts are gone, which a restored key store has brought back or a failed `put` left; how many.

        All of them, or about as many as `most`, from where the last call stopped, in whatever process that was.
        """
        gone = looked_at = 0
        after: tuple[str, str] = NO_KEY if most == math.inf else self._walk.after
        while looked_at < most:
            # Inside the transaction in which a part is put [its key is there before its row].
            with self._database.transaction():
                page = self._keys.names(after, CHUNK)
                dead = [name for name in page if not self._database.has_part(*name)]
                gone += self._keys.destroy(dead) if dead else 0
                after = page[-1] if len(page) == CHUNK else NO_KEY
                self._walk.move(after)
            looked_at += len(page)
            if after == NO_KEY:
                break
        return gone

    # Parts

    def _destroy(self, parts: Iterable[RecordPart]) -> None:
        """Keys first, then rows, inside the transaction [a crash in between leaves ciphertext without a key]."""
        names = [(part.record_id, part.subject) for part in parts]
        if not names:
            return
        self._keys.destroy(names)
        self._database.remove_parts(names)
        for record_id in {record_id for record_id, _ in names}:
            if not self._database.parts(record_id):
                self.grounds.forget(Scope.RECORD, record_id, math.inf)
                self._database.remove_clock_events(Scope.RECORD, record_id)

    def _dated(self, part: RecordPart) -> RecordPart:
        rules = self._terms.rules(part.category)
        if part.ground == LawfulBasis.LEGAL_OBLIGATION.value:
            rules = tuple(rule for rule in rules if rule.basis is LawfulBasis.LEGAL_OBLIGATION)
        if part.ground == HOLD:
            return part
        due = self._terms.due(rules, part.created_at, *self._times(part))
        ended = self._consent_end(part, rules)
        return replace(part, due=min((at for at in (due, ended) if at is not None), default=None))

    def answered(self, subject: str) -> None:
        """A person has answered, or an answer has lapsed: what rested on that alone is due from its end on (Art. 17(1)(b))."""
        for category in self._on_consent:
            for part in self._database.parts_of(subject, category):
                dated = self._dated(part)
                if dated != part:
                    self._database.put_part(dated)

    def _consent_end(self, part: RecordPart, rules: Iterable[Rule]) -> float | None:
        """When the last consent that kept a part ended, if nothing else keeps its category."""
        if part.category not in self._on_consent:
            return None
        return self._ended(part.subject, {purpose for rule in rules for purpose in rule.purposes}, part.created_at)

    def _times(self, part: RecordPart) -> tuple[Times, Times]:
        return self._clocks.times(Scope.RECORD, part.record_id), self._clocks.times(Scope.SUBJECT, part.subject)

    def _people(self) -> list[str]:
        found: set[str] = set()
        after = ("", "")
        while page := self._database.parts_after(after, CHUNK):
            found |= {part.subject for part in page}
            after = page[-1].record_id, page[-1].subject
        return sorted(found)


def _came_after(part: RecordPart, until: float) -> bool:
    """Whether a part came in after that moment [a record's making may be dated back]."""
    return part.put_at > until if part.put_at else part.created_at > until + MOST_AHEAD_S


def _beside(subject: str) -> str:
    return f"records-beside-contract/{hashlib.sha256(subject.encode()).hexdigest()}"


def _erased(subject: str) -> str:
    return f"records/{hashlib.sha256(subject.encode()).hexdigest()}"
