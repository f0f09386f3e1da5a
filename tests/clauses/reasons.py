"""Reason words: what an acceptance test of the clause table calls a denial, and what the gate calls it."""

from __future__ import annotations

from typing import Final

#: The table's word, and ours; one word of ours may stand for several of the table's.
REASONS: Final = {
    "purpose_mismatch": "purpose_not_declared",
    "mail_class": "mail_class_mismatch",
    "processor_flowdown": "policy_not_accepted",
    "processor_unreviewed": "review_overdue",
    "no_dpa": "agreement_ended",
    "no_permission": "consent_missing",
    "recipient_unlisted": "recipient_not_listed",
    "no_legal_process": "legal_ref_missing",
    "objection": "restricted",
    "adm": "action_not_permitted",
    "no_mechanism": "transfer_not_covered",
    "basis_not_allowed": "purpose_not_declared",  # no rule may have that ground, so that there is no such purpose
    "no_basis": "purpose_missing",
    "special_category": "purpose_not_declared",  # nobody declares such a purpose
    # On the way in, where ingest has kinds of its own (`cloud_sync.ingest.outcome.Kind`).
    "source_external": "source_undeclared",
    "field_unregistered": "quarantined",  # of a message; category_unknown of a record
    "field_forbidden": "category_unknown",
    "precision": "precision_too_fine",
    "purpose_missing": "consent_missing",
    "consent_withdrawn": "consent_missing",
    "device_storage": "consent_missing",
    "auth_tag": "not_authentic",
    "unregistered": "unknown_device",  # contract_ended of a person whose registration has ended
    "replay": "repeated",
}
