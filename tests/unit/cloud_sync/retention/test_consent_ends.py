"""Rows whose sole basis was a consent that has ended: gone after one sweep; those that anything else keeps stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.model import Stream
from cloud_sync.service import CloudSync
from cloud_sync.wire.fields import MOST_EPOCH
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, Tracker
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.service_world import GIVE, TAKE_BACK, Setting, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

DAY = 86_400
ANSWERS = Evidence("s-1", "demo-1", "app", "tapped_no", "en")


class Shop(Setting):
    """An installation under a policy of its own, with one device of s-1."""

    def __init__(self, directory: Path, text: str) -> None:
        directory.mkdir()
        super().__init__(directory)
        self.policy = directory / "policy.toml"
        self.policy.write_text(text, "utf-8")

    def config(self, **changes: object):  # type: ignore[no-untyped-def]
        """With that policy."""
        return super().config(**{"policy": self.policy, **changes})


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Under the demo's policy: positions rest on consent alone, to one purpose."""
    return Shop(tmp_path / "here", POLICY.read_text("utf-8"))


@pytest.fixture
def cloud(shop: Shop) -> Iterator[CloudSync]:
    """It, open, swept once."""
    with shop.open() as cloud:
        cloud.sweep()
        yield cloud


def fed(shop: Shop, cloud: CloudSync, tracker: Tracker | None = None, count: int = 3) -> Tracker:
    """Given, and so many envelopes captured under it, a minute apart."""
    tracker = tracker or tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    captured(shop, cloud, tracker, count)
    return tracker


def captured(shop: Shop, cloud: CloudSync, tracker: Tracker, count: int = 3) -> None:
    """So many envelopes of the last minutes, under the directive in force."""
    epoch = int(shop.clock.at) // DAY
    state = cloud.database.directive_state(tracker.name)
    shop.clock.at += 60.0 * (count + 1)
    before = len(rows(cloud, tracker))
    fixes = [int(shop.clock.at) - 60 * n for n in range(count, 0, -1)]
    assert state is not None
    version = max(state.version, *state.floors)
    cloud.handle([(tracker.topic, tracker.fixes([time], epoch=epoch, version=version)) for time in fixes])
    assert len(rows(cloud, tracker)) == before + count


def rows(cloud: CloudSync, tracker: Tracker, stream: int = Stream.LOCATION) -> list[float]:
    """Captures of what is stored."""
    return [row.oldest_capture for row in cloud.database.envelopes(tracker.name, stream, 0, MOST_EPOCH)]


def swept(shop: Shop, cloud: CloudSync, later_s: float = 60) -> None:
    """A sweep somewhat later."""
    shop.clock.at += later_s
    assert not cloud.sweep(clock_confirmed=True).halted


def test_what_a_withdrawn_consent_let_in_is_gone_after_one_sweep(shop: Shop, cloud: CloudSync) -> None:
    """Rows, and every key up to behind them; what another person's consent let in stays."""
    tracker = fed(shop, cloud)
    other = tracker_of(cloud.enrol(subject="s-2", settings={}))
    cloud.consent.give("s-2", "tracking", replace(GIVE, entity_id="s-2"))
    captured(shop, cloud, other)
    swept(shop, cloud)
    assert (len(rows(cloud, tracker)), len(rows(cloud, other))) == (3, 3)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    swept(shop, cloud)
    assert (len(rows(cloud, tracker)), len(rows(cloud, other))) == (0, 3)
    [leaf] = cloud._store.leaves(tracker.name, Stream.LOCATION, TODAY, TODAY)
    assert leaf.base_counter == 3


def test_the_keys_of_days_that_are_over_go_with_the_rows(shop: Shop, cloud: CloudSync) -> None:
    """A day that is over has no key left; the day of the withdrawal keeps its own for what is to come."""
    tracker = fed(shop, cloud)
    shop.clock.at += DAY
    captured(shop, cloud, tracker)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    swept(shop, cloud)
    assert rows(cloud, tracker) == []
    epochs = [leaf.epoch for leaf in cloud._store.leaves(tracker.name, Stream.LOCATION, 0, MOST_EPOCH)]
    assert TODAY not in epochs


def test_what_a_later_consent_lets_in_stays(shop: Shop, cloud: CloudSync) -> None:
    """Withdrawn and given again before any sweep: what was captured before goes, what came after stays, also with later sweeps."""
    tracker = fed(shop, cloud)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    shop.clock.at += 60
    cloud.consent.give("s-1", "tracking", GIVE)
    again = shop.clock.at
    captured(shop, cloud, tracker, 2)
    for _ in range(2):
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 2 and min(rows(cloud, tracker)) >= again


def test_what_another_consent_covers_stays_until_that_ends(tmp_path: Path) -> None:
    """Two purposes of one stream, both on consent: the rows go when both are withdrawn."""
    text = POLICY.read_text("utf-8").replace('purpose = ["tracking"]', 'purpose = ["tracking", "theft_alarm"]')
    shop = Shop(tmp_path / "two", text)
    with shop.open() as cloud:
        cloud.sweep()
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "theft_alarm", GIVE)
        fed(shop, cloud, tracker)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 3
        cloud.consent.withdraw("s-1", "theft_alarm", TAKE_BACK)
        swept(shop, cloud)
        assert rows(cloud, tracker) == []


def test_what_a_duty_keeps_stays(tmp_path: Path) -> None:
    """Ten rows on consent and a legal obligation: after the withdrawal and a sweep all are there (TT-36)."""
    text = POLICY.read_text("utf-8")
    start = text.index('[[rule]]\ncategory = "position"')
    rule = text[start : text.index("[[rule]]", start + 8)]
    told = next(line for line in rule.splitlines() if line.startswith("recipients"))
    duty = (
        rule.replace(told, "recipients = []")
        .replace('category = "position"', 'category = "duty"')
        .replace('purpose = ["tracking"]', 'purpose = ["rights_handling"]')
        .replace('basis = "consent"', 'basis = "legal_obligation"\nlegal_ref = "DK-TRAFFIC"')
    )
    shop = Shop(tmp_path / "duty", text.replace(rule, rule + duty))
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud, count=10)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 10


def test_a_policy_that_asks_anew_takes_nothing_away(shop: Shop) -> None:
    """The text changes: the consent is outgrown and closed, the person has taken nothing back, the rows stay to their term."""
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud)
    text = shop.policy.read_text("utf-8").replace('version = "demo-1"', 'version = "demo-2"')
    shop.policy.write_text(anew(text), "utf-8")
    with shop.open() as cloud:
        assert cloud.database.consents("s-1")[-1].channel == "policy_change"
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 3


def test_a_yes_whose_validity_is_over_takes_its_rows_along(tmp_path: Path) -> None:
    """Nobody renewed it, and the term of the rows is longer: the first sweep records the end, the next one carries it out."""
    text = POLICY.read_text("utf-8")
    validity = next(line for line in text.splitlines() if line.startswith("validity"))
    shop = Shop(tmp_path / "short", text.replace(validity, 'validity = "P20D"'))
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud)
        swept(shop, cloud, 20 * DAY - 3600)
        assert len(rows(cloud, tracker)) == 3
        for _ in range(2):
            swept(shop, cloud, 3600)
        assert rows(cloud, tracker) == []


def test_a_hold_keeps_the_rows_until_its_release(shop: Shop, cloud: CloudSync) -> None:
    """They go with the sweep after it, though other ends came in between."""
    tracker = fed(shop, cloud)
    hold = cloud.holds.place("H-1", by="dpo-1", subject="s-1", review_at=shop.clock.at + 30 * DAY)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    swept(shop, cloud)
    assert len(rows(cloud, tracker)) == 3
    cloud.consent.refuse("s-3", "tracking", replace(ANSWERS, entity_id="s-3"))
    swept(shop, cloud)
    cloud.holds.release(hold.hold_id, by="dpo-1", approved_by="counsel-1")
    swept(shop, cloud)
    assert rows(cloud, tracker) == []
    assert cloud.database.marks("consent-end/") == []


def test_what_a_child_let_in_goes_a_week_after_it_was_closed(shop: Shop, cloud: CloudSync) -> None:
    """The age becomes known after the child's own yes: closed at once, gone after seven days, not a second earlier (V-35)."""
    tracker = fed(shop, cloud)
    cloud.ages.declare("s-1", date(2014, 3, 14), Evidence("p-1", "demo-1", "portal", "told_the_age", "en"))
    closed = cloud.database.consents("s-1")[-1]
    assert closed.channel == "age"
    swept(shop, cloud, closed.event_time + 7 * DAY - 1 - shop.clock.at)
    assert len(rows(cloud, tracker)) == 3
    swept(shop, cloud, 1)
    assert rows(cloud, tracker) == []


def test_a_restored_backup_is_swept_of_what_was_withdrawn_before_it(shop: Shop, tmp_path: Path) -> None:
    """A database of after the withdrawal and before the sweep: the start carries it out again."""
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    kept = copy_all(shop.directory, tmp_path / "kept")
    with shop.open() as cloud:
        swept(shop, cloud)
        assert rows(cloud, tracker) == []
    copy_store("telemetry.db", kept, shop.directory)
    with shop.open() as cloud:
        assert rows(cloud, tracker) == [] and shop.clock.at > NOON
