"""Receiver logs that others recorded, with what gpsd, pynmeagps and pyubx2 read in them: every fix that a log determines is
read, and nothing else. What is not, and why, stands in `scope.toml` beside the logs; these tests hold each number in it.
"""

from __future__ import annotations

import dataclasses
import io
import math
import random
import tomllib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pynmeagps
import pytest
import pyubx2

from firmware.drivers import nmea, ubx
from firmware.errors import DriverError
from tests.unit.firmware import interpreter
from tests.unit.firmware.drivers.recordings import DATA, gpsd

Fix = tuple[int, ...]
WEEKS_S = 7 * 86_400
SCOPE = {protocol: tomllib.loads((DATA / protocol / "scope.toml").read_text()) for protocol in ("nmea", "ubx")}
LOGS = [(protocol, name) for protocol in SCOPE for name in gpsd(protocol)]
SMALL = sorted((DATA / "nmea" / "pynmeagps").glob("*.log")) + sorted((DATA / "ubx" / "pyubx2").glob("*.log"))


def fixes_of(protocol: str, data: bytes) -> list[Fix]:
    """The fixes that the firmware reads in a log, those with a position."""
    if protocol == "nmea":
        fixes = nmea.Epochs().feed(data)
    else:
        frames = ubx.Parser().feed(data)
        fixes = [ubx.decode_pvt(payload) for message, payload in frames if message == ubx.NAV_PVT]
    return [fix for fix in fixes if fix is not None and fix[6] >= 2]


@dataclasses.dataclass
class Compared:
    """A log's fixes beside gpsd's. `fixes`: ours; `unreported`: of these, gpsd has no such second and place; `unread`: seconds
    with a position of gpsd's that we have not; `mode`, `speed`, `course`: ours that differ from each report of that second.
    """

    fixes: int = 0
    unreported: int = 0
    unread: int = 0
    mode: int = 0
    speed: int = 0
    course: int = 0


def compare(protocol: str, name: str) -> Compared:
    """A log."""
    data, reports = gpsd(protocol)[name]
    ahead_s = SCOPE[protocol].get(name, {}).get("gpsd_ahead_weeks", 0) * WEEKS_S
    by_second: dict[int, list[dict[str, float]]] = defaultdict(list)
    for report in reports:
        by_second[math.floor(report["unix_s"] - ahead_s + 1e-6)].append(report)
    result, read = Compared(), set()
    for fix in fixes_of(protocol, data):
        result.fixes += 1
        # NAV-PVT rounds to the nearest second, gpsd counts its nanoseconds: a fix of 4.8 s is of 5 there and of 4 here
        seconds = [fix[0]] if protocol == "nmea" else [fix[0], fix[0] - 1]
        said = [(s, report) for s in seconds for report in by_second[s] if _same_place(fix, report)]
        if not said:
            result.unreported += 1
            continue
        read.update(second for second, _ in said)
        _count(result, fix, [report for _, report in said])
    with_position = {second for second, said in by_second.items() if any(report["mode"] >= 2 for report in said)}
    result.unread = len(with_position - read)
    return result


def _same_place(fix: Fix, report: dict[str, float]) -> bool:
    return abs(report["lat"] * 1e7 - fix[1]) < 2 and abs(report["lon"] * 1e7 - fix[2]) < 2


def _count(result: Compared, fix: Fix, said: list[dict[str, float]]) -> None:
    """gpsd derives a speed from two positions where it has heard none yet; the receiver's own is among its reports."""
    result.mode += fix[6] not in {report["mode"] for report in said}
    speeds = [report["speed"] for report in said if "speed" in report]
    result.speed += bool(speeds) and not any(abs(speed * 1000 - fix[4]) <= 2 for speed in speeds)
    tracks = [report["track"] for report in said if "track" in report]
    result.course += bool(tracks) and not any(_angle(track * 1e5 - fix[5]) <= 1500 for track in tracks)


def _angle(difference: float) -> float:
    return abs((difference + 18e6) % 36e6 - 18e6)


@pytest.mark.parametrize(("protocol", "name"), LOGS)
def test_every_fix_that_a_log_determines_is_read_as_gpsd_reads_it(protocol: str, name: str) -> None:
    """Second, place to 2e-7 degrees, mode, speed and course; each difference is one that the table counts and explains."""
    row = SCOPE[protocol].get(name, {})
    expected = Compared(**{field.name: row.get(field.name, 0) for field in dataclasses.fields(Compared)})
    got = compare(protocol, name)
    assert dataclasses.replace(got, fixes=0) == dataclasses.replace(expected, fixes=0)
    assert got.fixes == row["fixes"] if "fixes" in row else got.fixes > 0


@pytest.mark.parametrize("protocol", list(SCOPE))
def test_the_table_of_exceptions_is_honest(protocol: str) -> None:
    """Each row is of a log that is there, differs in something, and says why; no log is called out of scope that is read."""
    for name, row in SCOPE[protocol].items():
        assert name in gpsd(protocol)
        assert len(row["why"]) > 20
        differs = any(
            row.get(field) for field in ("unreported", "unread", "mode", "speed", "course", "gpsd_ahead_weeks")
        )
        assert differs or row["fixes"] == 0, name
        if "out of scope" in row["why"]:
            assert row["fixes"] == 0


def test_the_logs_are_all_there_and_hold_fixes() -> None:
    """56 logs of NMEA and 19 of UBX; the comparison is not an empty one."""
    assert [len(gpsd(protocol)) for protocol in ("nmea", "ubx")] == [56, 19]
    counts = {protocol: [compare(protocol, name) for name in gpsd(protocol)] for protocol in SCOPE}
    agreed = {protocol: sum(c.fixes - c.unreported for c in rows) for protocol, rows in counts.items()}
    assert agreed["nmea"] > 540 and agreed["ubx"] > 120
    assert sum(c.fixes > 0 for c in counts["nmea"]) >= 47 and sum(c.fixes > 0 for c in counts["ubx"]) >= 10


@pytest.mark.parametrize("name", list(gpsd("nmea")))
def test_sentences_are_read_as_pynmeagps_reads_them(name: str) -> None:
    """Position, speed, course and mode of each sentence that counts, by another reader of it."""
    for text in nmea.Lines().feed(gpsd("nmea")[name][0]):
        try:
            sentence = nmea.parse(text)
        except DriverError:
            continue
        if sentence is None:
            continue
        oracle = pynmeagps.NMEAReader.parse(text + b"\r\n", validate=pynmeagps.VALCKSUM)
        if sentence[0] == "GSA":
            assert sentence[1] == oracle.navMode
            if text.count(b",") < 29:  # with room for 24 satellites it looks for the dilution among them
                assert abs(sentence[2] - float(oracle.PDOP) * 100) <= 1 if oracle.PDOP != "" else sentence[2] == -1
            continue
        lat_e7, lon_e7 = (sentence[3], sentence[4]) if sentence[0] == "RMC" else (sentence[2], sentence[3])
        if lat_e7 is not None:
            assert abs(oracle.lat * 1e7 - lat_e7) < 2 and abs(oracle.lon * 1e7 - lon_e7) < 2
        if sentence[0] == "RMC":
            assert abs(float(oracle.spd or 0) * 514.444 - max(sentence[5], 0)) <= 1
            assert abs(float(oracle.cog or 0) % 360 * 1e5 - max(sentence[6], 0)) <= 1


@pytest.mark.parametrize("name", list(gpsd("ubx")))
def test_frames_and_solutions_are_read_as_pyubx2_reads_them(name: str) -> None:
    """Every frame up to the longest that the driver takes is found in order, and each NAV-PVT says the same."""
    data = gpsd("ubx")[name][0]
    ours = ubx.Parser().feed(data)
    reader = pyubx2.UBXReader(io.BytesIO(data), protfilter=pyubx2.UBX_PROTOCOL, quitonerror=0)
    theirs = [
        (raw[2] << 8 | raw[3], raw[6:-2], parsed) for raw, parsed in reader if len(raw) - 8 <= ubx.MAX_PAYLOAD_BYTES
    ]
    assert [frame[:2] for frame in theirs if frame[:2] not in ours] == []
    for message, payload, parsed in theirs:
        fix = ubx.decode_pvt(payload) if message == ubx.NAV_PVT else None
        if fix is not None and fix[6] >= 2:
            assert (fix[1], fix[2]) == (round(parsed.lat * 1e7), round(parsed.lon * 1e7))
            assert (fix[3], fix[4], fix[7]) == (parsed.hAcc, parsed.gSpeed, parsed.numSV)
            assert fix[5] == round(parsed.headMot * 1e5) % 36_000_000


@pytest.mark.parametrize("path", SMALL, ids=lambda p: p.stem)
def test_small_and_damaged_logs_give_no_exception_and_no_wrong_fix(path: Path) -> None:
    """pynmeagps' and pyubx2's own logs, of both parsers: each fix lies at the recorder's desk, or in a place of a known log."""
    data = path.read_bytes()
    for protocol in SCOPE:
        for fix in fixes_of(protocol, data):
            assert (round(fix[1] / 1e7, 2), round(fix[2] / 1e7, 2)) in {(53.45, -2.24)}
            assert 1_600_000_000 < fix[0] < 1_800_000_000


def test_sentences_of_one_epoch_that_contradict_each_other_make_no_fix() -> None:
    """pynmeagps' log has an RMC 100 degrees west of its GGA, both with sound checksums: neither is believed."""
    data = (DATA / "nmea" / "pynmeagps" / "pygpsdata-nmea4.log").read_bytes()
    assert b",10214.42462,W" in data and b",00214.42462,W" in data
    assert [fix[:7] for fix in nmea.Epochs().feed(data)] == [(-1, -1, -1, -1, -1, -1, 1)]


def harmed(kind: str, data: bytes, dice: random.Random) -> bytes:
    """A log with bytes lost, turned, or doubled, here and there."""
    out = bytearray()
    at = 0
    while at < len(data):
        step = dice.randint(20, 400)
        piece = data[at : at + step]
        at += step
        if kind == "lost":
            piece = piece[: -dice.randint(1, 9)]
        elif kind == "turned" and piece:
            where = dice.randrange(len(piece))
            piece = piece[:where] + bytes((piece[where] ^ 1 << dice.randrange(8),)) + piece[where + 1 :]
        elif kind == "doubled":
            piece += piece[-dice.randint(1, 9) :]
        out += piece
    return bytes(out)


@pytest.mark.parametrize("kind", ["lost", "turned", "doubled"])
@pytest.mark.parametrize("protocol", list(SCOPE))
def test_harmed_logs_give_no_exception_and_no_other_fix(protocol: str, kind: str) -> None:
    """Whatever is read in a log that was harmed on the line is a fix of the sound log."""
    dice = random.Random(f"{protocol}{kind}")
    seen = 0
    for log, _ in gpsd(protocol).values():
        data = log[:20_000]
        # A GSA that was lost tells of no dilution: then a place may be read that the sound log's dilution forbids.
        without = b"\n".join(row for row in data.split(b"\n") if protocol == "ubx" or row[3:6] != b"GSA")
        places = {fix[:3] for part in (data, without) for fix in fixes_of(protocol, part)}
        found = fixes_of(protocol, harmed(kind, data, dice))
        seen += len(found)
        assert {fix[:3] for fix in found} <= places
    assert seen > 10


def fields(sentence: bytes) -> list[bytes] | None:
    """Of a quoted sentence; None if it is refused."""
    try:
        return nmea.fields_of(sentence)
    except DriverError:
        return None


def test_quoted_sentences_give_no_exception_but_the_parsers_own() -> None:
    """191 sentences of four libraries' tests: each is read, passed over, or refused by a DriverError; bad ones always."""
    rows = [line.split("\t") for line in (DATA / "nmea" / "sentences-from-test-suites.tsv").read_text().splitlines()]
    rows = [row for row in rows if not row[0].startswith("#")]
    assert len(rows) == 191
    read: Callable[[bytes], object] = nmea.parse
    for _, verdict, text in rows:
        sentence = text.strip().encode("latin-1")
        assert (fields(sentence) is not None) == (verdict == "ok")
        try:
            parsed = read(sentence)
        except DriverError:
            continue
        assert verdict == "ok"
        if isinstance(parsed, tuple) and parsed[0] == "RMC" and parsed[3] is not None:
            assert abs(parsed[3]) <= 900_000_000 and abs(parsed[4]) <= 1_800_000_000


READ = """
import gc
import sys
gc.threshold(32 * 1024)  # as main.py: fixes that stay must not lie all over the heap
sys.path.insert(0, sys.argv[1])
from firmware.drivers import nmea, ubx
for name in sys.argv[3:]:
    epochs, frames, found = nmea.Epochs(), ubx.Parser(), []
    with open(sys.argv[2] + "/" + name, "rb") as log:
        while True:
            data = log.read(256)
            if not data:
                break
            if name.startswith("nmea"):
                found += epochs.feed(data)
            else:
                found += [ubx.decode_pvt(payload) for message, payload in frames.feed(data) if message == ubx.NAV_PVT]
    print(name, found, epochs.errors, frames.errors)
"""


@pytest.mark.micropython
def test_both_interpreters_read_the_same_in_every_log(tmp_path: Path) -> None:
    """All 75 logs in pieces of 256 bytes, as a UART gives them, under MicroPython with the heap of the device."""
    expected = {}
    for protocol, name in LOGS:
        data = gpsd(protocol)[name][0]
        (tmp_path / f"{protocol}-{name}").write_bytes(data)
        epochs, frames, found = nmea.Epochs(), ubx.Parser(), []
        if protocol == "nmea":
            found = epochs.feed(data)
        else:
            found = [ubx.decode_pvt(payload) for message, payload in frames.feed(data) if message == ubx.NAV_PVT]
        expected[f"{protocol}-{name}"] = f"{found} {epochs.errors} {frames.errors}"
    script = tmp_path / "read.py"
    script.write_text(READ)
    printed = interpreter.run(script, str(interpreter.ROOT), str(tmp_path), *expected)
    got = dict(line.split(" ", 1) for line in printed.splitlines())
    assert got == expected and len(got) == 75
