"""The gate as the rest of the product uses it: it collects the facts, decides, and tells the audit log.

Ingest, read, export, disclosure, statistics, mail and the staff's access go through `ask` or `demand`; nothing else decides
about personal data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cloud_sync.consent import ConsentLedger
from cloud_sync.errors import Denied
from cloud_sync.gate.book import RELATED, book_of
from cloud_sync.gate.decide import decide
from cloud_sync.gate.known import Known
from cloud_sync.gate.question import NO_FIELDS, NO_SENSOR, NOBODY, Decision, Facts, Request
from cloud_sync.model import Action, Actor, Device, LawfulBasis, Precision, Reason, Sensor, Stream
from cloud_sync.model.access import StaffGrant
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import SENSOR_FIELDS, Role
from cloud_sync.stores import DeviceStore

#: In whose name `admit` asks for ingest.
INGEST: Final = Actor("ingest", Role.SERVICE.value)

_CAPTURING: Final = frozenset({Action.SENSE, Action.INGEST})
_ORDER: Final = {reason: position for position, reason in enumerate(Reason)}


def _unheard(_request: Request, _decision: Decision) -> None:
    return


class Gate:
    """The one gate, over the policy in force, the consent ledger and the device table."""

    def __init__(
        self,
        policy: Policy,
        ledger: ConsentLedger,
        devices: DeviceStore,
        *,
        restricted: Callable[[str], bool] | None = None,
        known: Known | None = None,
        on_decision: Callable[[Request, Decision], None] = _unheard,
    ) -> None:
        """`known` brings the other facts, `restricted` that one alone; `on_decision` hears every answer of `ask`."""
        self.policy = policy
        self._ledger = ledger
        self._devices = devices
        facts = known or Known()
        self._known = facts if restricted is None else replace(facts, restricted=restricted)
        self._on_decision = on_decision
        self._staff = book_of(policy).staff

    def ask(
        self,
        request: Request,
        *,
        device: str | None = None,
        erased: bool = False,
        clock_started_at: float | None = None,
    ) -> Decision:
        """Decide about `request`; `device` is where the data comes from, `erased` says that a tombstone covers it."""
        if self._known.locked(request.actor.id):
            why = "refused too often: try again later"
            decision = Decision(False, Reason.TOKEN_LOCKED, Precision.NONE, why)
        else:
            decision = self._decide(request, device, erased, clock_started_at)
        self._on_decision(request, decision)
        return decision

    def demand(self, request: Request, *, device: str | None = None, erased: bool = False) -> Decision:
        """As `ask`; raises Denied with the reason unless it is allowed."""
        decision = self.ask(request, device=device, erased=erased)
        if not decision:
            raise Denied(decision.reason, f"denied: {decision.reason.value}: {decision.explanation}")
        return decision

    def admit(
        self,
        device: Device,
        stream: Stream,
        *,
        captured_at: float,
        at: float,
        precision: Precision | None = None,
        sensors: Sensor = NO_SENSOR,
    ) -> Decision:
        """May an envelope of `stream` be stored: for some declared purpose, or why for none.

        `precision` is that of positions; NONE says that the envelope has events of places, for which rules of their own speak.
        Each of `sensors` needs a leave of its own, be it for different purposes [light rides along with a temperature].
        Not heard by `on_decision`: an envelope is no use of data by a person, and ingest reports its own counts.
        """
        wanted = list(sensors) or [NO_SENSOR]
        decisions = [self._admit(device, stream, captured_at, at, precision, sensor) for sensor in wanted]
        return next((decision for decision in decisions if not decision), decisions[0])

    def mark(self, actor: Actor, subject: str, purpose: str, category: str, at: float) -> tuple[object, ...]:
        """What an answer rests on now, beside the times of `boundaries`: whoever keeps an answer asks anew when it changes.

        [A withdrawal, a restriction or a closed ticket that a kept answer outlives.] The ledger and all bounds only grow.
        """
        probe = Request(actor, purpose, Action.READ, category, subject, at, at)
        grant, records, bounds = self.grant(probe), self._ledger.records(subject), self._ledger.bounds(subject)
        return (
            len(records),
            records[-1].record_id if records else "",
            len(bounds.own),
            sum(len(events) for events in bounds.groups.values()),
            tuple(self._devices.devices_of(subject)),
            self._known.restricted(subject) or self._known.objected(subject, purpose),
            self._known.contract(subject),
            grant,
            grant is not None and at < min(grant.ends_at, self.policy.access.grant_ttl.end(grant.opened_at)),
            self._related(probe),
        )

    def boundaries(self, subject: str) -> list[float]:
        """Unix seconds at which an answer about a capture, or at a use, can change: answers, their ends, groups, the age."""
        contract = (at for at, _ in self._known.contract(subject))
        return sorted({*self._ledger.boundaries(subject), *contract, *self._known.turning_points(subject)})

    def ageless(self, subject: str) -> bool:
        """Whether no answer hangs on an age that is still to come, or may be forgotten."""
        bounds = self._ledger.bounds(subject)
        return not bounds.child_lost and (bounds.age is None or not bounds.age.month)

    def newest(self, subject: str) -> float:
        """Unix seconds of the person's newest answer or bound, 0 if there is none: a clock before it is behind."""
        answers = (record.event_time for record in self._ledger.records(subject))
        told = self._known.turning_points(subject)
        return max((*answers, *told, *self._ledger.bounds(subject).times()), default=0.0)

    def ground(self, request: Request) -> tuple[str, str]:
        """What a use that is allowed now rests on, as the log has it: the basis, and of a consent its record."""
        rule = self.policy.rule(request.category, request.purpose)
        if rule is None:
            return "", ""
        given = self._ledger.records(request.subject, request.purpose) if rule.basis is LawfulBasis.CONSENT else []
        return rule.basis.value, given[-1].record_id if given else ""

    def grant(self, request: Request) -> StaffGrant | None:
        """What the access of a member of the staff rests on; None for everybody else."""
        return self._known.grant(request) if request.actor.role in self._staff else None

    def _admit(
        self, device: Device, stream: Stream, captured_at: float, at: float, precision: Precision | None, sensor: Sensor
    ) -> Decision:
        best: Decision | None = None
        for rule in self.policy.rules_of_stream(stream):
            # A leave for places is none for positions, nor the reverse.
            if stream is Stream.LOCATION:
                told = rule.has_places if precision is Precision.NONE else rule.has_whole_position
                if not told:  # a rule that lists neither, or half a position, is a leave for nothing
                    continue
            for purpose in rule.purposes:
                request = Request(
                    INGEST,
                    purpose,
                    Action.INGEST,
                    rule.category,
                    device.subject,
                    at,
                    captured_at,
                    precision=precision if rule.has_position else None,
                    fields=frozenset({SENSOR_FIELDS[sensor]}) if sensor else NO_FIELDS,
                    sensors=sensor,
                )
                decision = self._decide(request, device.device, False, None)
                if decision:
                    return decision
                if best is None or _ORDER[decision.reason] > _ORDER[best.reason]:
                    best = decision
        if best is None:
            message = f"no category has stream {stream.name.lower()}"
            return Decision(False, Reason.CATEGORY_UNKNOWN, Precision.NONE, message)
        return best

    def _decide(self, request: Request, device: str | None, erased: bool, clock_started_at: float | None) -> Decision:
        known = self._known
        child, minor = self._ledger.youth(request.subject, request.purpose)
        facts = Facts(
            device_known=self._enrolled(request, device),
            coverage=self._ledger.covered(request.subject, request.purpose, request.captured_at, request.at),
            restricted=known.restricted(request.subject) or known.objected(request.subject, request.purpose),
            erased=erased,
            clock_started_at=clock_started_at,
            contract_ended=self._contract_ended(request),
            child=child,
            minor=minor,
            grant=self.grant(request),
            related=self._related(request),
            approvals=known.approvals(request) if request.recipient is not None and request.reference else NOBODY,
            accepted=request.recipient is not None and known.accepted(request.recipient),
            mails=known.mails(request.subject, request.at) if request.action is Action.MAIL else None,
            informed=self._informed(request),
        )
        return decide(request, self.policy, facts)

    def _contract_ended(self, request: Request) -> bool:
        """What was captured while the contract ran may still come in; what is used, is used now."""
        rule = self.policy.rule(request.category, request.purpose)
        if rule is None or rule.basis is not LawfulBasis.CONTRACT:
            return False
        moment = request.captured_at if request.action is Action.INGEST else request.at
        changes = [running for at, running in self._known.contract(request.subject) if at <= moment]
        return bool(changes) and not changes[-1]

    def _informed(self, request: Request) -> bool:
        """Asked only where it matters: it is a look at the store."""
        if request.action in _CAPTURING:
            needed = book_of(self.policy).notice_first
            return needed and self._known.informed(request.subject, request.captured_at, request.at)
        rule = self.policy.rule(request.category, request.purpose)
        further = rule is not None and bool(rule.compatibility_ref)
        return further and self._known.informed(request.subject, request.at, request.at)

    def _related(self, request: Request) -> bool:
        return request.actor.role in RELATED and self._known.related(request.actor, request.subject)

    def _enrolled(self, request: Request, device: str | None) -> bool:
        """Whether the subject has this device, or any; a revoked device senses and sends nothing, its history stays.

        What comes from no device, and names none, is asked of whoever has records as well.
        """
        devices = self._devices.devices_of(request.subject)
        live = request.action in (Action.SENSE, Action.INGEST)
        if any((device is None or d.device == device) and not (live and d.revoked_at is not None) for d in devices):
            return True
        rule = self.policy.rule(request.category, request.purpose) if device is None else None
        return rule is not None and rule.stream is None and self._known.recorded(request.subject)
