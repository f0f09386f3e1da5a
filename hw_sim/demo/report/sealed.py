"""What left the device, as the broker saw it: times and sizes, and one envelope byte by byte."""

from __future__ import annotations

from hw_sim.demo.chronicle import Chronicle, Sealed, Specimen
from hw_sim.picture.markup import Child, Html, el, join, svg, table
from hw_sim.picture.words import clock, count, date

LEFT, RIGHT, TOP = 34.0, 10.0, 30.0
BYTES_A_LINE, BYTE_WIDTH, LINE_HEIGHT = 18, 17.2, 14.0
HEX_TOP = 46.0  # from the axis to the first line of bytes
MOST_BARS = 400
MOST_ROWS = 400  # of the table: a longer story shows the first ones and says so


def sealed_panel(chronicle: Chronicle, width: float, height: float) -> Html:
    """Bars of bytes over time, and below them the first envelope: its header in the clear, the rest sealed."""
    of_location = [each for each in chronicle.mapped if each.stream == "location"][:MOST_BARS]
    others = [each for each in chronicle.mapped if each.stream != "location"]
    lines = _lines(chronicle.specimen)
    base = height - HEX_TOP - LINE_HEIGHT * (lines + 1) if lines else height - 24
    return svg(
        "sealed",
        "What the broker saw",
        f"{count(len(of_location), 'sealed envelope')} of positions by time and size, and the bytes of the first one",
        width,
        height,
        _bars(of_location, others, width, base),
        _bytes(chronicle.specimen, base + HEX_TOP) if chronicle.specimen else None,
    )


def _bars(envelopes: list[Sealed], others: list[Sealed], width: float, base: float) -> Html:
    if not envelopes:
        return el("text", "no envelope", x=width / 2, y=base / 2, text_anchor="middle")
    start, end = envelopes[0].time, envelopes[-1].time
    most = max(each.bytes for each in envelopes)

    def x(time: float) -> float:
        return LEFT + (width - LEFT - RIGHT) * ((time - start) / (end - start) if end > start else 0.5)

    tall = (base - TOP) / most
    bars = [el("path", d=f"M{x(e.time):.1f} {base:.1f}v{-e.bytes * tall:.1f}", class_="bar") for e in envelopes]
    heads = [el("circle", cx=x(e.time), cy=base - e.bytes * tall, r=2.4, class_="head") for e in envelopes]
    ticks = [
        el("path", d=f"M{x(e.time):.1f} {base + 3:.1f}v5", class_="tick") for e in others if start <= e.time <= end
    ]
    return join(
        el("path", d=f"M{LEFT:.1f} {base:.1f}H{width - RIGHT:.1f}", class_="axis"),
        *bars, *heads, *ticks,
        el("text", f"{most} bytes", x=6, y=TOP - 12, class_="small"),
        el("text", "0", x=LEFT - 8, y=base + 4, text_anchor="end", class_="small"),
        el("text", clock(start), x=LEFT, y=base + 20, class_="small"),
        el("text", "ticks: status", x=(LEFT + width - RIGHT) / 2, y=base + 20, text_anchor="middle", class_="small quiet"),
        el("text", clock(end), x=width - RIGHT, y=base + 20, text_anchor="end", class_="small"),
    )  # fmt: skip


def _lines(specimen: Specimen | None) -> int:
    return -(-len(specimen.hex) // (2 * BYTES_A_LINE)) if specimen else 0


def _bytes(specimen: Specimen, top: float) -> Html:
    """The envelope in hexadecimal: what anybody can read stands out."""
    pairs = [specimen.hex[at : at + 2] for at in range(0, len(specimen.hex), 2)]
    lines = []
    for line in range(_lines(specimen)):
        first = line * BYTES_A_LINE
        spans = [
            el(
                "tspan",
                pair,
                x=12 + BYTE_WIDTH * column,
                class_="clear" if first + column < specimen.header_bytes else None,
            )
            for column, pair in enumerate(pairs[first : first + BYTES_A_LINE])
        ]
        lines.append(el("text", *spans, y=top + LINE_HEIGHT * (line + 1), class_="hex"))
    told = f"{specimen.stream} · day {specimen.epoch} · no. {specimen.counter} · directive {specimen.directive}"
    label = el("text", told, x=12, y=top - 2, class_="small strong")
    return join(label, *lines)


def envelopes(chronicle: Chronicle) -> Html | None:
    """The table behind the panel."""
    if not chronicle.sealed:
        return None
    shown = chronicle.sealed[:MOST_ROWS]
    rows: list[list[Child]] = [
        [date(e.time), clock(e.time, seconds=True), e.stream, e.bytes, e.publish_bytes] for e in shown
    ]
    heads = ["date", "seen at, UTC", "stream", "bytes", "bytes of PUBLISH"]
    left_out = len(chronicle.sealed) - len(shown)
    more = f"; the first {MOST_ROWS}, {left_out} more left out" if left_out else ""
    return table(
        f"Envelopes that passed the broker ({len(chronicle.sealed)}{more})",
        heads,
        rows,
        numbers=2,
    )
