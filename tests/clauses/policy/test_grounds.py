"""Grounds and purposes: what a use rests on, and that it ends with it."""

from __future__ import annotations

from cloud_sync.policy import Clock, lint
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, E1, T0, U1, Made, at
from tests.clauses.policy.policy_world import instead, let_in, parts, put, read, rule, said, without


@clause("CT-06", engine="gate")
def test_ct_06(made: Made) -> None:
    """Five hundred fixes for tracking are read for marketing: denied, and none of them is answered."""
    world = made.world("ct")
    tracker = world.tracker()
    world.later(hours=2)
    world.feed(tracker, 500)
    assert len(world.read(U1, "tracking")) == 500
    with world.denies("purpose_not_declared"):
        world.read(U1, "marketing")


@clause("CT-25", engine="lint")
def test_ct_25(made: Made) -> None:
    """A rule without a ground is no rule, each of four grounds is one, a fifth is none; what no rule names nobody reads."""
    block = rule("ct", "support_case")
    four = {
        "consent": "",
        "contract": "",
        "legal_obligation": 'legal_ref = "DK Bookkeeping Act"\n',
        "legitimate_interest": 'balancing_id = "BT-1"\n',
    }
    for basis, reference in four.items():
        _, changed = instead(block, "basis", f'"{basis}"')
        assert said(made.text("ct", (block, changed + reference))) == [], basis
    for change in (without(block, "basis"), instead(block, "basis", '"vital_interest"')):
        assert [key.rpartition(".")[2] for key, _ in said(made.text("ct", change))] == ["basis"]
    world = made.world("ct")
    world.tracker()
    with world.denies("purpose_missing"):
        world.read(U1, "")


@clause("CT-30", engine="contracts")
def test_ct_30(made: Made) -> None:
    """The day after the contract ended support reads no account any more, the person still does; a request for a new one
    counts again.
    """
    world = made.world("ct")
    account = put(world, "account")
    assert read(world, account, let_in(world, "account", "account"), "account") == b"content"
    world.cloud.records.note("contract.concluded", subject="u-1", at=T0 - 30 * DAY)
    world.cloud.records.note("relation.ended", subject="u-1")
    world.later(days=1)
    let_in(world, "account", "account")
    with world.denies("contract_ended"):
        read(world, account, E1, "account")
    assert read(world, account, U1, "account") == b"content"
    world.cloud.records.note("contract.requested", subject="u-1")
    assert read(world, account, E1, "account") == b"content"


@clause("CT-34", engine="lint")
def test_ct_34(made: Made) -> None:
    """Telemetry for a contract and for a consent is read; a file with a rule on a legitimate interest is refused, and so no
    job can cite it.
    """
    world = made.world("ct")
    tracker = world.tracker()
    world.yes("u-1", "private_tracking")
    world.later(hours=2)
    world.feed(tracker, 20)
    assert [len(world.read(U1, purpose)) for purpose in ("tracking", "private_tracking")] == [20, 20]
    with world.denies("purpose_not_declared"):
        world.read(U1, "own_interest")
    block = rule("ct", "motion")
    _, changed = instead(block, "basis", '"legitimate_interest"')
    found = said(made.text("ct", (block, changed + 'balancing_id = "BT-1"\n')))
    assert [message for _, message in found] == ["legitimate_interest is not in basis.telemetry"]


@clause("CG-01", engine="upkeep")
def test_cg_01(made: Made) -> None:
    """A consent of the day before the regime began, to the text of before, is flagged once and counts no longer; one of the
    day itself does.
    """
    earlier = (
        ('version = "2018-05-25"\n', 'version = "2017-01-01"\n'),
        ("effective = 2018-05-25", "effective = 2017-01-01"),
    )
    world = made.world("cg", *earlier, start=at("2018-05-24T12:00"))
    world.yes("u-1", "market_study")
    world.later(days=1)
    world.reopen(made.text("cg").read_text("utf-8"))
    world.yes("u-2", "market_study")
    flagged = [(each.subject, each.purpose, each.given_at) for each in world.cloud.upkeep.early_consents()]
    assert flagged == [("u-1", "market_study", at("2018-05-24T12:00"))]
    open_now = {subject: set(world.cloud.ledger.open_now(subject)) for subject in ("u-1", "u-2")}
    assert open_now == {"u-1": set(), "u-2": {"market_study"}}


@clause("CG-14", engine="contracts")
def test_cg_14(made: Made) -> None:
    """The day after the contract ended its purposes are over; "the relationship" is no purpose at all (X-27)."""
    world = made.world("cg")
    contact = put(world, "contact")
    assert read(world, contact, let_in(world, "contact", "support"), "support") == b"content"
    world.cloud.records.note("relation.ended", subject="u-1")
    world.later(days=1)
    let_in(world, "contact", "support")
    with world.denies("contract_ended"):
        read(world, contact, E1, "support")
    with world.denies("purpose_not_declared"):
        read(world, contact, E1, "relationship")


@clause("CG-15", engine="lint")
def test_cg_15(made: Made) -> None:
    """A purpose of a category with two grounds is refused, as two rules and as a list; with one it passes."""
    block = rule("cg", "feedback")
    _, second = instead(block, "basis", '"contract"')
    twice = said(made.text("cg", (block, f"{block}\n{second}")))
    assert [(key.rpartition(".")[2], "already has a rule" in message) for key, message in twice] == [
        ("purpose[0]", True)
    ]
    listed = made.text("cg", instead(block, "basis", '["contract", "consent"]'))
    assert [key.rpartition(".")[2] for key, _ in said(listed)] == ["basis"]
    assert lint(made.text("cg")) == []


@clause("CG-21", engine="contracts")
def test_cg_21(made: Made) -> None:
    """An order that is open is read; a day after it closed it is not, but for the billing that a law asks for.

    The company's own reading of it is shown: the person reads theirs in any case.
    """
    world = made.world("cg", ('purposes = ["tracking", "order"]', 'purposes = ["tracking", "order", "payment"]'))
    order, bill = put(world, "order"), put(world, "transactions")
    ask = CLERK, "order"
    world.tracker()
    assert read(world, order, *ask) == b"content"
    world.cloud.records.note(Clock.ORDER_CLOSED, record=order)
    world.later(days=1)
    with world.denies("contract_ended"):
        read(world, order, *ask)
    assert read(world, bill, CLERK, "payment") == b"content"


@clause("CG-24", engine="sweep")
def test_cg_24(made: Made) -> None:
    """Whoever leaves the loyalty scheme is out of it with the next sweep; the account stays."""
    world = made.world("cg")
    loyalty, account = put(world, "loyalty"), put(world, "identity")
    world.sweep()
    assert (parts(world, "loyalty"), parts(world, "identity")) == (1, 1)
    world.cloud.records.note(Clock.PURPOSE_CONCLUDED, record=loyalty)
    world.sweep()
    assert (parts(world, "loyalty"), parts(world, "identity")) == (0, 1)
    assert read(world, account, U1, "account") == b"content"
