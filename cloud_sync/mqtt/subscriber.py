"""Envelopes from the broker into `handle`, acknowledged after it returns, never before.

Two threads. The network thread owns the socket: it reads, queues, acknowledges, publishes. The writer thread takes what has
queued and calls `handle` once for all of it: while one batch is in the store the next accumulates, so the size of a
batch follows the load without a timer (natural group commit). A PUBACK goes out after the commit, in order.

What is lost when: nothing. Before the commit, the broker keeps the message and delivers it again to the same persistent
session. After it, a repeat is found by number and digest. Should the broker lose it too, the device still has
it, because only an authenticated verdict empties a spool.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import paho.mqtt.client as paho

from cloud_sync.config import BrokerConfig
from cloud_sync.errors import StoreError
from cloud_sync.mqtt.access import CONNECT_TIMEOUT_S, prepare
from cloud_sync.mqtt.client import READ_BYTES, ReadAheadClient
from cloud_sync.mqtt.publisher import MqttDownlinks
from cloud_sync.mqtt.wake import Wake

log = logging.getLogger(__name__)

UP_TOPICS = "bl/1/+/up"  # docs/wire-format.md section 2
MAX_PAYLOAD_BYTES = 1024  # section 4; one byte more is kept, so that the refusal sees that it was too long
MAX_PENDING = 8192  # messages read but not committed, 8 MB; beyond it the socket is not read and the broker waits
MAX_BATCH = 2048  # messages in one commit: SQLite gains little beyond, and the wait of the first one grows
FIRST_RETRY_S = 0.1  # a broker that restarts is back within a second
LAST_RETRY_S = 15.0  # one attempt in a quarter of a minute burdens nobody
MISC_INTERVAL_S = 1.0  # keep-alive resolution
LEAVE_TIMEOUT_S = 2.0  # a broker that is alive closes within milliseconds of a DISCONNECT
_DISCONNECT = b"\xe0\x00"  # MQTT 3.1.1 section 3.14

Messages = list[tuple[str, bytes]]
_Received = tuple[int, int, str, bytes]  # connection, packet identifier, topic, payload


class Subscriber:
    """The server's one connection to the broker; `start` returns at once, whether the broker is there or not."""

    def __init__(
        self, broker: BrokerConfig, handle: Callable[[Messages], object], downlinks: MqttDownlinks | None = None
    ) -> None:
        """`handle` has committed when it returns; it is called from one thread, one batch at a time."""
        self._broker = broker
        self._handle = handle
        self.downlinks = downlinks or MqttDownlinks()
        self._client = self._make_client()
        self._pending: deque[_Received] = deque()
        self._done: deque[list[_Received]] = deque()
        self._unacknowledged = 0  # read and not yet acknowledged; changed by the network thread only
        self._connection = 0
        self._connected = threading.Event()
        self._work = threading.Condition()
        self._stopping = threading.Event()
        self._wake = Wake()  # of the network thread
        self._threads: list[threading.Thread] = []
        self.handled = 0  # messages whose batch has been committed
        self.state = "not started"
        self.downlinks.attach(self._wake.wake)

    # Life

    def start(self) -> None:
        """Start both threads; connecting, also for the first time, is theirs."""
        for name, work in (("network", self._network), ("writer", self._writer)):
            thread = threading.Thread(target=work, name=f"cloud-sync-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, timeout_s: float = 20.0) -> None:
        """Finish the batch in the store, acknowledge it, leave; what has not been handled stays with the broker."""
        self._stopping.set()
        with self._work:
            self._work.notify_all()
        self._wake.wake()
        for thread in self._threads:
            thread.join(timeout_s)
        self._threads.clear()
        self._wake.close()

    def wait_connected(self, timeout_s: float) -> bool:
        """Whether the subscription stands within the time."""
        return self._connected.wait(timeout_s)

    @property
    def connected(self) -> bool:
        """Whether the subscription stands."""
        return self._connected.is_set()

    @property
    def pending(self) -> int:
        """Messages read from the broker and not yet committed and acknowledged; at `MAX_PENDING` no more are read."""
        return self._unacknowledged

    def _make_client(self) -> ReadAheadClient:
        broker = self._broker
        client = ReadAheadClient(broker.client_id, self._on_publishes, self.downlinks.acknowledged)
        prepare(client, broker)
        # Downlinks unacknowledged by the broker; the default of 20 is a round trip each.
        client.max_inflight_messages_set(1000)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        return client

    # The network thread

    def _network(self) -> None:
        retry_s = FIRST_RETRY_S
        while not self._stopping.is_set():
            try:
                retry_s = FIRST_RETRY_S if self._session() else retry_s
            except Exception:  # a fault of this program must not end ingest for ever; the session is begun anew
                log.exception("the broker session failed")
            self._connected.clear()
            self._drop_connection()
            if not self._stopping.is_set():
                self.state = "connection lost" if self.state == "connected" else self.state
                log.warning("broker %s: %s; next attempt in %.1f s", self._broker.host, self.state, retry_s)
                self._pause(retry_s)
                retry_s = min(2 * retry_s, LAST_RETRY_S)
        self.state = "stopped"

    def _session(self) -> bool:
        """One connection from beginning to end; whether it ever stood."""
        self._connection += 1
        self.downlinks.reconnected()
        self.state = "connecting"
        try:
            self._client.connect(*self._broker.address, keepalive=self._broker.keepalive_s)
        except (OSError, ValueError) as error:
            self.state = f"cannot connect ({error})"
            return False
        deadline = time.monotonic() + CONNECT_TIMEOUT_S  # of the CONNACK
        misc_at = 0.0
        stood = False
        while not self._leaving():
            sock = self._client.socket()
            if sock is None:
                return stood
            self._exchange(sock)
            stood = stood or self.connected
            now = time.monotonic()
            if not stood and now > deadline:
                self.state = "no answer from the broker"
                return False
            if now >= misc_at:
                self._client.loop_misc()
                misc_at = now + MISC_INTERVAL_S
        self._leave()
        return stood

    def _exchange(self, sock: Any) -> None:
        """One round of reading and writing; waits at most until the next keep-alive check."""
        room = self._unacknowledged < MAX_PENDING
        ahead = room and self._client.buffered
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        wanted = (select.POLLIN if room else 0) | (select.POLLOUT if self._client.want_write() else 0)
        if wanted:
            poll.register(sock, wanted)
        ready = dict(poll.poll(0 if ahead else MISC_INTERVAL_S * 1000))
        if self._wake.fileno() in ready:
            self._wake.drain()
        # An error or hang-up is for the read to find out, even while there is no room: paho then closes the socket.
        if ahead or ready.get(sock.fileno(), 0) & ~select.POLLOUT:
            self._read()
        self._answer()
        if self._client.want_write():
            self._client.loop_write()

    def _read(self) -> None:
        """One read of the socket and all packets that it brought, then tell the writer once."""
        self._client.read(MAX_PENDING - self._unacknowledged)
        if self._pending:
            with self._work:
                self._work.notify()

    def _answer(self) -> None:
        """Verdicts, then the acknowledgement of what they are about: once the broker has let a message go, it has the verdict.

        [A batch that ends between the two steps would be acknowledged first, and so would messages that come before the
        SUBACK, if verdicts waited for it: killed then, the server would owe verdicts that nobody asks it for.]
        """
        finished = len(self._done)
        if self._client.is_connected():  # the CONNACK is here
            self.downlinks.drain(self._client)
        self._acknowledge(finished)

    def _acknowledge(self, batches: int) -> None:
        """Acknowledge committed batches, in order, as far as they came over this connection.

        [After a reconnection the broker delivers again under the same identifiers; an acknowledgement left over from the
        old connection, followed by the one for the repeat, could hit a newer message that took the identifier over.]
        """
        for _ in range(batches):
            batch = self._done.popleft()
            mids = [mid for connection, mid, _, _ in batch if connection == self._connection and mid]
            self._unacknowledged -= len(batch)
            self._client.ack_all(mids)

    def _leaving(self) -> bool:
        """Whether it is time to go: asked to, and the batch in the store has come back."""
        return self._stopping.is_set() and not any(t.is_alive() for t in self._threads if t.name.endswith("writer"))

    def _leave(self) -> None:
        """Acknowledge what is committed, say goodbye, and wait until the broker has read it.

        [A successor that connects before the broker has read the last acknowledgements gets those messages again.]
        """
        self._answer()
        self._client.loop_write()
        sock: Any = self._client.socket()
        with suppress(OSError, AttributeError):  # the connection may have ended by itself just now
            sock.send(_DISCONNECT)
            sock.settimeout(LEAVE_TIMEOUT_S)
            while sock.recv(READ_BYTES):  # what still comes is not acknowledged and will come again
                pass

    def _drop_connection(self) -> None:
        sock: Any = self._client.socket()
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            self._client.loop_read()  # sees the end and lets paho close

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            poll = select.poll()
            poll.register(self._wake, select.POLLIN)
            poll.poll(left * 1000)
            self._wake.drain()

    # Callbacks of paho, in the network thread

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self.state = f"refused by the broker ({reason})"
            return
        client.subscribe(UP_TOPICS, qos=1)

    def _on_subscribe(self, client: paho.Client, userdata: Any, mid: int, reasons: Any, properties: Any) -> None:
        if any(reason.is_failure for reason in reasons):
            self.state = "the broker refuses the subscription to bl/1/+/up; check its access list"
            client.disconnect()
            return
        self.state = "connected"
        log.info("broker %s: connected", self._broker.host)
        self._connected.set()

    def _on_publishes(self, messages: list[tuple[int, bytes, bytes]]) -> None:
        """QoS 1 messages, cut out of the stream by the client; a topic that is no text becomes one that no device has."""
        connection, most = self._connection, MAX_PAYLOAD_BYTES + 1
        self._pending.extend(
            [(connection, mid, str(topic, "utf-8", "replace"), payload[:most]) for mid, topic, payload in messages]
        )
        self._unacknowledged += len(messages)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        """A message of another QoS, from paho; it has no identifier to acknowledge."""
        self._on_publishes([(0, message._topic, bytes(message.payload))])

    # The writer thread

    def _writer(self) -> None:
        while True:
            with self._work:
                while not self._pending and not self._stopping.is_set():
                    self._work.wait(MISC_INTERVAL_S)
            if self._stopping.is_set():
                self._wake.wake()
                return
            count = min(len(self._pending), MAX_BATCH)
            batch = [self._pending.popleft() for _ in range(count)]
            if self._commit(batch):
                self.handled += sum(1 for message in batch if message[-1])
                self._done.append(batch)
                self._wake.wake()

    def _commit(self, batch: list[_Received]) -> bool:
        """Hand over a batch until the store takes it; False if the program ends before."""
        retry_s = FIRST_RETRY_S
        while True:
            try:
                # An empty message clears what is retained (`publisher.forget`): it comes back here, and says nothing.
                self._handle([(topic, payload) for _, _, topic, payload in batch if payload])
                return True
            except StoreError as error:
                log.error("the store refuses a batch of %d: %s; trying again in %.1f s", len(batch), error, retry_s)
                if self._stopping.wait(retry_s):
                    return False
                retry_s = min(2 * retry_s, LAST_RETRY_S)
            except Exception:
                if len(batch) > 1:
                    return all([self._commit([item]) for item in batch])  # noqa: C419 - every one is tried, whatever the first says
                # Acknowledged without a verdict: the device keeps the envelope, and one message cannot block all others.
                log.exception("a message could not be handled; its device will send it again")
                return True
