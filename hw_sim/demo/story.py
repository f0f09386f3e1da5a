"""The demo's steps. Each does one thing on the stage, measures it, and says whether the promise held."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import pairwise

from cloud_sync.audit import Kind, verify
from cloud_sync.consent import Evidence
from cloud_sync.errors import Denied
from cloud_sync.model import Actor, Fix, Precision, Reason, Stream, VerdictCode
from hw_sim.demo.cells import CELL_STEP_E7, Cell, cell_of, is_centre
from hw_sim.demo.scan import Find, Needles, find, find_in_stream, plants
from hw_sim.demo.stage import OPERATOR, SUBJECT, WIFI_KEY, Stage

SILENT_MINUTES = 10  # step a: how long the device drives without leave
SLICE_S = 20  # virtual seconds between two looks at the progress bar
SHORT_S = 1200  # a drive of which less is left than this begins again for step b
DRAIN_S = 600  # virtual seconds after the drive in which the last batch closes and is acknowledged

Progress = Callable[[float], None]  # told how much of the step is done, 0 … 1


@dataclass
class Outcome:
    """What one step showed: its letter, a sentence, whether it held, and the figures that it measured."""

    step: str
    title: str
    holds: bool = True
    figures: dict[str, object] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def check(self, holds: bool, promise: str) -> None:
        """Note a promise; one that does not hold fails the step and is named."""
        if not holds:
            self.holds = False
            self.broken.append(promise)


def enrolled_without_consent(stage: Stage, progress: Progress) -> Outcome:
    """a. Enrolled, nobody has said yes: the device drives, the receiver stays unpowered, no location leaves."""
    out = Outcome("a", "enrolled, no consent")
    stage.enrol()
    stage.board.power_on()
    _run(stage, SILENT_MINUTES * 60, progress)
    location = stage.observer.uplinks(stage.up_topic, Stream.LOCATION)
    status = stage.observer.uplinks(stage.up_topic, Stream.STATUS)
    out.figures = {
        "virtual_minutes": SILENT_MINUTES,
        "receiver_powered_s": round(stage.board.gnss.powered_s, 3),
        "location_envelopes": len(location),
        "status_envelopes": len(status),
    }
    out.check(stage.board.gnss.powered_s == 0, "the receiver was powered without consent")
    out.check(not location, "location left the device without consent")
    out.check(bool(status), "the device said nothing at all, so that the silence proves nothing")
    return out


def consented_drive(stage: Stage, progress: Progress) -> Outcome:
    """b. Consent at 100 m: the drive is sealed and sent; what passed the broker shows no position."""
    out = Outcome("b", "consent at 100 m, the drive is sealed and sent")
    consent(stage)
    left = stage.drive.end_unix_s - stage.world.clock.unix_s
    if left < SHORT_S:  # the silence took most of it: driven once more, from now
        stage.drive = stage.board.gnss.drive = stage.drive.shifted(stage.world.clock.unix_s)
        left = stage.drive.end_unix_s - stage.drive.start_unix_s
    _run(stage, left + DRAIN_S, progress)
    packets = stage.observer.uplinks(stage.up_topic, Stream.LOCATION)
    publishes, publish_bytes = stage.network.up.publish.get(stage.up_topic, (0, 0))
    finds, needles, scanned = _scan(stage)
    planted, seen = _planted(stage, needles)
    tried, refused, rows_added = _flipped_bits(stage, packets[0]) if packets else (0, 0, 0)
    out.figures = {
        "virtual_minutes": round((left + DRAIN_S) / 60),
        "receiver_solutions": len(stage.board.gnss.emitted),
        "location_envelopes": len(packets),
        "publish_packets": publishes,
        "publish_bytes": publish_bytes,
        "bytes_scanned": scanned,
        "needles": len(needles.long) + len(needles.short),
        "finds": len(finds),
        "planted_found": f"{seen}/{planted}",
        "flipped_bits_refused": f"{refused}/{tried}",
    }
    out.check(len(packets) > 0, "no location envelope was sent")
    out.check(not finds, f"the scan found {finds[:3]}")
    out.check(seen == planted > 0, "the scan is blind to a planted position")
    out.check(tried > 0 and refused == tried and rows_added == 0, "a changed envelope was accepted")
    return out


def consent(stage: Stage) -> None:
    """The person is asked and presses "allow": tracking, no finer than 100 m."""
    shown = Evidence(SUBJECT, stage.cloud.policy.notice, "app", "shown", "en")
    stage.cloud.consent.request(SUBJECT, "tracking", shown)
    pressed = replace(shown, act="button_allow")
    stage.cloud.consent.give(SUBJECT, "tracking", pressed, precision=Precision.CELL_100M)


def lawful_read(stage: Stage, progress: Progress) -> Outcome:
    """c. A read with the purpose returns cell centres; under another purpose it is denied; both are on record."""
    out = Outcome("c", "a read with the purpose, and one without")
    actor = Actor(OPERATOR, "controller")
    fixes = _read(stage, actor, "tracking")
    progress(0.4)
    denial = _denied(stage, actor)
    progress(0.6)
    centres = sum(1 for fix in fixes if is_centre(fix.lat_e7, fix.lon_e7, CELL_STEP_E7[fix.precision]))
    shared, identical = _truths_that_share_a_cell(stage, fixes)
    fine = sum(1 for fix in fixes if fix.quality < 7 or fix.time % 10 or fix.speed_dm_s is not None)
    proofs = _proofs(stage)
    publish_bytes = sum(len(p) for p in stage.observer.uplinks(stage.up_topic, Stream.LOCATION))
    waiting = len(stage.board.gnss.emitted) - len(fixes)
    out.figures = {
        "fixes_read": len(fixes),
        "in_the_open_batch": waiting,
        "sealed_bytes_a_fix": round(publish_bytes / len(fixes), 2) if fixes else 0,
        "cell_centres": f"{centres}/{len(fixes)}",
        "truths_sharing_a_cell_identical": f"{identical}/{shared}",
        "side_fields_too_fine": fine,
        "denied_reason": str(denial),
        "audit_proofs_verified": f"{proofs[0]}/{proofs[1]}",
        "reads_on_record": proofs[2],
    }
    out.check(len(fixes) > 0 and centres == len(fixes), "a fix is not the centre of its cell")
    out.check(0 <= waiting < stage.cloud.policy.device.batch, "more fixes are missing than the open batch holds")
    out.check(shared > 0 and identical == shared, "two truths in one cell can be told apart")
    out.check(fine == 0, "a side field is finer than the cell")
    out.check(denial is Reason.PURPOSE_NOT_DECLARED, "a read under another purpose was not denied")
    out.check(proofs[0] == proofs[1] >= 2 and proofs[2] == 2, "a read is not provably on record")
    progress(1.0)
    return out


STEPS = (enrolled_without_consent, consented_drive, lawful_read)


def _run(stage: Stage, seconds: float, progress: Progress) -> None:
    """Let virtual time pass, in slices, so that the bar moves."""
    end = stage.world.clock.unix_s + seconds
    while (left := end - stage.world.clock.unix_s) > 0:
        stage.board.run(for_s=min(SLICE_S, left))
        progress(1 - left / seconds)
    progress(1.0)


def _scan(stage: Stage) -> tuple[list[Find], Needles, int]:
    """Search everything that the eavesdropper saw, and the raw bytes of the link, for the truth."""
    needles = Needles()
    for truth in stage.board.gnss.emitted:
        needles.add_position(truth.lat, truth.lon)
    for word in (SUBJECT, OPERATOR, WIFI_KEY, stage.board.unique_id.hex()):
        needles.add_word(word)
    packets = [topic.encode() + b"\0" + payload for topic, payload in stage.observer.messages]
    link = stage.network.captured()  # apart: the same bytes twice would make a chance hit look like a leak
    return find(packets, needles) + find_in_stream(link, needles), needles, sum(map(len, packets)) + len(link)


def _planted(stage: Stage, needles: Needles) -> tuple[int, int]:
    """(planted, found): the first truth in every encoding, each in a packet of its own among real ones."""
    if not stage.board.gnss.emitted:
        return 0, 0
    truth = stage.board.gnss.emitted[0]
    made = plants(truth.lat, truth.lon)
    real = [payload for _, payload in stage.observer.messages][:5]
    return len(made), sum(1 for packet in made.values() if find([*real, packet], needles))


def _flipped_bits(stage: Stage, envelope: bytes) -> tuple[int, int, int]:
    """(tried, refused, rows added): every bit of one envelope, and one more through the broker."""
    before = stage.cloud.database.count_envelopes()
    refused = 0
    for bit in range(len(envelope) * 8):
        changed = bytearray(envelope)
        changed[bit // 8] ^= 1 << bit % 8
        outcome = stage.cloud.ingest.handle([(stage.up_topic, bytes(changed))])[0]
        refused += outcome.verdict is None or outcome.verdict.code is not VerdictCode.STORED
    stage.observer.inject(stage.up_topic, envelope[:-1] + bytes([envelope[-1] ^ 1]))
    return len(envelope) * 8, refused, stage.cloud.database.count_envelopes() - before


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


def _proofs(stage: Stage) -> tuple[int, int, int]:
    """(proofs verified, proofs made, reads and denials on record) for everything in the audit log about reads."""
    audit = stage.cloud.audit
    checkpoint = audit.checkpoint()
    reads = audit.entries(kind=Kind.GATE_ALLOWED) + audit.entries(kind=Kind.GATE_DENIED)
    verified = 0
    for entry in reads:
        verify(audit.prove(entry.index), checkpoint, audit.public_key)
        verified += 1
    return verified, len(reads), len(reads)
