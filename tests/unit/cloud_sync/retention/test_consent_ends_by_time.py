"""What an end of a consent takes along: clocks that differ, several answers a day, changed policies, sweeps that are killed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import Actor, Stream
from cloud_sync.retention import consentend
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import POLICY, TODAY, Tracker
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.retention.test_consent_ends import DAY, Shop, captured, cloud, fed, rows, shop, swept
from tests.unit.cloud_sync.service_world import GIVE, TAKE_BACK, tracker_of
from tests.unit.cloud_sync.storage.places import copy_all, copy_store

__all__ = ["cloud", "shop"]  # fixtures

TEXT = POLICY.read_text("utf-8")
ASK = Evidence("s-1", "demo-1", "app", "asked", "en")
TWO = TEXT.replace('purpose = ["tracking"]', 'purpose = ["tracking", "theft_alarm"]')
VALIDITY = next(line for line in TEXT.splitlines() if line.startswith("validity"))
SHORT = TEXT.replace(VALIDITY, 'validity = "P20D"')
FLOOR = "[children]\npolicy_floor = { other = 13 }\ncountry_floor = { default = 13 }\n\n[transfer]"


def position_rule(text: str) -> str:
    """The rule of positions."""
    start = text.index('[[rule]]\ncategory = "position"')
    return text[start : text.index("[[rule]]", start + 8)]


def stepping(text: str) -> str:
    """Positions become cells after a month."""
    rule = position_rule(text)
    fine = rule.replace('retention = "P90D"', 'retention = "P30D"').replace('after = "delete"', 'after = "step_down"')
    head, _, rest = fine.partition("visible_to_user = true\n")
    assert rest and fine != rule
    step = '[[rule.step]]\nprecision = "cell_1km"\nretention = "P90D"\n'
    return text.replace(rule, f"{head}visible_to_user = true\n{step}{rest}")


def sealed(shop: Shop, cloud: CloudSync, tracker: Tracker, times: Sequence[int]) -> bytes:
    """One envelope of readings at these times, under the directive in force, not sent."""
    state = cloud.database.directive_state(tracker.name)
    assert state is not None
    return tracker.fixes(list(times), epoch=times[0] // DAY, version=max(state.version, *state.floors))


def readable(shop: Shop, cloud: CloudSync) -> list[int]:
    """Times of the positions that tracking may have."""
    actor = Actor("s-1", "data_subject")
    found = cloud.read_location(actor=actor, purpose="tracking", subject="s-1", start=0, end=shop.clock.at)
    return [fix.time for fix in found]


def changed(shop: Shop, old: str, new: str) -> None:
    """Another policy from the next start on."""
    text = shop.policy.read_text("utf-8")
    assert old in text
    shop.policy.write_text(anew(text.replace(old, new)), "utf-8")


def started_twice(shop: Shop, cloud: CloudSync) -> tuple[Tracker, float]:
    """Tracking given, withdrawn and given again on one day, a theft alarm over all of it; three and five readings; when again."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "theft_alarm", GIVE)
    fed(shop, cloud, tracker, 3)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    shop.clock.at += 600
    cloud.consent.give("s-1", "tracking", GIVE)
    again = shop.clock.at
    shop.clock.at += 7200
    captured(shop, cloud, tracker, 5)
    return tracker, again


def test_a_step_down_keeps_both_sides_of_an_answer_apart(tmp_path: Path) -> None:
    """As readable after it as before; the end of the other consent takes what came before the new yes, and nothing else."""
    shop = Shop(tmp_path / "two", stepping(TWO))
    with shop.open() as cloud:
        cloud.sweep()
        tracker, again = started_twice(shop, cloud)
        before = readable(shop, cloud)
        assert len(before) == 5 and min(before) > again
        swept(shop, cloud, 31 * DAY)
        assert len(rows(cloud, tracker)) == 2 and readable(shop, cloud) == before
        cloud.consent.withdraw("s-1", "theft_alarm", TAKE_BACK)
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 1 and readable(shop, cloud) == before


def test_an_envelope_of_both_sides_is_read_and_cut_by_the_times_of_its_readings(tmp_path: Path) -> None:
    """One batch from before a withdrawal and after the next yes: the later half is told, and stays when the earlier one goes."""
    shop = Shop(tmp_path / "two", TWO)
    with shop.open() as cloud:
        cloud.sweep()
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "theft_alarm", GIVE)
        cloud.consent.give("s-1", "tracking", GIVE)
        first = int(shop.clock.at) // 60 * 60 + 60
        shop.clock.at = first + 60.0
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        shop.clock.at += 60
        cloud.consent.give("s-1", "tracking", GIVE)
        later = first + 240
        shop.clock.at = later + 60.0
        cloud.handle([(tracker.topic, sealed(shop, cloud, tracker, [first, later]))])
        assert rows(cloud, tracker) == [first] and readable(shop, cloud) == [later]
        swept(shop, cloud)
        assert rows(cloud, tracker) == [first]  # the theft alarm covers both
        cloud.consent.withdraw("s-1", "theft_alarm", TAKE_BACK)
        swept(shop, cloud)
        assert rows(cloud, tracker) == [later] and readable(shop, cloud) == [later]
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(shop, cloud)
        assert rows(cloud, tracker) == []


@pytest.mark.parametrize("before", [0, 3], ids=["without rows", "with rows"])
def test_what_a_device_recorded_under_a_yes_of_the_same_evening_may_come_after_midnight(
    shop: Shop, cloud: CloudSync, before: int
) -> None:
    """Withdrawn at 23:30, given again five minutes later, swept at 00:15: the day's key is there for the spool; rows went."""
    tracker = fed(shop, cloud, count=3) if before else tracker_of(cloud.enrol(subject="s-1", settings={}))
    shop.clock.at = (TODAY + 1) * DAY - 1800.0
    if before:
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    shop.clock.at += 300
    cloud.consent.give("s-1", "tracking", GIVE)
    spool = [sealed(shop, cloud, tracker, [int(shop.clock.at) + 60 * n]) for n in range(1, 4)]
    shop.clock.at = (TODAY + 1) * DAY + 900.0
    swept(shop, cloud)
    assert rows(cloud, tracker) == []
    cloud.handle([(tracker.topic, each) for each in spool])
    assert len(rows(cloud, tracker)) == 3


@pytest.mark.parametrize("behind_s", [90, 3600, 2 * DAY])
def test_a_capture_after_the_time_of_the_withdrawal_goes_as_well(shop: Shop, cloud: CloudSync, behind_s: int) -> None:
    """A device whose clock is fast (ingest takes 120 s), or a server whose clock was behind when the withdrawal came in."""
    shop.clock.at += 3 * DAY
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    swept(shop, cloud, 3 * DAY if behind_s > 90 else 60)
    ahead = 90 if behind_s == 90 else 0
    cloud.handle([(tracker.topic, sealed(shop, cloud, tracker, [int(shop.clock.at) + ahead]))])
    assert len(rows(cloud, tracker)) == 1
    right = shop.clock.at
    shop.clock.at -= behind_s - ahead
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    assert cloud.database.consents("s-1")[-1].event_time < rows(cloud, tracker)[0]
    shop.clock.at = right
    swept(shop, cloud, 3600)
    assert rows(cloud, tracker) == []


def test_a_capture_ahead_of_the_withdrawal_stays_where_a_later_yes_covers_it(shop: Shop, cloud: CloudSync) -> None:
    """The clock fast by 90 s, and given again within these: by its time the reading belongs to the new yes."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    ahead = (int(shop.clock.at) + 100) // 60 * 60
    cloud.handle([(tracker.topic, sealed(shop, cloud, tracker, [ahead]))])
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    shop.clock.at += 1
    cloud.consent.give("s-1", "tracking", GIVE)
    assert shop.clock.at < ahead
    swept(shop, cloud, 3600)
    assert rows(cloud, tracker) == [ahead]


def test_what_a_restore_closed_is_no_end_for_another_purpose(tmp_path: Path) -> None:
    """A theft alarm was closed as lost with a restore, nobody has taken it back; tracking is withdrawn: rows stay. A no ends it."""
    shop = Shop(tmp_path / "two", TWO)
    with shop.open() as cloud:
        cloud.sweep()
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "theft_alarm", GIVE)
        fed(shop, cloud, tracker)
    kept = copy_all(shop.directory, tmp_path / "kept")
    with shop.open() as cloud:
        shop.clock.at += 60
        cloud.consent.give("s-1", "condition_monitoring", GIVE)
    copy_store("telemetry.db", kept, shop.directory)
    with shop.open() as cloud:
        assert {each.channel for each in cloud.database.consents("s-1", "theft_alarm")} >= {"restore"}
        shop.clock.at += 60
        cloud.consent.give("s-1", "tracking", GIVE)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 3
        cloud.consent.refuse("s-1", "theft_alarm", TAKE_BACK)
        swept(shop, cloud)
        assert rows(cloud, tracker) == []


def test_a_policy_that_asks_for_more_years_takes_nothing_away(tmp_path: Path) -> None:
    """A yes at fourteen under a policy that asks for thirteen: sixteen from now on is a change, and no end."""
    shop = Shop(tmp_path / "age", TEXT.replace("[transfer]", FLOOR, 1))
    with shop.open() as cloud:
        cloud.sweep()
        told = Evidence("p-1", "demo-1", "portal", "told_the_age", "en")
        cloud.ages.declare("s-1", date(2011, 3, 14), told)
        tracker = fed(shop, cloud)
    changed(shop, "= 13 }", "= 16 }")
    with shop.open() as cloud:
        assert cloud.database.consents("s-1")[-1].channel == "policy_change"
        swept(shop, cloud, 8 * DAY)
        assert len(rows(cloud, tracker)) == 3


@pytest.mark.parametrize("then", ["renewed", "asked", "new notice"])
def test_a_validity_that_ended_ahead_of_any_sweep_takes_its_rows_along(tmp_path: Path, then: str) -> None:
    """No record says that it was over: the one behind it does, a yes, a question or a change; a valid one stays untouched."""
    shop = Shop(tmp_path / "short", SHORT)
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud)
        swept(shop, cloud, 20 * DAY - 1500)
        assert len(rows(cloud, tracker)) == 3
        shop.clock.at += 1800
        if then == "renewed":
            cloud.consent.give("s-1", "tracking", GIVE)
        elif then == "asked":
            cloud.consent.request("s-1", "tracking", ASK, own_initiative=True)
    if then == "new notice":
        changed(shop, 'version = "demo-1"', 'version = "demo-2"')
    with shop.open() as cloud:
        assert cloud.database.consents("s-1")[-1].channel != "validity"
        swept(shop, cloud)
        assert rows(cloud, tracker) == []


def test_a_yes_renewed_within_its_validity_keeps_its_rows(tmp_path: Path) -> None:
    """The same before the end."""
    shop = Shop(tmp_path / "short", SHORT)
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud)
        swept(shop, cloud, 20 * DAY - 1500)
        cloud.consent.give("s-1", "tracking", GIVE)
        swept(shop, cloud, 1800)
        assert len(rows(cloud, tracker)) == 3


def test_a_duty_that_a_later_policy_drops_keeps_rows_no_longer(tmp_path: Path) -> None:
    """Withdrawn while a legal duty kept the stream: the first sweep without it meets the withdrawal anew."""
    rule = position_rule(TEXT)
    told = next(line for line in rule.splitlines() if line.startswith("recipients"))
    duty = (
        rule.replace(told, "recipients = []")
        .replace('purpose = ["tracking"]', 'purpose = ["rights_handling"]')
        .replace('basis = "consent"', 'basis = "legal_obligation"\nlegal_ref = "DK-TRAFFIC"')
    )
    shop = Shop(tmp_path / "duty", TEXT.replace(rule, rule + duty))
    with shop.open() as cloud:
        cloud.sweep()
        tracker = fed(shop, cloud)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 3
    changed(shop, duty, "")
    with shop.open() as cloud:
        swept(shop, cloud)
        assert rows(cloud, tracker) == []


def test_a_purpose_that_a_policy_dropped_by_mistake_keeps_what_was_answered_for_it(tmp_path: Path) -> None:
    """A theft alarm without rules for a day, and tracking withdrawn on it: what the theft alarm covers is there when it is back."""
    shop = Shop(tmp_path / "two", TWO)
    with shop.open() as cloud:
        cloud.sweep()
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "theft_alarm", GIVE)
        fed(shop, cloud, tracker)
    changed(shop, 'purpose = ["tracking", "theft_alarm"]', 'purpose = ["tracking"]')
    with shop.open() as cloud:
        cloud.consent.give("s-1", "tracking", GIVE)
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
        swept(shop, cloud)
        assert len(rows(cloud, tracker)) == 3


class Killed(BaseException):
    """The process ends here."""


def two_days(shop: Shop, cloud: CloudSync) -> Tracker:
    """Three readings on each of two days, withdrawn the day after."""
    tracker = fed(shop, cloud)
    shop.clock.at += DAY
    captured(shop, cloud, tracker)
    shop.clock.at += DAY
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    return tracker


def test_a_sweep_killed_at_the_keys_is_finished_by_the_next(
    shop: Shop, cloud: CloudSync, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys go after the commit of the rows, by notes that outlive the process."""
    tracker = two_days(shop, cloud)
    real = LadderKeys.destroy_leaf

    def once(self: LadderKeys, leaf: object) -> int:
        if leaf.epoch == TODAY and leaf.stream == Stream.LOCATION:  # type: ignore[attr-defined]
            raise Killed
        return real(self, leaf)  # type: ignore[arg-type]

    monkeypatch.setattr(LadderKeys, "destroy_leaf", once)
    with pytest.raises(Killed):
        cloud.sweep(clock_confirmed=True)
    monkeypatch.undo()
    assert rows(cloud, tracker) == []
    assert cloud._store.leaves(tracker.name, Stream.LOCATION, TODAY, TODAY + 1) != []
    swept(shop, cloud)
    assert cloud._store.leaves(tracker.name, Stream.LOCATION, TODAY, TODAY + 1) == []


def test_rows_of_a_day_whose_key_went_first_are_met(shop: Shop, cloud: CloudSync) -> None:
    """The key store committed and the database did not: the rows of before the first key go all the same."""
    tracker = two_days(shop, cloud)
    assert cloud._store.destroy_leaves(tracker.name, Stream.LOCATION, TODAY, TODAY) == 1
    assert len(rows(cloud, tracker)) == 6
    swept(shop, cloud)
    assert rows(cloud, tracker) == []


def test_rows_go_page_by_page(shop: Shop, cloud: CloudSync, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each page is a transaction: of seven rows and two a page, all go; killed in the second, the first is gone for good."""
    monkeypatch.setattr(consentend, "PAGE", 2)
    tracker = fed(shop, cloud, count=7)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    real, pages = cloud.database.add_shreds, []

    def second(shreds: object) -> None:
        pages.append(1)
        if len(pages) == 2:
            raise Killed
        real(shreds)  # type: ignore[arg-type]

    monkeypatch.setattr(cloud.database, "add_shreds", second)
    with pytest.raises(Killed):
        cloud.sweep(clock_confirmed=True)
    assert len(rows(cloud, tracker)) == 5
    swept(shop, cloud)
    assert rows(cloud, tracker) == [] and len(pages) > 4
