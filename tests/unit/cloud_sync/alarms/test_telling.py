"""What a message carries, how it goes out, and when it does not."""

from __future__ import annotations

import json
import smtplib
import threading
from email.message import EmailMessage

import pytest

from cloud_sync.alarms import Bounds, EmailChannel, Shock, Theft, Zone, posting
from cloud_sync.alarms.channels import SinkChannel
from cloud_sync.disclosure import CallbackSink
from cloud_sync.errors import ConfigError, Denied, LinkError, SealBroken
from cloud_sync.model import Actor
from cloud_sync.model.access import AlertLink
from cloud_sync.model.alarms import AlarmMessage
from cloud_sync.model.keeping import Ground
from tests.unit.cloud_sync.alarms.alarm_world import AWAY, HOME, PORTAL, Watched
from tests.unit.cloud_sync.disclosure.outlet_world import ME, NOON, evidence

BEGAN, SHOCK = 1, 4
ZONE = Zone(HOME[0] / 1e7, HOME[1] / 1e7, 2_000)


class Server:
    """A mail server that takes messages, or refuses so many first."""

    def __init__(self, refuse: int = 0) -> None:
        self.refuse, self.taken, self.tries = refuse, list[EmailMessage](), 0

    def send_message(self, message: EmailMessage) -> None:
        """Take it."""
        self.tries += 1
        if self.tries <= self.refuse:
            raise smtplib.SMTPRecipientsRefused({"me@example.org": (451, b"later")})
        self.taken.append(message)

    def quit(self) -> None:
        """Nothing."""


def _left(watched: Watched) -> None:
    """A zone is left."""
    watched.send(watched.fixes(HOME, [60]), watched.fixes(AWAY, [960]))


def test_a_message_has_a_link_and_nothing_that_was_read(watched: Watched) -> None:
    """Purpose and link; no time, position, label, pseudonym or device; the link shows the reading to the person alone."""
    watched.set(ZONE, "tracking", label="the clinic")
    _left(watched)
    [parcel] = watched.sink.taken
    assert json.loads(parcel.body) == {"alert": "tracking", "link": f"{PORTAL}{parcel.key}"}
    seen = watched.cloud.alerts(PORTAL).follow(parcel.key, actor=ME)
    assert [fix.time - int(NOON) for fix in seen] == [960]
    with pytest.raises(Denied):
        watched.cloud.alerts(PORTAL).follow(parcel.key, actor=Actor("s-2", "data_subject"))


def test_mail_says_the_same_for_every_alarm(watched: Watched) -> None:
    """One subject line, the link in the body, and an id by which a repeat is known."""
    server = Server()
    mail = EmailChannel("mail.example", sender="alarm@example.org", connect=lambda: server)
    watched.cloud.alarms.connect(PORTAL, mail=mail)
    watched.set(ZONE, "tracking", channel="mail", to="me@example.org", label="the clinic")
    _left(watched)
    [message] = server.taken
    assert (message["To"], message["Subject"]) == ("me@example.org", "An alarm of your device")
    text = message.as_string()
    assert PORTAL in text and message["Message-ID"].endswith("@example.org>")
    for word in ("clinic", "55.", "12.56", "s-1", watched.tracker.name, "tracking"):
        assert word not in text, word


def test_an_address_is_one_address(watched: Watched) -> None:
    """Nothing that would begin a header of its own, and no second recipient."""
    server = Server()
    mail = EmailChannel("mail.example", sender="alarm@example.org", connect=lambda: server)
    watched.cloud.alarms.connect(PORTAL, mail=mail)
    assert watched.set(ZONE, "tracking", channel="mail", to="me@example.org")
    for address in ("", "me", "me@example", "me@example.org\nBcc: you@example.org", "a@b.c, d@e.f"):
        with pytest.raises(ConfigError, match="e-mail address"):
            watched.set(ZONE, "tracking", channel="mail", to=address)


def test_a_message_that_is_not_taken_is_tried_again_under_its_key(watched: Watched) -> None:
    """Refused twice: after one minute, then two, and never more than once taken."""
    server = Server(refuse=2)
    mail = EmailChannel("mail.example", sender="alarm@example.org", connect=lambda: server)
    watched.cloud.alarms.connect(PORTAL, mail=mail)
    watched.set(ZONE, "tracking", channel="mail", to="me@example.org")
    _left(watched)
    tries = []
    for seconds in (1000, 1025, 1100, 1200, 1400, 4000):
        watched.at(seconds)
        watched.cloud.alarms.work()
        tries.append(server.tries)
    assert tries == [1, 2, 2, 3, 3, 3] and len(server.taken) == 1


class Hanging:
    """A mail server that answers nothing until it is let go."""

    def __init__(self) -> None:
        self.go, self.taken = threading.Event(), list[EmailMessage]()

    def send_message(self, message: EmailMessage) -> None:
        """Take it in the end."""
        assert self.go.wait(30)
        self.taken.append(message)

    def quit(self) -> None:
        """Nothing."""


def test_a_mail_server_that_hangs_holds_no_other_channel_up(watched: Watched) -> None:
    """Two mails and a push are due: the push goes at once, the second mail is not begun, and what was taken late is told once."""
    server = Hanging()
    mail = EmailChannel("mail.example", sender="alarm@example.org", connect=lambda: server)
    watched.cloud.alarms.connect(PORTAL, mail=mail)
    watched.cloud.alarms._post.patience_s = 0.05
    for _ in range(2):
        watched.set(Shock(), "theft_alarm", channel="mail", to="me@example.org")
    watched.set(Shock(), "theft_alarm")
    watched.send(watched.moved((60, SHOCK)))
    assert watched.told == 1 and server.taken == []
    server.go.set()
    [(_, attempt)] = watched.cloud.alarms._post._hanging.values()
    assert attempt.ended(10.0)
    for seconds in (60, 300, 900):
        watched.clock.at += seconds
        watched.cloud.alarms.work()
    assert len(server.taken) == 2 and len({message["Message-ID"] for message in server.taken}) == 2
    assert watched.told == 1


def test_a_hundred_messages_of_a_channel_that_hangs_let_the_next_by(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page of them is put off, and the one behind them goes in the same turn."""
    monkeypatch.setattr(posting, "AT_ONCE", 1)
    server = Hanging()
    mail = EmailChannel("mail.example", sender="alarm@example.org", connect=lambda: server)
    watched.cloud.alarms.connect(PORTAL, mail=mail)
    watched.cloud.alarms._post.patience_s = 0.02
    for _ in range(3):
        watched.set(Shock(), "theft_alarm", channel="mail", to="me@example.org")
    watched.set(Shock(), "theft_alarm")
    watched.send(watched.moved((60, SHOCK)))
    server.go.set()
    assert watched.told == 1


def test_what_a_stop_left_untold_is_told_after_it(watched: Watched) -> None:
    """Committed and not looked at, and looked at and not handed over: each is told once by the next start."""
    watched.set(Shock(), "theft_alarm")
    watched.take(watched.tracker, [watched.moved((60, SHOCK))])
    watched.reopen()
    watched.cloud.alarms.work()
    assert watched.starts() == [60]
    watched.sink.refuse.add(1)
    watched.send(watched.moved((1200, SHOCK)))
    assert watched.told == 1
    watched.sink.refuse.clear()
    watched.reopen()
    watched.at(1300)
    watched.cloud.alarms.work()
    assert watched.starts() == [60, 1200]
    assert watched.sink.seen.count(watched.sink.taken[1].key) == 2


def test_a_sweep_finds_what_another_process_took_in(watched: Watched) -> None:
    """It never came by here; the next sweep looks at it, and the one after tells nothing again."""
    watched.set(Shock(), "theft_alarm")
    watched.cloud.alarms.work()
    payload = watched.moved((60, SHOCK))
    other = watched.open()
    other.handle([(watched.tracker.topic, payload)])
    other.close()
    watched.cloud.alarms.work()
    assert watched.told == 0
    for _ in range(2):
        watched.cloud.alarms.sweep()
        watched.clock.at += 3600
    assert watched.starts() == [60]


def test_a_channel_that_breaks_is_one_that_did_not_take_it(watched: Watched) -> None:
    """A stranger's exception stops nothing, and what it says is in no log."""

    class Broken:
        def check(self, to: str) -> None:
            """Anything."""

        def send(self, to: str, parcel: object) -> None:
            """Break."""
            raise ZeroDivisionError(to)

    watched.cloud.alarms.connect(PORTAL, odd=Broken())
    watched.set(Shock(), "theft_alarm", channel="odd", to="somebody")
    watched.set(Shock(), "theft_alarm")
    watched.send(watched.moved((60, SHOCK)))
    assert watched.told == 1


def test_an_alarm_of_yesterday_is_given_up(watched: Watched) -> None:
    """A channel that is away for a day: the log says that it was not delivered."""
    watched.cloud.alarms.connect(PORTAL, app=CallbackSink(_away))
    watched.set(Shock(), "theft_alarm")
    watched.send(watched.moved((60, SHOCK)))
    watched.at(60 + 86_400)
    watched.cloud.alarms.work()
    assert [each["reason"] for each in watched.entries("alarm.undelivered")] == ["expired"]
    assert watched.cloud.database.alarm_messages_due(2e9, 10) == []


def test_messages_wait_until_the_integrator_has_said_how(watched: Watched) -> None:
    """A channel that nobody connected yet."""
    watched.set(Shock(), "theft_alarm", channel="text")
    watched.send(watched.moved((60, SHOCK)))
    assert watched.told == 0
    watched.cloud.alarms.connect(PORTAL, text=watched.sink)
    watched.at(180)
    watched.cloud.alarms.work()
    assert watched.told == 1


def test_messages_that_wait_for_a_channel_let_others_by(watched: Watched) -> None:
    """A hundred of one that nobody connected do not hold one of another back."""
    rule = watched.set(Shock(), "theft_alarm", channel="text")
    watched.set(Shock(), "theft_alarm")
    for n in range(100):
        message = AlarmMessage(f"link-{n}", rule.rule_id, "s-1", NOON, 0, NOON)
        watched.cloud.database.put_alarm_message(message)
        watched.cloud.database.put_alert(AlertLink(f"link-{n}", "s-1", "theft_alarm", "motion", NOON, NOON, NOON, 2e9))
    watched.send(watched.moved((60, SHOCK)))
    watched.cloud.alarms.work()
    assert watched.told == 1


def test_a_withdrawal_ends_the_rule_and_what_was_on_its_way(watched: Watched) -> None:
    """The message that was not taken is not sent after it, the rule is gone, and a new consent brings neither back."""
    watched.sink.refuse.add(0)
    watched.set(ZONE, "tracking")
    _left(watched)
    watched.sink.refuse.clear()
    watched.cloud.consent.withdraw("s-1", "tracking", evidence(act="tapped_withdraw"))
    watched.at(2000)
    watched.cloud.alarms.work()
    watched.cloud.alarms.sweep()
    assert watched.told == 0 and watched.cloud.database.alarm_rules() == []
    assert [each["reason"] for each in watched.entries("alarm.undelivered")] == ["consent_missing"]
    assert len(watched.entries("alarm.removed")) == 1
    watched.cloud.consent.give("s-1", "tracking", evidence())
    watched.at(2010)
    watched.cloud.alarms.sweep()
    assert watched.told == 0


def test_a_restriction_stops_it_and_its_end_goes_on(watched: Watched) -> None:
    """Restricted (Art. 18), nothing is looked at nor told; lifted, the rule goes on by itself."""
    watched.set(Shock(), "theft_alarm")
    held = watched.cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by="desk")
    watched.at(60)
    watched.cloud.alarms.sweep()
    assert len(watched.cloud.database.alarm_rules()) == 1
    watched.cloud.restrictions.lift(held.restriction_id, by="desk", told=True)
    watched.at(2000)
    watched.send(watched.tracker.motion([(int(NOON) + 1980, SHOCK)], version=99))
    assert watched.told == 1


def test_an_erasure_takes_rules_and_messages(watched: Watched) -> None:
    """Rules, messages and links go with the person; what is sealed opens no more from a copy."""
    watched.sink.refuse.add(0)
    alarm = watched.set(ZONE, "tracking", label="the clinic")
    _left(watched)
    [row] = watched.cloud.database.alarm_rules()
    watched.cloud.erase(subject="s-1")
    assert watched.cloud.database.alarm_rules() == []
    assert watched.cloud.database.alarm_messages(alarm.rule_id) == []
    with pytest.raises(SealBroken):
        watched.cloud.alarms._sealer.alarm(row)
    watched.sink.refuse.clear()
    watched.at(2000)
    watched.cloud.alarms.work()
    assert watched.told == 0


def test_nothing_of_a_rule_stands_in_the_clear(watched: Watched) -> None:
    """Zone, label and address are in no byte of any file."""
    watched.set(
        Zone(55.123456, 12.654321, 500), "tracking", channel="mail", to="canary@example.org", label="canary-word"
    )
    watched.cloud.database.vacuum_erased()
    files = [path.read_bytes() for path in watched.directory.rglob("*") if path.is_file()]
    assert files
    for word in (b"canary", b"55.1234", b"12.6543"):
        assert not any(word in content for content in files), word


def test_an_alarm_is_the_persons_own(watched: Watched) -> None:
    """Another person, a planner, the controller: refused, and nobody sees or ends the rules of another."""
    alarm = watched.set(ZONE, "tracking")
    other = Actor("s-2", "data_subject")
    for actor in (Actor("s-1", "controller"), Actor("s-1", "planner")):
        with pytest.raises(Denied, match="own"):
            watched.cloud.alarms.set(actor, ZONE, purpose="tracking", channel="app")
    with pytest.raises(Denied, match="device_unknown"):
        watched.cloud.alarms.set(other, ZONE, purpose="tracking", channel="app")
    for act in (watched.cloud.alarms.remove, watched.cloud.alarms.arm):
        with pytest.raises(ConfigError, match="no such rule of yours"):
            act(other, alarm.rule_id)  # type: ignore[operator]
    assert watched.cloud.alarms.of(other) == [] and watched.cloud.alarms.of(ME) == [alarm]
    watched.cloud.alarms.remove(ME, alarm.rule_id)
    assert watched.cloud.alarms.of(ME) == []


def test_what_the_purpose_does_not_let_watch_is_refused(watched: Watched) -> None:
    """The gate is asked for reading and for the message when a rule is made."""
    cases = (("theft_alarm", "purpose_not_declared"), ("marketing", "purpose_not_declared"))
    for purpose, reason in (*cases, ("legal_reporting", "action_not_permitted")):
        with pytest.raises(Denied, match=reason):
            watched.set(ZONE, purpose)
    assert watched.cloud.alarms.of(ME) == []


def test_a_label_is_warned_of_and_decides_nothing(watched: Watched) -> None:
    """Whatever it says; without one there is nothing to warn of."""
    set_ = watched.cloud.alarms.set
    _, warned = set_(ME, ZONE, purpose="tracking", channel="app", label="my church")
    _, plain = set_(ME, ZONE, purpose="tracking", channel="app")
    assert warned == ["may_be_sensitive"] and plain == []
    with pytest.raises(ConfigError, match="at most 80"):
        set_(ME, ZONE, purpose="tracking", channel="app", label="x" * 81)


def test_a_person_has_at_most_twenty_rules(watched: Watched) -> None:
    """The twenty-first is refused with a sentence."""
    for _ in range(20):
        watched.set(ZONE, "tracking")
    with pytest.raises(ConfigError, match="20 rules"):
        watched.set(ZONE, "tracking")


def test_the_copy_of_a_person_has_their_rules(watched: Watched) -> None:
    """Open, as they set them."""
    watched.set(Bounds("temperature", above=80), "condition_monitoring", label="fridge")
    [row] = watched.cloud.alarms.copy_of("s-1")
    assert (row["label"], row["watch"], row["above"]) == ("fridge", "bounds", 80)


def test_a_thread_works_while_the_service_runs(watched: Watched) -> None:
    """Started, it looks at what comes in by itself; stopped, it has ended."""
    import threading

    told = threading.Event()
    watched.cloud.alarms.connect(PORTAL, app=CallbackSink(lambda _: told.set()))
    watched.set(Theft(parked_s=60), "theft_alarm")
    watched.cloud.alarms.start()
    try:
        watched.take(watched.tracker, [watched.moved((600, BEGAN))])
        assert told.wait(10)
    finally:
        watched.cloud.alarms.stop()
    assert watched.cloud.alarms._thread is None


def test_a_sink_without_addresses_takes_none() -> None:
    """One place for everybody."""
    channel = SinkChannel(CallbackSink(lambda _: None))
    channel.check("")
    with pytest.raises(ConfigError, match="leave the address out"):
        channel.check("me@example.org")


def test_portals_are_https(watched: Watched) -> None:
    """A link that anybody on the way could follow is none."""
    with pytest.raises(ConfigError, match="https"):
        watched.cloud.alarms.connect("http://portal.example/")


def _away(_: object) -> None:
    raise LinkError("away")


def test_no_key_stays_in_memory_and_the_log_is_not_flooded(watched: Watched) -> None:
    """After a look nothing of it is kept but how much was read; ten envelopes of five minutes are two entries of the log."""
    watched.set(Bounds("temperature", above=80), "condition_monitoring")
    before = len(watched.entries("gate.allowed"))
    for n in range(10):
        watched.send(watched.warm((300 * n, 50)))
        watched.cloud.alarms.sweep()
    [follower] = watched.cloud.alarms._looker._followers.values()
    assert not follower._opener._chains and follower._answers is None
    assert 2 <= len(watched.entries("gate.allowed")) - before <= 4
