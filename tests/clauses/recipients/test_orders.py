"""Authorities, orders of people, cases of advisers: a reference that somebody signed, and what it names, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.read.sources import LOCATION
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, DPO, LEAD, U1, Made, World
from tests.clauses.recipients.recipients_world import (
    added,
    approve,
    disclosed,
    findings,
    hand,
    nothing_leaves,
    put,
    reach,
)

MONTH = 30 * DAY


@clause("CT-20", engine="silence")
def test_ct_20(made: Made) -> None:
    """Without a yes the service that the person chose gets nothing. An order that forbids telling, with its reference and two
    approvals, is carried out, and the person is told on the day on which it ends, which nobody forgets.

    The order goes to an authority: a third party is no one who can forbid anything.
    """
    world = made.world("ct")
    outside = reach(world, "chosen_service", "tax_office")
    world.feed(world.tracker(), 20)
    asked: dict[str, Any] = {
        "actor": CLERK,
        "purpose": "sharing",
        "subject": "u-1",
        "start": world.now - DAY,
        "end": world.now,
    }
    with nothing_leaves(world, "consent_missing", outside["chosen_service"]):
        world.cloud.recipients.deliver(LOCATION, recipient="chosen_service", **asked)
    record = put(world, "billing", amount=100, date="2026-01-15", item="tracker")
    until = world.now + MONTH
    silent: dict[str, Any] = {"reference": "DK-2026-7", "silent_until": until}
    with nothing_leaves(world, "approvals_missing", outside["tax_office"]):
        hand(world, record, "tax_office", "invoicing", **silent)
    assert world.cloud.recipients.silent() == []
    approve(world, record, "tax_office", "invoicing", "DK-2026-7")
    delivery = hand(world, record, "tax_office", "invoicing", **silent)
    waiting = world.cloud.recipients.silent("u-1")
    assert len(waiting) == 1
    notice = waiting[0]
    assert (notice.delivery, notice.reference, notice.due_at) == (delivery.delivery, "DK-2026-7", until)
    assert _copied(world, "tax_office") == (False, False)
    with pytest.raises(ConfigError, match="still forbids"):
        world.cloud.recipients.told(notice.notice, by=DPO)
    world.clock.at = until
    assert world.cloud.recipients.due() == [notice]
    world.cloud.recipients.told(notice.notice, by=DPO)
    assert world.cloud.recipients.silent() == []
    assert _copied(world, "tax_office") == (True, True)


def _copied(world: World, recipient: str) -> tuple[bool, bool]:
    """Whether the person's copy tells of a recipient: to whom data went, and who used it."""
    folder = world.folder / f"copy-{world.now}"
    world.cloud.export(folder, "u-1", actor=U1)
    return tuple(recipient in (folder / name).read_text("utf-8") for name in ("disclosures.json", "reads.json"))  # type: ignore[return-value]


@clause("CT-65", engine="register")
def test_ct_65(made: Made) -> None:
    """Without a reference of legal process nothing leaves; with one the named fields do, and one entry says so."""
    world = made.world("ct")
    office = reach(world, "tax_office")["tax_office"]
    record = put(world, "billing", amount=100, date="2026-01-15", item="tracker", secret="x")
    with nothing_leaves(world, "legal_ref_missing", office):
        hand(world, record, "tax_office", "invoicing")
    approve(world, record, "tax_office", "invoicing", "DK-2026-7")
    hand(world, record, "tax_office", "invoicing", reference="DK-2026-7")
    assert office.fields == {"name", "address", "amount", "date", "item"}
    entries = [(entry["legal_ref"], entry["count"]) for entry in disclosed(world, "tax_office")]
    assert entries == [("DK-2026-7", 1)]


@clause("CG-62", engine="register")
def test_cg_62(made: Made) -> None:
    """No reference, then one signature of two, then two: only then it leaves, and the account tells fields and count.

    The reference cannot be left out whoever signs: two signatures stand beside it, not in its place.
    """
    world = made.world("cg")
    office = reach(world, "authority")["authority"]
    record = put(world, "transactions", product="tracker", price=100, payment_way="card", date="2026-01-15")
    with nothing_leaves(world, "legal_ref_missing", office):
        hand(world, record, "authority", "invoicing")
    approve(world, record, "authority", "invoicing", "RO-7", by=(LEAD,))
    with nothing_leaves(world, "approvals_missing", office):
        hand(world, record, "authority", "invoicing", reference="RO-7")
    approve(world, record, "authority", "invoicing", "RO-7", by=(DPO,))
    hand(world, record, "authority", "invoicing", reference="RO-7")
    kept = [(each.fields.split(), each.count, len(each.commitment)) for each in world.cloud.disclosures.of("u-1")]
    assert kept == [(["date", "payment_way", "price", "product"], 1, 64)]
    assert len(disclosed(world, "authority")) == 1


@clause("TT-29", engine="register")
def test_tt_29(made: Made) -> None:
    """A request without a legal reference is denied; with it, and the approvals, there is one entry."""
    world = made.world("tt")
    office = reach(world, "authority")["authority"]
    record = put(world, "billing", transaction="T-1", consumption=3, date="2026-01-15")
    with nothing_leaves(world, "legal_ref_missing", office):
        hand(world, record, "authority", "invoicing")
    approve(world, record, "authority", "invoicing", "DK-9")
    hand(world, record, "authority", "invoicing", reference="DK-9")
    assert len(disclosed(world, "authority")) == len(office.rows) == 1


@clause("TT-30", engine="holds for claims")
def test_tt_30(made: Made) -> None:
    """Twenty records that a claim needs outlast their term, and nobody reads them; once released, the next sweep takes them."""
    world = made.world("tt")
    records = [put(world, "support_case", question=str(n)) for n in range(20)]
    for record in records:
        world.cloud.records.note("case.closed", record=record)
    hold = world.cloud.holds.place(
        reference="H-1", subject="u-1", category="support_case", by="dpo-1", review_at=world.now + 90 * DAY
    )
    world.later(days=366)
    world.sweep()
    assert len(world.cloud.records.of("u-1", "support_case")) == 20
    outside = reach(world, "hosting")["hosting"]
    with nothing_leaves(world, "expired", outside):
        hand(world, records[0], "hosting", "support")
    world.cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="lead-1")
    assert len(world.cloud.records.of("u-1", "support_case")) == 20
    world.sweep()
    assert world.cloud.records.of("u-1", "support_case") == []


@clause("TT-33", engine="register")
def test_tt_33(made: Made) -> None:
    """Without an order of the person's nothing goes to the payment provider; with it exactly two fields do."""
    world = made.world("tt")
    provider = reach(world, "payment_enrolment")["payment_enrolment"]
    record = put(world, "billing", transaction="T-1", consumption=3, date="2026-01-15")
    with nothing_leaves(world, "order_missing", provider):
        hand(world, record, "payment_enrolment", "payment")
    with nothing_leaves(world, "order_missing", provider):  # an order that nobody gave
        hand(world, record, "payment_enrolment", "payment", reference="order-1")
    order: dict[str, Any] = {"purpose": "payment", "start": 0.0, "end": world.now + 1, "by": U1, "record": record}
    world.cloud.approvals.sign("order-1", "payment_enrolment", "u-1", **order)
    hand(world, record, "payment_enrolment", "payment", reference="order-1")
    assert provider.rows == [{"account_no": "A-7", "customer_no": "K-7"}]


#: The class of advisers, as a company that engages one would write it.
ADVISERS = "[recipients.advisers]\nlist = []\nenabled = false\n"
LAWYER = (
    '\n[[recipient]]\nid = "lawyer"\nkind = "third_party"\nof = "advisers"\nregion = "EEA"\nagreement = "MANDATE-1"\n'
    'fields = ["risk.name", "risk.case", "risk.customer_no"]\n'
)


@clause("CG-61", engine="register")
def test_cg_61(made: Made) -> None:
    """An adviser with case C-1 gets the rows that somebody signed for under C-1, for thirty days, and not one other."""
    on = '[recipients.advisers]\nlist = ["lawyer"]\nenabled = true\nlegal_ref = "Civil Code"\n'
    world = made.world(
        "cg",
        (ADVISERS, on),
        added(LAWYER),
        ('recipients = ["debt_register"]', 'recipients = ["debt_register", "lawyer"]'),
    )
    lawyer = reach(world, "lawyer")["lawyer"]
    of_case, others = (
        [put(world, "risk", case="C-1") for _ in range(3)],
        [put(world, "risk", case="C-2") for _ in range(4)],
    )
    for record in of_case:
        approve(world, record, "lawyer", "fraud_prevention", "C-1", by=(DPO,))
    for record in others:
        with nothing_leaves(world, "order_missing", lawyer):
            hand(world, record, "lawyer", "fraud_prevention", reference="C-1")
    for record in of_case:
        hand(world, record, "lawyer", "fraud_prevention", reference="C-1")
    assert [row["case"] for row in lawyer.rows] == ["C-1"] * 3
    world.later(days=30)
    with nothing_leaves(world, "order_missing", lawyer):
        hand(world, of_case[0], "lawyer", "fraud_prevention", reference="C-1")
    off = findings(made, "cg", added(LAWYER), (ADVISERS, on.replace("true", "false")))
    assert any(each.key.endswith(".of") and "is off" in each.message for each in off)
