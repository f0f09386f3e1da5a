"""Incidents: the clock from awareness, the authority's letter in time, people told at once where the risk is high."""

from __future__ import annotations

from cloud_sync.model.incidents import Party
from tests.clauses.clause import clause
from tests.clauses.made import HOUR, T0, Made, World, at

DESK = "dpo-1"


def _logged(world: World, kind: str, subject: str | None = None) -> list[tuple[float, str]]:
    """When, and to whom, by the audit log."""
    entries = world.cloud.audit.entries(subject, kind)
    return [(entry.event.at, str(dict(entry.event.detail)["role"])) for entry in entries]


@clause("MM-51", engine="breach desk")
def test_mm_51(made: Made) -> None:
    """Found at noon of the 15th: the letter to the authority is there at once and due by noon of the 18th, the sweep warns
    before and at it; the risk is high, so the next sweep asks for the people, of whom each gets their letter; all of it
    is in the log.
    """
    world = made.world("mm")
    breaches = world.cloud.breaches
    for subject in ("u-1", "u-2"):
        world.tracker(subject)
    world.later(hours=1)
    incident = breaches.open("key_backup", cause="stolen", known_at=T0, by=DESK)
    name = incident.incident_id
    assert incident.due[Party.AUTHORITY] == at("2026-01-18T12:00") == T0 + 72 * HOUR
    draft = breaches.letter(name, "authority")
    assert "2026-01-18T12:00:00Z" in draft and "u-1" not in draft
    # A risk that is not high tells nobody but the authority.
    assert Party.PERSONS not in breaches.assess(name, "risk", by=DESK).due
    breaches.assess(name, "high", by=DESK)
    world.cloud.sweep(clock_confirmed=True)
    assert _logged(world, "breach.alarm") == [(world.now, "persons")]
    assert breaches.find(name, by=DESK).people == ("u-1", "u-2")
    letters: dict[str, str] = {}
    breaches.tell_people(name, letters.__setitem__, by=DESK)
    assert letters.keys() == {"u-1", "u-2"} and not any("u-2" in text or "u-1" in text for text in letters.values())
    assert [_logged(world, "breach.told", subject) for subject in letters] == [[(world.now, "persons")]] * 2
    world.clock.at = T0 + 54 * HOUR
    world.cloud.sweep(clock_confirmed=True)
    assert _logged(world, "breach.alarm")[1:] == [(world.now, "authority")]
    breaches.told(name, "authority", by=DESK)
    assert (world.now, "authority") in _logged(world, "breach.told") and world.now < incident.due[Party.AUTHORITY]
    world.clock.at = T0 + 73 * HOUR
    world.cloud.sweep(clock_confirmed=True)
    assert _logged(world, "breach.late") == []


@clause("ST-54", engine="breach desk", left_out="the page with the contact")
def test_st_54(made: Made) -> None:
    """A report that came in at T0 and was filed half an hour later: the incident is open at once, in the register under the
    person's report and without their name, and the 72 hours run from T0; unanswered, the sweep says so when they are
    over.
    """
    world = made.world("st")
    world.tracker("u-1")
    world.later(hours=0.5)
    incident = world.cloud.breaches.report(by="u-1", known_at=T0)
    assert incident.opened_at - T0 <= HOUR
    assert incident.due[Party.AUTHORITY] == T0 + 72 * HOUR
    assert [each.incident_id for each in world.cloud.breaches.register()] == [incident.incident_id]
    assert all("u-1" not in repr(event) for event in world.cloud.breaches.events(incident.incident_id))
    for hours, late in ((71, 0), (72, 1)):
        world.clock.at = T0 + hours * HOUR
        world.cloud.sweep(clock_confirmed=True)
        assert len(_logged(world, "breach.late")) == late
