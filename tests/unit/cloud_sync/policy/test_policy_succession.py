"""A policy after others: what another text must say of itself, and what it may use of what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.errors import PolicyError
from cloud_sync.policy import PolicyArchive, PolicyRefused, load_policy
from cloud_sync.policy.succession import further_purposes
from tests.unit.cloud_sync.policy.policy_world import DEMO, TEXT, anew

CHANGED = TEXT.replace('retention = "P90D"', 'retention = "P80D"', 1)


def write(folder: Path, text: str) -> Path:
    """A policy file of its own."""
    path = folder / f"policy-{len(list(folder.iterdir()))}.toml"
    path.write_text(text, "utf-8")
    return path


def test_another_text_has_another_version(tmp_path: Path) -> None:
    """The same file again, with other comments, and with another version passes; one that says something else does not."""
    archive = PolicyArchive(tmp_path / "archive")
    archive.keep(DEMO)
    archive.keep(DEMO)
    archive.keep(write(tmp_path, TEXT + "\n# a comment is no text\n"))
    with pytest.raises(PolicyRefused) as refused:
        archive.keep(write(tmp_path, CHANGED))
    [finding] = refused.value.findings
    assert (finding.key, "version_unchanged" in finding.message) == ("policy.version", True)
    assert TEXT.splitlines()[finding.line - 1].startswith("version = ")
    archive.keep(write(tmp_path, anew(CHANGED)))
    assert len(list((tmp_path / "archive").glob("*.toml"))) == 3


def test_the_version_of_an_older_text_is_taken_too(tmp_path: Path) -> None:
    """Not the newest alone: no text comes back under a name that another one has had."""
    archive = PolicyArchive(tmp_path / "archive")
    for text in (TEXT, anew(CHANGED)):
        archive.keep(write(tmp_path, text))
    with pytest.raises(PolicyRefused):
        PolicyArchive(tmp_path / "archive").keep(write(tmp_path, CHANGED))


def test_a_file_that_never_came_into_force_takes_no_version(tmp_path: Path) -> None:
    """`forget` takes out what this process kept, and nothing that was there before."""
    archive = PolicyArchive(tmp_path / "archive")
    archive.forget(archive.keep(DEMO))
    kept = archive.keep(write(tmp_path, CHANGED))
    PolicyArchive(tmp_path / "archive").forget(kept)
    assert archive.by_hash(kept.hash) is kept
    assert [path.stem for path in (tmp_path / "archive").glob("*.toml")] == [kept.hash]


def test_damage_in_the_archive_proves_nothing(tmp_path: Path) -> None:
    """Files that are no policies are passed over."""
    folder = tmp_path / "archive"
    archive = PolicyArchive(folder)
    (folder / "half.toml").write_bytes(b"[policy\nid = \xff")
    (folder / "empty.toml").write_text("policy = 7\n")
    archive.keep(DEMO)


RULE = '[[rule]]\ncategory = "contact"\n'
GRANT = 'purposes = ["tracking", "condition_monitoring", "theft_alarm", "diagnosis", "marketing", "rights_handling"]'


@pytest.mark.parametrize(
    ("basis", "reference", "found"),
    [
        ('basis = "contract"', "", ["contact for delivery"]),
        ('basis = "legitimate_interest"\nbalancing_id = "BT-1"', "", ["contact for delivery"]),
        ('basis = "contract"', 'compatibility_ref = "CMP-1"', []),
        ('basis = "contract"', 'legal_ref = "GDPR Art. 7(1)"', []),
        ('basis = "consent"', "", []),
    ],
)
def test_a_further_purpose_has_a_reference(tmp_path: Path, basis: str, reference: str, found: list[str]) -> None:
    """Of a category that is there already, unless people are asked or a law is named; a new category is none."""
    rule = f"""{RULE}fields = ["email"]\npurpose = ["delivery"]\n{basis}\n{reference}\nretention = "P30D"
clock = "record.created"\nafter = "delete"\nrecipients = []\nregion = "EEA"\nvisible_to_user = true\n"""
    text = anew(TEXT.replace(GRANT, GRANT.replace("[", '["delivery", ')) + "\n" + rule)
    new = load_policy(write(tmp_path, text))
    assert further_purposes(load_policy(DEMO), new) == found
    assert further_purposes(new, new) == []
    other = load_policy(write(tmp_path, text.replace(f"{RULE}fields", '[[rule]]\ncategory = "parcel"\nfields')))
    assert further_purposes(load_policy(DEMO), other) == []


def test_a_refused_policy_changes_nothing(tmp_path: Path) -> None:
    """PolicyRefused is a PolicyError, so that whoever starts the service hears it like any other gap."""
    archive = PolicyArchive(tmp_path / "archive")
    archive.keep(DEMO)
    with pytest.raises(PolicyError):
        archive.keep(write(tmp_path, CHANGED))
    assert len(list((tmp_path / "archive").glob("*.toml"))) == 1
