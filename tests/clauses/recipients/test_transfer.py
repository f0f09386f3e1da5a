"""Where data is: regions of stores, brokers and recipients, and what covers a transfer out of them."""

from __future__ import annotations

import pytest

from cloud_sync.config import BrokerConfig
from cloud_sync.errors import ConfigError, PolicyError
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, Made
from tests.clauses.recipients.recipients_world import disclosed, findings, hand, put, reach


@clause("CT-04", engine="transfer", left_out="the portal's data map")
def test_ct_04(made: Made) -> None:
    """Stores in two regions of the EEA are named with theirs; one that says nothing of its region stops the start."""
    world = made.world("ct")
    world.close()
    cloud = world.open(region="", database_region="DK", keys_region="NL", tombstones_region="DK")
    assert [(each.name, each.region) for each in cloud.recipients.places()] == [
        ("database", "DK"),
        ("keys", "NL"),
        ("tombstones", "DK"),
    ]
    world.close()
    with pytest.raises(ConfigError, match="keys_region: nothing says where the keys is"):
        world.open(region="", database_region="DK", tombstones_region="DK")
    assert {rule.region for rule in cloud.policy.rules} == {"EEA"}


@clause("CT-48", engine="transfer")
def test_ct_48(made: Made) -> None:
    """A store or a broker in us-east-1 stops the start; every member of the EEA passes."""
    world = made.world("ct")
    world.close()
    for where in ("database_region", "keys_region", "tombstones_region"):
        with pytest.raises(ConfigError, match="is in us-east-1, and the policy allows EEA alone"):
            world.open(**{where: "us-east-1"})
    with pytest.raises(ConfigError, match="the broker is in us-east-1"):
        world.open(broker=BrokerConfig(region="us-east-1"))
    for region in ("DK", "NO", "EEA"):
        world.open(region=region, broker=BrokerConfig(region=region))
        world.close()


@clause("CT-49", engine="transfer")
def test_ct_49(made: Made) -> None:
    """A recipient in the US that nothing covers, or whose cover nobody assessed, keeps the policy from loading; with standard
    clauses and an assessment it gets its fields, and one entry says so.

    The refusal comes before any sending: nothing starts on such a policy.
    """

    old = 'agreement = "DPA-BOOKKEEPING"\nregion = "EEA"\n'

    def office(cover: str) -> tuple[str, str]:
        return old, f'agreement = "DPA-BOOKKEEPING"\nregion = "US"\n{cover}'

    for cover, message in (
        ("", "region US is not in transfer.allowed and no mechanism covers it"),
        ('mechanism = "scc"\nreviewed = 2026-01-02\n', "a mechanism without assessment"),
    ):
        assert [each.message for each in findings(made, "ct", office(cover))] == [message]
    world = made.world("ct", office('mechanism = "scc"\nassessment = "TIA-1"\nreviewed = 2026-01-02\n'))
    outside = reach(world, "bookkeeping")["bookkeeping"]
    world.cloud.recipients.accept("bookkeeping", reference="DPA-7", by=CLERK)
    hand(world, put(world, "billing"), "bookkeeping", "invoicing")
    assert outside.rows == [{"name": "Kim Example", "address": "Testvej 1"}]
    assert len(disclosed(world, "bookkeeping")) == 1
    chosen = 'kind = "third_party"\nregion = "EEA"\n'
    sensed = findings(made, "ct", (chosen, chosen.replace("EEA", "US") + 'mechanism = "scc"\n'))
    assert any("never leaves those" in each.message for each in sensed)


@clause("MM-46", engine="transfer")
def test_mm_46(made: Made) -> None:
    """Recipients in Denmark and the Netherlands get their fields; one in the US, whatever covers it, keeps all from loading."""
    old = 'agreement = "DPA-CRM"\nregion = "EEA"\n'
    for region in ("DK", "NL"):
        world = made.world("mm", (old, old.replace("EEA", region)))
        outside = reach(world, "crm")["crm"]
        assert hand(world, put(world, "crm_contact"), "crm", "customer_relation").count == len(outside.rows) == 1
    cover = 'mechanism = "scc"\nassessment = "TIA-1"\nreviewed = 2026-01-02\n'
    with pytest.raises(PolicyError, match=r"scc is not in transfer\.mechanisms"):
        made.world("mm", (old, old.replace("EEA", "US") + cover))
