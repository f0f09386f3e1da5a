"""The rules of cases, pure: what goes before what, who may be answered how, and words of the closed lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cloud_sync.errors import ConfigError
from cloud_sync.model import Actor
from cloud_sync.model.rights import Case, CaseState, Channel, Outcome, RefusalCode, Right
from cloud_sync.policy import Period, Policy
from cloud_sync.policy.vocabulary import Role
from cloud_sync.rights.deadlines import Terms

#: What is done for a person before they are answered; the others are words.
ACTS: Final = frozenset(
    {Right.ACCESS, Right.PORTABILITY, Right.RECTIFICATION, Right.ERASURE, Right.RESTRICTION, Right.ASSURANCE}
)
#: What can be answered to somebody whom nobody has identified: it tells nothing of a person and does nothing to their data.
FOR_ANYBODY: Final = frozenset({Right.QUESTION, Right.COMPLAINT, Right.ASSURANCE})
#: An objection to these is final: there is nothing to weigh (GDPR Art. 21(2), 21(3)).
MARKETING: Final = frozenset({"marketing", "own_marketing", "partner_marketing", "newsletter"})
#: Why a term may be extended (Art. 12(3)).
EXTENSIONS: Final = ("complexity", "number_of_requests")
#: In which order the rights of one person are carried out: what stops a use, then what needs the data, then what destroys it.
ORDER: Final = (
    *(Right.OBJECTION, Right.RESTRICTION, Right.ACCESS, Right.PORTABILITY, Right.RECTIFICATION, Right.HUMAN_REVIEW),
    *(Right.ASSURANCE, Right.QUESTION, Right.COMPLAINT, Right.ERASURE),
)
NO_EXTENSION: Final = Period.parse("P0D")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
_COPY_FIRST: Final = "the copy is handed out first, and then the data is erased"
_NOT_BOTH: Final = (
    "a restriction keeps what an erasure destroys: the data is restricted now, and erased only once the person says so"
    " again"
)


def terms_of(policy: Policy) -> Terms:
    """What a policy says of deadlines."""
    rights = policy.rights
    part = policy.parameters.number("rights.alarm_at")
    return Terms(rights.deadline, rights.extension_max, part, rights.internal_target_workdays, policy.country)


def assurance_of(policy: Policy) -> Terms:
    """The same for proof of the security measures (clause table, V-01): the alarm is raised after `assurance.warn`."""
    response, warn = (policy.parameters.period(f"assurance.{name}") for name in ("response", "warn"))
    part = (warn.shortest_s / response.shortest_s) if response.shortest_s else 0.0
    return Terms(response, NO_EXTENSION, part, policy.rights.internal_target_workdays, policy.country)


def check_decision(case: Case, outcome: Outcome, reviewer: str, reason: RefusalCode | None) -> None:
    """ConfigError unless a case may be decided so."""
    unknown = case.state is CaseState.OPEN and case.right not in FOR_ANYBODY
    if unknown and (outcome is not Outcome.REFUSED or reason is not RefusalCode.NOT_IDENTIFIED):
        raise ConfigError("nobody has identified the person: send the link to the address on file, or refuse for that")
    if case.state is CaseState.IDENTIFIED and reason is RefusalCode.NOT_IDENTIFIED:
        raise ConfigError("the person of this case is identified: that is no reason to refuse it")
    if outcome is Outcome.GRANTED and reason is not None:
        raise ConfigError("what is granted has no reason against it; decide partly, or leave the reason out")
    if outcome is not Outcome.GRANTED and (reason is None or not reviewer):
        raise ConfigError("a refusal, in whole or in part, has a reason code and a reviewer (GDPR Art. 12(4))")
    if case.right is Right.HUMAN_REVIEW and outcome is not Outcome.REFUSED and not reviewer:
        raise ConfigError("a human review names who reviewed")
    if case.right is Right.HUMAN_REVIEW and reviewer == case.rule_owner:
        raise ConfigError("whoever answers for the rule does not review its decision: name somebody else")
    final = case.right is Right.OBJECTION and case.purpose in MARKETING and not unknown
    if final and outcome is not Outcome.GRANTED:
        raise ConfigError("an objection to marketing is final (GDPR Art. 21(3)): grant it")


def conflicts(rights: Sequence[Right]) -> tuple[str, ...]:
    """What a person is told who asks for things that do not go together, or only in one order."""
    found = set(rights)
    told = []
    if Right.ERASURE in found and found & {Right.ACCESS, Right.PORTABILITY}:
        told.append(_COPY_FIRST)
    if Right.ERASURE in found and Right.RESTRICTION in found:
        told.append(_NOT_BOTH)
    return tuple(told)


def in_order_of(rights: Sequence[Right]) -> list[Right]:
    """In the order in which they are carried out; ConfigError for none, and for one that is named twice."""
    if not rights or len(set(rights)) != len(rights):
        raise ConfigError(f"name each right once: {', '.join(Right)}")
    return sorted(rights, key=ORDER.index)


def in_order(cases: Sequence[Case]) -> list[Case]:
    """In the order in which they are carried out."""
    return sorted(cases, key=lambda case: ORDER.index(case.right))


def is_person(actor: Actor, subject: str) -> bool:
    """Whether this is the person, logged in with a second factor: then nothing more is asked."""
    return actor.id == subject and actor.role == Role.DATA_SUBJECT.value and actor.mfa


def at(case: Case, *states: CaseState) -> Case:
    """The case, if it is in one of these states; else ConfigError."""
    if case.state not in states:
        raise ConfigError(f"this case is {case.state.value}; it would have to be {' or '.join(states)} for that")
    return case


def word(text: str) -> None:
    """ConfigError unless the text is a pseudonym."""
    if not _WORD.fullmatch(text):
        raise ConfigError("write 1 to 64 letters, digits and . _ : - (a pseudonym, never a name or an address)")


def right_of(text: Right | str) -> Right:
    """The right of that name."""
    try:
        return Right(text)
    except ValueError:
        raise ConfigError(f"{text}: no such right; one of {', '.join(Right)}") from None


def channel_of(text: Channel | str) -> Channel:
    """The channel of that name."""
    try:
        return Channel(text)
    except ValueError:
        raise ConfigError(f"{text}: no such channel; one of {', '.join(Channel)}") from None


def outcome_of(text: Outcome | str) -> Outcome:
    """The outcome of that name."""
    try:
        return Outcome(text)
    except ValueError:
        raise ConfigError(f"{text}: decide one of {', '.join(Outcome)}") from None


def reason_of(text: RefusalCode | str) -> RefusalCode | None:
    """The reason of that name; None for an empty one."""
    try:
        return RefusalCode(text) if text else None
    except ValueError:
        raise ConfigError(f"{text}: no such reason; one of {', '.join(RefusalCode)}") from None
