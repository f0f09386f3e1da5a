"""The page of a run: what it was, where it went, what came when, what it cost. One file that asks nobody for anything."""

from __future__ import annotations

from pathlib import Path

from hw_sim.energy import battery as batteries
from hw_sim.energy.costs import costs
from hw_sim.energy.life import estimate
from hw_sim.picture import looks
from hw_sim.picture.bars import MC_PER_MAH, charge_bars, mah
from hw_sim.picture.document import document, put
from hw_sim.picture.map import map_section
from hw_sim.picture.markup import Child, Html, el, folded, join, table
from hw_sim.picture.recording import Recording
from hw_sim.picture.timeline import timeline
from hw_sim.picture.words import amount, clock, date, figure, span

CURRENTS_NOTE = (
    "From the data sheets\u2019 typical currents and the states of the simulated parts; no board was measured."
)
MOST_ROWS = 400  # of a table; a longer one says what it leaves out


def render(run: Recording) -> str:
    """The page as text. It depends on nothing but the recording: the same run gives the same page."""
    title = run.title or f"A run of {run.board or 'a board'}"
    body = el("body", _header(run, title), el("main", *_sections(run)), _footer(run))
    return document(f"{title}: a simulated run", body, looks.sheet())


def write(run: Recording, path: Path) -> int:
    """Writes the page, in a new folder if need be; its size in bytes. HwSimError says why it cannot be written."""
    return put(render(run), path, "page of the run")


def _header(run: Recording, title: str) -> Html:
    begin, end = run.unix_s(run.begin_s), run.unix_s(run.end_s)
    until = clock(end) if date(begin) == date(end) else f"{date(end)}, {clock(end)}"
    when = f"{date(begin)}, {clock(begin)} to {until} UTC: {span(run.seconds)} of virtual time; board {run.board}, seed {run.seed}"
    return el(
        "header",
        el("p", el("b", "byleave"), " \u00b7 a run on simulated silicon", class_="kicker"),
        el("h1", title),
        el("p", when, class_="lead"),
        el("dl", *[el("div", el("dt", words), el("dd", value)) for words, value in _facts(run)], class_="facts"),
    )


def _facts(run: Recording) -> list[tuple[str, str]]:
    """What a reader wants first."""
    facts: list[tuple[str, str]] = []
    if run.rows:
        facts += [("mean current", f"{run.average_ua / 1000:.3g}\u00a0mA"), ("charge used", mah(run.millicoulomb))]
    asleep = sum(sum(row) for name, row in run.over.states_s.items() if name.endswith("sleep"))
    known = sum(sum(row) for row in run.over.states_s.values())
    if known:
        facts.append(("of it asleep", f"{100 * asleep / known:.1f}\u00a0%"))
    if run.counts.get("contacts"):
        facts.append(("contacts with the network", amount(run.counts["contacts"])))
    facts.append(("bytes left the device", amount(run.counts.get("bytes up", 0))))
    if run.faults:
        facts.append(("faults on the way", amount(len(run.faults))))
    return facts


def _sections(run: Recording) -> list[Html]:
    times = timeline(run)
    where = map_section(run)
    found = [
        _section("map", "Where it went, and where it spoke", where) if where else None,
        _section("time", "What came when", times, _events(run)) if times else None,
        _section("charge", "Where the charge went", _charge(run)) if run.rows else None,
        _section("more", "What else was counted", _figures(run)),
    ]
    return [each for each in found if each is not None]


def _section(name: str, title: str, *children: Html | None) -> Html:
    return el("section", el("h2", title, id=name), *children, aria_labelledby=name)


def _events(run: Recording) -> Html:
    """What happened, as lists behind the picture."""
    faults: list[list[Child]] = [
        [
            _moment(run, fault.at_s),
            _moment(run, fault.until_s) if fault.until_s is not None else "not over",
            fault.name, fault.part, fault.detail,
        ]
        for fault in run.faults
    ]  # fmt: skip
    boots: list[list[Child]] = [[_moment(run, boot.at_s), boot.text] for boot in run.boots]
    marks: list[list[Child]] = [[_moment(run, mark.at_s), mark.text] for mark in run.marks]
    packets: list[list[Child]] = [
        [_moment(run, packet.at_s), "up" if packet.up else "down", packet.kind, packet.size] for packet in run.packets
    ]
    return join(
        _listed("Faults", ["from", "until", "fault", "part", "how"], faults, len(faults)),
        _listed("Starts", ["at", "after"], boots, run.counts.get("boots", len(boots))),
        _listed("Marks and console", ["at", "line"], marks, run.counts.get("marks", len(marks))),
        _listed("Packets", ["at", "way", "kind", "bytes"], packets, run.counts.get("packets", len(packets)), numbers=1),
    )


def _moment(run: Recording, at_s: float) -> str:
    unix_s = run.unix_s(at_s)
    return f"{date(unix_s)} {clock(unix_s, seconds=True)}"


def _listed(name: str, heads: list[str], rows: list[list[Child]], number: int, *, numbers: int = 0) -> Html | None:
    if not rows:
        return None
    shown = rows[:MOST_ROWS]
    more = f"; {number - len(shown)} more left out" if number > len(shown) else ""
    return table(f"{name} ({amount(number)}{more})", heads, shown, numbers=numbers)


def _charge(run: Recording) -> Html:
    charge: dict[str, dict[str, float]] = {}
    for row in run.rows:
        charge.setdefault(row.part, {})[row.state] = row.microcoulomb / 1000
    bars = charge_bars(charge, f"{mah(run.millicoulomb)} in {span(run.seconds)}, by part and state", CURRENTS_NOTE)
    return el("div", bars, _life(run), class_="two")


def _life(run: Recording) -> Html:
    """Batteries and costs beside the bars."""
    lives = [estimate(run, batteries.load(name)) for name in batteries.names()] if run.seconds else []
    rows: list[list[Child]] = [
        [life.battery, f"{life.days:.0f}" if life.days >= 10 else f"{life.days:.1f}", f"{life.usable_mah:.0f}"]
        for life in lives
    ]
    head = el(
        "tr",
        *[
            el("th", words, scope="col", class_="n" if at else None)
            for at, words in enumerate(("battery", "days", "mAh"))
        ],
    )
    body = [el("tr", *[el("td", cell, class_="n" if at else None) for at, cell in enumerate(row)]) for row in rows]
    each = [
        el(
            "div",
            el("dt", f"a {cost.what}, of {cost.parts} (whole board {cost.all_mc:.4g})"),
            el("dd", f"{cost.mc:.4g}\u00a0mC"),
        )
        for cost in costs(run)
    ]
    assumed = lives[0].assumptions if lives else ()
    return el(
        "div",
        el("h3", "On a battery, if the run went on for ever"),
        el("table", el("thead", head), el("tbody", *body)),
        folded(
            f"What is assumed, for {lives[0].battery}" if lives else "What is assumed",
            el("ul", *[el("li", words) for words in assumed], class_="assumed"),
        ),
        el("h3", "What one costs") if each else None,
        el("dl", *each, class_="figures") if each else None,
    )


def _figures(run: Recording) -> Html:
    pairs = [figure(name, value) for name, value in {**run.figures, **run.counts}.items()]
    worn: list[list[Child]] = [
        [row.label, row.sectors, row.programs, row.programmed_bytes, row.erases, row.most_worn]
        for row in run.flash
        if row.programs or row.erases or row.most_worn
    ]
    heads = ["partition", "sectors", "programs", "bytes", "erases", "most of one sector"]
    return join(
        el("dl", *[el("div", el("dt", label), el("dd", said)) for label, said in pairs], class_="figures"),
        table("Flash by partition, and its wear", heads, worn, numbers=5) if worn else None,
    )


def _footer(run: Recording) -> Html:
    track = (
        el(
            "p",
            "This page holds the true track of the drive, in full. Whoever gets the page gets the track.",
            class_="note",
        )
        if run.track
        else None
    )
    whole = f"{run.millicoulomb / MC_PER_MAH:.4g} mAh"
    said = f"The same board, firmware, drive and seed give the same run ({whole}). This page asks nobody for anything."
    return el("footer", track, el("p", said))
