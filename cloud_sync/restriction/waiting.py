"""The witness of erasures that wait for a hold: a database that is restored from before still knows that they were asked for.

Beside the tombstones lie the erasure's name, a hash of the person, span, moment, and who asked where that was somebody else [the
log of the one that is done would name nobody, or the sweep]. All of it goes when it is carried out.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Final

from cloud_sync.model.keeping import WaitingErasure
from cloud_sync.stores import Database, WitnessStore

PREFIX: Final = "waiting/"
MICRO: Final = 1_000_000  # a witness counts in whole numbers
ACTOR: Final = "retention"  # who asked is known to nobody: of a witness of before it kept that
THE_PERSON: Final = ""


class WaitingWitness:
    """What waits, as the witness has it."""

    def __init__(self, database: Database, witness: WitnessStore) -> None:
        self._database = database
        self._witness = witness

    def note(self, waiting: WaitingErasure) -> None:
        """Before the database has it."""
        asker = THE_PERSON if waiting.actor == waiting.subject else waiting.actor
        mark = json.dumps([waiting.start, waiting.end, asker]).encode()
        self._witness.set_witness(_name(waiting.subject, waiting.erasure_id), round(waiting.at * MICRO), mark)

    def forget(self, waiting: WaitingErasure) -> None:
        """After it was carried out."""
        self._witness.set_witness(_name(waiting.subject, waiting.erasure_id), 0, b"")

    def note_all(self) -> None:
        """What an older version has put without a witness."""
        for each in self._database.waiting():
            if self._witness.witness(_name(each.subject, each.erasure_id)) is None:
                self.note(each)

    def lost(self) -> Iterator[WaitingErasure]:
        """Those that the database does not know; a person of whom it knows nothing has nothing in it."""
        known = {each.erasure_id for each in self._database.waiting()}
        names = [name for name, at in self._witness.witnesses(PREFIX).items() if at]
        missing = [name for name in names if name.rpartition("/")[2] not in known]
        people = {_hash(subject): subject for subject in self._database.named()} if missing else {}
        for name in missing:
            _, person, erasure_id = name.split("/")
            seen = self._witness.witness(name)
            if seen is not None and person in people:
                start, end, *asked = json.loads(seen[1])
                actor = (asked[0] or people[person]) if asked else ACTOR
                yield WaitingErasure(erasure_id, people[person], start, end, seen[0] / MICRO, actor)


def _name(subject: str, erasure_id: str) -> str:
    return f"{PREFIX}{_hash(subject)}/{erasure_id}"


def _hash(subject: str) -> str:
    return hashlib.sha256(subject.encode()).hexdigest()
