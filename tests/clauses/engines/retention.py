"""What destroys: the sweep, its clocks, erasure, backups that end, and what looks for what is late or out of date."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any, Final

import pytest

from cloud_sync.backups.shelf import Pruned, Shelf
from cloud_sync.erasure.receipt import ErasureReceipt
from cloud_sync.facade.erasing import Erasing
from cloud_sync.facade.overdue import Overdue
from cloud_sync.policy import Rule
from cloud_sync.records import Records
from cloud_sync.records.freshness import Freshness
from cloud_sync.retention.due import RecordTerms
from cloud_sync.retention.report import SweepReport
from cloud_sync.retention.sweep import Sweeper
from cloud_sync.retention.terms import Terms
from cloud_sync.service import CloudSync
from tests.clauses.engine import Engine

ONE_TERM_S: Final = 400 * 86_400
lint: Final[Any] = importlib.import_module("cloud_sync.policy.lint")  # the package has a function of that name


def _no_sweep(patch: pytest.MonkeyPatch) -> None:
    def nothing(self: Sweeper, **_: Any) -> SweepReport:
        return SweepReport(self._clock.now())

    patch.setattr(Sweeper, "sweep", nothing)


def _one_clock(patch: pytest.MonkeyPatch) -> None:
    """Four hundred days from when a row was made, whatever it is."""

    def due(_: RecordTerms, rules: Iterable[Rule], created_at: float, *__: Any) -> float | None:
        return created_at + ONE_TERM_S if list(rules) else created_at

    patch.setattr(RecordTerms, "due", due)
    patch.setattr(Terms, "over", lambda _, __, capture, now: now >= capture + ONE_TERM_S)
    patch.setattr(Terms, "end", lambda _, __, capture: capture + ONE_TERM_S)


def _no_erasure(patch: pytest.MonkeyPatch) -> None:
    """The request is filed, and a receipt is sent."""

    def filed(self: Erasing, subject: str, start: Any, end: Any, by: str, *_: Any) -> ErasureReceipt:
        return ErasureReceipt(subject, self.clock.now(), 0, 0, (), (), 0, 0, 0, 0, whole=True)

    patch.setattr(Erasing, "_erase_now", filed)
    patch.setattr(Records, "erase", lambda *_, **__: (0, []))


def no_replay(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("cloud_sync.erasure.erase.Eraser.replay", lambda *_: 0)
    patch.setattr(CloudSync, "_replay_erasures", lambda _: None)
    patch.setattr(Records, "replay", lambda _: 0)
    patch.setattr(Sweeper, "catch_up", lambda *_: 0)


def _no_horizon(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Shelf, "prune", lambda *_: Pruned())


def _no_term_checks(patch: pytest.MonkeyPatch) -> None:
    gone = {"caps_hold", "one_cap", "caps_of_categories"}
    patch.setattr(lint, "_PROMISES", tuple(each for each in lint._PROMISES if each.__name__ not in gone))
    structural = lint._structural

    def forgiving(error: Any, raw: Any) -> Any:
        yield from (gap for gap in structural(error, raw) if gap.path[-1] not in ("retention", "clock", "after"))

    patch.setattr(lint, "_structural", forgiving)


def _no_lawful_rest(patch: pytest.MonkeyPatch) -> None:
    """An erasure takes all or nothing: what a law wants kept goes with the rest."""
    patch.setattr(Records, "_stays", lambda *_: None)


def nothing_out_of_date(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Freshness, "check", lambda _: None)


def _no_alarm(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Overdue, "erasures", lambda _: [])


ENGINES: Final = (
    Engine("sweep", "nothing is destroyed when its term is over", _no_sweep),
    Engine("clocks", "everything has four hundred days from when it was made", _one_clock),
    Engine("erasure", "a request to erase is filed, and nothing goes", _no_erasure),
    Engine("lawful-rest", "an erasure takes along what a law wants kept", _no_lawful_rest),
    Engine("replay", "a restored store is served as it is", no_replay),
    Engine("horizon", "backups stay until somebody thinks of them", _no_horizon),
    Engine("terms-lint", "a policy may have any term, or none", _no_term_checks),
    Engine("freshness", "the company waits until somebody corrects it", nothing_out_of_date),
    Engine("overdue", "nobody looks for erasures that wait", _no_alarm),
)
