"""Restriction of processing (GDPR Art. 18): what is stored stays stored, and nobody uses it until the restriction is lifted.

Invariants, each with the harm that it stops:

1. It holds from the commit on: every question is answered out of the store [a job that goes on with an answer of before].
2. Several hold side by side; the person is restricted until the last is lifted [an objection lifted with a contested address].
3. It is lifted only once the person has been told (Art. 18(3)).
4. The witness beside the tombstones counts them and knows the newest: a database without it was restored, and the person stays
   restricted until somebody lifts that too [a restored backup that forgets an objection]. No newer one makes up for it.

One may be of a single purpose, as an objection is (Art. 21(1)): that purpose is closed, for devices and on every path, and others
go on. What a restored database has lost is never taken to be of one purpose.

A restriction suspends no term: storage may go on (Art. 18(2)), and a policy's term is a promise to the person. Where it must go on
longer, for a claim or because the person opposes the erasure (Art. 18(1)(b), (c)), a hold says so (`holds.py`).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.model import AuditEvent
from cloud_sync.model.keeping import Ground, Restriction
from cloud_sync.stores import AuditSink, Clock, Database, WitnessStore

Outgoing = Sequence[tuple[str, bytes]]
ID_BYTES: Final = 10


def _no_devices(_: str) -> Outgoing:
    return ()


def _nothing_sent(_: str, _outgoing: Outgoing) -> None:
    return


class Restrictions:
    """The restrictions of all persons. Each change is one transaction of state, directives and audit log."""

    def __init__(
        self,
        database: Database,
        audit: AuditSink,
        clock: Clock,
        witness: WitnessStore,
        *,
        settle: Callable[[str], Outgoing] = _no_devices,
        done: Callable[[str, Outgoing], None] = _nothing_sent,
    ) -> None:
        """`settle` brings a person's devices in line, inside the transaction; `done` hears of it after the commit."""
        self._database = database
        self._audit = audit
        self._clock = clock
        self._witness = witness
        self._settle = settle
        self._done = done

    def restrict(
        self,
        subject: str,
        ground: Ground | str,
        *,
        by: str,
        reference: str = "",
        review_at: float | None = None,
        purpose: str = "",
    ) -> Restriction:
        """Restrict from now on, all use or that for one `purpose`; the same ground, reference and purpose again is the one that is
        in force.
        """
        known = _ground(ground)
        for each in self._database.restrictions(subject):
            if (each.ground, each.reference, each.purpose) == (known, reference, purpose):
                return each
        now, name = self._clock.now(), secrets.token_hex(ID_BYTES)
        made = Restriction(name, subject, known, reference, now, by, review_at, purpose=purpose)
        self._keep_lost(subject)
        with self._database.transaction():
            self._database.put_restriction(made)
            self._log(Kind.RESTRICTION_SET, by, made)
            outgoing = self._settle(subject)
        self._note(subject)
        self._done(subject, outgoing)
        return made

    def lift(self, restriction_id: str, *, by: str, told: bool) -> Restriction:
        """Lift one; `told` is the controller's word that the person was informed before (Art. 18(3)).

        ConfigError without it, and for one that is not in force.
        """
        if not told:
            raise ConfigError(
                "a person is told before a restriction is lifted (GDPR Art. 18(3)): tell them, then lift it"
            )
        found = self._database.restriction(restriction_id)
        if found is None or found.lifted_at is not None:
            raise ConfigError("no such restriction is in force")
        lifted = replace(found, lifted_at=self._clock.now(), lifted_by=by)
        with self._database.transaction():
            self._database.put_restriction(lifted)
            self._log(Kind.RESTRICTION_LIFTED, by, lifted)
            outgoing = self._settle(found.subject)
        self._done(found.subject, outgoing)
        return lifted

    def restricted(self, subject: str) -> bool:
        """Whether the person's data may be stored and not used at all, now."""
        return any(not each.purpose for each in self._database.restrictions(subject)) or self.lost(subject)

    def objected(self, subject: str, purpose: str) -> bool:
        """Whether the person's data may not be used for this one purpose, now."""
        return purpose in self.purposes(subject)

    def closed(self, subject: str, purpose: str) -> bool:
        """Whether the person's data may not be used for a purpose, now: that one, or any."""
        return any(each.purpose in ("", purpose) for each in self._database.restrictions(subject)) or self.lost(subject)

    def purposes(self, subject: str) -> frozenset[str]:
        """The purposes for which alone the person's data may not be used, now."""
        return frozenset(each.purpose for each in self._database.restrictions(subject) if each.purpose)

    def in_force(self, subject: str | None = None) -> list[Restriction]:
        """Those in force, of a person or of everybody, oldest first."""
        return self._database.restrictions(subject)

    def forget(self, subject: str, *, again: bool) -> None:
        """Whole-person erasure, inside its transaction: lifted ones go, those in force hold on.

        The witness counts them no more; `again`, in a restored database, it has done so before [one that is lost would not be
        missed].
        """
        seen, lost = self._witness.witness(_name(subject)), self.lost(subject)
        gone = self._database.remove_lifted(subject)
        if gone and seen is not None and not again:
            newest = seen[1] if lost else self._mark(subject)[1]
            self._witness.set_witness(_name(subject), max(0, seen[0] - gone), newest)

    # Restores

    def lost(self, subject: str) -> bool:
        """Whether a restriction of the person is missing from a restored database."""
        count, newest = self._witness.witness(_name(subject)) or (0, b"")
        if count == 0:
            return False
        ids = [each.restriction_id.encode() for each in self._database.restrictions(subject, lifted=True)]
        return len(ids) < count or (newest != b"" and newest not in ids)

    def note_all(self) -> None:
        """Tell the witness what is there, at a start before which a program ended too soon."""
        for subject in {each.subject for each in self._database.restrictions(lifted=True)}:
            self._note(subject)

    def accept_lost(self, subject: str, *, by: str, told: bool) -> None:
        """End the restriction of a person whose own are lost with a database; as `lift`, `told` before."""
        if not told:
            raise ConfigError(
                "a person is told before a restriction is lifted (GDPR Art. 18(3)): tell them, then lift it"
            )
        with self._database.transaction():
            detail = (("reason", "restored"),)
            self._audit.append(AuditEvent(Kind.RESTRICTION_LIFTED.value, self._clock.now(), by, subject, detail))
            self._witness.set_witness(_name(subject), *self._mark(subject))
            outgoing = self._settle(subject)
        self._done(subject, outgoing)

    def _keep_lost(self, subject: str) -> None:
        """Before one is added: what is lost stays so, ahead of the count that will be [it is caught up by a newer one]."""
        seen = self._witness.witness(_name(subject))
        if seen is not None and self.lost(subject):
            self._witness.set_witness(_name(subject), seen[0] + 1, seen[1])

    def _note(self, subject: str) -> None:
        if not self.lost(subject):
            self._witness.raise_witness(_name(subject), *self._mark(subject))

    def _mark(self, subject: str) -> tuple[int, bytes]:
        """How many there are, lifted ones too, and the newest."""
        known = self._database.restrictions(subject, lifted=True)
        return len(known), known[-1].restriction_id.encode() if known else b""

    def _log(self, kind: Kind, by: str, restriction: Restriction) -> None:
        detail: list[tuple[str, str | int]] = [
            ("reason", restriction.ground.value),
            ("record", restriction.restriction_id),
        ]
        if restriction.purpose:
            detail.append(("purpose", restriction.purpose))
        if restriction.review_at is not None:
            detail.append(("review_at", int(restriction.review_at)))
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, restriction.subject, tuple(detail)))


def _ground(ground: Ground | str) -> Ground:
    try:
        return Ground(ground)
    except ValueError:
        raise ConfigError(f"{ground}: no such ground; one of {', '.join(Ground)}") from None


def _name(subject: str) -> str:
    return f"restriction/{hashlib.sha256(subject.encode()).hexdigest()}"
