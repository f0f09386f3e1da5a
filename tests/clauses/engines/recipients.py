"""The register of recipients, and what stands around it: field lists, transfers, recalls, silences, comparisons, alerts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Final

import pytest

from cloud_sync import service
from cloud_sync.disclosure import alerts, handing
from cloud_sync.disclosure import register as registers
from cloud_sync.disclosure.recall import Promise, Recall
from cloud_sync.disclosure.silence import Silences
from cloud_sync.policy.transferchecks import TRANSFER_CHECKS
from cloud_sync.restriction.holds import HeldNow
from tests.clauses.engine import Engine

decide = import_module("cloud_sync.gate.decide")  # the packages give these names to functions
lint = import_module("cloud_sync.policy.lint")


def _no_register(patch: pytest.MonkeyPatch) -> None:
    """Whoever is addressed gets it: no list, no agreement, no review, no reference."""
    patch.setattr(decide, "_CHECKS", tuple(c for c in decide._CHECKS if c not in (decide._recipient, decide._sold)))
    patch.setattr(decide, "unsold", lambda *_: None)


def names_only(patch: pytest.MonkeyPatch) -> None:
    """A recipient is a name, and gets the record."""
    patch.setattr(handing, "told", lambda content, _: json.loads(content))


def _no_transfer(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lint, "_PROMISES", tuple(check for check in lint._PROMISES if check not in TRANSFER_CHECKS))
    patch.setattr(service, "check_regions", lambda *_: None)


def _no_recall(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Recall, "recall", lambda *_: [])
    patch.setattr(Recall, "notify", lambda *_: [])


def all_promised(patch: pytest.MonkeyPatch) -> None:
    """Section 8, row 42: whoever has a copy removes it, says the letter."""

    def promise(self: Recall, name: str) -> Promise:
        return Promise(name, self._policy.recipients[name].kind, 1, f"{name} removes its copy")

    patch.setattr(Recall, "_promise", promise)


def _no_silence(patch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def over(*asked: Any) -> Iterator[str]:
        yield asked[-1] or "delivery-1"

    patch.setattr(Silences, "over", over)


def _no_comparison(patch: pytest.MonkeyPatch) -> None:
    for part in ("_delivered", "_reached", "_hosts"):
        patch.setattr(registers.Register, part, lambda *_: [])


def told_everything(patch: pytest.MonkeyPatch) -> None:
    """The alert says where: a mail, a chat and a broker keep what they carry."""

    class Body:
        @staticmethod
        def dumps(message: dict[str, Any]) -> str:
            return json.dumps({**message, "lat": 55.676098, "lon": 12.568337})

    patch.setattr(alerts, "json", Body)


def _no_holds(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HeldNow, "held_record", lambda *_: None)


def _no_list(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(registers.Register, "entries", lambda *_: [])


ENGINES: Final = (
    Engine("register list", "nobody can see who is in the register", _no_list),
    Engine("register", "whoever is addressed gets it", _no_register),
    Engine("field lists", "a recipient is a name, and gets all of a record", names_only),
    Engine("transfer", "nobody asks where stores and recipients are, and what binds them", _no_transfer),
    Engine("recall", "a recipient hears nothing of what it has", _no_recall),
    Engine("promises", "a letter promises what every recipient does", all_promised),
    Engine("silence", "an order that forbids telling is forgotten", _no_silence),
    Engine("comparison", "the register is never held against what left", _no_comparison),
    Engine("alerts without places", "an alert says where", told_everything),
    Engine("holds for claims", "what a claim needs goes with its term", _no_holds),
)
