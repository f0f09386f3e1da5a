"""The staff's accounts: who is bound and trained, whose machine is encrypted, who logs in with a second factor, who still needs it.

1. Nobody attests for themselves [a member of the staff who ticks their own training].
2. An account in which something has lapsed lets nobody in, and closes the grants that it has (`StaffAccess`).
3. Accounts that nobody uses are closed by the sweep, and the list is looked through as often (MM-47).

An installation that enlists nobody leaves logins to whoever authenticates, as before: `Actor.mfa` is their word.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

from cloud_sync.audit import Kind
from cloud_sync.errors import ConfigError, Denied
from cloud_sync.gate.words import check_word, said_word
from cloud_sync.model import Actor, AuditEvent, Reason
from cloud_sync.policy import Policy
from cloud_sync.policy.vocabulary import Role
from cloud_sync.stores import AuditSink, Clock, Database

ACCOUNTS, MACHINES = "staff/account/", "staff/machine/"  # names of marks
BEGUN, REVIEWED = "staff/begun", "staff/reviewed"
SWEEP: Final = "retention"
SECOND: Final = 2  # factors of a login in two steps


class Attested(StrEnum):
    """What somebody else says of a member of the staff."""

    UNDERTAKING = "undertaking"  # bound in writing to the rules of data protection
    TRAINING = "training"


class LoginRefusal(StrEnum):
    """Why a login is refused, beside a missing factor and a lock-out."""

    ACCOUNT_UNKNOWN = "account_unknown"
    UNDERTAKING_MISSING = "undertaking_missing"
    TRAINING_OVER = "training_over"
    MACHINE_NOT_ATTESTED = "machine_not_attested"
    ACCOUNT_UNUSED = "account_unused"


@dataclass(frozen=True, slots=True)
class Account:
    """One member of the staff; times are Unix seconds, 0 where it has not happened."""

    account: str
    role: str
    enlisted_at: float
    used_at: float = 0.0
    undertaking_at: float = 0.0
    training_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Welcome:
    """A person's login: who they are, and whether a second factor is offered to them."""

    actor: Actor
    second_offered: bool


class Logins:
    """The accounts of one installation's staff, and logins."""

    def __init__(
        self, database: Database, policy: Policy, clock: Clock, audit: AuditSink, *, locked: Callable[[str], bool]
    ) -> None:
        self._database = database
        self._policy = policy
        self._clock = clock
        self._audit = audit
        self._locked = locked

    # Accounts

    def enlist(self, account: str, role: str, *, by: str) -> Account:
        """Give a member of the staff an account; it lets nobody in before it is attested. ConfigError for other roles."""
        if role not in self._policy.access.roles:
            raise ConfigError(f"role {role} is none of those that access.roles lets in")
        made = Account(check_word(account, "account"), role, self._clock.now())
        if self.get(account) is not None:
            raise ConfigError(f"{account} has an account already")
        with self._database.transaction():
            self._database.set_mark(
                BEGUN, "1"
            )  # from here on nobody is let in without an account, whatever is closed later
            self._keep(made, Kind.STAFF_ENLISTED, by, role=role)
        return made

    def attest(self, account: str, what: Attested, *, by: str) -> Account:
        """Somebody else says that the undertaking is signed, or the training was done, today."""
        known = self._there(account)
        if by == account:
            raise ConfigError("nobody attests for themselves: somebody else does")
        now = self._clock.now()
        signed = what is Attested.UNDERTAKING
        changed = replace(known, undertaking_at=now) if signed else replace(known, training_at=now)
        self._keep(changed, Kind.STAFF_ATTESTED, by, reason=what.value)
        return changed

    def attest_machine(self, machine: str, *, by: str) -> None:
        """Somebody has seen that the disk of a machine of the staff is encrypted as a whole."""
        with self._database.transaction():
            self._database.set_mark(f"{MACHINES}{check_word(machine, 'machine')}", repr(self._clock.now()))
            self._log(Kind.STAFF_ATTESTED, by, "", reason="disk_encryption", record=machine)

    def strike(self, account: str, *, by: str) -> None:
        """Close an account, and with it every grant that it has."""
        known = self._there(account)
        with self._database.transaction():
            self._database.set_mark(f"{ACCOUNTS}{account}", "")
            self._log(Kind.STAFF_STRUCK, by, account, role=known.role)

    def get(self, account: str) -> Account | None:
        """One account."""
        text = self._database.mark(f"{ACCOUNTS}{account}")
        return Account(**json.loads(text)) if text else None

    def accounts(self) -> list[Account]:
        """All, in order of their names."""
        names = [name.removeprefix(ACCOUNTS) for name in self._database.marks(ACCOUNTS)]
        return [known for name in names if (known := self.get(name)) is not None]

    def close_restored(self) -> None:
        """After a restore: what was attested may have been taken back since, so that all of it is attested anew."""
        for each in self.accounts():
            bare = replace(each, undertaking_at=0.0, training_at=0.0)
            self._database.set_mark(f"{ACCOUNTS}{each.account}", json.dumps(asdict(bare), sort_keys=True))
        for name in self._database.marks(MACHINES):
            self._database.set_mark(name, "")

    # The list is looked through

    def review(self, *, by: str) -> list[Account]:
        """Somebody looks through the list: unused accounts are closed. Those that stay."""
        self.close_unused(by=by)
        left = self.accounts()
        with self._database.transaction():
            self._database.set_mark(REVIEWED, repr(self._clock.now()))
            self._log(Kind.STAFF_REVIEWED, by, "", count=len(left))
        return left

    def close_unused(self, *, by: str = SWEEP) -> list[str]:
        """Close every account that nobody has used for `access.unused_max`; their names."""
        unused = [each.account for each in self.accounts() if self._unused(each)]
        for name in unused:
            self.strike(name, by=by)
        return unused

    @property
    def review_due(self) -> bool:
        """Whether nobody has looked through the list for so long."""
        since = min((each.enlisted_at for each in self.accounts()), default=None)
        if since is None:
            return False
        last = float(self._database.mark(REVIEWED) or since)
        return self._policy.parameters.period("access.unused_max").end(last) <= self._clock.now()

    # Logins

    def login(self, account: str, *, factors: int, machine: str) -> Actor:
        """Who the member of the staff is from now on, for the gate. `factors` is how many were seen, `machine` where they sit.

        `Denied` with the first thing that is missing: lock-out, account, factors, undertaking, training, machine. Either is logged.
        """
        now, known = self._clock.now(), self.get(account)
        refused = self._refused(account, known, factors, machine)
        if known is None or refused is not None:
            reason = refused or LoginRefusal.ACCOUNT_UNKNOWN
            self._log(Kind.LOGIN_REFUSED, said_word(account), said_word(account), reason=reason.value)
            raise Denied(reason, f"denied: {reason.value}: this account is not let in")
        self._keep(replace(known, used_at=now), Kind.LOGIN_ALLOWED, account, role=known.role)
        return Actor(account, known.role, mfa=factors >= SECOND)

    def person(self, subject: str, *, factors: int) -> Welcome:
        """A person's own login; a second factor is offered where none was seen, or asked for where the policy wants one."""
        required, seen = self._policy.access.user_mfa == "required", factors >= SECOND
        reason = Reason.TOKEN_LOCKED if self._locked(subject) else Reason.MFA_MISSING if required and not seen else None
        if reason is not None:
            # The role says that it is a person's: their own tries lock nobody out (`access.lockout`).
            role = Role.DATA_SUBJECT.value
            self._log(Kind.LOGIN_REFUSED, said_word(subject), said_word(subject), reason=reason.value, role=role)
            raise Denied(reason, f"denied: {reason.value}: log in with a second factor, or later")
        return Welcome(Actor(subject, Role.DATA_SUBJECT.value, mfa=seen), second_offered=not seen)

    def standing(self, account: str) -> LoginRefusal | None:
        """What has lapsed of an account; None for one in order, and where this installation enlists nobody."""
        known = self.get(account)
        if known is None:
            return LoginRefusal.ACCOUNT_UNKNOWN if self._database.mark(BEGUN) else None
        return self._lapsed(known)

    # Parts

    def _refused(self, account: str, known: Account | None, factors: int, machine: str) -> StrEnum | None:
        if self._locked(account):
            return Reason.TOKEN_LOCKED
        if known is None:
            return LoginRefusal.ACCOUNT_UNKNOWN
        if factors < SECOND and self._policy.access.staff_mfa == "required":
            return Reason.MFA_MISSING
        return self._lapsed(known) or (None if self._encrypted(machine) else LoginRefusal.MACHINE_NOT_ATTESTED)

    def _lapsed(self, known: Account) -> LoginRefusal | None:
        if not known.undertaking_at:
            return LoginRefusal.UNDERTAKING_MISSING
        training = self._policy.parameters.period("access.training_max")
        if not known.training_at or training.end(known.training_at) <= self._clock.now():
            return LoginRefusal.TRAINING_OVER
        return LoginRefusal.ACCOUNT_UNUSED if self._unused(known) else None

    def _unused(self, known: Account) -> bool:
        longest = self._policy.parameters.period("access.unused_max")
        return longest.end(max(known.used_at, known.enlisted_at)) <= self._clock.now()

    def _encrypted(self, machine: str) -> bool:
        since = self._database.mark(f"{MACHINES}{said_word(machine)}")
        longest = self._policy.parameters.period("access.attestation_max")
        return bool(since) and self._clock.now() < longest.end(float(since))

    def _there(self, account: str) -> Account:
        known = self.get(account)
        if known is None:
            raise ConfigError(f"{account} has no account: enlist them first")
        return known

    def _keep(self, account: Account, kind: Kind, by: str, **detail: str | int) -> None:
        with self._database.transaction():
            self._database.set_mark(f"{ACCOUNTS}{account.account}", json.dumps(asdict(account), sort_keys=True))
            self._log(kind, by, account.account, **detail)

    def _log(self, kind: Kind, by: str, subject: str, **detail: str | int) -> None:
        self._audit.append(AuditEvent(kind.value, self._clock.now(), by, subject, tuple(sorted(detail.items()))))
