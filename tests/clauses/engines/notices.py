"""What tells people, asks them, and keeps to what they said: ledger, notices, classes of messages, links, letters."""

from __future__ import annotations

import sys
from typing import Any, Final

import pytest

from cloud_sync.consent import Coverage, Evidence, ledger, standing
from cloud_sync.consent.reading import LedgerReader
from cloud_sync.disclosure.mails import Mails
from cloud_sync.facade import notices as facade
from cloud_sync.facade.consents import Consents
from cloud_sync.model import ConsentRecord, ConsentState, Precision
from cloud_sync.notices import desk, links
from cloud_sync.notices.letters import Letters
from cloud_sync.notices.maildomain import DomainGuard
from cloud_sync.rights import identity
from tests.clauses.engine import Engine

_DECIDE: Final = sys.modules["cloud_sync.gate.decide"]


def _always_yes(patch: pytest.MonkeyPatch) -> None:
    def open_now(self: LedgerReader, _: str) -> dict[str, Precision]:
        purposes = (each for each in self._policy.purposes if self._policy.consent_rules(each))
        return dict.fromkeys(purposes, Precision.EXACT)

    patch.setattr(LedgerReader, "covered", lambda *_: Coverage(True, True, Precision.EXACT))
    patch.setattr(LedgerReader, "open_now", open_now)


def _no_withdrawal(patch: pytest.MonkeyPatch) -> None:
    def noted(self: Consents, subject: str, purpose: str, _: Evidence) -> ConsentRecord:
        """Put on a list for somebody to look at."""
        return self._ledger.records(subject, purpose)[-1]

    patch.setattr(Consents, "withdraw", noted)


def _no_evidence(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Evidence, "check", lambda _: None)


def _pestering(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ledger, "may_prompt", lambda *_: None)


def _one_switch(patch: pytest.MonkeyPatch) -> None:
    give = Consents.give

    def all_of_them(self: Consents, subject: str, purpose: str, evidence: Evidence, **more: Any) -> ConsentRecord:
        """Whoever agrees to one thing agrees."""
        for other in sorted(self._ledger._policy.purposes):
            if other != purpose and self._ledger._policy.consent_rules(other):
                give(self, subject, other, evidence)
        return give(self, subject, purpose, evidence, **more)

    patch.setattr(Consents, "give", all_of_them)


def _no_classes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_DECIDE, "_CHECKS", tuple(each for each in _DECIDE._CHECKS if each.__name__ != "_mail"))


def _no_counting(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Mails, "_enough", lambda *_: False)


def _everybody_knows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "informed", lambda *_: True)


def silent_changes(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk.NoticeDesk, "_changed", lambda *_: ((), ()))
    patch.setattr(standing, "closed_by_change", lambda *_: "")
    patch.setattr(ledger, "closed_by_change", lambda *_: "")


def _endless_links(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(links.NoticeLinks, "expire", lambda _: 0)
    patch.setattr(identity, "LINK_LIFE_S", 10**9)


def _hollow(patch: pytest.MonkeyPatch) -> None:
    names = ("what", "why", "how_long", "who")
    patch.setattr(facade, "_row", lambda _, rules, __: {"category": rules[0].category, **dict.fromkeys(names)})
    patch.setattr(facade, "particulars", lambda _, purpose, __: {"purpose": purpose, "notice": "", "withdrawal": {}})


def sliding(patch: pytest.MonkeyPatch) -> None:
    def until(self: facade.Notices, subject: str, purpose: str) -> float | None:
        """As long as somebody comes back."""
        now = self._clock.now()
        given = any(each.event_state is ConsentState.GIVEN for each in self._ledger.records(subject, purpose))
        return self._policy.parameters.period("cookies.max_age").end(now, self._zone) if given else None

    patch.setattr(facade.Notices, "cookie_until", until)


def _form_letters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Letters, "answer", lambda *_, **__: "Thank you for writing to us.\n")


def _unguarded(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DomainGuard, "missing", ())


ENGINES: Final = (
    Engine("consent ledger", "everybody has said yes to everything", _always_yes),
    Engine("withdrawal", "whoever takes a consent back is noted, and nothing ends", _no_withdrawal),
    Engine("evidence", "a yes is a yes, whoever says so and how", _no_evidence),
    Engine("asking", "people are asked until they agree", _pestering),
    Engine("switches", "one yes is a yes to everything", _one_switch),
    Engine("mail classes", "a message is what its sender calls it, and there are never too many", _no_classes),
    Engine("issues", "there are as many issues as there is news", _no_counting),
    Engine("receipts", "everybody is taken to know the notice", _everybody_knows),
    Engine("changes", "another text takes the place of the one before, and nothing follows", silent_changes),
    Engine("links", "a link works for ever, and so does what waits for it", _endless_links),
    Engine("telling", "people are shown the names of what there is", _hollow),
    Engine("cookies", "a cookie lives as long as somebody comes back", sliding),
    Engine("answers by letter", "a letter thanks for the letter", _form_letters),
    Engine("mail domain", "nobody looks at who may write in the company's name", _unguarded),
)
