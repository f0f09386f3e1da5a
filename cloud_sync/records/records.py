"""Generic records: an integrator registers what belongs to a category of the policy, and the engine keeps its clocks.

A record has a part for each person whom it is about, each sealed under a key of its own: destroying key and row of one person's
part leaves the other's as it is. Like an envelope a part dies as key and row together, keys first.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied, KeyDestroyed
from cloud_sync.model import Action, Actor, AuditEvent, LawfulBasis, Precision
from cloud_sync.model.keeping import CONTRACTS, RecordPart, Scope
from cloud_sync.policy import Clock, Rule
from cloud_sync.policy.vocabulary import POSITION_FIELDS
from cloud_sync.records.asked import Asked
from cloud_sync.records.erasing import CHUNK, MOST_AHEAD_S, RecordErasure
from cloud_sync.records.taking import refusal
from cloud_sync.records.totals import Totals
from cloud_sync.retention.clocks import GROUNDS
from cloud_sync.retention.grounds import WITNESSED
from cloud_sync.retention.lateness import Lateness
from cloud_sync.retention.report import Gone

ID_BYTES: Final = 12
ACTOR: Final = "records"
MOST_CONTENT_BYTES: Final = (
    16 * 2**20
)  # an image or a short clip; what is larger belongs into a store of its own, and its key here
MOST_PEOPLE: Final = 64  # of one record: a group chat; each has a key and a row of their own
WALKED: Final = 10_000  # keys that each sweep holds against their parts: a tenth of a second
TERMS_OF: Final = "records/terms"  # the policy under which the dues were computed
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)  # pseudonyms, as in the consent ledger


class Records(RecordErasure):
    """The records of one installation. `gate` raises `Denied` where a part may not be read; every answer is in its audit log."""

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

        ConfigError for a category that is not in the policy, or that a device feeds, and for what is no pseudonym;
        `Denied`, and an entry in the log, for what is not taken (`taking`).
        """
        if not self._terms.rules(category):
            raise ConfigError(f"{category}: no category of records in the policy; what has no rule is not kept")
        self._check(content)
        now = self._time.now()
        made = now if created_at is None else created_at
        if not 0 <= made <= now + MOST_AHEAD_S:
            raise ConfigError("created_at lies in the future or before 1970; name Unix seconds")
        self._admit(category, content, made)
        name = _identifier(record_id or secrets.token_hex(ID_BYTES), "record")
        with self._database.transaction():
            if self._database.parts(name):
                raise ConfigError(f"{name}: there is such a record already; a record is never written over")
            for kind, at in (events or {}).items():
                self._clocks.note(kind, record=name, at=at)
            for subject, part in content.items():
                sealed = self._keys.seal(name, subject, part, _about(category, made))
                new = RecordPart(name, subject, category, made, sealed, None, put_at=now, people=len(content))
                self._database.put_part(self._dated(new))
        return name

    def note(
        self, kind: Clock | str, *, subject: str = "", record: str = "", at: float | None = None, source: str = ""
    ) -> None:
        """Something happened that starts a clock (`Clocks.note`); the parts concerned get their new due."""
        with self._database.transaction():
            event = self._clocks.note(kind, subject=subject, record=record, at=at, source=source)
            self.grounds.put_back(
                event.scope, event.key
            )  # of a person whom a restored store did not know, and who came again
            self._date_again(event.scope, event.key)
            changed = subject and kind in GROUNDS
            if changed:  # whoever keeps an answer of the gate asks anew
                self._database.set_mark(CONTRACTS, secrets.token_hex(ID_BYTES))
        if kind in WITNESSED:
            self.grounds.note(event.scope, event.key)
        if changed:
            self._settle(subject)

    def recall(self) -> list[str]:
        """Put back ends of grounds that a restored database does not know, inside its transaction; the people they are of."""
        found = self.behind()
        for scope, key in found:
            self.grounds.put_back(scope, key)
            self._date_again(scope, key)
        self._database.set_mark(CONTRACTS, secrets.token_hex(ID_BYTES))
        return [key for scope, key in found if scope is Scope.SUBJECT]

    def behind(self) -> list[tuple[Scope, str]]:
        """Whoever, and whichever record, misses an end of a ground in a restored database."""
        return list(self.grounds.lost(self._named()))

    def _named(self) -> Iterator[tuple[Scope, str]]:
        yield from ((Scope.SUBJECT, subject) for subject in sorted(self._database.named()))
        after = ("", "")
        while page := self._database.parts_after(after, CHUNK):
            yield from ((Scope.RECORD, name) for name in sorted({part.record_id for part in page}))
            after = page[-1].record_id, page[-1].subject

    def _date_again(self, scope: Scope, key: str) -> None:
        for part in self._database.parts_of(key) if scope is Scope.SUBJECT else self._database.parts(key):
            self._database.put_part(self._dated(part))

    def read(
        self,
        record_id: str,
        *,
        actor: Actor,
        purpose: str,
        subject: str,
        recipient: str | None = None,
        fields: frozenset[str] = frozenset(),
        reference: str = "",
    ) -> bytes:
        """A person's part of a record, if the gate lets it out; `Denied`, or KeyDestroyed where it is gone.

        `fields` and `reference` are for the gate: whoever hands on a part of the contents says which.
        """
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
                fields=fields,
                reference=reference,
                record=record_id,
                precision=self._told_exactly(part, purpose, fields),
            )
        )
        return self._keys.open(record_id, subject, part.sealed, _about(part.category, part.created_at))

    def rewrite(self, record_id: str, subject: str, content: bytes) -> RecordPart:
        """A person's part with other content, inside the caller's transaction; the old value is left in backups alone.

        Whoever calls it has asked the gate and tells the log (`access.corrections`). KeyDestroyed where there is no such part.
        """
        part = next((each for each in self._database.parts(record_id) if each.subject == subject), None)
        if part is None:
            raise KeyDestroyed("no such record of this person, or not any more")
        self._check({subject: content})
        sealed = self._keys.seal_again(record_id, subject, content, _about(part.category, part.created_at))
        changed = replace(part, sealed=sealed)
        self._database.put_part(changed)
        return changed

    def contents(self, part: RecordPart) -> bytes:
        """What is in a part, for statistics; whoever calls it has asked the gate. KeyDestroyed where its key is gone."""
        return self._keys.open(part.record_id, part.subject, part.sealed, _about(part.category, part.created_at))

    # The sweep

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Destroy the parts whose term is over."""
        self._redate()
        self.destroy_orphans(WALKED)
        Totals(self._database, self._policy, self._total).take(now)
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

    def _total(self, category: str, content: Mapping[str, bytes], name: str) -> None:
        self.put(category, content, record_id=name)

    def _admit(self, category: str, content: Mapping[str, bytes], made: float) -> None:
        found = refusal(self._policy, self._terms.rules(category), content, made, self.contract_ended)
        if found is None:
            return
        reason, why, subject = found
        detail = ("action", Action.INGEST.value), ("category", category), ("reason", reason.value), ("count", 0)
        self._audit.append(AuditEvent(Kind.GATE_DENIED.value, self._time.now(), ACTOR, subject, detail))
        raise Denied(reason, f"denied: {reason.value}: {why}")

    def _rule(self, part: RecordPart, purpose: str) -> Rule | None:
        return next((rule for rule in self._terms.rules(part.category) if purpose in rule.purposes), None)

    def _told_exactly(self, part: RecordPart, purpose: str, fields: frozenset[str]) -> Precision | None:
        """A position in a record cannot be made coarser here: where it is asked for, it is asked for exactly."""
        rule = self._rule(part, purpose)
        if rule is None or not rule.has_position or (fields and POSITION_FIELDS.isdisjoint(fields)):
            return None
        return Precision.EXACT

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


def _identifier(text: str, what: str) -> str:
    if not _IDENTIFIER.fullmatch(text):
        raise ConfigError(
            f"{what}: write 1 to 64 letters, digits and . _ : - (a pseudonym, never a name or an address)"
        )
    return text


def _what(part: RecordPart) -> tuple[str, str, float]:
    return part.subject, part.category, part.created_at


def _about(category: str, created_at: float) -> bytes:
    return f"{category}/{created_at!r}".encode()
