"""Releases in a board's slots, as firmware/slots.py chooses among them (docs/decisions/0013-update.md)."""

from __future__ import annotations

from typing import Any

from agent.examination.findings import Finding, ok, wrong

NAME_BYTES = 16  # of a version (wire-format section 9)


def version_of(signed: bytes) -> str:
    """The version that a signed manifest names, "" for what is none: [body, signature], body [1, board, version, …]."""
    if len(signed) < 4 or signed[:2] != b"\x92\xc4" or signed[3:5] != b"\x97\x01":
        return ""
    at, names = 5, []
    for _ in range(2):
        size = (signed[at] & 0x1F) if at < len(signed) and signed[at] & 0xE0 == 0xA0 else 0
        name = signed[at + 1 : at + 1 + size]
        if not 0 < size == len(name) <= NAME_BYTES:
            return ""
        names.append(name)
        at += 1 + size
    text = names[1].decode("utf-8", "replace")
    return text if text.isprintable() else ""


def judged(there: str, slots: Any) -> Finding:
    """What starts: the newest release of a slot that may, else the one that the board was built with. `there`: what the prompt has
    found to import; `slots` as SLOTS says."""
    if slots is None:
        return ok("release", f"{there}; no slots, so updates come by cable alone")
    least = max([0, *(row[1] for row in slots if row[4])])
    runs, told = "", []
    for index, of_slot, signed, complete, confirmed, failed, whole in slots:
        name = version_of(bytes.fromhex(signed)) or "flashed by cable"  # only what came over the air has a manifest
        state = _state(complete=complete, confirmed=confirmed, failed=failed)
        told.append(f"slot {index}: {name}, {state}")
        if complete and not failed and not whole:
            return wrong(
                "release",
                f"{there}; {told[-1]}, and its flash does not hold what was signed",
                "offer the release again (`byleave sync release`); a slot that is damaged again is worn",
            )
        if complete and not (failed and not confirmed) and of_slot >= least and not runs:
            runs = f"slot {index} starts"
    return ok("release", "; ".join([there, *told, runs or "no slot starts, the release beside them does"]))


def _state(*, complete: bool, confirmed: bool, failed: bool) -> str:
    if not complete:
        return "being fetched"
    if confirmed:
        return "confirmed"
    return "rolled back" if failed else "on trial"
