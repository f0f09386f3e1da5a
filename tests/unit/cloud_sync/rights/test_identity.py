"""Who asks: a login with a second factor, or a link to the address on file; nothing tells whether there is such a person."""

from __future__ import annotations

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Actor
from cloud_sync.model.rights import Case
from tests.unit.cloud_sync.rights.rights_world import DAY, DESK, DPO, ME, T0, Bureau


class AddressBook:
    """Addresses on file, and what went to each."""

    def __init__(self, **addresses: str) -> None:
        self.addresses = addresses
        self.sent: list[tuple[str, str]] = []

    def __call__(self, subject: str, token: str) -> None:
        """Send, where there is an address."""
        address = self.addresses.get(subject.replace("-", "_"))
        if address is not None:
            self.sent.append((address, token))


BOOK = {"s_1": "anna@example.org"}


def by_mail(bureau: Bureau, subject: str = "s-1", right: str = "access") -> Case:
    """A case of somebody who wrote a mail from another address."""
    return bureau.one(right, subject=subject, login=None, by=DESK, channel="mail")


def test_a_login_with_a_second_factor_is_enough(bureau: Bureau) -> None:
    """No link, no document; without the factor, in another role, and for somebody else it is none."""
    assert (bureau.one("access").state, bureau.one("access").identity) == ("identified", "login")
    for wrong in (
        Actor("s-1", "data_subject"),
        Actor("s-2", "data_subject", mfa=True),
        Actor("s-1", "staff", mfa=True),
    ):
        assert bureau.one("access", login=wrong).state == "open"


def test_a_later_login_identifies_all_cases_of_the_message(bureau: Bureau) -> None:
    """Somebody else's is denied in the same words, whoever they are."""
    cases = bureau.ask("access", "erasure", login=None, by=DESK, channel="mail").cases
    for wrong in (Actor("s-2", "data_subject", mfa=True), Actor("s-1", "data_subject")):
        with pytest.raises(Denied, match="second factor"):
            bureau.cloud.rights.identity.login(cases[0].case_id, wrong)
    assert {bureau.state(case) for case in cases} == {"open"}
    assert [case.identity for case in bureau.cloud.rights.identity.login(cases[0].case_id, ME)] == ["login", "login"]


def test_one_link_goes_to_the_address_on_file_and_opens_once(bureau: Bureau) -> None:
    """Within 24 hours; its token is in no store (TT-52)."""
    book, case = AddressBook(**BOOK), by_mail(bureau)
    ends = bureau.cloud.rights.identity.send(case.case_id, book)
    assert ends == T0 + DAY and [address for address, _ in book.sent] == ["anna@example.org"]
    token = book.sent[0][1]
    for path in bureau.directory.iterdir():
        assert not path.is_file() or token.encode() not in path.read_bytes()
    bureau.clock.at += DAY - 1
    assert [each.identity for each in bureau.cloud.rights.identity.redeem(token)] == ["link"]
    with pytest.raises(ConfigError, match="used, over, or none"):
        bureau.cloud.rights.identity.redeem(token)


@pytest.mark.parametrize("wait", [DAY, 2 * DAY])
def test_a_link_ends_after_a_day(bureau: Bureau, wait: int) -> None:
    """On the second; it says the same as one that never was."""
    book, case = AddressBook(**BOOK), by_mail(bureau)
    bureau.cloud.rights.identity.send(case.case_id, book)
    bureau.clock.at += wait
    said = set()
    for token in (book.sent[0][1], "never-was"):
        with pytest.raises(ConfigError) as refused:
            bureau.cloud.rights.identity.redeem(token)
        said.add(str(refused.value))
    assert len(said) == 1 and bureau.state(case) == "open"


def test_nothing_tells_whether_there_is_such_a_person(bureau: Bureau) -> None:
    """Opened, asked, refused: the same answers for s-1, who has a device, and for nobody; only the mail differs."""
    book, seen = AddressBook(**BOOK), []
    for subject in ("s-1", "nobody-1"):
        case = by_mail(bureau, subject)
        ends = bureau.cloud.rights.identity.send(case.case_id, book)
        with pytest.raises(ConfigError) as refused:
            bureau.cloud.rights.decide(case.case_id, "granted", by=DESK)
        made = bureau.cloud.rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO, reason="not_identified")
        done = bureau.finish(case)
        seen.append((case.state, case.due_at, ends, str(refused.value), made.reason, done.state))
    assert seen[0] == seen[1] and len(book.sent) == 1


def test_a_stranger_gets_no_other_decision(bureau: Bureau) -> None:
    """Neither granted nor refused for another reason; a question is answered to anybody."""
    case, decide = by_mail(bureau), bureau.cloud.rights.decide
    for outcome, more in (
        ("granted", {}),
        ("refused", {"reason": "contract"}),
        ("partly", {"reason": "not_identified"}),
    ):
        with pytest.raises(ConfigError, match="identified"):
            decide(case.case_id, outcome, by=DESK, reviewer=DPO, **more)
    assert decide(by_mail(bureau, right="question").case_id, "granted", by=DESK).state == "decided"


def test_a_stranger_restricts_nobody(bureau: Bureau) -> None:
    """An objection by mail holds once the link was opened, not before."""
    book, case = AddressBook(**BOOK), by_mail(bureau, right="objection")
    assert not bureau.cloud.restrictions.restricted("s-1")
    bureau.cloud.rights.identity.send(case.case_id, book)
    bureau.cloud.rights.identity.redeem(book.sent[0][1])
    assert bureau.cloud.restrictions.restricted("s-1")


def test_asking_who_somebody_is_stops_no_clock(bureau: Bureau) -> None:
    """The due moment is the same three weeks later."""
    book, case = AddressBook(**BOOK), by_mail(bureau)
    bureau.clock.at += 21 * DAY
    bureau.cloud.rights.identity.send(case.case_id, book)
    assert bureau.cloud.rights.identity.redeem(book.sent[0][1])[0].due_at == case.due_at


def test_nobody_is_sent_links_without_end(bureau: Bureau) -> None:
    """Five for a message, and none once the person is known or the case decided."""
    book, case = AddressBook(**BOOK), by_mail(bureau)
    for _ in range(5):
        bureau.cloud.rights.identity.send(case.case_id, book)
    with pytest.raises(ConfigError, match="5 links"):
        bureau.cloud.rights.identity.send(case.case_id, book)
    known = bureau.one("access")
    with pytest.raises(ConfigError, match="needs no link"):
        bureau.cloud.rights.identity.send(known.case_id, book)
    assert len(book.sent) == 5


def test_a_code_goes_through_any_mail_and_command_line(bureau: Bureau) -> None:
    """Hexadecimal digits alone: nothing takes it for an option, and no mail breaks it."""
    for _ in range(20):
        book, case = AddressBook(**BOOK), by_mail(bureau)
        bureau.cloud.rights.identity.send(case.case_id, book)
        assert set(book.sent[0][1]) <= set("0123456789abcdef") and len(book.sent[0][1]) == 48
