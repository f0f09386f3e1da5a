"""From the policy and a person's consents to the directive of one device: nothing is sensed that no rule opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from cloud_sync.model import (
    PERSONAL_STREAMS,
    Directive,
    LawfulBasis,
    LocationField,
    PlaceCircle,
    Precision,
    Sensor,
    Stream,
)
from cloud_sync.policy import Policy, Rule
from cloud_sync.policy.vocabulary import STREAM_SENSORS
from cloud_sync.wire.directive import aggregate_of, as_coarse_as, grain_m

#: Purposes that a person's consent opens, each with the finest precision that the person allows.
OpenConsents = Mapping[str, Precision]


#: A lease ends on a multiple of ten minutes; the shortest that a policy may name is one hour.
LEASE_STEP_S: Final = 600


@dataclass(frozen=True, slots=True)
class Permission:
    """What a device may sense, apart from when and until when: the part of a directive that people decide."""

    sensors: Sensor
    precision: Precision
    fields: LocationField
    zones: tuple[tuple[int, int], ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    places: tuple[PlaceCircle, ...] = ()

    def of_stream(self, stream: Stream) -> tuple[Sensor, Precision, LocationField]:
        """The part that concerns one stream; precision and side fields concern `location` only."""
        sensors = self.sensors & STREAM_SENSORS[stream]
        if stream is not Stream.LOCATION or not sensors:
            return sensors, Precision.NONE, LocationField(0)
        return sensors, self.precision, self.fields


def permission_of(directive: Directive) -> Permission:
    """The permission that a directive carries."""
    return Permission(
        directive.sensors, directive.precision, directive.fields, directive.zones, directive.hours, directive.places
    )


def _open_rules(
    policy: Policy, consents: OpenConsents, closed: frozenset[str] = frozenset(), ended: bool = False
) -> Iterator[tuple[Rule, Precision]]:
    """Rules of personal streams with a ground, each with the finest precision that rule and ground allow together; none of which
    every purpose is closed. With `ended` a contract is no ground.
    """
    for rule in policy.rules:
        if rule.stream not in PERSONAL_STREAMS or closed.issuperset(rule.purposes):
            continue
        if rule.basis is not LawfulBasis.CONSENT:
            if not (ended and rule.basis is LawfulBasis.CONTRACT):
                yield rule, rule.precision
            continue
        allowed = [consents[purpose] for purpose in rule.purposes if purpose in consents and purpose not in closed]
        if allowed:
            yield rule, max(rule.precision, min(allowed))


def compile_permission(
    policy: Policy,
    consents: OpenConsents,
    *,
    restricted: bool = False,
    ended: bool = False,
    closed: frozenset[str] = frozenset(),
    zones: tuple[tuple[int, int], ...] = (),
    hours: tuple[tuple[int, int], ...] = (),
    finest: Precision = Precision.EXACT,
) -> Permission:
    """What a device of a person with these consents may sense; nothing while processing is restricted, and nothing that rests on a
    contract once that has `ended`.

    Nothing is sensed for a purpose in `closed` alone, to which the person objects.

    `finest` bounds every position whatever its lawful basis: a child's safeguards hold for a contract too.

    The position is as fine as the finest purpose needs and no finer; the gate coarsens it for the others. Events of places
    leave only where no purpose has positions.
    """
    sensors, precision, fields = Sensor(0), Precision.NONE, LocationField(0)
    places: tuple[PlaceCircle, ...] = ()
    for rule, allowed in () if restricted else _open_rules(policy, consents, closed, ended):
        if rule.stream is Stream.LOCATION and not (rule.has_places or rule.has_whole_position):
            continue  # what a rule does not list nobody may have: no receiver runs for it
        if rule.has_places:
            least_m = grain_m(finest, 0)  # a narrow circle says where somebody is as closely as a fine cell
            places = tuple(place.circle for place in policy.places if place.circle.radius_m >= least_m)
        elif rule.stream is Stream.LOCATION:
            told = max(allowed, finest)
            if told > Precision.REGION:  # `country` comes from the network code, `none` from nowhere: no receiver
                continue
            precision = min(precision, told)
            fields |= rule.side_fields if told is Precision.EXACT else LocationField(0)
        sensors |= rule.sensors
    if policy.device.wake and sensors & Sensor.GNSS:
        sensors |= Sensor.WAKE
    return Permission(
        sensors, precision, fields, zones, hours, places if precision is Precision.NONE and sensors else ()
    )


def compile_directive(policy: Policy, permission: Permission, *, version: int, now: float) -> Directive:
    """The directive that grants `permission` from `now` (Unix seconds) for the policy's lease, without a challenge."""
    issued_at = int(now)
    device = policy.device
    # Whole steps, so that of two directives issued within minutes the later one does not extend the lease: it would
    # widen, and its challenge may be spent by then [a device would stop and ask again].
    lease_until = (issued_at + device.lease_s) // LEASE_STEP_S * LEASE_STEP_S
    # Where a person allows a cell only, it hides as much as the blur would have.
    precision = permission.precision
    if precision:
        precision = as_coarse_as(precision, device.thinning.blur_m)
    thinning = replace(device.thinning, blur_m=0) if precision else device.thinning
    return Directive(
        version=version,
        issued_at=issued_at,
        lease_until=lease_until,
        sensors=_serving(permission),
        precision=precision,
        fields=permission.fields,
        interval_s=device.interval_s,
        batch=device.batch,
        batch_age_s=device.batch_age_s,
        spool_age_s=device.spool_age_s,
        heartbeat_s=device.heartbeat_s,
        zones=permission.zones,
        hours=permission.hours,
        thinning=thinning,
        places=permission.places,
        aggregate_s=aggregate_of(device.aggregate_s, precision),
        padded_bytes=device.padded_bytes,
    )


def _serving(permission: Permission) -> Sensor:
    """The sensors without those that serve nothing: a receiver without positions and places, `wake` without a receiver."""
    sensors = permission.sensors
    if permission.precision > Precision.REGION and not permission.places:
        sensors &= ~Sensor.GNSS
    return sensors if sensors & Sensor.GNSS else sensors & ~Sensor.WAKE
