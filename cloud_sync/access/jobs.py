"""Jobs: processing that nobody watches, on an instruction of the customer or for a purpose of the company's own.

A job says what it makes and what it rests on, before it sees anything. 1. Under a policy that makes no profiles nothing is made of
a person that is one: where they dwell, what their days are like, whom they meet, what they score; and under no policy is anything
that a device senses an input of one. 2. Where the company is a processor it acts on the instruction that the rule names, or not at
all. 3. The gate decides, as about every use.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeVar

from cloud_sync.audit import Kind
from cloud_sync.errors import Denied
from cloud_sync.gate import Gate, Request
from cloud_sync.gate.entry import named
from cloud_sync.gate.mail import PROFILING
from cloud_sync.gate.words import said_category, said_purpose, said_role, said_word
from cloud_sync.model import Action, Actor, AuditEvent
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import ControllerRole
from cloud_sync.stores import AuditSink, Clock

Made = TypeVar("Made")


class Makes(StrEnum):
    """What a job makes of a person's data."""

    READINGS = "readings"  # what was captured, as it is
    TOTALS = "totals"  # of many people; who is in them is in no result
    DWELL_PLACES = "dwell_places"
    ROUTINES = "routines"
    CONTACTS = "contacts"
    SCORE = "score"


class JobRefusal(StrEnum):
    """Why a job is not run, beside the gate's reasons."""

    NO_PROFILING = "no_profiling"
    NO_INSTRUCTION = "no_instruction"


PROFILES: Final = frozenset({Makes.DWELL_PLACES, Makes.ROUTINES, Makes.CONTACTS, Makes.SCORE})


class Jobs:
    """Runs what may be run; either answer is in the log before anything is made."""

    def __init__(self, policy: Policy, gate: Gate, clock: Clock, audit: AuditSink) -> None:
        self._policy = policy
        self._gate = gate
        self._clock = clock
        self._audit = audit

    def run(
        self,
        work: Callable[[], Made],
        *,
        actor: Actor,
        makes: Makes,
        purpose: str,
        category: str,
        subject: str,
        instruction: str = "",
    ) -> Made:
        """What `work` makes; `Denied` before it is called unless all three hold. Its own reads ask the gate again."""
        refused = self._refused(makes, purpose, category, instruction)
        if refused is None:
            now = self._clock.now()
            decision = self._gate.ask(Request(actor, purpose, Action.READ, category, subject, now, now))
            refused = None if decision else decision.reason
        self._log(refused, actor, makes, purpose, category, subject, instruction)
        if refused is not None:
            raise Denied(refused, f"denied: {refused.value}: this job is not run")
        return work()

    def _refused(self, makes: Makes, purpose: str, category: str, instruction: str) -> StrEnum | None:
        profiles = makes in PROFILES or purpose in PROFILING
        rule = self._policy.rule(category, purpose)
        sensed = rule is not None and rule.stream is not None
        if profiles and (sensed or not self._policy.parameters.flag("automated.profiling")):
            return JobRefusal.NO_PROFILING
        if rule is not None and rule.role == ControllerRole.PROCESSOR and instruction != rule.instruction:
            return JobRefusal.NO_INSTRUCTION
        return None

    def _log(
        self,
        refused: StrEnum | None,
        actor: Actor,
        makes: Makes,
        purpose: str,
        category: str,
        subject: str,
        instruction: str,
    ) -> None:
        detail: list[tuple[str, str | int]] = [
            ("action", Action.READ.value),
            ("category", said_category(category, self._policy)),
            ("purpose", said_purpose(purpose, self._policy)),
            ("role", said_role(actor.role)),
            ("makes", makes.value),
            ("instruction", said_word(instruction)),
            ("reason", refused.value if refused else "allowed"),
        ]
        people = named(actor.id, subject, allowed=not refused)
        kind = Kind.GATE_DENIED if refused else Kind.GATE_ALLOWED
        self._audit.append(AuditEvent(kind.value, self._clock.now(), *people, tuple(detail)))
