"""Charge by part as bars, the states of a part as shades of it; the numbers behind, folded away."""

from __future__ import annotations

from hw_sim.picture.markup import Child, Html, el, join, svg, table

WIDTH = 340.0
ROW, BAR = 46.0, 13.0
ROOM = 92.0  # right of the longest bar, for its value
MC_PER_MAH = 3600.0
MOST_BARS = 12  # parts drawn; the table has all


def charge_bars(charge: dict[str, dict[str, float]], heading: str, note: str) -> Html | None:
    """Charge in mC of each part, by its states; nothing where nothing was drawn."""
    parts = [(part, _largest_first(states)) for part, states in charge.items() if sum(states.values()) > 0]
    if not parts:
        return None
    parts.sort(key=lambda part: -sum(part[1].values()))
    total = sum(sum(states.values()) for _, states in parts)
    scale = (WIDTH - ROOM) / sum(parts[0][1].values())
    shown = parts[:MOST_BARS]
    drawn = [_part(at, part, states, scale) for at, (part, states) in enumerate(shown)]
    rows: list[list[Child]] = [
        [part, state, mah(charge), f"{charge / total:.1%}"]
        for part, states in parts
        for state, charge in states.items()
    ]
    return el(
        "figure",
        el("h3", heading),
        svg("charge", "Charge by part and state", f"{mah(total)} in all", WIDTH, ROW * len(shown) + 4, *drawn),
        el("figcaption", note),
        table("Charge by part and state", ["part", "state", "charge", "share"], rows, numbers=2),
    )


def _largest_first(states: dict[str, float]) -> dict[str, float]:
    return dict(sorted(((state, charge) for state, charge in states.items() if charge > 0), key=lambda item: -item[1]))


def mah(millicoulomb: float) -> str:
    """A charge in mC as mAh, with two digits that count."""
    charge = millicoulomb / MC_PER_MAH
    return f"{charge:.0f}\u00a0mAh" if charge >= 100 else f"{charge:.2g}\u00a0mAh"


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
    return join(label, *drawn, el("text", mah(sum(states.values())), x=x + 6, y=y + 19 + BAR - 2.5, class_="small"))
