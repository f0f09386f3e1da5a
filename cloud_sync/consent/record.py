"""Evidence of an answer, and how a consent record is made of it (ISO/IEC TS 27560; burden of proof, GDPR Art. 7(1))."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloud_sync.errors import ConsentError

# Identifiers and closed words only: records outlive the data, so no free text and no name may slip in.
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2}(-[A-Z]{2})?", re.ASCII)

#: Acts that show no will: a box that was ticked beforehand, silence, going on using the service (GDPR recital 32).
NO_ACTS = frozenset({"preticked", "pre_ticked", "default", "silence", "inactivity", "continued_use", "none"})


def identifier(value: str, what: str) -> str:
    """The value, which is an identifier of the installation; ConsentError for anything else."""
    if not _WORD.fullmatch(value):
        raise ConsentError(f"{what} must be an identifier of 1 to 64 letters, digits and . _ : - (no name, no address)")
    return value


@dataclass(frozen=True, slots=True)
class Evidence:
    """Who answered which text, where and how. All words are identifiers of the installation, never free text.

    `entity_id` is who acted (a pseudonym), `notice` the version of the notice that was shown, `channel` for instance
    `app`, `portal`, `letter` or `button`, `act` what they did, for instance `button_allow`, `language` as in BCP 47.
    """

    entity_id: str
    notice: str
    channel: str
    act: str
    language: str

    def check(self) -> None:
        """Raise ConsentError unless every part of the proof is there and shows a will."""
        for name in ("entity_id", "notice", "channel", "act"):
            if not _WORD.fullmatch(getattr(self, name)):
                raise ConsentError(
                    f"evidence: {name} must be an identifier of 1 to 64 characters; record who, what, how"
                )
        if not _LANGUAGE.fullmatch(self.language):
            raise ConsentError("evidence: language must be like 'da' or 'en-GB'; record the language that was shown")
        if self.act in NO_ACTS:
            raise ConsentError(f"evidence: {self.act} is no affirmative act; record what the person did")
