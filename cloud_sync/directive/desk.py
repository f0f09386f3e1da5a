"""The desk that writes directives: one row of state a device, changed in a transaction, and what is to be sent for it.

The desk seals nothing itself. `seal(device, number, value)` seals the plaintext array `value` under the device's
downlink chain at `number` or, where that chain is further already, above it; it returns the number used and the
envelope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from cloud_sync.directive.compile import Permission, compile_directive
from cloud_sync.directive.state import Step, fresh, may_number, new_generation, observed, restored, settle
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

    def __init__(self, db: Database, policy: Policy, clock: Clock, seal: Seal) -> None:
        self._db = db
        self._policy = policy
        self._clock = clock
        self._seal = seal

    def enrol(self, device: str) -> None:
        """Begin the state of a new device; an existing one stays as it is."""
        with self._db.transaction():
            if self._db.directive_state(device) is None:
                self._db.put_directive_state(fresh(device))

    def settle(self, device: str, permission: Permission) -> list[Outgoing]:
        """What is to be sent now, after a change of consent, policy or restriction; the rest waits for a status."""
        with self._db.transaction():
            return self._settled(self._state(device), permission)

    def status(self, device: str, report: StatusReport, permission: Permission) -> list[Outgoing]:
        """Take over a fresh status (never one that was seen before) and answer it with a directive where one is due."""
        with self._db.transaction():
            return self._settled(observed(self._state(device), report), permission)

    def send(self, device: str, value: list[Any]) -> Outgoing | None:
        """Seal another downlink (verdicts, time); None while the device must first report how far it is."""
        with self._db.transaction():
            state = self._state(device)
            if not may_number(state):
                return None
            number, envelope = self._sealed(state, value)
            self._db.put_directive_state(replace(state, down_next=number + 1))
            return Outgoing(device, number, envelope)

    def floor(self, device: str, stream: Stream) -> int:
        """The lowest directive version whose captures of `stream` are accepted."""
        return self._state(device).floors[stream - 1]

    def restored(self) -> None:
        """After a restore from a backup, before anything is served: jump, for every device."""
        with self._db.transaction():
            for device in self._db.all_devices():
                self._db.put_directive_state(restored(self._state(device.device)))

    def new_generation(self, device: str) -> None:
        """After healing or a change of hands: downlink numbers begin again."""
        with self._db.transaction():
            self._db.put_directive_state(new_generation(self._state(device)))

    def _state(self, device: str) -> DirectiveState:
        state = self._db.directive_state(device)
        if state is None:
            raise UnknownDevice("no directive state for this device: it was never enrolled")
        return state

    def _settled(self, state: DirectiveState, permission: Permission) -> list[Outgoing]:
        now = self._clock.now()
        wanted = compile_directive(self._policy, permission, version=1, now=now)
        step = settle(state, wanted, now)
        state, outgoing = self._numbered(step)
        self._db.put_directive_state(state)
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
