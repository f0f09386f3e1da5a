"""Step h: the tracker is seized after the drive of step d, its flash and retained memory are read out."""

from __future__ import annotations

from cloud_sync.model import Header, Stream
from cloud_sync.wire.envelope import parse_uplink
from hw_sim.demo.exhibits import Exhibits
from hw_sim.demo.stage import Stage
from hw_sim.demo.steps.acts import exhibits_of
from hw_sim.demo.steps.ladders import Attacker, ancestors, live, plausible, windows
from hw_sim.demo.steps.outcome import Outcome, Progress

AHEAD = 64  # numbers beyond the last used one in which a live chain is looked for; the device reserves 8
KEY_PARTITIONS = ("bl_keys", "bl_rules")
PLANTED_AT = 1000  # bytes into the spool's last sector, which is blank


def seizure(stage: Stage, progress: Progress) -> Outcome:
    """h. Seized: every 32 bytes of flash and retained memory, tried as any key, open nothing that was ever sealed."""
    out = Outcome("h", "the tracker is seized")
    exhibits = exhibits_of(stage)
    if exhibits.seized is None:
        out.check(False, "nothing was seized: step d did not come to its end")
        return out
    flash, retained = exhibits.seized.flash, exhibits.seized.retained
    past, future = ancestors(exhibits), live(exhibits, AHEAD)
    hits, alive, searched = _look_up(flash + retained, past, future)
    progress(0.3)
    attacker = Attacker(exhibits.device, exhibits.sealed_then)
    candidates = plausible(windows(_key_memory(stage, flash) + retained))
    opened = sum(attacker.opens(window) for window in candidates)
    progress(0.8)
    later = [e for e in exhibits.sealed.envelopes.values() if e not in attacker.envelopes]
    live_keys = [window for window in candidates if window in future]
    exposed = [e for e in later if any(Attacker(exhibits.device, [e]).opens(key) for key in live_keys)]
    planted = _live_key(exhibits)
    seen = _look_up(_plant(stage, flash, planted), past, future)[0]
    opens = attacker.opens(planted)
    out.figures = {
        "sealed_envelopes": len(attacker.envelopes),
        "windows_searched": searched,
        "values_that_would_open_one": len(past),
        "found": hits,
        "windows_tried_as_keys": len(candidates),
        "openings_tried": attacker.tried,
        "opened": opened,
        "planted_key_found": f"{min(seen, 1) + opens}/2",
        "live_keys_of_what_was_not_yet_sealed": alive,
        "sealed_later_and_exposed": f"{len(exposed)}/{len(later)}",
    }
    out.check(len(attacker.envelopes) > 0 and len(past) > len(attacker.envelopes), "there was nothing to find")
    out.check(hits == 0 and opened == 0, "the seized flash opens an envelope that was sealed")
    out.check(seen == 1 and opens, "the search is blind to a planted key")
    out.check(alive > 0, "the search is blind to the keys that the device must hold")
    progress(1.0)
    return out


def _look_up(memory: bytes, past: dict[bytes, str], future: dict[bytes, str]) -> tuple[int, int, int]:
    """(values found that lead to a sealed envelope, values found of what is to come, windows).

    Stepping forward from a window opens an envelope exactly if the window is one of the values on its way: so looking
    every window up among all of them is the whole search, for all of the memory.
    """
    hits = alive = count = 0
    for window in windows(memory):
        count += 1
        hits += window in past
        alive += window in future
    return hits, alive, count


def _key_memory(stage: Stage, flash: bytes) -> bytes:
    """The partitions in which keys are kept."""
    parts = [stage.board.partitions[label] for label in KEY_PARTITIONS]
    return b"".join(flash[part.offset : part.offset + part.size] for part in parts)


def _live_key(exhibits: Exhibits) -> bytes:
    """The chain value of the last location envelope, as it was in memory before it was used."""
    last = max(
        (h for h in map(_header, exhibits.sealed_then) if h.stream == Stream.LOCATION),
        key=lambda h: (h.generation, h.epoch, h.counter),
    )
    day = f"of generation {last.generation}, stream {int(Stream.LOCATION)}, day {last.epoch}"
    name = f"chain {day}, number {last.counter}"
    return next(value for value, known in ancestors(exhibits).items() if known == name)


def _header(envelope: bytes) -> Header:
    return parse_uplink(envelope).header


def _plant(stage: Stage, flash: bytes, key: bytes) -> bytes:
    """The spool's partition with a key in a blank place of it."""
    spool = stage.board.partitions["bl_spool"]
    at = spool.offset + spool.size - stage.board.flash.sector_bytes + PLANTED_AT
    return flash[spool.offset : at] + key + flash[at + len(key) : spool.offset + spool.size]
