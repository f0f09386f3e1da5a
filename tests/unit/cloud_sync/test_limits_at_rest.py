"""Where a person's limits lie: in no byte that is not sealed, gone with the person, and never widened by a restore."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest

from cloud_sync.directive.atrest import SealedAtRest
from cloud_sync.errors import ConsentError, SealBroken
from cloud_sync.facade.limits import Limits
from cloud_sync.ingest.outcome import Kind
from cloud_sync.keys.personkeys import PersonKeys
from cloud_sync.keys.wrap import FileKeyEncryptionKey
from cloud_sync.model import DirectiveState, Sensor
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from cloud_sync.wire.directive import to_wire
from tests.unit.cloud_sync.ingest.ingest_world import NOON, FakeClock, Tracker
from tests.unit.cloud_sync.service_world import GIVE, Setting
from tests.unit.cloud_sync.storage.stores_contract import IMPLEMENTATIONS
from tests.unit.cloud_sync.test_limits import HOME, TAP, WORK, contact, driving, told
from tests.unit.cloud_sync.test_service_restore import back_up, restore

NIGHT = ((0, 301), (1201, 1440))


def limited(setting: Setting, cloud: CloudSync) -> Tracker:
    """A device under a zone and quiet hours that has applied them, as version 2."""
    tracker = driving(setting, cloud)
    cloud.limits.set("s-1", zones=[HOME], hours=NIGHT, evidence=TAP)
    assert contact(setting, cloud, tracker, 2) == []
    return tracker


def on_disk(setting: Setting) -> bytes:
    """Every byte of every file of the installation, logs of the stores included."""
    return b"".join(path.read_bytes() for path in sorted(setting.directory.iterdir()) if path.is_file())


#: The zone and the windows as anything of this program would pack them, and as text of two kinds.
PACKED = [bytes(msgpack.packb(pair)) for pair in (HOME, *NIGHT)]
TRACES = [*PACKED, b"5567,628", b"5567, 628", b"1201,1440", b"1201, 1440"]


def traces(setting: Setting) -> list[bytes]:
    """What of a person's limits is found in the files."""
    return [trace for trace in TRACES if trace in on_disk(setting)]


def test_no_file_holds_a_zone_or_an_hour_in_the_clear(setting: Setting) -> None:
    """Neither database, key store nor their logs, while open and after, also once the limits are dropped."""
    with setting.open() as cloud:
        tracker = limited(setting, cloud)
        assert (setting.directory / "telemetry.db-wal").stat().st_size > 0
        assert traces(setting) == []
        cloud.limits.clear("s-1", evidence=TAP)
        contact(setting, cloud, tracker, 2)
        assert traces(setting) == []
    assert traces(setting) == []


def test_a_store_that_seals_nothing_is_found_out(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """A control: the scan finds zone and hours where directives lie in the clear, as they did before schema 4."""
    monkeypatch.setattr(SealedAtRest, "sealed", lambda _, state: state)
    monkeypatch.setattr(SealedAtRest, "opened", lambda _, state: state)
    with setting.open() as cloud:
        driving(setting, cloud)
        cloud.limits.set("s-1", zones=[HOME], hours=NIGHT, evidence=TAP)
        assert traces(setting) == PACKED


def test_directives_of_an_older_schema_are_sealed_at_the_next_start(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go on to be what narrows and widens: a withdrawal still goes out at once, and the files hold no trace."""

    def older(_: SealedAtRest, state: DirectiveState) -> DirectiveState:
        """In the clear, with the 14 fields that a directive had then."""
        value = codec.unpack(state.current) if state.current else []
        return replace(state, current=codec.pack([*value[:13], value[-1]])) if len(value) == 18 else state

    with monkeypatch.context() as patch, setting.open() as cloud:
        patch.setattr(SealedAtRest, "sealed", older)
        patch.setattr(SealedAtRest, "opened", lambda _, state: state)
        tracker = limited(setting, cloud)
    assert traces(setting) != []
    with setting.open() as cloud:
        assert traces(setting) == []
        assert cloud._desk.current(tracker.name).zones == (HOME,)  # type: ignore[union-attr]
        cloud.consent.withdraw("s-1", "tracking", TAP)
        [directive, *_] = told(setting, tracker)
        assert (directive.sensors, directive.zones) == (Sensor(0), (HOME,))
        assert cloud.database.unsealed_states() == []


def test_a_directive_in_the_clear_that_somebody_writes_into_the_file_is_not_believed(setting: Setting) -> None:
    """After the start it counts as not known: the device is told anew, with its challenge."""
    with setting.open() as cloud:
        tracker = limited(setting, cloud)
        current = cloud._desk.current(tracker.name)
        state = cloud.database.directive_state(tracker.name)
        assert current is not None and state is not None
        cloud.database.put_directive_state(replace(state, current=codec.pack(to_wire(replace(current, zones=())))))
        assert cloud._desk.current(tracker.name) is None
        [directive] = contact(setting, cloud, tracker, 2)
        assert (directive.version, directive.zones, len(directive.challenge)) == (3, (HOME,), 8)


# Seals


class Rig:
    """States of one device at rest, and what they are sealed with."""

    def __init__(self, directory: Path) -> None:
        implementation = IMPLEMENTATIONS[0]
        self.database, self.store = implementation.database(directory), implementation.keys(directory)
        self.people = PersonKeys(self.store, FileKeyEncryptionKey(os.urandom(32)), FakeClock())
        self.at_rest = SealedAtRest(self.database, self.people)


STATE = DirectiveState("a" * 16, 3, b"a directive", 3, b"", 1, 1, (1, 1, 1, 0))
SWAPS: dict[str, Callable[[DirectiveState], DirectiveState]] = {
    "another version": lambda state: replace(state, version=4),
    "another device of the person": lambda state: replace(state, device="b" * 16),
    "a device of another person": lambda state: replace(state, device="c" * 16),
    "one bit": lambda state: replace(state, current=state.current[:-1] + bytes([state.current[-1] ^ 1])),
    "one byte short": lambda state: replace(state, current=state.current[:-1]),
    "the mark alone": lambda state: replace(state, current=state.current[:1]),
    "another mark": lambda state: replace(state, current=b"\x02" + state.current[1:]),
}


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Two devices of one person, one of another."""
    rig = Rig(tmp_path)
    for name, subject in (("a", "s-1"), ("b", "s-1"), ("c", "s-2")):
        rig.database.run(  # type: ignore[attr-defined]
            "INSERT INTO device (device, subject, generation, enrolled_at) VALUES (?, ?, 0, 0)", (name * 16, subject)
        )
    rig.people.person("s-2")
    return rig


@pytest.mark.parametrize("name", SWAPS)
def test_a_directive_opens_only_as_what_it_was_sealed(name: str, rig: Rig) -> None:
    """As that of its own row it opens; with one thing changed it is not known."""
    sealed = rig.at_rest.sealed(STATE)
    assert rig.at_rest.opened(sealed) == STATE
    assert rig.at_rest.opened(SWAPS[name](sealed)).current == b""


def test_what_is_sealed_twice_differs_and_what_is_empty_stays_so(rig: Rig) -> None:
    """Nobody can tell from the file whether a directive changed; a device without one makes no key."""
    assert rig.at_rest.sealed(STATE).current != rig.at_rest.sealed(STATE).current
    empty = replace(STATE, current=b"")
    assert rig.at_rest.sealed(empty) == rig.at_rest.opened(empty) == empty


def test_a_persons_key_that_is_destroyed_opens_nothing_and_the_next_one_neither(rig: Rig) -> None:
    """Also where a copy of what was sealed comes back."""
    sealed = rig.people.seal("s-1", b"home", b"identity")
    assert rig.people.open("s-1", sealed, b"identity") == b"home"
    rig.people.destroy("s-1")
    with pytest.raises(SealBroken):
        rig.people.open("s-1", sealed, b"identity")
    rig.people.person("s-1")
    with pytest.raises(SealBroken):
        rig.people.open("s-1", sealed, b"identity")


def test_limits_open_under_their_own_revision_only(rig: Rig) -> None:
    """An administrator who renumbers a row does not make the older limits the newest."""
    rig.people.put_limits("s-1", 1, b"home")
    assert rig.people.limits("s-1") == (1, b"home")
    rig.store.put_person(replace(rig.people.person("s-1"), revision=2))
    with pytest.raises(SealBroken):
        rig.people.limits("s-1")


# Erasure


def test_an_erasure_takes_the_limits_along_and_opens_nothing(setting: Setting) -> None:
    """The device is told to stop at once, then that there is no zone; it senses again when the person has answered anew."""
    with setting.open() as cloud:
        tracker = limited(setting, cloud)
        backup = back_up(setting)
        sealed = cloud.database.directive_state(tracker.name)
        assert sealed is not None
        setting.clock.at = NOON + 60
        cloud.erase(subject="s-1")
        [stop] = [each for each in told(setting, tracker) if not each.challenge]
        assert (stop.version, stop.sensors, stop.zones) == (3, Sensor(0), (HOME,))
        assert cloud._desk.current(tracker.name) is None
        assert cloud._at_rest.opened(sealed).current == b""  # what a backup still holds
        assert cloud.limits.in_force("s-1") == Limits(lost=True)
        [told_anew] = contact(setting, cloud, tracker, 3)
        assert (told_anew.sensors, told_anew.zones, told_anew.hours) == (Sensor(0), (), ())
        assert contact(setting, cloud, tracker, told_anew.version) == []
        cloud.limits.clear("s-1", evidence=TAP)
        [wide] = told(setting, tracker)
        assert (wide.sensors, wide.zones, len(wide.challenge)) == (Sensor.GNSS, (), 8)
    restore(setting, backup)
    with setting.open() as cloud:
        assert cloud._desk.current(tracker.name) is None


def test_an_erasure_of_somebody_without_limits_changes_no_directive(setting: Setting) -> None:
    """The device goes on as before, and narrowing still goes out at once; the key is another one, also for backups."""
    with setting.open() as cloud:
        tracker = driving(setting, cloud)
        before = cloud._desk.current(tracker.name)
        sealed = cloud.database.directive_state(tracker.name)
        assert sealed is not None and before is not None
        cloud.erase(subject="s-1")
        assert cloud._desk.current(tracker.name) == before
        assert cloud._at_rest.opened(sealed).current == b""
        assert told(setting, tracker) == []
        assert contact(setting, cloud, tracker, 1) == []
        cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
        [narrow] = told(setting, tracker)
        assert (narrow.zones, narrow.sensors) == ((HOME,), Sensor.GNSS)


def test_an_erasure_of_days_leaves_the_limits(setting: Setting) -> None:
    """Only whoever erases everything gives up their zones with it."""
    with setting.open() as cloud:
        limited(setting, cloud)
        day = NOON - 43_200
        cloud.erase(subject="s-1", start=day, end=day + 86_400)
        assert cloud.limits.in_force("s-1") == Limits((HOME,), NIGHT, 1)


def test_limits_of_others_stay_when_one_person_is_erased(setting: Setting) -> None:
    """And limits that the erased person sets afterwards survive the replay of the tombstones."""
    with setting.open() as cloud:
        limited(setting, cloud)
        cloud.limits.set("s-2", zones=[WORK], evidence=replace(TAP, entity_id="s-2"))
        cloud.erase(subject="s-1")
        setting.clock.at += 10
        cloud.limits.set("s-1", zones=[WORK], hours=[], evidence=TAP)
        set_again = cloud.limits.in_force("s-1")
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-2") == Limits((WORK,), (), 1)
        assert cloud.limits.in_force("s-1") == set_again == Limits((WORK,), (), set_again.revision)


# Restores


def copy_of_keys(setting: Setting) -> Path:
    """What nobody should have: a copy of the key store."""
    copy = setting.directory / "keys.copy"
    with sqlite3.connect(setting.config().keys) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    shutil.copy(setting.config().keys, copy)
    return copy


def put_back_keys(setting: Setting, copy: Path) -> None:
    """Put it in the place of the key store."""
    for leftover in setting.directory.glob("keys.db*"):
        leftover.unlink()
    copy.rename(setting.config().keys)
    setting.link.sent.clear()


def test_a_restored_database_does_not_widen_what_was_set_since(setting: Setting) -> None:
    """The limits are in the key store: the device that has the zone keeps it, one that does not is told at once."""
    with setting.open() as cloud:
        tracker = driving(setting, cloud)
        backup = back_up(setting)
        cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    restore(setting, backup)
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1").zones == (HOME,)
        narrow, *rest = contact(setting, cloud, tracker, 2)
        assert all(each.zones == (HOME,) for each in (narrow, *rest))
        assert narrow.version > 1024


def test_a_restored_database_does_not_forget_the_floor_of_a_zone(setting: Setting) -> None:
    """What was captured before the zone was drawn and comes after the restore is refused, as it was before."""
    with setting.open() as cloud:
        tracker = driving(setting, cloud)
        backup = back_up(setting)
        cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    restore(setting, backup)
    setting.clock.at = NOON + 120
    with setting.open() as cloud:
        assert [
            outcome.kind for outcome in cloud.handle([(tracker.topic, tracker.fixes([int(NOON) - 3600], version=1))])
        ] == [Kind.BELOW_FLOOR]


def test_a_key_store_from_before_a_change_closes_the_person_until_they_answer(setting: Setting) -> None:
    """A zone that was set since is lost, and nobody knows it: nothing is sensed; half an answer is none."""
    with setting.open() as cloud:
        tracker = limited(setting, cloud)
    copy = copy_of_keys(setting)
    with setting.open() as cloud:
        cloud.limits.set("s-1", zones=[HOME, WORK], evidence=TAP)
    put_back_keys(setting, copy)
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1").lost
        stop, *rest = told(setting, tracker)
        assert (stop.challenge, {each.sensors for each in (stop, *rest)}) == (b"", {Sensor(0)})
        with pytest.raises(ConsentError, match="lost"):
            cloud.limits.set("s-1", hours=[], evidence=TAP)
        with pytest.raises(ConsentError, match="person"):
            cloud.limits.set("s-1", zones=[HOME, WORK], hours=NIGHT, evidence=replace(TAP, entity_id="fleet-7"))
        assert cloud.permission("s-1").sensors == Sensor(0)
        assert cloud.limits.set("s-1", zones=[HOME, WORK], hours=[], evidence=TAP).revision == 3
        assert cloud.permission("s-1").sensors == Sensor.GNSS
    with setting.open() as cloud:
        assert not cloud.limits.in_force("s-1").lost


def test_a_key_store_from_before_an_erasure_brings_no_limits_back(setting: Setting) -> None:
    """The tombstones are replayed over it: the limits go again, and the person stays closed."""
    with setting.open() as cloud:
        tracker = limited(setting, cloud)
    copy = copy_of_keys(setting)
    with setting.open() as cloud:
        backup = back_up(setting)
        setting.clock.at = NOON + 60
        cloud.erase(subject="s-1")
    put_back_keys(setting, copy)
    restore(setting, backup)
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1") == Limits(lost=True)
        assert cloud._desk.current(tracker.name) is None
        assert cloud.permission("s-1").sensors == Sensor(0)


def test_a_program_that_ends_between_limits_and_witness_loses_nothing(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limits hold at the next start, and are not taken for lost."""
    with setting.open() as cloud:
        driving(setting, cloud)
        with monkeypatch.context() as patch:
            patch.setattr(cloud._tombstones, "raise_witness", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    with setting.open() as cloud:
        assert cloud.limits.in_force("s-1") == Limits((HOME,), (), 1)
        cloud.consent.give("s-1", "tracking", GIVE)
        assert cloud.permission("s-1").sensors == Sensor.GNSS
