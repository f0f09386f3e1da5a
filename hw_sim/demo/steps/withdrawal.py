"""Step e: the person takes the leave back while fixes are on their way, and gives it again later."""

from __future__ import annotations

from cloud_sync.errors import Denied
from cloud_sync.ingest.outcome import Kind
from cloud_sync.model import Reason, Stream
from cloud_sync.wire.fields import MOST_EPOCH
from hw_sim.demo.flashcopy import waiting
from hw_sim.demo.stage import SUBJECT, Stage
from hw_sim.demo.steps.acts import (
    OPERATOR_ACTOR,
    answer,
    drive_again,
    exhibits_of,
    give,
    location_envelopes,
    run_for,
)
from hw_sim.demo.steps.outcome import Outcome, Progress
from hw_sim.demo.steps.sensed import read_environment
from hw_sim.demo.withholding import Withholds
from hw_sim.network.net import Faults

KEPT_BACK = 3  # envelopes that the broker keeps to itself
LONGEST_S = 1800  # to a contact: the device pauses up to fifteen minutes after failures
AFTERWARDS_S = 600


def withdrawal(stage: Stage, progress: Progress) -> Outcome:
    """e. Leave taken back: off within one contact, spool wiped, what arrives late is refused, for ever."""
    out = Outcome("e", "leave withdrawn, later given again")
    drive_again(stage)
    kept = _kept_back(stage)
    progress(0.3)
    stored, waited = len(location_envelopes(stage)), _waiting_fixes(stage)
    contacts, asked_at = len(stage.network.connections), stage.world.clock.unix_s
    answer(stage, "withdraw")
    stage.on_event("leave withdrawn")
    denied = _denied(stage)
    stage.board.run(for_s=LONGEST_S, until=lambda: not stage.board.gnss.powered)
    needed, off_after_s = len(stage.network.connections) - contacts, stage.world.clock.unix_s - asked_at
    powered_s = stage.board.gnss.powered_s
    run_for(stage, AFTERWARDS_S, lambda done: progress(0.3 + 0.3 * done))
    powered_s, left = stage.board.gnss.powered_s - powered_s, _in_flash(stage)
    late = _arrives(stage, kept.envelopes)
    again_at = stage.world.clock.unix_s
    in_force, reported = _directives(stage)
    give(stage)
    stage.on_event("leave given again")
    late_again = _arrives(stage, kept.envelopes)
    run_for(stage, AFTERWARDS_S, lambda done: progress(0.6 + 0.4 * done))
    new = location_envelopes(stage)[stored:]
    others = [r for r in read_environment(stage) if asked_at <= r.time < again_at]
    out.figures = {
        "kept_back_by_the_broker": len(kept.envelopes),
        "waiting_in_the_spool": waited,
        "contacts_until_off": needed,
        "seconds_until_off": round(off_after_s),
        "receiver_powered_afterwards_s": round(powered_s, 3),
        "envelopes_left_in_flash": left,
        "read_denied": str(denied),
        "late_refused": f"{late}/{len(kept.envelopes)}",
        "directive_reported": f"{reported} (in force {in_force})",
        "late_refused_after_new_leave": f"{late_again}/{len(kept.envelopes)}",
        "captured_under_the_new_leave": len(new),
        "temperature_read_meanwhile": len(others),
    }
    out.check(len(kept.envelopes) >= KEPT_BACK and waited > 0, "nothing was on its way, so that nothing was proven")
    out.check(needed <= 1, "the receiver was on after one contact")
    out.check(powered_s == 0, "the receiver was powered again without leave")
    out.check(left == 0, "fixes are left in the device's flash")
    out.check(denied is Reason.CONSENT_MISSING, "a read was not denied")
    out.check(late == late_again == len(kept.envelopes), "an envelope from before the withdrawal was taken")
    out.check(reported == in_force, "the device did not report the directive in force")
    out.check(bool(new) and all(row.oldest_capture >= again_at - 10 for row in new), "older captures came in")
    out.check(len(others) > 0, "the other sensors, of which the leave stands, fell silent too")
    progress(1.0)
    return out


def _kept_back(stage: Stage) -> Withholds:
    """Drive until the broker has kept some envelopes back, then let it behave."""
    stage.network.fault = Faults(drop=(kept := Withholds()))
    stage.board.run(for_s=LONGEST_S, until=lambda: len(kept.envelopes) >= KEPT_BACK)
    stage.network.fault = Faults()
    return kept


def _waiting_fixes(stage: Stage) -> int:
    return sum(entry.stream == Stream.LOCATION for entry in waiting(stage.board))


def _in_flash(stage: Stage) -> int:
    """Location envelopes ever sealed of which the ciphertext is still in the spool's raw flash, waiting or not."""
    raw = stage.board.partition_bytes("bl_spool")
    return sum(envelope[-16:] in raw for envelope in exhibits_of(stage).sealed.of_stream(Stream.LOCATION))


def _denied(stage: Stage) -> Reason | None:
    """Why a read is denied, at once after the withdrawal."""
    end = stage.world.clock.unix_s
    try:
        stage.cloud.read_location(actor=OPERATOR_ACTOR, purpose="tracking", subject=SUBJECT, start=end - 3600, end=end)
    except Denied as denied:
        return Reason(str(denied.reason))
    return None


def _arrives(stage: Stage, envelopes: list[bytes]) -> int:
    """The broker brings out what it kept; how many the server refused and told the device to let go."""
    refused = stage.cloud.ingest.counts[Kind.BELOW_FLOOR]
    before = len(location_envelopes(stage))
    for envelope in envelopes:
        stage.observer.inject(stage.up_topic, envelope)
    stage.await_server()
    return min(stage.cloud.ingest.counts[Kind.BELOW_FLOOR] - refused, len(envelopes)) - (
        len(location_envelopes(stage)) - before
    )


def _directives(stage: Stage) -> tuple[int, int]:
    """(version that the server has issued, version in the device's last status)."""
    state = stage.cloud.database.directive_state(stage.device)
    rows = stage.cloud.database.envelopes(stage.device, Stream.STATUS, 0, MOST_EPOCH)
    return (state.version if state else -1), (state.applied_version if state and rows else -2)
