"""The map of a run: where the vehicle truly was, and from where something left the device."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

from hw_sim.picture.geo import Frame, Point, metres, simplified
from hw_sim.picture.markup import Html, el, join, path, svg
from hw_sim.picture.recording import Recording
from hw_sim.picture.words import clock, count, span

WIDE, NARROW = (660.0, 460.0), (340.0, 330.0)
LEAST_SHARE = 0.45  # of the tallest: a drive from west to east is not a strip
FOOT = 26.0
TOLERANCE = 0.4
LEAST_R, MOST_R = 2.4, 11.0
TOGETHER = 6.0  # page units: what left the device nearer than that is one circle
MOST_CIRCLES = 400
MOST_FAULTS = 100
CLASH = 16.0


def map_section(run: Recording) -> Html | None:
    """A picture for a desk, one for a phone, and what the marks mean; nothing where no drive is known."""
    if not run.track:
        return None
    return el(
        "div",
        el(
            "figure",
            el("div", _picture(run, "map-wide", *WIDE), class_="wide"),
            el("div", _picture(run, "map-narrow", *NARROW), class_="narrow"),
            class_="panel",
        ),
        _legend(run),
        class_="mapped",
    )


def _legend(run: Recording) -> Html:
    sizes = [packet.size for packet in run.packets if packet.up]
    up = run.counts.get("bytes up", sum(sizes))
    rows = [
        ("track", "the true way of the vehicle, known to the simulator alone"),
        ("sent", f"where the device was while {count(up, 'byte')} left it: the larger, the more"),
    ]
    if run.faults:
        rows.append(("under", "the way while a fault was under way"))
    marks = [el("li", el("span", class_=f"mark {kind}", aria_hidden="true"), el("span", words)) for kind, words in rows]
    kinds: dict[str, tuple[int, int]] = {}
    for packet in run.packets:
        if packet.up:
            number, size = kinds.get(packet.kind, (0, 0))
            kinds[packet.kind] = number + 1, size + packet.size
    said = [
        el("div", el("dt", f"{kind} \u00d7 {number}"), el("dd", count(size, "byte")))
        for kind, (number, size) in sorted(kinds.items(), key=lambda item: -item[1][1])[:8]
    ]
    left_out = run.counts.get("packets", 0) - len(run.packets)
    more = (
        el("p", f"{count(left_out, 'packet')} of both ways are in the sums alone.", class_="when")
        if left_out > 0
        else None
    )
    return el(
        "div",
        el("ul", *marks, class_="marks"),
        el("h3", "What left the device") if said else None,
        el("dl", *said, class_="figures") if said else None,
        more,
    )


def _picture(run: Recording, name: str, width: float, tallest: float) -> Html:
    points = [(place.lat_deg, place.lon_deg) for place in run.track]
    frame = Frame.around(points, width, most=tallest, least=tallest * LEAST_SHARE)
    line = simplified([frame.xy(point) for point in points], TOLERANCE)
    return svg(
        name,
        "Map of the run",
        f"The true way over {span(run.seconds)}, drawn to scale, north up, with the places from which something was sent",
        width,
        frame.height + FOOT,
        el("path", d=path(line), class_="track"),
        *_under_faults(run, frame),
        *_circles(run, frame),
        *_ends(run, frame),
        _furniture(frame),
    )


def _under_faults(run: Recording, frame: Frame) -> list[Html]:
    drawn = []
    times = [place.at_s for place in run.track]
    for fault in run.faults[:MOST_FAULTS]:
        until_s = run.end_s if fault.until_s is None else fault.until_s
        between = run.track[bisect_right(times, fault.at_s) : bisect_left(times, until_s)]
        way = [(place.lat_deg, place.lon_deg) for place in between]
        way = [_place(run, times, fault.at_s), *way, _place(run, times, until_s)]
        drawn.append(el("path", d=path(simplified([frame.xy(point) for point in way], TOLERANCE)), class_="under"))
    return drawn


def _place(run: Recording, times: list[float], at_s: float) -> Point:
    """Where the vehicle was at a time, on a straight line between two places of the track."""
    if len(times) == 1:
        return run.track[0].lat_deg, run.track[0].lon_deg
    i = min(max(bisect_right(times, at_s), 1), len(times) - 1)
    a, b = run.track[i - 1], run.track[i]
    share = min(1.0, max(0.0, (at_s - a.at_s) / (b.at_s - a.at_s))) if b.at_s > a.at_s else 0.0
    return a.lat_deg + share * (b.lat_deg - a.lat_deg), a.lon_deg + share * (b.lon_deg - a.lon_deg)


def _circles(run: Recording, frame: Frame) -> list[Html]:
    """What left the device, summed where circles would lie on one another, by area."""
    sums: dict[tuple[int, int], tuple[float, float, int]] = {}
    times = [place.at_s for place in run.track]
    for packet in run.packets:
        if packet.up:
            x, y = frame.xy(_place(run, times, packet.at_s))
            key = round(x / TOGETHER), round(y / TOGETHER)
            at_x, at_y, size = sums.get(key, (x, y, 0))
            sums[key] = at_x, at_y, size + packet.size
    most = max((size for _, _, size in sums.values()), default=1) or 1
    largest = sorted(sums.values(), key=lambda each: -each[2])[:MOST_CIRCLES]
    return [
        el("circle", cx=x, cy=y, r=max(LEAST_R, MOST_R * math.sqrt(size / most)), class_="sent")
        for x, y, size in largest
    ]


def _ends(run: Recording, frame: Frame) -> list[Html]:
    first, last = run.track[0], run.track[-1]
    begin, end = frame.xy((first.lat_deg, first.lon_deg)), frame.xy((last.lat_deg, last.lon_deg))
    near = math.dist(begin, end) < CLASH
    labels = [f"start {clock(run.unix_s(first.at_s))}", f"end {clock(run.unix_s(last.at_s))}"]
    if near:
        return [_mark(frame, begin, " and ".join(labels), "end hollow")]
    clash = abs(begin[1] - end[1]) < CLASH and abs(begin[0] - end[0]) < 90
    return [_mark(frame, begin, labels[0], "end hollow", 16 if clash else 4), _mark(frame, end, labels[1], "end")]


def _mark(frame: Frame, at: tuple[float, float], label: str, kind: str, lower: float = 4) -> Html:
    x, y = at
    left = x > frame.width * 0.6
    baseline = min(frame.height - 6, max(12.0, y + lower))
    words = el(
        "text", label, x=x + (-9 if left else 9), y=baseline, text_anchor="end" if left else None, class_="value"
    )
    return join(el("circle", cx=x, cy=y, r=4, class_=kind), words)


def _furniture(frame: Frame) -> Html:
    """Scale bar and north, in a strip below the map."""
    length = frame.scale_bar_m()
    x, y, wide = 12.0, frame.height + FOOT - 10, length * frame.units_per_metre
    bar = el("path", d=f"M{x} {y - 4:.1f}V{y:.1f}H{x + wide:.1f}V{y - 4:.1f}", class_="furniture")
    label = el("text", metres(length), x=x + wide + 6, y=y + 1, class_="small")
    east = frame.width - 16
    arrow = el("path", d=f"M{east} {y - 10:.1f}l4 11l-4 -3l-4 3z", class_="arrow")
    return join(bar, label, arrow, el("text", "N", x=east - 10, y=y + 1, text_anchor="end", class_="small"))
