"""Rights under the policy of TT: access with an exception, correction, restriction, erasure beside a claim, another controller."""

from __future__ import annotations

import pytest

from cloud_sync.disclosure import Kind
from cloud_sync.disclosure.manifest import read_manifest
from cloud_sync.errors import ConfigError
from tests.clauses.clause import clause
from tests.clauses.made import DAY, DPO, LEAD, U1, Made, at
from tests.clauses.rights.rights_world import (
    DESK,
    Basket,
    ask,
    attempt,
    copy,
    due,
    finish,
    grant,
    granted,
    helper,
    one,
    put,
    put_together,
    rows,
)

TEN = (
    *("contact", "order", "billing", "service", "traffic"),
    *("country", "support_case", "remote_session", "flow_totals", "claims"),
)
REFUSALS = ("contract", "legal_obligation", "legal_claim", "rights_of_others", "does_not_apply")


@clause("TT-42", engine="rights.copy", left_out="the portal's page")
def test_tt_42(made: Made) -> None:
    """Ten categories, of which a law excepts one: nine are delivered, and the letter names the rule and the one withheld."""
    world = made.world("tt")
    for category in TEN:
        put(world, category)
    rights, case = world.cloud.rights, one(world, "access")
    law = "DK Data Protection Act 22"
    rights.decide(case.case_id, "partly", by=DESK, reviewer=DPO.id, reason="rights_of_others")
    found = rights.carry.copy(case.case_id, world.folder / "copy", actor=U1, withhold={"claims": law})
    delivered = {file.about for file in found.files if file.about in TEN and file.count}
    assert delivered == set(TEN) - {"claims"} and len(delivered) == 9
    text = rights.letter(case.case_id, found)
    assert text.count("claims for legal_claims") == text.count(law) == 1
    whole = granted(world, "access")
    with pytest.raises(ConfigError, match="not withheld"):
        rights.carry.copy(whole.case_id, world.folder / "whole", actor=U1, withhold={"claims": law})


@clause("TT-44", engine="rights.correction")
def test_tt_44(made: Made) -> None:
    """Granted at T0 a correction has changed the row by 2026-02-15."""
    world = made.world("tt")
    record, case = put(world, "contact", b"wrong"), granted(world, "rectification")
    world.cloud.rights.carry.rectify(case.case_id, by=DESK, correction=b"right", record=record)
    assert world.cloud.records.read(record, actor=U1, purpose="contact", subject="u-1") == b"right"
    assert due(world, case) == "2026-02-15" and (finish(world, case).carried_at or case.due_at) < case.due_at


@clause("TT-45", engine="rights.restriction")
def test_tt_45(made: Made) -> None:
    """Restricted, five of five jobs are denied, whoever runs them; the rows remain, and the person sees them."""
    world = made.world("tt")
    record = put(world, "support_case")
    staff = helper(world, "support", "support_case", LEAD)

    def job() -> bytes:
        return world.cloud.records.read(record, actor=staff, purpose="support", subject="u-1")

    assert attempt(job) == ""
    one(world, "restriction")
    with world.denies("restricted", times=5):
        assert [attempt(job) for _ in range(5)] == ["restricted"] * 5
    assert world.cloud.records.read(record, actor=U1, purpose="support", subject="u-1") == b"content"


@clause("TT-48", engine="rights.all_or_nothing")
def test_tt_48(made: Made) -> None:
    """Of a hundred rows twenty are under an open claim: eighty go, twenty stay restricted, and the letter names the ground."""
    world = made.world("tt")
    for n in range(100):
        put(world, "support_case" if n < 20 else "service")
    review = world.now + 90 * DAY
    world.cloud.holds.place("CLAIM-7", by=DPO.id, review_at=review, subject="u-1", category="support_case")
    case = one(world, "erasure")
    rights = world.cloud.rights
    rights.decide(case.case_id, "partly", by=DESK, reviewer=DPO.id, reason="legal_claim")
    rights.carry.erase(case.case_id, by=DESK)
    left = world.cloud.records.of("u-1")
    assert {(part.category, part.ground) for part in left} == {("support_case", "hold")} and len(left) == 20
    text = rights.letter(case.case_id)
    assert "needed for a legal claim" in text and "support_case, 20: hold; looked at again on 2026-04-15" in text
    staff = helper(world, "support", "support_case", LEAD)
    with world.denies("restricted"):
        world.cloud.records.read(left[0].record_id, actor=staff, purpose="support", subject="u-1")


@clause("TT-49", engine="rights.portable", left_out="the API's address")
def test_tt_49(made: Made) -> None:
    """Ten rows each by consent, contract and legal duty: twenty can be taken elsewhere, thirty are in the access copy."""
    world = made.world("tt")
    world.yes("u-1", "newsletter")
    kinds = ("newsletter", "order", "billing")
    for category in kinds:
        for _ in range(10):
            put(world, category)

    def counted(kind: Kind) -> int:
        found = copy(world, kind.value, kind)
        listed = [file.name for file in found.manifest.files if file.about in kinds and not file.form_of]
        return len({row["record"] for name in listed for row in rows(found, name)})

    assert (counted(Kind.PORTABILITY), counted(Kind.ACCESS)) == (20, 30)


@clause("TT-50", engine="rights.handover", left_out="the API's address")
def test_tt_50(made: Made) -> None:
    """Sent to R2 a receipt has count and SHA-256 of what arrived; R2 outside the EEA is a warning, and it goes all the same."""
    world = made.world("tt")
    put(world, "order")
    for number, (region, warnings) in enumerate((("DK", 0), ("US", 1))):
        basket, case = Basket(), granted(world, "portability")
        taken = world.cloud.rights.carry.hand_over(case.case_id, receiver="r-2", region=region, sink=basket, actor=U1)
        arrived = read_manifest(put_together(basket.taken, world.folder / f"arrived-{number}"))
        assert (taken.rows, taken.sha256) == (arrived.rows, arrived.sha256) and taken.rows >= 1
        assert len(taken.warnings) == warnings


@clause("TT-51", engine="rights.letters", left_out="the page with the contact, opened in two steps")
def test_tt_51(made: Made) -> None:
    """Every letter of the desk names the contact, and one message opens a case."""
    world = made.world("tt")
    case = grant(world, ask(world, "question", channel="mail", by=DESK, login=None).cases[0])
    contact = world.cloud.policy.controller
    assert contact is not None and contact.email and contact.email in world.cloud.rights.letter(case.case_id)


@clause("TT-52", engine="rights.identity")
def test_tt_52(made: Made) -> None:
    """Name and e-mail from another address: one link, for 24 hours, to the address on file and none to the other."""
    world = made.world("tt")
    on_file, outbox = {"u-1": "on-file"}, dict[str, list[str]]()
    identity = world.cloud.rights.identity
    case = ask(world, "access", channel="mail", by="other-address", login=None).cases[0]
    assert case.state == "open"
    ends = identity.send(case.case_id, lambda who, code: outbox.setdefault(on_file.get(who, who), []).append(code))
    assert {where: len(codes) for where, codes in outbox.items()} == {"on-file": 1} and ends == world.now + DAY
    documents = world.cloud.rights.documents
    with pytest.raises(ConfigError, match="doubt"):
        documents.take(case.case_id, b"x", masked=_areas(), by=DESK)
    world.later(seconds=DAY)
    with pytest.raises(ConfigError, match="used, over, or none"):
        identity.redeem(outbox["on-file"][0])
    identity.send(case.case_id, lambda who, code: outbox[on_file[who]].append(code))
    [known] = identity.redeem(outbox["on-file"][1])
    assert known.identity == "link"


def _areas() -> frozenset[str]:
    return frozenset({"photo", "machine_readable_zone", "document_number", "citizen_number"})


@clause("TT-53", engine="rights.deadlines")
def test_tt_53(made: Made) -> None:
    """Received on 15 and on 31 January: due on Sunday 15 and Saturday 28 February, not moved for the weekend."""
    world = made.world("tt")
    first = one(world, "access")
    world.clock.at = at("2026-01-31T09:00")
    second = one(world, "access")
    assert [due(world, case) for case in (first, second)] == ["2026-02-15", "2026-02-28"]


@clause("TT-54", engine="rights.letters", left_out="the portal's page")
def test_tt_54(made: Made) -> None:
    """Five refusals: the Danish authority stands in each once, and nobody has to talk to the company first."""
    world = made.world("tt")
    for reason in REFUSALS:
        case = one(world, "erasure")
        world.cloud.rights.decide(case.case_id, "refused", by=DESK, reviewer=DPO.id, reason=reason)
        text = world.cloud.rights.letter(case.case_id)
        assert text.count("Datatilsynet") == 1 and "need not do so before you complain" in text


@clause("TT-58", engine="rights.deadlines", left_out="the portal's form")
def test_tt_58(made: Made) -> None:
    """One message asks for three things: three linked cases, due together on 2026-02-15; what destroys comes last."""
    world = made.world("tt")
    opened = ask(world, "erasure", "rectification", "access", channel="mail").cases
    assert [case.right for case in opened] == ["access", "rectification", "erasure"]
    assert len({case.message for case in opened}) == 1
    assert {case.case_id for case in world.cloud.rights.linked(opened[0].case_id)} == {each.case_id for each in opened}
    assert [due(world, case) for case in opened] == ["2026-02-15"] * 3
    with pytest.raises(ConfigError, match="answer first"):
        world.cloud.rights.carry.erase(grant(world, opened[2]).case_id, by=DESK)
