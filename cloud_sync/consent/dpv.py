"""Consent records as JSON-LD in the terms of the W3C Data Privacy Vocabulary 2.3, by its guide to ISO/IEC TS 27560.

A translation of complete records and nothing more. The context stands in the document, so that nobody fetches one to read it. A
purpose and a category are terms of the installation's own, below one of DPV where there is a fitting one; none is made to fit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from cloud_sync.consent.complete import NONE, Fields
from cloud_sync.consent.dpvterms import CATEGORIES, CONTEXT, PURPOSES, RIGHTS, STATES

Node = dict[str, Any]

PROFILE: Final = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
#: Subjects, purposes, records: names of this installation, which lead nowhere and identify nobody outside it.
OWN: Final = "urn:byleave:"

#: What a rule of the policy ends without its term being over is no expiry in DPV.
_TERM = "validity"


def export(records: Iterable[Fields]) -> Node:
    """One JSON-LD document with all of these complete records."""
    return {"@context": dict(CONTEXT), "@graph": [_record(record) for record in records]}


def _record(record: Fields) -> Node:
    processing = record["pii_processing"]
    node = {
        "@id": _own("consent", record["record_id"]),
        "@type": "dpv:ConsentRecord",
        "dct:identifier": record["record_id"],
        "dct:conformsTo": {"@id": PROFILE},
        "dpv:hasDataSubject": {"@id": _own("subject", record["pii_principal_id"]), "@type": "dpv:DataSubject"},
        "dpv:hasConsentStatus": [_status(record, at) for at in range(len(record["event"]))],
    }
    if "privacy_notice" not in processing:  # the policy is not known any more, and with it what it said
        return node
    return node | {
        "dpv:hasDataController": _controller(record["party_identification"][0]),
        "dpv:hasJurisdiction": _place(processing["jurisdiction"]),
        "dpv:hasAuthority": {
            "@type": "dpv:DataProtectionAuthority",
            "dpv:hasJurisdiction": _place(processing["authority_party"]),
        },
        "dpv:hasNotice": _notice(processing),
        "dpv:hasProcess": [_process(record, processing, kind) for kind in processing["pii_information"]],
        "dpv:hasConsentControl": {
            "@type": "dpv:WithdrawConsent",
            "dct:description": processing["withdrawal_method"],
        },
        "dpv:hasRight": [
            {"@type": ["dpv:DataSubjectRight", f"eu-gdpr:{RIGHTS[each['right']]}"], "dct:title": each["right"]}
            for each in processing["privacy_rights"]
        ],
    }


def _notice(processing: Fields) -> Node:
    notice = processing["privacy_notice"]
    return {
        "@id": _own("notice", f"{notice['version']}:{notice['hash']}"),
        "@type": "dpv:ConsentNotice",
        "dct:hasVersion": notice["version"],
        "dct:identifier": notice["hash"],
        "dct:language": processing["language"],
    }


def _controller(party: Fields) -> Node:
    known = {"dpv:hasName": party["name"], "dpv:hasAddress": party["address"], "dpv:hasContact": party["contact"]}
    return {"@id": _own("party", party["party_id"]), "@type": "dpv:DataController"} | {
        name: text for name, text in known.items() if text
    }


def _process(record: Fields, processing: Fields, kind: Fields) -> Node:
    purpose, term = processing["purpose"], processing["retention_period"][kind["pii_type"]]
    shared = ["dpv:Share"] if processing["recipient_third_parties"] != [NONE] else []
    last = term["steps"][-1]["term"] if term["steps"] else term["term"]
    node: Node = {
        "@type": "dpv:Process",
        "dpv:hasPurpose": _below("purpose", purpose, "dpv:Purpose", "dpv", PURPOSES.get(purpose)),
        "dpv:hasPersonalData": _below(
            "category", kind["pii_type"], "dpv:PersonalData", "pd", CATEGORIES.get(kind["pii_type"])
        ),
        "dpv:hasLegalBasis": {"@id": "eu-gdpr:A6-1-a"},
        "dpv:hasNecessity": {"@id": "dpv:Optional"},
        "dpv:hasProcessing": [{"@id": name} for name in ("dpv:Collect", "dpv:Store", "dpv:Use", *shared)],
        "dpv:hasStorageCondition": [
            {
                "@type": "dpv:StorageLocation",
                "dpv:hasLocation": [_place(region) for region in processing["storage_locations"]],
            },
            {
                "@type": "dpv:StorageDuration",
                "dpv:hasDuration": _duration(last),
                "dct:description": f"from {term['clock']}",
            },
        ],
    }
    recipients = [_recipient(party) for party in record["party_identification"][1:]]
    return node | ({"dpv:hasRecipient": recipients} if recipients else {})


def _recipient(party: Fields) -> Node:
    kind = {"processor": "dpv:DataProcessor", "sub_processor": "dpv:DataProcessor", "third_party": "dpv:ThirdParty"}
    return {
        "@id": _own("party", party["party_id"]),
        "@type": kind.get(party["role"], "dpv:Recipient"),
        "dpv:hasName": party["name"],
    }


def _status(record: Fields, at: int) -> Node:
    event, before = record["event"][at], record["event"][:at]
    kinds = [f"dpv:{_state(event, before)}"]
    if event["event_state"] == "given":
        kinds.append("dpv:ExplicitlyExpressedConsent")
    node: Node = {
        "@id": _own("event", event["event_id"]),
        "@type": kinds,
        "dpv:isIndicatedBy": {"@id": _own("entity", event["entity_id"]), "dct:title": event["entity_role"]},
        "dpv:isIndicatedAtTime": {"@value": event["event_time"], "@type": "xsd:dateTime"},
        "dpv:hasIndicationMethod": f"{event['affirmative_act'] or 'rule'} through {event['channel']}",
    }
    if "/" in event["validity_duration"]:
        until = {"@value": event["validity_duration"].split("/")[1], "@type": "xsd:dateTime"}
        node["dpv:hasDuration"] = {"@type": "dpv:UntilTimeDuration", "rdf:value": until}
    return node


def _state(event: Fields, before: list[Fields]) -> str:
    """DPV tells renewed from given, revoked by another from withdrawn, and what became invalid from what ran out."""
    state = event["event_state"]
    if state == "given" and before and before[-1]["event_state"] == "given":
        return "RenewedConsentGiven"
    if state == "withdrawn" and event["entity_role"] != "data_subject":
        return "ConsentRevoked"
    if state == "expired" and event["channel"] != _TERM:
        return "ConsentInvalidated"
    return STATES[state]


def _below(kind: str, name: str, of: str, vocabulary: str, term: str | None) -> Node:
    node: Node = {"@id": _own(kind, name), "@type": of, "dct:title": name}
    return node | ({"skos:broader": {"@id": f"{vocabulary}:{term}"}} if term else {})


def _duration(text: str) -> Node:
    return {"@type": "dpv:TemporalDuration", "rdf:value": {"@value": text, "@type": "xsd:duration"}}


def _place(code: str) -> Node:
    return {"@id": f"loc:{code}"}


def _own(kind: str, name: str) -> str:
    return f"{OWN}{kind}:{name}"
