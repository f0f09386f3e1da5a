"""The audit log's own term: entries older than the policy keeps them no longer say whom and by whom. Their leaves stay.

[A log that is kept for ever with names undoes every erasure, and is itself the fullest record of who was tracked.]
"""

from __future__ import annotations

from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.model import AuditEvent
from cloud_sync.policy import Policy
from cloud_sync.retention.civil import zone_of
from cloud_sync.retention.lateness import Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.stores import Database

CATEGORY: Final = "audit"  # of the policy; without a rule for it the log keeps what it says
FORGOTTEN: Final = "audit/forgotten"  # up to which entry that is done
CHUNK: Final = 500
#: Entries about nobody, which starts and sweeps look at.
_ABOUT_NOBODY: Final = frozenset(
    {
        Kind.POLICY_LOADED.value,
        Kind.RETENTION_SWEPT.value,
        Kind.RESTORE_REPLAYED.value,
        Kind.CHECKPOINT_MADE.value,
        Kind.BACKUP_MADE.value,
        Kind.ERASURE_DONE.value,
    }
)


class AuditTerm:
    """Keeps the term of the log; what it does is no record that went, so it counts none."""

    def __init__(self, database: Database, policy: Policy) -> None:
        self._database = database
        self._terms = [rule.retention for rule in policy.rules_of(CATEGORY)]
        self._zone = zone_of(policy.country)

    def sweep(self, now: float, _: Lateness) -> Gone:
        """Forget what is over. The log is in order of time, so that it begins where the last sweep ended."""
        if not self._terms:
            return Gone()
        while True:
            with self._database.transaction():
                first = int(self._database.mark(FORGOTTEN) or 0)
                page = self._database.audit_page(first, CHUNK)
                over = [entry for entry in page if self._over(entry[1], now)]
                if not over:
                    return Gone()
                self._database.forget_entries(entry for entry in over if not _about_nobody(entry[1]))
                self._database.set_mark(FORGOTTEN, str(over[-1][0] + 1))
            if len(over) < CHUNK:
                return Gone()

    def _over(self, event: AuditEvent, now: float) -> bool:
        return all(term.end(event.at, self._zone) <= now for term in self._terms)


def _about_nobody(event: AuditEvent) -> bool:
    return not event.subject and event.kind in _ABOUT_NOBODY
