"""Who is a child, what is kept of it, what holds for a child's data, and what becomes of a report."""

from __future__ import annotations

from datetime import date

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import ConsentError
from cloud_sync.gate import MailClass
from cloud_sync.model import Actor, BoundKind, ConsentState, Precision, Sensor
from tests.clauses.access.access_world import born, declare, let_in, only, put
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, SERVICE, U1, U2, Made, World, at

OFFERS = "tailored_offers"  # CG: of a service that is meant for adults, and rests on consent
STUDY = "market_study"


def _signs_up(world: World, subject: str, birthday: date, purpose: str, country: str | None = None) -> ConsentState:
    """A sign-up: the birth date, then a yes; the state that it leads to. Whoever waits for a parent opens nothing."""
    declare(world, subject, birthday, country)
    state = world.cloud.consent.give(subject, purpose, world.evidence(subject)).event_state
    assert (purpose in world.cloud.ledger.open_now(subject)) is (state is ConsentState.GIVEN)
    return state


def parent(world: World, channel: str) -> Evidence:
    """Of what a parent answers."""
    return Evidence("parent-1", world.cloud.policy.notice, channel, "signed", "en")


@clause("CG-04", engine="ages", left_out="the portal's form")
def test_cg_04(made: Made) -> None:
    """Of a birth date, one on 29 February too, the month in which it turns is kept; the date is gone within a day."""
    world = made.world("cg")
    leap = date(2012, 2, 29)  # sixteen on 29 February 2028, and certainly so from March on
    record = put(world, "birth_date", leap.isoformat().encode())
    for subject, birthday, month in (
        ("u-1", leap, "2028-03"),
        ("u-2", date(2011, 2, 28), "2027-03"),
        ("u-3", born(world, 16), ""),
    ):
        kept = declare(world, subject, birthday)
        assert (kept.month, kept.turns) == (month, 16 if month else 0)
        assert world.cloud.ages.child(subject, OFFERS) is bool(month)
        assert birthday.isoformat() not in repr(kept)
    world.later(hours=23)
    world.sweep()
    assert world.cloud.database.parts(record) == []
    stored = b"".join(path.read_bytes() for path in world.folder.iterdir() if path.is_file())
    assert b"2012-02-29" not in stored and b"2028-03" in stored
    world.clock.at = at("2028-02-29T12:00")
    assert world.cloud.ages.child("u-1", OFFERS)
    world.clock.at = at("2028-03-01T00:00")
    assert not world.cloud.ages.child("u-1", OFFERS)


@clause("CG-48", engine="ages")
def test_cg_48(made: Made) -> None:
    """For such services a sign-up the day before sixteen waits for a parent, with no row; on the day itself it is taken."""
    world = made.world("cg")
    specific = "own_marketing"
    assert world.cloud.policy.children.policy_floor[specific] == 16
    assert _signs_up(world, "u-1", born(world, 16, days=1), specific) is ConsentState.PENDING
    assert world.rows() == len(world.cloud.records.of("u-1", None)) == 0
    assert _signs_up(world, "u-2", born(world, 16), specific) is ConsentState.GIVEN
    world.later(days=31)  # the birthday alone changes nothing: the young person is asked anew, and answers
    assert world.cloud.ledger.open_now("u-1") == {}
    assert not world.cloud.ages.child("u-1", specific)
    assert world.cloud.consent.give("u-1", specific, world.evidence("u-1")).event_state is ConsentState.GIVEN


@clause("CG-49", engine="ages")
def test_cg_49(made: Made) -> None:
    """For others fourteen is enough only where the country asks for no more: in Romania it asks for sixteen."""
    world = made.world("cg", ("country_floor = { RO = 16,", "country_floor = { BE = 13, RO = 16,"))
    assert _signs_up(world, "u-1", born(world, 14, days=1), STUDY, "BE") is ConsentState.PENDING
    assert _signs_up(world, "u-2", born(world, 14), STUDY, "BE") is ConsentState.GIVEN
    assert _signs_up(world, "u-3", born(world, 14), STUDY, "RO") is ConsentState.PENDING
    assert _signs_up(world, "u-4", born(world, 16), STUDY, "RO") is ConsentState.GIVEN


@clause("CG-50", engine="ages")
def test_cg_50(made: Made) -> None:
    """Of a child: a cell of a kilometre at the finest, on the device too; no marketing, no profile, thirty days."""
    world = made.world("cg")
    for subject, age in (("u-1", 14), ("u-2", 30)):
        declare(world, subject, born(world, age))
    child, adult = world.tracker("u-1"), world.tracker("u-2")
    told, grown = world.cloud.permission("u-1"), world.cloud.permission("u-2")
    assert (told.precision, grown.precision) == (Precision.CELL_1KM, Precision.EXACT)
    assert Sensor.GNSS in told.sensors
    world.feed(child, precision=Precision.CELL_1KM)
    world.feed(adult)
    [fix, *_] = world.read(CLERK, "tracking")
    assert fix.precision is Precision.CELL_1KM
    for channel in ("mail", "phone"):  # whatever a parent says
        world.cloud.consent.confirm("u-1", "own_marketing", parent(world, channel))
    world.yes("u-2", "own_marketing")
    mail = {"actor": SERVICE, "purpose": "own_marketing", "category": "own_marketing", "content": [MailClass.MARKETING]}
    with world.denies("child_protected"):
        world.cloud.mails.send(subject="u-1", hand_over=lambda: None, **mail)
    picture = {subject: put(world, "personalisation", subject=subject) for subject in ("u-1", "u-2")}
    with world.denies("child_protected"):
        world.cloud.records.read(picture["u-1"], actor=U1, purpose="personalisation", subject="u-1")
    assert world.cloud.mails.send(subject="u-2", hand_over=lambda: None, **mail)
    assert world.cloud.records.read(picture["u-2"], actor=U2, purpose="personalisation", subject="u-2")
    world.later(days=30)
    world.sweep()
    left = [world.cloud.database.count_envelopes(each.name) for each in (child, adult)]
    assert left == [0, 1]


@clause("ST-09", engine="ages", left_out="the portal's form")
def test_st_09(made: Made) -> None:
    """The day before sixteen and no parent: pending, with nothing stored but the question, which lapses after seven days."""
    world = made.world("st")
    assert _signs_up(world, "u-1", born(world, 16, days=1), "newsletter") is ConsentState.PENDING
    assert world.rows() == len(world.cloud.records.of("u-1", None)) == 0
    assert [bound.kind for bound in world.cloud.database.bounds_of("u-1")] == [BoundKind.DECLARED]
    ledger = world.cloud.ledger
    world.later(seconds=7 * DAY - 1)
    assert ledger.state_at("u-1", "newsletter", world.now).state is ConsentState.PENDING
    world.later(seconds=1)
    assert ledger.state_at("u-1", "newsletter", world.now).state is None
    assert ledger.open_now("u-1") == {}


@clause("ST-10", engine="ages")
def test_st_10(made: Made) -> None:
    """That an age was only said stands in the ledger; a parent's yes counts once it came by a second channel, within seven days."""
    world = made.world("st")
    said = only([declare(world, "u-1", born(world, 12))])
    assert [bound.method for bound in world.cloud.database.bounds_of("u-1")] == ["self_declared"] == [said.method]
    world.cloud.consent.give("u-1", "newsletter", world.evidence("u-1"))

    def confirms(channel: str) -> ConsentState:
        return world.cloud.consent.confirm("u-1", "newsletter", parent(world, channel)).event_state

    assert confirms("mail") is ConsentState.PENDING
    with pytest.raises(ConsentError, match="channel"):
        confirms("mail")
    world.later(days=7)
    assert confirms("letter") is ConsentState.PENDING  # the first came too long ago: this is a first one again
    world.later(seconds=7 * DAY - 1)
    assert confirms("phone") is ConsentState.GIVEN
    assert "newsletter" in world.cloud.ledger.open_now("u-1")


@clause("ST-12", engine="ages")
def test_st_12(made: Made) -> None:
    """A report on 15 January: restricted within the hour, and on 22 January nothing is left."""
    world = made.world("st")
    tracker = world.tracker("u-1")
    world.yes("u-1", "newsletter")
    record = put(world, "enquiry")
    time = int(world.now)
    world.take(tracker, tracker.environment([(time, 215, 100)]))
    assert (world.rows(), len(world.cloud.records.of("u-1", None))) == (1, 1)
    staff = Actor("e-1", "staff", mfa=True)
    let_in(world, staff, purpose="enquiry", category="enquiry")
    assert world.cloud.records.read(record, actor=staff, purpose="enquiry", subject="u-1")
    world.cloud.report_child("u-1", by="teacher-1", reference="REPORT-1")
    world.later(seconds=3_599)
    with world.denies("restricted"):
        world.cloud.records.read(record, actor=staff, purpose="enquiry", subject="u-1")
    assert not world.cloud.permission("u-1").sensors
    world.clock.at = at("2026-01-22T11:00")
    world.cloud.sweep(clock_confirmed=True)
    assert world.rows() == 1
    world.sweep()  # 22 January, 12:00
    assert (world.rows(), world.cloud.records.of("u-1", None)) == (0, [])
