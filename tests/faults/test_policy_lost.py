"""A policy that loses a category in use: nothing starts, nothing is read or destroyed, until the file says what is meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.errors import Denied, PolicyError
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Actor, Stream
from cloud_sync.policy import lint
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.consent.consent_world import TEXT, Place, by, enrolled
from tests.unit.cloud_sync.ingest.ingest_world import NOON, Tracker
from tests.unit.cloud_sync.ingest.leaving_world import text_with_places
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.records.records_world import RULE, Office

P = "condition_monitoring"
T = int(NOON) - 60
ME = Actor("s-1", "data_subject")


def without(category: str, purpose: str, text: str = TEXT, *never: str) -> str:
    """The policy without a category, without its purpose in every list, and with the fields that nothing takes any more."""
    head, *rules = text.split("[[rule]]\n")
    kept = [rule for rule in rules if not rule.startswith(f'category = "{category}"')]
    assert len(kept) == len(rules) - 1
    text = "[[rule]]\n".join([head, *kept]).replace(f'"{purpose}", ', "").replace(f', "{purpose}"', "")
    return text.replace("never = [", "never = [" + "".join(f'"{field}", ' for field in never), 1)


def dropping(category: str, text: str) -> str:
    """The same in so many words."""
    return text.replace("[retention]\n", f'[retention]\ndropped = ["{category}"]\n', 1)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An installation with one envelope of temperature, under the demo's policy; it is closed again."""
    place = Place(tmp_path)
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", P, by("s-1"))
        place.clock.at = NOON
        assert [each.kind for each in cloud.handle([(tracker.topic, warm(tracker))])] == [Kind.STORED]
        cloud.sweep()
    yield place


def warm(tracker: Tracker) -> bytes:
    """One reading of 21.5 °C."""
    return tracker.environment([(T, 215, None)], version=1000)


def readings(cloud: CloudSync) -> int:
    """How many the person can read."""
    return len(cloud.read_environment(actor=ME, purpose=P, subject="s-1", start=NOON - 7200, end=NOON + 1))


FIELDS = ("environment.time", "environment.temperature", "environment.light")
LOST = without("environment", P, TEXT, *FIELDS)


def test_nothing_starts_and_nothing_is_destroyed(place: Place) -> None:
    """The file without the rule is refused with what to do; with the rule back everything is there and readable."""
    place.write(LOST)
    with pytest.raises(PolicyError, match=r'no rule for environment.*put the rule back.*dropped = \["environment"\]'):
        place.open()
    place.write(TEXT)
    with place.open() as cloud:
        assert readings(cloud) == 1 and cloud.database.count_envelopes() == 1
        assert len(cloud.audit.entries(kind="policy.loaded")) == 1


def test_what_is_dropped_is_read_by_nobody_and_goes_with_the_first_sweep(place: Place) -> None:
    """In so many words: denied from the start, its consent is closed, rows and keys go; another file of later needs no word."""
    place.write(dropping("environment", LOST))
    with place.open() as cloud:
        with pytest.raises(Denied):
            readings(cloud)
        assert cloud.ledger.open_now("s-1") == {}
        assert [r.channel for r in cloud.database.all_consents()][-1] == "policy_change"
        cloud.sweep()
        assert cloud.database.count_envelopes() == 0
    place.write(LOST)
    place.open().close()


def test_what_arrives_of_a_dropped_category_is_refused(place: Place) -> None:
    """A device that has not heard of it sends on: told to drop, nothing stored."""
    with place.open() as cloud:
        tracker = enrolled(cloud)
    place.write(dropping("environment", LOST))
    with place.open() as cloud:
        [outcome] = cloud.handle([(tracker.topic, warm(tracker))])
        assert outcome.kind is Kind.EXPIRED and outcome.verdict is not None


def test_what_a_hold_keeps_is_not_dropped(place: Place) -> None:
    """A hold on the category: the policy that drops it is refused until two people have released the hold."""
    with place.open() as cloud:
        hold = cloud.holds.place("CASE-7", by="c-1", review_at=NOON + 86_400, subject="s-1", category="environment")
    place.write(dropping("environment", LOST))
    with pytest.raises(PolicyError, match=f"hold {hold.hold_id} keeps it"):
        place.open()
    place.write(TEXT)
    with place.open() as cloud:
        cloud.holds.release(hold.hold_id, by="c-1", approved_by="c-2")
    place.write(dropping("environment", LOST))
    with place.open() as cloud:
        cloud.sweep()
        assert cloud.database.count_envelopes() == 0


def test_a_category_beside_another_of_its_stream_is_not_dropped(tmp_path: Path) -> None:
    """Places and positions share a stream and its keys: positions stay refused until their term is over, said or not."""
    place = Place(tmp_path, text_with_places())
    place.clock.at = NOON - 7200
    with place.open() as cloud:
        tracker = enrolled(cloud)
        cloud.consent.give("s-1", "tracking", by("s-1"))
        place.clock.at = NOON
        [outcome] = cloud.handle([(tracker.topic, tracker.fixes([T], version=1000))])
        assert outcome.kind is Kind.STORED
    fields = ("location.lat", "location.lon", "location.quality")
    lost = without("position", "tracking", text_with_places(), *fields)
    lost = lost.replace('"tracking"', '"arrivals"')
    lost = re.sub(r"\[\[recipient\]\]\n[^\[]*\[[^\]]*\]\n", "", lost)
    place.write(dropping("position", lost))
    with pytest.raises(PolicyError, match="position cannot be dropped while other rules keep its stream location"):
        place.open()


def test_without_the_former_file_a_stream_that_no_rule_keeps_is_found(place: Place) -> None:
    """The archive of policies is lost as well: what is stored tells of itself."""
    for file in place.config.policies.iterdir():
        file.unlink()
    place.write(LOST)
    with pytest.raises(PolicyError, match="no rule for environment"):
        place.open()


def test_a_category_of_which_nothing_is_stored_may_go(place: Place) -> None:
    """Motion was never sent: the file without it opens."""
    place.write(without("motion", "theft_alarm", TEXT, "motion.time", "motion.motion"))
    with place.open() as cloud:
        assert cloud.policy.rules_of_stream(Stream.MOTION) == () and readings(cloud) == 1


def test_records_of_a_lost_category_are_not_destroyed_by_mistake(tmp_path: Path) -> None:
    """Bills that a law wants kept: the file without their rule is refused, and they are there when it is back."""
    office = Office(tmp_path)
    full = office.policy.read_text("utf-8")
    with office.open() as cloud:
        cloud.records.put("billing", {"s-1": b"invoice 1"})
    rule = (
        "billing",
        "invoicing",
        'basis = "legal_obligation"\nlegal_ref = "DK-BOOKKEEPING"',
        "P5Y",
        "fiscal_year.end",
    )
    lost = full.replace(RULE.format(*rule), "").replace('"invoicing", ', "")
    assert lost != full
    office.policy.write_text(anew(lost), "utf-8")
    with pytest.raises(PolicyError, match="no rule for billing"):
        office.open()
    office.policy.write_text(full, "utf-8")
    with office.open() as cloud:
        cloud.sweep()
        assert [part.category for part in cloud.records.of("s-1")] == ["billing"]
    office.policy.write_text(anew(dropping("billing", lost)), "utf-8")
    with office.open() as cloud:
        cloud.sweep()
        assert cloud.records.of("s-1") == []


def test_a_word_that_destroys_does_not_stay_beside_the_rule(tmp_path: Path) -> None:
    """The lint finds a category that is dropped and has a rule."""
    path = tmp_path / "both.toml"
    path.write_text(dropping("environment", TEXT), "utf-8")
    assert [finding.message for finding in lint(path)] == ["environment is dropped and has a rule"]
    path.write_text(dropping("environment", LOST), "utf-8")
    assert lint(path) == []
