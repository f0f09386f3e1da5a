"""Contracts of cloud_sync.wire beyond the vectors: what callers may not do, and that no foreign exception leaves."""

from __future__ import annotations

import hmac
from itertools import product
from typing import Any

import pytest

from cloud_sync.errors import SealBroken, WireFormatError
from cloud_sync.model import Fix, Header, Precision, Stream, Verdict, VerdictCode
from cloud_sync.wire import batch, cells, codec, columns, downlink, envelope, ladder

DEVICE = "abcdefghijklmnop"
KEY, SALT, NONCE = bytes(range(32)), b"salt", bytes(13)
HEADER = Header(generation=0, stream=Stream.LOCATION, epoch=20_600, counter=0, directive_version=1)
FIX = Fix(time=20_600 * 86_400, lat_e7=0, lon_e7=0, precision=Precision.EXACT, quality=3)
VERDICT = Verdict(0, 1, 20_600, 0, bytes(8), VerdictCode.STORED)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        1.5,
        {},
        {"a": 1},
        object(),
        2**32,
        2**64,
        -(2**31) - 1,
        [[[[[]]]]],
        [0] * 81,
        bytes(65_536),
        "a" * 65_536,
        "\ud800",
        [1, None],
    ],
    ids=repr,
)
def test_pack_refuses_what_the_subset_cannot_say(value: Any) -> None:
    """A value outside the subset raises WireFormatError, at the top or inside an array."""
    assert codec.unpack(codec.pack([1, [bytes(65_535)]])) == [1, [bytes(65_535)]]
    with pytest.raises(WireFormatError):
        codec.pack(value)


def test_padding_may_follow_a_value_that_ends_in_its_byte() -> None:
    """A last number whose own last byte is 0xC1 is not cut off with the padding."""
    data = codec.pack([1, 0xC1])
    assert data.endswith(b"\xcc\xc1")
    assert codec.unpack_padded(data) == codec.unpack_padded(data + b"\xc1\xc1") == [1, 0xC1]
    with pytest.raises(WireFormatError):
        codec.unpack_padded(data + b"\xc1\x00")
    with pytest.raises(WireFormatError):
        codec.unpack_padded(b"\xc1")


def sealed() -> bytes:
    """A sound envelope."""
    return envelope.seal_uplink(DEVICE, HEADER, SALT, KEY, b"\x90")


@pytest.mark.parametrize(
    "change",
    [
        {"device": "gerät-nummer-eins"},
        {"device": "a" * 256},
        {"header": HEADER._replace(stream=0)},
        {"header": HEADER._replace(stream=256)},
        {"header": HEADER._replace(epoch=2**17)},
        {"header": HEADER._replace(counter=-1)},
        {"salt": b"sal"},
        {"salt": b"salty"},
        {"key": KEY[:16]},
        {"key": KEY + b"\x00"},
        {"plaintext": b""},
        {"plaintext": bytes(1024)},
    ],
    ids="-".join,
)
def test_seal_uplink_refuses_one_wrong_argument(change: dict[str, Any]) -> None:
    """Nothing leaves the sealer that a receiver would refuse, nor does an exception of a library."""
    sound = {"device": DEVICE, "header": HEADER, "salt": SALT, "key": KEY, "plaintext": b"\x90"}
    assert envelope.parse_uplink(envelope.seal_uplink(**sound)).header == HEADER
    with pytest.raises(WireFormatError):
        envelope.seal_uplink(**{**sound, **change})


def test_open_uplink_needs_the_right_key_of_32_bytes() -> None:
    """Another key is a broken seal; a key of 16 bytes, which the library would take as AES-128, is refused."""
    parsed = envelope.parse_uplink(sealed())
    assert envelope.open_uplink(DEVICE, parsed, KEY) == b"\x90"
    with pytest.raises(SealBroken):
        envelope.open_uplink(DEVICE, parsed, bytes(32))
    with pytest.raises(WireFormatError):
        envelope.open_uplink(DEVICE, parsed, KEY[:16])


def test_broken_seal_says_nothing_of_the_envelope() -> None:
    """The error neither carries bytes of the envelope nor the library's exception as its cause."""
    parsed = envelope.parse_uplink(sealed())
    with pytest.raises(SealBroken) as caught:
        envelope.open_uplink("ponmlkjihgfedcba", parsed, KEY)
    assert str(caught.value) == "the tag of an uplink envelope does not verify"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "change",
    [
        {"generation": 2**16},
        {"number": 2**32},
        {"number": -1},
        {"key": KEY[:16]},
        {"nonce": NONCE[:12]},
        {"value": [1]},
        {"value": [9, 0]},
        {"device": "gerät-nummer-eins"},
    ],
    ids="-".join,
)
def test_seal_downlink_refuses_one_wrong_argument(change: dict[str, Any]) -> None:
    """The server cannot send what a device would refuse."""
    value = downlink.verdicts_value([VERDICT])
    sound = {"device": DEVICE, "generation": 0, "number": 0, "key": KEY, "nonce": NONCE, "value": value}
    assert downlink.open_downlink(DEVICE, downlink.seal_downlink(**sound), KEY) == value
    with pytest.raises(WireFormatError):
        downlink.seal_downlink(**{**sound, **change})


def test_a_downlink_beyond_the_receive_buffer_is_refused_unread() -> None:
    """A downlink of 1025 bytes is refused by its size, before its form."""
    with pytest.raises(WireFormatError, match="at most 1024 bytes"):
        downlink.open_downlink(DEVICE, bytes(1025), KEY)


def test_builders_refuse_what_the_format_does_not_know() -> None:
    """Verdicts come in ones to twelves, and a time answers a challenge of eight bytes."""
    assert len(downlink.verdicts_value([VERDICT] * 12)) == 13
    for wrong in ([], [VERDICT] * 13, [VERDICT._replace(digest=b"")], [VERDICT._replace(counter=4096)]):
        with pytest.raises(WireFormatError):
            downlink.verdicts_value(wrong)
    assert downlink.time_value(0, bytes(8)) == [3, 0, bytes(8)]
    for time, challenge in ((-1, bytes(8)), (2**32, bytes(8)), (0, bytes(7))):
        with pytest.raises(WireFormatError):
            downlink.time_value(time, challenge)


def test_ladder_refuses_keys_and_kinds_that_do_not_exist() -> None:
    """A key of another length, an unknown stream and an unknown kind are refused alike."""
    assert len(ladder.derive(KEY, Stream.STATUS, "day")) == 32
    for key, stream, kind in ((KEY[:31], 4, "day"), (KEY, 5, "day"), (KEY, -1, "day"), (KEY, 4, "night")):
        with pytest.raises(WireFormatError):
            ladder.derive(key, stream, kind)
    for private, public in ((KEY[:31], KEY), (KEY, KEY[:31]), (KEY, bytes(32))):
        with pytest.raises(WireFormatError):
            ladder.shared_secret(private, public)


def test_every_kind_stream_and_direction_has_its_own_key() -> None:
    """No two labels give the same key."""
    keys = {ladder.derive(KEY, stream, kind) for stream in Stream for kind in ladder.KINDS}
    assert len(keys) == len(Stream) * len(ladder.KINDS)


@pytest.mark.parametrize("count", [0, 65])
def test_pack_location_takes_1_to_64_fixes(count: int) -> None:
    """An empty batch and one of 65 fixes are refused."""
    assert len(batch.unpack_location(batch.pack_location(0, [FIX] * 64, 20_600), 20_600)) == 64
    with pytest.raises(WireFormatError):
        batch.pack_location(0, [FIX] * count, 20_600)


@pytest.mark.parametrize("precision", [-1, 5, 6, 99])
def test_there_are_no_cells_of_other_precisions(precision: int) -> None:
    """Country, none and unknown precisions are refused by every function that takes one."""
    with pytest.raises(WireFormatError):
        batch.pack_location(precision, [FIX], 20_600)
    with pytest.raises(WireFormatError):
        cells.cell_of(0, 0, precision)
    with pytest.raises(WireFormatError):
        cells.centre_e7(0, 0, precision)


def test_pack_location_coarsens_and_keeps_no_side_field() -> None:
    """A cell's plaintext has the time step, the class of its precision, and neither speed nor course."""
    precise = Fix(20_600 * 86_400 + 17, 556_760_968, 125_683_371, Precision.EXACT, 2, speed_dm_s=138, course_deg=62)
    (fix,) = batch.unpack_location(batch.pack_location(Precision.CELL_100M, [precise], 20_600), 20_600)
    assert fix == Fix(20_600 * 86_400 + 10, 556_765_000, 125_690_000, Precision.CELL_100M, 7)
    (same,) = batch.unpack_location(batch.pack_location(Precision.EXACT, [precise], 20_600), 20_600)
    assert same == Fix(20_600 * 86_400 + 17, 556_761_000, 125_683_400, Precision.EXACT, 2, 138, 62)


def test_columns_refuse_values_beyond_32_bits() -> None:
    """A value, or a difference of two, that 32 signed bits cannot hold has no column; none at all has the empty one."""
    assert columns.encode([]) == [1]
    for values in ([2**31], [-(2**31) - 1], [2**31 - 1, -2]):
        with pytest.raises(WireFormatError):
            columns.encode(values)


@pytest.mark.parametrize("kind", ladder.KINDS)
@pytest.mark.parametrize("stream", Stream)
def test_each_key_is_the_hmac_that_the_specification_names(stream: Stream, kind: str) -> None:
    """The two hashes with their pads are HMAC-SHA256, for keys that begin or end in zeros too; no other length is a key."""
    block = f"byleave/1/{stream.name.lower()}/{kind}\x01".encode()
    for key in (KEY, KEY[::-1], bytes(32), b"\xff" * 32, b"\x36" * 32, b"\x5c" * 32):
        assert ladder.derive(key, stream, kind) == hmac.digest(key, block, "sha256")
    for length in (0, 31, 33, 64):
        with pytest.raises(WireFormatError, match="32 bytes"):
            ladder.derive(bytes(length), stream, kind)


def test_the_extent_of_a_column_is_that_of_its_values() -> None:
    """The short way round a constant interval refuses what the long way refuses, and sees the same ends."""
    entries = (0, 1, -7, 2**30, 2**31 - 1, 2**31, -(2**31), -(2**31) - 1, True, b"")
    agreed = {"refused": 0, "read": 0}
    for length, n in product(range(4), range(1, 5)):
        for tail in product(entries, repeat=length):
            for order in (0, 1, 2, 3):
                column = [order, *tail]
                try:
                    values = columns.decode(column, n)
                except WireFormatError:
                    agreed["refused"] += 1
                    with pytest.raises(WireFormatError):
                        columns.extent(column, n)
                else:
                    agreed["read"] += 1
                    assert columns.extent(column, n) == (min(values), max(values))
    assert min(agreed.values()) > 500
