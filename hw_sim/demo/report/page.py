"""The page: verdict, map, timeline, costs, promises, how to repeat. One file that asks nobody for anything."""

from __future__ import annotations

from hw_sim.demo.chronicle import Chronicle, Told
from hw_sim.demo.report import charts, maps, promises, style, timeline
from hw_sim.demo.report.closeup import close_look
from hw_sim.picture.document import document
from hw_sim.picture.geo import length_km
from hw_sim.picture.markup import Html, el, folded, join
from hw_sim.picture.words import amount, count, date, figure

ATTRIBUTION = (
    "The recorded bus trip contains public sector information of the UK Bus Open Data Service, licensed under the Open Government "
    "Licence v3.0."
)
NOT_SHOWN = (
    "Silicon is simulated: chips at register level; flash, radio and charge from their data sheets. No board was measured here.",
    "The server holds the keys for the controller. Flash, broker, database file and backups are blind; the server is not.",
    "The broker learns from headers and traffic: pseudonym, stream, day, counts, sizes, times, and that the directive changed.",
    "A device that is taken with its power on still has the open batch, its zones, and what it will seal from then on.",
)


def page(chronicle: Chronicle) -> str:
    """The whole document."""
    body = el(
        "body", _header(chronicle), _main(chronicle), _footer(chronicle), class_=None if chronicle.held else "broken"
    )
    return document(f"byleave: {verdict(chronicle)}", body, style.sheet())


def verdict(chronicle: Chronicle) -> str:
    """The headline."""
    if not chronicle.outcomes:
        return "No step ran, so nothing is shown"
    broken = [told for told in chronicle.outcomes if not told.holds]
    if broken:
        return f"A promise did not hold: {'; '.join(broken[0].broken) or broken[0].title}"
    return "Every promise held"


def _clause(chronicle: Chronicle) -> str:
    """What the headline adds when the run has shown it: how far, and that the link told nothing."""
    blind = any(told.step == "b" and told.holds and told.figures.get("finds") == 0 for told in chronicle.outcomes)
    if not (chronicle.held and blind and chronicle.fixes):
        return "."
    return f": {length_km(chronicle.track):.1f}\u00a0km driven, and nothing on the way told where."


def _header(chronicle: Chronicle) -> Html:
    name = el(
        "p",
        el("b", "byleave"),
        " · a tracker that does nothing but by your leave · the whole story, once",
        class_="kicker",
    )
    return el(
        "header",
        name,
        el("h1", el("span", verdict(chronicle), class_="verdict"), _clause(chronicle)),
        el("p", _lead(chronicle), class_="lead"),
        _facts(chronicle),
    )


def _lead(chronicle: Chronicle) -> Html:
    """What happened, in the words that the figures allow."""
    vehicle = "vehicle" if chronicle.own_drive else "bus"
    of_location = sum(1 for each in chronicle.mapped if each.stream == "location")
    ran = count(len(chronicle.outcomes), "step")
    said = (
        f"A recorded {vehicle} trip, driven by the unmodified firmware on a simulated board against a real broker and the real "
        f"server, in {ran} of virtual time. "
    )
    if not of_location or not chronicle.fixes:
        return join(said)
    fixes, envelopes = count(len(chronicle.fixes), "fix", "fixes"), count(of_location, "sealed envelope")
    coarse = chronicle.fixes[0].half_lat_e7 > 0
    return join(
        f"{said}{fixes} left the device in {envelopes}: the broker saw sizes and times, and a reader, for a purpose that the "
        f"person agreed to, saw {'cells, not places' if coarse else 'positions'}.",
    )


def _facts(chronicle: Chronicle) -> Html:
    """The few numbers that a person remembers; each only where it was measured."""
    figures = {told.step: told.figures for told in chronicle.outcomes}
    found: list[tuple[str, object]] = []
    leaked = figures.get("b", {}).get("finds")
    if leaked is not None:
        looked = figures["b"].get("needles")
        found.append((f"of {amount(looked)} encodings of the truth found in what passed the broker", leaked))
    if chronicle.bytes_a_fix:
        found.append(("bytes a fix on the link, sealed", f"{chronicle.bytes_a_fix:.1f}"))
    promised = [promise for told in chronicle.outcomes for promise in promises.of_step(told.step) if told.holds]
    found.append(("promises tried and held, each with a test of its own", len(promised)))
    days = (chronicle.outcomes[-1].end - chronicle.outcomes[0].start) / 86_400 if chronicle.outcomes else 0
    if chronicle.seconds:
        passed = f"{days:.0f} days" if days >= 2 else f"{days * 24:.1f} hours"
        found.append((f"of real time for {passed} of virtual time", f"{chronicle.seconds:.0f}\u00a0s"))
    return el("dl", *[el("div", el("dt", label), el("dd", amount(value))) for label, value in found], class_="facts")


def _main(chronicle: Chronicle) -> Html:
    times = timeline.section(chronicle)
    costs = [each for each in (charts.bytes_section(chronicle), charts.charge_section(chronicle)) if each is not None]
    return el(
        "main",
        _section(
            "map",
            "One drive, three views",
            "The same ground, seen by three. All maps are to one scale, north up.",
            maps.trio(chronicle),
            close_look(chronicle),
            maps.tables(chronicle),
        ),
        _section(
            "time",
            "What ruled, and when",
            "Each step has a time scale of its own, so that ten minutes stand beside months; // marks a long wait cut short.",
            times,
        )
        if times
        else None,
        _section("cost", "What it costs", None, el("div", *costs, class_="two")) if costs else None,
        _section(
            "promises",
            "The promises, and their evidence",
            "What each step measured in this run, and the tests that try the same without the demo.",
            _steps(chronicle),
        ),
        _section("repeat", "Repeat it", None, _repeat(chronicle)),
    )


def _section(name: str, title: str, words: str | None, *children: Html | None) -> Html:
    said = el("p", words) if words else None
    return el("section", el("h2", title, id=name), said, *children, aria_labelledby=name)


def _steps(chronicle: Chronicle) -> Html:
    return el("ol", *[_step(told) for told in chronicle.outcomes], class_="steps")


def _step(told: Told) -> Html:
    """One step: what was promised and tried, whether it held, what was measured."""
    tried = promises.of_step(told.step)
    state = el("p", "\u2713 held" if told.holds else "\u2717 broken", class_="state")
    broken = el("ul", *[el("li", each) for each in told.broken], class_="why") if told.broken else None
    words = el("ul", *[el("li", promise.words) for promise in tried], class_="promises") if tried else None
    names = [el("li", el("code", test)) for promise in tried for test in promise.tests]
    tests = (
        folded(f"{count(len(names), 'test that tries', 'tests that try')} this", el("ul", *names, class_="tests"))
        if names
        else None
    )
    pairs = [figure(name, value) for name, value in told.figures.items()]
    figures = el("dl", *[el("div", el("dt", label), el("dd", value)) for label, value in pairs], class_="figures")
    left = el("div", el("h3", told.title), state, broken, words, tests)
    return el(
        "li",
        el("span", told.step, class_="mark", aria_hidden="true"),
        left,
        figures,
        class_="step" if told.holds else "step no",
    )


def _repeat(chronicle: Chronicle) -> Html:
    seed = f"The seed of this run was {chronicle.seed}. " if chronicle.outcomes else ""
    return join(
        el("pre", el("code", "make demo"), tabindex=0, aria_label="command"),
        el(
            "p",
            "In a clone of the project, on a Debian or another Linux with Python 3.11 or later. It sets up what it needs, runs the "
            f"story and writes this page anew. {seed}With the same seed the receiver errs alike; keys are drawn afresh, so the "
            "sealed bytes differ from run to run.",
        ),
        folded(
            "What this page does not show",
            el("ul", *[el("li", words) for words in NOT_SHOWN]),
        ),
    )


def _footer(chronicle: Chronicle) -> Html:
    when = f"Virtual time: {date(chronicle.track[0][0])}, UTC." if chronicle.track else ""
    if chronicle.own_drive:
        note = el(
            "p",
            "This page holds the true track of a drive of your own, in full. Whoever gets the page gets the track.",
            class_="note",
        )
    else:
        note = el("p", ATTRIBUTION)
    return el(
        "footer",
        note,
        el("p", f"Drive: {chronicle.drive}. {when} This page asks nobody for anything: no script, no font, no tile."),
    )
