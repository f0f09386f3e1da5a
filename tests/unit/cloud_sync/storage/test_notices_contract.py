"""What every store of notices must do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.model import Device
from cloud_sync.model.notices import LinkUse, NoticeLink, NoticeReceipt, NoticeSource, Publication
from cloud_sync.storage.telemetry import TelemetryRows
from cloud_sync.stores import Database

FIRST = Publication("v-1", "a" * 64, "", 1.5, (), (), 1.5)
SECOND = Publication("v-2", "b" * 64, "a" * 64, 9.5, ("recipient", "retention"), ("newsletter",), 40.0)
RECEIPT = NoticeReceipt("r-1", "s-1", "v-1", "a" * 64, 2.0, "s-1", "app", "opened", "en")
LINK = NoticeLink("l-1", LinkUse.CONFIRM, "s-1", "newsletter", "record-1", 1.0, 8.0)


def test_publications_come_back_in_their_order(database: Database) -> None:
    """With what changed and whose consents ended."""
    for each in (FIRST, SECOND):
        database.add_publication(each)
    assert database.publications() == [FIRST, SECOND]
    assert [each.significant for each in database.publications()] == [True, True]


def test_receipts_are_appended_and_go_only_by_their_term(database: Database) -> None:
    """Neither rewritten, repeated nor deleted; then by their ids, and no others."""
    later, other = replace(RECEIPT, receipt_id="r-2", at=5.0), replace(RECEIPT, receipt_id="r-3", subject="s-2")
    for each in (RECEIPT, later, other):
        database.add_notice_receipt(each)
    assert database.notice_receipts("s-1") == [RECEIPT, later] and database.notice_receipts("s-9") == []
    assert isinstance(database, TelemetryRows)
    for statement in ("UPDATE notice_receipt SET act = 'x'", "DELETE FROM notice_receipt", "DELETE FROM notice"):
        if statement.endswith("notice"):
            database.add_publication(FIRST)
        with pytest.raises(StoreError):
            database.run(statement)
    with pytest.raises(StoreError):
        database.add_notice_receipt(RECEIPT)
    assert database.remove_notice_receipts(["r-1"]) == 1
    assert database.notice_receipts("s-1") == [later]
    with pytest.raises(StoreError):
        database.run("DELETE FROM notice_receipt")


def test_what_a_later_receipt_has_outlived(database: Database) -> None:
    """The earlier one, once the later is from before that moment; of somebody without a device in use all."""
    database.add_device(Device("d" * 16, "s-1", 0, 0.0))
    for each in (
        RECEIPT,
        replace(RECEIPT, receipt_id="r-2", at=5.0),
        replace(RECEIPT, receipt_id="r-3", subject="s-2"),
    ):
        database.add_notice_receipt(each)
    assert database.notice_receipts_outlived(2.0) == []
    assert database.notice_receipts_outlived(5.0) == ["r-3"]
    assert database.notice_receipts_outlived(5.1) == ["r-1", "r-3"]
    database.update_device(Device("d" * 16, "s-1", 0, 0.0, 4.0))
    assert database.notice_receipts_outlived(5.1) == ["r-1", "r-2", "r-3"]


def test_sources_and_links_of_a_person(database: Database) -> None:
    """The first source stays; links by token, person and end; an erasure takes both, up to its moment."""
    database.put_notice_source(NoticeSource("s-1", "employer-1", 1.0))
    database.put_notice_source(NoticeSource("s-1", "employer-2", 2.0))
    assert database.notice_sources() == database.notice_sources("s-1") == [NoticeSource("s-1", "employer-1", 1.0)]
    leave = replace(LINK, link="l-2", use=LinkUse.LEAVE, record_id="", made_at=3.0, ends_at=9.0)
    for each in (LINK, leave):
        database.put_notice_link(each)
    assert (database.notice_link("l-1"), database.notice_link("l-9")) == (LINK, None)
    assert database.notice_links("s-1") == [LINK, leave]
    assert [each.link for each in database.notice_links_ended(8.0)] == ["l-1"] and database.notice_links_ended(
        7.9
    ) == []
    assert database.forget_notices("s-1", 2.0) == 2 and database.notice_links("s-1") == [leave]
    assert database.remove_notice_link("l-2") == 1
