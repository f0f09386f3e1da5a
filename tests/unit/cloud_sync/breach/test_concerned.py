"""Who is concerned by an incident: by keys, by uses, by deliveries."""

from __future__ import annotations

import pytest

from cloud_sync.breach.concerned import NOBODY_READS
from cloud_sync.errors import ConfigError, LinkError
from cloud_sync.read.sources import LOCATION
from tests.unit.cloud_sync.disclosure.outlet_world import CLERK, HELPER, ME, NOON, Depot, ListSink, T, evidence

HOUR, DAY = 3_600.0, 86_400.0


def _people(depot: Depot, affected: str, **asked: object) -> tuple[str, ...]:
    made = depot.cloud.breaches.open(affected, by="dpo-1", **asked)  # type: ignore[arg-type]
    return depot.cloud.breaches.find(made.incident_id, by="dpo-1").people


@pytest.mark.parametrize("affected", ["key_encryption_key", "key_backup"])
def test_lost_keys_concern_everybody_who_had_some_in_that_time(depot: Depot, affected: str) -> None:
    """Two people with devices before it and one who has a record alone; of after it one of each."""
    depot.enrol("s-2")
    depot.cloud.records.put("billing", {"s-3": b"a bill"}, record_id="bill-1")
    depot.clock.at = NOON + HOUR
    until = depot.clock.at
    depot.clock.at += HOUR
    depot.enrol("s-4")
    depot.cloud.records.put("billing", {"s-5": b"a bill"}, record_id="bill-2")
    assert _people(depot, affected, happened_until=until) == ("s-1", "s-2", "s-3")
    assert _people(depot, affected) == ("s-1", "s-2", "s-3", "s-4", "s-5")


def test_whoever_left_and_was_erased_counts_while_their_data_may_be_kept(depot: Depot) -> None:
    """Their device was handed over, then they were erased: concerned while the longest term since could run, and not after."""
    depot.enrol("s-2")
    device = depot.cloud.database.devices_of("s-2")[0].device
    depot.cloud.hand_over(device, subject="s-3", settings={})
    longest = depot.clock.at + 366 * DAY  # twelve months, of the condition and the status
    depot.cloud.erase(subject="s-2")
    depot.clock.at = NOON + 800 * DAY
    assert _people(depot, "key_backup", happened_from=longest + DAY) == ("s-1", "s-3")
    assert _people(depot, "key_backup", happened_from=longest - 30 * DAY) == ("s-1", "s-2", "s-3")


def test_a_device_concerns_its_person(depot: Depot) -> None:
    """And nobody else; one that is unknown concerns nobody."""
    depot.enrol("s-2")
    assert _people(depot, "device", which=depot.tracker.name) == ("s-1",)
    assert _people(depot, "device", which="a" * 16) == ()


def test_a_staff_account_concerns_whose_data_it_read_in_that_time(depot: Depot) -> None:
    """One read before, one within, one denied: the one within."""
    cloud = depot.cloud
    other = depot.enrol("s-2")
    cloud.consent.give("s-2", "tracking", evidence("s-2"))
    depot.clock.at += 1
    depot.take(depot.tracker, [depot.tracker.fixes([T], version=1)])
    depot.take(other, [other.fixes([int(NOON)], version=1)])
    for subject in ("s-1", "s-2"):
        cloud.staff.open_ticket(f"t-{subject}", subject, by="desk")
        asked = {"purposes": ["tracking"], "categories": ["position"], "ticket": f"t-{subject}"}
        cloud.staff.open(HELPER, subject, by=HELPER, **asked)  # type: ignore[arg-type]
    read = {"actor": HELPER, "purpose": "tracking", "start": T, "end": NOON + HOUR}
    assert cloud.read_location(subject="s-1", **read)  # type: ignore[arg-type]
    depot.clock.at += HOUR / 2
    since = depot.clock.at
    depot.clock.at += 1
    assert cloud.read_location(subject="s-2", **read)  # type: ignore[arg-type]
    depot.clock.at += 1
    assert _people(depot, "staff", which="e-1", happened_from=since) == ("s-2",)
    assert _people(depot, "staff", which="e-1") == ("s-1", "s-2")
    assert _people(depot, "staff", which="e-2") == ()


def test_what_an_account_watched_live_counts_although_it_is_logged_later(depot: Depot) -> None:
    """Told within the time, logged when the subscription ended after it; one that was told nothing concerns nobody."""
    cloud, fixes = depot.cloud, [depot.tracker.fixes([T], version=1)]
    other = depot.enrol("s-2")
    cloud.consent.give("s-2", "tracking", evidence("s-2"))
    depot.clock.at += 1
    for subject in ("s-1", "s-2"):
        cloud.staff.open_ticket(f"t-{subject}", subject, by="desk")
        asked = {"purposes": ["tracking"], "categories": ["position"], "ticket": f"t-{subject}"}
        cloud.staff.open(HELPER, subject, by=HELPER, **asked)  # type: ignore[arg-type]
    live = {each: cloud.live_location(actor=HELPER, purpose="tracking", subject=each) for each in ("s-1", "s-2")}
    depot.clock.at += 10
    depot.take(depot.tracker, fixes)
    assert live["s-1"].take(0) is not None
    until = depot.clock.at
    depot.clock.at += 60
    for each in live.values():
        each.close()
    depot.clock.at += DAY
    assert other and _people(depot, "staff", which="e-1", happened_until=until) == ("s-1",)
    assert _people(depot, "staff", which="e-1", happened_from=depot.clock.at - HOUR) == ()


def test_a_recipient_concerns_everybody_of_whom_something_went_there(depot: Depot) -> None:
    """A delivery that was taken counts however old it is; one of after it does not, nor what another recipient got."""
    depot.feed()
    depot.cloud.sinks["carrier"] = ListSink()
    asked = {"actor": CLERK, "purpose": "tracking", "subject": "s-1", "recipient": "carrier", "start": 0, "end": NOON}
    depot.cloud.disclosures.deliver(LOCATION, **asked)  # type: ignore[arg-type]
    depot.clock.at += DAY
    assert _people(depot, "recipient", which="carrier", happened_from=depot.clock.at - HOUR) == ("s-1",)
    assert _people(depot, "recipient", which="police") == ()
    assert _people(depot, "recipient", which="carrier", happened_until=NOON - 1) == ()


def test_a_delivery_that_was_not_taken_concerns_nobody(depot: Depot) -> None:
    """The recipient refused the first part: the log has the attempt, with nothing in it."""
    depot.feed()
    depot.cloud.sinks["carrier"] = ListSink(refuse={0})
    asked = {"actor": CLERK, "purpose": "tracking", "subject": "s-1", "recipient": "carrier", "start": 0, "end": NOON}
    with pytest.raises(LinkError):
        depot.cloud.disclosures.deliver(LOCATION, **asked)  # type: ignore[arg-type]
    assert depot.cloud.disclosures.of("s-1") and depot.entries("gate.allowed")[-1]["count"] == 0
    assert _people(depot, "recipient", which="carrier") == ()


def test_a_database_without_keys_concerns_nobody_and_says_what_it_shows(depot: Depot) -> None:
    """No person is found, in the answer and in the letter; what stands in the clear is said."""
    depot.feed()
    made = depot.cloud.breaches.open("database", cause="stolen", by="dpo-1")
    found = depot.cloud.breaches.find(made.incident_id, by="dpo-1")
    assert found.people == () and found.sentence == NOBODY_READS
    letter = depot.cloud.breaches.letter(made.incident_id, "authority")
    assert "Nobody can be read" in letter and "pseudonyms" in letter


def test_whom_the_desk_names_is_concerned_too_and_once(depot: Depot) -> None:
    """Named twice and found besides, everybody stands there once."""
    made = depot.cloud.breaches.open("device", which=depot.tracker.name, by="dpo-1")
    for _ in range(2):
        found = depot.cloud.breaches.find(made.incident_id, by="dpo-1", also=["s-9", "s-1"])
    assert found.people == ("s-1", "s-9")
    assert depot.cloud.breaches.concerned(made.incident_id) == ["s-1", "s-9"]


def test_which_one_must_be_named(depot: Depot) -> None:
    """Without it nobody could be found."""
    for affected in ("device", "staff", "recipient"):
        with pytest.raises(ConfigError, match="name which one"):
            depot.cloud.breaches.open(affected, by="dpo-1")
        assert depot.cloud.breaches.open(affected, which="x-1", by="dpo-1")


def test_reading_ones_own_data_is_no_use_by_an_account_of_the_staff(depot: Depot) -> None:
    """What the person read themselves concerns them under their own name only."""
    depot.feed()
    assert depot.cloud.read_location(actor=ME, purpose="tracking", subject="s-1", start=0, end=NOON)
    assert _people(depot, "staff", which="e-1", happened_until=depot.clock.at) == ()
