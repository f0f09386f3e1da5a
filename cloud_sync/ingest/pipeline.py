"""From sealed messages to rows and verdicts, in one transaction.

The checks run in the order of docs/wire-format.md section 4, cheapest first; nothing of a device changes before its tag has
verified. Logs and counts name kinds, never devices, numbers or payloads.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from cloud_sync.audit import Kind as AuditKind
from cloud_sync.errors import KeyDestroyed, SealBroken, UnknownDevice, WireFormatError
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import VERDICTS, Kind, Outcome
from cloud_sync.ingest.screen import Contents, screen
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import (
    EPOCH_SECONDS,
    AuditEvent,
    Device,
    DirectiveState,
    Envelope,
    EnvelopeId,
    Reason,
    StatusReport,
    StoredEnvelope,
    Stream,
    Verdict,
)
from cloud_sync.retention.terms import Terms
from cloud_sync.stores import Clock, Database
from cloud_sync.wire.envelope import open_uplink, parse_uplink

log = logging.getLogger(__name__)

TOPIC_PREFIX, TOPIC_SUFFIX = "bl/1/", "/up"  # docs/wire-format.md section 2
DEVICE_CHARACTERS = 16
ACTOR = "ingest"  # who acts, in the audit log

Message = tuple[str, bytes]


class Desk(Protocol):
    """Answers a device's status with what it needs: a directive, the time."""

    def report(self, device: Device, report: StatusReport, now: float) -> list[bytes]:
        """Record the report in the directive state; sealed downlinks to answer with, once the batch has committed."""


class Audit(Protocol):
    """The audit log."""

    def append(self, event: AuditEvent) -> object:
        """Append within the transaction that is open."""


class _Candidate(NamedTuple):
    device: Device
    id: EnvelopeId
    envelope: Envelope
    payload: bytes


class Ingest:
    """The pipeline; it knows nothing of MQTT, and it is used from one thread at a time."""

    def __init__(
        self,
        *,
        database: Database,
        keys: LadderKeys,
        clock: Clock,
        leave: Leave,
        desk: Desk,
        audit: Audit,
        terms: Terms,
    ) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock
        self._leave = leave
        self._desk = desk
        self._audit = audit
        self._terms = terms
        self.counts: Counter[Kind] = Counter()

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """All outcomes, in order; when it returns, everything that a verdict says is on the disk."""
        with self._database.transaction():
            outcomes = _Batch(self, self._clock.now()).run(messages)
        kinds = Counter(outcome.kind for outcome in outcomes)
        self.counts.update(kinds)
        refused = {str(kind): count for kind, count in kinds.items() if kind not in VERDICTS}
        if refused:
            log.warning("messages refused: %s", refused)
        return outcomes


class _Batch:
    """One transaction's worth of messages: what is looked up once is remembered here, and forgotten with it."""

    def __init__(self, ingest: Ingest, now: float) -> None:
        self._ingest = ingest
        self._database = ingest._database
        self._now = now
        self._today = int(now) // EPOCH_SECONDS
        self._leave = ingest._leave.batch(now)
        self._devices: dict[str, Device | None] = {}
        self._states: dict[str, DirectiveState | None] = {}
        self._chains: dict[tuple[str, int, int, int], DayChain | Kind] = {}
        self._digests: dict[EnvelopeId, set[bytes]] = {}
        self._rows: list[StoredEnvelope] = []
        self._notes: Counter[tuple[str, str, int, str]] = Counter()  # kind, subject, stream, reason

    def run(self, messages: Sequence[Message]) -> list[Outcome]:
        """Refuse what is cheap to refuse, look all numbers up at once, then take the rest one by one."""
        taken = [self._admit(topic, payload) for topic, payload in messages]
        candidates = [item for item in taken if isinstance(item, _Candidate)]
        self._digests = self._database.digests([item.id for item in candidates])
        outcomes = [self._take(item) if isinstance(item, _Candidate) else item for item in taken]
        self._database.add_envelopes(self._rows)
        for (kind, subject, stream, reason), count in self._notes.items():
            detail: tuple[tuple[str, str | int], ...] = (("stream", stream), ("reason", reason), ("count", count))
            self._ingest._audit.append(AuditEvent(kind, self._now, ACTOR, subject, detail))
        return outcomes

    def _admit(self, topic: str, payload: bytes) -> _Candidate | Outcome:
        # 1. and 2. Size and form [no work for a flood of garbage]; the wire module knows the limits and why.
        try:
            envelope = parse_uplink(payload)
        except WireFormatError:
            return Outcome(Kind.MALFORMED)
        # 3. Device and generation. The device is the topic's; the tag binds it [an envelope moved to another topic].
        name = device_of(topic)
        if name is None:
            return Outcome(Kind.UNKNOWN_TOPIC)
        device = self._device(name)
        if device is None:
            return Outcome(Kind.UNKNOWN_DEVICE)
        generation, stream, epoch, counter, _ = envelope.header
        if generation > device.generation:
            return Outcome(Kind.UNKNOWN_GENERATION)
        # 4. Far ahead [a forged epoch must not make the server walk its spine].
        if epoch > self._today + 1:
            return Outcome(Kind.FAR_AHEAD)
        return _Candidate(device, EnvelopeId(name, generation, stream, epoch, counter), envelope, payload)

    def _take(self, item: _Candidate) -> Outcome:
        digest = item.envelope.digest
        known = self._digests.get(item.id)
        # A repeat of what was verified and stored before: the verdict again, no second row.
        if known and digest in known:
            return _outcome(Kind.REPEATED, item)
        # 5. The day's leaf.
        chain = self._chain(item)
        if isinstance(chain, Kind):
            return _outcome(chain, item)
        # 6. The tag.
        try:
            plaintext = open_uplink(item.id.device, item.envelope, chain.key(item.id.counter))
            chain.confirm()
        except KeyDestroyed:  # the stored point has moved past this envelope: it has expired
            return _outcome(Kind.CLOSED, item)
        except SealBroken:
            return Outcome(Kind.NOT_AUTHENTIC)
        return self._judge(item, plaintext, known)

    def _judge(self, item: _Candidate, plaintext: bytes, known: set[bytes] | None) -> Outcome:
        """The envelope is authentic: may it stay?"""
        try:
            # The floor before the contents [captured under a leave that was taken back: not even looked at].
            if self._below_floor(item):
                return self._drop(Kind.BELOW_FLOOR, item, "below_floor")
            contents = screen(item.envelope.header, plaintext)
        except WireFormatError:
            return self._drop(Kind.QUARANTINED, item, "quarantined")
        stream = item.id.stream
        if self._ingest._terms.over(stream, contents.oldest_capture, self._now):
            return self._drop(Kind.EXPIRED, item, Reason.EXPIRED)
        if stream != Stream.STATUS:
            reason = self._leave.reason(item.device, stream, contents.oldest_capture, contents.precision)
            if reason != Reason.ALLOWED:
                return self._drop(Kind.DENIED, item, reason)
        return self._store(item, contents, known)

    def _store(self, item: _Candidate, contents: Contents, known: set[bytes] | None) -> Outcome:
        envelope = item.envelope
        self._digests.setdefault(item.id, set()).add(envelope.digest)
        self._rows.append(
            StoredEnvelope(
                item.id,
                envelope.digest,
                envelope.header.directive_version,
                item.payload,
                self._now,
                contents.oldest_capture,
            )
        )
        kind = Kind.STORED
        if known:  # two envelopes under one number: the device was cloned or rolled back
            kind = Kind.KEPT_APART
            self._note(AuditKind.INGEST_INCIDENT, item, "number_reused")
        answers: tuple[bytes, ...] = ()
        if contents.status is not None:
            answers = tuple(self._ingest._desk.report(item.device, contents.status, self._now))
            self._states.pop(item.id.device, None)
        return _outcome(kind, item, answers)

    def _drop(self, kind: Kind, item: _Candidate, reason: str) -> Outcome:
        self._note(AuditKind.INGEST_REFUSED, item, reason)
        return _outcome(kind, item)

    def _note(self, kind: AuditKind, item: _Candidate, reason: str) -> None:
        self._notes[kind.value, item.device.subject, item.id.stream, str(reason)] += 1

    def _below_floor(self, item: _Candidate) -> bool:
        device = item.id.device
        if device not in self._states:
            self._states[device] = self._database.directive_state(device)
        state = self._states[device]
        return state is not None and item.envelope.header.directive_version < state.floors[item.id.stream - 1]

    def _device(self, name: str) -> Device | None:
        if name not in self._devices:
            device = self._database.device(name)
            self._devices[name] = device if device is None or device.revoked_at is None else None
        return self._devices[name]

    def _chain(self, item: _Candidate) -> DayChain | Kind:
        """Looked up anew in each transaction [a chain from before an erasure must not let anything in after it]."""
        name = item.id[:4]
        if name not in self._chains:
            try:
                self._chains[name] = self._ingest._keys.chain(*name, today=self._today)
            except KeyDestroyed:
                self._chains[name] = Kind.CLOSED
            except UnknownDevice:
                self._chains[name] = Kind.UNKNOWN_GENERATION
        return self._chains[name]


def device_of(topic: str) -> str | None:
    """The device of `bl/1/<device>/up`."""
    if len(topic) != len(TOPIC_PREFIX) + DEVICE_CHARACTERS + len(TOPIC_SUFFIX):
        return None
    if not topic.startswith(TOPIC_PREFIX) or not topic.endswith(TOPIC_SUFFIX):
        return None
    return topic[len(TOPIC_PREFIX) : -len(TOPIC_SUFFIX)]


def _outcome(kind: Kind, item: _Candidate, answers: tuple[bytes, ...] = ()) -> Outcome:
    code = VERDICTS.get(kind)
    if code is None:
        return Outcome(kind)
    return Outcome(kind, item.id.device, Verdict(*item.id[1:], item.envelope.digest, code), answers)
