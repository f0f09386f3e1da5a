"""`sync keys`: rotation, another provider, and that everything goes on opening meanwhile."""

from __future__ import annotations

import base64
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.errors import StoreError
from cloud_sync.storage import keybackup
from cloud_sync.storage.sqlite import SqliteKeys
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock

READ = ("read", "s-1", "--purpose", "tracking", "--actor", "s-1", "--role", "data_subject")


def test_a_rotation_by_command(depot: Installation) -> None:
    """Every row goes under the new key, the audit log's too, and what is stored opens as before."""
    tracker = depot.enrol()
    depot.give()
    depot.feed(tracker, tracker.status())
    [before] = depot.ask("keys", "list")
    assert (before["key"], before["newest"], before["unused_since"]) == (1, True, None) and before["wraps"] > 5
    public = depot.ask("audit", "key")
    done = depot.ask("keys", "rotate")
    assert done["key"] == 2 and done["wrapped"] == before["wraps"] and done["dropped"] == []
    old, new = depot.ask("keys", "list")
    assert (old["wraps"], new["wraps"], new["newest"]) == (0, before["wraps"], True) and old["unused_since"]
    assert depot.ask("audit", "key") == public
    assert depot.feed(tracker, tracker.status())
    table = depot.do("keys", "list").stdout
    assert "newest" in table and "unused since" in table
    assert "key 3 is the newest" in depot.do("keys", "rotate").stdout


def test_another_provider_by_command(depot: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a file to the environment: both open the keys until `settle`, then the new one alone."""
    tracker = depot.enrol()
    text = depot.config_file.read_text()
    monkeypatch.setenv("DEPOT_KEK", base64.b64encode(bytes(range(32))).decode())
    said = depot.do("keys", "move", "--to", "env:DEPOT_KEK").stdout
    assert 'key_encryption_key = "env:DEPOT_KEK"' in said
    assert depot.feed(tracker, tracker.status())
    depot.config_file.write_text(text.replace('key_encryption_key = "kek"', 'key_encryption_key = "env:DEPOT_KEK"'))
    assert depot.ask("keys", "settle") == {"changed": True}
    assert depot.ask("keys", "settle") == {"changed": False}
    assert depot.feed(tracker, tracker.status())
    (depot.home / "kek").unlink()
    assert depot.ask("keys", "list")[0]["newest"]
    depot.config_file.write_text(text)
    assert "kek" in depot.do("keys", "list", code=1).output


def test_a_provider_that_is_not_there_changes_nothing(depot: Installation) -> None:
    """A variable that is not set, a file that exists already where a new one is asked for."""
    ring = depot.home / "keys.ring"
    before = ring.read_bytes()
    assert "NOT_SET" in depot.do("keys", "move", "--to", "env:NOT_SET", code=1).output
    assert "never overwritten" in depot.do("keys", "move", "--to", "kek", "--create", code=1).output
    assert ring.read_bytes() == before
    moved = depot.ask("keys", "move", "--to", "kek-2", "--create")
    assert moved == {"provider": "kek-2", "file": True} and (depot.home / "kek-2").stat().st_mode & 0o777 == 0o600


def test_no_secret_is_printed(depot: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by what works nor by what does not."""
    secret = base64.b64encode(bytes(range(32))).decode()
    monkeypatch.setenv("DEPOT_KEK", secret)
    out = depot.do("keys", "move", "--to", "env:DEPOT_KEK").output + depot.do("keys", "list", "--json").output
    monkeypatch.setenv("DEPOT_KEK", secret[:-4])
    out += depot.do("keys", "move", "--to", "env:DEPOT_KEK", code=1).output
    assert secret[:-4] not in out and (depot.home / "kek").read_bytes().hex() not in out


def test_a_backup_opens_what_is_stored_and_nothing_to_come(
    depot: Installation, clock: FakeClock, tmp_path: Path
) -> None:
    """The key store is lost: days of the backup are read again, what came later is not, and the device is to be enrolled anew."""
    tracker, copy = depot.enrol(), tmp_path / "keys.backup"
    depot.give()
    depot.feed(tracker, tracker.status())
    depot.feed(tracker, tracker.fixes([int(clock.now()) + 10]))
    said = depot.ask("keys", "backup", str(copy))
    assert copy.stat().st_mode & 0o777 == 0o600 and said["keys"] >= 5
    with closing(SqliteKeys(copy)) as backup:
        assert backup.tips() == [] and backup.down(tracker.name) is None and backup.leaves(tracker.name, 0, 0, 10**5)
    assert "never overwrites" in depot.do("keys", "backup", str(copy), code=1).output
    assert "is there" in depot.do("keys", "restore", str(copy), code=1).output
    before = depot.ask(*READ)
    _lose(depot)
    back = depot.ask("keys", "restore", str(copy))
    assert back == {"keys": said["keys"], "enrol_anew": [tracker.name]}
    assert depot.ask(*READ) == before


def test_what_was_erased_since_a_backup_stays_erased(depot: Installation, clock: FakeClock, tmp_path: Path) -> None:
    """The tombstones are replayed over it: no key of the erased days is there after the restore."""
    tracker, copy = depot.enrol(), tmp_path / "keys.backup"
    depot.give()
    depot.feed(tracker, tracker.status(), tracker.fixes([int(clock.now()) + 10]))
    depot.do("keys", "backup", str(copy))
    depot.do("erase", "s-1", "--yes")
    _lose(depot)
    depot.do("keys", "restore", str(copy))
    with closing(SqliteKeys(depot.config.keys)) as store:
        assert store.leaves(tracker.name, 1, 0, 10**5) == []


def test_a_backup_that_should_be_gone_is_refused(depot: Installation, clock: FakeClock, tmp_path: Path) -> None:
    """Thirty days after it was made (backup.horizon of the policy), and a copy of the store itself at any time."""
    depot.enrol()
    copy, plain = tmp_path / "keys.backup", tmp_path / "keys.copy"
    depot.do("keys", "backup", str(copy))
    plain.write_bytes(Path(depot.config.keys).read_bytes())
    plain.chmod(0o600)
    _lose(depot)
    assert "no backup" in depot.do("keys", "restore", str(plain), code=1).output
    clock.at += 30 * 86_400
    assert "expired" in depot.do("keys", "restore", str(copy), code=1).output
    assert not Path(depot.config.keys).exists()


def test_an_expired_backup_stays_refused_when_the_clock_is_behind(
    depot: Installation, clock: FakeClock, tmp_path: Path
) -> None:
    """The last sweep says that it was later once."""
    depot.enrol()
    depot.do("keys", "backup", str(tmp_path / "keys.backup"))
    clock.at += 40 * 86_400
    depot.do("sweep", "--confirm-clock")
    _lose(depot)
    clock.at -= 39 * 86_400
    assert "expired" in depot.do("keys", "restore", str(tmp_path / "keys.backup"), code=1).output


def test_a_backup_without_any_day_is_restored_and_a_cut_leaves_nothing(
    depot: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that has not sent anything yet; the first attempt dies half-way, the second one works."""
    tracker, copy = depot.enrol(), tmp_path / "keys.backup"
    depot.do("keys", "backup", str(copy))
    _lose(depot)
    with monkeypatch.context() as cut:
        cut.setattr(SqliteKeys, "run_many", lambda *_: (_ for _ in ()).throw(StoreError("cut")))
        cut.setattr(keybackup, "_copy", lambda *_: (_ for _ in ()).throw(StoreError("cut")))
        depot.do("keys", "restore", str(copy), code=1)
    assert not Path(depot.config.keys).exists()
    assert depot.ask("keys", "restore", str(copy))["enrol_anew"] == [tracker.name]


def test_a_backup_holds_nothing_of_days_to_come(depot: Installation, tmp_path: Path) -> None:
    """No tip, no downlink chain, no key of an invitation, and nothing of the healing that the first contact begins."""
    tracker, copy = depot.enrol(), tmp_path / "keys.backup"
    depot.do("invite", "s-2", "--out", str(tmp_path / "van.invitation"))
    depot.feed(tracker, tracker.status())
    with closing(SqliteKeys(depot.config.keys)) as store:
        assert store.offers(tracker.name) and store.tips() and store.invitations()
    depot.do("keys", "backup", str(copy))
    with closing(SqliteKeys(copy)) as backup:
        assert {table: backup.rows(f"SELECT count(*) FROM {table}")[0][0] for table in sorted(keybackup.NEVER)} == {  # noqa: S608
            "admission": 0,
            "down": 0,
            "heal_candidate": 0,
            "heal_offer": 0,
            "heal_wish": 0,
            "invitation": 0,
            "tip": 0,
        }


def test_the_log_is_signed_by_the_same_key_after_a_drop(depot: Installation, clock: FakeClock) -> None:
    """The audit log's key is wrapped anew with all others: a rotation whose former key was dropped locks nobody out."""
    depot.enrol()
    public = depot.ask("audit", "key")
    depot.do("keys", "rotate")
    clock.at += 31 * 86_400
    depot.do("sweep", "--confirm-clock")
    assert [row["key"] for row in depot.ask("keys", "list")] == [2]
    assert depot.ask("audit", "key") == public


def test_a_ring_that_is_older_than_the_store_is_refused(depot: Installation) -> None:
    """Its copy of before a rotation, or that of another machine: nothing is opened, and nothing is wrapped under it."""
    ring = depot.home / "keys.ring"
    before = ring.read_bytes()
    depot.enrol()
    depot.do("keys", "rotate")
    after = ring.read_bytes()
    ring.write_bytes(before)
    assert "newer ring" in depot.do("devices", code=1).output
    ring.write_bytes(after)
    depot.do("devices")


def test_no_rotation_while_a_provider_takes_over(depot: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new key would be wrapped by the former one alone, and the service would not start again."""
    monkeypatch.setenv("DEPOT_KEK", base64.b64encode(bytes(range(32))).decode())
    depot.do("keys", "move", "--to", "env:DEPOT_KEK")
    assert "two providers" in depot.do("keys", "rotate", code=1).output


def _lose(depot: Installation) -> None:
    """The disk of the key store is gone."""
    for path in depot.home.glob("keys.db*"):
        path.unlink()
