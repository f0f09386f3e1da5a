"""An installation in January 2026 with a person who has a device and readings: what tests of cases share."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cloud_sync.model import Actor
from cloud_sync.model.rights import Case
from cloud_sync.rights import Opened
from cloud_sync.service import CloudSync
from tests.unit.cloud_sync.policy.policy_world import anew
from tests.unit.cloud_sync.service_world import Setting

DAY = 86_400
DESK, DPO = "desk-1", "dpo-1"
ME = Actor("s-1", "data_subject", mfa=True)
LETTER = b"what the person was told"


def at(text: str) -> float:
    """Unix seconds of a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def iso_day(moment: float) -> str:
    """The last day before a moment, in Copenhagen's winter: what a due moment names."""
    return datetime.fromtimestamp(moment - 1 + 3600, UTC).date().isoformat()


def another_version(text: str) -> str:
    """A changed policy text under a version of its own."""
    return anew(text)


T0 = at("2026-01-15T12:00")


class Bureau(Setting):
    """Such an installation; `cloud` while it is open."""

    cloud: CloudSync

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.clock.at = T0

    def ask(self, *rights: str, subject: str = "s-1", **more: Any) -> Opened:
        """The person asks, logged in, now."""
        values = {"received_at": self.clock.at, "channel": "portal", "by": subject, "login": ME, **more}
        return self.cloud.rights.open(subject, *rights, **values)

    def one(self, right: str, **more: Any) -> Case:
        """One case of the person's."""
        return self.ask(right, **more).cases[0]

    def grant(self, case: Case) -> Case:
        """Decide for the person."""
        return self.cloud.rights.decide(case.case_id, "granted", by=DPO, reviewer=DPO)

    def finish(self, case: Case) -> Case:
        """Answer and close."""
        self.cloud.rights.answer(case.case_id, by=DESK, letter=LETTER)
        return self.cloud.rights.close(case.case_id, by=DESK)

    def state(self, case: Case) -> str:
        """Its state now."""
        return self.cloud.rights.get(case.case_id).state.value

    def logged(self, kind: str, subject: str = "s-1") -> list[dict[str, Any]]:
        """Details of the log's entries of a kind."""
        return [dict(entry.event.detail) for entry in self.cloud.audit.entries(subject, kind)]


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """It, open, with a device of s-1."""
    made = Bureau(tmp_path)
    with made.open() as made.cloud:
        made.cloud.enrol(subject="s-1", settings={})
        yield made
