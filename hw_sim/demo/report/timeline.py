"""What ruled, ran and lay where, step by step: consent, directive, sensors, spool, rows, keys, charge."""

from __future__ import annotations

from itertools import pairwise

from hw_sim.demo.chronicle import Chronicle, Told
from hw_sim.demo.gauges import Value
from hw_sim.demo.report.axis import Piece, Segment, last_before, pieces, segments
from hw_sim.demo.report.rows import Row, most, number, rows_of
from hw_sim.picture.markup import Html, el, join, svg, table
from hw_sim.picture.words import amount, clock, date, day, span

WIDE, NARROW = 1044.0, 340.0
GUTTER = 138.0  # for the names of the rows, in the wide picture; in the narrow one they stand above
GAP = 12.0
EDGE = 6.0  # to the right of the last step
LEAST_STEP = 60.0  # the width of a step at least: its letter, its duration, some words
LEAST_WIDTH = 0.3  # of a stretch of a line; shorter ones on the way up or down are left out
STEPS_A_STRIP = 3  # of the narrow picture
BAND, LINE = 15.0, 40.0  # heights
HEAD = 100.0  # letter, title, levels of numbers
LEVELS = 3  # of numbers that would touch
TITLE_LINES = 3
SAID_AGAIN = 0.04  # a value is written again when it differs by this share of the scale
LETTER = 6.2  # a character of the small face, about
KEYS_NOTE = (
    "Gauges at the device are blank while another person\u2019s tracker is driven, those of the server while it is closed. The "
    "server holds one day key for each day within the term, whether anything was sealed on it or not."
)
SHORT_STEP_S = 2 * 86_400  # above it, dates say more than times of day


def section(chronicle: Chronicle) -> Html | None:
    """The picture for a desk and the strips for a phone, what happened as a list, and the values behind."""
    if not chronicle.outcomes:
        return None
    told = chronicle.outcomes
    strips = [told[at : at + STEPS_A_STRIP] for at in range(0, len(told), STEPS_A_STRIP)]
    wide = el("div", _picture(chronicle, "time-wide", told, WIDE, GUTTER), class_="wide")
    narrow = [_picture(chronicle, f"time-{at}", strip, NARROW, 0.0) for at, strip in enumerate(strips)]
    return el(
        "figure",
        wide,
        el("div", *narrow, class_="narrow strips"),
        el("figcaption", KEYS_NOTE),
        _happenings(chronicle),
        _values(chronicle),
        class_="time",
    )


def _picture(chronicle: Chronicle, name: str, steps: list[Told], width: float, gutter: float) -> Html:
    across = segments(chronicle, steps, gutter, width - EDGE, gap=GAP, least=LEAST_STEP)
    drawn: list[Html] = [_heads(chronicle, across)]
    y = HEAD + (0 if gutter else 4)
    top = y
    for row in rows_of(chronicle):
        y += 0 if gutter else 14
        tall = BAND if row.state else LINE
        label_y = y + (tall / 2 + 4 if gutter else -4)
        drawn.append(el("text", row.name, x=0, y=label_y, class_="small label"))
        drawn.append(_band(chronicle, row, across, y) if row.state else _lines(chronicle, row, across, y))
        y += tall + (9 if gutter else 7)
    # Hairlines lie under what is written on the rows.
    drawn = [_breaks(across, y), _hairlines(across, top, y), *drawn, _times(across, y + 12)]
    said = ", ".join(f"step {each.step}: {span(each.end - each.start)}" for each in steps)
    title = "Consent, directive, sensors, spool, rows, keys and charge over virtual time"
    return svg(name, title, f"One segment a step, each with its own time scale: {said}", width, y + 18, *drawn)


def _heads(chronicle: Chronicle, across: list[Segment]) -> Html:
    """Letter, duration and title of each step."""
    drawn = []
    for segment in across:
        room = int((segment.right - segment.left + EDGE) / LETTER)
        held = segment.told.holds
        drawn.append(el("text", segment.told.step, x=segment.left, y=12, class_="letter" if held else "letter bad"))
        drawn.append(
            el("text", span(segment.told.end - segment.told.start), x=segment.left + 14, y=12, class_="small quiet")
        )
        for at, line in enumerate(wrapped(segment.told.title, room, TITLE_LINES)):
            drawn.append(el("text", line, x=segment.left, y=26 + 12 * at, class_="small"))
    return join(*drawn)


def wrapped(title: str, room: int, most: int) -> list[str]:
    """A title in at most so many lines of `room` characters; what does not fit ends with an ellipsis."""
    lines, line = [], ""
    for word in title.split():
        longer = f"{line} {word}".strip()
        if len(longer) > room and line:
            lines.append(line)
            line = word
        else:
            line = longer
    lines.append(line)
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]}\u2026"]
    return [each if len(each) <= room + 2 else each[: max(1, room - 1)] + "\u2026" for each in lines]


def _band(chronicle: Chronicle, row: Row, across: list[Segment], y: float) -> Html:
    """A path for each kind of state, and its name where it begins and there is room."""
    shapes: dict[str, str] = {}
    names: list[Html] = []
    said = ""
    for segment in across:
        for piece in pieces(segment, row.keys[0], last_before(chronicle, row.keys[0], segment.told.step)):
            kind, label = row.state(piece.value) if row.state else ("nothing", "")
            wide, thin = piece.right - piece.left, kind == "nothing"
            top, tall = (y + BAND / 2 - 0.5, 1.0) if thin else (y, BAND)
            corner = f"M{piece.left:.1f} {top:.1f}h{max(wide, LEAST_WIDTH):.1f}v{tall:.0f}H{piece.left:.1f}z"
            shapes[kind] = shapes.get(kind, "") + corner
            if label and label != said and wide > LETTER * len(label) + 8:
                kinds = f"small value on-{kind}" if thin else "small"
                names.append(el("text", label, x=piece.left + 5, y=y + BAND - 4, class_=kinds))
                said = label
    return join(*[el("path", d=shape, class_=f"band {kind}") for kind, shape in shapes.items()], *names)


def _lines(chronicle: Chronicle, row: Row, across: list[Segment], y: float) -> Html:
    """One line a key; the value where a step ends, if it is another one than before."""
    highest = most(chronicle, row) or 1.0
    base = y + LINE
    drawn: list[Html] = [el("path", d=f"M{s.left:.1f} {base:.1f}H{s.right:.1f}", class_="axis") for s in across]
    said = 0.0
    for segment in across:
        ends: list[float] = []
        for key in row.keys:
            before = last_before(chronicle, key, segment.told.step)
            run = pieces(segment, key, before)
            drawn.append(_line(run, base, (LINE - 12) / highest))
            last = number(run[-1].value) if run else None
            if last is not None:
                ends.append(last)
        if ends and abs(max(ends) - said) > SAID_AGAIN * highest:
            said = max(ends)
            top = base - said * (LINE - 12) / highest
            label = f"{amount(round(said, 1) if said < 10 else round(said))} {row.unit}".strip()
            drawn.append(el("text", label, x=segment.right, y=top - 4, text_anchor="end", class_="small value"))
    return join(*drawn)


def _line(run: list[Piece], base: float, scale: float) -> Html:
    data, last = "", None
    for piece, after in zip(run, [*run[1:], None], strict=True):
        value = number(piece.value)
        if value is None:
            last = None
            continue
        if after and piece.right - piece.left < LEAST_WIDTH and _between(last, value, number(after.value)):
            continue
        height = base - value * scale
        data += f"M{piece.left:.1f} {height:.1f}" if last is None else f"V{height:.1f}"
        data += f"H{piece.right:.1f}"
        last = value
    return el("path", d=data, class_="gauge")


def _between(before: float | None, value: float, after: float | None) -> bool:
    return before is not None and after is not None and min(before, after) <= value <= max(before, after)


def _hairlines(across: list[Segment], top: float, bottom: float) -> Html:
    """A numbered hairline for everything that happened; numbers that would touch stand at another height."""
    drawn, last = [], [-99.0] * LEVELS
    for segment in across:
        for x, sample in zip(segment.xs, segment.samples, strict=True):
            if "event" not in sample:
                continue
            level = next((level for level in range(LEVELS) if x - last[level] > 2 * LETTER), LEVELS - 1)
            last[level] = x
            y = top - 8 - 11 * (LEVELS - 1 - level)
            drawn.append(el("path", d=f"M{x:.1f} {y + 2:.1f}V{bottom:.1f}", class_="hair"))
            drawn.append(el("text", sample["event"], x=x, y=y, text_anchor="middle", class_="small event"))
    return join(*drawn)


def _times(across: list[Segment], y: float) -> Html:
    """When each step began and ended, and where a wait was cut short, marked, what time it was after it."""
    drawn = []
    for segment in across:
        start, end = segment.told.start, segment.told.end
        word = day if end - start > SHORT_STEP_S else clock
        free, said = segment.left + LETTER * 7, word(start)
        for x in segment.cuts:
            drawn.append(el("path", d=f"M{x - 4:.1f} {y - 8:.1f}l4 -8m0 8l4 -8", class_="cut"))
            if x > free and segment.right - x > LETTER * 14:
                drawn.append(el("text", word(segment.time_after(x)), x=x + 6, y=y, class_="small quiet"))
                free = x + LETTER * 7
            elif x < segment.left + LETTER * 7 < segment.right - LETTER * 9:
                said, free = f"{said} // {word(segment.time_after(x))}", segment.left + LETTER * 13
        drawn.append(el("text", said, x=segment.left, y=y, class_="small quiet"))
        if segment.right - free > LETTER * 6:
            drawn.append(el("text", word(end), x=segment.right, y=y, text_anchor="end", class_="small quiet"))
    return join(*drawn)


def _breaks(across: list[Segment], bottom: float) -> Html:
    """Where the time scale changes."""
    middles = [(a.right + b.left) / 2 for a, b in pairwise(across)]
    return join(*[el("path", d=f"M{x:.1f} {HEAD - 4:.1f}V{bottom:.1f}", class_="break") for x in middles])


def _happenings(chronicle: Chronicle) -> Html | None:
    if not chronicle.events:
        return None
    items = [
        el(
            "li",
            el("span", f"{each.step}, {day(each.time)} {clock(each.time, seconds=True)}", class_="when"),
            " ",
            each.label,
        )
        for each in chronicle.events
    ]
    return el("ol", *items, class_="events")


def _values(chronicle: Chronicle) -> Html:
    """What the gauges read when each step ended."""
    rows = rows_of(chronicle)
    body = []
    for told in chronicle.outcomes:
        own = [sample for sample in chronicle.samples if sample["step"] == told.step]
        last = own[-1] if own else {}
        read = [_read(last, row) for row in rows]
        body.append([told.step, f"{date(told.end)} {clock(told.end)}", *read])
    return table(
        "What the gauges read when each step ended",
        ["step", "virtual time, UTC", *[row.name for row in rows]],
        [list(b) for b in body],
    )


def _read(sample: dict[str, Value], row: Row) -> str:
    """A row's gauges as text, equal ones once."""
    return ", ".join(dict.fromkeys(_told(sample[key]) for key in row.keys if key in sample)) or "\u2013"


def _told(value: Value) -> str:
    return "\u2013" if value is None else amount(value)
