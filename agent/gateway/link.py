"""The gateway's side towards the broker: one connection upwards, and one for each device whose downlinks are wanted.

Client ids and topics as docs/serial-link.md has them. A device's own connection is opened only while the one upwards stands
[a dead broker is asked by one, not by thirty].
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from agent.gateway.connection import Connection
from agent.gateway.dialer import Dialer
from agent.gateway.log import Log

_DEVICE = re.compile(r"[a-z2-7]{16}")  # docs/wire-format.md section 2: what else is named would be another topic
TICK_S = 0.5  # the resolution of pauses and of keep-alive
# For how long a device's envelopes wait for its downlinks' subscription. [A server answers within milliseconds, and where the
# broker has no session of the device an answer before the subscription is for nobody.] A device waits 8 s for an answer.
HOLD_S = 3.0
# Of them so many at most, what a device says at once and as many again; then all go [they take places in the window: a port
# whose subscriptions are refused could keep it full].
MOST_HELD = 8
# Downlinks that are remembered for their acknowledgement: more than a hub holds (contact.MOST_DOWNS), with those it leaves to
# the broker. [A broker without a window could name 65,535.]
MOST_HEARD = 1024


class Receiver(Protocol):
    """Who is told what the broker says; `hub.Hub` is one."""

    def broker_up(self) -> None:
        """The connection upwards stands."""

    def broker_down(self) -> None:
        """It is lost."""

    def acknowledged(self, handle: int) -> None:
        """A PUBACK."""

    def downlink(self, device: str, downlink: int, envelope: bytes, again: bool) -> None:
        """A PUBLISH for a device."""


class Link:
    """`hub.Broker`, made of connections. Give it its receiver with `tell` before `start`."""

    def __init__(
        self,
        dialer: Dialer,
        name: str,
        account: tuple[str, str] | None,
        log: Log,
        *,
        where: str,
        now_s: Callable[[], float],
    ) -> None:
        """`where` is the broker in log lines; `name` the gateway's own."""
        self._dialer = dialer
        self._account = account
        self._log = log
        self._where = where
        self._now_s = now_s
        self._receiver: Receiver | None = None
        self._uplink = Connection(dialer, self, f"gateway-up-{name}", account=account)
        self._devices: dict[str, _Device] = {}
        self._handle = 0
        self._handles: dict[int, int] = {}  # the hub's handle by packet identifier
        self._tick_at_s = 0.0
        self._said_gone = False
        self.connected = False
        self.losses = 0  # of the connection upwards, once it stood
        self.refusals = 0  # attempts in vain, of all connections

    def tell(self, receiver: Receiver) -> None:
        """Whom to tell."""
        self._receiver = receiver

    def start(self) -> None:
        """Connect, and stay so."""
        self._uplink.open()

    # hub.Broker

    def publish(self, device: str, envelope: bytes) -> int | None:
        """Its handle, or None while there is no connection, or the broker does not read. What a device says as a contact begins
        waits for its downlinks'."""
        if not self.connected or self._uplink.backed_up:
            return None
        self._handle += 1
        made = self._devices.get(device)
        if made is None or made.settled:
            return self._send(self._handle, device, envelope)
        made.held.append((self._handle, envelope))
        handle = self._handle
        if len(made.held) >= MOST_HELD:
            self._settle(device, made)
        return handle

    def _send(self, handle: int, device: str, envelope: bytes) -> int | None:
        mid = self._uplink.publish(f"bl/1/{device}/up", envelope)
        if mid is None:
            return None
        self._handles[mid] = handle
        return handle

    def _settle(self, device: str, made: _Device) -> None:
        """What was held goes out; without a connection it is gone, and the hub has heard so."""
        made.settled = True
        held, made.held = made.held, []
        for handle, envelope in held:
            self._send(handle, device, envelope)

    def listen(self, device: str) -> None:
        """Hear the device's downlinks until `leave`. Called again it begins anew, so that the broker repeats what waits."""
        if not _DEVICE.fullmatch(device):
            raise ValueError("a device is 16 characters of base 32")
        self.leave(device)
        made = self._devices[device] = _Device(self, device)
        if self.connected:
            made.begin(self._now_s())

    def leave(self, device: str) -> None:
        """Hear them no more; the broker keeps what comes."""
        made = self._devices.pop(device, None)
        if made is not None:
            self._settle(device, made)
            made.connection.close(self._now_s())

    def acknowledge(self, device: str, downlink: int) -> None:
        """PUBACK, if the connection on which it came still stands."""
        made = self._devices.get(device)
        if made is not None:
            made.acknowledge(downlink)

    # The loop's

    @property
    def connections(self) -> list[Connection]:
        """All of them, for the loop to poll."""
        return [self._uplink, *[made.connection for made in self._devices.values()]]

    @property
    def dialer(self) -> Dialer:
        """Whose results `dialed` takes."""
        return self._dialer

    def dialed(self) -> None:
        """The dialer has results."""
        for who, sock, why in self._dialer.results():
            if isinstance(who, Connection):
                who.dialed(sock, why, self._now_s())

    def tick(self) -> None:
        """Once a turn: what is due by time."""
        now_s = self._now_s()
        if now_s < self._tick_at_s:
            return
        self._tick_at_s = now_s + TICK_S
        for connection in self.connections:
            connection.tick(now_s)
        for device, made in self._devices.items():
            if not made.settled and self.connected and now_s >= made.settle_at_s:
                self._settle(device, made)

    def renew(self) -> None:
        """Give the connection upwards up and make a new one [a broker that answers pings and acknowledges nothing]."""
        self._uplink.lose("it acknowledges nothing", self._now_s())

    def close(self) -> None:
        """Disconnect all in order."""
        now_s = self._now_s()
        self.connected = False
        for connection in self.connections:
            connection.close(now_s)
        self._devices.clear()
        self._dialer.close()

    # Of the connection upwards

    def link_up(self) -> None:
        """It stands: devices' own may follow."""
        self.connected, self._said_gone = True, False
        self._log.say("broker-there", f"{self._where} has taken the connection")
        if self._receiver is not None:
            self._receiver.broker_up()
        for made in self._devices.values():
            made.begin(self._now_s())

    def link_down(self, why: str) -> None:
        """It is lost, or could not be had; said once."""
        if self.connected:
            self.connected = False
            self.losses += 1
            self._handles.clear()
            if self._receiver is not None:
                self._receiver.broker_down()
            for made in self._devices.values():
                made.rest(self._now_s())
        else:
            self.refusals += 1
        if not self._said_gone:
            self._said_gone = True
            self._log.say("broker-gone", f"{self._where}: {why}; tried again, and what was accepted waits")

    def message(self, mid: int, envelope: bytes, again: bool) -> None:
        """It subscribes to nothing; what a broker sends here all the same is for nobody."""

    def published(self, mid: int) -> None:
        """A PUBACK; one of nothing that was sent is named as a handle that nobody has."""
        if self._receiver is not None:
            self._receiver.acknowledged(self._handles.pop(mid, 0))

    # Of devices

    def device_up(self, device: str, made: _Device) -> None:
        """A device's downlinks are heard."""
        self._settle(device, made)

    def of_device(self, device: str, downlink: int, envelope: bytes, again: bool) -> None:
        """A PUBLISH on a device's connection."""
        if self._receiver is not None:
            self._receiver.downlink(device, downlink, envelope, again)

    def device_down(self, why: str) -> None:
        """A device's connection was lost or refused, while the one upwards stands."""
        self.refusals += 1
        if self.connected:
            self._log.say("downlinks-gone", f"{self._where}, one device's downlinks: {why}; tried again")

    def make(self, device: str, listener: _Device) -> Connection:
        """The connection of a device."""
        return Connection(
            self._dialer, listener, f"gateway-{device}", topic=f"bl/1/{device}/down", account=self._account
        )


class _Device:
    """A device's connection. The hub's name for a downlink is its packet identifier, which a broker keeps over connections.

    Only what came on the connection that stands is acknowledged on it [a broker that has lost the session gives the same
    identifier to another message, and a late TAKEN would acknowledge that].
    """

    def __init__(self, link: Link, device: str) -> None:
        self._link = link
        self._device = device
        self._heard: set[int] = set()
        self.connection = link.make(device, self)
        self.settled = False  # heard, or waited for long enough
        self.settle_at_s = 0.0
        self.held: list[tuple[int, bytes]] = []  # handles and envelopes, MOST_HELD at most

    def begin(self, now_s: float) -> None:
        """The connection upwards stands: now this one."""
        self.settle_at_s = now_s + HOLD_S
        self.connection.open()
        self.connection.tick(now_s)

    def rest(self, now_s: float) -> None:
        """No connection until it is opened again."""
        self.settled, self.held = False, []
        self._heard.clear()
        self.connection.close(now_s)

    def acknowledge(self, downlink: int) -> None:
        if downlink in self._heard:
            self._heard.discard(downlink)
            self.connection.ack(downlink)

    def link_up(self) -> None:
        """The broker sends what waits, also what it has sent before."""
        self._link.device_up(self._device, self)

    def link_down(self, why: str) -> None:
        """It comes back by itself."""
        self._heard.clear()
        self._link.device_down(why)

    def message(self, mid: int, envelope: bytes, again: bool) -> None:
        """A downlink."""
        if len(self._heard) < MOST_HEARD:
            self._heard.add(mid)
        self._link.of_device(self._device, mid, envelope, again)

    def published(self, mid: int) -> None:
        """It publishes nothing."""
