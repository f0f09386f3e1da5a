"""Writes the catalogue's table anew into `docs/simulator/faults.md`: `python -m hw_sim.faults.page [FILE]`."""

from __future__ import annotations

import sys
from pathlib import Path

from hw_sim.faults.catalogue import CATALOGUE
from hw_sim.faults.words import table

BEGIN, END = "<!-- catalogue -->\n", "<!-- end of the catalogue -->\n"


def renewed(page: str) -> str:
    """The page with the table of now between its two marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table(CATALOGUE.values())}{END}{tail}"


if __name__ == "__main__":
    file = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/simulator/faults.md")
    file.write_text(renewed(file.read_text(encoding="utf-8")), encoding="utf-8")
