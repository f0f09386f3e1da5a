"""How pages of a run look: one palette for light and one for dark, no font and no picture from anywhere else."""

from __future__ import annotations

from collections.abc import Mapping

# Ink on paper and three colours with one meaning each: the truth, what is sealed, what a reader sees. `bad` is for a broken promise
# alone. Contrast of every one of them with `paper` and `panel` is at least 4.5 (WCAG 2.2, 1.4.3), which a test computes.
LIGHT = {
    "paper": "#f7f5f0",
    "panel": "#fffefb",
    "ink": "#1c1e21",
    "quiet": "#5a5f66",
    "rule": "#d8d4ca",
    "truth": "#b3400e",
    "sealed": "#4a5260",
    "seen": "#0b6a66",
    "bad": "#b0122b",
    "given": "#cfe5e1",
    "leave": "#e6e2d8",
}
DARK = {
    "paper": "#121416",
    "panel": "#191c1f",
    "ink": "#ebe8e1",
    "quiet": "#a4a9af",
    "rule": "#363b40",
    "truth": "#ff9b5e",
    "sealed": "#a9b4c2",
    "seen": "#54c8be",
    "bad": "#ff808b",
    "given": "#17423f",
    "leave": "#2c3034",
}
TEXT_COLOURS = ("ink", "quiet", "truth", "sealed", "seen", "bad")

BASE = """
:root{--sans:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;
--serif:Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif;
--mono:ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 var(--sans);font-variant-numeric:tabular-nums}
main,header,footer{max-width:1084px;margin:0 auto;padding:0 20px}
header{padding-top:44px}
h1,h2,h3{font-family:var(--serif);font-weight:600;line-height:1.15;text-wrap:balance}
h1{font-size:clamp(2rem,1.2rem + 3.6vw,3.4rem);margin:.35em 0 .4em;letter-spacing:-.015em;max-width:20em}
h2{font-size:clamp(1.4rem,1.1rem + 1.2vw,1.9rem);margin:0 0 .3em;letter-spacing:-.01em}
h3{font-size:1.02rem;margin:0 0 .55em}
.lead{font-size:clamp(1.05rem,1rem + .3vw,1.2rem);max-width:44em;margin:0 0 1.6em}
.kicker{margin:0;color:var(--quiet);font-size:.92rem}
.kicker b{color:var(--ink);font-weight:650}
section{border-top:1px solid var(--rule);padding:30px 0 38px}
section>p{max-width:44em;margin:.2em 0 1.4em;color:var(--quiet)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:18px 28px;margin:0 0 34px;padding:0}
.facts div{border-top:2px solid var(--ink);padding-top:8px}
.facts dt{color:var(--quiet);font-size:.86rem;line-height:1.35}
.facts dd{margin:0;font-size:1.7rem;line-height:1.2;font-weight:600;letter-spacing:-.01em}
.facts div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
figure{margin:0}
figcaption{color:var(--quiet);font-size:.88rem;line-height:1.45;margin-top:.7em;max-width:56em}
.pic{display:block;width:100%;height:auto}
.panel .pic{background:var(--panel);outline:1px solid var(--rule)}
svg text{font:12px var(--sans);fill:var(--ink)}
svg .small{font-size:11px}
svg .quiet{fill:var(--quiet)}
svg .strong{font-weight:650}
svg .value{paint-order:stroke;stroke:var(--paper);stroke-width:4px;stroke-linejoin:round}
.track{fill:none;stroke:var(--truth);stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.end{fill:var(--truth);stroke:var(--panel);stroke-width:1.5}
.end.hollow{fill:var(--panel);stroke:var(--truth);stroke-width:2}
.dot{fill:var(--panel);stroke:var(--truth);stroke-width:1.2}
.furniture{fill:none;stroke:var(--quiet);stroke-width:1.2}
.arrow{fill:var(--quiet)}
.axis{fill:none;stroke:var(--rule);stroke-width:1}
.tick{stroke:var(--quiet);stroke-width:1;fill:none}
.narrow{display:none}
.hair{stroke:var(--quiet);stroke-width:.8;stroke-dasharray:2 3;fill:none}
.events{columns:2;column-gap:40px;margin:1.2em 0;padding-left:1.6em;font-size:.9rem}
.events li{break-inside:avoid;margin:.15em 0}
.events li::marker{font-weight:650}
.when{color:var(--quiet)}
.two{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:34px 44px}
.two .pic{max-width:420px}
.part{fill:var(--sealed)}.s1{fill-opacity:1}.s2{fill-opacity:.6}.s3{fill-opacity:.32}
details{margin:.8em 0;font-size:.9rem}
summary{cursor:pointer;color:var(--quiet);padding:.35em 0}
summary:hover{color:var(--ink)}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--seen);outline-offset:2px}
.scroll{overflow-x:auto;max-height:26em;overflow-y:auto;border:1px solid var(--rule);background:var(--panel)}
table{border-collapse:collapse;min-width:min(100%,30rem);font-size:.86rem}
th,td{text-align:left;vertical-align:top;padding:6px 12px;border-bottom:1px solid var(--rule)}
th{font-weight:600;color:var(--quiet);white-space:nowrap}
.n{text-align:right}
.sr{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:9px 22px;margin:0;align-content:start}
.figures div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.figures dt{color:var(--quiet);font-size:.8rem;line-height:1.3}
.figures dd{margin:0;font-weight:600;overflow-wrap:anywhere}
code{font:.92em var(--mono);overflow-wrap:anywhere}
pre{margin:.6em 0;padding:14px 16px;background:var(--panel);border:1px solid var(--rule);overflow-x:auto;font-size:.92rem}
pre code{overflow-wrap:normal}
footer{color:var(--quiet);font-size:.86rem;padding-bottom:48px}
footer p{max-width:56em}
.note{border-left:3px solid var(--truth);padding:2px 0 2px 14px;color:var(--ink)}
@media (max-width:900px){
.wide{display:none}.narrow{display:block}
.two{grid-template-columns:1fr}
}
@media (max-width:560px){
main,header,footer{padding-left:16px;padding-right:16px}
header{padding-top:26px}
.events{columns:1}
.facts{grid-template-columns:repeat(2,1fr);gap:14px 18px}
.facts dd{font-size:1.35rem}
.figures{grid-template-columns:repeat(2,minmax(0,1fr))}
}
@media print{body{background:none}.panel .pic,.scroll,pre{background:none}section{break-inside:avoid}}
"""


def sheet(rules: str, light: Mapping[str, str] = LIGHT, dark: Mapping[str, str] = DARK) -> str:
    """The style sheet; colours are set in one place for each scheme."""
    darkly = f"@media (prefers-color-scheme:dark){{:root{{{variables(dark)}}}}}"
    return f":root{{color-scheme:light dark;{variables(light)}}}\n{darkly}{rules}"


def variables(palette: Mapping[str, str]) -> str:
    """Colours as custom properties."""
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())
