"""The report: one page that parses, asks nobody for anything, tells every figure, and shows a broken promise as broken."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from hw_sim.demo.chronicle import Chronicle, Happening, Sealed, Seen, Specimen, Told, publish_bytes
from hw_sim.demo.report import render, style, write
from hw_sim.demo.report.axis import pieces, segments
from hw_sim.demo.report.promises import PROMISES
from hw_sim.demo.report.timeline import wrapped
from hw_sim.errors import HwSimError
from hw_sim.picture.geo import Frame, simplified
from hw_sim.picture.words import amount, figure
from tests.unit.hw_sim.html_page import Page

ROOT = Path(__file__).parents[3]
BEGIN = 1_769_445_804.0
FIGURES = {
    "receiver_powered_s": 4.5,
    "planted_found": "14/14",
    "bytes_scanned": 19_500,
    "finds": 0,
    "read": "purpose_missing",
}


def story() -> Chronicle:
    """Two steps: silence, then a drive of which ten fixes are read."""
    track = [(BEGIN + 60 * i, 53.4 + i / 500, -2.98 + i / 700) for i in range(20)]
    samples: list[dict[str, object]] = [
        {"time": BEGIN + 20 * i, "step": "a" if i < 30 else "b", "directive": 0 if i < 30 else 3, "receiver": i > 31}
        | {"consent tracking": "given" if i >= 30 else None, "spool": i % 3, "rows location": max(0, i - 40) // 5}
        | {"charge_mah": i / 10, "keys location": int(i > 40)}
        for i in range(60)
    ]
    samples[30]["event"] = 1
    fixes = [
        Seen(BEGIN + 700 + 10 * i, 534_005_000 + 10_000 * (i // 2), -29_795_000, 5000, 5000, "cell_100m")
        for i in range(10)
    ]
    return Chronicle(
        drive="bus.csv: 20 samples",
        seed=7,
        track=track,
        solutions=track[11:],
        sealed=[Sealed(BEGIN + 700 + 100 * i, "location", 80 + i, 110 + i) for i in range(3)],
        specimen=Specimen("9396010001cd4fff0003c4048cb04cf3", 10, "location", 20479, 0, 3),
        fixes=fixes,
        read_at=BEGIN + 1180,
        samples=samples,  # type: ignore[arg-type]
        events=[Happening(BEGIN + 600, "b", "leave given")],
        outcomes=[
            Told("a", "enrolled, no consent", True, {"location_envelopes": 0}, [], BEGIN, BEGIN + 580),
            Told("b", "the drive", True, dict(FIGURES), [], BEGIN + 580, BEGIN + 1180),
        ],
        charge={"gnss": {"tracking": 30_000.0, "backup": 9.0}, "light": {"off": 0.0}},
        seconds=26.0,
    )


@pytest.fixture(scope="module")
def page() -> Page:
    """The story's page, parsed."""
    return Page(render(story()))


def test_the_page_parses_with_every_element_closed(page: Page) -> None:
    """No element is left open or closed out of order, and no two share an id."""
    assert not page.wrong
    assert not page.open
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)) > 10


def test_the_page_asks_nobody_for_anything(page: Page) -> None:
    """No address of the net, no script, no handler; what could load something is forbidden by the page's own policy."""
    text = render(story())
    assert not re.search(r"https?:|//[a-z]|url\(|@import|javascript:", text, re.IGNORECASE)
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "iframe", "object", "embed", "img", "form", "base"})
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    loads = [attributes[name] for _, attributes in page.elements for name in ("src", "href") if name in attributes]
    assert loads == ["data:,"]
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_style_sheet_is_the_one_that_the_policy_names(page: Page) -> None:
    """A browser applies the sheet: its digest is the policy's, and no element has a style of its own."""
    sheet = re.search(r"<style>(.*?)</style>", render(story()), re.DOTALL)
    assert sheet is not None
    digest = base64.b64encode(hashlib.sha256(sheet[1].encode()).digest()).decode()
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert f"'sha256-{digest}'" in str(policy)
    assert not [tag for tag, attributes in page.elements if "style" in attributes]


def test_every_figure_of_every_step_is_on_the_page(page: Page) -> None:
    """Names in words, values with units."""
    for told in story().outcomes:
        for name, value in told.figures.items():
            label, said = figure(name, value)
            assert label in page.words
            assert said in page.words
    assert "4.5\u00a0s" in page.words
    assert "purpose missing" in page.words


def test_every_picture_says_what_it_shows(page: Page) -> None:
    """Each svg names its own title and description, and has a viewBox to scale by."""
    ids = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    pictures = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(pictures) >= 6
    for picture in pictures:
        assert picture["role"] == "img"
        assert picture["viewbox"]
        assert set(str(picture["aria-labelledby"]).split()) <= ids


def test_a_story_that_held_has_nothing_in_red(page: Page) -> None:
    """The verdict stands in the headline, and no element has the class of a broken promise."""
    assert "Every promise held: 4.6\u00a0km driven, and nothing on the way told where." in page.words
    classes = {name for _, attributes in page.elements for name in str(attributes.get("class", "")).split()}
    assert classes.isdisjoint({"broken", "no", "why", "bad"})


def test_a_broken_promise_is_shown_as_broken() -> None:
    """One step that does not hold: the headline names it, and its step and letter are marked."""
    chronicle = story()
    chronicle.outcomes[1] = replace(chronicle.outcomes[1], holds=False, broken=["the scan found a position"])
    page = Page(render(chronicle))
    assert "A promise did not hold: the scan found a position" in page.words
    assert "Every promise held" not in page.words
    assert "nothing on the way told where" not in page.words
    steps = [a["class"] for tag, a in page.elements if tag == "li" and str(a.get("class")).startswith("step")]
    assert steps == ["step", "step no"]
    assert [a["class"] for tag, a in page.elements if tag == "body"] == ["broken"]
    assert [a for tag, a in page.elements if tag == "text" and a.get("class") == "letter bad"]


def test_a_leak_takes_the_headline_s_claim_away() -> None:
    """Without the figure that shows a blind link, the headline claims no such thing."""
    chronicle = story()
    chronicle.outcomes[1].figures["finds"] = 1
    assert "told where" not in Page(render(chronicle)).words


@pytest.mark.parametrize(
    "where", ["drive", "title", "figure", "value", "broken", "event", "part", "consent", "precision"]
)
def test_text_from_outside_is_escaped(where: str) -> None:
    """A hostile text in any one place of the data is text on the page, never an element."""
    hostile = '</style></title><script>alert("1")</script><img src=x onerror=y>'
    chronicle = story()
    last = chronicle.outcomes[1]
    changes = {
        "drive": lambda: setattr(chronicle, "drive", hostile),
        "title": lambda: setattr(last, "title", hostile),
        "figure": lambda: last.figures.update({hostile: 1}),
        "value": lambda: last.figures.update({"finds": hostile}),
        "broken": lambda: (setattr(last, "holds", False), last.broken.append(hostile)),
        "event": lambda: setattr(chronicle.events[0], "label", hostile),
        "part": lambda: chronicle.charge.update({hostile: {hostile: 9e9}}),
        "consent": lambda: [sample.update({f"consent {hostile}": hostile}) for sample in chronicle.samples],
        "precision": lambda: [setattr(fix, "precision", hostile) for fix in chronicle.fixes],
    }
    changes[where]()
    page = Page(render(chronicle))
    assert "alert(" in page.words.replace("\n", "")
    assert {tag for tag, _ in page.elements}.isdisjoint({"script", "img"})
    assert not page.wrong and not page.open


def test_control_characters_do_not_reach_the_page() -> None:
    """A NUL or an escape in a drive's name becomes the replacement character."""
    chronicle = story()
    chronicle.drive = "a\x00b\x1b[0m"
    assert "a\ufffdb\ufffd[0m" in render(chronicle)


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("palette", [style.LIGHT, style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", style.TEXT_COLOURS)
def test_text_has_enough_contrast(palette: dict[str, str], ink: str) -> None:
    """At least 4.5 to 1 with every ground that text stands on (WCAG 2.2, 1.4.3), in both schemes."""
    grounds = ["paper", "panel", *(["given", "leave"] if ink == "ink" else [])]
    for ground in grounds:
        light, dark = sorted((luminance(palette[ink]), luminance(palette[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_both_colour_schemes_have_every_colour() -> None:
    """The dark scheme stands in its media query and names what the light one names."""
    assert set(style.LIGHT) == set(style.DARK)
    dark = style.sheet().split("@media (prefers-color-scheme:dark)")[1].split("}")[0]
    assert all(f"--{name}:{colour};" in dark for name, colour in style.DARK.items())
    used = set(re.findall(r"var\(--(\w+)\)", style.RULES))
    assert used - {"sans", "serif", "mono", "bar"} == set(style.LIGHT)


def test_a_chronicle_survives_json() -> None:
    """What is written and read again is equal, and gives the same page."""
    again = Chronicle.from_json(story().to_json())
    assert again == story()
    assert render(again) == render(story())


def test_an_empty_chronicle_claims_nothing() -> None:
    """Without a step there is no verdict that anything held."""
    page = Page(render(Chronicle()))
    assert "No step ran" in page.words
    assert "Every promise held" not in page.words
    assert not page.wrong and not page.open


def test_an_own_drive_is_warned_about() -> None:
    """The page with a track of the user's own says that whoever gets it gets the track; the demo's names its licence."""
    own = Page(render(replace(story(), own_drive=True))).words
    assert "Whoever gets the page gets the track" in own
    assert "Open Government Licence" not in own
    assert "Open Government Licence" in Page(render(story())).words


def test_a_long_story_stays_small(tmp_path: Path) -> None:
    """A recorded day of one position a second and ten thousand samples make a page below 400 kB."""
    chronicle = story()
    chronicle.track = [(BEGIN + i, 53.4 + (i % 977) / 1e4, -2.98 + i / 1e5) for i in range(86_400)]
    chronicle.samples = [
        {"time": BEGIN + i, "step": "a" if i < 5000 else "b", "charge_mah": i / 7, "spool": i % 5, "receiver": True}
        for i in range(10_000)
    ]
    assert write(chronicle, tmp_path / "report.html") < 400_000


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A file where a folder should be is an error of the simulator with the path in it; a missing folder is made."""
    (tmp_path / "a_file").write_text("here")
    with pytest.raises(HwSimError, match="a_file"):
        write(story(), tmp_path / "a_file" / "report.html")
    assert write(story(), tmp_path / "new_folder" / "report.html") > 0


def test_promises_and_tests_are_those_of_the_readme() -> None:
    """Each promise stands in README.md with these tests, and each test exists."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| (`tests/[^|]+) \|$", readme, re.MULTILINE))
    assert len(rows) >= len(PROMISES)
    for promise in PROMISES:
        assert promise.words in rows
        for test in promise.tests:
            assert f"`{test}`" in rows[promise.words]
            file, _, function = test.partition("::")
            assert f"def {function}(" in (ROOT / file).read_text(encoding="utf-8") or not function


def test_a_publish_packet_is_counted_whole() -> None:
    """Fixed header, remaining length, topic, packet identifier and payload (MQTT 3.1.1, 3.3)."""
    topic = "bl/1/abcdefghijklmnop/up"
    assert publish_bytes(topic, b"x" * 80) == 1 + 1 + 2 + 24 + 2 + 80
    assert publish_bytes(topic, b"x" * 200) == 1 + 2 + 2 + 24 + 2 + 200


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("receiver_powered_s", 0.0, ("receiver powered", "0\u00a0s")),
        ("publish_bytes", 19_500, ("publish", "19\u202f500\u00a0bytes")),
        ("days", 91, ("days", "91")),
        ("planted_found", "14/14", ("planted found", "14/14")),
        ("destroyed_after_their_term_s", "30 to 3590", ("destroyed after their term s", "30 to 3590")),
        ("held", True, ("held", "yes")),
    ],
)
def test_figures_read_with_their_units(name: str, value: object, said: tuple[str, str]) -> None:
    """The ending of a name becomes the unit of a number."""
    assert figure(name, value) == said


def test_numbers_read_as_people_write_them() -> None:
    """Thousands apart, no trailing zeros, a true minus, lists and tables in words."""
    assert amount(4_194_304) == "4\u202f194\u202f304"
    assert amount(3.860) == "3.86"
    assert amount(-12_000) == "\u221212\u202f000"
    assert amount([1, "two_words"]) == "1, two words"
    assert amount({"open": 2}) == "open 2"
    assert amount(None) == "none"


def test_a_line_is_thinned_within_its_tolerance() -> None:
    """Points on a straight stretch go, a corner stays."""
    line = [(float(x), 0.0) for x in range(50)] + [(49.0, float(y)) for y in range(50)]
    assert simplified(line, 0.4) == [(0.0, 0.0), (49.0, 0.0), (49.0, 49.0)]


def test_a_map_is_to_scale() -> None:
    """A hundredth of a degree is 1112 m north, and as many metres east by the cosine of the latitude."""
    frame = Frame.around([(60.0, 10.0), (60.1, 10.1)], 340, most=400, least=250)
    x0, y0 = frame.xy((60.0, 10.0))
    x1, y1 = frame.xy((60.01, 10.02))
    assert (y0 - y1) / frame.units_per_metre == pytest.approx(1112, abs=1)
    assert (x1 - x0) / frame.units_per_metre == pytest.approx(1112, rel=0.01)
    assert frame.holds((60.0, 10.0)) and frame.holds((60.1, 10.1))
    assert not frame.holds((60.5, 10.0))
    assert frame.scale_bar_m() * frame.units_per_metre <= 0.3 * frame.width


def test_a_long_wait_is_cut_short_and_marked() -> None:
    """Six hours of waiting before ten busy minutes take a fixed, small share of the step."""
    chronicle = story()
    chronicle.outcomes = [Told("d", "cuts", True, {}, [], BEGIN, BEGIN + 22_200)]
    chronicle.samples = [{"time": BEGIN + 21_600 + 20 * i, "step": "d", "spool": i} for i in range(31)]
    segment = segments(chronicle, chronicle.outcomes, 0.0, 200.0, gap=12.0, least=60.0)[0]
    assert len(segment.cuts) == 1
    assert segment.xs[0] <= 12.0
    assert segment.xs[-1] > 180.0
    assert list(segment.xs) == sorted(segment.xs)


def test_a_gauge_that_is_away_leaves_a_gap() -> None:
    """A server that is closed reads as nothing, not as zero, and equal values are one piece."""
    chronicle = story()
    values: list[int | None] = [5, 5, None, None, 7]
    chronicle.outcomes = [Told("g", "restore", True, {}, [], BEGIN, BEGIN + 80)]
    chronicle.samples = [
        {"time": BEGIN + 20 * i, "step": "g"} | ({} if value is None else {"rows location": value})
        for i, value in enumerate(values)
    ]
    segment = segments(chronicle, chronicle.outcomes, 0.0, 100.0, gap=12.0, least=60.0)[0]
    assert [piece.value for piece in pieces(segment, "rows location", 5)] == [5, None, 7]


def test_a_title_is_wrapped_and_cut() -> None:
    """At most so many lines; what is left out is shown by an ellipsis."""
    assert wrapped("a read with the purpose, and one without", 12, 2) == ["a read with", "the purpose,\u2026"]
    assert wrapped("short", 12, 2) == ["short"]
