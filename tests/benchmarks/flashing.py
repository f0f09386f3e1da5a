"""Flashing by cable, in real time: `byleave agent flash` on a bare board, again, and with a release that differs in one module,
beside `mpremote cp` of the same files; and the cable pulled everywhere, counted.

The simulated board's flash takes its data sheet's time, its line takes none: what a serial bridge at 115200 baud would add is
worked out from the bytes that went over it. Pulled at each byte, both ways, of small releases into slots and as files, onto a bare
board and onto a device, and at each boundary of the protocol with a whole release: on a board in this process
(tests/unit/agent/flashing/pulling.py); at some bytes of a board with the real interpreter on a pseudo-terminal.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from agent.board.console import Console
from agent.errors import LinkLost, NoPrompt
from agent.flashing.flashing import Flashed, flash
from agent.release import make as releases
from tests.system.flashable import a_release, counted
from tests.system.shells import running
from tests.unit.agent.flashing.pulling import KINDS, Case, Pull, small

BYTES_A_S = 11_520  # 115200 baud: ten bits a byte
PULLS = 100
SECTORS = 128  # of the ROMFS segment of byleave's boards


def run(*, quick: bool = False) -> dict[str, object]:
    """Times of one board at the speed of the world, and of pulled cables at twenty times that. AssertionError at the first cable
    that leaves anything half."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        releases.make("esp32s3", folder / "release")
        figures = {"byleave": _flashed(folder), "mpremote cp": _copied(folder / "release")}
        figures |= everywhere(folder, every=40 if quick else 1)
        return figures | {"cables pulled on a pseudo-terminal": _pulled(folder, 10 if quick else PULLS)}


def everywhere(folder: Path, *, every: int) -> dict[str, object]:
    """Each byte of small releases, each boundary of a whole one; or each so-manieth of these."""
    figures: dict[str, object] = {}
    for name in KINDS:
        case = small(folder / "small", name)
        swept = _swept(case, list(case.whole.everywhere())[::every])
        if every == 1:
            swept |= {"then pulled again and again": case.again(), "states in the end": case.states}
        figures[f"each byte: {name}"] = swept
    changed = [_other(folder, "7"), _other(folder, "8")]
    for name, before in {"bare": changed[:0], "a device": changed}.items():
        case = Case(folder / "release", before, sectors=SECTORS, enrolled=bool(before))
        figures[f"each boundary: {name}, whole release"] = _swept(case, case.whole.boundaries()[::every])
    return figures


def _swept(case: Case, pulls: list[Pull]) -> dict[str, object]:
    """Each place is tried with the board's own supply and without."""
    began = time.monotonic()
    found = case.sweep(pulls)
    told = {
        "bytes sent": case.whole.sent,
        "bytes heard": case.whole.heard,
        "places": len(pulls),
        "boards": found.total(),
    }
    told |= {f"started {state}": times for state, times in sorted(found.items())}
    told |= {"states of flash": case.states}
    return told | {"half": 0, "s": round(time.monotonic() - began, 1)}


def _flashed(folder: Path) -> dict[str, object]:
    with running("--firmware", "none", "--speed", "1") as shell:
        began = time.monotonic()
        command = [sys.executable, "-m", "agent", "agent", "flash", "--port", shell.port, "--json"]
        subprocess.run(command, check=True, capture_output=True)
        whole_s = time.monotonic() - began
        changed = _other(folder)
        again = flash(shell.port, folder=folder / "release")
        other = flash(shell.port, folder=changed)  # into the other slot, which is blank
        back = flash(shell.port, folder=folder / "release")  # is there, and becomes the newest
        with running("--firmware", "none", "--speed", "1") as second:
            first = flash(second.port, folder=folder / "release")
    return {
        "the command, release made by it, s": round(whole_s, 2),
        "a release that is made, s": first.seconds,
        "bytes": first.sent.sent_bytes,
        "bytes on the line": first.sent.line_bytes,
        "at 115200 baud, s": round(first.seconds + first.sent.line_bytes / BYTES_A_S, 1),
        "the same again, s": again.seconds,
        "another into the other slot, s": other.seconds,
        "back to the one before, s": back.seconds,
        "back, bytes": back.sent.sent_bytes,
    }


def _other(folder: Path, digit: str = "9") -> Path:
    """The release with another version in one module."""
    sources, made = folder / digit / "firmware", folder / f"changed-{digit}"
    sources.parent.mkdir()
    subprocess.run(["cp", "-r", str(releases.firmware_folder()), str(sources)], check=True)
    text = (sources / "version.py").read_text()
    (sources / "version.py").write_text(text.replace('VERSION = "', f'VERSION = "{digit}'))
    releases.make("esp32s3", made, folder=sources)
    return made


def _copied(release: Path) -> dict[str, object]:
    """What a person would type without the agent: all files, unverified, into the file system."""
    with running("--firmware", "none", "--speed", "1") as shell:
        command = [sys.executable, "-m", "mpremote", "connect", shell.port, "cp", "-r", f"{release}/firmware"]
        command += [f"{release}/main.py", f"{release}/slots.mpy", ":"]
        began = time.monotonic()
        subprocess.run(command, check=True, capture_output=True)
        return {"s": round(time.monotonic() - began, 2)}


def _pulled(folder: Path, times: int) -> dict[str, object]:
    """From the first byte to the last of a small release: boards that start as neither the one nor the other."""
    half = resumed = 0
    monkeypatch = pytest.MonkeyPatch()
    with running("--firmware", "none") as shell:
        flash(shell.port, folder=a_release(folder / "0", "r0"))
        with counted(monkeypatch) as line:
            whole = flash(shell.port, folder=a_release(folder / "1", "r1"))
        total, was = line.typed_bytes, "r1"
        for n in range(times):
            name, at = f"r{n + 2}", (n + 1) * total // (times + 1)
            now = a_release(folder / name, name)
            try:
                with counted(monkeypatch, pulled_at=at):
                    flash(shell.port, folder=now)
            except (LinkLost, NoPrompt):
                pass
            with Console(shell.port) as prompt:
                said = prompt.restart()
            half += f"release {was} runs" not in said and f"release {name} runs" not in said
            done: Flashed = flash(shell.port, folder=now)
            half += f"release {name} runs" not in done.said
            resumed += done.sent.sent_bytes < whole.sent.sent_bytes
            was = name
    return {"pulled": times, "boards that did not start": half, "went on where it was": resumed}
