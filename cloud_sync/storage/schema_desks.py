"""Tables of the desks in the telemetry database: notices, incidents, alarms, recipients. See `schema`."""

from __future__ import annotations

from typing import Final

from cloud_sync.storage.engine import AppendOnly, Ending, Migration

#: The id that an entry of the audit log names, in its text; of one that names none some other part of it.
ITS_INVITATION: Final = 'substr(event, instr(event, \'["invitation","\') + 15, 32)'
#: The kinds of entries that name one (`audit.events`), few among all: no other entry pays for the index.
OF_INVITATIONS: Final = "kind IN ('device.enrolled', 'invitation.ended')"

DESKS: Final = (
    Migration(
        17,
        "notices and their receipts",
        (
            "CREATE TABLE notice (seq INTEGER PRIMARY KEY, version TEXT NOT NULL, policy TEXT NOT NULL,"
            " previous TEXT NOT NULL, at REAL NOT NULL, changes TEXT NOT NULL, purposes TEXT NOT NULL,"
            " banner_until REAL NOT NULL)",
            AppendOnly("notice"),
            "CREATE TABLE notice_receipt (seq INTEGER PRIMARY KEY, receipt_id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL,"
            " version TEXT NOT NULL, policy TEXT NOT NULL, at REAL NOT NULL, entity TEXT NOT NULL, channel TEXT NOT NULL,"
            " act TEXT NOT NULL, language TEXT NOT NULL)",
            "CREATE INDEX notice_receipt_by_subject ON notice_receipt (subject)",
            AppendOnly("notice_receipt"),
            Ending("notice_receipt"),
            "CREATE TABLE notice_source (subject TEXT PRIMARY KEY, source TEXT NOT NULL, at REAL NOT NULL)",
            "CREATE TABLE notice_link (link TEXT PRIMARY KEY, purpose_of TEXT NOT NULL, subject TEXT NOT NULL,"
            " purpose TEXT NOT NULL, record_id TEXT NOT NULL, made_at REAL NOT NULL, ends_at REAL NOT NULL)",
            "CREATE INDEX notice_link_by_subject ON notice_link (subject)",
            "CREATE INDEX notice_link_by_end ON notice_link (ends_at)",
        ),
    ),
    Migration(
        18,
        "incidents",
        (
            "CREATE TABLE incident_event (seq INTEGER PRIMARY KEY, incident_id TEXT NOT NULL, number INTEGER NOT NULL,"
            " kind TEXT NOT NULL, at REAL NOT NULL, actor TEXT NOT NULL, detail TEXT NOT NULL,"
            " UNIQUE (incident_id, number))",
            AppendOnly("incident_event"),
            Ending("incident_event"),
            "CREATE TABLE incident_person (incident_id TEXT NOT NULL, subject TEXT NOT NULL, found_at REAL NOT NULL,"
            " told_at REAL, PRIMARY KEY (incident_id, subject))",
            "CREATE INDEX incident_person_by_subject ON incident_person (subject)",
        ),
    ),
    Migration(
        19,
        "alarms",
        (
            # What a rule watches, to whom it tells, and what it has seen, are sealed under the person's key.
            "CREATE TABLE alarm_rule (rule_id TEXT PRIMARY KEY, subject TEXT NOT NULL, kind TEXT NOT NULL,"
            " stream INTEGER NOT NULL, purpose TEXT NOT NULL, channel TEXT NOT NULL, made_at REAL NOT NULL,"
            " heard_at REAL NOT NULL, sealed BLOB NOT NULL, memory BLOB NOT NULL)",
            "CREATE INDEX alarm_rule_by_subject ON alarm_rule (subject)",
            "CREATE TABLE alarm_message (link TEXT PRIMARY KEY, rule_id TEXT NOT NULL, subject TEXT NOT NULL,"
            " made_at REAL NOT NULL, tries INTEGER NOT NULL, next_at REAL NOT NULL, taken_at REAL)",
            "CREATE INDEX alarm_message_by_subject ON alarm_message (subject)",
            "CREATE INDEX alarm_message_by_rule ON alarm_message (rule_id, made_at)",
        ),
    ),
    Migration(
        20,
        "what recipients accepted and were told; signatures for single records, after which whoever signed before signs again",
        (
            "CREATE TABLE recipient_acceptance (recipient TEXT NOT NULL, version TEXT NOT NULL, reference TEXT NOT NULL,"
            " at REAL NOT NULL, PRIMARY KEY (recipient, version))",
            "CREATE TABLE silent_notice (notice TEXT PRIMARY KEY, subject TEXT NOT NULL, recipient TEXT NOT NULL,"
            " delivery TEXT NOT NULL, reference TEXT NOT NULL, due_at REAL NOT NULL, told_at REAL, made_at REAL NOT NULL)",
            "CREATE INDEX silent_notice_by_subject ON silent_notice (subject)",
            "CREATE INDEX silent_notice_by_term ON silent_notice (due_at)",
            "DROP TABLE approval",
            "CREATE TABLE approval (reference TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL,"
            " purpose TEXT NOT NULL, span_start REAL NOT NULL, span_end REAL NOT NULL, record TEXT NOT NULL,"
            " approver TEXT NOT NULL, at REAL NOT NULL,"
            " PRIMARY KEY (reference, recipient, subject, purpose, span_start, span_end, record, approver))",
            "ALTER TABLE delivery ADD COLUMN fields TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE delivery ADD COLUMN recalled_at REAL",
            "CREATE INDEX delivery_by_recipient ON delivery (recipient, recalled_at, subject, purpose)",
        ),
    ),
    Migration(
        21,
        "restrictions of one purpose, and of how many people a record was",
        (
            "ALTER TABLE restriction ADD COLUMN purpose TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE record_part ADD COLUMN people INTEGER NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        22,
        "what became of an invitation, found by its id",
        (f"CREATE INDEX audit_leaf_by_invitation ON audit_leaf ({ITS_INVITATION}) WHERE {OF_INVITATIONS}",),
    ),
    Migration(
        23,
        "texts of policies that were in force",
        (
            "CREATE TABLE policy_text (policy TEXT PRIMARY KEY, at REAL NOT NULL, content TEXT NOT NULL)",
            AppendOnly("policy_text"),
        ),
    ),
)
