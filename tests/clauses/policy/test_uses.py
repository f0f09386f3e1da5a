"""What records and readings are used for, and until when: MM, ST and TT."""

from __future__ import annotations

import json

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from cloud_sync.policy import Clock, load_policy
from tests.clauses.clause import clause
from tests.clauses.made import DAY, E1, HOUR, U1, Made
from tests.clauses.policy.policy_world import let_in, parts, put, read

STAFF = Actor("staff-1", "staff", mfa=True)
#: A number with a right checksum that no network issues to anybody: the one that payment providers print in their own documents.
CARD = "4242 4242 4242 4242"


@clause("MM-13", engine="taking", left_out="the payment page")
def test_mm_13(made: Made) -> None:
    """The provider's token is kept; of four writings of a card's number none is, and a number without its checksum is none."""
    world = made.world("mm")
    put(world, "billing", b'{"payment_token": "tok_1N2b3C"}')
    put(world, "billing", b'{"registration_no": "4242 4242 4242 4241", "date": 1768478400000}')
    assert parts(world, "billing") == 2
    for number in (CARD, CARD.replace(" ", ""), CARD.replace(" ", "-"), "5555555555554444"):
        with world.denies("content_forbidden"):
            put(world, "billing", f'{{"payment_token": "{number}"}}'.encode())
    assert parts(world, "billing") == 2


@clause("MM-16", engine="upkeep")
def test_mm_16(made: Made) -> None:
    """Of two kinds of records one is read: the fields of the other are listed after ninety days, and the list is empty when
    all are.
    """
    world = made.world("mm")
    bill, avatar = put(world, "invoice"), put(world, "avatar")
    world.later(days=91)
    read(world, bill, let_in(world, "invoice", "invoicing", actor=STAFF), "invoicing")
    read(world, avatar, U1, "account")  # that the person looks is no need of the company's
    assert world.cloud.upkeep.surplus() == ["avatar.file"]
    world.later(hours=2)
    read(world, avatar, let_in(world, "avatar", "account", actor=STAFF), "account")
    assert world.cloud.upkeep.surplus() == []
    world.later(days=91)
    assert "avatar.file" in world.cloud.upkeep.surplus()


@clause("MM-23", engine="contracts")
def test_mm_23(made: Made) -> None:
    """Support reads a case while the relation goes on, and none the day after it ended."""
    world = made.world("mm")
    case = put(world, "support_case")
    assert read(world, case, let_in(world, "support_case", "support"), "support") == b"content"
    world.cloud.records.note("relation.ended", subject="u-1")
    world.later(days=1)
    let_in(world, "support_case", "support")
    with world.denies("contract_ended"):
        read(world, case, E1, "support")


@clause("ST-14", engine="gate")
def test_st_14(made: Made) -> None:
    """Ten reads of telemetry for payment are denied, all of them; for its own purpose it is read."""
    world = made.world("st")
    world.tracker()
    asked = {"actor": U1, "subject": "u-1", "start": world.now - DAY, "end": world.now + HOUR}
    assert world.cloud.read_environment(purpose="condition_monitoring", **asked) == []
    with world.denies("purpose_not_declared", times=10):
        for _ in range(10):
            with pytest.raises(Denied):
                world.cloud.read_environment(purpose="payment", **asked)


@clause("ST-18", engine="contracts")
def test_st_18(made: Made) -> None:
    """A second after the account was closed no job reads it."""
    world = made.world("st")
    account = put(world, "account")
    let_in(world, "account", "account")
    assert read(world, account, E1, "account") == b"content"
    world.cloud.records.note("account.closed", subject="u-1")
    world.later(seconds=1)
    with world.denies("contract_ended"):
        read(world, account, E1, "account")


@clause("ST-19", engine="contracts")
def test_st_19(made: Made) -> None:
    """An order is read for its delivery until it is delivered; then nobody reads it but the person, and after thirty days
    it is gone.

    The table denies after thirty days: here the purpose is over with the delivery, and the thirty days are for the person alone.
    """
    world = made.world(
        "st", ('purposes = ["contact", "enquiry", "payment"]', 'purposes = ["contact", "enquiry", "delivery"]')
    )
    order = put(world, "order")
    assert read(world, order, let_in(world, "order", "delivery", actor=STAFF), "delivery") == b"content"
    world.cloud.records.note(Clock.PURPOSE_CONCLUDED, record=order)
    world.later(days=29)
    let_in(world, "order", "delivery", actor=STAFF)
    with world.denies("purpose_ended"):
        read(world, order, STAFF, "delivery")
    assert read(world, order, U1, "delivery") == b"content"
    world.later(days=1)
    world.sweep()
    assert parts(world, "order") == 0


@clause("TT-06", engine="gate")
def test_tt_06(made: Made) -> None:
    """Ten contacts that the chat robot was told are read for the newsletter: denied, all of them; for an enquiry they are read."""
    world = made.world("tt")
    told = [
        world.cloud.intake.take("contact", {"email": "a@x.example"}, subject="u-1", source="given") for _ in range(10)
    ]
    assert all(read(world, each, U1, "enquiry") for each in told)
    with world.denies("purpose_not_declared", times=10):
        for each in told:
            with pytest.raises(Denied):
                read(world, each, U1, "newsletter")


@clause("TT-07", engine="taking")
def test_tt_07(made: Made) -> None:
    """Calls of while the contract ran are kept, also when they are told of later; of the days after it none is."""
    world = made.world("tt")
    put(world, "traffic")
    world.cloud.records.note("relation.ended", subject="u-1", at=world.now + HOUR)
    world.later(hours=2)
    put(world, "traffic", created_at=world.now - 90 * 60)
    for _ in range(3):
        with world.denies("contract_ended"):
            put(world, "traffic")
        world.later(days=1)
    assert parts(world, "traffic") == 2


@clause("TT-13", engine="clocks")
def test_tt_13(made: Made) -> None:
    """An order that came to nothing is there until the thirtieth day is over, and then gone."""
    world = made.world("tt")
    order = put(world, "order")
    world.cloud.records.note(Clock.ORDER_CLOSED, record=order)
    world.later(days=29, hours=22)
    world.sweep()
    assert parts(world, "order") == 1
    world.later(hours=1)
    world.sweep()
    assert parts(world, "order") == 0


@clause("TT-15", engine="intake")
def test_tt_15(made: Made) -> None:
    """Six fields of the delivery are kept; with a seventh joined to them nothing is."""
    world = made.world("tt")
    names = ("name", "number", "address", "email", "company_no", "customer_no")
    six = dict.fromkeys(names, "12 34")
    world.cloud.intake.take("service", six, subject="u-1", source="given")
    assert parts(world, "service") == 1
    with pytest.raises(Denied) as denied:
        world.cloud.intake.take("service", {**six, "income": "12 34"}, subject="u-1", source="given")
    assert str(denied.value.reason) == "category_unknown"
    assert parts(world, "service") == 1 and world.logged("ingest.refused")[-1]["reason"] == "category_unknown"


@clause("TT-19", engine="gate")
def test_tt_19(made: Made) -> None:
    """The countries of a call are read for its price; a person's statistics of them are denied."""
    world = made.world("tt")
    row = put(world, "country", b'{"from": "DK", "to": "SE"}')
    with world.denies("purpose_not_declared"):
        read(world, row, U1, "market_statistics")
    assert json.loads(read(world, row, U1, "pricing")) == {"from": "DK", "to": "SE"}


@clause("TT-22", engine="gate")
def test_tt_22(made: Made) -> None:
    """For improvement raw rows are denied; what is read are totals of an hour with twenty people in it, and of one with
    nineteen none.

    The table's aggregates are counts: contents are sealed, and the product counts rows by the hour in which they arose.
    """
    world = made.world("tt")
    hour = world.now // HOUR * HOUR
    rows = [put(world, "flow_raw", b"x", f"u-{n}", created_at=hour - HOUR * (n >= 20) + n) for n in range(39)]
    with world.denies("purpose_not_declared"):
        read(world, rows[0], Actor("u-0", "data_subject"), "service_improvement", "u-0")
    world.later(days=30)
    world.sweep()
    totals = world.cloud.records.of("nobody", "flow_totals")
    assert len(totals) == 1 and not any(parts(world, "flow_raw", f"u-{n}") for n in range(39))
    nobody = Actor("nobody", "data_subject")
    told = json.loads(read(world, totals[0].record_id, nobody, "service_improvement", "nobody"))
    assert told == {"hour": "2026-01-15T12:00+00:00", "count": 20}
    assert load_policy(world.policy).rules_of("flow_totals")[0].fields == ("hour", "count")
