"""Naive ways with the text itself: fields that nobody shows, disclaimers that are obeyed, a "no" that ends the call."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import pytest

from cloud_sync.access.controls import Controls, Proof
from cloud_sync.facade.calls import Call
from cloud_sync.policy import Policy
from cloud_sync.policy.checks import hidden_explained
from tests.clauses.way import Naive

lint: Any = import_module("cloud_sync.policy.lint")  # the package has a function of that name


def _hidden(patch: pytest.MonkeyPatch) -> None:
    """A field may be hidden, for later."""
    patch.setattr(lint, "_MEANING", tuple(check for check in lint._MEANING if check is not hidden_explained))


def _own_risk(patch: pytest.MonkeyPatch) -> None:
    """Where the text says that people act at their own risk, half of the controls are left to them."""
    made, proofs = Controls.__init__, Controls.proofs

    def reads(self: Any, store: Any, policy: Policy, *rest: Any) -> None:
        made(self, store, policy, *rest)
        words = [word for texts in policy.texts.values() for word in texts.purpose.values()]
        self.lenient = any("own risk" in word for word in words)

    def shown(self: Any) -> list[Proof]:
        found = proofs(self)
        return found[: len(found) // 2] if self.lenient else found

    patch.setattr(Controls, "__init__", reads)
    patch.setattr(Controls, "proofs", shown)


def _hang_up(patch: pytest.MonkeyPatch) -> None:
    def refuse(self: Call) -> tuple[str, ...]:
        self.ended = True
        self._pieces.clear()
        return ()

    patch.setattr(Call, "refuse", refuse)


NAIVE: Final = (
    Naive(16, "hidden fields for later analytics", ("MM-26",), _hidden),
    Naive(45, "disclaimers read as permission", ("MM-50",), _own_risk),
    Naive(46, "refusing a recording ends the call", ("CG-30",), _hang_up),
)
