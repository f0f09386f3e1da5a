"""The wire tap: packets out of a stream, counts, answers that are due."""

import pytest

from hw_sim.network.traffic import PACKET_LIMIT_BYTES, Capture, Due, Splitter, Traffic, payload_of, publish_id, topic_of

CONNECT = bytes.fromhex("100d00044d51545404020000000161")
PUBLISH_1 = bytes.fromhex("3209") + b"\x00\x03a/b\x00\x07hi"
PUBLISH_0 = bytes.fromhex("3007") + b"\x00\x03a/bhi"
PUBACK_7 = bytes.fromhex("40020007")
LONG = b"\x30\xc8\x01" + b"\x00\x03a/b" + bytes(195)  # remaining length 200 in two bytes


def test_packets_are_cut_wherever_the_stream_is_cut() -> None:
    """The same four packets come out at once or byte by byte."""
    stream = CONNECT + PUBLISH_1 + LONG + PUBACK_7
    assert list(Splitter().feed(stream)) == [CONNECT, PUBLISH_1, LONG, PUBACK_7]
    splitter = Splitter()
    assert [p for byte in stream for p in splitter.feed(bytes((byte,)))] == [CONNECT, PUBLISH_1, LONG, PUBACK_7]


@pytest.mark.parametrize("head", [b"\x30\x80\x80\x80\x80\x01", b"\x30\xff\xff\xff\x7f"])
def test_a_stream_that_cannot_be_mqtt_is_given_up(head: bytes) -> None:
    """A good packet passes; a length of five bytes, or beyond the limit, ends the splitting for good."""
    splitter = Splitter()
    assert list(splitter.feed(PUBACK_7)) == [PUBACK_7]
    assert not splitter.lost
    assert list(splitter.feed(head + PUBACK_7)) == []
    assert splitter.lost
    assert splitter.take_rest() == head + PUBACK_7
    assert PACKET_LIMIT_BYTES < 0x0FFFFFFF


def test_parts_of_a_publish() -> None:
    """Topic, payload and identifier with QoS 1 and 0, and with a two-byte length."""
    assert (topic_of(PUBLISH_1), payload_of(PUBLISH_1), publish_id(PUBLISH_1)) == ("a/b", b"hi", 7)
    assert (topic_of(PUBLISH_0), payload_of(PUBLISH_0), publish_id(PUBLISH_0)) == ("a/b", b"hi", None)
    assert (topic_of(LONG), len(payload_of(LONG))) == ("a/b", 195)


def test_counts_by_type_and_topic() -> None:
    """Each packet counts once, with all its bytes."""
    traffic = Traffic()
    for packet in (CONNECT, PUBLISH_1, PUBLISH_0):
        traffic.count(packet)
    assert traffic.packets == {"CONNECT": 1, "PUBLISH": 2}
    assert traffic.bytes == {"CONNECT": len(CONNECT), "PUBLISH": len(PUBLISH_1) + len(PUBLISH_0)}
    assert traffic.publish == {"a/b": (2, len(PUBLISH_1) + len(PUBLISH_0))}
    assert traffic.publishes == 2


@pytest.mark.parametrize(
    ("sent", "wrong", "right"),
    [
        (CONNECT, PUBACK_7, bytes.fromhex("20020000")),
        (PUBLISH_1, bytes.fromhex("40020008"), PUBACK_7),
        (bytes.fromhex("82080001000361") + b"/b\x01", bytes.fromhex("d000"), bytes.fromhex("9003000101")),
        (bytes.fromhex("c000"), PUBACK_7, bytes.fromhex("d000")),
    ],
)
def test_an_answer_is_due_until_it_comes(sent: bytes, wrong: bytes, right: bytes) -> None:
    """Nothing is due at first; then one answer, which another packet does not settle and the right one does."""
    due = Due()
    assert not due
    due.sent(sent)
    assert due
    due.came(wrong)
    assert due
    due.came(right)
    assert not due


def test_qos_0_is_never_due() -> None:
    """Nobody acknowledges QoS 0."""
    due = Due()
    due.sent(PUBLISH_0)
    assert not due


def test_capture_is_bounded_and_says_what_it_dropped() -> None:
    """Beyond its limit the oldest goes; directions are told apart."""
    capture = Capture(limit_bytes=10)
    capture.add("up", b"aaaa")
    capture.add("down", b"bbbb")
    assert (capture.data(), capture.data("up"), capture.data("down")) == (b"aaaabbbb", b"aaaa", b"bbbb")
    capture.add("up", b"cccc")
    assert (capture.data(), capture.dropped_bytes) == (b"bbbbcccc", 4)
