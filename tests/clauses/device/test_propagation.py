"""How soon a withdrawal holds, here and outside: CG-78."""

from __future__ import annotations

from cloud_sync.errors import LinkError
from cloud_sync.stores import Parcel
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, U1, Made


class Away:
    """A recipient that takes what it gets, until it is away."""

    host = "recipient.example"

    def __init__(self) -> None:
        self.taken = 0
        self.there = True

    def deliver(self, parcel: Parcel) -> None:
        """Take it, or not."""
        if not self.there:
            raise LinkError("away")
        self.taken += 1


@clause("CG-78", engine="propagation", left_out="the agent")
def test_cg_78(made: Made) -> None:
    """Taken back, the gate is closed a second later; a recipient that has not taken the removal after 72 h is one
    alarm, and not two.

    The text allows days for the choice itself; under the GDPR only copies outside have them (section 0 of the table).
    """
    world = made.world("cg")
    world.tracker()
    outside = {name: Away() for name in ("web_analytics",)}
    world.cloud.sinks.update(outside)
    world.yes("u-1", "site_analysis")
    record = world.cloud.intake.take("web_metadata", {"action": "map opened"}, subject="u-1", source="website")
    asks = {"purpose": "site_analysis", "subject": "u-1"}
    world.cloud.recipients.hand(record, actor=CLERK, recipient="web_analytics", **asks)
    assert outside["web_analytics"].taken == 1
    outside["web_analytics"].there = False
    world.withdraw("u-1", "site_analysis")
    world.later(seconds=1)
    with world.denies("consent_missing"):
        world.cloud.records.read(record, actor=U1, **asks)
    world.later(hours=70)
    world.sweep()
    assert world.logged("recipient.late") == []
    world.later(hours=1)
    for _ in range(3):
        world.sweep()
    late = world.logged("recipient.late", "u-1")
    assert [(each["recipient"], each["purpose"]) for each in late] == [("web_analytics", "site_analysis")]
    outside["web_analytics"].there = True
    world.sweep()
    assert outside["web_analytics"].taken == 2  # the removal
    assert len(world.logged("recipient.late")) == 1
