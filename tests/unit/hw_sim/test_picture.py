"""A run as data and as a page: what is recorded, what a file must hold, one page that asks nobody for anything."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hw_sim.board import Board
from hw_sim.cli import sim
from hw_sim.errors import HwSimError
from hw_sim.faults.site import Site
from hw_sim.network.net import Network
from hw_sim.picture import Recorder, Recording, attach, keeper, looks, render, style
from hw_sim.picture.bins import Bins
from hw_sim.picture.recording import (
    MOST_BINS,
    Event,
    FaultSpan,
    LedgerRow,
    Level,
    Over,
    Packet,
    Partition,
    Place,
    told,
)
from hw_sim.picture.scale import TimeAxis, ceiling, joined
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive
from tests.unit.hw_sim.html_page import Page

BEGIN = 1_769_445_804.0
PROGRAM = """
import machine, time
from esp32 import Partition
part = Partition.find(Partition.TYPE_DATA, label="bl_spool")[0]
print("awake")
part.ioctl(6, 0)
part.writeblocks(0, b"x" * 256, 0)
time.sleep(5)
machine.deepsleep(600_000)
"""


def run() -> Recording:
    """Two hours with everything in them."""
    return Recording(
        title="two hours",
        board="esp32s3",
        seed=3,
        start_unix_s=BEGIN,
        end_s=7200.0,
        rows=[
            LedgerRow(part="mcu", state="deep-sleep", seconds=7000, microcoulomb=56_000, events=0, basis="data sheet"),
            LedgerRow(part="gnss", state="tracking", seconds=200, microcoulomb=1_900_000, events=0, basis="quoted"),
        ],
        over=Over(
            width_s=60.0,
            states_s={"deep-sleep": [55.0] * 120, "awake": [5.0] * 120},
            charge_uc={"mcu": [466.0] * 120, "gnss": [0.0, 950_000.0, 950_000.0]},
            bytes_up={"PUBLISH": [0.0, 100.0]},
            bytes_down={"PUBACK": [0.0, 4.0]},
            flash_operations={"program": [3.0]},
        ),
        boots=[Event(at_s=0, text="power on"), Event(at_s=600, text="deep sleep")],
        faults=[FaultSpan(name="link-lost", part="network", at_s=60, until_s=120), FaultSpan(name="cold", at_s=3000)],
        marks=[Event(at_s=1, text="awake")],
        packets=[Packet(at_s=70, up=True, kind="PUBLISH", size=100), Packet(at_s=71, up=False, kind="PUBACK", size=4)],
        contacts=[70.0],
        spool=[Level(at_s=50, value=3), Level(at_s=71, value=0)],
        heap_free=[Level(at_s=3600, value=90_000)],
        track=[Place(at_s=60.0 * i, lat_deg=53.4 + i / 500, lon_deg=-2.98 + i / 700) for i in range(20)],
        flash=[Partition(label="bl_spool", sectors=16, programs=3, erases=1, programmed_bytes=768, most_worn=1)],
        counts={"contacts": 1, "bytes up": 100, "packets": 2, "boots": 2},
        figures={"fixes": 40, "ended": "the limit is reached"},
    )


# --- the file


def test_a_recording_survives_its_file(tmp_path: Path) -> None:
    """What is saved and loaded again is equal; so is the page drawn of it."""
    run().save(tmp_path / "new" / "run.json")
    again = Recording.load(tmp_path / "new" / "run.json")
    assert again == run()
    assert render(again) == render(run())


def change(path: str, value: object) -> Any:
    """Changes one thing of a recording's plain data; `path` with dots."""

    def act(plain: dict[str, Any]) -> None:
        *way, last = path.split(".")
        found: Any = plain
        for step in way:
            found = found[int(step)] if step.isdigit() else found[step]
        found[int(last) if last.isdigit() else last] = value

    return act


HOSTILE = {
    "another format": change("format", "a-run"),
    "a version to come": change("version", 2),
    "an unknown key": change("script", "alert(1)"),
    "a bin too many": change("over.states_s.awake", [0.0] * (MOST_BINS + 1)),
    "text for a number": change("rows.0.seconds", "7000"),
    "a negative charge": change("rows.0.microcoulomb", -1.0),
    "a huge number": change("rows.0.microcoulomb", 1e300),
    "no earthly place": change("track.0.lat_deg", 91.0),
    "times that go back": change("track.0.at_s", 100.0),
    "an end before the beginning": change("begin_s", 7201.0),
    "a fault that ends before it begins": change("faults.0.until_s", 59.0),
    "a title without end": change("title", "x" * 201),
    "too many marks": change("marks", [{"at_s": 0.0, "text": "m"}] * 5001),
    "a width of nothing": change("over.width_s", 0.0),
    "a list where a table is": change("figures", []),
    "a boolean for a count": change("counts.contacts", True),
    "a figure that is no number": change("figures.fixes", float("nan")),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case: str) -> None:
    """A good file loads; with one thing changed it does not, and the error is the simulator's."""
    plain = json.loads(run().to_json())
    assert Recording.from_json(json.dumps(plain)) == run()
    HOSTILE[case](plain)
    with pytest.raises(HwSimError):
        Recording.from_json(json.dumps(plain))


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{", b"\xff\xfe", b"[" * 100_000, run().to_json().replace("7200.0", "NaN").encode()]
)
def test_what_is_no_recording_is_named(data: bytes, tmp_path: Path) -> None:
    """No JSON, nesting without end, a number that is none: one error with the path in it."""
    (tmp_path / "run.json").write_bytes(data)
    with pytest.raises(HwSimError, match=r"run\.json is no recording of a run"):
        Recording.load(tmp_path / "run.json")


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is looked at first: at the limit it loads, a byte above it does not."""
    size = run().save(tmp_path / "run.json")
    monkeypatch.setattr("hw_sim.picture.recording.SIZE_LIMIT_BYTES", size)
    assert Recording.load(tmp_path / "run.json") == run()
    monkeypatch.setattr("hw_sim.picture.recording.SIZE_LIMIT_BYTES", size - 1)
    with pytest.raises(HwSimError, match="larger than"):
        Recording.load(tmp_path / "run.json")


def test_told_figures_become_plain() -> None:
    """Numbers and truths stay, everything else and what is not finite becomes text."""
    assert told({"a": 1, "b": True, "c": 0.5, "d": float("inf"), "e": None}) == {
        "a": 1, "b": True, "c": 0.5, "d": "inf", "e": "None"
    }  # fmt: skip


# --- bins


def test_bins_keep_every_amount_while_they_double() -> None:
    """However often two become one, the sum of a name and the time spread over it stay."""
    bins = Bins(0.0, most=8)
    for second in range(100):
        bins.add("bytes_up", "PUBLISH", second, 3)
        bins.spread("states_s", "awake", second, second + 1, 1.0)
    over = bins.over()
    assert over.width_s == 16 and over.bins <= 8
    assert sum(over.bytes_up["PUBLISH"]) == 300
    assert over.states_s["awake"] == [16.0] * 6 + [4.0]


def test_a_long_sleep_lies_in_all_its_bins() -> None:
    """What came evenly is spread by time, at the edges in part."""
    bins = Bins(10.0, width_s=10.0)
    bins.spread("charge_uc", "mcu", 15.0, 35.0, 40.0)
    assert bins.over().charge_uc["mcu"] == [10.0, 20.0, 10.0]


def test_names_without_end_are_summed() -> None:
    """Kinds of packets are the program's to invent; beyond the limit they share a row, and no byte is lost."""
    bins = Bins(0.0)
    for number in range(200):
        bins.add("bytes_up", f"kind {number}", 0.0, 1)
    rows = bins.over().bytes_up
    assert len(rows) == 64
    assert sum(sum(row) for row in rows.values()) == 200


# --- recording a board


def recorded(with_recorder: bool, until_s: float = 2000.0) -> tuple[Board, Recording | None]:
    """A board that writes its flash, sleeps for ten minutes and starts anew."""
    world = World(start_unix_s=BEGIN, seed=5)
    network = Network(world)
    with Board.from_description("esp32s3", world, network) as board:
        board.program(PROGRAM)
        board.gnss.drive = Drive.demo()
        recorder = attach(Site(board, network, world), title="naps", spool=lambda: 2) if with_recorder else None
        board.power_on()
        board.run(for_s=until_s)
        return board, recorder.recording() if recorder else None


@pytest.mark.micropython
def test_a_recorded_run_is_the_same_run() -> None:
    """Console, flash, requests and every row of the ledger are equal with and without a recorder."""
    bare, _ = recorded(False)
    heard, _ = recorded(True)
    assert str(heard.console) == str(bare.console) != ""
    assert heard.flash.data == bare.flash.data
    assert heard.counters == bare.counters
    assert heard.meter.report() == bare.meter.report()
    assert heard.world.clock.now_us == bare.world.clock.now_us


@pytest.mark.micropython
def test_what_is_recorded_adds_up() -> None:
    """States fill the time, charge over time is the ledger's, starts, flash, marks, spool and track are there."""
    board, recording = recorded(True)
    assert recording is not None
    states = {name: sum(row) for name, row in recording.over.states_s.items()}
    assert sum(states.values()) == pytest.approx(2000) == recording.seconds
    report = board.meter.report()
    ledger = {row.state: row.seconds for row in report.rows if row.part == "mcu"}
    assert ledger["deep-sleep"] > 1900
    assert states["deep-sleep"] == pytest.approx(ledger["deep-sleep"])
    assert states["awake"] == pytest.approx(ledger["running"] + ledger["waiting"])
    assert recording.millicoulomb == pytest.approx(report.millicoulomb)
    for part, charge in recording.parts.items():
        assert recording.charge_until(part)[-1] == pytest.approx(charge, abs=1e-6)
    assert [boot.text for boot in recording.boots] == ["power on", *["deep sleep"] * 3]
    spool = next(row for row in recording.flash if row.label == "bl_spool")
    assert (spool.erases, spool.programs, spool.programmed_bytes, spool.most_worn) == (4, 4, 1024, 4)
    assert [mark.text for mark in recording.marks] == ["awake"] * 4
    assert {level.value for level in recording.spool} == {2}
    assert recording.track[0].at_s == 0 and recording.track[-1].at_s == pytest.approx(2000)


@pytest.mark.micropython
def test_two_recordings_of_one_seed_are_equal() -> None:
    """To the byte."""
    first, second = (recorded(True, 700.0)[1] for _ in range(2))
    assert first is not None and second is not None
    assert first.to_json() == second.to_json()


def test_faults_marks_and_figures_are_told(board: Board, network: Network) -> None:
    """A fault has its end, one that was not ended has none; a figure may be told again, text without end is cut."""
    recorder = Recorder.attach(board, network)
    recorder.fault_began("link-lost", part="network")
    board.world.clock.advance_to(5_000_000)
    recorder.fault_began("cold", detail="x" * 500)
    recorder.fault_ended("link-lost")
    recorder.fault_ended("never begun")
    recorder.figure("fixes", 1)
    recorder.figure("fixes", 2)
    recording = recorder.recording()
    assert [(each.name, each.at_s, each.until_s) for each in recording.faults] == [
        ("link-lost", 0, 5),
        ("cold", 5, None),
    ]
    assert len(recording.faults[1].detail) == 200
    assert recording.figures == {"fixes": 2}


def test_events_without_end_keep_first_and_last(board: Board, network: Network) -> None:
    """Twenty thousand marks make a list of five thousand, and the count of them all."""
    recorder = Recorder.attach(board, network)
    for number in range(20_000):
        recorder.mark(str(number))
    recording = recorder.recording()
    assert len(recording.marks) == 5000 and recording.counts["marks"] == 20_000
    assert (recording.marks[0].text, recording.marks[-1].text) == ("0", "19999")
    assert Recording.from_json(recording.to_json()) == recording


def test_packets_are_heard_both_ways(board: Board, network: Network) -> None:
    """Kind and size of each, never its content; a CONNECT is a contact."""
    recorder = Recorder.attach(board, network)
    network.up.count(b"\x10\x04MQTT")
    network.up.count(b"\x30\x07\x00\x03top42")
    network.down.count(b"\x40\x02\x00\x01")
    network.up.stream(99)
    recording = recorder.recording()
    assert [(each.up, each.kind, each.size) for each in recording.packets] == [
        (True, "CONNECT", 6), (True, "PUBLISH", 9), (False, "PUBACK", 4), (True, "stream", 99)
    ]  # fmt: skip
    assert recording.contacts == [0.0]
    assert recording.over.bytes_up == {"CONNECT": [6], "PUBLISH": [9], "stream": [99]}
    assert "top" not in recording.to_json().replace('"bl_', "")


# --- the page


def test_the_page_is_whole_and_asks_nobody() -> None:
    """Closed elements, ids that differ, no address, script, handler or inline style; the sheet is the one the policy names."""
    text = render(run())
    page = Page(text)
    assert not page.wrong and not page.open
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 8
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", text, re.IGNORECASE)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "iframe", "object", "embed", "img", "form", "base"})
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")} and "style" not in names
    sheet = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert str(policy).startswith("default-src 'none';") and f"'sha256-{digest}'" in str(policy)


def test_the_page_shows_what_was_recorded() -> None:
    """Map, lanes, faults, batteries, costs, flash: each is there, and with its part of the run taken away it is not."""
    page = Page(render(run())).words
    for words in (
        "Where it went",
        "link-lost",
        "cold",
        "liion-18650",
        "a fix, of gnss",
        "bl_spool",
        "spool",
        "PUBLISH",
    ):
        assert words in page
    bare = run().model_copy(update={"track": [], "faults": [], "spool": [], "flash": [], "packets": [], "rows": []})
    words = Page(render(bare)).words
    for gone in ("Where it went", "link-lost", "liion-18650", "bl_spool"):
        assert gone not in words


def test_an_empty_run_is_a_page_too() -> None:
    """A recorder that heard nothing claims nothing, and nothing divides by zero."""
    page = Page(render(Recording()))
    assert not page.wrong and not page.open
    assert "mAh" not in page.words.replace("(0 mAh)", "")


@pytest.mark.parametrize("where", ["title", "board", "fault", "mark", "kind", "part", "state", "figure", "label"])
def test_text_from_outside_is_escaped(where: str) -> None:
    """A hostile text in any one place of the data is text on the page, never an element."""
    hostile = '</style></title><script>alert("1")</script><img src=x onerror=y>'
    recording = run()
    changes: dict[str, Any] = {
        "title": lambda: setattr(recording, "title", hostile),
        "board": lambda: setattr(recording, "board", hostile),
        "fault": lambda: setattr(recording.faults[0], "name", hostile),
        "mark": lambda: setattr(recording.marks[0], "text", hostile),
        "kind": lambda: setattr(recording.packets[0], "kind", hostile),
        "part": lambda: setattr(recording.rows[0], "part", hostile),
        "state": lambda: setattr(recording.rows[0], "state", hostile),
        "figure": lambda: recording.figures.update({hostile: hostile}),
        "label": lambda: setattr(recording.flash[0], "label", hostile),
    }
    changes[where]()
    page = Page(render(recording))
    assert "alert(" in page.words.replace("\n", "")
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img"})
    assert not page.wrong and not page.open


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [looks.LIGHT, looks.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("part", [*looks.PARTS, "awake"])
def test_areas_stand_out_from_their_ground(palette: dict[str, str], part: str) -> None:
    """At least 2.4 to 1 with the paper: an area has a line around it and a name beside its colour as well."""
    light, dark = sorted((luminance(palette[part]), luminance(palette["paper"])), reverse=True)
    assert (light + 0.05) / (dark + 0.05) >= 2.4


def test_both_schemes_have_every_colour() -> None:
    """What a rule names is there in the light and in the dark."""
    used = set(re.findall(r"var\(--(\w+)\)", style.BASE + looks.RULES)) - {"sans", "serif", "mono", "bar"}
    assert used <= set(looks.LIGHT) == set(looks.DARK)


def test_the_largest_recording_makes_a_page_of_bounded_size() -> None:
    """Every list at its limit: the page stays below two megabytes."""
    full = run().model_copy(
        update={
            "marks": [Event(at_s=i, text="a line") for i in range(5000)],
            "packets": [Packet(at_s=i, up=True, kind="PUBLISH", size=i) for i in range(5000)],
            "faults": [FaultSpan(name=f"fault-{i}", at_s=i, until_s=i + 1) for i in range(5000)],
            "track": [Place(at_s=i, lat_deg=53 + (i % 97) / 1e3, lon_deg=-3 + i / 1e4) for i in range(4000)],
            "over": Over(
                width_s=5.0, states_s={"awake": [2.0] * 1440, "off": [3.0] * 1440}, charge_uc={"mcu": [5.0] * 1440}
            ),
        }
    )
    assert len(render(full)) < 2_000_000


# --- axes


def test_ticks_are_round_times_of_day() -> None:
    """Two hours from 16:43:24: ticks at whole half hours, the place to scale."""
    axis = TimeAxis(0.0, 7200.0, 0.0, 400.0, BEGIN)
    assert [label for _, label in axis.ticks()] == ["17:00", "17:30", "18:00", "18:30"]
    assert axis.ticks()[0][0] == pytest.approx((16 * 60 + 36) / 7200 * 400)
    assert axis.x(-5) == 0 and axis.x(9e9) == 400


@pytest.mark.parametrize(("most", "round_one"), [(0, 1), (1, 1), (1.01, 1.5), (22, 25), (99, 100), (0.034, 0.04)])
def test_a_scale_ends_at_a_round_number(most: float, round_one: float) -> None:
    """The least of the round ones that is not below."""
    assert ceiling(most) == pytest.approx(round_one)


def test_bins_are_joined_without_loss() -> None:
    """A row that ends early is filled with nothing, and the sum stays."""
    row, each = joined([1.0, 2.0, 3.0], 5, 2)
    assert (row, each) == ([6.0, 0.0], 3)


# --- the command


def test_the_command_draws_a_page(tmp_path: Path) -> None:
    """Beside the run, or where it is told; a bad file is a sentence."""
    run().save(tmp_path / "run.json")
    result = CliRunner().invoke(sim, ["picture", str(tmp_path / "run.json")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "run.html").read_text(encoding="utf-8") == render(run())
    (tmp_path / "bad.json").write_text("{}x", encoding="utf-8")
    result = CliRunner().invoke(sim, ["picture", str(tmp_path / "bad.json")])
    assert result.exit_code == 1 and result.output.startswith("error: ")


def test_a_keeper_saves_and_draws(tmp_path: Path) -> None:
    """Both where both are wanted, none where none is."""
    keep = keeper(tmp_path / "a.json", tmp_path / "a.html")
    assert keep is not None
    keep(run())
    assert Recording.load(tmp_path / "a.json") == run()
    assert (tmp_path / "a.html").stat().st_size > 10_000
    assert keeper(None, None) is None
