"""Rights under the policy of CT: access, correction, deletion, objection, proof of measures, complaint."""

from __future__ import annotations

import hashlib
import json
import time
from datetime import date

import pytest

from cloud_sync.disclosure import Kind
from cloud_sync.errors import ConfigError, PolicyError
from cloud_sync.policy import Clock, load_policy
from tests.clauses.clause import clause
from tests.clauses.made import DPO, HOUR, U1, Made, at
from tests.clauses.rights.rights_world import (
    DESK,
    LETTER,
    ask,
    attempt,
    bulk,
    copy,
    due,
    finish,
    grant,
    granted,
    helper,
    me,
    one,
    put,
    rows,
    told_before,
)

SUNDAY = at("2026-01-18T02:00")  # three in the morning in Copenhagen


@clause("CT-05", engine="rights.copy", left_out="the API's answer 404")
def test_ct_05(made: Made) -> None:
    """Account closed at T0, live purge on day 90: on day 89 every row is in the copy, on day 91 none is there."""
    world = made.world("ct")
    world.feed(world.tracker(), 20)
    put(world, "account")
    world.cloud.records.note(Clock.ACCOUNT_CLOSED, subject="u-1")
    world.later(days=89)
    world.sweep()
    before = copy(world, "day-89", Kind.PORTABILITY)
    assert len(rows(before, "location.tracking.json")) == 20 and len(rows(before, "account.account.json")) == 1
    world.later(days=2)
    world.sweep()
    after = copy(world, "day-91", Kind.PORTABILITY)
    assert rows(after, "location.tracking.json") == rows(after, "account.account.json") == []
    assert world.rows() == 0 and world.cloud.records.of("u-1") == []


@clause("CT-10", engine="rights.deadlines", left_out="the page on which a customer asks")
def test_ct_10(made: Made) -> None:
    """Asked at T0 the proof is due on 2026-02-14, on day 25 there is one alert, and it has controls, results, sub-processors."""
    world = made.world("ct")
    rights = world.cloud.rights
    case = grant(world, one(world, "assurance", subject="customer-1", login=None))
    assert due(world, case) == "2026-02-14"
    world.later(days=24)
    assert rights.alarm() == 0
    world.later(days=1)
    assert rights.alarm() == 1 and rights.alarm() == 0 and len(world.logged("case.alarm")) == 1
    with pytest.raises(ConfigError, match="not done yet"):
        rights.answer(case.case_id, by=DESK, letter=LETTER)
    world.cloud.controls.test()
    proof = json.loads(rights.carry.assure(case.case_id, by=DPO.id))
    assert len(proof["controls"]) >= 20 and any(each["passed"] and each["at"] for each in proof["controls"])
    assert {each["recipient"] for each in proof["processors"]} == {"hosting", "bookkeeping"}
    assert (finish(world, case).closed_at or 0) < at("2026-02-14T23:00")


@clause("CT-22", engine="rights.deadlines")
def test_ct_22(made: Made) -> None:
    """People in DK, US and BR ask at T0: one due date, the month's, and the same rights are offered to each."""
    world = made.world("ct")
    offered, days = [], []
    for subject, country in (("u-1", "DK"), ("u-2", "US"), ("u-3", "BR")):
        world.cloud.enrol(subject=subject, settings={})
        world.cloud.ages.declare(subject, date(1990, 5, 5), world.evidence(subject), country=country)
        days.append(due(world, one(world, "access", subject=subject)))
        folder = world.cloud.export(world.folder / subject, subject, actor=me(subject)).folder
        offered.append(json.loads((folder / "policy.json").read_text())["rights"])
    assert days == ["2026-02-15"] * 3
    assert offered[0] == offered[1] == offered[2] and len(offered[0]["which"]) == 8


@clause("CT-32", engine="rights.restriction")
def test_ct_32(made: Made) -> None:
    """Without a balancing test there is no policy; after an upheld objection five of five reads are denied as restricted."""
    path = made.text("ct", ('balancing_id = "BT-STATUS-1"\n', ""))
    with pytest.raises(PolicyError, match="balancing_id"):
        load_policy(path)
    world = made.world("ct")
    tracker = world.tracker()
    world.take(tracker, tracker.status())
    staff = helper(world, "diagnosis", "status")

    def read() -> object:
        asked = {"actor": staff, "purpose": "diagnosis", "subject": "u-1"}
        return world.cloud.read_status(start=0, end=world.now + 1, **asked)

    assert attempt(read) == ""
    case = one(world, "objection", purpose="diagnosis")
    finish(world, grant(world, case))
    with world.denies("restricted", times=5):
        assert [attempt(read) for _ in range(5)] == ["restricted"] * 5


@clause("CT-35", engine="rights.copy", left_out="the portal's page")
def test_ct_35(made: Made) -> None:
    """On a Sunday at three in the morning a copy of 10,000 rows is there at once, complete, by nobody but the person."""
    world = made.world("ct", start=SUNDAY - 14 * HOUR)
    bulk(world, world.tracker(), 10_000)
    put(world, "account", b"U1")
    world.later(hours=14)
    started = time.monotonic()
    found = copy(world)
    assert time.monotonic() - started < 60
    assert len(rows(found, "location.tracking.json")) == 10_000
    assert [row["text"] for row in rows(found, "account.account.json")] == ["U1"]
    assert {entry["actor"] for entry in rows(found, "reads.json")} <= {"u-1"}


@clause("CT-36", engine="rights.correction", left_out="the portal's form")
def test_ct_36(made: Made) -> None:
    """A name is corrected: person, staff and copy agree at once; two recipients are told; a sensor's value keeps its hash."""
    world = made.world("ct")
    world.tracker()
    name = put(world, "account", b"Anne Exmaple")
    staff = helper(world, "account", "account")
    told_before(world, "hosting", "bookkeeping")
    carry, case = world.cloud.rights.carry, granted(world, "rectification")
    carry.rectify(case.case_id, by=DESK, correction=b"Anne Example", record=name)
    read = [world.cloud.records.read(name, actor=actor, purpose="account", subject="u-1") for actor in (U1, staff)]
    read += [row["text"].encode() for row in rows(copy(world), "account.account.json")]
    assert read == [b"Anne Example"] * 3
    assert carry.told(case.case_id, "hosting", by=DESK) == ["bookkeeping"]
    with pytest.raises(ConfigError, match="bookkeeping"):
        world.cloud.rights.answer(case.case_id, by=DESK, letter=LETTER)
    assert carry.told(case.case_id, "bookkeeping", by=DESK) == []
    sensed, original = granted(world, "rectification"), hashlib.sha256(b"21.5").hexdigest()
    carry.rectify(sensed.case_id, by=DESK, correction=b"12.5", original=original)
    events = world.cloud.rights.read(sensed.case_id, actor=U1)
    assert [event.detail for event, written in events if written == b"12.5"] == [f"original {original}"]


@clause(
    "CT-52",
    engine="rights.handover",
    left_out="the API's address; the import keeps rows as records, not as readings of a device",
)
def test_ct_52(made: Made) -> None:
    """A versioned file of 10,000 fixes leaves, and a second installation takes 10,000 in, its manifest checked."""
    world, other = made.world("ct"), made.world("ct")
    bulk(world, world.tracker(), 10_000)
    found = copy(world, kind=Kind.PORTABILITY)
    [file] = [each for each in found.manifest.files if each.name == "location.tracking.json"]
    assert (
        file.rows == 10_000 and json.loads((found.folder / "manifest.json").read_text())["format"] == "byleave-copy/1"
    )
    taken = other.cloud.rights.import_copy(found.folder, subject="u-9", category="support_case", by=DESK)
    assert taken.rows == found.manifest.rows == 10_000
    kept = [
        other.cloud.records.read(part.record_id, actor=me("u-9"), purpose="support", subject="u-9")
        for part in other.cloud.records.of("u-9")
    ]
    assert sum(len(json.loads(each)["rows"]) for each in kept) == 10_000


@clause("CT-64", engine="rights.deadlines", left_out="the portal's page")
def test_ct_64(made: Made) -> None:
    """Deletion by ticket and by portal at T0: the same kind of case, due on 2026-02-15; the seed's contact is one way of both."""
    world = made.world("ct")
    by_ticket = ask(world, "erasure", channel="mail", by="desk-1", login=None).cases[0]
    by_portal = one(world, "erasure")
    assert by_ticket.right == by_portal.right == "erasure"
    assert due(world, by_ticket) == due(world, by_portal) == "2026-02-15"


@clause("CT-67", engine="rights.letters", left_out="the portal's page")
def test_ct_67(made: Made) -> None:
    """Any refusal's letter names the authority of Denmark once, and transfer, change and withdrawal."""
    world = made.world("ct")
    for right in ("access", "portability", "rectification", "erasure", "restriction", "objection"):
        case = one(world, right)
        world.cloud.rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO.id, reason="unfounded")
        text = world.cloud.rights.letter(case.case_id)
        assert text.count("Datatilsynet") == 1
        assert all(text.count(word) >= 1 for word in ("transfer", "change", "withdrawal"))
