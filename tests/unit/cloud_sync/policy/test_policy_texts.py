"""Losing the archive of policy files loses no check: the database keeps the texts that were in force."""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path

import pytest

from cloud_sync.errors import CloudSyncError, PolicyError
from cloud_sync.storage.engine import Engine
from tests.unit.cloud_sync.policy.policy_world import TEXT, anew
from tests.unit.cloud_sync.policy.test_policy_succession import CHANGED, GRANT, RULE
from tests.unit.cloud_sync.service_world import GIVE, Setting

FURTHER = TEXT.replace(GRANT, GRANT.replace("[", '["delivery", ')) + (
    f'\n{RULE}fields = ["email"]\npurpose = ["delivery"]\nbasis = "contract"\nretention = "P30D"\n'
    'clock = "record.created"\nafter = "delete"\nrecipients = []\nregion = "EEA"\nvisible_to_user = true\n'
)


class Shop(Setting):
    """An installation whose policy file changes."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.policy = directory / "in-force.toml"
        self.policy.write_text(TEXT, "utf-8")

    def config(self, **changes: object):  # type: ignore[no-untyped-def]
        """With that file."""
        return super().config(policy=self.policy, **changes)

    @property
    def archive(self) -> Path:
        """Its archive of policies."""
        return Path(self.config().policies)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Opened once, with a person who agreed; the archive is as it was then."""
    shop = Shop(tmp_path)
    with shop.open() as cloud:
        cloud.enrol(subject="s-1", settings={})
        cloud.consent.give("s-1", "tracking", GIVE)
    return shop


def lose(shop: Shop) -> None:
    """All of the archive is gone."""
    shutil.rmtree(shop.archive)


@pytest.mark.parametrize("lost", [False, True])
def test_a_text_that_says_something_else_under_the_same_version_is_refused(shop: Shop, lost: bool) -> None:
    """With the file of before and without it; and with a version of its own it passes, the old text back in the archive."""
    if lost:
        lose(shop)
    shop.policy.write_text(CHANGED, "utf-8")
    with pytest.raises(PolicyError, match="version_unchanged"):
        shop.open()
    shop.policy.write_text(anew(CHANGED), "utf-8")
    with shop.open() as cloud:
        assert len(cloud.database.policy_texts()) == 2
    assert len(list(shop.archive.glob("*.toml"))) == 2


@pytest.mark.parametrize("lost", [False, True])
def test_a_further_purpose_is_refused(shop: Shop, lost: bool) -> None:
    """With the file of before and without it."""
    if lost:
        lose(shop)
    shop.policy.write_text(anew(FURTHER), "utf-8")
    with pytest.raises(PolicyError, match="further purpose"):
        shop.open()


def test_a_file_that_was_altered_is_no_way_round(shop: Shop) -> None:
    """The old file is made to say what the new one does: it has not its hash, and comes back as it was."""
    [old] = shop.archive.glob("*.toml")
    old.write_text(anew(FURTHER), "utf-8")
    shop.policy.write_text(anew(FURTHER + "\n# again\n"), "utf-8")
    with pytest.raises(PolicyError, match="further purpose"):
        shop.open()
    assert old.read_text("utf-8") == TEXT


def test_consents_survive_the_loss_of_the_files(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever agreed to the old text has still agreed after a change that widens nothing; the loss is in the service's log."""
    lose(shop)
    shop.policy.write_text(anew(TEXT + "\n# another comment\n"), "utf-8")
    with caplog.at_level(logging.WARNING), shop.open() as cloud:
        assert "tracking" in cloud.ledger.open_now("s-1")
    assert "1 files of the archive of policies were lost" in caplog.text


def test_a_text_in_the_database_is_neither_changed_nor_taken_away(shop: Shop) -> None:
    """Append-only, in either engine."""
    with shop.open() as cloud:
        assert isinstance(cloud.database, Engine)
        for statement in ("UPDATE policy_text SET content = ''", "DELETE FROM policy_text"):
            with pytest.raises(CloudSyncError):
                cloud.database.run(statement)
        [(digest, text)] = cloud.database.policy_texts()
        assert digest == cloud.policy.hash and text == TEXT


def test_a_text_that_has_not_its_hash_proves_nothing(shop: Shop) -> None:
    """A row that somebody put there is passed over; and what is lost in both places is said loudly."""
    with shop.open() as cloud:
        cloud.database.keep_policy_text("ab" * 32, 0.0, CHANGED)
    shop.open().close()
    assert len(list(shop.archive.glob("*.toml"))) == 1


def test_an_installation_of_before_keeps_its_texts_at_the_next_start(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Opened by a version that kept none, then by this one; without text and file it says that it cannot tell."""
    (tmp_path / "older").mkdir()
    older = Shop(tmp_path / "older")
    with monkeypatch.context() as patch:
        patch.setattr("cloud_sync.facade.starting.keep_texts", lambda *_: None)
        with older.open() as cloud:
            assert cloud.database.policy_texts() == []
            first = cloud.policy.hash
    older.policy.write_text(anew(CHANGED), "utf-8")
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        patch.setattr("cloud_sync.facade.starting.keep_texts", lambda *_: None)
        lose(older)
        older.open().close()
    assert re.search(f"the text of the policy before, {first}, is lost", caplog.text)
    older.open().close()
    with older.open() as cloud:
        assert [digest for digest, _ in cloud.database.policy_texts()] == [cloud.policy.hash]
