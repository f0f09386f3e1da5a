"""Every place where something of a person may lie, and what an erasure of everything does with it.

One list: what is not in it does not exist. A test holds it against the schemas of all stores, table by table and column by column,
and `Register.check` against the parts that carry it out, so that nobody adds a place without saying what becomes of it. Record
0022 has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fate(StrEnum):
    """What becomes of a place when the person is erased in full."""

    DESTROYED = "destroyed"
    UNLINKED = "unlinked"  # rows stay, and nothing in them leads to the person
    KEPT = "kept"  # for the reason that stands beside it
    NOBODY = "nobody"  # nothing about a person is ever in it


class Store(StrEnum):
    """Where places are."""

    TELEMETRY = "telemetry"
    KEYS = "keys"
    TOMBSTONES = "tombstones"
    RELEASES = "releases"
    BROKER = "broker"
    MEMORY = "memory"
    FILES = "files"


@dataclass(frozen=True, slots=True)
class Place:
    """A table, or what is like one. `part` carries its fate out.

    `personal` are the columns that name the person or a device of theirs, or say something of them; `plain` all others. `names` are
    those with the person's pseudonym itself. `stays` are the columns in which something personal may be found afterwards.
    """

    store: Store
    name: str
    fate: Fate
    part: str
    personal: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    stays: tuple[str, ...] = ()
    why: str = ""
    basis: str = ""


def _table(
    store: Store,
    name: str,
    fate: Fate,
    part: str = "",
    *,
    personal: str = "",
    plain: str = "",
    names: str = "",
    stays: str = "",
    why: str = "",
    basis: str = "",
) -> Place:
    said, rest, pseudonyms, left = (tuple(text.split()) for text in (personal, plain, names, stays))
    return Place(store, name, fate, part, said, rest, pseudonyms, left, why, basis)


ERASER, RECORDS, LIMITS, AGES, ACCESS, HOLDS, RESTRICTIONS, RELEASES, LIVE, LINK, SINKS, NOTES, CASES = (
    *(
        "rows and keys",
        "records",
        "limits",
        "ages",
        "access",
        "holds",
        "restrictions",
        "releases",
        "live",
        "link",
        "sinks",
    ),
    "notes",
    "cases",
)
NOTICES = "notices"
INCIDENTS, ALARMS = "incidents", "alarms"
INVITATIONS = "invitations"
_TOLD = "GDPR Art. 5(2), 13, 14, 17(3)(e)"
_LEDGER = "GDPR Art. 7(1), 8(2), 17(3)(e)"
_AGAIN = "GDPR Art. 5(2), 17(1)"
_IN_USE = "GDPR Art. 6(1)(b)"
_ANSWERED = "GDPR Art. 5(2), 12(3), 17(3)(e)"
_TELEMETRY: Final = (
    _table(
        Store.TELEMETRY,
        "device",
        Fate.KEPT,
        ERASER,
        personal="device subject",
        plain="no generation enrolled_at revoked_at",
        names="subject",
        stays="device subject",
        why="what a backup brings back of a device is erased again by its pseudonym",
        basis=_AGAIN,
    ),
    _table(
        Store.TELEMETRY,
        "envelope",
        Fate.DESTROYED,
        ERASER,
        personal="device_no payload digest received_at oldest_capture",
        plain="number stream directive_version coarse",
        stays="device_no payload digest received_at oldest_capture",  # of `status` of a day that is not over
    ),
    _table(
        Store.TELEMETRY,
        "directive_state",
        Fate.KEPT,
        LIMITS,
        personal="device current challenge",
        plain="version applied_version down_next reported_down_next floor_location floor_environment floor_motion floor_status"
        " reported_generation reported_epoch reported_counter",
        stays="device current challenge",
        why="what a device may do, without zones or hours, sealed anew: else it could be told nothing",
        basis=_IN_USE,
    ),
    _table(
        Store.TELEMETRY,
        "consent",
        Fate.KEPT,
        ERASER,
        personal="record_id subject purpose record",
        plain="seq",
        names="subject",
        stays="record_id subject purpose record",
        why="proof that there was a leave, and when it ended",
        basis=_LEDGER,
    ),
    _table(
        Store.TELEMETRY,
        "consent_bound",
        Fate.KEPT,
        AGES,
        personal="record_id subject group_id record month",
        plain="seq",
        names="subject",
        stays="record_id subject group_id record",
        why="they say how far answers held; since when somebody is of age is gone",
        basis=_LEDGER,
    ),
    _table(
        Store.TELEMETRY,
        "audit_leaf",
        Fate.UNLINKED,
        ERASER,
        personal="subject event",
        plain="position kind leaf leaf_hash",
        names="subject",
        stays="subject event",  # what was logged from then on, and what the person did with others' data
    ),
    _table(
        Store.TELEMETRY, "shred", Fate.DESTROYED, NOTES, personal="device epoch", plain="generation stream to_counter"
    ),
    _table(
        Store.TELEMETRY,
        "waiting_erasure",
        Fate.DESTROYED,
        NOTES,
        personal="erasure_id subject span_start span_end actor",
        plain="at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "retention_mark",
        Fate.KEPT,
        ERASER,
        personal="name value",
        # A hash of the pseudonym and a time; where a walk stands goes if it is at the person. Accounts of the staff and what
        # processors are to confirm name no data subject.
        stays="name value",
        why="that this database has been through the erasure: a hash and a time",
        basis=_AGAIN,
    ),
    _table(
        Store.TELEMETRY,
        "hold",
        Fate.UNLINKED,
        HOLDS,
        personal="subject device reference category captured_first captured_last",
        plain="hold_id authority placed_at placed_by review_at released_at released_by",
        names="subject",
        stays="category",
    ),
    _table(
        Store.TELEMETRY,
        "restriction",
        Fate.KEPT,
        RESTRICTIONS,
        personal="restriction_id subject ground reference actor purpose",
        plain="since review_at lifted_at lifted_by",
        names="subject",
        stays="restriction_id subject ground reference actor purpose",
        why="what comes later is stored and not used; lifted ones are gone",
        basis="GDPR Art. 18(1)",
    ),
    _table(
        Store.TELEMETRY,
        "clock_event",
        Fate.DESTROYED,
        RECORDS,
        personal="name kind at",
        plain="scope",
        names="name",
        stays="name kind at",  # as long as a record is kept whose term it starts, or a device whose contract it ends
    ),
    _table(
        Store.TELEMETRY,
        "record_part",
        Fate.DESTROYED,
        RECORDS,
        personal="record_id subject category created_at sealed ground",
        plain="due review_at put_at people",
        names="subject",
        stays="record_id subject category created_at sealed ground",  # what a law wants kept
    ),
    _table(
        Store.TELEMETRY,
        "ticket",
        Fate.DESTROYED,
        ACCESS,
        personal="ticket subject opened_at closed_at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "staff_grant",
        Fate.DESTROYED,
        ACCESS,
        personal="grant_id subject purposes categories ticket opened_at ends_at",
        plain="staff role opened_by",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "relation",
        Fate.DESTROYED,
        ACCESS,
        personal="actor role subject begun_at",
        names="subject actor",
    ),
    _table(
        Store.TELEMETRY,
        "approval",
        Fate.DESTROYED,
        ACCESS,
        personal="reference recipient subject purpose span_start span_end record at",
        plain="approver",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "delivery",
        Fate.DESTROYED,
        ACCESS,
        personal="delivery recipient purpose source subject actor span_start span_end reference salt begun_at parts taken"
        " commitment ended_at last_device last_epoch last_oldest last_until fields recalled_at",
        plain="state last_generation last_stream last_counter last_top",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "silent_notice",
        Fate.DESTROYED,
        ACCESS,
        personal="notice subject recipient delivery reference due_at told_at made_at",
        names="subject",
    ),
    _table(Store.TELEMETRY, "recipient_acceptance", Fate.NOBODY, plain="recipient version reference at"),
    _table(
        Store.TELEMETRY,
        "alert_link",
        Fate.DESTROYED,
        ACCESS,
        personal="link subject purpose source span_start span_end made_at",
        plain="ends_at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "rights_case",
        Fate.KEPT,
        CASES,
        personal="case_id message subject asked channel received_at purpose outcome reason evidence",
        plain="keyed_at promise_at law_at due_at alarm_at target_at state identity rule_owner reviewer authority extended_at"
        " carried_at decided_at answered_at closed_at alarmed",
        names="subject",
        stays="case_id message subject asked channel received_at purpose outcome reason evidence",
        why="proof that what was asked was answered, and in time, until its own term is over",
        basis=_ANSWERED,
    ),
    _table(
        Store.TELEMETRY,
        "rights_event",
        Fate.KEPT,
        CASES,
        personal="case_id actor detail digest sealed",
        plain="seq number kind at",
        stays="case_id actor detail digest",
        why="what happened to a case; what the person wrote or was told is gone",
        basis=_ANSWERED,
    ),
    _table(
        Store.TELEMETRY,
        "notice_receipt",
        Fate.KEPT,
        NOTICES,
        personal="receipt_id subject entity channel act",
        plain="seq version policy at language",
        names="subject",
        stays="receipt_id subject entity channel act",
        why="proof that you were told before anything was collected",
        basis=_TOLD,
    ),
    _table(
        Store.TELEMETRY,
        "notice_source",
        Fate.DESTROYED,
        NOTICES,
        personal="subject source at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "notice_link",
        Fate.DESTROYED,
        NOTICES,
        personal="link subject purpose record_id made_at",
        plain="purpose_of ends_at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "notice",
        Fate.NOBODY,
        plain="seq version policy previous at changes purposes banner_until",
    ),
    _table(Store.TELEMETRY, "policy_text", Fate.NOBODY, plain="policy at content"),
    _table(
        Store.TELEMETRY, "rights_link", Fate.DESTROYED, CASES, personal="link message", plain="made_at ends_at used_at"
    ),
    _table(
        Store.TELEMETRY,
        "incident_event",
        Fate.KEPT,
        INCIDENTS,
        personal="incident_id actor detail",
        plain="seq number kind at",
        stays="incident_id actor detail",
        why="what happened and what was done about it; it names devices and accounts, and nobody",
        basis="GDPR Art. 33(5), 17(3)(b)",
    ),
    _table(
        Store.TELEMETRY,
        "incident_person",
        Fate.DESTROYED,
        INCIDENTS,
        personal="incident_id subject found_at told_at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "alarm_rule",
        Fate.DESTROYED,
        ALARMS,
        personal="rule_id subject kind purpose channel sealed memory",
        plain="stream made_at heard_at",
        names="subject",
    ),
    _table(
        Store.TELEMETRY,
        "alarm_message",
        Fate.DESTROYED,
        ALARMS,
        personal="link rule_id subject made_at",
        plain="tries next_at taken_at",
        names="subject",
    ),
    _table(Store.TELEMETRY, "statistic", Fate.NOBODY, plain="release_id purpose first_day last_day at content"),
    _table(Store.TELEMETRY, "migration", Fate.NOBODY, plain="version name"),
)
_DEVICE_KEYS = "keys of the device for days to come, which open nothing of before"
_KEYS: Final = (
    _table(
        Store.KEYS,
        "tip",
        Fate.KEPT,
        ERASER,
        personal="device wrapped",
        plain="generation stream epoch",
        stays="device wrapped",
        why=_DEVICE_KEYS,
        basis=_IN_USE,
    ),
    _table(
        Store.KEYS,
        "leaf",
        Fate.DESTROYED,
        ERASER,
        personal="device epoch wrapped",
        plain="generation stream base_counter shield",
        stays="device epoch wrapped",  # of `status` of a day that is not over
    ),
    _table(Store.KEYS, "shield", Fate.DESTROYED, ERASER, personal="device wrapped", plain="number stones"),
    _table(
        Store.KEYS,
        "down",
        Fate.KEPT,
        ERASER,
        personal="device wrapped",
        plain="generation number",
        stays="device wrapped",
        why=_DEVICE_KEYS,
        basis=_IN_USE,
    ),
    _table(Store.KEYS, "seen", Fate.NOBODY, plain="name count"),
    _table(
        Store.KEYS,
        "person",
        Fate.DESTROYED,
        LIMITS,
        personal="subject wrapped limits",
        plain="made_at revision",
        names="subject",
        stays="subject wrapped",  # a new key, for what a device in use is told from here on
    ),
    *(
        _table(
            Store.KEYS,
            name,
            Fate.KEPT,
            ERASER,
            personal=f"device{' wrapped' * (name != 'heal_wish')}",
            plain=plain,
            stays=f"device{' wrapped' * (name != 'heal_wish')}",
            why=_DEVICE_KEYS,
            basis=_IN_USE,
        )
        for name, plain in (
            ("heal_wish", "above offered_at first_epoch"),
            ("heal_offer", "generation number spine_epoch first_epoch"),
            ("heal_candidate", "generation first_epoch epoch counter"),
        )
    ),
    _table(
        Store.KEYS,
        "invitation",
        Fate.DESTROYED,
        INVITATIONS,
        personal="id subject takes_over provided_by wrapped",
        plain="made_at expires_at confirm",
        names="subject",
        stays="takes_over",  # of an invitation of somebody else, who is to have the person's device
    ),
    _table(
        Store.KEYS,
        "admission",
        Fate.DESTROYED,
        INVITATIONS,
        personal="id subject device takes_over provided_by",
        plain="at",
        names="subject",
    ),
    _table(
        Store.KEYS,
        "record_key",
        Fate.DESTROYED,
        RECORDS,
        personal="record_id subject wrapped",
        names="subject",
        stays="record_id subject wrapped",  # with the record that a law wants kept
    ),
    _table(Store.KEYS, "migration", Fate.NOBODY, plain="version name"),
)
_OTHERS: Final = (
    _table(
        Store.TOMBSTONES,
        "tombstone",
        Fate.KEPT,
        ERASER,
        personal="device first_epoch last_epoch span_start span_end at",
        plain="seq tombstone_id stream basis edition generation counter",
        stays="device first_epoch last_epoch span_start span_end at",
        why="which days of which device, so that no restored backup brings them back",
        basis=_AGAIN,
    ),
    _table(
        Store.TOMBSTONES,
        "witness",
        Fate.KEPT,
        ERASER,
        personal="name count mark",
        stays="name count mark",
        why="hashes and counts by which one is known; events of incidents, which name devices and accounts, and nobody",
        basis=_AGAIN,
    ),
    _table(Store.TOMBSTONES, "migration", Fate.NOBODY, plain="version name"),
    _table(Store.RELEASES, "release", Fate.NOBODY, plain="id content added"),
    _table(
        Store.RELEASES,
        "offer",
        Fate.DESTROYED,
        RELEASES,
        personal="device offered told begun state done",
        plain="id version chunks size",
        stays="device offered told begun state done",  # one that is under way: the device needs its update
    ),
    _table(Store.RELEASES, "runs", Fate.DESTROYED, RELEASES, personal="device version"),
    _table(Store.BROKER, "bl/1/<device>/up, bl/1/<device>/down", Fate.DESTROYED, LINK, personal="retained"),
    _table(Store.MEMORY, "live subscriptions", Fate.DESTROYED, LIVE, personal="rows items keys"),
    _table(Store.MEMORY, "day chains", Fate.DESTROYED, ERASER, personal="keys"),
    _table(Store.FILES, "folders of recipients", Fate.DESTROYED, SINKS, personal="parts"),
    _table(Store.FILES, "log, metrics, policies, ring, settings", Fate.NOBODY),
)
PLACES: Final[tuple[Place, ...]] = (*_TELEMETRY, *_KEYS, *_OTHERS)
