"""Accounts of the staff: what is missing is named, nobody attests for themselves, and a restored backup attests nothing."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from cloud_sync.access import Attested
from cloud_sync.access.logins import LoginRefusal
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.model import Reason
from tests.unit.cloud_sync.disclosure.outlet_world import HELPER, NOON, Depot

DAY = 86_400


def enlist(depot: Depot, account: str = "e-1") -> None:
    """Somebody in order, on laptop-1."""
    logins = depot.cloud.logins
    logins.enlist(account, "support", by="lead-1")
    for what in Attested:
        logins.attest(account, what, by="lead-1")
    logins.attest_machine("laptop-1", by="lead-1")


def login(depot: Depot, account: str = "e-1", *, factors: int = 2, machine: str = "laptop-1") -> object:
    """The reason of a refusal, or None."""
    try:
        depot.cloud.logins.login(account, factors=factors, machine=machine)
    except Denied as denied:
        return denied.reason
    return None


def grant(depot: Depot, account: str = "e-1") -> object:
    """The reason why somebody is not let in under K-1, or None."""
    depot.cloud.staff.open_ticket("K-1", "s-1", by="desk")
    who = replace(HELPER, id=account)
    try:
        depot.cloud.staff.open(who, "s-1", purposes=["tracking"], categories=["position"], by=who, ticket="K-1")
    except Denied as denied:
        return denied.reason
    return None


def test_what_is_missing_is_named_and_logged(depot: Depot) -> None:
    """In order: account, factor, undertaking, training, machine; each refusal is an entry about the account."""
    assert login(depot) is LoginRefusal.ACCOUNT_UNKNOWN
    depot.cloud.logins.enlist("e-1", "support", by="lead-1")
    assert login(depot, factors=1) is Reason.MFA_MISSING
    assert login(depot) is LoginRefusal.UNDERTAKING_MISSING
    depot.cloud.logins.attest("e-1", Attested.UNDERTAKING, by="lead-1")
    assert login(depot) is LoginRefusal.TRAINING_OVER
    depot.cloud.logins.attest("e-1", Attested.TRAINING, by="lead-1")
    assert login(depot) is LoginRefusal.MACHINE_NOT_ATTESTED
    depot.cloud.logins.attest_machine("laptop-1", by="lead-1")
    depot.clock.at += 16 * 60  # five refusals: locked out by now, and let in again after a quarter of an hour
    assert login(depot, machine="laptop-2") is LoginRefusal.MACHINE_NOT_ATTESTED
    assert login(depot) is None
    assert len(depot.entries("login.refused", "e-1")) == 6


def test_five_refused_logins_lock_the_account(depot: Depot) -> None:
    """The sixth is refused although nothing is missing."""
    enlist(depot)
    for _ in range(5):
        assert login(depot, factors=1) is Reason.MFA_MISSING
    assert login(depot) is Reason.TOKEN_LOCKED
    depot.cloud.lockout.unlock("e-1", by="e-9")
    assert login(depot) is None


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda logins: logins.enlist("e-1", "support", by="lead-1"), "has an account already"),
        (lambda logins: logins.enlist("e-3", "planner", by="lead-1"), "none of those"),
        (lambda logins: logins.enlist("Eva Holm", "support", by="lead-1"), "no identifier"),
        (lambda logins: logins.attest("e-1", Attested.TRAINING, by="e-1"), "nobody attests for themselves"),
        (lambda logins: logins.attest("e-9", Attested.TRAINING, by="lead-1"), "enlist them first"),
        (lambda logins: logins.strike("e-9", by="lead-1"), "enlist them first"),
        (lambda logins: logins.attest_machine("a laptop", by="lead-1"), "no identifier"),
    ],
)
def test_what_makes_no_sense_is_refused(depot: Depot, act: object, message: str) -> None:
    """And leaves the account as it was."""
    enlist(depot)
    before = depot.cloud.logins.accounts()
    with pytest.raises(ConfigError, match=message):
        act(depot.cloud.logins)  # type: ignore[operator]
    assert depot.cloud.logins.accounts() == before


def test_a_grant_ends_with_the_account_that_has_it(depot: Depot) -> None:
    """Before anybody is enlisted a ticket is enough; afterwards an account is needed, also once the last one is closed."""
    assert grant(depot) is None
    enlist(depot, "e-2")
    assert grant(depot) is LoginRefusal.ACCOUNT_UNKNOWN
    assert grant(depot, "e-2") is None
    depot.feed()
    span = {"purpose": "tracking", "subject": "s-1", "start": 0, "end": NOON}
    who = replace(HELPER, id="e-2")
    assert len(depot.cloud.read_location(actor=who, **span)) == 20  # type: ignore[arg-type]
    depot.cloud.logins.strike("e-2", by="lead-1")
    with pytest.raises(Denied) as denied:
        depot.cloud.read_location(actor=who, **span)  # type: ignore[arg-type]
    assert denied.value.reason is Reason.GRANT_EXPIRED
    assert grant(depot, "e-2") is LoginRefusal.ACCOUNT_UNKNOWN


def test_the_sweep_closes_what_nobody_uses(depot: Depot) -> None:
    """Ninety days after the last login; one used a day later stays."""
    enlist(depot)
    enlist(depot, "e-2")
    depot.clock.at += DAY
    assert login(depot, "e-2") is None
    depot.clock.at += 89 * DAY
    depot.cloud.sweep(clock_confirmed=True)
    assert [each.account for each in depot.cloud.logins.accounts()] == ["e-2"]


def test_a_restored_backup_attests_nothing(depot: Depot) -> None:
    """Who was struck after the backup is in it again, and lets nobody in."""
    enlist(depot)
    depot.cloud.close()
    shutil.copy(depot.directory / "telemetry.db", depot.directory / "backup.db")
    depot.cloud = depot.open()
    depot.cloud.logins.strike("e-1", by="lead-1")
    depot.cloud.sweep()
    depot.cloud.close()
    for name in ("telemetry.db-wal", "telemetry.db-shm"):
        (depot.directory / name).unlink(missing_ok=True)
    shutil.copy(depot.directory / "backup.db", depot.directory / "telemetry.db")
    depot.cloud = depot.open()
    assert login(depot) is LoginRefusal.UNDERTAKING_MISSING
