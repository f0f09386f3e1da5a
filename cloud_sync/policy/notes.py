"""`notes(path)`: what nobody is refused for and everybody should know: promises that nothing carries out, reviews overdue.

A note is no gap: what it tells of is denied, or cut, or merely unsaid. The lint's findings come first; a file with a finding
has no notes.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path as FilePath
from typing import Any, Final

from cloud_sync.model import Action, LawfulBasis
from cloud_sync.policy.checks import Gap
from cloud_sync.policy.compare import acts
from cloud_sync.policy.compiled import Policy
from cloud_sync.policy.finding import Finding, dotted
from cloud_sync.policy.load import load_policy
from cloud_sync.policy.locate import Locator, Path
from cloud_sync.policy.reference import key_of

#: Languages in which the reports have sentences of their own.
REPORT_LANGUAGES: Final = ("en", "da")


def notes(path: str | FilePath, today: date) -> list[Finding]:
    """Every note on a policy file without findings, in order of lines; PolicyError for one with findings."""
    policy = load_policy(path)
    source = FilePath(path).read_text("utf-8")
    locator = Locator(source)
    found = [*_unused(tomllib.loads(source)), *_unsaid(policy), *_cut(policy), *_endless(policy)]
    found += [*_reviews(policy, today), *_idle(policy), *_unresolved(policy)]
    return sorted({Finding(str(path), locator.line(gap.path), dotted(gap.path), gap.message, gap.fix) for gap in found})


def _unused(raw: dict[str, Any]) -> Iterator[Gap]:
    """Keys of the file that nothing carries out yet."""
    for path in _paths((), raw):
        key = key_of(path)
        if key is not None and not key.by:
            fix = "keep it as a promise that people keep, or take it out"
            yield Gap(path, f"nothing carries this out yet: {key.text}", fix)


def _paths(path: Path, value: Any) -> Iterator[Path]:
    """Every path of a file, tables before what is in them."""
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _paths((*path, key), each)
    elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        for n, each in enumerate(value):
            yield from _paths((*path, n), each)


def _unsaid(policy: Policy) -> Iterator[Gap]:
    """What the reports leave open."""
    if policy.controller is None:
        fix = "add [controller] with name, address and email"
        yield Gap(("policy",), "the record of processing lacks the name and the contact of the company", fix)
    for n, language in enumerate(policy.languages):
        if language not in REPORT_LANGUAGES:
            fix = f"the reports are written in {', '.join(REPORT_LANGUAGES)}"
            yield Gap(("notice", "languages", n), f"no notice is written in {language}", fix)


def _cut(policy: Policy) -> Iterator[Gap]:
    """Terms that outlast `retention.total_cap`: what is left at the cap goes then, unless a law keeps it."""
    for n, rule in enumerate(policy.rules):
        if rule.last_term.may_outlast(policy.total_cap) and rule.basis is not LawfulBasis.LEGAL_OBLIGATION:
            message = f"{rule.last_term} ends with retention.total_cap ({policy.total_cap}) after the end of a relation"
            yield Gap(("rule", n, "retention"), message, "shorten it, or raise the cap and say so to people")


def _endless(policy: Policy) -> Iterator[Gap]:
    """Proofs that nothing ends: answers and the log are kept for good where no rule has a term for them."""
    proofs = [("audit", "record.created")]
    if any(policy.consent_rules(purpose) for purpose in policy.purposes):
        proofs.append(("consent_ledger", "consent.ended"))
    for category, clock in proofs:
        if not policy.rules_of(category):
            fix = f'add a rule of category "{category}" with clock = "{clock}" and a retention, such as P3Y'
            yield Gap(("rule",), f"{category} is kept for good", fix)


def _unresolved(policy: Policy) -> Iterator[Gap]:
    """Sections to which the published text refers, and of which it has none or several."""
    for name in policy.origin.unresolved if policy.origin is not None else ():
        fix = "number the sections of the text anew, and correct what refers to them"
        yield Gap(
            ("origin", "references"), f"the text refers to section {name}, of which there is not exactly one", fix
        )


def _reviews(policy: Policy, today: date) -> Iterator[Gap]:
    """Recipients and places whose review is over: nothing goes there until it is done."""
    entries = [(("recipient", n), each.due) for n, each in enumerate(policy.recipients.values())]
    entries += [(("rule", n), rule.beyond.due) for n, rule in enumerate(policy.rules) if rule.beyond is not None]
    for path, due in entries:
        if due is not None and due < today:
            yield Gap((*path, "reviewed"), f"the review was due on {due}", "review it, and write the day here")
    for n, each in enumerate(policy.recipients.values()):
        if each.until is not None and each.until < today:
            fix = "sign it anew, and write its last day here: until then it gets nothing"
            yield Gap(("recipient", n, "agreement_until"), f"the agreement ran out on {each.until}", fix)


def _idle(policy: Policy) -> Iterator[Gap]:
    """Recipients to whom nobody may disclose, and instruments that cover nothing."""
    for n, rule in enumerate(policy.rules):
        told = any(act == Action.DISCLOSE.value for purpose in rule.purposes for _, act in acts(policy, purpose))
        if rule.recipients and not told:
            fix = 'grant the action "disclose" to a role for a purpose of this rule, or take the recipients out'
            yield Gap(("rule", n, "recipients"), "nobody may disclose anything to them", fix)
    covers = (*(rule.beyond for rule in policy.rules), *(each.beyond for each in policy.recipients.values()))
    used = {beyond.mechanism for beyond in covers if beyond is not None}
    for mechanism in sorted(policy.mechanisms - used):
        yield Gap(("transfer", "mechanisms"), f"{mechanism} covers nothing", "take it out: what is allowed gets used")
