"""Security as a list of controls, each with a fresh proof: an adjective cannot be tested, a list can (V-02).

`baseline-1` has twenty. Most are tried on the running installation; what no program can see from inside, such as the encryption of
a disk, somebody attests. Each trial and each attestation is an entry of the log: the proof, with its age.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from cloud_sync.audit import AuditLog, Kind
from cloud_sync.errors import CloudSyncError, ConfigError
from cloud_sync.policy import Policy
from cloud_sync.stores import AuditStore, Clock

TESTER: Final = "controls"
EVERY_S: Final = 86_400  # a day: the whole log is read for it
MOST_PROOFS: Final = 5_000  # newest proofs that are looked through: half a year of a daily trial


class Threat(StrEnum):
    """Against what a control stands (GDPR Art. 32(2))."""

    MISUSE = "misuse"
    LOSS = "loss"
    ACCESS = "unauthorised_access"
    DISCLOSURE = "disclosure"
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class Control:
    """One of a baseline. `attested`: somebody says so, since no program sees it from inside."""

    name: str
    says: str
    threats: tuple[Threat, ...]
    attested: bool = False


@dataclass(frozen=True, slots=True)
class Proof:
    """Where a control stands: passed or not at its newest proof, and when that was; `fresh` says that it is young enough."""

    control: Control
    passed: bool
    at: float | None
    fresh: bool


BASELINE_1: Final = (
    Control("sealed_at_rest", "stored messages do not open without their keys", (Threat.ACCESS, Threat.DISCLOSURE)),
    Control("keys_apart", "keys lie in a store of their own", (Threat.ACCESS, Threat.DISCLOSURE)),
    Control("keys_wrapped", "no key lies in the clear", (Threat.ACCESS, Threat.DISCLOSURE)),
    Control("files_private", "store files are readable by their owner alone", (Threat.ACCESS, Threat.DISCLOSURE)),
    Control("tags_hold", "an altered message does not open", (Threat.CHANGE,)),
    Control("default_deny", "what the policy does not name is denied", (Threat.MISUSE, Threat.DISCLOSURE)),
    Control("purpose_named", "there is no use without a purpose", (Threat.MISUSE,)),
    Control("recipients_listed", "nobody receives who is not listed", (Threat.DISCLOSURE,)),
    Control("unknown_devices", "nothing is taken from a device that is not enrolled", (Threat.CHANGE,)),
    Control("staff_by_ticket", "staff see nobody without a grant", (Threat.ACCESS, Threat.MISUSE)),
    Control("second_factor", "staff log in with two factors", (Threat.ACCESS,)),
    Control("short_grants", "a grant of the staff ends within a day", (Threat.ACCESS, Threat.MISUSE)),
    Control("lock_out", "who is refused too often is locked out", (Threat.ACCESS,)),
    Control("accounts_used", "no account of the staff is unused", (Threat.ACCESS,)),
    Control("log_intact", "the log is what was signed", (Threat.CHANGE, Threat.MISUSE)),
    Control("erasures_apart", "what was erased is known outside of the backups", (Threat.DISCLOSURE, Threat.CHANGE)),
    Control("sweep_runs", "what is over its term is destroyed in time", (Threat.MISUSE, Threat.DISCLOSURE)),
    Control("stores_belong", "the stores belong together and nothing is missing", (Threat.LOSS, Threat.CHANGE)),
    Control(
        "disks_encrypted", "disks of servers are encrypted as a whole", (Threat.ACCESS, Threat.LOSS), attested=True
    ),
    Control("restore_tried", "a backup was restored on trial", (Threat.LOSS,), attested=True),
)
BASELINES: Final = MappingProxyType({"baseline-1": BASELINE_1})


class Controls:
    """The controls of one installation. `trials` are what each that is not attested is tried by: true, or no error, is a pass."""

    def __init__(
        self, store: AuditStore, policy: Policy, clock: Clock, audit: AuditLog, trials: Mapping[str, Callable[[], bool]]
    ) -> None:
        """ConfigError for a baseline that there is not, that is too short for the policy, or that has a control without a trial."""
        name = str(policy.parameters["security.baseline"])
        self.controls = BASELINES.get(name, ())
        least = int(policy.parameters.number("security.min_controls"))
        untried = [each.name for each in self.controls if not each.attested and each.name not in trials]
        if len(self.controls) < least or untried:
            raise ConfigError(
                f"security.baseline {name} has {len(self.controls)} controls, {least} are asked for; {untried}"
            )
        self._store = store
        self._clock = clock
        self._audit = audit
        self._trials = trials
        self._oldest = policy.parameters.period("security.evidence_max_age")

    def test(self, *, by: str = TESTER) -> list[Proof]:
        """Try every control that can be tried, now, and log it; where all of them stand."""
        for each in self.controls:
            if not each.attested:
                self._prove(each, _passes(self._trials[each.name]), by)
        return self.proofs()

    @property
    def due(self) -> bool:
        """Whether the last trial is a day ago: the service tries them daily while it runs."""
        tried = [proof.at for proof in self.proofs() if not proof.control.attested]
        return any(at is None or self._clock.now() - at >= EVERY_S for at in tried)

    def attest(self, control: str, *, by: str, holds: bool = True) -> None:
        """Somebody has looked, today. ConfigError for a control that is tried, or that there is not."""
        found = next((each for each in self.controls if each.name == control and each.attested), None)
        if found is None:
            raise ConfigError(f"{control[:40]}: no such control is attested; the others are tried")
        self._prove(found, holds, by)

    def proofs(self) -> list[Proof]:
        """Where each control stands by its newest proof, in the order of the baseline."""
        newest: dict[str, tuple[bool, float]] = {}
        for event in self._store.newest_events(Kind.CONTROL_TESTED.value, MOST_PROOFS):
            detail = dict(event.detail)
            newest.setdefault(str(detail.get("control")), (detail.get("reason") == "passed", event.at))
        now, found = self._clock.now(), []
        for each in self.controls:
            passed, at = newest.get(each.name, (False, None))
            found.append(Proof(each, passed, at, fresh=at is not None and now < self._oldest.end(at)))
        return found

    def threats(self) -> dict[Threat, list[str]]:
        """Against each threat the controls that stand: passed, with a fresh proof."""
        standing = [proof.control for proof in self.proofs() if proof.passed and proof.fresh]
        return {threat: [each.name for each in standing if threat in each.threats] for threat in Threat}

    def missing(self) -> list[str]:
        """Controls that do not stand now."""
        return [proof.control.name for proof in self.proofs() if not (proof.passed and proof.fresh)]

    def _prove(self, control: Control, passed: bool, by: str) -> None:
        self._audit.record(Kind.CONTROL_TESTED, by, control=control.name, reason="passed" if passed else "failed")


def _passes(trial: Callable[[], bool]) -> bool:
    try:
        return trial()
    except CloudSyncError:
        return False
