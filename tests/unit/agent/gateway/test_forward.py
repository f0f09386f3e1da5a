"""From the spool to the broker: a window, whatever the broker acknowledges or does not, and each connection from the start."""

from __future__ import annotations

from pathlib import Path

from agent.gateway.forward import PAST_OF_PORT
from agent.gateway.spool import Taken
from tests.unit.agent.gateway.bench import A, B, Rig


def spooled(rig: Rig, n: int, device: str = A, port: str = "p") -> list[tuple[str, bytes]]:
    """n envelopes of a device, committed."""
    made = [(device, b"%s %d" % (device[:1].encode(), k)) for k in range(n)]
    for _, envelope in made:
        assert rig.spool.take(device, envelope, port) is Taken.FRESH
    assert rig.spool.commit()
    return made


def test_no_more_than_the_window_is_in_flight(tmp_path: Path) -> None:
    """64 without PUBACK, then one for each; deleted when it is acknowledged."""
    rig = Rig(tmp_path)
    made = spooled(rig, 200)
    rig.hub.turn()
    rig.hub.turn()
    assert rig.broker.published == made[:64] and rig.hub.forwarder.in_flight == 64
    rig.broker.answer(7)
    rig.hub.turn()
    assert rig.broker.published == made[:65] and rig.spool.count == 199
    while rig.broker.open:
        rig.broker.answer()
        rig.hub.turn()
    assert rig.broker.published == made and rig.spool.count == rig.spool.size_bytes == 0


def test_a_backlog_starves_nobody(tmp_path: Path) -> None:
    """A device with a thousand and one with three, at two ports: the three go among the first six."""
    rig = Rig(tmp_path, connected=False)
    spooled(rig, 1000)
    spooled(rig, 3, B, "q")
    rig.broker.up()
    rig.hub.turn()
    assert [device for device, _ in rig.broker.published[:6]].count(B) == 3


def test_nothing_is_published_without_a_connection(tmp_path: Path) -> None:
    """And all of it in order when it stands."""
    rig = Rig(tmp_path, connected=False)
    made = spooled(rig, 10)
    rig.hub.turn()
    assert rig.broker.published == []
    rig.broker.up()
    rig.hub.turn()
    assert rig.broker.published == made


def test_what_was_in_flight_goes_again_after_a_lost_connection(tmp_path: Path) -> None:
    """First, and what was acknowledged does not; old handles say nothing any more."""
    rig = Rig(tmp_path)
    made = spooled(rig, 100)
    rig.hub.turn()
    rig.broker.answer(1)
    rig.broker.answer(3)
    rig.broker.down()
    rig.hub.acknowledged(2)
    assert rig.hub.forwarder.unknown_acks == 1 and rig.hub.forwarder.in_flight == 0
    rig.broker.published.clear()
    rig.broker.up()
    rig.hub.turn()
    assert rig.broker.published == [made[1], *made[3:66]]
    while rig.broker.open:
        rig.broker.answer()
        rig.hub.turn()
    assert set(rig.broker.stored) == set(made) and set(rig.broker.stored.values()) == {1}
    assert rig.spool.count == 0


def test_a_new_connection_without_a_word_of_the_loss_is_one_all_the_same(tmp_path: Path) -> None:
    """Up twice: what was in flight on the first goes again on the second."""
    rig = Rig(tmp_path)
    made = spooled(rig, 2)
    rig.hub.turn()
    rig.broker.open.clear()
    rig.broker.up()
    rig.hub.turn()
    assert rig.broker.published == made * 2


def test_a_puback_that_comes_twice_or_for_nothing_is_counted(tmp_path: Path) -> None:
    """Duplicate, or of a handle that never was: nothing is deleted for it."""
    rig = Rig(tmp_path)
    made = spooled(rig, 3)
    rig.hub.turn()
    rig.broker.answer(1)
    for handle in (1, 99, 0, -1):
        rig.hub.acknowledged(handle)
    assert rig.hub.forwarder.unknown_acks == 4 and rig.spool.count == 2
    rig.broker.down()
    rig.broker.published.clear()
    rig.broker.up()
    rig.hub.turn()
    assert rig.broker.published == made[1:]


def test_a_broker_that_never_acknowledges_gets_a_window_and_is_noticed(tmp_path: Path) -> None:
    """Nothing is lost, nothing more is sent, and the time for which it has been so is said."""
    rig = Rig(tmp_path)
    spooled(rig, 100)
    rig.pass_s(300)
    assert len(rig.broker.published) == 64 and rig.spool.count == 100
    assert 299 <= rig.hub.forwarder.stalled_s() <= 301
    rig.broker.answer(1)
    assert rig.hub.forwarder.stalled_s() == 0
    rig.broker.answer()
    rig.broker.open.clear()
    assert rig.hub.forwarder.stalled_s() == 0


def test_a_socket_that_is_full_is_asked_again(tmp_path: Path) -> None:
    """Nothing is skipped and nothing said twice for it."""
    rig = Rig(tmp_path)
    made = spooled(rig, 5)
    rig.broker.takes = False
    rig.hub.turn()
    assert rig.broker.published == [] and rig.hub.forwarder.in_flight == 0
    rig.broker.takes = True
    rig.hub.turn()
    assert rig.broker.published == made


def test_what_became_too_old_in_flight_is_forgotten(tmp_path: Path) -> None:
    """Its PUBACK comes after all, or a lost connection gives it back: neither finds it."""
    rig = Rig(tmp_path, most_age_s=100)
    spooled(rig, 2)
    rig.pass_s(200)
    assert rig.spool.expired == 2 and rig.spool.count == 0
    rig.broker.answer(1)
    rig.broker.down()
    rig.broker.published.clear()
    rig.broker.up()
    rig.hub.turn()
    assert rig.broker.published == []


def test_no_more_pass_the_spool_than_its_bound(tmp_path: Path) -> None:
    """64 at once, none without a connection or while the socket is full; the callback comes with the PUBACK alone."""
    rig = Rig(tmp_path)
    forwarder, done = rig.hub.forwarder, list[int]()
    assert all(forwarder.past(A, b"%d" % n, lambda n=n: done.append(n), f"p{n}") for n in range(64))  # type: ignore[misc]
    assert not forwarder.past(A, b"64", lambda: done.append(64))
    rig.broker.answer(5)
    assert done == [4]
    rig.broker.takes = False
    assert not forwarder.past(A, b"65", lambda: done.append(65))
    rig.broker.takes = True
    assert forwarder.past(A, b"66", lambda: done.append(66))
    rig.broker.down()
    assert not forwarder.past(A, b"67", lambda: done.append(67))
    assert done == [4]


def test_one_port_does_not_take_all_places_past_the_spool(tmp_path: Path) -> None:
    """A port that floods a gateway with a dead card has its own few; another port's envelope passes at once."""
    rig = Rig(tmp_path)
    forwarder, done = rig.hub.forwarder, list[str]()
    tried = [forwarder.past(A, b"%d" % n, lambda: done.append("flood"), "flood") for n in range(40)]
    assert tried == [True] * PAST_OF_PORT + [False] * (40 - PAST_OF_PORT)
    assert forwarder.past(B, b"other", lambda: done.append("other"), "other")
    rig.broker.answer()
    assert done == ["flood"] * PAST_OF_PORT + ["other"]
    assert forwarder.past(A, b"again", lambda: done.append("again"), "flood")
