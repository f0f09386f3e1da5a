"""Naive ways of keeping and destroying."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import pytest

from cloud_sync.ingest.pipeline import _Batch
from cloud_sync.model.keeping import RecordPart
from cloud_sync.policy import Period, Rule
from cloud_sync.records import Records
from cloud_sync.retention import due
from cloud_sync.retention.clocks import Times, ended_at
from cloud_sync.retention.due import RecordTerms
from cloud_sync.retention.passes import Passes
from tests.clauses.engines.retention import no_replay, nothing_out_of_date
from tests.clauses.way import Naive

FIVE_YEARS, THREE_MONTHS, ONE_TERM = Period.parse("P5Y"), Period.parse("P3M"), Period.parse("P12M")


def _one_number(patch: pytest.MonkeyPatch) -> None:
    def end(_: RecordTerms, rules: Iterable[Rule], created_at: float, *__: Any) -> float:
        return ONE_TERM.end(created_at) if list(rules) else created_at

    patch.setattr(RecordTerms, "due", end)


def _five_years_for_all(patch: pytest.MonkeyPatch) -> None:
    def end(_: RecordTerms, __: Iterable[Rule], ___: float, ____: Times, subject: Times) -> float | None:
        over = ended_at(subject)
        return None if over is None else FIVE_YEARS.end(over)

    patch.setattr(RecordTerms, "due", end)
    patch.setattr(Passes, "expire_rows", lambda *_: None)
    patch.setattr(Passes, "expire_days", lambda *_: None)


def _from_arrival(patch: pytest.MonkeyPatch) -> None:
    refusal, store = _Batch._refusal, _Batch._store

    def refuses(self: _Batch, item: Any, contents: Any, known: Any) -> Any:
        return refusal(self, item, contents._replace(oldest_capture=self._now), known)

    def stores(self: _Batch, item: Any, contents: Any, known: Any) -> Any:
        return store(self, item, contents._replace(oldest_capture=self._now), known)

    patch.setattr(_Batch, "_refusal", refuses)
    patch.setattr(_Batch, "_store", stores)
    for days in ("expire_days", "close_days"):  # the key of a day waits for what may still arrive of it
        patch.setattr(Passes, days, lambda *_: None)


def _whole_rows(patch: pytest.MonkeyPatch) -> None:
    destroy = Records._destroy

    def with_the_others(self: Records, parts: Iterable[RecordPart]) -> None:
        names = {part.record_id for part in parts}
        destroy(self, [part for name in names for part in self._database.parts(name)])

    patch.setattr(Records, "_destroy", with_the_others)


def _no_cap(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RecordTerms, "capped", lambda *_: math.inf)


def _applicants_as_contacts(patch: pytest.MonkeyPatch) -> None:
    rules = RecordTerms.rules

    def same(self: RecordTerms, category: str) -> tuple[Rule, ...]:
        return rules(self, "contact" if category == "applicant" else category)

    patch.setattr(RecordTerms, "rules", same)


def _tail_of_the_tail(patch: pytest.MonkeyPatch) -> None:
    def later(subject: Times) -> float | None:
        over = ended_at(subject)
        return None if over is None else THREE_MONTHS.end(over)

    patch.setattr(due, "ended_at", later)


NAIVE: Final = (
    Naive(1, "delete rows, ignore backups", ("MM-42",), no_replay),
    Naive(2, "one retention number for each company", ("MM-41", "MM-53", "MM-10", "MM-38"), _one_number),
    Naive(3, "5 years from account deletion, for all data", ("MM-38", "MM-54"), _five_years_for_all),
    Naive(4, "retention counted from arrival", ("CT-14",), _from_arrival),
    Naive(18, "erasing U1 removes the other party's chat", ("MM-30",), _whole_rows),
    Naive(27, "analytics kept 14 months beside a 12-month cap", ("MM-10",), _no_cap),
    Naive(38, "the company waits to be asked", ("TT-46",), nothing_out_of_date),
    Naive(40, "job applications in the same store", ("CG-75",), _applicants_as_contacts),
    Naive(44, "logs written during the 3-month tail", ("MM-43",), _tail_of_the_tail),
)
