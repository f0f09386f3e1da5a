"""Terms and erasure that SmartTrackers and TurboTrack promise, and what the company looks for by itself."""

from __future__ import annotations

import json
import re

import pytest
from typer.testing import CliRunner

from cloud_sync.cli import policy as policy_group
from cloud_sync.errors import Denied
from cloud_sync.model import Reason
from cloud_sync.policy import Clock, load_policy
from cloud_sync.policy.vocabulary import POSITION_FIELDS
from cloud_sync.records.freshness import Question
from tests.clauses.clause import clause
from tests.clauses.made import DAY, T0, U1, Made, at
from tests.clauses.retention.retention_world import (
    after_noon,
    at_noon,
    begun,
    hours,
    left,
    other_term,
    put,
    refused,
    rule_text,
)


@clause("ST-06", engine="clocks", left_out="the portal's form")
def test_st_06(made: Made) -> None:
    """What a person writes freely is a category of its own, stands in their copy, and goes a year after the last contact."""
    world = made.world("st", start=at("2025-11-01T12:00"))
    begun(world)
    world.cloud.intake.take("given_freely", {"note": "I am away in May"}, subject="u-1", source="given")
    with pytest.raises(Denied):
        world.cloud.intake.take("given_freely", {"note": "x", "more": "y"}, subject="u-1", source="given")
    world.clock.at = T0
    world.cloud.records.note(Clock.LAST_INTERACTION, subject="u-1", source="login")
    copy = world.cloud.export(world.folder / "copy", "u-1", actor=U1)
    [name] = [each.name for each in copy.files if each.about == "given_freely"]
    [row] = json.loads((copy.folder / name).read_text("utf-8"))
    assert "I am away in May" in row["text"]
    at_noon(world, "2027-01-14")
    assert left(world, "given_freely") == 1
    after_noon(world, "2027-01-15")
    assert left(world, "given_freely") == 0


@clause("ST-22", engine="terms-lint", left_out="the portal's page; the notice shows the terms")
def test_st_22(made: Made) -> None:
    """Each of the file's categories, more than twelve, has a term; the notice that people read shows each of them; one that is open
    refuses the file.
    """
    path = made.text("st")
    categories = {rule.category for rule in load_policy(path).rules}
    assert len(categories) >= 12
    for category in sorted(categories):
        assert "retention: a category without a finite term" in refused(made, "st", other_term("st", category, None))
    out = made.folder / "reports"
    done = CliRunner().invoke(policy_group, ["report", str(path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    notice = (out / "notice.en.md").read_text("utf-8")
    shown = set(re.findall(r"Kept for .* \(`(P\w+)`\) from .*? `([a-z._]+)`", notice))
    rules = [rule for rule in load_policy(path).rules if rule.visible_to_user]
    assert shown >= {(rule.retention.text, rule.clock.value) for rule in rules}
    assert all(f"(`{rule.category}`)" in notice for rule in rules)


@clause("ST-44", engine="erasure", left_out="the portal's button, and how fresh its login is")
def test_st_44(made: Made) -> None:
    """The person deletes by themselves, logged in with a second factor: nothing that no law keeps is left one sweep later."""
    world = made.world("st", start=T0 - hours(2))
    begun(world)
    tracker = world.tracker()
    for category in ("account", "enquiry", "given_freely"):
        put(world, category)
    world.clock.at = T0
    world.take(tracker, tracker.environment([(int(T0), 215, 100)]))
    case = world.cloud.rights.open("u-1", "erasure", received_at=T0, channel="portal", by="u-1", login=U1).cases[0]
    assert case.state == "identified"
    world.cloud.rights.decide(case.case_id, "granted", by="dpo-1")
    world.cloud.rights.carry.erase(case.case_id, by="u-1")
    world.sweep()
    assert world.rows() == 0 and left(world) == 0


@clause("TT-14", engine="clocks")
def test_tt_14(made: Made) -> None:
    """An invoice of May 2026 goes with the end of 2031, and what it counts has no position and takes none."""
    world = made.world("tt", start=at("2026-05-10T12:00"))
    begun(world)
    put(world, "billing", b'{"consumption": "5.1 GB"}', events={Clock.INVOICE_ISSUED: world.now})
    for category in ("billing", "flow_totals"):
        assert all(POSITION_FIELDS.isdisjoint(rule.fields) for rule in world.cloud.policy.rules_of(category))
    with pytest.raises(Denied) as denied:
        world.cloud.intake.take("billing", {"consumption": "5.1", "lat": "55.676"}, subject="u-1", source="generated")
    assert denied.value.reason is Reason.CATEGORY_UNKNOWN
    at_noon(world, "2031-12-31")
    assert left(world) == 1
    world.clock.at = at("2031-12-31T23:00")  # midnight in Copenhagen
    world.sweep()
    assert left(world) == 0


@clause("TT-16", engine="clocks")
def test_tt_16(made: Made) -> None:
    """A session's row has both numbers; half a year after its invoice they are gone, and the total in the books stays."""
    world = made.world("tt", start=at("2025-12-20T12:00"))
    begun(world)
    session = put(world, "traffic", b'{"caller": "4511111111", "called": "4522222222"}')
    put(world, "billing", b'{"consumption": "312 minutes"}', events={Clock.INVOICE_ISSUED: world.now})
    world.clock.at = T0
    world.cloud.records.note(Clock.INVOICE_ISSUED, record=session)
    at_noon(world, "2026-07-14")
    assert left(world, "traffic") == 1
    after_noon(world, "2026-07-15")
    assert (left(world, "traffic"), left(world, "billing")) == (0, 1)
    assert world.cloud._store.record_key(session, "u-1") is None


@clause("TT-39", engine="clocks")
def test_tt_39(made: Made) -> None:
    """A row with three purposes, each with an end of its own: it serves those that are open, and goes with the last."""
    rule = rule_text("tt", "support_case")
    others = [
        rule.replace('purpose = ["support"]', f'purpose = ["{purpose}"]')
        .replace('"P12M"', f'"{term}"')
        .replace('"case.closed"', '"record.created"')
        for purpose, term in (("enquiry", "P30D"), ("contact", "P60D"))
    ]
    world = made.world("tt", (rule, "[[rule]]".join([rule, *others])))
    begun(world)
    name = put(world, "support_case", b"a question")

    def serves() -> list[str]:
        found = []
        for purpose in ("enquiry", "contact", "support"):
            try:
                world.cloud.records.read(name, actor=U1, purpose=purpose, subject="u-1")
            except Denied as denied:
                assert denied.reason is Reason.EXPIRED
            else:
                found.append(purpose)
        return found

    world.cloud.records.note(Clock.CASE_CLOSED, record=name)
    assert serves() == ["enquiry", "contact", "support"]
    world.later(days=31)
    world.cloud.sweep(clock_confirmed=True)
    assert serves() == ["contact", "support"]
    world.later(days=30)
    world.cloud.sweep(clock_confirmed=True)
    assert serves() == ["support"]
    at_noon(world, "2027-01-14")
    assert serves() == ["support"] and left(world) == 1
    after_noon(world, "2027-01-15")
    assert left(world) == 0


@clause("TT-46", engine="freshness")
def test_tt_46(made: Made) -> None:
    """An address that nobody has confirmed for a year: one question to U1, and without an answer in thirty days it is stale and
    serves nothing, until it is confirmed.
    """
    world = made.world("tt")
    asked: list[Question] = []
    world.cloud.quality.ask = asked.append
    begun(world)
    name = put(world, "service", b"Strandvejen 1")
    read = {"actor": U1, "purpose": "delivery", "subject": "u-1"}
    at_noon(world, "2027-01-14")
    assert asked == []
    for day in ("2027-01-15", "2027-01-16", "2027-02-13"):
        after_noon(world, day)
    assert [(each.subject, each.record_id) for each in asked] == [("u-1", name)]
    assert world.cloud.records.read(name, **read) == b"Strandvejen 1"  # type: ignore[arg-type]
    after_noon(world, "2027-02-14")
    assert world.cloud.quality.stale("u-1") == [name] and len(asked) == 1
    with pytest.raises(Denied):
        world.cloud.records.read(name, **read)  # type: ignore[arg-type]
    world.cloud.quality.confirm(name, subject="u-1", by="u-1")
    assert world.cloud.records.read(name, **read) == b"Strandvejen 1"  # type: ignore[arg-type]


@clause("TT-47", engine="overdue")
def test_tt_47(made: Made) -> None:
    """A letter of T0, approved: erased with the next sweep; another that is approved and left lying raises an alarm after a week,
    long before the last day of the law, 15 February.
    """
    world = made.world("tt")
    for subject in ("u-1", "u-2"):
        begun(world, subject)
        put(world, "service", subject=subject)
    done, lies = (
        world.cloud.rights.open(subject, "erasure", received_at=T0, channel="letter", by="c-1", login=actor).cases[0]
        for subject, actor in (("u-1", U1), ("u-2", type(U1)("u-2", "data_subject", mfa=True)))
    )
    assert str(world.cloud.rights.due(T0).due) == "2026-02-15"
    for case in (done, lies):
        world.cloud.rights.decide(case.case_id, "granted", by="dpo-1")
    world.cloud.rights.carry.erase(done.case_id, by="dpo-1")
    world.sweep()
    assert (left(world), left(world, subject="u-2")) == (0, 1) and world.logged("erasure.late") == []
    world.clock.at = T0 + 7 * DAY - 1
    world.cloud.sweep(clock_confirmed=True)
    assert world.logged("erasure.late") == []
    world.sweep()
    assert [entry["record"] for entry in world.logged("erasure.late")] == [lies.case_id]
