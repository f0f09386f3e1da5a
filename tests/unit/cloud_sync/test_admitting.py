"""Enrolment by invitation at the façade: good once, by the absence of a key; what is refused changes nothing."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest

from cloud_sync.errors import (
    CloudSyncError,
    ConfigError,
    ConsentError,
    EnrolmentRefused,
    SealBroken,
    StoreError,
    UnknownDevice,
)
from cloud_sync.facade.admitting import FOR_S, Admission
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import EPOCH_SECONDS, Stream, VerdictCode
from cloud_sync.service import CloudSync
from cloud_sync.storage import sqlite
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.keybackup import restore
from tests.conformance import make_enrolment
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker
from tests.unit.cloud_sync.invited_world import Agent
from tests.unit.cloud_sync.service_world import GIVE, Setting, T, tracker_of
from tests.unit.cloud_sync.storage.places import copy_store
from tests.unit.cloud_sync.test_devices import fixes, offers

KEY = "ab" * 32


def invited(cloud: CloudSync, subject: str = "s-1", **asked: Any) -> Agent:
    """An invitation, and the agent that has used it on a board."""
    return Agent(cloud.invite(subject=subject, **asked).text)


def content(cloud: CloudSync) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every store."""
    stores: tuple[Engine, ...] = (cloud.database, cloud._store, cloud._tombstones)
    return {f"{store.name}.{name}": store.rows(f"SELECT * FROM {name}") for store in stores for name in store.tables}  # noqa: S608


def details(cloud: CloudSync, kind: str) -> list[dict[str, str | int]]:
    """What the log says of events of a kind."""
    return [dict(entry.event.detail) for entry in cloud.audit.entries(kind=kind)]


def test_the_whole_way_from_invitation_to_a_lawful_read(setting: Setting, cloud: CloudSync) -> None:
    """The invitation says what it must; the device is admitted, greeted, and used as any other; no key stays."""
    made = cloud.invite(subject="s-1", release_key=KEY)
    agent = Agent(made.text)
    assert (agent.ident.hex(), agent.expires_s, agent.release_key) == (made.id, int(NOON) + FOR_S, bytes.fromhex(KEY))
    assert cloud.policy.controller is not None and agent.controller == cloud.policy.controller.name
    [waiting] = cloud.invitations()
    assert (waiting.id, waiting.subject, waiting.wrapped) == (made.id, "s-1", b"")
    admitted = cloud.admit(agent.sealed())
    assert (admitted.device, admitted.subject, admitted.board) == (agent.device, "s-1", "esp32s3")
    tracker = agent.tracker
    [[verdict]] = [tracker.open(sealed) for sealed in admitted.answer]
    assert (verdict.code, verdict.stream, verdict.epoch) == (VerdictCode.STORED, Stream.STATUS, TODAY)
    assert cloud.database.count_envelopes(agent.device, Stream.STATUS) == 1 and setting.link.sent == []
    assert cloud.invitations() == [] and cloud._store.admissions() == []
    cloud.consent.give("s-1", "tracking", GIVE)
    assert [each.kind for each in cloud.handle([(tracker.topic, tracker.fixes([T]))])] == [Kind.STORED]
    setting.clock.at = NOON + 1200
    assert fixes(cloud, "s-1") == [T]
    assert details(cloud, "invitation.made") == [{"invitation": made.id}]
    assert details(cloud, "device.enrolled") == [{"device": agent.device, "invitation": made.id}]


def test_the_first_contact_brings_what_the_answer_left_out(setting: Setting, cloud: CloudSync) -> None:
    """The hello again gets its verdict again; the first status of the contact gets directive and offer of healing."""
    agent = invited(cloud)
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.admit(agent.sealed())
    tracker = agent.tracker
    [again] = cloud.handle([(tracker.topic, agent.hello)])
    assert again.kind is Kind.REPEATED and again.verdict is not None and again.verdict.code is VerdictCode.STORED
    setting.link.sent.clear()
    cloud.handle([(tracker.topic, tracker.status(counter=7, down_next=1))])
    opened = [type(tracker.open(sealed)).__name__ for _, sealed in setting.link.sent]
    assert sorted(opened) == ["Directive", "HealOffer", "list"]


def test_an_invitation_is_for_a_person_a_time_and_a_device(cloud: CloudSync) -> None:
    """Each bound of what is asked, alone: refused, and nothing is kept of it."""
    before = content(cloud)
    sound: dict[str, Any] = {"subject": "s-1", "for_s": 60.0, "release_key": KEY, "provided_by": "employer-1"}
    for changed, error in (
        ({"subject": "Jane Doe"}, ConfigError),
        ({"for_s": 59.0}, ConfigError),
        ({"for_s": 90 * 86_400 + 1.0}, ConfigError),
        ({"release_key": KEY[:-1]}, ConfigError),
        ({"release_key": KEY.upper()}, ConfigError),
        ({"provided_by": "the employer"}, ConsentError),
        ({"takes_over": "b" * 16}, UnknownDevice),
    ):
        with pytest.raises(error):
            cloud.invite(**{**sound, **changed})
        assert content(cloud) == before, changed
    assert cloud.invite(**sound).expires_at == int(NOON) + 60
    assert cloud.invite(subject="s-1", for_s=90 * 86_400).id


def test_who_gave_the_persons_data_is_told_with_the_device(cloud: CloudSync) -> None:
    """As `enrol` has it: from the admission on the person is owed a notice."""
    agent = invited(cloud, provided_by="employer-1")
    assert cloud.notices.source("s-1") is None
    cloud.admit(agent.sealed())
    source = cloud.notices.source("s-1")
    assert source is not None and source.source == "employer-1"


# What is refused

Wrong = Callable[[Agent], bytes]
FOREIGN = make_enrolment.hello("k7vq2zlt4mxwh3ad", bytes(32), TODAY, TODAY)


def at_day(day: int) -> Wrong:
    """Made so many days from today, hello and all."""

    def wrong(agent: Agent) -> bytes:
        first = TODAY + day
        hello = make_enrolment.hello(agent.device, agent.root, first, first)
        return agent.sealed(first_epoch=first, made_s=first * EPOCH_SECONDS, hello=hello)

    return wrong


REFUSED: dict[str, tuple[Wrong, str]] = {
    "nothing": (lambda _: b"", "no sealed enrolment"),
    "something else": (lambda _: bytes(900), "no sealed enrolment"),
    "the invitation itself": (lambda _: b"byleave-invitation-1:lgHEEA", "the invitation itself"),
    "a later form": (lambda agent: agent.sealed().replace(b"enrolment-1", b"enrolment-2", 1), "another version"),
    "cut": (lambda agent: agent.sealed()[:60], "was cut"),
    "far too long": (lambda agent: agent.sealed() + bytes(2048), "something was added"),
    "another server's": (lambda agent: agent.sealed().replace(agent.ident, bytes(16)), "does not know"),
    "changed on the way": (lambda agent: agent.sealed()[:-1] + b"\x00", "damaged on the way"),
    "not MessagePack": (lambda agent: agent.sealed(b"\xc1"), "malformed"),
    "a later plaintext": (lambda agent: agent.sealed(form=2), "another version"),
    "a root too short": (lambda agent: agent.sealed(root=bytes(31)), "malformed .root"),
    "of tomorrow's tomorrow": (at_day(2), "is to come"),
    "of tomorrow, by hours": (at_day(1), "is to come"),
    "of before the invitation": (at_day(-2), "was not open"),
    "no hello": (lambda agent: agent.sealed(hello=b""), "--without-hello"),
    "another's hello": (lambda agent: agent.sealed(hello=FOREIGN), "does not verify"),
    "a hello that is no envelope": (lambda agent: agent.sealed(hello=b"hello"), "not that of a board"),
}


def test_what_is_refused_changes_nothing(cloud: CloudSync) -> None:
    """Each with its own sentence; no row of any store is another one, and the same invitation then admits a sound one."""
    for letter, (name, (wrong, sentence)) in zip(ascii_lowercase, REFUSED.items(), strict=False):
        agent = Agent(cloud.invite(subject="s-1").text, letter * 16)
        before = content(cloud)
        with pytest.raises(EnrolmentRefused, match=sentence):
            cloud.admit(wrong(agent))
        assert content(cloud) == before, name
        assert cloud.admit(agent.sealed()).answer, name
    assert len(cloud.database.devices_of("s-1")) == len(REFUSED)


def test_one_without_a_hello_is_admitted_where_that_is_said(cloud: CloudSync) -> None:
    """Nothing is answered; and a hello that is there must be right all the same."""
    agent = invited(cloud)
    with pytest.raises(EnrolmentRefused, match="does not verify"):
        cloud.admit(agent.sealed(hello=FOREIGN), without_hello=True)
    admitted = cloud.admit(agent.sealed(hello=b""), without_hello=True)
    assert (admitted.device, admitted.answer) == (agent.device, ())
    [first] = cloud.handle([(agent.tracker.topic, agent.hello)])
    assert first.kind is Kind.STORED


def test_around_midnight_an_agents_clock_may_be_a_little_ahead(setting: Setting, cloud: CloudSync) -> None:
    """Sealed two minutes into tomorrow by a clock that is two minutes fast: admitted. A second more, and the board would have no
    keys for today: refused."""
    midnight = (TODAY + 1) * EPOCH_SECONDS
    setting.clock.at = float(midnight - 60)
    for ahead_s, taken in ((121, False), (120, True)):
        agent = Agent(cloud.invite(subject="s-1").text, first_epoch=TODAY + 1)
        sealed = agent.sealed(made_s=midnight - 60 + ahead_s)
        if taken:
            assert cloud.admit(sealed).device == agent.device
        else:
            with pytest.raises(EnrolmentRefused, match="is to come"):
                cloud.admit(sealed)


def test_an_enrolment_that_lay_about_is_refused(setting: Setting, cloud: CloudSync) -> None:
    """On the fourteenth day it is taken, on the fifteenth it is not, whatever the invitation says."""
    late, last = invited(cloud, for_s=30 * 86_400), invited(cloud, "s-2", for_s=30 * 86_400)
    sealed = late.sealed(), last.sealed(device="b" * 16, hello=b"")
    setting.clock.at = NOON + 14 * 86_400
    assert cloud.admit(sealed[1], without_hello=True).subject == "s-2"
    setting.clock.at = NOON + 15 * 86_400
    before = content(cloud)
    with pytest.raises(EnrolmentRefused, match="more than 14 days ago"):
        cloud.admit(sealed[0])
    assert content(cloud) == before
    today = Agent(cloud.invite(subject="s-1").text, first_epoch=TODAY + 15)
    assert cloud.admit(today.sealed()).answer


@pytest.mark.parametrize("again", ["the same file", "another board"])
def test_a_second_use_finds_no_key(cloud: CloudSync, again: str) -> None:
    """Nobody opens it again, the server included; the sentence says which device it was for."""
    agent = invited(cloud)
    sealed, other = agent.sealed(), agent.sealed(device="b" * 16, hello=b"")
    cloud.admit(sealed)
    before = content(cloud)
    with pytest.raises(EnrolmentRefused, match=f"used up: it enrolled device {agent.device}"):
        cloud.admit(sealed if again == "the same file" else other, without_hello=True)
    assert content(cloud) == before


@pytest.mark.parametrize("in_use", [True, False])
def test_no_device_is_enrolled_over_another(cloud: CloudSync, in_use: bool) -> None:
    """Its pseudonym is known, in use or handed on: its keys stay as they were [somebody who seals over another's device]."""
    victim = tracker_of(cloud.enrol(subject="s-2", settings={}))
    if not in_use:
        cloud.hand_over(victim.name, subject="s-3", settings={})
    agent = Agent(cloud.invite(subject="s-1").text, victim.name)
    before = content(cloud)
    with pytest.raises(EnrolmentRefused, match="enrolled already"):
        cloud.admit(agent.sealed())
    assert content(cloud) == before


def test_one_of_two_at_once_wins(setting: Setting, cloud: CloudSync) -> None:
    """Two processes' worth of servers, two boards by one invitation, at one moment: one device, and a sentence."""
    agent = invited(cloud)
    other_board = {"device": "b" * 16, "hello": make_enrolment.hello("b" * 16, agent.root, TODAY, TODAY)}
    boards = [agent.sealed(), agent.sealed(**other_board)]
    ended: list[Admission | str] = []
    barrier = threading.Barrier(2)

    def admit(server: CloudSync, sealed: bytes) -> None:
        barrier.wait(10)
        try:
            ended.append(server.admit(sealed))
        except CloudSyncError as error:
            ended.append(str(error))

    with setting.open() as other:
        threads = [threading.Thread(target=admit, args=each) for each in zip((cloud, other), boards, strict=True)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    [won] = [each for each in ended if isinstance(each, Admission)]
    [lost] = [each for each in ended if isinstance(each, str)]
    assert f"used up: it enrolled device {won.device}" in lost
    assert [device.device for device in cloud.database.devices_of("s-1")] == [won.device]
    assert {tip.device for tip in cloud._store.tips()} == {won.device}


# How an invitation ends otherwise


def test_one_that_expires_ends_with_the_next_sweep(setting: Setting, cloud: CloudSync) -> None:
    """From its last second on it is refused; the sweep destroys the key and logs it; one that is still good stays."""
    agent, later = invited(cloud, for_s=3600), invited(cloud, "s-2", for_s=7200)
    setting.clock.at = NOON + 3599
    assert len(cloud.invitations()) == 2
    setting.clock.at = NOON + 3600
    for key_there in (True, False):
        with pytest.raises(EnrolmentRefused, match="expired"):
            cloud.admit(agent.sealed())
        assert [each.subject for each in cloud.invitations()] == ["s-2"]
        assert (cloud._store.invitation(agent.ident.hex()) is not None) is key_there
        cloud.sweep()
    assert details(cloud, "invitation.ended") == [{"invitation": agent.ident.hex(), "reason": "expired"}]
    assert cloud.admit(later.sealed()).subject == "s-2"


def test_one_that_is_withdrawn_opens_nothing(cloud: CloudSync) -> None:
    """Its key is gone at once; a second time there is nothing to withdraw."""
    agent = invited(cloud)
    cloud.withdraw_invitation(agent.ident.hex())
    with pytest.raises(EnrolmentRefused, match="withdrawn"):
        cloud.admit(agent.sealed())
    with pytest.raises(ConfigError, match="no invitation of this id is open"):
        cloud.withdraw_invitation(agent.ident.hex())
    assert details(cloud, "invitation.ended") == [{"invitation": agent.ident.hex(), "reason": "withdrawn"}]


def test_an_erased_persons_invitation_opens_nothing(cloud: CloudSync) -> None:
    """Of somebody who has nothing but it; another person's stays good."""
    agent, other = invited(cloud), invited(cloud, "s-2")
    cloud.erase(subject="s-1")
    with pytest.raises(EnrolmentRefused, match="does not know"):
        cloud.admit(agent.sealed())
    assert [each.subject for each in cloud._store.invitations()] == ["s-2"]
    assert cloud.admit(other.sealed()).subject == "s-2"


def test_no_byte_of_a_used_key_stays_in_the_store(setting: Setting, cloud: CloudSync) -> None:
    """The wrapped private half is in no file after its use, the log of the store included."""
    agent = invited(cloud)
    row = cloud._store.invitation(agent.ident.hex())
    assert row is not None

    def there() -> bool:
        return any(row.wrapped in path.read_bytes() for path in setting.directory.glob("keys.db*"))

    assert there()
    cloud.admit(agent.sealed())
    assert not there()


def test_a_row_that_somebody_wrote_opens_nothing(cloud: CloudSync) -> None:
    """One person's key under another's name, or with a later end: the key store's own rows are bound to what they are for."""
    agent = invited(cloud, for_s=3600)
    row = cloud._store.invitation(agent.ident.hex())
    assert row is not None
    for changed in (
        {"subject": "s-2"},
        {"expires_at": row.expires_at + 1},
        {"takes_over": "b" * 16},
        {"provided_by": "employer-1"},
    ):
        cloud._store.destroy_invitation(row.id)
        cloud._store.put_invitation(replace(row, **changed))  # type: ignore[arg-type]
        with pytest.raises(SealBroken):
            cloud.admit(agent.sealed())
    cloud._store.destroy_invitation(row.id)
    cloud._store.put_invitation(row)
    assert cloud.admit(agent.sealed())


def test_a_pseudonym_with_slashes_is_nobody_elses(cloud: CloudSync) -> None:
    """What stands around a slash of a person's pseudonym makes no other person of it."""
    agent = invited(cloud, "depot/s-1")
    row = cloud._store.invitation(agent.ident.hex())
    assert row is not None
    cloud._store.destroy_invitation(row.id)
    cloud._store.put_invitation(replace(row, subject="s-1", takes_over="/depot"))
    with pytest.raises(SealBroken):
        cloud.admit(agent.sealed())
    cloud._store.destroy_invitation(row.id)
    cloud._store.put_invitation(replace(row, subject="depot/s-1", takes_over=""))
    assert cloud.admit(agent.sealed()).subject == "depot/s-1"


@pytest.mark.parametrize("ended", ["used", "withdrawn", "expired"])
def test_a_reader_of_the_log_keeps_no_key_in_it_beyond_the_next_sweep(
    setting: Setting, cloud: CloudSync, monkeypatch: pytest.MonkeyPatch, ended: str
) -> None:
    """Another process reads while the key is destroyed: its bytes are in the store's log, until the sweep behind it."""
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_S", 0)
    cloud._store.rows("PRAGMA busy_timeout=1")  # not ten seconds
    agent = invited(cloud, for_s=3600)
    row = cloud._store.invitation(agent.ident.hex())
    assert row is not None

    def there() -> bool:
        return any(row.wrapped in path.read_bytes() for path in setting.directory.glob("keys.db*"))

    with closing(sqlite3.connect(setting.directory / "keys.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM invitation").fetchall()
        if ended == "used":
            cloud.admit(agent.sealed())
        elif ended == "withdrawn":
            cloud.withdraw_invitation(row.id)
        else:
            setting.clock.at = NOON + 3600
            cloud.sweep()
        assert there()
    cloud.sweep()
    assert not there()
    assert cloud._store.admissions() == []


def test_an_erasure_that_a_hold_keeps_waiting_takes_the_invitation(setting: Setting, cloud: CloudSync) -> None:
    """A hold keeps evidence, and the key of an invitation is none: nobody enrols a device for somebody who is to be erased."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.handle([(tracker.topic, tracker.fixes([T]))])
    cloud.holds.place("CASE-7", by="c-1", review_at=NOON + 86_400, subject="s-1")
    agent, other = invited(cloud), invited(cloud, "s-2")
    assert cloud.erase(subject="s-1").held
    with pytest.raises(EnrolmentRefused, match="does not know"):
        cloud.admit(agent.sealed())
    assert cloud.admit(other.sealed()).subject == "s-2"


# Backups


@pytest.mark.parametrize("cut", [False, True], ids=["asked for again", "cut short"])
def test_whom_only_an_invitation_names_is_erased(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    """The database was restored to before the invitation, and does not know the person; the key store does."""
    kept = tmp_path / "kept"
    kept.mkdir()
    with setting.open():
        pass
    copy_store("telemetry.db", setting.directory, kept)
    with setting.open() as cloud:
        agent = invited(cloud)
        if cut:  # behind the mark of the erasure, before any key goes

            def stop(*_: object) -> None:
                raise StoreError("the disk is full")

            with monkeypatch.context() as patch, pytest.raises(StoreError):
                patch.setattr(cloud._register, "destroy", stop)
                cloud.erase(subject="s-1")
    copy_store("telemetry.db", kept, setting.directory)
    with setting.open() as cloud:
        assert (cloud.invitations() == []) is cut
        if not cut:
            cloud.erase(subject="s-1")
        with pytest.raises(EnrolmentRefused, match="does not know"):
            cloud.admit(agent.sealed())


def test_a_restored_database_brings_no_invitation_back(setting: Setting, tmp_path: Path) -> None:
    """It has forgotten the use; the key is gone all the same, so that nothing can be opened a second time."""
    kept = tmp_path / "kept"
    kept.mkdir()
    with setting.open() as cloud:
        agent = invited(cloud)
    copy_store("telemetry.db", setting.directory, kept)
    with setting.open() as cloud:
        cloud.admit(agent.sealed())
    copy_store("telemetry.db", kept, setting.directory)
    with setting.open() as cloud:
        before = content(cloud)
        with pytest.raises(EnrolmentRefused, match="does not know"):
            cloud.admit(agent.sealed())
        assert content(cloud) == before and cloud.database.devices_of("s-1") == []


def test_no_backup_of_the_keys_holds_an_invitation(setting: Setting, tmp_path: Path) -> None:
    """Made while one was open and before another was used; put back, neither of the two opens."""
    backup, keys = tmp_path / "keys.backup", setting.config().keys
    assert isinstance(keys, Path)
    with setting.open() as cloud:
        used, unused = invited(cloud), invited(cloud, "s-2")
        cloud.back_up_keys(backup)
        cloud.admit(used.sealed())
    for path in setting.directory.glob("keys.db*"):
        path.unlink()
    restore(backup, keys, NOON, lambda made: made + 30 * 86_400)
    with setting.open() as cloud:
        assert cloud.invitations() == []
        with pytest.raises(EnrolmentRefused, match=f"used up: it enrolled device {used.device}"):
            cloud.admit(used.sealed())
        with pytest.raises(EnrolmentRefused, match="restored from a backup"):
            cloud.admit(unused.sealed())


# Another person takes the device


def test_another_person_takes_the_device_by_an_invitation(setting: Setting, cloud: CloudSync) -> None:
    """As `hand_over` does it: until the admission the first person's goes on, then its keys lead nowhere."""
    first = tracker_of(cloud.enrol(subject="s-1", settings={}))
    for subject in ("s-1", "s-2"):
        cloud.consent.give(subject, "tracking", replace(GIVE, entity_id=subject))
    agent = invited(cloud, "s-2", takes_over=first.name)
    assert cloud.handle([(first.topic, first.fixes([T, T + 10]))])[0].kind is Kind.STORED
    setting.clock.at = NOON + 600
    cloud.admit(agent.sealed())
    assert cloud.handle([(first.topic, first.fixes([T + 300]))])[0].kind is Kind.UNKNOWN_DEVICE
    second = agent.tracker
    setting.clock.at = NOON + 1200
    cloud.handle([(second.topic, second.fixes([T + 700]))])
    assert (fixes(cloud, "s-1"), fixes(cloud, "s-2")) == ([T, T + 10], [T + 700])
    assert {tip.device for tip in cloud._store.tips()} == {second.name}
    assert details(cloud, "device.revoked") == [{"device": first.name, "reason": "handed_over"}]
    assert [entry.event.subject for entry in cloud.audit.entries(kind="device.revoked")] == ["s-1"]


def test_a_device_that_was_handed_on_meanwhile_is_left_as_it_is(cloud: CloudSync) -> None:
    """What was to end has ended: the board that was enrolled on the road is admitted all the same."""
    first = tracker_of(cloud.enrol(subject="s-1", settings={}))
    agent = invited(cloud, "s-2", takes_over=first.name)
    third: Tracker = tracker_of(cloud.hand_over(first.name, subject="s-3", settings={}))
    assert cloud.admit(agent.sealed()).subject == "s-2"
    assert {tip.device for tip in cloud._store.tips()} == {agent.device, third.name}
    assert len(details(cloud, "device.revoked")) == 1


def test_an_admitted_device_is_offered_a_healing(setting: Setting, cloud: CloudSync) -> None:
    """As one of `enrol` is: at its first contact, since the agent has seen its root."""
    agent = invited(cloud)
    cloud.admit(agent.sealed())
    tracker = agent.tracker
    cloud.handle([(tracker.topic, tracker.status(counter=1, down_next=1))])
    assert len(offers(setting, tracker)) == 1
