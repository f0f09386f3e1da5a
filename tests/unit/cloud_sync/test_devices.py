"""Devices at the façade: healing on request, and another person who takes the device."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.errors import StoreError, UnknownDevice
from cloud_sync.ingest.outcome import Kind
from cloud_sync.keys.generations import Generations
from cloud_sync.model import EPOCH_SECONDS, Actor, HealOffer, Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import NOON, TODAY, Tracker
from tests.unit.cloud_sync.service_world import GIVE, Setting, T, tracker_of


def offers(setting: Setting, tracker: Tracker) -> list[HealOffer]:
    """Those among the downlinks so far; the list is emptied."""
    sent, setting.link.sent = setting.link.sent, []
    opened = [tracker.open(sealed) for device, sealed in sent if device == tracker.name]
    return [each for each in opened if isinstance(each, HealOffer)]


def fixes(cloud: CloudSync, subject: str) -> list[int]:
    """Times of what a person may read of themselves."""
    query: dict[str, Any] = {"actor": Actor(subject, "data_subject"), "purpose": "tracking", "subject": subject}
    return [fix.time for fix in cloud.read_location(**query, start=NOON, end=NOON + 3600)]


def test_an_enrolment_is_offered_a_healing_until_it_has_healed(setting: Setting, cloud: CloudSync) -> None:
    """With the first status, again after ten minutes, never twice within them; for the day of the status."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.handle([(tracker.topic, tracker.status())])
    [first] = offers(setting, tracker)
    assert (first.spine_epoch, first.first_epoch) == (TODAY + 1, TODAY)
    cloud.handle([(tracker.topic, tracker.status(time=int(NOON) + 60, down_next=3))])
    assert offers(setting, tracker) == []
    setting.clock.at += 600
    cloud.handle([(tracker.topic, tracker.status(time=int(NOON) + 660, down_next=6))])
    [second] = offers(setting, tracker)
    assert second.public != first.public


def test_what_was_enrolled_before_heals_on_request_only(setting: Setting, cloud: CloudSync) -> None:
    """A device without a wish is offered nothing; `heal` has it offered."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud._store.destroy_wish(tracker.name)
    cloud.handle([(tracker.topic, tracker.status())])
    assert offers(setting, tracker) == []
    cloud.heal(tracker.name)
    cloud.handle([(tracker.topic, tracker.status(time=int(NOON) + 60, down_next=3))])
    assert len(offers(setting, tracker)) == 1


def test_a_device_that_is_not_in_use_is_neither_healed_nor_handed_on(cloud: CloudSync) -> None:
    """One that nobody enrolled, and one that was revoked."""
    device = cloud.enrol(subject="s-1", settings={}).device
    for unknown in ("b" * 16, device):
        if unknown == device:
            cloud.heal(device)
            known = cloud.database.device(device)
            assert known is not None
            cloud.database.update_device(replace(known, revoked_at=NOON))
        with pytest.raises(UnknownDevice):
            cloud.heal(unknown)
        with pytest.raises(UnknownDevice):
            cloud.hand_over(unknown, subject="s-2", settings={})


def test_two_people_share_a_day_of_one_device(setting: Setting, cloud: CloudSync) -> None:
    """Handed over at noon: each reads their own half; one is erased, and the other's stays; the old keys lead nowhere."""
    first = tracker_of(cloud.enrol(subject="s-1", settings={}))
    for subject in ("s-1", "s-2"):
        cloud.consent.give(subject, "tracking", replace(GIVE, entity_id=subject))
    setting.clock.at = NOON + 600
    cloud.handle([(first.topic, first.fixes([T, T + 10]))])
    enrolment = cloud.hand_over(first.name, subject="s-2", settings={})
    second = tracker_of(enrolment)
    assert second.name != first.name and codec.unpack(enrolment.file)[2] != first.root
    assert cloud.handle([(first.topic, first.fixes([T + 300]))])[0].kind is Kind.UNKNOWN_DEVICE
    setting.clock.at = NOON + 1200
    cloud.handle([(second.topic, second.fixes([T + 700, T + 710]))])
    assert (fixes(cloud, "s-1"), fixes(cloud, "s-2")) == ([T, T + 10], [T + 700, T + 710])
    assert {tip.device for tip in cloud._store.tips()} == {second.name}
    cloud.erase(subject="s-1")
    assert (fixes(cloud, "s-1"), fixes(cloud, "s-2")) == ([], [T + 700, T + 710])
    kinds = [entry.event.kind for entry in cloud.audit.entries(subject="s-2")]
    assert kinds[0] == "consent.given" and "device.enrolled" in kinds and "device.revoked" not in kinds


@pytest.mark.parametrize("handed_over", [False, True])
def test_an_erasure_of_everything_takes_tomorrow_along(setting: Setting, cloud: CloudSync, handed_over: bool) -> None:
    """A device whose clock is fast has sent of tomorrow; with or without a ladder that leads on, row and key go."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    midnight = (TODAY + 1) * EPOCH_SECONDS
    setting.clock.at = midnight - 30
    fixes = tracker.fixes([midnight + 10], epoch=TODAY + 1)
    assert cloud.handle([(tracker.topic, fixes)])[0].kind is Kind.STORED
    if handed_over:
        cloud.hand_over(tracker.name, subject="s-2", settings={})
    assert cloud.erase(subject="s-1").envelopes == 1
    assert cloud.database.count_envelopes(tracker.name, Stream.LOCATION) == 0
    assert cloud._store.leaves(tracker.name, Stream.LOCATION, 0, TODAY + 1) == []


def test_a_hand_over_that_was_cut_ends_at_the_next_start(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Revoked, and its ladders not yet ended: a start destroys what leads on, and keeps the days until then."""

    def cut(*_: object) -> None:
        raise StoreError("cut")

    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        with monkeypatch.context() as patch, pytest.raises(StoreError):
            patch.setattr(Generations, "end", cut)
            cloud.hand_over(tracker.name, subject="s-2", settings={})
        assert tracker.name in {tip.device for tip in cloud._store.tips()}
    setting.clock.at += 2 * EPOCH_SECONDS
    with setting.open() as cloud:
        assert tracker.name not in {tip.device for tip in cloud._store.tips()}
        assert len({tip.device for tip in cloud._store.tips()}) == 1
        leaves = cloud._store.leaves(tracker.name, Stream.LOCATION, 0, TODAY + 9)
        assert [leaf.epoch for leaf in leaves] == [TODAY]
