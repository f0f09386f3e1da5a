"""Whose signature opens what: the person's own, the controller's people's, nobody else's, for thirty days."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from tests.clauses.made import DPO, LEAD, U1, U2, World
from tests.clauses.recipients.recipients_world import approve, hand, put, reach

SIGNED: dict[str, Any] = {"start": 0.0, "end": 2e9}


@pytest.fixture
def ordered(tmp_path: Path) -> World:
    """An installation with a recipient that gets what the person orders."""
    made = World(tmp_path, "tt")
    reach(made, "payment_enrolment", "authority")
    return made


def _sign(world: World, recipient: str, purpose: str, by: Actor, **more: Any) -> None:
    world.cloud.approvals.sign("R-1", recipient, "u-1", purpose=purpose, by=by, **{**SIGNED, **more})


def test_the_person_signs_for_their_own_data_with_a_second_factor(ordered: World) -> None:
    """Another person, somebody in their name without one, and the controller's people do not: they `approve`."""
    for by in (U2, Actor("u-1", "data_subject"), DPO, Actor("u-1", "controller", mfa=True)):
        with pytest.raises(Denied):
            _sign(ordered, "payment_enrolment", "payment", by)
    assert len(ordered.logged("access.refused")) == 4
    _sign(ordered, "payment_enrolment", "payment", U1)
    assert hand(ordered, put(ordered, "billing"), "payment_enrolment", "payment", reference="R-1").count == 1
    ordered.close()


def test_an_order_is_for_its_purpose_its_record_and_thirty_days(ordered: World) -> None:
    """Each alone is not enough."""
    record, other = put(ordered, "billing"), put(ordered, "billing")
    _sign(ordered, "payment_enrolment", "invoicing", U1, record=record)
    _sign(ordered, "payment_enrolment", "payment", U1, record=other)
    with pytest.raises(Denied, match="order_missing"):
        hand(ordered, record, "payment_enrolment", "payment", reference="R-1")
    assert hand(ordered, other, "payment_enrolment", "payment", reference="R-1").count == 1
    ordered.later(days=30)
    with pytest.raises(Denied, match="order_missing"):
        hand(ordered, other, "payment_enrolment", "payment", reference="R-1")
    ordered.close()


def test_the_person_s_signature_is_none_of_an_authority_s_two(ordered: World) -> None:
    """One of the controller's people and the person are one of two."""
    record = put(ordered, "billing")
    _sign(ordered, "authority", "invoicing", U1)
    approve(ordered, record, "authority", "invoicing", "R-1", by=(LEAD,))
    with pytest.raises(Denied, match="1 of 2 approvals"):
        hand(ordered, record, "authority", "invoicing", reference="R-1")
    approve(ordered, record, "authority", "invoicing", "R-1", by=(DPO,))
    assert hand(ordered, record, "authority", "invoicing", reference="R-1").count == 1
    ordered.close()


def test_an_adviser_s_case_is_signed_by_the_office(tmp_path: Path) -> None:
    """Not by the person: it is not theirs to say what belongs to a claim against them."""
    mailing = 'id = "debt_register"\nkind = "independent_controller"\n'
    off = "[recipients.advisers]\nlist = []\nenabled = false\n"
    on = '[recipients.advisers]\nlist = ["debt_register"]\nenabled = true\nlegal_ref = "Civil Code"\n'
    world = World(tmp_path, "cg", [(mailing, f'{mailing}of = "advisers"\n'), (off, on)])
    reach(world, "debt_register")
    record = put(world, "risk")
    world.cloud.approvals.sign("R-1", "debt_register", "u-1", purpose="credit_check", by=U1, **SIGNED)
    with pytest.raises(Denied, match="order_missing"):
        hand(world, record, "debt_register", "credit_check", reference="R-1")
    approve(world, record, "debt_register", "credit_check", "R-1", by=(DPO,))
    assert hand(world, record, "debt_register", "credit_check", reference="R-1").count == 1
    world.close()
