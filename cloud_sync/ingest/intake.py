"""What comes in by other ways than a device: from a site, an app, a form, an interface, through the employer.

1. The source is one that the policy declares [data that was bought, or joined from elsewhere]. 2. The category is one of
records, and every field is on its list [a field that somebody adds "for later"]. 3. No value is finer than promised. 4. Some
purpose of the category has a ground, now, and the person has not objected to it. Only then is it sealed under the person's own
key, with where it came from. A refusal stores nothing and is one entry in the audit log, which has neither the value nor the
name of what was not declared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.words import UNDECLARED, check_word, said_word
from cloud_sync.ingest.values import coarse
from cloud_sync.model import AuditEvent, LawfulBasis, Precision, Reason
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.identifiers import FREE
from cloud_sync.policy.vocabulary import POSITION_FIELDS
from cloud_sync.stores import AuditSink, Clock

ACTOR: Final = "ingest"
#: Who handed it over; anybody else, such as an employer, is named by an identifier, and the person is told (GDPR Art. 14).
PERSON: Final = "person"
COMPANY: Final = "company"  # its own staff, who wrote down what they saw or were told
#: Beside the fields of a record, whose names begin with a letter.
SOURCE: Final = "_source"
PROVIDED_BY: Final = "_provided_by"
SENSITIVE: Final = "_may_be_sensitive"
#: What counts from the end of a case names it, where its category lists that [a flag that nobody ever takes away] (CG-25).
_CASE: Final = frozenset({"case"})
MOST_VALUE_CHARACTERS: Final = 65_536  # a long letter; what is larger is a file, and `records.put` takes it
#: A name that a field could have; what has another form may be a value [a table whose first line is no heading].
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def _nothing(_subject: str) -> Set[str]:
    return frozenset()


class Intake:
    """Takes records in."""

    def __init__(
        self,
        *,
        policy: Policy,
        put: Callable[..., str],
        consented: Callable[[str, str, float], bool],
        provided: Callable[[str, str], object],
        audit: AuditSink,
        clock: Clock,
        closed: Callable[[str], Set[str]] = _nothing,
    ) -> None:
        """`put` keeps a record (`Records.put`); `consented(subject, purpose, at)`: whether the person allows a purpose then;
        `provided(subject, who)` hears of each record that somebody else gave; `closed(subject)`: purposes that the person has
        objected to, or that a holder has closed, now.
        """
        self._policy = policy
        self._put = put
        self._consented = consented
        self._provided = provided
        self._audit = audit
        self._clock = clock
        self._closed = closed

    @property
    def sources(self) -> tuple[str, ...]:
        """Through which data may come: `collection.sources`."""
        return self._policy.parameters.words("collection.sources")

    def take(
        self,
        category: str,
        fields: Mapping[str, str],
        *,
        subject: str,
        source: str,
        provided_by: str = PERSON,
        **known: Any,
    ) -> str:
        """Keep a record of one person, in text; its id. `known` is what `records.put` is told beside it, such as `created_at`.

        `provided_by` is `person`, `company`, or an identifier of somebody else, such as an employer.

        `Denied` with the reason for what the policy does not let in; ConfigError for what is no record at all.
        """
        _check_texts({"category": category, "subject": subject, "source": source, "provided_by": provided_by})
        _check_texts(fields)
        if "/" in check_word(provided_by, "provided_by"):  # the notice to the person names it, as it names people
            raise ConfigError("provided_by has a slash: write letters, digits and . _ : -, never a name or an address")
        try:
            kept = self._admit(category, fields, subject, source)
        except Denied as denied:
            self._note(category, subject, source, denied)
            raise
        content = json.dumps(_described(kept, source, provided_by), ensure_ascii=False)
        made = self._put(category, {subject: content.encode()}, **known)
        if provided_by not in (PERSON, COMPANY):
            self._provided(subject, provided_by)
        return made

    def check_form(self, category: str, required: Iterable[str]) -> None:
        """ConfigError where a form asks for more than the category lists; for whoever builds a form, before anybody fills it in."""
        beyond = sorted(set(required) - self._fields(self._rules(category)))
        if beyond:
            raise ConfigError(f"the form asks for {', '.join(beyond)}, which {category} does not list: take it out")

    def _admit(self, category: str, fields: Mapping[str, str], subject: str, source: str) -> dict[str, str]:
        # 1. Where it comes from.
        if source not in self.sources:
            raise Denied(Reason.SOURCE_UNDECLARED, "the policy does not declare this source in collection.sources")
        # 2. What it is.
        rules = self._rules(category)
        if not rules:
            raise Denied(Reason.CATEGORY_UNKNOWN, "the policy has no such category of records")
        if beyond := set(fields) - self._fields(rules):
            raise Denied(Reason.CATEGORY_UNKNOWN, f"{category} has no field {_listed(beyond)}")
        if counted := _CASE.intersection(self._fields(rules)) - set(fields):
            raise Denied(Reason.CATEGORY_UNKNOWN, f"{category} ends with its case: name it in the field {min(counted)}")
        # 3. How fine it is.
        if not POSITION_FIELDS & set(fields) <= self._fields(filter(_exact, rules)):
            raise Denied(Reason.PRECISION_TOO_FINE, f"{category} has no exact positions")
        kept = {name: coarse(category, name, value) for name, value in fields.items()}
        # 4. What for.
        now = self._clock.now()
        grounded = [rule for rule in rules if self._grounded(rule, subject, now)]
        open_now = self._fields(grounded) - POSITION_FIELDS | self._fields(filter(_exact, grounded))
        if not set(fields) <= open_now:
            if any(self._objected(rule, subject) for rule in rules if not self._fields([rule]).isdisjoint(fields)):
                raise Denied(Reason.RESTRICTED, f"a purpose of {category} is closed: the person has objected to it")
            raise Denied(Reason.CONSENT_MISSING, f"no purpose of {category} has a ground: the person has not agreed")
        return kept

    def _rules(self, category: str) -> list[Rule]:
        return [rule for rule in self._policy.rules_of(category) if rule.stream is None]

    @staticmethod
    def _fields(rules: Iterable[Rule]) -> set[str]:
        return {field for rule in rules for field in rule.fields}

    def _grounded(self, rule: Rule, subject: str, now: float) -> bool:
        if self._objected(rule, subject):
            return False
        if rule.basis is not LawfulBasis.CONSENT:
            return True
        return any(self._consented(subject, purpose, now) for purpose in rule.purposes)

    def _objected(self, rule: Rule, subject: str) -> bool:
        """Whether all that a rule is for is closed; what a law asks for stays open, whoever objects (GDPR Art. 21(1))."""
        return rule.basis is not LawfulBasis.LEGAL_OBLIGATION and self._closed(subject) >= set(rule.purposes)

    def _note(self, category: str, subject: str, source: str, denied: Denied) -> None:
        detail: tuple[tuple[str, str | int], ...] = (
            ("action", "ingest"),
            ("channel", source if source in self.sources else UNDECLARED),
            ("category", category if self._rules(category) else UNDECLARED),
            ("reason", str(denied.reason)),
            ("count", 1),
        )
        now = self._clock.now()
        self._audit.append(AuditEvent(Kind.INGEST_REFUSED.value, now, ACTOR, said_word(subject), detail))


def _check_texts(fields: object) -> None:
    """ConfigError unless it is names and texts, all of which can be written down [half a character, a list within a field]."""
    if not isinstance(fields, Mapping) or not fields:
        raise ConfigError("a record has at least one field: name the fields, and the text of each")
    if not all(isinstance(text, str) for pair in fields.items() for text in pair):
        raise ConfigError(
            "names and values of a record are texts: write numbers out, and give each part a field of its own"
        )
    if any(len(value) > MOST_VALUE_CHARACTERS for value in fields.values()):
        raise ConfigError(f"a value has at most {MOST_VALUE_CHARACTERS} characters; what is larger is a file")
    if any("\ud800" <= letter <= "\udfff" for pair in fields.items() for text in pair for letter in text):
        raise ConfigError("a value has half a character (a surrogate of UTF-16): decode it as what it was encoded as")


def _listed(beyond: Iterable[str]) -> str:
    """Fields as a sentence may name them; what no field could be called is counted."""
    names = sorted(name for name in beyond if _NAME.fullmatch(name))
    return ", ".join(names) or "of a name that no field could have"


def _exact(rule: Rule) -> bool:
    return rule.precision is Precision.EXACT


def _described(kept: Mapping[str, str], source: str, provided_by: str) -> dict[str, Any]:
    """What is sealed: the values by field, and beside them, under names that no field has, where they came from and which of them
    people wrote freely.
    """
    content: dict[str, Any] = {**kept, SOURCE: source, PROVIDED_BY: provided_by}
    if free := sorted(FREE.intersection(kept)):
        content[SENSITIVE] = free
    return content
