"""Frames: found between anything, in pieces of any size, and just as the firmware and the simulator find them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.gateway import frames
from agent.gateway.frames import Frame, Parser, pack
from firmware.link import serial
from hw_sim.network import gateway

bodies = st.one_of(
    st.binary(max_size=1024),
    st.builds(lambda byte, n: bytes((byte,)) * n, st.sampled_from([0, 1, 0xFF]), st.integers(0, 1024)),
)
whole = st.builds(Frame, st.integers(1, 10), st.integers(0, 65_535), bodies, st.booleans())
noise = st.one_of(
    st.binary(max_size=300),
    st.builds(lambda data, n: data.replace(b"\0", b"\1") * n, st.binary(min_size=1, max_size=20), st.integers(0, 120)),
)


def packed(frame: Frame) -> bytes:
    """As it passes the wire."""
    return pack(frame.kind, frame.number, frame.body, again=frame.again)


def fed(stream: bytes, pieces: Sequence[int]) -> list[Frame]:
    """What a parser finds of a stream in pieces of these sizes, over and over."""
    parser, found, at, turn = Parser(), [], 0, 0
    while at < len(stream):
        size = pieces[turn % len(pieces)]
        found += parser.feed(stream[at : at + size])
        assert len(parser._open) <= frames.STUFFED_LIMIT_BYTES
        at, turn = at + size, turn + 1
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(noise, whole), max_size=5), st.lists(st.integers(1, 1500), min_size=1, max_size=4))
def test_every_whole_frame_is_found_between_noise(parts: list[tuple[bytes, Frame]], pieces: list[int]) -> None:
    """All of them, in order, however the stream is cut; what else is found is no more than noise that is a frame itself."""
    stream = b"".join(before + packed(frame) for before, frame in parts)
    assert fed(stream, pieces) == [
        found for before, frame in parts for found in (*Parser().feed(b"\0" + before + b"\0"), frame)
    ]


@settings(max_examples=60, deadline=None)
@given(whole)
def test_the_three_make_and_read_the_same(frame: Frame) -> None:
    """Agent, firmware and simulator make the same bytes of a frame, and the same frame of the bytes."""
    kind = frame.kind | 0x80 * frame.again
    data = packed(frame)
    assert data == serial.frame(kind, frame.number, frame.body) == gateway.frame(kind, frame.number, frame.body)
    assert Parser().feed(data) == [frame]
    assert serial.unframe(data[1:-1]) == gateway.unframe(data[1:-1]) == (kind, frame.number, frame.body)


def read_by_three(stuffed: bytes) -> list[tuple[int, int, bytes] | None]:
    """Agent, firmware, simulator; the latter two bound the length and know the types where they are called from."""
    found = Parser().feed(stuffed + b"\0")
    ours = (found[0].kind | 0x80 * found[0].again, found[0].number, found[0].body) if found else None
    theirs = [
        each(stuffed) if len(stuffed) <= frames.STUFFED_LIMIT_BYTES else None
        for each in (serial.unframe, gateway.unframe)
    ]
    return [ours, *(each if each and 1 <= each[0] & 0x7F <= 10 else None for each in theirs)]


@settings(max_examples=120, deadline=None)
@given(whole, st.data())
def test_the_three_agree_on_what_is_damaged(frame: Frame, data: st.DataObject) -> None:
    """A byte changed, left out, doubled or put in, or a cut: the same at all three, and of one changed byte nothing comes."""
    stuffed = packed(frame)[1:-1]
    at = data.draw(st.integers(0, len(stuffed) - 1))
    byte = bytes((data.draw(st.integers(1, 255)),))
    changed = stuffed[:at] + byte + stuffed[at + 1 :]
    for bad in (changed, stuffed[:at] + stuffed[at + 1 :], stuffed[:at] + byte + stuffed[at:], stuffed[:at]):
        ours, firmware, simulator = read_by_three(bad)
        assert ours == firmware == simulator
    assert changed == stuffed or read_by_three(changed)[0] is None


@settings(max_examples=60, deadline=None)
@given(st.binary(min_size=1, max_size=1200))
def test_the_three_agree_on_noise(data: bytes) -> None:
    """Whatever stands between two zeros is the same to all three."""
    for part in data.split(b"\0"):
        ours, firmware, simulator = read_by_three(part)
        assert ours == firmware == simulator


@pytest.mark.parametrize("size", [1, 7, 1038, 1039, 100_000])
def test_noise_without_an_end_is_counted_once_and_not_kept(size: int) -> None:
    """A megabyte between two zeros is one that was too long, and the frame behind it is found."""
    parser = Parser()
    data = b"\xff" * (20_000 if size < 10 else 1_000_000)
    for at in range(0, len(data), size):
        assert parser.feed(data[at : at + size]) == []
        assert len(parser._open) <= frames.STUFFED_LIMIT_BYTES
    assert parser.feed(pack(frames.PING)) == [Frame(frames.PING, 0, b"")]
    assert parser.dropped == {"long": 1}


def test_a_frame_with_a_hole_is_noise() -> None:
    """After `reset` what is open is passed over up to the next zero, were it whole or not."""
    ping = pack(frames.PING)
    parser = Parser()
    assert parser.feed(ping[:-1]) + parser.feed(ping[-1:]) == [Frame(frames.PING, 0, b"")]
    parser.feed(ping[:-1])
    parser.reset()
    assert parser.feed(ping[-1:]) == []
    parser.reset()
    assert parser.feed(ping[1:]) == []
    assert parser.feed(ping) == [Frame(frames.PING, 0, b"")]


def test_the_end_of_noise_is_no_frame() -> None:
    """What stands between noise that was too long and the next zero is its end, though it looks like a frame."""
    ping = pack(frames.PING)
    parser = Parser()
    assert parser.feed(b"\xff" * 1000) + parser.feed(b"\xff" * 39) + parser.feed(ping[1:]) == []
    assert parser.feed(ping) == [Frame(frames.PING, 0, b"")]


@pytest.mark.parametrize("kind", [0, 11, 0x7F])
def test_an_unknown_type_is_dropped_and_counted(kind: int) -> None:
    """And the frame behind it is found."""
    parser = Parser()
    assert parser.feed(serial.frame(kind, 1, b"x") + pack(frames.PING)) == [Frame(frames.PING, 0, b"")]
    assert parser.dropped == {"type": 1}


def test_the_longest_envelope_fits_and_one_byte_more_is_not_said() -> None:
    """1024 bytes without a zero make 1038 stuffed ones; 1025 are refused here, since no receiver would take them."""
    data = pack(frames.UP, 0x0101, b"\x55" * 1024)
    assert len(data) - 2 <= frames.STUFFED_LIMIT_BYTES
    assert Parser().feed(data)[0].body == b"\x55" * 1024
    with pytest.raises(ValueError, match="1025 bytes"):
        pack(frames.UP, 0x0101, b"\x55" * 1025)
