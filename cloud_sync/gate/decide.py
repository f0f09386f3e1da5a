"""`decide`: the one answer to every act with personal data. Pure; whatever the policy does not name is denied.

The checks run in the order of `model.Reason`; the first that fails is the reason. The caller collects the facts, so
that the decision can be repeated by anybody who has the policy, the request and the facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cloud_sync.consent import NOT_COVERED, Coverage
from cloud_sync.model import Action, Actor, LawfulBasis, Precision, Reason, Sensor
from cloud_sync.policy import Clock, Policy, Rule
from cloud_sync.policy.vocabulary import SIDE_FIELDS, Role

#: Acts that need a stream of a device; the others work on what is stored.
_DEVICE_ACTIONS = frozenset({Action.SENSE, Action.INGEST})
NO_SENSOR = Sensor(0)


@dataclass(frozen=True, slots=True)
class Request:
    """Who wants to do what with which data of whom, and why. Times are Unix seconds.

    `captured_at` is the oldest reading concerned. Without `fields` every field of the category is meant; without
    `precision` the finest that is permitted. `sensors` are those that an act on a device, or on its batch, names.
    """

    actor: Actor
    purpose: str
    action: Action
    category: str
    subject: str
    at: float
    captured_at: float
    precision: Precision | None = None
    fields: frozenset[str] = frozenset()
    recipient: str | None = None
    sensors: Sensor = NO_SENSOR


@dataclass(frozen=True, slots=True)
class Facts:
    """What the stores know about the subject and the data. Every default is the one that denies.

    `clock_started_at` is when the event of the rule's retention clock took place, None while it has not; a clock that
    counts from capture needs none.
    """

    device_known: bool = False
    coverage: Coverage = NOT_COVERED
    restricted: bool = True
    erased: bool = True
    clock_started_at: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Allow or deny, with the reason.

    `precision` is the finest position, `fields` all the fields that may be handed out; NONE and empty when denied.
    """

    allow: bool
    reason: Reason
    precision: Precision
    explanation: str
    fields: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return self.allow


def decide(request: Request, policy: Policy, facts: Facts) -> Decision:
    """Allow or deny `request` under `policy`, given `facts`; never raises."""
    rule = policy.rule(request.category, request.purpose)
    for check in (_declared, _granted):
        denial = check(request, policy, facts)
        if denial is not None:
            return denial
    if rule is None:  # _declared has denied already; a gate must not depend on that
        return _deny(Reason.PURPOSE_NOT_DECLARED, f"{request.purpose} is not declared for {request.category}")
    for rule_check in _RULE_CHECKS:
        denial = rule_check(request, policy, facts, rule)
        if denial is not None:
            return denial
    explanation = f"rule {rule.category} for {request.purpose}, {rule.basis.value}"
    return Decision(True, Reason.ALLOWED, _precision(request, rule, facts), explanation, _fields(request, rule, facts))


def _deny(reason: Reason, explanation: str) -> Decision:
    return Decision(False, reason, Precision.NONE, explanation)


def _declared(request: Request, policy: Policy, facts: Facts) -> Decision | None:
    """1. The device is enrolled. 2. The category and its fields are known. 3. A purpose is named. 4. It is declared."""
    if not facts.device_known:
        return _deny(Reason.DEVICE_UNKNOWN, "no such device is enrolled for this subject")
    denial = _category_known(request, policy)
    return _purpose_declared(request, policy) if denial is None else denial  # a denial is false: no `or`


def _category_known(request: Request, policy: Policy) -> Decision | None:
    known = {field for rule in policy.rules_of(request.category) for field in rule.fields}
    if not known:
        return _deny(Reason.CATEGORY_UNKNOWN, f"category {request.category!r} is not in the policy")
    if unknown := request.fields - known:
        return _deny(Reason.CATEGORY_UNKNOWN, f"category {request.category} has no field {', '.join(sorted(unknown))}")
    return None


def _purpose_declared(request: Request, policy: Policy) -> Decision | None:
    if not request.purpose:
        return _deny(Reason.PURPOSE_MISSING, "name the purpose: there is no use without one")
    rule = policy.rule(request.category, request.purpose)
    if rule is None:
        return _deny(Reason.PURPOSE_NOT_DECLARED, f"purpose {request.purpose!r} is not declared for {request.category}")
    if other := request.fields.difference(rule.fields):
        message = f"purpose {request.purpose} is not declared for field {', '.join(sorted(other))}"
        return _deny(Reason.PURPOSE_NOT_DECLARED, message)
    return None


def _granted(request: Request, policy: Policy, _: Facts) -> Decision | None:
    """5. The action is possible and somebody may do it for this purpose. 6. The actor's role may, on these data."""
    rule = policy.rule(request.category, request.purpose)
    roles = policy.granted_roles(request.action, request.purpose)
    act = request.action.value
    if request.action in _DEVICE_ACTIONS and (rule is None or rule.stream is None):
        return _deny(Reason.ACTION_NOT_PERMITTED, f"{request.category} comes from no device: nothing to {act}")
    if rule is not None and (other := request.sensors & ~rule.sensors):  # each sensor is a switch of its own
        return _deny(Reason.ACTION_NOT_PERMITTED, f"{request.category} is not fed by sensor {str(other.name).lower()}")
    if not roles:
        return _deny(Reason.ACTION_NOT_PERMITTED, f"nobody may {act} for {request.purpose}")
    if request.actor.role not in roles:
        return _deny(Reason.ROLE_NOT_PERMITTED, f"role {request.actor.role} may not {act} for {request.purpose}")
    if request.actor.role == Role.DATA_SUBJECT and request.actor.id != request.subject:
        return _deny(Reason.ROLE_NOT_PERMITTED, "a data subject acts on the person's own data only")
    return None


def _consented(request: Request, _: Policy, facts: Facts, rule: Rule) -> Decision | None:
    """7. Where the basis is consent it is given now, 8. and was when the data was captured."""
    if rule.basis is not LawfulBasis.CONSENT:
        return None
    if not facts.coverage.at_use:
        return _deny(Reason.CONSENT_MISSING, f"there is no consent to {request.purpose} in force")
    if not facts.coverage.at_capture:
        return _deny(Reason.CONSENT_NOT_AT_CAPTURE, "captured without consent, or under one that has ended since")
    return None


def _limit(rule: Rule, facts: Facts) -> Precision:
    """The finest position that the rule, and the consent where it is the basis, allow."""
    return max(rule.precision, facts.coverage.precision) if rule.basis is LawfulBasis.CONSENT else rule.precision


def _precision(request: Request, rule: Rule, facts: Facts) -> Precision:
    """What is asked for, or the finest permitted: the coarser of the two."""
    limit = _limit(rule, facts)
    return limit if request.precision is None else max(limit, request.precision)


def _fields(request: Request, rule: Rule, facts: Facts) -> frozenset[str]:
    """What is asked for, or all of the rule, without side fields beside a position coarser than exact."""
    fields = request.fields or frozenset(rule.fields)
    coarse = rule.has_position and _precision(request, rule, facts) > Precision.EXACT
    return fields - SIDE_FIELDS.keys() if coarse else fields


def _coarse_enough(request: Request, _: Policy, facts: Facts, rule: Rule) -> Decision | None:
    """9. No position, and no side field of one, is finer than permitted."""
    limit = _limit(rule, facts)
    if not rule.has_position:
        return None
    if limit is Precision.NONE:
        return _deny(Reason.PRECISION_TOO_FINE, "no position at all is permitted")
    if request.precision is not None and request.precision < limit:
        message = f"{request.precision.name.lower()} is finer than {limit.name.lower()}, the finest permitted"
        return _deny(Reason.PRECISION_TOO_FINE, message)
    if request.fields - _fields(request, rule, facts):
        return _deny(Reason.PRECISION_TOO_FINE, "speed and course go with exact positions only")
    return None


def _alive(request: Request, _: Policy, facts: Facts, rule: Rule) -> Decision | None:
    """10. The subject is not restricted (GDPR Art. 18). 11. The term is not over. 12. The data is not erased."""
    if facts.restricted:
        return _deny(Reason.RESTRICTED, "processing is restricted: stored, and not used")
    start = request.captured_at if rule.clock is Clock.CAPTURED else facts.clock_started_at
    if start is not None and request.at >= rule.retention.end(start):
        return _deny(Reason.EXPIRED, f"the term of {rule.retention} since {rule.clock.value} is over")
    if facts.erased:
        return _deny(Reason.ERASED, "the data is erased")
    return None


def _recipient(request: Request, policy: Policy, facts: Facts, rule: Rule) -> Decision | None:
    """13. Who receives is listed, for each of the fields; a disclosure names who receives."""
    if request.recipient is None:
        if request.action is Action.DISCLOSE:
            return _deny(Reason.RECIPIENT_NOT_LISTED, "a disclosure names its recipient")
        return None
    if request.recipient not in rule.recipients:
        return _deny(Reason.RECIPIENT_NOT_LISTED, f"{request.recipient!r} is no recipient of {rule.category}")
    listed = policy.recipients[request.recipient].fields
    beyond = {field for field in _fields(request, rule, facts) if (rule.category, field) not in listed}
    if beyond:
        message = f"{request.recipient} does not get {', '.join(sorted(beyond))} of {rule.category}"
        return _deny(Reason.RECIPIENT_NOT_LISTED, message)
    return None


_RULE_CHECKS: tuple[Callable[[Request, Policy, Facts, Rule], Decision | None], ...] = (
    _consented,
    _coarse_enough,
    _alive,
    _recipient,
)
