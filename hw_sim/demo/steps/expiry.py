"""Step f: ninety-one days pass, and each position dies at the end of its term, key and row together."""

from __future__ import annotations

from dataclasses import dataclass, field

from cloud_sync.errors import KeyDestroyed, SealBroken
from cloud_sync.model import EPOCH_SECONDS, ConsentState, StoredEnvelope, Stream
from cloud_sync.wire.envelope import open_uplink, parse_uplink
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.acts import OPERATOR_ACTOR, location_envelopes
from hw_sim.demo.steps.outcome import Outcome, Progress

DAYS = 91
TERM_DAYS = 90  # of positions in the demo's policy
SWEEP_S = 3600.0  # what the policy says


@dataclass
class _Deaths:
    """What each sweep found: how late rows went, and whether a row and its key ever went apart."""

    rows: list[StoredEnvelope]
    late_s: list[float] = field(default_factory=list)
    apart: int = 0
    sweeps: int = 0

    def look(self, stage: Stage) -> None:
        """After a sweep: whose rows are gone, and do the keys of exactly these refuse."""
        there = {row.id for row in location_envelopes(stage)}
        for row in [row for row in self.rows if row.id not in there]:
            self.late_s.append(stage.world.clock.unix_s - (row.oldest_capture + TERM_DAYS * EPOCH_SECONDS))
            self.apart += opens(stage, row.id.device, row.payload)
        self.rows = [row for row in self.rows if row.id in there]
        self.apart += sum(not opens(stage, row.id.device, row.payload) for row in self.rows)


def expiry(stage: Stage, progress: Progress) -> Outcome:
    """f. Ninety-one days pass: what was let in by a leave that was taken back goes at once; of the rest the sweep destroys keys
    and rows together, within an hour of each envelope's term.
    """
    out = Outcome("f", "ninety-one days pass")
    stage.board.cut_power()
    copies = [(stage.device, payload) for payload in stage.observer.uplinks(stage.up_topic, Stream.LOCATION)]
    withdrawn, gone = _without_leave(stage)
    deaths, began = _Deaths(location_envelopes(stage)), stage.world.clock.unix_s
    known = len(deaths.rows)
    openable = sum(opens(stage, *copy) for copy in copies)
    _let_pass(stage, deaths, began + DAYS * EPOCH_SECONDS, progress)
    left, status = location_envelopes(stage), stage.cloud.database.count_envelopes(stage.device, Stream.STATUS)
    fixes = stage.cloud.read_location(
        actor=OPERATOR_ACTOR, purpose="tracking", subject=SUBJECT, start=0, end=stage.world.clock.unix_s
    )
    out.figures = {
        "days": DAYS,
        "sweeps": deaths.sweeps,
        "gone_with_the_leave_that_let_them_in": f"{gone}/{withdrawn}",
        "envelopes_before": known,
        "envelopes_after": len(left),
        "destroyed_after_their_term": f"{min(deaths.late_s, default=0):.0f} to {max(deaths.late_s, default=0):.0f} s",
        "keys_and_rows_apart": deaths.apart,
        "copies_at_the_broker_that_open": f"{openable} before, {sum(opens(stage, *copy) for copy in copies)} after",
        "fixes_read": len(fixes),
        "status_kept_for_its_own_term": status,
    }
    out.check(
        gone == withdrawn, "what was captured under a leave that was taken back is there, or more than that is gone"
    )
    out.check(known > 0 and openable >= known, "there was nothing to destroy")
    out.check(len(deaths.late_s) == known and not left, "positions outlived their term")
    out.check(
        min(deaths.late_s, default=-1) >= 0 and max(deaths.late_s, default=0) <= SWEEP_S,
        "not within an hour of the term",
    )
    out.check(deaths.apart == 0, "a row and its key did not die together")
    out.check(not any(opens(stage, *copy) for copy in copies), "a copy at the broker still opens")
    out.check(not fixes and status > 0, "the read, or what has a longer term, is not as it should be")
    progress(1.0)
    return out


def _without_leave(stage: Stage) -> tuple[int, int]:
    """How many rows were captured under a leave that was taken back since, and how many the next sweep took."""
    answers = stage.cloud.database.all_consents()
    ends = [each.event_time for each in answers if each.event_state is ConsentState.WITHDRAWN]
    before = location_envelopes(stage)
    stage.cloud.sweep()
    left = {row.id for row in location_envelopes(stage)}
    theirs = {row.id for row in before if row.oldest_capture <= max(ends, default=0)}
    taken = {row.id for row in before} - left
    return len(theirs), len(taken) if taken == theirs else -1


def _let_pass(stage: Stage, deaths: _Deaths, end: float, progress: Progress) -> None:
    """By the hour while a term may end, else by the day: hours in which nothing is due are the same as none."""
    clock, began = stage.world.clock, stage.world.clock.unix_s
    terms = [row.oldest_capture + TERM_DAYS * EPOCH_SECONDS for row in deaths.rows]
    while clock.unix_s < end:
        hop = 23 * SWEEP_S
        if any(clock.unix_s - 2 * SWEEP_S < term <= clock.unix_s + hop for term in terms):
            hop = SWEEP_S
        clock.advance_to(clock.us_of(min(end, clock.unix_s + hop)))
        stage.cloud.sweep()
        deaths.sweeps += 1
        deaths.look(stage)
        stage.on_look()
        progress((clock.unix_s - began) / (end - began))


def opens(stage: Stage, device: str, payload: bytes) -> bool:
    """Whether a key in the server's store opens a copy of an envelope, wherever it comes from; no tombstone is asked."""
    envelope = parse_uplink(payload)
    generation, stream, epoch, counter, _ = envelope.header
    leaf = stage.cloud._store.leaf(device, generation, stream, epoch)
    if leaf is None:
        return False
    try:
        open_uplink(device, envelope, stage.cloud._keys.open_leaf(leaf).key(counter))
    except (KeyDestroyed, SealBroken):
        return False
    return True
