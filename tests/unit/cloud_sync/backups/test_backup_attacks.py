"""Backups under attack and on a bad day: hostile manifests and names, full disks, links, files that a lost database left."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.backups import restoring
from cloud_sync.backups.manifest import beside
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.facade.backups import put_back_into
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.backups.test_backups import DAY, begin, here, installed, lose, lying, prune, read, shelf
from tests.unit.cloud_sync.service_world import Setting
from tests.unit.cloud_sync.storage.cluster import binaries

__all__ = ["here"]


def _full(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_nothing_that_lies_in_a_folder_stops_the_sweep(here: Setting) -> None:
    """Manifests that are no manifest, moments that no calendar has, a pipe: the sweep goes on, and what is ours goes."""
    with here.open() as cloud:
        begin(cloud, here)
        taken = cloud.backups.snapshot(shelf(here)).path
        said = json.loads(beside(taken).read_text())
        texts = ("null", "5", "[" * 3000, *(json.dumps({**said, "made_at": at}) for at in (10**400, 1e300, -1e300)))
        for n, text in enumerate(texts):
            other = shelf(here) / f"other-{n}.db"
            other.write_text("not ours")
            beside(other).write_text(text.replace(taken.name, other.name))
            with pytest.raises(StoreError, match="damaged"):
                cloud.backups.verify(other)
        for name in ("telemetry-20261399T000000Z.db", "telemetry-99991231T235959Z.db"):
            (shelf(here) / name).write_text("not ours")
        (shelf(here) / "pipe").write_text("not ours")
        os.mkfifo(shelf(here) / "pipe.manifest")
        before = set(shelf(here).iterdir())
        here.clock.at += 31 * DAY
        cloud.sweep(clock_confirmed=True)
        assert before - set(shelf(here).iterdir()) == {taken, beside(taken)}


def test_a_folder_that_cannot_be_read_is_told_and_stops_no_other(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two folders one has lost its rights: the other is looked into, and the first is named."""
    (here.directory / "second").mkdir()
    with here.open() as cloud:
        begin(cloud, here)
        cloud.backups.snapshot(shelf(here))
        taken = cloud.backups.snapshot(here.directory / "second").path
        here.clock.at += 31 * DAY
        real = Path.iterdir
        monkeypatch.setattr(Path, "iterdir", lambda at: _full() if at == shelf(here) else real(at))
        assert cloud.backups.all() != []
        done = prune(cloud)
        assert done.gone == (taken,) and done.away == (shelf(here),)


def test_a_link_is_not_taken_for_the_backup_behind_it(here: Setting) -> None:
    """The file was moved elsewhere and linked: nothing is claimed to be gone, nothing outside is touched, and it is told."""
    with here.open() as cloud:
        begin(cloud, here)
        taken = cloud.backups.snapshot(shelf(here)).path
        elsewhere = taken.rename(here.directory / "moved.db")
        taken.symlink_to(elsewhere)
        here.clock.at += 31 * DAY
        done = prune(cloud)
        assert (done.gone, done.away) == ((), (shelf(here),))
        assert elsewhere.exists() and taken.is_symlink() and cloud.audit.entries(kind="backup.ended") == []


def test_an_empty_mount_point_is_away_as_well(here: Setting) -> None:
    """The folder is there and the disk in it is not: it is told, as a folder that is missing is."""
    with here.open() as cloud:
        begin(cloud, here)
        cloud.backups.snapshot(shelf(here))
        assert cloud.backups.prune().away == cloud.backups.away() == ()
        shelf(here).rename(here.directory / "unmounted")
        shelf(here).mkdir()
        assert cloud.backups.prune().away == cloud.backups.away() == (shelf(here),)


def test_a_folder_that_is_not_there_is_not_registered(here: Setting) -> None:
    """A name that was mistyped is refused, and not looked for every hour."""
    with here.open() as cloud:
        with pytest.raises(ConfigError, match="cannot be written"):
            cloud.backups.snapshot(here.directory / "shlef")
        assert cloud.backups.folders() == []
        cloud.backups.snapshot(shelf(here))
        assert cloud.backups.folders() == [shelf(here)]


def test_a_full_disk_leaves_no_part_of_a_snapshot(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own error goes out, and what was written goes; afterwards it is made."""
    with here.open() as cloud:
        begin(cloud, here)
        with monkeypatch.context() as full:
            full.setattr("cloud_sync.backups.copying._of_file", _full)
            with pytest.raises(StoreError, match="No space left"):
                cloud.backups.snapshot(shelf(here))
        assert [path.name for path in shelf(here).iterdir() if "telemetry" in path.name] == []
        cloud.backups.verify(cloud.backups.snapshot(shelf(here)).path)


def _taken(setting: Setting) -> Path:
    with setting.open() as cloud:
        begin(cloud, setting)
        return cloud.backups.snapshot(shelf(setting)).path


def test_a_full_disk_leaves_no_part_of_a_restore(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own error, and the place is as empty as before; then it is put back."""
    taken = _taken(here)
    lose(here)
    with monkeypatch.context() as full:
        full.setattr("cloud_sync.backups.restoring.turn_back", _full)
        with pytest.raises(StoreError, match="No space left"):
            put_back_into(here.config(), taken, here.clock.now())
    assert list(here.directory.glob("telemetry.db*")) == []
    put_back_into(here.config(), taken, here.clock.now())


def test_what_is_being_put_back_is_never_open_to_others(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 0600 from the first byte, also for one who creates files for everybody."""
    taken, modes = _taken(here), []
    lose(here)
    real = shutil.copyfile

    def copied(source: Any, target: Any) -> None:
        real(source, target)
        modes.append(Path(target).stat().st_mode & 0o777)

    monkeypatch.setattr(restoring.shutil, "copyfile", copied)
    former = os.umask(0)
    try:
        put_back_into(here.config(), taken, here.clock.now())
    finally:
        os.umask(former)
    assert modes == [0o600]
    assert all(path.stat().st_mode & 0o77 == 0 for path in (taken, beside(taken)))


def test_a_log_of_the_lost_database_is_not_read_into_the_snapshot(here: Setting) -> None:
    """The file is gone and SQLite's log of it is not: refused, until somebody moves it away."""
    taken = _taken(here)
    lose(here)
    left = here.directory / "telemetry.db-wal"
    left.write_bytes(b"pages of another day")
    with pytest.raises(ConfigError, match="move it away"):
        put_back_into(here.config(), taken, here.clock.now())
    left.unlink()
    put_back_into(here.config(), taken, here.clock.now())


def test_without_the_tombstones_nothing_is_put_back(here: Setting) -> None:
    """An empty file in their place would know of no erasure, and of no horizon: none is made."""
    taken = _taken(here)
    lose(here)
    stones = Path(str(here.config().tombstones))
    kept = stones.rename(stones.with_name("kept"))
    with pytest.raises(ConfigError, match="tombstones"):
        put_back_into(here.config(), taken, here.clock.now())
    assert not stones.exists()
    kept.rename(stones)
    put_back_into(here.config(), taken, here.clock.now())


def test_what_a_cut_restore_left_goes_when_the_installation_opens(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the last step; the database came back by another way."""
    taken = _taken(here)
    place = Path(str(here.config().database))
    kept = place.rename(here.directory / "kept")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("cloud_sync.backups.restoring.turn_back", killed)
        with pytest.raises(KeyboardInterrupt):
            put_back_into(here.config(), taken, here.clock.now())
    part = place.with_name("telemetry.db.part")
    assert part.exists() and not place.exists()
    kept.rename(place)
    with here.open() as cloud:
        assert not part.exists() and len(read(cloud)) == 1


def test_backups_are_known_after_a_restore(here: Setting) -> None:
    """The log went back behind them, and they hold: those of before it, the one that was put back, and those of after."""
    with here.open() as cloud:
        begin(cloud, here)
        first = cloud.backups.snapshot(shelf(here)).path
        here.clock.at += 60
        second = cloud.backups.snapshot(shelf(here)).path
    lose(here)
    with CloudSync.restore(here.config(), first, clock=here.clock, link=here.link) as cloud:
        assert [cloud.backups.verify(path).file for path in (first, second)] == [first.name, second.name]


def test_a_clock_that_leapt_destroys_no_backup_and_dates_none(here: Setting) -> None:
    """By command neither: the one would lose them all, and the other would live a year too long. A day is no leap."""
    with here.open() as cloud:
        begin(cloud, here)
        cloud.sweep()
        here.clock.at += DAY
        taken = cloud.backups.snapshot(shelf(here)).path
        here.clock.at += 366 * DAY
        with pytest.raises(ConfigError, match="confirm-clock"):
            cloud.backups.prune()
        with pytest.raises(ConfigError, match="confirm-clock"):
            cloud.backups.snapshot(shelf(here))
        assert lying(here) == {taken, beside(taken)}
        cloud.sweep(clock_confirmed=True)
        assert lying(here) == set()
        cloud.backups.snapshot(shelf(here))
        assert cloud.backups.prune().gone == ()


def test_a_manifest_that_was_rewritten_with_a_later_day_lets_nothing_live_longer(here: Setting) -> None:
    """Of keys too: a check tells it, and the sweep ends both when they were to end."""
    keys = shelf(here) / "keys.backup"
    with here.open() as cloud:
        begin(cloud, here)
        taken = cloud.backups.snapshot(shelf(here)).path
        cloud.back_up_keys(keys)
        for path in (taken, keys):
            cloud.backups.verify(path)
            said = json.loads(beside(path).read_text())
            later = {name: said[name] + 365 * DAY for name in ("made_at", "due_at")}
            beside(path).write_text(json.dumps({**said, **later}))
            with pytest.raises(StoreError, match="not made when"):
                cloud.backups.verify(path)
        here.clock.at += 30 * DAY
        cloud.sweep(clock_confirmed=True)
        assert lying(here) == set()


@pytest.mark.skipif(binaries() is None, reason="PostgreSQL is not installed")
def test_a_restore_into_a_server_that_was_cut_is_not_served_and_can_be_given_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tables were made and nothing was in them: nobody takes that for the database that was lost."""
    monkeypatch.setenv("BYLEAVE_TEST_STORE", "postgresql")
    server = installed(tmp_path)
    taken = _taken(server)
    lose(server)

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as cut:
        cut.setattr("cloud_sync.backups.restoring.move", killed)
        with pytest.raises(KeyboardInterrupt):
            put_back_into(server.config(), taken, server.clock.now())
    with pytest.raises(ConfigError, match="a restore was cut"):
        server.open()
    put_back_into(server.config(), taken, server.clock.now())
    assert lying(server) == {taken, beside(taken)}
    with server.open() as cloud:
        assert len(read(cloud)) == 1
    with pytest.raises(ConfigError, match="is there"):
        put_back_into(server.config(), taken, server.clock.now())
