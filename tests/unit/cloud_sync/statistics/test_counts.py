"""Counts of people by a field of records: groups of twenty, late, once, by each person's leave, and to listed recipients alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.cli import session
from cloud_sync.consent import Evidence
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor
from cloud_sync.model.keeping import Ground
from cloud_sync.read.rows import iso
from cloud_sync.statistics import Counts
from tests.clauses.made import CLERK, DAY, World
from tests.clauses.stats.stats_world import DESK, TODAY, allow, counted, say
from tests.unit.cloud_sync.cli.cli_world import RUNNER, sync
from tests.unit.cloud_sync.disclosure.outlet_world import ListSink

STORES = {"database": "telemetry", "keys": "keys", "tombstones": "tombstones"}
PAGE = {"purpose": "product_statistics", "category": "site_activity", "field": "page"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A shop of thirty people who let themselves be counted, of whom twenty-five saw a page."""
    world = World(tmp_path, "st")
    people = [f"p-{n}" for n in range(30)]
    allow(world, people, "product_statistics")
    say(world, "site_activity", {subject: {"page": "/a"} for subject in people[:25]})
    yield world
    world.close()


def _count(world: World, **more: Any) -> Counts:
    return counted(world, **{**PAGE, **more})


def test_the_same_days_are_told_once_and_not_before_their_time(world: World) -> None:
    """Thirty days after the end of the last one at the earliest; another purpose makes no difference."""
    world.clock.at = (TODAY + 31) * DAY - 1.0
    with pytest.raises(ConfigError, match="not before"):
        world.cloud.statistics.counts.make(actor=DESK, first_day=TODAY, **PAGE)
    made = _count(world)
    assert dict(made.groups) == {"/a": 20} and world.cloud.statistics.counts.all() == [made]
    with pytest.raises(ConfigError, match="told once"):
        _count(world)
    assert world.cloud.statistics.releases() == []  # those are of places


def test_whoever_withdraws_or_is_restricted_is_not_counted(world: World) -> None:
    """Of twenty-five six fall away, so that nineteen are left and nothing is told; each of the others has it in their log."""
    gone = Evidence("p-0", world.cloud.policy.notice, "app", "tapped_withdraw", "en")
    for n in range(3):
        world.cloud.consent.withdraw(f"p-{n}", "product_statistics", replace(gone, entity_id=f"p-{n}"))
        world.cloud.restrictions.restrict(f"p-{n + 3}", Ground.LEGAL_CLAIM, by="desk")
    assert dict(_count(world).groups) == {}
    [entry] = [e for e in world.logged("gate.allowed", "p-6") if e["action"] == "statistics"]
    assert (entry["category"], entry["count"]) == ("site_activity", 1)
    assert [e["reason"] for e in world.logged("gate.denied", "p-3")] == ["restricted"]


def test_what_is_no_group_is_left_out(world: World) -> None:
    """No such field, a list, a text, no JSON: each is read over, and twenty-five stay twenty."""
    odd = [b"\x00", b"[1]", b'{"page": ["/b"]}', json.dumps({"page": "x" * 65}).encode(), b"{}"]
    for n, content in enumerate(odd):
        for k in range(25):
            world.cloud.records.put("site_activity", {f"p-{k}": content}, record_id=f"odd-{n}-{k}")
    assert dict(_count(world).groups) == {"/a": 20}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"field": "browser"}, "action_not_permitted"),
        ({"purpose": "newsletter"}, "device_unknown"),  # nobody has a device, and no rule speaks of records then
        ({"actor": Actor("c-1", "controller", mfa=True)}, "role_not_permitted"),
    ],
)
def test_what_nobody_may_count_is_denied_and_logged(world: World, change: dict[str, Any], reason: str) -> None:
    """Another field than the inputs, another purpose, another role: one change each of what is counted."""
    before = len(world.logged("gate.denied"))
    with pytest.raises(Denied, match=reason):
        _count(world, **change)
    assert len(world.logged("gate.denied")) > before and world.cloud.statistics.counts.all() == []
    assert _count(world).groups


def test_a_restored_database_without_its_counts_tells_none_of_these_days_again(world: World) -> None:
    """The witness outside the backup knows that there were some."""
    made = _count(world)
    world.cloud._tombstones.raise_witness("counts", 2, made.last_day.to_bytes(4, "big"))
    with pytest.raises(ConfigError, match="restored"):
        _count(world, field="page")


def test_numbers_that_were_not_made_here_leave_nothing(tmp_path: Path) -> None:
    """Somebody writes their own groups into counts: refused; those of the store are handed over, to who is listed alone."""
    world = World(tmp_path, "tt")
    sink = world.cloud.sinks["parent_group"] = ListSink()
    say(world, "bi_aggregate", {f"p-{n}": {"cell": "north"} for n in range(20)})
    made = counted(world, "market_statistics", "bi_aggregate", "cell")
    hand_over = world.cloud.statistics.counts.hand_over
    with pytest.raises(ConfigError, match="not made here"):
        hand_over(replace(made, groups={"north": 19}), recipient="parent_group", actor=CLERK)
    with pytest.raises(Denied, match="role_not_permitted"):
        hand_over(made, recipient="parent_group", actor=DESK)
    assert sink.taken == []
    hand_over(made, recipient="parent_group", actor=CLERK)
    assert len(sink.taken) == 1
    world.close()


def test_the_command_writes_counts_and_refuses_what_is_no_input(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file with one group; of a field that is no input nothing is written, and it ends with 2."""
    world.cloud.close()
    world.clock.at = float((TODAY + 32) * DAY)
    monkeypatch.setattr(session, "CLOCK", world.clock)
    config = world.folder / "cloud-sync.toml"
    lines = {"policy": "policy.toml", "audit_key": "audit.key", "policies": "policies", "key_encryption_key": "kek"}
    lines |= {"region": "EEA", **{name: f"{file}.db" for name, file in STORES.items()}}
    config.write_text("".join(f'{name} = "{value}"\n' for name, value in lines.items()), "utf-8")
    out = world.folder / "counts.json"
    words = ["--purpose", "product_statistics", "--from", iso(TODAY * DAY)[:10], "--days", "1", "--actor", "desk-1"]
    asked = [*words, "--out", str(out), "-c", str(config)]
    assert RUNNER.invoke(sync, ["statistics", "count", "site_activity.browser", *asked]).exit_code == 2
    assert not out.exists()
    done = RUNNER.invoke(sync, ["statistics", "count", "site_activity.page", *asked, "--json"])
    assert done.exit_code == 0 and json.loads(done.stdout)["groups"] == 1, done.output
    assert json.loads(out.read_text())["groups"] == {"/a": 20}
