"""Orders that forbid telling the person."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.disclosure import CallbackSink
from cloud_sync.errors import ConfigError, Denied, LinkError
from tests.clauses.made import DAY, DPO, World
from tests.clauses.recipients.recipients_world import approve, hand, put, reach


@pytest.fixture
def billed(tmp_path: Path) -> World:
    """An installation with a record that an authority may get under an order that two have signed."""
    made = World(tmp_path, "ct")
    reach(made, "tax_office")
    return made


def _ordered(world: World) -> str:
    record = put(world, "billing", amount=1)
    approve(world, record, "tax_office", "invoicing", "O-1")
    return record


def test_a_silence_has_an_end_within_a_year(billed: World) -> None:
    """Neither in the past nor for ever; nothing is sent then, and nothing waits."""
    record = _ordered(billed)
    for until in (billed.now, billed.now - 1, billed.now + 367 * DAY, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="a year from now at most"):
            hand(billed, record, "tax_office", "invoicing", reference="O-1", silent_until=until)
    assert billed.cloud.recipients.silent() == []
    assert billed.cloud.disclosures.of("u-1") == []
    billed.close()


def test_only_an_authority_can_forbid_it(billed: World) -> None:
    """A processor's disclosure is told like any other."""
    reach(billed, "bookkeeping")
    record = put(billed, "billing", amount=1)
    with pytest.raises(ConfigError, match="no authority"):
        hand(billed, record, "bookkeeping", "invoicing", reference="O-1", silent_until=billed.now + DAY)
    assert billed.cloud.recipients.silent() == []
    billed.close()


def test_what_was_denied_leaves_no_notice(billed: World) -> None:
    """There is nothing to tell of."""
    record = put(billed, "billing", amount=1)
    with pytest.raises(Denied):
        hand(billed, record, "tax_office", "invoicing", reference="O-1", silent_until=billed.now + DAY)
    assert billed.cloud.recipients.silent() == []
    assert billed.logged("disclosure.silent") == []
    billed.close()


def test_a_delivery_that_may_have_arrived_is_told_of(billed: World) -> None:
    """The sink failed after it was called: nobody knows what the authority has, so the notice stays."""

    def lost(_: object) -> None:
        raise LinkError("away")

    record = _ordered(billed)
    billed.cloud.sinks["tax_office"] = CallbackSink(lost)
    with pytest.raises(LinkError):
        hand(billed, record, "tax_office", "invoicing", reference="O-1", silent_until=billed.now + DAY)
    assert [each.reference for each in billed.cloud.recipients.silent("u-1")] == ["O-1"]
    billed.close()


def test_it_outlives_a_restart_and_is_told_once(billed: World) -> None:
    """When its day has come the service warns at each sweep until somebody says that the person was told."""
    record = _ordered(billed)
    hand(billed, record, "tax_office", "invoicing", reference="O-1", silent_until=billed.now + DAY)
    cloud = billed.reopen()
    (notice,) = cloud.recipients.silent()
    assert cloud.recipients.due() == []
    billed.later(days=1)
    assert cloud.recipients.due() == [notice]
    cloud.recipients.told(notice.notice, by=DPO)
    with pytest.raises(ConfigError, match="or it was told"):
        cloud.recipients.told(notice.notice, by=DPO)
    assert [entry["recipient"] for entry in billed.logged("disclosure.told", "u-1")] == ["tax_office"]
    billed.close()


def test_an_erasure_of_the_person_takes_the_notice(billed: World) -> None:
    """There is nobody left to be told."""
    record = _ordered(billed)
    hand(billed, record, "tax_office", "invoicing", reference="O-1", silent_until=billed.now + DAY)
    billed.cloud.enrol(subject="u-1", settings={})
    billed.cloud.erase(subject="u-1", actor="dpo-1")
    assert billed.cloud.recipients.silent() == []
    billed.close()
