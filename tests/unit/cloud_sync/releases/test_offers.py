"""Offers: told with the answer to a status until the device has begun, and closed by what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cloud_sync.errors import ConfigError
from cloud_sync.model import StatusReason, UpdateState
from cloud_sync.releases import signing
from cloud_sync.releases.offers import MOST_TOLD, TERM_S
from cloud_sync.releases.store import OfferRow, ReleaseStore
from cloud_sync.service import CloudSync
from cloud_sync.wire.release import Offer
from tests.unit.cloud_sync.cli.cli_world import Installation
from tests.unit.cloud_sync.ingest.ingest_world import FakeClock, ListLink, Tracker

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RELEASE = signing.make("esp32s3", "2.0", 1, bytes(5000), KEY)
CHANGED = StatusReason.UPDATE_CHANGED


class World:
    """One device, one release, and what each status is answered with."""

    def __init__(self, depot: Installation, clock: FakeClock) -> None:
        self.depot, self.clock = depot, clock
        self.tracker: Tracker = depot.enrol()
        self.counter = -1

    def offer(self) -> None:
        """As `byleave sync release offer`, without the broker."""
        with CloudSync.open(self.depot.config, clock=self.clock, link=ListLink()) as cloud:
            cloud.releases.add(RELEASE, self.clock.at)
            row = OfferRow(self.tracker.name, RELEASE.id, "2.0", *RELEASE.offer[1:], self.clock.at)
            cloud.releases.offer(row)

    def status(self, **fields: Any) -> list[Offer]:
        """The offers in the answer to a status."""
        self.counter += 1
        told = self.depot.feed(self.tracker, self.tracker.status(counter=self.counter, **fields))
        return [each for each in told if isinstance(each, Offer)]

    @property
    def row(self) -> OfferRow:
        """What the server knows."""
        return ReleaseStore(self.depot.config.database.with_name("releases.db")).offers(self.tracker.name)[0]


@pytest.fixture
def world(depot: Installation, clock: FakeClock) -> World:
    """A device that was offered nothing yet."""
    return World(depot, clock)


@pytest.fixture
def depot(tmp_path: Path, clock: FakeClock) -> Installation:
    """An installation."""
    return Installation(tmp_path, clock)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """The clock of all commands, at noon."""
    clock = FakeClock()
    monkeypatch.setattr("cloud_sync.cli.session.CLOCK", clock)
    return clock


def test_a_device_is_told_until_it_has_begun(world: World) -> None:
    """Nothing before the offer; then at each status; nothing while it tries; closed when it runs."""
    assert world.status() == []
    world.offer()
    assert world.status() == [RELEASE.offer]
    assert world.status(reason=StatusReason.HEARTBEAT) == [RELEASE.offer]
    assert world.status(reason=CHANGED, update=UpdateState.FETCHING) == [RELEASE.offer]
    assert world.status(update=UpdateState.ON_TRIAL, firmware="2.0") == []
    assert not world.row.done
    assert world.status(reason=CHANGED, firmware="2.0") == []
    assert world.row.done
    assert world.status() == []


@pytest.mark.parametrize("end", [UpdateState.ROLLED_BACK, UpdateState.REFUSED])
def test_what_failed_is_not_offered_again(world: World, end: UpdateState) -> None:
    """The device has begun, and then says that it was given up or refused."""
    world.offer()
    world.status()
    world.status(reason=CHANGED, update=UpdateState.FETCHING)
    assert world.status(reason=CHANGED, update=end) == []
    assert (world.row.done, world.row.state) == (True, end)
    assert world.status(update=end) == []


def test_an_old_failure_does_not_end_a_new_offer(world: World) -> None:
    """A device that says at each start what became of the release before is offered this one all the same."""
    world.offer()
    assert world.status(update=UpdateState.ROLLED_BACK) == [RELEASE.offer]
    assert world.status(reason=StatusReason.HEARTBEAT, update=UpdateState.ROLLED_BACK) == [RELEASE.offer]
    assert not world.row.done
    assert world.status(reason=CHANGED, update=UpdateState.REFUSED) == []
    assert world.row.done


def test_a_device_that_fetches_another_release_is_told(world: World) -> None:
    """One that was withdrawn would be fetched for good: the next is told at each status, and has begun when the device says so."""
    world.offer()
    for _ in range(MOST_TOLD + 5):
        assert world.status(reason=StatusReason.HEARTBEAT, update=UpdateState.FETCHING) == [RELEASE.offer]
    assert (world.row.told, world.row.begun, world.row.done) == (1, False, False)
    assert world.status(update=UpdateState.ROLLED_BACK) == [RELEASE.offer], "that was the other one"
    assert not world.row.done


def test_a_device_that_turns_to_this_release_has_begun(world: World) -> None:
    """From another that it fetched: it says that the state changed; and a trial of another release is not this one's."""
    world.offer()
    world.status(update=UpdateState.FETCHING)
    assert world.status(update=UpdateState.ON_TRIAL, firmware="1.5") == []
    assert not world.row.begun
    world.status(reason=CHANGED, update=UpdateState.FETCHING)
    assert world.row.begun
    assert world.status(update=UpdateState.ROLLED_BACK) == []
    assert (world.row.done, world.row.state) == (True, UpdateState.ROLLED_BACK)


def test_the_end_of_another_release_does_not_end_an_offer(world: World) -> None:
    """A device that gives the other one up before it was told of this one."""
    world.offer()
    assert world.status(reason=CHANGED, update=UpdateState.REFUSED) == [RELEASE.offer]
    assert not world.row.done


def test_a_release_of_the_running_version_is_not_offered(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Its device could not say which of the two it runs; where the command could not know, the log says it."""
    world.offer()
    assert world.status(firmware="2.0") == []
    assert (world.row.done, world.row.told) == (True, 0)
    assert "already runs" in caplog.text
    assert ReleaseStore(world.depot.config.database.with_name("releases.db")).versions() == {world.tracker.name: "2.0"}


def test_an_offer_ends(world: World) -> None:
    """After so many tellings, or so long."""
    world.offer()
    for _ in range(MOST_TOLD):
        assert world.status(down_next=0) == [RELEASE.offer]
    assert world.status() == []
    assert world.row.done
    world.offer()
    world.clock.at += TERM_S + 1
    world.counter = -1
    assert world.status(epoch=int(world.clock.at) // 86400) == []
    assert world.row.done


def test_a_release_is_found_by_version_or_id(world: World) -> None:
    """And only if it is one."""
    world.offer()
    store = ReleaseStore(world.depot.config.database.with_name("releases.db"))
    other = signing.make("esp32", "2.0", 1, bytes(5001), KEY)
    assert store.find("2.0") == store.find(RELEASE.id.hex()[:8]) == RELEASE
    store.add(other, 0.0)
    for name in ("2.0", "3.0"):
        with pytest.raises(ConfigError):
            store.find(name)
    assert store.find(other.id.hex()) == other
    assert store.withdraw(RELEASE.id) == 1
    assert store.offers() == []


def test_a_broken_store_of_releases_stops_no_ingest(world: World) -> None:
    """The status is stored and answered as before."""
    world.offer()
    world.depot.config.database.with_name("releases.db").write_bytes(b"no database" * 100)
    assert world.status() == []
