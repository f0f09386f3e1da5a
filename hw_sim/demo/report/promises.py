"""Which promise each step of the story tries, and the test that proves it apart from the demo.

The words are those of the table in README.md; a test compares the two.
"""

from __future__ import annotations

from typing import NamedTuple


class Promise(NamedTuple):
    """A promise as README.md has it, and its tests by their names."""

    step: str
    words: str
    tests: tuple[str, ...]


PROMISES = (
    Promise(
        "a",
        "without consent the receiver stays unpowered and no location leaves",
        ("tests/unit/firmware/app/test_board_leave.py::test_without_a_directive_the_receiver_stays_unpowered",),
    ),
    Promise(
        "b",
        "nothing that passes the broker shows a position, a serial number or a name",
        ("tests/system/test_demo.py::test_step_b_fails_when_a_position_leaks",),
    ),
    Promise(
        "b",
        "a changed envelope is refused, whichever bit was changed",
        ("tests/system/test_demo.py::test_step_b_fails_when_a_changed_envelope_is_accepted",),
    ),
    Promise(
        "b",
        "a position that leaves is the centre of its cell, with no finer side field",
        ("tests/unit/firmware/test_minimise.py::test_a_cell_carries_nothing_finer",),
    ),
    Promise(
        "c",
        "no read without a purpose that the policy declares",
        (
            "tests/unit/cloud_sync/read/test_reading.py::test_one_change_of_a_permitted_read_is_denied_with_its_reason_and_logged",
        ),
    ),
    Promise(
        "c",
        "who cannot be logged cannot read; the record cannot be edited, cut, reordered or forked unnoticed",
        (
            "tests/unit/cloud_sync/read/test_reading.py::test_who_cannot_be_logged_cannot_read",
            "tests/properties/test_audit.py",
        ),
    ),
    Promise(
        "d",
        "no key is used twice, wherever the power is cut",
        ("tests/faults/test_flash_power_cut.py::test_a_cut_at_every_operation",),
    ),
    Promise(
        "d",
        "nothing acknowledged is lost: only an authenticated verdict empties the spool",
        ("tests/unit/firmware/app/test_board_link.py::test_a_puback_releases_nothing",),
    ),
    Promise(
        "d",
        "at least once on the wire, once in the store, also when the server is killed",
        ("tests/faults/test_ingest_killed.py::test_killed_between_commit_and_acknowledgement",),
    ),
    Promise(
        "e",
        "a withdrawal unpowers the sensor on receipt and wipes what waits",
        ("tests/unit/firmware/app/test_board_leave.py::test_a_withdrawal_unpowers_the_receiver_at_once",),
    ),
    Promise(
        "e",
        "what was captured before a withdrawal does not get in afterwards, not even after a new consent",
        (
            "tests/unit/cloud_sync/directive/test_directive_desk.py::test_withdrawn_and_given_again_keeps_older_captures_out",
        ),
    ),
    Promise(
        "f",
        "an envelope that has expired dies together with its key",
        (
            "tests/unit/cloud_sync/retention/test_sweeping.py::test_an_expired_envelope_dies_with_its_key_and_the_next_one_lives",
        ),
    ),
    Promise(
        "g",
        "a restored backup reads nothing that was erased",
        (
            "tests/unit/cloud_sync/erasure/test_erasing.py::test_a_restored_backup_of_database_and_keys_reads_nothing_that_was_erased",
        ),
    ),
    Promise(
        "h",
        "the flash holds no key of what was sealed before",
        ("tests/unit/firmware/test_keystore.py::test_used_chain_keys_are_not_in_flash",),
    ),
)


def of_step(step: str) -> list[Promise]:
    """The promises that a step tries."""
    return [promise for promise in PROMISES if promise.step == step]
