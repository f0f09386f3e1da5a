"""CloudSync as an integrator uses it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.audit import verify
from cloud_sync.config import BrokerConfig, Config
from cloud_sync.consent import Evidence
from cloud_sync.errors import ConfigError, ConsentError, Denied, PolicyError, StoreError, UnknownDevice
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Precision, Sensor, Stream
from cloud_sync.service import CloudSync, SystemClock
from cloud_sync.wire import codec
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, TODAY, FakeClock
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.service_world import GIVE, ME, TAKE_BACK, Setting, T, tracker_of


def test_the_whole_way_from_enrolment_to_a_lawful_read(setting: Setting, cloud: CloudSync) -> None:
    """Enrol, consent, contact, directive, fixes, verdicts, read, a denied read, proof, erasure."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.handle([(tracker.topic, tracker.status())])
    directive, offer, verdicts = (tracker.open(sealed) for _, sealed in setting.link.sent)
    assert (offer.spine_epoch, offer.first_epoch) == (TODAY + 1, TODAY)  # the first contact heals
    assert (directive.version, directive.sensors, directive.precision) == (1, Sensor.GNSS, Precision.CELL_100M)
    assert [verdict.counter for verdict in verdicts] == [0]
    setting.clock.at = NOON + 120
    cloud.handle([(tracker.topic, tracker.fixes([T, T + 10]))])
    query: dict[str, Any] = {"actor": ME, "subject": "s-1", "start": NOON, "end": NOON + 3600}
    assert [fix.time for fix in cloud.read_location(purpose="tracking", **query)] == [T, T + 10]
    with pytest.raises(Denied):
        cloud.read_location(purpose="marketing", **query)
    kinds = [entry.event.kind for entry in cloud.audit.entries(subject="s-1")]
    assert kinds == ["device.enrolled", "consent.given", "gate.allowed", "gate.denied"]
    index = cloud.audit.entries(kind="gate.denied")[0].index
    verify(cloud.audit.prove(index), cloud.audit.checkpoint(), cloud.audit.public_key)
    assert cloud.erase(subject="s-1").envelopes == 1
    assert cloud.read_location(purpose="tracking", **query) == []


def test_the_enrolment_file_is_the_documented_array(setting: Setting, cloud: CloudSync) -> None:
    """Strict MessagePack; every attempt has a pseudonym and a root of its own; the root stays nowhere."""
    settings = {
        "board": "esp32s3",
        "wifi": {"ssid": "depot", "key": ""},
        "broker": {"host": "localhost", "port": 1883},
    }
    first, second = (cloud.enrol(subject="s-1", settings=settings) for _ in range(2))
    version, device, root, generation, first_epoch, now, text = codec.unpack(first.file)
    assert (version, generation, first_epoch, now) == (1, 0, TODAY, int(NOON))
    assert device == first.device and len(device) == 16 and len(root) == 32
    assert json.loads(text) == settings
    assert second.device != device and codec.unpack(second.file)[2] != root
    assert [entry.device for entry in cloud.database.devices_of("s-1")] == [device, second.device]
    on_disk = b"".join(path.read_bytes() for path in setting.directory.iterdir() if path.is_file())
    assert device.encode() in on_disk and root not in on_disk


def test_settings_that_no_device_can_hold_are_refused(cloud: CloudSync) -> None:
    """Nothing is enrolled then."""
    with pytest.raises(ConfigError, match="settings"):
        cloud.enrol(subject="s-1", settings={"board": "x" * 5000})
    assert cloud.database.all_devices() == []


def test_a_withdrawal_is_sent_at_once_and_closes_the_gate(setting: Setting, cloud: CloudSync) -> None:
    """The device gets a narrower directive without asking; its later fixes under the old one are refused for good."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    cloud.handle([(tracker.topic, tracker.status())])
    setting.link.sent.clear()
    setting.clock.at = NOON + 300
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    [(_, sealed)] = setting.link.sent
    directive = tracker.open(sealed)
    assert (directive.version, directive.sensors, directive.challenge) == (2, Sensor(0), b"")
    [outcome] = cloud.handle([(tracker.topic, tracker.fixes([T], version=1))])
    assert outcome.kind is Kind.BELOW_FLOOR
    with pytest.raises(Denied):
        cloud.read_location(actor=ME, purpose="tracking", subject="s-1", start=NOON, end=NOON + 600)


def test_each_answer_of_a_person_is_in_ledger_and_audit_log_or_in_neither(cloud: CloudSync) -> None:
    """Asked, later, given, withdrawn, refused; a step that the ledger refuses leaves no entry."""
    ask = Evidence("c-1", "demo-1", "app", "shown_notice", "en")
    cloud.consent.request("s-1", "tracking", ask)
    cloud.consent.later("s-1", "tracking", GIVE)
    cloud.consent.give("s-1", "tracking", GIVE, precision=Precision.CELL_1KM)
    cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    cloud.consent.refuse("s-1", "theft_alarm", TAKE_BACK)
    with pytest.raises(ConsentError):
        cloud.consent.withdraw("s-1", "tracking", TAKE_BACK)
    states = ["requested", "later", "given", "withdrawn", "refused"]
    assert [record.event_state for record in cloud.database.all_consents()] == states
    assert [entry.event.kind for entry in cloud.audit.entries(subject="s-1")] == [f"consent.{s}" for s in states]


def test_a_restart_keeps_everything_and_replays_tombstones(setting: Setting) -> None:
    """Keys, floors, ledger, log and the log's key are the same; the audit log still verifies."""
    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "tracking", GIVE)
        setting.clock.at = NOON + 120
        cloud.handle([(tracker.topic, tracker.status()), (tracker.topic, tracker.fixes([T]))])
        checkpoint, key = cloud.audit.checkpoint(), cloud.audit.public_key
    with setting.open() as again:
        assert again.audit.public_key == key
        assert again.audit.check(checkpoint) == 3
        [outcome] = again.handle([(tracker.topic, tracker.fixes([T + 10]))])
        assert outcome.kind is Kind.STORED
        assert again.database.count_envelopes(stream=Stream.LOCATION) == 2


def test_erasing_for_somebody_without_devices_says_so(cloud: CloudSync) -> None:
    """There is nothing to erase, and no receipt pretends otherwise."""
    with pytest.raises(UnknownDevice, match="nothing to erase"):
        cloud.erase(subject="s-1")


def test_a_lost_key_encryption_key_is_not_replaced_silently(setting: Setting) -> None:
    """Beside an existing key store a new key would lose all: refused, and it opens again once restored."""
    setting.open().close()
    path = setting.config().key_encryption_key
    path.rename(setting.directory / "elsewhere")
    with pytest.raises(ConfigError, match="restore"):
        setting.open()
    (setting.directory / "elsewhere").rename(path)
    setting.open().close()


def test_a_lost_audit_key_is_not_replaced_silently(setting: Setting) -> None:
    """Proofs given out depend on it; wrapped under another key it does not open either."""
    setting.open().close()
    path = setting.config().audit_key
    wrapped = path.read_bytes()
    path.unlink()
    with pytest.raises(ConfigError, match="restore"):
        setting.open()
    path.touch(0o600)
    path.write_bytes(wrapped)
    setting.open().close()
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        setting.open()


def test_a_store_that_fails_to_open_closes_what_was_open(setting: Setting) -> None:
    """A damaged key store is the package's own error, and the installation opens once it is repaired."""
    setting.open().close()
    path = setting.config().keys
    good = path.read_bytes()
    path.write_bytes(b"x" * len(good))
    with pytest.raises(StoreError):
        setting.open()
    path.write_bytes(good)
    setting.open().close()


def test_a_policy_with_a_gap_opens_nothing(setting: Setting) -> None:
    """The refused file leaves no store behind; the good one opens."""
    bad = setting.directory / "bad.toml"
    bad.write_text(POLICY.read_text().replace('retention = "P90D"\n', "", 1))
    with pytest.raises(PolicyError):
        CloudSync.open(setting.config(policy=bad), clock=setting.clock)
    assert not setting.config().database.exists()
    setting.open().close()


def test_a_wider_policy_closes_consents_and_a_new_one_is_logged(setting: Setting) -> None:
    """Nobody's upgrade widens anything: with more sensors in the file the old consent no longer opens, and is recorded."""
    with setting.open() as cloud:
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "tracking", GIVE)
        cloud.handle([(tracker.topic, tracker.status())])
    wider = setting.directory / "wider.toml"
    wider.write_text(anew(POLICY.read_text().replace('retention = "P90D"', 'retention = "P12M"', 1)))
    setting.link.sent.clear()
    with CloudSync.open(setting.config(policy=wider), clock=setting.clock, link=setting.link) as cloud:
        assert len(cloud.audit.entries(kind="policy.loaded")) == 2
        assert [entry.event.kind for entry in cloud.audit.entries(subject="s-1")][-1] == "consent.expired"
        [(_, sealed)] = setting.link.sent
        assert tracker.open(sealed).sensors == Sensor(0)


def test_sweep_reports_and_records_what_has_lapsed(setting: Setting, cloud: CloudSync) -> None:
    """A leap of three years halts; confirmed, it destroys and records the consent that has run out meanwhile."""
    tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
    cloud.consent.give("s-1", "tracking", GIVE)
    setting.clock.at = NOON + 120
    cloud.handle([(tracker.topic, tracker.fixes([T], version=1))])
    cloud.sweep()
    setting.clock.at = NOON + 1000 * 86_400
    assert cloud.sweep().halted
    assert cloud.database.count_envelopes() == 1
    assert cloud.sweep(clock_confirmed=True).envelopes == 1
    assert cloud.database.all_consents()[-1].event_state == "expired"


def test_starting_without_a_broker_sweeps_and_stops(cloud: CloudSync) -> None:
    """`start` twice is one start; without a broker in the configuration nothing connects."""
    cloud.start()
    cloud.start()
    until(lambda: len(cloud.audit.entries(kind="retention.swept")) == 1)
    assert (cloud.link_state, cloud.wait_connected(0)) == ("not started", False)
    cloud.stop()
    cloud.stop()


def test_the_system_clock_tells_unix_seconds() -> None:
    """After the day on which this was written, before the last epoch of the format."""
    assert 1_700_000_000 < SystemClock().now() < 2**17 * 86_400


def test_configuration_from_a_file(tmp_path: Path) -> None:
    """Paths count from the file's directory; the broker table is optional."""
    lines = [f'{name} = "{name}.x"' for name in ("policy", "database", "keys", "tombstones", "key_encryption_key")]
    text = "\n".join([*lines, 'audit_key = "a"', 'policies = "p"', '[broker]\nhost = "b"\ntls = true'])
    (tmp_path / "c.toml").write_text(text)
    config = Config.from_toml(tmp_path / "c.toml")
    assert (config.database, config.policies) == (tmp_path / "database.x", tmp_path / "p")
    assert config.broker is not None and config.broker.address == ("b", 8883)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace('keys = "keys.x"\n', ""), "keys is missing"),
        (lambda text: text.replace("keys = ", "kays = "), "kays is unknown"),
        (lambda text: text.replace('"keys.x"', "3"), "keys must be of type str"),
        (lambda text: text.replace("port = 1", 'port = "1"'), "broker.port must be of type int"),
        (lambda text: text.replace("port = 1", "prot = 1"), "broker.prot is unknown"),
        (lambda text: text.replace("[broker]\nport = 1", "broker = 3"), "broker must be a table"),
        (lambda text: text + "=", "is not TOML"),
    ],
)
def test_a_wrong_configuration_file_says_what_and_where(tmp_path: Path, change: Any, message: str) -> None:
    """The file is valid before the change, and refused after it with the name of the key."""
    names = ("policy", "database", "keys", "tombstones", "key_encryption_key", "audit_key", "policies")
    valid = "\n".join(f'{name} = "{name}.x"' for name in names) + "\n[broker]\nport = 1\n"
    path = tmp_path / "c.toml"
    path.write_text(valid)
    Config.from_toml(path)
    path.write_text(change(valid))
    with pytest.raises(ConfigError, match=message):
        Config.from_toml(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        Config.from_toml(tmp_path / "nowhere.toml")


@pytest.mark.mosquitto
@pytest.mark.skipif(not available(), reason="mosquitto is not installed")
def test_over_a_real_broker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The broker comes late and is waited for; a status is answered over it, and the counters tell when all is settled."""
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker")
    config = Config.in_directory(tmp_path, policy=POLICY, broker=BrokerConfig("127.0.0.1", broker.port))
    clock = FakeClock()
    with caplog.at_level(logging.WARNING), CloudSync.open(config, clock=clock) as cloud:
        cloud.start()
        until(lambda: "next attempt" in caplog.text)
        broker.start()
        assert cloud.wait_connected(20)
        tracker = tracker_of(cloud.enrol(subject="s-1", settings={}))
        cloud.consent.give("s-1", "tracking", GIVE)
        device = Publisher(broker.port)
        device.publish(tracker.topic, tracker.status())
        until(lambda: cloud.messages_handled == 1 and cloud.downlinks_published(tracker.name) == 3)
        until(lambda: len(device.heard) == 3)
        assert tracker.open(device.heard[0][1]).version == 1
        assert (cloud.downlinks_sent(), cloud.link_state) == (3, "connected")
        device.close()
    broker.stop()


@pytest.mark.parametrize("failure", [StoreError("the store is away"), KeyError("a fault of ours")])
def test_a_sweep_that_fails_in_whatever_way_is_tried_again(
    cloud: CloudSync, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """The thread goes on, and says what happened."""
    swept: list[bool] = []

    def sweep() -> None:
        swept.append(True)
        if len(swept) == 1:
            raise failure

    monkeypatch.setattr(cloud, "sweep", sweep)
    monkeypatch.setattr(cloud._stopping, "wait", lambda _: len(swept) == 2)
    cloud._sweep_for_ever()
    assert len(swept) == 2
