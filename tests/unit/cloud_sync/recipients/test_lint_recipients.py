"""What the lint asks of the register beyond names: grounds, scopes, sales, directories."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.policy import lint, load_policy
from cloud_sync.policy.diff import diff
from tests.clauses.made import PROFILES, changed

THIRD = 'id = "chosen_service"\nkind = "third_party"\n'


def found(folder: Path, profile: str, *changes: tuple[str, str]) -> list[str]:
    """The messages of a profile with these changes."""
    text = (PROFILES / f"{profile}.toml").read_text("utf-8")
    for old, new in changes:
        text = changed(text, old, new)
    path = folder / "policy.toml"
    path.write_text(text, "utf-8")
    return [each.message for each in lint(path)]


@pytest.mark.parametrize(
    ("profile", "old", "new", "message"),
    [
        ("ct", 'third_party = ["consent"]', "third_party = []", "third party 'chosen_service' gets data on consent"),
        ("ct", THIRD, f'{THIRD}scope = ["sharring"]\n', "purpose 'sharring' is not declared"),
        (
            "ct",
            'agreement = "DPA-BOOKKEEPING"\n',
            'agreement = "DPA-BOOKKEEPING"\nscope = ["support"]\n',
            "bookkeeping has no instruction for invoicing, legal_reporting",
        ),
        ("ct", 'sale = ["agreement", "court"]', 'sale = ["handshake"]', "'agreement' or 'court'"),
        ("cg", "[directory]\n", "[directory]\nlegal_ref = 7\n", "valid string"),
    ],
)
def test_each_is_found(tmp_path: Path, profile: str, old: str, new: str, message: str) -> None:
    """One change of a profile without a gap, one sentence about it."""
    assert found(tmp_path, profile) == []
    assert any(message in each for each in found(tmp_path, profile, (old, new)))


def test_a_recipient_that_is_off_needs_no_agreement(tmp_path: Path) -> None:
    """It gets nothing; once it is switched on, it does."""
    agreement = 'agreement = "DPA-BOOKKEEPING"\n'
    assert found(tmp_path, "ct", (agreement, "enabled = false\n")) == []
    assert found(tmp_path, "ct", (agreement, "enabled = true\n")) == ["a processor without agreement"]


@pytest.mark.parametrize(
    ("profile", "old", "new", "text"),
    [
        ("ct", "flowdown = true", "flowdown = false", "recipients.flowdown"),
        ("st", "sale = []", 'sale = ["court"]', "recipients.sale court"),
        ("ct", 'third_party = ["consent"]', 'third_party = ["consent", "contract"]', "recipients.third_party contract"),
        ("tt", "on_order = true\n", "", "recipient payment_enrolment of billing"),
        (
            "tt",
            'agreement = "DPA-MAILING"\nregion = "EEA"\n',
            'agreement = "DPA-MAILING"\nregion = "DK"\n',
            "region of recipient mailing",
        ),
    ],
)
def test_another_policy_that_takes_more_is_told(tmp_path: Path, profile: str, old: str, new: str, text: str) -> None:
    """One way it widens, the other way it narrows, or is told as well."""
    before = (PROFILES / f"{profile}.toml").read_text("utf-8")
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(before, "utf-8")
    second.write_text(changed(before, old, new), "utf-8")
    policies = load_policy(first), load_policy(second)
    assert [each.text for each in diff(*policies).widens] == [text]
    assert text in {each.text for each in (*diff(*policies[::-1]).narrows, *diff(*policies[::-1]).widens)}
