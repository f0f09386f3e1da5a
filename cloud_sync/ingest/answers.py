"""What a device is told when it reports: the directive that is due, or the time."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

from cloud_sync.audit import Kind
from cloud_sync.directive.compile import Permission
from cloud_sync.directive.desk import DirectiveDesk, Outgoing
from cloud_sync.directive.state import DOWN_REACH
from cloud_sync.errors import UnknownDevice
from cloud_sync.ingest.healing import Healing
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import AuditEvent, Device, StatusReason, StatusReport
from cloud_sync.retention.checkpoint import MOST_AHEAD_S, in_doubt, leap_s
from cloud_sync.stores import AuditSink, Database
from cloud_sync.wire.downlink import time_value

log = logging.getLogger(__name__)

ACTOR = "ingest"


class Answers:
    """The directive desk as ingest and consent use it: permissions looked up, numbers in step with the key store."""

    def __init__(
        self,
        *,
        database: Database,
        keys: LadderKeys,
        desk: DirectiveDesk,
        permission: Callable[[str], Permission],
        audit: AuditSink,
        healing: Healing | None = None,
        updates: Callable[[str, StatusReport, float], list[Outgoing]] | None = None,
    ) -> None:
        """`permission` compiles what a subject's devices may sense now; without `healing` no generation is offered,
        and without `updates` no release.
        """
        self._database = database
        self._keys = keys
        self._desk = desk
        self._permission = permission
        self._audit = audit
        self.healing = healing
        self._updates = updates

    def enrol(self, device: str) -> None:
        """Begin the directive state of a new device."""
        self._desk.enrol(device)

    def report(self, device: Device, report: StatusReport, at: tuple[int, int, int], now: float) -> list[bytes]:
        """Take over a fresh status, inside the transaction of its batch; sealed downlinks to send after the commit.

        `at` is its generation, epoch and counter. One from before the newest is stored, and changes nothing [statuses that
        wait on the device or are reordered by a broker bring back a spent challenge and a version long replaced]. Nor does one
        of another generation than the down chain's [its number is of an older chain, and would lock the device out of this one].
        """
        state = self._database.directive_state(device.device)
        generation, down_next = self._keys.down(device.device)
        if at[0] != generation or (state is not None and at <= state.reported_at):
            return []
        ahead = report.down_next - down_next
        if ahead > DOWN_REACH:  # a restored server lost less than that; anything else must not move the numbers
            detail: tuple[tuple[str, str | int], ...] = (("reason", "down_next_implausible"), ("count", ahead))
            self._audit.append(AuditEvent(Kind.INGEST_INCIDENT.value, now, ACTOR, device.subject, detail))
            return []
        if state is not None:
            self._database.put_directive_state(replace(state, reported_at=at))
        # Verdicts follow as well, not the directive alone [a device that was cut leaps ahead, and refuses what lies below].
        self._keys.skip_down(device.device, report.down_next)
        self._keep_step(device.device)
        outgoing = self._desk.status(device.device, report, self._permission(device.subject))
        asks = report.time is None or report.reason is StatusReason.CHALLENGE_WANTED  # or its receiver contradicts it
        if (asks or self._fast(device, report, now)) and not any(
            each.directive and each.directive.challenge for each in outgoing
        ):
            outgoing.extend(self._time(device.device, report.challenge, now))
        if self.healing is not None:  # behind what changes the day of a device whose clock stood
            outgoing.extend(self.healing.offers(device, at, now))
        if self._updates is not None:
            outgoing.extend(self._updates(device.device, report, now))
        return [each.envelope for each in outgoing]

    def _fast(self, device: Device, report: StatusReport, now: float) -> bool:
        """Whether the device's clock is ahead of a server's that nothing contradicts [its readings wait until it is told]."""
        if report.time is None or report.time <= now + MOST_AHEAD_S:
            return False
        answered = (record.event_time for record in self._database.consents(device.subject))
        return max(answered, default=0.0) <= now and not in_doubt(leap_s(self._database, now))

    def followed(self, device: Device, now: float) -> Device:
        """The device, inside a transaction, in the generation of its down chain (`Healing.followed`)."""
        try:
            generation, _ = self._keys.down(device.device)
        except UnknownDevice:  # its keys were lost with an older key store: it is enrolled anew
            return device
        return self.healing.followed(device, generation, now) if self.healing is not None else device

    def settle(self, device: Device, now: float) -> list[bytes]:
        """After a change of consent, inside its transaction; sealed downlinks to send after the commit."""
        device = self.followed(device, now)
        self._keep_step(device.device)
        return [each.envelope for each in self._desk.settle(device.device, self._permission(device.subject))]

    def _time(self, device: str, challenge: bytes, now: float) -> list[Outgoing]:
        """The time, for a device that knows none; it spends the challenge, so a directive must wait for the next one."""
        outgoing = self._desk.send(device, time_value(int(now), challenge))
        state = self._database.directive_state(device)
        if outgoing is None or state is None:
            return []
        self._database.put_directive_state(replace(state, challenge=b""))
        return [outgoing]

    def _keep_step(self, device: str) -> None:
        """Verdicts spend numbers of the key store alone; the desk must know how far they have come."""
        state = self._database.directive_state(device)
        number = self._keys.down_next(device)
        if state is not None and state.down_next < number:
            self._database.put_directive_state(replace(state, down_next=number))
