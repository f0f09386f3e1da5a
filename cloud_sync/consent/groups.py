"""Groups of accounts and companies: their holder narrows what the consents of their members open, and never widens it.

Invariants, each with the abuse that it stops:

1. A setting of a group is an event of its own and touches no record of a person [a holder's switch that overwrites their no].
2. There is no setting that opens: to narrow is to close or to make coarser, to lift is to take that back [a holder's yes]. A wish
   that a purpose be open is kept as what it is, for the members to see.
3. A certificate that a company's people have agreed is kept as what it is, a declaration of the company [consent by proxy].
4. Only the holder sets, invites and takes out [a member who lifts what the company closed].
5. A member is who said yes to being one [whoever may found a group names a stranger in it, and closes what they use]. An invitation
   binds nobody, and is not repeated for a month, whatever became of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from cloud_sync.consent.ledger import random_id
from cloud_sync.consent.record import Evidence, identifier
from cloud_sync.errors import ConsentError
from cloud_sync.model import BoundKind, ConsentBound, LawfulBasis, Precision
from cloud_sync.policy import Policy
from cloud_sync.stores import BoundStore, Clock

_SETTING = frozenset({BoundKind.NARROWED, BoundKind.LIFTED})
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UNDECIDED = frozenset({BoundKind.INVITED, BoundKind.DECLINED})
INVITED_S = 30 * 86_400  # an invitation that nobody remembers is none, and one that was declined is not pressed
MOST_PEOPLE = 10_000_000  # of a certificate; a larger count is a typing error


def check_certificate(count: int, digest: str) -> None:
    """ConsentError unless a declaration names so many people, and the SHA-256 of its text."""
    if not 1 <= count <= MOST_PEOPLE or not _DIGEST.fullmatch(digest):
        raise ConsentError("a certificate names how many people it is about, and the SHA-256 of its text in hex")


class GroupLedger:
    """Groups under the policy in force. Each method judges and appends: call it inside the store's transaction."""

    def __init__(
        self, store: BoundStore, clock: Clock, policy: Policy, *, new_id: Callable[[], str] = random_id
    ) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy
        self._new_id = new_id

    def members(self, group: str) -> list[str]:
        """Who is in the group now, in order."""
        inside: dict[str, bool] = {}
        for bound in self._store.bounds_of_group(group, members=True):
            inside[bound.subject] = bound.kind is BoundKind.JOINED
        return sorted(subject for subject, is_in in inside.items() if is_in)

    def settings(self, group: str) -> dict[str, ConsentBound]:
        """What the group narrows now, by purpose."""
        events = self._store.bounds_of_group(group, members=False)
        latest = {bound.purpose: bound for bound in events if bound.kind in _SETTING}
        return {purpose: bound for purpose, bound in latest.items() if bound.kind is BoundKind.NARROWED}

    def wishes(self, group: str) -> dict[str, ConsentBound]:
        """What the holder would have, by purpose: open, or closed; it binds nobody's consent."""
        events = self._store.bounds_of_group(group, members=False)
        return {bound.purpose: bound for bound in events if bound.kind is BoundKind.WISHED}

    def found(self, group: str, holder: Evidence) -> ConsentBound:
        """Begin a group; who does so holds it."""
        holder.check()
        if self._store.bounds_of_group(identifier(group, "group"), members=False):
            raise ConsentError(f"group {group} is there already: choose another name")
        return self._append(BoundKind.FOUNDED, group, holder, [])

    def invite(self, group: str, subject: str, holder: Evidence) -> ConsentBound:
        """Ask a person to be in the group; nothing of it holds for them before their own yes."""
        events = self._held(group, holder)
        if identifier(subject, "subject") in self.members(group):
            raise ConsentError(f"{subject} is in group {group} already: nothing to do")
        last = self._of_membership(group, subject)
        asked = next((bound for bound in reversed(last) if bound.kind is BoundKind.INVITED), None)
        if asked is not None and last[-1].kind in _UNDECIDED and self._clock.now() < asked.at + INVITED_S:
            raise ConsentError(f"{subject} was invited to {group} less than a month ago: wait for their answer")
        return self._append(BoundKind.INVITED, group, holder, events, subject=subject)

    def accept(self, group: str, subject: str, who: Evidence, *, parent: str = "") -> ConsentBound:
        """The person's yes to being in the group: from now on what it narrows holds for them, and nothing is opened.

        By the person, or of a child by the `parent` who told its age.
        """
        self._answers(group, subject, who, parent)
        events = self._store.bounds_of_group(group, members=False)
        return self._append(BoundKind.JOINED, group, who, events, subject=subject)

    def decline(self, group: str, subject: str, who: Evidence, *, parent: str = "") -> ConsentBound:
        """The person's no to being in the group."""
        self._answers(group, subject, who, parent)
        events = self._store.bounds_of_group(group, members=False)
        return self._append(BoundKind.DECLINED, group, who, events, subject=subject)

    def invited(self, group: str) -> list[str]:
        """Who may still accept, in order."""
        asked = {bound.subject for bound in self._store.bounds_of_group(group, members=True)}
        return sorted(subject for subject in asked if self._open(group, subject))

    def asked(self, group: str) -> list[str]:
        """Who was invited within the last month, whatever they have answered, in order."""
        since = self._clock.now() - INVITED_S
        events = self._store.bounds_of_group(group, members=True)
        return sorted({each.subject for each in events if each.kind is BoundKind.INVITED and each.at > since})

    def invitations(self, subject: str) -> list[ConsentBound]:
        """What the person may still accept, oldest first; who invites is `entity_id`."""
        groups = dict.fromkeys(bound.group for bound in self._store.bounds_of(subject) if bound.group)
        return [found for group in groups if (found := self._open(group, subject)) is not None]

    def _answers(self, group: str, subject: str, who: Evidence, parent: str) -> None:
        who.check()
        if who.entity_id not in (subject, parent):
            raise ConsentError(f"{subject} alone says whether they are in a group")
        if self._open(group, subject) is None:
            raise ConsentError(f"{subject} has no open invitation to group {group}: its holder invites them anew")

    def _open(self, group: str, subject: str) -> ConsentBound | None:
        last = self._of_membership(group, subject)[-1:]
        fresh = [each for each in last if each.kind is BoundKind.INVITED and self._clock.now() < each.at + INVITED_S]
        return fresh[0] if fresh else None

    def _of_membership(self, group: str, subject: str) -> list[ConsentBound]:
        return [bound for bound in self._store.bounds_of(subject) if bound.group == group]

    def remove(self, group: str, subject: str, holder: Evidence) -> ConsentBound:
        """Take a person out: their own choice holds again as they made it."""
        events = self._held(group, holder)
        if subject not in self.members(group):
            raise ConsentError(f"{subject} is not in group {group}: nothing to do")
        return self._append(BoundKind.LEFT, group, holder, events, subject=subject)

    def narrow(self, group: str, purpose: str, holder: Evidence, *, precision: Precision | None = None) -> ConsentBound:
        """Close a purpose for all members, or with `precision` leave positions no finer than that."""
        events = self._held(group, holder)
        rules = self._policy.consent_rules(purpose)
        if not rules:
            raise ConsentError(f"{purpose} does not rest on consent in policy {self._policy.id}: nothing to narrow")
        if precision is not None and not any(rule.has_position for rule in rules):
            raise ConsentError(f"{purpose} has no positions: close it, or leave it to the person")
        closed = precision is None or precision is Precision.NONE
        finest = Precision.NONE if precision is None else precision
        last = next((bound for bound in reversed(events) if bound.kind in _SETTING and bound.purpose == purpose), None)
        if last and (last.kind, last.closed, last.precision) == (BoundKind.NARROWED, closed, finest):
            raise ConsentError(f"group {group} narrows {purpose} so already: nothing to do")
        return self._append(BoundKind.NARROWED, group, holder, events, purpose=purpose, closed=closed, precision=finest)

    def lift(self, group: str, purpose: str, holder: Evidence) -> ConsentBound:
        """Take a narrowing back: for each member their own choice holds again, a no included."""
        events = self._held(group, holder)
        if purpose not in self.settings(group):
            raise ConsentError(f"group {group} does not narrow {purpose}: there is nothing to lift")
        return self._append(BoundKind.LIFTED, group, holder, events, purpose=purpose)

    def wish(self, group: str, purpose: str, holder: Evidence, *, closed: bool = False) -> ConsentBound:
        """Keep that the holder would have a purpose open for all, or closed. It opens nothing and touches nobody's answer."""
        events = self._held(group, holder)
        if purpose not in self._policy.purposes:
            raise ConsentError(f"{purpose} is no purpose of policy {self._policy.id}")
        bases = {rule.basis for rule in self._policy.rules if purpose in rule.purposes}
        if not bases <= {LawfulBasis.CONSENT, LawfulBasis.CONTRACT}:
            raise ConsentError(f"{purpose} rests on neither consent nor a contract alone: no holder chooses it")
        return self._append(BoundKind.WISHED, group, holder, events, purpose=purpose, closed=closed)

    def certify(self, group: str, holder: Evidence, *, count: int, digest: str) -> ConsentBound:
        """Keep that a company declares to have told or asked `count` people; `digest` is the SHA-256 of its text. Opens nothing."""
        events = self._held(group, holder)
        check_certificate(count, digest)
        return self._append(BoundKind.CERTIFIED, group, holder, events, count=count, digest=digest)

    def check_holder(self, group: str, holder: Evidence) -> None:
        """ConsentError unless the group is there and is held by who acts."""
        self._held(group, holder)

    def _held(self, group: str, holder: Evidence) -> Sequence[ConsentBound]:
        """The events of a group that is there and is held by who acts."""
        holder.check()
        events = self._store.bounds_of_group(group, members=False)
        founded = next((bound for bound in events if bound.kind is BoundKind.FOUNDED), None)
        if founded is None:
            raise ConsentError(f"there is no group {group}: found it first")
        if founded.entity_id != holder.entity_id:
            raise ConsentError(f"group {group} is held by another: only its holder narrows, lifts, adds and removes")
        return events

    def _append(
        self, kind: BoundKind, group: str, who: Evidence, events: Sequence[ConsentBound], **values: Any
    ) -> ConsentBound:
        own = self._store.bounds_of(values["subject"]) if "subject" in values else []
        # Never before what it follows [a clock that steps back would let an older setting win].
        at = max([self._clock.now(), *(bound.at for bound in (*events[-1:], *own[-1:]))])
        bound = ConsentBound(self._new_id(), kind, at, who.entity_id, who.channel, who.act, group=group, **values)
        self._store.append_bound(bound)
        return bound
