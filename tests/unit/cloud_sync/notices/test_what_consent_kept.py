"""Records that a consent kept, the choices that a person has, and what a cookie may live."""

from __future__ import annotations

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor, ConsentState
from cloud_sync.policy import Clock
from tests.unit.cloud_sync.notices.notices_world import DAY, T0, Office

ME = Actor("s-1", "data_subject", mfa=True)


def kept(office: Office) -> list[str]:
    """Categories of what there is of the person."""
    office.cloud.sweep(clock_confirmed=True)
    return sorted(part.category for part in office.cloud.records.of("s-1"))


def test_what_a_consent_alone_kept_goes_when_it_ends(mm: Office) -> None:
    """By a withdrawal or a no, whatever clock its own term has; other categories, and those of another consent, stay."""
    for category in ("newsletter", "analytics", "account"):
        mm.cloud.records.put(category, {"s-1": b"x"})
    for purpose in ("newsletter", "product_statistics"):
        mm.cloud.consent.give("s-1", purpose, mm.evidence())
    assert kept(mm) == ["account", "analytics", "newsletter"]
    mm.clock.at += DAY
    mm.cloud.consent.withdraw("s-1", "product_statistics", mm.evidence(act="tapped_no"))
    assert len(mm.cloud.records.of("s-1")) == 3  # until the sweep
    assert kept(mm) == ["account", "newsletter"]
    mm.cloud.consent.withdraw("s-1", "newsletter", mm.evidence(act="tapped_no"))
    mm.cloud.consent.give("s-1", "newsletter", mm.evidence())  # a later yes calls nothing back
    assert kept(mm) == ["account"]


def test_what_another_consent_still_keeps_stays(tt: Office) -> None:
    """Cookies serve four purposes: the last one that ends takes them along."""
    tt.cloud.records.put("cookies", {"s-1": b"x"})
    for purpose in ("cookie_analysis", "cookie_statistics"):
        tt.cloud.consent.give("s-1", purpose, tt.evidence())
    tt.cloud.consent.withdraw("s-1", "cookie_analysis", tt.evidence(act="tapped_no"))
    assert kept(tt) == ["cookies"]
    tt.cloud.consent.withdraw("s-1", "cookie_statistics", tt.evidence(act="tapped_no"))
    assert kept(tt) == []


def test_a_consent_that_lapses_takes_along_what_it_kept(mm: Office) -> None:
    """At the sweep after its validity; a policy that asks anew takes nothing."""
    mm.cloud.records.put("newsletter", {"s-1": b"x"})
    mm.cloud.consent.give("s-1", "newsletter", mm.evidence())
    mm.publish(('version = "2019-09-29"', 'version = "2026-01-01"'), ('"mm-2019-09-29-en"', '"mm-2026-01-01-en"'))
    assert [each.state for each in mm.cloud.consent.switches("s-1") if each.purpose == "newsletter"] == [None]
    assert kept(mm) == ["newsletter"]
    mm.cloud.consent.give("s-1", "newsletter", mm.evidence())
    mm.clock.at = mm.cloud.policy.consent.validity.end(T0) - 1
    mm.cloud.records.put("newsletter", {"s-1": b"x"})
    assert kept(mm) == ["newsletter"]
    mm.clock.at += DAY  # by the calendar of the company's country
    mm.cloud.sweep(clock_confirmed=True)
    assert kept(mm) == []


def test_a_hold_keeps_it_and_nobody_reads_it(mm: Office) -> None:
    """What is due is denied for want of a consent, then goes with the hold."""
    record = mm.cloud.records.put("newsletter", {"s-1": b"x"})
    mm.cloud.consent.give("s-1", "newsletter", mm.evidence())
    hold = mm.cloud.holds.place("case-1", subject="s-1", review_at=T0 + 90 * DAY, by="lawyer-1")
    mm.cloud.consent.withdraw("s-1", "newsletter", mm.evidence(act="tapped_no"))
    assert kept(mm) == ["newsletter"] and not mm.cloud.records.remove(record, "s-1")
    with pytest.raises(Denied, match="consent_missing"):
        mm.cloud.records.read(record, actor=ME, purpose="newsletter", subject="s-1")
    mm.cloud.holds.release(hold.hold_id, by="lawyer-1", approved_by="lawyer-2")
    assert kept(mm) == []


def test_a_clock_of_its_own_ends_it_earlier(mm: Office) -> None:
    """Told of the record itself: the earlier of both counts."""
    record = mm.cloud.records.put("newsletter", {"s-1": b"x"})
    mm.cloud.consent.give("s-1", "newsletter", mm.evidence())
    mm.cloud.records.note(Clock.CONSENT_ENDED, record=record)
    assert kept(mm) == []


def test_choices_and_the_yes_behind_a_row(mm: Office) -> None:
    """One for each purpose on consent, closed until it was given; a row leads to the yes of its moment, and to none outside it."""
    assert [(each.purpose, each.state, each.on) for each in mm.cloud.consent.switches("s-1")] == [
        ("newsletter", None, False),
        ("product_statistics", None, False),
    ]
    yes = mm.cloud.consent.give("s-1", "newsletter", mm.evidence())
    mm.clock.at += DAY
    mm.cloud.consent.withdraw("s-1", "newsletter", mm.evidence(act="tapped_no"))
    [switch, _] = mm.cloud.consent.switches("s-1")
    assert (switch.state, switch.on, switch.recipients) == (ConsentState.WITHDRAWN, False, ("mailing",))
    found = [mm.cloud.consent.yes_of("s-1", "newsletter", at) for at in (T0 - 1, T0, T0 + DAY - 1, T0 + DAY)]
    assert found == [None, yes, yes, None]


def test_a_cookie_ends_with_its_term_or_with_the_yes(tt: Office) -> None:
    """Twelve months from the yes, and no visit renews it; nothing without one, and nothing after a withdrawal."""
    until = tt.cloud.notices.cookie_until
    assert until("s-1", "cookie_statistics") is None
    tt.cloud.consent.give("s-1", "cookie_statistics", tt.evidence())
    end = until("s-1", "cookie_statistics")
    tt.clock.at = T0 + 364 * DAY
    assert end == T0 + 365 * DAY == until("s-1", "cookie_statistics")
    tt.clock.at = end
    assert until("s-1", "cookie_statistics") is None
    tt.publish(('version = "1.0/2022"', 'version = "2.0/2026"'), ('validity = "P24M"', 'validity = "P6M"'))
    tt.clock.at = T0
    tt.cloud.consent.give("s-2", "cookie_statistics", tt.evidence("s-2"))
    assert tt.cloud.notices.cookie_until("s-2", "cookie_statistics") == T0 + 181 * DAY
    until = tt.cloud.notices.cookie_until
    tt.clock.at = T0 + DAY
    tt.cloud.consent.withdraw("s-1", "cookie_statistics", tt.evidence(act="tapped_no"))
    assert until("s-1", "cookie_statistics") is None
