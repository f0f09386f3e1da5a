"""Incidents: the record, its clocks, letters and the register."""

from __future__ import annotations

import threading

import pytest

from cloud_sync.breach import LettersLeft, telling
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.model.incidents import Party, Risk
from tests.unit.cloud_sync.disclosure.outlet_world import NOON, Depot

HOUR = 3_600.0


def _opened(depot: Depot, **more: object) -> str:
    asked = {"cause": "stolen", "happened_from": NOON - HOUR, "happened_until": NOON, "by": "dpo-1"}
    return depot.cloud.breaches.open("key_backup", **{**asked, **more}).incident_id  # type: ignore[arg-type]


def _alarms(depot: Depot) -> list[tuple[str, str]]:
    """(kind, party) of all alarms so far, in order."""
    kinds = ("breach.alarm", "breach.late")
    entries = [entry for kind in kinds for entry in depot.cloud.audit.entries(kind=kind)]
    return [(e.event.kind, str(dict(e.event.detail)["role"])) for e in sorted(entries, key=lambda entry: entry.index)]


def test_the_clocks_run_from_when_it_became_known(depot: Depot) -> None:
    """Entered ten hours later, the authority's 72 hours still count from the moment of awareness."""
    known = NOON - 10 * HOUR
    incident = depot.cloud.breaches.get(_opened(depot, happened_from=0.0, happened_until=known, known_at=known))
    assert dict(incident.due) == {Party.AUTHORITY: known + 72 * HOUR}
    assert incident.opened_at == NOON


def test_the_sweep_warns_before_the_deadline_and_at_it_and_once(depot: Depot) -> None:
    """Nothing at 53 hours, an alarm at 54, none again, and that it is late at 72."""
    _opened(depot)
    found = []
    for hours in (53, 54, 55, 71, 72, 73):
        depot.clock.at = NOON + hours * HOUR
        depot.cloud.sweep(clock_confirmed=True)
        found.append(len(_alarms(depot)))
    assert found == [0, 1, 1, 1, 2, 2]
    assert _alarms(depot) == [("breach.alarm", "authority"), ("breach.late", "authority")]


def test_a_deadline_does_not_wait_for_the_clock_to_be_confirmed(depot: Depot) -> None:
    """A sweep that halts, as the clock leapt, destroys nothing and warns all the same."""
    _opened(depot)
    depot.cloud.sweep()
    depot.clock.at = NOON + 80 * HOUR
    assert depot.cloud.sweep().halted
    assert _alarms(depot) == [("breach.late", "authority")]


def test_no_alarm_once_the_authority_was_told(depot: Depot) -> None:
    """Told in time, it is neither near nor late any more."""
    name = _opened(depot)
    depot.cloud.breaches.told(name, "authority", by="dpo-1")
    depot.clock.at = NOON + 73 * HOUR
    depot.cloud.sweep(clock_confirmed=True)
    assert _alarms(depot) == []


def test_a_high_risk_is_an_alarm_at_once_and_the_letters_end_it(depot: Depot) -> None:
    """People are told without delay: the next sweep warns, and after their letters nothing does."""
    breaches = depot.cloud.breaches
    name = _opened(depot)
    assert breaches.assess(name, "high", by="dpo-1").due[Party.PERSONS] == NOON + 72 * HOUR
    depot.cloud.sweep()
    assert _alarms(depot) == [("breach.alarm", "persons")]
    assert breaches.find(name, by="dpo-1").people == ("s-1",)
    letters: dict[str, str] = {}
    told = breaches.tell_people(name, letters.__setitem__, by="dpo-1")
    assert list(letters) == ["s-1"] and told.persons_told == 1 and not told.waits(Party.PERSONS)
    [entry] = depot.cloud.audit.entries("s-1", "breach.told")
    assert dict(entry.event.detail) == {"record": name, "role": "persons"}


def _three(depot: Depot) -> str:
    """An incident that concerns s-1, s-2 and s-3, and of which they are to be told."""
    for subject in ("s-2", "s-3"):
        depot.enrol(subject)
    name = _opened(depot, happened_until=depot.clock.at)
    depot.clock.at += 1
    depot.cloud.breaches.find(name, by="dpo-1", also=["s-2", "s-3"])
    depot.cloud.breaches.assess(name, "high", by="dpo-1")
    return name


def test_a_letter_that_is_not_taken_stops_nobody_else(depot: Depot) -> None:
    """The second of three fails: the others are told, it is named, and the next attempt is theirs alone."""
    breaches, name, taken = depot.cloud.breaches, _three(depot), list[str]()

    def but_one(subject: str, _letter: str) -> None:
        if subject == "s-2":
            raise OSError("away")
        taken.append(subject)

    with pytest.raises(LettersLeft, match="1 people were not told, and 2 were") as left:
        breaches.tell_people(name, but_one, by="dpo-1")
    assert left.value.untold == ("s-2",) and isinstance(left.value.__cause__, OSError)
    assert breaches.concerned(name, untold=True) == ["s-2"] and breaches.get(name).waits(Party.PERSONS)
    told = breaches.tell_people(name, lambda subject, _: taken.append(subject), by="dpo-1")
    assert taken == ["s-1", "s-3", "s-2"] and told.persons_told == 3 and not told.waits(Party.PERSONS)
    assert [(e.detail["count"], e.detail["left"]) for e in breaches.events(name) if e.kind == "breach.told"] == [
        (2, 1),
        (1, 0),
    ]


def test_a_server_that_hangs_lets_the_next_one_by(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first letter hangs, and is taken while the third is on its way: it counts, and is not sent again."""
    monkeypatch.setattr(telling, "PATIENCE_S", 0.2)
    breaches, name, taken, go = depot.cloud.breaches, _three(depot), list[str](), threading.Event()

    def slowly(subject: str, _letter: str) -> None:
        if subject == "s-1":
            go.wait(30)
        if subject == "s-3":
            go.set()
        taken.append(subject)

    told = breaches.tell_people(name, slowly, by="dpo-1")
    assert sorted(taken) == ["s-1", "s-2", "s-3"] and taken[0] == "s-2" and told.persons_told == 3


def test_who_hung_and_was_told_in_the_end_hangs_no_longer(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two may hang at once: the first is answered while the second waits, so that the third is tried, and frees the second."""
    monkeypatch.setattr(telling, "PATIENCE_S", 0.2)
    monkeypatch.setattr(telling, "MOST_HANGING", 2)
    breaches, name, go = depot.cloud.breaches, _three(depot), [threading.Event(), threading.Event()]

    def slowly(subject: str, _letter: str) -> None:
        number = int(subject[-1]) - 1
        if number:
            go[number - 1].set()
        if number < 2:
            go[number].wait(30)

    assert breaches.tell_people(name, slowly, by="dpo-1").persons_told == 3


def test_a_server_that_never_answers_ends_the_round(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many as may hang nobody else is tried, and all are named."""
    monkeypatch.setattr(telling, "PATIENCE_S", 0.02)
    monkeypatch.setattr(telling, "MOST_HANGING", 2)
    breaches, name, tried, go = depot.cloud.breaches, _three(depot), list[str](), threading.Event()

    def never(subject: str, _letter: str) -> None:
        tried.append(subject)
        go.wait(30)

    with pytest.raises(LettersLeft) as left:
        breaches.tell_people(name, never, by="dpo-1")
    go.set()
    assert left.value.untold == ("s-1", "s-2", "s-3") and tried == ["s-1", "s-2"]


def test_a_way_out_that_takes_nothing_is_not_tried_for_everybody(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many in a row that were not taken."""
    monkeypatch.setattr(telling, "MOST_IN_A_ROW", 2)
    name, tried = _three(depot), list[str]()

    def refused(subject: str, _letter: str) -> None:
        tried.append(subject)
        raise OSError("away")

    with pytest.raises(LettersLeft):
        depot.cloud.breaches.tell_people(name, refused, by="dpo-1")
    assert tried == ["s-1", "s-2"]


def test_after_the_term_it_says_why(depot: Depot) -> None:
    """A late notification gives its reason, and the letter has it; one in time has none."""
    name = _opened(depot)
    depot.clock.at = NOON + 73 * HOUR
    with pytest.raises(ConfigError, match="say why it is told late"):
        depot.cloud.breaches.told(name, "authority", by="dpo-1")
    depot.cloud.breaches.told(name, "authority", by="dpo-1", late="facts_unknown")
    assert "told late because the facts were not known enough" in depot.cloud.breaches.letter(name, "authority")


def test_what_is_not_done_cannot_be_closed(depot: Depot) -> None:
    """Closing names what is missing; once it is done it closes, and nothing is added after that."""
    breaches, name = depot.cloud.breaches, _opened(depot)

    def missing(what: str) -> None:
        with pytest.raises(ConfigError, match=what):
            breaches.close(name, by="dpo-1")

    missing("risk was not assessed")
    breaches.assess(name, "risk", by="dpo-1")
    missing("authority")
    breaches.assess(name, "high", by="dpo-1")
    breaches.told(name, "authority", by="dpo-1")
    missing("persons")
    breaches.assess(name, "unlikely", by="dpo-1")
    assert breaches.close(name, by="dpo-1").closed_at == depot.clock.at
    with pytest.raises(ConfigError, match="closed"):
        breaches.measure(name, "keys_rotated", by="dpo-1")


def test_an_unlikely_risk_needs_no_authority(depot: Depot) -> None:
    """GDPR Art. 33(1): it is closed without, and stands in the register."""
    name = _opened(depot)
    depot.cloud.breaches.assess(name, "unlikely", by="dpo-1")
    assert depot.cloud.breaches.close(name, by="dpo-1").told == {}


def test_an_exemption_ends_the_duty_to_tell_people(depot: Depot) -> None:
    """Of the three grounds of Art. 34(3) one is named, and the incident closes without letters."""
    breaches, name = depot.cloud.breaches, _opened(depot)
    breaches.assess(name, "high", by="dpo-1")
    breaches.told(name, "authority", by="dpo-1")
    breaches.exempt(name, "unreadable", by="dpo-1")
    assert breaches.close(name, by="dpo-1").due.keys() == {Party.AUTHORITY}


def test_the_register_has_what_was_not_reported_too_and_nobody_rewrites_it(depot: Depot) -> None:
    """Two incidents, of which one was never reported, stand in it after a restart; rows can be neither changed nor removed."""
    quiet, loud = _opened(depot), _opened(depot)
    depot.cloud.breaches.assess(quiet, "unlikely", by="dpo-1")
    depot.cloud.breaches.close(quiet, by="dpo-1")
    depot.cloud.breaches.told(loud, "authority", by="dpo-1")
    depot.cloud.close()
    depot.cloud = depot.open()
    found = {each.incident_id: each for each in depot.cloud.breaches.register()}
    assert found.keys() == {quiet, loud} and found[quiet].told == {} and found[quiet].risk is Risk.UNLIKELY
    for statement in ("DELETE FROM incident_event", "UPDATE incident_event SET detail = ''"):
        with pytest.raises(StoreError):
            depot.cloud.database.run(statement)


def test_its_own_term_ends_a_closed_incident(depot: Depot) -> None:
    """Three years of the audit log's rule after closing it is gone; one that is open stays."""
    over, open_ = _opened(depot), _opened(depot)
    depot.cloud.breaches.assess(over, "unlikely", by="dpo-1")
    depot.cloud.breaches.close(over, by="dpo-1")
    depot.clock.at = NOON + 2 * 366 * 24 * HOUR
    assert depot.cloud.breaches.end_terms() == 0
    depot.clock.at = NOON + 3 * 366 * 24 * HOUR
    assert depot.cloud.breaches.end_terms() == 1
    assert [each.incident_id for each in depot.cloud.breaches.register()] == [open_]


def test_letters_hold_nothing_of_others(depot: Depot) -> None:
    """No pseudonym, device, account or reference stands in a person's letter, and no pseudonym in the authority's."""
    breaches = depot.cloud.breaches
    made = breaches.open("staff", which="e-1", cause="abused", by="dpo-1", reference="file-77", categories=["position"])
    breaches.measure(made.incident_id, "account_closed", "account_closed", by="dpo-1")
    breaches.find(made.incident_id, by="dpo-1", also=["s-1", "s-2"])
    person = breaches.letter(made.incident_id, "persons")
    assert "the account was closed." in person and "It concerns this of you:" in person
    for word in ("s-1", "s-2", "e-1", "dpo-1", "file-77", made.incident_id, depot.tracker.name):
        assert word not in person, word
    authority = breaches.letter(made.incident_id, "authority")
    assert "People concerned: 2." in authority and "file-77" in authority
    assert not any(word in authority for word in ("s-1", "s-2", "e-1", depot.tracker.name))


def test_who_reported_is_forgotten_with_them(depot: Depot) -> None:
    """A person tells of an abuse: the register has that a person did, and after their erasure nothing leads to them."""
    incident = depot.cloud.breaches.report(by="s-1")
    assert [e.event.actor for e in depot.cloud.audit.entries(kind="breach.opened")] == ["s-1"]
    assert [each.actor for each in depot.cloud.breaches.events(incident.incident_id)] == [""]


def test_an_erasure_takes_the_person_out_and_leaves_the_incident(depot: Depot) -> None:
    """Whoever was found and erased since is in no list; how many there were still stands."""
    name = _opened(depot)
    depot.cloud.breaches.find(name, by="dpo-1")
    depot.cloud.erase(subject="s-1")
    assert depot.cloud.breaches.concerned(name) == [] and depot.cloud.breaches.get(name).concerned == 1


def test_what_makes_no_sense_is_refused_with_a_sentence(depot: Depot) -> None:
    """Each changes one thing of an incident that opens."""
    changes = (
        ({"known_at": NOON + 1}, "time to come"),
        ({"happened_from": NOON + 1}, "from one moment to another"),
        ({"cause": "bad luck"}, "write one of lost"),
        ({"categories": ["shoe_size"]}, "no category of the policy"),
        ({"reference": "Mrs Smith, 12 High Street"}, "no identifier"),
    )
    assert _opened(depot)
    for change, sentence in changes:
        with pytest.raises(ConfigError, match=sentence):
            _opened(depot, **change)
    assert len(depot.cloud.breaches.register()) == 1


def test_whoever_is_found_after_the_letters_gets_one_before_it_closes(depot: Depot) -> None:
    """Letters went to one, and another was found since: people are to be told again, and it closes once they were."""
    breaches = depot.cloud.breaches
    name = breaches.open("device", which=depot.tracker.name, by="dpo-1").incident_id
    breaches.assess(name, "high", by="dpo-1")
    breaches.told(name, "authority", by="dpo-1")
    letters: dict[str, str] = {}
    breaches.find(name, by="dpo-1")
    breaches.tell_people(name, letters.__setitem__, by="dpo-1")
    assert not breaches.get(name).waits(Party.PERSONS)
    breaches.find(name, by="dpo-1", also=["s-9"])
    assert breaches.get(name).waits(Party.PERSONS) and breaches.concerned(name, untold=True) == ["s-9"]
    with pytest.raises(ConfigError, match="persons"):
        breaches.close(name, by="dpo-1")
    breaches.tell_people(name, letters.__setitem__, by="dpo-1")
    assert list(letters) == ["s-1", "s-9"] and breaches.close(name, by="dpo-1").closed_at is not None


@pytest.mark.parametrize("known", [float("nan"), float("-inf"), -1.0])
def test_awareness_is_a_moment(depot: Depot, known: float) -> None:
    """What is none would make a clock that never runs out; the moment now is one."""
    assert depot.cloud.breaches.open("database", known_at=depot.clock.at, by="dpo-1").known_at == depot.clock.at
    with pytest.raises(ConfigError, match="known"):
        depot.cloud.breaches.open("database", known_at=known, by="dpo-1")


def test_a_beginning_that_nobody_knows_is_said_so(depot: Depot) -> None:
    """No letter says that it began in 1970; one with a beginning names it."""
    letter = depot.cloud.breaches.letter
    name = depot.cloud.breaches.open("key_backup", cause="stolen", by="dpo-1").incident_id
    assert "1970" not in letter(name, "authority") and "since when is not known" in letter(name, "persons")
    named = _opened(depot, happened_from=NOON - HOUR, happened_until=NOON)
    assert "between 2026-" in letter(named, "authority")
