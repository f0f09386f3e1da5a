"""How staff come in: bound, trained, on an encrypted machine, in two steps, and no longer than they need it."""

from __future__ import annotations

from cloud_sync.errors import Denied
from tests.clauses.access.access_world import MACHINE, denied, enlist, let_in, login, put, refused, staff
from tests.clauses.clause import clause
from tests.clauses.made import DAY, E1, LEAD, U1, U2, Made, World


def _may_help(world: World, account: str = "e-1") -> str:
    """Why that member of the staff may not be let in to U1's account; empty if they may."""
    try:
        let_in(world, staff(E1, account), purpose="account", category="account", ticket="K-2")
    except Denied as refusal:
        return str(refusal.reason)
    return ""


@clause("CG-73", engine="logins")
def test_cg_73(made: Made) -> None:
    """No login without a signed undertaking, nor with a training of 365 days ago; and nobody attests for themselves."""
    world = made.world("mm")
    enlist(world, bound=False)
    assert refused(world) == "undertaking_missing"
    enlist(world, "e-2")
    assert login(world, "e-2").mfa
    assert _may_help(world, "e-2") == ""
    for _ in range(12):  # used all the time, on a machine that is looked at
        world.later(days=30)
        world.cloud.logins.attest_machine(MACHINE, by=LEAD.id)
        login(world, "e-2")
    world.later(days=5)
    assert refused(world, "e-2") == _may_help(world, "e-2") == "training_over"
    assert [entry["reason"] for entry in world.logged("login.refused", "e-2")] == ["training_over"]


@clause("MM-47", engine="logins", left_out="the premises")
def test_mm_47(made: Made) -> None:
    """Ninety days without a login close an account; the list is looked through as often, or somebody is called."""
    world = made.world("mm")
    for account in ("e-1", "e-2"):
        enlist(world, account)
        login(world, account)
    record = put(world, "account")
    world.later(days=60)
    world.cloud.logins.attest_machine(MACHINE, by=LEAD.id)
    login(world, "e-1")
    world.later(days=30)
    let_in(world, E1, purpose="account", category="account")
    assert world.cloud.logins.review_due
    world.sweep()
    assert [each.account for each in world.cloud.logins.accounts()] == ["e-1"]
    assert world.logged("staff.struck", "e-2") == [{"role": "support"}]
    assert refused(world, "e-2") == "account_unknown"
    assert [alarm.probe for alarm in world.cloud.watch.look() if alarm.probe == "accounts"] == ["accounts"]
    assert world.cloud.logins.review(by=LEAD.id) == world.cloud.logins.accounts()
    assert not world.cloud.logins.review_due
    world.cloud.logins.strike("e-1", by=LEAD.id)  # and a closed account closes what it had
    ask = {"actor": E1, "purpose": "account", "subject": "u-1"}
    assert denied(lambda: world.cloud.records.read(record, **ask)) == "grant_expired"


@clause("ST-59", engine="logins", left_out="the encryption itself, which somebody looks at and attests")
def test_st_59(made: Made) -> None:
    """No login from a machine whose disk nobody has seen encrypted within thirty days."""
    world = made.world("st")
    enlist(world, encrypted=False)
    assert refused(world) == "machine_not_attested"
    world.cloud.logins.attest_machine(MACHINE, by=LEAD.id)
    assert login(world).mfa
    world.later(seconds=30 * DAY - 1)
    assert login(world).mfa
    world.later(seconds=1)
    assert refused(world) == "machine_not_attested"


@clause("ST-60", engine="logins", left_out="the portal's page that offers it")
def test_st_60(made: Made) -> None:
    """A member of the staff with one factor is refused; a person comes in and is offered a second one."""
    world = made.world("st")
    enlist(world)
    assert refused(world, factors=1) == "mfa_missing"
    assert login(world, factors=2).mfa
    one, two = (world.cloud.logins.person(person.id, factors=n) for person, n in ((U1, 1), (U2, 2)))
    assert (one.actor.mfa, one.second_offered) == (False, True)
    assert (two.actor, two.second_offered) == (U2, False)


@clause("TT-24", engine="staff access", left_out="the portal's page of the session")
def test_tt_24(made: Made) -> None:
    """Nothing is open before U1 accepts; sixty minutes later it is over; what stays is the log's trail, and no recording."""
    world = made.world("tt")
    record = put(world, "remote_session", b"router restarts")
    assert denied(lambda: let_in(world, E1, purpose="remote_help", category="remote_session")) == "consent_missing"
    what = {"purpose": "remote_help", "subject": "u-1"}
    helping = world.cloud.help
    asked = helping.ask(E1, "u-1", ticket="K-1", purpose="remote_help", category="remote_session")
    with world.denies("ticket_missing"):
        world.cloud.records.read(record, actor=E1, **what)
    assert denied(lambda: helping.accept(asked.session, person=U2, helper=E1)) == "role_not_permitted"
    helping.accept(asked.session, person=U1, helper=E1)
    world.later(seconds=3_599)
    assert world.cloud.records.read(record, actor=E1, **what)
    world.later(seconds=1)
    with world.denies("grant_expired"):
        world.cloud.records.read(record, actor=E1, **what)
    helping.end(asked.session, subject="u-1", by="e-1")
    trail = helping.trail(asked.session, subject="u-1")
    assert [entry.event.kind for entry in trail] == ["help.asked", "help.accepted", "help.ended"]
    assert len(world.cloud.records.of("u-1", None)) == 1  # what there was before, and nothing of the session
