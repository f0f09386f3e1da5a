"""What was declared of people's ages, in the ledger of bounds: append-only, never a birthday."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from cloud_sync.consent.ledger import random_id
from cloud_sync.consent.minors import Age, floors, highest_floor, told
from cloud_sync.consent.reading import ChildLost, none_lost
from cloud_sync.consent.record import Evidence, identifier
from cloud_sync.errors import ConsentError
from cloud_sync.model import BoundKind, ConsentBound
from cloud_sync.policy import Policy
from cloud_sync.stores import BoundStore, Clock

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


def date_of(text: str) -> date:
    """A date such as 2012-03-14; ConsentError for any other text."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConsentError("write the birth date as year-month-day, for instance 2012-03-14") from None


class AgeLedger:
    """Ages under the policy in force. `declare` judges and appends: call it inside the store's transaction."""

    def __init__(
        self,
        store: BoundStore,
        clock: Clock,
        policy: Policy,
        *,
        child_lost: ChildLost = none_lost,
        new_id: Callable[[], str] = random_id,
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._child_lost = child_lost
        self._new_id = new_id

    def declare(self, subject: str, born: date, evidence: Evidence, *, country: str | None = None) -> ConsentBound:
        """Keep what `minors.told` keeps of a birth date, which is forgotten here; `country` is where the person lives.

        ConsentError for a person who makes themselves older than was known: a parent or the controller corrects an age.
        """
        evidence.check()
        where = country or self._policy.country
        if not _COUNTRY.fullmatch(where):
            raise ConsentError("write the country as two letters, such as DK")
        own = self._store.bounds_of(identifier(subject, "subject"))
        at = max([self._clock.now(), *(bound.at for bound in own[-1:])])
        age = told(born, at, where, highest_floor(self._policy, where))
        before = next((Age.of(bound) for bound in reversed(own) if bound.kind is BoundKind.DECLARED), None)
        if evidence.entity_id == subject and self._child_lost(subject, own):
            raise ConsentError(
                "the age is lost with a restored database: somebody else declares it anew, a parent or who knows"
            )
        if before is not None and evidence.entity_id == subject and self._freer(age, before):
            raise ConsentError("somebody else corrects an age upwards: a parent, or who has checked it")
        bound = ConsentBound(
            self._new_id(),
            BoundKind.DECLARED,
            at,
            evidence.entity_id,
            evidence.channel,
            evidence.act,
            subject=subject,
            country=age.country,
            at_least=age.at_least,
            turns=age.turns,
            month=age.month,
        )
        self._store.append_bound(bound)
        return bound

    def _freer(self, now: Age, before: Age) -> bool:
        """Whether the person would answer alone sooner than was known: older, or in a country that asks for less."""
        if not before.month:  # of age; or a child of whom an erasure took the month
            return before.at_least < highest_floor(self._policy, before.country)
        here, there = floors(self._policy, now.country), floors(self._policy, before.country)
        return (
            any(here[purpose] < there[purpose] for purpose in here)
            or not now.month
            or now.certain_from(0) < before.certain_from(0)
        )
