"""A backup of keys that was cut at any step: the sweep finds what lies there, and destroys it when its time is over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.backups.manifest import Manifest, beside
from cloud_sync.facade import keyroom
from cloud_sync.storage import keybackup
from cloud_sync.storage.sqlite import SqliteKeys
from tests.unit.cloud_sync.backups.test_backups import DAY, begin, installed, prune, setting, shelf
from tests.unit.cloud_sync.service_world import Setting

__all__ = ["setting"]


class Cut(Exception):  # noqa: N818 - says what happened
    """The program ends here."""


def _end(*_: object) -> None:
    raise Cut


CUTS = {
    "before anything": (keyroom, "back_up"),
    "in the middle of writing": (keybackup.SqliteKeys, "raise_seen"),
    "before it has its name": (Path, "rename"),
    "before it has a manifest": (Manifest, "write"),
}


@pytest.mark.parametrize("cut", CUTS)
def test_what_a_cut_left_goes_with_its_time(setting: Setting, monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    """On each engine: a second before its horizon it lies there and is listed, after it nothing of it does."""
    place = shelf(setting)
    with setting.open() as cloud:
        begin(cloud, setting)
        with monkeypatch.context() as patch:
            patch.setattr(*CUTS[cut], _end)
            with pytest.raises(Cut):
                cloud.back_up_keys(place / "mine")
        left = {path.name for path in place.iterdir()} & {"mine", "mine.part"}
        assert left == ({"mine"} if "manifest" in cut else set() if "anything" in cut else {"mine.part"})
        assert {found.path.name for found in cloud.backups.all()} == left
        setting.clock.at += 30 * DAY - 1
        prune(cloud)
        assert {path.name for path in place.iterdir()} >= left
        setting.clock.at += 1
        assert {path.name for path in prune(cloud).gone} == left
        assert not any(path.name.startswith("mine") for path in place.iterdir())


def test_one_that_was_finished_is_found_by_its_manifest(setting: Setting) -> None:
    """Once, and no longer by the intent."""
    with setting.open() as cloud:
        begin(cloud, setting)
        cloud.back_up_keys(shelf(setting) / "mine")
        [found] = cloud.backups.all()
        assert found.path.name == "mine" and beside(found.path).exists()


@pytest.mark.parametrize("other", ["no database", "another database", "a backup of another day"])
def test_a_file_of_somebody_else_is_let_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """Cut before anything was written; later something else lies under that name, and stays there for good."""
    here = installed(tmp_path)
    path = shelf(here) / "mine"
    with here.open() as cloud:
        with monkeypatch.context() as patch:
            patch.setattr(keyroom, "back_up", _end)
            with pytest.raises(Cut):
                cloud.back_up_keys(path)
        if other == "no database":
            path.write_bytes(b"letters")
        elif other == "another database":
            with closing(sqlite3.connect(path)) as database:
                database.execute("CREATE TABLE letters (text TEXT)")
        else:
            with closing(SqliteKeys(path)) as database:
                database.raise_seen(keybackup.MADE_AT, int(here.clock.at) + 1)
        here.clock.at += 40 * DAY
        prune(cloud)
        assert path.exists() and cloud.backups.all() == []
