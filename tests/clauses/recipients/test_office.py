"""Offices, shops and tools: each gets the fields that are listed for it, and nothing that was sensed (section 8, row 35)."""

from __future__ import annotations

import json
from typing import Any

from cloud_sync.config import BrokerConfig
from cloud_sync.mqtt import brief
from cloud_sync.mqtt.sink import MqttSink
from cloud_sync.policy import lint
from cloud_sync.read.sources import MOTION
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, SERVICE, Made, World
from tests.clauses.recipients.recipients_world import (
    PERSON,
    SENSED,
    approve,
    hand,
    nothing_leaves,
    put,
    reach,
)

PERSONAL = {"name", "email", "phone"}
US = 'mechanism = "scc"\n'
CARD = "contact"


def _gets(world: World, recipient: str, category: str, purpose: str, **content: Any) -> set[str]:
    """The fields that a recipient gets of a record that has all of them; none of them was sensed."""
    outside = reach(world, recipient)[recipient]
    world.cloud.recipients.hand(
        put(world, category, **content), actor=CLERK, purpose=purpose, subject="u-1", recipient=recipient
    )
    assert len(outside.rows) == 1
    assert outside.fields.isdisjoint(SENSED)
    return outside.fields


def _covered(made: Made, assessment: str) -> None:
    """Without its mechanism the profile does not load: nothing is sent there."""
    text = made.text("st").read_text("utf-8")
    at = text.index(f'mechanism = "scc"\nassessment = "{assessment}"')
    path = made.folder / f"{assessment}.toml"
    path.write_text(text[:at] + text[at + len(US) :], "utf-8")
    assert ["no mechanism covers it" in each.message for each in lint(path)] == [True]


@clause("ST-29", engine="field lists")
def test_st_29(made: Made) -> None:
    """Of a page call the site's operator gets the address, cut to its network, and nothing else."""
    assert _gets(made.world("st"), "site_operator", "ip", "site_delivery", ip="192.0.2.77") == {"ip_prefix"}


@clause("ST-30", engine="field lists")
def test_st_30(made: Made) -> None:
    """Of a form three fields leave, not the question."""
    world = made.world("st")
    assert _gets(world, "site_operator", "enquiry", "enquiry", question="price?") == PERSONAL


@clause("ST-31", engine="field lists")
def test_st_31(made: Made) -> None:
    """Ten pages without a yes to analysis: nothing reaches either service; with one they get the address cut to /24."""
    world = made.world("st")
    services = reach(world, "analytics_one", "analytics_two")
    world.tracker()
    for n in range(10):
        record = put(world, "ip", ip=f"192.0.2.{n}", time="12:00")
        for name in services:
            with nothing_leaves(world, "consent_missing", *services.values()):
                hand(world, record, name, "site_analysis")
    world.yes("u-1", "site_analysis")
    record = put(world, "ip", ip="192.0.2.77", time="12:00")
    for name, outside in services.items():
        hand(world, record, name, "site_analysis")
        assert outside.rows == [{"ip_prefix": "192.0.2.0/24", "time": "12:00"}]


@clause("ST-33", engine="field lists")
def test_st_33(made: Made) -> None:
    """Of an invoice both bookkeeping services get three fields of the person, and the amount."""
    world = made.world("st")
    for name in ("bookkeeping_one", "bookkeeping_two"):
        assert _gets(world, name, "billing", "invoicing", amount=100, date="2026-01-15") == {*PERSONAL, "amount"}


@clause("ST-34", engine="field lists")
def test_st_34(made: Made) -> None:
    """The board tool gets four fields, under a mechanism, without which the policy does not load."""
    assert _gets(made.world("st"), "board_tool", CARD, "contact") == {*PERSONAL, "address"}
    _covered(made, "TIA-ST-4")


@clause("ST-35", engine="field lists")
def test_st_35(made: Made) -> None:
    """So does the office suite."""
    assert _gets(made.world("st"), "office_suite", CARD, "contact") == {*PERSONAL, "address"}
    _covered(made, "TIA-ST-5")


@clause("ST-36", engine="field lists")
def test_st_36(made: Made) -> None:
    """A hundred people in the list of the CRM: three fields each."""
    world = made.world("st")
    crm = reach(world, "crm")["crm"]
    for n in range(100):
        put(world, CARD, f"u-{n}")
    gone, handed = world.cloud.recipients.sync(CARD, actor=CLERK, purpose="contact", recipient="crm")
    assert (len(gone), len(handed.told), dict(handed.denied)) == (0, 100, {})
    assert [set(row) for row in crm.rows] == [PERSONAL] * 100
    assert not world.cloud.recipients.sync(CARD, actor=CLERK, purpose="contact", recipient="crm")[1].told
    _covered(made, "TIA-ST-6")


@clause("ST-37", engine="recall")
def test_st_37(made: Made) -> None:
    """Ten of twelve readers of the newsletter withdraw: ten removals reach the service before anything else is sent to it."""
    world = made.world("st")
    mailing = reach(world, "mailing")["mailing"]
    people = [f"u-{n}" for n in range(12)]
    for each in people:
        world.cloud.enrol(subject=each, settings={})
        world.yes(each, "newsletter")
        put(world, "newsletter", each, ip="192.0.2.77")
    sync: dict[str, Any] = {"actor": CLERK, "purpose": "newsletter", "recipient": "mailing"}
    assert len(world.cloud.recipients.sync("newsletter", **sync)[1].told) == 12
    assert mailing.fields == {"name", "email", "ip_prefix"}
    world.later(hours=1)
    for each in people[:10]:
        world.withdraw(each, "newsletter")
    put(world, "newsletter", "u-11", name="Later")
    gone, handed = world.cloud.recipients.sync("newsletter", **sync)
    after = mailing.taken[12:]
    assert [sorted(part)[0] for part in after] == ["message"] * 10 + ["delivery"]
    assert all(len(part["removed"]) == 1 for part in after[:10])
    assert ([each.taken for each in gone], len(handed.told)) == ([True] * 10, 1)
    assert world.cloud.recipients.sync("newsletter", **sync)[0] == []


@clause("ST-38", engine="alerts without places")
def test_st_38(made: Made) -> None:
    """An alert that a position gave rise to is a link in the chat; the chat gets four fields of a person otherwise.

    The profile takes no position, so the alert is one of a vehicle that moved; the message has no time and no place in
    it, and a broker is not told to keep it.
    """
    world = made.world("st")
    chat = reach(world, "staff_chat")["staff_chat"]
    hand(world, put(world, CARD), "staff_chat", "contact")
    assert chat.fields == {*PERSONAL, "address"}
    world.tracker()
    alert = world.cloud.alerts("https://portal.example/alert/")
    who: dict[str, Any] = {"actor": SERVICE, "purpose": "theft_alarm", "subject": "u-1"}
    span: dict[str, Any] = {"start": world.now - 60, "end": world.now}
    link = alert.send(MOTION, **who, **span, sink=chat)
    message = chat.taken[-1]
    assert message == {"alert": "theft_alarm", "link": f"https://portal.example/alert/{link.link}"}
    assert not any(str(value) in json.dumps(message) for value in (PERSON["lat"], PERSON["lon"]))
    sent: list[Any] = []
    made.patch.setattr(brief, "publish", lambda _, messages: (sent.extend(messages) or len(messages), ""))
    alert.send(MOTION, **who, **span, sink=MqttSink(BrokerConfig(), "chat/in"))
    assert [(each.retain, sorted(json.loads(each.payload))) for each in sent] == [(False, ["alert", "link"])]


@clause("MM-17", engine="field lists")
def test_mm_17(made: Made) -> None:
    """The list of customers and partners gets six fields of each."""
    fields = {"work_area", "title", "name", "address", "phone", "email"}
    assert _gets(made.world("mm"), "crm", "crm_contact", "customer_relation") == fields


@clause("MM-44", engine="register")
def test_mm_44(made: Made) -> None:
    """A kind of supplier that the list has not gets nothing; neither does one that the list has for something else."""
    world = made.world("mm")
    outside = reach(world, "printer", "sms_gateway", "technical_support")
    record = put(world, "account")
    with nothing_leaves(world, "recipient_not_listed", *outside.values()):
        hand(world, record, "printer", "account")
    assert hand(world, record, "sms_gateway", "account").fields == "phone"
    with nothing_leaves(world, "recipient_not_listed", *outside.values()):
        hand(world, put(world, "support_case", question="why"), "sms_gateway", "support")
    found = lint(made.text("mm", ('service = "sms_gateway"', 'service = "printer"')))
    assert any("service" in each.key for each in found)


@clause("MM-45", engine="field lists")
def test_mm_45(made: Made) -> None:
    """A report for the tax office has accounting material in it; what a person planned is in no list of the office's."""
    world = made.world("mm")
    office = reach(world, "tax_office")["tax_office"]
    fields: dict[str, Any] = {
        "company": "C",
        "registration_no": "1",
        "amount": 100,
        "date": "2026-01-15",
        "payment_token": "t",
    }
    record = put(world, "billing", **fields, activity="walk", goal="health")
    approve(world, record, "tax_office", "invoicing", "DK-TAX-1")
    hand(world, record, "tax_office", "invoicing", reference="DK-TAX-1")
    assert office.rows == [fields]
    with nothing_leaves(world, "recipient_not_listed", office):
        hand(world, put(world, "application", activity="walk"), "tax_office", "activity_planning", reference="DK-TAX-1")
