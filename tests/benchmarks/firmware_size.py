"""Size of each board's release as mpy-cross makes it, beside the budget: what flash has to hold, and what a weak link carries."""

from __future__ import annotations

import tempfile
import zlib
from pathlib import Path

from agent.release import make as release

DESK = 2  # optimisation with line numbers


def run(*, quick: bool = False) -> dict[str, object]:
    """Bytes of each board's release, raw and deflated as one stream; by package and of source for the first board."""
    figures: dict[str, object] = {"budget_bytes": release.BUDGET_BYTES}
    names = release.boards()[:1] if quick else release.boards()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            figures[name] = _board(name, Path(folder) / name)
        desk = release.make(names[0], Path(folder) / "desk", optimisation=DESK)
        figures["with_line_numbers_bytes"] = desk["bytes"]
        figures["by_package"] = _by_package(Path(folder) / names[0])
    return figures


def _board(name: str, out: Path) -> dict[str, int]:
    made = release.make(name, out)
    together = b"".join((out / file).read_bytes() for file in sorted(made["files"]))
    return {
        "files": len(made["files"]),
        "mpy_bytes": made["bytes"],
        "over_budget_bytes": made["bytes"] - release.BUDGET_BYTES,
        "deflated_bytes": len(zlib.compress(together, 9)),
    }


def _by_package(out: Path) -> dict[str, int]:
    found: dict[str, int] = {}
    for path in sorted((out / "firmware").rglob("*.mpy")):
        parts = path.relative_to(out / "firmware").parts
        package = parts[0] if len(parts) > 1 else "."
        found[package] = found.get(package, 0) + path.stat().st_size
    return found
