"""Schemas of the three stores, as migrations: a released step is never edited, the next one is appended.

Types and triggers are written for both engines; each renders them (`Engine.render`, `Engine.protection`). A first column
`INTEGER PRIMARY KEY` counts by itself where no value is given.
"""

from __future__ import annotations

from cloud_sync.storage.engine import AppendOnly, Ending, Migration
from cloud_sync.storage.schema_desks import DESKS


def _append_only(table: str, *columns: str) -> tuple[AppendOnly]:
    """Rows of the table are never deleted, and none of the columns (none named: no column at all) is ever changed."""
    return (AppendOnly(table, columns),)


TELEMETRY = (
    Migration(
        1,
        "devices, envelopes, consent, directives, audit",
        (
            "CREATE TABLE device (no INTEGER PRIMARY KEY, device TEXT NOT NULL UNIQUE, subject TEXT NOT NULL,"
            " generation INTEGER NOT NULL, enrolled_at REAL NOT NULL, revoked_at REAL)",
            "CREATE INDEX device_by_subject ON device (subject)",
            "CREATE TABLE envelope (device_no INTEGER NOT NULL REFERENCES device (no), number INTEGER NOT NULL,"
            " digest BLOB NOT NULL, stream INTEGER NOT NULL, directive_version INTEGER NOT NULL, payload BLOB NOT NULL,"
            " received_at REAL NOT NULL, oldest_capture REAL NOT NULL, UNIQUE (device_no, number, digest))",
            "CREATE INDEX envelope_by_capture ON envelope (stream, oldest_capture)",
            "CREATE TABLE directive_state (device TEXT PRIMARY KEY, version INTEGER NOT NULL, current BLOB NOT NULL,"
            " applied_version INTEGER NOT NULL, challenge BLOB NOT NULL, down_next INTEGER NOT NULL,"
            " reported_down_next INTEGER NOT NULL, floor_location INTEGER NOT NULL, floor_environment INTEGER NOT NULL,"
            " floor_motion INTEGER NOT NULL, floor_status INTEGER NOT NULL)",
            "CREATE TABLE consent (seq INTEGER PRIMARY KEY, record_id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL,"
            " purpose TEXT NOT NULL, record TEXT NOT NULL)",
            "CREATE INDEX consent_by_subject ON consent (subject, purpose)",
            *_append_only("consent"),
            "CREATE TABLE audit_leaf (position INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL,"
            " event TEXT NOT NULL, leaf BLOB NOT NULL, leaf_hash BLOB NOT NULL)",
            "CREATE INDEX audit_leaf_by_subject ON audit_leaf (subject)",
            # Beside a leaf, the event may be forgotten; the leaf itself and its place may not.
            *_append_only("audit_leaf", "position", "kind", "leaf", "leaf_hash"),
        ),
    ),
    Migration(
        2,
        "which status was taken over last",
        tuple(
            f"ALTER TABLE directive_state ADD COLUMN reported_{part} INTEGER NOT NULL DEFAULT -1"
            for part in ("generation", "epoch", "counter")
        ),
    ),
    Migration(3, "numbers of envelopes that are sealed anew", ()),
    # The directives of older rows are sealed when the store is opened with its keys (`directive.atrest`).
    Migration(4, "directives are sealed", ()),
    Migration(
        5,
        "what bounds consents: groups and ages",
        (
            "CREATE TABLE consent_bound (seq INTEGER PRIMARY KEY, record_id TEXT NOT NULL UNIQUE, subject TEXT NOT NULL,"
            " group_id TEXT NOT NULL, record TEXT NOT NULL, month TEXT NOT NULL)",
            "CREATE INDEX consent_bound_by_subject ON consent_bound (subject)",
            "CREATE INDEX consent_bound_by_group ON consent_bound (group_id, subject)",
            # Since when a child is of age may be forgotten; that they are one, and all else, may not.
            *_append_only("consent_bound", "seq", "record_id", "subject", "group_id", "record"),
        ),
    ),
    Migration(
        6,
        "levels of rows, keys still to go, holds, restrictions, clocks, records",
        (
            "ALTER TABLE envelope ADD COLUMN coarse INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX envelope_by_term ON envelope (stream, coarse, oldest_capture)",
            "DROP INDEX envelope_by_capture",
            "CREATE TABLE shred (device TEXT NOT NULL, generation INTEGER NOT NULL, stream INTEGER NOT NULL,"
            " epoch INTEGER NOT NULL, to_counter INTEGER NOT NULL, PRIMARY KEY (device, stream, epoch, generation))",
            "CREATE TABLE waiting_erasure (erasure_id TEXT PRIMARY KEY, subject TEXT NOT NULL, span_start REAL,"
            " span_end REAL, at REAL NOT NULL, actor TEXT NOT NULL)",
            "CREATE TABLE retention_mark (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
            "CREATE TABLE hold (hold_id TEXT PRIMARY KEY, reference TEXT NOT NULL, subject TEXT NOT NULL,"
            " device TEXT NOT NULL, category TEXT NOT NULL, captured_first REAL, captured_last REAL,"
            " authority INTEGER NOT NULL, placed_at REAL NOT NULL, placed_by TEXT NOT NULL, review_at REAL NOT NULL,"
            " released_at REAL, released_by TEXT NOT NULL)",
            "CREATE TABLE restriction (restriction_id TEXT PRIMARY KEY, subject TEXT NOT NULL, ground TEXT NOT NULL,"
            " reference TEXT NOT NULL, since REAL NOT NULL, actor TEXT NOT NULL, review_at REAL, lifted_at REAL,"
            " lifted_by TEXT NOT NULL)",
            "CREATE INDEX restriction_by_subject ON restriction (subject)",
            "CREATE TABLE clock_event (scope TEXT NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,"
            " PRIMARY KEY (scope, name, kind, at))",
            "CREATE TABLE record_part (record_id TEXT NOT NULL, subject TEXT NOT NULL, category TEXT NOT NULL,"
            " created_at REAL NOT NULL, sealed BLOB NOT NULL, due REAL, ground TEXT NOT NULL, review_at REAL,"
            " PRIMARY KEY (record_id, subject))",
            "CREATE INDEX record_part_by_subject ON record_part (subject, category)",
            "CREATE INDEX record_part_by_term ON record_part (due)",
        ),
    ),
    Migration(
        7,
        "tickets, grants of the staff, relations, approvals, deliveries, links of alerts",
        (
            "CREATE TABLE ticket (ticket TEXT PRIMARY KEY, subject TEXT NOT NULL, opened_at REAL NOT NULL, closed_at REAL)",
            "CREATE TABLE staff_grant (grant_id TEXT PRIMARY KEY, staff TEXT NOT NULL, role TEXT NOT NULL,"
            " subject TEXT NOT NULL, purposes TEXT NOT NULL, categories TEXT NOT NULL, ticket TEXT NOT NULL,"
            " opened_by TEXT NOT NULL, opened_at REAL NOT NULL, ends_at REAL NOT NULL)",
            "CREATE INDEX staff_grant_by_subject ON staff_grant (subject, staff)",
            "CREATE INDEX staff_grant_by_ticket ON staff_grant (ticket)",
            "CREATE TABLE relation (actor TEXT NOT NULL, role TEXT NOT NULL, subject TEXT NOT NULL,"
            " begun_at REAL NOT NULL, PRIMARY KEY (subject, actor, role))",
            "CREATE TABLE approval (reference TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL,"
            " approver TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (reference, recipient, subject, approver))",
            "CREATE TABLE delivery (delivery TEXT PRIMARY KEY, recipient TEXT NOT NULL, purpose TEXT NOT NULL,"
            " source TEXT NOT NULL, subject TEXT NOT NULL, actor TEXT NOT NULL, span_start REAL NOT NULL,"
            " span_end REAL NOT NULL, reference TEXT NOT NULL, salt BLOB NOT NULL, begun_at REAL NOT NULL,"
            " state TEXT NOT NULL, parts INTEGER NOT NULL, taken INTEGER NOT NULL, commitment TEXT NOT NULL,"
            " ended_at REAL, last_device TEXT, last_generation INTEGER, last_stream INTEGER, last_epoch INTEGER,"
            " last_counter INTEGER)",
            "CREATE INDEX delivery_by_subject ON delivery (subject)",
            "CREATE TABLE alert_link (link TEXT PRIMARY KEY, subject TEXT NOT NULL, purpose TEXT NOT NULL,"
            " source TEXT NOT NULL, span_start REAL NOT NULL, span_end REAL NOT NULL, made_at REAL NOT NULL,"
            " ends_at REAL NOT NULL)",
        ),
    ),
    Migration(
        8,
        "releases of statistics",
        (
            "CREATE TABLE statistic (release_id TEXT PRIMARY KEY, purpose TEXT NOT NULL, first_day INTEGER NOT NULL,"
            " last_day INTEGER NOT NULL, at REAL NOT NULL, content TEXT NOT NULL)",
            *_append_only("statistic"),
        ),
    ),
    Migration(
        9,
        "when parts of records came in",
        ("ALTER TABLE record_part ADD COLUMN put_at REAL NOT NULL DEFAULT 0",),
    ),
    Migration(
        12,
        "approvals of one purpose and span; whoever approved before signs again",
        (
            "DROP TABLE approval",
            "CREATE TABLE approval (reference TEXT NOT NULL, recipient TEXT NOT NULL, subject TEXT NOT NULL,"
            " purpose TEXT NOT NULL, span_start REAL NOT NULL, span_end REAL NOT NULL, approver TEXT NOT NULL,"
            " at REAL NOT NULL,"
            " PRIMARY KEY (reference, recipient, subject, purpose, span_start, span_end, approver))",
        ),
    ),
    Migration(
        13,
        "how far deliveries are, by capture",
        (
            "ALTER TABLE delivery ADD COLUMN last_oldest REAL",
            "ALTER TABLE delivery ADD COLUMN last_until INTEGER",
            "ALTER TABLE delivery ADD COLUMN last_top INTEGER",
        ),
    ),
    Migration(14, "answers go when their term is over", (Ending("consent"),)),
    Migration(
        15,
        "cases of people's rights",
        (
            "CREATE TABLE rights_case (case_id TEXT PRIMARY KEY, message TEXT NOT NULL, subject TEXT NOT NULL,"
            " asked TEXT NOT NULL, channel TEXT NOT NULL, received_at REAL NOT NULL, keyed_at REAL NOT NULL,"
            " promise_at REAL NOT NULL, law_at REAL NOT NULL, due_at REAL NOT NULL, alarm_at REAL NOT NULL,"
            " target_at REAL NOT NULL, state TEXT NOT NULL, identity TEXT NOT NULL, purpose TEXT NOT NULL,"
            " rule_owner TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, reviewer TEXT NOT NULL,"
            " authority TEXT NOT NULL, extended_at REAL, carried_at REAL, decided_at REAL, answered_at REAL,"
            " closed_at REAL, evidence TEXT NOT NULL, alarmed INTEGER NOT NULL)",
            "CREATE INDEX rights_case_by_subject ON rights_case (subject)",
            "CREATE INDEX rights_case_by_message ON rights_case (message)",
            "CREATE INDEX rights_case_by_closing ON rights_case (closed_at, case_id)",
            "CREATE TABLE rights_event (seq INTEGER PRIMARY KEY, case_id TEXT NOT NULL, number INTEGER NOT NULL,"
            " kind TEXT NOT NULL, at REAL NOT NULL, actor TEXT NOT NULL, detail TEXT NOT NULL, digest TEXT NOT NULL,"
            " sealed BLOB NOT NULL, UNIQUE (case_id, number))",
            # What the person wrote goes with an erasure; that it was written, and all else, does not.
            *_append_only("rights_event", "seq", "case_id", "number", "kind", "at", "actor", "detail", "digest"),
            Ending("rights_event"),
            "CREATE TABLE rights_link (link TEXT PRIMARY KEY, message TEXT NOT NULL, made_at REAL NOT NULL,"
            " ends_at REAL NOT NULL, used_at REAL)",
        ),
    ),
    Migration(
        16,
        "no place of the ledger is given twice",
        (
            # Up to here places were given at least. Where one was given twice an end may have been passed over: all are met again.
            "INSERT INTO retention_mark (name, value)"
            " SELECT 'consent-top', value FROM retention_mark WHERE name = 'consent-ends'",
            "DELETE FROM retention_mark WHERE name = 'consent-ends'",
        ),
    ),
    *DESKS,
)

KEYS = (
    Migration(
        1,
        "tips, leaves, downlink chains",
        (
            "CREATE TABLE tip (device TEXT NOT NULL, generation INTEGER NOT NULL, stream INTEGER NOT NULL,"
            " epoch INTEGER NOT NULL, wrapped BLOB NOT NULL, PRIMARY KEY (device, generation, stream))",
            "CREATE TABLE leaf (device TEXT NOT NULL, generation INTEGER NOT NULL, stream INTEGER NOT NULL,"
            " epoch INTEGER NOT NULL, base_counter INTEGER NOT NULL, wrapped BLOB NOT NULL,"
            " PRIMARY KEY (device, stream, epoch, generation))",
            "CREATE INDEX leaf_by_epoch ON leaf (stream, epoch)",
            "CREATE TABLE down (device TEXT PRIMARY KEY, generation INTEGER NOT NULL, number INTEGER NOT NULL,"
            " wrapped BLOB NOT NULL)",
        ),
    ),
    Migration(
        2,
        "how many tombstones there are at least",
        ("CREATE TABLE seen (name TEXT PRIMARY KEY, count INTEGER NOT NULL)",),
    ),
    Migration(
        3,
        "a key of each person, and limits under it",
        (
            "CREATE TABLE person (subject TEXT PRIMARY KEY, made_at REAL NOT NULL, wrapped BLOB NOT NULL,"
            " revision INTEGER NOT NULL, limits BLOB NOT NULL)",
        ),
    ),
    Migration(
        4,
        "healing: wishes, offers, generations that an answer has begun",
        (
            "CREATE TABLE heal_wish (device TEXT PRIMARY KEY, above INTEGER NOT NULL, offered_at REAL NOT NULL,"
            " first_epoch INTEGER NOT NULL)",
            "CREATE TABLE heal_offer (device TEXT NOT NULL, generation INTEGER NOT NULL, number INTEGER NOT NULL,"
            " spine_epoch INTEGER NOT NULL, first_epoch INTEGER NOT NULL, wrapped BLOB NOT NULL,"
            " PRIMARY KEY (device, generation, number))",
            "CREATE TABLE heal_candidate (device TEXT PRIMARY KEY, generation INTEGER NOT NULL,"
            " first_epoch INTEGER NOT NULL, epoch INTEGER NOT NULL, counter INTEGER NOT NULL, wrapped BLOB NOT NULL)",
        ),
    ),
    Migration(
        6,
        "keys of records; days of which there is a key of what devices sent",
        (
            "CREATE TABLE record_key (record_id TEXT NOT NULL, subject TEXT NOT NULL, wrapped BLOB NOT NULL,"
            " PRIMARY KEY (record_id, subject))",
            "CREATE INDEX leaf_that_came ON leaf (stream, epoch, device) WHERE generation < 65536",
        ),
    ),
    Migration(
        11,
        "one key over all days of a device",
        (
            "CREATE TABLE shield (device TEXT NOT NULL, number INTEGER NOT NULL, stones INTEGER NOT NULL,"
            " wrapped BLOB NOT NULL, PRIMARY KEY (device, number))",
            "ALTER TABLE leaf ADD COLUMN shield INTEGER NOT NULL DEFAULT 0",
            # Days of before there were shields, and none of `status`: what a whole person's erasure destroys one by one.
            "CREATE INDEX leaf_without_shield ON leaf (device) WHERE shield = 0 AND stream < 4",
        ),
    ),
    Migration(
        12,
        "keys of what was sealed anew",
        ("CREATE INDEX leaf_sealed_anew ON leaf (device, stream, epoch, generation) WHERE generation >= 65536",),
    ),
    Migration(
        13,
        "invitations, and uses of one that are under way",
        (
            "CREATE TABLE invitation (id TEXT PRIMARY KEY, subject TEXT NOT NULL, made_at INTEGER NOT NULL,"
            " expires_at INTEGER NOT NULL, takes_over TEXT NOT NULL, provided_by TEXT NOT NULL, wrapped BLOB NOT NULL)",
            "CREATE TABLE admission (id TEXT PRIMARY KEY, subject TEXT NOT NULL, device TEXT NOT NULL, at REAL NOT NULL,"
            " takes_over TEXT NOT NULL, provided_by TEXT NOT NULL)",
        ),
    ),
    Migration(
        14,
        "invitations that want a confirmation code",
        ("ALTER TABLE invitation ADD COLUMN confirm INTEGER NOT NULL DEFAULT 0",),
    ),
)

TOMBSTONES = (
    Migration(
        1,
        "tombstones",
        (
            "CREATE TABLE tombstone (seq INTEGER PRIMARY KEY, tombstone_id TEXT NOT NULL UNIQUE, device TEXT NOT NULL,"
            " stream INTEGER NOT NULL, first_epoch INTEGER NOT NULL, last_epoch INTEGER NOT NULL, at REAL NOT NULL,"
            " basis TEXT NOT NULL)",
            "CREATE INDEX tombstone_by_device ON tombstone (device, first_epoch)",
            *_append_only("tombstone"),
        ),
    ),
    Migration(
        2,
        "witness",
        ("CREATE TABLE witness (name TEXT PRIMARY KEY, count INTEGER NOT NULL, mark BLOB NOT NULL)",),
    ),
    Migration(
        3,
        "parts of days",
        (
            "ALTER TABLE tombstone ADD COLUMN span_start INTEGER",
            "ALTER TABLE tombstone ADD COLUMN span_end INTEGER",
            "ALTER TABLE tombstone ADD COLUMN edition INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE tombstone ADD COLUMN generation INTEGER NOT NULL DEFAULT 65535",
            "ALTER TABLE tombstone ADD COLUMN counter INTEGER NOT NULL DEFAULT 4096",
        ),
    ),
)
