"""Reads: for a declared purpose, no finer than permitted, and never unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import AuditError, Denied
from cloud_sync.model import EPOCH_SECONDS, Actor, Fix, Precision, Reason, Stream
from cloud_sync.read.coarsen import coarsen
from cloud_sync.read.query import Query
from cloud_sync.wire import cells
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker, World

T = int(NOON) - 3600
ME = Actor("s-1", "data_subject")
QUERY = Query(ME, "tracking", "s-1", T, T + 60)
EVIDENCE = Evidence("s-1", "demo-1", "app", "tapped_withdraw", "en")


@pytest.fixture
def tracker(world: World) -> Tracker:
    """A device with consent since two hours and four fixes, ten seconds apart, in two envelopes."""
    world.clock.at = NOON - 7200
    tracker = world.enrol()
    world.consent()
    world.clock.at = NOON
    world.take(tracker, tracker.fixes([T, T + 10]), tracker.fixes([T + 20, T + 30]))
    return tracker


def test_a_read_for_the_purpose_returns_the_fixes_as_centres_of_their_cells(world: World, tracker: Tracker) -> None:
    """In order of time, at 100 m, and the read is in the audit log with its count."""
    fixes = world.reader.location(QUERY)
    assert [fix.time for fix in fixes] == [T, T + 10, T + 20, T + 30]
    cell = cells.cell_of(556_761_000, 125_683_000, Precision.CELL_100M)
    assert {(fix.lat_e7, fix.lon_e7) for fix in fixes} == {cells.centre_e7(*cell, Precision.CELL_100M)}
    assert {(fix.precision, fix.speed_dm_s, fix.course_deg) for fix in fixes} == {(Precision.CELL_100M, None, None)}
    event = world.audit.events[-1]
    assert (event.kind, event.actor, event.subject) == ("gate.allowed", "s-1", "s-1")
    assert {"purpose": "tracking", "count": 4, "action": "read"}.items() <= dict(event.detail).items()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"purpose": "marketing"}, Reason.PURPOSE_NOT_DECLARED),
        ({"purpose": ""}, Reason.PURPOSE_MISSING),
        ({"purpose": "Bob's free text"}, Reason.PURPOSE_NOT_DECLARED),
        ({"actor": Actor("c-1", "support")}, Reason.ROLE_NOT_PERMITTED),
        ({"actor": Actor("s-2", "data_subject")}, Reason.ROLE_NOT_PERMITTED),
        ({"subject": "s-9"}, Reason.DEVICE_UNKNOWN),
        ({"precision": Precision.EXACT}, Reason.PRECISION_TOO_FINE),
        ({"recipient": "somebody"}, Reason.ROLE_NOT_PERMITTED),
        ({"recipient": "unknown", "actor": Actor("c-1", "controller")}, Reason.RECIPIENT_NOT_LISTED),
    ],
)
def test_one_change_of_a_permitted_read_is_denied_with_its_reason_and_logged(
    world: World, tracker: Tracker, change: dict[str, object], reason: Reason
) -> None:
    """The query before it is allowed; the changed one raises Denied, and the log has the reason and no free text."""
    assert len(world.reader.location(QUERY)) == 4
    with pytest.raises(Denied) as denied:
        world.reader.location(replace(QUERY, **change))  # type: ignore[arg-type]
    assert denied.value.reason is reason
    event = world.audit.events[-1]
    assert (event.kind, dict(event.detail)["reason"], dict(event.detail)["count"]) == ("gate.denied", reason.value, 0)
    assert "Bob" not in str(event)


def test_a_disclosure_to_a_listed_recipient_is_allowed_field_by_field(world: World, tracker: Tracker) -> None:
    """The recipient of the demo policy gets time and place; quality is not in its list, so the whole record is denied."""
    controller = replace(QUERY, actor=Actor("c-1", "controller"), recipient="roadside_assistance")
    with pytest.raises(Denied) as denied:
        world.reader.location(controller)
    assert denied.value.reason is Reason.RECIPIENT_NOT_LISTED
    assert dict(world.audit.events[-1].detail)["recipient"] == "roadside_assistance"


def test_who_cannot_be_logged_cannot_read(world: World, tracker: Tracker) -> None:
    """An actor whose id is a name with a space gets nothing: a read that nobody can see does not happen."""
    query = replace(QUERY, actor=Actor("c-1", "controller"))
    assert len(world.reader.location(query)) == 4
    with pytest.raises(AuditError):
        world.reader.location(replace(query, actor=Actor("Bob Smith", "controller")))


def test_the_span_is_half_open_and_cuts_inside_an_envelope(world: World, tracker: Tracker) -> None:
    """From the second fix to before the fourth."""
    fixes = world.reader.location(replace(QUERY, start=T + 10, end=T + 30))
    assert [fix.time for fix in fixes] == [T + 10, T + 20]


def test_after_a_withdrawal_nothing_is_read_and_a_new_consent_does_not_call_it_back(
    world: World, tracker: Tracker
) -> None:
    """Withdrawn: denied. Given again: the old fixes stay out, new ones come in."""
    world.ledger.withdraw("s-1", "tracking", EVIDENCE)
    with pytest.raises(Denied) as denied:
        world.reader.location(QUERY)
    assert denied.value.reason is Reason.CONSENT_MISSING
    world.clock.at = NOON + 60
    world.consent()
    world.clock.at = NOON + 600
    later = int(NOON) + 300
    world.take(tracker, tracker.fixes([later]))
    assert [fix.time for fix in world.reader.location(replace(QUERY, end=NOON + 600))] == [later]


def test_what_a_person_has_narrowed_since_is_read_coarser(world: World, tracker: Tracker) -> None:
    """Stored at 100 m under a consent at 100 m; the person says 10 km: positions, times and quality coarsen along."""
    world.clock.at = NOON + 1
    world.consent(precision=Precision.CELL_10KM)
    fixes = world.reader.location(replace(QUERY, end=T + 3600))
    cell = cells.cell_of(556_761_000, 125_683_000, Precision.CELL_10KM)
    assert {(fix.lat_e7, fix.lon_e7) for fix in fixes} == {cells.centre_e7(*cell, Precision.CELL_10KM)}
    assert {(fix.precision, fix.time % 600, fix.quality) for fix in fixes} == {(Precision.CELL_10KM, 0, 14)}


def test_a_row_whose_key_is_gone_or_that_was_damaged_is_left_out(world: World, tracker: Tracker) -> None:
    """One bit of one row: its two fixes are missing, the others are there. Without the leaf: none."""
    [first, _] = world.database.envelopes(tracker.name, Stream.LOCATION, 0, 99_999)
    world.database.remove_envelopes([(first.id, first.digest)])
    damaged = first.payload[:-1] + bytes([first.payload[-1] ^ 1])
    world.database.add_envelopes([replace(first, payload=damaged)])
    assert [fix.time for fix in world.reader.location(QUERY)] == [T + 20, T + 30]
    world.store.destroy_leaves(tracker.name, Stream.LOCATION, 0, 99_999)
    assert world.reader.location(QUERY) == []


def test_fixes_of_all_devices_of_a_person_come_in_order_of_time(world: World, tracker: Tracker) -> None:
    """Two devices, interleaved; nobody else's."""
    other, stranger = world.enrol("b" * 16), world.enrol("c" * 16, "s-2")
    world.consent("s-2")
    world.clock.at = NOON + 3600
    world.take(other, other.fixes([T + 10, T + 40]))
    world.take(stranger, stranger.fixes([int(NOON) + 60]))
    fixes = world.reader.location(replace(QUERY, end=NOON + 3600))
    assert [fix.time for fix in fixes] == [T, T + 10, T + 10, T + 20, T + 30, T + 40]


def test_expired_fixes_are_not_read_even_before_the_sweep(world: World, tracker: Tracker) -> None:
    """At the end of the term of the first envelope the second one is still there."""
    world.clock.at = T + 90 * EPOCH_SECONDS
    assert [fix.time for fix in world.reader.location(QUERY)] == [T + 20, T + 30]


def test_coarsening_never_refines() -> None:
    """A coarser fix stays as it is; an exact one loses its side fields with its precision."""
    exact = Fix(T + 7, 556_761_000, 125_683_000, Precision.EXACT, 3, 120, 45)
    assert coarsen(exact, Precision.EXACT) is exact
    coarse = coarsen(exact, Precision.CELL_1KM)
    assert coarsen(coarse, Precision.CELL_100M) is coarse
    assert (coarse.time, coarse.quality, coarse.speed_dm_s, coarse.course_deg) == (T // 60 * 60, 10, None, None)
