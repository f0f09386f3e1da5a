"""Letters as text, made of a case, a record and the policy: answers, refusals, extensions, withdrawals, data from somebody else.

A refusal says its reason, and names the authority once and the courts (GDPR Art. 12(4)). Nothing of what a person wrote is in one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any, Final

from cloud_sync.errors import ConfigError
from cloud_sync.model import ConsentRecord
from cloud_sync.model.rights import Case, Outcome, Right
from cloud_sync.policy import Policy
from cloud_sync.retention.civil import local_date, zone_of

LANGUAGES: Final = ("en", "da")


@cache
def _texts() -> Mapping[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("letters.toml").read_text("utf-8"))


class Letters:
    """The letters of one company."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._zone = zone_of(policy.country)

    @property
    def authority(self) -> str:
        """Who hears complaints, by name where it is known."""
        return self._authority("en")

    def answer(self, case: Case, language: str, *, recipients: Sequence[str] = (), now: float) -> str:
        """The answer to a decided case. ConfigError for one that is not decided."""
        if not case.outcome:
            raise ConfigError("this case is not decided: decide it, then write")
        said = _words(language)
        about = {"right": said["right"][case.right.value], "day": self._day(case.carried_at or case.decided_at or now)}
        lines = [said[case.outcome].format(**about, reason=said["reason"].get(case.reason, ""))]
        if case.right is Right.HUMAN_REVIEW:
            lines.append(said["reviewed"])
        if recipients:
            lines.append(said["recipients"].format(recipients=", ".join(sorted(recipients))))
        if case.outcome != Outcome.GRANTED:
            lines.append(said["complaint"].format(authority=self._authority(language)))
        return self._letter(language, lines, case, now)

    def extension(self, case: Case, reason: str, due: str, language: str, *, now: float) -> str:
        """Why an answer needs longer, and until which day (Art. 12(3))."""
        said = _words(language)
        if reason not in said["reason"]:
            raise ConfigError(f"{reason}: no reason of an extension")
        line = said["extended"].format(right=said["right"][case.right.value], reason=said["reason"][reason], due=due)
        complaint = said["complaint"].format(authority=self._authority(language))
        return self._letter(language, [line, complaint], case, now)

    def withdrawal(self, record: ConsentRecord, purpose: str, language: str) -> str:
        """That a consent has ended, and what follows; `purpose` in words."""
        propagation = str(self._policy.parameters.get("consent.propagation_max"))
        day = self._day(record.event_time)
        line = _words(language)["withdrawn"].format(purpose=purpose, day=day, propagation=propagation)
        return self._letter(language, [line], None, record.event_time)

    def provided(self, source: str, notice: str, language: str, *, now: float) -> str:
        """To somebody whose data came from somebody else: who gave it, and the whole notice (Art. 14)."""
        line = _words(language)["provided"].format(source=source)
        return self._letter(language, [line, notice], None, now)

    def _letter(self, language: str, lines: Sequence[str], case: Case | None, now: float) -> str:
        said, who = _words(language), self._policy.controller
        company, address, email = (who.name, who.address, who.email) if who else (self._policy.id, "", "")
        known = {"company": company, "address": address, "email": email, "day": self._day(now)}
        head = []
        if case is not None:
            head = [said["head"].format(**known, case=case.case_id, received=self._day(case.received_at))]
        return "\n\n".join([*head, *lines, said["foot"].format(**known)]) + "\n"

    def _authority(self, language: str) -> str:
        code = self._policy.authority
        named = _texts()["authorities"].get(code)
        return str(named or _words(language)["authority"].format(country=code))

    def _day(self, at: float) -> str:
        return local_date(at, self._zone).format_iso()


def _words(language: str) -> Mapping[str, Any]:
    if language not in LANGUAGES:
        raise ConfigError(f"letters are written in {' or '.join(LANGUAGES)}; {language} is none of these")
    return dict(_texts()[language])
