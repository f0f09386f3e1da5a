"""Who may be asked, when, and whose second yes counts: the rules of the ledger that look back. Pure; ConsentError says no."""

from __future__ import annotations

from collections.abc import Sequence

from cloud_sync.consent.record import Evidence
from cloud_sync.consent.standing import PolicyLookup, Standing, closed_by_change
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentRecord, ConsentState
from cloud_sync.policy import Policy

_WAITED_FOR = frozenset({ConsentState.REQUESTED, ConsentState.REFUSED, ConsentState.PENDING})
_OVER = frozenset({ConsentState.WITHDRAWN, ConsentState.EXPIRED})
_NO = frozenset({ConsentState.REFUSED, ConsentState.WITHDRAWN})


def may_prompt(records: Sequence[ConsentRecord], at: Standing, purpose: str, policy: Policy, now: float) -> None:
    """Raise ConsentError unless the controller may put the question now: no pestering, and no is no (V-15)."""
    other_text = at.record is not None and at.record.privacy_notice != policy.notice
    if at.state is ConsentState.LATER:
        until = policy.consent.later_cooldown.end(at.since)
        if now < until:
            raise ConsentError(f"{purpose}: asked for later; ask again at {until:.0f} (Unix seconds), not before")
    elif at.state in _WAITED_FOR and not other_text:
        raise ConsentError(f"{purpose} is {at.state}: do not ask again; the person may answer at any time")
    elif at.state in _OVER:
        raise ConsentError(f"{purpose} is {at.state}: the person may give it anew, the controller may not ask")
    if prompts(records, policy) >= policy.consent.max_prompts:
        raise ConsentError(f"{purpose}: asked {policy.consent.max_prompts} times; do not ask again")


def prompts(records: Sequence[ConsentRecord], policy: Policy) -> int:
    """How often the text in force was put to the person."""
    return sum(
        record.event_state is ConsentState.REQUESTED and record.privacy_notice == policy.notice for record in records
    )


def first_yes(
    records: Sequence[ConsentRecord],
    subject: str,
    parent: Evidence,
    policy: Policy,
    policies: PolicyLookup,
    now: float,
) -> ConsentRecord | None:
    """The earlier yes of this parent that one of now completes; None when it is the first (GDPR Art. 8(2), V-34).

    1. A parent is not the child [a child that confirms itself].
    2. The child's own no counts: after it only the child reopens the question [a parent who overrules it].
    3. Both are of one person, by different channels, the second in time [whoever holds the child's phone].
    4. The first was to no less than is in force now [a policy that takes more between the two].
    """
    if parent.entity_id == subject:
        raise ConsentError("a parent confirms, not the person themselves: record who did")
    own = [record for record in records if record.entity_id == subject]
    if own and own[-1].event_state in _NO:
        raise ConsentError(f"the young person said no ({own[-1].event_state}): only they reopen the question, by a yes")
    waiting = []
    for record in reversed(records):
        if record.event_state is not ConsentState.PENDING:
            break
        in_time = now < policy.children.pending_ttl.end(record.event_time)
        same = record.entity_id == parent.entity_id and not closed_by_change(record, policy, policies)
        if same and in_time:
            waiting.append(record)
    other = next((record for record in waiting if record.channel != parent.channel), None)
    if waiting and other is None:
        raise ConsentError(f"{parent.channel} was the first channel: confirm through another one within {ttl(policy)}")
    return other


def ttl(policy: Policy) -> str:
    """How long a parent's second yes is waited for, as the policy says it."""
    return str(policy.children.pending_ttl)
