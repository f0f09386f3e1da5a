"""Recorded drives: reading, interpolation, what is refused."""

import math
from pathlib import Path

import pytest

from hw_sim.errors import DriveError
from hw_sim.world.drive import EARTH_RADIUS_M, Drive, Sample, course_deg, distance_m

DATA = Path(__file__).parents[2] / "data" / "trajectories"
HEAD = "timestamp,latitude,longitude\n"


def test_gpx_track_points() -> None:
    """The car drive around Višnjan: number, first point and time as in the file."""
    drive = Drive.from_file(DATA / "around-visnjan-with-car.gpx")
    assert len(drive.samples) == 104
    assert drive.samples[0] == Sample(1608272150.0, 45.2735188510, 13.7142099626, 211.15)
    assert drive.end_unix_s - drive.start_unix_s == 514
    assert 2700 < drive.length_m < 2800


def test_gpx_1_0_with_waypoints() -> None:
    """Way points and points without a time are left out of the walk at Cerknica."""
    drive = Drive.from_file(DATA / "cerknicko-jezero.gpx")
    assert len(drive.samples) == 296
    assert all(s.lat_deg > 45 for s in drive.samples)


def test_csv_of_one_trip() -> None:
    """One of the two trips of the bus file."""
    drive = Drive.from_file(DATA / "liverpool_bus_route14.csv", trip_id="1105")
    assert len(drive.samples) == 154
    assert 9800 < drive.length_m < 9850


def test_csv_of_several_vehicles_is_refused() -> None:
    """Without a choice the same file is two drives, and is refused by name."""
    with pytest.raises(DriveError, match="2 vehicles or trips"):
        Drive.from_file(DATA / "liverpool_bus_route14.csv")


def test_demo_drive_is_installed_with_its_licence() -> None:
    """The drive of the demonstration is the bus trip, and a licence note lies beside it."""
    assert Drive.demo().samples == Drive.from_file(DATA / "liverpool_bus_route14.csv", trip_id="1105").samples
    import hw_sim

    note = Path(hw_sim.__file__).with_name("data") / "README.md"
    assert "Open Government Licence v3.0" in note.read_text(encoding="utf-8")


def test_samples_are_met_exactly() -> None:
    """At the time of a sample the truth is that sample."""
    drive = Drive.from_file(DATA / "around-visnjan-with-car.gpx")
    for sample in drive.samples[1:-1]:
        truth = drive.at(sample.t_s)
        assert truth.lat_deg == pytest.approx(sample.lat_deg, abs=1e-9)
        assert truth.lon_deg == pytest.approx(sample.lon_deg, abs=1e-9)


def test_half_way_lies_on_the_great_circle() -> None:
    """From 60° N 0° E to 60° N 90° E the middle lies at 67.79° N 45° E, not on the parallel."""
    drive = Drive([Sample(0, 60, 0), Sample(100, 60, 90)])
    truth = drive.at(50)
    assert truth.lon_deg == pytest.approx(45)
    assert truth.lat_deg == pytest.approx(
        math.degrees(math.atan(math.tan(math.radians(60)) / math.cos(math.radians(45))))
    )


def test_speed_and_course_of_a_stretch() -> None:
    """A tenth of a degree north in 200 s: that share of the earth's girth, course 0; due east at the equator: 90."""
    north = Drive([Sample(0, 0, 0), Sample(200, 0.1, 0)]).at(100)
    assert north.speed_m_s == pytest.approx(math.radians(0.1) * EARTH_RADIUS_M / 200)
    assert north.course_deg == pytest.approx(0)
    assert Drive([Sample(0, 0, 0), Sample(200, 0, 0.1)]).at(100).course_deg == pytest.approx(90)


def test_date_line_is_crossed_the_short_way() -> None:
    """From 179° E to 179° W the middle is at 180°, not at 0°."""
    assert abs(Drive([Sample(0, 0, 179), Sample(10, 0, -179)]).at(5).lon_deg) == pytest.approx(180)


def test_before_and_after_it_stands_still() -> None:
    """Outside its time the vehicle stands at the first or the last sample."""
    drive = Drive([Sample(0, 50, 8), Sample(10, 50.001, 8)])
    assert (drive.at(-5).lat_deg, drive.at(-5).speed_m_s) == (50, 0.0)
    assert (drive.at(99).lat_deg, drive.at(99).speed_m_s) == (50.001, 0.0)


def test_a_long_pause_is_a_stop() -> None:
    """In a gap of ten minutes it stands; in one of four it moves."""
    near, far = Sample(0, 50, 8), 50.01
    assert Drive([near, Sample(240, far, 8)]).at(120).speed_m_s > 4
    stopped = Drive([near, Sample(600, far, 8)])
    assert (stopped.at(300).lat_deg, stopped.at(300).speed_m_s) == (50, 0.0)
    assert stopped.at(599.5).speed_m_s > 1000


def test_shifted_and_cut() -> None:
    """A shifted drive is the same at another time; a part keeps the samples within."""
    drive = Drive([Sample(100, 50, 8), Sample(110, 50.001, 8), Sample(120, 50.002, 8)])
    assert drive.shifted(0).at(15).lat_deg == pytest.approx(drive.at(115).lat_deg)
    assert [s.t_s for s in drive.between(105, 120).samples] == [110, 120]


def test_distance_and_course_of_a_known_pair() -> None:
    """Paris to London: 343.5 km on the mean sphere, initial course 330°."""
    paris, london = Sample(0, 48.8566, 2.3522), Sample(1, 51.5074, -0.1278)
    assert distance_m(paris, london) == pytest.approx(343_556, abs=50)
    assert course_deg(paris, london) == pytest.approx(330.0, abs=0.2)


def test_valid_csv_for_the_cases_below(tmp_path: Path) -> None:
    """The base of the negative cases is a good file, in both ways to write a time."""
    path = tmp_path / "ok.csv"
    path.write_text(HEAD + "2026-01-26 15:57:02,53.4,-2.9\n1769443032,53.41,-2.9\n")
    assert Drive.from_file(path).end_unix_s == 1769443032


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,latitude,longitude\n1,53.4,-2.9\n2,53.4,-2.9\n", "no column timestamp"),
        (HEAD + "1,53.4,-2.9\n", "fewer than two"),
        (HEAD + "1,53.4,-2.9\nlater,53.5,-2.9\n", "line 3"),
        (HEAD + "1,53.4,-2.9\n2,north,-2.9\n", "line 3"),
        (HEAD + "1,53.4,-2.9\n2,93.5,-2.9\n", "no position on earth"),
        (HEAD + "1,53.4,-2.9\n2,53.5,nan\n", "no position on earth"),
    ],
)
def test_bad_csv_is_refused_with_its_reason(tmp_path: Path, text: str, message: str) -> None:
    """Each changes one thing of a good file, and the error says which."""
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DriveError, match=message):
        Drive.from_file(path)


def test_gpx_with_entities_is_refused(tmp_path: Path) -> None:
    """The good track opens; with an entity declared it is refused before any is expanded."""
    good = (DATA / "around-visnjan-with-car.gpx").read_text(encoding="utf-8")
    (tmp_path / "good.gpx").write_text(good, encoding="utf-8")
    assert Drive.from_file(tmp_path / "good.gpx").samples
    (tmp_path / "bad.gpx").write_text(
        good.replace("?><gpx", '?><!DOCTYPE g [<!ENTITY a "a">]><gpx', 1), encoding="utf-8"
    )
    with pytest.raises(DriveError, match="entities"):
        Drive.from_file(tmp_path / "bad.gpx")


def test_unreadable_files_raise_only_ours(tmp_path: Path) -> None:
    """No file, another suffix, bytes that are no text, half an XML file: always DriveError."""
    (tmp_path / "x.txt").write_text("")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "x.gpx").write_text("<gpx><trk>")
    for name in ("none.gpx", "x.txt", "x.csv", "x.gpx"):
        with pytest.raises(DriveError):
            Drive.from_file(tmp_path / name)
