"""The report of a run: one HTML file with everything in it, drawn from a chronicle.

from hw_sim.demo.report import write
write(chronicle, Path("report.html"))
"""

from __future__ import annotations

from pathlib import Path

from hw_sim.demo.chronicle import Chronicle
from hw_sim.demo.report.page import page
from hw_sim.picture.document import put

__all__ = ["render", "write"]


def render(chronicle: Chronicle) -> str:
    """The page as text. It depends on nothing but the chronicle: the same story gives the same page."""
    return page(chronicle)


def write(chronicle: Chronicle, path: Path) -> int:
    """Write the page, in a new folder if need be, and return its size in bytes; HwSimError says why it cannot be written."""
    return put(render(chronicle), path, "report")
