"""What a company looks after by itself, one cause at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.errors import Denied
from cloud_sync.model import Actor
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import POLICY
from tests.unit.cloud_sync.policy.test_profiles_service import ME, Profiled
from tests.unit.cloud_sync.records.records_world import DAY
from tests.unit.cloud_sync.service_world import GIVE, Setting

STAFF, LEAD = Actor("e-1", "staff", mfa=True), Actor("e-9", "staff", mfa=True)
EFFECTIVE = 'version = "2026-11-23"\n'


def test_a_healed_device_has_young_keys(tmp_path: Path) -> None:
    """Ninety days after its enrolment one that was healed the day before is not among them; a revoked one never is."""
    setting = Profiled(tmp_path, "ct")
    with setting.open() as cloud:
        devices = [cloud.enrol(subject=f"s-{n}", settings={}).device for n in range(3)]
        first = setting.clock.at
        setting.clock.at = first + 89 * DAY
        generation = cloud.database.device(devices[0]).generation  # type: ignore[union-attr]
        cloud.audit.record("device.healed", "ingest", device=devices[0], generation=generation + 1)
        setting.clock.at = first + 90 * DAY
        assert [each.device for each in cloud.upkeep.aged_keys()] == sorted(devices[1:])
        assert cloud.upkeep.alarm() == 2
        assert cloud.upkeep.alarm() == 0  # once a day, and once a generation
        setting.clock.at += DAY
        assert cloud.upkeep.alarm() == 0


def test_a_consent_to_the_text_in_force_holds_from_before_its_day(tmp_path: Path) -> None:
    """Whoever answers the new text ahead of its day has answered it; a yes to the text before it is asked anew."""
    setting = Setting(tmp_path)
    text = POLICY.read_text("utf-8")
    for effective, given in (("2026-01-01", True), ("2999-01-01", False)):
        policy = tmp_path / f"{effective}.toml"
        policy.write_text(
            text.replace(EFFECTIVE, f'version = "from-{effective}"\neffective = {effective}\n', 1), "utf-8"
        )
        config = setting.config(policy=policy)
        with CloudSync.open(config, clock=setting.clock, link=setting.link) as cloud:
            if given:
                cloud.consent.give("s-1", "tracking", GIVE)
            assert bool(cloud.ledger.open_now("s-1")) is given
            assert len(cloud.upkeep.early_consents()) == (not given)
            if not given:
                cloud.consent.give("s-1", "tracking", GIVE)
                assert cloud.ledger.open_now("s-1")


def test_a_denied_read_and_a_look_of_another_kind_are_no_use(tmp_path: Path) -> None:
    """A field counts as used when some purpose has read it; a denial, an export and a sweep leave it surplus."""
    setting = Profiled(tmp_path, "mm")
    with setting.open() as cloud:
        record = cloud.records.put("avatar", {"s-1": b"picture"})
        with pytest.raises(Denied):
            cloud.records.read(record, actor=Actor("s-2", "data_subject"), purpose="account", subject="s-1")
        cloud.records.read(record, actor=ME, purpose="account", subject="s-1")
        cloud.export(tmp_path / "copy", "s-1", actor=ME)
        cloud.sweep()
        assert cloud.upkeep.surplus() == ["avatar.file"]
        cloud.staff.open_ticket("K-1", "s-1", by="desk")
        cloud.staff.open(STAFF, "s-1", purposes=["account"], categories=["avatar"], by=LEAD, ticket="K-1")
        cloud.records.read(record, actor=STAFF, purpose="account", subject="s-1")
        assert cloud.upkeep.surplus() == []
