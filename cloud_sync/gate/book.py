"""A policy as the gate looks things up in it: one line for each (category, purpose), with everything that is the same for
every request already worked out. Built once a policy; `decide` stays a function of policy, request and facts alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from cloud_sync.gate.question import Decision
from cloud_sync.model import Action, LawfulBasis, Precision, Reason
from cloud_sync.policy import Clock, Period, Policy, Rule
from cloud_sync.policy.vocabulary import SIDE_FIELDS, Role
from cloud_sync.wire.directive import grain_m

#: The staff of the controller: they act under a grant. A policy may put more roles under it, by `access.roles`.
STAFF = frozenset({Role.STAFF.value, Role.SUPPORT.value})
#: People who see the data of another one, and no longer than their relation lasts (clause table, section 8, row 17).
RELATED = frozenset(
    role.value
    for role in (
        Role.PARENT,
        Role.ACCOUNT_HOLDER,
        Role.USER,
        Role.MANAGED_USER,
        Role.CONTACT_PERSON,
        Role.PLANNER,
    )
)
#: People who log in for themselves, so that `access.user_mfa` speaks of them.
USERS = RELATED | {Role.DATA_SUBJECT.value}
_SIDE_FIELDS = frozenset(SIDE_FIELDS)
#: With these events the purpose itself is over: the term that they start is one of storing, not of using.
_CONCLUDING = frozenset({Clock.PURPOSE_CONCLUDED, Clock.ORDER_CLOSED})
MOST_ANSWERS = 64  # kept of one line; who asks for more different sets of fields pays for an answer each
MOST_BOOKS = 16  # policies at once: one in force, those of the past that a comparison needs, and a test's


class Term(NamedTuple):
    """Until when a reading is kept at a precision; the bounds of the period spare most of its civil arithmetic."""

    precision: Precision
    shortest_s: int
    longest_s: int
    period: Period

    def over(self, start: float, at: float) -> bool:
        """Whether the term that began at `start` has ended at `at`, in Unix seconds."""
        age = at - start
        if age < self.shortest_s:
            return False
        return age >= self.longest_s or at >= self.period.end(start)


class Line:
    """One rule under one of its purposes."""

    __slots__ = (
        "answers",
        "child_term",
        "coarse_fields",
        "concludes",
        "consent",
        "contract",
        "explanation",
        "fields",
        "from_capture",
        "further",
        "has_position",
        "listed",
        "roles",
        "rule",
        "terms",
    )

    def __init__(self, rule: Rule, purpose: str, policy: Policy) -> None:
        self.rule = rule
        self.fields = frozenset(rule.fields)
        self.coarse_fields = self.fields - _SIDE_FIELDS
        self.has_position = rule.has_position
        self.consent = rule.basis is LawfulBasis.CONSENT
        self.contract = rule.basis is LawfulBasis.CONTRACT
        self.concludes = rule.clock in _CONCLUDING and rule.basis is not LawfulBasis.LEGAL_OBLIGATION
        self.further = bool(rule.compatibility_ref)
        self.from_capture = rule.clock is Clock.CAPTURED
        self.roles = {action: policy.granted_roles(action, purpose) for action in Action}
        self.terms = tuple(_terms(rule))
        self.child_term = _term(rule.precision, policy.children.safeguards.retention_max)
        self.listed = {
            name: frozenset(field for category, field in policy.recipients[name].fields if category == rule.category)
            for name in rule.recipients
        }
        self.explanation = f"rule {rule.category} for {purpose}, {rule.basis.value}"
        self.answers: dict[tuple[Precision, frozenset[str]], Decision] = {}

    def allowed(self, precision: Precision, fields: frozenset[str]) -> Decision:
        """The answer that lets out `fields` at `precision`; decisions never change, so that one is shared."""
        known = self.answers.get((precision, fields))
        if known is None:
            known = Decision(True, Reason.ALLOWED, precision, self.explanation, fields)
            if len(self.answers) < MOST_ANSWERS:
                self.answers[precision, fields] = known
        return known

    def told(self, asked: frozenset[str], precision: Precision) -> frozenset[str]:
        """What is asked for, or all of the rule, without side fields beside a position coarser than exact."""
        if not self.has_position or precision is Precision.EXACT:
            return asked or self.fields
        return asked - _SIDE_FIELDS if asked else self.coarse_fields


def _term(precision: Precision, period: Period) -> Term:
    return Term(precision, period.shortest_s, period.longest_s, period)


def _terms(rule: Rule) -> list[Term]:
    """The rule's own term, then one for each step down."""
    return [_term(rule.precision, rule.retention), *(_term(step.precision, step.retention) for step in rule.steps)]


class Book:
    """All lines of a policy, and the fields of each category under any purpose."""

    __slots__ = (
        "fields",
        "grant_term",
        "lines",
        "mails_exempt",
        "most_mails",
        "notice_first",
        "policy",
        "staff",
        "wide_places",
    )

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.lines: Mapping[tuple[str, str], Line] = MappingProxyType(
            {
                (rule.category, purpose): Line(rule, purpose, policy)
                for rule in policy.rules
                for purpose in rule.purposes
            }
        )
        fields: dict[str, frozenset[str]] = {}
        for rule in policy.rules:
            fields[rule.category] = fields.get(rule.category, frozenset()) | frozenset(rule.fields)
        self.fields: Mapping[str, frozenset[str]] = MappingProxyType(fields)
        self.staff = STAFF | policy.access.roles
        least_m = grain_m(policy.children.safeguards.precision, 0)
        #: Those no narrower than the cells of a child's safeguards.
        self.wide_places = frozenset(each.circle.place for each in policy.places if each.circle.radius_m >= least_m)
        self.grant_term = _term(Precision.NONE, policy.access.grant_ttl)
        self.most_mails = policy.parameters.number("notice.service_mail.max_per_30d")
        self.notice_first = policy.parameters.flag("notice.receipt_required")
        self.mails_exempt = frozenset(policy.parameters.words("notice.service_mail.exempt"))


_books: dict[int, Book] = {}


def book_of(policy: Policy) -> Book:
    """The book of a policy. A policy never changes, so its book is kept; the book keeps the policy, so no number is reused."""
    book = _books.get(id(policy))
    if book is None or book.policy is not policy:
        book = Book(policy)
        if len(_books) >= MOST_BOOKS:
            _books.clear()
        _books[id(policy)] = book
    return book
