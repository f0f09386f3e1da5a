"""Where the gate's facts come from, beside the consent ledger and the device table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync.gate.question import NOBODY, Request
from cloud_sync.model import Actor
from cloud_sync.model.access import StaffGrant


def _never(_: str) -> bool:
    return False


def _not_objected(_subject: str, _purpose: str) -> bool:
    return False


def _endless(_subject: str) -> tuple[tuple[float, bool], ...]:
    return ()


def _no_grant(_: Request) -> StaffGrant | None:
    return None


def _unrelated(_actor: Actor, _subject: str) -> bool:
    return False


def _unapproved(_: Request) -> frozenset[str]:
    return NOBODY


def _uncounted(_subject: str, _at: float) -> int | None:
    return None


def _untold(_subject: str, _captured_at: float, _at: float) -> bool:
    return False


def _no_turning_points(_: str) -> list[float]:
    return []


@dataclass(frozen=True, slots=True)
class Known:
    """Where the facts beside consent, age and devices come from; who leaves one out gets denials where it matters.

    `restricted(subject)` (GDPR Art. 18), or `objected(subject, purpose)`: for that purpose or any; `grant(request)`: what the
    staff's access rests on; `related(actor, subject)`: in force now; `approvals(request)`: who signed its reference;
    `accepted(recipient)`: the policy in force; `mails(subject, at)`: how many messages the person had in the 30 days before;
    `contract(subject)`: Unix seconds, in order, at which the contract begins and ends, and whether it runs from then on;
    `recorded(subject)`: somebody of whom there are records, and who needs no device for these to be asked about;
    `informed(subject, captured_at, at)`: had received the notice at both moments, `turning_points(subject)`: when that changed;
    `locked(actor)`: let in to nothing now.
    """

    restricted: Callable[[str], bool] = _never
    objected: Callable[[str, str], bool] = _not_objected
    contract: Callable[[str], tuple[tuple[float, bool], ...]] = _endless
    grant: Callable[[Request], StaffGrant | None] = _no_grant
    related: Callable[[Actor, str], bool] = _unrelated
    approvals: Callable[[Request], frozenset[str]] = _unapproved
    accepted: Callable[[str], bool] = _never
    mails: Callable[[str, float], int | None] = _uncounted
    recorded: Callable[[str], bool] = _never
    informed: Callable[[str, float, float], bool] = _untold
    turning_points: Callable[[str], list[float]] = _no_turning_points
    locked: Callable[[str], bool] = _never
