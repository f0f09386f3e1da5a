"""What the policies promise of the end: of backups, of keys, of erasures that wait, of data that goes out of date."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud_sync.backups import keys_horizon, last_traces
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor
from cloud_sync.policy import load_policy
from cloud_sync.records.freshness import Question
from tests.clauses.made import DAY, T0, World, at


def day(moment: float | None) -> str:
    """The UTC day of a Unix second."""
    assert moment is not None
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


@pytest.fixture
def world(tmp_path: Path) -> World:
    """An installation on TurboTrack's profile."""
    return World(tmp_path, "tt")


def test_the_last_traces_of_a_relation_are_those_of_section_nine() -> None:
    """MM, an end on 15 February 2026: all but accounting material and the audit log has left every backup by 15 March 2027."""
    policy, ended = load_policy("cloud_sync/policy/profiles/mm.toml"), at("2026-02-15T11:00")
    found = {each.category: each for each in last_traces(policy, ended)}
    assert day(found["application"].live_until) == "2026-05-15"
    assert day(found["application"].backups_until) == "2026-06-14"
    assert day(found["log"].live_until) == "2027-02-13" and day(found["log"].backups_until) == "2027-03-15"
    assert day(found["status"].live_until) == "2027-02-13"  # a year from its capture, but for the cap
    assert day(found["environment"].live_until) == "2026-05-16"  # ninety days from its capture
    assert found["newsletter"].live_until is not None and found["consent_ledger"].live_until is None
    late = {each.category for each in found.values() if (each.backups_until or 0) > at("2027-03-15T12:00")}
    assert late == {"billing", "invoice", "audit"}


def test_lines_that_are_written_while_application_data_waits_count_as_well(tmp_path: Path) -> None:
    """Lines kept for thirty days: the last is of the last day of the three months, and goes thirty days after it."""
    path, text = tmp_path / "short.toml", Path("cloud_sync/policy/profiles/mm.toml").read_text("utf-8")
    rule = text[text.index('category = "log"') :]
    path.write_text(text.replace(rule, rule.replace('"P1Y"', '"P30D"', 1)), "utf-8")
    found = {each.category: each for each in last_traces(load_policy(path), at("2026-02-15T11:00"))}
    assert day(found["application"].live_until) == "2026-05-15" and day(found["log"].live_until) == "2026-06-14"


def test_backups_of_keys_live_as_long_as_the_policy_says() -> None:
    """ST keeps snapshots for a year and keys for thirty days; where nothing is said both live equally long."""
    st, mm = (load_policy(f"cloud_sync/policy/profiles/{name}.toml") for name in ("st", "mm"))
    assert (st.backup_horizon.text, keys_horizon(st).text) == ("P1Y", "P30D")
    assert keys_horizon(mm) == mm.backup_horizon


def test_an_erasure_that_is_granted_and_not_done_raises_one_alarm(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Seven days after the decision, not a second before, once; one that was carried out raises none."""
    cloud = world.cloud
    tracker = world.tracker()
    done, waits = (
        cloud.rights.open(
            "u-1",
            "erasure",
            received_at=world.now,
            channel="portal",
            by="u-1",
            login=Actor("u-1", "data_subject", mfa=True),
        ).cases[0]
        for _ in range(2)
    )
    for case in (done, waits):
        cloud.rights.decide(case.case_id, "granted", by="dpo-1")
    cloud.rights.carry.erase(done.case_id, by="dpo-1")
    assert tracker.name and cloud.overdue.erasures() == []
    world.clock.at = T0 + 7 * DAY - 1
    assert cloud.overdue.alarm() == 0
    world.clock.at += 1
    assert [each.reference for each in cloud.overdue.erasures()] == [waits.case_id]
    cloud.sweep(clock_confirmed=True)
    assert "longer than the policy promises" in caplog.text
    assert [each["record"] for each in world.logged("erasure.late")] == [waits.case_id]
    world.sweep()
    assert len(world.logged("erasure.late")) == 1


def test_contact_data_is_asked_about_once_and_not_used_unless_it_is_confirmed(world: World) -> None:
    """A year without a word, a question, thirty days, stale: denied, until the person says that it is right."""
    asked: list[Question] = []
    cloud = world.cloud
    cloud.quality.ask = asked.append
    assert "service" in cloud.quality.categories and "billing" not in cloud.quality.categories
    cloud.records.note("contract.concluded", subject="u-1")
    record = cloud.records.put("service", {"u-1": b"Strandvejen 1"})
    cloud.records.put("billing", {"u-1": b"an invoice"})
    me = {"actor": Actor("u-1", "data_subject", mfa=True), "purpose": "account", "subject": "u-1"}
    world.clock.at = at("2027-01-15T11:59")
    world.cloud.sweep(clock_confirmed=True)
    assert asked == []
    world.later(days=1)
    world.cloud.sweep(clock_confirmed=True)
    assert [(q.subject, q.record_id, q.category) for q in asked] == [("u-1", record, "service")]
    assert cloud.quality.questions("u-1") == asked
    world.later(days=29)
    world.cloud.sweep(clock_confirmed=True)
    assert len(asked) == 1 and cloud.records.read(record, **me) == b"Strandvejen 1"  # type: ignore[arg-type]
    world.later(days=1)
    world.cloud.sweep(clock_confirmed=True)
    with pytest.raises(Denied):
        cloud.records.read(record, **me)  # type: ignore[arg-type]
    assert cloud.quality.stale("u-1") == [record] and len(asked) == 1
    cloud.quality.confirm(record, subject="u-1", by="u-1")
    assert cloud.records.read(record, **me) == b"Strandvejen 1"  # type: ignore[arg-type]
    assert cloud.quality.stale("u-1") == [] and cloud.quality.questions("u-1") == []
    with pytest.raises(ConfigError, match="no such record"):
        cloud.quality.confirm(record, subject="u-2", by="u-2")


def test_what_was_not_handed_over_was_not_asked(world: World) -> None:
    """Without somebody to take the question nothing becomes stale; a mail server that refuses is tried again the next day."""
    cloud = world.cloud
    cloud.records.note("contract.concluded", subject="u-1")
    cloud.records.put("service", {"u-1": b"Strandvejen 1"})
    for _ in range(2):
        world.later(days=400)
        cloud.sweep(clock_confirmed=True)
    assert cloud.quality.stale("u-1") == [] and world.logged("quality.asked") == []

    def refuse(_: Question) -> None:
        raise ConnectionRefusedError("no mail today")  # of the integrator's own mail: no error of ours

    cloud.quality.ask = refuse
    world.later(days=1)
    cloud.sweep()
    assert cloud.quality.questions("u-1") == []
    asked: list[Question] = []
    cloud.quality.ask = asked.append
    world.later(days=1)
    cloud.sweep()
    assert len(asked) == 1
