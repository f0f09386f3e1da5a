"""What lies in the person's own device, and who may read it: CT-50, CT-51."""

from __future__ import annotations

import pytest

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Stream
from cloud_sync.wire import codec
from tests.clauses.clause import clause
from tests.clauses.device.device_world import Unit
from tests.clauses.made import E1, LEAD, Made, World

from firmware.errors import WireError  # isort: skip
from firmware.wire import downlink  # isort: skip

ASKS = {"purpose": "remote_help", "category": "device_storage"}


def with_ticket(world: World) -> None:
    """E1 has an open ticket on U1, and a grant for the device's files."""
    world.cloud.staff.open_ticket("case-1", "u-1", by="lead-1")
    grants = {"purposes": {"remote_help"}, "categories": {"device_storage"}}
    world.cloud.staff.open(E1, "u-1", by=LEAD, ticket="case-1", accepted=True, **grants)


@clause("CT-50", engine="terminal", left_out="the agent, the portal's page")
def test_ct_50(made: Made) -> None:
    """Without a yes support reads nothing of a device's log: no such downlink exists, and the leave is denied. With it
    the declared file alone.

    The device has no command that hands out its flash; what asks is a tool of the company's, which asks here first
    (`cloud.terminal`).
    """
    world = made.world("ct")
    tracker = world.tracker()
    with_ticket(world)
    for kind in range(256):
        if kind not in (1, 2, 3, 4, 5):  # verdicts, directive, time, healing, update
            with pytest.raises(WireError):
                downlink.parse([kind, "log"])
    with world.denies("consent_missing"):
        world.cloud.terminal.demand(E1, "u-1", device=tracker.name, **ASKS)
    world.yes("u-1", "remote_help")
    before = len(world.logged("gate.allowed"))
    decision = world.cloud.terminal.demand(E1, "u-1", device=tracker.name, **ASKS)
    assert decision.fields == {"file", "time"}
    logged = world.logged("gate.allowed")[before:]
    assert [(entry["action"], entry["device"], entry["ticket"]) for entry in logged] == [
        ("terminal", tracker.name, "case-1")
    ]
    with world.denies("category_unknown"):
        fields = frozenset({"file", "contacts"})
        world.cloud.terminal.demand(E1, "u-1", device=tracker.name, fields=fields, **ASKS)


@clause("CT-51", engine="terminal", left_out="the agent's queue")
def test_ct_51(made: Made) -> None:
    """Fifty waiting frames of the ordered service pass without a yes; the history of the battery is none of them, and
    is refused.
    """
    world = made.world("ct")
    unit = Unit(world)
    with_ticket(world)

    async def story(unit: Unit) -> None:
        await unit.contact()
        for _ in range(50):
            unit.fix()
            unit.sensors.builders[0].close()
            await unit.wait(10)
        assert len([entry for entry in unit.spool.pending() if entry.stream == 1]) == 50
        before = unit.stored()
        await unit.contact()
        assert unit.stored() >= before + 50 and unit.spool.count() == 0

    unit.run_story(story)
    with world.denies("consent_missing"):
        world.cloud.terminal.demand(E1, "u-1", device=unit.name, **ASKS)
    tracker, rows = world.tracker(), world.rows()
    history = codec.pack([2, 0, [3700, 3690, 3680]])
    (outcome,) = world.take(tracker, tracker.seal(history, stream=Stream.STATUS, epoch=int(world.now) // 86_400))
    assert outcome.kind is Kind.QUARANTINED and world.rows() == rows
