"""`compile_policy`: from the tables of a file that passed the lint to the compiled policy."""

from __future__ import annotations

from datetime import date, timedelta
from types import MappingProxyType

from cloud_sync.model import PlaceCircle, Precision, Sensor, Thinning
from cloud_sync.policy.company import TextTable
from cloud_sync.policy.compiled import ConsentRules, Controller, DeviceRules, Place, Policy, RightsRules, Texts
from cloud_sync.policy.origin import compile_origin
from cloud_sync.policy.parameters import values_of
from cloud_sync.policy.period import Period
from cloud_sync.policy.provisions import Parameters, compile_access, compile_children, compile_stats
from cloud_sync.policy.rules import Beyond, Recipient, Rule, Step
from cloud_sync.policy.schema import BeyondTable, PlaceTable, PolicyFile, RecipientTable, RuleTable
from cloud_sync.policy.vocabulary import PRECISIONS, SENSORS, STREAMS, ControllerRole
from cloud_sync.wire.cells import DEGREE_E7, EXACT, cell_of

DAY_S = 86_400


def _due(reviewed: date | None, review_max: Period) -> date | None:
    return None if reviewed is None else reviewed + timedelta(days=review_max.shortest_s // DAY_S)


def _beyond(table: BeyondTable, review_max: Period) -> Beyond | None:
    due = _due(table.reviewed, review_max)
    if table.mechanism is None or table.reviewed is None or due is None:
        return None
    return Beyond(table.mechanism, table.assessment or "", table.reviewed, due)


def _rule(table: RuleTable, cap: Precision, role: ControllerRole, review_max: Period) -> Rule:
    precision = max(cap, PRECISIONS[table.precision]) if table.precision else Precision.NONE
    sensors = Sensor(0)
    for name in table.sensors:
        sensors |= SENSORS[name]
    return Rule(
        category=table.category,
        fields=tuple(table.fields),
        stream=STREAMS[table.stream] if table.stream else None,
        sensors=sensors,
        purposes=tuple(table.purpose),
        basis=table.basis,
        legal_ref=table.legal_ref or "",
        balancing_id=table.balancing_id or "",
        retention=table.retention,
        clock=table.clock,
        after=table.after,
        precision=precision,
        recipients=frozenset(table.recipients),
        region=table.region,
        visible_to_user=table.visible_to_user,
        reason=table.reason,
        steps=tuple(Step(max(cap, PRECISIONS[step.precision]), step.retention) for step in table.step),
        role=table.role or role,
        instruction=table.instruction or "",
        arrangement=table.arrangement or "",
        beyond=_beyond(table, review_max),
        stated=frozenset(table.stated),
        clauses=table.clauses,
        compatibility_ref=table.compatibility_ref or "",
        risk=table.risk,
        into=table.into or "",
    )


def _recipient(table: RecipientTable, review_max: Period) -> Recipient:
    pairs = (name.split(".", 1) for name in table.fields)
    return Recipient(
        id=table.id,
        kind=table.kind,
        region=table.region,
        fields=frozenset((category, field) for category, field in pairs),
        service=table.service or "",
        agreement=table.agreement or "",
        enabled=table.enabled,
        stated=frozenset(table.stated),
        clauses=table.clauses,
        reviewed=table.reviewed,
        due=_due(table.reviewed, review_max),
        beyond=_beyond(table, review_max),
        until=table.agreement_until,
        scope=frozenset(table.scope),
        on_order=table.on_order,
        hosts=frozenset(table.hosts),
        of=table.of or "",
    )


def _device(file: PolicyFile) -> DeviceRules:
    device = file.device
    return DeviceRules(
        interval_s=device.interval.longest_s,
        batch=device.batch,
        batch_age_s=device.batch_age.longest_s,
        spool_age_s=device.spool_age.longest_s,
        heartbeat_s=device.heartbeat.longest_s,
        lease_s=device.lease.longest_s,
        thinning=Thinning(
            rest_s=device.rest.longest_s if device.rest else 0,
            distance_m=device.distance_m or 0,
            turn_deg=device.turn_deg or 0,
            stay_m=device.stay_m or 0,
            stay_time_s=device.stay_time.longest_s if device.stay_time else 0,
            error_m=device.error_m or 0,
            blur_m=device.blur_m or 0,
        ),
        wake=device.wake,
        aggregate_s=device.aggregate.longest_s if device.aggregate else 0,
        padded_bytes=device.padded_bytes or 0,
    )


def _place(table: PlaceTable) -> Place:
    row, col = cell_of(round(table.lat * DEGREE_E7), round(table.lon * DEGREE_E7), EXACT)
    return Place(table.name, PlaceCircle(table.id, row, col, table.radius_m))


def _consent(file: PolicyFile) -> ConsentRules:
    consent = file.consent
    return ConsentRules(
        later_cooldown=consent.later_cooldown,
        max_prompts=consent.max_prompts,
        answer_within=consent.answer_within,
        validity=consent.validity,
        gate_latency_s=consent.gate_latency.longest_s,
        propagation_max_s=consent.propagation_max.longest_s,
    )


def _rights(file: PolicyFile) -> RightsRules:
    rights = file.rights
    return RightsRules(rights.deadline, rights.extension_max, rights.internal_target_workdays, rights.self_service)


def _controller(file: PolicyFile) -> Controller | None:
    table = file.controller
    if table is None:
        return None
    return Controller(
        table.name, table.address, table.email, table.phone or "", table.dpo_email or "", table.registration or ""
    )


def _texts(table: TextTable) -> Texts:
    parts = (table.purpose, table.question, table.category, table.recipient)
    return Texts(*(MappingProxyType(dict(part)) for part in parts))


def compile_policy(file: PolicyFile, digest: str) -> Policy:
    """Compile a file that passed the lint; `digest` is the SHA-256 of its bytes, in hex."""
    cap = PRECISIONS[file.location.precision]
    review_max = file.recipients.review_max
    rules = tuple(_rule(table, cap, file.policy.role, review_max) for table in file.rule)
    grants = (
        (role.value, action, purpose)
        for role, tables in file.roles.items()
        for table in tables
        for action in table.actions
        for purpose in table.purposes
    )
    return Policy(
        hash=digest,
        id=file.policy.id,
        version=file.policy.version,
        country=file.policy.country,
        authority=file.policy.authority,
        role=file.policy.role.value,
        notice=file.notice.version,
        languages=tuple(file.notice.languages),
        precision=cap,
        rights=_rights(file),
        consent=_consent(file),
        device=_device(file),
        sweep_s=file.retention.sweep.longest_s,
        total_cap=file.retention.total_cap,
        backup_horizon=file.backup.horizon,
        regions=frozenset(file.transfer.allowed),
        never=frozenset(file.collection.never),
        rules=rules,
        recipients=MappingProxyType({table.id: _recipient(table, review_max) for table in file.recipient}),
        grants=frozenset(grants),
        places=tuple(_place(table) for table in file.place),
        access=compile_access(file.access),
        stats=compile_stats(file.stats),
        children=compile_children(file.children),
        controller=_controller(file),
        texts=MappingProxyType({language: _texts(table) for language, table in file.text.items()}),
        mechanisms=frozenset(file.transfer.mechanisms),
        parameters=Parameters(values_of(file)),
        _index=MappingProxyType({(rule.category, purpose): rule for rule in rules for purpose in rule.purposes}),
        effective=file.policy.effective,
        origin=compile_origin(file.origin),
    )
