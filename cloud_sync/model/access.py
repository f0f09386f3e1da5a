"""What access and disclosure keep account of: tickets, grants of the staff, relations, approvals, deliveries, links of alerts.

Pure data. Times are Unix seconds UTC; people, references and recipients are identifiers, never names or free text.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cloud_sync.model.link import EnvelopeId


@dataclass(frozen=True, slots=True)
class Ticket:
    """A case about one person; while it is open, staff can be let in for it."""

    ticket: str
    subject: str
    opened_at: float
    closed_at: float | None = None


@dataclass(frozen=True, slots=True)
class StaffGrant:
    """A short leave of one member of the staff for one person's data: purposes, categories, from when to before when.

    `ticket` is a reference, empty without one; `opened_by` is who let them in. Once its ticket is closed, or it is taken back, it
    ends when it began, so that no clock that is set back can revive it; the audit log says until when it lasted.
    """

    grant: str
    staff: str
    role: str
    subject: str
    purposes: frozenset[str]
    categories: frozenset[str]
    ticket: str
    opened_by: str
    opened_at: float
    ends_at: float


@dataclass(frozen=True, slots=True)
class Relation:
    """That somebody may see another one's data in a role such as planner; the row goes the moment the relation ends."""

    actor: str
    role: str
    subject: str
    begun_at: float


@dataclass(frozen=True, slots=True)
class Approval:
    """That somebody signs for telling a recipient, on one person, under a reference (clause table, V-22, X-18).

    For one purpose, and what was captured from `start` to before `end`; where a `record` stands, for that one alone.
    """

    reference: str
    recipient: str
    subject: str
    approver: str
    at: float
    purpose: str
    start: float
    end: float
    record: str = ""


class DeliveryState(StrEnum):
    """How far a delivery is."""

    BEGUN = "begun"  # interrupted, or the recipient did not take the next part: to be retried
    DONE = "done"
    STOPPED = "stopped"  # the gate said no in the middle; it is not taken up again


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a person's readings have been told, in the order of devices, days and captures.

    `row` is the last envelope, `oldest` its oldest capture (None: told by an older version, which did not keep it). Of its day,
    `until` is the time of the newest reading told and `top` the highest generation there was: what has been sealed anew since holds
    readings that were told as they were before, and is told from behind `until` on.
    """

    row: EnvelopeId
    oldest: float | None
    until: int
    top: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A disclosure of one person's readings, or of a record, to one recipient: what it took so far, and its commitment.

    `last` is how far it is, `parts` and `count` say how many parts and readings were. `commitment` is
    HMAC-SHA256 under `salt` over what was taken, in hex, chained from part to part. Of a record `source` is "record/" and its id.
    `fields` are the names of what was told, with spaces between; at `recalled_at` the recipient was asked to remove it.
    """

    delivery: str
    recipient: str
    purpose: str
    source: str
    subject: str
    actor: str
    start: float
    end: float
    reference: str
    salt: bytes
    begun_at: float
    state: DeliveryState = DeliveryState.BEGUN
    parts: int = 0
    count: int = 0
    commitment: str = ""
    last: Cursor | None = None
    ended_at: float | None = None
    fields: str = ""
    recalled_at: float | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """That a processor has accepted a version of the policy, by a document with this reference."""

    recipient: str
    version: str
    reference: str
    at: float


@dataclass(frozen=True, slots=True)
class SilentNotice:
    """That a person is to be told of a disclosure once its order does not forbid it any more: from `due_at` on."""

    notice: str
    subject: str
    recipient: str
    delivery: str
    reference: str
    due_at: float
    told_at: float | None = None


@dataclass(frozen=True, slots=True)
class AlertLink:
    """What the link of an alert stands for: a span of one person's readings, to be read through the gate until `ends_at`."""

    link: str
    subject: str
    purpose: str
    source: str
    start: float
    end: float
    made_at: float
    ends_at: float
