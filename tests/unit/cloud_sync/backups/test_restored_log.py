"""A log that was put back from a backup, told from one that somebody changed; and nothing that is lost goes unsaid."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from cloud_sync.audit import Restored, open_checkpoint, verify_consistency
from cloud_sync.audit.continuity import BACKED_UP, RESTORED, SIGNED
from cloud_sync.audit.merkle import consistency_path, consistency_paths, leaf_hash, root_of
from cloud_sync.cli import audit as command
from cloud_sync.cli.audit import audit as group
from cloud_sync.errors import AuditError
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.backups.test_backups import begin, installed, lose, setting, shelf
from tests.unit.cloud_sync.service_world import Setting

RUN = CliRunner()
__all__ = ["setting"]


@pytest.fixture
def here(tmp_path: Path) -> Setting:
    """An installation in files."""
    return installed(tmp_path)


def signed(setting: Setting) -> tuple[Path, str, int]:
    """A snapshot, then more entries, then a checkpoint that somebody else keeps: (snapshot, checkpoint, entries of the first)."""
    with setting.open() as cloud:
        begin(cloud, setting)
        kept = cloud.database.leaf_count()
        path = cloud.backups.snapshot(shelf(setting)).path
        for _ in range(5):
            cloud.audit.record("device.revoked", "controller", "s-1")
        return path, cloud.audit.checkpoint(), kept


def back(setting: Setting, path: Path) -> CloudSync:
    """The database is lost, and put back from a snapshot."""
    lose(setting)
    return CloudSync.restore(setting.config(), path, clock=setting.clock, link=setting.link)


def explained(cloud: CloudSync, note: str) -> Restored | None:
    """What the installation says of a checkpoint that its log does not continue."""
    with pytest.raises(AuditError):
        cloud.audit.check(note)
    return cloud.continuity.explain(open_checkpoint(note, cloud.audit.public_key))


def test_an_honest_restore_is_told_and_what_it_lost_is_named(setting: Setting) -> None:
    """On each engine: at once, and after as many new entries as there had been; with the entry that records it."""
    path, note, kept = signed(setting)
    setting.clock.at += 60
    with back(setting, path) as cloud:
        for _ in range(2):
            found = explained(cloud, note)
            assert found is not None and (found.kept, found.at) == (kept, setting.clock.at)
            assert found.signed == open_checkpoint(note, cloud.audit.public_key).size and found.lost >= 5
            assert found.entry is not None and cloud.audit.entries()[found.entry].event.kind == "restore.replayed"
            for _ in range(20):
                cloud.audit.record("device.revoked", "controller", "s-1")
        cloud.audit.check(cloud.audit.checkpoint())  # one of since holds as ever
    with setting.open() as cloud:
        assert explained(cloud, note) is not None


def _edited(path: Path) -> None:
    """An entry from before the backup says something else, with hashes that fit it."""
    with closing(sqlite3.connect(path)) as database, database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
        for name in names:
            database.execute(f"DROP TRIGGER {name}")
        leaf = database.execute("SELECT leaf FROM audit_leaf WHERE position = 1").fetchone()[0]
        other = bytes(leaf).replace(b'"at_ms":', b'"at_ms":1')
        database.execute("UPDATE audit_leaf SET leaf = ?, leaf_hash = ? WHERE position = 1", (other, leaf_hash(other)))


def _cut(path: Path) -> None:
    """Entries from before the backup are gone too."""
    with closing(sqlite3.connect(path)) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DELETE FROM audit_leaf WHERE position >= 2")


@pytest.mark.parametrize("change", [_edited, _cut])
def test_a_restore_hides_no_change_to_what_was_there_before(here: Setting, change: Callable[[Path], None]) -> None:
    """The same way back, with an entry of the backup edited or cut: no restore explains it, whatever was seen."""
    _, note, _ = signed(here)
    path = Path(str(here.config().database))
    copy = path.with_name("copy.db")
    with closing(sqlite3.connect(_snapshot(here))) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    change(copy)
    lose(here)
    copy.rename(path)
    with here.open() as cloud:
        assert explained(cloud, note) is None
        assert cloud._tombstones.witnesses(RESTORED)


def _snapshot(setting: Setting) -> Path:
    return next(path for path in shelf(setting).iterdir() if path.suffix not in (".json", "") and path.is_file())


def test_a_log_that_was_cut_without_a_backup_is_no_restore(here: Setting) -> None:
    """The newest entries are taken out, more than a backup lacks: nothing that was signed is known to begin so."""
    _, note, kept = signed(here)
    path = Path(str(here.config().database))
    with closing(sqlite3.connect(path)) as database, database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("DELETE FROM audit_leaf WHERE position > ?", (kept,))
    with here.open() as cloud:
        assert explained(cloud, note) is None


@pytest.mark.parametrize("prefix", [RESTORED, SIGNED])
def test_without_what_was_seen_nothing_is_explained(here: Setting, prefix: str) -> None:
    """Of a valid restore one record is taken away: the start that saw it, or the proof of the checkpoint."""
    path, note, _ = signed(here)
    with back(here, path) as cloud:
        assert explained(cloud, note) is not None
        for name in cloud._tombstones.witnesses(prefix):
            cloud._tombstones.set_witness(name, 0, b"")
        assert explained(cloud, note) is None


def test_a_false_record_of_a_restore_proves_nothing(here: Setting) -> None:
    """Whoever writes one, with a proof of another checkpoint: the hashes do not fit."""
    path, note, _ = signed(here)
    with here.open() as cloud:
        cloud.audit.record("device.revoked", "controller", "s-1")
        other = cloud.audit.checkpoint()
    with back(here, path) as cloud:
        size, later = (open_checkpoint(each, cloud.audit.public_key).size for each in (note, other))
        stones = cloud._tombstones
        right, wrong = (stones.witness(f"{SIGNED}{each}") for each in (size, later))
        assert right is not None and wrong is not None and right[1] != wrong[1]
        stones.set_witness(f"{SIGNED}{size}", *wrong)
        assert explained(cloud, note) is None
        stones.set_witness(f"{SIGNED}{size}", *right)
        assert explained(cloud, note) is not None


def test_the_command_says_it_and_ends_as_for_any_finding(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 2, "restored" in the JSON, and the sentence names what is lost; without a restore it is null."""
    path, note, kept = signed(here)
    checkpoint = shelf(here) / "kept.checkpoint"
    checkpoint.write_text(note, "utf-8")
    cloud = back(here, path)

    class Opened:
        def __enter__(self) -> SimpleNamespace:
            return SimpleNamespace(cloud=cloud)

        def __exit__(self, *_: object) -> None:
            return

    monkeypatch.setattr(command, "opened", lambda _: Opened())
    told = RUN.invoke(group, ["check", "--against", str(checkpoint), "--json"])
    assert told.exit_code == 2 and json.loads(told.stdout)["restored"]["kept"] == kept
    said = RUN.invoke(group, ["check", "--against", str(checkpoint)])
    assert said.exit_code == 2 and f"entries {kept} to" in said.output and "records it" in said.output
    cloud._tombstones.set_witness(next(iter(cloud._tombstones.witnesses(RESTORED))), 0, b"")
    told = RUN.invoke(group, ["check", "--against", str(checkpoint), "--json"])
    assert told.exit_code == 2 and json.loads(told.stdout)["restored"] is None
    cloud.close()


def test_only_the_newest_backups_are_proven(here: Setting) -> None:
    """Eight of them, whatever there was; and their proofs are those of one beginning at a time."""
    with here.open() as cloud:
        for entries in range(1, 13):
            here.clock.at += 1
            cloud.continuity.backed_up(entries)
        assert len(cloud._tombstones.witnesses(BACKED_UP)) == 12
        assert cloud.continuity._backups() == list(range(5, 13))
    hashes = [leaf_hash(b"%d" % number) for number in range(2_500)]
    sizes = [1, 2, 1023, 1024, 1025, 2048, 2499, 2500]
    paths = consistency_paths(sizes, hashes)
    for size in sizes:
        assert paths[size] == consistency_path(size, hashes)
        verify_consistency(size, 2_500, root_of(hashes[:size]), root_of(hashes), paths[size])
