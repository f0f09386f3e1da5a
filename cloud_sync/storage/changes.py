"""What tells whether the facts that permissions rest on have changed since somebody looked."""

from __future__ import annotations

from typing import Final

from cloud_sync.model.consent import StandingMark
from cloud_sync.model.keeping import CONTRACTS
from cloud_sync.storage.engine import Engine

MOST_RESTRICTED: Final = 500  # in force; with more of them nothing is told, and nobody keeps an answer
#: People named at once; after a new policy has closed everybody's consents nobody reads them all.
MOST_ANSWERED: Final = 10_000


class ChangeRows(Engine):
    """The part of `cloud_sync.stores.Database` that whoever keeps an answer asks first; inside their transaction."""

    def standing_mark(self) -> StandingMark | None:
        """What was appended last, and what is in force; the same mark, the same facts. None where that cannot be told.

        By record ids, which are random [a number that a transaction took, and gave back when it was undone, is given again].
        """
        answers = self.maybe("SELECT seq, record_id FROM consent ORDER BY seq DESC LIMIT 1") or (0, "")
        bound = self.maybe("SELECT record_id FROM consent_bound ORDER BY seq DESC LIMIT 1")
        rows = self.rows(
            "SELECT restriction_id FROM restriction WHERE lifted_at IS NULL ORDER BY restriction_id LIMIT ?",
            (MOST_RESTRICTED + 1,),
        )
        if len(rows) > MOST_RESTRICTED:
            return None
        contract = self.maybe("SELECT value FROM retention_mark WHERE name = ?", (CONTRACTS,))
        known = tuple(row[0] for row in rows)
        last = str(bound[0]) if bound else ""
        return StandingMark(int(answers[0]), str(answers[1]), last, known, str(contract[0]) if contract else "")

    def answered_since(self, mark: StandingMark) -> list[str] | None:
        """Who has answered since the mark; None if its last answer is none of this ledger, or too many have."""
        if mark.answers:
            row = self.maybe("SELECT record_id FROM consent WHERE seq = ?", (mark.answers,))
            if row is None or row[0] != mark.answer:
                return None
        sql = "SELECT DISTINCT subject FROM consent WHERE seq > ? LIMIT ?"
        found = [str(row[0]) for row in self.rows(sql, (mark.answers, MOST_ANSWERED + 1))]
        return found if len(found) <= MOST_ANSWERED else None
