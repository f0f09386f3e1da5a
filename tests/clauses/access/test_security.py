"""Security that is a list of controls with fresh proofs, watched without a pause; and what was altered on its way."""

from __future__ import annotations

from collections import Counter

from cloud_sync.access.controls import BASELINE_1, Threat
from cloud_sync.model import Actor
from tests.clauses.access.access_world import only, put
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, Made, World
from tests.unit.cloud_sync.disclosure.outlet_world import ListSink

ATTESTED = ("disks_encrypted", "restore_tried")
BASELINE = {each.name for each in BASELINE_1}


def _prove(world: World) -> set[str]:
    """Try what can be tried, attest the rest; the controls that do not stand."""
    for control in ATTESTED:
        world.cloud.controls.attest(control, by="lead-1")
    world.cloud.controls.test(by="lead-1")
    return {*world.cloud.controls.missing()}


def _open_to_all(world: World, mode: int) -> None:
    (world.folder / "audit.key").chmod(mode)


@clause("CG-67", engine="controls", left_out="the practice of the industry")
def test_cg_67(made: Made) -> None:
    """Twenty controls: without proof none stands; tried, all twenty do, for thirty days; a key that others can read is found."""
    world = made.world("cg")
    assert {*world.cloud.controls.missing()} == BASELINE
    assert len(BASELINE) == 20
    assert _prove(world) == set()
    assert [proof.fresh for proof in world.cloud.controls.proofs()] == [True] * 20
    _open_to_all(world, 0o644)
    assert _prove(world) == {"files_private"}
    _open_to_all(world, 0o600)
    assert _prove(world) == set()
    world.later(seconds=30 * DAY - 1)
    assert world.cloud.controls.missing() == []
    world.later(seconds=1)
    assert {*world.cloud.controls.missing()} == BASELINE


@clause("MM-37", engine="controls", left_out="the standards by name")
def test_mm_37(made: Made) -> None:
    """Twenty of twenty pass, disks among them; with a disk in the clear nineteen, with an altered log eighteen."""
    world = made.world("mm")
    assert _prove(world) == set()
    disks = next(proof for proof in world.cloud.controls.proofs() if proof.control.name == "disks_encrypted")
    assert disks.passed
    assert world.logged("control.tested")[0]["control"] == "disks_encrypted"
    world.cloud.controls.attest("disks_encrypted", by="lead-1", holds=False)
    assert world.cloud.controls.missing() == ["disks_encrypted"]
    made.patch.setattr("cloud_sync.audit.log.leaf_hash", lambda _: bytes(32))
    world.cloud.controls.test()
    assert {*world.cloud.controls.missing()} == {"disks_encrypted", "log_intact"}


@clause("ST-53", engine="controls", left_out="organisational measures")
def test_st_53(made: Made) -> None:
    """Against each of five threats stands at least one control that was tried; none before anything was tried."""
    world = made.world("st")
    assert dict.fromkeys(Threat, 0) == {threat: len(names) for threat, names in world.cloud.controls.threats().items()}
    world.cloud.controls.test()
    found = world.cloud.controls.threats()
    assert {*found} == {"misuse", "loss", "unauthorised_access", "disclosure", "change"}
    assert [threat for threat, names in found.items() if not names] == []
    assert not {*ATTESTED} & {name for names in found.values() for name in names}


@clause("MM-48", engine="watch")
def test_mm_48(made: Made) -> None:
    """Looked at each minute: a probe that fails raises an alarm within two; a silence of more than five minutes is reported."""
    world = made.world("mm")
    watch, well, heard = world.cloud.watch, [True], []
    watch.probes["door"] = lambda: well[0]
    watch.tell(heard.append)
    assert watch.interval_s == 60
    watch.look()
    well[0], failed_at = False, world.now
    while not heard and world.now < failed_at + 600:
        world.later(seconds=watch.interval_s)
        watch.look()
    assert (only(heard).probe, heard[0].at <= failed_at + 120) == ("door", True)
    assert only(world.logged("watch.alarm"))["probe"] == "door"
    well[0] = True
    world.later(seconds=5 * 60)
    assert watch.look() == []
    assert world.logged("watch.over") == [{"probe": "door"}]
    world.later(seconds=5 * 60 + 1)
    world.reopen()  # also where the service itself was gone
    gap = only([alarm for alarm in world.cloud.watch.look() if alarm.silent_s])
    assert gap.silent_s == 301
    assert only(world.logged("watch.gap"))["seconds"] == 301


@clause("ST-27", engine="watch")
def test_st_27(made: Made) -> None:
    """Two processors had something of U1, who is erased: one confirms, of the other somebody is called after thirty days, once."""
    world = made.world("st")
    for name, category, purpose in (("site_operator", "enquiry", "enquiry"), ("mailing", "newsletter", "newsletter")):
        world.cloud.sinks[name] = ListSink()
        if purpose == "newsletter":
            world.yes("u-1", purpose)
        office = Actor("dpo-1", "dpo", mfa=True)
        world.cloud.recipients.accept(name, reference=f"DPA-{name}", by=office)
        record = put(world, category, b'{"name": "Kim Example", "email": "kim@mail.example"}')
        told = {"actor": CLERK, "purpose": purpose, "subject": "u-1", "recipient": name}
        world.cloud.recipients.hand(record, **told)
    receipt = world.cloud.erase(subject="u-1")
    owed = world.cloud.confirmations.owed()
    assert [(each.erasure, each.recipient, each.due_at) for each in owed] == [
        (receipt.entry, name, world.now + 30 * DAY) for name in ("mailing", "site_operator")
    ]
    world.later(days=10)
    world.cloud.confirmations.confirm(receipt.entry, "mailing", by="mailing-desk")
    world.later(days=19, hours=22)
    world.sweep()
    assert world.logged("processor.escalated") == []
    for _ in range(3):
        world.sweep()
    assert only(world.logged("processor.escalated"))["recipient"] == "site_operator"
    assert [each.escalated for each in world.cloud.confirmations.owed()] == [True]
    world.cloud.confirmations.confirm(receipt.entry, "site_operator", by="dpo-1")
    assert world.cloud.confirmations.owed() == []


@clause("TT-41", engine="seals")
def test_tt_41(made: Made) -> None:
    """Of a thousand messages ten were altered on the way and five sent twice: 985 are stored, ten do not open, five add nothing."""
    world = made.world("tt")
    tracker = world.tracker("u-1")
    world.later(seconds=20_000)
    first = int(world.now) - 19_950
    good = [tracker.environment([(first + 20 * n, 215, 100)]) for n in range(995)]
    altered = [each[:-1] + bytes([each[-1] ^ 1]) for each in good[985:]]
    frames = [*good[:985], *altered, *good[:5]]
    assert len(frames) == 1_000
    ended = Counter(
        str(outcome.kind) for n in range(0, 1_000, 100) for outcome in world.take(tracker, *frames[n : n + 100])
    )
    assert ended == {"stored": 985, "not_authentic": 10, "repeated": 5}
    assert world.rows() == 985
