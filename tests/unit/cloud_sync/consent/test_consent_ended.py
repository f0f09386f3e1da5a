"""Many captures judged at once: the same as one by one."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date

import pytest

from cloud_sync.consent.ended import Ended
from cloud_sync.consent.minors import Age, told
from cloud_sync.consent.standing import AGE, CHANGED, LAPSED, RESTORED, gone_for_good
from cloud_sync.model import ConsentRecord, ConsentState, EntityRole, Precision
from cloud_sync.policy import Policy, load_policy
from tests.unit.cloud_sync.ingest.ingest_world import POLICY as FILE

POLICY = load_policy(FILE)
T = 1_771_200_000.0
STATES = (*[ConsentState.GIVEN] * 4, *ConsentState)


def known(digest: str) -> Policy | None:
    """The policy of the file, and no other."""
    return POLICY if digest == POLICY.hash else None


def record(at: float, state: ConsentState, chance: random.Random, purpose: str = "tracking") -> ConsentRecord:
    """One answer, by the person or by another; a yes for ten minutes or for longer."""
    return ConsentRecord(
        record_id=f"{purpose}-{at}",
        pii_principal_id="s-1",
        purpose=purpose,
        pii_type=("position",),
        event_state=state,
        event_time=at,
        privacy_notice="demo-1",
        policy_hash=chance.choice([POLICY.hash, POLICY.hash, "0" * 64]),
        precision=Precision.EXACT,
        validity_until=at + chance.choice([600, 10_000]) if state is ConsentState.GIVEN else None,
        entity_id=chance.choice(["s-1", "s-1", "p-1"]),
        channel=chance.choice([AGE, CHANGED, LAPSED, RESTORED]) if state is ConsentState.EXPIRED else "app",
        affirmative_act="tapped",
        language="en",
        notice_hash="",
        entity_role=EntityRole.DATA_SUBJECT,
    )


def age(chance: random.Random) -> Age | None:
    """Unknown, grown up, or of age within days."""
    born = chance.choice([None, date(1990, 1, 1), date(2013, 1, 20), date(2016, 1, 1)])
    return told(born, T + chance.randrange(3000), "DK", 16) if born else None


@pytest.mark.parametrize("seed", range(40))
def test_what_is_gone_is_gone_at_every_moment(seed: int) -> None:
    """Moments and spans, at answers, at ends of validity and around them, for two purposes together."""
    chance = random.Random(seed)
    histories = []
    for purpose in ("tracking", "theft_alarm"):
        times = sorted(T + chance.randrange(3000) for _ in range(chance.randrange(5)))
        histories.append([record(at, chance.choice(STATES), chance, purpose) for at in times])
    one = age(chance)
    ended = Ended(histories, known, one)

    def gone(capture: float) -> bool:
        return all(gone_for_good(each, known, one, capture) for each in histories)

    moments = [T - 1 + 7 * n for n in range(500)]
    moments += [each.event_time + beside for history in histories for each in history for beside in (-1, 0, 600)]
    assert [ended.throughout(each, each) for each in moments] == [gone(each) for each in moments]
    for start in moments[::50]:
        span = [gone(start + second) for second in range(120)]
        assert (ended.throughout(start, start + 120), ended.anywhere(start, start + 120)) == (all(span), any(span))


def test_a_yes_counts_where_its_policy_is_not_known_any_more() -> None:
    """Nobody can tell whether the person was of age for it; under a policy that is known a child's own yes never counted."""
    base = record(T, ConsentState.GIVEN, random.Random(1))
    yes = replace(base, policy_hash=POLICY.hash, entity_id="s-1", validity_until=T + 10_000)
    child = told(date(2016, 1, 1), T, "DK", 16)
    assert not gone_for_good([yes], known, None, T + 1)
    assert gone_for_good([yes], known, child, T + 1)
    assert not gone_for_good([replace(yes, policy_hash="0" * 64)], known, child, T + 1)
