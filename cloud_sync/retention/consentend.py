"""What was captured under a consent that has ended for good goes with the next sweep, unless something else permits to keep it.

GDPR Art. 17(1)(b); clause table CG-37, TT-36. Nobody could read it any more: a later yes does not call it back. A consent ends
for good by a withdrawal, a no, or the end of its validity. One that is outgrown by the policy does not: the person has taken
nothing back.

1. Ends are met in the order of the ledger, each once; where the walk stands is kept with the rows, so that a restored database
   meets again what it had met since. The end of a validity that no record tells is met with the record behind it. Where a policy
   keeps other streams on consent alone than before, all are met anew [a legal duty that kept a stream is dropped].
2. A stream goes as a whole: one that another lawful basis keeps for any purpose stays, and so does what another consent covers.
3. A child's own yes has let in what it may not have (V-35): that goes `children.report.erase` after it was closed.
4. Held rows stay, and are noted, so that they go with the sweep after the release.
5. What a restored database closed because answers are lost stays to its term: nobody reads it, and nobody has taken it back.
6. Only the time of its capture says what a reading was let in by, not when the answer came: clocks differ. A row that may have
   readings of both sides of an answer is opened, and what stays of it is sealed anew.
7. The key of a day goes once the day is over, if no answer covers any moment of it; else it moves past what has gone [what a
   device recorded under a yes of the same evening, and has not sent yet].

In doubt a row stays to its term: where it does not open and a part of its day is covered; where an erasure is to cut it still;
where the policy of a yes is not known any more, so that nobody can tell whether the person was of age for it; where the person
answered for the same category and a purpose that the policy has dropped; where a step that was made coarser later lies
on both sides.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from cloud_sync.errors import WireFormatError
from cloud_sync.keys.ladderkeys import LadderKeys
from cloud_sync.model import COUNTERS, EPOCH_SECONDS, ConsentRecord, ConsentState, LawfulBasis, Stream
from cloud_sync.model.keeping import PARKED, DueRow, Shred
from cloud_sync.policy import Policy
from cloud_sync.retention.extent import Extents, released_after
from cloud_sync.retention.lateness import Held, Holding, Lateness
from cloud_sync.retention.report import Gone
from cloud_sync.retention.stepdown import Day, StepDown, day_end, shreds_of
from cloud_sync.retention.terms import AS_IT_CAME
from cloud_sync.stores import Database, KeyDatabase
from cloud_sync.wire.pieces import Piece, parted

MET: Final = "consent-ends"  # up to which record of the ledger
OPEN: Final = "consent-end/"  # records before that, of which something is still to go
BASIS: Final = "consent-ends-basis"  # what consents alone kept when these were met
CHUNK: Final = 200  # records in one look
PAGE: Final = 500  # rows in a transaction: some 50 ms, in which a withdrawal waits
MOST_BEFORE_S: Final = 3660  # a coarse capture may lie a minute and a step before its epoch
AGE, LAPSED = "age", "validity"  # channels of records by which the clock or the age ends a consent (`consent.standing`)


class Judge(Protocol):
    """What of a person's is gone for good (`consent.ended.Ended`)."""

    def throughout(self, start: float, end: float) -> bool: ...
    def anywhere(self, start: float, end: float) -> bool: ...


class Leaves(Protocol):
    """What knows which answers cover what (`consent.reading.LedgerReader`)."""

    def ended(self, subject: str, purposes: Collection[str], categories: Collection[str]) -> Judge:
        """What no answer to any of these covers, nor ever will."""


class _Kept(NamedTuple):
    """A stream that consents alone keep: for these purposes, by rules of these categories."""

    stream: int
    purposes: frozenset[str]
    categories: frozenset[str]


@dataclass
class _Page:
    """What is to happen to rows of one page."""

    dead: list[DueRow] = field(default_factory=list)
    cut: list[tuple[DueRow, list[Piece]]] = field(default_factory=list)
    held: int = 0


class ConsentEnds:
    """Carries ends of consents through the rows of the streams."""

    def __init__(
        self,
        *,
        database: Database,
        store: KeyDatabase,
        keys: LadderKeys,
        stepdown: StepDown,
        policy: Policy,
        leaves: Leaves,
        holds: Holding,
    ) -> None:
        self._database = database
        self._store = store
        self._keys = keys
        self._stepdown = stepdown
        self._policy = policy
        self._leaves = leaves
        self._holds = holds

    def sweep(self, now: float, lateness: Lateness) -> Gone:
        """Everything that has ended since, and what was left open."""
        self._begin_anew()
        gone = kept = 0
        for seq, record in self._ends():
            due = self._due(record)
            some_kept = 0
            if due is not None and due <= now:
                some_gone, some_kept = self._carry_out(record, due, now, lateness)
                gone, kept = gone + some_gone, kept + some_kept
            note = f"{OPEN}{seq}"
            still = due is not None and (due > now or some_kept > 0)
            if still != bool(self._database.mark(note)):
                self._database.set_mark(note, "open" if still else "")
        self._stepdown.tidy()
        return Gone(envelopes=gone, held=kept)

    def _begin_anew(self) -> None:
        """Forget what was met where consents alone keep other streams now, or where that was not noted."""
        purposes = {purpose for rule in self._policy.rules for purpose in rule.purposes}
        kept = sorted(
            (purpose, each.stream, sorted(each.purposes)) for purpose in purposes for each in self._kept(purpose)
        )
        basis = hashlib.sha256(repr(kept).encode()).hexdigest()
        if self._database.mark(BASIS) != basis:
            with self._database.transaction():
                self._database.set_mark(MET, "")
                self._database.set_mark(BASIS, basis)

    def _ends(self) -> Iterator[tuple[int, ConsentRecord]]:
        """Those left open, then those that came since; where it stands is moved behind a page once its records are dealt with."""
        for name in self._database.marks(OPEN):
            seq = int(name.removeprefix(OPEN))
            yield from (each for each in self._database.consent_page(seq - 1, 1) if each[0] == seq)
        while True:
            after = int(self._database.mark(MET) or 0)
            page = self._database.consent_page(after, CHUNK)
            yield from page
            if page:
                self._database.set_mark(MET, str(page[-1][0]))
            if len(page) < CHUNK:
                return

    def _due(self, record: ConsentRecord) -> float | None:
        """When what it ended is to go; None for a record that ends nothing for good."""
        if record.event_state in (ConsentState.WITHDRAWN, ConsentState.REFUSED):
            return record.event_time
        if record.event_state is ConsentState.EXPIRED and record.channel == LAPSED:
            return record.event_time
        if record.event_state is ConsentState.EXPIRED and record.channel == AGE:
            return self._policy.parameters.period("children.report.erase").end(record.event_time)
        return record.event_time if self._lapsed_before(record) else None

    def _lapsed_before(self, record: ConsentRecord) -> bool:
        """Whether the answer before was a yes whose validity was over by then [renewed, or asked anew, ahead of any sweep]."""
        history = self._database.consents(record.pii_principal_id, record.purpose)
        place = next((n for n, each in enumerate(history) if each.record_id == record.record_id), 0)
        before = history[place - 1] if place else None
        if before is None or before.event_state is not ConsentState.GIVEN or before.validity_until is None:
            return False
        return before.validity_until <= record.event_time

    def _kept(self, purpose: str) -> Iterator[_Kept]:
        """Streams that the purpose feeds on consent and that no other basis keeps."""
        for stream in dict.fromkeys(rule.stream for rule in self._policy.rules if purpose in rule.purposes):
            rules = self._policy.rules_of_stream(stream) if stream is not None else ()
            if stream is not None and rules and all(rule.basis is LawfulBasis.CONSENT for rule in rules):
                purposes = frozenset(each for rule in rules for each in rule.purposes)
                yield _Kept(int(stream), purposes, frozenset(rule.category for rule in rules))

    # Rows

    def _carry_out(self, record: ConsentRecord, due: float, now: float, lateness: Lateness) -> tuple[int, int]:
        """How many envelopes went, and how many holds keep."""
        gone = held = 0
        subject = record.pii_principal_id
        for kept in self._kept(record.purpose):
            for device in self._database.devices_of(subject):
                after: DueRow | None = None
                while True:
                    with self._database.transaction():
                        rows = self._database.rows_of_stream(device.device, kept.stream, PAGE, after)
                        # The answers are those of this transaction [a yes between two pages].
                        judge = self._leaves.ended(subject, kept.purposes, kept.categories) if rows else None
                        page = self._judged(rows, judge) if judge else _Page()
                        if judge:
                            self._destroy(page, judge, due, now, lateness)
                    gone, held = gone + len(page.dead), held + page.held
                    if len(rows) < PAGE:
                        break
                    after = rows[-1]
        return gone, held

    def _judged(self, rows: Iterable[DueRow], judge: Judge) -> _Page:
        held_now, extents, page = self._holds.view(), Extents(self._store, self._keys), _Page()
        for each in rows:
            pieces = self._stays(each, judge, extents)
            if pieces is None:
                continue
            if extents.held(each.row, held_now):
                page.held += 1
            elif pieces:
                page.cut.append((each, pieces))
            else:
                page.dead.append(each)
        return page

    def _stays(self, each: DueRow, judge: Judge, extents: Extents) -> list[Piece] | None:
        """What stays of a row of which something goes; None where all of it stays."""
        row = each.row
        start, end = row.oldest_capture, max(day_end(row.id.epoch), row.oldest_capture + 1)
        if row.id.stream == Stream.STATUS:  # one moment
            end = start
        if judge.throughout(start, end):
            return []
        plaintext = extents.plaintext(row) if judge.anywhere(start, end) and row.id.stream != Stream.STATUS else None
        if plaintext is None:
            return None
        # What came so was let in by the start of its step; of what a step down made coarser the capture lay anywhere in it.
        coarse = each.level % PARKED != AS_IT_CAME
        gone: list[bool] = []

        def part(first: float, last: float) -> int | None:
            gone.append(judge.throughout(first, last if coarse else first))
            return None if gone[-1] else 0

        try:
            pieces = parted(row.id.stream, plaintext, row.id.epoch, part)
        except WireFormatError:
            return None
        return pieces if any(gone) else None

    def _destroy(self, page: _Page, judge: Judge, due: float, now: float, lateness: Lateness) -> None:
        """Rows, with a note of their keys, which go after the commit."""
        dead = [each.row for each in page.dead]
        by_day: dict[Day, list[tuple[DueRow, list[Piece]]]] = defaultdict(list)
        for each, pieces in page.cut:
            by_day[each.row.id.device, each.row.id.stream, each.row.id.epoch].append((each, pieces))
        for day, parts in by_day.items():
            self._stepdown.keep_parts(day, parts)
        self._database.remove_envelopes([(row.id, row.digest) for row in dead])
        self._database.add_shreds(shreds_of(dead))
        for device, stream, epoch in dict.fromkeys((row.id.device, row.id.stream, row.id.epoch) for row in dead):
            if day_end(epoch) <= now and judge.throughout(epoch * EPOCH_SECONDS - MOST_BEFORE_S, day_end(epoch)):
                leaves = self._store.leaves(device, stream, epoch, epoch)
                self._database.add_shreds(Shred(device, leaf.generation, stream, epoch, COUNTERS) for leaf in leaves)
        held_now: Held = self._holds.view()
        for row in dead:
            lateness.took(due, now, released_after(row, held_now, due))
