"""Generic records: an integrator registers what belongs to a category of the policy, and the engine keeps its clocks.

A record has a part for each person whom it is about, each sealed under a key of its own: destroying key and row of one person's
part leaves the other's as it is. Like an envelope a part dies as key and row together, keys first.

Restores: the witness beside the tombstones knows whose records were erased and until when; what a backup brings back of them goes
before anything is served (`replay`).
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, KeyDestroyed
from cloud_sync.keys.recordkeys import RecordKeys
from cloud_sync.model import Actor, AuditEvent, LawfulBasis
from cloud_sync.model.keeping import RecordPart, Scope
from cloud_sync.policy import Clock, Policy, Rule
from cloud_sync.records.asked import Asked, Holding, KeptPart
from cloud_sync.retention.clocks import Clocks, Times
from cloud_sync.retention.due import RecordTerms
from cloud_sync.retention.lateness import Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.stores import AuditSink, Database, WitnessStore
from cloud_sync.stores import Clock as Time

ID_BYTES: Final = 12
MOST_CONTENT_BYTES: Final = (
    16 * 2**20
)  # an image or a short clip; what is larger belongs into a store of its own, and its key here
MOST_PEOPLE: Final = 64  # of one record: a group chat; each has a key and a row of their own
MOST_AHEAD_S: Final = 120  # of a record's making: as far as two clocks may differ
WALKED: Final = 10_000  # keys that each sweep holds against their parts: a tenth of a second
CHUNK: Final = 500  # parts in a transaction: ingest waits for one chunk
HOLD: Final = "hold"  # why a part stays after an erasure
TERMS_OF: Final = "records/terms"  # the policy under which the dues were computed
MICRO: Final = 1_000_000  # a witness counts in whole numbers
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)  # pseudonyms, as in the consent ledger


class Records:
    """The records of one installation. `gate` raises `Denied` where a part may not be read; every answer is in its audit log."""

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
    ) -> None:
        self._database = database
        self._keys = keys
        self._policy = policy
        self._time = time
        self._clocks = clocks
        self._terms = RecordTerms(policy, clocks)
        self._audit = audit
        self._witness = witness
        self._gate = gate
        self._holds = holds
        self._walked = ("", "")  # how far the walk over keys has come

    def put(
        self,
        category: str,
        content: Mapping[str, bytes],
        *,
        created_at: float | None = None,
        events: Mapping[Clock, float] | None = None,
        record_id: str | None = None,
    ) -> str:
        """Keep a record; its id. `content` is each person's own part, by subject; `events` what is known of the record by now.

        ConfigError for a category that is not in the policy, or that a device feeds, and for what is no pseudonym.
        """
        if not self._terms.rules(category):
            raise ConfigError(f"{category}: no category of records in the policy; what has no rule is not kept")
        self._check(content)
        now = self._time.now()
        made = now if created_at is None else created_at
        if not 0 <= made <= now + MOST_AHEAD_S:
            raise ConfigError("created_at lies in the future or before 1970; name Unix seconds")
        name = _identifier(record_id or secrets.token_hex(ID_BYTES), "record")
        with self._database.transaction():
            if self._database.parts(name):
                raise ConfigError(f"{name}: there is such a record already; a record is never written over")
            for kind, at in (events or {}).items():
                self._clocks.note(kind, record=name, at=at)
            for subject, part in content.items():
                sealed = self._keys.seal(name, subject, part, _about(category, made))
                new = RecordPart(name, subject, category, made, sealed, None, put_at=now)
                self._database.put_part(self._dated(new))
        return name

    def note(
        self, kind: Clock | str, *, subject: str = "", record: str = "", at: float | None = None, source: str = ""
    ) -> None:
        """Something happened that starts a clock (`Clocks.note`); the parts concerned get their new due."""
        with self._database.transaction():
            self._clocks.note(kind, subject=subject, record=record, at=at, source=source)
            parts = self._database.parts_of(subject) if subject else self._database.parts(record)
            for part in parts:
                self._database.put_part(self._dated(part))

    def read(self, record_id: str, *, actor: Actor, purpose: str, subject: str, recipient: str | None = None) -> bytes:
        """A person's part of a record, if the gate lets it out; `Denied`, or KeyDestroyed where it is gone."""
        part = next((each for each in self._database.parts(record_id) if each.subject == subject), None)
        if part is None:  # asked all the same [who tries ids to learn which there are]
            now = self._time.now()
            self._gate(Asked(actor, purpose, self._likely(purpose), subject, now, now, "", recipient, found=False))
            raise KeyDestroyed("no such record of this person, or not any more")
        self._gate(
            Asked(
                actor,
                purpose,
                part.category,
                subject,
                part.created_at,
                self._started(part, purpose),
                self._closed(part, purpose),
                recipient,
                # The gate knows the rule's own term; cap and other bounds are in the due [a hold keeps, and a sweep is late].
                over=part.due is not None and part.due <= self._time.now(),
            )
        )
        return self._keys.open(record_id, subject, part.sealed, _about(part.category, part.created_at))

    def of(self, subject: str, category: str | None = None) -> list[RecordPart]:
        """What there is of a person: ids, categories and dates, nothing of the content."""
        return [replace(part, sealed=b"") for part in self._database.parts_of(subject, category)]

    # Erasure

    def erase(self, subject: str, *, actor: str) -> tuple[int, list[KeptPart]]:
        """Erase a person's parts: how many went, and what stays, restricted, for a law or a hold."""
        now = self._time.now()
        self._witness.raise_witness(_erased(subject), round(now * MICRO), b"")
        with self._database.transaction():
            gone, kept = self._erase(subject, now)
            self.log_kept(subject, actor=actor)
        return gone, kept

    def destroy(self, subject: str, until: float) -> int:
        """The same as a part of the person's whole erasure, inside its transaction, of what came in up to that Unix second; events
        that started clocks go with the last part. How many parts went.
        """
        gone, kept = self._erase(subject, until)
        if not kept:
            self._database.remove_clock_events(Scope.SUBJECT, subject)
        return gone

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
            seen = self._witness.witness(_erased(subject))
            if seen is not None:
                with self._database.transaction():
                    gone += self._erase(subject, seen[0] / MICRO)[0]
        return gone

    def destroy_orphans(self, most: float = math.inf) -> int:
        """Destroy keys whose parts are gone, which a restored key store has brought back or a failed `put` left; how many.

        All of them, or about as many as `most`, from where the last call of this process stopped.
        """
        gone = looked_at = 0
        if most == math.inf:
            self._walked = ("", "")
        while looked_at < most:
            # Inside the transaction in which a part is put [its key is there before its row].
            with self._database.transaction():
                page = self._keys.names(self._walked, CHUNK)
                dead = [name for name in page if not self._database.has_part(*name)]
                gone += self._keys.destroy(dead) if dead else 0
            looked_at += len(page)
            self._walked = page[-1] if len(page) == CHUNK else ("", "")
            if len(page) < CHUNK:
                break
        return gone

    # The sweep

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Destroy the parts whose term is over."""
        self._redate()
        self.destroy_orphans(WALKED)
        gone = kept = 0
        after: tuple[float, str, str] | None = None
        while True:
            with self._database.transaction():
                page = self._database.parts_due(now, CHUNK, after)
                held = self._holds.view()
                dead = [part for part in page if held.held_record(*_what(part)) is None]
                self._destroy(dead)
            gone, kept = gone + len(dead), kept + len(page) - len(dead)
            for part in dead:
                due = now if part.due is None else part.due
                lateness.took(due, now, held.record_released_after(*_what(part), due) if now > due else None)
            if len(page) < CHUNK:
                return Gone(records=gone, held=kept)
            after = (page[-1].due or 0.0), page[-1].record_id, page[-1].subject

    def _redate(self) -> None:
        """Every due anew, once, when another policy is in force than the one under which they were computed."""
        if self._database.mark(TERMS_OF) == self._policy.hash:
            return
        after = ("", "")
        while True:
            with self._database.transaction():
                page = self._database.parts_after(after, CHUNK)
                for part in page:
                    self._database.put_part(self._dated(part))
            if len(page) < CHUNK:
                break
            after = page[-1].record_id, page[-1].subject
        self._database.set_mark(TERMS_OF, self._policy.hash)

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
                self._database.remove_clock_events(Scope.RECORD, record_id)

    def _dated(self, part: RecordPart) -> RecordPart:
        rules = self._terms.rules(part.category)
        if part.ground == LawfulBasis.LEGAL_OBLIGATION.value:
            rules = tuple(rule for rule in rules if rule.basis is LawfulBasis.LEGAL_OBLIGATION)
        if part.ground == HOLD:
            return part
        return replace(part, due=self._terms.due(rules, part.created_at, *self._times(part)))

    def _times(self, part: RecordPart) -> tuple[Times, Times]:
        return self._clocks.times(Scope.RECORD, part.record_id), self._clocks.times(Scope.SUBJECT, part.subject)

    def _rule(self, part: RecordPart, purpose: str) -> Rule | None:
        return next((rule for rule in self._terms.rules(part.category) if purpose in rule.purposes), None)

    def _started(self, part: RecordPart, purpose: str) -> float | None:
        rule = self._rule(part, purpose)
        return self._terms.started(rule, part.created_at, *self._times(part)) if rule else None

    def _closed(self, part: RecordPart, purpose: str) -> str:
        """Why a restricted part may not be read for a purpose: only for that of the law that keeps it."""
        rule = self._rule(part, purpose)
        lawful = rule is not None and rule.basis is LawfulBasis.LEGAL_OBLIGATION
        return "" if lawful and part.ground == LawfulBasis.LEGAL_OBLIGATION.value else part.ground

    def _likely(self, purpose: str) -> str:
        """The category that a record for a purpose is of, so that one that is not there is decided like one that is."""
        rules = [rule for rule in self._policy.rules if rule.stream is None]
        best = sorted(rules, key=lambda rule: purpose not in rule.purposes)
        return best[0].category if best else ""

    def _check(self, content: Mapping[str, bytes]) -> None:
        if not 1 <= len(content) <= MOST_PEOPLE:
            raise ConfigError(f"a record is about one to {MOST_PEOPLE} people: give each their own part")
        for subject, part in content.items():
            _identifier(subject, "subject")
            if len(part) > MOST_CONTENT_BYTES:
                raise ConfigError(f"a part has at most {MOST_CONTENT_BYTES} bytes")

    def _people(self) -> list[str]:
        found: set[str] = set()
        after = ("", "")
        while page := self._database.parts_after(after, CHUNK):
            found |= {part.subject for part in page}
            after = page[-1].record_id, page[-1].subject
        return sorted(found)


def _identifier(text: str, what: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise ConfigError(
            f"{what}: write 1 to 64 letters, digits and . _ : - (a pseudonym, never a name or an address)"
        )
    return text


def _what(part: RecordPart) -> tuple[str, str, float]:
    return part.subject, part.category, part.created_at


def _came_after(part: RecordPart, until: float) -> bool:
    """Whether a part came in after that moment [a record's making may be dated back]."""
    return part.put_at > until if part.put_at else part.created_at > until + MOST_AHEAD_S


def _about(category: str, created_at: float) -> bytes:
    return f"{category}/{created_at!r}".encode()


def _erased(subject: str) -> str:
    return f"records/{hashlib.sha256(subject.encode()).hexdigest()}"
