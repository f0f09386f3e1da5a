"""Snapshots: taken beside the service, checked, put back without what was erased since, and gone at their horizon."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.backups import Pruned
from cloud_sync.backups.copying import take
from cloud_sync.backups.manifest import Kept, beside
from cloud_sync.backups.shelf import MARK
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.facade.backups import put_back_into
from cloud_sync.model import Actor, Stream
from cloud_sync.places import PostgresqlUrl
from cloud_sync.service import CloudSync
from cloud_sync.storage.open import open_telemetry
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.service_world import GIVE, Setting, T, tracker_of
from tests.unit.cloud_sync.storage.cluster import binaries, cluster, schema_of

DAY = 86_400


@pytest.fixture(params=["sqlite", "postgresql"])
def setting(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """An installation with a folder for backups, on each engine."""
    if request.param == "postgresql" and binaries() is None:
        pytest.skip("PostgreSQL is not installed")
    monkeypatch.setenv("BYLEAVE_TEST_STORE", request.param)
    return installed(tmp_path)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Setting]:
    """The same in files."""
    yield installed(tmp_path)


def installed(directory: Path) -> Setting:
    """An installation beside a folder for backups."""
    (directory / "shelf").mkdir()
    (directory / "home").mkdir()
    return Setting(directory / "home")


def shelf(setting: Setting) -> Path:
    """The folder for backups."""
    return setting.directory.parent / "shelf"


def lying(setting: Setting) -> set[Path]:
    """What is in it beside our mark."""
    return {path for path in shelf(setting).iterdir() if path.name != MARK}


def prune(cloud: CloudSync) -> Pruned:
    """By hand, with a clock that somebody has looked at."""
    cloud._sweeper.sweep(clock_confirmed=True)
    return cloud.backups.prune()


def begin(cloud: CloudSync, setting: Setting) -> None:
    """A fix of s-1 is stored."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.handle([(tracker.topic, tracker.status())])
    setting.clock.at = NOON + 120
    cloud.handle([(tracker.topic, tracker.fixes([T]))])


def read(cloud: CloudSync, subject: str = "s-1") -> list[int]:
    """Times of what the person may read."""
    span: dict[str, Any] = {"start": NOON, "end": NOON + 3600}
    me = Actor(subject, "data_subject")
    return [fix.time for fix in cloud.read_location(actor=me, purpose="tracking", subject=subject, **span)]


def lose(setting: Setting) -> None:
    """The telemetry database is gone."""
    place = setting.config().database
    if isinstance(place, PostgresqlUrl):
        schema = schema_of(place)
        cluster("telemetry").run(f"DROP SCHEMA {schema} CASCADE", f"CREATE SCHEMA {schema}")
        return
    for each in place.parent.glob("telemetry.db*"):
        each.unlink()


def test_a_snapshot_brings_back_what_was_stored_and_nothing_that_was_erased(setting: Setting) -> None:
    """Two people's rows are in it; one is erased after it; the database is lost, put back, and has the other's alone."""
    with setting.open() as cloud:
        begin(cloud, setting)
        other = tracker_of(cloud.enrol(subject="s-2", settings={}))
        cloud.consent.give("s-2", "tracking", replace(GIVE, entity_id="s-2"))
        cloud.handle([(other.topic, other.status())])
        setting.clock.at = NOON + 300
        cloud.handle([(other.topic, other.fixes([T + 180]))])
        taken = cloud.backups.snapshot(shelf(setting))
        assert cloud.backups.verify(taken.path) == taken.manifest
        assert (taken.manifest.store, taken.manifest.schema) == (Kept.TELEMETRY, cloud.database.schema_version)  # type: ignore[attr-defined]
        assert taken.manifest.due_at == NOON + 300 + 30 * DAY and taken.manifest.policy == cloud.policy.hash
        assert taken.path.stat().st_mode & 0o777 == 0o600 and lying(setting) == {taken.path, beside(taken.path)}
        assert read(cloud, "s-2") == [T + 180]
        cloud.erase(subject="s-2")
    with pytest.raises(ConfigError, match="is there"):
        CloudSync.restore(setting.config(), taken.path, clock=setting.clock, link=setting.link)
    lose(setting)
    with CloudSync.restore(setting.config(), taken.path, clock=setting.clock, link=setting.link) as cloud:
        assert read(cloud) == [T]
        [device] = cloud.database.devices_of("s-2")
        assert read(cloud, "s-2") == [] and cloud.database.envelopes(device.device, Stream.LOCATION, 0, 10**5) == []
        assert [entry.event.kind for entry in cloud.audit.entries(kind="backup.restored")] == ["backup.restored"]
        cloud.backups.snapshot(shelf(setting).parent)
    with setting.open() as cloud:
        assert len(cloud.audit.entries(kind="backup.restored")) == 1


def test_a_database_that_was_put_back_is_not_snapshotted_before_its_replay(setting: Setting) -> None:
    """Between the file and the first opening it refuses; afterwards it does not."""
    with setting.open() as cloud:
        begin(cloud, setting)
        taken = cloud.backups.snapshot(shelf(setting))
    lose(setting)
    put_back_into(setting.config(), taken.path, setting.clock.now())
    store = open_telemetry(setting.config().database)
    try:
        with pytest.raises(ConfigError, match="not replayed"):
            take(store, shelf(setting) / "early.db", setting.clock.now())
    finally:
        store.close()
    assert not (shelf(setting) / "early.db").exists()
    with setting.open() as cloud:
        take(cloud.database, shelf(setting) / "late.db", setting.clock.now())  # type: ignore[arg-type]


def test_the_sweep_destroys_what_is_past_its_horizon(here: Setting) -> None:
    """Thirty days to the second; keys and telemetry, with manifest or, by their name, without; nothing else in the folder."""
    place, other = shelf(here), shelf(here) / "notes.db"
    other.write_text("not ours")
    with here.open() as cloud:
        begin(cloud, here)
        first = cloud.backups.snapshot(place).path
        cloud.back_up_keys(place / "keys.backup")
        beside(first).unlink()
        here.clock.at += 1
        second = cloud.backups.snapshot(place).path
        here.clock.at += 30 * DAY - 2
        cloud.sweep(clock_confirmed=True)
        assert cloud.backups.expired() == [] and len(cloud.backups.all()) == 3
        here.clock.at += 1
        assert {each.path for each in cloud.backups.expired()} == {first, place / "keys.backup"}
        cloud.sweep()
        assert lying(here) == {other, second, beside(second)}
        here.clock.at += 1
        cloud.sweep()
        assert lying(here) == {other}
        assert [dict(e.event.detail)["count"] for e in cloud.audit.entries(kind="backup.ended")] == [2, 1]


def test_a_sweep_that_halts_destroys_no_backup(here: Setting) -> None:
    """A clock that leapt a year is looked at first."""
    with here.open() as cloud:
        begin(cloud, here)
        cloud.sweep()
        taken = cloud.backups.snapshot(shelf(here))
        here.clock.at += 366 * DAY
        assert cloud.sweep().halted and taken.path.exists()
        cloud.sweep(clock_confirmed=True)
        assert not taken.path.exists()


def test_a_snapshot_past_its_horizon_is_refused(here: Setting) -> None:
    """Also when the clock is behind: the last sweep knows better. A second before, it is taken."""
    with here.open() as cloud:
        begin(cloud, here)
        taken = cloud.backups.snapshot(shelf(here))
        copy = here.directory / taken.path.name
        copy.write_bytes(taken.path.read_bytes())
        beside(copy).write_bytes(beside(taken.path).read_bytes())
        here.clock.at += 30 * DAY
        cloud.sweep(clock_confirmed=True)
    lose(here)
    for back in (0.0, 20 * DAY):
        here.clock.at -= back
        with pytest.raises(ConfigError, match="expired"):
            CloudSync.restore(here.config(), copy, clock=here.clock, link=here.link)
    assert not Path(str(here.config().database)).exists()


def test_a_snapshot_that_is_not_what_it_says_is_told(here: Setting) -> None:
    """A byte, another file's manifest, a manifest with a later day, a missing one, another installation's."""
    with here.open() as cloud:
        begin(cloud, here)
        path = cloud.backups.snapshot(shelf(here)).path
        data, said = path.read_bytes(), beside(path).read_text()
        cloud.backups.verify(path)
        path.write_bytes(data[:5000] + bytes([data[5000] ^ 1]) + data[5001:])
        with pytest.raises(StoreError, match="not the file"):
            cloud.backups.verify(path)
        path.write_bytes(data)
        later = {**json.loads(said), "made_at": NOON + 5000}
        for text, match in (
            (json.dumps(later), "not made when"),
            (said.replace(path.name, "other.db"), "manifest of"),
            ("{}", "damaged"),
            (said.replace('"format": 1', '"format": 2'), "damaged"),
        ):
            beside(path).write_text(text)
            with pytest.raises(StoreError, match=match):
                cloud.backups.verify(path)
        beside(path).unlink()
        with pytest.raises(ConfigError, match="cannot be read"):
            cloud.backups.verify(path)
        beside(path).write_text(said)
        cloud.backups.verify(path)
    (here.directory / "other").mkdir()
    with (
        Setting(here.directory / "other").open() as stranger,
        pytest.raises(StoreError, match="knows of no such backup"),
    ):
        stranger.backups.verify(path)


def test_a_folder_that_is_away_is_told_and_looked_into_when_it_is_back(
    here: Setting, caplog: pytest.LogCaptureFixture
) -> None:
    """An unmounted disk keeps what it holds, until it is mounted or its medium destroyed."""
    with here.open() as cloud:
        begin(cloud, here)
        taken = cloud.backups.snapshot(shelf(here))
        away = shelf(here).rename(shelf(here).with_name("unplugged"))
        here.clock.at += 31 * DAY
        assert prune(cloud).away == (shelf(here),) and "is away" in caplog.text
        away.rename(shelf(here))
        assert cloud.backups.prune().gone == (taken.path,)
        cloud.backups.forget(shelf(here))
        assert cloud.backups.folders() == []
        with pytest.raises(ConfigError, match="no folder of backups"):
            cloud.backups.forget(shelf(here))


def test_a_snapshot_never_overwrites_and_a_cut_leaves_no_whole_one(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second in the same second is refused; what a cut left goes with the horizon."""
    with here.open() as cloud:
        begin(cloud, here)
        first = cloud.backups.snapshot(shelf(here)).path
        with pytest.raises(ConfigError, match="never overwrites"):
            cloud.backups.snapshot(shelf(here))
        here.clock.at += 1
        with monkeypatch.context() as cut:
            cut.setattr("cloud_sync.backups.copying.opened", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                cloud.backups.snapshot(shelf(here))
        left = lying(here) - {first, beside(first)}
        assert {path.suffix for path in left} == {".part"}
        here.clock.at += 31 * DAY
        prune(cloud)
        assert lying(here) == set()


def test_a_snapshot_that_is_copied_into_place_by_hand_is_a_restore_as_well(here: Setting) -> None:
    """Within its horizon it is replayed and logged; past it, it is not opened."""
    with here.open() as cloud:
        begin(cloud, here)
        data = cloud.backups.snapshot(shelf(here)).path.read_bytes()
        cloud.erase(subject="s-1")
    place = Path(str(here.config().database))
    lose(here)
    place.write_bytes(data)
    with here.open() as cloud:
        assert read(cloud) == [] and len(cloud.audit.entries(kind="backup.restored")) == 1
        cloud.backups.snapshot(here.directory)
    lose(here)
    place.write_bytes(data)
    here.clock.at += 30 * DAY
    with pytest.raises(ConfigError, match="past its horizon"):
        here.open()
