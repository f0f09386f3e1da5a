"""The consent ledger: which steps are legal, what evidence they need, and what state follows."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud_sync.consent import NOT_COVERED, ConsentLedger
from cloud_sync.errors import ConsentError
from cloud_sync.model import ConsentState, Precision
from cloud_sync.policy import Policy, load_policy
from tests.unit.cloud_sync.consent.memory_ledger import DAY_S, SUBJECT, Clock, MemoryLedger, evidence

DEMO = Path("cloud_sync/policy/profiles/demo.toml")
TEXT = DEMO.read_text(encoding="utf-8")
POLICY = load_policy(DEMO)
T = "tracking"


class Desk:
    """A ledger with its store and clock at hand."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.clock = Clock()
        self.store = MemoryLedger()
        self.known = {policy.hash: policy}
        self.ledger = self.under(policy)

    def under(self, policy: Policy) -> ConsentLedger:
        """The same ledger under another policy."""
        return ConsentLedger(self.store, self.clock, policy, policies=self.known.get)

    def state(self) -> ConsentState | None:
        """Where the subject stands on tracking now."""
        return self.ledger.state_at(SUBJECT, T, self.clock.now()).state

    def step(self, name: str) -> None:
        """One step with complete evidence."""
        getattr(self.ledger, name)(SUBJECT, T, evidence())


def policy_with(tmp_path: Path, *changes: tuple[str, str]) -> Policy:
    """The demo policy with changes."""
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = tmp_path / "changed.toml"
    path.write_text(text)
    return load_policy(path)


# From each state, every step: the state it leads to, or None where it must be refused.
HISTORIES: dict[str, list[str]] = {
    "never asked": [],
    "requested": ["request"],
    "given": ["request", "give"],
    "refused": ["request", "refuse"],
    "later": ["request", "later"],
    "withdrawn": ["request", "give", "withdraw"],
}
STEPS = ("request", "give", "refuse", "later", "withdraw")
LEGAL: dict[str, dict[str, ConsentState]] = {
    "never asked": {"request": ConsentState.REQUESTED, "give": ConsentState.GIVEN, "refuse": ConsentState.REFUSED},
    "requested": {"give": ConsentState.GIVEN, "refuse": ConsentState.REFUSED, "later": ConsentState.LATER},
    "given": {"give": ConsentState.GIVEN, "withdraw": ConsentState.WITHDRAWN},
    "refused": {"give": ConsentState.GIVEN},
    "later": {"give": ConsentState.GIVEN, "refuse": ConsentState.REFUSED},
    "withdrawn": {"give": ConsentState.GIVEN},
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("start", HISTORIES)
def test_every_step_from_every_state(start: str, step: str) -> None:
    """A legal step leads to its state; any other raises ConsentError, says what to do and appends nothing."""
    desk = Desk()
    for name in HISTORIES[start]:
        desk.step(name)
    before = list(desk.store.records)
    expected = LEGAL[start].get(step)
    if expected is None:
        with pytest.raises(ConsentError) as refused:
            desk.step(step)
        assert ":" in str(refused.value)  # what is the case, and what to do
        assert desk.store.records == before
    else:
        desk.step(step)
        assert desk.state() is expected
        assert desk.store.records[:-1] == before


@pytest.mark.parametrize("start", HISTORIES)
def test_only_given_opens(start: str) -> None:
    """Of all states only `given` covers a reading."""
    desk = Desk()
    for name in HISTORIES[start]:
        desk.step(name)
    now = desk.clock.now()
    assert bool(desk.ledger.covered(SUBJECT, T, now, now)) is (start == "given")
    assert (T in desk.ledger.open_consents(SUBJECT, now)) is (start == "given")


def test_a_record_carries_the_whole_proof() -> None:
    """The record says who, what, which text and policy, when, where, how, in which language and until when."""
    desk = Desk()
    record = desk.ledger.give(SUBJECT, T, evidence(channel="portal", language="da"))
    assert record.pii_type == ("position",)
    assert (record.privacy_notice, record.policy_hash) == ("demo-1", POLICY.hash)
    assert (record.event_time, record.entity_id) == (desk.clock.now(), SUBJECT)
    assert (record.channel, record.affirmative_act, record.language) == ("portal", "button_allow", "da")
    assert record.validity_until == POLICY.consent.validity.end(desk.clock.now())
    assert record.precision is Precision.CELL_100M
    assert len({desk.ledger.give(SUBJECT, T, evidence()).record_id for _ in range(3)}) == 3


BAD_EVIDENCE = {
    "no act": {"act": ""},
    "a ticked box": {"act": "preticked"},
    "silence": {"act": "silence"},
    "no channel": {"channel": ""},
    "no notice": {"notice": ""},
    "an old notice": {"notice": "demo-0"},
    "no language": {"language": ""},
    "a language without notice": {"language": "fr"},
    "free text": {"act": "clicked on the button, I think"},
    "a name": {"entity_id": "Jørgen"},
    "somebody else": {"entity_id": "employer"},
}


@pytest.mark.parametrize("name", BAD_EVIDENCE)
def test_incomplete_evidence_gives_nothing(name: str) -> None:
    """Each missing or unfit part of the proof refuses the consent, which is valid otherwise."""
    desk = Desk()
    with pytest.raises(ConsentError):
        desk.ledger.give(SUBJECT, T, evidence(**BAD_EVIDENCE[name]))
    assert desk.store.records == []
    desk.ledger.give(SUBJECT, T, evidence())
    assert desk.state() is ConsentState.GIVEN


def test_withdrawal_takes_no_more_than_giving() -> None:
    """One call with the same evidence; an outdated notice, another channel or language do not stand in its way."""
    desk = Desk()
    desk.ledger.give(SUBJECT, T, evidence())
    desk.ledger.withdraw(SUBJECT, T, evidence(notice="demo-0", channel="letter", act="letter_signed", language="fr"))
    assert desk.state() is ConsentState.WITHDRAWN


def test_others_may_narrow() -> None:
    """A holder may withdraw for a person, and may not give for one."""
    desk = Desk()
    desk.ledger.give(SUBJECT, T, evidence())
    desk.ledger.withdraw(SUBJECT, T, evidence(entity_id="holder"))
    with pytest.raises(ConsentError, match="person alone"):
        desk.ledger.give(SUBJECT, T, evidence(entity_id="holder"))


def test_a_purpose_on_another_ground_is_not_asked() -> None:
    """Consent is not asked for what rests on another ground, nor for what no policy names."""
    desk = Desk()
    for purpose in ("diagnosis", "unheard_of"):
        with pytest.raises(ConsentError, match="does not rest on consent"):
            desk.ledger.give(SUBJECT, purpose, evidence())


def test_later_waits_for_its_cool_down() -> None:
    """After `later` nobody asks for ninety days, to the second; the person may give at once."""
    desk = Desk()
    desk.step("request")
    desk.step("later")
    desk.clock.time += 90 * DAY_S - 1
    with pytest.raises(ConsentError, match="not before"):
        desk.step("request")
    desk.clock.time += 1
    desk.step("request")
    assert desk.state() is ConsentState.REQUESTED


def test_the_third_later_is_a_no() -> None:
    """The last prompt answered with `later` is recorded as refused, and no prompt follows."""
    desk = Desk()
    for _ in range(3):
        desk.step("request")
        desk.step("later")
        desk.clock.time += 90 * DAY_S
    assert desk.state() is ConsentState.REFUSED
    with pytest.raises(ConsentError, match="do not ask again"):
        desk.step("request")


def test_silence_is_no_answer() -> None:
    """A request that is not answered in time leaves the question open, and three of them end the asking."""
    desk = Desk()
    for _ in range(3):
        desk.step("request")
        desk.clock.time += 30 * DAY_S - 1
        assert desk.state() is ConsentState.REQUESTED
        desk.clock.time += 1
        assert desk.state() is None
    with pytest.raises(ConsentError, match="asked 3 times"):
        desk.step("request")


def test_own_initiative_may_always_ask() -> None:
    """The person may reopen a question that the controller may not; a given consent is not reopened by asking."""
    desk = Desk()
    desk.step("refuse")
    desk.ledger.request(SUBJECT, T, evidence(), own_initiative=True)
    assert desk.state() is ConsentState.REQUESTED
    desk.step("give")
    with pytest.raises(ConsentError, match="is given"):
        desk.ledger.request(SUBJECT, T, evidence(), own_initiative=True)


def test_nobody_else_has_the_persons_own_initiative() -> None:
    """After a withdrawal the controller may not ask, and not as if the person had wanted it either."""
    desk = Desk()
    desk.step("give")
    desk.step("withdraw")
    for initiative in (False, True):
        with pytest.raises(ConsentError):
            desk.ledger.request(SUBJECT, T, evidence(entity_id="c-1"), own_initiative=initiative)
    desk.ledger.request(SUBJECT, T, evidence(), own_initiative=True)
    assert desk.state() is ConsentState.REQUESTED


def test_a_new_text_may_be_asked_after_a_no(tmp_path: Path) -> None:
    """A refusal ends prompts for that text; another text is another question, but not after a withdrawal."""
    newer = policy_with(tmp_path, ('version = "demo-1"', 'version = "demo-2"'))
    refused, withdrawn = Desk(), Desk()
    refused.step("refuse")
    withdrawn.step("give")
    withdrawn.step("withdraw")
    refused.under(newer).request(SUBJECT, T, evidence(notice="demo-2"))
    with pytest.raises(ConsentError, match="may not ask"):
        withdrawn.under(newer).request(SUBJECT, T, evidence(notice="demo-2"))


def test_validity_ends_a_consent_without_any_job() -> None:
    """After twenty-four months the state is expired, computed; `expire` and `settle` write it down."""
    desk = Desk()
    desk.step("give")
    end = desk.store.records[0].validity_until
    assert end is not None
    desk.clock.time = end - 1
    assert desk.state() is ConsentState.GIVEN
    with pytest.raises(ConsentError, match="holds"):
        desk.ledger.expire(SUBJECT, T)
    assert desk.ledger.settle() == []
    desk.clock.time = end
    assert desk.state() is ConsentState.EXPIRED
    (record,) = desk.ledger.settle()
    assert (record.event_state, record.affirmative_act) == (ConsentState.EXPIRED, "")
    with pytest.raises(ConsentError, match="may not ask"):
        desk.step("request")


def test_a_new_notice_closes_what_was_given(tmp_path: Path) -> None:
    """Another version of the notice closes the consent at once; the question is open again and the proof is kept."""
    desk = Desk()
    desk.step("give")
    newer = desk.under(policy_with(tmp_path, ('version = "demo-1"', 'version = "demo-2"')))
    now = desk.clock.now()
    standing = newer.state_at(SUBJECT, T, now)
    assert (standing.state, standing.why) == (None, "the privacy notice has changed")
    assert not newer.covered(SUBJECT, T, now, now)
    assert desk.state() is ConsentState.GIVEN  # the older policy, were it still in force
    newer.request(SUBJECT, T, evidence(notice="demo-2"))
    newer.give(SUBJECT, T, evidence(notice="demo-2"))
    assert newer.covered(SUBJECT, T, now, now)
    assert desk.store.records[0].privacy_notice == "demo-1"


def test_only_a_policy_that_takes_more_closes(tmp_path: Path) -> None:
    """A longer term closes the consent, a shorter one does not; a policy that is not known any more closes it."""
    desk = Desk()
    desk.step("give")
    now = desk.clock.now()
    longer = policy_with(tmp_path, ('retention = "P90D"', 'retention = "P91D"'))
    shorter = policy_with(tmp_path, ('retention = "P90D"', 'retention = "P89D"'))
    assert not desk.under(longer).covered(SUBJECT, T, now, now)
    assert "retention of position" in desk.under(longer).state_at(SUBJECT, T, now).why
    assert desk.under(shorter).covered(SUBJECT, T, now, now)
    del desk.known[POLICY.hash]
    assert not desk.under(shorter).covered(SUBJECT, T, now, now)


def test_what_was_captured_under_the_old_text_is_readable_again(tmp_path: Path) -> None:
    """Consent to a new text covers what was captured lawfully under the old one, and not the gap between them."""
    desk = Desk()
    start = desk.clock.now()
    desk.step("give")
    newer = desk.under(policy_with(tmp_path, ('version = "demo-1"', 'version = "demo-2"')))
    desk.clock.time = start + 100
    assert [r.channel for r in newer.settle()] == ["policy_change"]
    desk.clock.time = start + 200
    newer.give(SUBJECT, T, evidence(notice="demo-2"))
    assert newer.covered(SUBJECT, T, start + 50, start + 300)
    assert not newer.covered(SUBJECT, T, start + 150, start + 300)
    assert newer.covered(SUBJECT, T, start + 250, start + 300)


def test_coverage_needs_capture_and_use() -> None:
    """Before consent, under it, after withdrawal, between, and after it is given anew: which readings are covered."""
    desk = Desk()
    start = desk.clock.now()
    for at, step in ((100, "give"), (200, "withdraw"), (300, "give")):
        desk.clock.time = start + at
        desk.step(step)

    def covered(captured: float, used: float) -> tuple[bool, bool]:
        cover = desk.ledger.covered(SUBJECT, T, start + captured, start + used)
        return cover.at_capture, cover.at_use

    assert covered(99, 400) == (False, True)
    assert covered(150, 400) == (False, True)  # withdrawn since: a later consent does not call it back
    assert covered(250, 400) == (False, True)
    assert covered(300, 400) == (True, True)
    assert covered(350, 250) == (False, False)


def test_giving_anew_at_the_instant_of_withdrawal_opens_from_then() -> None:
    """Two answers within one tick of the clock: the later holds from that instant, earlier captures stay out."""
    desk = Desk()
    desk.step("give")
    desk.clock.time += 10
    desk.step("withdraw")
    desk.step("give")
    now = desk.clock.now()
    assert desk.ledger.open_consents(SUBJECT, now) == {T: Precision.CELL_100M}
    assert not desk.ledger.covered(SUBJECT, T, now - 5, now)


def test_a_lapse_between_capture_and_use_is_an_end() -> None:
    """A consent that lapsed before it was given anew does not cover what it once covered."""
    desk = Desk()
    captured = desk.clock.now()
    desk.step("give")
    desk.clock.time = POLICY.consent.validity.end(captured) + 1
    desk.step("give")
    assert desk.ledger.covered(SUBJECT, T, desk.clock.now(), desk.clock.now())
    assert not desk.ledger.covered(SUBJECT, T, captured, desk.clock.now())


def test_precision_is_the_coarser_of_capture_and_use() -> None:
    """A person may allow less than is offered, and never gets more; a reading is as coarse as the coarser answer."""
    desk = Desk()
    assert desk.ledger.give(SUBJECT, T, evidence(), precision=Precision.EXACT).precision is Precision.CELL_100M
    start = desk.clock.now()
    desk.clock.time += 100
    desk.ledger.give(SUBJECT, T, evidence(), precision=Precision.CELL_10KM)
    now = desk.clock.now()
    assert desk.ledger.covered(SUBJECT, T, start, now).precision is Precision.CELL_10KM
    desk.clock.time += 100
    desk.ledger.give(SUBJECT, T, evidence())
    assert desk.ledger.covered(SUBJECT, T, now, desk.clock.now()).precision is Precision.CELL_10KM
    assert desk.ledger.covered(SUBJECT, T, start, desk.clock.now()).precision is Precision.CELL_100M


def test_a_clock_that_steps_back_reopens_nothing() -> None:
    """A withdrawal recorded by a clock that was ahead holds after the clock is set right, as does the next record."""
    desk = Desk()
    right = desk.clock.now()
    desk.step("give")
    desk.clock.time = right + 10_000
    desk.step("withdraw")
    desk.clock.time = right + 100
    assert desk.ledger.covered(SUBJECT, T, right + 50, right + 100) == NOT_COVERED
    assert desk.ledger.give(SUBJECT, T, evidence()).event_time == right + 10_000
