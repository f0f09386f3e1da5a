"""Groups and companies narrow and never widen; what a person chose is never touched."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from cloud_sync.consent.bounds import Bounds, GroupEvents
from cloud_sync.errors import ConsentError
from cloud_sync.model import BoundKind, ConsentBound, Precision, Reason, Sensor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import HOLDER, Place, by, enrolled, reads, senses
from tests.unit.cloud_sync.consent.joining import join

T = "tracking"
DIGEST = hashlib.sha256(b"we have asked all of our drivers").hexdigest()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An installation that was never opened."""
    return Place(tmp_path)


@pytest.fixture
def cloud(place: Place) -> Iterator[CloudSync]:
    """A server with one person who has a device, and a group of one member."""
    with place.open() as opened:
        enrolled(opened)
        opened.groups.found("depot", HOLDER)
        join(opened.groups, "depot", "s-1", HOLDER)
        yield opened


@pytest.mark.parametrize(
    ("person", "company", "open_"),
    [(True, True, True), (True, False, False), (False, True, False), (False, False, False)],
    ids=["yes and yes", "yes and no", "no and yes", "no and no"],
)
def test_of_the_four_pairs_only_yes_and_yes_opens(cloud: CloudSync, person: bool, company: bool, open_: bool) -> None:
    """CG-84: whatever the company says after or before the person, only both together open gate and device."""
    if person:
        cloud.consent.give("s-1", T, by("s-1"))
    else:
        cloud.consent.refuse("s-1", T, by("s-1"))
    cloud.groups.narrow("depot", T, HOLDER)
    if company:
        cloud.groups.lift("depot", T, HOLDER)
    decision = reads(cloud)
    assert bool(decision) is open_
    if not open_:
        assert decision.reason is Reason.CONSENT_MISSING
    assert bool(senses(cloud)[0] & Sensor.GNSS) is open_


def test_who_never_answered_stays_unasked_whatever_the_group_does(cloud: CloudSync) -> None:
    """CG-12: a holder's switch is no answer; nothing opens, and nothing is in the person's ledger."""
    cloud.groups.narrow("depot", T, HOLDER, precision=Precision.CELL_10KM)
    cloud.groups.lift("depot", T, HOLDER)
    assert cloud.ledger.records("s-1") == []
    assert not reads(cloud)
    assert cloud.ledger.state_at("s-1", T, cloud.clock.now()).why == "never asked"


def test_lifting_brings_back_the_persons_own_choice(cloud: CloudSync) -> None:
    """Section 8 row 8: 1 km stays 1 km under a coarser group, and is there again; the person's records are the same bytes."""
    cloud.consent.give("s-1", T, by("s-1"), precision=Precision.CELL_1KM)
    before = cloud.ledger.records("s-1")
    cloud.groups.narrow("depot", T, HOLDER, precision=Precision.CELL_10KM)
    assert (reads(cloud).precision, senses(cloud)[1]) == (Precision.CELL_10KM, Precision.CELL_10KM)
    cloud.groups.lift("depot", T, HOLDER)
    assert (reads(cloud).precision, senses(cloud)[1]) == (Precision.CELL_1KM, Precision.CELL_1KM)
    assert cloud.ledger.records("s-1") == before


def test_a_group_never_makes_finer(cloud: CloudSync) -> None:
    """A group that "leaves" exact positions leaves what the person allowed."""
    cloud.consent.give("s-1", T, by("s-1"), precision=Precision.CELL_10KM)
    cloud.groups.narrow("depot", T, HOLDER, precision=Precision.EXACT)
    assert reads(cloud).precision is Precision.CELL_10KM


def test_a_no_under_a_group_is_still_there_when_the_group_lifts(cloud: CloudSync) -> None:
    """A person who withdraws while the group has closed the purpose stays out of it."""
    cloud.consent.give("s-1", T, by("s-1"))
    cloud.groups.narrow("depot", T, HOLDER)
    cloud.consent.withdraw("s-1", T, by("s-1"))
    cloud.groups.lift("depot", T, HOLDER)
    assert not reads(cloud)
    assert senses(cloud)[0] == Sensor(0)


def test_leaving_the_group_ends_its_hold_and_joining_begins_it(cloud: CloudSync) -> None:
    """Only members are narrowed, from when they join until they leave."""
    cloud.consent.give("s-1", T, by("s-1"))
    cloud.groups.narrow("depot", T, HOLDER)
    cloud.groups.remove("depot", "s-1", HOLDER)
    assert reads(cloud)
    join(cloud.groups, "depot", "s-1", HOLDER)
    assert not reads(cloud)
    assert cloud.groups.members("depot") == ["s-1"]


def test_of_two_groups_the_narrower_counts(cloud: CloudSync) -> None:
    """Both narrow; lifting one leaves the other."""
    cloud.consent.give("s-1", T, by("s-1"))
    cloud.groups.found("family", HOLDER)
    join(cloud.groups, "family", "s-1", HOLDER)
    cloud.groups.narrow("depot", T, HOLDER, precision=Precision.CELL_1KM)
    cloud.groups.narrow("family", T, HOLDER, precision=Precision.CELL_10KM)
    assert reads(cloud).precision is Precision.CELL_10KM
    found = cloud.groups.narrowing("s-1", T)
    assert (found.closed, found.precision, found.groups) == (False, Precision.CELL_10KM, ("depot", "family"))
    cloud.groups.lift("family", T, HOLDER)
    assert reads(cloud).precision is Precision.CELL_1KM


def test_where_one_group_closes_another_opens_nothing(cloud: CloudSync) -> None:
    """One leaves 10 km, the other nothing, in either order of their names: closed."""
    cloud.consent.give("s-1", T, by("s-1"))
    for group, coarse in (("depot", None), ("a-first", Precision.CELL_10KM), ("z-last", Precision.CELL_10KM)):
        if group != "depot":
            cloud.groups.found(group, HOLDER)
            join(cloud.groups, group, "s-1", HOLDER)
        cloud.groups.narrow(group, T, HOLDER, precision=coarse)
        assert reads(cloud).reason is Reason.CONSENT_MISSING, group


def test_a_group_holds_from_joining_and_not_before(cloud: CloudSync) -> None:
    """A group that had closed long ago: what was captured before the person joined is there again once they left."""
    start = cloud.clock.now()
    cloud.consent.give("s-1", T, by("s-1"))
    cloud.groups.remove("depot", "s-1", HOLDER)
    cloud.groups.narrow("depot", T, HOLDER)
    for after, step in ((100, partial(join, cloud.groups)), (200, cloud.groups.remove)):
        cloud.clock.at = start + after
        step("depot", "s-1", HOLDER)
    covered = [bool(cloud.ledger.covered("s-1", T, start + at, start + 300)) for at in (50, 150, 250)]
    assert covered == [True, False, True]


def test_what_was_captured_while_a_group_had_closed_stays_out(cloud: CloudSync) -> None:
    """Before the closing and after the lifting readings are covered, between them they never are."""
    start = cloud.clock.now()
    cloud.consent.give("s-1", T, by("s-1"))
    for after, step in ((100, cloud.groups.narrow), (200, cloud.groups.lift)):
        cloud.clock.at = start + after
        step("depot", T, HOLDER)
    covered = [bool(cloud.ledger.covered("s-1", T, start + at, start + 300)) for at in (50, 150, 250)]
    assert covered == [True, False, True]


def test_a_narrowing_from_a_clock_that_was_ahead_holds(cloud: CloudSync) -> None:
    """The clock steps back an hour after a group closed: closed it is, and the lifting comes after it in time."""
    cloud.consent.give("s-1", T, by("s-1"))
    right = cloud.clock.now()
    cloud.clock.at = right + 3600
    closed = cloud.groups.narrow("depot", T, HOLDER)
    cloud.clock.at = right + 60
    assert not reads(cloud)
    assert cloud.groups.lift("depot", T, HOLDER).at >= closed.at
    cloud.clock.at = right + 3600
    assert reads(cloud)


def test_members_devices_are_told_at_once(cloud: CloudSync, place: Place) -> None:
    """Closing seals a directive for the member's device before it returns; a person outside the group gets none."""
    member, other = enrolled(cloud), enrolled(cloud, "s-2")
    for subject, tracker in (("s-1", member), ("s-2", other)):
        cloud.consent.give(subject, T, by(subject))
        cloud.handle([(tracker.topic, tracker.status())])
    place.link.sent.clear()
    cloud.groups.narrow("depot", T, HOLDER)
    [(device, sealed)] = place.link.sent
    assert device == member.name
    assert not member.open(sealed).sensors & Sensor.GNSS
    place.link.sent.clear()
    cloud.groups.lift("depot", T, HOLDER)
    assert place.link.sent == []  # what widens waits for the device's next challenge


@pytest.mark.parametrize(
    "step",
    [
        lambda groups, who: groups.narrow("depot", T, who, precision=Precision.REGION),
        lambda groups, who: groups.lift("depot", T, who),
        lambda groups, who: groups.invite("depot", "s-9", who),
        lambda groups, who: groups.remove("depot", "s-1", who),
        lambda groups, who: groups.certify("depot", who, count=1, digest=DIGEST),
    ],
    ids=["narrow", "lift", "invite", "remove", "certify"],
)
def test_only_the_holder_sets(cloud: CloudSync, step: Callable[..., object]) -> None:
    """A member who would lift, join others or leave is refused; the holder's same step succeeds."""
    cloud.groups.narrow("depot", T, HOLDER)
    with pytest.raises(ConsentError, match="held by another"):
        step(cloud.groups, by("s-1"))
    step(cloud.groups, HOLDER)


def test_a_certificate_is_no_consent(cloud: CloudSync) -> None:
    """CG-82, CG-83: fifty people are certified; hash, signer and count are kept, no state changes, nothing opens."""
    people = [f"w-{number}" for number in range(50)]
    for person in people:
        join(cloud.groups, "depot", person, HOLDER)
    kept = cloud.groups.certify("depot", HOLDER, count=50, digest=DIGEST)
    assert (kept.count, kept.digest, kept.entity_id) == (50, DIGEST, "h-1")
    assert [cloud.ledger.records(person) for person in people] == [[]] * 50
    assert [cloud.ledger.open_now(person) for person in people] == [{}] * 50
    [entry] = cloud.audit.entries(kind="group.certified")
    assert dict(entry.event.detail) | {"actor": entry.event.actor} == {
        "group": "depot",
        "record": kept.record_id,
        "count": 50,
        "actor": "h-1",
        "role": "account_holder",
    }


BAD = {
    "an unknown purpose": lambda groups: groups.narrow("depot", "unheard_of", HOLDER),
    "a purpose on another ground": lambda groups: groups.narrow("depot", "diagnosis", HOLDER),
    "a position where there is none": lambda groups: groups.narrow(
        "depot", "theft_alarm", HOLDER, precision=Precision.REGION
    ),
    "a group that is not there": lambda groups: groups.narrow("other", T, HOLDER),
    "a second founding": lambda groups: groups.found("depot", HOLDER),
    "a member twice": lambda groups: groups.invite("depot", "s-1", HOLDER),
    "somebody who is no member": lambda groups: groups.remove("depot", "s-2", HOLDER),
    "lifting what is not narrowed": lambda groups: groups.lift("depot", T, HOLDER),
    "a name for a group": lambda groups: groups.found("Jørgens lastbiler", HOLDER),
    "a certificate for nobody": lambda groups: groups.certify("depot", HOLDER, count=0, digest=DIGEST),
    "a certificate without a hash": lambda groups: groups.certify("depot", HOLDER, count=1, digest="signed"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused_and_leaves_nothing(cloud: CloudSync, name: str) -> None:
    """Each is refused with a sentence, and neither the store nor the audit log has anything of it."""
    before = (cloud.database.bounds_of_group("depot", members=False), cloud.audit.entries())
    with pytest.raises(ConsentError):
        BAD[name](cloud.groups)
    assert (cloud.database.bounds_of_group("depot", members=False), cloud.audit.entries()) == before


def test_a_groups_events_are_read_once_and_not_at_every_decision(
    cloud: CloudSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forty settings: many decisions read them once, another setting counts at once, and one that was rolled back never."""
    cloud.consent.give("s-1", T, by("s-1"))
    for _ in range(20):
        cloud.groups.narrow("depot", T, HOLDER)
        cloud.groups.lift("depot", T, HOLDER)
    real, asked = cloud.database.bounds_of_group, []

    def counted(group: str, *, members: bool) -> list[ConsentBound]:
        asked.append(group)
        return real(group, members=members)

    monkeypatch.setattr(cloud.database, "bounds_of_group", counted)
    assert all(reads(cloud) for _ in range(10)) and len(asked) <= 1
    cloud.groups.narrow("depot", T, HOLDER)
    assert not reads(cloud)
    cloud.groups.lift("depot", T, HOLDER)
    with pytest.raises(ZeroDivisionError), cloud.database.transaction():
        cloud.database.append_bound(
            ConsentBound("b-9", BoundKind.NARROWED, cloud.clock.now(), "h-1", "app", "x", "", "depot", T, closed=True)
        )
        assert not reads(cloud)
        _ = 1 // 0
    assert reads(cloud)


def test_kept_events_of_a_group_answer_as_the_list_does() -> None:
    """For each purpose at, before and after every time, in order of appending and out of it."""
    kinds = (BoundKind.NARROWED, BoundKind.LIFTED, BoundKind.CERTIFIED)
    for times in ((1.0, 2.0, 2.0, 3.0, 5.0), (3.0, 1.0, 2.0, 2.0, 4.0)):
        events = [
            ConsentBound(f"b-{n}", kinds[n % 3], at, "h-1", "app", "x", group="g", purpose=("a", "b")[n % 2])
            for n, at in enumerate(times)
        ]
        kept, own = GroupEvents(events), [ConsentBound("j", BoundKind.JOINED, 0.0, "h-1", "app", "x", "s-1", "g")]
        for purpose in ("a", "b", "c"):
            for at in (0.0, *times, 2.5, 9.0):
                listed, quick = Bounds(own, {"g": events}), Bounds(own, {"g": kept})
                assert listed.narrowing(purpose, at) == quick.narrowing(purpose, at)
        assert set(Bounds(own, {"g": kept}).times()) == {0.0, *times}


def test_a_setting_that_is_in_force_is_not_made_again(cloud: CloudSync) -> None:
    """The same narrowing twice is refused; another precision, or closing, is another one."""
    cloud.groups.narrow("depot", T, HOLDER, precision=Precision.CELL_10KM)
    with pytest.raises(ConsentError, match="already"):
        cloud.groups.narrow("depot", T, HOLDER, precision=Precision.CELL_10KM)
    cloud.groups.narrow("depot", T, HOLDER, precision=Precision.REGION)
    cloud.groups.narrow("depot", T, HOLDER)
    with pytest.raises(ConsentError, match="already"):
        cloud.groups.narrow("depot", T, HOLDER)
