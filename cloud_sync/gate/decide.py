"""`decide`: the one answer to every act with personal data. Pure; whatever the policy does not name is denied.

The checks run in the order of `model.Reason`; the first that fails is the reason. The caller collects the facts, so
that the decision can be repeated by anybody who has the policy, the request and the facts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cloud_sync.gate.book import Book, Line, book_of
from cloud_sync.gate.entrance import let_in
from cloud_sync.gate.mail import MARKETING, PROFILING, class_of_content, class_of_purpose
from cloud_sync.gate.question import NO_SENSOR, Decision, Denial, Facts, Request
from cloud_sync.gate.recipients import refused, unsold
from cloud_sync.model import Action, Precision, Reason
from cloud_sync.policy import Clock, Policy
from cloud_sync.policy.vocabulary import Role

#: Acts that need a stream of a device; the others work on what is stored.
_DEVICE_ACTIONS = frozenset({Action.SENSE, Action.INGEST})
#: What a person does with their own data although it is restricted.
_OWN_ACTIONS = frozenset({Action.READ, Action.EXPORT})
_DATA_SUBJECT = Role.DATA_SUBJECT.value


def decide(request: Request, policy: Policy, facts: Facts) -> Decision:
    """Allow or deny `request` under `policy`, given `facts`; never raises."""
    book = book_of(policy)
    line = book.lines.get((request.category, request.purpose))
    if line is None:  # no rule, no leave: what follows is reached with a rule in hand alone
        return Decision(False, *_undeclared(request, book, facts))
    for check in _CHECKS:
        denial = check(request, book, facts, line)
        if denial is not None:
            reason, explanation = denial
            return Decision(False, reason, Precision.NONE, explanation)
    precision = _precision(request, book, facts, line)
    allowed = line.allowed(precision, line.told(request.fields, precision))
    # A narrow circle says where a child is as closely as a fine cell: as the directive has it, whatever the device told before.
    return replace(allowed, places=book.wide_places) if facts.minor and line.rule.has_places else allowed


def _undeclared(request: Request, book: Book, facts: Facts) -> tuple[Reason, Precision, str]:
    """Why there is no rule: one of 1 to 4."""
    reason, explanation = (
        _device(request, book, facts, None)
        or _category(request, book, facts, None)
        or _purpose(request)
        or unsold(request, book.policy, facts)
        or (Reason.PURPOSE_NOT_DECLARED, f"purpose {request.purpose!r} is not declared for {request.category}")
    )
    return reason, Precision.NONE, explanation


def _device(_request: Request, _book: Book, facts: Facts, _line: Line | None) -> Denial | None:
    """1. The device is enrolled."""
    return None if facts.device_known else (Reason.DEVICE_UNKNOWN, "no such device is enrolled for this subject")


def _category(request: Request, book: Book, _facts: Facts, line: Line | None) -> Denial | None:
    """2. The category and its fields are known."""
    if line is not None and request.fields <= line.fields:
        return None
    known = book.fields.get(request.category)
    if known is None:
        return Reason.CATEGORY_UNKNOWN, f"category {request.category!r} is not in the policy"
    if unknown := request.fields - known:
        return Reason.CATEGORY_UNKNOWN, f"category {request.category} has no field {_listed(unknown)}"
    return None


def _purpose(request: Request) -> Denial | None:
    """3. A purpose is named."""
    return None if request.purpose else (Reason.PURPOSE_MISSING, "name the purpose: there is no use without one")


def _declared(request: Request, _book: Book, _facts: Facts, line: Line) -> Denial | None:
    """4. The purpose is declared for each of the fields."""
    if request.fields <= line.fields:
        return None
    other = _listed(request.fields - line.fields)
    return Reason.PURPOSE_NOT_DECLARED, f"purpose {request.purpose} is not declared for field {other}"


def _sold(request: Request, book: Book, facts: Facts, _line: Line) -> Denial | None:
    """4a. Nothing is sold or published, but by a signed reference."""
    return unsold(request, book.policy, facts)


def _possible(request: Request, book: Book, _facts: Facts, line: Line) -> Denial | None:
    """5. The action is possible with these data, and somebody may do it for this purpose."""
    action, rule = request.action, line.rule
    why = ""
    if action in _DEVICE_ACTIONS and rule.stream is None:
        why = f"{request.category} comes from no device: nothing to {action.value}"
    elif request.sensors is not NO_SENSOR and (other := request.sensors & ~rule.sensors):  # each is a switch of its own
        why = f"{request.category} is not fed by sensor {str(other.name).lower()}"
    elif not line.roles[action]:
        why = f"nobody may {action.value} for {request.purpose}"
    elif action is Action.TERMINAL and not line.consent:
        why = "what lies in the person's device is read with consent alone (ePrivacy Art. 5(3))"
    elif action is Action.STATISTICS:
        why = _no_statistics(request, book, line)
    return (Reason.ACTION_NOT_PERMITTED, why) if why else None


def _no_statistics(request: Request, book: Book, line: Line) -> str:
    """Statistics have a closed list of inputs (clause table, V-11)."""
    stats = book.policy.stats
    if stats is None:
        return "the policy has no statistics"
    other = {field for field in request.fields or line.fields if f"{request.category}.{field}" not in stats.inputs}
    return f"statistics have no input {_listed(other)} of {request.category}" if other else ""


def _role(request: Request, book: Book, _facts: Facts, line: Line) -> Denial | None:
    """6. The actor's role may, on these data."""
    role = request.actor.role
    if role not in line.roles[request.action]:
        why = f"role {role} may not {request.action.value} for {request.purpose}"
    elif role == _DATA_SUBJECT and request.actor.id != request.subject:
        why = "a data subject acts on the person's own data only"
    elif role in book.staff and role not in book.policy.access.roles:
        why = f"role {role} is none of those that access.roles lets in"
    else:
        return None
    return Reason.ROLE_NOT_PERMITTED, why


def _consented(request: Request, _book: Book, facts: Facts, line: Line) -> Denial | None:
    """7. Where the basis is consent it is given now, 8. and was when the data was captured."""
    if not line.consent:
        return None
    if not facts.coverage.at_use:
        return Reason.CONSENT_MISSING, f"there is no consent to {request.purpose} in force"
    if not facts.coverage.at_capture:
        return Reason.CONSENT_NOT_AT_CAPTURE, "captured without consent, or under one that has ended since"
    return None


def _running(request: Request, _book: Book, facts: Facts, line: Line) -> Denial | None:
    """A contract that is over is no ground, and a purpose that is concluded none either: what is left is for the person alone."""
    if not (line.contract or line.concludes) or _own(request):
        return None
    concluded = line.concludes and facts.clock_started_at is not None and facts.clock_started_at <= request.at
    if line.contract and (facts.contract_ended or (concluded and line.rule.clock is Clock.ORDER_CLOSED)):
        return (
            Reason.CONTRACT_ENDED,
            "the contract, or the order, is over: what is left of it is kept for its term and not used",
        )
    if concluded:
        return Reason.PURPOSE_ENDED, f"{request.purpose} is concluded: what is left is kept for its term and not used"
    return None


def _limit(request: Request, book: Book, facts: Facts, line: Line) -> Precision:
    """The finest position that rule, age, consent where it is the basis, and a child's safeguards allow."""
    limit = line.rule.precision
    if len(line.terms) > 1:
        start = request.captured_at if line.from_capture else facts.clock_started_at
        for term in line.terms:
            limit = max(limit, term.precision)
            if start is None or not term.over(start, request.at):
                break
    if line.consent:
        limit = max(limit, facts.coverage.precision)
    return max(limit, book.policy.children.safeguards.precision) if facts.child else limit


def _precision(request: Request, book: Book, facts: Facts, line: Line) -> Precision:
    """What is asked for, or the finest permitted: the coarser of the two."""
    if not line.has_position:
        return Precision.NONE
    limit = _limit(request, book, facts, line)
    return limit if request.precision is None else max(limit, request.precision)


def _coarse_enough(request: Request, book: Book, facts: Facts, line: Line) -> Denial | None:
    """9. No position, and no side field of one, is finer than permitted."""
    if not line.has_position:
        return None
    limit = _limit(request, book, facts, line)
    if limit is Precision.NONE:
        return Reason.PRECISION_TOO_FINE, "no position at all is permitted"
    if request.precision is not None and request.precision < limit:
        message = f"{request.precision.name.lower()} is finer than {limit.name.lower()}, the finest permitted"
        return Reason.PRECISION_TOO_FINE, message
    if request.fields and request.fields - line.told(request.fields, max(limit, request.precision or limit)):
        return Reason.PRECISION_TOO_FINE, "speed and course go with exact positions only"
    return None


def _alive(request: Request, book: Book, facts: Facts, line: Line) -> Denial | None:
    """10. The subject is not restricted, or looks themselves (GDPR Art. 18). 11. The term is not over. 12. Nothing is erased."""
    if facts.restricted and not _own(request):
        return Reason.RESTRICTED, "processing is restricted: stored, and not used"
    start = request.captured_at if line.from_capture else facts.clock_started_at
    if start is not None:
        terms = (line.terms[-1], line.child_term) if facts.child else line.terms[-1:]
        for term in terms:
            if term.over(start, request.at):
                return Reason.EXPIRED, f"the term of {term.period} since {line.rule.clock.value} is over"
    if facts.erased:
        return Reason.ERASED, "the data is erased"
    return None


def _own(request: Request) -> bool:
    """Whether the person looks at their own data, or takes a copy: with their consent restricted data is used (Art. 18(2))."""
    own = request.actor.role == _DATA_SUBJECT and request.actor.id == request.subject
    return own and request.action in _OWN_ACTIONS and request.recipient is None


def _recipient(request: Request, book: Book, facts: Facts, line: Line) -> Denial | None:
    """13. Who receives is listed, for each of the fields; a disclosure names who receives. 14. to 18. in `recipients`."""
    name = request.recipient
    if name is None:
        if request.action is Action.DISCLOSE:
            return Reason.RECIPIENT_NOT_LISTED, "a disclosure names its recipient"
        return None
    listed = line.listed.get(name)
    if listed is None:
        return Reason.RECIPIENT_NOT_LISTED, f"{name!r} is no recipient of {request.category}"
    if beyond := line.told(request.fields, _precision(request, book, facts, line)) - listed:
        return Reason.RECIPIENT_NOT_LISTED, f"{name} does not get {_listed(beyond)} of {request.category}"
    return refused(request, book.policy, facts, book.policy.recipients[name])


def _protected(request: Request, book: Book, facts: Facts, _line: Line) -> Denial | None:
    """19. A child's data serves no marketing and no profile, unless the policy says that it may (V-20)."""
    if not facts.child:
        return None
    safeguards = book.policy.children.safeguards
    for purposes, permitted, word in (
        (MARKETING, safeguards.marketing, "marketing"),
        (PROFILING, safeguards.profiling, "profiling"),
    ):
        if request.purpose in purposes and not permitted:
            return Reason.CHILD_PROTECTED, f"the person is a child: no {word}"
    return None


def _mail(request: Request, book: Book, facts: Facts, _line: Line) -> Denial | None:
    """24. A message is of the class that its purpose may send. 25. Of those that are counted there are not too many (V-05)."""
    if request.action is not Action.MAIL:
        return None
    found, meant = class_of_content(request.content), class_of_purpose(request.purpose)
    if found is not meant:
        what = "nothing that is named" if found is None else found.value
        return Reason.MAIL_CLASS_MISMATCH, f"the message has {what} in it, {request.purpose} sends {meant.value} alone"
    counted = found is not None and found.value not in book.mails_exempt
    if counted and (facts.mails is None or facts.mails >= book.most_mails):
        return Reason.TOO_MANY_MAILS, f"the person has had {book.most_mails:.0f} messages in 30 days"
    return None


def _told_first(request: Request, book: Book, facts: Facts, line: Line) -> Denial | None:
    """26. Nothing is captured before the person has received the notice, where the policy asks for that (X-33); nor is
    anything used for a further purpose before they were told of it (GDPR Art. 13(3), 14(4)).
    """
    if facts.informed:
        return None
    if request.action not in _DEVICE_ACTIONS:
        further = line.further and not _own(request)
        return (Reason.NOTICE_MISSING, "the person has not been told of this further purpose") if further else None
    if not book.notice_first:
        return None
    return Reason.NOTICE_MISSING, "the person had not received the notice in force when this was captured"


def _listed(fields: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(fields))


_CHECKS: tuple[Callable[[Request, Book, Facts, Line], Denial | None], ...] = (
    _device,
    _category,
    _declared,
    _sold,
    _possible,
    _role,
    _consented,
    _running,
    _coarse_enough,
    _alive,
    _recipient,
    _protected,
    let_in,
    _mail,
    _told_first,
)
