"""The register as it stands, and what is held against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.disclosure import WebhookSink
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor
from cloud_sync.policy import load_policy
from cloud_sync.policy.notes import notes
from cloud_sync.retention.civil import day_end, local_date
from tests.clauses.made import CLERK, DAY, World
from tests.clauses.recipients.recipients_world import hand, put, reach

AGREEMENT = 'agreement = "DPA-CRM"\n'
RAN_OUT = (AGREEMENT, f"{AGREEMENT}agreement_until = 2026-01-15\n")


def test_an_agreement_ends_with_its_last_day_in_the_company_s_country(tmp_path: Path) -> None:
    """At a quarter past eleven in the evening of UTC it is the next morning in Amsterdam, and the agreement has run out."""
    world = World(tmp_path, "st", [RAN_OUT])
    crm = reach(world, "crm")["crm"]
    record = put(world, "contact")
    midnight = day_end(local_date(world.now, "Europe/Amsterdam"), "Europe/Amsterdam")
    assert midnight == world.now + 11 * 3600
    world.clock.at = midnight - 1
    assert hand(world, record, "crm", "contact").count == 1
    world.clock.at = midnight
    with pytest.raises(Denied, match="the agreement with crm ran out on 2026-01-15"):
        hand(world, record, "crm", "contact")
    assert len(crm.taken) == 1
    stopped = {each.recipient: each.stopped for each in world.cloud.recipients.register() if each.stopped}
    assert stopped == {"crm": "its agreement ran out on 2026-01-15"}
    assert "crm" not in {each.recipient for each in world.cloud.recipients.published()}
    world.close()


def test_the_lint_notes_an_agreement_that_ran_out(tmp_path: Path) -> None:
    """The policy still loads: the others get what they should."""
    world = World(tmp_path, "st", [RAN_OUT])
    assert load_policy(world.policy).recipients["crm"].until is not None
    found = notes(world.policy, date(2026, 1, 16))
    assert not [each for each in notes(world.policy, date(2026, 1, 15)) if "agreement_until" in each.key]
    assert [each.message for each in found if "agreement_until" in each.key] == ["the agreement ran out on 2026-01-15"]
    world.close()


def test_an_acceptance_is_of_one_version(tmp_path: Path) -> None:
    """The newest counts; it is noted by the controller's own people, of a recipient that there is, and outlives a restart."""
    world = World(tmp_path, "ct")
    with pytest.raises(Denied, match="own people notes what a processor has signed"):
        world.cloud.recipients.accept("hosting", reference="R-1", by=Actor("x", "processor"))
    assert world.logged("access.refused") == [{"role": "processor", "reason": "role_not_permitted"}]
    with pytest.raises(ConfigError, match="no recipient of the policy"):
        world.cloud.recipients.accept("nobody", reference="R-1", by=CLERK)
    world.cloud.recipients.accept("hosting", reference="R-1", by=CLERK)
    assert world.reopen().recipients.accepted("hosting")
    world.later(days=1)
    world.cloud.recipients.accept("hosting", reference="R-2", by=CLERK, version="2019-01")
    assert not world.cloud.recipients.accepted("hosting")
    assert [entry["version"] for entry in world.logged("recipient.accepted")] == ["2018-04", "2019-01"]
    world.close()


def test_what_left_within_a_day_is_compared(world: World) -> None:
    """What left before is none of it; nor is a copy that went to a company which the person named."""
    reach(world, "crm")
    made = hand(world, put(world, "contact"), "crm", "contact")
    world.cloud.database.put_delivery(replace(made, delivery="d-2", recipient="elsewhere", source="portability"))
    found = world.cloud.recipients.compare()
    assert (found.deliveries, found.recipients, found.deviations) == (1, 1, ())
    world.cloud.database.put_delivery(replace(made, delivery="d-3", fields="email name phone address"))
    world.cloud.database.put_delivery(replace(made, delivery="d-4", purpose="newsletter"))
    assert [each.what for each in world.cloud.recipients.compare().deviations] == [
        "got address, which its list has not",
        "got data for newsletter, for which no rule lists it",
    ]
    world.later(days=2)
    assert world.cloud.recipients.compare().deliveries == 0


def test_a_sink_for_nobody_in_the_register_is_found(world: World) -> None:
    """It could be used by mistake; the gate would not let anything through it."""
    reach(world, "stranger")
    assert [each.recipient for each in world.cloud.recipients.compare().deviations] == ["stranger"]


def test_the_sweep_compares_once_a_day(world: World) -> None:
    """And logs it where something left."""
    reach(world, "crm")
    hand(world, put(world, "contact"), "crm", "contact")
    for _ in range(3):
        world.sweep()
    assert len(world.logged("recipients.compared")) == 1
    world.clock.at += DAY
    hand(world, put(world, "contact"), "crm", "contact")
    world.sweep()
    assert world.logged("recipients.compared") == [{"count": 1, "reason": "agrees"}, {"count": 1, "reason": "agrees"}]


def test_a_webhook_tells_its_machine() -> None:
    """Without its port, as a certificate names it."""
    assert WebhookSink("https://CRM.example:8443/in").host == "crm.example"
