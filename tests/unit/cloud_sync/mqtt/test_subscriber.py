"""The subscriber against a real broker: nothing is acknowledged before it is committed, and nothing is lost."""

from __future__ import annotations

import logging
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from cloud_sync.config import BrokerConfig
from cloud_sync.errors import ConfigError, StoreError
from cloud_sync.mqtt import subscriber as subscriber_module
from cloud_sync.mqtt.client import ReadAheadClient
from cloud_sync.mqtt.publisher import MAX_WAITING, MqttDownlinks
from cloud_sync.mqtt.subscriber import Subscriber
from tests.unit.cloud_sync.mqtt.mqtt_broker import Broker, Publisher, available, free_port, until

TOPIC = "bl/1/aaaaaaaaaaaaaaaa/up"
pytestmark = [
    pytest.mark.mosquitto,
    pytest.mark.skipif(not available(), reason="mosquitto is not installed"),
]


class Store:
    """What `handle` sees; it can be told to fail or to wait."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, bytes]]] = []
        self.go = threading.Event()
        self.go.set()
        self.failures: list[Exception] = []
        self.calls = 0

    def handle(self, messages: list[tuple[str, bytes]]) -> None:
        """Commit, or do as told."""
        self.calls += 1
        assert self.go.wait(20)
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(messages)

    @property
    def payloads(self) -> list[bytes]:
        """Everything that was committed, in order."""
        return [payload for batch in self.batches for _, payload in batch]


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()


@pytest.fixture
def subscriber(broker: Broker, store: Store) -> Iterator[Subscriber]:
    """A connected subscriber."""
    subscriber = Subscriber(BrokerConfig("127.0.0.1", broker.port), store.handle)
    subscriber.start()
    assert subscriber.wait_connected(10)
    yield subscriber
    store.go.set()
    subscriber.stop()


@pytest.fixture
def publisher(broker: Broker) -> Iterator[Publisher]:
    """A device."""
    publisher = Publisher(broker.port)
    yield publisher
    publisher.close()


def test_messages_arrive_in_order_and_in_batches_that_follow_the_load(
    subscriber: Subscriber, store: Store, publisher: Publisher
) -> None:
    """While the first commit lasts the others accumulate: one more call takes them all."""
    store.go.clear()
    publisher.publish(TOPIC, b"0")
    until(lambda: store.calls == 1)
    sent = [str(n).encode() for n in range(1, 300)]
    publisher.publish(TOPIC, *sent)
    until(lambda: subscriber._unacknowledged == 300)
    store.go.set()
    until(lambda: subscriber.handled == 300)
    assert store.payloads == [b"0", *sent]
    assert [len(batch) for batch in store.batches] == [1, 299]
    assert store.batches[0][0] == (TOPIC, b"0")


def test_what_was_not_committed_is_delivered_again_to_the_next_process(broker: Broker, publisher: Publisher) -> None:
    """The first server never commits; a second one under the same name gets everything, the committed part not again."""
    store = Store()
    first = Subscriber(BrokerConfig("127.0.0.1", broker.port), store.handle)
    first.start()
    assert first.wait_connected(10)
    publisher.publish(TOPIC, b"committed")
    until(lambda: first.handled == 1)
    store.failures = [StoreError("disk full")] * 1000
    publisher.publish(TOPIC, *(b"%d" % n for n in range(50)))
    until(lambda: store.calls > 1)
    first.stop()
    assert store.payloads == [b"committed"]
    second_store = Store()
    second = Subscriber(BrokerConfig("127.0.0.1", broker.port), second_store.handle)
    second.start()
    until(lambda: second.handled >= 50)
    assert second_store.payloads == [b"%d" % n for n in range(50)]
    second.stop()


def test_messages_in_the_same_segment_as_the_connack_are_not_lost(broker: Broker, publisher: Publisher) -> None:
    """A session with messages waiting: the broker sends them right behind the CONNACK, and nothing follows them."""
    store = Store()
    for turn in range(3):
        server = Subscriber(BrokerConfig("127.0.0.1", broker.port), store.handle)
        server.start()
        assert server.wait_connected(10)
        server.stop()
        sent = {b"%d/%d" % (turn, n) for n in range(20)}
        publisher.publish(TOPIC, *sent)
        again = Subscriber(BrokerConfig("127.0.0.1", broker.port), store.handle)
        again.start()
        until(lambda: sent <= set(store.payloads))  # noqa: B023 - used within the round
        again.stop()
    assert len(store.payloads) == 60


def test_a_store_that_refuses_is_asked_again_and_nothing_is_acknowledged_meanwhile(
    subscriber: Subscriber, store: Store, publisher: Publisher
) -> None:
    """Two failures, then the same batch again: committed once."""
    store.failures = [StoreError("locked"), StoreError("locked")]
    publisher.publish(TOPIC, b"x")
    until(lambda: subscriber.handled == 1)
    assert (store.calls, store.payloads) == (3, [b"x"])


def test_one_message_that_breaks_the_program_does_not_stop_the_others(
    subscriber: Subscriber, store: Store, publisher: Publisher
) -> None:
    """Each message of the batch is tried alone; the poisonous one is let go without a verdict, the others are stored."""
    handle = store.handle

    def poisoned(messages: list[tuple[str, bytes]]) -> None:
        if any(payload == b"poison" for _, payload in messages):
            raise ZeroDivisionError
        handle(messages)

    subscriber._handle = poisoned
    store.go.clear()
    publisher.publish(TOPIC, b"first")
    until(lambda: store.calls == 1)
    publisher.publish(TOPIC, b"a", b"poison", b"b")
    until(lambda: subscriber._unacknowledged == 4)
    store.go.set()
    until(lambda: subscriber.handled == 4)
    assert store.payloads == [b"first", b"a", b"b"]


def test_the_socket_is_not_read_while_too_much_is_pending(
    subscriber: Subscriber, store: Store, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow store holds the number of messages in memory near its bound; in the end all are there."""
    monkeypatch.setattr(subscriber_module, "MAX_PENDING", 100)
    store.go.clear()
    publisher.publish(TOPIC, *(b"%d" % n for n in range(3000)))
    until(lambda: subscriber._unacknowledged >= 100)
    assert subscriber._unacknowledged == 100
    store.go.set()
    until(lambda: subscriber.handled == 3000)
    assert store.payloads == [b"%d" % n for n in range(3000)]


def test_a_broker_that_is_absent_at_the_start_is_waited_for(
    tmp_path: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """`start` returns, the state says why nothing comes, and the broker is found when it is there."""
    broker = Broker(tmp_path)
    subscriber = Subscriber(BrokerConfig("127.0.0.1", broker.port), store.handle)
    with caplog.at_level(logging.WARNING):
        subscriber.start()
        until(lambda: "cannot connect" in subscriber.state)
        until(lambda: "next attempt" in caplog.text)
    broker.start()
    assert subscriber.wait_connected(20)
    subscriber.stop()
    broker.stop()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_that_dies_is_reconnected_and_nothing_is_lost(
    broker: Broker, subscriber: Subscriber, store: Store, end: str
) -> None:
    """Before and after the death everything published arrives; a repeat may, a loss may not."""
    publisher = Publisher(broker.port)
    publisher.publish(TOPIC, *(b"%d" % n for n in range(100)))
    until(lambda: subscriber.handled >= 100)
    publisher.close()
    getattr(broker, end)()
    until(lambda: not subscriber.connected)
    broker.start()
    assert subscriber.wait_connected(20)
    publisher = Publisher(broker.port)
    publisher.publish(TOPIC, *(b"%d" % n for n in range(100, 200)))
    until(lambda: len(set(store.payloads)) == 200)
    publisher.close()


def test_an_identifier_of_an_old_connection_is_never_acknowledged_on_a_new_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same identifier may name a newer message by then; that of the connection that stands is acknowledged."""
    subscriber = Subscriber(BrokerConfig(), store.handle)
    sent: list[int] = []
    monkeypatch.setattr(subscriber._client, "ack_all", sent.extend)
    for connection, mid in ((1, 7), (2, 8)):
        subscriber._connection = connection
        subscriber._on_publishes([(mid, TOPIC.encode(), b"x")])
    subscriber._done.append(list(subscriber._pending))
    subscriber._acknowledge(1)
    assert sent == [8]


def test_a_batch_that_ends_while_verdicts_leave_is_acknowledged_after_its_own(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its verdicts came too late for this round, so its acknowledgement waits for the next; the batch before it does not."""
    subscriber = Subscriber(BrokerConfig(), store.handle)
    sent: list[int] = []
    client = subscriber._client
    monkeypatch.setattr(client, "ack_all", sent.extend)
    monkeypatch.setattr(client, "is_connected", lambda: True)
    subscriber._on_publishes([(7, TOPIC.encode(), b"x"), (8, TOPIC.encode(), b"y")])
    first, second = ([item] for item in subscriber._pending)
    late = [second]
    monkeypatch.setattr(subscriber.downlinks, "drain", lambda client: subscriber._done.extend(late))
    subscriber._done.append(first)
    subscriber._answer()
    assert sent == [7]
    late.clear()
    subscriber._answer()
    assert sent == [7, 8]


def test_a_cut_connection_loses_nothing_and_skips_nothing(
    broker: Broker, subscriber: Subscriber, store: Store, publisher: Publisher
) -> None:
    """The connection is cut while a batch is in the store: its messages come again, and later ones are not skipped."""
    store.go.clear()
    publisher.publish(TOPIC, *(b"%d" % n for n in range(10)))
    until(lambda: subscriber._unacknowledged == 10)
    before = subscriber._connection
    subscriber._client.socket().shutdown(2)
    until(lambda: subscriber._connection > before and subscriber.connected)
    publisher.publish(TOPIC, *(b"%d" % n for n in range(10, 20)))
    store.go.set()
    until(lambda: subscriber.handled == 30 and subscriber._unacknowledged == 0)
    assert Counter(store.payloads) == Counter([b"%d" % n for n in [*range(10), *range(20)]])
    subscriber.stop()
    left = Store()
    probe = Subscriber(BrokerConfig("127.0.0.1", broker.port), left.handle)
    probe.start()
    assert probe.wait_connected(10)
    publisher.publish(TOPIC, b"last")
    until(lambda: probe.handled >= 1)
    assert left.payloads == [b"last"]
    probe.stop()


def test_oversized_payloads_are_cut_when_they_are_read_and_bad_topics_are_let_through_as_unknown(
    subscriber: Subscriber, store: Store, publisher: Publisher
) -> None:
    """One byte more than an envelope may have is kept, so that ingest sees that it was too long."""
    publisher.publish(TOPIC, bytes(1024), bytes(100_000))
    until(lambda: subscriber.handled == 2)
    assert [len(payload) for payload in store.payloads] == [1024, 1025]


def test_downlinks_reach_their_device_and_are_counted(subscriber: Subscriber, publisher: Publisher) -> None:
    """Handed over while connected, acknowledged by the broker, heard on the device's topic only."""
    link = subscriber.downlinks
    link.send("a" * 16, b"one")
    link.send("b" * 16, b"two")
    until(lambda: link.published() == 2)
    until(lambda: len(publisher.heard) == 2)
    assert publisher.heard == [("bl/1/" + "a" * 16 + "/down", b"one"), ("bl/1/" + "b" * 16 + "/down", b"two")]
    assert (link.sent("a" * 16), link.published("b" * 16), link.sent("c" * 16)) == (1, 1, 0)


def test_downlinks_of_before_the_broker_was_there_are_sent_when_it_is(tmp_path: Path, store: Store) -> None:
    """They wait in a bounded queue, of which the oldest give way."""
    broker = Broker(tmp_path).start()
    subscriber = Subscriber(BrokerConfig("127.0.0.1", broker.port), store.handle)
    subscriber.downlinks.send("a" * 16, b"early")
    publisher = Publisher(broker.port)
    subscriber.start()
    until(lambda: publisher.heard != [])
    assert publisher.heard[0][1] == b"early"
    subscriber.stop()
    publisher.close()
    broker.stop()
    full = MqttDownlinks()
    for n in range(MAX_WAITING + 1):
        full.send("a" * 16, b"%d" % n)
    assert (len(full._waiting), full._waiting[0][-1]) == (MAX_WAITING, b"1")


def test_a_refused_login_is_named_and_tried_again(tmp_path: Path, store: Store) -> None:
    """The state says that the broker refuses; with the right password it connects."""
    (tmp_path / "password").write_text("wrong\n")
    (tmp_path / "users").write_text("")
    broker = Broker(tmp_path, extra=f"allow_anonymous false\npassword_file {tmp_path}/users\n")
    broker._config.write_text(broker._config.read_text().replace("allow_anonymous true\n", ""))
    broker.start()
    config = BrokerConfig("127.0.0.1", broker.port, user="server", password_file=str(tmp_path / "password"))
    subscriber = Subscriber(config, store.handle)
    subscriber.start()
    until(lambda: "refused by the broker" in subscriber.state)
    assert not subscriber.connected
    subscriber.stop()
    broker.stop()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (BrokerConfig(user="u"), "password_file"),
        (BrokerConfig(user="u", password_file="/nowhere/password"), "/nowhere/password"),
        (BrokerConfig(tls=True, ca_file="/nowhere/ca.pem"), "/nowhere/ca.pem"),
    ],
)
def test_a_wrong_option_says_what_to_do(config: BrokerConfig, message: str, store: Store) -> None:
    """Before anything is started; the same without the option is accepted."""
    Subscriber(BrokerConfig(), store.handle)
    with pytest.raises(ConfigError, match=message):
        Subscriber(config, store.handle)


def test_a_subscriber_that_never_connected_stops_at_once(store: Store) -> None:
    """Nobody listens on the port; both threads end."""
    subscriber = Subscriber(BrokerConfig("127.0.0.1", free_port()), store.handle)
    subscriber.start()
    subscriber.stop()
    assert subscriber.state == "stopped"


def test_pieces_of_packets_are_put_together_however_the_stream_is_cut() -> None:
    """PUBLISH, PUBACK of our own, PINGRESP and a long PUBLISH, cut at every byte: the same messages in the same order."""
    long_payload = bytes(300)
    stream = (
        b"\x32\x07\x00\x01t\x00\x05ab"
        + b"\x40\x02\x80\x00"
        + b"\xd0\x00"
        + b"\x3b\xb1\x02\x00\x01u\x00\x06"
        + long_payload
    )
    for cut in range(len(stream) + 1):
        ours, theirs = socket.socketpair()
        delivered: list[tuple[int, bytes, bytes]] = []
        acknowledged: list[int] = []
        client = ReadAheadClient(
            "c",
            delivered.extend,
            acknowledged.append,
        )
        client._sock = ours
        ours.setblocking(False)
        for piece in (stream[:cut], stream[cut:]):
            theirs.sendall(piece)
            if piece:
                client.read(100)
        assert delivered == [(5, b"t", b"ab"), (6, b"u", long_payload)], cut
        assert acknowledged == [0x8000]
        ours.close()
        theirs.close()


@pytest.mark.parametrize(
    "malformed",
    [b"\x32\xff\xff\xff\xff\x01", b"\x32\x00", b"\x32\x01\x00", b"\x32\x04\x00\x09tt", b"\x32\x03\x00\x01t"],
)
def test_a_malformed_publish_ends_the_connection(malformed: bytes) -> None:
    """A length without end, none for a topic, a topic beyond the packet: a valid one before it was delivered."""
    ours, theirs = socket.socketpair()
    delivered: list[bytes] = []
    client = ReadAheadClient("c", lambda some: delivered.extend([payload for _, _, payload in some]), lambda mid: None)
    client._sock = ours
    ours.setblocking(False)
    theirs.sendall(b"\x32\x07\x00\x01t\x00\x05ab" + malformed)
    client.read(100)
    assert (delivered, client.socket()) == ([b"ab"], None)
    theirs.close()


def test_the_private_names_of_paho_that_the_read_ahead_leans_on_exist() -> None:
    """A new paho that renames them must fail here and not by losing speed or messages."""
    for name in ("_sock_recv", "_packet_queue"):
        assert callable(getattr(paho.Client, name))
    assert ReadAheadClient._sock_recv is not paho.Client._sock_recv
