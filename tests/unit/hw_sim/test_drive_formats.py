"""Recorded drives of every format: recognised by content, held against gpsd's reading, refused with a place and a remedy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import reduce
from operator import xor
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hw_sim.errors import DriveError
from hw_sim.world.drive import Drive, Sample
from hw_sim.world.format_ubx import checksum
from tests.unit.firmware.drivers.recordings import gpsd

START = 1_772_440_200  # 2026-03-02 08:30 UTC


def sentence(body: str) -> str:
    """A sentence with its checksum."""
    return f"${body}*{reduce(xor, body.encode()):02X}\r\n"


def rmc(second: int, lat: float = 52.5, *, status: str = "A") -> str:
    """RMC of START and so many seconds, at 13.4° east."""
    when = dt.datetime.fromtimestamp(START + second, dt.UTC)
    at = f"{int(lat):02d}{(lat % 1) * 60:07.4f},N,01324.0000,E"
    return sentence(f"GNRMC,{when:%H%M%S}.00,{status},{at},0.1,0.0,{when:%d%m%y},,,A")


def pvt(second: int, lat: float = 52.5, *, flags: int = 1) -> bytes:
    """A NAV-PVT frame of START and so many seconds, at 13.4° east."""
    when = dt.datetime.fromtimestamp(START + second, dt.UTC)
    body = bytearray(92)
    body[4:12] = when.year.to_bytes(2, "little") + bytes((when.month, when.day, when.hour, when.minute, when.second, 7))
    body[20:22] = bytes((3, flags))
    body[24:32] = b"".join(round(deg * 1e7).to_bytes(4, "little") for deg in (13.4, lat))
    head = b"\x01\x07" + len(body).to_bytes(2, "little")
    return b"\xb5\x62" + head + bytes(body) + checksum(head + bytes(body))


def csv_row(second: int, lat: float = 52.5) -> str:
    """A row of START and so many seconds."""
    return f"{START + second},{lat},13.4\n"


def gpx_point(second: int, lat: float = 52.5) -> str:
    """A track point of START and so many seconds, on a line of its own."""
    when = dt.datetime.fromtimestamp(START + second, dt.UTC)
    return f'<trkpt lat="{lat}" lon="13.4"><time>{when:%Y-%m-%dT%H:%M:%SZ}</time></trkpt>\n'


CSV_HEAD = "timestamp,latitude,longitude\n"
GPX_HEAD, GPX_TAIL = '<?xml version="1.0"?>\n<gpx><trk><trkseg>\n', "</trkseg></trk></gpx>\n"


def gpx(points: str) -> bytes:
    """A file of these points."""
    return (GPX_HEAD + points + GPX_TAIL).encode()


GOOD = {
    "GPX": gpx("".join(gpx_point(n, 52.5 + n / 1e4) for n in range(5))),
    "CSV": (CSV_HEAD + "".join(csv_row(n, 52.5 + n / 1e4) for n in range(5))).encode(),
    "NMEA": "".join(rmc(n, 52.5 + n / 1e4) for n in range(5)).encode(),
    "UBX": b"".join(pvt(n, 52.5 + n / 1e4) for n in range(5)),
}


def read(folder: Path, content: bytes, *, name: str = "drive.log", tolerant: bool = False) -> Drive:
    """A drive of a file with that content."""
    path = folder / name
    path.write_bytes(content)
    return Drive.from_file(path, tolerant=tolerant)


@pytest.mark.parametrize("kind", GOOD)
def test_the_format_is_told_by_the_content(tmp_path: Path, kind: str) -> None:
    """The same drive in each format, behind a name that tells nothing: the same samples."""
    drive = read(tmp_path, GOOD[kind])
    assert drive.tally is not None and drive.tally.format == kind
    expected = [(START + n, 52.5 + n / 1e4, 13.4) for n in range(5)]
    for sample, (t_s, lat, lon) in zip(drive.samples, expected, strict=True):
        assert sample.t_s == t_s
        assert (sample.lat_deg, sample.lon_deg) == pytest.approx((lat, lon), abs=1e-6)


@pytest.mark.parametrize("protocol", ["nmea", "ubx"])
def test_recorded_receivers_read_as_gpsd_reads_them(tmp_path: Path, protocol: str) -> None:
    """Of every log of gpsd's: a drive whose positions are gpsd's of the same time, or a refusal in words."""
    drives, compared, apart = 0, 0, 0
    for name, (data, reports) in gpsd(protocol).items():
        told = {round(report["unix_s"], 2): report for report in reports}
        try:
            drive = read(tmp_path, data)
        except DriveError as error:
            assert "drive.log" in str(error), name
            continue
        drives += 1
        if name == "ch-4701":
            continue  # its GGA, which gpsd follows, lies ten metres beside its RMC
        for sample in drive.samples:
            report = told.get(round(sample.t_s, 2))
            if report is not None:
                compared += 1
                apart += max(abs(sample.lat_deg - report["lat"]), abs(sample.lon_deg - report["lon"])) > 2e-7
    assert (drives, compared) >= ((45, 500) if protocol == "nmea" else (10, 100))
    assert apart == 0


def changed(kind: str, old: bytes, new: bytes) -> bytes:
    """The good file with one thing changed."""
    assert GOOD[kind].count(old) == 1
    return GOOD[kind].replace(old, new)


LAST = {"GPX": gpx_point(4, 52.5004), "CSV": csv_row(4, 52.5004), "NMEA": rmc(4, 52.5004)}
BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is empty; record"),
    "blank": (lambda: b" \n\n", "is empty; record"),
    "another format": (lambda: b"PK\x03\x04" + bytes(100), "neither GPX"),
    "XML of another kind": (lambda: b"<kml></kml>", "not <gpx>; export it as GPX"),
    "GPX cut off": (lambda: GOOD["GPX"][:-90], r"line 7: .*cut off: copy it whole"),
    "GPX without an attribute": (
        lambda: changed("GPX", b'lat="52.5004"', b'lot="52.5004"'),
        "line 7: a track point without 'lat'",
    ),
    "GPX back in time": (
        lambda: GOOD["GPX"].replace(LAST["GPX"].encode(), gpx_point(-9).encode()),
        "line 7: time goes back by 12 s",
    ),
    "GPX not a number": (lambda: changed("GPX", b'"52.5004"', b'"nan"'), "line 7: no position on earth"),
    "GPX outside": (lambda: changed("GPX", b'"52.5004"', b'"90.1"'), "line 7: no position on earth .*exchanged"),
    "GPX jump": (lambda: changed("GPX", b'"52.5004"', b'"53.5"'), r"line 7: a jump of 111\.\d km in 1 s; mend"),
    "GPX infinite": (lambda: changed("GPX", b'"52.5004"', b'"inf"'), "line 7: no position on earth"),
    "GPX of no time": (lambda: changed("GPX", b"08:30:04Z", b"08:61:04Z"), "line 7: .*mend or take out that point"),
    "CSV cut off": (lambda: GOOD["CSV"][:-14], "line 6: the row is not whole"),
    "CSV back in time": (
        lambda: changed("CSV", LAST["CSV"].encode(), csv_row(-9).encode()),
        "line 6: time goes back by 12 s",
    ),
    "CSV not a number": (lambda: changed("CSV", b"52.5004", b"nan"), "line 6: no position on earth"),
    "CSV jump": (lambda: changed("CSV", b"52.5004", b"51.5"), "line 6: a jump"),
    "CSV of a time before time": (lambda: changed("CSV", b"\n1772440204", b"\n1969-12-31"), "line 6: no time of ours"),
    "CSV not text": (lambda: GOOD["CSV"] + b"\xff", "byte 1[0-9][0-9]: is no UTF-8; save"),
    "NMEA back in time": (
        lambda: changed("NMEA", LAST["NMEA"].encode(), rmc(-9).encode()),
        "line 5: time goes back by 12 s",
    ),
    "NMEA jump": (lambda: changed("NMEA", LAST["NMEA"].encode(), rmc(4, 50).encode()), "line 5: a jump"),
    "NMEA without a date": (
        lambda: sentence("GPGGA,120000,5230.0,N,01324.0,E,1,8,1,30,M,,M,,").encode() * 9,
        "let the receiver send RMC",
    ),
    "NMEA without a fix": (lambda: "".join(rmc(n, status="V") for n in range(5)).encode(), "5 without fix"),
    "UBX back in time": (lambda: changed("UBX", pvt(4, 52.5004), pvt(-9)), "byte 400: time goes back by 12 s"),
    "UBX jump": (lambda: changed("UBX", pvt(4, 52.5004), pvt(4, 1.0)), "byte 400: a jump"),
    "UBX outside": (lambda: changed("UBX", pvt(4, 52.5004), pvt(4, 91.0)), "byte 400: no position on earth"),
    "UBX without a fix": (lambda: b"".join(pvt(n, flags=0) for n in range(5)), "5 without fix"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_refused_where_it_stands(tmp_path: Path, case: str) -> None:
    """Each is a good file with one thing changed; the error says where and what to do."""
    content, words = BAD[case]
    with pytest.raises(DriveError, match=words):
        read(tmp_path, content())


def test_a_damaged_sentence_or_frame_is_left_out_and_counted(tmp_path: Path) -> None:
    """One bit wrong: its second is missing and counted. More than the line's share: refused, with the place of the first."""
    for kind in ("NMEA", "UBX"):
        whole = b"".join(rmc(n).encode() if kind == "NMEA" else pvt(n) for n in range(60))
        size = len(whole) // 60
        hurt = bytearray(whole)
        hurt[20 * size + size // 2] ^= 1
        drive = read(tmp_path, bytes(hurt))
        assert drive.tally is not None
        assert (drive.tally.damaged, len(drive.samples)) == (1, 59)
        assert START + 20 not in [sample.t_s for sample in drive.samples]
        assert "1 damaged" in drive.description
        for n in range(21, 28):
            hurt[n * size + size // 3] ^= 1
        place = "line 21" if kind == "NMEA" else f"byte {20 * size}"
        with pytest.raises(DriveError, match=f"{place}: 8 damaged, the first here, of 60; record it again"):
            read(tmp_path, bytes(hurt))


@pytest.mark.parametrize("kind", ["NMEA", "UBX"])
def test_a_log_that_ends_within_a_fix_is_counted(tmp_path: Path, kind: str) -> None:
    """Half a sentence, half a frame at the end: what was before it is a drive."""
    drive = read(tmp_path, GOOD[kind][:-30])
    assert drive.tally is not None
    assert (drive.tally.unfinished, drive.tally.damaged, len(drive.samples)) == (1, 0, 4)


def test_every_prefix_of_a_file_is_read_or_refused(tmp_path: Path) -> None:
    """A file that was cut off anywhere never raises anything but DriveError."""
    for kind, content in GOOD.items():
        read_whole = 0
        for size in range(len(content) + 1):
            try:
                read_whole += bool(read(tmp_path, content[:size]).samples)
            except DriveError:
                continue
        assert read_whole >= (1 if kind == "GPX" else 4), kind


def test_tolerance_leaves_out_and_counts(tmp_path: Path) -> None:
    """A step back, a jump and a repeated second: with `tolerant` the drive is read, and the counts say so."""
    rows = [csv_row(0), csv_row(1), csv_row(-5), csv_row(2, 10.0), csv_row(2), csv_row(2, 52.50001), csv_row(1000)]
    drive = read(tmp_path, (CSV_HEAD + "".join(rows)).encode(), tolerant=True)
    assert drive.tally is not None
    tally = drive.tally
    assert (tally.backwards, tally.jumps, tally.repeated, tally.gaps, tally.samples) == (1, 1, 1, 1, 4)
    assert [s.t_s - START for s in drive.samples] == [0, 1, 2, 1000]
    assert drive.samples[2].lat_deg == 52.50001  # of a time that is there twice the last counts
    assert drive.description.endswith("CSV, 1 repeated, 1 backwards, 1 jumps, 1 gaps")


def test_a_drive_that_goes_on_elsewhere_is_not_tolerated(tmp_path: Path) -> None:
    """Eleven jumps one after the other are another place, not an error of the receiver."""
    rows = "".join(csv_row(n, 52.5 if n < 20 else 10.0) for n in range(40))
    with pytest.raises(DriveError, match=r"line 32: 11 jumps .* cut the file there"):
        read(tmp_path, (CSV_HEAD + rows).encode(), tolerant=True)


def test_the_height_comes_from_the_gga_of_the_same_time(tmp_path: Path) -> None:
    """Before its RMC or behind it; without one the height before stands."""
    gga = "GPGGA,{:%H%M%S}.00,5230.0000,N,01324.0000,E,1,08,1.0,{},M,40,M,,"
    when = [dt.datetime.fromtimestamp(START + n, dt.UTC) for n in range(3)]
    text = sentence(gga.format(when[0], 31.5)) + rmc(0) + rmc(1) + sentence(gga.format(when[1], 33.0)) + rmc(2)
    assert [s.alt_m for s in read(tmp_path, text.encode()).samples] == [31.5, 33.0, 33.0]


def test_rows_are_chosen_in_csv_alone(tmp_path: Path) -> None:
    """A choice of rows with another format is refused rather than ignored."""
    path = tmp_path / "x.gpx"
    path.write_bytes(GOOD["GPX"])
    with pytest.raises(DriveError, match="trip_id chooses rows of a CSV file, and this is GPX"):
        Drive.from_file(path, trip_id="1")


LAP = Drive([Sample(START, 52.5, 13.4), Sample(START + 100, 52.51, 13.4), Sample(START + 160, 52.52, 13.4)], "lap")


def test_there_and_back_ends_where_it_began() -> None:
    """Twice as long, the way back at the same pace."""
    both = LAP.there_and_back()
    assert (both.end_unix_s - START, both.samples[-1].lat_deg) == (320, 52.5)
    assert both.at(START + 200).lat_deg == pytest.approx(LAP.at(START + 120).lat_deg)


def test_a_looped_drive_goes_on_without_a_stop() -> None:
    """For an hour and never faster than the drive itself."""
    loop = LAP.looped(3600)
    assert loop.end_unix_s - START >= 3600
    fastest = max(loop.at(START + s).speed_m_s for s in range(1, 3600, 7))
    assert fastest <= max(LAP.at(START + 50).speed_m_s, LAP.at(START + 130).speed_m_s) + 1e-6
    assert loop.at(START + 3200).lat_deg == pytest.approx(52.5)


def test_a_recorded_day_on_each_weekday() -> None:
    """Three weeks over a change of clocks: fifteen days less a holiday, at the same time on the wall, still between them."""
    zone = ZoneInfo("Europe/Berlin")
    many = LAP.there_and_back().on_days(dt.date(2026, 3, 16), 21, zone="Europe/Berlin", without=[dt.date(2026, 4, 3)])
    begins = [dt.datetime.fromtimestamp(s.t_s, zone) for s in many.samples if (s.lat_deg, s.t_s % 60) == (52.5, 0)]
    assert len({when.date() for when in begins}) == 14
    assert {(when.hour, when.minute) for when in begins} == {(9, 30)}
    assert {when.astimezone(dt.UTC).hour for when in begins} == {8, 7}
    assert many.at(begins[3].timestamp() - 3600).speed_m_s == 0
    assert many.at(begins[3].timestamp() + 50).speed_m_s == pytest.approx(LAP.at(START + 50).speed_m_s)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"days": 7, "zone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'; name one as Europe/Berlin"),
        ({"days": 2, "weekdays": [6]}, "none of 2 days from 2026-03-02 is one"),
        ({"days": 0}, "none of 0 days"),
    ],
)
def test_days_that_cannot_be_are_refused(arguments: dict[str, object], words: str) -> None:
    """One thing of a good call is changed each."""
    assert LAP.on_days(dt.date(2026, 3, 2), 7).samples
    with pytest.raises(DriveError, match=words):
        LAP.on_days(dt.date(2026, 3, 2), **arguments)  # type: ignore[arg-type]


def test_a_drive_longer_than_its_period_is_refused() -> None:
    """A drive of two days cannot be driven daily."""
    long = Drive([Sample(START, 52.5, 13.4), Sample(START + 2 * 86_400, 52.6, 13.4)])
    with pytest.raises(DriveError, match="lasts longer than until it begins again"):
        long.on_days(dt.date(2026, 3, 2), 5)
