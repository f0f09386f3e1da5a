"""With BYLEAVE_TEST_STORE=postgresql the same tests run on PostgreSQL, but for those that are about SQLite's own files.

BYLEAVE_STORED=3 takes one in three of them, others at each commit (`tests.share`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.service import CloudSync
from tests.share import chosen
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.records.records_world import Office
from tests.unit.cloud_sync.service_world import Setting
from tests.unit.cloud_sync.storage.places import on_postgresql

#: They copy, damage or read the files themselves; `storage/test_postgresql_erasing.py` and `test_released_stores.py` are alike.
OF_FILES = (
    "erasure/test_erasing.py::test_erased_content_is_in_no_byte_of_the_files",
    "erasure/test_erasing.py::test_a_restored_log_forgets_an_erased_person_again",
    "erasure/test_erasing_limits.py::test_a_backup_from_before_brings_no_limits_back",
    "erasure/test_erasing_limits.py::test_a_backup_of_the_database_alone_names_nobody",
    "retention/test_stepping_down.py::test_rows_that_were_fine_are_in_no_byte_of_the_files",
    "retention/test_sweeping.py::test_swept_rows_are_in_no_byte_of_the_files",
    "records/test_records_kept.py::test_a_restored_key_store_brings_no_key_of_a_record_back",
    "retention/test_sweeping_edges.py::test_a_restored_key_store_brings_no_finer_step_back",
    "keys/test_ladder_keys.py::test_the_root_is_stored_nowhere",
    "test_admitting.py::test_no_byte_of_a_used_key_stays_in_the_store",
    "test_admitting.py::test_no_backup_of_the_keys_holds_an_invitation",
    "test_admitting.py::test_a_reader_of_the_log_keeps_no_key_in_it_beyond_the_next_sweep",
    "test_service.py::test_the_enrolment_file_is_the_documented_array",
    "test_service.py::test_a_store_that_fails_to_open_closes_what_was_open",
    "test_service.py::test_a_policy_with_a_gap_opens_nothing",
    "test_service_restore.py::test_a_withdrawal_that_a_backup_does_not_know_still_holds",
    "test_service_restore.py::test_a_backup_that_lost_no_answer_keeps_the_consents_and_jumps",
    "test_service_restore.py::test_a_log_of_the_same_length_that_is_another_one_is_noticed",
    "test_service_restore.py::test_one_missing_store_is_never_replaced_by_an_empty_one",
    "test_service_restore.py::test_an_open_that_fails_leaves_no_file_open",
    "test_service_restore.py::test_a_restored_database_is_dealt_with_once",
    "test_service_stores.py::test_a_store_of_another_installation_is_refused",
    "test_limits_at_rest.py::test_no_file_holds_a_zone_or_an_hour_in_the_clear",
    "test_limits_at_rest.py::test_a_store_that_seals_nothing_is_found_out",
    "test_limits_at_rest.py::test_directives_of_an_older_schema_are_sealed_at_the_next_start",
    "test_limits_at_rest.py::test_an_erasure_takes_the_limits_along_and_opens_nothing",
    "test_limits_at_rest.py::test_a_restored_database_does_not_widen_what_was_set_since",
    "test_limits_at_rest.py::test_a_restored_database_does_not_forget_the_floor_of_a_zone",
    "test_limits_at_rest.py::test_a_key_store_from_before_a_change_closes_the_person_until_they_answer",
    "test_limits_at_rest.py::test_a_key_store_from_before_an_erasure_brings_no_limits_back",
)
#: They end the process before each of a hundred writes, on a copy each time: a copy of two schemas takes half a second.
OF_COPIES = (
    "erasure/test_erasing_parts.py::test_killed_at_any_write_the_next_start_finishes",
    "erasure/test_erasing_parts.py::test_a_replay_that_is_killed_at_any_write_is_finished_by_the_next",
    "retention/test_stepping_interleaved.py::test_an_erasure_and_a_sweep_of_which_the_first_is_killed",
    "retention/test_stepping_interleaved.py::test_a_sweep_killed_at_any_write_is_finished_by_the_next",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about files."""
    if not on_postgresql():
        return
    one_in = int(os.environ.get("BYLEAVE_STORED", "1"))
    named = (*OF_FILES, *OF_COPIES)
    left_out = [item for item in items if any(name in item.nodeid for name in named) or not chosen(item.nodeid, one_in)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """An empty installation."""
    return Setting(tmp_path)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """One that keeps records, at noon."""
    office = Office(tmp_path)
    office.clock.at = NOON
    return office


@pytest.fixture
def cloud(setting: Setting) -> Iterator[CloudSync]:
    """It, open."""
    with setting.open() as cloud:
        yield cloud
