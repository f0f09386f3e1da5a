"""Two bar charts: bytes that a fix costs beside what others send, and charge by part and state."""

from __future__ import annotations

from typing import NamedTuple

from hw_sim.demo.chronicle import MC_PER_MAH, Chronicle
from hw_sim.demo.report.markup import Child, Html, el, join, svg, table
from hw_sim.demo.report.words import span

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
    parts = [(part, _largest_first(states)) for part, states in chronicle.charge.items() if sum(states.values()) > 0]
    if not parts:
        return None
    parts.sort(key=lambda part: -sum(part[1].values()))
    total = sum(sum(states.values()) for _, states in parts)
    scale = (WIDTH - ROOM) / sum(parts[0][1].values())
    drawn = [_part(at, part, states, scale) for at, (part, states) in enumerate(parts)]
    rows: list[list[Child]] = [
        [part, state, _mah(charge), f"{charge / total:.1%}"]
        for part, states in parts
        for state, charge in states.items()
    ]
    end = chronicle.read_at or (chronicle.outcomes[-1].end if chronicle.outcomes else 0.0)
    took = end - chronicle.outcomes[0].start if chronicle.outcomes else 0.0
    return el(
        "figure",
        el("h3", f"Charge until the drive was read: {_mah(total)} in {span(took)}"),
        svg("charge", "Charge by part and state", f"{_mah(total)} in all", WIDTH, ROW * len(parts) + 4, *drawn),
        el(
            "figcaption",
            "From the data sheets\u2019 typical currents and the states that the simulated parts were in; no board was measured.",
        ),
        table("Charge by part and state", ["part", "state", "charge", "share"], rows, numbers=2),
    )


def _largest_first(states: dict[str, float]) -> dict[str, float]:
    return dict(sorted(((state, charge) for state, charge in states.items() if charge > 0), key=lambda item: -item[1]))


def _mah(millicoulomb: float) -> str:
    mah = millicoulomb / MC_PER_MAH
    return f"{mah:.0f}\u00a0mAh" if mah >= 100 else f"{mah:.2g}\u00a0mAh"


def _part(at: int, part: str, states: dict[str, float], scale: float) -> Html:
    """A bar in pieces, the largest state first and darkest."""
    y, x = at * ROW + 4, 0.0
    drawn = []
    for number, charge in enumerate(states.values()):
        wide = charge * scale
        drawn.append(el("rect", x=x, y=y + 19, width=wide, height=BAR, class_=f"part s{min(number + 1, 3)}"))
        x += wide
    names = ", ".join(list(states)[:3])
    label = el("text", el("tspan", part, class_="strong"), f"  {names}", x=0, y=y + 12, class_="small")
    return join(label, *drawn, el("text", _mah(sum(states.values())), x=x + 6, y=y + 19 + BAR - 2.5, class_="small"))
