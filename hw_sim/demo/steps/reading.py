"""Step c: a read with the purpose, and one without."""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from itertools import pairwise

from cloud_sync.audit import Kind, verify
from cloud_sync.errors import AuditError, Denied
from cloud_sync.model import Actor, Fix, Precision, Reason, Stream
from hw_sim.demo.cells import CELL_STEP_E7, Cell, cell_of, is_centre
from hw_sim.demo.stage import OPERATOR, SUBJECT, Stage
from hw_sim.demo.steps.outcome import Outcome, Progress
from hw_sim.demo.steps.sensed import is_true, read_environment, read_motion

READS = 4  # positions, environment and motion, and the one that is denied


def lawful_read(stage: Stage, progress: Progress) -> Outcome:
    """c. A read with the purpose returns cell centres; under another purpose it is denied; both are on record."""
    out = Outcome("c", "a read with the purpose, and one without")
    actor = Actor(OPERATOR, "controller")
    fixes = _read(stage, actor, "tracking")
    stage.on_read(fixes)
    progress(0.4)
    denial = _denied(stage, actor)
    progress(0.6)
    centres = sum(1 for fix in fixes if is_centre(fix.lat_e7, fix.lon_e7, CELL_STEP_E7[fix.precision]))
    shared, identical = _truths_that_share_a_cell(stage, fixes)
    fine = sum(1 for fix in fixes if fix.quality < 7 or fix.time % 10 or fix.speed_dm_s is not None)
    climate, motion = read_environment(stage), read_motion(stage)
    true = sum(is_true(stage, reading) for reading in climate)
    proven, recorded = _proofs(stage)
    publish_bytes = sum(len(p) for p in stage.observer.uplinks(stage.up_topic, Stream.LOCATION))
    waiting = len(stage.board.gnss.emitted) - len(fixes)
    out.figures = {
        "fixes_read": len(fixes),
        "in_the_open_batch": waiting,
        "sealed_bytes_a_fix": round(publish_bytes / len(fixes), 2) if fixes else 0,
        "cell_centres": f"{centres}/{len(fixes)}",
        "truths_sharing_a_cell_identical": f"{identical}/{shared}",
        "side_fields_too_fine": fine,
        "readings_of_temperature_and_light": len(climate),
        "as_it_was_around_the_sensors": f"{true}/{len(climate)}",
        "motion_events": len(motion),
        "shocks": sum(event.shock for event in motion),
        "denied_reason": str(denial),
        "audit_proofs_verified": f"{proven}/{recorded}",
        "reads_on_record": recorded,
    }
    out.check(len(fixes) > 0 and centres == len(fixes), "a fix is not the centre of its cell")
    out.check(0 <= waiting < stage.cloud.policy.device.batch, "more fixes are missing than the open batch holds")
    out.check(shared > 0 and identical == shared, "two truths in one cell can be told apart")
    out.check(fine == 0, "a side field is finer than the cell")
    out.check(len(climate) > 0 and true == len(climate), "temperature or light is not as it was")
    out.check(len(motion) > 0 and sum(event.shock for event in motion) == 1, "the shock is missing, or made up")
    out.check(denial is Reason.PURPOSE_NOT_DECLARED, "a read under another purpose was not denied")
    out.check(proven == recorded == READS, "a read is not provably on record")
    progress(1.0)
    return out


def _read(stage: Stage, actor: Actor, purpose: str) -> list[Fix]:
    """The whole drive, asked for a purpose."""
    start, end = stage.drive.start_unix_s, stage.world.clock.unix_s
    return stage.cloud.read_location(actor=actor, purpose=purpose, subject=SUBJECT, start=start, end=end)


def _denied(stage: Stage, actor: Actor) -> Reason | None:
    try:
        _read(stage, actor, "marketing")
    except Denied as denied:
        return Reason(str(denied.reason))
    return None


def _truths_that_share_a_cell(stage: Stage, fixes: list[Fix]) -> tuple[int, int]:
    """(pairs of different truths that fell into one cell, pairs whose fixes are identical to the bit)."""
    step = CELL_STEP_E7[Precision.CELL_100M]
    truths: dict[int, Cell] = {
        t.time - t.time % 10: cell_of(t.lat_e7, t.lon_e7, step) for t in stage.board.gnss.emitted
    }
    by_cell: dict[Cell, list[tuple[int, int]]] = defaultdict(list)
    for fix in fixes:
        if fix.time in truths:
            by_cell[truths[fix.time]].append((fix.lat_e7, fix.lon_e7))
    pairs = [(a, b) for positions in by_cell.values() for a, b in pairwise(positions)]
    return len(pairs), sum(1 for a, b in pairs if a == b)


def _proofs(stage: Stage) -> tuple[int, int]:
    """(of these proven to be in the log, reads and denials on record)."""
    audit = stage.cloud.audit
    checkpoint = audit.checkpoint()
    reads = audit.entries(kind=Kind.GATE_ALLOWED) + audit.entries(kind=Kind.GATE_DENIED)
    proven = 0
    for entry in reads:
        with suppress(AuditError):
            proof = audit.prove(entry.index)
            verify(proof, checkpoint, audit.public_key)
            proven += proof.event == entry.event  # and not the proof of something else
    return proven, len(reads)
