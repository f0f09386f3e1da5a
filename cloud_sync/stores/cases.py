"""What the engine needs of a telemetry database for cases of people's rights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from cloud_sync.model.rights import Case, CaseEvent, IdentityLink


class CaseStore(Protocol):
    """Cases, what happened to them (append-only until their term is over), links to addresses on file."""

    def put_case(self, case: Case) -> None:
        """Insert or replace."""

    def case(self, case_id: str) -> Case | None: ...
    def cases(self, subject: str | None = None, message: str | None = None, *, closed: bool = True) -> list[Case]:
        """By receipt, then id."""

    def cases_alarming(self, now: float) -> list[Case]:
        """Pending ones whose alarm or due moment has come, as far as that was not raised."""

    def cases_closed_before(self, at: float, limit: int, after: tuple[float, str] = (-1e300, "")) -> list[Case]:
        """Up to `limit` in order of closing, from behind (closed_at, case_id) on."""

    def append_case_event(self, event: CaseEvent) -> None: ...
    def case_events(self, case_id: str) -> list[CaseEvent]:
        """In order of appending."""

    def remove_cases(self, case_ids: Sequence[str]) -> int:
        """Those whose term is over, with their events and links; how many."""

    def forget_cases(self, subject: str, until: float = math.inf) -> int:
        """Drop what the person wrote or was told up to that Unix second, and links to them; the cases stay. How many rows."""

    def put_identity_link(self, link: IdentityLink) -> None:
        """Insert or replace."""

    def count_identity_links(self, message: str) -> int: ...
    def identity_link(self, link: str) -> IdentityLink | None: ...
    def remove_identity_links(self, ended_before: float) -> int: ...
