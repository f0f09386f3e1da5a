"""The scan that the demo's step b rests on sees what it claims to see, and random bytes do not disturb it."""

from __future__ import annotations

import random

import pytest

from hw_sim.demo.scan import Needles, find, find_in_stream, plants

LAT, LON = 53.444510, -2.925173


@pytest.fixture
def needles() -> Needles:
    """Sixty truths of a drive and two words."""
    made = Needles()
    for number in range(60):
        made.add_position(LAT + number * 0.0013, LON - number * 0.0017)
    made.add_word("BL-SERIAL-0042")
    return made


@pytest.mark.parametrize("how", sorted(plants(LAT, LON)))
def test_a_planted_position_is_found_in_every_encoding(needles: Needles, how: str) -> None:
    """Each encoding alone, in one packet among random ones, is found in that packet."""
    rng = random.Random(1)
    packets = [rng.randbytes(200) for _ in range(20)]
    packets[7] = plants(LAT, LON)[how]
    assert {f.packet for f in find(packets, needles)} == {7}


@pytest.mark.parametrize(
    "word", [b"BL-SERIAL-0042", "BL-SERIAL-0042".encode("utf-16-le"), b"BL-SERIAL-0042".hex().encode()]
)
def test_a_planted_serial_number_is_found(needles: Needles, word: bytes) -> None:
    """A serial number is found as text, as UTF-16 and as hex."""
    assert [f.packet for f in find([b"", b"xx" + word + b"yy"], needles)] == [1]


def test_one_axis_in_two_packets_is_found(needles: Needles) -> None:
    """A leak of the latitude alone shows once it repeats."""
    lat_only = (round(LAT * 1e7)).to_bytes(4, "little", signed=True)
    assert not find([lat_only, b"abcd"], needles)
    assert {f.packet for f in find([lat_only, b"abcd", lat_only], needles)} == {0, 2}


def test_random_bytes_are_no_find(needles: Needles) -> None:
    """Forty kilobytes of random packets, as sealed traffic looks, give no find."""
    rng = random.Random(2)
    assert find([rng.randbytes(200) for _ in range(200)], needles) == []


def test_a_position_is_found_though_its_axes_come_again_in_other_truths(needles: Needles) -> None:
    """Standing still repeats one axis: a planted position is found all the same."""
    needles.add_position(LAT, LON + 0.5)
    needles.add_position(LAT + 0.5, LON)
    assert {f.packet for f in find([b"abcd", plants(LAT, LON)["float <"]], needles)} == {1}


def test_a_stream_without_packets_is_searched_too(needles: Needles) -> None:
    """A planted position is found in a stream, whole needles across the seams of its pieces included."""
    noise = random.Random(3).randbytes(40_000)
    assert find_in_stream(noise, needles) == []
    for how, planted in plants(LAT, LON).items():
        assert find_in_stream(noise[:300] + planted + noise[300:], needles), how
    text = f"{LAT:.5f}".encode()
    assert find_in_stream(noise[:253] + text + noise[253:], needles)
