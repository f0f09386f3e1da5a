"""Who sees another's data, as long as they are connected; and who entered, for the person to see."""

from __future__ import annotations

import json

from cloud_sync.policy import Clock
from tests.clauses.access.access_world import only, put
from tests.clauses.clause import clause
from tests.clauses.made import E1, U1, Made, P, Q, at


@clause("MM-32", engine="relations")
def test_mm_32(made: Made) -> None:
    """A second after the relation has ended P sees nothing; what was kept of it goes with application data, three months later."""
    world = made.world("mm")
    activity, relation = put(world, "application"), put(world, "relation", b"p-1 plans for u-1")
    world.cloud.relations.begin("p-1", "planner", "u-1", by="u-1")
    ask = {"actor": P, "purpose": "activity_planning", "subject": "u-1"}
    assert world.cloud.records.read(activity, **ask)
    world.cloud.relations.end("p-1", "planner", "u-1", by="u-1")
    world.cloud.records.note(Clock.RELATION_ENDED, record=relation)
    world.later(seconds=1)
    with world.denies("relation_missing"):
        world.cloud.records.read(activity, **ask)
    assert world.cloud.relations.of("u-1") == []
    world.clock.at = at("2026-04-15T09:00")
    world.sweep()
    assert world.cloud.database.parts(relation)
    world.clock.at = at("2026-04-15T11:00")
    world.sweep()
    assert world.cloud.database.parts(relation) == []
    assert world.cloud.database.parts(activity)


@clause("MM-33", engine="sweep")
def test_mm_33(made: Made) -> None:
    """A line of 15 January 2025 is gone after the sweep of 15 January 2026; a person's copy has the lines that are about them."""
    world = made.world("mm", start=at("2025-01-15T12:00"))
    old = [put(world, "access_log", b'{"kind": "login"}'), put(world, "log", b'{"kind": "restart"}')]
    world.clock.at = at("2026-01-15T09:00")
    new = put(world, "access_log", b'{"kind": "login", "address_prefix": "203.0.113"}')
    put(world, "access_log", b'{"kind": "login", "address_prefix": "198.51.100"}', subject="u-2")
    assert all(world.cloud.database.parts(each) for each in old)
    world.clock.at = at("2026-01-15T11:00")
    world.sweep()
    assert [each for each in old if world.cloud.database.parts(each)] == []
    assert world.cloud.database.parts(new)
    made_of = world.cloud.export(world.folder / "copy", "u-1", actor=U1)
    file = next(each for each in made_of.files if each.about == "access_log")
    line = only(json.loads((made_of.folder / file.name).read_text()))
    assert line["record"] == new
    assert "203.0.113" in line["text"]
    assert "reads" in {each.about for each in made_of.files}


@clause("MM-35", engine="relations")
def test_mm_35(made: Made) -> None:
    """Of four who ask for U1's picture U1 and the connected planner see it, the other planner and staff do not; four entries."""
    world = made.world("mm")
    picture = put(world, "image", b"a picture")
    world.cloud.relations.begin("p-1", "planner", "u-1", by="u-1")
    ask = {"purpose": "planning_pictures", "subject": "u-1"}
    for actor in (U1, P):
        assert world.cloud.records.read(picture, actor=actor, **ask) == b"a picture"
    with world.denies("relation_missing"):
        world.cloud.records.read(picture, actor=Q, **ask)
    with world.denies("role_not_permitted"):
        world.cloud.records.read(picture, actor=E1, **ask)
    kinds = [entry.event.kind for entry in world.cloud.audit.entries("u-1") if entry.event.kind.startswith("gate.")]
    assert kinds == ["gate.allowed", "gate.allowed", "gate.denied", "gate.denied"]
