"""The policy itself: its lint, its archive, grounds that end, what is not taken as a record, what a company looks after,
its notice.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any, Final

import pytest

from cloud_sync.consent import standing
from cloud_sync.facade import losing, upkeep
from cloud_sync.facade.calls import Call, Calls
from cloud_sync.facade.upkeep import Upkeep
from cloud_sync.policy import archive
from cloud_sync.records import records
from cloud_sync.records.erasing import RecordErasure
from tests.clauses.engine import Engine

#: Their packages have functions of the same names.
decide: Any = import_module("cloud_sync.gate.decide")
lint: Any = import_module("cloud_sync.policy.lint")
notice: Any = import_module("cloud_sync.report.notice")
record: Any = import_module("cloud_sync.report.record")
write: Any = import_module("cloud_sync.report.write")


def _no_lint(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lint, "_MEANING", ())
    patch.setattr(lint, "_PROMISES", ())
    patch.setattr(lint, "_structural", lambda *_: iter(()))


def _no_archive(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(archive, "unchanged_versions", lambda *_: [])
    patch.setattr(losing, "further_purposes", lambda *_: [])


def _no_contracts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(decide, "_CHECKS", tuple(check for check in decide._CHECKS if check is not decide._running))
    patch.setattr(RecordErasure, "contract", lambda *_: ())


def _all_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(records, "refusal", lambda *_: None)


def _no_upkeep(patch: pytest.MonkeyPatch) -> None:
    for question in ("surplus", "aged_keys", "early_consents"):
        patch.setattr(Upkeep, question, lambda _: [])
    for module in (upkeep, standing):
        patch.setattr(module, "began_at", lambda _: None)


def _recorded_at_once(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: Call) -> tuple[str, ...]:
        self.ended = True
        return ()

    patch.setattr(Calls, "allow", lambda *_: None)
    patch.setattr(Call, "refuse", refuse)


def _no_notice(patch: pytest.MonkeyPatch) -> None:
    """A page without a version, an address or a reference."""
    bare, kept = notice.notice, record.record

    def said(policy: Any, language: str) -> str:
        return bare(replace(policy, version="", controller=None), language)

    def listed(policy: Any) -> dict[str, Any]:
        found = kept(replace(policy, version="", controller=None))
        activities = [{**each, "reference": None} for each in found["activities"]]
        return {**found, "controller": {}, "activities": activities}

    for module in (notice, write):
        patch.setattr(module, "notice", said)
    for module in (record, write):
        patch.setattr(module, "record", listed)


ENGINES: Final = (
    Engine("lint", "every file is a policy", _no_lint),
    Engine("archive", "a policy is changed without a word", _no_archive),
    Engine("contracts", "a ground that once was is one for good", _no_contracts),
    Engine("taking", "a record is whatever is handed over", _all_taken),
    Engine("upkeep", "the company looks after nothing by itself", _no_upkeep),
    Engine("calls", "every call is recorded, and ends if that is refused", _recorded_at_once),
    Engine("reports", "the notice names nobody and no version", _no_notice),
)
