"""A person's limits, from the façade to the directive: at once when they narrow, by challenge when they are dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloud_sync.errors import ConfigError, ConsentError
from cloud_sync.facade.limits import Limits
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Directive, Sensor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.service_world import GIVE, Setting, T, tracker_of

HOME, WORK = (5567, 628), (5570, 631)
NIGHT = ((0, 300), (1200, 1440))
TAP = replace(GIVE, act="tapped_zone")
FLEET = replace(TAP, entity_id="fleet-7")


@pytest.fixture
def tracker(setting: Setting, cloud: CloudSync) -> Tracker:
    """A device of s-1 that has applied directive 1, with leave and without limits; its challenge is fresh."""
    return driving(setting, cloud)


def driving(setting: Setting, cloud: CloudSync) -> Tracker:
    """A device with leave that has applied version 1 and said so."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    contact(setting, cloud, tracker, 0)
    assert contact(setting, cloud, tracker, 1) == []
    return tracker


def contact(setting: Setting, cloud: CloudSync, tracker: Tracker, version: int) -> list[Directive]:
    """The device reports the version in force, with a fresh challenge; the directives that answer it."""
    setting.link.sent.clear()
    state = cloud.database.directive_state(tracker.name)
    assert state is not None
    challenge = f"{state.down_next:08d}".encode()
    cloud.handle([(tracker.topic, tracker.status(directive=version, down_next=state.down_next, challenge=challenge))])
    return told(setting, tracker)


def told(setting: Setting, tracker: Tracker) -> list[Directive]:
    """The directives that were sent, and no longer wait."""
    values = [tracker.open(sealed) for device, sealed in setting.link.sent if device == tracker.name]
    setting.link.sent.clear()
    return [value for value in values if isinstance(value, Directive)]


def test_a_zone_goes_out_at_once_and_without_a_challenge(setting: Setting, cloud: CloudSync, tracker: Tracker) -> None:
    """The device applies it whatever its challenge is by then; what it sensed before and sends after is refused."""
    limits = cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    assert limits == Limits(zones=(HOME,), revision=1)
    [directive] = told(setting, tracker)
    assert (directive.version, directive.zones, directive.challenge) == (2, (HOME,), b"")
    assert directive.sensors == Sensor.GNSS
    setting.clock.at = NOON + 120
    [old] = cloud.handle([(tracker.topic, tracker.fixes([T], version=1))])
    [new] = cloud.handle([(tracker.topic, tracker.fixes([T], version=2))])
    assert (old.kind, new.kind) == (Kind.BELOW_FLOOR, Kind.STORED)


def test_a_zone_is_dropped_by_challenge_only(setting: Setting, cloud: CloudSync, tracker: Tracker) -> None:
    """With the challenge spent nothing goes out; the next status brings the wider directive."""
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    contact(setting, cloud, tracker, 2)
    cloud.limits.set("s-1", zones=[HOME, WORK], evidence=TAP)
    cloud.limits.set("s-1", zones=[], evidence=TAP)  # takes the challenge
    told(setting, tracker)
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    told(setting, tracker)
    assert cloud.limits.clear("s-1", evidence=TAP) == Limits(revision=5)
    assert told(setting, tracker) == []
    [wide] = contact(setting, cloud, tracker, 5)
    assert (wide.zones, len(wide.challenge)) == ((), 8)


def test_a_zone_exchanged_for_another_is_two_directives_the_narrower_first(
    setting: Setting, cloud: CloudSync, tracker: Tracker
) -> None:
    """First both, without the challenge; then the new one alone, with it."""
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    contact(setting, cloud, tracker, 2)
    cloud.limits.set("s-1", zones=[WORK], evidence=TAP)
    narrow, wide = told(setting, tracker)
    assert (narrow.zones, narrow.challenge) == ((HOME, WORK), b"")
    assert (wide.zones, len(wide.challenge)) == ((WORK,), 8)


def test_zones_and_hours_are_set_apart(setting: Setting, cloud: CloudSync, tracker: Tracker) -> None:
    """What is not named stays; a window over midnight is two, windows that touch are one."""
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    cloud.limits.set("s-1", hours=[(1200, 1300), (1300, 1440), (0, 300)], evidence=TAP)
    assert cloud.limits.in_force("s-1") == Limits(zones=(HOME,), hours=NIGHT, revision=2)
    assert told(setting, tracker)[-1].hours == NIGHT


def test_limits_hold_for_every_device_and_for_one_that_comes_later(setting: Setting, cloud: CloudSync) -> None:
    """The limits are the person's; another person's devices are told nothing of them."""
    first = driving(setting, cloud)
    other = tracker_of(cloud.enrol(subject="s-2", settings={}))
    cloud.consent.give("s-2", "tracking", replace(GIVE, entity_id="s-2"))
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    assert [each.zones for each in told(setting, first)] == [(HOME,)]
    later = tracker_of(cloud.enrol(subject="s-1", settings={}))
    assert [each.zones for each in contact(setting, cloud, later, 0)] == [(HOME,)]
    assert [each.zones for each in contact(setting, cloud, other, 0)] == [()]


def test_limits_hold_over_a_renewed_consent(setting: Setting, cloud: CloudSync, tracker: Tracker) -> None:
    """Giving consent anew, and a restart, change nothing about them."""
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    cloud.consent.withdraw("s-1", "tracking", TAP)
    cloud.consent.give("s-1", "tracking", GIVE)
    assert cloud.permission("s-1").zones == (HOME,)
    with setting.open() as second:
        assert second.permission("s-1").zones == (HOME,)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "seventeen zones": ({"zones": [(n, 0) for n in range(17)]}, "16 cells"),
    "a row off the globe": ({"zones": [(9000, 0)]}, "no cell"),
    "a column off the globe": ({"zones": [(0, 18000)]}, "no cell"),
    "a zone of one number": ({"zones": [(5,)]}, "pairs"),
    "a zone of degrees": ({"zones": [(55.67, 12.56)]}, "no cell"),
    "zones that are a number": ({"zones": 5}, "pairs"),
    "hours backwards": ({"hours": [(1320, 360)]}, "midnight"),
    "hours beyond the day": ({"hours": [(0, 1441)]}, "1440"),
    "hours that are empty": ({"hours": [(60, 60)]}, "from < to"),
    "nine windows": ({"hours": [(n * 60, n * 60 + 1) for n in range(9)]}, "windows"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_directive_can_carry_is_refused(
    name: str, setting: Setting, cloud: CloudSync, tracker: Tracker
) -> None:
    """Nothing changes and nothing is sent; sixteen zones and eight windows are carried."""
    sixteen, eight = [(n, 0) for n in range(16)], [(n * 60, n * 60 + 1) for n in range(8)]
    cloud.limits.set("s-1", zones=sixteen, hours=eight, evidence=TAP)
    [sent] = told(setting, tracker)
    assert (len(sent.zones), len(sent.hours)) == (16, 8)
    changes, word = REFUSED[name]
    with pytest.raises(ConfigError, match=word):
        cloud.limits.set("s-1", **changes, evidence=TAP)
    assert cloud.limits.in_force("s-1").revision == 1
    assert setting.link.sent == []


def test_others_add_and_never_drop(cloud: CloudSync, tracker: Tracker) -> None:
    """A fleet may add a zone to the person's; it takes none away, shortens no hour and clears nothing."""
    cloud.limits.set("s-1", zones=[HOME], hours=[(0, 300)], evidence=TAP)
    assert cloud.limits.set("s-1", zones=[HOME, WORK], hours=[(0, 360)], evidence=FLEET).revision == 2
    for fewer in ({"zones": [WORK]}, {"hours": [(0, 359)]}):
        with pytest.raises(ConsentError, match="person"):
            cloud.limits.set("s-1", **fewer, evidence=FLEET)
    with pytest.raises(ConsentError, match="person"):
        cloud.limits.clear("s-1", evidence=FLEET)
    assert cloud.limits.in_force("s-1") == Limits((HOME, WORK), ((0, 360),), 2)
    assert cloud.limits.clear("s-1", evidence=TAP) == Limits(revision=3)


def test_evidence_must_show_a_will(cloud: CloudSync, tracker: Tracker) -> None:
    """As with consent: silence drops no zone."""
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    with pytest.raises(ConsentError, match="affirmative"):
        cloud.limits.clear("s-1", evidence=replace(TAP, act="silence"))
    assert cloud.limits.in_force("s-1").zones == (HOME,)


def test_the_log_says_who_and_how_and_never_where(cloud: CloudSync, tracker: Tracker) -> None:
    """Each change and each look is an entry; no entry has a number of the zone or the hours, nor how many there are."""
    cloud.limits.set("s-1", zones=[HOME, WORK], hours=NIGHT, evidence=TAP)
    cloud.limits.get("s-1", actor="clerk-7")
    cloud.limits.clear("s-1", evidence=TAP)
    entries = [entry.event for entry in cloud.audit.entries(subject="s-1") if entry.event.kind.startswith("limits.")]
    assert [(entry.kind, entry.actor) for entry in entries] == [
        ("limits.set", "s-1"),
        ("limits.read", "clerk-7"),
        ("limits.cleared", "s-1"),
    ]
    assert dict(entries[0].detail) == {
        "action": "tapped_zone",
        "channel": "app",
        "language": "en",
        "notice": "demo-1",
        "version": 1,
    }
    assert [record.purpose for record in cloud.database.all_consents()] == ["tracking"]


def test_a_change_that_fails_changes_nothing(
    setting: Setting, cloud: CloudSync, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Limits, log, directive and witness are as before, and the next change goes through."""
    cloud.limits.set("s-1", zones=[HOME], evidence=TAP)
    told(setting, tracker)
    entries = cloud.database.leaf_count()

    def broken(_: str) -> list[tuple[str, bytes]]:
        raise ConfigError("no")

    with monkeypatch.context() as patch:
        patch.setattr(cloud.limits, "_settle", broken)
        with pytest.raises(ConfigError):
            cloud.limits.clear("s-1", evidence=TAP)
    assert cloud.limits.in_force("s-1") == Limits((HOME,), (), 1)
    assert (cloud.database.leaf_count(), setting.link.sent) == (entries, [])
    assert cloud.limits.clear("s-1", evidence=TAP).revision == 2
