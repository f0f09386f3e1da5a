"""What runs by itself, what it rests on, and what stays of that in the log."""

from __future__ import annotations

import json
import logging

from cloud_sync.access import Makes
from cloud_sync.logs import JsonLines
from tests.clauses.access.access_world import put
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, E1, LAT, LON, U1, Made


@clause("CT-08", engine="jobs")
def test_ct_08(made: Made) -> None:
    """Of two jobs on what the customer's tracker sensed one cites instruction I-1 and is run, the other cites none and is not."""
    world = made.world("ct")
    world.feed(world.tracker("u-1"))
    seen: list[int] = []

    def work() -> int:
        seen.append(len(world.read(CLERK, "tracking")))
        return seen[-1]

    job = {
        "actor": CLERK,
        "makes": Makes.READINGS,
        "purpose": "tracking",
        "category": "exact_location",
        "subject": "u-1",
    }
    assert world.cloud.jobs.run(work, instruction="I-1", **job) == 20
    cited = [entry for entry in world.logged("gate.allowed", "u-1") if "instruction" in entry]
    assert [entry["instruction"] for entry in cited] == ["I-1"]
    for other in ("", "I-2"):
        with world.denies("no_instruction"):
            world.cloud.jobs.run(work, instruction=other, **job)
    assert seen == [20]


@clause("MM-20", engine="jobs")
def test_mm_20(made: Made) -> None:
    """Jobs that would find out where somebody dwells, what their days are like and whom they meet: three of three are not run."""
    world = made.world("mm")
    world.tracker("u-1")
    made_of: list[Makes] = []
    for makes, purpose, category in (
        (Makes.DWELL_PLACES, "condition_monitoring", "environment"),
        (Makes.ROUTINES, "theft_alarm", "motion"),
        (Makes.CONTACTS, "communication", "chat"),
    ):
        job = {"actor": U1, "purpose": purpose, "category": category, "subject": "u-1"}
        if category != "chat":  # what is no profile is run, by the same person for the same purpose
            world.cloud.jobs.run(lambda: None, makes=Makes.READINGS, **job)
        with world.denies("no_profiling"):
            world.cloud.jobs.run(lambda made=makes: made_of.append(made), makes=makes, **job)
    assert made_of == []


@clause("MM-40", engine="gate")
def test_mm_40(made: Made) -> None:
    """Logs are read for troubleshooting and not for marketing; in ten thousand log lines there is no coordinate and no name."""
    world = made.world("mm")
    line = put(world, "log", b'{"kind": "restart", "code": 7}')
    with world.denies("purpose_not_declared"):
        world.cloud.records.read(line, actor=E1, purpose="newsletter", subject="u-1")
    record = logging.LogRecord(
        "cloud_sync.ingest", logging.ERROR, "", 0, "an envelope of %d bytes was refused", (90,), None
    )
    foreign = logging.LogRecord("urllib3", logging.ERROR, "", 0, "sent Ane Jensen to %s, %s", (LAT, LON), None)
    try:
        raise ValueError(f"Ane Jensen is at {LAT}, {LON}")
    except ValueError as error:
        failed = logging.LogRecord(
            "cloud_sync", logging.ERROR, "", 0, "a sweep failed", (), (type(error), error, error.__traceback__)
        )
    written = "\n".join(JsonLines().format(each) for _ in range(3_334) for each in (record, foreign, failed))
    assert len(written.splitlines()) >= 10_000
    assert [word for word in ("Ane", "Jensen", "55.67", "12.56") if word in written] == []
    assert {json.loads(each)["level"] for each in written.splitlines()[:3]} == {"error"}


@clause("TT-37", engine="audit log")
def test_tt_37(made: Made) -> None:
    """Ten uses under a consent, then its end: ten entries still say so, with its id, and not one of them was rewritten."""
    world = made.world("tt")
    world.yes("u-1", "newsletter")
    given = world.cloud.ledger.records("u-1", "newsletter")[-1].record_id
    record = put(world, "newsletter", b"ane@mail.example")
    read = {"actor": U1, "purpose": "newsletter", "subject": "u-1"}
    for _ in range(10):
        world.later(hours=1)
        world.cloud.records.read(record, **read)
    log = world.cloud.audit
    before, leaves, signed = log.entries("u-1", "gate.allowed"), world.cloud.database.leaf_hashes(), log.checkpoint()
    world.withdraw("u-1", "newsletter")
    world.sweep()
    after = log.entries("u-1", "gate.allowed")
    assert after == before
    assert [dict(entry.event.detail)["basis"] for entry in after] == ["consent"] * 10
    assert {dict(entry.event.detail)["record"] for entry in after} == {given}
    assert world.cloud.database.leaf_hashes()[: len(leaves)] == leaves
    assert log.check(signed) > len(leaves)
