"""The close look: true way and cells together, so near that one sees what the device takes away."""

from __future__ import annotations

from hw_sim.demo.chronicle import Chronicle
from hw_sim.demo.report.maps import FOOT, TOLERANCE, Cell, cell_mark, counted_cells, furniture
from hw_sim.picture.geo import METRES_PER_DEGREE, Frame, Point, metres, simplified
from hw_sim.picture.markup import Html, el, join, path, svg

M_PER_UNIT = 1.45  # a cell of 100 m is as large as a thumbnail
MOST_DOTS = 4000
MOST_CENTRES = 400  # cells that are tried as the middle of the picture
WIDE, NARROW = (700.0, 420.0), (340.0, 320.0)
MEANINGS = (
    ("line", "the true way of the vehicle"),
    ("dot", "a position that the receiver told the firmware"),
    ("square", "the cell in which it lies"),
    ("cross", "the centre of that cell: the only place that leaves the device, sealed"),
    ("tally", "how many fixes became that one point"),
)


def close_look(chronicle: Chronicle) -> Html | None:
    """One picture for a desk and one for a phone; nothing where no cells were read."""
    cells = [cell for cell in counted_cells(chronicle.fixes) if cell[2]]
    if not cells or not chronicle.track:
        return None
    wide = el("div", _picture(chronicle, "near-wide", *WIDE, cells), class_="wide")
    narrow = el("div", _picture(chronicle, "near-narrow", *NARROW, cells), class_="narrow")
    return el(
        "figure",
        el("h3", "A closer look: what the device takes away before it seals"),
        el("div", el("div", wide, narrow), el("figcaption", _keys()), class_="beside"),
        class_="panel close",
    )


def _keys() -> Html:
    """What the marks mean."""
    marks = [
        el("li", el("span", "4" if kind == "tally" else None, class_=f"key {kind}"), el("span", words))
        for kind, words in MEANINGS
    ]
    return el("ul", *marks, class_="keys")


def _picture(chronicle: Chronicle, name: str, width: float, height: float, cells: list[Cell]) -> Html:
    widest_m = max(cell[2] for cell in cells) * 2e-7 * METRES_PER_DEGREE
    width_m = max(width * M_PER_UNIT, 4 * widest_m * width / height)
    frame = Frame.centred(_busiest(cells, width, height, width_m), width, height, width_m)
    counted = counted_cells(chronicle.fixes)
    near = [cell for cell in cells if frame.holds((cell[0] / 1e7, cell[1] / 1e7), 80)]
    line = simplified([frame.xy((lat, lon)) for _, lat, lon in chronicle.track], TOLERANCE)
    known = [(lat, lon) for time, lat, lon in chronicle.solutions if not chronicle.read_at or time <= chronicle.read_at]
    dots = [point for point in known if frame.holds(point)][:MOST_DOTS]
    return svg(
        name,
        "The true way and the cells, close",
        f"About {metres(int(round(width_m, -2)))} across: each position is replaced by the centre of its cell",
        width,
        height + FOOT,
        *[cell_mark(frame, cell, "cell edge") for cell in near],
        el("path", d=path(line), class_="track"),
        *[el("circle", cx=x, cy=y, r=2.6, class_="dot") for x, y in map(frame.xy, dots)],
        *[_centre(frame, cell, counted[cell]) for cell in near],
        el("rect", x=0, y=height, width=width, height=FOOT, class_="strip"),
        furniture(frame),
    )


def _busiest(cells: list[Cell], width: float, height: float, width_m: float) -> Point:
    """The centre of the window in which most cells lie."""

    def near(cell: Cell) -> int:
        frame = Frame.centred((cell[0] / 1e7, cell[1] / 1e7), width, height, width_m)
        return sum(frame.holds((other[0] / 1e7, other[1] / 1e7)) for other in cells)

    lat, lon, _, _ = max(cells[:MOST_CENTRES], key=near)
    return lat / 1e7, lon / 1e7


def _centre(frame: Frame, cell: Cell, number: int) -> Html:
    x, y = frame.xy((cell[0] / 1e7, cell[1] / 1e7))
    half_wide = cell[3] * 1e-7 * frame.units_per_degree * frame.cos_lat
    half_tall = cell[2] * 1e-7 * frame.units_per_degree
    cross = el("path", d=f"M{x - 4:.1f} {y:.1f}h8M{x:.1f} {y - 4:.1f}v8", class_="cross")
    return join(cross, el("text", number, x=x - half_wide + 4, y=y + half_tall - 5, class_="small tally"))
