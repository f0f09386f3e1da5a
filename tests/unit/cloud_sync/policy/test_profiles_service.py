"""An installation on each of the five profiles: records of every category go in, are read, and go when their term is over."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.consent import Evidence
from cloud_sync.errors import Denied
from cloud_sync.model import Actor, Precision, Sensor
from tests.unit.cloud_sync.ingest.ingest_world import NOON
from tests.unit.cloud_sync.service_world import Setting, tracker_of

FIVE = ("ct", "cg", "mm", "st", "tt")
ME = Actor("s-1", "data_subject")


class Profiled(Setting):
    """Such an installation."""

    def __init__(self, directory: Path, name: str) -> None:
        super().__init__(directory)
        self.clock.at = NOON
        self.policy = Path(f"cloud_sync/policy/profiles/{name}.toml")

    def config(self, **changes: object):  # type: ignore[no-untyped-def]
        """With that policy."""
        return super().config(**{"policy": self.policy, **changes})


@pytest.mark.parametrize("name", FIVE)
def test_every_category_of_records_is_kept_read_and_denied_for_another_purpose(tmp_path: Path, name: str) -> None:
    """By the person, for the rule's own purpose; no rule lets `diagnosis` have a record."""
    with Profiled(tmp_path, name).open() as cloud:
        kept = {"consent_ledger", "audit"}  # kept by the product itself
        rules = [rule for rule in cloud.policy.rules if rule.stream is None and rule.category not in kept]
        for rule in rules:
            record = cloud.records.put(rule.category, {"s-1": b"content"})
            ask = {"actor": ME, "subject": "s-1"}
            with pytest.raises(Denied):
                cloud.records.read(record, purpose="diagnosis", **ask)  # type: ignore[arg-type]
            if rule.visible_to_user and rule.basis.value != "consent":
                assert cloud.records.read(record, purpose=rule.purposes[0], **ask) == b"content"  # type: ignore[arg-type]
        assert len(rules) >= 7


def test_the_directive_of_each_profile_switches_on_what_it_permits(tmp_path: Path) -> None:
    """CT with a yes senses exactly; MM, ST and TT never a position, whatever a person allows."""
    found = {}
    for name in FIVE:
        folder = tmp_path / name
        folder.mkdir()
        setting = Profiled(folder, name)
        with setting.open() as cloud:
            tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
            yes = Evidence("s-1", cloud.policy.notice, "app", "tapped_allow", "en")
            if name == "tt":  # nobody is sensed there who was not told
                assert not cloud.permission("s-1").sensors
                cloud.notices.receive("s-1", yes)
            if name == "ct":
                cloud.consent.give("s-1", "private_tracking", yes)
            cloud.handle([(tracker.topic, tracker.status())])
            directive = tracker.open(setting.link.sent[0][1])
            found[name] = directive
    everything = Sensor.TEMPERATURE | Sensor.LIGHT | Sensor.MOTION
    assert found["ct"].precision is Precision.EXACT
    for name in FIVE:
        assert bool(found[name].sensors & Sensor.GNSS) == (name in ("ct", "cg")), name
        assert found[name].sensors & everything == everything, name
