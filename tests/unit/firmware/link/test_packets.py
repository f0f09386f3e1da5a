"""MQTT packets: what a client sends, and the strictness towards what a broker sends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from firmware.errors import LinkError
from firmware.link import packets

DATA = Path(__file__).parents[3] / "data" / "mqtt"
# What a broker may send, and what none of ours sends: packets of clients and of MQTT 5 come from one that is broken.
KINDS = tuple(sorted(path.stem for path in DATA.glob("*.json")))


def cases(kind: str) -> list[Any]:
    """(version, each packet of each case) of one file of the corpus: those sent to a broker, and what it answers."""
    found = []
    for group in json.loads((DATA / f"{kind}.json").read_text()):
        for case in group["tests"]:
            version = case.get("ver", 4)
            for at, message in enumerate(case.get("msgs", [])):
                if message.get("payload"):
                    name = f"{kind} {case['name']} {at} {message['type']} v{version}"
                    found.append(pytest.param(version, bytes.fromhex(message["payload"]), id=name))
    return found


def verdict(data: bytes) -> bool:
    """True if the parser takes the packet."""
    try:
        return len(packets.Parser().feed(data)) == 1
    except LinkError:
        return False


def sound(data: bytes) -> bool:
    """An oracle apart from the parser: whole packets that a client with QoS 1 must take."""
    size, begin = remaining_length(data)
    kind, flags, body = data[0] >> 4, data[0] & 15, data[begin:]
    numbered = len(body) >= 2 and body[:2] != b"\x00\x00"
    return size == len(body) and {
        2: data in (b"\x20\x02\x00\x00", b"\x20\x02\x01\x00"),
        11: flags == 0 and len(body) == 2 and numbered,
        4: flags == 0 and len(body) == 2 and numbered,
        13: data == b"\xd0\x00",
        9: flags == 0 and len(body) == 3 and numbered and body[2] in (0, 1),
        3: flags >> 1 & 3 <= 1 and flags != 8 and sound_publish(flags >> 1 & 1, body),
    }.get(kind, False)


def remaining_length(data: bytes) -> tuple[int, int]:
    """(length, where the body begins), by MQTT 3.1.1 section 2.2.3; (-1, 0) for one that has no end or is not the shortest."""
    size = 0
    for at, byte in enumerate(data[1:5]):
        size |= (byte & 127) << 7 * at
        if byte < 128:
            return (-1, 0) if at and not byte else (size, at + 2)
    return -1, 0


def sound_publish(qos: int, body: bytes) -> bool:
    """The same of the body of a PUBLISH."""
    size = int.from_bytes(body[:2], "big")
    topic, rest = body[2 : 2 + size], body[2 + size :]
    named = 0 < len(topic) == size and all(32 < byte < 127 and byte not in b"+#" for byte in topic)
    return named and (not qos or (len(rest) >= 2 and rest[:2] != b"\x00\x00"))


@pytest.mark.parametrize(("version", "data"), [case for kind in KINDS for case in cases(kind)])
def test_packets_of_the_mosquitto_corpus(version: int, data: bytes) -> None:
    """Each good or malformed packet of mosquitto's test data is taken or refused as MQTT 3.1.1 has it for a client."""
    del version
    assert verdict(data) == sound(data)


def test_what_brokers_answer_in_the_corpus_is_understood() -> None:
    """Of MQTT 3.1.1 every answer is taken, but for refusals and what belongs to QoS 2."""
    answers = [case.values[1] for kind in KINDS for case in cases(kind) if " recv v4" in str(case.id)]
    refused = [data for data in answers if not verdict(data)]
    assert len(answers) > 20 and sum(verdict(data) for data in answers) > 10
    assert all(data[0] >> 4 in (2, 5, 6, 7) or data[0] & 6 == 4 for data in refused)


def test_the_corpus_holds_both_kinds() -> None:
    """The comparison is not an empty one: good packets of each type, and a thousand others."""
    every = [case.values[1] for kind in KINDS for case in cases(kind)]
    good = [data for data in every if sound(data)]
    assert {data[0] >> 4 for data in good} >= {2, 3, 4, 9, 13} and len(every) - len(good) >= 1000


def test_pieces_of_any_size_give_the_same_packets() -> None:
    """A stream of four packets, byte by byte, gives the four."""
    stream = (
        b"\x20\x02\x00\x00"
        + b"\x90\x03\x00\x01\x01"
        + b"\x32\x83\x01"
        + b"\x00\x01t\x00\x07"
        + b"x" * 126
        + b"\xd0\x00"
    )
    parser = packets.Parser()
    got = [packet for at in range(len(stream)) for packet in parser.feed(stream[at : at + 1])]
    assert got == packets.Parser().feed(stream)
    assert got == [(2, 0), (9, 1, 1), (3, "t", b"x" * 126, 7, 0), (13,)]


@pytest.mark.parametrize(
    "header", [b"\x30\x80\x80\x01", b"\x30\xff\xff\xff\x7f", b"\x30\x80\x00", b"\x20\xcd\x08", b"\x90\xff\x7f"]
)
def test_a_packet_that_would_not_fit_is_refused_at_its_header(header: bytes) -> None:
    """16 KB and more, a length in more bytes than it needs, any type but PUBLISH over 1100 bytes: refused before its body."""
    assert packets.Parser().feed(b"\x30\xcc\x08") == []  # 1100 exactly
    with pytest.raises(LinkError):
        packets.Parser().feed(header)


@pytest.mark.parametrize("piece", [1, 7, 64, 512, 4000])
def test_a_publish_that_would_not_fit_is_passed_over(piece: int) -> None:
    """A PUBLISH of more than 1100 bytes, in pieces of any size: its identifier alone is kept, and what follows is read."""
    body = b"\x00\x01t\x00\x05" + bytes(4991)
    long = b"\x32\x84\x27" + body  # 0x04 + 0x27 · 128 = 4996
    assert len(body) == 4996
    stream = b"\xd0\x00" + long + b"\xd0\x00" + packets.publish(7, "t", b"x") + b"\xd0\x00"
    parser = packets.Parser()
    got = []
    for at in range(0, len(stream), piece):
        got += parser.feed(stream[at : at + piece])
        assert len(parser._buffer) <= packets.MAX_PACKET_BYTES + 4  # fixed header included
    assert got == [(13,), (3, "t", None, 5, 0), (13,), (3, "t", b"x", 7, 0), (13,)]


@pytest.mark.parametrize("kind", [0, 1, 5, 6, 7, 8, 10, 12, 14, 15])
def test_packets_that_no_broker_sends_us(kind: int) -> None:
    """Types of clients, of QoS 2 and reserved ones end the connection."""
    assert packets.Parser().feed(b"\xd0\x00") == [(13,)]
    with pytest.raises(LinkError):
        packets.Parser().feed(bytes((kind << 4, 0)))


@pytest.mark.parametrize("code", [1, 2, 3, 4, 5, 6, 255])
def test_a_refused_connection_says_why(code: int) -> None:
    """Each return code but 0 raises with its reason."""
    with pytest.raises(LinkError, match="broker refuses"):
        packets.Parser().feed(bytes((0x20, 2, 0, code)))


def test_what_the_client_sends() -> None:
    """CONNECT, SUBSCRIBE, PUBLISH and PUBACK byte for byte after MQTT 3.1.1."""
    assert (
        packets.connect("d", "u", "pw", 60).hex()
        == "1014" + "00044d515454" + "04c0003c" + "000164" + "000175" + "00027077"
    )
    assert packets.connect("d", "", "", 60).hex() == "100d" + "00044d515454" + "0400003c" + "000164"
    assert packets.subscribe(1, "t").hex() == "8206" + "0001" + "000174" + "01"
    assert packets.unsubscribe(1, "t").hex() == "a205" + "0001" + "000174"
    assert packets.publish(65535, "t", b"\x00\x01").hex() == "3207" + "000174" + "ffff" + "0001"
    assert packets.publish(65535, "t", b"\x00\x01", dup=True)[0] == 0x3A
    assert packets.puback(0x1234).hex() == "40021234"
    long = packets.publish(1, "t", bytes(1024))
    assert long[1:3] == bytes(((1029 & 127) | 128, 1029 >> 7)) and len(long) == 3 + 1029


def test_a_long_string_is_a_mistake_in_the_settings() -> None:
    """A password beyond 255 bytes raises instead of a packet that no broker understands."""
    assert packets.connect("d", "u", "p" * 255, 60)
    with pytest.raises(LinkError):
        packets.connect("d", "u", "p" * 256, 60)
