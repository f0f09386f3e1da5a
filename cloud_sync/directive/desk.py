"""The desk that writes directives: one row of state a device, changed in a transaction, and what is to be sent for it.

The desk seals nothing itself. `seal(device, number, value)` seals the plaintext array `value` under the device's
downlink chain at `number` or, where that chain is further already, above it; it returns the number used and the
envelope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cloud_sync.directive.atrest import AtRest
from cloud_sync.directive.compile import Permission, compile_directive
from cloud_sync.directive.state import (
    Step,
    again,
    current_of,
    fresh,
    may_number,
    new_generation,
    observed,
    on_its_way,
    restored,
    settle,
)
from cloud_sync.errors import UnknownDevice
from cloud_sync.model import Directive, DirectiveState, StatusReport, Stream
from cloud_sync.policy import Policy
from cloud_sync.stores import Clock, Database
from cloud_sync.wire.downlink import directive_value

Seal = Callable[[str, int, list[Any]], tuple[int, bytes]]


class Outgoing(NamedTuple):
    """A sealed downlink; send it once the transaction around its making has committed."""

    device: str
    number: int
    envelope: bytes
    directive: Directive | None = None


class DirectiveDesk:
    """Directives of all devices under one policy. Transactions join the caller's, where there is one."""

    def __init__(self, db: Database, policy: Policy, clock: Clock, seal: Seal, at_rest: AtRest) -> None:
        """`at_rest` is how the store holds a state: the rules see the directive, the database file does not."""
        self._db = db
        self._at_rest = at_rest
        self._policy = policy
        self._clock = clock
        self._seal = seal

    def enrol(self, device: str) -> None:
        """Begin the state of a new device; an existing one stays as it is."""
        with self._db.transaction():
            if self._db.directive_state(device) is None:
                self._put(fresh(device))

    def settle(self, device: str, permission: Permission) -> list[Outgoing]:
        """What is to be sent now, after a change of consent, policy or restriction; the rest waits for a status."""
        with self._db.transaction():
            return self._settled(self._state(device), permission)

    def status(self, device: str, report: StatusReport, permission: Permission) -> list[Outgoing]:
        """Take over a fresh status (never one that was seen before) and answer it with a directive where one is due."""
        with self._db.transaction():
            state = self._state(device)
            seen = observed(state, report)
            # Without its challenge nothing is said anew but what narrows; what was said before is said once more.
            if on_its_way(state, report, self._clock.now()):
                return self._settled(replace(seen, challenge=b""), permission, then=again)
            return self._settled(seen, permission)

    def send(self, device: str, value: list[Any]) -> Outgoing | None:
        """Seal another downlink (verdicts, time); None while the device must first report how far it is."""
        with self._db.transaction():
            state = self._state(device)
            if not may_number(state):
                return None
            number, envelope = self._sealed(state, value)
            self._put(replace(state, down_next=number + 1))
            return Outgoing(device, number, envelope)

    def floor(self, device: str, stream: Stream) -> int:
        """The lowest directive version whose captures of `stream` are accepted."""
        return self._stored(device).floors[stream - 1]

    def current(self, device: str) -> Directive | None:
        """The directive that was issued last, without its challenge; None before the first and when it is not known."""
        return current_of(self._state(device))

    def restored(self) -> None:
        """After a restore from a backup, before anything is served: jump, for every device."""
        with self._db.transaction():
            for device in self._db.all_devices():
                self._put(restored(self._state(device.device)))

    def new_generation(self, device: str) -> None:
        """After healing or a change of hands: downlink numbers begin again."""
        with self._db.transaction():
            self._put(new_generation(self._state(device)))

    def rekey(self, devices: Sequence[str], destroy: Callable[[], None]) -> None:
        """Destroy the key that these states are sealed under, and keep of them what tells no place, under the next one.

        Of a directive with zones or hours nothing stays: it counts as not known, and the device is told anew at its next status.
        """
        with self._db.transaction():
            states = [self._state(device) for device in devices]
            destroy()
            for state in states:
                current = current_of(state)
                private = current is not None and (current.zones or current.hours)
                self._put(replace(state, current=b"") if private else state)

    def _put(self, state: DirectiveState) -> None:
        self._db.put_directive_state(self._at_rest.sealed(state))

    def _state(self, device: str) -> DirectiveState:
        return self._at_rest.opened(self._stored(device))

    def _stored(self, device: str) -> DirectiveState:
        state = self._db.directive_state(device)
        if state is None:
            raise UnknownDevice("no directive state for this device: it was never enrolled")
        return state

    def _settled(
        self, state: DirectiveState, permission: Permission, then: Callable[[Step], Step] = lambda step: step
    ) -> list[Outgoing]:
        now = self._clock.now()
        wanted = compile_directive(self._policy, permission, version=1, now=now)
        step = then(settle(state, wanted, now))
        state, outgoing = self._numbered(step)
        self._put(state)
        return outgoing

    def _numbered(self, step: Step) -> tuple[DirectiveState, list[Outgoing]]:
        """Seal what may be sent; without a number in reach a directive waits for a status, while its floors hold."""
        state, outgoing = step.state, []
        for directive in step.directives:
            if not may_number(state):
                break
            number, envelope = self._sealed(state, directive_value(directive))
            state = replace(state, down_next=number + 1)
            outgoing.append(Outgoing(state.device, number, envelope, directive))
        return state, outgoing

    def _sealed(self, state: DirectiveState, value: list[Any]) -> tuple[int, bytes]:
        return self._seal(state.device, state.down_next, value)
