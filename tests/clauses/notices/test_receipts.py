"""Who is told, when, and what waits for it."""

from __future__ import annotations

from typing import Final

from cloud_sync.model import PERSONAL_STREAMS, ConsentState, Sensor
from cloud_sync.model import Directive as Sent
from cloud_sync.policy.vocabulary import STREAM_SENSORS
from cloud_sync.wire.directive import to_wire
from tests.clauses.clause import clause
from tests.clauses.made import DAY, LEAD, SOON, T0, U1, Made, World
from tests.clauses.notices.notices_world import on_file, published
from tests.unit.cloud_sync.ingest.ingest_world import Tracker

from firmware.wire.directive import Directive  # isort: skip

EMPLOYEES: Final = tuple(f"u-{n}" for n in range(1, 51))


def _stored(made: Made) -> list[dict[str, object]]:
    """Twelve categories of CT about U1, from the device and from people, as their map of data has them."""
    world = made.world("ct")
    tracker = world.tracker()
    world.yes("u-1", "private_tracking")
    now = int(world.now)
    world.feed(tracker)
    stored = world.take(
        tracker, tracker.environment([(now, 217, 4321)]), tracker.motion([(now, 1)]), tracker.status(epoch=now // DAY)
    )
    assert {outcome.kind.value for outcome in stored} == {"stored"}
    kept = ("cell_info", "geofence", "account", "metadata", "support_case", "billing")
    on_file(world, "device_storage")
    for category in kept:
        on_file(world, category)
    return world.cloud.notices.data_map(actor=U1)


@clause("CT-03", engine="telling", left_out="the page of the portal and its address")
def test_ct_03(made: Made) -> None:
    """At least twelve stored categories, one row each with what, why, how long and who; nothing in any of them is empty."""
    rows = _stored(made)
    assert len(rows) >= 12 and len({row["category"] for row in rows}) == len(rows)
    parts = [row[name] for row in rows for name in ("what", "why", "how_long", "who")]
    assert all(isinstance(part, list) and part and all(part) for part in parts)


def _on_board(world: World, tracker: Tracker) -> Directive:
    """The newest directive that was sent since the last look, as the device itself reads it."""
    said = [tracker.open(sealed) for _, sealed in world.link.sent]
    world.link.sent.clear()
    return Directive.from_wire(to_wire([each for each in said if isinstance(each, Sent)][-1]))


@clause("TT-03", engine="receipts", left_out="the page on which the notice is read")
def test_tt_03(made: Made) -> None:
    """Without a receipt for 1.0/2022 the device is let sense nothing, so that nothing is sent; a frame that comes all the same is
    dropped. With it the sensors go on and frames stay, but for those from before it.
    """
    world = made.world("tt")
    tracker = world.tracker(told=False)
    world.take(tracker, tracker.status(epoch=int(world.now) // DAY))
    personal = [int(sensor) for stream in PERSONAL_STREAMS for sensor in STREAM_SENSORS[stream]]
    onboard = _on_board(world, tracker)
    assert not any(onboard.permits(sensor) for sensor in personal)
    frame = tracker.environment([(int(world.now) - 60, 217, 4321)])
    assert [outcome.kind.value for outcome in world.take(tracker, frame)] == ["denied"]
    assert world.logged("ingest.refused")[-1]["reason"] == "notice_missing"
    receipt = world.cloud.notices.receive("u-1", world.evidence("u-1", "opened"))
    assert (receipt.version, receipt.policy) == ("tt-1.0-2022", world.cloud.policy.hash)
    world.take(tracker, tracker.status(epoch=int(world.now) // DAY))  # more is only told to a device that asks
    after = _on_board(world, tracker)
    assert after.permits(int(Sensor.TEMPERATURE)) and after.permits(int(Sensor.MOTION))
    world.later(seconds=600)
    now = int(world.now)
    late, fresh = (tracker.environment([(time, 217, 4321)], version=after.version) for time in (now - 900, now))
    assert [outcome.kind.value for outcome in world.take(tracker, late, fresh)] == ["denied", "stored"]


@clause("TT-09", engine="receipts")
def test_tt_09(made: Made) -> None:
    """Fifty enrolled by their employer, twenty of whom react: after 30 days these have a receipt, and the rows of the other thirty
    are restricted; not a second before.
    """
    world = made.world("tt")
    with world.cloud.database.transaction():  # fifty people, one commit
        for subject in EMPLOYEES:
            on_file(world, "service", subject)
            world.cloud.notices.provided(subject, "employer-1")
    for subject in EMPLOYEES[:20]:
        world.cloud.notices.receive(subject, world.evidence(subject, "opened"))
    world.clock.at = T0 + 30 * DAY - 1
    world.cloud.notices.restrict_overdue()
    assert not any(map(world.cloud.restrictions.restricted, EMPLOYEES))
    world.later(seconds=1)
    world.cloud.sweep(clock_confirmed=True)
    told = [subject for subject in EMPLOYEES if world.cloud.notices.receipts(subject)]
    restricted = [subject for subject in EMPLOYEES if world.cloud.restrictions.restricted(subject)]
    assert (told, restricted) == (list(EMPLOYEES[:20]), list(EMPLOYEES[20:]))
    [part] = world.cloud.records.of("u-50")
    with world.denies("restricted"):
        world.cloud.records.read(part.record_id, actor=LEAD, purpose="telephony", subject="u-50")


@clause("MM-56", engine="changes", left_out="the banner on the site itself")
def test_mm_56(made: Made) -> None:
    """A longer term of one category is significant by the difference of the files: a banner for 30 days, and the consent to its
    purpose is open again while the other one stands.
    """
    world = made.world("mm")
    world.yes("u-1", "newsletter", "product_statistics")
    world.later(days=1)
    published(
        world,
        ('version = "2019-09-29"', 'version = "2026-01-16"'),
        ('basis = "consent"\nretention = "P0D"', 'basis = "consent"\nretention = "P30D"'),
    )
    desk = world.cloud.notices
    assert desk.published()[-1].changes == ("retention",) and desk.published()[-1].purposes == ("newsletter",)
    world.later(days=30, seconds=-SOON)
    banner = desk.banner()
    assert banner is not None and banner.purposes == ("newsletter",)
    world.later(seconds=SOON)
    assert desk.banner() is None
    states = {switch.purpose: switch.state for switch in world.cloud.consent.switches("u-1")}
    assert states == {"newsletter": None, "product_statistics": ConsentState.GIVEN}
    assert desk.owed("u-1") is not None


@clause("TT-57", engine="changes", left_out="the page of the site")
def test_tt_57(made: Made) -> None:
    """A new version is the one that is shown from its first second on, the older one can still be read, and somebody with an
    older receipt is owed one notice.
    """
    world = made.world("tt")
    world.tracker()
    [first] = world.cloud.notices.published()
    world.later(days=1)
    published(
        world,
        ('version = "1.0/2022"', 'version = "2.0/2026"'),
        ('version = "tt-1.0-2022"', 'version = "tt-2.0-2026"'),
        (
            'purpose = ["condition_monitoring"]\nbasis = "contract"\nretention = "P90D"',
            'purpose = ["condition_monitoring"]\nbasis = "contract"\nretention = "P120D"',
        ),
    )
    desk = world.cloud.notices
    assert "tt-2.0-2026" in desk.text() and "tt-1.0-2022" in desk.text(policy=first.policy)
    assert [(owed.subject, owed.version, owed.changes) for owed in desk.all_owed()] == [
        ("u-1", "tt-2.0-2026", ("retention",))
    ]
    desk.receive("u-1", world.evidence("u-1", "opened"))
    assert desk.all_owed() == []
