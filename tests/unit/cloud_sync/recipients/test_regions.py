"""Where stores and broker are, checked before anything opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.errors import ConfigError
from cloud_sync.service import CloudSync
from tests.clauses.made import World

FILE = """\
policy = "policy.toml"
policies = "policies"
database = "a.db"
keys = "b.db"
tombstones = "c.db"
key_encryption_key = "kek"
audit_key = "audit.key"
"""


def _config(folder: Path, more: str, broker: str = "") -> Config:
    path = folder / "cloud-sync.toml"
    path.write_text(f"{FILE}{more}[broker]\n{broker}", "utf-8")
    return Config.from_toml(path)


def test_one_region_is_that_of_all(tmp_path: Path) -> None:
    """A store that is elsewhere, and the broker, say so by themselves."""
    assert set(_config(tmp_path, 'region = "DK"\n').regions.values()) == {"DK"}
    own = _config(tmp_path, 'region = "DK"\nkeys_region = "NL"\n', 'region = "DE"\n')
    assert own.regions == {"database": "DK", "keys": "NL", "tombstones": "DK", "broker": "DE"}
    environment = {"BYLEAVE_SYNC_KEYS_REGION": "SE", "BYLEAVE_SYNC_BROKER_REGION": "FI"}
    again = Config.from_toml(tmp_path / "cloud-sync.toml", environment)
    assert (again.regions["keys"], again.regions["broker"]) == ("SE", "FI")


def test_without_a_region_nothing_opens(tmp_path: Path) -> None:
    """Not even the folder of policies but for the policy itself: no key is made."""
    (tmp_path / "world").mkdir()
    world = World(tmp_path / "world", "demo")
    world.close()
    (tmp_path / "policy.toml").write_text(world.text, "utf-8")
    with pytest.raises(ConfigError, match='database_region: nothing says where the database is; write region = "DK"'):
        CloudSync.open(_config(tmp_path, ""), clock=world.clock)
    assert not (tmp_path / "a.db").exists()
    assert not (tmp_path / "kek").exists()
    with CloudSync.open(_config(tmp_path, 'region = "DK"\n'), clock=world.clock, link=world.link) as cloud:
        assert [each.region for each in cloud.recipients.places()] == ["DK"] * 4


@pytest.mark.parametrize("region", ["US", "us-east-1", "GB", "eea", "Denmark", "CH"])
def test_outside_the_policy_s_regions_nothing_opens(tmp_path: Path, region: str) -> None:
    """Whatever a supplier calls it."""
    world = World(tmp_path, "demo")
    world.close()
    with pytest.raises(ConfigError, match=f"the broker is in {region}, and the policy allows EEA alone"):
        world.open(broker=BrokerConfig(region=region))
