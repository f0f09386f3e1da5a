"""A contact, row by row of the table and rule by rule of docs/serial-link.md, on a clock of our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.gateway import frames
from agent.gateway.contact import SILENCE_S
from agent.gateway.downs import MOST_DOWNS
from agent.gateway.frames import Frame, pack
from tests.unit.agent.gateway.bench import A, B, Rig, kinds

WELCOME = Frame(frames.WELCOME, 0, b"\1")
GONE = Frame(frames.STATE, 0, b"\0")


# --- HELLO, WELCOME


def test_hello_is_welcomed_and_subscribes(tmp_path: Path) -> None:
    """Row 1 and 2: WELCOME 1, and the broker is asked for this device's downlinks."""
    rig = Rig(tmp_path)
    assert rig.line().hello(A) == [WELCOME]
    assert rig.broker.listening == {A: 1}


def test_welcome_goes_before_the_first_down(tmp_path: Path) -> None:
    """Even where the broker hands over what waited in the very call that subscribes."""
    rig = Rig(tmp_path)
    line = rig.line()
    rig.broker.listen = lambda device: rig.hub.downlink(device, 1, b"waited", False)  # type: ignore[method-assign]
    assert kinds(line.hello(A)) == [frames.WELCOME, frames.DOWN]


def test_a_second_hello_is_welcomed_again_and_subscribes_once(tmp_path: Path) -> None:
    """The bit says that it may have come before; a device that has started anew says it without."""
    rig = Rig(tmp_path)
    line = rig.line()
    assert line.hello(A) == line.hello(A) == [WELCOME]
    assert line.say(frames.HELLO, 0, b"\1" + A.encode(), again=True) == [WELCOME]
    assert rig.broker.listening == {A: 1}


def test_another_device_at_the_port_ends_the_contact_of_the_first(tmp_path: Path) -> None:
    """One line, one device: the first is unsubscribed, what it was told goes no further."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 1, b"for a", False)
    assert kinds(line.heard()) == [frames.DOWN]
    assert line.hello(B) == [WELCOME]
    assert rig.broker.listening == {A: 0, B: 1}
    rig.hub.downlink(A, 2, b"for a", False)
    rig.pass_s(60)
    assert line.heard() == []


@pytest.mark.parametrize(
    "name",
    [b"+" + b"a" * 15, b"#" + b"a" * 15, b"a/b" + b"a" * 13, b"A" * 16, b"a" * 15 + b"1", b"a" * 15 + b"8", b"a" * 15 + b"\n",
     b"\xff" * 16, bytes(16), b"a" * 15 + b" "],
)  # fmt: skip
def test_a_name_that_is_no_pseudonym_reaches_no_topic(tmp_path: Path, name: bytes) -> None:
    """Wildcards, separators, other alphabets: dropped and counted; the sixteenth letter right, it is welcome."""
    rig = Rig(tmp_path)
    line = rig.line()
    assert line.say(frames.HELLO, 0, b"\1" + name) == []
    assert line.contact.counts["dropped_name"] == 1
    assert not rig.broker.listening
    assert line.hello(A) == [WELCOME]


@pytest.mark.parametrize(
    ("number", "body"),
    [(0, b"\1" + b"a" * 15), (0, b"\1" + b"a" * 17), (0, b"\2" + b"a" * 16), (0, b""), (1, b"\1" + b"a" * 16)],
)
def test_a_hello_of_another_form_is_dropped(tmp_path: Path, number: int, body: bytes) -> None:
    """Too short, too long, another version, nothing, a number."""
    rig = Rig(tmp_path)
    line = rig.line()
    assert line.say(frames.HELLO, number, body) == []
    assert line.contact.counts["dropped_form"] == 1 and not rig.broker.listening


# --- UP, ACCEPTED


def test_an_up_is_accepted_once_it_is_durable_and_not_before(tmp_path: Path) -> None:
    """Row 3 and 4: with the commit, under its number; the broker need not be there."""
    rig = Rig(tmp_path, connected=False)
    line = rig.line()
    line.hello(A)
    assert line.say(frames.UP, 0x1234, b"envelope") == []
    rig.hub.turn()
    assert line.heard() == [], "25 ms gather what comes for one fsync"
    rig.turn()
    assert line.heard() == [Frame(frames.ACCEPTED, 0x1234, b"")]
    assert rig.spool.count == 1


def test_a_repeat_is_accepted_again_and_kept_once(tmp_path: Path) -> None:
    """Bit 7 or not, before the commit or after it."""
    rig = Rig(tmp_path, connected=False)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, 7, b"envelope")
    line.say(frames.UP, 7, b"envelope", again=True)
    rig.turn()
    assert line.heard() == [Frame(frames.ACCEPTED, 7, b"")] * 2
    line.say(frames.UP, 9, b"envelope")
    rig.turn()
    assert line.heard() == [Frame(frames.ACCEPTED, 9, b"")]
    assert rig.spool.count == 1


@pytest.mark.parametrize("number", [1, 65_535])
def test_numbers_of_an_up_go_round(tmp_path: Path, number: int) -> None:
    """The least and the greatest are as good as any."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, number, b"envelope")
    rig.turn()
    assert line.heard() == [Frame(frames.ACCEPTED, number, b"")]


@pytest.mark.parametrize(("number", "body"), [(0, b"envelope"), (1, b"")])
def test_an_up_of_another_form_is_dropped(tmp_path: Path, number: int, body: bytes) -> None:
    """Number 0, and nothing in it; one byte with a number is kept."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, number, body)
    rig.turn()
    assert line.heard() == [] and rig.spool.count == 0 and line.contact.counts["dropped_form"] == 1
    line.say(frames.UP, 1, b"x")
    rig.turn()
    assert kinds(line.heard()) == [frames.ACCEPTED]


def test_an_envelope_longer_than_any_is_dropped(tmp_path: Path) -> None:
    """1025 zeros fit a frame of 1038 bytes and are no envelope; 1024 are one for all that the gateway knows."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    from firmware.link.serial import frame

    line.contact.heard(frame(frames.UP, 1, bytes(1025)))
    assert line.contact.counts["dropped_form"] == 1
    line.contact.heard(frame(frames.UP, 1, bytes(1024)))
    rig.turn()
    assert kinds(line.heard()) == [frames.ACCEPTED]


def test_an_up_without_a_contact_is_told_that_there_is_none(tmp_path: Path) -> None:
    """A gateway that was started anew in the middle of a contact: STATE 0, so that the device begins anew and does not wait."""
    rig = Rig(tmp_path)
    line = rig.line()
    assert line.say(frames.UP, 5, b"envelope") == [GONE]
    rig.turn()
    assert line.heard() == [] and rig.spool.count == 0
    assert line.hello(A) == [WELCOME]


def test_an_answer_of_the_contact_before_is_not_given_in_this_one(tmp_path: Path) -> None:
    """The number may be another envelope's by now; the envelope is kept all the same."""
    rig = Rig(tmp_path, connected=False)
    line = rig.line()
    line.hello(A)
    line.say(frames.UP, 1, b"envelope")
    line.hello(A)
    rig.turn()
    assert line.heard() == [] and rig.spool.count == 1


# --- DOWN, TAKEN


def test_a_down_is_acknowledged_once_it_was_taken(tmp_path: Path) -> None:
    """Row 5 and 6: byte for byte, its own number, PUBACK with TAKEN and not before; TAKEN twice counts once."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 77, b"sealed\0bytes", False)
    assert line.heard() == [Frame(frames.DOWN, 1, b"sealed\0bytes")]
    rig.pass_s(3.9)
    assert rig.broker.acknowledged == []
    line.say(frames.TAKEN, 1)
    line.say(frames.TAKEN, 1)
    assert rig.broker.acknowledged == [(A, 77)]
    assert line.contact.counts["dropped_taken"] == 1
    rig.pass_s(60)
    assert line.heard() == []


def test_a_down_is_said_again_three_times_and_then_left_to_the_broker(tmp_path: Path) -> None:
    """After 4 s each, with bit 7 and the same number; never acknowledged, unless a TAKEN comes late."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 77, b"sealed", False)
    assert line.heard() == [Frame(frames.DOWN, 1, b"sealed", False)]
    for _ in range(3):
        rig.pass_s(3.7)
        assert line.heard() == []
        rig.pass_s(0.6)
        assert line.heard() == [Frame(frames.DOWN, 1, b"sealed", True)]
    rig.pass_s(60)
    assert line.heard() == [] and rig.broker.acknowledged == []
    line.say(frames.TAKEN, 1)
    assert rig.broker.acknowledged == [(A, 77)]


def test_what_was_not_taken_comes_again_in_the_next_contact(tmp_path: Path) -> None:
    """With bit 7, under another number; also where the device began anew without BYE, so that the broker knows of nothing."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 77, b"sealed", False)
    rig.pass_s(30)
    line.heard()
    assert line.hello(A) == [WELCOME, Frame(frames.DOWN, 2, b"sealed", True)]
    line.say(frames.TAKEN, 1)
    assert rig.broker.acknowledged == []
    line.say(frames.TAKEN, 2)
    assert rig.broker.acknowledged == [(A, 77)]


def test_four_downs_are_under_way_at_once_and_one_that_is_not_taken_stops_nobody(tmp_path: Path) -> None:
    """A device opens what it has when it holds eight, and is deaf meanwhile: four, then one for each TAKEN, in order."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    for n in range(10):
        rig.hub.downlink(A, n, b"%d" % n, False)
    said = line.heard()
    assert [frame.body for frame in said] == [b"0", b"1", b"2", b"3"]
    for frame in said:  # grows
        said += line.say(frames.TAKEN, frame.number) if frame.body != b"0" else []
    assert [frame.body for frame in said] == [b"%d" % n for n in range(10)]
    assert rig.broker.acknowledged == [(A, n) for n in range(1, 10)]


def test_four_that_are_not_taken_make_room_after_their_last_repeat(tmp_path: Path) -> None:
    """16 s later the next four are said."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    for n in range(5):
        rig.hub.downlink(A, n, b"%d" % n, False)
    rig.pass_s(15)
    assert {frame.body for frame in line.heard()} == {b"0", b"1", b"2", b"3"}
    rig.pass_s(3)
    assert [frame.body for frame in line.heard()] == [b"4"]


def test_numbers_of_downs_go_from_65535_to_1(tmp_path: Path) -> None:
    """And pass over one that waits for its TAKEN."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    line.contact._downs._number = 65_534
    rig.hub.downlink(A, 1, b"x", False)
    rig.hub.downlink(A, 2, b"y", False)
    assert [frame.number for frame in line.heard()] == [65_535, 1]
    line.contact._downs._number = 65_534
    rig.hub.downlink(A, 3, b"z", False)
    assert [frame.number for frame in line.heard()] == [2]


@pytest.mark.parametrize(("number", "body"), [(0, b""), (1, b"x"), (2, b"")])
def test_a_taken_of_something_else_acknowledges_nothing(tmp_path: Path, number: int, body: bytes) -> None:
    """Number 0, a body, a number that was not given; the right one does."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 77, b"sealed", False)
    line.say(frames.TAKEN, number, body)
    assert rig.broker.acknowledged == []
    line.say(frames.TAKEN, 1)
    assert rig.broker.acknowledged == [(A, 77)]


def test_dup_of_the_broker_is_passed_on(tmp_path: Path) -> None:
    """Bit 7, so that the device counts no forgery; one that is being said already is not said twice."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 77, b"sealed", True)
    assert line.heard() == [Frame(frames.DOWN, 1, b"sealed", True)]
    rig.hub.downlink(A, 77, b"sealed", True)
    assert line.heard() == []
    rig.hub.downlink(A, 77, b"another", False)
    assert line.heard() == [Frame(frames.DOWN, 2, b"another", False)]


@pytest.mark.parametrize("body", [b"", bytes(1025)])
def test_a_downlink_that_is_none_is_acknowledged_and_not_said(tmp_path: Path, body: bytes) -> None:
    """An empty one clears what a broker retains; one too long would come again for ever."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 1, bytes(1024), False)
    assert kinds(line.heard()) == [frames.DOWN]
    rig.hub.downlink(A, 2, body, False)
    assert line.heard() == [] and rig.broker.acknowledged == [(A, 2)]
    assert rig.hub.figures()["frame_downlink_unfit"] == 1


def test_a_broker_that_hands_over_without_end_is_bounded(tmp_path: Path) -> None:
    """What is beyond 64 is neither kept nor acknowledged: it comes in the next contact."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    for n in range(1000):
        rig.hub.downlink(A, n, b"%d" % n, False)
    assert len(rig.hub._downs[A]) == len(line.contact._downs) == MOST_DOWNS
    assert rig.hub.figures()["frame_downlink_late"] == 1000 - MOST_DOWNS and rig.broker.acknowledged == []


def test_a_contact_holds_no_more_than_its_bound(tmp_path: Path) -> None:
    """Whoever hands it more; what it holds already is not more."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    for n in range(100):
        line.contact.down(n, b"%d" % n, again=False)
    line.contact.down(0, b"another", again=False)
    assert len(line.contact._downs) == MOST_DOWNS and line.contact.counts["limited_down"] == 100 - MOST_DOWNS


def test_a_downlink_for_nobody_stays_at_the_broker(tmp_path: Path) -> None:
    """One that arrives after BYE: not kept, not acknowledged."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    line.say(frames.BYE)
    rig.hub.downlink(A, 1, b"late", False)
    assert rig.broker.acknowledged == [] and not rig.hub._downs
    assert line.hello(A) == [WELCOME]


# --- PING, PONG, BYE, silence


def test_ping_is_answered_with_the_state(tmp_path: Path) -> None:
    """Row 7 and 8; without a contact the state is 0, since whoever asks believes in one."""
    rig = Rig(tmp_path)
    line = rig.line()
    assert line.say(frames.PING) == [Frame(frames.PONG, 0, b"\0")]
    line.hello(A)
    assert line.say(frames.PING) == [Frame(frames.PONG, 0, b"\1")]


def test_bye_ends_the_contact(tmp_path: Path) -> None:
    """Row 9: unsubscribed, no DOWN is said any more, an UP belongs to nobody."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.hub.downlink(A, 1, b"sealed", False)
    line.heard()
    assert line.say(frames.BYE) == [] and rig.broker.listening == {A: 0}
    rig.pass_s(10)
    assert line.heard() == []
    assert line.say(frames.UP, 1, b"envelope") == [GONE]


@pytest.mark.parametrize("kind", [frames.PING, frames.BYE])
@pytest.mark.parametrize(("number", "body"), [(1, b""), (0, b"x")])
def test_ping_and_bye_of_another_form_are_dropped(tmp_path: Path, kind: int, number: int, body: bytes) -> None:
    """A number or a body: nothing is answered, nothing ends."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    assert line.say(kind, number, body) == []
    assert line.contact.device == A and line.contact.counts["dropped_form"] == 1


def test_a_device_that_falls_silent_is_not_waited_for(tmp_path: Path) -> None:
    """It would have asked four times; one that asks every 30 s stays for hours."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    for _ in range(200):
        rig.pass_s(30)
        line.say(frames.PING)
    assert rig.broker.listening == {A: 1}
    rig.pass_s(SILENCE_S + 1)
    assert rig.broker.listening == {A: 0} and line.contact.counts["silent"] == 1
    assert line.hello(A) == [WELCOME]


# --- STATE


def test_a_broker_that_goes_and_comes_is_no_news_while_there_is_room(tmp_path: Path) -> None:
    """The spool takes what comes: a contact goes on, and nothing is said of it."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    rig.broker.down()
    rig.pass_s(1)
    rig.broker.up()
    rig.pass_s(1)
    assert line.heard() == [] and line.contact.device == A


def fill(rig: Rig) -> None:
    """The spool's share of any port."""
    n = 0
    while rig.spool.room("ttyUSB0"):
        n += 1
        rig.spool.take(B, n.to_bytes(1024, "big"), f"other-{n}")
    assert rig.spool.commit()


def test_without_room_and_broker_the_state_is_0_and_unasked(tmp_path: Path) -> None:
    """Row 10: to whoever is in contact, once; that ends it, and new ones are not begun. With room again it is 1, once."""
    rig = Rig(tmp_path, connected=False, most_bytes=300_000)
    line, other = rig.line(), rig.line("ttyUSB1")
    line.hello(A)
    rig.pass_s(1)
    assert line.heard() == []
    fill(rig)
    rig.pass_s(1)
    assert line.heard() == [GONE] and other.heard() == []
    assert line.contact.device == "" and rig.broker.listening == {A: 0}
    assert other.hello(B) == [Frame(frames.WELCOME, 0, b"\0")]
    assert line.say(frames.PING) == [Frame(frames.PONG, 0, b"\0")]
    assert rig.broker.listening == {A: 0}
    rig.spool.done(rig.spool.next_row().id)  # type: ignore[union-attr]
    rig.pass_s(1)
    assert line.heard() == [], "room for a window of many devices first, so that it lasts"
    while row := rig.spool.next_row():
        rig.spool.done(row.id)
    rig.pass_s(1)
    assert line.heard() == other.heard() == [Frame(frames.STATE, 0, b"\1")]
    rig.pass_s(5)
    assert line.heard() == [] and line.hello(A) == [WELCOME]


def test_a_ping_can_be_the_first_to_learn_of_it(tmp_path: Path) -> None:
    """PONG 0 ends the contact as STATE 0 does, and is not followed by one."""
    rig = Rig(tmp_path, connected=False, most_bytes=300_000)
    line = rig.line()
    line.hello(A)
    fill(rig)
    assert line.say(frames.PING) == [Frame(frames.PONG, 0, b"\0")]
    rig.pass_s(1)
    assert line.heard() == [] and rig.broker.listening == {A: 0}


def test_without_room_the_broker_alone_is_enough(tmp_path: Path) -> None:
    """State 1: downlinks arrive, a withdrawal among them; an envelope passes to the broker and is accepted with its PUBACK."""
    rig = Rig(tmp_path, connected=False, most_bytes=300_000)
    line = rig.line()
    fill(rig)
    rig.hub.forwarder._window = 0  # a broker so slow that the spool stays full
    rig.broker.up()
    assert line.hello(A) == [WELCOME]
    rig.hub.downlink(A, 1, b"a directive", False)
    assert kinds(line.heard()) == [frames.DOWN]
    line.say(frames.UP, 5, b"envelope")
    rig.pass_s(1)
    assert line.heard() == [] and rig.broker.published == [(A, b"envelope")]
    rig.broker.answer()
    assert line.heard() == [Frame(frames.ACCEPTED, 5, b"")]


def test_what_passed_and_was_lost_with_the_connection_is_never_accepted(tmp_path: Path) -> None:
    """Nor is it in the next contact, whose numbers are others; the device has it and says it again."""
    rig = Rig(tmp_path, connected=False, most_bytes=300_000)
    line = rig.line()
    fill(rig)
    rig.hub.forwarder._window = 0
    rig.broker.up()
    line.hello(A)
    line.say(frames.UP, 5, b"envelope")
    line.hello(A)
    rig.broker.answer()
    assert line.heard() == []
    line.say(frames.UP, 6, b"envelope")
    rig.broker.down()
    rig.hub.acknowledged(2)
    assert rig.hub.forwarder.unknown_acks == 1
    rig.pass_s(1)
    assert line.heard() == [GONE]


@pytest.mark.parametrize("kind", [frames.WELCOME, frames.ACCEPTED, frames.DOWN, frames.PONG, frames.STATE])
def test_a_gateways_own_frames_are_dropped(tmp_path: Path, kind: int) -> None:
    """An adapter that echoes, or two gateways on one line: nothing is answered, so that they do not talk for ever."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.hello(A)
    assert line.say(kind, 1, b"\1") == [] and line.contact.counts["dropped_direction"] == 1


def test_noise_between_frames_is_counted_and_harmless(tmp_path: Path) -> None:
    """Half a frame, then a whole one; the reason is in the counts, no byte of it anywhere."""
    rig = Rig(tmp_path)
    line = rig.line()
    line.contact.heard(pack(frames.HELLO, 0, b"\1" + B.encode())[:-9])
    assert line.hello(A) == [WELCOME]
    assert sum(n for what, n in line.contact.counts.items() if what.startswith("dropped_")) == 1
