"""An admission that is killed between any two commits: an invitation that is still good and no device, or a device and no key."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cloud_sync.errors import EnrolmentRefused, StoreError
from cloud_sync.facade.devices import Devices
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Stream
from cloud_sync.model.enrolment import BegunAdmission
from cloud_sync.service import CloudSync
from cloud_sync.storage.engine import Engine
from cloud_sync.storage.open import open_keys
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.invited_world import Agent
from tests.unit.cloud_sync.service_world import Setting, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all

SURVIVED, MOST = 0, 40
BETWEEN = 1  # the key store has committed, the telemetry database has not
DURABLE = ("_commit", "vacuum_erased")  # and a statement outside of a transaction


class Story:
    """An installation with a device, and an invitation by which somebody else takes it over; a board was enrolled by it."""

    def __init__(self, directory: Path) -> None:
        self.setting = Setting(directory)
        with self.setting.open() as cloud:
            self.before = tracker_of(cloud.enrol(subject="s-1", settings={}))
            asked = {"takes_over": self.before.name, "provided_by": "employer-1"}
            self.agent = Agent(cloud.invite(subject="s-2", **asked).text)  # type: ignore[arg-type]
        self.sealed = self.agent.sealed()

    def at(self, directory: Path) -> Setting:
        """A copy of it, closed."""
        return Setting(copy_all(self.setting.directory, directory))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """It, once for all cuts."""
    return Story(tmp_path_factory.mktemp("story"))


@contextmanager
def counting(limit: int) -> Iterator[list[str]]:
    """What becomes durable, in order; before number `limit` of it this process is killed."""
    seen: list[str] = []

    def note(name: str) -> None:
        seen.append(name)
        if len(seen) > limit:
            os.kill(os.getpid(), signal.SIGKILL)

    def durable(name: str) -> None:
        original = getattr(Engine, name)

        def call(self: Engine, *values: object) -> object:
            if name != "run" or (not self._depth and not str(values[0]).startswith("SELECT")):
                note(f"{self.name}: {name}")
            return original(self, *values)

        patch.setattr(Engine, name, call)

    with pytest.MonkeyPatch.context() as patch:
        for name in (*DURABLE, "run"):
            durable(name)
        yield seen


def killed(setting: Setting, sealed: bytes, limit: int) -> bool:
    """Whether the server was killed before so many things of an admission had become durable; in a process of its own."""
    child = os.fork()
    if not child:
        try:
            cloud = setting.open()
            with counting(limit):
                cloud.admit(sealed)
            os._exit(SURVIVED)
        except BaseException:  # nothing of the test's goes on in this process
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == SURVIVED
    return os.WIFSIGNALED(status)


def in_store(setting: Setting, agent: Agent) -> tuple[bool, bool]:
    """Whether the key store has the invitation's key, and whether it has keys of the device; before anything is put right."""
    with closing(open_keys(setting.config().keys)) as store:
        return store.invitation(agent.ident.hex()) is not None, bool(store.tips_of(agent.device))


def check_enrolled(cloud: CloudSync, story: Story) -> None:
    """All that belongs to the new device is there, and the device before has ended."""
    device, before = cloud.database.device(story.agent.device), cloud.database.device(story.before.name)
    assert device is not None and (device.subject, device.revoked_at) == ("s-2", None)
    assert before is not None and before.revoked_at is not None
    assert {tip.device for tip in cloud._store.tips()} == {device.device}
    assert cloud._store.wish(device.device) is not None and cloud.database.directive_state(device.device) is not None
    source = cloud.notices.source("s-2")
    assert source is not None and source.source == "employer-1"
    assert len(cloud.audit.entries("s-2", kind="device.enrolled")) == 1
    assert len(cloud.audit.entries("s-1", kind="device.revoked")) == 1
    assert cloud._store.admissions() == [] and cloud.invitations() == []


def test_killed_between_any_two_commits(story: Story, tmp_path: Path) -> None:
    """kill -9 before each thing that becomes durable: never both, never neither, and the next start makes it whole."""
    kept = enrolled = 0
    for limit in range(MOST):
        setting = story.at(tmp_path / f"cut-{limit}")
        whole = not killed(setting, story.sealed, limit)
        key, device = in_store(setting, story.agent)
        assert key is not device, limit
        with setting.open() as cloud:
            if key:
                kept += 1
                assert cloud.database.device(story.agent.device) is None and len(cloud.invitations()) == 1
                old = cloud.database.device(story.before.name)
                assert old is not None and old.revoked_at is None
                assert cloud.admit(story.sealed).answer
            else:
                enrolled += 1
                check_enrolled(cloud, story)
                with pytest.raises(EnrolmentRefused, match=f"used up: it enrolled device {story.agent.device}"):
                    cloud.admit(story.sealed)
            check_enrolled(cloud, story)
            tracker = story.agent.tracker
            cloud.handle([(tracker.topic, story.agent.hello)])
            assert cloud.database.count_envelopes(tracker.name, Stream.STATUS) == 1
        if whole:
            break
    assert whole and kept >= 1 and enrolled >= 5


@pytest.mark.parametrize("looks", [True, False], ids=["a look", "an erasure"])
def test_a_server_that_runs_on_finishes_what_another_process_left(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    """The command was killed between the two stores; the service, which was open before, ends it with what it does next."""
    setting = story.at(tmp_path / "beside")
    assert killed(setting, story.sealed, BETWEEN)
    assert in_store(setting, story.agent) == (False, True)
    with monkeypatch.context() as patch:
        patch.setattr(Devices, "_finish_admissions", lambda self: None)  # as it was when the service was opened
        service = setting.open()
    with closing(service):
        assert service.database.device(story.agent.device) is None
        assert service.invitations() == [] if looks else service.erase(subject="s-2")
        device = service.database.device(story.agent.device)
        assert device is not None and device.subject == "s-2"
        assert service._store.admissions() == [] and {tip.device for tip in service._store.tips()} == {device.device}


def test_a_database_that_fails_leaves_the_use_to_the_next_attempt(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its commit meets a full disk, and the process goes on: the same command says that the device is enrolled, and it is."""
    setting = story.at(tmp_path / "full")
    with setting.open() as cloud:
        commit = type(cloud.database)._commit

        def full(engine: Engine) -> None:
            if engine is cloud.database:
                engine._rollback()
                raise StoreError("the disk is full")
            commit(engine)  # type: ignore[arg-type]

        with monkeypatch.context() as patch, pytest.raises(StoreError):
            patch.setattr(Engine, "_commit", full)
            cloud.admit(story.sealed)
        assert cloud.database.device(story.agent.device) is None
        with pytest.raises(EnrolmentRefused, match="used up"):
            cloud.admit(story.sealed)
        check_enrolled(cloud, story)


def test_a_hello_that_cannot_be_stored_does_not_undo_the_device(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full behind the admission: no answer, and the first contact brings the hello again."""
    setting = story.at(tmp_path / "hello")
    with setting.open() as cloud:

        def full(*_: object) -> None:
            raise StoreError("the disk is full")

        with monkeypatch.context() as patch:
            patch.setattr(cloud.database, "add_envelopes", full)
            admitted = cloud.admit(story.sealed)
        assert admitted.answer == ()
        check_enrolled(cloud, story)
        tracker = story.agent.tracker
        assert cloud.handle([(tracker.topic, story.agent.hello)])[0].kind is Kind.STORED


def test_a_use_that_was_finished_is_not_done_twice(story: Story, tmp_path: Path) -> None:
    """Killed before its note was taken away: the device is there, revoked or not, and stays as it is."""
    setting = story.at(tmp_path / "note")
    with setting.open() as cloud:
        cloud.admit(story.sealed)
        handed = cloud.hand_over(story.agent.device, subject="s-3", settings={})
        note = BegunAdmission(story.agent.ident.hex(), "s-2", story.agent.device, NOON, story.before.name, "employer-1")
        cloud._store.put_admission(note)
    with setting.open() as cloud:
        assert {tip.device for tip in cloud._store.tips()} == {handed.device}
        assert len(cloud.audit.entries(kind="device.revoked")) == 2 and cloud._store.admissions() == []


def test_the_device_before_sends_on_until_the_decision(story: Story, tmp_path: Path) -> None:
    """A cut before it takes nothing from the first person: their device is in use, and its days open."""
    setting = story.at(tmp_path / "early")
    assert killed(setting, story.sealed, 0)
    first: Tracker = story.before
    with setting.open() as cloud:
        assert cloud.handle([(first.topic, first.status())])[0].kind is Kind.STORED
