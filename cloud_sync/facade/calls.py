"""Calls with the support, as far as they may be recorded: told first, by the caller's own leave, and helped all the same.

    call = cloud.calls.begin("u-1", by="e-1")
    call.tell()                      # at the start, before anything is recorded
    call.accept()                    # or call.refuse(): the channels by which help goes on without a recording
    call.record(piece)
    record_id = call.end()           # None where nothing was recorded

1. Without `support.recording.enabled` the policy has no category for it, and not one byte is kept. 2. Nothing is recorded
before the caller was told [a recording whose beginning nobody knew of]. 3. A refusal takes away what there is already, and
ends no help [a "no" that ends the call is no free answer]. What is recorded lies in memory until the call ends, and then in
the category `call_recording`, whose term counts from `call.ended`.
"""

from __future__ import annotations

from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.entry import named
from cloud_sync.model import AuditEvent, Reason
from cloud_sync.policy import Clock, Policy
from cloud_sync.records import Records
from cloud_sync.records.records import MOST_CONTENT_BYTES
from cloud_sync.stores import AuditSink
from cloud_sync.stores import Clock as Time

RECORDING: Final = "call_recording"


class Call:
    """One call. Times are Unix seconds, None while it has not happened."""

    def __init__(self, calls: Calls, subject: str, by: str) -> None:
        """Use `Calls.begin`."""
        self._calls = calls
        self.subject, self.by = subject, by
        self.told_at: float | None = None
        self.first_byte_at: float | None = None
        self.accepted: bool | None = None
        self.ended = False
        self._pieces: list[bytes] = []

    def tell(self) -> None:
        """The caller has been told that the call may be recorded, and that they may refuse."""
        self._open()
        if self.told_at is None:
            self.told_at = self._calls.note(Kind.CALL_TOLD, self)

    def accept(self) -> None:
        """The caller lets it be recorded; `Denied` unless they were told first."""
        self._open()
        if self.told_at is None:
            self._calls.deny(self, Reason.NOTICE_MISSING, "the caller has not been told that the call may be recorded")
        self.accepted = True

    def refuse(self) -> tuple[str, ...]:
        """The caller does not: what there is goes, and help goes on, in this call or by any of the channels that are returned."""
        self._open()
        self.accepted = False
        self._pieces.clear()
        self._calls.note(Kind.CALL_REFUSED, self)
        return self._calls.channels

    def record(self, piece: bytes) -> None:
        """Record what was said next; `Denied` unless recording is on, and the caller was told and accepted."""
        self._open()
        self._calls.allow(self)
        if len(piece) + sum(map(len, self._pieces)) > MOST_CONTENT_BYTES:
            raise ConfigError(f"a recording has at most {MOST_CONTENT_BYTES} bytes: end it and begin another call")
        if self.first_byte_at is None:
            self.first_byte_at = self._calls.now()
        self._pieces.append(piece)

    def end(self) -> str | None:
        """The call is over: the id of the record of what was recorded, None if nothing was."""
        self._open()
        self.ended = True
        return self._calls.keep(self, b"".join(self._pieces)) if self._pieces else None

    def _open(self) -> None:
        if self.ended:
            raise ConfigError("this call is over; begin another one")


class Calls:
    """The calls of one installation."""

    def __init__(self, *, policy: Policy, records: Records, clock: Time, audit: AuditSink) -> None:
        self._policy, self._records, self._clock, self._audit = policy, records, clock, audit
        if not policy.parameters.flag("support.recording.refusal_keeps_service"):
            raise ConfigError("support.recording.refusal_keeps_service: who refuses a recording is helped all the same")

    def begin(self, subject: str, *, by: str) -> Call:
        """A call of a person with somebody of the staff."""
        return Call(self, subject, by)

    @property
    def channels(self) -> tuple[str, ...]:
        """By which else a person is helped."""
        return self._policy.parameters.words("support.recording.other_channels")

    def now(self) -> float:
        """Unix seconds."""
        return self._clock.now()

    def allow(self, call: Call) -> None:
        """`Denied` unless the call may be recorded now."""
        if not self._policy.parameters.flag("support.recording.enabled"):
            self.deny(call, Reason.CATEGORY_UNKNOWN, "calls are not recorded: support.recording.enabled is off")
        if call.told_at is None:
            self.deny(call, Reason.NOTICE_MISSING, "the caller has not been told that the call may be recorded")
        if not call.accepted:
            self.deny(call, Reason.CONSENT_MISSING, "the caller has not agreed to a recording, or refused it")

    def deny(self, call: Call, reason: Reason, why: str) -> None:
        """Log it and raise `Denied`."""
        detail = ("action", "ingest"), ("category", RECORDING), ("reason", reason.value), ("count", 0)
        people = named(call.by, call.subject, allowed=False)
        self._audit.append(AuditEvent(Kind.GATE_DENIED.value, self.now(), *people, detail))
        raise Denied(reason, f"denied: {reason.value}: {why}")

    def keep(self, call: Call, content: bytes) -> str:
        """Keep what was recorded, from the end of the call on."""
        name = self._records.put(RECORDING, {call.subject: content}, events={Clock.CALL_ENDED: self.now()})
        self.note(Kind.CALL_RECORDED, call, ("record", name), ("count", len(content)))
        return name

    def note(self, kind: Kind, call: Call, *detail: tuple[str, str | int]) -> float:
        """Log what happened; when."""
        now = self.now()
        self._audit.append(AuditEvent(kind.value, now, call.by, call.subject, detail))
        return now
