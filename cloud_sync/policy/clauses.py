"""The clauses: what five companies published, in own words, each with its acceptance test.

`PROMISES` is what `clauses.json` beside this module holds. Which of them are kept is for their tests to show (`tests/clauses`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import Final

#: Places where only a web page, its API or a text could show a clause: the product has none of its own.
PAGES: Final = frozenset({"PT", "API"})
TEXT: Final = "DOC"
_OPERATOR: Final = "docs/operating.md, What only the operator can do"
#: Where the text stands that is the proof of a clause.
TEXTS: Final = {
    "CG-69": f"{_OPERATOR}: public links",
    "MM-50": f"{_OPERATOR}: own risk",
    "ST-41": f"{_OPERATOR}: cookies",
    "ST-55": f"{_OPERATOR}: scanner and firewall",
    "ST-58": f"{_OPERATOR}: the domain",
}


class Shown(StrEnum):
    """How a clause stands."""

    GREEN = "green"  # its test passes
    RED = "red"  # its test fails, or there is none though an engine of ours is responsible
    OPEN = "open"  # only a web page or its API can show it
    DOCUMENTATION = "documentation"  # its proof is a text
    UNTRIED = "untried"  # an engine keeps it, and its test was not run


@dataclass(frozen=True, slots=True)
class Promise:
    """A clause: `where` are the places that enforce it, `test` is its acceptance test, `flags` are conflicts and vague points."""

    id: str
    src: str
    fact: str
    kind: str
    also: tuple[str, ...]
    where: tuple[str, ...]
    test: str
    flags: tuple[str, ...]

    @property
    def company(self) -> str:
        """CT, CG, MM, ST or TT."""
        return self.id[:2]

    @property
    def untested(self) -> Shown:
        """What it is without a test."""
        if set(self.where) == {TEXT}:
            return Shown.DOCUMENTATION
        return Shown.OPEN if set(self.where) <= PAGES | {TEXT} else Shown.RED


def _read() -> dict[str, Promise]:
    rows = json.loads(files(__package__).joinpath("clauses.json").read_text("utf-8"))
    lists = ("also", "where", "flags")
    return {row["id"]: Promise(**{**row, **{name: tuple(row[name]) for name in lists}}) for row in rows}


#: By id, in the order of the table.
PROMISES: Final = _read()
