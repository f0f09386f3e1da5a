"""The policy in the terms of the W3C Data Privacy Vocabulary 2.3, as JSON-LD that carries its context with it.

One process for each category under each purpose. A purpose, a category and a recipient are terms of the installation's own,
below one of DPV where there is a fitting one; none is made to fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from cloud_sync.consent.dpvterms import CATEGORIES, CONTEXT, PURPOSES, RIGHTS
from cloud_sync.model import LawfulBasis
from cloud_sync.policy import Policy, Recipient, Rule
from cloud_sync.policy.vocabulary import ControllerRole, RecipientKind

Node = dict[str, Any]

#: Names of this installation, which lead nowhere.
OWN: Final = "urn:byleave:"
_BASES: Final = MappingProxyType(
    {
        LawfulBasis.CONSENT: "eu-gdpr:A6-1-a",
        LawfulBasis.CONTRACT: "eu-gdpr:A6-1-b",
        LawfulBasis.LEGAL_OBLIGATION: "eu-gdpr:A6-1-c",
        LawfulBasis.LEGITIMATE_INTEREST: "eu-gdpr:A6-1-f",
    }
)
#: Instruments of a transfer: GDPR Art. 45(3), 46(2)(c) and 46(2)(b).
_MECHANISMS: Final = MappingProxyType({"adequacy": "eu-gdpr:A45-3", "scc": "eu-gdpr:A46-2-c", "bcr": "eu-gdpr:A46-2-b"})
_KINDS: Final = MappingProxyType(
    {
        RecipientKind.PROCESSOR: "dpv:DataProcessor",
        RecipientKind.SUB_PROCESSOR: "dpv:DataSubProcessor",
        RecipientKind.JOINT_CONTROLLER: "dpv:JointDataControllers",
        RecipientKind.INDEPENDENT_CONTROLLER: "dpv:DataController",
        RecipientKind.THIRD_PARTY: "dpv:ThirdParty",
        RecipientKind.AUTHORITY: "dpv:Authority",
    }
)
_ROLES: Final = MappingProxyType(
    {
        ControllerRole.CONTROLLER: "dpv:hasDataController",
        ControllerRole.JOINT_CONTROLLER: "dpv:hasJointDataControllers",
        ControllerRole.PROCESSOR: "dpv:hasDataProcessor",
    }
)
#: GDPR Art. 21, beside those that a consent record has.
_OBJECTION: Final = "A21"


def dpv(policy: Policy) -> Node:
    """One JSON-LD document: the company, its notice, its recipients, its purposes, and every process."""
    graph = [
        _company(policy),
        _notice(policy),
        *(_recipient(each) for each in policy.recipients.values()),
        *(_purpose(purpose) for purpose in sorted(policy.purposes)),
        *_processes(policy),
    ]
    return {"@context": dict(CONTEXT), "@graph": graph}


def _own(kind: str, *names: str) -> str:
    return f"{OWN}{kind}:{':'.join(names)}"


def _ref(identifier: str) -> Node:
    return {"@id": identifier}


def _place(code: str) -> Node:
    return _ref(f"loc:{code}")


def _company(policy: Policy) -> Node:
    who = policy.controller
    known = {} if who is None else {"dpv:hasName": who.name, "dpv:hasAddress": who.address, "dpv:hasContact": who.email}
    return {
        "@id": _own("party", policy.id),
        "@type": "dpv:DataProcessor" if policy.role == ControllerRole.PROCESSOR else "dpv:DataController",
        "dct:identifier": policy.id,
        "dpv:hasJurisdiction": _place(policy.country),
        "dpv:hasAuthority": {"@type": "dpv:DataProtectionAuthority", "dpv:hasJurisdiction": _place(policy.authority)},
        **known,
    }


def _notice(policy: Policy) -> Node:
    return {
        "@id": _own("notice", policy.notice),
        "@type": "dpv:PrivacyNotice",
        "dct:hasVersion": policy.notice,
        "dct:language": list(policy.languages),
        "dct:source": _own("policy", policy.hash),
    }


def _recipient(recipient: Recipient) -> Node:
    node: Node = {
        "@id": _own("recipient", recipient.id),
        "@type": _KINDS[recipient.kind],
        "dct:identifier": recipient.id,
        "dpv:hasLocation": _place(recipient.region),
        "dpv:hasPersonalData": [
            {"@id": _own("field", category, field), "@type": "dpv:PersonalData", "dct:title": f"{category}.{field}"}
            for category, field in sorted(recipient.fields)
        ],
    }
    if recipient.beyond is not None:
        node["dpv:hasLegalBasis"] = _ref(_MECHANISMS[recipient.beyond.mechanism])
        node["dct:references"] = recipient.beyond.assessment
    return node


def _purpose(purpose: str) -> Node:
    return _below("purpose", purpose, "dpv:Purpose", "dpv", PURPOSES.get(purpose))


def _below(kind: str, name: str, of: str, vocabulary: str, term: str | None) -> Node:
    node: Node = {"@id": _own(kind, name), "@type": of, "dct:title": name}
    return node | ({"skos:broader": _ref(f"{vocabulary}:{term}")} if term else {})


def _processes(policy: Policy) -> Iterator[Node]:
    for rule in policy.rules:
        for purpose in rule.purposes:
            yield _process(policy, rule, purpose)


def _process(policy: Policy, rule: Rule, purpose: str) -> Node:
    basis = [_ref(_BASES[rule.basis])]
    if rule.beyond is not None:
        basis.append(_ref(_MECHANISMS[rule.beyond.mechanism]))
    node: Node = {
        "@id": _own("process", rule.category, purpose),
        "@type": "dpv:Process",
        "dpv:hasPurpose": _ref(_own("purpose", purpose)),
        "dpv:hasPersonalData": _data(rule, purpose),
        "dpv:hasLegalBasis": basis,
        _ROLES[rule.role]: _ref(_own("party", policy.id)),
        "dpv:hasDataSubject": {"@type": "dpv:DataSubject"},
        "dpv:hasNotice": _ref(_own("notice", policy.notice)),
        "dpv:hasProcessing": [_ref(f"dpv:{each}") for each in _acts(rule)],
        "dpv:hasStorageCondition": [*_terms(rule), _stored(rule)],
        "dpv:hasRight": [_ref(f"eu-gdpr:{right}") for right in _rights(rule)],
    }
    references = (rule.legal_ref, rule.balancing_id, rule.instruction, rule.arrangement)
    if said := [reference for reference in references if reference]:
        node["dct:references"] = said
    if rule.basis is LawfulBasis.CONSENT:
        node["dpv:hasNecessity"] = _ref("dpv:Optional")
    if rule.recipients:
        node["dpv:hasRecipient"] = [_ref(_own("recipient", who)) for who in sorted(rule.recipients)]
    return node


def _data(rule: Rule, purpose: str) -> Node:
    """The category as this rule has it: which fields, how fine a position."""
    node = _below("category", rule.category, "dpv:PersonalData", "pd", CATEGORIES.get(rule.category))
    node["@id"] = _own("data", rule.category, purpose)
    node["dct:hasPart"] = [
        {
            "@id": _own("field", rule.category, field),
            "@type": "dpv:PersonalData",
            "dct:title": f"{rule.category}.{field}",
        }
        for field in rule.fields
    ]
    return node | ({"dct:description": f"precision {rule.precision.name.lower()}"} if rule.has_position else {})


def _acts(rule: Rule) -> tuple[str, ...]:
    return ("Collect", "Store", "Use", "Erase", *(("Share",) if rule.recipients else ()))


def _terms(rule: Rule) -> Iterator[Node]:
    """The rule's own term, and one for each step down."""
    clock = f"from {rule.clock.value}"
    yield _term(rule.retention.text, clock, rule.after.value)
    for step in rule.steps:
        yield _term(step.retention.text, clock, f"as {step.precision.name.lower()}")


def _term(text: str, clock: str, what: str) -> Node:
    duration = {"@type": "dpv:TemporalDuration", "rdf:value": {"@value": text, "@type": "xsd:duration"}}
    return {"@type": "dpv:StorageDuration", "dpv:hasDuration": duration, "dct:description": f"{clock}, {what}"}


def _stored(rule: Rule) -> Node:
    return {"@type": "dpv:StorageLocation", "dpv:hasLocation": _place(rule.region)}


def _rights(rule: Rule) -> list[str]:
    """The rights that the basis gives: portability of consent and contract, objection to an interest, withdrawal of a consent."""
    rights = [RIGHTS[each] for each in ("access", "rectification", "erasure", "restriction", "complaint")]
    if rule.basis in (LawfulBasis.CONSENT, LawfulBasis.CONTRACT):
        rights.append(RIGHTS["portability"])
    if rule.basis is LawfulBasis.CONSENT:
        rights.append(RIGHTS["withdrawal"])
    return rights + ([_OBJECTION] if rule.basis is LawfulBasis.LEGITIMATE_INTEREST else [])
