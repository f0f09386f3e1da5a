"""Rights under the policy of CG: access, objection, restriction, correction, erasure beside a contract, another company."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from cloud_sync.disclosure import Kind
from cloud_sync.disclosure.manifest import read_manifest
from cloud_sync.errors import ConfigError
from cloud_sync.gate import MailClass
from cloud_sync.policy import Clock
from tests.clauses.clause import clause
from tests.clauses.made import CLERK, DAY, DPO, SERVICE, SOON, T0, U1, Made, World, at
from tests.clauses.rights.rights_world import (
    DESK,
    Basket,
    attempt,
    copy,
    due,
    finish,
    grant,
    granted,
    one,
    put,
    put_together,
    rows,
    value,
)

#: A service that shows people what they may like: the profile lets nobody read what it is made of.
SERVED: Final = (
    "[[roles.dpo]]",
    '[[roles.service]]\nactions = ["read"]\npurposes = ["personalisation", "service_improvement"]\n\n[[roles.dpo]]',
)


def reading(world: World, record: str, purpose: str, actor: Any = SERVICE, **more: Any) -> Callable[[], bytes]:
    """A use of a record of U1, to be tried."""
    return lambda: world.cloud.records.read(record, actor=actor, purpose=purpose, subject="u-1", **more)


@clause("CG-16", engine="rights.restriction", left_out="the portal's form")
def test_cg_16(made: Made) -> None:
    """Objected to at T0 a purpose has no read from then on; the decision is due on 2026-02-15; refused, and told, it goes on."""
    world = made.world("cg", SERVED)
    remark, history = put(world, "feedback"), put(world, "personalisation")
    read = reading(world, remark, "service_improvement")
    assert attempt(read) == ""
    case = one(world, "objection", purpose="service_improvement")
    assert due(world, case) == "2026-02-15" and case.state == "identified"
    with world.denies("restricted", times=3):
        assert [attempt(read) for _ in range(3)] == ["restricted"] * 3
    assert attempt(reading(world, history, "personalisation")) == ""
    world.cloud.rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO.id, reason="compelling_grounds")
    finish(world, case)
    assert attempt(read) == ""


@clause("CG-23", engine="rights.restriction", left_out="the default content on the page")
def test_cg_23(made: Made) -> None:
    """After an objection to personalisation the next visit reads nothing of the profile; that of another person is read."""
    world = made.world("cg", SERVED)
    mine, other = put(world, "personalisation"), put(world, "personalisation", subject="u-2")
    visit = reading(world, mine, "personalisation")
    assert attempt(visit) == ""
    one(world, "objection", purpose="personalisation")
    with world.denies("restricted", times=1):
        visit()
    uses = [entry["count"] for entry in world.logged("gate.allowed", "u-1") if entry["purpose"] == "personalisation"]
    assert uses == [1]
    assert world.cloud.records.read(other, actor=SERVICE, purpose="personalisation", subject="u-2") == b"content"


@clause("CG-33", engine="rights.evidence")
def test_cg_33(made: Made) -> None:
    """A hundred closed cases have due day, decision and evidence that holds, none of them closed after its due day."""
    world = made.world("cg")
    rights = world.cloud.rights
    with world.cloud.database.transaction():  # one commit for all, to be quick
        asked = [one(world, "question", subject=f"p-{n}") for n in range(100)]
        for n, case in enumerate(asked):
            if n == 50:
                world.later(days=31)  # the last day, whose end is the other half's due moment
            finish(world, grant(world, case))
    closed = [case for case in rights.of() if case.state == "closed"]
    assert len(closed) == 100
    assert all(case.outcome and case.due_at > (case.closed_at or case.due_at) for case in closed)
    assert all(len(case.evidence) == 64 and rights.verify(case.case_id) for case in closed)
    world.cloud.database.put_case(replace(closed[7], outcome="refused"))
    assert not rights.verify(closed[7].case_id)


@clause("CG-34", engine="rights.copy", left_out="the portal's page")
def test_cg_34(made: Made) -> None:
    """Asked at T0, due on 2026-02-15: the copy lacks no category of the policy, and has sources, recipients and terms."""
    world = made.world("cg")
    world.feed(world.tracker(), 20)
    put(world, "identity")
    case = granted(world, "access")
    assert due(world, case) == "2026-02-15"
    found = world.cloud.rights.carry.copy(case.case_id, world.folder / "copy", actor=U1)
    assert (finish(world, case).closed_at or 0) < case.due_at
    told = value(found, "policy.json")
    expected = {rule.category for rule in world.cloud.policy.rules}
    assert expected - {rule["category"] for rule in told["rules"]} == set()
    assert all(rule["source"] and rule["kept_for"] and rule["counted_from"] for rule in told["rules"])
    assert {each["recipient"] for each in told["recipients"]} == set(world.cloud.policy.recipients)
    sections = {file.about for file in found.files} | {what for what, _, _ in found.withheld}
    assert {rule.category for rule in world.cloud.policy.rules if rule.stream is None} <= sections
    assert [row["text"] for row in rows(found, "identity.account.json")] == ["content"]
    assert {row["actor"] for row in rows(found, "reads.json")} == {"u-1"}


@clause("CG-35", engine="rights.correction", left_out="the portal's edit page")
def test_cg_35(made: Made) -> None:
    """A correction by the person and one by letter change the row, each with an entry; the letter is due 2026-02-15."""
    world = made.world("cg")
    record = put(world, "contact", b"wrong")
    read = reading(world, record, "order", CLERK)
    world.cloud.corrections.correct(record, b"by myself", actor=U1, purpose="contact", subject="u-1")
    assert read() == b"by myself"
    letter = one(world, "rectification", channel="letter", by=DESK)
    assert due(world, letter) == "2026-02-15"
    world.cloud.rights.carry.rectify(grant(world, letter).case_id, by=DESK, correction=b"by letter", record=record)
    assert read() == b"by letter"
    assert len(world.logged("record.corrected")) == 1 and len(world.logged("case.carried")) == 1


@clause("CG-36", engine="rights.restriction", left_out="the notice itself: the desk sends it, and gives its word")
def test_cg_36(made: Made) -> None:
    """Restricted at T0 ten of ten jobs are denied, portal or not; the rows remain; nothing is lifted before the person is told."""
    world = made.world("cg")
    world.feed(world.tracker(), 20)
    record = put(world, "identity")
    jobs = [
        *[lambda: world.read(CLERK, "tracking")] * 4,
        *[reading(world, record, "order", CLERK)] * 3,
        *[reading(world, record, "order", CLERK, recipient="hosting")] * 3,
    ]
    assert attempt(jobs[0]) == attempt(jobs[4]) == ""
    case = one(world, "restriction")
    with world.denies("restricted", times=10):
        assert [attempt(job) for job in jobs] == ["restricted"] * 10
    assert world.rows() == 1 and len(world.cloud.records.of("u-1")) == 1
    made_by = world.cloud.rights.carry.restrict(grant(world, case).case_id, by=DESK)
    finish(world, case)
    with pytest.raises(ConfigError, match="told before"):
        world.cloud.restrictions.lift(made_by.restriction_id, by=DESK, told=False)
    world.cloud.restrictions.lift(made_by.restriction_id, by=DESK, told=True)
    assert attempt(jobs[0]) == ""


@clause("CG-39", engine="rights.handover", left_out="the API's address")
def test_cg_39(made: Made) -> None:
    """Ordered to R2: rows and SHA-256 of what arrived are those of the receipt, and one entry names R2."""
    world, basket = made.world("cg"), Basket()
    world.feed(world.tracker(), 20)
    world.later(seconds=SOON)
    case = granted(world, "portability")
    taken = world.cloud.rights.carry.hand_over(case.case_id, receiver="r-2", region="RO", sink=basket, actor=U1)
    arrived = read_manifest(put_together(basket.taken, world.folder / "arrived"))
    assert (taken.rows, taken.sha256) == (arrived.rows, arrived.sha256) and taken.rows >= 20
    expected = copy(world, "own", Kind.PORTABILITY).manifest
    assert taken.rows == expected.rows
    digests = {file.name: file.sha256 for file in arrived.files}
    assert digests["location.tracking.json"] == _sha(world.folder / "own" / "location.tracking.json")
    assert [entry["recipient"] for entry in world.logged("export.handed_over")] == ["r-2"]
    assert finish(world, case).state == "closed"


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@clause("CG-42", engine="rights.all_or_nothing")
def test_cg_42(made: Made) -> None:
    """While the contract runs a full erasure leaves no row of marketing, and contract rows with reason and day of review."""
    world = made.world("cg")
    world.feed(world.tracker(), 20)
    world.cloud.records.note(Clock.CONTRACT_CONCLUDED, subject="u-1")
    world.yes("u-1", "own_marketing")
    for category, count in (("own_marketing", 3), ("personalisation", 2), ("identity", 2), ("transactions", 1)):
        for _ in range(count):
            put(world, category)
    case = one(world, "erasure")
    rights = world.cloud.rights
    rights.decide(case.case_id, "partly", by=DESK, reviewer=DPO.id, reason="contract")
    done = rights.carry.erase(case.case_id, by=DESK)
    left = sorted(part.category for part in world.cloud.records.of("u-1"))
    assert left == ["identity", "identity", "transactions"] and done.records == 5
    kept = {each.what: (each.why, each.review_at) for each in done.kept}
    assert kept["identity"] == ("contract", at("2027-01-15T12:00")) and kept["readings"][0] == "contract"
    text = rights.letter(case.case_id, done)
    assert "identity, 2: contract; looked at again on 2027-01-15" in text


@clause("CG-46", engine="rights.exceptions", left_out="the printed form")
def test_cg_46(made: Made) -> None:
    """A letter of T0 keyed two days later counts from T0: due 2026-02-15, and the sends of these two days are its exceptions."""
    world = made.world("cg", start=T0 - DAY)
    world.tracker()
    world.yes("u-1", "own_marketing")
    address = put(world, "own_marketing")

    def send() -> None:
        what: dict[str, Any] = {
            "category": "own_marketing",
            "content": [MailClass.MARKETING],
            "hand_over": lambda: None,
        }
        world.cloud.mails.send(actor=SERVICE, purpose="own_marketing", subject="u-1", **what)

    send()
    world.later(days=2)
    send()
    reading(world, address, "own_marketing", CLERK, recipient="mailing")()
    world.later(days=1)
    case = one(world, "objection", purpose="own_marketing", received_at=T0, channel="letter", by=DESK)
    found = world.cloud.rights.exceptions(case.case_id)
    assert (found.effective_from, found.held_from, case.keyed_at) == (T0, T0 + 2 * DAY, T0 + 2 * DAY)
    assert [(use.action, use.recipient, use.at) for use in found.uses] == [
        ("mail", "", T0 + DAY),
        ("disclose", "mailing", T0 + DAY),
    ]
    assert due(world, case) == "2026-02-15"
    with world.denies("restricted"):
        send()
