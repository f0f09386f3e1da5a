"""The gate against an independent reading of the file: every combination of what a decision depends on.

Two policies: the demo's, and one with every lawful basis, staff, statistics, children, steps and an authority. Over every
table the gate allows exactly what the oracle does: nothing that the file does not name, and all that it does.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from cloud_sync.gate import MailClass, decide
from cloud_sync.model import Action, Precision, Reason
from cloud_sync.policy import load_policy
from tests.properties.gate_cases import DAY, GRANTS, NOW, facts_of, request_of
from tests.properties.gate_oracle import LEVELS, Case, Oracle
from tests.properties.gate_policies import POLICIES

CONSENTS = [(True, True), (False, True), (True, False), (False, False)]
AGES = [0.0, 30 * DAY - 1, 30 * DAY, 89.5 * DAY, 90 * DAY, 5000 * DAY]


class Both:
    """A policy as the gate has it and as the oracle reads it."""

    def __init__(self, text: str, path: Path) -> None:
        path.write_text(text)
        self.policy = load_policy(path)
        self.oracle = Oracle(text, NOW)
        raw = self.oracle.raw
        self.purposes = ["", *sorted({p for rule in raw["rule"] for p in rule["purpose"]}), "unheard_of"]
        self.categories = [*sorted({rule["category"] for rule in raw["rule"]}), "unheard_of"]
        self.roles = [*sorted(raw["roles"]), "intruder"]
        self.seen: Counter[Reason] = Counter()

    def hold(self, cases: Iterable[Case]) -> int:
        """Compare every case; the number that is allowed."""
        beyond: list[tuple[Case, Reason]] = []
        short: list[tuple[Case, Reason]] = []
        allowed = 0
        for case in cases:
            decision = decide(request_of(case), self.policy, facts_of(case))
            expected = self.oracle.permits(case)
            self.seen[decision.reason] += 1
            assert decision.allow is (decision.reason is Reason.ALLOWED)
            if decision.allow is not expected:
                (beyond if decision.allow else short).append((case, decision.reason))
            elif expected:
                allowed += 1
                assert (int(decision.precision), set(decision.fields)) == self.oracle.told(case), case
            else:
                assert (decision.precision, decision.fields) == (Precision.NONE, frozenset())
                assert decision.explanation
        assert (beyond[:3], len(beyond)) == ([], 0), "allowed, and the file does not name it"
        assert (short[:3], len(short)) == ([], 0), "denied, and the file names it"
        return allowed


@pytest.fixture(params=sorted(POLICIES))
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Both:
    """Each policy."""
    return Both(POLICIES[request.param], tmp_path / "policy.toml")


@pytest.fixture
def synthetic(tmp_path: Path) -> Both:
    """The one with everything in it."""
    return Both(POLICIES["synthetic"], tmp_path / "policy.toml")


def test_purpose_category_consent_role_action_age_and_restriction(both: Both) -> None:
    """Every combination; the file's own purposes and categories beside none and an unheard one."""
    table = itertools.product(both.purposes, both.categories, both.roles, Action, CONSENTS, AGES, (False, True))
    allowed = both.hold(
        Case(purpose, category, role, action.value, given=given, consented=2, age_s=age, restricted=held, grant="good")
        for purpose, category, role, action, given, age, held in table
        if not held or age in (0.0, 30 * DAY)
    )
    # The table is not vacuous: it reaches both answers and every reason that it can.
    assert allowed > 50
    assert set(both.seen) >= {
        Reason.CATEGORY_UNKNOWN,
        Reason.PURPOSE_MISSING,
        Reason.PURPOSE_NOT_DECLARED,
        Reason.ACTION_NOT_PERMITTED,
        Reason.ROLE_NOT_PERMITTED,
        Reason.CONSENT_MISSING,
        Reason.CONSENT_NOT_AT_CAPTURE,
        Reason.RESTRICTED,
        Reason.EXPIRED,
        Reason.RECIPIENT_NOT_LISTED,
    }
    assert sum(both.seen.values()) > 30_000


def test_another_person_a_child_no_device_and_what_is_erased(both: Both) -> None:
    """Each role on another one's data, with and without a relation; a child's data; a person without a device; a tombstone."""
    table = itertools.product(both.purposes, both.categories, both.roles, ("read", "export", "mail"), (False, True))
    flags = [
        dict(zip(("own", "related", "child", "known", "erased"), bits, strict=True))
        for bits in itertools.product((False, True), repeat=5)
    ]
    allowed = both.hold(
        Case(
            purpose, category, role, action, consented=1, grant="good", mfa=mfa, content=frozenset({"service"}), **flag
        )
        for purpose, category, role, action, mfa in table
        if both.oracle._rule(Case(purpose, category, role, action)) is not None
        for flag in flags
    )
    assert allowed > 20


def test_precision_fields_age_and_childhood_over_every_combination(synthetic: Both) -> None:
    """What is handed out is never finer than file, age, consent and request; finer requests and side fields are denied."""
    asked = [
        frozenset(),
        frozenset({"lat", "lon"}),
        frozenset({"time", "speed"}),
        frozenset({"quality"}),
        frozenset({"altitude"}),
    ]
    table = itertools.product(
        (("tracking", "data_subject"), ("dispatch", "data_subject"), ("legal_reporting", "dpo")),
        range(7),
        (None, *range(7)),
        asked,
        AGES,
        (False, True),
    )
    allowed = synthetic.hold(
        Case(
            purpose, "position", role, "read", consented=consented, wanted=wanted, fields=fields, age_s=age, child=child
        )
        for (purpose, role), consented, wanted, fields, age, child in table
    )
    assert allowed > 500
    assert {Reason.PRECISION_TOO_FINE, Reason.EXPIRED, Reason.CATEGORY_UNKNOWN} <= set(synthetic.seen)


def test_recipients_references_and_approvals_over_every_combination(synthetic: Both) -> None:
    """A recipient gets the fields of its list for the rules that name it; an authority by a reference and two others."""
    asked = [frozenset(), frozenset({"time", "lat", "lon"}), frozenset({"time", "quality"}), frozenset({"speed"})]
    table = itertools.product(
        ("tracking", "dispatch", "legal_reporting", "invoicing", "marketing"),
        ("position", "billing", "contact"),
        ("controller", "staff", "support", "data_subject"),
        ("read", "disclose", "export"),
        (None, "carrier", "police", "nobody"),
        asked,
        (None, 0, 1),
        ("", "order-7"),
        (0, 1, 2, 3),
    )
    allowed = synthetic.hold(
        Case(
            purpose, category, role, action, recipient=recipient, fields=fields, wanted=wanted, consented=1,
            reference=reference, approvals=approvals, grant="good",
        )
        for purpose, category, role, action, recipient, fields, wanted, reference, approvals in table
        if approvals == 0 or recipient == "police"
    )  # fmt: skip
    assert allowed > 50
    assert {Reason.LEGAL_REF_MISSING, Reason.APPROVALS_MISSING, Reason.RECIPIENT_NOT_LISTED} <= set(synthetic.seen)


def test_staff_and_grants_over_every_combination(both: Both) -> None:
    """No member of the staff without a grant for exactly this, a ticket, and a second factor; a grant opens nothing by itself."""
    table = itertools.product(
        both.purposes, both.categories, both.roles, ("read", "terminal", "export"), GRANTS, (False, True)
    )
    both.hold(
        Case(purpose, category, role, action, grant=grant, mfa=mfa, consented=1)
        for purpose, category, role, action, grant, mfa in table
    )
    if "access" in both.oracle.raw:
        assert {Reason.TICKET_MISSING, Reason.GRANT_EXPIRED, Reason.MFA_MISSING} <= set(both.seen)


def test_mails_over_every_content_and_count(synthetic: Both) -> None:
    """Class by content: one promotion makes a message marketing; service mails are counted, safety is never held back."""
    contents = [
        frozenset(parts) for n in range(4) for parts in itertools.combinations((each.value for each in MailClass), n)
    ]
    table = itertools.product(
        ("marketing", "service_change_notice", "safety_notice", "tracking"),
        contents,
        (0, 3, 4, 50),
        (False, True),
        CONSENTS,
    )
    allowed = synthetic.hold(
        Case(purpose, "contact", "service", "mail", content=content, mails=mails, child=child, given=given)
        for purpose, content, mails, child, given in table
    )
    assert allowed > 20
    assert {Reason.MAIL_CLASS_MISMATCH, Reason.TOO_MANY_MAILS, Reason.CHILD_PROTECTED} <= set(synthetic.seen)


def test_the_oracle_reads_the_files_as_a_person_would() -> None:
    """Some answers that a reader of the two files gives at once, so that gate and oracle are not wrong alike."""
    demo = Oracle(POLICIES["demo"], NOW)
    assert demo.permits(Case("tracking", "position", "controller", "read", own=False, consented=1))
    assert not demo.permits(Case("marketing", "position", "controller", "read", own=False, consented=1))
    nobody = Oracle(POLICIES["synthetic"].replace('roles = ["support", "staff"]', "roles = []"), NOW)
    assert not nobody.permits(Case("diagnosis", "status", "support", "read", own=False, grant="good"))
    rich = Oracle(POLICIES["synthetic"], NOW)
    assert rich.permits(Case("diagnosis", "status", "support", "read", own=False, grant="good"))
    assert not rich.permits(Case("diagnosis", "status", "support", "terminal", own=False, grant="good"))
    assert rich.permits(Case("remote_help", "device_storage", "support", "terminal", own=False, grant="good"))
    old = Case("tracking", "position", "data_subject", "read", age_s=31 * DAY)
    assert rich.told(old) == (LEVELS["cell_10km"], {"time", "lat", "lon", "quality"})
