"""Charge over time, stacked by part, as a picture of its own: an SVG file, or a page around it."""

from __future__ import annotations

from pathlib import Path

from hw_sim.errors import HwSimError
from hw_sim.picture import looks, style
from hw_sim.picture.bars import mah
from hw_sim.picture.document import document, put
from hw_sim.picture.lanes import part_classes, stacked_charge
from hw_sim.picture.markup import Html, el, join, svg
from hw_sim.picture.recording import Recording
from hw_sim.picture.scale import TimeAxis
from hw_sim.picture.words import span

WIDTH, TALL = 760.0, 300.0
LEFT, EDGE, TOP = 12.0, 12.0, 58.0
LETTER = 6.4


def write_plot(run: Recording, path: Path) -> int:
    """Draws it into FILE.svg or FILE.html; its size in bytes. HwSimError for another ending, or a run without a meter."""
    if path.suffix.lower() not in (".svg", ".html"):
        raise HwSimError(f"{path}: a plot is FILE.svg or FILE.html")
    return put(plot_page(run) if path.suffix.lower() == ".html" else plot_svg(run), path, "plot")


def plot_svg(run: Recording) -> str:
    """One SVG document with its own colours, light and dark."""
    picture = _picture(run)
    rules = "text{font:12px sans-serif}svg{background:var(--paper)}"
    inner = el("style", Html(looks.sheet() + rules))
    head, _, rest = picture.partition(">")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{head} xmlns="http://www.w3.org/2000/svg">{inner}{rest}\n'


def plot_page(run: Recording) -> str:
    """The same as a page."""
    title = f"Charge of {run.title or run.board}"
    body = el("body", el("main", el("section", el("h1", title), _picture(run))))
    return document(title, body, style.sheet(style.BASE + looks.RULES, looks.LIGHT, looks.DARK))


def _picture(run: Recording) -> Html:
    if not any(sum(row) for row in run.over.charge_uc.values()):
        raise HwSimError("the run tells of no charge over time, so there is nothing to plot")
    axis = TimeAxis(run.begin_s, run.end_s, LEFT, WIDTH - EDGE, run.start_unix_s)
    ticks = [
        join(
            el("path", d=f"M{x:.1f} {TOP:.1f}v{TALL:.1f}", class_="hair"),
            el(
                "text", label, x=x, y=TOP + TALL + 16, class_="small quiet",
                text_anchor="start" if x < 30 else "end" if x > WIDTH - 40 else "middle",
            ),
        )
        for x, label in axis.ticks()
    ]  # fmt: skip
    said = f"{mah(run.millicoulomb)} in {span(run.seconds)}, mean {run.average_ua / 1000:.3g}\u00a0mA"
    return svg(
        "charge-over-time",
        "Charge over time, stacked by part",
        said,
        WIDTH,
        TOP + TALL + 26,
        el("text", said, x=LEFT, y=16, class_="strong"),
        *_keys(run),
        *ticks,
        stacked_charge(run, axis, TOP, TALL),
    )


def _keys(run: Recording) -> list[Html]:
    drawn, x = [], LEFT
    for part, kind in part_classes(run).items():
        words = f"{part} {mah(run.parts[part])}"
        if x + LETTER * len(words) + 16 > WIDTH - EDGE:
            break  # the smallest parts; the table has them
        drawn += [
            el("rect", x=x, y=28, width=10, height=10, class_=kind),
            el("text", words, x=x + 14, y=37, class_="small"),
        ]
        x += LETTER * len(words) + 26
    return drawn
