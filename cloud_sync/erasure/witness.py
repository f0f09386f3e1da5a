"""How far the telemetry database had come, kept where its backups do not reach: a database that knows less was restored.

The witness lies beside the tombstones. For the audit log it keeps the number of entries and the last one's hash, for each
person the number of consent records and the last one's id; both only rise, but for records whose term is over. It is written
after the commit that it tells of, so that a crash between the two leaves a witness that knows too little, never one that accuses
an honest database; the next start tells it the rest before anything is served. What is lost in between has been confirmed to
nobody. Of a person of whom everything went by its term it keeps the highest place of the ledger at that time, and the last id.
"""

from __future__ import annotations

import hashlib

from cloud_sync.audit.continuity import HEAD
from cloud_sync.stores import Database, WitnessStore

AUDIT = HEAD
SWEPT = "swept"

Mark = tuple[int, bytes]


class Witness:
    """Compares a database with what was seen of it before."""

    def __init__(self, database: Database, store: WitnessStore) -> None:
        self._database = database
        self._store = store

    def note(self, subject: str | None = None) -> None:
        """Remember the head of the audit log, and of a person's consent records; after the commit."""
        if subject is not None:
            self._store.raise_witness(_person(subject), *self._consents(subject))
        self._store.raise_witness(AUDIT, *self._head())

    def note_all(self) -> None:
        """Remember everything, as far as it is not known: what a program committed and ended before it could tell."""
        for subject in {record.pii_principal_id for record in self._database.all_consents()}:
            mark = self._consents(subject)
            if self._store.witness(_person(subject)) != mark:
                self._store.raise_witness(_person(subject), *mark)
        self.note()

    def note_sweep(self, at: float) -> None:
        """Remember that everything has been destroyed whose term had ended by this Unix second."""
        self._store.raise_witness(SWEPT, int(at), b"")

    def swept(self) -> int | None:
        """The Unix second of the last sweep that was carried out, whatever a restored store says."""
        seen = self._store.witness(SWEPT)
        return seen[0] if seen else None

    def entries_lost(self) -> int:
        """How many entries of the audit log are gone (at least one if the log is another one); 0 in a database as it was."""
        seen = self._store.witness(AUDIT)  # before the log is looked at: another process may append meanwhile
        if seen is None or seen[0] == 0:
            return 0
        count, mark = seen
        if self._database.leaf_hashes(count - 1, count) == [mark]:
            return 0
        return max(1, count - self._database.leaf_count())

    def people_lost(self) -> list[str]:
        """Subjects of whom a consent record is gone: nobody knows what they have withdrawn."""
        known = {record.pii_principal_id for record in self._database.all_consents()}
        return sorted(subject for subject in known if self._lost(subject))

    def behind(self, subject: str) -> bool:
        """Whether a consent record of a person is gone that nothing let go."""
        return self._lost(subject)

    def shortened(self, subject: str, last: str) -> None:
        """Records of a person went by their term, who had `last` as the newest; inside the transaction, ahead of its commit.

        One that knows too little accuses nobody; nor does one that says that all is gone, while the last one is there still.
        """
        count, mark = self._consents(subject)
        gone = b"%d %s" % (self._database.consent_top(), last.encode())
        self._store.set_witness(_person(subject), count, mark if count else gone)

    def accept(self) -> None:
        """Take the database as it is from now on, once what was lost has been dealt with."""
        for record in self._database.all_consents():
            subject = record.pii_principal_id
            self._store.set_witness(_person(subject), *self._consents(subject))
        self._store.set_witness(AUDIT, *self._head())

    def _lost(self, subject: str) -> bool:
        seen = self._store.witness(_person(subject))
        if seen is None:
            return False
        count, mark = seen
        ids = [record.record_id.encode() for record in self._database.consents(subject)]
        # A backup may have more than the witness: what went by its term since. The newest that was seen is there, or some are lost.
        if count or not mark:
            return len(ids) < count or (count > 0 and mark not in ids)
        # All went: what stands at a place of before then, and does not lead to the last that went, is an older history. What
        # stands behind is an answer of since then [a crash before it was noted].
        top, _, last = mark.partition(b" ")
        return bool(ids) and last not in ids and self._database.first_consent(subject) <= int(top)

    def _head(self) -> Mark:
        count = self._database.leaf_count()
        return count, b"".join(self._database.leaf_hashes(count - 1, count)) if count else b""

    def _consents(self, subject: str) -> Mark:
        records = self._database.consents(subject)
        return len(records), records[-1].record_id.encode() if records else b""


def _person(subject: str) -> str:
    return f"consent/{hashlib.sha256(subject.encode()).hexdigest()}"
