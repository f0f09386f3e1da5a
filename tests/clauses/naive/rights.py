"""Naive ways of rights: copies, erasures, objections, restrictions, days that count, identity (section 8: 14, 15, 19 to 25, 30,
31, 39, 48).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest
from whenever import Date

from cloud_sync.disclosure import export
from cloud_sync.disclosure.export import Exporter
from cloud_sync.facade import rights as facade
from cloud_sync.gate import gate
from cloud_sync.gate.decide import decide as decided
from cloud_sync.gate.question import Facts, Request
from cloud_sync.model import Action
from cloud_sync.model.keeping import Ground
from cloud_sync.model.rights import Case
from cloud_sync.policy.vocabulary import EEA, Role
from cloud_sync.records import Records
from cloud_sync.rights import deadlines, directory, documents
from cloud_sync.rights.carry import Carry
from cloud_sync.rights.desk import Desk, Opened
from cloud_sync.rights.directory import Directory
from cloud_sync.rights.documents import Documents
from cloud_sync.rights.identity import IdentityLinks
from cloud_sync.rights.partly import PartErasure
from tests.clauses.way import Naive


def _nothing(*_: Any, **__: Any) -> None:
    return


def _telemetry_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Exporter, "_rows", _nothing)
    patch.setattr(Exporter, "_around", _nothing)


def _one_copy(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(export, "not_portable", lambda *_: "")


def _all_goes(patch: pytest.MonkeyPatch) -> None:
    def everything(records: Records, _policy: object, subject: str, now: float, readings: Any) -> PartErasure:
        gone = [records.remove(part.record_id, subject) for part in records.of(subject)]
        readings()
        return PartErasure(subject, now, len(gone), True, ())

    patch.setattr(facade, "erase_beside_contract", everything)
    patch.setattr(Records, "_stays", lambda *_: None)


def _waits(patch: pytest.MonkeyPatch) -> None:
    """Nothing is stopped before somebody has decided for the person."""

    def restrict(self: Carry, case: Case) -> None:
        if case.outcome == "granted":
            self._restrict(case, Ground.OBJECTION)

    patch.setattr(Carry, "begin", _nothing)
    patch.setattr(Carry, "end", restrict)


def _in_the_portal(patch: pytest.MonkeyPatch) -> None:
    """Only who looks for themselves is told that it is restricted; jobs go on."""
    whole = decided

    def decide(request: Request, policy: Any, facts: Facts) -> Any:
        person = request.actor.role == Role.DATA_SUBJECT.value and request.action is Action.READ
        return whole(request, policy, facts if person else replace(facts, restricted=False))

    patch.setattr(gate, "decide", decide)


def _thirty_days(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deadlines, "add_term", lambda day, *terms: day.add(days=30 * len(terms)))


def _when_keyed(patch: pytest.MonkeyPatch) -> None:
    whole = Desk.open

    def keyed(self: Desk, subject: str, *rights: Any, received_at: float, **said: Any) -> Opened:
        return whole(self, subject, *rights, received_at=max(received_at, self._book.clock.now()), **said)

    patch.setattr(Desk, "open", keyed)


def _calendar_days(patch: pytest.MonkeyPatch) -> None:
    def days(start: Date, count: int, _country: str = "") -> Date:
        return start.add(days=count)

    patch.setattr(directory, "working_days", days)


def _entered_at_once(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Directory, "open", lambda *_: True)


def _in_the_case(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(documents, "AREAS", frozenset())
    patch.setattr(Documents, "decided", _nothing)


def _to_whoever_asks(patch: pytest.MonkeyPatch) -> None:
    """The link goes to the address from which the request came."""
    whole = IdentityLinks.send

    def send(self: IdentityLinks, case_id: str, post: Any) -> float:
        events = self._database.case_events(case_id)
        return whole(self, case_id, lambda _subject, token: post(events[0].actor, token))

    patch.setattr(IdentityLinks, "send", send)


def _europeans(patch: pytest.MonkeyPatch) -> None:
    """Whoever lives elsewhere waits for half a year."""
    whole = Desk.open

    def opened(self: Desk, subject: str, *rights: Any, **said: Any) -> Opened:
        made = whole(self, subject, *rights, **said)
        countries = [bound.country for bound in self._book.database.ages() if bound.subject == subject]
        if not countries or countries[0] in EEA:
            return made
        late = 180 * 86_400
        return Opened(tuple(replace(case, due_at=case.due_at + late) for case in made.cases), made.told)

    patch.setattr(Desk, "open", opened)


def _always_longer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deadlines, "may_extend", lambda _: True)


NAIVE: Final = (
    Naive(14, "an export holds telemetry alone", ("CG-29", "CG-34"), _telemetry_alone),
    Naive(15, "the access copy is the portability file", ("TT-49",), _one_copy),
    Naive(19, "an erasure is all or nothing", ("CG-42", "TT-48"), _all_goes),
    Naive(20, "an objection waits for a decision", ("CG-16",), _waits),
    Naive(21, "a restriction hides in the portal", ("CG-36", "TT-45", "MM-59"), _in_the_portal),
    Naive(22, "four weeks are a month are thirty days", ("ST-51", "TT-53"), _thirty_days),
    Naive(23, "the clock starts when a letter is keyed", ("CG-46",), _when_keyed),
    Naive(24, "45 days for 45 working days", ("CG-65",), _calendar_days),
    Naive(25, "a directory has whoever has a contract", ("CG-65",), _entered_at_once),
    Naive(30, "a copy of a document is kept with the case", ("ST-50",), _in_the_case),
    Naive(31, "the link goes to the address of the request", ("TT-52",), _to_whoever_asks),
    Naive(39, "customers in the EU only", ("CT-22",), _europeans),
    Naive(48, "two months more for everybody", ("ST-51",), _always_longer),
)
