"""Relations: a planner, a parent or an account holder sees a person's data as long as the relation lasts, and not a second longer.

The row goes with the relation (clause table, section 8, row 17); that there was one stays in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.gate.book import RELATED
from cloud_sync.gate.words import check_word, nothing_told
from cloud_sync.model import Actor, AuditEvent
from cloud_sync.model.access import Relation
from cloud_sync.stores import AuditSink, Clock, Database


class Relations:
    """The relations of one installation. A relation opens nothing by itself: the policy must grant the role something."""

    def __init__(
        self, database: Database, clock: Clock, audit: AuditSink, *, closed: Callable[[], None] = nothing_told
    ) -> None:
        """`closed` hears after each commit that ends a relation."""
        self._database = database
        self._clock = clock
        self._audit = audit
        self._closed = closed

    def begin(self, actor: str, role: str, subject: str, *, by: str) -> Relation:
        """From now on; the same again is the one that there is. ConfigError for a role that needs no relation."""
        if role not in RELATED:
            raise ConfigError(f"role {role} sees nobody by a relation; one of {', '.join(sorted(RELATED))}")
        made = Relation(check_word(actor, "actor"), role, check_word(subject, "subject"), self._clock.now())
        with self._database.transaction():
            known = self._database.relation(actor, role, subject)
            if known is not None:
                return known
            self._database.put_relation(made)
            self._log(Kind.RELATION_BEGUN, by, made)
        return made

    def end(self, actor: str, role: str, subject: str, *, by: str) -> bool:
        """End it now: the next question of the gate is answered without it. False when there was none."""
        with self._database.transaction():
            known = self._database.relation(actor, role, subject)
            if known is None:
                return False
            self._database.remove_relation(actor, role, subject)
            self._log(Kind.RELATION_ENDED, by, known)
        self._closed()
        return True

    def of(self, subject: str) -> list[Relation]:
        """Who may see a person's data by a relation now."""
        return self._database.relations(subject)

    def related(self, actor: Actor, subject: str) -> bool:
        """The gate's question: whether a relation of the actor, in this role, is in force."""
        return self._database.relation(actor.id, actor.role, subject) is not None

    def _log(self, kind: Kind, by: str, relation: Relation) -> None:
        detail = (("other", relation.actor), ("role", relation.role))
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, relation.subject, detail))
