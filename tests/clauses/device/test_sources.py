"""Through which ways data comes in, and with what it is marked: CT-01, CT-38, MM-01, ST-04, TT-01, TT-08."""

from __future__ import annotations

from tests.clauses.clause import clause
from tests.clauses.device.intake_world import contents, export, parts, refused, rows_of
from tests.clauses.made import U1, Made, World

ACCOUNT = {"name": "Anna Example", "email": "anna@person.example"}


def each_source(world: World, category: str, fields: dict[str, str], *, undeclared: str, count: int) -> None:
    """Every declared source passes, of which there are so many, and the other is refused."""
    intake = world.cloud.intake
    assert len(intake.sources) == count
    for source in intake.sources:
        intake.take(category, fields, subject="u-1", source=source)
    assert parts(world, category) == count
    with refused(world, "source_undeclared"):
        intake.take(category, fields, subject="u-1", source=undeclared)


@clause("CT-01", engine="intake")
def test_ct_01(made: Made) -> None:
    """A record of a partner's feed is refused and stores nothing; those of tracker, website, app and interface pass."""
    each_source(made.world("ct"), "account", ACCOUNT, undeclared="partner_feed", count=4)


@clause("CT-38", engine="intake")
def test_ct_38(made: Made) -> None:
    """A job that joins a bought data set writes none of its hundred rows; the table's word is source_external."""
    world = made.world("ct")
    for n in range(100):
        with refused(world, "source_undeclared"):
            world.cloud.intake.take("account", {"name": f"Bought {n}"}, subject="u-1", source="bought")
    assert parts(world) == 0 and world.rows() == 0
    assert {entry["channel"] for entry in world.logged("ingest.refused")} == {"undeclared"}


@clause("MM-01", engine="intake")
def test_mm_01(made: Made) -> None:
    """Site, shop, two products and customers, and nobody else."""
    activity = {"activity": "swimming", "made_by": "u-1", "made_for": "u-1"}
    each_source(made.world("mm"), "application", activity, undeclared="crawler", count=5)


@clause("ST-04", engine="intake")
def test_st_04(made: Made) -> None:
    """Of three records that arose in use, were given and were bought, two are stored."""
    each_source(made.world("st"), "account", ACCOUNT, undeclared="bought", count=2)


@clause("TT-01", engine="intake")
def test_tt_01(made: Made) -> None:
    """Every row has one of the three origins; one without any is refused."""
    world = made.world("tt")
    each_source(world, "contact", ACCOUNT, undeclared="", count=3)
    opened = [
        contents(world.cloud.records.read(part.record_id, actor=U1, purpose="contact", subject="u-1"))
        for part in world.cloud.records.of("u-1")
    ]
    assert sorted(each.get("source", "") for each in opened) == ["generated", "given", "left_behind"]


@clause("TT-08", engine="intake", left_out="the portal's page")
def test_tt_08(made: Made) -> None:
    """What the employer gave and what the person gave is told apart in the person's own copy, row by row; and that the employer
    gave it starts the term in which the person is told.
    """
    world = made.world("tt")
    taken = world.cloud.intake.take
    for number in range(3):
        taken("service", {"number": f"+45000000{number}"}, subject="u-1", source="given", provided_by="employer")
    taken("contact", ACCOUNT, subject="u-1", source="given")
    source = world.cloud.notices.source("u-1")
    assert source is not None and source.source == "employer"
    copy = export(world)
    service, contact = rows_of(copy, "service"), rows_of(copy, "contact")
    assert {row.get("provided_by") for row in service} == {"employer"} and len({row["record"] for row in service}) == 3
    assert {row.get("provided_by") for row in contact} == {"person"}
    assert not [row for row in service + contact if not row.get("source")]
