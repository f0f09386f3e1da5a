"""Schemas of the three SQLite files, as migrations: a released step is never edited, the next one is appended."""

from __future__ import annotations

from cloud_sync.storage.sqlite_base import Migration


def _append_only(table: str) -> tuple[str, str]:
    """Triggers that let nobody rewrite history through this program's own mistakes."""
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
        f" BEGIN SELECT raise(ABORT, '{table} is append-only'); END",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
        f" BEGIN SELECT raise(ABORT, '{table} is append-only'); END",
    )


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
            "CREATE TRIGGER audit_leaf_no_update BEFORE UPDATE OF position, kind, leaf, leaf_hash ON audit_leaf"
            " BEGIN SELECT raise(ABORT, 'audit_leaf is append-only'); END",
            "CREATE TRIGGER audit_leaf_no_delete BEFORE DELETE ON audit_leaf"
            " BEGIN SELECT raise(ABORT, 'audit_leaf is append-only'); END",
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
