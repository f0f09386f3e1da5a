"""What stays of somebody whose everything was erased: how much of each, under which law, and why; the receipt has it.

Each place of `erasure.places` that keeps something says why there; here is how many.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Final

from cloud_sync.erasure.places import PLACES
from cloud_sync.erasure.receipt import Kept
from cloud_sync.model import Device
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions
from cloud_sync.stores import Database, TombstoneStore

LEGAL: Final = "GDPR Art. 17(3)(b)"
_WHY: Final = {place.name: place for place in PLACES if place.why}


class Remaining:
    """Counts what is there of a person now; one method for each part of the register that keeps something."""

    def __init__(
        self, *, database: Database, tombstones: TombstoneStore, records: Records, restrictions: Restrictions
    ) -> None:
        self._database = database
        self._tombstones = tombstones
        self._records = records
        self._restrictions = restrictions

    def rows(self, subject: str) -> Iterator[Kept]:
        """Answers, bounds, and what is known of devices."""
        database, devices = self._database, self._database.devices_of(subject)
        in_use = [device for device in devices if device.revoked_at is None]
        yield from _some("Answers on consent", "consent", len(database.consents(subject)))
        yield from _some("Groups, and who answers for you", "consent_bound", len(database.bounds_of(subject)))
        yield from _some("Pseudonyms of devices", "device", len(devices))
        yield from _some("State and keys of devices in use", "directive_state", len(in_use))
        yield from _some("Notes on what was erased", "tombstone", sum(map(self._stones, devices)))
        yield from _some("Marks against restored backups", "witness", 1)

    def records(self, subject: str) -> Iterator[Kept]:
        """Records that a law wants kept, each with when it is looked at again."""
        parts = sorted((p.category, p.ground, p.review_at or 0.0) for p in self._records.of(subject) if p.ground)
        for (category, ground, review_at), group in groupby(parts):
            yield Kept(f"Records: {category}", len(list(group)), LEGAL, ground.replace("_", " "), review_at or None)

    def restrictions(self, subject: str) -> Iterator[Kept]:
        """Restrictions in force."""
        in_force = self._restrictions.in_force(subject)
        reviews = [each.review_at for each in in_force if each.review_at is not None]
        yield from _some("Restrictions in force", "restriction", len(in_force), min(reviews, default=None))

    def cases(self, subject: str) -> Iterator[Kept]:
        """Cases of rights."""
        count = len(self._database.cases(subject))
        yield from _some("Cases of your rights, without what you wrote", "rights_case", count)

    def notices(self, subject: str) -> Iterator[Kept]:
        """That the person had been told."""
        yield from _some("Receipts of notices", "notice_receipt", len(self._database.notice_receipts(subject)))

    def _stones(self, device: Device) -> int:
        return len(self._tombstones.of_device(device.device))


def _some(what: str, place: str, count: int, review_at: float | None = None) -> Iterator[Kept]:
    if count:
        yield Kept(what, count, _WHY[place].basis, _WHY[place].why, review_at)
