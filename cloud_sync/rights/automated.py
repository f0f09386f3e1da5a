"""Decisions that a rule takes about people (GDPR Art. 22): off unless the policy names grounds, explained, and reviewed by a
person.

Invariants, each with the harm that it stops:

1. A decision of consequence needs `[automated] decisions = true` and one of its grounds with a reference [a score that nobody
allowed].
2. Every input is a field of a record that the policy declares for the purpose; what a device senses is none (X-17).
3. It is kept as a record of the person's, with the rule's id, inputs, logic and outcome: their copy has it, their erasure takes it.
4. Where a contract would be refused nothing takes effect until a person has decided, within `automated.review_workdays`.
5. Whoever asks has a person look at it who does not answer for the rule.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.words import said_category, said_purpose
from cloud_sync.model import Actor, AuditEvent, LawfulBasis, Reason
from cloud_sync.model.rights import Case, CaseState, Identity, Right
from cloud_sync.policy import Policy
from cloud_sync.records import Records
from cloud_sync.retention.civil import add_working_days
from cloud_sync.rights.deadlines import LAW, Deadline, add_term, received_day
from cloud_sync.rights.desk import Desk, Opened
from cloud_sync.rights.rules import word
from cloud_sync.stores import Clock

PREFIX: Final = "decision."
ID_BYTES: Final = 10
RULE, HUMAN = "rule", "human"
MOST_INPUTS: Final = 32  # of one rule: an explanation that somebody reads


@dataclass(frozen=True, slots=True)
class Logic:
    """A rule: its id, who answers for it, its inputs ("category.field", the weightiest first), and how it works, in words."""

    logic_id: str
    owner: str
    inputs: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Where a decision stands: `issued`, `pending_human`, or `reviewed`; `decided_by` is rule or human.

    `review` is where the person asks for a human: the end of a link.
    """

    decision_id: str
    subject: str
    purpose: str
    logic_id: str
    owner: str
    status: str
    decided_by: str
    case_id: str = ""
    reviewer: str = ""
    outcome: str = ""

    @property
    def review(self) -> str:
        """The end of the link under which a human is asked to look."""
        return f"review/{self.decision_id}"


class Automated:
    """Decisions of rules in one installation."""

    def __init__(
        self,
        *,
        policy: Policy,
        records: Records,
        desk: Desk,
        audit: AuditLog,
        clock: Clock,
        closed: Callable[[str, str], bool],
        consented: Callable[[str, str], bool],
    ) -> None:
        """`closed` says that a person's data may not be used for a purpose, `consented` that they agreed to it."""
        self._policy = policy
        self._records = records
        self._desk = desk
        self._audit = audit
        self._clock = clock
        self._closed = closed
        self._consented = consented

    def take(
        self,
        subject: str,
        logic: Logic,
        *,
        category: str,
        purpose: str,
        outcome: str,
        ground: str = "",
        reference: str = "",
        significant: bool = True,
        refuses_contract: bool = False,
    ) -> Decision:
        """Record a decision of a rule, kept as a record of `category`. `Denied` before anything is stored, and on the record:

        PURPOSE_NOT_DECLARED for a category or an input that the policy does not declare for the purpose; ACTION_NOT_PERMITTED for
        one of consequence without a ground of the policy and its reference; CONSENT_MISSING; RESTRICTED after an objection.
        Who refuses a contract decides of consequence, whatever `significant` says.
        """
        significant = significant or refuses_contract
        for text in (subject, logic.logic_id, logic.owner, outcome, *filter(None, (reference,))):
            word(text)
        if not logic.text.strip() or not 0 < len(logic.inputs) <= MOST_INPUTS:
            raise ConfigError(f"a rule says in words how it works, and has 1 to {MOST_INPUTS} inputs")
        self._admit(subject, logic, category, purpose, ground, reference, significant)
        name = f"{PREFIX}{secrets.token_hex(ID_BYTES)}"
        content = {
            "decided_by": RULE,
            "logic_id": logic.logic_id,
            "inputs": list(logic.inputs),
            "logic": logic.text,
            "outcome": outcome,
            "ground": ground,
            "reference": reference,
            "significant": significant,
        }
        self._records.put(category, {subject: json.dumps(content).encode()}, record_id=name)
        if (
            refuses_contract
        ):  # before the entry that makes it a decision: cut short, none takes effect that nobody looks at
            self._pending(subject, name, logic.owner)
        self._log(Kind.DECISION_MADE, logic.owner, subject, name, category, purpose, logic.logic_id)
        return self.get(subject, name)

    def explain(self, decision_id: str, *, actor: Actor, purpose: str, subject: str) -> str:
        """Why: the inputs in the order of their weight, the logic and the outcome; `Denied` as the record's read has it."""
        read = self._records.read(decision_id, actor=actor, purpose=purpose, subject=subject)
        self.get(subject, decision_id)  # what is no decision is read as any record is
        content = json.loads(read)
        inputs = "\n".join(f"{place}. {name}" for place, name in enumerate(content["inputs"], 1))
        return (
            f"Rule {content['logic_id']} decided: {content['outcome']}.\n{content['logic']}\n"
            f"What it looked at, the weightiest first:\n{inputs}\n"
            "You may say what you think of it, contest it, and have a person look at it.\n"
        )

    def review(self, decision_id: str, subject: str, **opening: Any) -> Opened:
        """The person asks for a human: a case that whoever answers for the rule cannot decide; keywords as `Desk.open` has them."""
        found = self.get(subject, decision_id)
        return self._desk.open(subject, Right.HUMAN_REVIEW, purpose=decision_id, rule_owner=found.owner, **opening)

    def get(self, subject: str, decision_id: str) -> Decision:
        """One decision; ConfigError where there is none of this person."""
        found = next((each for each in self.of(subject) if each.decision_id == decision_id), None)
        if found is None:
            raise ConfigError("no such decision about this person")
        return found

    def of(self, subject: str) -> list[Decision]:
        """Decisions about a person, oldest first: by the rule, until a person has decided."""
        cases = [case for case in self._desk.of(subject) if case.right is Right.HUMAN_REVIEW]
        found = []
        for entry in self._audit.entries(subject, Kind.DECISION_MADE.value):
            said = dict(entry.event.detail)
            name = str(said["record"])
            what = (name, subject, str(said["purpose"]), str(said["control"]), entry.event.actor)
            found.append(_standing(what, _looked_at(cases, name, owner=entry.event.actor)))
        return found

    # Parts

    def _admit(
        self, subject: str, logic: Logic, category: str, purpose: str, ground: str, reference: str, significant: bool
    ) -> None:
        parameters = self._policy.parameters
        reason = Reason.ALLOWED
        if not all(self._declared(name, purpose) for name in (f"{category}.", *logic.inputs)):
            reason = Reason.PURPOSE_NOT_DECLARED
        elif self._closed(subject, purpose):
            reason = Reason.RESTRICTED
        elif significant and not (
            parameters.flag("automated.decisions") and ground in parameters.words("automated.grounds") and reference
        ):
            reason = Reason.ACTION_NOT_PERMITTED
        elif self._on_consent(category, purpose, ground, significant) and not self._consented(subject, purpose):
            reason = Reason.CONSENT_MISSING
        if reason is not Reason.ALLOWED:
            self._log(Kind.GATE_DENIED, logic.owner, subject, "", category, purpose, logic.logic_id, reason)
            raise Denied(reason, f"denied: {reason.value}: no rule decides this about a person")

    def _on_consent(self, category: str, purpose: str, ground: str, significant: bool) -> bool:
        """Whether consent carries it: as the ground of a decision of consequence, or as the basis of the record that it is."""
        rule = self._policy.rule(category, purpose)
        return (significant and ground == "consent") or (rule is not None and rule.basis is LawfulBasis.CONSENT)

    def _declared(self, name: str, purpose: str) -> bool:
        category, _, field = name.partition(".")
        rule = self._policy.rule(category, purpose)
        return rule is not None and rule.stream is None and (not field or field in rule.fields)

    def _pending(self, subject: str, decision_id: str, owner: str) -> Case:
        """A case that the company opens by itself: nothing takes effect until a person has decided."""
        country, now = self._policy.country, self._clock.now()
        today = received_day(now, country)
        days = int(self._policy.parameters.number("automated.review_workdays"))
        due = add_working_days(today, days, country)
        alarm = today.add(days=int((due.to_stdlib() - today.to_stdlib()).days * 0.75))
        term = Deadline(today, promise=due, law=add_term(today, LAW), alarm=alarm, target=due)
        return self._desk.open_own(
            subject, Right.HUMAN_REVIEW, by=owner, purpose=decision_id, rule_owner=owner, due=term
        )

    def _log(
        self,
        kind: Kind,
        owner: str,
        subject: str,
        name: str,
        category: str,
        purpose: str,
        logic_id: str,
        reason: Reason = Reason.ALLOWED,
    ) -> None:
        detail: list[tuple[str, str | int]] = [
            ("category", said_category(category, self._policy)),
            ("purpose", said_purpose(purpose, self._policy)),
            ("control", logic_id),
            ("role", RULE),
            ("reason", reason.value),
        ]
        detail += [("record", name)] if name else []
        self._audit.append(AuditEvent(kind.value, self._clock.now(), owner, subject, tuple(detail)))


def _looked_at(cases: Iterable[Case], decision_id: str, *, owner: str) -> Case | None:
    """The newest review of a decision; none that somebody asks for who is not known to be the person [a stranger's letter, refused,
    that stands for a person who looked], or that leaves the rule's owner free to decide it.
    """
    found = [each for each in cases if (each.purpose, each.rule_owner) == (decision_id, owner)]
    return max(
        (each for each in found if each.identity is not Identity.NONE), key=lambda each: each.keyed_at, default=None
    )


def _standing(what: tuple[str, str, str, str, str], case: Case | None) -> Decision:
    if case is None:
        return Decision(*what, status="issued", decided_by=RULE)
    if case.state in (CaseState.OPEN, CaseState.IDENTIFIED):
        return Decision(*what, status="pending_human", decided_by=RULE, case_id=case.case_id)
    by = {"case_id": case.case_id, "reviewer": case.reviewer, "outcome": case.outcome}
    return Decision(*what, status="reviewed", decided_by=HUMAN, **by)
