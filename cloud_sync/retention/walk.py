"""How far a walk over many keys has come: kept in the telemetry database, so that short-lived processes see all of them in turn.

[A sweep that is started anew each hour looks at the first thousands of keys for ever, and never at the rest.] The place is a name
of a key, thus of a device or of a person's record; a whole person's erasure that meets it takes it along, and the walk begins
anew.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

EDITIONS: Final = "walk/editions"
RECORD_KEYS: Final = "walk/record-keys"


class Marks(Protocol):
    """Where the place is kept."""

    def mark(self, name: str) -> str: ...
    def set_mark(self, name: str, value: str) -> None: ...


class Walk:
    """One walk; read and moved inside the transaction in which the keys of a page are looked at."""

    def __init__(self, marks: Marks, name: str, first: tuple[Any, ...]) -> None:
        """`first`: the place before all keys."""
        self._marks = marks
        self._name = name
        self.first = first

    @property
    def after(self) -> Any:
        """The place behind which to go on."""
        said = self._marks.mark(self._name)
        return tuple(json.loads(said)) if said else self.first

    def move(self, place: tuple[Any, ...]) -> None:
        """Go on behind `place` next time; from the beginning behind `first`."""
        self._marks.set_mark(self._name, "" if place == self.first else json.dumps(place))
