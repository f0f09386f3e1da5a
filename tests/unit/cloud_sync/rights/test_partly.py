"""An erasure while a contract runs: row by row, and for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.model.rights import Case
from cloud_sync.rights.partly import PartErasure
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.records.records_world import policy as with_records
from tests.unit.cloud_sync.rights.rights_world import DAY, DESK, DPO, T0, Bureau
from tests.unit.cloud_sync.storage.places import copy_all, copy_store


def opened(bureau: Bureau) -> CloudSync:
    """The bureau's installation with records of seven kinds."""
    config = bureau.config(policy=with_records(bureau.directory))
    return CloudSync.open(config, clock=bureau.clock, link=bureau.link)


def partly(bureau: Bureau, reason: str = "contract") -> Case:
    """An erasure that is granted in part."""
    case = bureau.one("erasure")
    return bureau.cloud.rights.decide(case.case_id, "partly", by=DESK, reviewer=DPO, reason=reason)


def left(cloud: CloudSync) -> list[str]:
    """Categories of which the person has a record."""
    return sorted(part.category for part in cloud.records.of("s-1"))


def test_what_rests_on_no_contract_goes_and_does_not_come_back(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A log line goes, an invoice and an account stay; in a restored store it goes again, and what is new stays."""
    bureau = Bureau(tmp_path)
    with opened(bureau) as bureau.cloud:
        bureau.cloud.enrol(subject="s-1", settings={})
        for category in ("log", "log", "billing", "account"):
            bureau.cloud.records.put(category, {"s-1": b"x"})
    kept = copy_all(bureau.directory, tmp_path_factory.mktemp("kept") / "files")
    with opened(bureau) as bureau.cloud:
        bureau.clock.at = T0 + 60
        done = bureau.cloud.rights.carry.erase(partly(bureau).case_id, by=DESK)
        assert isinstance(done, PartErasure) and done.records == 2 and left(bureau.cloud) == ["account", "billing"]
        why = {each.what: each.why for each in done.kept}
        assert (why["account"], why["billing"]) == ("contract", "legal_obligation")
        assert all(each.review_at > T0 + 300 * DAY for each in done.kept)
    for name in ("telemetry.db", "keys.db"):
        copy_store(name, kept, bureau.directory)
    with opened(bureau) as bureau.cloud:
        assert left(bureau.cloud) == ["account", "billing"]
        bureau.clock.at = T0 + 120
        bureau.cloud.records.put("log", {"s-1": b"later"})
    with opened(bureau) as bureau.cloud:
        assert left(bureau.cloud) == ["account", "billing", "log"]


def test_in_part_for_another_reason_is_an_erasure_of_everything_that_nothing_keeps(tmp_path: Path) -> None:
    """A hold keeps a log line; the account goes, contract or not."""
    bureau = Bureau(tmp_path)
    with opened(bureau) as bureau.cloud:
        for category in ("log", "account"):
            bureau.cloud.records.put(category, {"s-1": b"x"})
        bureau.cloud.holds.place("CLAIM-7", by=DPO, review_at=T0 + DAY, subject="s-1", category="log")
        receipt = bureau.cloud.rights.carry.erase(partly(bureau, "legal_claim").case_id, by=DESK)
        assert not isinstance(receipt, PartErasure) and left(bureau.cloud) == ["log"]
        text = bureau.cloud.rights.letter(bureau.cloud.rights.of("s-1")[0].case_id)
        assert "log, 1: hold; looked at again on 2026-01-16" in text


def test_what_a_hold_keeps_stays_beside_a_contract_too(tmp_path: Path) -> None:
    """With the hold as its reason."""
    bureau = Bureau(tmp_path)
    with opened(bureau) as bureau.cloud:
        for category in ("log", "account"):
            bureau.cloud.records.put(category, {"s-1": b"x"})
        bureau.cloud.holds.place("CLAIM-7", by=DPO, review_at=T0 + DAY, subject="s-1", category="log")
        done = bureau.cloud.rights.carry.erase(partly(bureau).case_id, by=DESK)
        assert isinstance(done, PartErasure) and done.records == 0
        why = {each.what: each.why for each in done.kept}
        assert (why["log"], why["account"]) == ("hold", "contract")


def test_readings_that_a_hold_keeps_are_said_to_stay(tmp_path: Path) -> None:
    """Without the hold they go, and nothing is said of them."""
    for number, held in enumerate((False, True)):
        (tmp_path / str(number)).mkdir()
        bureau = Bureau(tmp_path / str(number))
        with opened(bureau) as bureau.cloud:
            bureau.cloud.enrol(subject="s-1", settings={})
            bureau.clock.at = T0 + 60
            if held:
                bureau.cloud.holds.place("CLAIM-7", by=DPO, review_at=T0 + DAY, subject="s-1")
            case = partly(bureau)
            done = bureau.cloud.rights.carry.erase(case.case_id, by=DESK)
            assert isinstance(done, PartErasure) and done.readings is not held
            assert [each.why for each in done.kept if each.what == "readings"] == ["hold"] * held
            assert ("readings: hold" in bureau.cloud.rights.letter(case.case_id, done)) is held
