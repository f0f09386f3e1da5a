"""What ends with a withdrawal, at once, and what it leaves as it was."""

from __future__ import annotations

from typing import Any, Final

from cloud_sync.model import ConsentState
from tests.clauses.clause import clause
from tests.clauses.consent.consent_world import CLERK, switches
from tests.clauses.made import SOON, T0, U1, Made, World
from tests.clauses.notices.notices_world import MAILER, SERVICE, issue, on_file

#: A rule by which bills serve the newsletter as well, with consent, before the rule that stands behind them.
BEHIND: Final = "# From the person or through the employer"
ALSO: Final = """[[rule]]
category = "billing"
fields = ["customer_no"]
purpose = ["newsletter"]
basis = "consent"
retention = "P5Y"
clock = "fiscal_year.end"
after = "delete"
recipients = []
region = "EEA"
visible_to_user = true

"""


def _closed(world: World, purpose: str) -> None:
    """The consent to a purpose was withdrawn at T0: within a second the gate is closed."""
    world.later(seconds=SOON)
    switch = switches(world)[purpose]
    assert (switch.state, switch.on) == (ConsentState.WITHDRAWN, False)
    done, sent = issue(world, purpose, purpose)
    assert sent == [] and done.withheld == {"consent_missing": 1}


@clause("CG-37", engine="withdrawal", left_out="the page of the portal")
def test_cg_37(made: Made) -> None:
    """Withdrawn at T0: closed within a second, and the address kept for that alone is gone with the sweep; the contact stays."""
    world = made.world("cg")
    on_file(world, "own_marketing")
    on_file(world, "contact")
    world.yes("u-1", "own_marketing")
    world.withdraw("u-1", "own_marketing")
    _closed(world, "own_marketing")
    world.sweep()
    assert [part.category for part in world.cloud.records.of("u-1")] == ["contact"]


@clause("MM-61", engine="withdrawal", left_out="the page of the portal")
def test_mm_61(made: Made) -> None:
    """Withdrawn: closed within a second; what was sent before stays lawful, as the yes of then is still there to show."""
    world = made.world("mm")
    on_file(world, "newsletter")
    world.clock.at = T0 - 60
    world.yes("u-1", "newsletter")
    assert len(issue(world, "newsletter", "newsletter")[1]) == 1
    world.clock.at = T0
    world.withdraw("u-1", "newsletter")
    _closed(world, "newsletter")
    [sent] = world.cloud.audit.entries("u-1", "mail.sent")
    yes = world.cloud.consent.yes_of("u-1", "newsletter", sent.event.at)
    assert yes is not None and yes.event_time == T0 - 60
    assert world.cloud.consent.yes_of("u-1", "newsletter", world.now) is None


@clause("ST-45", engine="withdrawal", left_out="the page of the portal")
def test_st_45(made: Made) -> None:
    """Revoked: closed within a second."""
    world = made.world("st")
    on_file(world, "newsletter")
    world.yes("u-1", "newsletter")
    assert len(issue(world, "newsletter", "newsletter")[1]) == 1
    world.withdraw("u-1", "newsletter")
    _closed(world, "newsletter")


@clause("CG-80", engine="withdrawal")
def test_cg_80(made: Made) -> None:
    """Withdrawn while the service that mails does not know yet: whatever is asked for it is denied; what it had before stays
    in the log as allowed.
    """
    world = made.world("cg")
    record = world.cloud.records.put("own_marketing", {"u-1": b"anna@home.example"})
    world.yes("u-1", "own_marketing")
    asked: dict[str, Any] = {"actor": CLERK, "purpose": "own_marketing", "subject": "u-1", "recipient": "mailing"}
    assert world.cloud.records.read(record, **asked)
    world.later(hours=1)
    world.withdraw("u-1", "own_marketing")
    with world.denies("consent_missing"):
        world.cloud.records.read(record, **asked)
    allowed = [each for each in world.logged("gate.allowed", "u-1") if each.get("recipient") == "mailing"]
    assert [each["reason"] for each in allowed] == ["allowed"]


@clause("CG-52", engine="gate")
def test_cg_52(made: Made) -> None:
    """Whoever objects to personalisation gets what everybody gets: ten messages with one body, and no profile is read for one."""
    reads = (
        '[[roles.service]]\nactions = ["mail"]',
        '[[roles.service]]\nactions = ["read"]\npurposes = ["personalisation"]\n\n',
    )
    world = made.world("cg", (reads[0], reads[1] + reads[0]))
    people = [f"u-{n}" for n in range(1, 11)]
    on_file(world, "contact", *people)
    profiles = {
        subject: world.cloud.records.put("personalisation", {subject: f"likes {subject}. ".encode()})
        for subject in people
    }

    def tailored(subject: str) -> str:
        asked: dict[str, Any] = {"actor": MAILER, "purpose": "personalisation", "subject": subject}
        return world.cloud.records.read(profiles[subject], **asked).decode()

    def bodies() -> list[str]:
        sent = issue(world, "contact", "contact", *people, content=SERVICE, text="Hello.", tailored=tailored)[1]
        return [text for _, text in sent]

    assert len(set(bodies())) == 10
    before = len(world.logged("gate.allowed"))
    for subject in people:
        world.cloud.restrictions.restrict(subject, "objection", by="desk-1", purpose="personalisation")
    assert bodies() == ["Hello."] * 10 and len(world.logged("gate.allowed")) == before


@clause("TT-36", engine="sweep")
def test_tt_36(made: Made) -> None:
    """Ten rows on consent alone and ten that a law wants kept as well: after the withdrawal and one sweep none and ten remain, and
    these are read for that duty alone.
    """
    world = made.world("tt", (BEHIND, f"{ALSO}{BEHIND}"))
    world.yes("u-1", "newsletter")
    for _ in range(10):
        on_file(world, "newsletter")
        on_file(world, "billing")
    bill = world.cloud.records.of("u-1", "billing")[0].record_id
    asked: dict[str, Any] = {"actor": U1, "subject": "u-1"}
    assert world.cloud.records.read(bill, purpose="newsletter", **asked)
    world.withdraw("u-1", "newsletter")
    world.sweep()
    assert [len(world.cloud.records.of("u-1", category)) for category in ("newsletter", "billing")] == [0, 10]
    with world.denies("consent_missing"):
        world.cloud.records.read(bill, purpose="newsletter", **asked)
    assert world.cloud.records.read(bill, purpose="invoicing", **asked)
