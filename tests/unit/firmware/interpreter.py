"""The real MicroPython interpreter, with the heap that a device has."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
HEAP = "heapsize=192k"  # of the 64-bit interpreter; objects of a chip's 32-bit one are half as large


def find() -> str:
    """Path of the interpreter: $BYLEAVE_MICROPYTHON, or the one beside this Python; skips where there is none."""
    beside = Path(sys.executable).parent / "micropython"
    found = os.environ.get("BYLEAVE_MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not found:
        pytest.skip("no MicroPython interpreter")
    return found


def run(script: Path, *args: str) -> str:
    """What a script prints; it must end well within a minute."""
    command = [find(), "-X", HEAP, str(script), *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
