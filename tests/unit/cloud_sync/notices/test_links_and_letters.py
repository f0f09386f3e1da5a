"""Links that answer without a login, messages to many, letters, and the guard of a mail domain."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_sync.errors import ConfigError, ConsentError, Denied
from cloud_sync.gate import MailClass
from cloud_sync.model.rights import RefusalCode, Right
from cloud_sync.notices.letters import LANGUAGES, _texts
from cloud_sync.notices.maildomain import check_domain
from cloud_sync.rights.rules import EXTENSIONS
from tests.unit.cloud_sync.notices.notices_world import CLERK, DAY, SERVICE, Office


def sign_up(office: Office, subject: str = "s-1") -> tuple[str, float]:
    """Somebody asks for the newsletter: the token that goes to the address, and until when it works."""
    tokens: list[str] = []
    ends_at = office.cloud.notices.links.sign_up(
        subject, "newsletter", b"anna@home.example", office.evidence(subject), tokens.append
    )
    [token] = tokens
    return token, ends_at


def subscribe(office: Office, *subjects: str) -> None:
    """People with an address on file who allow the newsletter."""
    for subject in subjects:
        office.cloud.records.put("newsletter", {subject: b"anna@home.example"})
        office.cloud.consent.give(subject, "newsletter", office.evidence(subject))


def campaign(office: Office, *subjects: str, **changed: Any) -> tuple[Any, list[tuple[str, str]]]:
    """An issue of the newsletter."""
    sent: list[tuple[str, str]] = []
    asked = {"actor": SERVICE, "purpose": "newsletter", "category": "newsletter", "content": [MailClass.MARKETING]}
    text = "News. Leave: https://tt.example/leave/{leave}"
    post = lambda subject, text: sent.append((subject, text))  # noqa: E731
    return office.cloud.notices.campaign(subjects, **{**asked, "text": text, "post": post, **changed}), sent


def test_a_sign_up_opens_nothing_until_its_second_step(tt: Office) -> None:
    """Then the consent is given, the address stays, and the link works no more."""
    token, _ = sign_up(tt)
    assert campaign(tt, "s-1")[1] == []
    assert tt.cloud.notices.links.confirm(token).event_state.value == "given"
    assert len(campaign(tt, "s-1")[1]) == 1
    with pytest.raises(ConfigError, match="used, over, or none"):
        tt.cloud.notices.links.confirm(token)
    tt.clock.at += 8 * DAY
    tt.cloud.sweep(clock_confirmed=True)
    assert len(tt.cloud.records.of("s-1")) == 1


def test_an_address_that_nobody_confirmed_is_gone_in_seven_days(tt: Office) -> None:
    """With key and row, at the sweep after them; the link does nothing then, and a yes in another way keeps the address."""
    token, ends_at = sign_up(tt)
    sign_up(tt, "s-2")
    tt.cloud.consent.give("s-2", "newsletter", tt.evidence("s-2"))
    tt.clock.at = ends_at - 1
    tt.cloud.sweep(clock_confirmed=True)
    assert len(tt.cloud.records.of("s-1")) == 1
    tt.clock.at = ends_at
    with pytest.raises(ConfigError):
        tt.cloud.notices.links.confirm(token)
    tt.cloud.sweep(clock_confirmed=True)
    assert tt.cloud.records.of("s-1") == [] and len(tt.cloud.records.of("s-2")) == 1
    assert tt.cloud.database.notice_links("s-1") == []


def test_a_sign_up_for_what_rests_on_no_consent_is_refused(tt: Office) -> None:
    """And nothing is kept of it."""
    with pytest.raises(ConfigError, match="rests on a consent"):
        tt.cloud.notices.links.sign_up("s-1", "telephony", b"anna@home.example", tt.evidence(), print)
    assert tt.cloud.records.of("s-1") == []


def test_the_way_out_in_a_message_withdraws_without_a_login(tt: Office) -> None:
    """In one step, once; a second click does nothing, and neither does a link of nobody or the other kind."""
    subscribe(tt, "s-1")
    [(_, text)] = campaign(tt, "s-1")[1]
    token = text.rpartition("/")[2]
    with pytest.raises(ConfigError):
        tt.cloud.notices.links.confirm(token)
    record = tt.cloud.notices.links.leave(token)
    assert record is not None and record.event_state.value == "withdrawn" and record.channel == "mail"
    assert tt.cloud.notices.links.leave(token) is None
    assert campaign(tt, "s-1")[0].withheld == {"consent_missing": 1}
    for other in ("", "0" * 48):
        with pytest.raises(ConfigError):
            tt.cloud.notices.links.leave(other)


def test_whoever_says_no_in_the_middle_of_a_campaign_is_left_out(tt: Office) -> None:
    """Each is asked about when their message is sent."""
    people = [f"s-{n}" for n in range(6)]
    subscribe(tt, *people)
    sent: list[str] = []

    def post(subject: str, _: str) -> None:
        sent.append(subject)
        if len(sent) == 3:
            tt.cloud.consent.withdraw("s-5", "newsletter", tt.evidence("s-5", act="tapped_no"))

    done, _ = campaign(tt, *people, post=post)
    assert list(done.sent) == sent == people[:5] and dict(done.withheld) == {"consent_missing": 1}


def test_a_message_on_consent_tells_how_to_leave(tt: Office) -> None:
    """A text without the place of the link is refused before anybody gets it; a service message needs none."""
    subscribe(tt, "s-1")
    with pytest.raises(ConfigError, match="tells how to leave"):
        campaign(tt, "s-1", text="News.")
    tt.tracker()
    service = {"purpose": "contact", "category": "contact", "content": [MailClass.SERVICE], "text": "Down at noon."}
    assert campaign(tt, "s-1", **service)[1] == [("s-1", "Down at noon.")]


def test_the_second_issue_of_a_month_is_a_decision_that_is_logged(mm: Office) -> None:
    """By somebody of the controller; the next month begins anew."""
    subscribe(mm, "s-1")
    assert len(campaign(mm, "s-1")[1]) == 1
    mm.clock.at += 10 * DAY
    assert campaign(mm, "s-1")[0].withheld == {"too_many_mails": 1}
    assert campaign(mm, "s-1", override=SERVICE)[1] == [] and mm.cloud.audit.entries(kind="mail.overridden") == []
    assert len(campaign(mm, "s-1", override=CLERK)[1]) == 1
    assert [each.event.actor for each in mm.cloud.audit.entries(kind="mail.overridden")] == ["c-1"]
    mm.clock.at += 10 * DAY  # February
    assert len(campaign(mm, "s-1")[1]) == 1


def test_what_is_for_one_person_is_left_out_where_it_is_denied(tt: Office) -> None:
    """The message goes as everybody gets it; where it is not denied it stands in front."""
    subscribe(tt, "s-1")

    def denied(subject: str) -> str:
        return tt.cloud.records.read("none", actor=SERVICE, purpose="newsletter", subject=subject).decode()

    assert campaign(tt, "s-1", tailored=denied)[1][0][1].startswith("News.")
    assert campaign(tt, "s-1", tailored=lambda _: "For you. ")[1][0][1].startswith("For you. News.")


@pytest.mark.parametrize(("language", "authority"), [("en", "Datatilsynet"), ("da", "Datatilsynet")])
def test_a_refusal_names_reason_authority_and_courts(tt: Office, language: str, authority: str) -> None:
    """The authority exactly once; what is granted in full names none."""
    rights = tt.cloud.rights
    asked: dict[str, Any] = {"received_at": tt.clock.at, "channel": "letter", "by": "desk"}
    refused, granted = (rights.open("s-1", "question", **asked).cases[0].case_id for _ in range(2))
    with pytest.raises(ConfigError, match="not decided"):
        tt.cloud.notices.letter(refused)
    rights.decide(refused, "refused", by="desk", reviewer="dpo-1", reason="unfounded")
    rights.decide(granted, "granted", by="desk")
    letter = tt.cloud.notices.letter(refused, language)
    assert letter.count(authority) == 1 and "2026-01-15" in letter and "TurboTrack" in letter
    assert authority not in tt.cloud.notices.letter(granted, language)
    with pytest.raises(ConfigError):
        tt.cloud.notices.letter(refused, "fr")


def test_letters_of_an_extension_a_withdrawal_and_data_from_somebody_else(tt: Office) -> None:
    """The new day, the end of a consent, and who gave the data with the whole notice; nothing where nothing happened."""
    notices = tt.cloud.notices
    asked: dict[str, Any] = {"received_at": tt.clock.at, "channel": "letter", "by": "desk"}
    case = tt.cloud.rights.open("s-1", "access", **asked).cases[0].case_id
    assert "2026-04-15" in notices.extension(case, "complexity")
    with pytest.raises(ConfigError):
        notices.extension(case, "holidays")
    with pytest.raises(ConsentError):
        notices.withdrawal("s-1", "newsletter")
    tt.cloud.consent.give("s-1", "newsletter", tt.evidence())
    tt.cloud.consent.withdraw("s-1", "newsletter", tt.evidence(act="tapped_no"))
    assert "2026-01-15" in notices.withdrawal("s-1", "newsletter", "da")
    with pytest.raises(ConfigError):
        notices.provided_letter("s-1")
    notices.provided("s-1", "employer-1")
    assert "employer-1" in notices.provided_letter("s-1") and notices.text() in notices.provided_letter("s-1")


RECORDS = {
    "tt.example": ["v=spf1 include:mail.example -all"],
    "k1._domainkey.tt.example": ["v=DKIM1; k=rsa; p=MIGf"],
    "_dmarc.tt.example": ["v=DMARC1; p=reject; rua=mailto:reports@tt.example"],
}


@pytest.mark.parametrize(
    ("name", "texts", "missing"),
    [
        ("tt.example", ["v=spf1 -all"], ()),
        ("tt.example", [], ("spf",)),
        ("tt.example", ["v=spf1 -all", "v=spf1 +all"], ("spf",)),
        ("k1._domainkey.tt.example", ["v=DKIM1; p="], ("dkim",)),
        ("_dmarc.tt.example", ["v=DMARC1; p=none"], ("dmarc policy",)),
        ("_dmarc.tt.example", [], ("dmarc", "dmarc policy")),
    ],
)
def test_what_a_mail_domain_lacks_is_named(name: str, texts: list[str], missing: tuple[str, ...]) -> None:
    """One record changed of a guarded domain."""
    there = {**RECORDS, name: texts}
    assert check_domain("tt.example", "k1", lambda asked: RECORDS.get(asked, [])).missing == ()
    assert check_domain("tt.example", "k1", lambda asked: there.get(asked, [])).missing == missing


def test_denied_is_what_withholds(tt: Office) -> None:
    """Any other error of a message ends the campaign, and is not counted as a no."""
    subscribe(tt, "s-1")

    def broken(_: str, __: str) -> None:
        raise ConfigError("no mail server")

    with pytest.raises(ConfigError, match="no mail server"):
        campaign(tt, "s-1", post=broken)
    with pytest.raises(Denied):
        tt.cloud.mails.send(
            actor=SERVICE,
            purpose="newsletter",
            category="newsletter",
            subject="s-2",
            content=[MailClass.MARKETING],
            hand_over=lambda: None,
        )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_right_and_every_reason_has_its_words(language: str) -> None:
    """In each language of letters, and the same keys in all."""
    said = _texts()[language]
    assert set(said["right"]) == {right.value for right in Right}
    assert set(said["reason"]) == {*(code.value for code in RefusalCode), *EXTENSIONS}
    assert set(said) == set(_texts()["en"])
