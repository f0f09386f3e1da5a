"""UBX frames: what a solution says, and what a damaged line does. Recorded logs are in test_recorded.py."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pyubx2

from firmware.drivers import civil, ubx
from firmware.errors import DriverError
from tests.unit.firmware.drivers.recordings import DATA, gpsd

PYUBX2_LOGS = sorted((DATA / "ubx" / "pyubx2").glob("*.log"))


def pvt(**changes: int) -> bytes:
    """A good NAV-PVT payload, 2026-01-15 10:20:30 UTC, changed in the fields named."""
    f = {"iTOW": 0, "year": 2026, "month": 1, "day": 15, "hour": 10, "minute": 20, "second": 30, "valid": 0x37}
    f |= {"tAcc": 20, "nano": -300, "fixType": 3, "flags": 1, "flags2": 0xE0, "numSV": 12, "lon": 100000007}
    f |= {"lat": 550000003, "height": 1, "hMSL": 1, "hAcc": 1500, "vAcc": 2000, "velN": 1, "velE": 2, "velD": 3}
    f |= {"gSpeed": 13890, "headMot": 9000000, "sAcc": 1, "headAcc": 1, "pDOP": 120, "flags3": 0}
    f |= {"headVeh": 0, "magDec": 0, "magAcc": 0}
    f.update(changes)
    values = list(f.values())
    return struct.pack("<IHBBBBBBIiBBBBiiiiIIiiiiiIIHH4sihH", *values[:29], b"", *values[29:])


@pytest.mark.parametrize("path", PYUBX2_LOGS, ids=lambda p: p.stem)
def test_frames_of_recorded_logs_are_those_that_pyubx2_finds(path: Path) -> None:
    """Every frame that pyubx2 parses, up to the longest that the driver takes, is found, in the same order."""
    data = path.read_bytes()
    ours = ubx.Parser().feed(data)
    theirs = []
    with path.open("rb") as stream:
        reader = pyubx2.UBXReader(stream, protfilter=pyubx2.UBX_PROTOCOL, quitonerror=0, parsing=False)
        for raw, _ in reader:
            if len(raw) - 8 <= ubx.MAX_PAYLOAD_BYTES:
                theirs.append((raw[2] << 8 | raw[3], raw[6:-2]))
    assert theirs or path.stem == "pygpsdata-NMEA"
    assert [frame for frame in theirs if frame not in ours] == []


def test_pieces_of_any_size_give_the_same_frames() -> None:
    """A stream cut at every third byte, with empty pieces between, gives the frames of the whole."""
    data = gpsd("ubx")["ublox-neo-f9v"][0]
    whole, pieces = ubx.Parser(), ubx.Parser()
    expected = whole.feed(data)
    got = []
    for at in range(0, len(data), 3):
        got += pieces.feed(data[at : at + 3]) + pieces.feed(b"")
    assert expected and got == expected


@pytest.mark.parametrize("cut", range(1, 100))
def test_a_half_frame_costs_only_itself(cut: int) -> None:
    """All good frames behind one cut off after `cut` of its 100 bytes are found, once its announced length is over."""
    good = ubx.frame(ubx.NAV_PVT, pvt())
    assert len(good) == 100
    parser = ubx.Parser()
    # Cut in its header, it takes the next one's sync bytes for its length: 354 bytes are awaited first.
    assert parser.feed(good[:cut] + good * 4) == [(ubx.NAV_PVT, pvt())] * 4


@pytest.mark.parametrize("at", range(100))
def test_a_changed_byte_discards_the_frame(at: int) -> None:
    """No single changed byte of a frame gets through, and the next frame is found."""
    good = ubx.frame(ubx.NAV_PVT, pvt())
    bad = bytearray(good)
    bad[at] ^= 0x10
    parser = ubx.Parser()
    frames = parser.feed(bytes(bad)) + parser.feed(good) + parser.feed(bytes(1024))
    assert frames == [(ubx.NAV_PVT, pvt())]


def test_garbage_leaves_the_buffer_bounded() -> None:
    """A megabyte of noise, and endless promises of long frames, never hold more than one frame."""
    parser = ubx.Parser()
    noise = random.Random(7)
    for _ in range(256):
        parser.feed(noise.randbytes(4096))
        assert len(parser._buffer) <= ubx.MAX_PAYLOAD_BYTES + 8
    for _ in range(64):
        parser.feed(b"\xb5\x62\x01\x07\xff\xff")
    assert len(parser._buffer) <= ubx.MAX_PAYLOAD_BYTES + 8
    assert parser.feed(ubx.frame(ubx.MON_VER, b"x" * 40) * 2)[-1] == (ubx.MON_VER, b"x" * 40)


def test_a_solution_is_a_fix_tuple() -> None:
    """Units and order of the fix tuple, from the fields of a good solution."""
    expected_s = int(datetime(2026, 1, 15, 10, 20, 30, tzinfo=UTC).timestamp())
    assert ubx.decode_pvt(pvt()) == (expected_s, 550000003, 100000007, 1500, 13890, 9000000, 3, 12)


@pytest.mark.parametrize(
    ("field", "value"),
    [("flags", 0), ("valid", 0x36), ("valid", 0x35), ("valid", 0x33)],
    ids=["gnssFixOK", "validDate", "validTime", "fullyResolved"],
)
def test_time_counts_only_with_all_four_flags(field: str, value: int) -> None:
    """Each of the four flags alone takes the time away."""
    assert ubx.decode_pvt(pvt())[0] > 0
    assert ubx.decode_pvt(pvt(**{field: value}))[0] == -1


@pytest.mark.parametrize(
    ("field", "value", "mode"),
    [("fixType", 0, 1), ("fixType", 1, 1), ("fixType", 5, 1), ("fixType", 2, 2), ("fixType", 4, 3), ("flags3", 1, 1)],
)
def test_mode_says_whether_there_is_a_position(field: str, value: int, mode: int) -> None:
    """Dead reckoning alone, time alone, and an invalid position are no fix; their fields are unknown."""
    fix = ubx.decode_pvt(pvt(**{field: value}))
    assert fix[6] == mode
    assert (fix[1:6] == (-1,) * 5) == (mode == 1)


@pytest.mark.parametrize(("pdop_e2", "mode"), [(1000, 3), (1001, 1), (9999, 1)])
def test_a_position_of_satellites_on_one_side_is_none(pdop_e2: int, mode: int) -> None:
    """Above a dilution of 10 it is unknown, however well the receiver thinks of it; its time counts."""
    fix = ubx.decode_pvt(pvt(pDOP=pdop_e2))
    assert (fix[0], fix[6], fix[7]) == (ubx.decode_pvt(pvt())[0], mode, 12) and fix[0] > 0
    assert (fix[1:6] == (-1,) * 5) == (mode == 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lat", 900000001),
        ("lat", -900000001),
        ("lon", 1800000001),
        ("lon", -1800000001),
        ("gSpeed", -1),
        ("headMot", 36000001),
        ("headMot", -1),
        ("month", 13),
        ("month", 0),
        ("day", 32),
        ("hour", 24),
        ("minute", 60),
        ("second", 61),
        ("year", 1979),
    ],
)
def test_a_field_out_of_range_discards_the_solution(field: str, value: int) -> None:
    """One impossible field, behind a good checksum, and nothing of the solution counts."""
    assert ubx.decode_pvt(pvt()) is not None
    assert ubx.decode_pvt(pvt(**{field: value})) is None


def test_a_solution_of_another_length_is_none() -> None:
    """NAV-PVT of old receivers has 84 bytes; it is not read as if it had 92."""
    assert ubx.decode_pvt(pvt()) is not None
    assert ubx.decode_pvt(pvt()[:84]) is None


def test_valset_is_what_pyubx2_builds() -> None:
    """The configuration frame equals that of pyubx2 for layers RAM and BBR."""
    pairs = [(ubx.RATE_MEAS, 10000), (ubx.OUT_NAV_PVT_UART1, 1), (ubx.UART1_OUT_NMEA, 0), (0x40520001, 9600)]
    expected = pyubx2.UBXMessage.config_set(3, 0, pairs).serialize()
    assert ubx.valset(pairs) == expected


@pytest.mark.parametrize("pairs", [[], [(ubx.RATE_NAV, 1)] * 65])
def test_valset_has_1_to_64_items(pairs: list[tuple[int, int]]) -> None:
    """An empty frame and one beyond the datasheet's limit are refused."""
    assert ubx.valset([(ubx.RATE_NAV, 1)] * 64)
    with pytest.raises(DriverError):
        ubx.valset(pairs)


def test_an_answer_belongs_to_its_request() -> None:
    """ACK and NAK of the request are told apart; those of another request and other frames are neither."""
    assert ubx.answer_to(ubx.CFG_VALSET, (ubx.ACK_ACK, b"\x06\x8a")) is True
    assert ubx.answer_to(ubx.CFG_VALSET, (ubx.ACK_NAK, b"\x06\x8a")) is False
    assert ubx.answer_to(ubx.CFG_VALSET, (ubx.ACK_ACK, b"\x06\x8b")) is None
    assert ubx.answer_to(ubx.CFG_VALSET, (ubx.ACK_ACK, b"\x06\x8a\x00")) is None
    assert ubx.answer_to(ubx.CFG_VALSET, (ubx.NAV_PVT, b"\x06\x8a")) is None


def test_the_protocol_version_stands_in_mon_ver() -> None:
    """Found among the extensions of a real receiver's answer; -1 where it is missing or no number."""
    data = (DATA / "ubx" / "pyubx2" / "pygpsdata-MON.log").read_bytes()
    answers = [payload for message, payload in ubx.Parser().feed(data) if message == ubx.MON_VER]
    assert [ubx.protocol_version(answer) for answer in answers] == [2750]
    assert ubx.protocol_version(b"PROTVER=34.10\x00") == 3410
    assert ubx.protocol_version(b"PROTVER=3x.10\x00") == -1
    assert ubx.protocol_version(b"PROTVER=34.1") == -1
    assert ubx.protocol_version(b"") == -1


def test_civil_time_is_that_of_the_standard_library() -> None:
    """Every tenth day of 1980 to 2105, and each day around the ends of February, agree with datetime."""
    for ordinal in range(datetime(1980, 1, 1).toordinal(), datetime(2105, 12, 31).toordinal(), 10):
        day = datetime.fromordinal(ordinal).replace(tzinfo=UTC, hour=23, minute=59, second=58)
        assert civil.unix_s((day.year, day.month, day.day), 23, 59, 58) == int(day.timestamp())
    for year in (2000, 2026, 2028, 2100):
        leap = year % 4 == 0 and year != 2100
        assert (civil.unix_s((year, 2, 29)) >= 0) == leap
        assert civil.unix_s((year, 3, 1)) - civil.unix_s((year, 2, 28)) == (2 if leap else 1) * 86400
