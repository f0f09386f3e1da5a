"""How the report looks: the pages' palettes and rules, and what the story has of its own."""

from __future__ import annotations

from hw_sim.picture import style
from hw_sim.picture.style import DARK, LIGHT, TEXT_COLOURS

__all__ = ["DARK", "LIGHT", "RULES", "TEXT_COLOURS", "sheet"]

RULES = (
    style.BASE
    + """
.verdict{color:var(--seen)}
.broken .verdict{color:var(--bad)}
.trio{display:grid;grid-template-columns:repeat(3,minmax(0,1fr));gap:24px 12px;margin-bottom:16px}
.truth h3{color:var(--truth)}.sealed h3{color:var(--sealed)}.seen h3{color:var(--seen)}
.cell{fill:var(--seen)}
.c1{fill-opacity:.6}.c2{fill-opacity:.8}.c3{fill-opacity:1}
.cell.edge{fill-opacity:.13;stroke:var(--seen);stroke-width:1;stroke-opacity:.75}
.cross{fill:none;stroke:var(--seen);stroke-width:1.8}
svg .tally{fill:var(--seen)}
.bar{stroke:var(--sealed);stroke-width:1.4;fill:none}
.head{fill:var(--sealed)}
svg .hex{font:10.5px var(--mono);fill:var(--quiet)}
svg .clear{fill:var(--ink);font-weight:700;text-decoration:underline}
.key{display:inline-block;width:20px;height:9px;vertical-align:middle}
.key.line{height:0;border-top:2.5px solid var(--truth)}
.key.dot{width:8px;height:8px;border:1.5px solid var(--truth);border-radius:50%}
.key.square{width:14px;height:11px;border:1px solid var(--seen);background:var(--given)}
.key.cross{width:9px;height:9px;--bar:linear-gradient(var(--seen),var(--seen)) center;
background:var(--bar)/9px 2px no-repeat,var(--bar)/2px 9px no-repeat}
.close{margin:26px 0 0}
.strip{fill:var(--panel)}
.beside{display:grid;grid-template-columns:minmax(0,700px) minmax(200px,1fr);gap:14px 30px;align-items:start}
.keys{list-style:none;margin:0;padding:0}
.keys li{display:grid;grid-template-columns:26px 1fr;gap:8px;align-items:baseline;margin:0 0 .75em}
.key{justify-self:center;align-self:center}
.key.tally{width:auto;height:auto;color:var(--seen);font-size:.8rem}
.strips{gap:26px 24px}
.band.given{fill:var(--given)}.band.ended{fill:var(--leave)}.band.rule{fill:var(--leave)}.band.on{fill:var(--truth)}.band.nothing{fill:var(--rule)}
.gauge{fill:none;stroke:var(--ink);stroke-width:1.6;stroke-linejoin:round}
svg .on-nothing{fill:var(--quiet)}
svg .event{font-weight:650}
.cut{stroke:var(--quiet);stroke-width:1.2;fill:none}
.break{stroke:var(--rule);stroke-width:1;fill:none}
svg .letter{font:600 15px var(--serif)}
svg .bad{fill:var(--bad)}
svg .big{font-weight:650;fill:var(--seen)}
.steps{list-style:none;margin:0;padding:0}
.step{display:grid;grid-template-columns:2.4rem minmax(0,1.05fr) minmax(0,1.25fr);gap:6px 26px;
border-top:1px solid var(--rule);padding:20px 0 16px}
.step:first-child{border-top:0;padding-top:4px}
.step>.mark{font:600 1.7rem/1 var(--serif);color:var(--quiet)}
.step h3{margin:0 0 .35em;font-size:1.12rem}
.state{font-size:.9rem;font-weight:650;color:var(--seen);margin:0 0 .4em}
.step.no .state,.step.no .mark{color:var(--bad)}
.why{margin:.2em 0 .6em;padding-left:1.1em;color:var(--bad);font-weight:600}
.promises{margin:0;padding-left:1.1em;list-style:disc}
.promises li{margin:.2em 0}
.step details{margin:.5em 0 0}
.tests{margin:.2em 0;padding-left:1.1em;font-size:.82rem}
.own{fill:var(--seen)}.peer{fill:var(--sealed);fill-opacity:.75}
@media (max-width:900px){
.trio{grid-template-columns:1fr}
.trio figure{max-width:460px}
.narrow.strips{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(330px,100%),1fr))}
.beside{grid-template-columns:1fr}
.step{grid-template-columns:2rem minmax(0,1fr)}
.step>.figures{grid-column:2}
}
"""
)


def sheet() -> str:
    """The style sheet."""
    return style.sheet(RULES)
