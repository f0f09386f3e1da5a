"""What a broker keeps of a device: nothing by us, and after an erasure nothing by anybody, in its file neither."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from cloud_sync.config import BrokerConfig, Config
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.mqtt.subscriber import Subscriber
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.ingest.ingest_world import NOON, POLICY, FakeClock
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, until
from tests.unit.cloud_sync.service_world import GIVE, tracker_of

pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not available(), reason="mosquitto is not installed"),
]
UP, DOWN = b"canary-that-was-retained-upwards", b"canary-that-was-retained-downwards"


@pytest.fixture
def cloud(broker: Broker, tmp_path: Path) -> Iterator[CloudSync]:
    """An installation that is connected."""
    (tmp_path / "home").mkdir()
    config = Config.in_directory(tmp_path / "home", policy=POLICY, broker=BrokerConfig("127.0.0.1", broker.port))
    with CloudSync.open(config, clock=FakeClock(NOON)) as cloud:
        cloud.start()
        assert cloud.wait_connected(10)
        yield cloud


def retained(broker: Broker) -> dict[str, bytes]:
    """What somebody who subscribes to everything now is told at once; a message of their own marks the end of it."""
    told: dict[str, bytes] = {}
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
    ended = []

    def heard(_: object, __: object, message: paho.MQTTMessage) -> None:
        if message.topic == "end":
            ended.append(True)
        elif message.retain:
            told[message.topic] = bytes(message.payload)

    client.on_message = heard
    client.on_subscribe = lambda *_: client.publish("end", b"", qos=1)  # behind what is retained
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.subscribe("#", qos=1)
    until(lambda: bool(ended))
    client.disconnect()
    client.loop_stop()
    return told


def plant(publisher: Publisher, device: str) -> None:
    """Retained messages under a device's topics, as a bridge that is set up wrongly would leave them."""
    for topic, content in (("up", UP), ("down", DOWN)):
        publisher.client.publish(f"bl/1/{device}/{topic}", content, qos=1, retain=True).wait_for_publish(20)


def test_nothing_that_is_exchanged_with_a_device_is_retained(broker: Broker, cloud: CloudSync) -> None:
    """Directives, verdicts, offers and envelopes have passed; whoever comes later is told none of them."""
    tracker, device = tracker_of(cloud.enrol(subject="s-1", settings={})), Publisher(broker.port)
    cloud.consent.give("s-1", "tracking", GIVE)
    device.publish(tracker.topic, tracker.status(), tracker.fixes([int(NOON) - 60]))
    until(lambda: len(device.heard) >= 3)
    assert retained(broker) == {}
    device.close()


def test_an_erasure_clears_what_is_retained_of_the_persons_devices(
    broker: Broker, cloud: CloudSync, tmp_path: Path
) -> None:
    """Theirs is gone, from the broker's file too; somebody else's stays, and the service counts no message for it."""
    mine, other = (tracker_of(cloud.enrol(subject=subject, settings={})) for subject in ("s-1", "s-2"))
    publisher = Publisher(broker.port)
    plant(publisher, mine.name)
    publisher.client.publish(f"bl/1/{other.name}/down", b"somebody else's", qos=1, retain=True).wait_for_publish(20)
    assert retained(broker) == {
        f"bl/1/{mine.name}/up": UP,
        f"bl/1/{mine.name}/down": DOWN,
        f"bl/1/{other.name}/down": b"somebody else's",
    }
    until(lambda: cloud.messages_handled == 1)  # the one upwards, which is no envelope
    cloud.erase(subject="s-1")
    until(lambda: retained(broker) == {f"bl/1/{other.name}/down": b"somebody else's"})
    until(lambda: cloud.downlinks_published() == cloud.downlinks_sent() == 1)  # what clears, downwards
    assert cloud.messages_handled == 1
    publisher.close()
    cloud.stop()
    broker.stop()  # which writes its file
    content = (tmp_path / "mosquitto.db").read_bytes()
    assert b"somebody else's" in content and UP not in content and DOWN not in content


def test_what_is_not_cleared_is_found_in_the_brokers_file(
    broker: Broker, cloud: CloudSync, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A control: without it both messages are there, and told to whoever comes."""
    monkeypatch.setattr(MqttDownlinks, "forget", lambda self, device: None)
    tracker, publisher = tracker_of(cloud.enrol(subject="s-1", settings={})), Publisher(broker.port)
    plant(publisher, tracker.name)
    cloud.erase(subject="s-1")
    assert len(retained(broker)) == 2
    publisher.close()
    cloud.stop()
    broker.stop()
    content = (tmp_path / "mosquitto.db").read_bytes()
    assert UP in content and DOWN in content


def test_an_empty_message_is_acknowledged_and_handed_to_nobody(broker: Broker) -> None:
    """It comes back to the service that has cleared its topic, between two that are stored."""
    taken: list[tuple[str, bytes]] = []
    subscriber = Subscriber(BrokerConfig("127.0.0.1", broker.port), taken.extend)
    subscriber.start()
    assert subscriber.wait_connected(10)
    publisher = Publisher(broker.port)
    publisher.publish("bl/1/aaaaaaaaaaaaaaaa/up", b"one", b"", b"two")
    until(lambda: subscriber.handled == 2 and subscriber.pending == 0)
    assert [payload for _, payload in taken] == [b"one", b"two"]
    publisher.close()
    subscriber.stop()
