"""Two bar charts: bytes that a fix costs beside what others send, and charge by part and state."""

from __future__ import annotations

from typing import NamedTuple

from hw_sim.demo.chronicle import Chronicle
from hw_sim.picture.bars import charge_bars, mah
from hw_sim.picture.markup import Html, el, join, svg, table
from hw_sim.picture.words import span

WIDTH = 340.0
ROW, BAR = 46.0, 13.0
ROOM = 92.0  # right of the longest bar, for its value


class Peer(NamedTuple):
    """What somebody else's tracker sends for a fix: bytes of payload, from and to, and whether it is encrypted."""

    name: str
    least: int
    most: int
    encrypted: bool


# Figures of docs/decisions and of the makers' own documents: OwnTracks' JSON with libsodium's secret box, Teltonika's codec 8, the
# location message in protobuf of Nordic's asset tracker.
PEERS = (
    Peer("OwnTracks", 219, 407, True),
    Peer("Nordic, protobuf", 65, 65, False),
    Peer("Teltonika, codec 8", 45, 45, False),
)


def bytes_section(chronicle: Chronicle) -> Html | None:
    """Bytes of a fix on the link; nothing where no fix was read."""
    own = chronicle.bytes_a_fix
    if own is None:
        return None
    scale = (WIDTH - ROOM) / max(own, *[peer.most for peer in PEERS])
    rows = [(f"byleave, sealed, {_precision(chronicle)}", 0.0, own, f"{own:.1f} bytes", "own")]
    for peer in sorted(PEERS, key=lambda peer: peer.most):
        words = f"{peer.least}\u2013{peer.most} bytes" if peer.least != peer.most else f"{peer.most} bytes"
        state = "encrypted" if peer.encrypted else "not encrypted"
        rows.append((f"{peer.name}, {state}", 0.0 if peer.least == peer.most else peer.least, peer.most, words, "peer"))
    drawn = [_row(at, *row, scale) for at, row in enumerate(rows)]
    heads = ["who", "bytes a fix"]
    return el(
        "figure",
        el("h3", "Bytes a fix, on the link"),
        svg("bytes", "Bytes a fix", f"{own:.1f} bytes, beside 45 to 407 of others", WIDTH, ROW * len(rows) + 4, *drawn),
        el(
            "figcaption",
            "Ours are whole PUBLISH packets of this drive, divided by the fixes that were read; the others\u2019 are payloads, "
            "of exact positions. A cell is shorter than an exact position: make bench measures those too.",
        ),
        table("Bytes a fix, as numbers", heads, [[row[0], row[3]] for row in rows], numbers=1),
    )


def _precision(chronicle: Chronicle) -> str:
    name = chronicle.fixes[0].precision
    return {"cell_100m": "cells of 100 m", "cell_1km": "cells of 1 km", "cell_10km": "cells of 10 km"}.get(name, name)


def _row(at: int, label: str, start: float, end: float, words: str, kind: str, scale: float) -> Html:
    y = at * ROW + 4
    wide = max(2.0, (end - start) * scale)
    x = start * scale
    return join(
        el("text", label, x=0, y=y + 12, class_="small strong" if kind == "own" else "small"),
        el("path", d=f"M0 {y + 20 + BAR / 2:.1f}H{x:.1f}", class_="axis") if start else None,
        el("rect", x=x, y=y + 19, width=wide, height=BAR, class_=kind),
        el("text", words, x=x + wide + 6, y=y + 19 + BAR - 2.5, class_="big" if kind == "own" else "small"),
    )


def charge_section(chronicle: Chronicle) -> Html | None:
    """Charge of each part, its states as shades; nothing where no meter ran."""
    total = sum(sum(states.values()) for states in chronicle.charge.values())
    end = chronicle.read_at or (chronicle.outcomes[-1].end if chronicle.outcomes else 0.0)
    took = end - chronicle.outcomes[0].start if chronicle.outcomes else 0.0
    return charge_bars(
        chronicle.charge,
        f"Charge until the drive was read: {mah(total)} in {span(took)}",
        "From the data sheets\u2019 typical currents and the states that the simulated parts were in; no board was measured.",
    )
