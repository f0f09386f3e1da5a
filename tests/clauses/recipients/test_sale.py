"""Nothing is sold or published, but for the rows that the right holder signed for, or a court."""

from __future__ import annotations

from typing import Any

from cloud_sync.read.sources import LOCATION
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, DPO, LEAD, U1, Made, World
from tests.clauses.recipients.recipients_world import added, findings, nothing_leaves, outsider, put, reach, rule

BUYER = outsider("buyer", "third_party", "exact_location.time exact_location.lat exact_location.lon")
SALE = rule(
    *("exact_location", "sale", "time lat lon", "buyer"),
    more='role = "controller"\nprecision = "exact"\nstream = "location"\nsensors = ["gnss"]\n',
).replace('clock = "record.created"', 'clock = "captured"')
SENSING = (
    '\n[[roles.device]]\nactions = ["sense"]\npurposes = ["sale"]\n'
    '\n[[roles.service]]\nactions = ["ingest"]\npurposes = ["sale"]\n'
)


def _sell(world: World, reference: str = "", *, of_s: float = DAY, purpose: str = "sale") -> int:
    """Try to sell the fixes of the last `of_s` seconds; how many left."""
    asked: dict[str, Any] = {
        "actor": CLERK,
        "purpose": purpose,
        "subject": "u-1",
        "recipient": "buyer",
        "reference": reference,
    }
    return world.cloud.recipients.deliver(LOCATION, start=world.now - of_s, end=world.now + 1, **asked).count


@clause("CT-61", engine="register")
def test_ct_61(made: Made) -> None:
    """Of a hundred fixes nothing is sold without a signed reference; the person's signature on seven lets exactly seven go, and so
    does a court's order with its two approvals; no other key opens it.

    The person has said yes to the sale as well: a yes alone sells nothing.
    """
    world = made.world("ct", added(BUYER, SALE, SENSING))
    buyer = reach(world, "buyer")["buyer"]
    tracker = world.tracker()
    world.yes("u-1", "sale")
    world.later(hours=1)
    times = world.feed(tracker, 100)
    for reference in ("", "agreement-1", "court-1"):
        with nothing_leaves(world, "no_sale", buyer):
            _sell(world, reference)
    seven: dict[str, Any] = {"purpose": "sale", "start": times[10], "end": times[17]}
    world.cloud.approvals.sign("agreement-1", "buyer", "u-1", by=U1, **seven)
    assert _sell(world, "agreement-1") == 7
    assert len(buyer.rows) == 7
    world.cloud.approvals.approve("court-1", "buyer", "u-1", by=LEAD, **seven)
    with nothing_leaves(world, "no_sale", buyer):
        _sell(world, "court-1")
    world.cloud.approvals.approve("court-1", "buyer", "u-1", by=DPO, **seven)
    assert _sell(world, "court-1") == 7
    with nothing_leaves(world, "no_sale", buyer):
        _sell(world, "agreement-1", purpose="publishing")


@clause("ST-24", engine="register")
def test_st_24(made: Made) -> None:
    """A sale is denied under each of three keys, and a policy that has the purpose does not load."""
    world = made.world("st")
    outside = reach(world, "crm")["crm"]
    record = put(world, "contact")
    ask: dict[str, Any] = {"actor": CLERK, "purpose": "sale", "subject": "u-1", "recipient": "crm"}
    for reference in ("agreement-1", "court-1", "approval-1"):
        with nothing_leaves(world, "no_sale", outside):
            world.cloud.recipients.hand(record, reference=reference, **ask)
    buyer = outsider("buyer", "third_party", "sold.name")
    found = {gap.message for gap in findings(made, "st", added(buyer, rule("sold", "sale", "name", "buyer")))}
    assert "sale: this policy sells and publishes nothing" in found
