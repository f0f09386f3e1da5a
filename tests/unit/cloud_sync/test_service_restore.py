"""An installation whose stores were restored, lost or damaged."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.errors import AuditError, CloudSyncError, ConfigError, Denied, StoreError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.keys.ladderkeys import DownKey
from cloud_sync.model import Actor, Precision, Sensor, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from cloud_sync.wire.downlink import peek_downlink
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.service_world import GIVE, TAKE_BACK, Setting, T, tracker_of

ME = Actor("s-1", "data_subject")


def begin(setting: Setting) -> Tracker:
    """A device with leave, one directive, one fix stored."""
    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "tracking", GIVE)
        cloud.handle([(tracker.topic, tracker.status())])
        setting.clock.at = NOON + 120
        cloud.handle([(tracker.topic, tracker.fixes([T]))])
    return tracker


def back_up(setting: Setting) -> Path:
    """A copy of the telemetry database."""
    copy = setting.directory / "copy.db"
    copy.unlink(missing_ok=True)
    with sqlite3.connect(setting.config().database) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    database.close()
    return copy


def restore(setting: Setting, copy: Path) -> None:
    """Put the copy in the place of the database."""
    for leftover in setting.directory.glob("telemetry.db*"):
        leftover.unlink()
    copy.rename(setting.config().database)
    setting.link.sent.clear()


def read(cloud: CloudSync) -> list[int]:
    """Times of what the person may read."""
    span: dict[str, Any] = {"start": NOON, "end": NOON + 3600}
    return [fix.time for fix in cloud.read_location(actor=ME, purpose="tracking", subject="s-1", **span)]


def replayed(cloud: CloudSync) -> int:
    """How often the log says that a restored store was dealt with."""
    return len(cloud.audit.entries(kind="restore.replayed"))


def test_a_withdrawal_that_a_backup_does_not_know_still_holds(setting: Setting) -> None:
    """Nothing is read or stored under the leave that the backup has; a new yes opens for what comes after it only."""
    tracker = begin(setting)
    copy = back_up(setting)
    with setting.open() as cloud:
        assert read(cloud) == [T]
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    restore(setting, copy)
    with setting.open() as cloud:
        with pytest.raises(Denied):
            read(cloud)
        [(_, sealed)] = setting.link.sent
        directive = tracker.open(sealed)
        assert directive.version > 1024 and directive.sensors == Sensor(0)
        assert [outcome.kind for outcome in cloud.handle([(tracker.topic, tracker.fixes([T + 10]))])] == [
            Kind.BELOW_FLOOR
        ]
        assert cloud.database.all_consents()[-1].channel == "restore"
        setting.clock.at = NOON + 300
        cloud.consent.give("s-1", "tracking", GIVE)
        assert read(cloud) == []
        assert replayed(cloud) == 1
    with setting.open() as cloud:
        assert replayed(cloud) == 1 and cloud.database.all_consents()[-1].event_state == "given"


def test_a_backup_that_lost_no_answer_keeps_the_consents_and_jumps(setting: Setting) -> None:
    """What the person reads is as before; versions and numbers lie beyond all that may have been used."""
    tracker = begin(setting)
    copy = back_up(setting)
    with setting.open() as cloud:
        cloud.sweep()
        before = cloud.database.directive_state(tracker.name)
    restore(setting, copy)
    with setting.open() as cloud:
        state = cloud.database.directive_state(tracker.name)
        assert (
            before and state and state.version == before.version + 1024 and state.down_next >= before.down_next + 1024
        )
        assert (read(cloud), replayed(cloud), setting.link.sent) == ([T], 1, [])
        assert [outcome.kind for outcome in cloud.handle([(tracker.topic, tracker.fixes([T + 10]))])] == [Kind.STORED]
        setting.link.sent.clear()
        cloud.handle([(tracker.topic, tracker.status(directive=1, down_next=2, challenge=b"after-it"))])
        directive = tracker.open(setting.link.sent[0][1])
        assert directive.version == before.version + 1025 and directive.challenge == b"after-it"


def test_a_database_as_it_was_left_is_opened_as_it_is(setting: Setting) -> None:
    """Also after a step that the witness did not hear of, as when the program ends between the two."""
    tracker = begin(setting)
    with setting.open() as cloud:
        before = cloud.database.directive_state(tracker.name)
        cloud.audit.record("device.revoked", "controller", "s-1")
    with setting.open() as cloud:
        assert replayed(cloud) == 0
        assert cloud.database.directive_state(tracker.name) == before


def test_a_log_of_the_same_length_that_is_another_one_is_noticed(setting: Setting) -> None:
    """A restored log that grew elsewhere is as long, and its last entry differs."""
    begin(setting)
    copy = back_up(setting)
    with setting.open() as cloud:
        cloud.audit.record("device.revoked", "controller", "s-1")
        cloud.sweep()
    with sqlite3.connect(copy) as database:
        row = database.execute("SELECT kind, subject, event, leaf FROM audit_leaf WHERE position = 0").fetchone()
        count = database.execute("SELECT count(*) FROM audit_leaf").fetchone()[0]
        for n in range(3):
            database.execute("INSERT INTO audit_leaf VALUES (?, ?, ?, ?, ?, ?)", (count + n, *row, bytes(32)))
    database.close()
    restore(setting, copy)
    with setting.open() as cloud:
        assert replayed(cloud) == 1


@pytest.mark.parametrize("name", ["database", "keys", "tombstones"])
def test_one_missing_store_is_never_replaced_by_an_empty_one(setting: Setting, name: str) -> None:
    """The file is named, nothing is made in its place; put back, the installation opens."""
    setting.open().close()
    path: Path = getattr(setting.config(), name)
    away = setting.directory / "away"
    path.rename(away)
    with pytest.raises(ConfigError, match=path.name):
        setting.open()
    assert not path.exists()
    path.touch(0o600)
    with pytest.raises(ConfigError, match=path.name):
        setting.open()
    assert path.stat().st_size == 0
    away.rename(path)
    setting.open().close()


def test_an_open_that_fails_leaves_no_file_open(setting: Setting) -> None:
    """Neither with a damaged store nor with another key-encryption key."""
    setting.open().close()
    path, kek = setting.config().keys, setting.config().key_encryption_key
    good, key = path.read_bytes(), kek.read_bytes()
    path.write_bytes(b"x" * len(good))
    with pytest.raises(StoreError):
        setting.open()
    path.write_bytes(good)
    kek.write_bytes(bytes(32))
    with pytest.raises(ConfigError, match="key_encryption_key"):
        setting.open()
    held = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert not [name for name in held if name.startswith(str(setting.directory))]
    kek.write_bytes(key)
    setting.open().close()


@pytest.mark.parametrize("subject", ["", "Bob Smith", "s\ud800", "x" * 65, "s-1\n"])
def test_a_subject_that_is_no_pseudonym_leaves_no_key_behind(setting: Setting, subject: str) -> None:
    """Refused before anything is stored; a pseudonym is enrolled."""
    with setting.open() as cloud:
        with pytest.raises(ConfigError, match="pseudonym"):
            cloud.enrol(subject=subject, settings={})
        assert cloud._store.tips() == []
        cloud.enrol(subject="s-1", settings={})


def test_key_material_shows_in_no_repr(setting: Setting) -> None:
    """Neither the root of an enrolment nor the key of a downlink [a log that prints its variables]."""
    with setting.open() as cloud:
        enrolment = cloud.enrol(subject="s-1", settings={})
    root = codec.unpack(enrolment.file)[2]
    assert repr(root)[2:12] not in repr(enrolment) and enrolment.device in repr(enrolment)
    assert repr(DownKey(0, 7, b"\xaa" * 32)) == "DownKey(generation=0, number=7)"


def test_a_gap_in_what_is_read_is_counted(setting: Setting) -> None:
    """A damaged row and a lost key are told apart from absence, to the reader and in the log; a whole day has none."""
    tracker = begin(setting)
    query: dict[str, Any] = {"actor": ME, "purpose": "tracking", "subject": "s-1", "start": NOON, "end": NOON + 3600}
    with setting.open() as cloud:
        cloud.handle([(tracker.topic, tracker.fixes([T + 10]))])
        whole = cloud.read_location(**query)
        assert (len(whole), whole.unreadable) == (2, 0)
        assert "unreadable" not in dict(cloud.audit.entries(kind="gate.allowed")[-1].event.detail)
        cloud.database.run("UPDATE envelope SET payload = ? WHERE oldest_capture = ?", (bytes(40), float(T)))
        partly = cloud.read_location(**query)
        assert ([fix.time for fix in partly], partly.unreadable) == ([T + 10], 1)
        assert dict(cloud.audit.entries(kind="gate.allowed")[-1].event.detail)["unreadable"] == 1
        cloud._store.destroy_leaves(tracker.name, Stream.LOCATION, 0, 2**17 - 1)
        assert cloud.read_location(**query).unreadable == 2


@pytest.mark.parametrize("end", [float("inf"), float("nan"), 1e300])
def test_a_span_without_end_is_refused_with_a_sentence(setting: Setting, end: float) -> None:
    """The package's own error, and nothing is read; a span of days is."""
    begin(setting)
    with setting.open() as cloud:
        with pytest.raises(CloudSyncError, match="Unix seconds"):
            cloud.read_location(actor=ME, purpose="tracking", subject="s-1", start=NOON, end=end)
        assert read(cloud) == [T]


@pytest.mark.parametrize("settings", [{"a": {1}}, {"a": float("nan")}, {1j: 2}])
def test_settings_that_are_no_json_are_refused_with_a_sentence(setting: Setting, settings: Any) -> None:
    """The package's own error, and nothing is enrolled; plain tables are."""
    with setting.open() as cloud:
        with pytest.raises(ConfigError, match="JSON"):
            cloud.enrol(subject="s-1", settings=settings)
        assert cloud._store.tips() == []
        cloud.enrol(subject="s-1", settings={})


@pytest.mark.parametrize("precision", [Precision.COUNTRY, Precision.NONE])
def test_a_precision_without_cells_is_a_denial(setting: Setting, precision: Precision) -> None:
    """Asked for, or all that the person allows now: denied on the record; the coarsest with cells is read."""
    begin(setting)
    query: dict[str, Any] = {"actor": ME, "purpose": "tracking", "subject": "s-1", "start": NOON, "end": NOON + 3600}
    with setting.open() as cloud:
        assert len(cloud.read_location(**{**query, "start": NOON - 3600}, precision=Precision.REGION)) == 1
        with pytest.raises(Denied):
            cloud.read_location(**query, precision=precision)
        cloud.consent.give("s-1", "tracking", GIVE, precision=precision)
        with pytest.raises(Denied):
            cloud.read_location(**query)
        assert len(cloud.audit.entries(kind="gate.denied")) == 2


def test_who_cannot_be_logged_cannot_erase(setting: Setting) -> None:
    """Refused before the first tombstone and before a key is gone; a pseudonym erases."""
    begin(setting)
    with setting.open() as cloud:
        with pytest.raises(AuditError):
            cloud.erase(subject="s-1", actor="Bob Smith")
        assert cloud._tombstones.all() == [] and read(cloud) == [T]
        assert cloud.erase(subject="s-1", actor="c-1").envelopes == 1


def test_two_servers_on_the_same_files_keep_one_log_and_spend_no_number_twice(setting: Setting) -> None:
    """A command beside the service: consents, reads and downlinks of both, at once."""
    tracker = begin(setting)
    failures: list[BaseException] = []

    def work(cloud: CloudSync, first: int) -> None:
        try:
            for n in range(first, first + 12):
                cloud.handle([(tracker.topic, sealed[n])])
                cloud.read_location(actor=ME, purpose="tracking", subject="s-1", start=NOON, end=NOON + 3600)
                cloud.consent.refuse(f"s-{n + 5}", "theft_alarm", TAKE_BACK)
        except BaseException as error:
            failures.append(error)

    sealed = [tracker.fixes([T + 10 * n]) for n in range(24)]
    setting.clock.at = NOON + 1000
    setting.link.sent.clear()
    with setting.open() as one, setting.open() as other:
        threads = [threading.Thread(target=work, args=pair) for pair in ((one, 0), (other, 12))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert failures == []
        assert one.audit.check() == other.database.leaf_count()
    numbers = [peek_downlink(envelope)[1] for _, envelope in setting.link.sent]
    assert len(numbers) == len(set(numbers)) == 24
    with setting.open() as again:
        assert replayed(again) == 0


def test_a_restored_database_is_dealt_with_once(setting: Setting) -> None:
    """Opened again right after, it is the one that the witness knows, and nothing jumps a second time."""
    tracker = begin(setting)
    copy = back_up(setting)
    with setting.open() as cloud:
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    restore(setting, copy)
    with setting.open() as cloud:
        first = cloud.database.directive_state(tracker.name)
        assert replayed(cloud) == 1
    with setting.open() as cloud:
        assert replayed(cloud) == 1
        assert cloud.database.directive_state(tracker.name) == first
