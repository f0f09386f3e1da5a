"""The gate as the rest of the product uses it: it collects the facts, decides, and tells the audit log.

Ingest, read, export, disclosure and statistics go through `ask` or `demand`; nothing else decides about personal data.
"""

from __future__ import annotations

from collections.abc import Callable

from cloud_sync.consent import ConsentLedger
from cloud_sync.errors import Denied
from cloud_sync.gate.decide import NO_SENSOR, Decision, Facts, Request, decide
from cloud_sync.model import Action, Actor, Device, Precision, Reason, Sensor, Stream
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import SENSOR_FIELDS, Role
from cloud_sync.stores import DeviceStore

#: In whose name `admit` asks for ingest.
INGEST = Actor("ingest", Role.SERVICE.value)

_ORDER = {reason: position for position, reason in enumerate(Reason)}


def _never(_: str) -> bool:
    return False


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
        restricted: Callable[[str], bool] = _never,
        on_decision: Callable[[Request, Decision], None] = _unheard,
    ) -> None:
        """`restricted` says whether a subject's processing is restricted; `on_decision` hears every answer of `ask`."""
        self._policy = policy
        self._ledger = ledger
        self._devices = devices
        self._restricted = restricted
        self._on_decision = on_decision

    def ask(
        self,
        request: Request,
        *,
        device: str | None = None,
        erased: bool = False,
        clock_started_at: float | None = None,
    ) -> Decision:
        """Decide about `request`; `device` is where the data comes from, `erased` says that a tombstone covers it."""
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

    def _admit(
        self, device: Device, stream: Stream, captured_at: float, at: float, precision: Precision | None, sensor: Sensor
    ) -> Decision:
        best: Decision | None = None
        for rule in self._policy.rules_of_stream(stream):
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
                    fields=frozenset({SENSOR_FIELDS[sensor]}) if sensor else frozenset(),
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
        facts = Facts(
            device_known=self._known(request, device),
            coverage=self._ledger.covered(request.subject, request.purpose, request.captured_at, request.at),
            restricted=self._restricted(request.subject),
            erased=erased,
            clock_started_at=clock_started_at,
        )
        return decide(request, self._policy, facts)

    def _known(self, request: Request, device: str | None) -> bool:
        """Whether the subject has this device, or any; a revoked device senses and sends nothing, its history stays."""
        devices = self._devices.devices_of(request.subject)
        live = request.action in (Action.SENSE, Action.INGEST)
        return any((device is None or d.device == device) and not (live and d.revoked_at is not None) for d in devices)
