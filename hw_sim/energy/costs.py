"""The ledger of a run as a table, and what a contact and a fix cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hw_sim.picture.recording import Recording

MC_PER_MAH = 3600.0
LINKS = ("radio", "modem")


class Share(NamedTuple):
    """One row: charge in mAh, its share of all in percent, mean current in mA, seconds in the state, single acts."""

    part: str
    state: str
    mah: float
    percent: float
    mean_ma: float
    seconds: float
    events: int
    basis: str


class Cost(NamedTuple):
    """What one of so many costs, in mC: of the parts named, and of all the run's charge."""

    what: str
    number: int
    parts: str
    mc: float
    all_mc: float


def table(recording: Recording) -> list[Share]:
    """Rows by part and state, the largest charge first."""
    all_uc = sum(row.microcoulomb for row in recording.rows) or 1.0
    seconds = recording.seconds or 1.0
    rows = [
        Share(
            row.part,
            row.state,
            row.microcoulomb / 1000 / MC_PER_MAH,
            100 * row.microcoulomb / all_uc,
            row.microcoulomb / seconds / 1000,
            row.seconds,
            row.events,
            row.basis,
        )
        for row in recording.rows
    ]
    return sorted(rows, key=lambda row: (-row.mah, row.part, row.state))


def costs(recording: Recording) -> list[Cost]:
    """Per contact (a connection that was asked for) and per fix, as far as the run has had some.

    Fixes are those that the run's owner told (figure `fixes`); without, each time that the receiver had power counts as one.
    """
    parts, all_mc = recording.parts, recording.millicoulomb
    found = []
    contacts = recording.counts.get("contacts", len(recording.contacts))
    if contacts:
        links = [name for name in LINKS if parts.get(name)]
        found.append(_cost("contact", contacts, links, parts, all_mc))
    told = recording.figures.get("fixes")
    fixes = told if isinstance(told, int) and not isinstance(told, bool) else 0
    if fixes > 0:
        found.append(_cost("fix", fixes, ["gnss"], parts, all_mc))
    elif recording.counts.get("receiver power-ons"):
        found.append(_cost("start of the receiver", recording.counts["receiver power-ons"], ["gnss"], parts, all_mc))
    return found


def _cost(what: str, count: int, names: list[str], parts: dict[str, float], all_mc: float) -> Cost:
    own = sum(parts.get(name, 0.0) for name in names)
    return Cost(what, count, " and ".join(names) or "no link", own / count, all_mc / count)
