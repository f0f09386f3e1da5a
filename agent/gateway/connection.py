"""A connection to the broker that never makes a port wait: MQTT 3.1.1 by paho, driven by the gateway's one loop.

The dialer hands over a socket that is ready; from there on every step is the loop's and none of it waits.

Each connection is a new paho client: nothing of the last one is sent by itself. What was not acknowledged is sent again by
who keeps it: the spool upwards, the broker's session downwards.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import paho.mqtt.client as paho

from agent.gateway.client import Client
from agent.gateway.dialer import Dialer, reason_of
from agent.gateway.frames import ENVELOPE_LIMIT_BYTES

GREET_S = 10.0  # CONNECT to CONNACK and SUBACK
KEEPALIVE_S = 30  # a broker that vanishes is noticed within a minute; the spool takes what comes meanwhile
FIRST_RETRY_S = 0.5  # a broker that restarts is back within a second
LAST_RETRY_S = 30.0  # twice a minute burdens nobody
STEADY_S = 10.0  # a connection that stood so long was a good one, and the next pause is the first again


class Listener(Protocol):
    """Who is told what happens on a connection."""

    def link_up(self) -> None:
        """The connection stands, and its subscription if it has one."""

    def link_down(self, why: str) -> None:
        """It stood, and is gone; or it was tried in vain. It comes back by itself."""

    def message(self, mid: int, envelope: bytes, again: bool) -> None:
        """Came on the topic; to be acknowledged by `ack` once it has been taken."""

    def published(self, mid: int) -> None:
        """The broker has taken what `publish` gave it."""


class Connection:
    """One place at the broker that is taken again whenever it is lost, from `open` to `close`."""

    def __init__(
        self,
        dialer: Dialer,
        listener: Listener,
        client_id: str,
        *,
        topic: str = "",
        account: tuple[str, str] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """With a `topic` the session is kept by the broker and subscribed at QoS 1; without one it is new each time."""
        self._dialer = dialer
        self._listener = listener
        self._client_id = client_id
        self._topic = topic
        self._account = account
        self._rng = rng or random.Random()  # noqa: S311 - spreads attempts, decides nothing
        self._client: Client | None = None
        self._wanted = False
        self._dialing = False
        self._why = ""
        self._events: list[Callable[[], None]] = []
        self._greeted_by_s = 0.0
        self._up_at_s: float | None = None
        self._retry_s = FIRST_RETRY_S
        self._again_at_s = 0.0
        self.up = False
        self.attempts = 0

    # What the loop asks and calls

    def fileno(self) -> int:
        """The socket's, or -1."""
        sock: Any = self._client.socket() if self._client else None
        return sock.fileno() if sock is not None else -1

    @property
    def wants_write(self) -> bool:
        """Whether something waits to be written."""
        return self._client is not None and self._client.wants_write

    @property
    def buffered(self) -> bool:
        """Whether `read` has work that a selector does not know of."""
        return self._client is not None and self._client.buffered

    @property
    def backed_up(self) -> bool:
        """Whether the broker reads more slowly than it is written to."""
        return self._client is not None and self._client.backed_up

    def open(self) -> None:
        """Connect at the next `tick`, and stay so."""
        if not self._wanted:
            self._wanted, self._again_at_s, self._retry_s = True, 0.0, FIRST_RETRY_S

    def close(self, now_s: float) -> None:
        """Leave in order; a session that the broker keeps stays there. Nobody is told."""
        self._wanted = self.up = False
        self._up_at_s = None
        if self._dialing and self._dialer.forget(self):
            self._dialing = False
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # whatever it is, the connection ends
                client.disconnect()
                client.write()
            client.shut()

    def tick(self, now_s: float) -> None:
        """Once a second or so: dial when it is time, keep alive, notice what takes too long."""
        if self._client is None:
            if self._wanted and not self._dialing and now_s >= self._again_at_s:
                self._dialing = True
                self.attempts += 1
                self._dialer.ask(self)
            return
        self._step(self._client.loop_misc, now_s)
        if self._client is not None and not self.up and now_s >= self._greeted_by_s:
            self._lost("no answer to its greeting", now_s)

    def dialed(self, sock: socket.socket | None, why: str, now_s: float) -> None:
        """The dialer's answer."""
        self._dialing = False
        if sock is None:
            if self._wanted:
                self._failed(why, now_s)
            return
        if not self._wanted or self._client is not None:
            sock.close()
            return
        self._client = client = Client(sock, self._client_id, clean=not self._topic)
        if self._account:
            client.username_pw_set(*self._account)
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message, client.on_publish = self._on_message, self._on_publish
        self._events, self._why, self._greeted_by_s = [], "", now_s + GREET_S
        self._step(lambda: client.connect("broker", 1, KEEPALIVE_S), now_s)  # its socket is there already

    def read(self, now_s: float) -> None:
        """The socket has something, or `buffered` says so."""
        if self._client is not None:
            self._step(self._client.read, now_s)

    def write(self, now_s: float) -> None:
        """Writes as much as the socket takes."""
        if self._client is not None:
            self._step(self._client.write, now_s)

    def publish(self, topic: str, envelope: bytes) -> int | None:
        """Queues it at QoS 1; its identifier, which `published` will name, or None if it takes nothing now."""
        if self._client is None or not self.up:
            return None
        made = self._client.publish(topic, envelope, qos=1)
        # The 65,536th while the first still waits: paho sends nothing, and its PUBACK would be taken for this one's.
        return made.mid if made.rc == paho.MQTT_ERR_SUCCESS else None

    def ack(self, mid: int) -> None:
        """Acknowledges a message of the connection that stands."""
        if self._client is not None:
            self._client.ack(mid, 1)

    def lose(self, why: str, now_s: float) -> None:
        """Give it up as if it were lost; it comes back."""
        if self._client is not None:
            self._lost(why, now_s)

    # Steps of paho's, and what they bring

    def _step(self, step: Callable[[], object], now_s: float) -> None:
        """One step, then its events. A peer that speaks no MQTT costs the connection alone; what a listener raises is raised."""
        why = ""
        try:
            step()
        except OSError as error:
            why = reason_of(error)
        except Exception:  # of paho's packets: struct.error, IndexError, its own
            why = "it speaks no MQTT"
        events, self._events = self._events, []
        for event in events:
            event()
        client = self._client
        if client is not None and (why or client.socket() is None):
            self._lost(why or self._why or "it has closed the connection", now_s)
        elif self.up and self._up_at_s is None:
            self._up_at_s = now_s

    def _lost(self, why: str, now_s: float) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.shut()
        if self._up_at_s is not None and now_s - self._up_at_s >= STEADY_S:
            self._retry_s = FIRST_RETRY_S
        self.up, self._up_at_s = False, None
        self._failed(why, now_s)

    def _failed(self, why: str, now_s: float) -> None:
        self._again_at_s = now_s + self._retry_s * self._rng.uniform(0.75, 1.25)
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)
        self._listener.link_down(why)

    def _stands(self) -> None:
        if self._client is not None and not self.up:
            self.up = True
            self._listener.link_up()

    # Callbacks of paho, in the midst of a step: they note what has come, and act on nothing

    def _on_connect(self, client: paho.Client, userdata: Any, flags: Any, reason: Any, properties: Any) -> None:
        if reason.is_failure:
            self._why = f"it refuses: {reason}".lower()
        elif self._topic:
            client.subscribe(self._topic, qos=1)
        else:
            self._events.append(self._stands)

    def _on_subscribe(self, client: paho.Client, userdata: Any, mid: int, reasons: Any, properties: Any) -> None:
        if [reason.value for reason in reasons] != [1]:  # QoS 0 would be downlinks that nobody must acknowledge
            self._why = "it refuses a device's subscription at QoS 1; see its access list"
            client.disconnect()
        else:
            self._events.append(self._stands)

    def _on_message(self, client: paho.Client, userdata: Any, message: paho.MQTTMessage) -> None:
        if message.qos != 1:
            return
        mid, again, topic = message.mid, bool(message.dup), ""
        with suppress(UnicodeDecodeError):
            topic = message.topic
        if topic != self._topic:
            # Of a subscription that is not ours: it must not fill the broker's window, which would hold up all behind it.
            self._events.append(lambda: self.ack(mid))
            return
        # What no frame holds is handed over as nothing, which is dropped too [a turn's packets would be 32 MB].
        envelope = bytes(message.payload) if len(message.payload) <= ENVELOPE_LIMIT_BYTES else b""
        self._events.append(lambda: self._listener.message(mid, envelope, again))

    def _on_publish(self, client: paho.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        self._events.append(lambda: self._listener.published(mid))
