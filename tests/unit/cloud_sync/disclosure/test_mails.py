"""Messages are of the class of their purpose and not too many; alerts carry a link and nothing else."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate import MailClass
from cloud_sync.model import Actor, Motion, MotionEvent, Reason
from cloud_sync.read.sources import LOCATION, MOTION
from tests.properties.gate_policies import SYNTHETIC
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, ME, NOON, Depot, ListSink, T, evidence

SERVICE = Actor("mailer", "service")
DAY_S = 86_400.0


def mail(depot: Depot, purpose: str, *parts: MailClass, **changed: Any) -> Reason:
    """Send a message; ALLOWED only if it was handed over."""
    handed: list[bool] = []
    asked: dict[str, Any] = {"actor": SERVICE, "category": "contact", "subject": "s-1"}
    try:
        depot.cloud.mails.send(
            purpose=purpose, content=parts, hand_over=lambda: handed.append(True), **{**asked, **changed}
        )
    except Denied as denied:
        assert not handed
        assert isinstance(denied.reason, Reason)
        return denied.reason
    assert handed == [True]
    return Reason.ALLOWED


def test_the_fifth_service_mail_in_thirty_days_waits_and_safety_does_not(depot: Depot) -> None:
    """Four, then none, until the first of them is thirty days old; safety news is never held back by the counter."""
    for hour in range(4):
        depot.clock.at = NOON + hour * 3600
        assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.TOO_MANY_MAILS
    assert mail(depot, "safety_notice", MailClass.SAFETY) is Reason.ALLOWED
    depot.clock.at = NOON + 30 * DAY_S - 1
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.TOO_MANY_MAILS
    assert len(depot.entries("mail.sent")) == 5
    depot.clock.at = NOON + 30 * DAY_S + 4 * 3600 + 1
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED


def test_a_promotion_inside_a_service_mail_is_marketing(depot: Depot) -> None:
    """Its class follows from what is in it: denied as a service mail, and as marketing it needs that consent, asked each time."""
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED
    both = (MailClass.SERVICE, MailClass.MARKETING)
    assert mail(depot, "service_change_notice", *both) is Reason.MAIL_CLASS_MISMATCH
    assert mail(depot, "safety_notice", *both) is Reason.MAIL_CLASS_MISMATCH
    assert mail(depot, "service_change_notice") is Reason.MAIL_CLASS_MISMATCH
    assert mail(depot, "marketing", *both) is Reason.CONSENT_MISSING
    depot.cloud.consent.give("s-1", "marketing", evidence())
    assert mail(depot, "marketing", *both) is Reason.ALLOWED
    assert mail(depot, "marketing", MailClass.PARTNER_MARKETING) is Reason.MAIL_CLASS_MISMATCH
    depot.cloud.consent.withdraw("s-1", "marketing", evidence())
    assert mail(depot, "marketing", *both) is Reason.CONSENT_MISSING


def test_who_may_not_mail_does_not(depot: Depot) -> None:
    """Another role, another person without a device, another category: each alone."""
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED
    for change, reason in (
        ({"actor": CLERK}, Reason.ROLE_NOT_PERMITTED),
        ({"subject": "s-2"}, Reason.DEVICE_UNKNOWN),
        ({"category": "billing"}, Reason.PURPOSE_NOT_DECLARED),
    ):
        assert mail(depot, "service_change_notice", MailClass.SERVICE, **change) is reason


def alerting(tmp_path: Any, purpose: str = "theft_alarm") -> Depot:
    """The policy in which the service may tell a person of motion, and a reading of it."""
    text = SYNTHETIC.replace(
        "[[roles.data_subject]]",
        '[[roles.service]]\nactions = ["mail"]\npurposes = ["' + purpose + '"]\n\n[[roles.data_subject]]',
        1,
    )
    depot = Depot(tmp_path, text)
    depot.take(depot.tracker, [depot.tracker.motion([(T, 1)], version=1)])
    return depot


def test_an_alert_carries_a_link_and_no_reading(tmp_path: Any) -> None:
    """Neither place nor time nor pseudonym; the link opens through the gate, for who may read, for a week."""
    depot = alerting(tmp_path)
    alerts, sink = depot.cloud.alerts("https://portal.example/alert/"), ListSink()
    link = alerts.send(MOTION, actor=SERVICE, purpose="theft_alarm", subject="s-1", start=T, end=T + 60, sink=sink)
    [parcel] = sink.taken
    assert json.loads(parcel.body) == {"alert": "theft_alarm", "link": f"https://portal.example/alert/{link.link}"}
    assert b"s-1" not in parcel.body and depot.tracker.name.encode() not in parcel.body
    assert alerts.follow(link.link, actor=ME) == [MotionEvent(T, 60, Motion.BEGAN)]
    with pytest.raises(Denied):
        alerts.follow(link.link, actor=Actor("s-2", "data_subject"))
    with pytest.raises(ConfigError, match="ended"):
        alerts.follow("0" * 32, actor=ME)
    depot.clock.at = NOON + 7 * DAY_S
    with pytest.raises(ConfigError, match="ended"):
        alerts.follow(link.link, actor=ME)
    depot.close()


def test_after_a_withdrawal_no_alert_goes_out(tmp_path: Any) -> None:
    """The one before did; the denial is in the log, and no link is kept."""
    depot = alerting(tmp_path)
    alerts, sink = depot.cloud.alerts("https://portal.example/alert/"), ListSink()
    asked: dict[str, Any] = {"actor": SERVICE, "purpose": "theft_alarm", "subject": "s-1", "start": T, "end": T + 60}
    link = alerts.send(MOTION, sink=sink, **asked)
    depot.cloud.consent.withdraw("s-1", "theft_alarm", evidence())
    with pytest.raises(Denied):
        alerts.send(MOTION, sink=sink, **asked)
    assert len(sink.taken) == 1
    with pytest.raises(Denied):
        alerts.follow(link.link, actor=ME)
    depot.close()


def test_messages_that_are_asked_for_at_once_are_counted_one_after_the_other(depot: Depot) -> None:
    """Twelve threads, each past the gate before another one has logged, hand over four."""
    together, gate = threading.Barrier(12), depot.cloud.gate
    handed, ask = list[int](), gate.ask

    def slowly(*args: Any, **more: Any) -> Any:
        answer = ask(*args, **more)
        with suppress(threading.BrokenBarrierError):
            together.wait(0.2)
        return answer

    def go() -> None:
        asked: dict[str, Any] = {"purpose": "service_change_notice", "category": "contact", "subject": "s-1"}
        with suppress(Denied):
            depot.cloud.mails.send(
                actor=SERVICE, content=[MailClass.SERVICE], hand_over=lambda: handed.append(1), **asked
            )

    gate.ask = slowly  # type: ignore[method-assign]
    threads = [threading.Thread(target=go) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(handed) == 4


def test_alerts_and_mails_are_counted_together(tmp_path: Path) -> None:
    """Two alerts and two mails are four; the fifth of either kind waits, and no link of it is kept."""
    depot = alerting(tmp_path, "tracking")
    alerts, sink = depot.cloud.alerts("https://portal.example/alert/"), ListSink()
    asked: dict[str, Any] = {"actor": SERVICE, "purpose": "tracking", "subject": "s-1", "start": T, "end": T + 60}
    for _ in range(2):
        alerts.send(LOCATION, sink=sink, **asked)
        assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.TOO_MANY_MAILS
    with pytest.raises(Denied) as denied:
        alerts.send(LOCATION, sink=sink, **asked)
    assert denied.value.reason is Reason.TOO_MANY_MAILS
    assert len(sink.taken) == 2
    depot.close()


def test_alarms_are_never_held_back_and_hold_nothing_back(tmp_path: Path) -> None:
    """Ten of them in a month: each goes out, and the service has its four messages still."""
    depot = alerting(tmp_path)
    alerts, sink = depot.cloud.alerts("https://portal.example/alert/"), ListSink()
    asked: dict[str, Any] = {"actor": SERVICE, "purpose": "theft_alarm", "subject": "s-1", "start": T, "end": T + 60}
    for _ in range(10):
        alerts.send(MOTION, sink=sink, **asked)
    assert len(sink.taken) == 10
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED
    depot.close()


def test_messages_that_are_dated_later_count_as_well(depot: Depot) -> None:
    """A clock that is set back does not begin to count anew."""
    for _ in range(4):
        assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.ALLOWED
    depot.clock.at = NOON - 60
    assert mail(depot, "service_change_notice", MailClass.SERVICE) is Reason.TOO_MANY_MAILS
