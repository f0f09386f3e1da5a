"""Counts of people by a word in records: nineteen are nobody, twenty are told, and no count leads back to anyone."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from cloud_sync.errors import Denied, KeyDestroyed, PolicyError
from cloud_sync.policy import load_policy
from cloud_sync.stores import Parcel
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, Made
from tests.clauses.stats.stats_world import allow, counted, nobody_in, say


@dataclass
class Basket:
    """A sink that takes everything."""

    taken: list[Parcel] = field(default_factory=list)

    def deliver(self, parcel: Parcel) -> None:
        """Take it."""
        self.taken.append(parcel)


def _people(first: int, many: int) -> list[str]:
    return [f"p-{n}" for n in range(first, first + many)]


@clause("CG-28", engine="bands")
def test_cg_28(made: Made) -> None:
    """Nineteen people used one feature and twenty another: the report has the second alone, as twenty, and nobody's id."""
    world = made.world("cg")
    words = {subject: {"feature": "routes"} for subject in _people(0, 19)}
    words |= {subject: {"feature": "alerts"} for subject in _people(19, 20)}
    say(world, "feedback", words)
    counts = counted(world, "service_improvement", "feedback", "feature")
    assert dict(counts.groups) == {"alerts": 20}
    assert nobody_in(counts.to_json(), words) and "p-" not in counts.to_json()


@clause("ST-20", engine="bands")
def test_st_20(made: Made) -> None:
    """Two pages of the site, one seen by nineteen people (one of them fifty times) and one by twenty: the second is told.
    Whoever said no is not counted at all, so that twenty with one of them are nineteen.
    """
    world = made.world("st")
    people = _people(0, 59)
    allow(world, people[:58], "product_statistics")
    pages = {subject: {"page": "/a"} for subject in people[:19]} | {
        subject: {"page": "/b"} for subject in people[19:39]
    }
    say(world, "site_activity", {**pages, **{subject: {"page": "/c"} for subject in people[39:]}})
    for n in range(50):
        say(world, "site_activity", {people[0]: {"page": "/a"}}, name=f"again-{n}")
    counts = counted(world, "product_statistics", "site_activity", "page")
    assert dict(counts.groups) == {"/b": 20}
    assert world.logged("gate.denied", people[58])[-1]["reason"] == "consent_missing"


@clause("MM-08", engine="bands", left_out="the portal's cookies")
def test_mm_08(made: Made) -> None:
    """Two hundred events of fifty people, ten of them at a page of their own: what the company keeps of behaviour as a whole
    joins with none of 1,000 accounts by pseudonym, address or advertising id. Raw events lie sealed under each person's
    own key, with their yes, and have no field for an address or an advertising id. (The row's store is the released one:
    the raw one is theirs.)
    """
    world = made.world("mm")
    people = _people(0, 50)
    allow(world, people, "product_statistics")
    for n in range(4):
        rows = {s: {"event": "open", "page": f"/own/{s}" if k < 10 else "/start"} for k, s in enumerate(people)}
        say(world, "analytics", rows, name=f"event-{n}")
    parts = [part for subject in people for part in world.cloud.database.parts_of(subject, "analytics")]
    assert len(parts) == 200 and not any(b"/start" in part.sealed for part in parts)
    counts = counted(world, "product_statistics", "analytics", "page")
    accounts = [f"{kind}{n}" for n in range(334) for kind in ("p-", "192.0.2.", "ad-")][:1000]
    assert len(accounts) == 1000 and set(people) <= set(accounts)
    store = [row[5] for row in world.cloud.database.statistics()]
    assert dict(counts.groups) == {"/start": 40}
    assert sum(account in text for text in store for account in accounts) == 0
    fields = {name for rule in world.cloud.policy.rules_of("analytics") for name in rule.fields}
    assert fields == {"event", "time", "page"}


@clause("TT-23", engine="bands")
def test_tt_23(made: Made) -> None:
    """Kinds of plan of twenty-one customers: of the one who has a kind to himself nothing is told; the twenty others are."""
    world = made.world("tt")
    words = {subject: {"plan_kind": "fleet", "phones": 12} for subject in _people(0, 20)}
    words["p-20"] = {"plan_kind": "single", "phones": 1}
    say(world, "bi_aggregate", words)
    assert dict(counted(world, "market_statistics", "bi_aggregate", "plan_kind").groups) == {"fleet": 20}
    assert dict(counted(world, "market_statistics", "bi_aggregate", "phones").groups) == {"12": 20}


@clause("TT-31", engine="bands")
def test_tt_31(made: Made) -> None:
    """What goes to the parent group has no cell below twenty and no id; a recipient who is not listed gets nothing, and a
    policy whose joint controllers have no arrangement is none.
    """
    world = made.world("tt")
    basket = Basket()
    world.cloud.sinks["parent_group"] = basket
    words = {subject: {"cell": "north", "calls": 5} for subject in _people(0, 25)}
    words |= {subject: {"cell": "south", "calls": 5} for subject in _people(25, 19)}
    say(world, "bi_aggregate", words)
    counts = counted(world, "market_statistics", "bi_aggregate", "cell")
    hand_over = world.cloud.statistics.counts.hand_over
    hand_over(counts, recipient="parent_group", actor=CLERK)
    [parcel] = basket.taken
    told = json.loads(parcel.body)
    assert told["groups"] == {"north": 20} and min(told["groups"].values()) >= told["k"] == 20
    assert b"p-" not in parcel.body
    with pytest.raises(Denied, match="recipient_not_listed"):
        hand_over(counts, recipient="payment_enrolment", actor=CLERK)
    assert len(basket.taken) == 1 and world.logged("disclosure.begun")[-1]["recipient"] == "parent_group"
    assert world.cloud.policy.rule("bi_aggregate", "market_statistics").arrangement == "JCA-TT-1"  # type: ignore[union-attr]
    with pytest.raises(PolicyError, match="joint controller without arrangement"):
        load_policy(made.text("tt", ('arrangement = "JCA-TT-1"\n', "")))


@clause("TT-21", engine="sweep")
def test_tt_21(made: Made) -> None:
    """A hundred flow rows of twenty-five numbers, and two of two others in another hour: thirty days later none of them is
    there, and what is left is how many there were in the hour of the twenty-five, without any number.
    """
    world = made.world("tt")
    numbers = _people(0, 25)
    for n in range(4):
        say(world, "flow_raw", {s: {"number": f"+45{k:08d}", "volume": 1} for k, s in enumerate(numbers)}, name=f"f{n}")
    world.later(hours=2)
    say(world, "flow_raw", {s: {"number": "+4599", "volume": 1} for s in _people(25, 2)}, name="few")
    hour = int(world.now) // 3600 - 2
    world.clock.at = (hour + 3) * 3600.0 + 29 * DAY
    world.cloud.sweep(clock_confirmed=True)
    assert len(world.cloud.database.names_of_parts("flow_raw", ("", ""), 500)) == 102
    world.later(days=1, hours=1)
    world.cloud.sweep(clock_confirmed=True)
    assert world.cloud.database.names_of_parts("flow_raw", ("", ""), 500) == []
    totals = world.cloud.database.names_of_parts("flow_totals", ("", ""), 500)
    assert totals == [(f"total.flow_raw.{hour}", "nobody")]
    [part] = world.cloud.database.parts_of("nobody", "flow_totals")
    content = world.cloud.records.contents(part)
    assert json.loads(content)["count"] == 4 and b"+45" not in content


@clause("TT-40", engine="record keys")
def test_tt_40(made: Made) -> None:
    """A thousand flow rows that became totals: whoever kept a copy of the rows opens 0 of 1,000 afterwards with all that is
    stored, and before it all of them. What a law wants kept longer names the law, or the policy does not load.
    """
    world = made.world("tt")
    numbers = _people(0, 50)
    for n in range(20):
        say(world, "flow_raw", {subject: {"number": f"+45{n}", "volume": n} for subject in numbers}, name=f"f{n}")
    parts = [part for subject in numbers for part in world.cloud.database.parts_of(subject, "flow_raw")]
    opens = world.cloud.records.contents
    assert len(parts) == 1000 and all(opens(part) for part in parts)
    world.later(days=31)
    world.cloud.sweep(clock_confirmed=True)
    linked = 0
    for part in parts:
        try:
            linked += bool(opens(part))
        except KeyDestroyed:
            continue
    assert linked == 0
    with pytest.raises(PolicyError, match="legal"):
        load_policy(made.text("tt", _without_law(world.text)))


def _without_law(text: str) -> tuple[str, str]:
    """The first rule that rests on a law, without it."""
    start = text.index('basis = "legal_obligation"\n')
    line = text[text.index("legal_ref", start) : text.index("\n", text.index("legal_ref", start)) + 1]
    return f'basis = "legal_obligation"\n{line}', 'basis = "legal_obligation"\n'
