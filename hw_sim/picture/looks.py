"""How the page of a run looks, beyond what all pages share: a colour for each part, one for each state of the processor."""

from __future__ import annotations

from hw_sim.picture import style

# Eight colours that stay apart for most eyes and on both grounds; parts take them in the order of their charge.
LIGHT = style.LIGHT | {
    "p1": "#31688e", "p2": "#d0703c", "p3": "#2f8f83", "p4": "#8b5fa8",
    "p5": "#b89a2c", "p6": "#b5485d", "p7": "#6d8f3c", "p8": "#8d9299",
    "awake": "#d0703c", "light": "#e3bf6a", "deep": "#c3d9e2", "dead": "#8d9299",
}  # fmt: skip
DARK = style.DARK | {
    "p1": "#6fa8d6", "p2": "#f09a63", "p3": "#54c8be", "p4": "#bb93d8",
    "p5": "#dcc25a", "p6": "#e6808f", "p7": "#a3c46a", "p8": "#7c838b",
    "awake": "#f09a63", "light": "#b98f35", "deep": "#28424f", "dead": "#5a6067",
}  # fmt: skip
PARTS = tuple(f"p{number}" for number in range(1, 9))

RULES = (
    "".join(f".{part}{{fill:var(--{part})}}" for part in PARTS)
    + """
.st-awake{fill:var(--awake)}.st-light-sleep{fill:var(--light)}.st-deep-sleep{fill:var(--deep)}.st-off{fill:var(--dead)}
.area{stroke:var(--paper);stroke-width:.7;stroke-linejoin:round}
.col.out{fill:var(--seen)}.col.in{fill:var(--sealed)}.col.flashed{fill:var(--quiet)}
.line{fill:none;stroke:var(--ink);stroke-width:1.5}
.wake{stroke:var(--sealed);stroke-width:1;fill:none;stroke-opacity:.65}
.boot{stroke:var(--bad);stroke-width:2;fill:none}
.fault{fill:var(--bad);fill-opacity:.3;stroke:var(--bad);stroke-width:1}
.under{fill:none;stroke:var(--bad);stroke-width:4;stroke-opacity:.75;stroke-linejoin:round;stroke-linecap:round}
.sent{fill:var(--seen);fill-opacity:.5;stroke:var(--seen);stroke-width:1}
.mapped{display:grid;grid-template-columns:minmax(0,660px) minmax(220px,1fr);gap:18px 34px;align-items:start}
.marks{list-style:none;margin:0 0 1.6em;padding:0;font-size:.92rem}
.marks li{display:grid;grid-template-columns:30px 1fr;gap:8px;align-items:baseline;margin:0 0 .7em}
.mark{justify-self:center;align-self:center}
.mark.track{width:22px;border-top:3px solid var(--truth)}
.mark.under{width:22px;border-top:5px solid var(--bad)}
.mark.sent{width:13px;height:13px;border:1.5px solid var(--seen);border-radius:50%}
.assumed{padding-left:1.1em}.assumed li{margin:.25em 0}
.two table{margin:.2em 0 .4em}
.two h3{margin-top:.2em}
@media (max-width:900px){.mapped{grid-template-columns:1fr}}
"""
)


def sheet() -> str:
    """The style sheet."""
    return style.sheet(style.BASE + RULES, LIGHT, DARK)
