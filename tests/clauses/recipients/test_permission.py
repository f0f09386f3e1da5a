"""Who gets data on what ground: a yes, a law, a contract, an interest; and who gets none."""

from __future__ import annotations

from typing import Any

from cloud_sync.gate import MailClass
from cloud_sync.model import LawfulBasis
from cloud_sync.policy import load_policy
from cloud_sync.policy.vocabulary import RecipientKind
from cloud_sync.read.sources import MOTION
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, SERVICE, Made
from tests.clauses.recipients.recipients_world import (
    SENSED,
    added,
    approve,
    disclosed,
    findings,
    hand,
    nothing_leaves,
    outsider,
    put,
    reach,
)

PARTNER = 'id = "partner"\nkind = "third_party"\nregion = "EEA"\nenabled = false\n'
PARTNER_ON = (PARTNER, PARTNER.replace("enabled = false\n", ""))


@clause("CG-20", engine="gate")
def test_cg_20(made: Made) -> None:
    """Own news yes, partners' news no: of two campaigns one message leaves."""
    world = made.world("cg")
    world.tracker()
    world.yes("u-1", "own_marketing")
    world.cloud.consent.refuse("u-1", "partner_marketing", world.evidence("u-1", "tapped_refuse"))
    left: list[str] = []

    def campaign(purpose: str, content: MailClass) -> None:
        world.cloud.mails.send(
            actor=SERVICE,
            purpose=purpose,
            category=purpose,
            subject="u-1",
            content={content},
            hand_over=lambda: left.append(purpose),
        )

    campaign("own_marketing", MailClass.MARKETING)
    with nothing_leaves(world, "consent_missing"):
        campaign("partner_marketing", MailClass.PARTNER_MARKETING)
    assert left == ["own_marketing"]


@clause("CG-26", engine="field lists")
def test_cg_26(made: Made) -> None:
    """A look-up in a register of debts takes three fields there, none that was sensed, and one entry says so."""
    world = made.world("cg")
    debts = reach(world, "debt_register")["debt_register"]
    hand(world, put(world, "risk", score=3, case="C-1", logic="late twice"), "debt_register", "credit_check")
    assert debts.fields == {"name", "address", "customer_no"}
    assert debts.fields.isdisjoint(SENSED)
    assert len(disclosed(world, "debt_register")) == 1


@clause("CG-55", engine="gate")
def test_cg_55(made: Made) -> None:
    """A third party gets nothing without a yes; a rule that gives it something on another ground than a yes or an interest does not
    load.
    """
    world = made.world("cg", PARTNER_ON)
    partner = reach(world, "partner")["partner"]
    world.tracker()
    record = put(world, "partner_marketing")
    with nothing_leaves(world, "consent_missing", partner):
        hand(world, record, "partner", "partner_marketing")
    world.yes("u-1", "partner_marketing")
    assert hand(world, record, "partner", "partner_marketing").count == 1
    contract = 'recipients = ["warranty_service"]', 'recipients = ["warranty_service", "partner"]'
    assert any("gets data on contract" in each.message for each in findings(made, "cg", contract))


@clause("CG-56", engine="gate")
def test_cg_56(made: Made) -> None:
    """No and later alike: nothing goes to a partner for its advertising, whoever asks, and whatever reference they name."""
    world = made.world("cg", PARTNER_ON)
    partner = reach(world, "partner")["partner"]
    for subject, answer in (("u-1", world.cloud.consent.refuse), ("u-2", world.cloud.consent.later)):
        world.tracker(subject)
        world.cloud.consent.request(subject, "partner_marketing", world.evidence(subject, "shown"))
        answer(subject, "partner_marketing", world.evidence(subject, "tapped"))
        record = put(world, "partner_marketing", subject)
        with nothing_leaves(world, "consent_missing", partner):
            hand(world, record, "partner", "partner_marketing", subject=subject)
        with nothing_leaves(world, "consent_missing", partner):
            hand(world, record, "partner", "partner_marketing", subject=subject, reference="urgent-1")


@clause("CG-57", engine="register")
def test_cg_57(made: Made) -> None:
    """An affiliate is in no list: of a hundred records not one leaves, and an affiliate without the class does not load."""
    world = made.world("cg")
    affiliate = reach(world, "affiliate")["affiliate"]
    for n in range(100):
        put(world, "contact", post=str(n))
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "contact", "subject": "u-1", "recipient": "affiliate"}
    with nothing_leaves(world, "recipient_not_listed", affiliate, times=100):
        world.cloud.recipients.hand_all("contact", **asked)
    one = outsider("affiliate", "third_party", "contact.email", more='of = "affiliates"\n')
    assert any("class affiliates is off" in each.message for each in findings(made, "cg", added(one)))


@clause("CG-59", engine="field lists")
def test_cg_59(made: Made) -> None:
    """A warranty case leaves with its serial, its fault and its number, and no position."""
    world = made.world("cg")
    service = reach(world, "warranty_service")["warranty_service"]
    hand(world, put(world, "warranty", serial="S-1", fault_code="E2", case="W-1"), "warranty_service", "warranty")
    assert service.rows == [{"serial": "S-1", "fault_code": "E2", "case": "W-1"}]


@clause("CG-60", engine="transfer")
def test_cg_60(made: Made) -> None:
    """The class of other operators is off: no debtor's row goes to one, and switching it on without a law does not load."""
    on = "[recipients.operators]\nlist = []\nenabled = true\n"
    found = findings(made, "cg", ("[recipients.operators]\nlist = []\nenabled = false\n", on))
    assert [each.message for each in found] == ["class operators is on without legal_ref"]
    world = made.world("cg")
    operator = reach(world, "operator")["operator"]
    with nothing_leaves(world, "recipient_not_listed", operator):
        hand(world, put(world, "risk", score=3), "operator", "credit_check")


@clause("MM-09", engine="register")
def test_mm_09(made: Made) -> None:
    """What the site's analysis found goes to the one processor; two others are denied, and nothing sensed is its input."""
    world = made.world("mm")
    outside = reach(world, "analytics_provider", "crm", "advertiser")
    world.tracker()
    world.yes("u-1", "product_statistics")
    record = put(world, "analytics", event="click", time="12:00", page="/")
    assert hand(world, record, "analytics_provider", "product_statistics").count == 1
    for name in ("crm", "advertiser"):
        with nothing_leaves(world, "recipient_not_listed", *outside.values()):
            hand(world, record, name, "product_statistics")
    asked: dict[str, Any] = {
        "actor": CLERK,
        "purpose": "product_statistics",
        "subject": "u-1",
        "recipient": "analytics_provider",
    }
    with nothing_leaves(world, "purpose_not_declared", *outside.values()):
        world.cloud.recipients.deliver(MOTION, start=world.now - DAY, end=world.now, **asked)


@clause("MM-14", engine="gate")
def test_mm_14(made: Made) -> None:
    """Without a yes: a third party gets nothing, a processor with its agreement does, an authority with its reference alone.

    A third party on another ground than a yes does not load at all.
    """
    helper = 'id = "mailing"\nkind = "processor"\nservice = "it_operation"\nagreement = "DPA-MAILING"\n'
    world = made.world("mm", (helper, 'id = "mailing"\nkind = "third_party"\n'))
    outside = reach(world, "mailing", "hosting", "tax_office")
    world.tracker()
    with nothing_leaves(world, "consent_missing", outside["mailing"]):
        hand(world, put(world, "newsletter"), "mailing", "newsletter")
    assert hand(world, put(world, "account"), "hosting", "account").count == 1
    record = put(world, "billing", amount=100)
    with nothing_leaves(world, "legal_ref_missing", outside["tax_office"]):
        hand(world, record, "tax_office", "invoicing")
    approve(world, record, "tax_office", "invoicing", "DK-7")
    assert hand(world, record, "tax_office", "invoicing", reference="DK-7").count == 1
    gateway = 'kind = "processor"\nservice = "sms_gateway"\nagreement = "DPA-SMS-GATEWAY"\n'
    found = findings(made, "mm", (gateway, 'kind = "third_party"\n'))
    assert any("gets data on contract" in each.message for each in found)


@clause("MM-21", engine="gate")
def test_mm_21(made: Made) -> None:
    """Of a hundred records without a yes and without a law not one leaves."""
    world = made.world("mm")
    mailing = reach(world, "mailing")["mailing"]
    world.tracker()
    for n in range(100):
        put(world, "newsletter", n=n)
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "newsletter", "subject": "u-1", "recipient": "mailing"}
    with nothing_leaves(world, "consent_missing", mailing, times=100):
        world.cloud.recipients.hand_all("newsletter", **asked)
    world.yes("u-1", "newsletter")
    assert len(world.cloud.recipients.hand_all("newsletter", **asked).told) == len(mailing.rows) == 100


@clause("ST-25", engine="gate")
def test_st_25(made: Made) -> None:
    """By contract, by law and by a yes three records leave; the fourth has none of them and stays."""
    world = made.world("st")
    outside = reach(world, "crm", "bookkeeping_one", "mailing", "analytics_one")
    world.tracker()
    world.yes("u-1", "newsletter")
    grounds = [(rule.basis, rule) for rule in load_policy(world.policy).rules]
    for name, category, purpose, basis in (
        ("crm", "contact", "contact", LawfulBasis.CONTRACT),
        ("bookkeeping_one", "billing", "invoicing", LawfulBasis.LEGAL_OBLIGATION),
        ("mailing", "newsletter", "newsletter", LawfulBasis.CONSENT),
    ):
        assert any(found is basis and each.category == category for found, each in grounds)
        assert hand(world, put(world, category), name, purpose).count == 1
    with nothing_leaves(world, "consent_missing", *outside.values()):
        hand(world, put(world, "ip", ip="192.0.2.7"), "analytics_one", "site_analysis")


@clause("TT-32", engine="promises", left_out="the portal's page")
def test_tt_32(made: Made) -> None:
    """Two operators stand in a person's copy as answering for themselves, and a letter on an erasure promises nothing of theirs."""
    world = made.world("tt")
    outside = reach(world, "network_operator_one", "network_operator_two", "hosting")
    operators = {"network_operator_one", "network_operator_two"}
    record = put(world, "service", number="7", company_no="1")
    for name in operators:
        hand(world, record, name, "telephony")
    hand(world, put(world, "contact", company="C"), "hosting", "contact")
    promised = {each.recipient: each for each in world.cloud.recipients.promises("u-1")}
    assert {name for name, each in promised.items() if each.kind is RecipientKind.INDEPENDENT_CONTROLLER} == operators
    assert [promised[name].actions for name in sorted(operators)] == [0, 0]
    assert promised["hosting"].actions == 1
    told = world.cloud.recipients.notify("u-1", "removed")
    assert {each.recipient for each in told if each.taken} == {*operators, "hosting"}
    assert all(len([part for part in each.taken if "removed" in part]) == 1 for each in outside.values())
