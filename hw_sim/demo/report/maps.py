"""The map, three times: where the vehicle truly was, what left the device, what a reader may see. And once more, close."""

from __future__ import annotations

from collections import Counter

from hw_sim.demo.chronicle import Chronicle, Seen
from hw_sim.demo.report.sealed import envelopes, sealed_panel
from hw_sim.picture.geo import Frame, Point, Xy, metres, simplified
from hw_sim.picture.markup import Child, Html, el, join, path, svg, table
from hw_sim.picture.words import clock, count

WIDTH = 340.0  # of a panel, in page units: a phone shows it one to one
TALLEST, SHORTEST = 400.0, 250.0
TOLERANCE = 0.4  # page units that the drawn track may differ from the true one
FOOT = 26.0  # below each map, for scale bar and north
WITHOUT_LEAVE_S = 120  # a receiver with leave from the start has its first fix before that
EXACT_DOT = 1.6

Cell = tuple[int, int, int, int]


def trio(chronicle: Chronicle) -> Html:
    """The three panels."""
    frame = Frame.around(_points(chronicle), WIDTH, most=TALLEST, least=SHORTEST)
    truth = _panel("truth", "Where the vehicle was", truth_picture(chronicle, frame), _truth_words(chronicle))
    sealed = _panel(
        "sealed",
        "What left the device",
        sealed_panel(chronicle, frame.width, frame.height + FOOT),
        _sealed_words(chronicle),
    )
    seen = _panel("seen", "What a reader may see", reader_picture(chronicle, frame), _seen_words(chronicle))
    return el("div", truth, sealed, seen, class_="trio")


def tables(chronicle: Chronicle) -> Html:
    """The numbers behind them."""
    return join(envelopes(chronicle), _cells_table(chronicle))


def _points(chronicle: Chronicle) -> list[Point]:
    cells = [(fix.lat_e7 / 1e7, fix.lon_e7 / 1e7) for fix in chronicle.fixes]
    return [(lat, lon) for _, lat, lon in chronicle.track] + cells


def _panel(kind: str, title: str, picture: Html, words: str) -> Html:
    return el("figure", el("h3", title), picture, el("figcaption", words), class_=f"panel {kind}")


def _truth_words(chronicle: Chronicle) -> str:
    recorded = count(len(chronicle.track), "recorded position")
    return f"Known to the simulator alone, which shows it to the simulated receiver: {recorded}."


def _sealed_words(chronicle: Chronicle) -> str:
    of_location = [each for each in chronicle.mapped if each.stream == "location"]
    size = sum(each.bytes for each in of_location)
    return (
        f"{count(len(of_location), 'envelope')} of positions, {count(size, 'byte')}, as an eavesdropper at the broker saw "
        "them: stream, day, number, directive, size and time. There is no position to draw."
    )


def _seen_words(chronicle: Chronicle) -> str:
    if not chronicle.fixes:
        return "Nothing was read."
    cells = len(counted_cells(chronicle.fixes))
    if not any(fix.half_lat_e7 for fix in chronicle.fixes):
        return f"{count(len(chronicle.fixes), 'fix', 'fixes')}, exact, for the consented purpose."
    name = chronicle.fixes[0].precision.replace("cell_", "").replace("100m", "100\u00a0m").replace("km", "\u00a0km")
    return (
        f"{count(len(chronicle.fixes), 'fix', 'fixes')} in {count(cells, 'cell')} of {name}, for the consented purpose only. "
        "Stronger: more fixes. Within a cell nothing tells one place from another."
    )


def truth_picture(chronicle: Chronicle, frame: Frame) -> Html:
    """The true track with its ends."""
    line = simplified([frame.xy((lat, lon)) for _, lat, lon in chronicle.track], TOLERANCE)
    ends: list[Html | None] = []
    if line:
        first, last = chronicle.track[0], chronicle.track[-1]
        clash = abs(line[0][1] - line[-1][1]) < 16 and abs(line[0][0] - line[-1][0]) < 70
        ends = [
            _mark(frame, line[0], f"start {clock(first[0])}", hollow=True, below=clash),
            _mark(frame, line[-1], f"end {clock(last[0])}", hollow=False),
            _first_fix(chronicle, frame),
        ]
    return svg(
        "truth",
        "True track",
        f"The way of the vehicle, drawn to scale, north up: {chronicle.drive}",
        frame.width,
        frame.height + FOOT,
        el("path", d=path(line), class_="track"),
        *ends,
        furniture(frame),
    )


def reader_picture(chronicle: Chronicle, frame: Frame) -> Html:
    """The cells that a reader gets, darker where more fixes fell."""
    counted = counted_cells(chronicle.fixes)
    most = max(counted.values(), default=1)
    cells = [cell_mark(frame, cell, _shade(number, most)) for cell, number in counted.items()]
    return svg(
        "seen",
        "Cells that a reader gets",
        f"{count(len(counted), 'cell')} on the same map, drawn to scale, north up",
        frame.width,
        frame.height + FOOT,
        *cells,
        furniture(frame),
    )


def counted_cells(fixes: list[Seen]) -> Counter[Cell]:
    return Counter((fix.lat_e7, fix.lon_e7, fix.half_lat_e7, fix.half_lon_e7) for fix in fixes)


def _shade(number: int, most: int) -> str:
    return "cell c3" if number > most * 0.5 else "cell c2" if number > most * 0.2 else "cell c1"


def cell_mark(frame: Frame, cell: Cell, shade: str) -> Html:
    """A rectangle to scale; a dot where the position is exact."""
    lat, lon, half_lat, half_lon = cell
    if not half_lat:
        x, y = frame.xy((lat / 1e7, lon / 1e7))
        return el("circle", cx=x, cy=y, r=EXACT_DOT, class_=shade)
    x, y = frame.xy(((lat + half_lat) / 1e7, (lon - half_lon) / 1e7))
    right, bottom = frame.xy(((lat - half_lat) / 1e7, (lon + half_lon) / 1e7))
    return el("rect", x=x, y=y, width=right - x, height=bottom - y, class_=shade)


def _mark(frame: Frame, at: Xy, label: str, *, hollow: bool, below: bool = False) -> Html:
    """An end of the track, with its label on the side where there is room."""
    x, y = at
    left = x > frame.width * 0.6
    dot = el("circle", cx=x, cy=y, r=4, class_="end hollow" if hollow else "end")
    baseline = min(frame.height - 6, max(12.0, y + (16 if below else 4)))
    return join(dot, el("text", label, x=x + (-9 if left else 9), y=baseline, text_anchor="end" if left else None))


def _first_fix(chronicle: Chronicle, frame: Frame) -> Html | None:
    """Where the receiver first knew its place: what lies before was driven without leave."""
    if not chronicle.solutions or chronicle.solutions[0][0] - chronicle.track[0][0] < WITHOUT_LEAVE_S:
        return None
    time, lat, lon = chronicle.solutions[0]
    return _mark(frame, frame.xy((lat, lon)), f"first fix {clock(time)}", hollow=True)


def furniture(frame: Frame) -> Html:
    """Scale bar and north, in a strip below the map."""
    length = frame.scale_bar_m()
    x, y, wide = 12.0, frame.height + FOOT - 10, length * frame.units_per_metre
    bar = el("path", d=f"M{x} {y - 4:.1f}V{y:.1f}H{x + wide:.1f}V{y - 4:.1f}", class_="furniture")
    label = el("text", metres(length), x=x + wide + 6, y=y + 1, class_="small")
    east = frame.width - 16
    arrow = el("path", d=f"M{east} {y - 10:.1f}l4 11l-4 -3l-4 3z", class_="arrow")
    return join(bar, label, arrow, el("text", "N", x=east - 10, y=y + 1, text_anchor="end", class_="small"))


def _cells_table(chronicle: Chronicle) -> Html | None:
    if not chronicle.fixes:
        return None
    rows: list[list[Child]] = [
        [f"{lat / 1e7:.4f}", f"{lon / 1e7:.4f}", number]
        for (lat, lon, _, _), number in counted_cells(chronicle.fixes).items()
    ]
    return table(
        "Cells that the reader got, in the order of the drive",
        ["centre °N", "centre °E", "fixes"],
        rows,
        numbers=3,
    )
