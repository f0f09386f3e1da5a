"""The closed lists of a policy file. A word outside them is a finding, never a guess.

Sources: docs/wire-format.md sections 2, 5, 7 (streams, fields, sensors); ISO 8601 periods live in `period.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cloud_sync.model import LocationField, Precision, Sensor, Stream

#: Every field that a stream can carry to the server. Each must be in a category or in `collection.never`.
STREAM_FIELDS: Final = MappingProxyType(
    {
        Stream.LOCATION: ("time", "lat", "lon", "quality", "speed", "course", "place", "event"),
        Stream.ENVIRONMENT: ("time", "temperature", "light"),
        Stream.MOTION: ("time", "motion"),
        Stream.STATUS: (
            *("time", "reason", "uptime", "directive", "down_next", "challenge", "boots", "reset", "battery"),
            *("spooled", "lost", "refused", "faults", "heap", "firmware", "crash", "security", "update"),
        ),
    }
)
#: Which sensors may feed a stream.
STREAM_SENSORS: Final = MappingProxyType(
    {
        Stream.LOCATION: Sensor.GNSS | Sensor.CELL,
        Stream.ENVIRONMENT: Sensor.TEMPERATURE | Sensor.LIGHT,
        Stream.MOTION: Sensor.MOTION,
        Stream.STATUS: Sensor(0),
    }
)
#: The field that carries what a sensor says, where it has one of its own.
SENSOR_FIELDS: Final = MappingProxyType(
    {Sensor.TEMPERATURE: "temperature", Sensor.LIGHT: "light", Sensor.MOTION: "motion"}
)
STREAMS: Final = MappingProxyType({stream.name.lower(): stream for stream in STREAM_FIELDS})
SENSORS: Final = MappingProxyType({sensor.name.lower(): sensor for sensor in Sensor if sensor.name})
PRECISIONS: Final = MappingProxyType({precision.name.lower(): precision for precision in Precision})
#: Fields that make a category a position, so that its rule must say how fine it may be.
POSITION_FIELDS: Final = frozenset({"lat", "lon"})
#: Fields of events of places: they travel in place of positions, and only where the policy has places.
PLACE_FIELDS: Final = frozenset({"place", "event"})
#: Side fields travel with exact positions only [wire format section 5] and undo a coarse one.
SIDE_FIELDS: Final = MappingProxyType({"speed": LocationField.SPEED_COURSE, "course": LocationField.SPEED_COURSE})
#: What sensors tell: nothing of it belongs into a log or an account.
SENSED_FIELDS: Final = frozenset({"lat", "lon", "speed", "course", "place", "event", "temperature", "light", "motion"})
#: Purposes that need a YES whatever else may be argued (clause table, X-19).
MARKETING_PURPOSES: Final = frozenset({"marketing", "own_marketing", "partner_marketing", "newsletter"})
#: Purposes that hand data over for good: no act of the product, but by a signed reference (clause table, X-18).
SALE_PURPOSES: Final = frozenset({"sale", "publishing"})
#: Members of the European Economic Area [EEA agreement, 2026: the EU's 27, Iceland, Liechtenstein, Norway].
EEA: Final = frozenset(
    [
        *("AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"),
        *("IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"),
    ]
)
#: Longest that any lease may run: 93 days [wire format section 7].
LEASE_MAX_S: Final = 93 * 86_400


def within(region: str, allowed: Collection[str]) -> bool:
    """Whether a region lies in those allowed: itself, or a member state where the EEA is."""
    return region in allowed or ("EEA" in allowed and region in EEA)


class Clock(StrEnum):
    """Events that start a retention term. Telemetry always counts from its capture."""

    CAPTURED = "captured"
    RECORD_CREATED = "record.created"
    RELATION_ENDED = "relation.ended"
    ACCOUNT_CLOSED = "account.closed"
    LAST_INTERACTION = "last_interaction"
    PURPOSE_CONCLUDED = "purpose.concluded"
    FISCAL_YEAR_END = "fiscal_year.end"
    INVOICE_ISSUED = "invoice.issued"
    CASE_CLOSED = "case.closed"
    SNAPSHOT_CREATED = "snapshot.created"
    CONSENT_ENDED = "consent.ended"
    CONTRACT_CONCLUDED = "contract.concluded"
    APPLICATION_SUBMITTED = "application.submitted"
    REQUEST_RECEIVED = "request.received"
    IDENTITY_DECIDED = "identity.decided"
    CHILD_REPORTED = "child.reported"
    ORDER_CLOSED = "order.closed"
    CALL_ENDED = "call.ended"
    HOLD_RELEASED = "hold.released"
    CONTRACT_REQUESTED = "contract.requested"  # steps before a contract, at the person's request


class After(StrEnum):
    """What happens when a term is over. The list grows when the step is carried out, not before."""

    DELETE = "delete"
    STEP_DOWN = "step_down"
    AGGREGATE = "aggregate"  # of positions: a released statistic remains, no row
    ANONYMISE = "anonymise"  # the same, and an attempt to link again must fail


class HiddenReason(StrEnum):
    """The only reasons for which a category may be kept from the person's view."""

    MAINTENANCE = "maintenance"
    INVOICING = "invoicing"


class RecipientKind(StrEnum):
    """What a recipient is in law."""

    PROCESSOR = "processor"
    SUB_PROCESSOR = "sub_processor"
    JOINT_CONTROLLER = "joint_controller"
    INDEPENDENT_CONTROLLER = "independent_controller"
    THIRD_PARTY = "third_party"
    AUTHORITY = "authority"


class Role(StrEnum):
    """Who may act. `data_subject` acts on the person's own data only; `device` and `service` are no people."""

    DATA_SUBJECT = "data_subject"
    PARENT = "parent"
    ACCOUNT_HOLDER = "account_holder"
    USER = "user"
    MANAGED_USER = "managed_user"
    CONTACT_PERSON = "contact_person"
    PLANNER = "planner"
    CONTROLLER = "controller"
    JOINT_CONTROLLER = "joint_controller"
    PROCESSOR = "processor"
    SUB_PROCESSOR = "sub_processor"
    STAFF = "staff"
    SUPPORT = "support"
    DPO = "dpo"
    AUDITOR = "auditor"
    AUTHORITY = "authority"
    THIRD_PARTY = "third_party"
    DEVICE = "device"
    SERVICE = "service"


#: The controller's own people: `access.roles` lets them in, or nobody does.
INSIDERS: Final = frozenset({Role.STAFF.value, Role.SUPPORT.value})


class ControllerRole(StrEnum):
    """What the company behind the policy is for the telemetry."""

    CONTROLLER = "controller"
    JOINT_CONTROLLER = "joint_controller"
    PROCESSOR = "processor"
