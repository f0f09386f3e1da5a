"""Naive ways of telling people, asking them, and keeping to what they said."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from types import MappingProxyType
from typing import Any, Final

import pytest

from cloud_sync.consent import ConsentLedger, Coverage, Evidence
from cloud_sync.consent.reading import LedgerReader
from cloud_sync.errors import Denied
from cloud_sync.facade import notices as facade
from cloud_sync.gate.mail import MailClass
from cloud_sync.model import ConsentRecord
from cloud_sync.model.notices import NoticeSource
from cloud_sync.notices import desk
from cloud_sync.notices.campaigns import LEAVE, Campaign, Post
from tests.clauses.engines.notices import silent_changes, sliding
from tests.clauses.way import Naive

_DECIDE: Final = sys.modules["cloud_sync.gate.decide"]


def _at_capture_only(patch: pytest.MonkeyPatch) -> None:
    def covered(self: LedgerReader, subject: str, purpose: str, captured_at: float, _: float) -> Coverage:
        found = self.state_at(subject, purpose, captured_at)
        return Coverage(found.open, found.open, found.precision)

    patch.setattr(LedgerReader, "covered", covered)


def _later_is_yes(patch: pytest.MonkeyPatch) -> None:
    def later(self: ConsentLedger, subject: str, purpose: str, evidence: Evidence) -> ConsentRecord:
        return self.give(subject, purpose, evidence)

    patch.setattr(ConsentLedger, "later", later)


def _by_the_list(patch: pytest.MonkeyPatch) -> None:
    """Who gets it is settled when the list is made, then the list is worked off."""

    def send(
        subjects: Iterable[str],
        text: str,
        post: Post,
        *,
        ask: Callable[[str, Callable[[], None]], object],
        link: Callable[[str], str] | None,
        **_: Any,
    ) -> Campaign:
        listed, left_out = [], 0
        for subject in subjects:
            try:
                ask(subject, lambda: None)
            except Denied:
                left_out += 1
            else:
                listed.append(subject)
        for subject in listed:
            post(subject, text.replace(LEAVE, link(subject)) if link else text)
        return Campaign(tuple(listed), MappingProxyType({"consent_missing": left_out}))

    patch.setattr(facade, "send_to_all", send)


def _the_employer_tells(patch: pytest.MonkeyPatch) -> None:
    """Whoever enrolled people has told them."""

    def provided(self: desk.NoticeDesk, subject: str, source: str) -> NoticeSource:
        return NoticeSource(subject, source, self._clock.now())

    patch.setattr(desk.NoticeDesk, "provided", provided)


def _from_power_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk.NoticeDesk, "closed", lambda *_: False)
    patch.setattr(_DECIDE, "_CHECKS", tuple(each for each in _DECIDE._CHECKS if each.__name__ != "_told_first"))


def _by_its_first_part(patch: pytest.MonkeyPatch) -> None:
    """A message is what its most harmless part is: news rides along."""
    order = list(MailClass)

    def harmless(parts: Collection[MailClass]) -> MailClass | None:
        return min(parts, key=order.index, default=None)

    patch.setattr(_DECIDE, "class_of_content", harmless)


NAIVE: Final = (
    Naive(5, "consent checked at capture only, or at use only", ("CG-80",), _at_capture_only),
    Naive(6, "LATER stored as no answer or as yes", ("CG-17", "CG-18"), _later_is_yes),
    Naive(7, "opt-out checked when the batch is built", ("CG-79",), _by_the_list),
    Naive(10, "no Art. 14 notice for people enrolled by employers", ("TT-09",), _the_employer_tells),
    Naive(26, "cookie term renewed at each visit", ("MM-11",), sliding),
    Naive(32, "capture starts at power-on", ("TT-03",), _from_power_on),
    Naive(36, "one switch for all marketing; promotion inside service mail", ("CG-47",), _by_its_first_part),
    Naive(37, "policy text changed silently", ("MM-56", "TT-57"), silent_changes),
)
