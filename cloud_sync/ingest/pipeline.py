"""From sealed messages to rows and verdicts, in one transaction.

The checks run in the order of docs/wire-format.md section 4, cheapest first; nothing of a device changes before its tag has
verified. Logs and counts name kinds, never devices, numbers or payloads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from cloud_sync.audit import Kind as AuditKind
from cloud_sync.errors import KeyDestroyed, SealBroken, UnknownDevice, WireFormatError
from cloud_sync.ingest.fairness import surplus
from cloud_sync.ingest.healing import Healing, HealingOfBatch
from cloud_sync.ingest.leave import Leave
from cloud_sync.ingest.outcome import VERDICTS, Kind, Outcome
from cloud_sync.ingest.refused import Lines, Notes
from cloud_sync.ingest.screen import Contents, screen
from cloud_sync.ingest.topics import DEVICE_LETTERS, device_of
from cloud_sync.ingest.uncollected import uncollected
from cloud_sync.keys.daychain import DayChain
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import (
    EPOCH_SECONDS,
    Device,
    Envelope,
    EnvelopeId,
    HealAnswer,
    Reason,
    StatusReport,
    StoredEnvelope,
    Stream,
    Verdict,
)
from cloud_sync.retention.checkpoint import MOST_AHEAD_S, in_doubt, leap_s
from cloud_sync.retention.terms import Terms
from cloud_sync.stores import AuditSink, Clock, Database
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from cloud_sync.wire.named import maker
from cloud_sync.wire.pieces import touches

_NO_FLOORS = (0, 0, 0, 0)
MOST_APART = 8  # envelopes under one number: a few prove the clone, more only fill the disk of whoever keeps them

#: Reasons that another time of day would not give.
_BY_THE_CLOCK = frozenset(
    {Reason.CONSENT_MISSING, Reason.CONSENT_NOT_AT_CAPTURE, Reason.EXPIRED, Reason.NOTICE_MISSING}
)

Message = tuple[str, bytes]


class Desk(Protocol):
    """Answers a device's status with what it needs: a directive, the time, an offer of healing."""

    healing: Healing | None

    def report(self, device: Device, report: StatusReport, at: tuple[int, int, int], now: float) -> list[bytes]:
        """Record the newest report in the directive state; sealed downlinks to answer with, once the batch has committed."""


class _Candidate(NamedTuple):
    device: Device
    id: EnvelopeId
    envelope: Envelope
    payload: bytes


_CANDIDATE = maker(_Candidate)
_ID = maker(EnvelopeId)
_VERDICT = maker(Verdict)
_OUTCOME = maker(Outcome)


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
        audit: AuditSink,
        terms: Terms,
        committed: Callable[[Sequence[StoredEnvelope]], None] = lambda _: None,
    ) -> None:
        """`committed` hears of new rows after their commit; it returns at once."""
        self._committed = committed
        self._database = database
        self._keys = keys
        self._clock = clock
        self._leave = leave
        self._desk = desk
        self._audit = audit
        self._terms = terms
        self._lines = Lines()
        self.counts: Counter[Kind] = Counter()

    def handle(self, messages: Sequence[Message]) -> list[Outcome]:
        """All outcomes, in order; when it returns, everything that a verdict says is on the disk."""
        with uncollected(), self._database.transaction():
            batch = _Batch(self, self._clock.now())
            outcomes = batch.run(messages)
        self._committed(batch.rows)
        kinds = Counter([outcome.kind for outcome in outcomes])
        self.counts.update(kinds)
        self._lines.tell(kinds)
        return outcomes


class _Batch:
    """One transaction's worth of messages: what is looked up once is remembered here, and forgotten with it."""

    def __init__(self, ingest: Ingest, now: float) -> None:
        self._ingest = ingest
        self._database = ingest._database
        self._now = now
        self._today = int(now) // EPOCH_SECONDS
        self._soon = now + MOST_AHEAD_S
        self._leave = ingest._leave.batch(now)
        self._senders: dict[str, Device | Outcome] = {}  # by topic
        self._healing = HealingOfBatch(ingest._desk.healing, now)
        self._floors: dict[str, tuple[int, ...]] = {}
        self._chains: dict[tuple[str, int, int, int], DayChain | Kind] = {}
        self._digests: dict[EnvelopeId, set[bytes]] = {}
        self.rows: list[StoredEnvelope] = []
        self._notes = Notes()
        self._leap_s: float | None = None  # looked up where it matters

    def run(self, messages: Sequence[Message]) -> list[Outcome]:
        """Refuse what is cheap to refuse, look all numbers up at once, then take the rest one by one."""
        self._database.expect_devices({device_of(topic) or "" for topic in {topic for topic, _ in messages}})
        taken = self._admit_fairly(messages)
        self._digests = self._database.digests([item.id for item in taken if isinstance(item, _Candidate)])
        outcomes = [self._take(item) if isinstance(item, _Candidate) else item for item in taken]
        self._database.add_envelopes(self.rows)
        self._notes.append_to(self._ingest._audit, self._now)
        return outcomes

    def _admit_fairly(self, messages: Sequence[Message]) -> list[_Candidate | Outcome]:
        beyond = surplus(messages)
        if not beyond:
            return [self._admit(topic, payload) for topic, payload in messages]
        return [
            Outcome(Kind.BEYOND_SHARE) if place in beyond else self._admit(topic, payload)
            for place, (topic, payload) in enumerate(messages)
        ]

    def _admit(self, topic: str, payload: bytes) -> _Candidate | Outcome:
        # 1. and 2. Size and form [no work for a flood of garbage]; the wire module knows the limits and why.
        try:
            envelope = parse_uplink(payload)
        except WireFormatError:
            return Outcome(Kind.MALFORMED)
        # 3. Device and generation. The device is the topic's; the tag binds it [an envelope moved to another topic].
        device = self._senders.get(topic) or self._sender(topic)
        if isinstance(device, Outcome):
            return device
        generation, stream, epoch, counter, _ = envelope.header
        if generation > device.generation and not self._healing.known(device, generation):
            return Outcome(Kind.UNKNOWN_GENERATION)
        # 4. Far ahead [a forged epoch must not make the server walk its spine].
        if epoch > self._today + 1:
            return Outcome(Kind.FAR_AHEAD)
        return _CANDIDATE((device, _ID((device.device, generation, stream, epoch, counter)), envelope, payload))

    def _take(self, item: _Candidate) -> Outcome:
        digest = item.envelope.digest
        known = self._digests.get(item.id)
        # A repeat of what was verified and stored before: the verdict again, no second row.
        if known and digest in known:
            return _outcome(Kind.REPEATED, item)
        # 5. The day's leaf.
        chain = self._chain(item)
        if not isinstance(chain, DayChain):
            return _outcome(chain, item)
        # 6. The tag.
        try:
            plaintext = open_uplink(item.id.device, item.envelope, chain.key(item.id.counter))
            chain.confirm()
        except KeyDestroyed:  # the stored point has moved past this envelope: it has expired
            return _outcome(Kind.CLOSED, item)
        except SealBroken:
            return Outcome(Kind.NOT_AUTHENTIC)
        # The first envelope of a generation ends the one before [a copy of the device from before it opens nothing more].
        item = item._replace(device=self._healing.device(item.device, item.id.generation))
        return self._judge(item, plaintext, known)

    def _judge(self, item: _Candidate, plaintext: bytes, known: set[bytes] | None) -> Outcome:
        """The envelope is authentic: may it stay?"""
        try:
            # The floor before the contents [captured under a leave that was taken back: not even looked at].
            if self._below_floor(item):
                return self._drop(Kind.BELOW_FLOOR, item, "below_floor")
            contents = screen(item.envelope.header, plaintext)
            # The fence of an erasure that left the day open [a capture of an erased morning that arrives at noon].
            if self._erased(item, plaintext):
                return self._drop(Kind.ERASED, item, Reason.ERASED)
        except WireFormatError:
            return self._drop(Kind.QUARANTINED, item, "quarantined")
        refusal = self._refusal(item, contents, known)
        if refusal is not None:
            return refusal
        if known and len(known) >= MOST_APART:
            return self._drop(Kind.CROWDED, item, "number_reused")
        return self._store(item, contents, known)

    def _erased(self, item: _Candidate, plaintext: bytes) -> bool:
        chain = self._chains.get(item.id[:4])
        if not isinstance(chain, DayChain) or not chain.erased or item.id.stream == Stream.STATUS:
            return False
        return touches(item.id.stream, plaintext, item.id.epoch, chain.erased)

    def _refusal(self, item: _Candidate, contents: Contents, known: set[bytes] | None) -> Outcome | None:
        """How the message ends if its readings may not stay, or not yet."""
        stream = item.id.stream
        if self._ingest._terms.over(stream, contents.oldest_capture, self._now):
            return self._refuse(Kind.EXPIRED, item, Reason.EXPIRED)
        if isinstance(contents.status, HealAnswer):
            # Never under a number that is taken [a copy that heals in the device's place].
            goes_on = not known and self._healing.answered(item.device, contents.status, _position(item.id))
            return None if goes_on else self._drop(Kind.PASSED_OVER, item, "passed_over")
        if stream == Stream.STATUS:
            return None
        reason = self._leave.reason(item.device, stream, contents.oldest_capture, contents.told)
        if reason != Reason.ALLOWED:
            return self._refuse(Kind.DENIED, item, reason)
        # A reading of a time to come is not stored; the device keeps it [a clock that is fast, and a term that grows by it].
        if contents.newest_capture > self._soon and not self._clock_in_doubt(item.device.subject):
            return Outcome(Kind.NOT_YET)
        return None

    def _store(self, item: _Candidate, contents: Contents, known: set[bytes] | None) -> Outcome:
        envelope = item.envelope
        self._digests.setdefault(item.id, set()).add(envelope.digest)
        self.rows.append(
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
        if isinstance(contents.status, StatusReport):
            answers = tuple(self._ingest._desk.report(item.device, contents.status, _position(item.id), self._now))
            self._floors.pop(item.id.device, None)
        return _outcome(kind, item, answers)

    def _refuse(self, kind: Kind, item: _Candidate, reason: Reason) -> Outcome:
        """Refuse for good, unless the clock that the reason hangs on is in doubt: a drop empties the device's spool."""
        if reason in _BY_THE_CLOCK and self._clock_in_doubt(item.device.subject):
            return Outcome(Kind.UNDECIDED)
        return self._drop(kind, item, reason)

    def _clock_in_doubt(self, subject: str) -> bool:
        """Behind the person's newest answer or the last sweep, or further ahead of it than a sweep would go on by itself."""
        if self._leave.newest(subject) > self._now:
            return True
        if self._leap_s is None:
            self._leap_s = leap_s(self._database, self._now)
        return in_doubt(self._leap_s)

    def _drop(self, kind: Kind, item: _Candidate, reason: str) -> Outcome:
        self._note(AuditKind.INGEST_REFUSED, item, reason)
        return _outcome(kind, item)

    def _note(self, kind: AuditKind, item: _Candidate, reason: str) -> None:
        self._notes.add(kind, item.device.subject, item.id.stream, reason)

    def _below_floor(self, item: _Candidate) -> bool:
        device = item.id.device
        floors = self._floors.get(device)
        if floors is None:
            state = self._database.directive_state(device)
            floors = self._floors[device] = state.floors if state is not None else _NO_FLOORS
        return item.envelope.header.directive_version < floors[item.id.stream - 1]

    def _sender(self, topic: str) -> Device | Outcome:
        """The device that this topic belongs to, or how a message on it ends."""
        name = device_of(topic)
        device = self._database.device(name) if name and DEVICE_LETTERS.issuperset(name) else None
        if name is None:
            self._senders[topic] = Outcome(Kind.UNKNOWN_TOPIC)
        elif device is None or device.revoked_at is not None:
            self._senders[topic] = Outcome(Kind.UNKNOWN_DEVICE)
        else:
            self._senders[topic] = device
        return self._senders[topic]

    def _chain(self, item: _Candidate) -> DayChain | Kind:
        """Looked up anew in each transaction [a chain from before an erasure must not let anything in after it]."""
        name = item.id[:4]
        chain = self._chains.get(name)
        if chain is None:
            try:
                chain = self._ingest._keys.chain(*name, today=self._today)
            except KeyDestroyed:
                chain = Kind.CLOSED
            except UnknownDevice:
                chain = Kind.UNKNOWN_GENERATION
            self._chains[name] = chain
        return chain


def _position(number: EnvelopeId) -> tuple[int, int, int]:
    return number.generation, number.epoch, number.counter


def _outcome(kind: Kind, item: _Candidate, answers: tuple[bytes, ...] = ()) -> Outcome:
    code = VERDICTS.get(kind)
    if code is None:
        return Outcome(kind)
    device, generation, stream, epoch, counter = item.id
    verdict = _VERDICT((generation, stream, epoch, counter, item.envelope.digest, code))
    return _OUTCOME((kind, device, verdict, answers))
