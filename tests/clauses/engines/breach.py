"""The breach desk."""

from __future__ import annotations

from typing import Any, Final

import pytest

from cloud_sync.breach.concerned import Concerned, Finder
from cloud_sync.breach.desk import BreachDesk
from cloud_sync.model.incidents import Party
from tests.clauses.engine import Engine

A_MONTH_S: Final = 30 * 86_400


def _no_desk(patch: pytest.MonkeyPatch) -> None:
    """Thirty days from when somebody had time to enter it."""

    def due(self: BreachDesk, *_: Any) -> dict[Party, float]:
        return {Party.AUTHORITY: self._book.clock.now() + A_MONTH_S}

    patch.setattr(BreachDesk, "_due", due)
    patch.setattr(Finder, "find", lambda *_: Concerned((), "nobody"))
    patch.setattr("cloud_sync.facade.breaches.raise_alarms", lambda _: 0)


ENGINES: Final = (Engine("breach desk", "an incident is entered, and due in a month; nobody is concerned", _no_desk),)
