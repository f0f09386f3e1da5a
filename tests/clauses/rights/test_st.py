"""Rights under the policy of ST: four weeks in any case, identity in proportion, a file for a named organisation, no decisions of
rules.
"""

from __future__ import annotations

import pytest

from cloud_sync.disclosure import Kind
from cloud_sync.errors import ConfigError
from cloud_sync.rights.automated import Logic
from cloud_sync.rights.documents import AREAS
from tests.clauses.clause import clause
from tests.clauses.made import DAY, DPO, HOUR, T0, U1, Made, World, at
from tests.clauses.rights.rights_world import DESK, LETTER, ask, attempt, copy, day, due, grant, helper, one, put, rows

IMAGE = b"a masked copy of a document"


def copies(world: World) -> int:
    """Copies of documents that are kept."""
    return len(world.cloud.records.of("u-1", "identity_copy"))


@clause("ST-21", engine="rights.automated")
def test_st_21(made: Made) -> None:
    """A rule decides nothing of consequence, on whatever ground and reference; the table's word is adm."""
    world = made.world("st")
    logic = Logic("score-1", "risk-1", ("account.name",), "A name refuses.")
    said = {"category": "account", "purpose": "account", "outcome": "refused", "reference": "C-1"}
    with world.denies("action_not_permitted", times=5):
        for ground in ("consent", "contract", "fraud_prevention", "law", ""):
            found = attempt(lambda g=ground: world.cloud.rights.automated.take("u-1", logic, ground=g, **said))
            assert found == "action_not_permitted"
    assert world.cloud.records.of("u-1") == []


@clause("ST-46", engine="rights.restriction")
def test_st_46(made: Made) -> None:
    """Objected to at T0 the purpose is closed at once; due on 2026-02-12."""
    world = made.world("st")
    tracker = world.tracker()
    world.take(tracker, tracker.status())
    staff = helper(world, "diagnosis", "status")
    case = one(world, "objection", purpose="diagnosis", channel="mail")
    assert due(world, case) == "2026-02-12"
    with world.denies("restricted"):
        world.cloud.read_status(actor=staff, purpose="diagnosis", subject="u-1", start=0, end=world.now + 1)


@clause("ST-47", engine="rights.portable", left_out="the link of the portal, with its seven days and one download")
def test_st_47(made: Made) -> None:
    """Ten thousand rows are ordered: JSON and CSV have the same number of them, and the manifest says so."""
    world = made.world("st", start=T0 - 8 * DAY)
    tracker = world.tracker()
    world.clock.at = T0
    first = int(T0) // DAY * DAY - 7 * DAY
    hours = [first + HOUR * n for n in range(168)]  # 10,080 minutes, of which the last 80 are left out
    minutes = [[(hour + 60 * n, 1) for n in range(60)] for hour in hours]
    minutes = [*minutes[:166], minutes[166][:40]]
    world.take(tracker, *(tracker.motion(each, version=1) for each in minutes))
    put(world, "contact", b"U1")
    found = copy(world, kind=Kind.PORTABILITY)
    listed = {file.name: file.rows for file in found.manifest.files}
    assert listed.get("motion.theft_alarm.csv") == listed["motion.theft_alarm.json"] == 10_000
    lines = (found.folder / "motion.theft_alarm.csv").read_text().splitlines()
    assert len(lines) == 10_001 and len(rows(found, "motion.theft_alarm.json")) == 10_000
    assert found.manifest.rows == sum(file.rows for file in found.manifest.files if not file.form_of) > 10_000


@clause("ST-48", engine="rights.deadlines", left_out="the portal's page")
def test_st_48(made: Made) -> None:
    """A mail and a request in the portal, both received at T0: two cases, both due on 2026-02-12."""
    world = made.world("st")
    by_mail = ask(world, "portability", channel="mail", by=DESK, login=None).cases[0]
    by_portal = one(world, "objection", purpose="diagnosis")
    assert by_mail.message != by_portal.message
    assert due(world, by_mail) == due(world, by_portal) == "2026-02-12"


@clause("ST-49", engine="rights.identity", left_out="the portal's page")
def test_st_49(made: Made) -> None:
    """With a login and a second factor no document is asked for; with a recorded doubt one is."""
    world = made.world("st")
    documents = world.cloud.rights.documents
    assert one(world, "access").identity == "login"
    letter = ask(world, "access", channel="letter", by=DESK, login=None).cases[0]
    weak = ask(world, "access", login=type(U1)("u-1", "data_subject")).cases[0]
    assert letter.state == weak.state == "open"
    with pytest.raises(ConfigError, match="doubt"):
        documents.take(letter.case_id, IMAGE, masked=AREAS, by=DESK)
    assert copies(world) == 0
    documents.doubt(letter.case_id, "no_address_on_file", by=DESK)
    documents.take(letter.case_id, IMAGE, masked=AREAS, by=DESK)
    assert copies(world) == 1


@clause("ST-50", engine="rights.identity", left_out="the portal's upload")
def test_st_50(made: Made) -> None:
    """With any of four areas unmasked a copy is refused and no byte stays; one that is kept dies 24 h after the decision, 30 d at
    most.
    """
    world = made.world("st")
    documents = world.cloud.rights.documents
    decided, waiting = (ask(world, "access", channel="letter", by=DESK, login=None).cases[0] for _ in range(2))
    documents.doubt(decided.case_id, "address_disputed", by=DESK)
    for area in ("photo", "machine_readable_zone", "document_number", "citizen_number"):
        with pytest.raises(ConfigError, match=area):
            documents.take(decided.case_id, IMAGE, masked=AREAS - {area}, by=DESK)
    assert copies(world) == 0
    documents.take(decided.case_id, IMAGE, masked=AREAS, by=DESK)
    documents.doubt(waiting.case_id, "address_disputed", by=DESK)
    documents.take(waiting.case_id, IMAGE, masked=AREAS, by=DESK)
    documents.accept(decided.case_id, by=DPO.id)
    grant(world, decided)
    world.later(hours=22)
    world.sweep()
    assert copies(world) == 2
    world.later(hours=1)
    world.sweep()
    assert copies(world) == 1
    world.clock.at = T0 + 30 * DAY - 2 * HOUR
    world.sweep()
    assert copies(world) == 1
    world.sweep()
    assert copies(world) == 0


@clause("ST-51", engine="rights.deadlines")
def test_st_51(made: Made) -> None:
    """Received on 2026-01-15: due on 2026-02-12, four weeks; inner target 2026-01-22, alarm on day 21; never extended."""
    world = made.world("st")
    rights, case = world.cloud.rights, one(world, "access")
    assert due(world, case) == "2026-02-12" and day(case.target_at - 1) == "2026-01-22"
    with pytest.raises(ConfigError, match="cannot be extended"):
        rights.extend(case.case_id, "complexity", by=DESK, letter=LETTER)
    world.clock.at = at("2026-02-04T22:00")
    assert rights.alarm() == 0
    world.later(hours=1)  # day 21 begins in Amsterdam
    assert rights.alarm() == 1
