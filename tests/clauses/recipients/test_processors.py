"""Processors: bound to the policy, by an agreement that has not run out, within instructions, looked at every year."""

from __future__ import annotations

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.policy import load_policy
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, Made
from tests.clauses.recipients.recipients_world import added, findings, hand, nothing_leaves, outsider, put, reach, rule

#: The day of T0 is 2026-01-15.
YESTERDAY, A_YEAR_AGO, A_DAY_MORE = "2026-01-14", "2025-01-15", "2025-01-14"
HOSTING = 'agreement = "DPA-HOSTING"\n'


@clause("CT-19", engine="register")
def test_ct_19(made: Made) -> None:
    """A processor that accepted 2017-01 gets nothing while 2018-04 is current; once it accepted that, it does."""
    world = made.world("ct")
    hosting = reach(world, "hosting")["hosting"]
    record = put(world, "account")
    world.cloud.recipients.accept("hosting", version="2017-01", reference="DPA-HOSTING", by=CLERK)
    with nothing_leaves(world, "policy_not_accepted", hosting):
        hand(world, record, "hosting", "account")
    world.cloud.recipients.accept("hosting", version="2018-04", reference="DPA-HOSTING", by=CLERK)
    assert hand(world, record, "hosting", "account").count == 1
    assert len(hosting.rows) == 1


@clause("CT-45", engine="register")
def test_ct_45(made: Made) -> None:
    """365 days after its review a processor still gets data; reviewed 366 days ago it gets none."""
    world = made.world("ct", (HOSTING, f"{HOSTING}reviewed = {A_DAY_MORE}\n"))
    hosting = reach(world, "hosting")["hosting"]
    world.cloud.recipients.accept("hosting", reference="DPA-HOSTING", by=CLERK)
    record = put(world, "account")
    with nothing_leaves(world, "review_overdue", hosting):
        hand(world, record, "hosting", "account")
    world.clock.at -= DAY
    assert hand(world, record, "hosting", "account").count == 1


@clause("CT-46", engine="register")
def test_ct_46(made: Made) -> None:
    """A processor without agreement keeps the policy from loading; one whose agreement ran out this morning gets 0 bytes."""
    assert [each.message for each in findings(made, "ct", (HOSTING, ""))] == ["a processor without agreement"]
    world = made.world("ct", (HOSTING, f"{HOSTING}agreement_until = {YESTERDAY}\n"))
    hosting = reach(world, "hosting")["hosting"]
    world.cloud.recipients.accept("hosting", reference="DPA-HOSTING", by=CLERK)
    record = put(world, "account")
    with nothing_leaves(world, "agreement_ended", hosting):
        hand(world, record, "hosting", "account")
    world.clock.at -= DAY  # on its last day it holds
    assert hand(world, record, "hosting", "account").count == 1


@clause("CT-47", engine="register")
def test_ct_47(made: Made) -> None:
    """Instructed for invoices alone, a processor gets those; what another purpose sends it stays here."""
    agreement = 'agreement = "DPA-BOOKKEEPING"\n'
    world = made.world("ct", (agreement, f'{agreement}scope = ["invoicing"]\n'))
    bookkeeping = reach(world, "bookkeeping")["bookkeeping"]
    world.cloud.recipients.accept("bookkeeping", reference="DPA-BOOKKEEPING", by=CLERK)
    record = put(world, "billing", amount=100, date="2026-01-15", item="tracker")
    assert hand(world, record, "bookkeeping", "invoicing").count == 1
    with nothing_leaves(world, "out_of_instruction", bookkeeping):
        hand(world, record, "bookkeeping", "legal_reporting")


@clause("CG-58", engine="register")
def test_cg_58(made: Made) -> None:
    """A provider with an agreement and a review within 365 days gets data; with the one run out or the other late it does not."""
    for more, reason in (
        (f"reviewed = {A_YEAR_AGO}\n", ""),
        (f"reviewed = {A_DAY_MORE}\n", "review_overdue"),
        (f"reviewed = {A_YEAR_AGO}\nagreement_until = {YESTERDAY}\n", "agreement_ended"),
    ):
        world = made.world("cg", (HOSTING, HOSTING + more))
        hosting = reach(world, "hosting")["hosting"]
        record = put(world, "contact")
        if reason:
            with nothing_leaves(world, reason, hosting):
                hand(world, record, "hosting", "contact")
        else:
            assert hand(world, record, "hosting", "contact").count == 1
    assert [each.message for each in findings(made, "cg", (HOSTING, ""))] == ["a processor without agreement"]


@clause("ST-26", engine="register")
def test_st_26(made: Made) -> None:
    """Eleven services, each with an agreement: one without is found by name, and one that ran out stops that one alone."""
    policy = load_policy(made.text("st"))
    bound = [each for each in policy.recipients.values() if each.bound]
    assert len(bound) == 11
    assert all(each.agreement for each in bound)
    agreement = 'agreement = "DPA-CRM"\n'
    assert [each.message for each in findings(made, "st", (agreement, ""))] == ["a processor without agreement"]
    world = made.world("st", (agreement, f"{agreement}agreement_until = {YESTERDAY}\n"))
    outside = reach(world, "board_tool", "office_suite", "staff_chat", "crm")
    record = put(world, "contact")
    with nothing_leaves(world, "agreement_ended", outside["crm"]):
        hand(world, record, "crm", "contact")
    for name in ("board_tool", "office_suite", "staff_chat"):
        assert hand(world, record, name, "contact").count == 1
    assert [each.recipient for each in world.cloud.recipients.register() if each.stopped] == ["crm"]


@clause("CT-59", engine="register")
def test_ct_59(made: Made) -> None:
    """What has no rule is not kept at all, a rule without an end does not load, and whoever is in no register gets 0 bytes."""
    world = made.world("ct")
    stranger = reach(world, "stranger")["stranger"]
    record = put(world, "billing")
    with nothing_leaves(world, "recipient_not_listed", stranger):
        hand(world, record, "stranger", "invoicing")
    with nothing_leaves(world, "purpose_missing", stranger):
        hand(world, record, "stranger", "")
    with pytest.raises(ConfigError, match="what has no rule is not kept"):
        put(world, "later")
    assert world.cloud.records.of("u-1", "later") == []
    old, new = added(outsider("other", "third_party", "later.name"), rule("later", "later_use", "name", "other"))
    endless = findings(made, "ct", (old, new.replace('retention = "P12M"\n', "", 1)))
    assert any("without a finite term" in each.message for each in endless)
    aimless = findings(made, "ct", (old, new.replace('purpose = ["later_use"]\n', "", 1)))
    assert any("without a purpose" in each.message for each in aimless)
