"""The lanes of a run's time line: sleep, charge, what left the device, spool, flash, starts and faults, one beneath the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from hw_sim.picture.bars import MC_PER_MAH
from hw_sim.picture.markup import Html, el, join
from hw_sim.picture.recording import Recording
from hw_sim.picture.scale import TimeAxis, ceiling, joined
from hw_sim.picture.words import amount, count

COLUMN = 2.0  # page units of a column of bars at least
STATES = ("awake", "light-sleep", "deep-sleep", "off")  # from the foot up
STACKED = 7  # parts with a colour of their own; the rest are summed
COLOURS = ("p1", "p2", "p3", "p4", "p5", "p6", "p7")
OWN = {"mcu": "p1", "gnss": "p2", "radio": "p3", "modem": "p4", "flash": "p5"}
LETTER = 6.2  # a character of the small face, about
MOST_KINDS = 3  # of packets that are named
MOST_SPANS = 200  # faults that are drawn
WORST_CAUSES = ("watchdog", "power on", "hard")  # starts that are no wake from sleep


@dataclass(frozen=True)
class Lane:
    """One lane: its name, a word on its scale, its height, what is drawn from `y` on."""

    name: str
    note: str
    height: float
    draw: Callable[[TimeAxis, float], Html]
    keys: tuple[tuple[str, str], ...] = ()  # (class, words) of its colours


def lanes_of(run: Recording) -> list[Lane]:
    """Those for which the run has something to show."""
    made = (
        _sleep(run),
        _charge(run),
        _bytes(run, up=True),
        _bytes(run, up=False),
        _spool(run),
        _flash(run),
        _starts(run),
    )
    return [lane for lane in (*made, _faults(run)) if lane is not None]


def part_classes(run: Recording) -> dict[str, str]:
    """A colour for each part: well-known ones have theirs in every run, others take what is left, by their charge."""
    parts = [part for part, mc in run.parts.items() if mc > 0]
    own = {part: OWN[part] for part in parts[:STACKED] if part in OWN}
    left = iter([kind for kind in COLOURS if kind not in own.values()])
    return {part: own.get(part) or next(left) for part in parts[:STACKED]} | dict.fromkeys(parts[STACKED:], "p8")


def _columns(axis: TimeAxis) -> int:
    return int((axis.right - axis.left) / COLUMN)


def _edges(run: Recording, axis: TimeAxis, each: int, at: int) -> tuple[float, float]:
    """Left and right of a column on the page."""
    width_s = run.over.width_s * each
    begin_s = run.begin_s + at * width_s
    return axis.x(begin_s), axis.x(min(run.end_s, begin_s + width_s))


def _sleep(run: Recording) -> Lane | None:
    series = {name: run.over.states_s[name] for name in STATES if any(run.over.states_s.get(name, ()))}
    if not series:
        return None
    tall = 34.0

    def draw(axis: TimeAxis, y: float) -> Html:
        rows = {name: joined(row, run.over.bins, _columns(axis)) for name, row in series.items()}
        drawn = []
        for name in rows:
            path = ""
            for at in range(len(rows[name][0])):
                left, right = _edges(run, axis, rows[name][1], at)
                whole = sum(row[at] for row, _ in rows.values())
                below = sum(rows[other][0][at] for other in list(rows)[: list(rows).index(name)])
                mine = rows[name][0][at]
                if mine and whole and right > left:
                    top = y + tall * (1 - (below + mine) / whole)
                    path += f"M{left:.1f} {top:.1f}H{right:.1f}v{tall * mine / whole:.1f}H{left:.1f}z"
            drawn.append(el("path", d=path, class_=f"st-{name}"))
        return join(*drawn)

    sums = {name: sum(row) for name, row in series.items()}
    whole = sum(sums.values()) or 1.0
    keys = tuple((f"st-{name}", f"{name.replace('-', ' ')} {percent(sums[name] / whole)}") for name in series)
    return Lane("processor", "", tall, draw, keys)


def percent(share: float) -> str:
    """A share with as many digits as it needs not to read as all or nothing."""
    for digits in (0, 1, 2):
        said = f"{100 * share:.{digits}f}"
        if 0 < share < 1 and said.rstrip("0").rstrip(".") in ("0", "100", "", "-"):
            continue
        return f"{said}\u00a0%"
    return "<0.01\u00a0%" if share < 0.5 else ">99.99\u00a0%"


def _charge(run: Recording) -> Lane | None:
    if not any(sum(row) for row in run.over.charge_uc.values()):
        return None
    tall = 120.0

    def draw(axis: TimeAxis, y: float) -> Html:
        return stacked_charge(run, axis, y, tall)

    classes = part_classes(run)
    drawn = [part for part in run.parts if part in classes]
    keys = [(classes[part], part) for part in drawn[:STACKED]]
    if len(drawn) > STACKED:
        keys.append(("p8", f"{len(drawn) - STACKED} more"))
    return Lane("charge used", "", tall, draw, tuple(keys))


def stacked_charge(run: Recording, axis: TimeAxis, y: float, tall: float) -> Html:
    """Areas of charge over time, the largest part at the foot, with a scale of mAh."""
    classes = part_classes(run)
    groups: dict[str, list[float]] = {}
    for part, kind in classes.items():
        row, _ = joined(run.over.charge_uc.get(part, []), run.over.bins, _columns(axis))
        before = groups.setdefault(kind, [0.0] * len(row))
        groups[kind] = [a + b for a, b in zip(before, row, strict=True)]
    _, each = joined([], run.over.bins, _columns(axis))
    whole_mah = sum(sum(row) for row in groups.values()) / 1000 / MC_PER_MAH
    top_mah = ceiling(whole_mah)
    scale = tall / top_mah
    xs = [axis.left] + [_edges(run, axis, each, at)[1] for at in range(-(-run.over.bins // each))]
    below = [0.0] * len(xs)
    drawn = [_grid(axis, y, tall, top_mah, "mAh")]
    for kind, row in groups.items():
        upto = [0.0, *(uc / 1000 / MC_PER_MAH for uc in accumulate(row))]
        above = [a + b for a, b in zip(below, upto, strict=True)]
        there = [f"{x:.1f} {y + tall - scale * mah:.1f}" for x, mah in zip(xs, above, strict=True)]
        back = [f"{x:.1f} {y + tall - scale * mah:.1f}" for x, mah in zip(xs[::-1], below[::-1], strict=True)]
        drawn.append(el("path", d=f"M{'L'.join(there)}L{'L'.join(back)}z", class_=f"area {kind}"))
        below = above
    return join(*drawn)


def _grid(axis: TimeAxis, y: float, tall: float, top: float, unit: str) -> Html:
    """The ends of a scale, as lines and numbers inside the right edge."""
    return join(
        el(
            "path",
            d=f"M{axis.left:.1f} {y:.1f}H{axis.right:.1f}M{axis.left:.1f} {y + tall:.1f}H{axis.right:.1f}",
            class_="axis",
        ),
        el("text", f"{_short(top)}\u00a0{unit}", x=axis.right, y=y - 4, text_anchor="end", class_="small quiet value"),
    )


def _short(value: float) -> str:
    return amount(int(value)) if float(value).is_integer() else f"{value:g}"


def _bytes(run: Recording, *, up: bool) -> Lane | None:
    series = run.over.bytes_up if up else run.over.bytes_down
    if not any(sum(row) for row in series.values()):
        return None
    tall = 44.0 if up else 26.0

    def draw(axis: TimeAxis, y: float) -> Html:
        return _bars(
            run,
            axis,
            y,
            tall,
            [sum(column) for column in _together(series, run.over.bins)],
            "bytes",
            "out" if up else "in",
        )

    largest = sorted(series.items(), key=lambda item: -sum(item[1]))[:MOST_KINDS]
    said = tuple(("", f"{name} {_short(round(sum(row)))}") for name, row in largest)
    return Lane("left the device" if up else "came to it", "bytes:", tall, draw, said)


def _together(series: dict[str, list[float]], bins: int) -> list[tuple[float, ...]]:
    rows = [[*row, *[0.0] * (bins - len(row))] for row in series.values()]
    return list(zip(*rows, strict=True))


def _bars(run: Recording, axis: TimeAxis, y: float, tall: float, row: list[float], unit: str, kind: str) -> Html:
    summed, each = joined(row, run.over.bins, _columns(axis))
    top = ceiling(max(summed, default=0.0))
    path = ""
    for at, value in enumerate(summed):
        if value:
            left, right = _edges(run, axis, each, at)
            high = max(1.0, tall * value / top)
            path += f"M{left:.1f} {y + tall - high:.1f}H{max(right, left + 1.4):.1f}V{y + tall:.1f}H{left:.1f}z"
    return join(_grid(axis, y, tall, top, unit), el("path", d=path, class_=f"col {kind}"))


def _spool(run: Recording) -> Lane | None:
    if not run.spool:
        return None
    tall = 34.0
    top = ceiling(max(level.value for level in run.spool))

    def draw(axis: TimeAxis, y: float) -> Html:
        def at(value: int) -> float:
            return y + tall * (1 - value / top)

        first, *rest = run.spool
        path = f"M{axis.x(first.at_s):.1f} {at(first.value):.1f}"
        for level in rest:
            path += f"H{axis.x(level.at_s):.1f}V{at(level.value):.1f}"
        line = el("path", d=path + f"H{axis.right:.1f}", class_="line")
        return join(_grid(axis, y, tall, top, "waiting"), line)

    return Lane("spool", "envelopes on flash", tall, draw)


def _flash(run: Recording) -> Lane | None:
    series = run.over.flash_operations
    if not any(sum(row) for row in series.values()):
        return None
    tall = 26.0

    def draw(axis: TimeAxis, y: float) -> Html:
        return _bars(
            run, axis, y, tall, [sum(column) for column in _together(series, run.over.bins)], "operations", "flashed"
        )

    said = ", ".join(f"{name} {_short(round(sum(row)))}" for name, row in sorted(series.items()))
    return Lane("flash", said, tall, draw)


def _starts(run: Recording) -> Lane | None:
    if not run.boots:
        return None
    tall = 14.0

    def draw(axis: TimeAxis, y: float) -> Html:
        drawn: list[Html] = [el("path", d=f"M{axis.left:.1f} {y + tall:.1f}H{axis.right:.1f}", class_="axis")]
        for kind, worst in (("wake", False), ("boot", True)):
            xs = dict.fromkeys(
                round(axis.x(boot.at_s), 1) for boot in run.boots if (boot.text in WORST_CAUSES) == worst
            )
            path = "".join(f"M{x} {y + (0 if worst else 5):.1f}V{y + tall:.1f}" for x in xs)
            drawn.append(el("path", d=path, class_=kind))
        return join(*drawn)

    causes: dict[str, int] = {}
    for boot in run.boots:
        causes[boot.text] = causes.get(boot.text, 0) + 1
    said = ", ".join(f"{name} {number}" for name, number in sorted(causes.items(), key=lambda item: -item[1])[:3])
    return Lane("starts", said, tall, draw)


def _faults(run: Recording) -> Lane | None:
    if not run.faults:
        return None
    shown = run.faults[:MOST_SPANS]
    rows = _rows(run)
    step = 17.0

    def draw(axis: TimeAxis, y: float) -> Html:
        drawn = []
        for fault, row in zip(shown, rows, strict=True):
            left = axis.x(fault.at_s)
            right = max(left + 2.5, axis.x(run.end_s if fault.until_s is None else fault.until_s))
            top = y + row * step
            wide = LETTER * len(fault.name)
            inside = right - left > wide + 8
            after = right + 4 if right + 4 + wide < axis.right else left - 4
            drawn += [
                el("rect", x=left, y=top, width=right - left, height=step - 4, class_="fault"),
                el("text", fault.name, x=left + 4 if inside else after, y=top + 10, class_="small" if inside else "small value",
                   text_anchor=None if inside or after > left else "end"),
            ]  # fmt: skip
        return join(*drawn)

    more = len(run.faults) - len(shown)
    note = count(len(run.faults), "fault") + (f", the last {more} not drawn" if more else "")
    return Lane("faults", note, step * (max(rows) + 1), draw)


def _rows(run: Recording) -> list[int]:
    """A row for each fault, so that names do not lie on one another: a fault takes a third of the run at least."""
    room = (run.end_s - run.begin_s) / 3
    free: list[float] = []
    rows: list[int] = []
    for fault in run.faults[:MOST_SPANS]:
        row = next((at for at, until in enumerate(free) if until <= fault.at_s), len(free))
        if row == len(free) and row >= 12:  # more rows at once make no picture
            row = len(rows) % 12
        end = fault.at_s + max(room, (run.end_s if fault.until_s is None else fault.until_s) - fault.at_s)
        free[row : row + 1] = [end]
        rows.append(row)
    return rows
