"""Who is concerned by an incident: worked out of keys, of the log of uses and of deliveries, never guessed.

What is in wrong hands decides: the keys that open, or what somebody saw. Where it is worked out of what there still is, it takes in
rather too many than too few; who was erased since is named nowhere any more, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.model import EPOCH_SECONDS, PERSONAL_STREAMS, Device
from cloud_sync.model.incidents import Affected, Incident
from cloud_sync.policy import Policy
from cloud_sync.read.follow import NOTE_AFTER_S
from cloud_sync.stores import Database, KeyDatabase
from cloud_sync.wire.fields import MOST_EPOCH

#: Entries of the log that say that an account had something of a person before it.
USES: Final = tuple(kind.value for kind in (Kind.GATE_ALLOWED, Kind.CASE_READ, Kind.LIMITS_READ, Kind.EXPORT_BEGUN))
DISCLOSED: Final = (Kind.GATE_ALLOWED.value,)

NOBODY_READS: Final = (
    "Nobody can be read: no reading, record, zone or letter in it opens without the key store, which is apart. It does show"
    " pseudonyms, answers on consent, and when and how much devices sent: whoever can link a pseudonym to a person learns that."
)
#: What each kind of incident lets somebody read, for the authority and for people.
SENTENCES: Final[Mapping[Affected, str]] = {
    Affected.KEY_ENCRYPTION_KEY: "Everybody of whom there were wrapped keys in that time is concerned: who has this key and the"
    " stores as well can open what was kept of them.",
    Affected.KEY_BACKUP: "Everybody of whom there were wrapped keys in that time is concerned: who has this backup, the"
    " key-encryption key and the database as well can open what was kept of them.",
    Affected.DEVICE: "Its person is concerned. It opens nothing of what it had sealed before; it may sense on until its permission"
    " ends or it is revoked.",
    Affected.STAFF: "Everybody of whom this account had anything before it in that time is concerned, by the log of uses.",
    Affected.RECIPIENT: "Everybody of whom anything went to this recipient before the end of that time is concerned, by the log"
    " of deliveries.",
    Affected.DATABASE: NOBODY_READS,
    Affected.OTHER: "Those are concerned whom the desk has named.",
}


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whom an incident concerns, in order, and what is to be said of that."""

    people: tuple[str, ...]
    sentence: str


class Finder:
    """Looks for them in the stores as they are now."""

    def __init__(self, database: Database, store: KeyDatabase, policy: Policy) -> None:
        self._database, self._store, self._policy = database, store, policy
        self._ways: Mapping[Affected, Callable[[Incident], set[str]]] = {
            Affected.KEY_ENCRYPTION_KEY: self._with_keys,
            Affected.KEY_BACKUP: self._with_keys,
            Affected.DEVICE: self._of_device,
            Affected.STAFF: self._seen_by,
            Affected.RECIPIENT: self._received_by,
            Affected.DATABASE: lambda _: set(),
            Affected.OTHER: lambda _: set(),
        }

    def find(self, incident: Incident) -> Concerned:
        """Whom it concerns, those included whom the desk has named."""
        found = self._ways[incident.affected](incident) | set(self._database.concerned(incident.incident_id))
        return Concerned(tuple(sorted(found)), SENTENCES[incident.affected])

    def _with_keys(self, incident: Incident) -> set[str]:
        """Whoever had a device in that time, or of whose device something was kept then; a key of their own; or a record."""
        devices = {each.subject for each in self._database.all_devices() if self._had_keys(each, incident)}
        people = {subject for subject in self._store.people() if self._made_before(subject, incident.happened_until)}
        return devices | people | self._database.recorded(incident.happened_until)

    def _had_keys(self, device: Device, incident: Incident) -> bool:
        if device.enrolled_at > incident.happened_until:
            return False
        if device.revoked_at is None or device.revoked_at >= incident.happened_from:
            return True
        # Revoked before: what it had sent may have been there, as long as the longest term goes.
        terms = [rule.last_term for rule in self._policy.rules if rule.stream is not None]
        if any(term.end(device.revoked_at) > incident.happened_from for term in terms):
            return True
        last = min(MOST_EPOCH, int(incident.happened_until) // EPOCH_SECONDS)
        return any(self._store.leaves(device.device, stream, 0, last) for stream in PERSONAL_STREAMS)

    def _made_before(self, subject: str, until: float) -> bool:
        person = self._store.person(subject)
        return person is not None and person.made_at <= until

    def _of_device(self, incident: Incident) -> set[str]:
        device = self._database.device(incident.which)
        return {device.subject} if device is not None else set()

    def _seen_by(self, incident: Incident) -> set[str]:
        span = incident.happened_from, incident.happened_until
        return self._database.used_by(incident.which, USES, *span, noted_after_s=NOTE_AFTER_S)

    def _received_by(self, incident: Incident) -> set[str]:
        return self._database.went_to(incident.which, DISCLOSED, incident.happened_until)
