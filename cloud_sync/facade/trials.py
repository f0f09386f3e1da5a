"""How the controls of the baseline are tried on a running installation: each an act of the product's own that must fail, or a look.

A trial touches nobody's data and stores nothing: it asks the gate in the name of nobody, and seals what it made up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, Protocol

from cloud_sync.access.lockout import Lockout
from cloud_sync.access.logins import LoginRefusal, Logins
from cloud_sync.audit import AuditLog, Kind
from cloud_sync.config import Config
from cloud_sync.erasure.belonging import check_belonging
from cloud_sync.erasure.witness import Witness
from cloud_sync.errors import SealBroken
from cloud_sync.gate import Gate, Request
from cloud_sync.gate.book import STAFF
from cloud_sync.model import Action, Actor, AuditEvent, Device, Header, Reason, Stream
from cloud_sync.policy import Policy
from cloud_sync.storage.keys import KeyRows
from cloud_sync.storage.tombstones import TombstoneRows
from cloud_sync.stores import Clock, Database
from cloud_sync.wire import envelope

NOBODY: Final = "trial-nobody"
DAY_S: Final = 86_400
KEY_BYTES: Final = 32
PERIODS: Final = 2  # of the sweep: one that is this late has failed


class Tried(Protocol):
    """What of `CloudSync` the trials look at."""

    audit: AuditLog
    clock: Clock
    config: Config
    database: Database
    gate: Gate
    logins: Logins
    policy: Policy
    _store: KeyRows
    _tombstones: TombstoneRows
    _witness: Witness


class _Nothing:
    """A log without entries, which forgets what it is told."""

    def newest_events(self, kind: str, most: int) -> list[AuditEvent]:
        """None."""
        return []

    def append(self, event: AuditEvent) -> int:
        """Forget it."""
        return 0


def trials_of(cloud: Tried) -> Mapping[str, Callable[[], bool]]:
    """One for each control that is tried."""
    tried = (
        *(_sealed_at_rest, _keys_apart, _keys_wrapped, _files_private, _tags_hold, _default_deny, _purpose_named),
        *(_recipients_listed, _unknown_devices, _staff_by_ticket, _second_factor, _short_grants, _lock_out),
        *(_accounts_used, _log_intact, _erasures_apart, _sweep_runs, _stores_belong),
    )
    return {each.__name__[1:]: lambda each=each: each(cloud) for each in tried}  # type: ignore[misc]


def _sealed_at_rest(cloud: Tried) -> bool:
    return not cloud.database.unsealed_states() and all(_does_not_open(cloud, each) for each in _newest(cloud))


def _newest(cloud: Tried) -> Iterator[Device]:
    """A few devices that sent something."""
    yield from (each for each in cloud.database.all_devices()[:3] if cloud.database.count_envelopes(each.device))


def _does_not_open(cloud: Tried, device: Device) -> bool:
    today = int(cloud.clock.now()) // DAY_S
    for stream in Stream:
        for row in cloud.database.envelopes(device.device, stream, today - 1, today)[:1]:
            try:
                envelope.open_uplink(device.device, envelope.parse_uplink(row.payload), os.urandom(KEY_BYTES))
            except SealBroken:
                continue
            return False
    return True


def _keys_apart(cloud: Tried) -> bool:
    return cloud.config.keys not in (cloud.config.database, cloud.config.tombstones)


def _keys_wrapped(cloud: Tried) -> bool:
    return all(len(tip.wrapped) > KEY_BYTES for tip in cloud._store.tips())


def _files_private(cloud: Tried) -> bool:
    config = cloud.config
    files = (config.database, config.keys, config.tombstones, config.audit_key, config.key_encryption_key)
    return all(each.stat().st_mode & 0o077 == 0 for each in files if isinstance(each, Path) and each.exists())


def _tags_hold(_: Tried) -> bool:
    key, header = os.urandom(KEY_BYTES), Header(0, Stream.STATUS, 1, 0, 0)
    sealed = envelope.seal_uplink(NOBODY, header, os.urandom(4), key, b"trial")
    altered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    try:
        envelope.open_uplink(NOBODY, envelope.parse_uplink(altered), key)
    except SealBroken:
        return envelope.open_uplink(NOBODY, envelope.parse_uplink(sealed), key) == b"trial"
    return False


def _asks(cloud: Tried, role: str, purpose: str, category: str, action: Action = Action.READ) -> Reason:
    now = cloud.clock.now()
    recipient = NOBODY if action is Action.DISCLOSE else None
    actor = Actor(NOBODY, role, mfa=True)
    return cloud.gate.ask(Request(actor, purpose, action, category, NOBODY, now, now, recipient=recipient)).reason


def _every(cloud: Tried, role: str, action: Action = Action.READ) -> set[Reason]:
    """The gate's answers to this act on every category for every purpose."""
    return {
        _asks(cloud, role, purpose, rule.category, action) for rule in cloud.policy.rules for purpose in rule.purposes
    }


def _default_deny(cloud: Tried) -> bool:
    return _asks(cloud, "controller", "trial_purpose", "trial_category") is not Reason.ALLOWED


def _purpose_named(cloud: Tried) -> bool:
    return Reason.ALLOWED not in {_asks(cloud, "controller", "", rule.category) for rule in cloud.policy.rules}


def _recipients_listed(cloud: Tried) -> bool:
    return Reason.ALLOWED not in _every(cloud, "controller", Action.DISCLOSE)


def _unknown_devices(cloud: Tried) -> bool:
    now, device = cloud.clock.now(), Device("0" * 16, NOBODY, 0, enrolled_at=0.0)
    return not cloud.gate.admit(device, Stream.STATUS, captured_at=now, at=now)


def _staff_by_ticket(cloud: Tried) -> bool:
    return all(Reason.ALLOWED not in _every(cloud, role) for role in sorted(STAFF | cloud.policy.access.roles))


def _second_factor(cloud: Tried) -> bool:
    return cloud.policy.access.staff_mfa == "required"


def _short_grants(cloud: Tried) -> bool:
    return cloud.policy.access.grant_ttl.longest_s <= DAY_S


def _lock_out(cloud: Tried) -> bool:
    guard = Lockout(_Nothing(), cloud.policy, cloud.clock, _Nothing())
    detail = (("reason", Reason.TICKET_MISSING.value), ("role", "support"))
    for _ in range(int(cloud.policy.parameters.number("access.lock_after"))):
        guard.heard(AuditEvent(Kind.GATE_DENIED.value, cloud.clock.now(), NOBODY, "trial-other", detail))
    return guard.locked(NOBODY)


def _accounts_used(cloud: Tried) -> bool:
    return all(
        cloud.logins.standing(each.account) is not LoginRefusal.ACCOUNT_UNUSED for each in cloud.logins.accounts()
    )


def _log_intact(cloud: Tried) -> bool:
    return cloud.audit.check(cloud.audit.checkpoint()) >= 0


def _erasures_apart(cloud: Tried) -> bool:
    return cloud.config.tombstones not in (cloud.config.database, cloud.config.keys)


def _sweep_runs(cloud: Tried) -> bool:
    """By what is kept outside of the process: whoever asks may not be the one that sweeps."""
    first = cloud.database.first_event()
    begun = first.at if first is not None else cloud.clock.now()
    since = max(float(cloud._witness.swept() or 0), begun)
    return cloud.clock.now() - since <= PERIODS * cloud.policy.sweep_s


def _stores_belong(cloud: Tried) -> bool:
    check_belonging(cloud.database, cloud._store, cloud._tombstones)
    return True
