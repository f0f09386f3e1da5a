"""The limits of somebody who has no device: erased like anybody's, and by no backup brought back."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.audit import Kind
from cloud_sync.errors import AuditError, StoreError, UnknownDevice
from cloud_sync.facade.limits import Limits
from cloud_sync.model import Sensor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.service_world import GIVE, Setting
from tests.unit.cloud_sync.test_limits import HOME, TAP, WORK

NIGHT = ((0, 301), (1201, 1440))
SET = Limits((HOME,), NIGHT, 1)
STORES = ("telemetry.db", "keys.db")


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """An installation in which somebody without a device has set limits, a minute ago."""
    setting = Setting(tmp_path)
    with setting.open() as cloud:
        cloud.limits.set("s-1", zones=[HOME], hours=NIGHT, evidence=TAP)
    setting.clock.at = NOON + 60
    return setting


def named(cloud: CloudSync) -> list[str]:
    """What the audit log says of the person."""
    return [entry.event.kind for entry in cloud.audit.entries(subject="s-1")]


def back_up(setting: Setting) -> Path:
    """Copies of database and key store, while no server is open."""
    folder = setting.directory / "backup"
    folder.mkdir()
    for name in STORES:
        with sqlite3.connect(setting.directory / name) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.close()
        shutil.copy2(setting.directory / name, folder)
    return folder


def restore(setting: Setting, folder: Path, *names: str) -> None:
    """Put copies in the place of what is there."""
    for name in names:
        for leftover in setting.directory.glob(name + "*"):
            leftover.unlink()
        shutil.copy2(folder / name, setting.directory)


def test_limits_go_with_the_person_who_never_had_a_device(setting: Setting) -> None:
    """Key, zones and hours are destroyed, the log no longer names them; a device that comes later waits for a new answer."""
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1") == SET
        receipt = cloud.erase(subject="s-1")
        assert (receipt.devices, receipt.tombstones, receipt.envelopes) == ((), (), 0)
        assert cloud._store.person("s-1") is None
        assert named(cloud) == []
        assert cloud.audit.entries(kind=Kind.ERASURE_DONE)[0].index == receipt.entry
        cloud.audit.check()
        cloud.enrol(subject="s-1", settings={})
        cloud.consent.give("s-1", "tracking", GIVE)
        assert cloud.limits.in_force("s-1") == Limits(lost=True)
        assert cloud.permission("s-1").sensors == Sensor(0)
        cloud.limits.clear("s-1", evidence=TAP)
        assert cloud.permission("s-1").sensors == Sensor.GNSS


def test_limits_that_were_dropped_before_are_erased_as_well(setting: Setting) -> None:
    """Whoever cleared them is in key store and log all the same."""
    with setting.open() as cloud:
        cloud.limits.clear("s-1", evidence=TAP)
        setting.clock.at += 60
        cloud.erase(subject="s-1")
        assert cloud._store.person("s-1") is None
        assert named(cloud) == []
        assert not cloud.limits.in_force("s-1")


def test_somebody_unknown_is_still_an_error(setting: Setting) -> None:
    """The limits of others make nobody known, and no entry of an erasure is logged."""
    with setting.open() as cloud:
        with pytest.raises(UnknownDevice, match="nothing to erase"):
            cloud.erase(subject="s-2")
        assert cloud.audit.entries(kind=Kind.ERASURE_DONE) == []
        assert cloud.limits.in_force("s-1") == SET


def test_a_span_takes_no_limits_along(setting: Setting) -> None:
    """Of somebody without a device nothing was captured in any span: an error, and the limits stay."""
    with setting.open() as cloud:
        for span in ({"start": NOON - 60}, {"end": NOON}, {"start": NOON - 60, "end": NOON}):
            with pytest.raises(UnknownDevice, match="nothing to erase"):
                cloud.erase(subject="s-1", **span)
        assert cloud.limits.in_force("s-1") == SET


def test_who_cannot_be_logged_erases_nothing(setting: Setting) -> None:
    """The limits stay, now and after a start."""
    with setting.open() as cloud, pytest.raises(AuditError):
        cloud.erase(subject="s-1", actor="Bob Smith")
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1") == SET


def test_limits_of_others_stay_and_so_do_new_ones(setting: Setting) -> None:
    """Over a start as well; an erasure may be asked for twice."""
    with setting.open() as cloud:
        cloud.limits.set("s-2", zones=[WORK], evidence=replace(TAP, entity_id="s-2"))
        cloud.erase(subject="s-1")
        cloud.erase(subject="s-1")
        setting.clock.at += 60
        cloud.limits.set("s-1", zones=[WORK], hours=[], evidence=TAP)
        anew = cloud.limits.in_force("s-1")
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-2") == Limits((WORK,), (), 1)
        assert cloud.limits.in_force("s-1") == anew == Limits((WORK,), (), anew.revision)


@pytest.mark.parametrize("names", [("keys.db",), STORES], ids=["key store", "key store and database"])
@pytest.mark.parametrize("answered", [False, True], ids=["closed since", "answered anew since"])
def test_a_backup_from_before_brings_no_limits_back(setting: Setting, names: tuple[str, ...], answered: bool) -> None:
    """Zones and key go again before anything is served, the log forgets again, and nothing is sensed."""
    folder = back_up(setting)
    with setting.open() as cloud:
        cloud.erase(subject="s-1")
        setting.clock.at += 60
        if answered:
            cloud.limits.set("s-1", zones=[WORK], hours=[], evidence=TAP)
    restore(setting, folder, *names)
    setting.clock.at += 60
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1") == Limits(lost=True)
        assert cloud._store.person("s-1") is None
        assert named(cloud) == ([Kind.LIMITS_SET] if answered and names == ("keys.db",) else [])
        cloud.audit.check()


def test_a_backup_of_the_database_alone_names_nobody(setting: Setting) -> None:
    """The log that comes back forgets again, in the files too, and nothing is sensed."""
    folder = back_up(setting)
    with setting.open() as cloud:
        cloud.erase(subject="s-1")
    assert b"s-1" in (folder / "telemetry.db").read_bytes()
    restore(setting, folder, "telemetry.db")
    with setting.open() as cloud:
        assert named(cloud) == []
        assert cloud.limits.in_force("s-1") == Limits(lost=True)
        files = list(setting.directory.glob("*.db*"))
        assert len(files) >= 3
        assert not any(b"s-1" in path.read_bytes() for path in files)


def test_a_backup_without_an_erasure_brings_them_back(setting: Setting) -> None:
    """The case of which the one above changes one thing."""
    folder = back_up(setting)
    restore(setting, folder, *STORES)
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1") == SET
        assert named(cloud) == [Kind.LIMITS_SET]


def test_an_erasure_that_was_cut_short_is_finished_at_the_next_start(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is on record as done, and the program ended before the limits went."""
    with setting.open() as cloud, monkeypatch.context() as failing:
        failing.setattr(cloud._store, "destroy_person", _locked)
        with pytest.raises(StoreError):
            cloud.erase(subject="s-1")
        assert cloud._store.person("s-1") is not None
    with setting.open() as cloud:
        assert cloud._store.person("s-1") is None
        assert cloud.limits.in_force("s-1") == Limits(lost=True)
        assert named(cloud) == []


def _locked(*_: object) -> None:
    raise StoreError("database is locked")
