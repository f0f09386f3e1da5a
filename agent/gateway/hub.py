"""The gateway without its ports and sockets: contacts, spool and forwarder put together, driven by one loop.

The loop, in one thread: `attach` a contact for each open port, give it what was read (`contact.heard`), then call `turn`
once a round, and write what each contact has to say (`contact.outgoing`). What the broker says goes to `broker_up`,
`broker_down`, `acknowledged` and `downlink`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from agent.gateway.contact import Contact
from agent.gateway.downs import MOST_DOWNS
from agent.gateway.forward import WINDOW, Forwarder, Publisher
from agent.gateway.frames import ENVELOPE_LIMIT_BYTES
from agent.gateway.limits import Limits
from agent.gateway.spool import Spool, Taken

_TICK_S: Final = 0.25  # a DOWN is said again so much late at most
_EXPIRE_S: Final = 60.0
# Envelopes that wait for one fsync: what two turns of 32 ports bring. A device waits for its answer 8 s at most.
_COMMIT_AT: Final = 64
_COMMIT_LATEST_S: Final = 0.25
_COMMIT_SHARE: Final = 4.0  # a card whose fsync takes 50 ms is given 200 ms: ports are read in between
# After a refusal room is said to be there again once so many envelopes fit: a window of 16 devices, so that it lasts.
_ROOM_AGAIN: Final = 64


class Broker(Publisher, Protocol):
    """What the MQTT side does for the hub. None of these may wait, and none may raise for a lost connection."""

    def listen(self, device: str) -> None:
        """Connect as `gateway-<device>` with a session that the broker keeps, subscribe to `bl/1/<device>/down`; again by
        itself whenever the connection is lost, until `leave`."""

    def leave(self, device: str) -> None:
        """End that connection; the broker keeps the session, with all that was not acknowledged."""

    def acknowledge(self, device: str, downlink: int) -> None:
        """PUBACK for this PUBLISH of the device's connection; nothing if that connection is gone (the broker repeats it)."""


class _Answer(NamedTuple):
    """An UP that waits for the next commit."""

    contact: Contact
    number: int
    turn: int


class Hub:
    """All contacts of a gateway, its spool and its forwarder.

    A pseudonym may be claimed at several ports at once: each is told its downlinks, the first TAKEN counts. [If the later claim
    ended the earlier, a port could cut off a device for good by saying HELLO in its name.]
    """

    def __init__(
        self,
        spool: Spool,
        broker: Broker,
        *,
        now_s: Callable[[], float],
        limits: Limits | None = None,
        baudrate: int = 115_200,
        window: int = WINDOW,
        commit_every_s: float = 0.025,
    ) -> None:
        """`limits` are those of a line at 115 200 baud; a faster one is allowed as much more."""
        self.spool, self.contacts = spool, list[Contact]()
        self.forwarder = Forwarder(spool, broker, now_s=now_s, window=window)
        self._broker, self._now_s, self._limits = broker, now_s, (limits or Limits()).at(baudrate)
        self._counts: Counter[str] = Counter()  # our own, and those of ports that are gone
        self._listeners: dict[str, list[Contact]] = {}
        self._downs: dict[str, dict[int, bytes]] = {}  # what no port has taken, of devices in contact
        self._answers: list[_Answer] = []
        self._first_s = 0.0  # when the first of them came
        self._commit_every_s = self._least_commit_s = commit_every_s
        self._ticked_s = self._expired_s = now_s()
        self.spool.expire()

    # --- ports

    def attach(self, port: str) -> Contact:
        """A port was opened."""
        contact = Contact(port, self, now_s=self._now_s, limits=self._limits)
        self.contacts.append(contact)
        return contact

    def detach(self, contact: Contact) -> None:
        """It is gone, or closed."""
        contact.end()
        self.contacts.remove(contact)
        self._counts.update(contact.counts)

    def turn(self) -> float:
        """Once a round of the loop, after all ports were read: ticks, commits, answers, forwards. Seconds until it wants to be
        called again at the latest, if nothing comes (0.001 to 0.25)."""
        now_s = self._now_s()
        if not self._answers:
            self.spool.commit()  # deletions, and the next try after a failed write
        elif now_s - self._first_s >= self._commit_every_s or self.spool.uncommitted >= _COMMIT_AT:
            self._commit()
        self.forwarder.pump()
        for contact in self.contacts:
            contact.state(self._has_room(contact, _ROOM_AGAIN) if contact.refused else self.serves(contact))
        if now_s - self._ticked_s >= _TICK_S:
            self._ticked_s = now_s
            for contact in self.contacts:
                contact.tick()
        if now_s - self._expired_s >= _EXPIRE_S:
            self._expired_s = now_s
            self.spool.expire()
        due_s = min(self._first_s + self._commit_every_s - now_s, _TICK_S) if self._answers else _TICK_S
        return max(0.001, due_s)

    def _commit(self) -> None:
        """One fsync for all that came, then their ACCEPTED; without it none: the devices say them again."""
        begun_s = self._now_s()
        durable = self.spool.commit()
        took_s = self._now_s() - begun_s
        self._commit_every_s = min(_COMMIT_LATEST_S, max(self._least_commit_s, _COMMIT_SHARE * took_s))
        answers, self._answers = self._answers, []
        if durable:
            for answer in answers:
                answer.contact.accept(answer.number, answer.turn)

    # --- what contacts ask (contact.Switch)

    def serves(self, contact: Contact) -> bool:
        """Whether envelopes of this port are taken now: into the spool, or past it to a broker that is there."""
        return self._has_room(contact, 1)

    def _has_room(self, contact: Contact, envelopes: int) -> bool:
        return self.forwarder.connected or self.spool.room(contact.port, envelopes)

    def subscribe(self, device: str, contact: Contact) -> None:
        """A contact has begun, or begun again: hand it this device's downlinks, those too that wait for a TAKEN."""
        listeners = self._listeners.setdefault(device, [])
        if contact not in listeners:
            listeners.append(contact)
        if listeners == [contact] and device not in self._downs:
            self._downs[device] = {}
            self._broker.listen(device)
        for downlink, envelope in list(self._downs[device].items()):
            contact.down(downlink, envelope, again=True)

    def unsubscribe(self, device: str, contact: Contact) -> None:
        """It is over."""
        listeners = self._listeners[device]
        listeners.remove(contact)
        if not listeners:
            del self._listeners[device], self._downs[device]
            self._broker.leave(device)

    def up(self, contact: Contact, number: int, envelope: bytes) -> None:
        """An envelope of the contact's device: ACCEPTED with the next commit, or with a PUBACK where the spool takes nothing."""
        device, turn = contact.device, contact.turn
        if self.spool.take(device, envelope, contact.port) is not Taken.FULL:
            if not self._answers:
                self._first_s = self._now_s()
            self._answers.append(_Answer(contact, number, turn))
        elif self.forwarder.past(device, envelope, lambda: contact.accept(number, turn), contact.port):
            self._counts["past"] += 1
        else:
            self._counts["refused"] += 1

    def taken(self, device: str, downlink: int) -> None:
        """A port has taken it: PUBACK, once."""
        if self._downs.get(device, {}).pop(downlink, None) is not None:
            self._broker.acknowledge(device, downlink)

    # --- the broker

    def broker_up(self) -> None:
        """The uplink connection stands."""
        self.forwarder.up()

    def broker_down(self) -> None:
        """The uplink connection is lost."""
        self.forwarder.down()

    def acknowledged(self, handle: int) -> None:
        """PUBACK on the uplink connection."""
        self.forwarder.acknowledged(handle)

    def downlink(self, device: str, downlink: int, envelope: bytes, again: bool) -> None:
        """A PUBLISH on the device's connection, `downlink` its packet identifier, `again` its DUP. Not to be acknowledged by
        the caller: `Broker.acknowledge` says when."""
        held = self._downs.get(device)
        if held is None:
            return  # nobody listens any more; the broker keeps it
        if not 0 < len(envelope) <= ENVELOPE_LIMIT_BYTES:
            # An empty one clears what a broker retains; one that no frame holds would come again in every contact, for ever.
            self._counts["downlink_unfit"] += 1
            self._broker.acknowledge(device, downlink)
        elif downlink not in held and len(held) >= MOST_DOWNS:
            self._counts["downlink_late"] += 1  # not acknowledged: in the next contact
        else:
            held[downlink] = envelope
            for contact in self._listeners[device]:
                contact.down(downlink, envelope, again=again)

    # --- the rest

    def figures(self) -> dict[str, float]:
        """Counts and gauges for metrics, none of which names a device.

        Gauges: spool_envelopes, spool_bytes, spool_oldest_s, spool_ready, in_flight, stalled_s, broker, ports, contacts. Counts:
        spool_expired, spool_refused, spool_damaged, published, unknown_acks, and frame_… as in `Contact.counts`.
        """
        spool, forwarder = self.spool, self.forwarder
        counts = sum((contact.counts for contact in self.contacts), Counter(self._counts))
        return {
            "spool_envelopes": spool.count,
            "spool_bytes": spool.size_bytes,
            "spool_oldest_s": spool.oldest_age_s(),
            "spool_ready": spool.ready,
            "spool_expired": spool.expired,
            "spool_refused": spool.refused,
            "spool_damaged": spool.damaged,
            "in_flight": forwarder.in_flight,
            "stalled_s": forwarder.stalled_s(),
            "broker": forwarder.connected,
            "published": forwarder.published,
            "unknown_acks": forwarder.unknown_acks,
            "ports": len(self.contacts),
            "contacts": sum(1 for contact in self.contacts if contact.device),
            **{f"frame_{name}": n for name, n in sorted(counts.items())},
        }

    def close(self) -> None:
        """Stop: what came is committed and answered, contacts end with STATE 0 (write `outgoing` once more), the spool is
        closed."""
        self._commit()
        for contact in self.contacts:
            contact.state(False)
        self.forwarder.down()
        self.spool.close()
