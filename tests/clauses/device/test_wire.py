"""What lies between a device and the store: CT-11, CT-12, CT-18, CT-26, MM-25."""

from __future__ import annotations

import base64
import logging
import os
import struct

from typer.testing import CliRunner

from cloud_sync.cli import policy as policy_cli
from cloud_sync.ingest import pipeline
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Reading, Sensor, Stream
from cloud_sync.wire import codec, readings
from tests.clauses.clause import clause
from tests.clauses.device.device_world import ASKED, Unit
from tests.clauses.device.intake_world import raw
from tests.clauses.made import DPO, E1, E2, HERE, LAT, LON, SERVICE, U2, H, Made, P, World
from tests.unit.cloud_sync.ingest.ingest_world import Tracker

PERSON = {"name": "Anna Maria Example", "email": "anna@person.example", "phone": "+4520304050"}
NUMBERS = ("356938035643809", "238011234567890")  # IMEI, IMSI


def needles() -> list[bytes]:
    """F's place in every form that a frame could have it in: text, whole numbers of 1e-5 and 1e-7 degrees, floats."""
    numbers = [number for place in (LAT, LON) for number in (round(place * 1e5), round(place * 1e7))]
    packed = [struct.pack(form, number) for number in numbers for form in (">i", "<i")]
    floats = [struct.pack(form, place) for place in (LAT, LON) for form in (">d", "<d", ">f", "<f")]
    return [*packed, *floats, *(str(place)[:6].encode() for place in (LAT, LON))]


@clause("CT-11", engine="sealing", left_out="the agent's link")
def test_ct_11(made: Made) -> None:
    """A thousand times F on its way, in fifty envelopes at least: none has the place in any form, and with one bit flipped
    none is taken.
    """
    world = made.world("ct", *ASKED)
    world.yes("u-1", "tracking")
    unit = Unit(world)

    async def story(unit: Unit) -> None:
        await unit.contact()
        await unit.frames(1_000, every_s=1)
        await unit.contact()

    unit.run_story(story)
    assert len(unit.told()["location"]) == 1_000 and unit.stored() >= 50
    captured = b"".join(unit.published)
    assert not [needle for needle in (*needles(), unit.name.encode()) if needle in captured]
    rows, topic = world.rows(), f"bl/1/{unit.name}/up"
    for n, envelope in enumerate(unit.published):
        damaged = bytearray(envelope)
        damaged[-1 - n % 8] ^= 1 << n % 8  # of the tag, or of what it seals
        assert [outcome.kind for outcome in world.cloud.handle([(topic, bytes(damaged))])] == [Kind.NOT_AUTHENTIC]
    whole = unit.published[-1]
    for bit in range(0, 8 * len(whole), 5):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (outcome,) = world.cloud.handle([(topic, bytes(damaged))])
        assert outcome.kind not in (Kind.STORED, Kind.KEPT_APART, Kind.REPEATED), bit
    assert world.rows() == rows


@clause("CT-12", engine="gate")
def test_ct_12(made: Made) -> None:
    """Ten thousand fixes and the person's account in one installation: its files tell neither name nor number, and the
    account opens to the protection officer alone, where the policy lets nobody else in.
    """
    read = 'actions = ["read"]\npurposes = ["rights_handling"]'
    world = made.world(
        "ct",
        ('actions = ["read"]\npurposes = ["support", "account"]', 'actions = ["read"]\npurposes = ["support"]'),
        ('purposes = ["support", "account", "diagnosis"', 'purposes = ["support", "diagnosis"'),
        (f"[[roles.dpo]]\n{read}", '[[roles.dpo]]\nactions = ["read"]\npurposes = ["rights_handling", "account"]'),
    )
    tracker = world.tracker()
    account = world.cloud.intake.take("account", PERSON, subject="u-1", source="website")
    for number in NUMBERS:
        world.cloud.intake.take("metadata", {"device_id": number}, subject="u-1", source="app")
    assert len(world.feed(tracker, 10_000, step=4)) == 10_000
    dump = raw(world)
    assert len(dump) > 100_000
    assert not [text for text in (*PERSON.values(), *NUMBERS) if text.encode() in dump]
    for actor in (U2, H, P, E1, E2, SERVICE):
        with world.denies("role_not_permitted"):
            world.cloud.records.read(account, actor=actor, purpose="account", subject="u-1")
    opened = world.cloud.records.read(account, actor=DPO, purpose="account", subject="u-1")
    assert PERSON["email"].encode() in opened


@clause("CT-18", engine="commit", left_out="the agent's spool")
def test_ct_18(made: Made) -> None:
    """Killed with a hundred frames received and not committed: nothing is half there, and sent again each is there once."""
    world = made.world("ct")
    tracker, first = world.tracker(), int(world.now) - 1_000
    sealed = [tracker.fixes([first + 10 * n], place=HERE, precision=0) for n in range(100)]
    world.close()
    child = os.fork()
    if child == 0:  # its process ends inside the transaction, with the rows written
        pipeline.Notes.append_to = lambda *_: os._exit(9)  # type: ignore[method-assign]
        try:
            world.open()
            world.take(tracker, *sealed)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    world.open()
    assert world.rows() == 0
    assert {outcome.kind for outcome in world.take(tracker, *sealed)} == {Kind.STORED} and world.rows() == 100
    assert {outcome.kind for outcome in world.take(tracker, *sealed)} == {Kind.REPEATED} and world.rows() == 100
    world.reopen()
    counters = [row.id.counter for row in world.cloud.database.envelopes(tracker.name, Stream.LOCATION, 0, 2**31)]
    assert sorted(counters) == list(range(100))


def with_noise(tracker: Tracker, at: int) -> bytes:
    """A sound frame of the temperature, and beside it a column of noise."""
    epoch = at // EPOCH_SECONDS
    batch = codec.unpack(readings.pack_environment(Sensor.TEMPERATURE, 60, [Reading(at, 60, 215, None)], epoch))
    return tracker.seal(codec.pack([*batch, batch[-1]]), stream=Stream.ENVIRONMENT, epoch=epoch)


@clause("CT-26", engine="screen")
def test_ct_26(made: Made) -> None:
    """A field without a purpose, or one that no stream has, does not pass the lint; ten frames of ten with it are refused.

    The firmware's fields are the streams of the wire, which the lint knows: one more is refused there before anybody builds it.
    """
    sound = made.text("ct")
    listed = made.text("ct", ("allowlist = [\n", 'allowlist = [\n  "environment.noise_db",\n'))
    ruled = made.text("ct", ('fields = ["time", "temperature"]', 'fields = ["time", "temperature", "noise_db"]'))
    ends = [CliRunner().invoke(policy_cli, ["check", str(path)]).exit_code for path in (sound, listed, ruled)]
    assert ends[0] == 0 and 0 not in ends[1:]
    world = made.world("ct")
    tracker, at = world.tracker(), int(world.now) // 60 * 60
    (taken,) = world.take(tracker, tracker.environment([(at, 215, None)]))
    assert taken.kind is Kind.STORED
    outcomes = world.take(tracker, *(with_noise(tracker, at) for _ in range(10)))
    assert [outcome.kind for outcome in outcomes] == [Kind.QUARANTINED] * 10 and world.rows() == 1


def lines_of(world: World, topic: str, payload: bytes) -> tuple[list[str], str]:
    """What the logs say while one message is handled, and how it ends."""
    told: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: told.append(handler.format(record))  # type: ignore[method-assign]
    logger = logging.getLogger("cloud_sync")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        (outcome,) = world.cloud.handle([(topic, payload)])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
    return told, str(outcome.kind)


@clause("MM-25", engine="enrolment", left_out="the agent's check")
def test_mm_25(made: Made) -> None:
    """A frame of a device that nobody enrolled is refused; no row, and a line of the log without payload or name."""
    world = made.world("mm")
    stranger = Tracker("q" * 16, int(world.now) // EPOCH_SECONDS)
    payload = stranger.environment([(int(world.now) // 60 * 60, 215, 27)])
    told, kind = lines_of(world, stranger.topic, payload)
    assert kind == Kind.UNKNOWN_DEVICE and world.rows() == 0
    assert len(told) == 1 and "unknown_device" in told[0]
    body = payload[20:]
    forms = (repr(payload), repr(body), body.hex(), base64.b64encode(payload).decode(), stranger.name)
    assert not [form for form in forms if form in told[0]]
