"""Steps a and b: a device without leave, and one drive with it."""

from __future__ import annotations

from cloud_sync.model import PERSONAL_STREAMS, Stream, VerdictCode
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.scan import Find, Needles, find, find_in_stream, plants
from hw_sim.demo.stage import OPERATOR, SUBJECT, WIFI_KEY, Stage
from hw_sim.demo.steps.acts import ALL_PURPOSES, SENSORS, consent, drive_again, run_for
from hw_sim.demo.steps.outcome import Outcome, Progress

SILENT_MINUTES = 10  # step a: how long the device drives without leave
SHORT_S = 1200  # a drive of which less is left than this begins again for step b
SHOCK_MG, SHOCK_S = (0.0, 0.0, 6000.0), 0.2  # in the middle of the drive: a pothole that a parcel would feel
DRAIN_S = 600  # virtual seconds after the drive in which the last batch closes and is acknowledged


def enrolled_without_consent(stage: Stage, progress: Progress) -> Outcome:
    """a. Enrolled, nobody has said yes: the device drives, all four sensors stay unpowered, nothing personal leaves."""
    out = Outcome("a", "enrolled, no consent")
    stage.exhibits = Exhibits.of(stage.enrol().file, stage.board, stage.cloud)
    stage.board.power_on()
    run_for(stage, SILENT_MINUTES * 60, progress)
    personal = [p for stream in PERSONAL_STREAMS for p in stage.observer.uplinks(stage.up_topic, stream)]
    status = stage.observer.uplinks(stage.up_topic, Stream.STATUS)
    powered_s = {name: stage.board.sensors[name].powered_s for name in SENSORS}
    out.figures = {
        "virtual_minutes": SILENT_MINUTES,
        "receiver_powered_s": round(stage.board.gnss.powered_s, 3),
        **{f"{name}_sensor_powered_s": round(seconds, 3) for name, seconds in powered_s.items()},
        "personal_envelopes": len(personal),
        "status_envelopes": len(status),
    }
    out.check(stage.board.gnss.powered_s == 0, "the receiver was powered without consent")
    out.check(not any(powered_s.values()), "a sensor was powered without consent")
    out.check(not personal, "personal data left the device without consent")
    out.check(bool(status), "the device said nothing at all, so that the silence proves nothing")
    return out


def consented_drive(stage: Stage, progress: Progress) -> Outcome:
    """b. Consent at 100 m: the drive is sealed and sent; what passed the broker shows no position."""
    out = Outcome("b", "consent at 100 m, the drive is sealed and sent")
    consent(stage, purposes=ALL_PURPOSES)
    stage.on_event("leave given for all three purposes")
    left = stage.drive.end_unix_s - stage.world.clock.unix_s
    if left < SHORT_S:  # the silence took most of it: driven once more, from now
        drive_again(stage)
        left = stage.drive.end_unix_s - stage.drive.start_unix_s
    stage.surroundings.shock(stage.world.clock.unix_s + left / 2, SHOCK_MG, SHOCK_S)
    run_for(stage, left + DRAIN_S, progress)
    packets = stage.observer.uplinks(stage.up_topic, Stream.LOCATION)
    publishes, publish_bytes = stage.network.up.publish.get(stage.up_topic, (0, 0))
    finds, needles, scanned = _scan(stage)
    planted, seen = _planted(stage, needles)
    tried, refused, rows_added = _flipped_bits(stage, packets[0]) if packets else (0, 0, 0)
    out.figures = {
        "virtual_minutes": round((left + DRAIN_S) / 60),
        "receiver_solutions": len(stage.board.gnss.emitted),
        "location_envelopes": len(packets),
        "environment_envelopes": len(stage.observer.uplinks(stage.up_topic, Stream.ENVIRONMENT)),
        "motion_envelopes": len(stage.observer.uplinks(stage.up_topic, Stream.MOTION)),
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
