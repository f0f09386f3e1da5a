"""Rights under the policy of MM: access, objection, correction, blocking; two people in one record."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloud_sync.errors import ConfigError
from tests.clauses.clause import clause
from tests.clauses.made import DPO, LEAD, U1, Made, P, World, at
from tests.clauses.rights.rights_world import (
    DESK,
    LETTER,
    attempt,
    copy,
    due,
    finish,
    granted,
    helper,
    one,
    put,
    rows,
    told_before,
    value,
)

NIGHT = at("2026-01-18T02:00")  # three in the morning of a Sunday in Copenhagen


def staffs(world: World, purpose: str, category: str, record: str) -> Callable[[], bytes]:
    """A member of the staff reads a record of U1, by an open ticket."""
    staff = helper(world, purpose, category, LEAD)
    return lambda: world.cloud.records.read(record, actor=staff, purpose=purpose, subject="u-1")


@clause("MM-05", engine="rights.copy", left_out="the portal's page")
def test_mm_05(made: Made) -> None:
    """The copy has a section for each of the product's categories, those without anything are there and empty."""
    world = made.world("mm")
    put(world, "account", b"U1")
    found = copy(world)
    of_records = {rule.category for rule in world.cloud.policy.rules if rule.stream is None}
    assert len(of_records) >= 14
    granted_ = {rule.category for rule in world.cloud.policy.rules if rule.stream is None and rule.basis != "consent"}
    sections = {file.about: file.count for file in found.files}
    assert granted_ - sections.keys() <= {"log", "access_log"} and len(granted_ & sections.keys()) >= 14
    assert sections["account"] == 1 and sections["billing"] == sections["image"] == 0
    assert of_records <= sections.keys() | {what for what, _, _ in found.withheld}
    assert {rule["category"] for rule in value(found, "policy.json")["rules"]} >= of_records


@clause("MM-06", engine="rights.restriction")
def test_mm_06(made: Made) -> None:
    """Objected to at T0 the registration is used by nobody at once, and a decision is due on 2026-02-15."""
    world = made.world("mm")
    read = staffs(world, "customer_relation", "crm_contact", put(world, "crm_contact"))
    assert attempt(read) == ""
    case = one(world, "objection", purpose="customer_relation")
    assert due(world, case) == "2026-02-15"
    with world.denies("restricted"):
        read()


@clause("MM-57", engine="rights.correction")
def test_mm_57(made: Made) -> None:
    """Granted, a correction changes the row before 2026-02-15, and two recipients are told before the person is answered."""
    world = made.world("mm")
    record = put(world, "account", b"wrong")
    told_before(world, "hosting", "crm")
    case = granted(world, "rectification")
    assert due(world, case) == "2026-02-15"
    carry = world.cloud.rights.carry
    assert carry.rectify(case.case_id, by=DESK, correction=b"right", record=record) == ("crm", "hosting")
    assert world.cloud.records.read(record, actor=U1, purpose="account", subject="u-1") == b"right"
    for name in ("crm", "hosting"):
        with pytest.raises(ConfigError, match=name):
            world.cloud.rights.answer(case.case_id, by=DESK, letter=LETTER)
        carry.told(case.case_id, name, by=DESK)
    assert finish(world, case).state == "closed"


@clause("MM-59", engine="rights.restriction")
def test_mm_59(made: Made) -> None:
    """Blocked at T0 five of five reads are denied; storing goes on, and a claim's hold can be placed."""
    world = made.world("mm")
    read = staffs(world, "account", "account", put(world, "account"))
    assert attempt(read) == ""
    case = granted(world, "restriction")
    world.cloud.rights.carry.restrict(case.case_id, by=DESK)
    with world.denies("restricted", times=5):
        assert [attempt(read) for _ in range(5)] == ["restricted"] * 5
    put(world, "account", b"later")
    hold = world.cloud.holds.place("CLAIM-7", by=DPO.id, review_at=at("2026-06-01T00:00"), subject="u-1")
    assert len(world.cloud.records.of("u-1")) == 2 and hold.subject == "u-1"


@clause("MM-60", engine="rights.restriction", left_out="the portal's page")
def test_mm_60(made: Made) -> None:
    """On a Sunday at three in the morning the case opens in that minute, and nothing is used for the purpose any more."""
    world = made.world("mm", start=NIGHT)
    read = staffs(world, "customer_relation", "crm_contact", put(world, "crm_contact"))
    case = one(world, "objection", purpose="customer_relation")
    assert (case.received_at, case.keyed_at, case.state) == (NIGHT, NIGHT, "identified")
    with world.denies("restricted"):
        read()


@clause("MM-29", engine="rights.copy", left_out="the portal's view of a goal")
def test_mm_29(made: Made) -> None:
    """A goal that P made for U1 is in U1's copy with the author's role alone; once P is erased it stays, its author removed."""
    world = made.world("mm")
    world.cloud.relations.begin(P.id, "planner", "u-1", by="u-1")
    world.cloud.records.put("application", {"u-1": b"Walk to the park", P.id: b"Walk to the park"})
    assert _goals(world, "before") == [("Walk to the park", ["planner"])]
    assert P.id not in (world.folder / "before" / "application.activity_planning.json").read_text()
    world.cloud.erase(subject=P.id)
    assert _goals(world, "after") == [("Walk to the park", ["removed"])]


def _goals(world: World, name: str) -> list[tuple[str, list[str]]]:
    """What a copy says of goals, and of who else is in them."""
    return [(row["text"], row["with"]) for row in rows(copy(world, name), "application.activity_planning.json")]
