"""Groups and companies: the holder narrows, never widens; what a company says of its people is nobody's consent."""

from __future__ import annotations

import pytest

from cloud_sync.consent.choices import Origin
from cloud_sync.errors import ConsentError
from cloud_sync.model import BoundKind, ConsentState, LawfulBasis, Sensor
from tests.clauses.access.access_world import DIGEST, group, holder, only, put
from tests.clauses.clause import clause
from tests.clauses.made import DAY, U1, H, Made, World

OFFERS, TRACKING = "tailored_offers", "tracking"  # CG: one rests on consent, the other on the contract


def _told(world: World, subject: str, purpose: str) -> tuple[ConsentState | None, Origin]:
    found = world.cloud.groups.effective(subject, purpose)
    return found.state, found.origin


@clause("CG-11", engine="lists", left_out="the portal's form")
def test_cg_11(made: Made) -> None:
    """H gives U2's telephone number: kept as given by H, and U2 is owed one notice within thirty days."""
    world = made.world("cg")
    group(world, "u-2")
    record = world.cloud.people.provide("depot", "u-2", "contact", b"+40 21 000 0000", holder(world))
    entry = only(world.cloud.audit.entries("u-2", "group.provided"))
    assert (entry.event.actor, dict(entry.event.detail)["record"]) == ("h-1", record)
    source, owed = world.cloud.notices.source("u-2"), world.cloud.notices.owed("u-2")
    assert source is not None and source.source == "h-1"
    assert owed is not None and owed.due_at == world.now + 30 * DAY
    world.cloud.notices.receive("u-2", world.evidence("u-2", "opened"))
    assert world.cloud.notices.owed("u-2") is None


@clause("CG-12", engine="choices")
def test_cg_12(made: Made) -> None:
    """U2's no of a day before H's yes holds, as their own; U1, who said nothing, is not asked; settings follow H."""
    world = made.world("cg")
    group(world, "u-1", "u-2")
    world.cloud.consent.refuse("u-2", OFFERS, world.evidence("u-2", "tapped_refuse"))
    world.later(days=1)
    tracker = world.tracker("u-1")
    for purpose in (OFFERS, TRACKING):
        world.cloud.groups.choose("depot", purpose, holder(world), open=True)
    assert _told(world, "u-2", OFFERS) == (ConsentState.REFUSED, Origin.OWN)
    assert _told(world, "u-1", OFFERS) == (None, Origin.NOBODY)
    assert _told(world, "u-1", TRACKING) == (ConsentState.GIVEN, Origin.HOLDER)
    assert world.cloud.ledger.open_now("u-1") == world.cloud.ledger.open_now("u-2") == {}
    world.feed(tracker)
    assert len(world.read(U1, TRACKING)) == 20
    world.cloud.groups.choose("depot", TRACKING, holder(world), open=False)  # and a no of H closes the setting
    assert _told(world, "u-1", TRACKING) == (ConsentState.REFUSED, Origin.HOLDER)
    assert Sensor.GNSS not in world.cloud.permission("u-1").sensors
    with world.denies("restricted"):
        world.read(H, TRACKING)


@clause("CG-13", engine="choices", left_out="the portal's page of conflicts")
def test_cg_13(made: Made) -> None:
    """H wants their yes to prevail over U2's no: it does not, as a holder can narrow and never widen; both see one row about it."""
    world = made.world("cg")
    group(world, "u-1", "u-2")
    world.cloud.consent.refuse("u-2", OFFERS, world.evidence("u-2", "tapped_refuse"))
    world.cloud.groups.choose("depot", OFFERS, holder(world), open=True)
    assert _told(world, "u-2", OFFERS) == (ConsentState.REFUSED, Origin.OWN)
    seen = only(world.cloud.groups.conflicts("depot"))
    assert [seen] == world.cloud.groups.conflicts_of("u-2")
    assert (seen.subject, seen.holder_open, seen.own, seen.effective.open) == ("u-2", True, ConsentState.REFUSED, False)
    assert world.cloud.groups.conflicts_of("u-1") == []
    world.later(days=91)  # the person may still say yes, and nobody else may say it for them
    before = len(world.cloud.ledger.records("u-2"))
    with pytest.raises(ConsentError, match="by the person alone"):
        world.cloud.consent.give("u-2", OFFERS, holder(world))
    assert len(world.cloud.ledger.records("u-2")) == before


@clause("CG-81", engine="choices")
def test_cg_81(made: Made) -> None:
    """The holder of a company's account says yes: kept with the account as its scope, and not one purpose of a user opens."""
    world = made.world("cg")
    group(world, "u-1", "u-2")
    asked = [purpose for purpose in world.cloud.policy.purposes if world.cloud.policy.consent_rules(purpose)]
    assert len(asked) >= 4
    for purpose in asked:
        kept = world.cloud.groups.choose("depot", purpose, holder(world), open=True)
        assert (kept.kind, kept.scope, kept.entity_id) == (BoundKind.WISHED, "account", "h-1")
    for subject in ("u-1", "u-2"):
        assert [purpose for purpose in asked if world.cloud.groups.effective(subject, purpose).open] == []
        assert world.cloud.ledger.records(subject) == []


@clause("CG-82", engine="lists")
def test_cg_82(made: Made) -> None:
    """Fifty users on a list without evidence: fifty wait and nothing of them is used, until each agrees or another ground holds."""
    world = made.world("cg")
    group(world)
    people = [f"w-{number:02}" for number in range(50)]
    world.cloud.people.hand_over("depot", people, holder(world), digest=DIGEST)
    assert world.cloud.people.waiting("depot") == people
    records = {person: put(world, "contact", subject=person) for person in people[:3]}
    clerk = {"actor": H, "purpose": "order"}
    for person in people[:3]:
        world.tracker(person)
        assert not world.cloud.permission(person).sensors
        with world.denies("restricted"):
            world.cloud.records.read(records[person], subject=person, **clerk)
    world.yes(people[0], OFFERS)
    world.cloud.people.admit(people[1], basis=LawfulBasis.CONTRACT, reference="ORDER-17", by="c-1")
    assert world.cloud.people.waiting("depot") == people[2:]
    for person in people[:2]:
        assert world.cloud.records.read(records[person], subject=person, **clerk)
        assert world.cloud.permission(person).sensors
    with world.denies("restricted"):
        world.cloud.records.read(records[people[2]], subject=people[2], **clerk)


@clause("CG-83", engine="lists")
def test_cg_83(made: Made) -> None:
    """The declaration's hash, the signer's role and the count of fifty are kept; nobody's answer becomes a yes by it."""
    world = made.world("cg")
    group(world)
    people = [f"w-{number:02}" for number in range(50)]
    world.cloud.people.hand_over("depot", people, holder(world), digest=DIGEST, role="contact_person")
    kept = only(world.logged("group.certified"))
    assert (kept["count"], kept["role"]) == (50, "contact_person")
    bounds = world.cloud.database.bounds_of_group("depot", members=False)
    said = only([bound for bound in bounds if bound.kind is BoundKind.CERTIFIED])
    assert (said.digest, said.count, said.record_id) == (DIGEST, 50, kept["record"])
    assert [person for person in people if world.cloud.ledger.records(person)] == []
    assert [person for person in people if world.cloud.ledger.open_now(person)] == []


@clause("CG-84", engine="choices")
def test_cg_84(made: Made) -> None:
    """Of the four pairs of company and employee only yes and yes is a yes; the narrower one holds."""
    world = made.world("cg")
    found = {}
    for company in (True, False):
        for own in (True, False):
            subject, name = f"w-{company:d}{own:d}", f"company-{company:d}{own:d}"
            group(world, subject, name=name)
            if own:
                world.yes(subject, OFFERS)
            else:
                world.cloud.consent.refuse(subject, OFFERS, world.evidence(subject, "tapped_refuse"))
            world.cloud.groups.choose(name, OFFERS, holder(world), open=company)
            effective = world.cloud.groups.effective(subject, OFFERS)
            assert (OFFERS in world.cloud.ledger.open_now(subject)) is effective.open
            found[company, own] = effective.open
    assert found == {(True, True): True, (True, False): False, (False, True): False, (False, False): False}
