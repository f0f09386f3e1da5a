"""Cases, copies, corrections, restrictions, erasures beside a contract, decisions of rules, letters, identity."""

from __future__ import annotations

from typing import Any, Final

import pytest

from cloud_sync.disclosure import export
from cloud_sync.disclosure.export import Exporter
from cloud_sync.disclosure.handover import HandedOver, HandOver
from cloud_sync.disclosure.importing import Imported, Importer
from cloud_sync.facade import rights as facade
from cloud_sync.model import Actor
from cloud_sync.policy.vocabulary import Role
from cloud_sync.records import Records
from cloud_sync.restriction import Restrictions
from cloud_sync.rights import desk, documents
from cloud_sync.rights.automated import Automated
from cloud_sync.rights.carry import Carry
from cloud_sync.rights.cases import CaseBook
from cloud_sync.rights.deadlines import Deadline, received_day
from cloud_sync.rights.desk import Desk
from cloud_sync.rights.directory import Directory
from cloud_sync.rights.documents import Documents
from cloud_sync.rights.exceptions import Exceptions
from cloud_sync.rights.partly import PartErasure
from tests.clauses.engine import Engine


def _nothing(*_: Any, **__: Any) -> None:
    return


def _copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exporter, "_rows", _nothing)
    patch.setattr(Exporter, "_around", _nothing)


def _deadlines(patch: pytest.MonkeyPatch) -> None:
    def due(self: Desk, received_at: float, **_: Any) -> Deadline:
        day = received_day(received_at, self._policy.country)
        late = day.add(days=60)
        return Deadline(day, late, late, late, late)

    patch.setattr(Desk, "due", due)


def _restriction(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Restrictions, "restricted", lambda *_: False)
    patch.setattr(Restrictions, "objected", lambda *_: False)
    patch.setattr(Restrictions, "closed", lambda *_: False)
    patch.setattr(Restrictions, "purposes", lambda *_: frozenset())


def _correction(patch: pytest.MonkeyPatch) -> None:
    def rewrite(records: Records, record_id: str, subject: str, _content: bytes) -> Any:
        return next(part for part in records.of(subject) if part.record_id == record_id)

    patch.setattr(Records, "rewrite", rewrite)
    patch.setattr(Carry, "untold", lambda *_: [])


def _handover(patch: pytest.MonkeyPatch) -> None:
    def send(_self: HandOver, _subject: str, *, receiver: str, region: str, **_: Any) -> HandedOver:
        return HandedOver("d-1", receiver, region, 0, "", 0, ())

    def take(_self: Importer, _folder: object, *, subject: str, category: str, by: str) -> Imported:
        return Imported(subject, category, 0, 0, 0, by)

    patch.setattr(HandOver, "send", send)
    patch.setattr(Importer, "take", take)


def _letters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(facade.Rights, "letter", lambda *_: "We are sorry.\n")


def _evidence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(CaseBook, "evidence", lambda *_: "")


def _all_or_nothing(patch: pytest.MonkeyPatch) -> None:
    def everything(records: Records, _policy: object, subject: str, now: float, readings: Any) -> PartErasure:
        gone = [records.remove(part.record_id, subject) for part in records.of(subject)]
        readings()
        return PartErasure(subject, now, len(gone), True, ())

    patch.setattr(facade, "erase_beside_contract", everything)
    patch.setattr(Records, "_stays", lambda *_: None)


def _exceptions(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(facade, "exceptions", lambda case, *_: Exceptions(case.keyed_at, case.keyed_at, ()))


def _automated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Automated, "_admit", _nothing)
    patch.setattr(Automated, "_pending", _nothing)
    patch.setattr(Automated, "explain", lambda *_, **__: "The computer says no.")
    patch.setattr(desk, "check_decision", _nothing)


def _identity(patch: pytest.MonkeyPatch) -> None:
    whole = Desk.open

    def believed(self: Desk, subject: str, *rights: Any, **said: Any) -> Any:
        return whole(self, subject, *rights, **{**said, "login": Actor(subject, Role.DATA_SUBJECT.value, mfa=True)})

    patch.setattr(Desk, "open", believed)
    patch.setattr(documents, "AREAS", frozenset())
    patch.setattr(Documents, "decided", _nothing)


def _directory(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Directory, "open", lambda *_: True)


def _forms(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(export, "other_forms", lambda *_: [])
    patch.setattr(export, "not_portable", lambda *_: "")


ENGINES: Final = (
    Engine("rights.copy", "a copy has readings alone: no records, no log, nothing of who read what", _copy),
    Engine("rights.deadlines", "whatever is asked is due two months later, without an alarm", _deadlines),
    Engine("rights.restriction", "whoever is restricted, or objects, is used as before", _restriction),
    Engine("rights.correction", "a correction changes nothing, and no recipient has to be told", _correction),
    Engine("rights.handover", "nothing is handed over or taken in, and the receipt says nothing", _handover),
    Engine("rights.letters", "a letter says that we are sorry", _letters),
    Engine("rights.evidence", "a closed case names no evidence", _evidence),
    Engine("rights.all_or_nothing", "an erasure takes everything, whatever needs it", _all_or_nothing),
    Engine("rights.exceptions", "what was used before a letter was keyed is forgotten", _exceptions),
    Engine("rights.automated", "a rule decides whatever it likes, and nobody has to look", _automated),
    Engine("rights.identity", "whoever asks is believed, and whatever document is shown is kept", _identity),
    Engine("rights.directory", "whoever has a contract stands in the directory", _directory),
    Engine("rights.portable", "a portability file is the access copy, as JSON alone", _forms),
)
