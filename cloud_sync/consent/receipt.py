"""Receipts: what a person keeps of an answer, for programs and to read (ISO/IEC TS 27560, section on receipts)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cloud_sync.consent.complete import Fields, complete_record, missing, moment
from cloud_sync.consent.standing import PolicyLookup
from cloud_sync.consent.threads import thread_of
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentRecord

SCHEMA = "ISO/IEC TS 27560:2023"


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt: `record` is the complete consent record, `text` the same to read; `missing` is empty when nothing is.

    `answered` is the event that it was asked for. The same answer has the same receipt id at all times.
    """

    receipt_id: str
    created_at: float
    answered: str
    record: Fields
    missing: tuple[str, ...]
    text: str
    schema_version: str = SCHEMA

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "receipt_id": self.receipt_id,
            "schema_version": self.schema_version,
            "created_at": moment(self.created_at),
            "answered": self.answered,
            "consent_record": self.record,
            "missing": list(self.missing),
            "text": self.text,
        }


def receipt(records: Iterable[ConsentRecord], record_id: str, policies: PolicyLookup, now: float) -> Receipt:
    """The receipt for an event of these records, which are all of one subject; ConsentError when it is none of them."""
    thread = thread_of(records, record_id)
    if thread is None:
        raise ConsentError("this person has no record of that id: list theirs with `history`")
    record = complete_record(thread, policies(thread[0].policy_hash))
    event = next(fields for fields in record["event"] if fields["event_id"] == record_id)
    lacking = tuple(missing(record))
    return Receipt(f"receipt-{record_id}", now, record_id, record, lacking, _text(record, event, lacking, now))


def _text(record: Fields, event: Fields, lacking: tuple[str, ...], now: float) -> str:
    processing = record["pii_processing"]
    lines = [
        f"Receipt for consent record {record['record_id']}, made {moment(now)}",
        "",
        f"On {event['event_time']} the answer to notice {event['privacy_notice']} ({event['language']}) on the purpose "
        f"{processing['purpose']} became: {event['event_state']}.",
        f"Who: {event['entity_id']} ({event['entity_role']}), by {event['affirmative_act'] or 'a rule of the policy'}, "
        f"through {event['channel']}.",
        f"Hash of what the notice said (SHA-256): {event['notice_hash'] or 'not kept at the time'}",
    ]
    if "/" in event["validity_duration"]:
        lines.append(f"It holds until {event['validity_duration'].split('/')[1]}, or until it is taken back.")
    if "privacy_notice" in processing:
        lines += ["", *_terms(record, processing)]
    lines += ["", "All that happened to this record:"]
    lines += [f"  {each['event_time']}  {each['event_state']}  by {each['entity_id']}" for each in record["event"]]
    if lacking:
        lines += ["", f"The controller's policy does not say: {', '.join(lacking)}."]
    return "\n".join(lines)


def _terms(record: Fields, processing: Fields) -> list[str]:
    told = processing["privacy_notice"]["particulars"]
    controller = record["party_identification"][0]
    lines = [f"Controller: {controller['name'] or controller['party_id']}"]
    lines += [f"  {controller[name]}" for name in ("address", "contact") if controller[name]]
    lines += [told[words] for words in ("purpose_words", "question") if words in told]
    for kind in processing["pii_information"]:
        term = processing["retention_period"][kind["pii_type"]]
        finest = "" if kind["precision"] == "none" else f", no finer than {kind['precision']}"
        lines.append(f"Data: {kind['pii_type']} ({', '.join(kind['pii_attribute_id'])}){finest}")
        lines.append(f"  kept {term['term']} from {term['clock']}, then {term['after']}")
    rights = ", ".join(f"{each['right']} ({each['article']})" for each in processing["privacy_rights"])
    return [
        *lines,
        f"Stored in: {', '.join(processing['storage_locations'])}. Received by: "
        f"{', '.join(processing['recipient_third_parties'])}.",
        f"To take it back: {processing['withdrawal_method']}; it holds within {told['withdrawal']['holds_within_s']} s.",
        f"Rights: {rights}. Authority: {processing['authority_party']}.",
    ]
