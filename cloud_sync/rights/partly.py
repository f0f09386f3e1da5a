"""An erasure while a contract runs: what rests on no contract goes now, the rest stays, with its reason and a day of review (X-34).

Decided `partly` for the reason `contract`. Records of categories of which some rule rests on a contract, or that a law wants kept,
stay; readings stay where some rule of a stream rests on a contract, else all of them go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from cloud_sync.model import LawfulBasis
from cloud_sync.policy import Policy
from cloud_sync.records import Records
from cloud_sync.records.erasing import HOLD

#: How long a contract may be a reason before somebody looks again.
REVIEW: Final = "purpose.max_open"
_KEEPING: Final = (LawfulBasis.LEGAL_OBLIGATION, LawfulBasis.CONTRACT)


@dataclass(frozen=True, slots=True)
class PartKept:
    """What stays: of which category, how many records (0: readings), why, and when that is looked at again."""

    what: str
    count: int
    why: str
    review_at: float


@dataclass(frozen=True, slots=True)
class PartErasure:
    """What an erasure beside a contract came to: records that went, whether all readings did, and what stays."""

    subject: str
    at: float
    records: int
    readings: bool
    kept: tuple[PartKept, ...]


def erase_beside_contract(
    records: Records, policy: Policy, subject: str, now: float, readings: Callable[[], bool]
) -> PartErasure:
    """Erase so; `readings` erases all readings up to now that no hold keeps, and says whether one keeps some."""
    review, gone = policy.parameters.period(REVIEW).end(now), records.erase_beside_contract(subject)
    left = sorted(part.category for part in records.of(subject))
    kept = [PartKept(what, len(list(group)), _why(policy, what), review) for what, group in groupby(left)]
    why = ""
    if any(rule.basis is LawfulBasis.CONTRACT for rule in policy.rules if rule.stream is not None):
        why = LawfulBasis.CONTRACT.value
    elif readings():
        why = HOLD
    if why:
        kept.append(PartKept("readings", 0, why, review))
    return PartErasure(subject, now, gone, not why, tuple(kept))


def _why(policy: Policy, category: str) -> str:
    bases = {rule.basis for rule in policy.rules_of(category)}
    return next((basis.value for basis in _KEEPING if basis in bases), HOLD)
