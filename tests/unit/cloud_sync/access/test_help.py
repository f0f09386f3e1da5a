"""Remote help: who accepts, when it is too late, and what is open meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.access.help import Session
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import HELPER, ME, NOON, Depot

WHAT = {"ticket": "K-1", "purpose": "diagnosis", "category": "status"}


def ask(depot: Depot, helper: Actor = HELPER, **changed: str) -> Session:
    """A session that the helper asks for under K-1."""
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    return depot.cloud.help.ask(helper, "s-1", **{**WHAT, **changed})


def look(depot: Depot) -> int | object:
    """Reports that the helper reads, or why none."""
    try:
        asked: dict[str, Any] = {"actor": HELPER, "purpose": "diagnosis", "subject": "s-1", "start": 0, "end": NOON}
        return len(depot.cloud.read_status(**asked))
    except Denied as denied:
        return denied.reason


def test_the_persons_yes_opens_and_either_side_ends(depot: Depot) -> None:
    """An hour at most, once; what was looked at is in the person's log with the grant."""
    session = ask(depot).session
    assert look(depot) is Reason.TICKET_MISSING
    granted = depot.cloud.help.accept(session, person=ME, helper=HELPER)
    assert granted.ends_at == NOON + 3600
    assert look(depot) == 0
    depot.cloud.help.end(session, subject="s-1", by="s-1")
    depot.cloud.help.end(session, subject="s-1", by="e-1")
    assert look(depot) is Reason.GRANT_EXPIRED
    trail = depot.cloud.help.trail(session, subject="s-1")
    assert [(entry.event.kind, entry.event.actor) for entry in trail] == [
        ("help.asked", "e-1"),
        ("help.accepted", "s-1"),
        ("help.ended", "s-1"),
    ]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"person": replace(ME, id="s-2")}, Denied),
        ({"person": replace(ME, role="controller")}, Denied),
        ({"helper": replace(HELPER, id="e-2")}, ConfigError),
    ],
)
def test_nobody_else_accepts(depot: Depot, change: dict[str, Actor], error: type[Exception]) -> None:
    """Another person, the controller for the person, another helper: nothing opens; unchanged it does."""
    session = ask(depot).session
    right = {"person": ME, "helper": HELPER}
    with pytest.raises(error):
        depot.cloud.help.accept(session, **{**right, **change})
    assert look(depot) is Reason.TICKET_MISSING
    depot.cloud.help.accept(session, **right)
    with pytest.raises(ConfigError, match="accepted already"):
        depot.cloud.help.accept(session, **right)


def test_a_question_is_answered_within_minutes(depot: Depot) -> None:
    """Ten minutes later the helper asks again."""
    session = ask(depot).session
    depot.clock.at += 600
    with pytest.raises(ConfigError, match="too old"):
        depot.cloud.help.accept(session, person=ME, helper=HELPER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"helper": replace(HELPER, mfa=False)}, Reason.MFA_MISSING),
        ({"helper": replace(HELPER, role="planner")}, Reason.ROLE_NOT_PERMITTED),
        ({"ticket": "K-2"}, Reason.TICKET_MISSING),
    ],
)
def test_who_may_not_help_does_not_ask(depot: Depot, change: dict[str, Any], reason: Reason) -> None:
    """By factor, role and ticket; nothing is asked then."""
    with pytest.raises(Denied) as denied:
        ask(depot, **change)
    assert denied.value.reason is reason
    assert depot.entries("help.asked") == []
    with pytest.raises(ConfigError, match="no such session"):
        depot.cloud.help.end("0" * 20, subject="s-1", by="e-1")


def test_a_session_ends_after_an_hour_whatever_a_grant_may_last(tmp_path: Path) -> None:
    """Where grants last two hours a session does not."""
    depot = Depot(tmp_path, SYNTHETIC.replace("[access]\n", '[access]\ngrant_ttl = "PT2H"\n'))
    granted = depot.cloud.help.accept(ask(depot).session, person=ME, helper=HELPER)
    assert granted.ends_at == NOON + 3600
    depot.close()
