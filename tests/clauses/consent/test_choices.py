"""Choices: one switch for each purpose, three answers, and a proof of each."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import pytest

from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentState
from tests.clauses.clause import clause
from tests.clauses.consent.consent_world import edition, switches, visits
from tests.clauses.made import U1, Made, at
from tests.clauses.notices.notices_world import issue, on_file

#: Of the purposes of CT: another service that the person may choose takes the place of statistics of the market.
TWO_SERVICES: Final = (
    ('version = "2018-04"\ncountry', 'version = "2026-01"\ncountry'),
    ('"product_statistics", "market_statistics"', '"product_statistics"'),
    ('  "market_statistics",\n', ""),
    ('  "sharing",\n', '  "sharing",\n  "sharing_two",\n'),
)
ANALYTICS: Final = {"event": "load", "time": "12:00", "page": "/"}


def _with_two_services(text: str) -> tuple[tuple[str, str], ...]:
    """The rule and the recipient of the first service once more, for a second one."""
    rule = next(part for part in text.split("[[rule]]") if 'purpose = ["sharing"]' in part).split("\n# ")[0]
    service = next(part for part in text.split("[[recipient]]") if 'id = "chosen_service"' in part).split("\n# ")[0]
    second = rule.replace('["sharing"]', '["sharing_two"]').replace("chosen_service", "second_service")
    other = service.replace("chosen_service", "second_service")
    cells = next(part for part in text.split("[[rule]]") if 'purpose = ["coverage_fallback"]' in part)
    ordered = cells.replace('basis = "consent"', 'basis = "contract"', 1)
    return (
        *TWO_SERVICES,
        (rule, f"{rule}\n[[rule]]{second}"),
        (cells, ordered),
        (service, f"{service}\n[[recipient]]{other}"),
    )


@clause("CT-02", engine="switches", left_out="the page of the portal")
def test_ct_02(made: Made) -> None:
    """Three purposes and two services in the register: five switches; flipping one adds one record and moves no other."""
    world = made.world("ct")
    edition(world, *_with_two_services(world.text))
    before = switches(world)
    services = {name: switch.recipients for name, switch in before.items() if name.startswith("sharing")}
    assert services == {"sharing": ("chosen_service",), "sharing_two": ("second_service",)}
    assert set(before) - set(services) == {"private_tracking", "product_statistics", "remote_help"}
    world.yes("u-1", "sharing_two")
    after = switches(world)
    assert [name for name in after if after[name] != before[name]] == ["sharing_two"] and after["sharing_two"].on
    assert len(world.cloud.ledger.records("u-1")) == 1


@clause("CT-29", engine="evidence")
def test_ct_29(made: Made) -> None:
    """Without actor, purpose, version, channel or act nothing is written, nor for a box that was ticked beforehand; the time nobody
    can leave out, as the ledger takes it from its own clock: a record has it whatever is handed over.
    """
    world = made.world("ct")
    give, proof = world.cloud.consent.give, world.evidence("u-1")
    for missing in ("entity_id", "notice", "channel", "act"):
        with pytest.raises(ConsentError):
            give("u-1", "private_tracking", replace(proof, **{missing: ""}))
    with pytest.raises(ConsentError):
        give("u-1", "", proof)
    with pytest.raises(ConsentError):
        give("u-1", "private_tracking", replace(proof, act="preticked"))
    assert world.cloud.ledger.records("u-1") == []
    record = give("u-1", "private_tracking", proof)
    assert record.event_time == world.now and switches(world)["private_tracking"].on


@clause("CG-02", engine="consent ledger")
def test_cg_02(made: Made) -> None:
    """A hundred fixes arrive for tracking; for tailored offers and market studies, of which nobody was asked, none can be read."""
    world = made.world("cg")
    world.feed(world.tracker(), 100)
    assert len(world.read(U1, "tracking")) == 100
    for purpose in ("tailored_offers", "market_study"):
        assert switches(world)[purpose].state is None
        with world.denies("consent_missing"):
            world.read(U1, purpose)


@clause("CG-17", engine="consent ledger", left_out="the prompt on the screen")
def test_cg_17(made: Made) -> None:
    """Yes, no and later by three people: three states, and the gate is open for one of them."""
    world = made.world("cg")
    people = ("u-1", "u-2", "u-3")
    on_file(world, "own_marketing", *people)
    for subject in people:
        world.cloud.consent.request(subject, "own_marketing", world.evidence(subject))
    world.yes("u-1", "own_marketing")
    world.cloud.consent.refuse("u-2", "own_marketing", world.evidence("u-2", "tapped_no"))
    world.cloud.consent.later("u-3", "own_marketing", world.evidence("u-3", "tapped_later"))
    found = [switches(world, subject)["own_marketing"] for subject in people]
    assert [switch.state for switch in found] == [ConsentState.GIVEN, ConsentState.REFUSED, ConsentState.LATER]
    assert [subject for subject, _ in issue(world, "own_marketing", "own_marketing", *people)[1]] == ["u-1"]


@clause("CG-10", engine="intake", left_out="cookies and beacons in the page itself")
def test_cg_10(made: Made) -> None:
    """With a no to analytics fifty pages leave none of the seven kinds; with a yes each row leads, by its time, to its record."""
    world = made.world("cg")
    kinds = ("ip_prefix", "browser", "system", "mobile_id", "area", "redirect", "action")
    row = {**dict.fromkeys(kinds, "x"), "ip_prefix": "192.0.2.0/24", "area": "RO-B"}
    world.cloud.consent.refuse("u-1", "site_analysis", world.evidence("u-1", "tapped_no"))
    assert visits(world, "web_metadata", row, "website", 50) == 0
    world.yes("u-1", "site_analysis")
    given = world.cloud.ledger.records("u-1")[-1]
    assert visits(world, "web_metadata", row, "website", 5) == 5
    rows = world.cloud.records.of("u-1", "web_metadata")
    assert {world.cloud.consent.yes_of("u-1", "site_analysis", each.created_at) for each in rows} == {given}


@clause("MM-07", engine="intake", left_out="the cookie in the browser")
def test_mm_07(made: Made) -> None:
    """A first visit without a choice notes nothing on five pages; after a yes one row, which leads to the record of it."""
    world = made.world("mm")
    assert visits(world, "analytics", ANALYTICS, "site", 5) == 0
    world.yes("u-1", "product_statistics")
    assert visits(world, "analytics", ANALYTICS, "site", 1) == 1
    [row] = world.cloud.records.of("u-1", "analytics")
    yes = world.cloud.consent.yes_of("u-1", "product_statistics", row.created_at)
    assert yes == world.cloud.ledger.records("u-1")[0]


@clause("MM-11", engine="cookies", left_out="the cookie in the browser")
def test_mm_11(made: Made) -> None:
    """Whoever comes back on day 364 has the cookie until day 365 as before; on day 366 there is none, and a new yes begins anew."""
    world = made.world("mm")
    until = world.cloud.notices.cookie_until
    assert until("u-1", "product_statistics") is None
    world.yes("u-1", "product_statistics")
    world.later(days=364)
    assert until("u-1", "product_statistics") == at("2027-01-15T12:00")
    world.later(days=2)
    assert until("u-1", "product_statistics") is None
    world.yes("u-1", "product_statistics")
    assert until("u-1", "product_statistics") == at("2028-01-16T12:00")


@clause("ST-07", engine="intake", left_out="the site itself")
def test_st_07(made: Made) -> None:
    """With a no to analytics twenty pages leave no row of activity."""
    world = made.world("st")
    row = {"page": "/", "time": "12:00", "browser": "x", "device_type": "phone"}
    world.cloud.consent.refuse("u-1", "product_statistics", world.evidence("u-1", "tapped_no"))
    assert visits(world, "site_activity", row, "use", 20) == 0


@clause("TT-28", engine="switches", left_out="the banner of the site")
def test_tt_28(made: Made) -> None:
    """Four purposes of cookies; a yes to statistics alone makes one of the four active."""
    world = made.world("tt")
    world.yes("u-1", "cookie_statistics")
    cookies = {name: switch.on for name, switch in switches(world).items() if name.startswith("cookie_")}
    assert len(cookies) == 4 and [name for name, on in cookies.items() if on] == ["cookie_statistics"]


@clause("TT-35", engine="telling")
def test_tt_35(made: Made) -> None:
    """Every purpose that rests on consent is listed with the version and the hash of its text and a way back; none misses one."""
    world = made.world("tt")
    listed = world.cloud.notices.questions("da")
    assert {row["purpose"] for row in listed} == set(switches(world))
    complete = [
        row for row in listed if row["notice"] and len(row["text"]) == 64 and row["withdrawal"].get("steps") == 1
    ]
    assert complete == listed and len(listed) == 5


@clause("TT-25", engine="links")
def test_tt_25(made: Made) -> None:
    """A sign-up opens nothing; without its second step the address is destroyed, key and row, when seven days are over."""
    world = made.world("tt")
    tokens: list[str] = []
    sign_up = world.cloud.notices.links.sign_up
    for subject in ("u-1", "u-2"):
        sign_up(subject, "newsletter", b"anna@home.example", world.evidence(subject), tokens.append)
    world.cloud.notices.links.confirm(tokens[1])
    assert not switches(world)["newsletter"].on and switches(world, "u-2")["newsletter"].on
    world.later(days=7, hours=-2)
    world.sweep()
    assert len(world.cloud.records.of("u-1")) == 1
    world.sweep()
    assert world.cloud.records.of("u-1") == [] and len(world.cloud.records.of("u-2")) == 1
