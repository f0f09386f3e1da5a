"""The register: shown at once, held against what left, and the directories of subscribers in it."""

from __future__ import annotations

from dataclasses import replace

from cloud_sync.model.access import DeliveryState
from cloud_sync.policy import load_policy
from tests.clauses.clause import clause
from tests.clauses.made import U1, Made, World
from tests.clauses.recipients.recipients_world import (
    added,
    findings,
    hand,
    nothing_leaves,
    outsider,
    put,
    reach,
    rule,
)


@clause("ST-28", engine="comparison", left_out="the portal's list")
def test_st_28(made: Made) -> None:
    """What left within 24 hours is held against the list each day: nothing outside it. What goes elsewhere is found: a
    delivery that a former list allowed, a sink to another machine, and a machine that somebody else saw traffic to.
    """
    agreement = 'agreement = "DPA-CRM"\n'
    world = made.world("st", (agreement, f'{agreement}hosts = ["recipient.example"]\n'))
    outside = reach(world, "crm", "office_suite")
    for name in ("crm", "office_suite"):
        hand(world, put(world, "contact"), name, "contact")
    found = world.cloud.recipients.compare(seen=["recipient.example"])
    assert (found.deliveries, found.recipients, found.deviations) == (2, 2, ())
    (told,) = [each for each in world.cloud.disclosures.of("u-1") if each.recipient == "crm"]
    world.cloud.database.put_delivery(replace(told, delivery="old-1", recipient="former", state=DeliveryState.DONE))
    outside["crm"].host = "other.example"
    world.sweep()
    assert world.logged("recipients.compared")[-1] == {"count": 3, "reason": "deviates"}
    deviations = world.cloud.recipients.compare(seen=["stranger.example"]).deviations
    assert [each.recipient for each in deviations] == ["former", "crm", "stranger.example"]


@clause("TT-34", engine="register list", left_out="the portal's list")
def test_tt_34(made: Made) -> None:
    """Whoever asks gets every processor that is active, at once, so within thirty days; one that is off is not called active."""
    world = made.world("tt", ('id = "cookie_provider"\n', 'id = "cookie_provider"\nenabled = false\n'))
    active = {each.recipient for each in world.cloud.recipients.published() if each.kind.value == "processor"}
    bound = [each for each in load_policy(world.policy).recipients.values() if each.bound]
    assert active == {each.id for each in bound if each.enabled} == {"hosting", "mailing"}
    off = {each.recipient: each.stopped for each in world.cloud.recipients.register()}
    assert off["cookie_provider"] == "not enabled"


# Directories of subscribers: off for trackers, by law, after the days to refuse.

OFF = "enabled = false\n"
FIELDS = "directory.name directory.address directory.phone"
DIRECTORIES = ("directory_one", "directory_two")
TABLES = added(
    *(outsider(name, "independent_controller", FIELDS) for name in DIRECTORIES),
    rule("directory", "directory", "name address phone note", "directory_one", basis="legal_obligation").replace(
        'recipients = ["directory_one"]',
        'recipients = ["directory_one", "directory_two"]\nlegal_ref = "RO telecom act"',
    ),
)
CLASSED = ("entered = [", 'entered = [\n  "directory",')


def _on(made: Made, legal: str = 'legal_ref = "RO telecom act"\n') -> tuple[tuple[str, str], ...]:
    text = made.text("cg").read_text("utf-8")
    start = text.index("[directory]\n")
    table = text[start : text.index("\n\n", start)]
    refs = text[text.index("refs = [") :].split("]")[0]
    return (
        (table, table.replace("enabled = false", "enabled = true") + "\n" + legal),
        (refs, refs.rstrip().rstrip(",") + ', "RO telecom act"'),
        CLASSED,
        TABLES,
    )


def _entered(world: World) -> str:
    """A contract whose days to refuse are over, and the entry for it."""
    record = put(world, "directory")
    world.cloud.records.note("contract.concluded", subject="u-1")
    world.later(days=90)
    return record


@clause("CG-63", engine="transfer")
def test_cg_63(made: Made) -> None:
    """A contract for a tracker makes no entry: there is no directory. Switching it on without a law does not load; with one nothing
    goes before the days to refuse are over.
    """
    world = made.world("cg")
    directory = reach(world, *DIRECTORIES)["directory_one"]
    contact = put(world, "contact")
    world.cloud.records.note("contract.concluded", subject="u-1")
    with nothing_leaves(world, "purpose_not_declared", directory):
        hand(world, contact, "directory_one", "directory")
    assert [each.message for each in findings(made, "cg", *_on(made, ""))] == ["directory is on without legal_ref"]
    assert any("directory" in each.message for each in findings(made, "cg", CLASSED, TABLES))
    on = made.world("cg", *_on(made))
    waiting = reach(on, *DIRECTORIES)["directory_one"]
    record = put(on, "directory")
    on.cloud.records.note("contract.concluded", subject="u-1")
    with nothing_leaves(on, "restricted", waiting):
        hand(on, record, "directory_one", "directory")


@clause("CG-64", engine="field lists", left_out="the portal's data map")
def test_cg_64(made: Made) -> None:
    """An entry leaves as name, address and number; every directory stands in the register by name."""
    world = made.world("cg", *_on(made))
    outside = reach(world, *DIRECTORIES)
    record = _entered(world)
    for name, directory in outside.items():
        hand(world, record, name, "directory")
        assert directory.fields == {"name", "address", "phone"}
    listed = {each.recipient: each.purposes for each in world.cloud.recipients.published()}
    assert [listed[name] for name in DIRECTORIES] == [("directory",)] * 2


@clause("CG-66", engine="recall")
def test_cg_66(made: Made) -> None:
    """A removal reaches each directory that has the entry once, and the proof is in the person's case."""
    world = made.world("cg", *_on(made))
    outside = reach(world, *DIRECTORIES)
    record = _entered(world)
    for name in DIRECTORIES:
        hand(world, record, name, "directory")
    asked = world.cloud.rights.open("u-1", "erasure", received_at=world.now, channel="portal", by="u-1", login=U1)
    (case,) = asked.cases
    told = world.cloud.recipients.notify("u-1", "removed", "directory", case=case.case_id)
    assert [(each.recipient, each.taken) for each in told] == [(name, True) for name in DIRECTORIES]
    for name, directory in outside.items():
        assert [(notice["recipient"], len(notice["removed"])) for notice in directory.taken[1:]] == [(name, 1)]
    written = [content for _, content in world.cloud.rights.read(case.case_id, actor=U1)]
    assert any(content and all(each.message.encode() in content for each in told) for content in written)
    assert world.cloud.recipients.notify("u-1", "removed", "directory") == []
    assert len(world.logged("recipient.told")) == 2
