"""Copies of identity documents: a recorded doubt, four masked areas, a day after the decision, in no backup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError
from cloud_sync.model.rights import Case
from cloud_sync.rights.documents import AREAS
from cloud_sync.service import CloudSync
from cloud_sync.storage.keybackup import back_up
from cloud_sync.storage.sqlite import SqliteKeys
from tests.unit.cloud_sync.records.records_world import policy as with_records
from tests.unit.cloud_sync.rights.rights_world import DAY, DESK, DPO, T0, Bureau

IMAGE = b"a masked copy of a passport"


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """An installation whose policy has the category `identity_copy`."""
    made = Bureau(tmp_path)
    config = made.config(policy=with_records(tmp_path))
    with CloudSync.open(config, clock=made.clock, link=made.link) as made.cloud:
        yield made


def doubted(bureau: Bureau) -> Case:
    """A case by mail, with a doubt that is recorded."""
    case = bureau.one("access", login=None, by=DESK, channel="mail")
    return bureau.cloud.rights.documents.doubt(case.case_id, "no_address_on_file", by=DPO)


def copies(bureau: Bureau) -> int:
    """How many are kept."""
    return len(bureau.cloud.records.of("s-1", "identity_copy"))


def test_no_document_without_a_recorded_doubt(bureau: Bureau) -> None:
    """Nor for a doubt that is none, nor for somebody who is identified already (ST-49)."""
    documents = bureau.cloud.rights.documents
    case = bureau.one("access", login=None, by=DESK, channel="mail")
    with pytest.raises(ConfigError, match="recorded a doubt"):
        documents.take(case.case_id, IMAGE, masked=AREAS, by=DESK)
    with pytest.raises(ConfigError, match="no reason to doubt"):
        documents.doubt(case.case_id, "we_always_ask", by=DPO)
    with pytest.raises(ConfigError, match="identified"):
        documents.doubt(bureau.one("access").case_id, "address_disputed", by=DPO)
    assert copies(bureau) == 0
    documents.doubt(case.case_id, "address_disputed", by=DPO)
    documents.take(case.case_id, IMAGE, masked=AREAS, by=DESK)
    assert copies(bureau) == 1


@pytest.mark.parametrize("area", sorted(AREAS))
def test_an_area_that_is_not_masked_is_refused_and_nothing_stays(bureau: Bureau, area: str) -> None:
    """Each of the four by itself (ST-50); no byte is in any file."""
    case = doubted(bureau)
    with pytest.raises(ConfigError, match=area):
        bureau.cloud.rights.documents.take(case.case_id, IMAGE, masked=AREAS - {area}, by=DESK)
    assert copies(bureau) == 0


def test_a_copy_identifies_its_person(bureau: Bureau) -> None:
    """Once somebody looked at it; without one there is nothing to accept. The due moment stays."""
    documents, case = bureau.cloud.rights.documents, doubted(bureau)
    with pytest.raises(ConfigError, match="no copy"):
        documents.accept(case.case_id, by=DPO)
    documents.take(case.case_id, IMAGE, masked=AREAS, by=DESK)
    made = documents.accept(case.case_id, by=DPO)
    assert (made.state, made.identity, made.due_at) == ("identified", "document", case.due_at)


def test_a_copy_is_gone_a_day_after_the_decision(bureau: Bureau) -> None:
    """Not an hour sooner, and with the sweep of that hour."""
    case = doubted(bureau)
    bureau.cloud.rights.documents.take(case.case_id, IMAGE, masked=AREAS, by=DESK)
    bureau.cloud.rights.documents.accept(case.case_id, by=DPO)
    bureau.clock.at = T0 + 5 * DAY
    bureau.grant(case)
    for moment, there in ((T0 + 6 * DAY - 1, 1), (T0 + 6 * DAY, 0)):
        bureau.clock.at = moment
        bureau.cloud.sweep(clock_confirmed=True)
        assert copies(bureau) == there


def test_a_copy_is_gone_after_thirty_days_at_most(bureau: Bureau) -> None:
    """Whether anybody decided or not."""
    bureau.cloud.rights.documents.take(doubted(bureau).case_id, IMAGE, masked=AREAS, by=DESK)
    for moment, there in ((T0 + 30 * DAY - 1, 1), (T0 + 30 * DAY, 0)):
        bureau.clock.at = moment
        bureau.cloud.sweep(clock_confirmed=True)
        assert copies(bureau) == there


def test_the_key_of_a_copy_is_in_no_backup(bureau: Bureau, tmp_path: Path) -> None:
    """That of another record is; and no file has the image in the clear."""
    name = bureau.cloud.rights.documents.take(doubted(bureau).case_id, IMAGE, masked=AREAS, by=DESK)
    bureau.cloud.records.put("crm", {"s-1": b"a note"}, record_id="note-1")
    back_up(bureau.cloud._store, tmp_path / "keys.backup", T0)
    backup = SqliteKeys(tmp_path / "keys.backup")
    assert backup.record_keys(("", ""), 9) == [("note-1", "s-1")]
    backup.close()
    assert bureau.cloud._store.record_key(name, "s-1") is not None
    for path in tmp_path.iterdir():
        assert not path.is_file() or IMAGE not in path.read_bytes()
