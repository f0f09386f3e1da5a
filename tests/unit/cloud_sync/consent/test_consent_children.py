"""Below the age of consent a parent answers, twice; above it nobody does but the person; and no birthday is kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from cloud_sync.consent.minors import Age, told
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentState, Precision, Reason, Sensor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import (
    BY_LETTER,
    DAY_S,
    PARENT,
    TEXT,
    Place,
    by,
    enrolled,
    reads,
    senses,
)

T = "tracking"
#: Tracking asks for sixteen, the rest for fourteen; Denmark for fifteen, the Netherlands for sixteen.
CHILDREN = """
[children]
policy_floor = { tracking = 16, other = 14 }
country_floor = { DK = 15, ES = 13, NL = 16, default = 16 }
"""
FLOORS = TEXT.replace("[rights]", f"{CHILDREN}\n[rights]", 1)
AGE = by("p-1", act="told_age")


def at(year: int, month: int, day: int) -> float:
    """Unix seconds of a day's beginning, UTC."""
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An installation on 15 January 2026."""
    made = Place(tmp_path, FLOORS)
    made.clock.at = at(2026, 1, 15) + 43_200
    return made


@pytest.fixture
def cloud(place: Place) -> Iterator[CloudSync]:
    """A server with a child of eleven who has a device."""
    with place.open() as opened:
        enrolled(opened)
        opened.ages.declare("s-1", date(2014, 5, 20), AGE)
        yield opened


def give(cloud: CloudSync) -> None:
    """A parent's yes, by both channels."""
    cloud.consent.confirm("s-1", T, PARENT)
    cloud.consent.confirm("s-1", T, BY_LETTER)


# The floor

BIRTHS = {
    "the day before the birthday": (date(2010, 1, 16), True),
    "the birthday": (date(2010, 1, 15), False),
    "born on a leap day, not yet sixteen": (date(2012, 2, 29), True),
}


@pytest.mark.parametrize("name", BIRTHS)
def test_the_floor_is_judged_to_the_day(place: Place, name: str) -> None:
    """CG-48: at fifteen years and 364 days a child, at sixteen not, when the age is told."""
    born, child = BIRTHS[name]
    with place.open() as cloud:
        cloud.ages.declare("s-1", born, AGE)
        assert cloud.ages.child("s-1", T) is child
        state = cloud.consent.give("s-1", T, by("s-1")).event_state
        assert state is (ConsentState.PENDING if child else ConsentState.GIVEN)


@pytest.mark.parametrize(
    ("country", "purpose", "floor"),
    [("DK", T, 16), ("DK", "theft_alarm", 15), ("NL", "theft_alarm", 16), ("BR", "theft_alarm", 16)],
)
def test_the_floor_is_the_higher_of_policy_and_country(place: Place, country: str, purpose: str, floor: int) -> None:
    """V-19: for each purpose and country, one year younger is a child and that old is none."""
    with place.open() as cloud:
        for years, child in ((floor - 1, True), (floor, False)):
            subject = f"s-{years}"
            cloud.ages.declare(subject, date(2026 - years, 1, 1), AGE, country=country)
            assert cloud.ages.child(subject, purpose) is child


def test_leap_day_births_reach_the_floor_on_the_first_of_march() -> None:
    """Born on 29 February, in a year without one the birthday is 1 March; the month is April then, never earlier."""
    assert told(date(2012, 2, 29), at(2028, 2, 28), "DK", 16).at_least == 15
    assert told(date(2012, 2, 29), at(2027, 2, 28), "DK", 15) == Age(at(2027, 2, 28), "DK", 14, 15, "2027-03")
    assert told(date(2012, 2, 29), at(2027, 3, 1), "DK", 15).month == ""


@pytest.mark.parametrize("born", [date(2026, 1, 16), date(1890, 1, 1)])
def test_an_impossible_birth_date_is_refused(cloud: CloudSync, born: date) -> None:
    """Born tomorrow, or 136 years ago: asked for again, nothing kept."""
    before = cloud.database.bounds_of("s-1")
    with pytest.raises(ConsentError, match="birth date"):
        cloud.ages.declare("s-1", born, AGE)
    assert cloud.database.bounds_of("s-1") == before


# No birthday (section 8 row 41)


def test_no_birthday_is_kept_anywhere(cloud: CloudSync, place: Place) -> None:
    """No file has the date; a month lies after the birthday, and of an adult not even the year."""
    cloud.ages.declare("s-2", date(1980, 7, 23), AGE)
    [child], [adult] = cloud.database.bounds_of("s-1"), cloud.database.bounds_of("s-2")
    assert (child.at_least, child.turns, child.month) == (11, 16, "2030-06")
    assert (adult.at_least, adult.turns, adult.month) == (16, 0, "")
    cloud.database.vacuum_erased()
    everything = b"".join(path.read_bytes() for path in (place.directory / "home").rglob("*") if path.is_file())
    assert b"2030-06" in everything  # so that the search can find
    for form in ("2014-05-20", "20140520", "1980-07-23", "2014-05", "1980"):
        assert form.encode() not in everything.replace(place.policy.read_bytes(), b""), form


def test_the_audit_log_has_no_age(cloud: CloudSync) -> None:
    """It says that an age was told, by whom, and of which record."""
    [entry] = cloud.audit.entries(kind="age.declared")
    assert (entry.event.actor, entry.event.subject) == ("p-1", "s-1")
    assert [key for key, _ in entry.event.detail] == ["record"]


def test_erasing_a_child_takes_the_month_and_makes_no_adult(cloud: CloudSync, place: Place) -> None:
    """Out of all files, out of a backup that is put back, and of a child without a device; the child stays one till told anew."""
    cloud.ages.declare("s-2", date(2013, 10, 2), AGE)
    cloud.database.vacuum_erased()
    database = place.config.database
    assert isinstance(database, Path)
    backup = database.read_bytes()
    assert b"2030-06" in backup and b"2029-11" in backup
    for subject in ("s-1", "s-2"):
        cloud.erase(subject=subject)
        assert cloud.ages.child(subject, T)
        with pytest.raises(ConsentError, match="somebody else corrects"):
            cloud.ages.declare(subject, date(1990, 1, 1), by(subject))
    cloud.close()
    assert not months_in(place)
    database.write_bytes(backup)
    with place.open() as again:
        assert not months_in(place)
        assert again.ages.child("s-1", T)
        place.clock.at += 1
        again.ages.declare("s-1", date(2014, 5, 20), AGE)
    with place.open() as again:
        assert months_in(place) == {"2030-06"}  # told after the erasure: it stands


def months_in(place: Place) -> set[str]:
    """Which of the two months are anywhere in the installation's files."""
    everything = b"".join(path.read_bytes() for path in (place.directory / "home").rglob("*") if path.is_file())
    return {month for month in ("2030-06", "2029-11") if month.encode() in everything}


# A parent, through a second channel


def test_one_channel_opens_nothing_and_the_second_does(cloud: CloudSync) -> None:
    """V-34: the first yes is pending, the gate stays closed; the second, by letter, gives, and the device may sense."""
    first = cloud.consent.confirm("s-1", T, PARENT)
    assert (first.event_state, first.entity_role) == (ConsentState.PENDING, "parent")
    assert not reads(cloud)
    assert senses(cloud)[0] == Sensor(0)
    second = cloud.consent.confirm("s-1", T, BY_LETTER)
    assert (second.event_state, second.entity_id) == (ConsentState.GIVEN, "p-1")
    assert reads(cloud)
    assert senses(cloud) == (Sensor.GNSS, Precision.CELL_1KM)


def test_the_coarser_of_both_answers_counts(cloud: CloudSync) -> None:
    """A parent who allows 10 km in the first answer has not allowed more in the second."""
    cloud.consent.confirm("s-1", T, PARENT, precision=Precision.CELL_10KM)
    assert cloud.consent.confirm("s-1", T, BY_LETTER).precision is Precision.CELL_10KM


def test_the_same_channel_twice_is_one_answer(cloud: CloudSync) -> None:
    """Whoever holds one channel does not confirm alone; another one is asked for, and then it is given."""
    cloud.consent.confirm("s-1", T, PARENT)
    with pytest.raises(ConsentError, match="another one"):
        cloud.consent.confirm("s-1", T, PARENT)
    assert not reads(cloud)
    cloud.consent.confirm("s-1", T, BY_LETTER)
    assert reads(cloud)


def test_another_persons_second_yes_does_not_complete_the_first(cloud: CloudSync) -> None:
    """Two different adults are two first answers."""
    cloud.consent.confirm("s-1", T, PARENT)
    other = by("p-2", channel="letter", act="signed_letter")
    assert cloud.consent.confirm("s-1", T, other).event_state is ConsentState.PENDING


def test_seven_days_later_it_begins_anew(cloud: CloudSync, place: Place) -> None:
    """To the second: at the end of pending_ttl the first answer is worth nothing, one second before it still is."""
    began = place.clock.at
    cloud.consent.confirm("s-1", T, PARENT)
    place.clock.at = began + 7 * DAY_S - 1
    assert cloud.ledger.state_at("s-1", T, place.clock.at).state is ConsentState.PENDING
    place.clock.at += 1
    assert cloud.ledger.state_at("s-1", T, place.clock.at).state is None
    assert cloud.consent.confirm("s-1", T, BY_LETTER).event_state is ConsentState.PENDING
    assert not reads(cloud)


def test_the_child_does_not_confirm_itself(cloud: CloudSync) -> None:
    """Neither with a second channel, nor after a wish of its own."""
    wish = cloud.consent.give("s-1", T, by("s-1"))
    assert (wish.event_state, wish.entity_role) == (ConsentState.PENDING, "data_subject")
    with pytest.raises(ConsentError, match="not the person"):
        cloud.consent.confirm("s-1", T, by("s-1", channel="letter"))
    assert not reads(cloud)


def test_a_childs_no_counts_against_the_parent(cloud: CloudSync) -> None:
    """Refused or withdrawn by the child: no parent reopens it; the child's own wish does."""
    cloud.consent.refuse("s-1", T, by("s-1", act="tapped_refuse"))
    with pytest.raises(ConsentError, match="said no"):
        cloud.consent.confirm("s-1", T, PARENT)
    cloud.consent.give("s-1", T, by("s-1"))
    give(cloud)
    assert reads(cloud)
    cloud.consent.withdraw("s-1", T, by("s-1", act="tapped_withdraw"))
    assert not reads(cloud)
    with pytest.raises(ConsentError, match="said no"):
        cloud.consent.confirm("s-1", T, PARENT)


def test_a_no_between_two_confirmations_stops_the_second(cloud: CloudSync) -> None:
    """The child refuses after the first: the second is refused."""
    cloud.consent.confirm("s-1", T, PARENT)
    cloud.consent.refuse("s-1", T, by("s-1", act="tapped_refuse"))
    with pytest.raises(ConsentError, match="said no"):
        cloud.consent.confirm("s-1", T, BY_LETTER)
    assert not reads(cloud)


def test_a_parent_withdraws_in_one_step(cloud: CloudSync) -> None:
    """One call, through any channel, where giving took two; and may confirm anew, as the child has not said no."""
    give(cloud)
    cloud.consent.withdraw("s-1", T, BY_LETTER)
    assert not reads(cloud)
    assert senses(cloud)[0] == Sensor(0)
    give(cloud)
    assert reads(cloud)


def test_nobody_confirms_for_whoever_is_of_age_or_unknown(cloud: CloudSync) -> None:
    """A parent's yes is no consent of an adult, nor of somebody whose age nobody told."""
    cloud.ages.declare("s-2", date(1980, 7, 23), AGE)
    for subject in ("s-2", "s-3"):
        with pytest.raises(ConsentError, match="answers alone"):
            cloud.consent.confirm(subject, T, PARENT)


# Safeguards (V-20)


def test_a_childs_position_is_never_finer_than_the_safeguards(cloud: CloudSync) -> None:
    """1 km at the device and at the gate, though the policy offers 100 m and the parent allows them."""
    cloud.consent.confirm("s-1", T, PARENT, precision=Precision.CELL_100M)
    record = cloud.consent.confirm("s-1", T, BY_LETTER, precision=Precision.CELL_100M)
    assert record.precision is Precision.CELL_1KM
    assert reads(cloud).precision is Precision.CELL_1KM
    fine = reads(cloud, precision=Precision.CELL_100M)
    assert (bool(fine), fine.reason) == (False, Reason.PRECISION_TOO_FINE)


def test_safeguards_hold_over_a_consent_from_before_the_age_was_known(tmp_path: Path) -> None:
    """At fifteen old enough for tracking and a child for marketing: their own yes stands, and is no finer than 1 km from now on."""
    floors = CHILDREN.replace("tracking = 16, other = 14", "marketing = 16, other = 14")
    with Place(tmp_path, TEXT.replace("[rights]", f"{floors}\n[rights]", 1)).open() as cloud:
        enrolled(cloud)
        cloud.consent.give("s-1", T, by("s-1"))
        assert (reads(cloud).precision, senses(cloud)[1]) == (Precision.CELL_100M, Precision.CELL_100M)
        cloud.ages.declare("s-1", date(2010, 7, 1), AGE)
        assert not cloud.ages.child("s-1", T)
        now = cloud.clock.now()
        assert cloud.ledger.covered("s-1", T, now, now).precision is Precision.CELL_1KM
        assert senses(cloud)[1] is Precision.CELL_1KM


def test_safeguards_hold_for_what_rests_on_a_contract(tmp_path: Path) -> None:
    """No consent, an order: the device senses 100 m for an adult and 1 km for a child."""
    text = TEXT.replace('purpose = ["tracking"]\nbasis = "consent"', 'purpose = ["tracking"]\nbasis = "contract"', 1)
    assert text != TEXT
    with Place(tmp_path, text).open() as cloud:
        for subject, born in (("s-1", date(1980, 1, 1)), ("s-2", date(2014, 5, 20))):
            enrolled(cloud, subject)
            cloud.ages.declare(subject, born, AGE)
        assert senses(cloud, "s-1") == (Sensor.GNSS, Precision.CELL_100M)
        assert senses(cloud, "s-2") == (Sensor.GNSS, Precision.CELL_1KM)


def test_a_childs_readings_end_after_thirty_days(cloud: CloudSync, place: Place) -> None:
    """retention_max: read on day 29, out on day 30, though the rule keeps ninety."""
    give(cloud)
    captured = place.clock.at
    place.clock.at = captured + 29 * DAY_S
    assert reads(cloud, captured_at=captured)
    place.clock.at = captured + 30 * DAY_S
    late = reads(cloud, captured_at=captured)
    assert (bool(late), late.reason) == (False, Reason.EXPIRED)


def test_marketing_is_closed_to_a_child_whoever_agrees(cloud: CloudSync) -> None:
    """With a parent's consent in force the gate still says no; the same request about an adult passes."""
    enrolled(cloud, "s-2")
    cloud.consent.give("s-2", "marketing", by("s-2"))
    assert reads(cloud, "s-2", "marketing")
    for evidence in (PARENT, BY_LETTER):
        cloud.consent.confirm("s-1", "marketing", evidence)
    denied = reads(cloud, "s-1", "marketing")
    assert cloud.ledger.open_now("s-1") == {"marketing": Precision.NONE}
    assert (bool(denied), denied.reason) == (False, Reason.CHILD_PROTECTED)


# At the floor


def test_at_the_floor_the_young_person_is_asked_anew(cloud: CloudSync, place: Place) -> None:
    """The parent's consent ends with the month; the young person may be asked, and their own yes opens, as finely as offered."""
    enrolled(cloud, "s-2")
    cloud.ages.declare("s-2", date(2010, 3, 10), AGE)
    for evidence in (PARENT, BY_LETTER):
        cloud.consent.confirm("s-2", T, evidence)
    place.clock.at = at(2026, 4, 1) - 1
    assert reads(cloud, "s-2")
    place.clock.at += 1
    assert not reads(cloud, "s-2")
    assert senses(cloud, "s-2")[0] == Sensor(0)
    standing = cloud.ledger.state_at("s-2", T, place.clock.at)
    assert (standing.state, standing.why) == (None, "the young person is of age, and is to be asked")
    cloud.sweep(clock_confirmed=True)
    assert cloud.ledger.records("s-2", T)[-1].channel == "age"
    cloud.consent.request("s-2", T, by("c-1", act="shown_notice"))
    with pytest.raises(ConsentError, match="answers alone"):
        cloud.consent.confirm("s-2", T, PARENT)
    cloud.consent.give("s-2", T, by("s-2"))
    assert reads(cloud, "s-2").precision is Precision.CELL_100M


# An age that is told late, or again


def test_a_consent_that_a_child_gave_before_its_age_was_known_never_held(cloud: CloudSync) -> None:
    """ST-12: told that s-2 is a child, the gate closes at once, for what was captured before as well."""
    enrolled(cloud, "s-2")
    cloud.consent.give("s-2", T, by("s-2"))
    assert reads(cloud, "s-2")
    cloud.ages.declare("s-2", date(2014, 5, 20), AGE)
    assert not reads(cloud, "s-2")
    assert senses(cloud, "s-2")[0] == Sensor(0)
    assert [record.event_state for record in cloud.ledger.records("s-2")] == [ConsentState.GIVEN, ConsentState.EXPIRED]
    captured = cloud.clock.now()
    for evidence in (PARENT, BY_LETTER):
        cloud.consent.confirm("s-2", T, evidence)
    assert not cloud.ledger.covered("s-2", T, captured - 1, captured)


def test_a_child_does_not_talk_itself_of_age(cloud: CloudSync) -> None:
    """The person makes themselves older, or moves to where less is asked: refused; a parent corrects it."""
    for born, country in ((date(1990, 1, 1), "DK"), (date(2014, 4, 1), "DK"), (date(2014, 5, 20), "ES")):
        with pytest.raises(ConsentError, match="somebody else corrects"):
            cloud.ages.declare("s-1", born, by("s-1"), country=country)
    cloud.ages.declare("s-1", date(2014, 6, 20), by("s-1"))  # younger than was known: anybody may say so
    assert cloud.ages.child("s-1", T)
    cloud.ages.declare("s-1", date(1990, 1, 1), AGE)
    assert not cloud.ages.child("s-1", T)


def test_what_was_known_survives_a_restart_and_cannot_be_rewritten(cloud: CloudSync, place: Place) -> None:
    """The rows are append-only in the file itself, and another start reads the same."""
    database = sqlite3.connect(str(place.config.database))
    for statement in (
        "UPDATE consent_bound SET record = '{}'",
        "UPDATE consent_bound SET subject = ''",
        "DELETE FROM consent_bound",
    ):
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            database.execute(statement)
    database.close()
    cloud.close()
    with place.open() as again:
        assert again.ages.child("s-1", T)


@pytest.mark.parametrize("no", ["refuse", "withdraw"])
def test_a_childs_own_no_is_kept_after_a_parents(cloud: CloudSync, no: str) -> None:
    """The parent says no first, or yes once; the child's own no is recorded all the same, and no parent overrules it later."""
    cloud.consent.refuse("s-1", T, PARENT)
    say = getattr(cloud.consent, no)
    assert say("s-1", T, by("s-1", act="tapped_no")).event_state is ConsentState.REFUSED
    with pytest.raises(ConsentError, match="said no"):
        cloud.consent.confirm("s-1", T, PARENT)
    with pytest.raises(ConsentError):  # once is enough, and a second no of the parent's adds nothing
        say("s-1", T, by("s-1", act="tapped_no"))
    cloud.consent.give("s-1", T, by("s-1"))
    give(cloud)
    cloud.consent.withdraw("s-1", T, PARENT)
    assert say("s-1", T, by("s-1", act="tapped_no")).event_state is ConsentState.WITHDRAWN
    with pytest.raises(ConsentError, match="said no"):
        cloud.consent.confirm("s-1", T, PARENT)


def test_a_child_withdraws_what_waits_for_the_second_yes(cloud: CloudSync) -> None:
    """A parent's first yes, or the child's own wish: withdrawn by the child it is a no, and the second yes is refused."""
    cloud.consent.confirm("s-1", T, PARENT)
    assert cloud.consent.withdraw("s-1", T, by("s-1", act="tapped_no")).event_state is ConsentState.REFUSED
    with pytest.raises(ConsentError, match="said no"):
        cloud.consent.confirm("s-1", T, BY_LETTER)
    assert len(cloud.consent.history("s-1")) == 1


def test_a_child_confirms_for_nobody(cloud: CloudSync) -> None:
    """A brother of fourteen, of age for all but tracking, is no parent; an adult is, and so is who never told an age."""
    cloud.ages.declare("s-2", date(2011, 5, 20), AGE)
    with pytest.raises(ConsentError, match="child too"):
        cloud.consent.confirm("s-1", T, by("s-2"))
    cloud.ages.declare("p-1", date(1980, 5, 20), AGE)
    assert cloud.consent.confirm("s-1", T, PARENT).event_state is ConsentState.PENDING


@pytest.mark.parametrize(
    ("days", "state"), [(90, ConsentState.GIVEN), (180, ConsentState.PENDING)], ids=["same", "wider"]
)
def test_a_first_yes_to_less_is_not_completed_under_a_policy_that_takes_more(
    tmp_path: Path, days: int, state: ConsentState
) -> None:
    """Between the two the file keeps positions for twice as long under the same notice: the second yes is a first one."""
    narrow = 'retention = "P90D"'
    assert narrow in FLOORS
    place = Place(tmp_path, FLOORS)
    place.clock.at = at(2026, 1, 15)
    with place.open() as cloud:
        cloud.ages.declare("s-1", date(2014, 5, 20), AGE)
        cloud.consent.confirm("s-1", T, PARENT)
    place.write(FLOORS.replace(narrow, f'retention = "P{days}D"', 1) + "\n# another file\n")
    with place.open() as cloud:
        assert cloud.consent.confirm("s-1", T, BY_LETTER).event_state is state
