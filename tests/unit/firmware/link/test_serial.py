"""Frames of the serial link: what they are, and what becomes of noise."""

from __future__ import annotations

import asyncio
import binascii
import random
import struct
from typing import Any

import pytest

from tests.unit.firmware.link import micro

from firmware.errors import LinkError  # isort: skip
from firmware.link import serial  # isort: skip

TOPIC = "bl/1/aaaaaaaaaaaaaaaa/down"
WELCOME = serial.frame(2, 0, b"\x01")


def unstuffed(data: bytes) -> bytes:
    """COBS after its paper, apart from the product."""
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        out += data[at + 1 : at + code]
        at += code
        if code != 0xFF and at < len(data):
            out.append(0)
    return bytes(out)


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", b"\x00" * 1024, b"x" * 1024, b"x" * 240, b"x" * 249, bytes(range(256)) * 4, b"x" * 254 + b"\0"],
)
def test_a_frame_is_cobs_of_head_body_and_crc(body: bytes) -> None:
    """A frame has a zero at each end and nowhere else, and within it type, number, length, body and CRC-32."""
    stuffed = serial.frame(3, 0x1234, body)
    assert stuffed[:1] == stuffed[-1:] == b"\0" and b"\0" not in stuffed[1:-1]
    assert len(stuffed) <= len(body) + 9 + 2 + 1 + (len(body) + 9) // 254
    data = unstuffed(stuffed[1:-1])
    assert data[:-4] == b"\x03\x12\x34" + struct.pack(">H", len(body)) + body
    assert data[-4:] == struct.pack(">I", binascii.crc32(data[:-4]))
    assert serial.unframe(stuffed[1:-1]) == (3, 0x1234, body)


def test_each_broken_byte_is_noticed() -> None:
    """Any one byte changed, left out or doubled, and any cut: no frame comes of it."""
    whole = serial.frame(5, 7, b"an envelope\x00with a zero")[1:-1]
    assert serial.unframe(whole)
    for at in range(len(whole)):
        for bad in (
            whole[:at] + bytes((whole[at] ^ 0x10,)) + whole[at + 1 :],
            whole[:at] + whole[at + 1 :],
            whole[:at] + whole[at : at + 1] + whole[at:],
            whole[:at],
        ):
            assert serial.unframe(bad) is None, (at, bad)


def fed(stream: bytes, piece: int) -> list[Any]:
    """What a parser makes of a stream in pieces."""
    parser = serial.FrameParser(TOPIC)
    found: list[Any] = []
    for at in range(0, len(stream), piece):
        found += parser.feed(stream[at : at + piece])
        assert len(parser._buffer) <= 1038
    return found


@pytest.mark.parametrize("piece", [1, 3, 64, 512, 100_000])
def test_a_parser_finds_its_way_after_any_garbage(piece: int) -> None:
    """Noise of any length before, between and in frames: those that are whole are all found, and nothing else."""
    rng = random.Random(5)
    down = serial.frame(5, 9, bytes(1024))
    stream = rng.randbytes(5000) + WELCOME + down[:500] + serial.frame(4, 8) + b"\xff" * 3000 + down + b"\0\0\0"
    stream += rng.randbytes(70) + serial.frame(0x85, 9, b"x") + serial.frame(8, 0, b"\x01")
    assert fed(stream, piece) == [(2, 1), (4, 8), (3, TOPIC, bytes(1024), 9, 0), (3, TOPIC, b"x", 9, 0x80), (13,)]


@pytest.mark.parametrize("kind", [2, 8, 10])
def test_a_gateway_without_a_broker_ends_the_contact(kind: int) -> None:
    """WELCOME, PONG and STATE with 1 are good, with 0 they are the end."""
    assert serial.FrameParser(TOPIC).feed(serial.frame(kind, 0, b"\x01")) is not None
    with pytest.raises(LinkError, match="no broker"):
        serial.FrameParser(TOPIC).feed(serial.frame(kind, 0, b"\x00"))


@pytest.mark.parametrize(
    "frame", [(4, 1, b"x"), (5, 0, b"x"), (2, 0, b""), (8, 0, b"\1\1"), (1, 0, b"\1"), (0x7F, 1, b"")]
)
def test_frames_that_make_no_sense_are_passed_over(frame: tuple[int, int, bytes]) -> None:
    """A body too much or too little, number 0, a device's own frame, an unknown type: nothing, and the next is read."""
    assert fed(serial.frame(*frame) + serial.frame(4, 8), 10) == [(4, 8)]


def test_the_second_welcome_is_passed_over() -> None:
    """A HELLO that was heard twice is answered twice; the client is welcome once."""
    assert fed(WELCOME + WELCOME, 9) == [(2, 1)]


def test_what_a_device_says() -> None:
    """HELLO, UP, UP again, TAKEN, PING and BYE, each with its type and number."""
    link = serial.SerialLink(None, "a" * 16)
    said = [
        link.connect("a" * 16, "", "", 60),
        link.publish(65535, "t", b"e"),
        link.publish(65535, "t", b"e", dup=True),
        link.puback(3),
        link.PINGREQ_PACKET,
        link.DISCONNECT_PACKET,
    ]
    assert [serial.unframe(each[1:-1]) for each in said] == [
        (1, 0, b"\x01" + b"a" * 16),
        (3, 65535, b"e"),
        (0x83, 65535, b"e"),
        (6, 3, b""),
        (7, 0, b""),
        (9, 0, b""),
    ]
    assert link.subscribe(1, "t") is None


class Line:
    """The port, of which a chunk comes at each of these times in seconds."""

    def __init__(self, times: list[float]) -> None:
        self.times = times

    async def read(self, n: int) -> bytes:
        """The next chunk."""
        now_s = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self.times.pop(0) - now_s) if self.times else 3600)
        return b"\xff"


@pytest.mark.parametrize(
    ("times", "rests_s"),
    [
        ([], 1.0),  # nothing has come for long: at once
        ([1.0], 1.02),
        ([1.0, 1.01, 1.025, 1.04], 1.06),  # one frame behind the other
        ([1.0, 1.03], 1.02),  # what comes later is not waited for
        ([1 + n / 100 for n in range(500)], 1.96),  # noise without an end: a second at most
    ],
)
def test_the_line_is_waited_for_until_it_rests(times: list[float], rests_s: float) -> None:
    """Twenty milliseconds without a byte, and no longer than a second in all."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        link = serial.SerialLink(None, "a" * 16)
        link._stream = Line(times)

        async def listen() -> None:
            while True:
                await link.fill(serial.FrameParser("down"))

        listening = asyncio.create_task(listen())
        await asyncio.sleep(1.0005)
        await link.rest()
        listening.cancel()
        return loop.time()

    assert micro.run(main()) == pytest.approx(rests_s, abs=0.012)
