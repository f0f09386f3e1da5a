"""NMEA sentences: what a fix is made of, and what a damaged line does. Recorded logs are in test_recorded.py."""

from __future__ import annotations

import random
from functools import reduce
from operator import xor

import pytest

from firmware.drivers import civil, nmea
from firmware.errors import DriverError
from tests.unit.firmware.drivers.recordings import DATA

SENTENCES = [
    line.split("\t")
    for line in (DATA / "nmea" / "sentences-from-test-suites.tsv").read_text().splitlines()
    if not line.startswith("#")
]
RMC = "GNRMC,102030.00,A,5530.00018,N,01000.00042,E,27.000,090.00,150126,,,A"
GGA = "GNGGA,102030.00,5530.00018,N,01000.00042,E,1,12,0.62,113.9,M,21.3,M,,"
GSA = "GNGSA,A,3,01,02,03,04,05,06,07,08,09,10,11,12,1.2,0.6,1.0,1"


def line(body: str) -> bytes:
    """A sentence with its checksum and line end."""
    return b"$%s*%02X\r\n" % (body.encode(), reduce(xor, body.encode(), 0))


def whole(text: bytes) -> bytes:
    """The same without the line end, as `parse` takes it."""
    return text.strip()


@pytest.mark.parametrize(("source", "verdict", "sentence"), SENTENCES)
def test_checksums_of_quoted_sentences(source: str, verdict: str, sentence: str) -> None:
    """Of the sentences in four libraries' tests, exactly those with a good checksum pass that check."""
    del source
    try:
        fields = nmea.fields_of(sentence.strip().encode("latin-1"))
    except DriverError:
        fields = None
    assert (fields is not None) == (verdict == "ok")


def test_one_epoch_makes_one_fix() -> None:
    """RMC and GGA of the same time make a fix tuple with the dimension of the latest GSA; order does not matter."""
    time_s = civil.unix_s((2026, 1, 15), 10, 20, 30)
    expected = (time_s, 555000030, 100000070, 3100, 13890, 9000000, 3, 12)
    for body in (RMC, GGA, GSA), (GGA, RMC), (GSA, GGA, RMC):
        assert nmea.Epochs().feed(b"".join(line(part) for part in body)) == [expected]
    two_d = nmea.Epochs().feed(line(GSA.replace("A,3", "A,2")) + line(RMC) + line(GGA))
    assert two_d == [(*expected[:6], 2, 12)]


@pytest.mark.parametrize(("dilution", "mode"), [("10.00", 3), ("10.01", 1), ("", 3), ("99.99", 1)])
def test_a_position_of_satellites_on_one_side_is_none(dilution: str, mode: int) -> None:
    """Above a dilution of 10 of GSA the position is unknown, and its time counts; a receiver may leave it out."""
    time_s = civil.unix_s((2026, 1, 15), 10, 20, 30)
    (fix,) = nmea.Epochs().feed(line(GSA.replace(",1.2,", f",{dilution},")) + line(RMC) + line(GGA))
    assert (fix[0], fix[6], fix[7]) == (time_s, mode, 12)
    assert (fix[1:6] == (-1,) * 5) == (mode == 1)


def test_gns_stands_in_for_gga() -> None:
    """A receiver that sends GNS instead of GGA gives the same fix."""
    gns = "GNGNS,102030.00,5530.00018,N,01000.00042,E,AANN,12,0.62,113.9,21.3,,,V"
    assert nmea.Epochs().feed(line(RMC) + line(gns)) == nmea.Epochs().feed(line(RMC) + line(GGA)) != []


def test_sentences_of_two_epochs_make_no_fix() -> None:
    """A position of one second never gets the quality of another."""
    epochs = nmea.Epochs()
    assert epochs.feed(line(RMC) + line(GGA.replace("102030", "102031"))) == []
    assert len(epochs.feed(line(RMC.replace("102030", "102031")))) == 1


@pytest.mark.parametrize(
    "change",
    [
        (RMC, ",A,5530", ",V,5530"),
        (RMC, ",,,A", ",,,N"),
        (RMC, ",,,A", ",,,E"),
        (RMC, ",,,A", ",,,S"),
        (RMC, ",,,A", ",,,M"),
        (GGA, ",E,1,", ",E,0,"),
        (GGA, ",E,1,", ",E,6,"),
        (GGA, ",E,1,", ",E,7,"),
        (GGA, ",E,1,", ",E,8,"),
    ],
)
def test_what_is_no_satellite_fix_has_no_position_and_no_time(change: tuple[str, str, str]) -> None:
    """A warning, an estimate, a simulated or manual position in either sentence takes position and time away."""
    body, old, new = change
    assert old in body
    changed = body.replace(old, new)
    parts = [changed if part == body else part for part in (RMC, GGA)]
    assert nmea.Epochs().feed(b"".join(line(part) for part in parts)) == [(-1, -1, -1, -1, -1, -1, 1, 12)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("5530.00018", "9000.00001"),
        ("5530.00018", "5560.00000"),
        ("5530.00018", "5530x00018"),
        ("5530.00018", "55.00018"),
        ("5530.00018", "-530.00018"),
        ("5530.00018", ""),
        ("01000.00042", "18000.00001"),
        ("01000.00042", "1000.00042"),
        (",N,", ",X,"),
        (",N,", ",,"),
        (",E,", ",N,"),
        ("102030", "242030"),
        ("102030", "106030"),
        ("102030", "102061"),
        ("102030", "1x2030"),
        ("102030.00", "10203"),
        ("27.000", "2000.001"),
        ("27.000", "-27.00"),
        ("27.000", "2.7.0"),
        ("27.000", "1e3"),
        ("090.00", "360.01"),
        ("150126", "310226"),
        ("150126", "001226"),
        ("150126", "151326"),
        ("150126", "15126"),
        (",A,5530", ",B,5530"),
        (",,,A", ",,,Z"),
        (",150126,,,A", ""),
        (",,,A", ",,,A,V,X"),
    ],
)
def test_one_bad_field_discards_the_sentence(old: str, new: str) -> None:
    """A field out of its range or form, with a good checksum, discards RMC whole."""
    assert nmea.parse(whole(line(RMC)))[0] == "RMC"
    assert old in RMC
    with pytest.raises(DriverError):
        nmea.parse(whole(line(RMC.replace(old, new, 1))))


@pytest.mark.parametrize(
    ("old", "new"),
    [(",E,1,12", ",E,9,12"), (",E,1,12", ",E,,12"), (",12,", ",100,"), ("0.62", "100.0"), ("21.3,M,,", "21.3,M,")],
)
def test_one_bad_field_discards_gga(old: str, new: str) -> None:
    """Quality, satellites, dilution and the number of fields of GGA are checked likewise."""
    assert nmea.parse(whole(line(GGA)))[0] == "GGA"
    assert old in GGA
    with pytest.raises(DriverError):
        nmea.parse(whole(line(GGA.replace(old, new, 1))))


@pytest.mark.parametrize("talker", ["GP", "GN", "GL", "GA", "GB", "BD"])
def test_talkers_of_all_systems_are_heard(talker: str) -> None:
    """The same sentence counts from each talker that means a navigation system."""
    assert nmea.parse(whole(line(talker + RMC[2:])))[0] == "RMC"


@pytest.mark.parametrize("address", ["XXRMC", "P", "PUBX", "GNGLL"])
def test_other_sentences_are_none_of_ours(address: str) -> None:
    """Another talker, a maker's own sentence and another formatter are passed over, not counted as damage."""
    assert nmea.parse(whole(line(address + RMC[5:]))) is None


@pytest.mark.parametrize("at", range(1, len(line(RMC)) - 2))
def test_a_changed_byte_discards_the_sentence(at: int) -> None:
    """No single changed byte of RMC gets through, and the epoch behind it is complete."""
    bad = bytearray(line(RMC))
    bad[at] ^= 0x01
    epochs = nmea.Epochs()
    assert epochs.feed(bytes(bad) + line(GGA)) == []
    assert len(epochs.feed(line(RMC) + line(GGA))) == 1


@pytest.mark.parametrize("cut", range(1, len(line(RMC)) - 2))
def test_half_a_sentence_costs_only_itself(cut: int) -> None:
    """A sentence cut off anywhere before its end is dropped at the next dollar sign."""
    epochs = nmea.Epochs()
    assert len(epochs.feed(line(RMC)[:cut] + line(RMC) + line(GGA))) == 1
    assert epochs.errors == 1


def test_garbage_leaves_the_buffer_bounded() -> None:
    """Noise, a line without end and control characters never hold more than one sentence; what follows is read."""
    epochs = nmea.Epochs()
    noise = random.Random(11)
    for data in [noise.randbytes(4096) for _ in range(64)] + [b"$" + b"A" * 5000, b"$GPRMC\x00", b"\xff" * 500]:
        epochs.feed(data)
        assert len(epochs._lines._buffer) <= nmea.MAX_SENTENCE_BYTES
    assert len(epochs.feed(line(RMC) + line(GGA))) == 1


def test_a_year_before_the_product_gives_no_time() -> None:
    """Two digits 80 to 99 are not read as 2080 to 2099: the fix has no time."""
    assert nmea.Epochs().feed(line(RMC.replace("150126", "150180")) + line(GGA))[0][0] == -1
    assert nmea.Epochs().feed(line(RMC.replace("150126", "150179")) + line(GGA))[0][0] > 0


def test_damaged_recordings_are_refused() -> None:
    """pynmeagps' log of bad checksums gives not one sentence."""
    epochs = nmea.Epochs()
    assert epochs.feed((DATA / "nmea" / "pynmeagps" / "pygpsdata-nmeabadck.log").read_bytes()) == []
    assert epochs.errors == 2


@pytest.mark.parametrize(
    ("old", "new", "apart"),
    [
        ("5530.00018", "5530.00020", False),
        ("5530.00018", "5530.05", False),
        ("5530.00018", "5530.07", True),
        ("5530.00018", "4530.00018", True),
        ("01000.00042", "01000.05", False),
        ("01000.00042", "01000.07", True),
        ("01000.00042", "11000.00042", True),
        (",N,01000", ",S,01000", True),
        (",E,1,", ",W,1,", False),  # 1.4 m west of Greenwich is next to it
    ],
)
def test_rmc_and_gga_that_contradict_each_other_make_no_fix(old: str, new: str, apart: bool) -> None:
    """More than 111 m between the two, each with a sound checksum, and neither is believed; less is rounding."""
    rmc, gga = RMC, GGA
    if new == ",W,1,":
        rmc, gga = (body.replace("01000.00042", "00000.00042") for body in (RMC, GGA))
    assert old in gga
    (fix,) = nmea.Epochs().feed(line(rmc) + line(gga.replace(old, new)))
    assert (fix[6] == 1) == apart and (fix[0] == -1) == apart


def test_the_antimeridian_is_no_contradiction() -> None:
    """180 degrees west in one sentence and 180 degrees east in the other are one place."""
    rmc, gga = (body.replace("01000.00042,E", "17959.99999,E") for body in (RMC, GGA))
    (fix,) = nmea.Epochs().feed(line(rmc) + line(gga.replace(",E,1", ",W,1")))
    assert fix[6] == 3


@pytest.mark.parametrize(
    ("satellites", "good"), [(11, False), (12, True), (14, False), (23, False), (24, True), (26, False)]
)
def test_gsa_has_room_for_12_or_24_satellites(satellites: int, good: bool) -> None:
    """Nothing between, and its mode counts in both."""
    text = whole(line("GPGSA,A,2," + "," * satellites + "1.2,0.6,1.0"))
    if good:
        assert nmea.parse(text) == ("GSA", 2, 120)
        return
    with pytest.raises(DriverError):
        nmea.parse(text)
