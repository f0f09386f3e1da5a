"""The complete consent record of ISO/IEC TS 27560:2023, put together from the ledger's events and the policy they were made under.

The field names are the standard's; the structure is that of its record: header, processing, parties, events. Fields that the
standard makes mandatory, and those that the GDPR does (DPV's guide to 27560, section "GDPR"), are in `MANDATORY`; `missing` names
those that a policy file leaves empty, such as the address of a controller that it does not name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from cloud_sync.consent.notice import digest, particulars
from cloud_sync.consent.threads import Thread
from cloud_sync.model import Action, ConsentRecord, ConsentState, EntityRole
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import POSITION_FIELDS

Fields = dict[str, Any]

#: By section: what may never be absent or empty. `*` of the standard, and `†` of the GDPR.
MANDATORY: dict[str, tuple[str, ...]] = {
    "record": ("schema_version", "record_id", "pii_principal_id"),
    "pii_processing": (
        *("privacy_notice", "language", "purpose", "lawful_basis", "pii_information", "pii_controllers"),
        *("collection_method", "processing_method", "storage_locations", "retention_period", "processing_location"),
        *("geographic_restrictions", "jurisdiction", "recipient_third_parties", "withdrawal_method", "privacy_rights"),
        "authority_party",
    ),
    "privacy_notice": ("version", "hash"),
    "pii_information": ("pii_type", "pii_optional", "special_pii_category"),
    "party": ("party_id", "address", "name", "contact", "type", "role"),
    "event": ("event_time", "validity_duration", "entity_id", "event_type", "event_state"),
}
#: What a person may ask for, with the article of the GDPR; withdrawal has no term, as it needs nobody's answer.
RIGHTS = (
    *(("withdrawal", "Art. 7(3)"), ("access", "Art. 15"), ("rectification", "Art. 16"), ("erasure", "Art. 17")),
    *(("restriction", "Art. 18"), ("portability", "Art. 20"), ("complaint", "Art. 77")),
)
NONE = "none"  # said, not left out: nobody receives, nothing special is in it
NO_VALIDITY = "PT0S"


def complete_record(thread: Thread, policy: Policy | None) -> Fields:
    """The record of a thread; `policy` is the one of its first event, None when it is not known any more."""
    first = thread[0]
    return {
        "schema_version": first.schema_version,
        "record_id": first.record_id,
        "pii_principal_id": first.pii_principal_id,
        "policy_hash": first.policy_hash,
        "pii_processing": _processing(first, policy)
        if policy
        else {"purpose": first.purpose, "language": first.language},
        "party_identification": _parties(first, policy) if policy else [],
        "event": [event_fields(event) for event in thread],
    }


def missing(record: Fields) -> list[str]:
    """What of the mandatory fields is absent or empty, as `section.field`, in order; empty when the record is complete."""
    found = list(_absent("record", record))
    processing = record.get("pii_processing") or {}
    found += _absent("pii_processing", processing)
    found += _absent("privacy_notice", processing.get("privacy_notice") or {})
    for kind in processing.get("pii_information") or []:
        found += _absent("pii_information", kind)
    parties = record.get("party_identification") or []
    found += [] if parties else ["party"]
    for party in parties:
        found += _absent("party", party)
    for event in record.get("event") or [{}]:
        found += _absent("event", event)
    return sorted(set(found))


def _absent(section: str, fields: Fields) -> Iterator[str]:
    empty: tuple[object, ...] = (None, "", [], {})
    return (f"{section}.{name}" for name in MANDATORY[section] if fields.get(name) in empty)


def event_fields(event: ConsentRecord) -> Fields:
    """One event as the standard has it, with what proves it."""
    until = event.validity_until
    return {
        "event_id": event.record_id,
        "event_time": moment(event.event_time),
        "event_type": "explicit" if event.affirmative_act else "system",
        "event_state": event.event_state.value,
        "validity_duration": NO_VALIDITY if until is None else f"{moment(event.event_time)}/{moment(until)}",
        "entity_id": event.entity_id,
        "entity_role": event.entity_role or _role(event),
        "channel": event.channel,
        "affirmative_act": event.affirmative_act,
        "language": event.language,
        "privacy_notice": event.privacy_notice,
        "notice_hash": event.notice_hash,
        "precision": event.precision.name.lower(),
    }


def _role(event: ConsentRecord) -> str:
    """Of records from before the role was kept: nobody but the person could give then."""
    if event.entity_id == event.pii_principal_id:
        return EntityRole.DATA_SUBJECT
    if not event.affirmative_act:
        return EntityRole.SYSTEM
    asked = event.event_state is ConsentState.REQUESTED
    return EntityRole.CONTROLLER if asked else EntityRole.REPRESENTATIVE


def _processing(first: ConsentRecord, policy: Policy) -> Fields:
    purpose, rules = first.purpose, policy.consent_rules(first.purpose)
    third = sorted({name for rule in rules for name in rule.recipients})
    return {
        "privacy_notice": {
            "version": first.privacy_notice,
            "hash": first.notice_hash or digest(policy, purpose, first.language),
            "particulars": particulars(policy, purpose, first.language),
        },
        "language": first.language,
        "purpose": purpose,
        "lawful_basis": "consent, GDPR Art. 6(1)(a)",
        "pii_information": [_kind(rule) for rule in rules],
        "pii_controllers": [policy.id],
        "collection_method": sorted({_collected(rule) for rule in rules}),
        "processing_method": _methods(policy, purpose),
        "storage_locations": sorted({rule.region for rule in rules}),
        "retention_period": {rule.category: _retention(rule) for rule in rules},
        "processing_location": sorted({rule.region for rule in rules}),
        "geographic_restrictions": sorted(policy.regions),
        "service": policy.id,
        "jurisdiction": policy.country,
        "recipient_third_parties": third or [NONE],
        "withdrawal_method": "one step, through any channel, with no more proof than giving takes",
        "privacy_rights": [
            {"right": name, "article": f"GDPR {article}", "deadline": _deadline(name, policy)}
            for name, article in RIGHTS
        ],
        "authority_party": policy.authority,
    }


def _kind(rule: Rule) -> Fields:
    return {
        "pii_type": rule.category,
        "pii_attribute_id": list(rule.fields),
        "pii_optional": "yes",  # each purpose is refused by itself, and nothing else depends on it
        "sensitive_pii_category": "location" if not POSITION_FIELDS.isdisjoint(rule.fields) else NONE,
        "special_pii_category": NONE,
        "precision": rule.precision.name.lower() if rule.has_position else NONE,
    }


def _collected(rule: Rule) -> str:
    return f"sensed by the device, stream {rule.stream.name.lower()}" if rule.stream else "given by the person"


def _methods(policy: Policy, purpose: str) -> list[str]:
    """Which acts the policy permits for the purpose, in the order of their enumeration."""
    return [act.value for act in Action if policy.granted_roles(act, purpose)] or [NONE]


def _retention(rule: Rule) -> Fields:
    steps = [{"precision": step.precision.name.lower(), "term": str(step.retention)} for step in rule.steps]
    return {"term": str(rule.retention), "clock": rule.clock.value, "after": rule.after.value, "steps": steps}


def _deadline(right: str, policy: Policy) -> str:
    return "at once" if right in ("withdrawal", "complaint") else str(policy.rights.deadline)


def _parties(first: ConsentRecord, policy: Policy) -> list[Fields]:
    """The controller and whoever receives. The person is no party here: their pseudonym is all that is known of them."""
    found = [_controller(policy)]
    for name in sorted({name for rule in policy.consent_rules(first.purpose) for name in rule.recipients}):
        kind = policy.recipients[name].kind.value
        # A recipient's own address is in its agreement; the person reaches it through the controller.
        where = f"through the controller, {policy.recipients[name].region}"
        found.append(
            {
                "party_id": name,
                "name": name,
                "address": where,
                "contact": policy.id,
                "type": "organisation",
                "role": kind,
            }
        )
    return found


def _controller(policy: Policy) -> Fields:
    known = policy.controller
    return {
        "party_id": policy.id,
        "name": known.name if known else "",
        "address": known.address if known else "",
        "contact": known.email if known else "",
        "phone": known.phone if known else "",
        "type": "organisation",
        "role": policy.role,
    }


def moment(time: float) -> str:
    """Unix seconds as ISO 8601 in UTC, to the second; fractions are cut."""
    return datetime.fromtimestamp(int(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
