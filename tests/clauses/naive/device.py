"""Naive ways of collecting."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from cloud_sync.access.terminal import Terminal
from cloud_sync.directive import Permission
from cloud_sync.facade import permitting
from cloud_sync.gate import Decision
from cloud_sync.ingest import intake, pipeline
from cloud_sync.ingest.intake import Intake
from cloud_sync.ingest.outcome import Kind, Outcome
from cloud_sync.ingest.pipeline import Ingest, Message
from cloud_sync.model import Precision, Reason, Sensor, Stream
from cloud_sync.policy import Policy, Rule
from tests.clauses.way import Naive


def _mast_kept(patch: pytest.MonkeyPatch) -> None:
    grounded = Intake._grounded

    def or_a_mast(self: Intake, rule: Rule, subject: str, now: float) -> bool:
        return rule.category == "cell_info" or grounded(self, rule, subject, now)

    patch.setattr(Intake, "_grounded", or_a_mast)


def _cut_on_the_server(patch: pytest.MonkeyPatch) -> None:
    compiled = permitting.compile_permission

    def exact(policy: Policy, *asked: Any, **bounds: Any) -> Permission:
        found = compiled(policy, *asked, **bounds)
        if not policy.rules_of_stream(Stream.LOCATION):
            return found
        return replace(found, sensors=found.sensors | Sensor.GNSS, precision=Precision.EXACT)

    patch.setattr(permitting, "compile_permission", exact)


def _read_at_will(patch: pytest.MonkeyPatch) -> None:
    demand = Terminal.demand

    def staff_may(self: Terminal, actor: Any, subject: str, **asked: Any) -> Decision:
        if actor.role == "support":
            return Decision(True, Reason.ALLOWED, Precision.NONE, "support may look", frozenset({"file", "time"}))
        return demand(self, actor, subject, **asked)

    patch.setattr(Terminal, "demand", staff_may)


def _plain_texts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(intake, "FREE", frozenset())


def _logged_for_debugging(patch: pytest.MonkeyPatch) -> None:
    handle = Ingest.handle

    def telling(self: Ingest, messages: Sequence[Message]) -> list[Outcome]:
        outcomes = handle(self, messages)
        for (topic, payload), outcome in zip(messages, outcomes, strict=True):
            if outcome.kind is Kind.UNKNOWN_DEVICE:
                logging.getLogger(pipeline.__name__).warning("unknown device on %s: %s", topic, payload.hex())
        return outcomes

    patch.setattr(Ingest, "handle", telling)


NAIVE: Final = (
    Naive(11, "lat and lon removed, mast kept", ("CT-56",), _mast_kept),
    Naive(12, "precision cut on the server", ("TT-18",), _cut_on_the_server),
    Naive(13, "support reads the device's flash log at will", ("CT-50", "CT-51"), _read_at_will),
    Naive(29, "free texts, pictures and labels treated as plain", ("MM-15", "ST-08"), _plain_texts),
    Naive(33, "unknown devices' frames logged for debugging", ("MM-25",), _logged_for_debugging),
)
