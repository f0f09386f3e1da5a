"""An approval is a signature of one of the controller's own people, for one purpose and span, and ends after thirty days."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor, Reason
from cloud_sync.read.sources import LOCATION
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, NOON, Depot, ListSink

DAY_S = 86_400.0
FIRST, SECOND = Actor("d-1", "dpo", mfa=True), Actor("d-2", "controller", mfa=True)


def sign(depot: Depot, by: Actor, **changed: Any) -> None:
    """A signature for the positions of the day before, with single parts changed."""
    asked: dict[str, Any] = {"reference": "order-7", "recipient": "police", "subject": "s-1"}
    span = {"purpose": "legal_reporting", "start": NOON - DAY_S, "end": NOON}
    depot.cloud.approvals.approve(**{**asked, **span, **changed}, by=by)


def told(depot: Depot, **changed: Any) -> int:
    """How many positions the police are told; 0 where approvals are missing."""
    depot.cloud.sinks["police"] = ListSink()
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "legal_reporting", "subject": "s-1", "recipient": "police"}
    span = {"start": NOON - DAY_S, "end": NOON, "reference": "order-7"}
    try:
        return depot.cloud.disclosures.deliver(LOCATION, **{**asked, **span, **changed}).count
    except Denied as denied:
        assert denied.reason is Reason.APPROVALS_MISSING
        return 0


def test_two_signatures_open_one_span_for_one_purpose(depot: Depot) -> None:
    """That span and what lies in it; one second more on either side, and it is another question."""
    depot.feed()
    sign(depot, FIRST)
    assert told(depot) == 0
    sign(depot, SECOND)
    assert told(depot) == 20
    assert told(depot, start=NOON - 3600) == 20
    assert told(depot, start=NOON - DAY_S - 1) == 0
    depot.clock.at = NOON + 10
    assert told(depot, end=NOON + 1) == 0


@pytest.mark.parametrize(
    "change",
    [
        *({"purpose": "tracking"}, {"start": NOON - 3600}, {"end": NOON - 1}, {"reference": "order-8"}),
        *({"subject": "s-2"}, {"recipient": "carrier"}),
    ],
)
def test_a_signature_for_something_else_is_none_for_this(depot: Depot, change: dict[str, Any]) -> None:
    """One part of the second signature is changed: it does not count; unchanged it does."""
    depot.feed()
    sign(depot, FIRST)
    sign(depot, SECOND, **change)
    assert told(depot) == 0
    sign(depot, SECOND)
    assert told(depot) == 20


@pytest.mark.parametrize(
    ("by", "reason"),
    [
        (Actor("cop-1", "authority", mfa=True), Reason.ROLE_NOT_PERMITTED),
        (Actor("x-1", "third_party", mfa=True), Reason.ROLE_NOT_PERMITTED),
        (Actor("s-1", "data_subject", mfa=True), Reason.ROLE_NOT_PERMITTED),
        (Actor("e-1", "support", mfa=True), Reason.ROLE_NOT_PERMITTED),
        (Actor("x-2", "Jane Doe", mfa=True), Reason.ROLE_NOT_PERMITTED),
        (Actor("d-2", "controller"), Reason.MFA_MISSING),
    ],
)
def test_who_is_none_of_the_controllers_people_signs_nothing(depot: Depot, by: Actor, reason: Reason) -> None:
    """Denied, in the log, and without effect; the officer with a second factor signs."""
    depot.feed()
    sign(depot, FIRST)
    with pytest.raises(Denied) as denied:
        sign(depot, by)
    assert denied.value.reason is reason
    assert depot.entries("access.refused")[-1]["reason"] == reason.value
    assert told(depot) == 0
    sign(depot, SECOND)
    assert told(depot) == 20


def test_a_signature_lasts_thirty_days_and_is_none_before_it_was_given(depot: Depot) -> None:
    """To the second; an order that is older is looked at again by two people. A clock that was set back revives nothing."""
    depot.feed()
    depot.clock.at = NOON - 5 * DAY_S
    sign(depot, FIRST)
    sign(depot, SECOND)
    depot.clock.at = NOON - 5 * DAY_S + 30 * DAY_S - 1
    assert told(depot) == 20
    depot.clock.at += 1
    assert told(depot) == 0
    depot.clock.at = NOON + 1
    sign(depot, FIRST)
    sign(depot, SECOND)
    assert told(depot) == 20
    depot.clock.at = NOON
    assert told(depot) == 0


@pytest.mark.parametrize("change", [{"purpose": "gossip"}, {"start": NOON}, {"end": float("nan")}, {"recipient": "x"}])
def test_what_the_policy_does_not_know_is_not_signed(depot: Depot, change: dict[str, Any]) -> None:
    """A purpose or recipient that is not declared, an empty span: ConfigError; the unchanged one is taken."""
    sign(depot, FIRST)
    with pytest.raises(ConfigError):
        sign(depot, SECOND, **change)
    assert len(depot.entries("disclosure.approved")) == 1
