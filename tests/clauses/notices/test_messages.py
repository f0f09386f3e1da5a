"""What may be in a message, for what, how often, and how one gets out of it."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, ConsentError
from cloud_sync.gate import MailClass
from cloud_sync.notices.maildomain import check_domain
from tests.clauses.clause import clause
from tests.clauses.made import DPO, SOON, T0, U1, Made
from tests.clauses.notices.notices_world import CLERK, MAILER, NEWS, SERVICE, issue, mail, on_file, token_in


@clause("CT-63", engine="mail classes")
def test_ct_63(made: Made) -> None:
    """A promotion is denied by its class, whatever it is sent as; safety and law go out although nothing was agreed to; the fifth
    service mail in 30 days is held back, and the log says so: that entry is the alarm.
    """
    world = made.world("ct")
    on_file(world, "account")
    assert mail(world, "account", "account", NEWS) == "mail_class_mismatch"
    for n in range(4):
        assert mail(world, "account", "account", SERVICE) == "sent", n
        world.later(days=1)
    with world.denies("too_many_mails", times=1):
        asked: dict[str, Any] = {"actor": MAILER, "purpose": "account", "category": "account", "subject": "u-1"}
        world.cloud.mails.send(**asked, content=SERVICE, hand_over=lambda: None)
    assert mail(world, "safety_notice", "account", [MailClass.SAFETY]) == "sent"
    assert mail(world, "legal_notice", "account", [MailClass.LEGAL]) == "sent"


@clause("CG-18", engine="asking", left_out="the prompt on the screen")
def test_cg_18(made: Made) -> None:
    """After LATER a prompt on day 89 is withheld and one on day 90 shows; after three in all, or a NO, none any more."""
    world = made.world("cg")
    consent, me = world.cloud.consent, world.evidence("u-1")
    for _ in range(2):
        consent.request("u-1", "own_marketing", me)
        consent.later("u-1", "own_marketing", me)
        world.later(days=90, seconds=-SOON)
        with pytest.raises(ConsentError):
            consent.request("u-1", "own_marketing", me)
        world.later(seconds=SOON)
    consent.request("u-1", "own_marketing", me)
    assert consent.later("u-1", "own_marketing", me).event_state.value == "refused"
    world.later(days=400)
    for purpose in ("own_marketing", "partner_marketing"):
        if purpose == "partner_marketing":
            consent.refuse("u-1", purpose, me)
        with pytest.raises(ConsentError):
            consent.request("u-1", purpose, me)


@clause("CG-19", engine="consent ledger")
def test_cg_19(made: Made) -> None:
    """A campaign to a thousand, of whom nine have said yes and U1 later: the nine get it, U1 nothing."""
    world = made.world("cg")
    people = [f"u-{n}" for n in range(1, 1001)]
    on_file(world, "own_marketing", *people[:10])
    world.cloud.consent.request("u-1", "own_marketing", world.evidence("u-1"))
    world.cloud.consent.later("u-1", "own_marketing", world.evidence("u-1"))
    for subject in people[1:10]:
        world.yes(subject, "own_marketing")
    done, sent = issue(world, "own_marketing", "own_marketing", *people)
    assert [subject for subject, _ in sent] == people[1:10] and sum(done.withheld.values()) == 991


@clause("CG-43", engine="answers by letter")
def test_cg_43(made: Made) -> None:
    """A refusal without reason or reviewer cannot be decided, and so not closed; with both its letter is out within the
    month, before the end of 2026-02-15, says the reason and names the authority once.
    """
    world = made.world("cg")
    rights = world.cloud.rights
    case = rights.open("u-1", "access", received_at=T0, channel="letter", by="desk-1", login=U1).cases[0].case_id
    for reason, reviewer in (("", DPO.id), ("rights_of_others", "")):
        with pytest.raises(ConfigError):
            rights.decide(case, "refused", by="desk-1", reason=reason, reviewer=reviewer)
    with pytest.raises(ConfigError):
        rights.close(case, by="desk-1")
    rights.decide(case, "refused", by="desk-1", reason="rights_of_others", reviewer=DPO.id)
    letter = world.cloud.notices.letter(case)
    assert letter.count("ANSPDCP") == 1 and "rights of somebody else" in letter
    assert rights.due(T0).due == rights.due(T0).law and str(rights.due(T0).due) == date(2026, 2, 15).isoformat()
    rights.answer(case, by="desk-1", letter=letter.encode())
    assert rights.close(case, by="desk-1").evidence


@clause("CG-44", engine="withdrawal", left_out="the page behind the link")
def test_cg_44(made: Made) -> None:
    """The link in a message of T0, used with no login: WITHDRAWN at once, and the next issue has nothing for U1."""
    world = made.world("cg")
    on_file(world, "own_marketing")
    world.yes("u-1", "own_marketing")
    [(_, text)] = issue(world, "own_marketing", "own_marketing")[1]
    world.cloud.notices.links.leave(token_in(text))
    [switch] = [each for each in world.cloud.consent.switches("u-1") if each.purpose == "own_marketing"]
    assert str(switch.state) == "withdrawn" and not switch.on
    done, sent = issue(world, "own_marketing", "own_marketing")
    assert sent == [] and done.withheld == {"consent_missing": 1}


@clause("CG-47", engine="mail classes")
def test_cg_47(made: Made) -> None:
    """With all marketing off a changed password is told in one administrative message; with a promotion in it, it is denied."""
    world = made.world("cg")
    on_file(world, "identity")
    for purpose in ("own_marketing", "partner_marketing"):
        world.cloud.consent.refuse("u-1", purpose, world.evidence("u-1", "tapped_no"))
    assert mail(world, "account", "identity", SERVICE) == "sent"
    assert mail(world, "account", "identity", [MailClass.SERVICE, MailClass.MARKETING]) == "mail_class_mismatch"
    assert len(world.logged("mail.sent", "u-1")) == 1


@clause("CG-79", engine="withdrawal")
def test_cg_79(made: Made) -> None:
    """A batch of a thousand: when five hundred are out U1, the last of the list, leaves, and the rest has nothing for U1."""
    world = made.world("cg")
    people = [f"u-{n}" for n in range(1000, 0, -1)]
    asked = [*people[:4], *people[499:504], "u-1"]
    on_file(world, "own_marketing", *asked)
    for subject in asked:
        world.yes(subject, "own_marketing")
    sent: list[str] = []

    def post(subject: str, _: str) -> None:
        sent.append(subject)
        if subject == people[499]:
            world.withdraw("u-1", "own_marketing")

    done, _ = issue(world, "own_marketing", "own_marketing", *people, post=post)
    assert "u-1" not in sent and list(done.sent) == sent == asked[:-1]


@clause("MM-22", engine="links")
def test_mm_22(made: Made) -> None:
    """The code that is sent to the address on file works for 24 hours and not a second longer, and stands in no log and no file."""
    world = made.world("mm")
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    root = logging.getLogger()
    root.addHandler(handler)
    level = root.level
    root.setLevel(logging.DEBUG)  # what is said only to whoever looks for an error counts too
    try:
        ask = {"received_at": T0, "channel": "mail", "by": "desk-1"}
        first, second = (world.cloud.rights.open("u-1", "access", **ask).cases[0].case_id for _ in range(2))  # type: ignore[arg-type]
        codes: list[str] = []
        for case in (first, second):
            world.cloud.rights.identity.send(case, lambda _, code: codes.append(code))
        world.later(hours=24, seconds=-SOON)
        assert world.cloud.rights.identity.redeem(codes[0])
        world.later(seconds=SOON)
        with pytest.raises(ConfigError):
            world.cloud.rights.identity.redeem(codes[1])
    finally:
        root.setLevel(level)
        root.removeHandler(handler)
    entries = "".join(str(entry.event) for entry in world.cloud.audit.entries())
    written = b"".join(path.read_bytes() for path in Path(world.folder).rglob("*") if path.is_file())
    assert all(code not in entries + "".join(lines) and code.encode() not in written for code in codes)


@clause("MM-24", engine="mail classes")
def test_mm_24(made: Made) -> None:
    """Of five messages with the newsletter off update and downtime leave, and option, product and price are withheld, whatever
    they are sent as.
    """
    world = made.world("mm")
    on_file(world, "account")
    on_file(world, "newsletter")
    world.cloud.consent.refuse("u-1", "newsletter", world.evidence("u-1", "tapped_no"))
    service = [mail(world, "service_change_notice", "account", SERVICE) for _ in ("update", "downtime")]
    news = [mail(world, "newsletter", "newsletter", NEWS) for _ in ("option", "product", "price")]
    disguised = [mail(world, "service_change_notice", "account", NEWS) for _ in ("option", "product", "price")]
    assert service == ["sent"] * 2 and news == ["consent_missing"] * 3 and disguised == ["mail_class_mismatch"] * 3


@clause("MM-65", engine="issues", left_out="the page behind the link")
def test_mm_65(made: Made) -> None:
    """The second issue of a month goes out only when somebody of the company decides so, with an entry in the log; the link in it
    leaves without a login.
    """
    world = made.world("mm")
    on_file(world, "newsletter")
    world.yes("u-1", "newsletter")
    assert len(issue(world, "newsletter", "newsletter")[1]) == 1
    world.later(days=7)
    assert issue(world, "newsletter", "newsletter")[0].withheld == {"too_many_mails": 1}
    assert world.logged("mail.overridden") == []
    [(_, text)] = issue(world, "newsletter", "newsletter", override=CLERK)[1]
    assert [each["purpose"] for each in world.logged("mail.overridden", "u-1")] == ["newsletter"]
    record = world.cloud.notices.links.leave(token_in(text))
    assert record is not None and record.event_state.value == "withdrawn"
    world.later(days=20)  # February
    assert issue(world, "newsletter", "newsletter")[1] == []


@clause("ST-15", engine="consent ledger")
def test_st_15(made: Made) -> None:
    """Never asked: the issue has nothing for U1, and one for somebody who agreed."""
    world = made.world("st")
    on_file(world, "newsletter", "u-1", "u-2")
    world.yes("u-2", "newsletter")
    done, sent = issue(world, "newsletter", "newsletter", "u-1", "u-2")
    assert [subject for subject, _ in sent] == ["u-2"] and done.withheld == {"consent_missing": 1}


@clause("ST-16", engine="mail classes")
def test_st_16(made: Made) -> None:
    """With the newsletter off a failed delivery is told in one service message, and no news rides along."""
    world = made.world("st")
    on_file(world, "contact")
    world.cloud.consent.refuse("u-1", "newsletter", world.evidence("u-1", "tapped_no"))
    assert mail(world, "contact", "contact", SERVICE) == "sent"
    assert mail(world, "contact", "contact", [MailClass.SERVICE, MailClass.MARKETING]) == "mail_class_mismatch"
    assert len(world.logged("mail.sent", "u-1")) == 1


@clause("ST-17", engine="mail classes")
def test_st_17(made: Made) -> None:
    """With the newsletter off a change of the service is told, and a new product is not, as a change or as news."""
    world = made.world("st")
    on_file(world, "contact")
    on_file(world, "newsletter")
    world.cloud.consent.refuse("u-1", "newsletter", world.evidence("u-1", "tapped_no"))
    ends = Counter([mail(world, "service_change_notice", "contact", content) for content in (SERVICE, NEWS)])
    assert ends == {"sent": 1, "mail_class_mismatch": 1}
    assert mail(world, "newsletter", "newsletter", NEWS) == "consent_missing"


@clause("ST-57", engine="mail domain", left_out="the company's own records in the domain name system")
def test_st_57(made: Made) -> None:
    """Three records and a policy that is not none guard a domain; each that is taken away, and a policy none, is named."""
    records = {
        "st.example": ["v=spf1 include:mail.example -all"],
        "k1._domainkey.st.example": ["v=DKIM1; p=MIGf"],
        "_dmarc.st.example": ["v=DMARC1; p=quarantine"],
    }

    def missing(**changed: list[str]) -> tuple[str, ...]:
        there = {**records, **changed}
        return check_domain("st.example", "k1", lambda name: there.get(name, [])).missing

    assert missing() == ()
    assert [missing(**{name: []})[:1] for name in records] == [("spf",), ("dkim",), ("dmarc",)]
    assert missing(**{"_dmarc.st.example": ["v=DMARC1; p=none"]}) == ("dmarc policy",)


@clause("TT-12", engine="consent ledger")
def test_tt_12(made: Made) -> None:
    """Never asked, later, no, withdrawn: none of the four gets the campaign; the one who said yes gets one message."""
    world = made.world("tt")
    people = ["never", "later", "no", "withdrawn", "yes"]
    on_file(world, "newsletter", *people)
    consent = world.cloud.consent
    consent.request("later", "newsletter", world.evidence("later"))
    consent.later("later", "newsletter", world.evidence("later"))
    consent.refuse("no", "newsletter", world.evidence("no"))
    world.yes("withdrawn", "newsletter")
    world.withdraw("withdrawn", "newsletter")
    world.yes("yes", "newsletter")
    done, sent = issue(world, "newsletter", "newsletter", *people)
    assert [subject for subject, _ in sent] == ["yes"] and done.withheld == {"consent_missing": 4}


@clause("TT-26", engine="withdrawal", left_out="the page of the portal")
def test_tt_26(made: Made) -> None:
    """By the link in the letter, and by a letter to the company: both close the gate within a second, with one record each."""
    world = made.world("tt")
    on_file(world, "newsletter", "u-1", "u-2")
    world.yes("u-1", "newsletter")
    world.yes("u-2", "newsletter")
    [(_, text)] = issue(world, "newsletter", "newsletter", "u-1")[1]
    before = {subject: len(world.cloud.ledger.records(subject)) for subject in ("u-1", "u-2")}
    world.cloud.notices.links.leave(token_in(text))
    world.cloud.consent.withdraw("u-2", "newsletter", world.evidence("u-2", "wrote_a_letter"))
    world.later(seconds=SOON)
    assert issue(world, "newsletter", "newsletter", "u-1", "u-2")[1] == []
    for subject, count in before.items():
        new = world.cloud.ledger.records(subject)[count:]
        assert [(each.event_state.value, each.event_time) for each in new] == [("withdrawn", T0)]
