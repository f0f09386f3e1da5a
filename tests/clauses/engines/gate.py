"""The gate."""

from __future__ import annotations

from typing import Final

import pytest

from cloud_sync.gate import gate
from cloud_sync.gate.book import book_of
from cloud_sync.gate.question import Decision, Facts, Request
from cloud_sync.model import Precision, Reason
from cloud_sync.policy import Policy
from tests.clauses.engine import Engine


def _yes(request: Request, policy: Policy, _facts: Facts) -> Decision:
    """As fine as it was asked, for whatever it was asked."""
    lines = book_of(policy).lines
    line = lines.get((request.category, request.purpose))
    of_category = [each for (category, _), each in lines.items() if category == request.category]
    line = line or next(iter(of_category), None)
    precision = request.precision or (line.rule.precision if line and line.rule.precision else Precision.EXACT)
    fields = request.fields or (line.fields if line else frozenset())
    return Decision(True, Reason.ALLOWED, precision, "everything is allowed", fields)


def _apply(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gate, "decide", _yes)


ENGINES: Final = (Engine("gate", "whoever asks is allowed, for any purpose", _apply),)
