"""The time line of a run: its lanes over one axis, once for a desk and once for a phone."""

from __future__ import annotations

from hw_sim.picture.lanes import Lane, lanes_of
from hw_sim.picture.markup import Html, el, join, svg
from hw_sim.picture.recording import Recording
from hw_sim.picture.scale import TimeAxis
from hw_sim.picture.words import span

WIDE, NARROW = 1044.0, 340.0
GUTTER = 112.0  # for the names of the lanes, in the wide picture; in the narrow one they stand above
EDGE = 8.0
HEAD, FOOT = 20.0, 8.0
GAP = 15.0
LABEL = 15.0  # above a lane, for its note and its colours
LETTER = 6.2  # a character of the small face, about
SWATCH = 14.0
SCALE = 62.0  # at the right of a note: the number at the top of its lane's scale


def timeline(run: Recording) -> Html | None:
    """Both pictures; nothing where nothing came over time."""
    lanes = lanes_of(run)
    if not lanes or run.end_s <= run.begin_s:
        return None
    return el(
        "figure",
        el("div", _picture(run, lanes, "time-wide", WIDE, GUTTER), class_="wide"),
        el("div", _picture(run, lanes, "time-narrow", NARROW, 0.0), class_="narrow"),
    )


def _picture(run: Recording, lanes: list[Lane], name: str, width: float, gutter: float) -> Html:
    axis = TimeAxis(run.begin_s, run.end_s, gutter, width - EDGE, run.start_unix_s)
    y, drawn = HEAD, []
    for lane in lanes:
        lines = _notes(lane, axis.left, width - EDGE, gutter)
        top = y + LABEL * (len(lines) if lines else 0)
        label = el("text", lane.name, x=0, y=(top if gutter else y) + 11, class_="small strong")
        notes = [line(y + 11 + LABEL * at) for at, line in enumerate(lines)]
        drawn += [label, *notes, lane.draw(axis, top)]
        y = top + lane.height + GAP
    said = ", ".join(lane.name for lane in lanes)
    return svg(name, "Time line of the run", f"{said}, over {span(run.seconds)} of virtual time", width, y + FOOT,
               _ticks(axis, y - GAP + 4), *drawn)  # fmt: skip


def _ticks(axis: TimeAxis, foot: float) -> Html:
    """Times at the head, and hairlines down to the foot."""
    drawn = []
    for x, label in axis.ticks():
        anchor = "start" if x < axis.left + 16 else "end" if x > axis.right - 16 else "middle"
        drawn += [
            el("path", d=f"M{x:.1f} {HEAD - 4:.1f}V{foot:.1f}", class_="hair"),
            el("text", label, x=x, y=HEAD - 9, text_anchor=anchor, class_="small quiet"),
        ]
    return join(*drawn)


class _Line:
    """Words of one line above a lane, each perhaps with its colour before it."""

    def __init__(self, left: float) -> None:
        self.parts: list[tuple[float, str, str]] = []
        self.x = left

    def add(self, kind: str, words: str) -> None:
        self.parts.append((self.x, kind, words))
        self.x += LETTER * len(words) + (SWATCH if kind else 0.0) + 12

    def __call__(self, baseline: float) -> Html:
        drawn = []
        for x, kind, words in self.parts:
            if kind:
                drawn.append(el("rect", x=x, y=baseline - 8, width=9, height=9, class_=f"swatch {kind}"))
            drawn.append(el("text", words, x=x + (SWATCH if kind else 0.0), y=baseline, class_="small quiet value"))
        return join(*drawn)


def _notes(lane: Lane, left: float, right: float, gutter: float) -> list[_Line]:
    """The note and the colours in as many lines as they need; in the narrow picture behind the lane's name."""
    words = [("", lane.note)] if lane.note else []
    line = _Line(left if gutter else LETTER * len(lane.name) + 22)
    lines = [line]
    for kind, said in [*words, *lane.keys]:
        wide = LETTER * len(said) + (SWATCH if kind else 0.0)
        if line.x + wide > right - SCALE and (line.parts or not gutter):
            line = _Line(left)
            lines.append(line)
        line.add(kind, said)
    return lines if lines[0].parts or not gutter else []
