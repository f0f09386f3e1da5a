"""Groups, companies, planners, birthdays, the log, and the word employee."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from cloud_sync.access import Relations, StaffAccess
from cloud_sync.consent import ages
from cloud_sync.consent.minors import Age, told
from cloud_sync.facade.bounds import Groups
from cloud_sync.facade.members import Members
from cloud_sync.gate import book
from cloud_sync.model import ConsentState
from cloud_sync.model.access import StaffGrant
from cloud_sync.retention.auditterm import AuditTerm
from cloud_sync.retention.report import Gone
from tests.clauses.way import Naive


def _answer_for(groups: Groups, subject: str, purpose: str, holder: Any, state: ConsentState) -> None:
    """In the ledger, as if the person had said it."""
    if groups._desk.policy.consent_rules(purpose):
        ledger = groups._desk.ledger
        ledger._append(subject, purpose, state, holder, now=groups._desk.clock.now())


def _widen(patch: pytest.MonkeyPatch, wider: Callable[[frozenset[str]], frozenset[str]]) -> None:
    """Who may do an act on a category for a purpose, and these as well."""
    made = book.Line.__init__

    def line(self: book.Line, rule: Any, purpose: str, policy: Any) -> None:
        made(self, rule, purpose, policy)
        self.roles = {action: wider(who) for action, who in self.roles.items()}

    patch.setattr(book.Line, "__init__", line)
    patch.setattr(book, "_books", {})


def _switch_copied(patch: pytest.MonkeyPatch) -> None:
    """8. The holder's switch is copied to all users."""
    choose = Groups.choose

    def copied(self: Groups, group: str, purpose: str, holder: Any, *, open: bool) -> Any:
        kept = choose(self, group, purpose, holder, open=open)
        for subject in self.members(group):
            _answer_for(self, subject, purpose, holder, ConsentState.GIVEN if open else ConsentState.REFUSED)
        return kept

    patch.setattr(Groups, "choose", copied)
    patch.setattr("cloud_sync.consent.standing.voided", lambda *_: "")


def _certificate_is_yes(patch: pytest.MonkeyPatch) -> None:
    """9. The company's certificate sets YES."""
    hand_over = Members.hand_over

    def agreed(self: Members, group: str, subjects: Any, holder: Any, **signed: Any) -> Any:
        kept = hand_over(self, group, subjects, holder, **signed)
        for subject in subjects:
            for purpose in self._groups._desk.policy.purposes:
                _answer_for(self._groups, subject, purpose, holder, ConsentState.GIVEN)
        return kept

    patch.setattr(Members, "hand_over", agreed)
    patch.setattr("cloud_sync.consent.standing.voided", lambda *_: "")


def _relation_stays(patch: pytest.MonkeyPatch) -> None:
    """17. The planner sees pictures after the relation ended; support sees them always."""

    def always(_: StaffAccess, request: Any) -> StaffGrant:
        who, of = request.actor, (frozenset({request.purpose}), frozenset({request.category}))
        return StaffGrant("g", who.id, who.role, request.subject, *of, "K", "desk", request.at, request.at + 60)

    patch.setattr(Relations, "end", lambda *_, **__: True)
    patch.setattr(StaffAccess, "grant_for", always)
    _widen(patch, lambda who: who | {"support"})


def _birthday_kept(patch: pytest.MonkeyPatch) -> None:
    """41. The birthday is kept for the age check."""

    def kept(born: Any, at: float, country: str, floor: int) -> Age:
        age = told(born, at, country, floor)
        return Age(age.since, age.country, age.at_least, age.turns, born.isoformat()) if age.month else age

    def below(self: Age, floor: int, at: float) -> bool:
        return bool(self.month) and at < self.certain_from(floor)

    def certain_from(self: Age, floor: int) -> float:
        born = date.fromisoformat(self.month)
        day = min(born.day, 28)
        return datetime(born.year + floor, born.month, day, tzinfo=UTC).timestamp()

    patch.setattr(ages, "told", kept)
    patch.setattr(Age, "below", below)
    patch.setattr(Age, "certain_from", certain_from)


def _log_for_ever(patch: pytest.MonkeyPatch) -> None:
    """43. The audit log is kept for ever, with names."""
    patch.setattr(AuditTerm, "sweep", lambda *_: Gone())


def _one_employee(patch: pytest.MonkeyPatch) -> None:
    """47. Employee is one role: who works for the customer may what who works for the provider may."""
    _widen(patch, lambda who: who | {"managed_user"} if who & book.STAFF else who)
    patch.setattr(importlib.import_module("cloud_sync.gate.entrance"), "RELATED", frozenset())


NAIVE: Final = (
    Naive(8, "the holder's switch is copied to all users", ("CG-12", "CG-13"), _switch_copied),
    Naive(9, "a company's certificate sets YES", ("CG-83",), _certificate_is_yes),
    Naive(
        17, "planners see pictures after the relation ended, and support always", ("MM-32", "MM-35"), _relation_stays
    ),
    Naive(41, "the birthday is kept for the age check", ("CG-04",), _birthday_kept),
    Naive(43, "the log is kept for ever, with names", ("CT-24",), _log_for_ever),
    Naive(47, "employee is one role", ("CT-41",), _one_employee),
)
