"""Receipts from a clock that was ahead, addresses that nobody confirmed behind a yes that somebody gave, links after an erasure."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cloud_sync.errors import ConfigError, ConsentError
from tests.unit.cloud_sync.notices.notices_world import DAY, T0, Office

EDITION = ('version = "1.0/2022"', 'version = "2.0/2026"')
LONGER = (
    'purpose = ["condition_monitoring"]\nbasis = "contract"\nretention = "P90D"',
    'purpose = ["condition_monitoring"]\nbasis = "contract"\nretention = "P120D"',
)


def signs_up(office: Office, address: bytes, subject: str = "s-1") -> str:
    """The token that goes to an address."""
    tokens: list[str] = []
    office.cloud.notices.links.sign_up(subject, "newsletter", address, office.evidence(subject), tokens.append)
    return tokens[0]


def test_a_receipt_from_the_future_is_none_of_what_came_after(tt: Office) -> None:
    """The clock was a year ahead when the person was told; of the edition that is published once it is right they are told anew."""
    tt.clock.at = T0 + 365 * DAY
    tt.cloud.notices.receive("s-1", tt.evidence())
    assert not tt.cloud.notices.closed("s-1")
    tt.clock.at = T0 + DAY
    assert not tt.cloud.notices.closed("s-1")  # nothing was published since
    tt.publish(EDITION, LONGER)
    assert tt.cloud.notices.closed("s-1")
    tt.clock.at = T0 + 366 * DAY
    assert tt.cloud.notices.closed("s-1") and not tt.cloud.notices.informed("s-1")
    tt.cloud.notices.receive("s-1", tt.evidence())
    assert not tt.cloud.notices.closed("s-1")


def test_a_second_address_is_not_confirmed_by_the_first(tt: Office) -> None:
    """Two sign-ups, one of them with an address that somebody else typed: one link is followed, and the other address goes."""
    mine = signs_up(tt, b"anna@home.example")
    theirs = signs_up(tt, b"mallory@evil.example")
    assert len(tt.cloud.records.of("s-1", "newsletter")) == 2
    tt.cloud.notices.links.confirm(mine)
    with pytest.raises(ConfigError, match="used, over, or none"):
        tt.cloud.notices.links.confirm(theirs)
    tt.clock.at += 7 * DAY
    tt.cloud.sweep(clock_confirmed=True)
    [left] = tt.cloud.records.of("s-1", "newsletter")
    sealed = next(each for each in tt.cloud.database.parts(left.record_id) if each.subject == "s-1")
    assert tt.cloud.records.contents(sealed) == b"anna@home.example"


def test_a_childs_second_step_keeps_no_address_without_a_parent(tt: Office) -> None:
    """The yes waits for a parent; where none comes the address goes, and with a parent's two answers it stays."""
    born = datetime.fromtimestamp(T0 - 10 * 366 * DAY, UTC).date()
    for subject in ("s-1", "s-2"):
        tt.cloud.ages.declare(subject, born, tt.evidence(subject))
        record = tt.cloud.notices.links.confirm(signs_up(tt, b"kim@home.example", subject))
        assert record.event_state.value == "pending"
    for channel in ("mail", "letter"):
        tt.cloud.consent.confirm("s-2", "newsletter", tt.evidence("p-1", channel=channel))
    for _ in range(15):
        tt.clock.at += DAY
        tt.cloud.sweep(clock_confirmed=True)
    assert tt.cloud.records.of("s-1", "newsletter") == []
    assert len(tt.cloud.records.of("s-2", "newsletter")) == 1


def test_a_link_of_somebody_who_is_erased_opens_nothing(tt: Office) -> None:
    """Neither the second step of a sign-up nor anything of the address is left; a later sign-up begins anew."""
    token = signs_up(tt, b"anna@home.example")
    tt.cloud.erase(subject="s-1")
    with pytest.raises((ConfigError, ConsentError)):
        tt.cloud.notices.links.confirm(token)
    assert "newsletter" not in tt.cloud.ledger.open_now("s-1")
    assert tt.cloud.database.notice_links("s-1") == []


def test_a_second_step_is_no_yes_to_a_text_that_came_in_between(tt: Office) -> None:
    """Signed up under one text, followed the link under the next: nobody showed them that one, so they sign up anew."""
    token = signs_up(tt, b"anna@home.example")
    tt.publish(EDITION, ('version = "tt-1.0-2022"', 'version = "tt-2.0-2026"'), LONGER)
    with pytest.raises(ConfigError, match="text has changed"):
        tt.cloud.notices.links.confirm(token)
    assert "newsletter" not in tt.cloud.ledger.open_now("s-1")
    again = tt.cloud.notices.links.confirm(signs_up(tt, b"anna@home.example"))
    assert (again.event_state.value, again.privacy_notice) == ("given", "tt-2.0-2026")
    assert len(tt.cloud.records.of("s-1", "newsletter")) == 1
