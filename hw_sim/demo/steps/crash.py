"""Step d: power and network fail where it hurts, on a drive over midnight."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from cloud_sync.model import EPOCH_SECONDS, UPLINK_STREAMS, Stream
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.board import RunEnd
from hw_sim.demo.flashcopy import waiting
from hw_sim.demo.sealed import number_of, used_twice
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.acts import (
    OPERATOR_ACTOR,
    drain,
    drive_again,
    exhibits_of,
    hold_button,
    location_envelopes,
    run_for,
)
from hw_sim.demo.steps.outcome import Outcome, Progress
from hw_sim.network.net import Faults
from hw_sim.network.traffic import Direction, name_of
from hw_sim.silicon.flash import Operation

BEFORE_MIDNIGHT_S = 1800  # the drive begins so long before it
OUTAGE_S = 480  # the broker is gone
AFTER_MIDNIGHT_S = 900
OFF_S = 5.0  # from a cut to the power's return
LONGEST_S = 1500  # to a cut: a batch closes after ten minutes at the latest
CLOCK_S = 2  # the device's clock may be so far ahead

Condition = Callable[[Operation], bool]


class _Mark(NamedTuple):
    """What there was before the step."""

    sealed: set[bytes]
    messages: int
    begin: float


def power_and_network(stage: Stage, progress: Progress) -> Outcome:
    """d. Cuts in the worst moments and a broker that dies: no sealed envelope is lost, doubled, or shares its key."""
    out = Outcome("d", "power cuts and a dead broker")
    mark = _Mark(set(exhibits_of(stage).sealed.envelopes), len(stage.observer.messages), _drive_to_midnight(stage))
    cuts = 0
    progress(0.1)
    cuts += _cut_at(stage, _spools_location(stage), "in mid page program", torn=True)
    cuts += _cut_at(stage, _spools_location(stage), "between seal and spool", torn=False)
    cuts += _cut_before_the_verdict(stage)
    progress(0.4)
    stage.stop_broker()
    stage.on_event("broker gone")
    run_for(stage, OUTAGE_S, lambda done: progress(0.4 + 0.2 * done))
    stage.start_broker()
    stage.on_event("broker back")
    after = _past_midnight(stage)
    cuts += _cut_at(stage, _writes_keys(stage, after), "in the record of the new day", torn=True)
    cuts += _cut_at(stage, _writes_keys(stage, after), "before the record of the new day", torn=False)
    progress(0.7)
    run_for(stage, AFTER_MIDNIGHT_S, lambda done: progress(0.7 + 0.2 * done))
    hold_button(stage)  # parked: the open batch is sealed
    drain(stage)
    exhibits_of(stage).seize(stage.board)
    _judge(stage, out, mark, cuts)
    hold_button(stage)  # and off again
    progress(1.0)
    return out


def _drive_to_midnight(stage: Stage) -> float:
    """Park with the power off until half an hour before midnight, then drive; the time of the start."""
    stage.board.cut_power()
    now = stage.world.clock.unix_s
    midnight = (now // EPOCH_SECONDS + 1) * EPOCH_SECONDS
    begin = max(now, midnight - BEFORE_MIDNIGHT_S)
    stage.pass_time(begin)
    drive_again(stage)
    stage.board.power_on()
    return begin


def _past_midnight(stage: Stage) -> float:
    """The midnight before which the drive began, by the fastest clock, as Unix seconds."""
    return (stage.drive.start_unix_s // EPOCH_SECONDS + 1) * EPOCH_SECONDS - CLOCK_S


def _spools_location(stage: Stage) -> Condition:
    """The page with the beginning of an envelope of fixes is written to the spool; its header is in the clear."""
    region = stage.board.partitions["bl_spool"]
    device = stage.cloud.database.device(stage.device)
    generation = device.generation if device else 0  # below 128 it is one byte of the header
    fixes_begin = bytes((0x93, 0x96, 1, generation, Stream.LOCATION))

    def holds(operation: Operation) -> bool:
        return region.holds(operation) and fixes_begin in operation.data

    return holds


def _writes_keys(stage: Stage, after_s: float) -> Condition:
    """Flash of the keys is written, not before a time."""
    region = stage.board.partitions["bl_keys"]

    def holds(operation: Operation) -> bool:
        return region.holds(operation) and stage.world.clock.unix_s >= after_s

    return holds


def _cut_at(stage: Stage, condition: Condition, moment: str, *, torn: bool) -> int:
    """Power goes at the first flash operation that meets the condition, and comes back; how many cuts there were."""

    def arm(operation: Operation) -> None:
        if condition(operation):
            stage.board.flash.hooks.remove(arm)
            stage.board.arm_power_cut(1, torn=torn)

    stage.board.flash.hooks.append(arm)
    end = stage.board.run(for_s=LONGEST_S)
    if end is not RunEnd.POWER_OFF:
        stage.board.flash.hooks.remove(arm)
        return 0
    _back(stage, moment)
    return 1


def _cut_before_the_verdict(stage: Stage) -> int:
    """The server has committed an envelope; what it says about it is lost, and then the power goes."""

    def lost(direction: Direction, packet: bytes) -> bool:
        return direction == "down" and name_of(packet) == "PUBLISH"

    before = len(location_envelopes(stage))
    stage.network.fault = Faults(drop=lost)
    end = stage.board.run(for_s=LONGEST_S, until=lambda: len(location_envelopes(stage)) > before)
    stage.network.fault = Faults()
    if end is not RunEnd.PREDICATE:
        return 0
    stage.board.cut_power()
    _back(stage, "between commit and verdict")
    return 1


def _back(stage: Stage, moment: str) -> None:
    stage.on_event(f"power cut {moment}")
    stage.pass_time(stage.world.clock.unix_s + OFF_S)
    stage.board.power_on()


def _judge(stage: Stage, out: Outcome, mark: _Mark, cuts: int) -> None:
    """Hold what the device sealed against what the server stored, and what was measured against what can be read."""
    watch = exhibits_of(stage).sealed
    watch.look()
    sealed = {digest: envelope for digest, envelope in watch.envelopes.items() if digest not in mark.sealed}
    location = [envelope for envelope in sealed.values() if number_of(envelope)[1] == Stream.LOCATION]
    rows = [
        row for stream in UPLINK_STREAMS for row in stage.cloud.database.envelopes(stage.device, stream, 0, MOST_EPOCH)
    ]
    lost = set(sealed) - {row.digest for row in rows}
    stored_twice = len(rows) - len({row.id for row in rows})
    now = stage.world.clock.unix_s
    fixes = stage.cloud.read_location(
        actor=OPERATOR_ACTOR, purpose="tracking", subject=SUBJECT, start=mark.begin, end=now
    )
    read = {fix.time for fix in fixes}
    step_s = int(stage.cloud.policy.device.interval_s)
    measured = {t.time for t in stage.board.gnss.emitted if t.time >= mark.begin and t.time % step_s == 0}
    sent = [payload for topic, payload in stage.observer.messages[mark.messages :] if topic == stage.up_topic]
    most = cuts * stage.cloud.policy.device.batch
    twice = used_twice([*watch.envelopes.values(), *sent])
    out.figures = {
        "power_cuts": cuts,
        "broker_away_s": OUTAGE_S,
        "sealed_envelopes": len(sealed),
        "of_these_location": len(location),
        "sealed_lost": len(lost),
        "still_waiting": len(waiting(stage.board)),
        "fixes_measured": len(measured),
        "fixes_lost_from_open_batches": len(measured - read),
        "at_most": most,
        "fixes_doubled": len(fixes) - len(read),
        "rows_doubled": stored_twice,
        "keys_used_twice": twice,
    }
    out.check(cuts == 5, "a cut did not take place, so that it proves nothing")
    out.check(not lost, "a sealed envelope was lost")
    out.check(len(location) > cuts, "too little was sealed to prove anything")
    out.check(len(measured - read) <= most, "more fixes were lost than the open batches held")
    out.check(read <= measured, "a fix was read that the receiver never gave")
    out.check(len(fixes) == len(read) and stored_twice == 0, "something was stored twice")
    out.check(twice == 0, "a key was used twice")
