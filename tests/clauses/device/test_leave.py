"""What may arrive, and how finely: CT-16, CT-39, CT-56, CT-57, TT-18, TT-20."""

from __future__ import annotations

from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Precision, Reading, Sensor, Stream
from cloud_sync.wire import codec, readings
from tests.clauses.clause import clause
from tests.clauses.device.device_world import ASKED, Unit
from tests.clauses.device.intake_world import parts, refused
from tests.clauses.made import HERE, Made, World
from tests.unit.cloud_sync.ingest.ingest_world import Tracker


def kind_of(world: World, tracker: Tracker, payload: bytes) -> str:
    """What becomes of one message."""
    return str(world.take(tracker, payload)[0].kind)


def reasons(world: World) -> list[str]:
    """Reasons of refusals at ingest, as the log has them."""
    return [entry["reason"] for entry in world.logged("ingest.refused")]


@clause("CT-16", engine="leave", left_out="the portal's page")
def test_ct_16(made: Made) -> None:
    """A yes at noon, taken back at one: a frame of a second later is refused, as is one that was waiting, and the device stops.

    Taking back is one act with the same evidence as giving.
    """
    world = made.world("ct", *ASKED)
    tracker, unit = world.tracker(), Unit(world)
    world.yes("u-1", "tracking")
    waiting = tracker.fixes([int(world.now) + 1800], place=HERE, precision=0)
    world.later(seconds=2)
    assert kind_of(world, tracker, tracker.fixes([int(world.now)], place=HERE, precision=0)) == Kind.STORED

    async def story(unit: Unit) -> None:
        await unit.contact()
        assert unit.rules.senses_location()
        await unit.wait(3600)
        world.withdraw("u-1", "tracking")
        await unit.wait(1)
        later = tracker.fixes([int(world.now)], place=HERE, precision=0, version=99)
        assert kind_of(world, tracker, later) == Kind.DENIED
        assert reasons(world)[-1] == "consent_missing"
        assert kind_of(world, tracker, waiting) in (Kind.BELOW_FLOOR, Kind.DENIED)
        await unit.contact()
        assert not unit.rules.senses_location() and unit.fix() == 0

    rows = world.rows()
    unit.run_story(story)
    assert world.rows() == rows + len([outcome for outcome in unit.outcomes if outcome.kind is Kind.STORED])
    assert unit.told()["location"] == []


def unlisted(tracker: Tracker, at: int, **sealing: int) -> bytes:
    """A frame that is sound, and carries one column more, as a firmware with a microphone or a modem's cell would send it."""
    epoch = at // EPOCH_SECONDS
    batch = codec.unpack(readings.pack_environment(Sensor.TEMPERATURE, 60, [Reading(at, 60, 215, None)], epoch))
    return tracker.seal(codec.pack([*batch, batch[-1]]), stream=Stream.ENVIRONMENT, epoch=epoch, **sealing)


@clause("CT-39", engine="screen")
def test_ct_39(made: Made) -> None:
    """A frame with mic_db is refused; place, temperature, light, motion and cell pass while their purpose is on, and not before."""
    world = made.world("ct", *ASKED)
    tracker, at = world.tracker(), int(world.now) // 60 * 60

    def frames() -> list[bytes]:
        return [
            tracker.fixes([at], place=HERE, precision=0, version=9),
            tracker.environment([(at, 215, None)], version=9),
            tracker.environment([(at, None, 27)], version=9),
            tracker.motion([(at, 1)], version=9),
        ]

    def cell() -> None:
        world.cloud.intake.take("cell_info", {"cell": "238-1-77-12", "signal": "-91"}, subject="u-1", source="api")

    assert [kind_of(world, tracker, each) for each in frames()] == [Kind.DENIED] * 4
    with refused(world, "consent_missing"):
        cell()
    world.yes("u-1", "tracking", "temperature_monitoring", "condition_monitoring", "theft_alarm", "coverage_fallback")
    assert [kind_of(world, tracker, each) for each in frames()] == [Kind.STORED] * 4
    cell()
    assert parts(world, "cell_info") == 1
    rows = world.rows()
    assert kind_of(world, tracker, unlisted(tracker, at, version=9)) == Kind.QUARANTINED
    assert reasons(world)[-1] == "quarantined" and world.rows() == rows


@clause("CT-56", engine="intake")
def test_ct_56(made: Made) -> None:
    """With the fallback off no frame has a cell or a signal, and none is taken from the network; with it on both come
    in, for thirty days.

    The wire has no field for them (X-16), so they come through the interface, from the network.
    """
    world = made.world("ct", *ASKED)
    unit = Unit(world)
    world.yes("u-1", "tracking")

    def network(n: int) -> None:
        fields = {"time": str(int(world.now) + n), "cell": f"238-1-77-{n}", "signal": "-91"}
        world.cloud.intake.take("cell_info", fields, subject="u-1", source="api")

    with refused(world, "consent_missing"):
        network(0)

    async def story(unit: Unit) -> None:
        await unit.contact()
        assert not unit.rules.senses(16)  # the bit of the cell
        await unit.frames(100)
        await unit.contact()

    unit.run_story(story)
    told = unit.told()["location"]
    assert len(told) == 100 and {len(entry) for entry in told} == {4}  # time, row, column, quality
    world.yes("u-1", "coverage_fallback")
    for n in range(100):
        network(n)
    assert parts(world, "cell_info") == 100
    world.later(days=30)
    world.sweep()
    assert parts(world, "cell_info") == 0


@clause("CT-57", engine="leave", left_out="the portal's page, the questions of the app")
def test_ct_57(made: Made) -> None:
    """A telephone that is there for the temperature alone is told to use no sensor of place or motion, and their
    frames are refused.
    """
    world = made.world("ct", *ASKED)
    phone, at = world.tracker(), int(world.now) // 60 * 60
    world.yes("u-1", "temperature_monitoring")
    allowed = world.cloud.permission("u-1")
    assert allowed.sensors == Sensor.TEMPERATURE and allowed.precision is Precision.NONE
    assert kind_of(world, phone, phone.environment([(at, 215, None)], version=9)) == Kind.STORED
    rows = world.rows()
    for payload in (
        phone.fixes([at], place=HERE, precision=0, version=9),
        phone.motion([(at, 1)], version=9),
        phone.environment([(at, None, 27)], version=9),
    ):
        assert kind_of(world, phone, payload) == Kind.DENIED
    assert world.rows() == rows and len(reasons(world)) == 3
    assert set(reasons(world)) <= {"consent_missing", "category_unknown"}


_POSITIONS = """[[rule]]
category = "session_place"
stream = "location"
sensors = ["gnss"]
fields = ["time", "lat", "lon", "quality"]
precision = "country"
purpose = ["condition_monitoring"]
basis = "contract"
retention = "P90D"
clock = "captured"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

"""
#: TT's profile with a rule of positions all the same: `location.precision` still says country.
WITH_POSITIONS = (
    ("receipt_required = true", "receipt_required = false"),
    *((f'  "location.{name}",\n', "") for name in ("time", "lat", "lon", "quality")),
    ("allowlist = [\n", 'allowlist = [\n"location.time", "location.lat", "location.lon", "location.quality",\n'),
    ('toggles = ["', 'toggles = ["gnss", "'),
    ('[[rule]]\ncategory = "motion"', f'{_POSITIONS}[[rule]]\ncategory = "motion"'),
)


@clause("TT-18", engine="directive", left_out="the agent's check, a country in the payload (X-16: none is sent)")
def test_tt_18(made: Made) -> None:
    """Of a hundred frames at F no position leaves the device, even with a rule of positions, and ingest refuses all that is finer.

    Wire version 1 has no form for a country (decisions 0016 and 0032), so none is taken from the device; that of a
    call comes in as two letters through the intake, and nothing within it does.
    """
    world = made.world("tt", *WITH_POSITIONS)
    unit, tracker, at = Unit(world), world.tracker(), int(world.now)

    async def story(unit: Unit) -> None:
        await unit.contact()
        await unit.frames(100)
        await unit.contact()

    unit.run_story(story)
    assert unit.told()["location"] == [] and unit.rules.directive.precision >= Precision.COUNTRY
    rows = world.rows()
    for precision in (Precision.EXACT, Precision.CELL_100M, Precision.CELL_1KM, Precision.CELL_10KM, Precision.REGION):
        fine = tracker.fixes([at // 3600 * 3600], place=HERE, precision=precision, version=9)
        assert kind_of(world, tracker, fine) == Kind.DENIED and reasons(world)[-1] == "precision_too_fine"
    assert world.rows() == rows
    take = world.cloud.intake.take
    take("country", {"from": "DK", "to": "RO"}, subject="u-1", source="generated")
    for within in ("DK-84", "55.676098,12.568337", "Copenhagen"):
        with refused(world, "precision_too_fine"):
            take("country", {"from": within, "to": "RO"}, subject="u-1", source="generated")
    assert parts(world, "country") == 1


@clause("TT-20", engine="intake", left_out="a country that the device derives from the mast (X-16: it reads no mast)")
def test_tt_20(made: Made) -> None:
    """Frames and records with mast, area and timing are refused, three of three; the device never asks for them, so
    none waits in it.
    """
    world = made.world("tt", ("receipt_required = true", "receipt_required = false"))
    unit, tracker, at = Unit(world), world.tracker(), int(world.now)
    assert kind_of(world, tracker, tracker.environment([(at, 215, None)], version=9)) == Kind.STORED
    for _ in range(3):
        assert kind_of(world, tracker, unlisted(tracker, at, version=9)) == Kind.QUARANTINED
    assert world.rows() == 1
    for field in ("cell", "lac", "timing_advance"):
        with refused(world, "category_unknown"):
            world.cloud.intake.take("traffic", {"time": "1200", field: "77"}, subject="u-1", source="generated")
    assert world.cloud.permission("u-1").sensors & Sensor.CELL == Sensor(0)

    async def story(unit: Unit) -> None:
        await unit.contact()
        assert not unit.rules.senses(16)
        await unit.frames(30)
        unit.sensors.close()
        assert 1 not in [entry.stream for entry in unit.spool.pending()]

    unit.run_story(story)
