"""What the gate is asked, what it must know, and what it answers. Pure data; every default is the one that denies."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync.consent import NOT_COVERED, Coverage
from cloud_sync.gate.mail import MailClass
from cloud_sync.model import Action, Actor, Precision, Reason, Sensor
from cloud_sync.model.access import StaffGrant

NO_SENSOR = Sensor(0)
NO_FIELDS: frozenset[str] = frozenset()
NO_CONTENT: frozenset[MailClass] = frozenset()
NOBODY: frozenset[str] = frozenset()

#: A reason, and a sentence for whoever was denied. It is true, as every tuple that has something in it: `or` joins checks.
Denial = tuple[Reason, str]


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to do what with which data of whom, and why. Times are Unix seconds.

    `captured_at` is the oldest reading concerned. Without `fields` every field of the category is meant; without
    `precision` the finest that is permitted. `sensors` are those that an act on a device, or on its batch, names.
    `reference` is that of a disclosure: of an authority's order, of the person's own, of a case; `span` from when to before when it
    asks, `record` of which record. `content` is what a message to the person has in it.
    """

    actor: Actor
    purpose: str
    action: Action
    category: str
    subject: str
    at: float
    captured_at: float
    precision: Precision | None = None
    fields: frozenset[str] = NO_FIELDS
    recipient: str | None = None
    sensors: Sensor = NO_SENSOR
    reference: str = ""
    content: frozenset[MailClass] = NO_CONTENT
    span: tuple[float, float] | None = None
    record: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stores know about the subject and the data. Every default is the one that denies.

    `clock_started_at` is when the event of the rule's retention clock took place, None while it has not; a clock that
    counts from capture needs none. `contract_ended` says that the contract with the subject was over at the capture, for
    ingest, or is at the use. `child` says that the subject is below the floor for the purpose, `minor` for some purpose,
    which bounds the places that are told. `grant` is what the staff's access rests on, `related` says that a relation to
    the subject is in force now, `approvals` are the ids of those who signed `Request.reference`, `accepted` says that the
    recipient accepted the policy in force, and `mails` counts messages to the person within the last 30 days (None: nobody
    counted). `informed` says that the person had received the notice, at the capture and now.
    """

    device_known: bool = False
    coverage: Coverage = NOT_COVERED
    restricted: bool = True
    erased: bool = True
    clock_started_at: float | None = None
    contract_ended: bool = True
    child: bool = True
    minor: bool = True
    grant: StaffGrant | None = None
    related: bool = False
    approvals: frozenset[str] = NOBODY
    accepted: bool = False
    mails: int | None = None
    informed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, with the reason.

    `precision` is the finest position, `fields` all the fields that may be handed out; NONE and empty when denied. `places` are
    the only ones of which events may be told; None: it says nothing of places.
    """

    allow: bool
    reason: Reason
    precision: Precision
    explanation: str
    fields: frozenset[str] = NO_FIELDS
    places: frozenset[int] | None = None

    def __bool__(self) -> bool:
        return self.allow
